//! What other members give of their logs: files of leaves, mirrors, checkpoints for a witness.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use bridge_journal::{Verifier, WitnessKey};
use bridge_node::witness::{Submission, Verdict, Witness};
use bridge_verify::{
    Fetch, MirrorReport, MirrorWriter, Options, Seen, read_leaves, verify_each, verify_mirror,
};
use bytes::Bytes;
use ring::rand::SystemRandom;
use ring::signature::Ed25519KeyPair;

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

/// The key of the log whose checkpoints are in the corpus; its private half is gone.
const SUBMITTED: &str = include_str!("../../fuzz/corpus/submission.vkey");
/// Its first checkpoint, of three leaves, which continues nothing.
const FIRST: &[u8] = include_bytes!("../../fuzz/corpus/submission/first");
/// What the log signed later, each with the proof that it continues the first.
const LATER: [&[u8]; 3] = [
    include_bytes!("../../fuzz/corpus/submission/same"),
    include_bytes!("../../fuzz/corpus/submission/grown"),
    include_bytes!("../../fuzz/corpus/submission/longer"),
];
const NOW_S: u64 = 1_800_000_000;

/// A submission has one spelling; what is cosigned after the first checkpoint is one that the log signed, by its own proof; and
/// nobody but the log makes it look forked.
pub(super) fn submission(data: &[u8]) -> bool {
    let Some(submission) = Submission::parse(&Bytes::copy_from_slice(data)) else {
        return false;
    };
    assert_eq!(submission.write(), data, "two spellings of one submission");
    let log = Verifier::parse(SUBMITTED.trim_end()).unwrap();
    let folder = tempfile::tempdir_in("/dev/shm").unwrap();
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    let key = WitnessKey::new("witness.example/w", pkcs8.as_ref()).unwrap();
    let witness = Witness::open(Some(key), folder.path(), 10).unwrap();
    let judged = |submission: &Submission| {
        let judged = witness.judge(&log, submission, (NOW_S, false));
        let (verdict, fork) = judged.expect("a folder in memory is written to");
        assert_eq!(fork, None, "a stranger makes a log look forked");
        verdict
    };
    let first = Submission::parse(&Bytes::from_static(FIRST)).unwrap();
    assert!(matches!(judged(&first), Verdict::Cosigned(_)));
    if !matches!(judged(&submission), Verdict::Cosigned(_)) {
        return false;
    }
    let signed = |later: &[u8]| {
        let later = Submission::parse(&Bytes::copy_from_slice(later)).unwrap();
        log.open(&later.note).unwrap()
    };
    let cosigned = log.open(&submission.note).unwrap();
    let later = LATER.iter().find(|later| signed(later) == cosigned);
    let later = Submission::parse(&Bytes::from_static(later.expect("what the log signed")));
    assert_eq!(submission.proof, later.unwrap().proof, "another proof");
    let (head, _note) = witness
        .head(&log)
        .unwrap()
        .expect("what is cosigned is kept");
    assert_eq!(head, cosigned);
    true
}
