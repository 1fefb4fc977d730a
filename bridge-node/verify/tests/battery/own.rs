//! The judge against the second writer.

use std::fs;
use std::path::Path;

use bridge_verify::{Options, Report, verify};

use crate::writer::{self, EVIDENCE_KEY};

/// Checks with all keys, and stops at findings.
fn whole(folder: &Path) -> Report {
    let options = Options {
        evidence_key: Some(EVIDENCE_KEY),
        vkey: Some(writer::vkey()),
        ..Options::default()
    };
    verify(folder, &options, &mut |_| {}).unwrap_or_else(|findings| panic!("{findings:#?}"))
}

#[test]
fn a_good_journal_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    writer::good(folder.path());
    let mut last = None;
    let options = Options {
        evidence_key: Some(EVIDENCE_KEY),
        vkey: None,
        ..Options::default()
    };
    let report = verify(folder.path(), &options, &mut |progress| {
        last = Some(progress);
    })
    .unwrap_or_else(|findings| panic!("{findings:#?}"));
    assert_eq!(report.leaves, 640);
    assert_eq!((report.signed_leaves, report.segments), (640, 4));
    assert_eq!((report.tiles, report.index_runs), (2, 3));
    assert!(report.evidence_opened > 500, "{report:?}");
    assert_eq!(
        (
            report.evidence_closed,
            report.erased,
            report.uncommitted_bytes
        ),
        (0, 0, 0)
    );
    let last = last.unwrap();
    assert_eq!((last.leaves, last.bytes), (640, last.bytes_total));
    assert_eq!(whole(folder.path()), report);
}

#[test]
fn without_the_evidence_key_evidence_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    writer::good(folder.path());
    let opened = whole(folder.path()).evidence_opened;
    let report = verify(folder.path(), &Options::default(), &mut |_| {}).unwrap();
    assert_eq!(
        (report.evidence_opened, report.evidence_closed),
        (0, opened)
    );
}

#[test]
fn what_no_commit_covers_is_told_and_no_fault() {
    let folder = tempfile::tempdir().unwrap();
    writer::good(folder.path());
    let path = folder.path().join("segments/00000000000000000600.segment");
    let journal = crate::model::Journal::read(folder.path());
    let end = journal.segments[3].end;
    let mut bytes = fs::read(&path).unwrap();
    bytes[end] = 1;
    bytes[end + 4] = 200;
    bytes[end + 50] = 7;
    fs::write(&path, bytes).unwrap();
    assert_eq!(whole(folder.path()).uncommitted_bytes, 51);
}

#[test]
fn a_prepared_segment_that_was_never_used_is_no_fault() {
    let folder = tempfile::tempdir().unwrap();
    writer::good(folder.path());
    let path = folder.path().join("segments/00000000000000000640.segment");
    fs::write(&path, vec![0; 8192]).unwrap();
    // Only the last segment may be open, so the one before is at fault now, and it alone.
    let options = Options {
        evidence_key: Some(EVIDENCE_KEY),
        vkey: None,
        ..Options::default()
    };
    let findings = verify(folder.path(), &options, &mut |_| {}).unwrap_err();
    assert_eq!(findings.len(), 1, "{findings:#?}");
    assert!(
        findings[0].to_string().contains("without a seal"),
        "{findings:#?}"
    );
}

#[test]
fn keys_of_others_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    writer::good(folder.path());
    let other = writer::vkey().replacen("NODE1", "NODE2", 1);
    let options = Options {
        evidence_key: None,
        vkey: Some(other),
        ..Options::default()
    };
    let findings = verify(folder.path(), &options, &mut |_| {}).unwrap_err();
    assert!(
        findings[0].to_string().starts_with("the given key: "),
        "{findings:#?}"
    );
    let options = Options {
        evidence_key: Some([1; 32]),
        vkey: None,
        ..Options::default()
    };
    let findings = verify(folder.path(), &options, &mut |_| {}).unwrap_err();
    assert!(
        findings[0]
            .to_string()
            .contains("00000.secrets, byte 0: the key in it"),
        "{findings:#?}"
    );
}

#[test]
fn erased_records_are_counted_if_a_leaf_says_so() {
    let folder = tempfile::tempdir().unwrap();
    writer::good_without(folder.path(), &[7, 310]);
    let report = whole(folder.path());
    assert_eq!((report.erased, report.leaves), (2, 641));
    let kept = tempfile::tempdir().unwrap();
    writer::good(kept.path());
    assert_eq!(
        whole(kept.path()).evidence_opened,
        report.evidence_opened + 2
    );
    // The battery has the case that no leaf says so.
}
