//! Every change of the disk, failed in every way, and every kind of crash after it: what was
//! acknowledged is there again, also after a further crash.

use std::collections::BTreeSet;

use uuid::Uuid;

use bridge_verify::{Options, verify};

use super::bytes::written;
use super::support::{Bench, answer, body, check, request};
use crate::disk::memory::{Crash, Failure, MemoryDisk, Operation};
use crate::{Filter, Journal, Receipt};

const FAILURES: [Failure; 4] = [
    Failure::NotStored,
    Failure::StoredButFailed,
    Failure::TornFront,
    Failure::TornBack,
];
const CRASHES: [Crash; 3] = [Crash::Process, Crash::Power, Crash::PowerFoldersKept];

/// A body of which three fill a segment.
const BODY_BYTES: usize = 18_000;

/// Enough to begin a third segment.
const EXCHANGES: u128 = 4;

/// Opens, records until something fails, and closes. Returns what was acknowledged.
pub(super) async fn live(bench: &Bench, disk: &MemoryDisk) -> Vec<Receipt> {
    let mut receipts = Vec::new();
    let Ok((journal, _)) = bench.open(disk) else {
        return receipts;
    };
    for exchange in 0..EXCHANGES {
        for entry in [request(exchange, BODY_BYTES), answer(exchange, BODY_BYTES)] {
            match journal.record(entry).await {
                Ok(receipt) => receipts.push(receipt),
                Err(_) => return receipts,
            }
        }
    }
    // A failure while closing costs nothing that was acknowledged.
    journal.close().await.unwrap_or_default();
    receipts
}

/// Checks that all is there, evidence included, and that the journal goes on.
pub(super) async fn survives(
    bench: &Bench,
    disk: &MemoryDisk,
    receipts: &mut Vec<Receipt>,
    what: &str,
) {
    let (journal, _) = match bench.open(disk) {
        Ok(opened) => opened,
        Err(error) => panic!("{what}: {error:?}"),
    };
    check(&journal, receipts);
    shows(&journal, receipts, what);
    let more = journal
        .record(request(1000 + receipts.len() as u128, 100))
        .await;
    receipts.push(more.unwrap_or_else(|error| panic!("{what}: {error:?}")));
}

/// Opens the evidence of every exchange and compares it with what was sent.
fn shows(journal: &Journal, receipts: &[Receipt], what: &str) {
    let hits = journal.search(&Filter::default()).expect("readable");
    let exchanges: BTreeSet<Uuid> = hits.iter().filter_map(|hit| hit.leaf.request_id).collect();
    let mut seen = BTreeSet::new();
    for exchange in exchanges {
        let shown = journal.show(exchange);
        for shown in shown.unwrap_or_else(|error| panic!("{what}: {error:?}")) {
            let evidence = shown.evidence.expect("kept");
            let length = evidence.body.len();
            assert_eq!(evidence.body, body(exchange.as_u128(), length), "{what}");
            seen.insert((shown.index, shown.leaf_hash));
        }
    }
    for receipt in receipts {
        assert!(
            seen.contains(&(receipt.index, receipt.leaf_hash)),
            "{what}: {}",
            receipt.index
        );
    }
}

/// The operations of a life without failure.
async fn operations(bench: &Bench, disk: &MemoryDisk) -> BTreeSet<Operation> {
    live(bench, disk).await;
    disk.trace().into_iter().collect()
}

/// Fails each operation of a life in one way, crashes in each way, and looks what is left.
async fn every_operation_fails(failure: Failure) {
    let bench = Bench::new();
    let all = operations(&bench, &MemoryDisk::default()).await;
    assert!(
        all.iter()
            .any(|one| one.what.starts_with("rename segments/spare"))
    );
    assert!(all.len() > 80, "{} operations", all.len());
    for operation in all {
        let disk = MemoryDisk::default();
        disk.fail(operation.clone(), failure);
        let receipts = live(&bench, &disk).await;
        for crash in CRASHES {
            let what = format!("{operation:?} {failure:?} {crash:?}");
            let mut receipts = receipts.clone();
            let disk = disk.crash(crash);
            survives(&bench, &disk, &mut receipts, &what).await;
            let disk = disk.crash(Crash::Power);
            survives(&bench, &disk, &mut receipts, &what).await;
        }
    }
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_if_a_change_is_not_stored() {
    every_operation_fails(Failure::NotStored).await;
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_if_a_change_is_stored_but_reported_failed() {
    every_operation_fails(Failure::StoredButFailed).await;
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_if_the_end_of_a_change_is_torn_off() {
    every_operation_fails(Failure::TornFront).await;
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_if_the_front_of_a_change_is_torn_off() {
    every_operation_fails(Failure::TornBack).await;
}

#[tokio::test]
async fn a_crash_while_recovering_loses_nothing_either() {
    let bench = Bench::new();
    let disk = MemoryDisk::default();
    let torn = Operation {
        what: "write segments/00000000000000000000.segment".to_owned(),
        number: 2,
    };
    disk.fail(torn, Failure::TornFront);
    let receipts = live(&bench, &disk).await;
    assert!(disk.has_failed());
    let dry = disk.crash(Crash::Process);
    let (journal, opened) = bench.open(&dry).expect("opens");
    assert!(opened.cut_bytes > 0);
    journal.close().await.expect("closes");
    let all: BTreeSet<Operation> = dry.trace().into_iter().collect();
    for operation in all {
        for failure in FAILURES {
            let disk = disk.crash(Crash::Process);
            disk.fail(operation.clone(), failure);
            if let Ok((journal, _)) = bench.open(&disk) {
                journal.close().await.unwrap_or_default();
            }
            for crash in CRASHES {
                let what = format!("{operation:?} {failure:?} {crash:?}");
                survives(&bench, &disk.crash(crash), &mut receipts.clone(), &what).await;
            }
        }
    }
}

/// A checkpoint is durable among the frames, its file is not exchanged yet, and each start after that is killed: whoever
/// verifies before the next start sees no rollback where none is.
#[tokio::test]
async fn what_a_killed_start_leaves_shows_no_checkpoint_that_looks_put_back() {
    let bench = Bench::new();
    let disk = MemoryDisk::default();
    live(&bench, &disk).await;
    let steps = disk.trace().into_iter();
    let mut judged = 0;
    for step in steps.filter(|step| step.what.contains("checkpoint")) {
        let disk = MemoryDisk::default();
        disk.fail(step.clone(), Failure::NotStored);
        live(&bench, &disk).await;
        let left = disk.crash(Crash::Process);
        let again = left.crash(Crash::Process);
        drop(bench.open(&again));
        let starting: BTreeSet<Operation> = again.trace().into_iter().collect();
        for killed in starting {
            let start = left.crash(Crash::Process);
            start.fail(killed.clone(), Failure::NotStored);
            drop(bench.open(&start));
            let folder = written(&start.crash(Crash::Process));
            let options = Options {
                evidence_key: Some([7; 32]),
                ..Options::default()
            };
            let found = verify(folder.path(), &options, &mut |_| {});
            let findings = found.err().unwrap_or_default();
            let told: Vec<_> = findings.iter().map(ToString::to_string).collect();
            let put_back = told.iter().any(|finding| finding.starts_with("checkpoint"));
            assert!(!put_back, "{step:?}, {killed:?}: {told:?}");
            judged += 1;
        }
    }
    assert!(judged > 100, "{judged}");
}

/// The other side of that rule: in a journal whose last segment is open, a checkpoint from before that segment is found as soon as
/// another one of then is newer.
#[tokio::test]
async fn a_checkpoint_put_back_from_before_the_open_segment_is_found() {
    let (bench, disk) = (Bench::new(), MemoryDisk::default());
    let (journal, _) = bench.open(&disk).expect("opens");
    let segments = || {
        disk.paths()
            .iter()
            .filter(|path| path.ends_with(".segment"))
            .count()
    };
    let mut shown = Vec::new();
    let mut exchange = 0;
    while segments() < 2 {
        let entry = request(exchange, BODY_BYTES);
        journal.record(entry).await.expect("recorded");
        shown.push(disk.bytes("checkpoint"));
        exchange += 1;
    }
    let left = disk.crash(Crash::Process);
    let told = |disk: &MemoryDisk| {
        let folder = written(disk);
        let found = verify(folder.path(), &Options::default(), &mut |_| {});
        let findings = found.err().unwrap_or_default();
        findings
            .iter()
            .any(|one| one.to_string().contains("an old file was put back"))
    };
    assert!(!told(&left), "as it was left");
    let oldest = shown
        .into_iter()
        .flatten()
        .next()
        .expect("shown before the next segment");
    left.change("checkpoint", |bytes| *bytes = oldest);
    assert!(told(&left));
}

#[tokio::test]
async fn a_power_cut_between_any_two_batches_loses_nothing() {
    let (bench, disk) = (Bench::new(), MemoryDisk::default());
    let (journal, _) = bench.open(&disk).expect("opens");
    let mut receipts = Vec::new();
    for exchange in 0..EXCHANGES {
        let receipt = journal
            .record(request(exchange, BODY_BYTES))
            .await
            .expect("recorded");
        receipts.push(receipt);
        for crash in CRASHES {
            survives(&bench, &disk.crash(crash), &mut receipts.clone(), "a cut").await;
        }
    }
}
