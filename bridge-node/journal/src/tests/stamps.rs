//! Stamps beside the log: which one covers a leaf, and what is left of them after a crash.

use bytes::Bytes;

use super::support::{Bench, request};
use crate::disk::memory::{Crash, Failure, MemoryDisk};
use crate::{Journal, KeptStamp, NoteError, StampError};

/// Records leaves and closes, so that a checkpoint covers them all and another start may follow.
async fn grown(bench: &Bench, disk: &MemoryDisk, leaves: u128) -> Option<(Journal, Bytes)> {
    let (journal, _) = bench.open(disk).ok()?;
    for exchange in 0..leaves {
        journal.record(request(exchange, 10)).await.ok()?;
    }
    journal.close().await.ok()?;
    let checkpoint = journal.checkpoint()?;
    Some((journal, checkpoint))
}

fn response(stamp: Option<KeptStamp>) -> Vec<u8> {
    stamp.map(|stamp| stamp.response).unwrap_or_default()
}

fn size(checkpoint: &[u8]) -> u64 {
    let text = std::str::from_utf8(checkpoint).unwrap();
    text.lines().nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_leaf_is_covered_by_the_first_stamp_over_it_before_and_after_a_start() {
    let (bench, disk) = (Bench::new(), MemoryDisk::default());
    let (journal, first) = grown(&bench, &disk, 3).await.unwrap();
    assert_eq!(journal.stamp_over(0).unwrap(), None);
    assert_eq!(journal.newest_stamp().unwrap(), None);
    journal.keep_stamp(&first, b"one").unwrap();
    let (journal, second) = grown(&bench, &disk, 2).await.unwrap();
    let (small, large) = (size(&first), size(&second));
    assert!(small >= 3 && large > small);
    journal.keep_stamp(&second, b"two").unwrap();
    journal.keep_stamp(&second, b"three").unwrap();
    let read = |journal: &Journal| {
        for index in 0..small {
            let wanted = KeptStamp {
                size: small,
                checkpoint: first.to_vec(),
                response: b"one".to_vec(),
            };
            assert_eq!(journal.stamp_over(index).unwrap(), Some(wanted), "{index}");
        }
        for index in small..large {
            assert_eq!(response(journal.stamp_over(index).unwrap()), b"two");
        }
        for index in [large, u64::MAX] {
            assert_eq!(journal.stamp_over(index).unwrap(), None);
        }
        // Stamped again while nothing was logged: only what is newest of all says so.
        let newest = journal.newest_stamp().unwrap().unwrap();
        assert_eq!((newest.size, newest.response), (large, b"three".to_vec()));
    };
    read(&journal);
    let (journal, _) = bench.open(&disk).unwrap();
    read(&journal);
}

#[tokio::test]
async fn what_is_no_checkpoint_of_this_log_is_not_kept() {
    let (bench, disk) = (Bench::new(), MemoryDisk::default());
    let (journal, checkpoint) = grown(&bench, &disk, 1).await.unwrap();
    let (_, other) = grown(&Bench::new(), &MemoryDisk::default(), 1)
        .await
        .unwrap();
    let bent = [b"x", &checkpoint[..]].concat();
    for (note, wanted) in [
        (&other[..], NoteError::Signature),
        (b"nothing", NoteError::Form),
        (&bent, NoteError::OtherOrigin(String::new())),
    ] {
        let Err(StampError::Note(fault)) = journal.keep_stamp(note, b"one") else {
            panic!("kept: {wanted}");
        };
        assert_eq!(
            std::mem::discriminant(&fault),
            std::mem::discriminant(&wanted)
        );
    }
    assert_eq!(journal.newest_stamp().unwrap(), None);
    assert!(!disk.paths().iter().any(|path| path.starts_with("stamps")));
}

/// A life with two checkpoints, the second one stamped twice. Says which stamps were acknowledged.
async fn stamped(bench: &Bench, disk: &MemoryDisk) -> Vec<&'static [u8]> {
    let mut kept: Vec<&'static [u8]> = Vec::new();
    for responses in [&[&b"one"[..]][..], &[b"two", b"three"]] {
        let Some((journal, checkpoint)) = grown(bench, disk, 2).await else {
            return kept;
        };
        for response in responses {
            if journal.keep_stamp(&checkpoint, response).is_ok() {
                kept.push(response);
            }
        }
    }
    kept
}

#[tokio::test]
async fn every_write_of_a_stamp_fails_and_none_that_was_acknowledged_is_lost() {
    let (bench, disk) = (Bench::new(), MemoryDisk::default());
    assert_eq!(
        stamped(&bench, &disk).await,
        [&b"one"[..], b"two", b"three"]
    );
    let trace = disk.trace();
    let own: Vec<_> = trace
        .into_iter()
        .filter(|operation| operation.what.contains("stamps"))
        .collect();
    assert!(own.len() > 15, "{own:?}");
    for operation in own {
        for failure in [
            Failure::NotStored,
            Failure::StoredButFailed,
            Failure::TornFront,
            Failure::TornBack,
        ] {
            let disk = MemoryDisk::default();
            disk.fail(operation.clone(), failure);
            let kept = stamped(&bench, &disk).await;
            assert!(disk.has_failed(), "{operation:?}");
            for crash in [Crash::Process, Crash::Power, Crash::PowerFoldersKept] {
                let what = format!("{operation:?} {failure:?} {crash:?} {kept:?}");
                let (journal, _) = bench.open(&disk.crash(crash)).expect(&what);
                still_kept(&journal, &kept, &what);
            }
        }
    }
}

/// A stamp is there whole or not at all; the first that was kept stays the first, and none newer is forgotten.
fn still_kept(journal: &Journal, kept: &[&[u8]], what: &str) {
    let first = response(journal.stamp_over(0).unwrap());
    let newest = response(journal.newest_stamp().unwrap());
    let order = |one: &[u8]| {
        let whole: [&[u8]; 4] = [b"", b"one", b"two", b"three"];
        let place = whole.iter().position(|other| *other == one);
        place.unwrap_or_else(|| panic!("{what}: not whole: {one:?}"))
    };
    assert!(order(&newest) >= order(&first), "{what}");
    if kept.contains(&&b"one"[..]) {
        assert_eq!(first, b"one", "{what}");
    }
    let last = kept.last().copied().unwrap_or_default();
    assert!(order(&newest) >= order(last), "{what}: {newest:?}");
}
