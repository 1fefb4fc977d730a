//! Answers that are taken from memory are those that stand in the leaves.

use std::ops::ControlFlow;

use bridge_core::leaf::{Kind, Leaf, UnixMillis};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::tests::support::{Bench, NOW};
use crate::{Answer, Entry, Journal, PEER_RECEIPT};

const EXCHANGES: u64 = 60;

/// A leaf that is large, so that few have room in a segment; every third tells of an answer with a receipt, some of one without.
fn leaf(number: u64) -> Leaf {
    let kind = if number.is_multiple_of(3) {
        Kind::ResponseReceived
    } else {
        Kind::RequestSent
    };
    let mut leaf = Leaf::new(kind, UnixMillis(NOW.0 + number));
    leaf.request_id = Some(Uuid::from_u128(number.into()));
    leaf.facts.insert("room".to_owned(), "x".repeat(10_000));
    if !number.is_multiple_of(9) {
        let receipt = format!("receipt {number}");
        leaf.facts.insert(PEER_RECEIPT.to_owned(), receipt);
    }
    leaf
}

/// What a reader of every leaf finds.
fn read(journal: &Journal) -> Vec<Answer> {
    let mut answers = Vec::new();
    let mut see = |index, bytes: &[u8]| {
        let answer = Answer::of(&Leaf::parse(bytes).unwrap());
        answers.extend(answer.map(|answer| Answer { index, ..answer }));
        ControlFlow::Continue(())
    };
    journal.each_leaf_from(0, &mut see).unwrap();
    answers
}

#[tokio::test]
async fn answers_taken_across_batches_and_segments_are_those_in_the_leaves() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::new();
    bench.config.folder = folder.path().to_owned();
    let (journal, _) = bench.open_folder().unwrap();
    let mut next = journal.head().size;
    assert_eq!(journal.take_answers(next, 9), Some((Vec::new(), next)));
    let mut taken = Vec::new();
    for batch in 0..EXCHANGES / 5 {
        let mut writing = JoinSet::new();
        for number in batch * 5..batch * 5 + 5 {
            let journal = journal.clone();
            writing.spawn(async move { journal.record(Entry::of(leaf(number))).await.unwrap() });
        }
        writing.join_all().await;
        // Sometimes fewer are taken than there are, sometimes none, so that several batches wait.
        if !batch.is_multiple_of(4) {
            let most = usize::try_from(batch % 4).unwrap();
            let (some, following) = journal.take_answers(next, most).unwrap();
            assert!(some.len() <= most);
            taken.extend(some);
            next = following;
        }
    }
    taken.extend(journal.take_answers(next, usize::MAX).unwrap().0);
    assert_eq!(taken, read(&journal));
    let with_receipt = (0..EXCHANGES).filter(|number| number % 3 == 0 && number % 9 != 0);
    assert_eq!(taken.len(), with_receipt.count());
    journal.close().await.unwrap();
    let segments = std::fs::read_dir(folder.path().join("segments")).unwrap();
    assert!(
        segments.count() > 6,
        "several segments, each with its files"
    );
}
