//! Time-stamps beside the log: right ones are counted, and whatever is altered is found.

use std::fs;
use std::path::{Path, PathBuf};

use bridge_core::leaf::{Kind, Leaf, UnixMillis};
use bridge_journal::Entry;
use bridge_verify::{Options, Report, verify};

use crate::model::hash;
use crate::real::{Node, START_MS};

/// A time-stamp response over a digest, as far as it is looked at without trust.
fn response(digest: &[u8]) -> Vec<u8> {
    let sha256 = [6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1];
    let imprint = value(0x30, &[&value(0x30, &[&sha256]), &value(4, &[digest])]);
    let policy = [6, 3, 0x2a, 3, 4];
    let info = value(0x30, &[&[2, 1, 1], &policy, &imprint, &[2, 1, 7]]);
    let kind = [6, 11, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 0x10, 1, 4];
    let content = value(0x30, &[&kind, &value(0xa0, &[&value(4, &[&info])])]);
    // As long as certificates make it.
    let rest = value(0xa0, &[&[0; 700]]);
    let signed = value(0x30, &[&[2, 1, 3], &[0x31, 0], &content, &rest]);
    let token = value(0x30, &[&[6, 1, 0x2a], &value(0xa0, &[&signed])]);
    value(0x30, &[&[0x30, 3, 2, 1, 0], &token])
}

fn value(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    let header = match content.len() {
        0..0x80 => vec![tag, length[1]],
        0x80..0x100 => vec![tag, 0x81, length[1]],
        _ => vec![tag, 0x82, length[0], length[1]],
    };
    [header, content].concat()
}

fn stamped(checkpoint: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(checkpoint).unwrap();
    let (text, _) = text.split_once("\n\n").unwrap();
    response(&hash(&[text.as_bytes(), b"\n"]))
}

/// A journal with two checkpoints that are stamped, the last one twice. Returns their sizes.
async fn journal(folder: &Path) -> [u64; 2] {
    let node = Node::new();
    let mut sizes = Vec::new();
    for start in 0..2 {
        let journal = node.open(folder, START_MS);
        for number in 0..3 {
            let leaf = Leaf::new(Kind::State, UnixMillis(START_MS + start * 10 + number));
            journal.record(Entry::of(leaf)).await.unwrap();
        }
        journal.close().await.unwrap();
        let checkpoint = journal.checkpoint().unwrap();
        sizes.push(
            journal
                .keep_stamp(&checkpoint, &stamped(&checkpoint))
                .unwrap(),
        );
        if start == 1 {
            journal
                .keep_stamp(&checkpoint, &stamped(&checkpoint))
                .unwrap();
        }
    }
    sizes.try_into().unwrap()
}

fn judge(folder: &Path) -> Result<Report, Vec<String>> {
    let findings = verify(folder, &Options::default(), &mut |_| {});
    findings.map_err(|findings| findings.iter().map(ToString::to_string).collect())
}

#[tokio::test]
async fn stamps_are_held_against_the_checkpoints_of_the_segments() {
    let folder = tempfile::tempdir().unwrap();
    let [_, last] = journal(folder.path()).await;
    let report = judge(folder.path()).unwrap();
    assert_eq!((report.stamps, report.stamped_leaves), (3, last));
    assert_eq!(report.leaves, last);
}

fn file(folder: &Path, size: u64, ending: &str) -> PathBuf {
    folder.join(format!("{size:020}.{ending}"))
}

fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

type Alteration = Box<dyn FnOnce(&Path, [u64; 2])>;

/// Alters the stamps in one way and returns what is found.
async fn altered(alter: impl FnOnce(&Path, [u64; 2])) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let sizes = journal(folder.path()).await;
    alter(&folder.path().join("stamps"), sizes);
    judge(folder.path()).expect_err("nothing is found")
}

#[tokio::test]
async fn every_alteration_of_a_stamp_is_found() {
    let cases: [(&str, Alteration); 10] = [
        (
            "stamped something else",
            Box::new(|folder, [first, _]| {
                fs::write(file(folder, first, "tsr"), response(&[9; 32])).unwrap();
            }),
        ),
        (
            "stamped something else",
            Box::new(|folder, [_, last]| {
                fs::write(file(folder, last, "again"), response(&[9; 32])).unwrap();
            }),
        ),
        (
            "not a time-stamp response",
            Box::new(|folder, [first, _]| {
                fs::write(file(folder, first, "tsr"), "stamped").unwrap();
            }),
        ),
        (
            "not a time-stamp response",
            Box::new(|folder, [first, _]| {
                change(&file(folder, first, "tsr"), |bytes| bytes.push(0));
            }),
        ),
        (
            "not a time-stamp response",
            Box::new(|folder, [first, _]| {
                change(&file(folder, first, "tsr"), |bytes| {
                    // The same length, written longer than needed.
                    let tail = bytes.split_off(2);
                    bytes[1] = 0x83;
                    bytes.push(0);
                    bytes.extend(tail);
                });
            }),
        ),
        (
            "altered or taken from elsewhere",
            Box::new(|folder, [first, _]| {
                change(&file(folder, first, "checkpoint"), |bytes| bytes[0] ^= 1);
            }),
        ),
        (
            "altered or taken from elsewhere",
            Box::new(|folder, [first, last]| {
                fs::copy(
                    file(folder, last, "checkpoint"),
                    file(folder, first, "checkpoint"),
                )
                .unwrap();
            }),
        ),
        (
            "no segment holds a checkpoint of",
            Box::new(|folder, [_, last]| {
                for ending in ["tsr", "checkpoint"] {
                    fs::copy(file(folder, last, ending), file(folder, last + 1, ending)).unwrap();
                }
            }),
        ),
        (
            "it is missing",
            Box::new(|folder, [first, _]| {
                fs::remove_file(file(folder, first, "checkpoint")).unwrap();
            }),
        ),
        (
            "no file of this name belongs here",
            Box::new(|folder, _| {
                fs::write(folder.join("1.tsr"), "").unwrap();
            }),
        ),
    ];
    for (wanted, alter) in cases {
        let found = altered(alter).await;
        assert!(
            matches!(&found[..], [one] if one.contains(wanted) && one.starts_with("stamps/")),
            "{wanted}: {found:?}"
        );
    }
}

#[tokio::test]
async fn what_a_crash_leaves_is_no_fault() {
    let folder = tempfile::tempdir().unwrap();
    let [first, _] = journal(folder.path()).await;
    let stamps = folder.path().join("stamps");
    fs::remove_file(stamps.join(format!("{first:020}.tsr"))).unwrap();
    fs::write(stamps.join("00000000000000000009.tsr.half"), "x").unwrap();
    let report = judge(folder.path()).unwrap();
    assert_eq!(report.stamps, 2);
}
