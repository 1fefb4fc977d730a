//! What witnesses need of a journal and give to it: consistency proofs and the cosigned checkpoint.

use std::sync::Arc;

use bridge_verify::is_consistent;
use bytes::Bytes;

use super::support::{Bench, request};
use crate::disk::memory::MemoryDisk;
use crate::{CosignedError, Journal, OpenError};

async fn grow(journal: &Journal, from: u128, to: u128) {
    let mut waiting = Vec::new();
    for exchange in from..to {
        let journal = journal.clone();
        waiting.push(tokio::spawn(async move {
            journal.record(request(exchange, 10)).await
        }));
    }
    for one in waiting {
        one.await.expect("no panic").expect("recorded");
    }
}

#[tokio::test]
async fn every_head_that_was_is_proved_a_beginning_of_the_newest_across_segments_and_starts() {
    let (bench, disk) = (Bench::new(), MemoryDisk::default());
    let mut heads = Vec::new();
    for start in 0..3_u128 {
        let (journal, _) = bench.open(&disk).expect("opens");
        for round in 0..6 {
            let from = start * 600 + round * 100;
            grow(&journal, from, from + 100).await;
            let head = journal.head();
            heads.push((head.size, head.root));
        }
        let (newest, root) = (journal.head().size, journal.head().root);
        for (old, old_root) in &heads {
            let proof = journal
                .consistency(*old, newest)
                .expect("readable")
                .expect("there");
            assert!(
                is_consistent((*old, old_root), (newest, &root), &proof),
                "{old}"
            );
        }
        assert_eq!(journal.consistency(0, newest).expect("readable"), None);
        // Sealing a segment writes leaves of its own at any time; so many it never writes.
        let beyond = newest + 1000;
        assert_eq!(journal.consistency(newest, beyond).expect("readable"), None);
        journal.close().await.expect("closes");
    }
    assert!(heads.last().expect("heads").0 > 1800);
}

#[tokio::test]
async fn the_cosigned_checkpoint_is_served_and_outlives_the_process_and_never_goes_back() {
    let (bench, disk) = (Bench::new(), MemoryDisk::default());
    let (journal, _) = bench.open(&disk).expect("opens");
    grow(&journal, 0, 3).await;
    journal.close().await.expect("closes");
    let older = cosigned(&journal.checkpoint().expect("a checkpoint"));

    let (journal, _) = bench.open(&disk).expect("opens");
    grow(&journal, 3, 6).await;
    journal.close().await.expect("closes");
    let newer = cosigned(&journal.checkpoint().expect("a checkpoint"));

    let (journal, _) = bench.open(&disk).expect("opens");
    journal.keep_cosigned(newer.clone()).expect("kept");
    journal.keep_cosigned(older).expect("of no use");
    assert_eq!(
        journal.log_file("checkpoint").expect("readable"),
        Some(newer.clone())
    );
    let other = Bytes::from_static(b"another log\n1\nAAAA\n\n\xe2\x80\x94 a AAAA\n");
    let refused = journal.keep_cosigned(other).expect_err("of another log");
    assert!(matches!(refused, CosignedError::Note(_)));
    journal.close().await.expect("closes");

    let (journal, _) = bench.open(&disk).expect("opens");
    assert_eq!(journal.cosigned().map(|(_, note)| note), Some(newer));
}

/// Without its `checkpoint` and its last segments a journal is whole by itself; its witnesses know better.
#[tokio::test]
async fn a_journal_shorter_than_its_cosigned_checkpoint_is_not_opened() {
    let bench = Bench::new();
    let (old, new) = (MemoryDisk::default(), MemoryDisk::default());
    let (journal, _) = bench.open(&old).expect("opens");
    grow(&journal, 0, 3).await;
    journal.close().await.expect("closes");
    let (journal, _) = bench.open(&new).expect("opens");
    grow(&journal, 0, 9).await;
    journal.close().await.expect("closes");
    let note = cosigned(&journal.checkpoint().expect("a checkpoint"));
    let disk: Arc<dyn crate::Disk> = Arc::new(old.clone());
    crate::disk::replace_file(&*disk, "", "cosigned", &note).expect("written");
    let refused = bench
        .open(&old)
        .expect_err("shorter than what was cosigned");
    assert!(matches!(refused, OpenError::Damaged(_)), "{refused}");
}

fn cosigned(note: &Bytes) -> Bytes {
    let text = std::str::from_utf8(note).expect("text");
    Bytes::from(format!("{text}\u{2014} witness.example/w1 AAAAAAAA\n"))
}
