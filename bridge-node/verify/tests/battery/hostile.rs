//! Folders made by chance and by an enemy: never a panic, never silence.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use bridge_verify::{Options, verify};
use proptest::prelude::*;

use crate::edits::copy;
use crate::model::Journal;
use crate::writer::{self, EVIDENCE_KEY};

/// A good journal, written once.
fn good() -> &'static (tempfile::TempDir, String) {
    static GOOD: OnceLock<(tempfile::TempDir, String)> = OnceLock::new();
    GOOD.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let vkey = writer::good(folder.path());
        (folder, vkey)
    })
}

fn files(folder: &Path, under: &str, list: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = fs::read_dir(folder.join(under))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = Path::new(under).join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            files(folder, name.to_str().unwrap(), list);
        } else if name != Path::new("lock") {
            list.push(name);
        }
    }
}

/// Bytes that nothing depends on: a header's `created`, and what no commit covers.
fn is_idle(folder: &Path, name: &Path, at: usize) -> bool {
    let journal = Journal::read(folder);
    let Some(segment) = journal
        .segments
        .iter()
        .find(|segment| Path::new(&segment.file()) == name)
    else {
        return false;
    };
    let bytes = fs::read(folder.join(name)).unwrap();
    let created = crate::edits::find(&bytes, b"\"created\":");
    let digits = created + 10..created + 10 + segment.created.to_string().len();
    digits.contains(&at) || (!segment.is_sealed() && at >= segment.end)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_flipped_bit_stays_unseen(
        file: prop::sample::Index,
        position: prop::sample::Index,
        bit in 0..8_u8,
        // Most of a segment is frames; its zeros are as many bytes again.
        in_frames: bool,
    ) {
        let (good, vkey) = good();
        let folder = tempfile::tempdir().unwrap();
        copy(good.path(), folder.path());
        let mut list = Vec::new();
        files(folder.path(), "", &mut list);
        let name = file.get(&list);
        let mut bytes = fs::read(folder.path().join(name)).unwrap();
        let used = bytes.iter().rposition(|byte| *byte != 0).unwrap_or(0) + 1;
        let at = position.index(if in_frames { used } else { bytes.len() });
        let idle = is_idle(good.path(), name, at);
        bytes[at] ^= 1 << bit;
        fs::write(folder.path().join(name), bytes).unwrap();
        let options = Options { evidence_key: Some(EVIDENCE_KEY), vkey: Some(vkey.clone()), ..Options::default() };
        let found = verify(folder.path(), &options, &mut |_| {});
        prop_assert!(found.is_err() || idle, "byte {at} of {}", name.display());
    }

    #[test]
    fn no_garbage_panics(
        file: prop::sample::Index,
        start: prop::sample::Index,
        garbage: Vec<u8>,
        cut: Option<prop::sample::Index>,
    ) {
        let (good, _) = good();
        let folder = tempfile::tempdir().unwrap();
        copy(good.path(), folder.path());
        let mut list = Vec::new();
        files(folder.path(), "", &mut list);
        let name = file.get(&list);
        let mut bytes = fs::read(folder.path().join(name)).unwrap();
        let start = start.index(bytes.len());
        let end = (start + garbage.len()).min(bytes.len());
        bytes.splice(start..end, garbage);
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len().max(1)));
        }
        fs::write(folder.path().join(name), bytes).unwrap();
        for evidence_key in [None, Some(EVIDENCE_KEY)] {
            let options = Options { evidence_key, vkey: None, ..Options::default() };
            let _found = verify(folder.path(), &options, &mut |_| {});
        }
    }
}

/// Frames that claim to be huge must not make the reader ask for memory that the file does not have.
#[test]
fn lengths_are_believed_only_as_far_as_the_file_goes() {
    let (good, _) = good();
    let folder = tempfile::tempdir().unwrap();
    copy(good.path(), folder.path());
    let name = "segments/00000000000000000600.segment";
    let mut bytes = fs::read(folder.path().join(name)).unwrap();
    bytes.truncate(4096);
    bytes.extend([1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
    fs::write(folder.path().join(name), bytes).unwrap();
    // A sparse file as long as a frame claims, of a size that no segment may have.
    let huge =
        fs::File::create(folder.path().join("segments/00000000000000000300.segment")).unwrap();
    huge.set_len(1 << 42).unwrap();
    let findings = verify(folder.path(), &Options::default(), &mut |_| {}).unwrap_err();
    assert!(
        findings
            .iter()
            .any(|finding| finding.to_string().contains("larger than 1 GiB")),
        "{findings:#?}"
    );
}

/// Only so many findings are listed.
#[test]
fn findings_are_bounded() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("segments")).unwrap();
    fs::write(
        folder.path().join("origin"),
        format!("{}\n{}\n", writer::ORIGIN, writer::vkey()),
    )
    .unwrap();
    for number in 0..1100 {
        fs::write(
            folder.path().join(format!("segments/stranger-{number}")),
            "",
        )
        .unwrap();
    }
    let findings = verify(folder.path(), &Options::default(), &mut |_| {}).unwrap_err();
    assert_eq!(findings.len(), bridge_verify::FINDINGS_LIMIT + 1);
    assert!(
        findings.last().unwrap().to_string().starts_with("and 1"),
        "{:?}",
        findings.last()
    );
}

/// Links that lead back to where they stand are not followed.
#[test]
#[cfg(unix)]
fn links_are_no_way_without_end() {
    let (good, _) = good();
    let folder = tempfile::tempdir().unwrap();
    copy(good.path(), folder.path());
    for number in 0..1000 {
        let link = folder.path().join(format!("tile/0/x{number:03}"));
        std::os::unix::fs::symlink(".", link).unwrap();
    }
    let findings = verify(folder.path(), &Options::default(), &mut |_| {}).unwrap_err();
    assert_eq!(findings.len(), 1000, "{:?}", findings.last());
}
