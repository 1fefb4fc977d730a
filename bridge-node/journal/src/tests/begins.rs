//! What begins in a day is counted without reading its leaves, and by reading them where the counts are lost.

use std::collections::BTreeMap;

use bridge_core::leaf::{Kind, Leaf, Side, UnixMillis};

use crate::tests::support::{Bench, NOW};
use crate::{Entry, Journal};

const HOUR_MS: u64 = 3_600_000;

type Counts = BTreeMap<(u64, bool, String, String), u64>;

/// A leaf that begins an exchange and is large, so that few have room in a segment.
fn begin(number: u64) -> Entry {
    let kind = if number.is_multiple_of(3) {
        Kind::RequestSent
    } else {
        Kind::RequestReceived
    };
    let mut leaf = Leaf::new(kind, UnixMillis(NOW.0 + number * HOUR_MS / 10));
    leaf.decision = Some(!number.is_multiple_of(7));
    leaf.contract = Some(format!("contract-{}@digest", number % 2));
    leaf.client = Some(format!("AZ/GOV/100{}/A", number % 5).parse().unwrap());
    leaf.service = Some("AZ/GOV/1009/B/records".parse().unwrap());
    leaf.facts.insert("room".to_owned(), "x".repeat(20_000));
    Entry::of(leaf)
}

/// What a reader of every leaf would count.
fn expected(since: u64) -> Counts {
    let mut counts = Counts::new();
    for leaf in (0..30).map(|number| begin(number).leaf) {
        let hour = leaf.time.0 / HOUR_MS;
        if leaf.decision == Some(true) && hour >= since / HOUR_MS {
            let contract = leaf.contract.unwrap().replace("@digest", "");
            let client = leaf.client.unwrap().to_string();
            let of = (hour, leaf.kind == Kind::RequestSent, contract, client);
            *counts.entry(of).or_default() += 1;
        }
    }
    counts
}

/// What is counted since a time, and how many leaves were read for it.
fn counted(journal: &Journal, since: u64) -> (Counts, u64) {
    let mut counts = Counts::new();
    let mut tell = |begun: &bridge_core::quota::Begun<'_>, at: UnixMillis, many| {
        let own = begun.side == Side::Consumer;
        let (contract, client) = (
            begun.account.contract_id.to_owned(),
            begun.account.client.to_string(),
        );
        *counts
            .entry((at.0 / HOUR_MS, own, contract, client))
            .or_default() += many;
    };
    let read = journal
        .each_begun_since(UnixMillis(since), &mut tell)
        .unwrap();
    (counts, read)
}

#[tokio::test]
async fn a_day_is_counted_without_reading_its_leaves() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::new();
    bench.config.folder = folder.path().to_owned();
    let (journal, _) = bench.open_folder().unwrap();
    for number in 0..30 {
        journal.record(begin(number)).await.unwrap();
        if number == 20 {
            assert_eq!(counted(&journal, 0).1, 0);
        }
    }
    let half = NOW.0 + HOUR_MS;
    assert_eq!(counted(&journal, 0), (expected(0), 0));
    assert_eq!(counted(&journal, half), (expected(half), 0));
    journal.close().await.unwrap();
    drop(journal);
    let segments = std::fs::read_dir(folder.path().join("segments")).unwrap();
    let is_index = |name: &std::ffi::OsStr| name.to_string_lossy().ends_with(".index");
    assert!(
        segments
            .filter(|entry| is_index(&entry.as_ref().unwrap().file_name()))
            .count()
            > 3
    );

    // After a restart nothing is read either; without the cache everything, once.
    for is_lost in [false, true, false] {
        if is_lost {
            std::fs::remove_dir_all(folder.path().join("cache")).unwrap();
        }
        let (journal, _) = bench.open_folder().unwrap();
        let (counts, read) = counted(&journal, 0);
        assert_eq!(counts, expected(0));
        // The segment that an opening reads anyway is counted then.
        assert_eq!(read > 20, is_lost, "{read}");
        assert!(is_lost || read == 0, "{read}");
        assert_eq!(counted(&journal, half), (expected(half), 0));
        journal.close().await.unwrap();
    }
}

#[tokio::test]
async fn counts_that_another_wrote_are_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::new();
    bench.config.folder = folder.path().to_owned();
    let (journal, _) = bench.open_folder().unwrap();
    for number in 0..30 {
        journal.record(begin(number)).await.unwrap();
    }
    journal.close().await.unwrap();
    drop(journal);
    // Every text of a count is made another one, as a holder of the disk would.
    let cache = sled::open(folder.path().join("cache")).unwrap();
    let rows: Vec<_> = cache.scan_prefix(b"begins").map(Result::unwrap).collect();
    assert!(rows.len() > 3);
    for (key, value) in rows {
        let other: Vec<u8> = value
            .iter()
            .map(|byte| byte ^ u8::from(*byte == b'A'))
            .collect();
        assert!(value != other);
        cache.insert(key, other).unwrap();
    }
    cache.flush().unwrap();
    drop(cache);
    let (journal, _) = bench.open_folder().unwrap();
    let (counts, read) = counted(&journal, 0);
    assert!(counts == expected(0) && read > 20, "{read}");
    journal.close().await.unwrap();
}
