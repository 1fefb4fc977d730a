//! Searching, showing and serving, while and after much is written.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bridge_core::leaf::{EvidenceMode, Kind, Leaf, UnixMillis};
use uuid::Uuid;

use super::support::{Bench, NOW, answer, body, check, leaf, request};
use crate::disk::memory::MemoryDisk;
use crate::tree::{Hash, leaf_hash, node_hash};
use crate::{Entry, Filter, Journal, Receipt};

const TASKS: u128 = 64;
const EXCHANGES: u128 = 10_000;

/// Records one exchange in `TASKS` tasks at a time, the leaf alone but for every hundredth.
async fn record_many(journal: &Journal) -> Vec<Receipt> {
    let mut tasks = Vec::new();
    for task in 0..TASKS {
        let journal = journal.clone();
        tasks.push(tokio::spawn(async move {
            let mut receipts = Vec::new();
            for exchange in (0..EXCHANGES).filter(|exchange| exchange % TASKS == task) {
                let entry = if exchange % 100 == 0 {
                    request(exchange, 300)
                } else {
                    let mut refused = leaf(Kind::Refused, exchange);
                    refused.outcome = Some(format!("Server.Refused.{}", exchange % 7));
                    Entry::of(refused)
                };
                receipts.push(journal.record(entry).await.expect("recorded"));
            }
            receipts
        }));
    }
    let mut receipts = Vec::new();
    for task in tasks {
        receipts.extend(task.await.expect("no panic"));
    }
    receipts
}

/// Reads in every way while others write; returns how often.
fn read_until(journal: &Journal, end: &AtomicBool) -> u64 {
    let mut rounds = 0;
    while !end.load(Ordering::SeqCst) {
        let newest = Filter {
            limit: Some(20),
            ..Filter::default()
        };
        let hits = journal.search(&newest).expect("readable");
        for hit in hits.iter().filter_map(|hit| hit.leaf.request_id) {
            assert_eq!(journal.show(hit).expect("readable").len(), 1);
        }
        let since = journal.head().newest;
        journal.leaves_since(since).expect("readable");
        journal.show(Uuid::from_u128(100)).expect("readable");
        journal.log_file("tile/0/000.p/1").expect("readable");
        rounds += 1;
    }
    rounds
}

fn finds_what_is_there(journal: &Journal) {
    let count = |filter: &Filter| journal.search(filter).expect("readable").len() as u128;
    let fifth = leaf(Kind::Refused, 5);
    let of_client = Filter {
        client: fifth.client.clone(),
        ..Filter::default()
    };
    assert_eq!(count(&of_client), EXCHANGES / 4);
    let of_service = Filter {
        service: fifth.service.clone(),
        ..Filter::default()
    };
    assert_eq!(count(&of_service), EXCHANGES);
    let outcome = Some("Server.Refused.3".to_owned());
    let of_outcome = Filter {
        outcome: outcome.clone(),
        ..Filter::default()
    };
    let expected = (0..EXCHANGES)
        .filter(|one| one % 7 == 3 && one % 100 != 0)
        .count() as u128;
    assert_eq!(count(&of_outcome), expected);
    let both = Filter {
        client: fifth.client.clone(),
        outcome,
        ..Filter::default()
    };
    let expected = (0..EXCHANGES)
        .filter(|one| one % 7 == 3 && one % 100 != 0 && one % 4 == 1)
        .count() as u128;
    assert_eq!(count(&both), expected);
    let requests = Filter {
        kind: Some(Kind::RequestReceived),
        ..Filter::default()
    };
    assert_eq!(count(&requests), EXCHANGES / 100);
    let nobody = Filter {
        outcome: Some("Server.Other".to_owned()),
        ..Filter::default()
    };
    assert_eq!(count(&nobody), 0);
    let few = journal
        .search(&Filter {
            limit: Some(3),
            ..of_client
        })
        .expect("readable");
    assert_eq!(few.len(), 3);
    assert!(few[0].index > few[1].index && few[1].index > few[2].index);
    for exchange in [0, 100, 5_000, 9_900] {
        let shown = journal.show(Uuid::from_u128(exchange)).expect("readable");
        assert_eq!(shown.len(), 1);
        let evidence = shown[0].evidence.as_ref().expect("kept");
        assert_eq!(evidence.body, body(exchange, 300));
        assert_eq!(
            evidence.base,
            format!("\"@method\": GET\n{exchange}").into_bytes()
        );
    }
    assert!(
        journal
            .show(Uuid::from_u128(EXCHANGES))
            .expect("readable")
            .is_empty()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_entries_of_many_tasks_are_found_before_and_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut bench = Bench::new();
    bench.config.folder = folder.path().to_owned();
    bench.config.checkpoint_every = crate::CHECKPOINT_EVERY;
    let (journal, _) = bench.open_folder().expect("opens");
    let (reading, written) = (journal.clone(), Arc::new(AtomicBool::new(false)));
    let end = written.clone();
    let reader = tokio::task::spawn_blocking(move || read_until(&reading, &end));
    let receipts = record_many(&journal).await;
    written.store(true, Ordering::SeqCst);
    assert!(reader.await.expect("no panic") > 0);
    let indexes: BTreeSet<u64> = receipts.iter().map(|receipt| receipt.index).collect();
    assert_eq!(indexes.len() as u128, EXCHANGES);
    finds_what_is_there(&journal);
    check(&journal, &receipts);
    journal.close().await.expect("closes");
    let head = journal.head();
    let segments = std::fs::read_dir(folder.path().join("segments")).expect("a folder");
    assert!(segments.count() > 100, "many small segments");
    drop(journal);

    // With the cache, without it, and with one that is garbage: the same journal.
    for change in [None, Some("removed"), Some("garbage")] {
        let cache = folder.path().join("cache");
        match change {
            Some("removed") => std::fs::remove_dir_all(&cache).expect("removed"),
            Some(_) => std::fs::write(cache.join("db"), [0x55; 9999]).expect("written"),
            None => {}
        }
        let (journal, opened) = bench.open_folder().expect("opens");
        assert_eq!((opened.cut_bytes, opened.first_start), (0, false));
        assert!(journal.head().size > head.size);
        finds_what_is_there(&journal);
        check(&journal, &receipts);
        tiles_are_those_of_the_tree(&journal);
        journal.close().await.expect("closes");
    }
}

/// Rebuilds the checkpoint's root from the bundles of leaves, as a stranger would, and compares tiles.
fn tiles_are_those_of_the_tree(journal: &Journal) {
    // The start wrote a leaf: what is published grows once more, when it has its checkpoint.
    let (lines, size) = loop {
        let note = journal.log_file("checkpoint").expect("readable");
        let note = String::from_utf8(note.expect("a checkpoint").to_vec()).expect("text");
        let lines: Vec<String> = note.lines().map(str::to_owned).collect();
        let size: usize = lines[1].parse().expect("a number");
        if size as u64 == journal.head().size {
            break (lines, size);
        }
        std::thread::yield_now();
    };
    let path = |kind: &str, tile: usize, width: usize| {
        let number = match tile {
            0..1000 => format!("{tile:03}"),
            _ => format!("x{:03}/{:03}", tile / 1000, tile % 1000),
        };
        let partial = if width == 256 {
            String::new()
        } else {
            format!(".p/{width}")
        };
        format!("tile/{kind}/{number}{partial}")
    };
    let fetch = |path: String| {
        journal
            .log_file(&path)
            .expect("readable")
            .expect("published")
    };
    let mut row: Vec<Hash> = Vec::new();
    for tile in 0..size.div_ceil(256) {
        let width = (size - tile * 256).min(256);
        let bundle = fetch(path("entries", tile, width));
        let mut rest = &bundle[..];
        while let [high, low, behind @ ..] = rest {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            row.push(leaf_hash(&behind[..length]));
            rest = &behind[length..];
        }
    }
    assert_eq!(row.len(), size);
    assert_eq!(
        lines[2],
        STANDARD.encode(crate::tree::tests::naive_root(&row))
    );
    for level in 0..4 {
        for (tile, hashes) in row.chunks(256).enumerate() {
            assert_eq!(
                &fetch(path(&level.to_string(), tile, hashes.len()))[..],
                hashes.as_flattened()
            );
            // Earlier partial widths stay available.
            let first = fetch(path(&level.to_string(), tile, 1));
            assert_eq!(&first[..], hashes[0]);
        }
        let beyond = path(&level.to_string(), row.len() / 256, row.len() % 256 + 1);
        assert_eq!(journal.log_file(&beyond).expect("readable"), None);
        row = row.chunks_exact(256).map(subtree).collect();
    }
}

fn subtree(hashes: &[Hash]) -> Hash {
    if let [one] = hashes {
        return *one;
    }
    let (left, right) = hashes.split_at(hashes.len() / 2);
    node_hash(&subtree(left), &subtree(right))
}

#[tokio::test]
async fn leaves_are_returned_from_a_time_on() {
    let (bench, disk) = (Bench::new(), MemoryDisk::default());
    let (journal, _) = bench.open(&disk).expect("opens");
    for exchange in 0..40 {
        journal
            .record(request(exchange, 3_000))
            .await
            .expect("recorded");
    }
    let exchanges = |leaves: Vec<(u64, Leaf)>| -> Vec<u128> {
        leaves
            .into_iter()
            .filter_map(|(_, leaf)| Some(leaf.request_id?.as_u128()))
            .collect()
    };
    let since = journal
        .leaves_since(UnixMillis(NOW.0 + 30))
        .expect("readable");
    assert_eq!(exchanges(since), (30..40).collect::<Vec<u128>>());
    assert!(
        journal
            .leaves_since(UnixMillis(NOW.0 + 40))
            .expect("readable")
            .is_empty()
    );
    let between = Filter {
        from: Some(UnixMillis(NOW.0 + 3)),
        to: Some(UnixMillis(NOW.0 + 21)),
        kind: Some(Kind::RequestReceived),
        ..Filter::default()
    };
    let hits = journal.search(&between).expect("readable");
    let hits = hits
        .into_iter()
        .rev()
        .map(|hit| (hit.index, hit.leaf))
        .collect();
    assert_eq!(exchanges(hits), (3..22).collect::<Vec<u128>>());
    let empty = Filter {
        from: Some(UnixMillis(5)),
        to: Some(UnixMillis(4)),
        ..Filter::default()
    };
    assert!(journal.search(&empty).expect("readable").is_empty());
}

#[tokio::test]
async fn only_what_a_checkpoint_covers_is_served() {
    let (mut bench, disk) = (Bench::new(), MemoryDisk::default());
    bench.config.checkpoint_every = std::time::Duration::from_hours(1);
    let (journal, _) = bench.open(&disk).expect("opens");
    journal.record(request(1, 10)).await.expect("recorded");
    for path in ["checkpoint", "tile/0/000.p/1", "tile/entries/000.p/1"] {
        assert_eq!(journal.log_file(path).expect("readable"), None, "{path}");
    }
    journal.close().await.expect("closes");
    let served = |path| journal.log_file(path).expect("readable");
    for path in ["checkpoint", "tile/0/000.p/1", "tile/entries/000.p/1"] {
        assert!(served(path).is_some(), "{path}");
    }
    for path in [
        "tile/0/000.p/2",
        "tile/0/000",
        "tile/1/000.p/1",
        "tile/0/001.p/1",
        "tile/0/0",
    ] {
        assert_eq!(served(path), None, "{path}");
    }
}

#[tokio::test]
async fn erased_secrets_leave_the_leaf_and_take_the_evidence() {
    let (bench, disk) = (Bench::new(), MemoryDisk::default());
    let (journal, _) = bench.open(&disk).expect("opens");
    journal.record(request(1, 10)).await.expect("recorded");
    journal.record(answer(1, 10)).await.expect("recorded");
    journal.close().await.expect("closes");
    disk.change("segments/00000000000000000000.secrets", |file| {
        let slots = crate::keys::SECRETS_HEAD_BYTES;
        file[slots..slots + 60].fill(0);
    });
    let (journal, _) = bench.open(&disk).expect("opens");
    let shown = journal.show(Uuid::from_u128(1)).expect("readable");
    assert_eq!(shown[0].leaf.mode, Some(EvidenceMode::Full));
    assert!(shown[0].evidence.is_none() && shown[1].evidence.is_some());
}
