//! Files that were changed behind the journal's back are refused, at start or when they are read.

use uuid::Uuid;

use super::support::{Bench, answer, leaf, request};
use crate::disk::memory::{Crash, MemoryDisk};
use crate::segment::HEADER_BYTES;
use crate::{Damage, Entry, Fault, Filter, OpenError, ReadError};
use bridge_core::leaf::Kind;

const FIRST: &str = "segments/00000000000000000000";

/// A journal of several segments, the last one open, as a crash leaves it.
pub(super) async fn crashed(bench: &Bench) -> MemoryDisk {
    let disk = MemoryDisk::default();
    let (journal, _) = bench.open(&disk).expect("opens");
    for exchange in 0..20 {
        journal
            .record(request(exchange, 4_000))
            .await
            .expect("recorded");
        journal
            .record(answer(exchange, 4_000))
            .await
            .expect("recorded");
    }
    disk.crash(Crash::Power)
}

/// The same, closed in order.
pub(super) async fn closed(bench: &Bench) -> MemoryDisk {
    let disk = crashed(bench).await;
    let (journal, _) = bench.open(&disk).expect("opens");
    journal.close().await.expect("closes");
    disk
}

pub(super) fn last_segment(disk: &MemoryDisk) -> String {
    let mut paths = disk.paths();
    paths.retain(|path| path.ends_with(".segment"));
    paths.pop().expect("a segment")
}

pub(super) fn refused(bench: &Bench, disk: &MemoryDisk) -> Damage {
    match bench.open(disk) {
        Err(OpenError::Damaged(damage)) => damage,
        other => panic!("not refused as damaged: {other:?}"),
    }
}

#[tokio::test]
async fn a_changed_byte_under_a_checkpoint_is_damage() {
    let bench = Bench::new();
    let disk = crashed(&bench).await;
    let path = last_segment(&disk);
    let end = disk
        .bytes(&path)
        .expect("bytes")
        .iter()
        .rposition(|byte| *byte != 0)
        .expect("used");
    // The newest batch may have no checkpoint over it yet: it is the only one that may be cut.
    let end = end - 10_000;
    for at in (0..=end).step_by(97) {
        let disk = disk.crash(Crash::Power);
        disk.change(&path, |bytes| bytes[at] ^= 1);
        let opened = bench.open(&disk);
        assert!(
            matches!(opened, Err(OpenError::Damaged(_))),
            "{at} of {end}: {opened:?}"
        );
    }
}

#[tokio::test]
async fn a_commit_behind_bad_bytes_is_named() {
    let bench = Bench::new();
    let disk = crashed(&bench).await;
    let path = last_segment(&disk);
    disk.change(&path, |bytes| bytes[HEADER_BYTES + 40] ^= 1);
    let damage = refused(&bench, &disk);
    assert!(
        matches!(damage.fault, Fault::LostBeforeCommit { .. }),
        "{damage}"
    );
    assert_eq!(
        (damage.file, damage.offset),
        (path, Some(HEADER_BYTES as u64))
    );
}

#[tokio::test]
async fn bytes_after_the_last_commit_are_cut_if_nothing_signed_is_lost() {
    let mut bench = Bench::new();
    bench.config.checkpoint_every = std::time::Duration::from_hours(1);
    let disk = MemoryDisk::default();
    let (journal, _) = bench.open(&disk).expect("opens");
    journal.record(request(1, 100)).await.expect("recorded");
    let one = disk.crash(Crash::Power);
    journal.record(request(2, 100)).await.expect("recorded");
    let two = disk.crash(Crash::Power);
    let path = last_segment(&two);
    let used = |disk: &MemoryDisk| {
        disk.bytes(&path)
            .expect("bytes")
            .iter()
            .rposition(|byte| *byte != 0)
            .expect("used")
            + 1
    };
    let (from, to) = (used(&one), used(&two));
    // A changed name of the commit before makes the last commit look like a later one: that is damage.
    let previous = to - 72..to - 40;
    for at in (from..to).step_by(13).filter(|at| !previous.contains(at)) {
        let disk = two.crash(Crash::Power);
        disk.change(&path, |bytes| bytes[at] ^= 0x10);
        let (journal, opened) = bench.open(&disk).expect("opens");
        assert!(opened.cut_bytes > 0);
        assert_eq!(
            journal.search(&Filter::default()).expect("readable").len(),
            2,
            "digest leaf too"
        );
        let disk = two.crash(Crash::Power);
        disk.change(&path, |bytes| bytes[at..].fill(0));
        let (_, opened) = bench.open(&disk).expect("opens");
        assert!(opened.cut_bytes <= (at - from) as u64);
    }
    assert_eq!(bench.open(&two).expect("opens").1.cut_bytes, 0);
}

#[tokio::test]
async fn a_tree_behind_its_checkpoint_is_damage() {
    let bench = Bench::new();
    let early = MemoryDisk::default();
    let (journal, _) = bench.open(&early).expect("opens");
    for exchange in 0..3 {
        journal
            .record(request(exchange, 100))
            .await
            .expect("recorded");
    }
    let old = early.crash(Crash::Power);
    for exchange in 3..6 {
        journal
            .record(request(exchange, 100))
            .await
            .expect("recorded");
    }
    journal.close().await.expect("closes");
    let newer = early.bytes("checkpoint").expect("a checkpoint");
    let file = crate::disk::Disk::create(&old, "checkpoint").expect("made");
    file.write_at(&newer, 0).expect("written");
    let damage = refused(&bench, &old);
    assert!(
        matches!(damage.fault, Fault::Rollback { checkpoint: 6, .. }),
        "{damage}"
    );
}

#[tokio::test]
async fn missing_and_foreign_segments_are_damage() {
    let bench = Bench::new();
    let disk = closed(&bench).await;
    let middle: Vec<String> = disk
        .paths()
        .into_iter()
        .filter(|path| path.ends_with(".segment"))
        .collect();
    let gone = disk.crash(Crash::Power);
    crate::disk::Disk::remove(&gone, &middle[1]).expect("removed");
    assert!(matches!(refused(&bench, &gone).fault, Fault::Gap { .. }));
    let foreign = disk.crash(Crash::Power);
    let first = foreign.bytes(&middle[0]).expect("bytes");
    foreign.change(middle.last().expect("several"), |bytes| *bytes = first);
    assert!(matches!(refused(&bench, &foreign).fault, Fault::Header));
    let nameless = disk.crash(Crash::Power);
    crate::disk::Disk::remove(&nameless, "origin").expect("removed");
    assert!(matches!(refused(&bench, &nameless).fault, Fault::NoOrigin));
}

#[tokio::test]
async fn an_index_the_catalogue_spared_is_checked_when_it_is_used() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut bench = Bench::new();
    bench.config.folder = folder.path().to_owned();
    let (journal, _) = bench.open_folder().expect("opens");
    for exchange in 0..40 {
        journal
            .record(answer(exchange, 8_000))
            .await
            .expect("recorded");
    }
    journal.close().await.expect("closes");
    drop(journal);
    let index = folder.path().join(format!("{FIRST}.index"));
    let mut bytes = std::fs::read(&index).expect("an index");
    let end = bytes.len();
    bytes[end - 33] ^= 1;
    // Whoever changes an index can give it a digest that fits.
    let digest = crate::tree::sha256(&[&bytes[..end - 32]]);
    bytes[end - 32..].copy_from_slice(&digest);
    std::fs::write(&index, bytes).expect("written");
    let (journal, _) = bench
        .open_folder()
        .expect("opens: the catalogue knows the index");
    let Err(ReadError::Damaged(damage)) = journal.show(Uuid::from_u128(0)) else {
        panic!("not refused");
    };
    assert!(matches!(damage.fault, Fault::IndexDigest), "{damage}");
}

#[tokio::test]
async fn changed_bytes_of_old_segments_are_refused_when_read() {
    let bench = Bench::new();
    let disk = closed(&bench).await;
    let path = format!("{FIRST}.segment");
    let bytes = disk.bytes(&path).expect("bytes");
    let find = |text: &[u8]| bytes.windows(text.len()).position(|window| window == text);
    let in_leaf = find(b"POPULATION").expect("a leaf");
    let changed = disk.crash(Crash::Power);
    changed.change(&path, |bytes| bytes[in_leaf] = b'Q');
    let (journal, _) = bench
        .open(&changed)
        .expect("opens: the checkpoint is of later segments");
    let Err(ReadError::Damaged(damage)) = journal.show(Uuid::from_u128(0)) else {
        panic!("not refused");
    };
    assert!(
        matches!(damage.fault, Fault::LeafHash { index: 0 }),
        "{damage}"
    );
    assert!(journal.search(&Filter::default()).is_err());

    let changed = disk.crash(Crash::Power);
    changed.change(&path, |bytes| bytes[in_leaf + 1_500] ^= 1);
    let (journal, _) = bench.open(&changed).expect("opens");
    assert!(journal.search(&Filter::default()).is_ok());
    let Err(ReadError::Damaged(damage)) = journal.show(Uuid::from_u128(0)) else {
        panic!("not refused");
    };
    assert!(
        matches!(damage.fault, Fault::Evidence { index: 0, .. }),
        "{damage}"
    );
}

#[tokio::test]
async fn changed_secrets_and_other_keys_open_nothing() {
    let bench = Bench::new();
    let disk = closed(&bench).await;
    let path = format!("{FIRST}.secrets");
    for at in [0, 30, 60, crate::keys::SECRETS_HEAD_BYTES + 5] {
        let changed = disk.crash(Crash::Power);
        changed.change(&path, |bytes| bytes[at] ^= 1);
        let (journal, _) = bench.open(&changed).expect("opens");
        let shown = journal.show(Uuid::from_u128(0));
        assert!(
            matches!(
                shown,
                Err(ReadError::Damaged(Damage {
                    fault: Fault::Secret(_),
                    ..
                }))
            ),
            "{at}"
        );
    }
    let other = bench.with_evidence_key(8);
    let (journal, _) = other.open(&disk).expect("opens: nothing is left to unwrap");
    assert!(journal.show(Uuid::from_u128(0)).is_err());
    let (journal, receipt) = {
        let receipt = journal.record(Entry::of(leaf(Kind::Refused, 999))).await;
        (journal, receipt)
    };
    assert!(receipt.is_ok());
    journal.close().await.expect("closes");
}

#[tokio::test]
async fn an_open_segment_needs_its_own_key() {
    let bench = Bench::new();
    let disk = crashed(&bench).await;
    let key = last_segment(&disk).replace(".segment", ".key");
    let gone = disk.crash(Crash::Power);
    crate::disk::Disk::remove(&gone, &key).expect("removed");
    assert!(matches!(refused(&bench, &gone).fault, Fault::NoKey));
    let changed = disk.crash(Crash::Power);
    changed.change(&key, |bytes| bytes[50] ^= 1);
    assert!(matches!(refused(&bench, &changed).fault, Fault::Secret(_)));
    let other = bench.with_evidence_key(8);
    assert!(matches!(refused(&other, &disk).fault, Fault::Secret(_)));
}
