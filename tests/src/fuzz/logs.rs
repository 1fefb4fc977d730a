//! What other members give of their logs: files of leaves, mirrors.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use bridge_verify::{
    Fetch, MirrorReport, MirrorWriter, Options, Seen, read_leaves, verify_each, verify_mirror,
};

/// The key of the log whose leaves are in the corpus; its private half is gone.
const VKEY: &str = include_str!("../../fuzz/corpus/leaves.vkey");

/// All leaves of that log.
const WHOLE: &[u8] = include_bytes!("../../fuzz/corpus/leaves/whole");

/// What is believed of a file of leaves is what the log's key signed for, each leaf in its place.
pub(super) fn leaves(data: &[u8]) -> bool {
    static LOG: OnceLock<(PathBuf, Vec<Shown>)> = OnceLock::new();
    let (path, log) = LOG.get_or_init(|| {
        let folder = tempfile::tempdir_in("/dev/shm").unwrap().keep();
        let path = folder.join("leaves");
        let log = shown(&path, WHOLE).expect("the whole log is what was signed for");
        assert_eq!(log.len(), 9);
        (path, log)
    });
    let Some(shown) = shown(path, data) else {
        return false;
    };
    for leaf in &shown {
        assert!(log.contains(leaf), "not what was signed for: {leaf:?}");
    }
    true
}

/// A leaf and its number.
type Shown = (u64, Vec<u8>);

fn shown(path: &Path, data: &[u8]) -> Option<Vec<Shown>> {
    fs::write(path, data).unwrap();
    let mut shown = Vec::new();
    let read = read_leaves(path, Some(VKEY.trim_end()), &mut |seen| {
        if let Seen::Leaf { index, bytes, .. } = seen {
            shown.push((index, bytes.to_vec()));
        }
    });
    read.ok().map(|_log| shown)
}

/// A mirror in memory.
#[derive(Clone)]
struct Files(BTreeMap<String, Vec<u8>>);

impl Fetch for Files {
    fn fetch(&mut self, path: &str, limit: usize) -> Result<Option<Vec<u8>>, String> {
        match self.0.get(path) {
            Some(bytes) if bytes.len() > limit => Err("too long".to_owned()),
            found => Ok(found.cloned()),
        }
    }
}

/// A small mirror, its key, and what is found of it as it was written.
struct Mirror {
    files: Files,
    vkey: String,
    report: MirrorReport,
}

/// Whatever one file of a mirror is replaced with, what is believed is the log: the first byte chooses the file.
pub(super) fn mirror(data: &[u8]) -> bool {
    static MIRROR: OnceLock<Mirror> = OnceLock::new();
    let mirror = MIRROR.get_or_init(small_mirror);
    let Some((choice, bytes)) = data.split_first() else {
        return false;
    };
    let mut files = mirror.files.clone();
    let choice = usize::from(*choice) % files.0.len();
    if let Some(file) = files.0.values_mut().nth(choice) {
        *file = bytes.to_vec();
    }
    let Ok(report) = verify_mirror(&mut files, &mirror.vkey, &mut |_, _| {}) else {
        return false;
    };
    assert_eq!(report, mirror.report, "another log is believed");
    true
}

fn small_mirror() -> Mirror {
    let folder = tempfile::tempdir_in("/dev/shm").unwrap();
    let (journal, out) = (folder.path().join("journal"), folder.path().join("mirror"));
    super::small::write(&journal);
    let mut vkey_of = String::new();
    let mut writer = MirrorWriter::new(&out);
    verify_each(&journal, &Options::default(), &mut |_| {}, &mut |seen| {
        if let Seen::Log { vkey, .. } = seen {
            vkey.clone_into(&mut vkey_of);
        }
        writer.see(seen);
    })
    .unwrap();
    writer.finish().unwrap();
    let mut files = Vec::new();
    super::bytes::read_below(&out, &mut files);
    let named = files.into_iter().map(|(path, bytes)| {
        let name = path.strip_prefix(&out).unwrap().to_str().unwrap();
        (name.to_owned(), bytes)
    });
    let mut files = Files(named.collect());
    let report = verify_mirror(&mut files, &vkey_of, &mut |_, _| {}).unwrap();
    Mirror {
        files,
        vkey: vkey_of,
        report,
    }
}
