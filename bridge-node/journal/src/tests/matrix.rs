//! Every durable write of the journal, named once, failed in every way: not stored, stored but reported
//! failed, and torn at each 512 bytes; then reopened. `crash.rs` fails the other changes of the disk.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::crash::{live, survives};
use super::support::{Bench, answer, request};
use crate::Receipt;
use crate::disk::Disk as _;
use crate::disk::memory::{Crash, Failure, MemoryDisk, Operation};

/// What disks write whole or not at all.
const SECTOR: usize = 512;

/// A spare is zeros: where it is torn makes no difference.
const SPARE_SECTORS: usize = 16;

/// The durable writes, by what they are of: how the name of the file or folder begins and ends.
const DURABLE: [(&str, &str, &str); 13] = [
    ("the log's name", "origin", ""),
    ("the log's home", "home", ""),
    ("a shown checkpoint", "checkpoint", ""),
    ("a spare, preallocated", "segments/spare", "segments/spare"),
    (
        "a segment's header and name",
        "segments/spare segments/",
        ".segment",
    ),
    (
        "a batch with its commit, or a seal",
        "segments/",
        ".segment",
    ),
    ("a segment's key", "segments/", ".key.half"),
    (
        "a segment's key, put in place or destroyed",
        "segments/",
        ".key",
    ),
    ("a secrets file", "segments/", ".secrets"),
    ("an index run", "segments/", ".index"),
    ("a tile", "tile/", ""),
    ("the folder of segments", "segments", "segments"),
    ("the journal folder, and that of tiles", "", ""),
];

/// What fails without anything being written.
const READS: [&str; 1] = ["reading a record's secret"];

/// Names the durable write that a change of the disk belongs to.
fn name(operation: &Operation) -> Option<&'static str> {
    let words: Vec<&str> = operation.what.splitn(3, ' ').collect();
    let path = match words[..] {
        ["sync" | "make", "folder", path]
        | ["write" | "sync" | "shorten" | "create" | "remove", path] => path,
        ["rename", from, to] if from == format!("{to}.half") => to,
        ["rename", ..] => operation.what.strip_prefix("rename ")?,
        _ => return None,
    };
    let whole = path
        .strip_suffix(".half")
        .filter(|_| !path.ends_with(".key.half"));
    let path = whole.unwrap_or(path);
    let fits = |(_, begins, ends): &&(&str, &str, &str)| match (*begins, *ends) {
        ("", "") => matches!(path, "" | "tile"),
        ("tile/", _) => path.starts_with("tile/"),
        (begins, "") => path == begins,
        (begins, ends) => path.starts_with(begins) && path.ends_with(ends),
    };
    DURABLE.iter().find(fits).map(|(name, ..)| *name)
}

/// A life on a disk, and what it was told.
type Life = fn(&Bench, &MemoryDisk) -> Vec<Receipt>;

fn block<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    runtime.expect("a runtime").block_on(future)
}

/// Opens, records into three segments, closes.
fn usual(bench: &Bench, disk: &MemoryDisk) -> Vec<Receipt> {
    block(live(bench, disk))
}

/// Fills a tile.
fn tile(bench: &Bench, disk: &MemoryDisk) -> Vec<Receipt> {
    block(async {
        let mut receipts = Vec::new();
        let Ok((journal, _)) = bench.open(disk) else {
            return receipts;
        };
        for exchange in 0..130 {
            for entry in [request(exchange, 0), answer(exchange, 0)] {
                match journal.record(entry).await {
                    Ok(receipt) => receipts.push(receipt),
                    Err(_) => return receipts,
                }
            }
        }
        journal.close().await.unwrap_or_default();
        receipts
    })
}

/// Opens and closes what is there.
fn reopened(bench: &Bench, disk: &MemoryDisk) -> Vec<Receipt> {
    block(async {
        if let Ok((journal, _)) = bench.open(disk) {
            journal.close().await.unwrap_or_default();
        }
    });
    Vec::new()
}

/// Fails the writes that `concerns` picks, in the ways given; each time all that was told of is there.
fn fail_each(
    bench: &Bench,
    (before, told): (&MemoryDisk, &[Receipt]),
    life: Life,
    concerns: impl Fn(&Operation) -> bool,
    ways: impl Fn(&Operation, usize) -> Vec<Failure>,
) -> usize {
    let dry = before.crash(Crash::Process);
    life(bench, &dry);
    let lengths = dry.lengths();
    let operations: BTreeSet<Operation> = dry.trace().into_iter().filter(concerns).collect();
    let mut failed = 0;
    for operation in operations {
        let bytes = lengths.get(&operation).copied().unwrap_or(0);
        for failure in ways(&operation, bytes) {
            let disk = before.crash(Crash::Process);
            disk.fail(operation.clone(), failure);
            let mut receipts = told.to_vec();
            receipts.extend(life(bench, &disk));
            failed += usize::from(disk.has_failed());
            for crash in [Crash::Process, Crash::Power] {
                let what = format!("{operation:?} {failure:?} {crash:?}");
                block(survives(
                    bench,
                    &disk.crash(crash),
                    &mut receipts.clone(),
                    &what,
                ));
            }
        }
    }
    failed
}

fn whole(_: &Operation, _: usize) -> Vec<Failure> {
    vec![Failure::NotStored, Failure::StoredButFailed]
}

/// Torn at each sector, from the front and from the back.
fn torn(operation: &Operation, bytes: usize) -> Vec<Failure> {
    let sectors = bytes.saturating_sub(1) / SECTOR;
    let is_spare = operation.what == "write segments/spare" && sectors > SPARE_SECTORS;
    let step = if is_spare { sectors / SPARE_SECTORS } else { 1 };
    let cuts = (1..=sectors).step_by(step).map(|sector| sector * SECTOR);
    cuts.flat_map(|cut| [Failure::Front(cut), Failure::Back(cut)])
        .collect()
}

fn fresh() -> (MemoryDisk, Vec<Receipt>) {
    (MemoryDisk::default(), Vec::new())
}

#[test]
fn every_write_torn_at_each_sector_loses_nothing_acknowledged() {
    let (bench, (disk, told)) = (Bench::new(), fresh());
    let writes = |operation: &Operation| operation.what.starts_with("write ");
    let failed = fail_each(&bench, (&disk, &told), usual, writes, torn);
    assert!(failed > 300, "only {failed} tears");
}

#[test]
fn every_sync_torn_at_each_sector_of_a_batch_loses_nothing_acknowledged() {
    let (bench, (disk, told)) = (Bench::new(), fresh());
    let syncs = |operation: &Operation| {
        operation.what.starts_with("sync segments/0") && operation.number.is_multiple_of(5)
    };
    let batch = |operation: &Operation, _| torn(operation, 18_500);
    let failed = fail_each(&bench, (&disk, &told), usual, syncs, batch);
    assert!(failed > 100, "only {failed} tears");
}

/// Each name stands for changes that happen, each change has a name, and each failure that the code can
/// report is met.
#[test]
fn no_durable_write_is_missing_in_the_matrix() {
    let bench = Bench::new();
    let mut named: BTreeMap<&str, usize> = BTreeMap::new();
    let mut count = |disk: &MemoryDisk| {
        for operation in disk.trace() {
            let name = name(&operation);
            *named
                .entry(name.unwrap_or_else(|| panic!("{operation:?} has no name")))
                .or_default() += 1;
        }
    };
    // A new journal, three segments.
    let (disk, told) = fresh();
    fail_each(&bench, (&disk, &told), usual, |_| true, whole);
    let told = usual(&bench, &disk);
    count(&disk);
    // Recovery from a batch that was torn: leftovers, a copy, a seal.
    let torn = MemoryDisk::default();
    let batch = Operation {
        what: "write segments/00000000000000000000.segment".to_owned(),
        number: 2,
    };
    torn.fail(batch, Failure::TornFront);
    let some = usual(&bench, &torn);
    let torn = torn.crash(Crash::Process);
    fail_each(&bench, (&torn, &some), reopened, |_| true, whole);
    reopened(&bench, &torn);
    count(&torn);
    // A tile is full; then it is lost, with an index, and the machine has started again.
    let full = MemoryDisk::default();
    let tiles = |operation: &Operation| operation.what.contains("tile/");
    fail_each(&bench, (&full, &[]), tile, tiles, whole);
    let all = tile(&bench, &full);
    count(&full);
    let lost = full.crash(Crash::Process);
    lost.remove("tile/0/000").expect("removed");
    lost.remove("segments/00000000000000000000.index")
        .expect("removed");
    lost.carry_to("", "later");
    let mended = |operation: &Operation| {
        ["tile/", ".index", "home"]
            .iter()
            .any(|part| operation.what.contains(part))
    };
    fail_each(&bench, (&lost, &all), reopened, mended, whole);
    wrong_tile(&bench, &full);

    assert!(!told.is_empty() && !some.is_empty() && all.len() == 260);
    let missing: Vec<&str> = DURABLE
        .iter()
        .map(|(name, ..)| *name)
        .filter(|name| !named.contains_key(name))
        .collect();
    assert!(missing.is_empty(), "never seen: {missing:?}");
    let met = bench.doing.lock().expect("no test panics").clone();
    let met: BTreeSet<String> = met.into_iter().map(str::to_owned).collect();
    let mut can_fail = BTreeSet::new();
    said_in(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut can_fail,
    );
    for read in READS {
        assert!(can_fail.remove(read), "{read}");
    }
    assert_eq!(met, can_fail);
}

/// A tile made of leaves that were changed is removed again, which can fail too.
fn wrong_tile(bench: &Bench, full: &MemoryDisk) {
    let disk = full.crash(Crash::Process);
    disk.change("segments/00000000000000000000.segment", |bytes| {
        let leaf = bytes.windows(10).position(|window| window == b"POPULATION");
        bytes[leaf.expect("a leaf")] = b'Q';
    });
    disk.remove("tile/0/000").expect("removed");
    let disk = disk.crash(Crash::Process);
    let removal = Operation {
        what: "remove tile/0/000".to_owned(),
        number: 0,
    };
    disk.fail(removal, Failure::NotStored);
    reopened(bench, &disk);
    assert!(disk.has_failed());
}

/// Collects what the sources say is being done when a write fails.
fn said_in(folder: &Path, said: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("the sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            said_in(&path, said);
            continue;
        }
        let text = fs::read_to_string(&path).expect("a source");
        if path.components().any(|part| part.as_os_str() == "tests") {
            continue;
        }
        for mark in [
            "JournalError::disk(",
            "const DOING: &str = ",
            "let doing = ",
        ] {
            let places = text.match_indices(mark).map(|(at, _)| at + mark.len());
            said.extend(places.filter_map(|at| {
                let literal = text.get(at..)?.trim_start().strip_prefix('"')?;
                literal.split('"').next().map(str::to_owned)
            }));
        }
    }
    said.remove("…");
}
