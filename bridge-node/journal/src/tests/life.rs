//! Opening, recording, closing, opening again.

use std::sync::atomic::Ordering;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bridge_core::leaf::{EvidenceMode, Kind, Leaf, Side, UnixMillis};
use bridge_signature::Form;
use uuid::Uuid;

use super::support::{Bench, NOW, ORIGIN, answer, base, body, check, leaf, request};
use crate::disk::Disk as _;
use crate::disk::memory::{Crash, Failure, MemoryDisk, Operation};
use crate::note::NoteKey;
use crate::tree::sha256;
use crate::{CloseError, EVIDENCE_BODY_BYTES, Entry, OpenError, RecordError};

#[tokio::test]
async fn a_journal_is_made_written_closed_and_opened_again() {
    let (bench, disk) = (Bench::new(), MemoryDisk::default());
    let (journal, opened) = bench.open(&disk).expect("opens");
    assert!(opened.first_start);
    assert_eq!(journal.head().size, 0);
    assert_eq!((journal.origin(), journal.checkpoint()), (ORIGIN, None));
    let first = journal.record(request(1, 10)).await.expect("recorded");
    let second = journal.record(answer(1, 10)).await.expect("recorded");
    assert_eq!((first.index, second.index), (0, 1));
    let hash = URL_SAFE_NO_PAD.encode(first.leaf_hash);
    assert_eq!(first.text(), format!("{ORIGIN}#0:{hash}"));
    journal.close().await.expect("closes");
    journal.close().await.expect("closes again");
    assert!(matches!(
        journal.record(request(2, 1)).await,
        Err(RecordError::Stopped)
    ));
    let note = journal.checkpoint().expect("a checkpoint");
    assert_eq!(disk.bytes("checkpoint").expect("shown"), note);
    let names: Vec<String> = disk.paths();
    let sealed = "segments/00000000000000000000";
    for name in [
        format!("{sealed}.index"),
        format!("{sealed}.secrets"),
        format!("{sealed}.segment"),
    ] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    assert!(
        !names
            .iter()
            .any(|name| name.contains(".key") || name.contains(".half"))
    );

    let (journal, opened) = bench.open(&disk).expect("opens");
    assert!(!opened.first_start);
    assert_eq!((opened.unfinished, opened.cut_bytes), (Vec::new(), 0));
    // The digest of the first segment's index.
    assert_eq!(journal.head().size, 3);
    let leaves = journal.leaves_since(UnixMillis(0)).expect("readable");
    let digest = disk.bytes(&format!("{sealed}.index")).expect("an index");
    let digest = URL_SAFE_NO_PAD.encode(&digest[digest.len() - 32..]);
    assert_eq!(leaves[2].1.facts["digest"], digest);
    assert_eq!(leaves[2].1.facts["index"], "0".repeat(20));
    check(&journal, &[first, second]);
    assert_eq!(bench.fatal.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_message_is_signed_and_linked() {
    let (bench, disk) = (Bench::new(), MemoryDisk::default());
    let (journal, _) = bench.open(&disk).expect("opens");
    let receipt = journal.record(answer(5, 10)).await.expect("recorded");
    let made = receipt.signature.expect("a signature");
    assert_eq!(made.form, Form::Plain, "a lone message");
    assert_eq!(made.input, base("plain", 5).input());
    let signature = made.value;
    let shown = journal
        .show(Uuid::from_u128(5))
        .expect("readable")
        .remove(0);
    assert_eq!(
        shown.leaf.answer_link,
        Some(sha256(&[b"bridge-link-v1", &signature]))
    );
    assert_eq!(
        (shown.leaf.link, shown.leaf_hash),
        (None, receipt.leaf_hash)
    );
    let evidence = shown.evidence.expect("kept");
    assert_eq!(
        (evidence.base, evidence.signature),
        (base("plain", 5).into_bytes(), signature)
    );
    assert_eq!(evidence.body, body(5, 10));
}

#[tokio::test]
async fn what_is_kept_is_what_the_mode_says() {
    let (bench, disk) = (Bench::new(), MemoryDisk::default());
    let mut bench = bench;
    bench.config.segment_bytes = 2 * EVIDENCE_BODY_BYTES as u64;
    let (journal, _) = bench.open(&disk).expect("opens");
    let entries = [
        request(1, EVIDENCE_BODY_BYTES),
        request(2, EVIDENCE_BODY_BYTES + 1),
        Entry {
            mode: EvidenceMode::Digest,
            ..request(3, 10)
        },
        Entry {
            mode: EvidenceMode::None,
            ..request(4, 10)
        },
        Entry::of(leaf(Kind::Refused, 5)),
    ];
    for entry in entries {
        journal.record(entry).await.expect("recorded");
    }
    let shown = |exchange| {
        journal
            .show(Uuid::from_u128(exchange))
            .expect("readable")
            .remove(0)
    };
    let kept = |exchange| {
        let shown = shown(exchange);
        (
            shown.leaf.mode,
            shown.evidence.map(|evidence| evidence.body.len()),
        )
    };
    assert_eq!(
        kept(1),
        (Some(EvidenceMode::Full), Some(EVIDENCE_BODY_BYTES))
    );
    assert_eq!(kept(2), (Some(EvidenceMode::Digest), Some(0)));
    assert_eq!(kept(3), (Some(EvidenceMode::Digest), Some(0)));
    assert_eq!(kept(4), (None, None));
    assert_eq!(kept(5), (None, None));
    assert_eq!(
        (shown(4).leaf.subjects.len(), shown(4).leaf.evidence),
        (1, None)
    );
    assert_eq!(shown(5).leaf.subjects.len(), 0);
}

#[tokio::test]
async fn an_entry_that_cannot_be_recorded_concerns_no_other() {
    let (bench, disk) = (Bench::new(), MemoryDisk::default());
    let (journal, _) = bench.open(&disk).expect("opens");
    let record = async |entry| journal.record(entry).await.expect_err("refused");
    let both = Entry {
        sign: Some(base("plain", 1).into()),
        ..request(1, 1)
    };
    assert!(matches!(record(both).await, RecordError::TwoMessages));
    let unsigned = Entry {
        signature: None,
        ..request(1, 1)
    };
    assert!(matches!(record(unsigned).await, RecordError::NoMessage));
    let nothing = Entry {
        mode: EvidenceMode::Digest,
        ..Entry::of(leaf(Kind::Refused, 1))
    };
    assert!(matches!(record(nothing).await, RecordError::NoMessage));
    let mut exact = Entry::of(leaf(Kind::Refused, 1));
    exact.leaf.request_size = Some(257);
    assert!(matches!(record(exact).await, RecordError::Leaf(_)));
    assert!(matches!(
        record(request(1, 70_000)).await,
        RecordError::TooLarge { .. }
    ));
    let receipt = journal.record(request(1, 1)).await.expect("recorded");
    assert_eq!(receipt.index, 0);
    assert!(matches!(
        record(request(2, 70_000)).await,
        RecordError::TooLarge { .. }
    ));
    check(&journal, &[receipt]);
    journal.close().await.expect("closes");
}

#[tokio::test]
async fn time_never_falls() {
    let (bench, disk) = (Bench::new(), MemoryDisk::default());
    let (journal, _) = bench.open(&disk).expect("opens");
    let at = |time| Entry::of(Leaf::new(Kind::Administration, UnixMillis(time)));
    assert_eq!(
        journal.record(at(50)).await.expect("recorded").time,
        UnixMillis(50)
    );
    assert_eq!(
        journal.record(at(20)).await.expect("recorded").time,
        UnixMillis(50)
    );
    assert_eq!(journal.head().newest, UnixMillis(50));
    journal.close().await.expect("closes");
    let (journal, _) = bench.open(&disk).expect("opens");
    assert_eq!(journal.head().newest, NOW);
    assert_eq!(journal.record(at(70)).await.expect("recorded").time, NOW);
}

#[tokio::test]
async fn a_checkpoint_follows_each_batch_when_no_time_is_left() {
    let (bench, disk) = (Bench::new(), MemoryDisk::default());
    let (journal, _) = bench.open(&disk).expect("opens");
    let verifier = NoteKey::new(ORIGIN, &bench.keys().checkpoint_pkcs8).expect("a key");
    for exchange in 0..5_u64 {
        journal
            .record(request(exchange.into(), 10))
            .await
            .expect("recorded");
        let checkpoint = journal.checkpoint().map_or(0, |note| {
            verifier.verifier().open(&note).expect("valid").size
        });
        assert!(checkpoint >= exchange, "{checkpoint} of {exchange}");
    }
    assert_eq!(journal.vkey(), verifier.verifier().vkey());
}

#[tokio::test]
async fn exchanges_without_an_end_are_reported_until_they_have_one() {
    let (bench, disk) = (Bench::new(), MemoryDisk::default());
    let (journal, _) = bench.open(&disk).expect("opens");
    for exchange in [1, 2, 3] {
        journal
            .record(request(exchange, 10))
            .await
            .expect("recorded");
    }
    journal.record(answer(2, 10)).await.expect("recorded");
    let disk = disk.crash(Crash::Power);
    for _ in 0..2 {
        let (journal, opened) = bench.open(&disk).expect("opens");
        let begun: Vec<(Uuid, Side, Kind)> = opened
            .unfinished
            .iter()
            .map(|(id, side, leaf)| (*id, *side, leaf.kind))
            .collect();
        let expected =
            [1, 3].map(|id| (Uuid::from_u128(id), Side::Provider, Kind::RequestReceived));
        assert_eq!(begun, expected);
        journal.close().await.expect("closes");
    }
    let (journal, opened) = bench.open(&disk).expect("opens");
    for (_, _, begun) in opened.unfinished {
        let interrupted = Leaf {
            kind: Kind::Interrupted,
            ..begun
        };
        let interrupted = Leaf {
            evidence: None,
            subjects: Vec::new(),
            mode: None,
            ..interrupted
        };
        journal
            .record(Entry::of(interrupted))
            .await
            .expect("recorded");
    }
    journal.close().await.expect("closes");
    let (_, opened) = bench.open(&disk).expect("opens");
    assert_eq!(opened.unfinished, []);
}

#[tokio::test]
async fn a_folder_has_one_journal_and_one_user() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut bench = Bench::new();
    bench.config.folder = folder.path().join("journal");
    let (journal, _) = bench.open_folder().expect("opens");
    assert!(matches!(bench.open_folder(), Err(OpenError::Locked { .. })));
    journal.close().await.expect("closes");
    let mut other = Bench::new();
    other.config.folder = bench.config.folder.clone();
    let Err(OpenError::OtherLog { found, expected }) = other.open_folder() else {
        panic!("another key");
    };
    assert_eq!(found, journal.vkey());
    assert_ne!(found, expected);
    bench.config.origin = "exchange.example/AZ/GOV/1001/node-1/2".to_owned();
    assert!(matches!(
        bench.open_folder(),
        Err(OpenError::OtherLog { .. })
    ));
}

#[test]
fn settings_out_of_range_are_refused() {
    let refused = |change: fn(&mut Bench)| {
        let mut bench = Bench::new();
        change(&mut bench);
        bench.open(&MemoryDisk::default()).expect_err("refused")
    };
    assert!(matches!(
        refused(|b| b.config.segment_bytes = 1),
        OpenError::SegmentBytes { bytes: 1 }
    ));
    assert!(matches!(
        refused(|b| b.config.segment_bytes = 1 << 31),
        OpenError::SegmentBytes { .. }
    ));
    assert!(matches!(
        refused(|b| b.config.queue = 0),
        OpenError::NoQueue
    ));
    assert!(matches!(
        refused(|b| b.config.origin = "a b".to_owned()),
        OpenError::Key(_)
    ));
}

#[tokio::test]
async fn a_signature_made_ahead_is_that_of_a_leaf_that_becomes_durable() {
    let (bench, disk) = (Bench::new(), MemoryDisk::default());
    let (journal, _) = bench.open(&disk).expect("opens");
    let (signed, pending) = journal.sign_ahead(answer(1, 10)).await.expect("signed");
    let receipt = pending.durable().await.expect("durable");
    assert_eq!(receipt.signature, None);
    let hit = journal.leaves_since(UnixMillis(0)).expect("readable");
    let link = bridge_core::envelope::link(&signed.value);
    assert_eq!(hit[0].1.answer_link.as_ref(), Some(&link));
    // What has no message to sign is recorded, and nobody gets a signature.
    let unsigned = journal.sign_ahead(request(2, 10)).await;
    assert!(matches!(unsigned, Err(RecordError::Unknown)));
    check(&journal, &[receipt]);
}

#[tokio::test]
async fn a_signature_made_ahead_of_a_sync_that_fails_gets_no_receipt() {
    let (bench, disk) = (Bench::new(), MemoryDisk::default());
    let (journal, _) = bench.open(&disk).expect("opens");
    let what = "sync segments/00000000000000000000.segment".to_owned();
    disk.fail(Operation { what, number: 0 }, Failure::NotStored);
    let begun = journal.sign_ahead(answer(1, 10)).await;
    let (_signed, pending) = begun.expect("handed out before the sync");
    let outcome = pending.durable().await;
    assert!(matches!(outcome, Err(RecordError::Unknown)), "{outcome:?}");
    assert_eq!(bench.fatal.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_start_shows_the_newest_checkpoint_before_it_begins_a_segment() {
    let (bench, disk) = (Bench::new(), MemoryDisk::default());
    let (journal, _) = bench.open(&disk).expect("opens");
    let mut shown = Vec::new();
    for exchange in 1..3 {
        journal
            .record(request(exchange, 10))
            .await
            .expect("recorded");
        while journal
            .checkpoint()
            .is_none_or(|note| shown.contains(&note))
        {
            tokio::task::yield_now().await;
        }
        shown.push(journal.checkpoint().expect("a checkpoint"));
    }
    // Killed when the second was among the frames and the file still showed the first.
    let (killed, before) = (disk.crash(Crash::Process), shown[0].clone());
    let file = killed.create("checkpoint").expect("a file");
    file.write_at(&before, 0).expect("written");
    file.shorten(before.len() as u64).expect("shortened");
    let _running = bench.open(&killed).expect("opens");
    // The running journal may have shown a third by now.
    assert_ne!(killed.bytes("checkpoint").expect("shown"), before);
    let trace = killed.trace();
    let at = |what: &str| trace.iter().position(|one| one.what == what);
    let begun = at("rename segments/spare segments/00000000000000000002.segment");
    let newest = at("rename checkpoint.half checkpoint");
    assert!(newest.is_some() && newest < begun, "{trace:?}");
}

#[tokio::test]
async fn a_failed_sync_ends_it_for_all() {
    let (bench, disk) = (Bench::new(), MemoryDisk::default());
    let (journal, _) = bench.open(&disk).expect("opens");
    journal.record(request(1, 10)).await.expect("recorded");
    // The first two are of the first leaf and of the checkpoint over it.
    let what = "sync segments/00000000000000000000.segment".to_owned();
    disk.fail(Operation { what, number: 2 }, Failure::NotStored);
    let mut outcomes = Vec::new();
    for exchange in 2..5 {
        outcomes.push(journal.record(request(exchange, 10)).await);
    }
    assert!(disk.has_failed());
    assert!(
        matches!(outcomes[2], Err(RecordError::Stopped)),
        "{outcomes:?}"
    );
    assert_eq!(journal.close().await, Err(CloseError));
    assert_eq!(bench.fatal.load(Ordering::SeqCst), 1);
}
