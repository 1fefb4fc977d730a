//! A changed byte of every kind, in the middle of a segment: never cut off in silence.

use std::collections::BTreeMap;

use bridge_verify::{Options, verify};

use super::damage::{closed, crashed, last_segment, refused};
use super::support::{Bench, check};
use crate::disk::memory::{Crash, MemoryDisk};
use crate::frame::{FRAME_HEAD_BYTES, Found, FrameKind, find};
use crate::segment::HEADER_BYTES;

/// One place of every kind of byte that a segment has, as near to the segment's middle as can be.
fn kinds(segment: &[u8]) -> BTreeMap<&'static str, usize> {
    let mut places = BTreeMap::new();
    let used = segment.iter().rposition(|byte| *byte != 0).expect("used");
    let mut note = |kind: &'static str, at: usize| {
        let middle = used / 2;
        let better = places
            .get(kind)
            .is_none_or(|old: &usize| old.abs_diff(middle) > at.abs_diff(middle));
        if better {
            places.insert(kind, at);
        }
    };
    note("the header's label", 3);
    note("the header's text", 60);
    note("the zeros behind the header's text", HEADER_BYTES - 9);
    let mut at = HEADER_BYTES;
    while let Found::Frame { kind, payload, end } = find(segment, at) {
        let inside = at + FRAME_HEAD_BYTES;
        let names = match kind {
            FrameKind::Leaf => ["a leaf's type", "a leaf frame's length"],
            FrameKind::Commit => ["a commit's type", "a commit frame's length"],
            FrameKind::Checkpoint => ["a checkpoint's type", "a checkpoint frame's length"],
            FrameKind::Sealed => ["a seal's type", "a seal frame's length"],
        };
        note(names[0], at);
        note(names[1], at + 4);
        match kind {
            FrameKind::Leaf => {
                let leaf = u32::from_be_bytes(payload[..4].try_into().expect("4")) as usize;
                note("a leaf's length", inside + 3);
                note("a leaf's text", inside + 4 + leaf / 2);
                note("a secret's length", inside + 4 + leaf + 1);
                if payload.len() > 4 + leaf + 2 + 60 + 4 {
                    note("a wrapped secret", inside + 4 + leaf + 2 + 30);
                    note("the evidence's length", inside + 4 + leaf + 2 + 60 + 2);
                    note("sealed evidence", end - 40);
                }
            }
            FrameKind::Commit => {
                note("a commit's size", inside + 7);
                note("a commit's root", inside + 20);
                note("a commit's name of the one before", inside + 50);
                note("a commit's digest of its batch", inside + 80);
                note("a commit's time", inside + 111);
            }
            FrameKind::Checkpoint => note("a checkpoint's note", inside + payload.len() / 2),
            FrameKind::Sealed => {}
        }
        at = end;
    }
    places
}

#[tokio::test]
async fn a_changed_byte_of_any_kind_is_refused_with_its_place_and_nothing_is_cut() {
    let bench = Bench::new();
    let disk = crashed(&bench).await;
    let path = last_segment(&disk);
    let kinds = kinds(&disk.bytes(&path).expect("bytes"));
    assert!(kinds.len() >= 20, "{kinds:?}");
    for (kind, at) in kinds {
        let disk = disk.crash(Crash::Power);
        disk.change(&path, |bytes| bytes[at] ^= 1);
        let spoilt = disk.bytes(&path);
        let damage = refused(&bench, &disk);
        assert_eq!(damage.file, path, "{kind}");
        assert!(damage.offset.is_some(), "{kind}: {damage}");
        assert_eq!(disk.bytes(&path), spoilt, "{kind}: the file was changed");
        let again = refused(&bench, &disk);
        assert_eq!(again.to_string(), damage.to_string(), "{kind}");
    }
}

#[tokio::test]
async fn sectors_lost_in_the_middle_are_refused_and_nothing_is_cut() {
    let bench = Bench::new();
    let disk = crashed(&bench).await;
    let path = last_segment(&disk);
    let bytes = disk.bytes(&path).expect("bytes");
    let used = bytes.iter().rposition(|byte| *byte != 0).expect("used");
    for at in (0..used - 10_000).step_by(4096) {
        for fill in [0, 0xff] {
            let disk = disk.crash(Crash::Power);
            disk.change(&path, |bytes| bytes[at..at + 512].fill(fill));
            let spoilt = disk.bytes(&path);
            assert_eq!(refused(&bench, &disk).file, path, "{at}");
            assert_eq!(disk.bytes(&path), spoilt, "{at}");
        }
    }
}

/// Segments below the checkpoint's are not read at start: reading them tells, or `audit verify`.
#[tokio::test]
async fn a_changed_byte_of_an_old_segment_is_found_and_nothing_is_cut() {
    let bench = Bench::new();
    let disk = closed(&bench).await;
    let path = "segments/00000000000000000000.segment";
    let kinds = kinds(&disk.bytes(path).expect("bytes"));
    assert!(kinds.contains_key("a seal's type"), "{kinds:?}");
    for (kind, at) in kinds {
        let disk = disk.crash(Crash::Power);
        disk.change(path, |bytes| bytes[at] ^= 1);
        let spoilt = disk.bytes(path);
        if let Ok((journal, _)) = bench.open(&disk) {
            journal.close().await.expect("closes");
        }
        assert_eq!(disk.bytes(path), spoilt, "{kind}: the file was changed");
        let folder = written(&disk);
        let options = Options {
            evidence_key: Some([7; 32]),
            ..Options::default()
        };
        let findings = verify(folder.path(), &options, &mut |_| {}).expect_err(kind);
        let told = findings
            .iter()
            .any(|finding| finding.to_string().contains(path));
        assert!(told, "{kind}: {findings:?}");
    }
}

#[tokio::test]
async fn bytes_in_the_free_space_are_cut_and_no_leaf_with_them() {
    let bench = Bench::new();
    let disk = crashed(&bench).await;
    let path = last_segment(&disk);
    let bytes = disk.bytes(&path).expect("bytes");
    let used = bytes.iter().rposition(|byte| *byte != 0).expect("used") + 1;
    let size = {
        let (journal, opened) = bench.open(&disk.crash(Crash::Power)).expect("opens");
        assert_eq!(opened.cut_bytes, 0);
        journal.head().size
    };
    for at in [used, used + 100, bytes.len() - 1] {
        let disk = disk.crash(Crash::Power);
        disk.change(&path, |bytes| bytes[at] = 1);
        let (journal, opened) = bench.open(&disk).expect("opens");
        assert_eq!(opened.cut_bytes, (at - used + 1) as u64);
        assert_eq!(journal.head().size, size);
        check(&journal, &[]);
    }
}

pub(super) fn written(disk: &MemoryDisk) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for path in disk.paths() {
        let file = folder.path().join(&path);
        std::fs::create_dir_all(file.parent().expect("inside")).expect("made");
        std::fs::write(file, disk.bytes(&path).expect("bytes")).expect("written");
    }
    folder
}
