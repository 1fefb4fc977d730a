//! Another evidence key for a log that is there.

use std::fs;
use std::path::PathBuf;

use uuid::Uuid;

use super::support::{Bench, request};
use crate::{RewrapError, rewrap};

/// Files that hold keys under the evidence key.
fn key_files(bench: &Bench) -> Vec<PathBuf> {
    let entries = fs::read_dir(bench.config.folder.join("segments")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let holds = |path: &PathBuf| {
        let end = path.extension().and_then(|end| end.to_str());
        matches!(end, Some("key" | "secrets"))
    };
    let mut paths: Vec<_> = paths.filter(holds).collect();
    paths.sort();
    paths
}

#[tokio::test]
async fn another_evidence_key_opens_all_that_was_kept_also_where_it_was_half_put_in_place() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::new();
    bench.config.folder = folder.path().join("journal");
    let (journal, _) = bench.open_folder().unwrap();
    // More than a segment holds.
    for exchange in 0..6 {
        let entry = request(exchange, 20 * 1024);
        journal.record(entry).await.unwrap();
    }
    let busy = rewrap(&bench.config.folder, &[7; 32], &[8; 32]);
    assert!(matches!(busy, Err(RewrapError::Locked)));
    journal.close().await.unwrap();
    let files = key_files(&bench);
    let before: Vec<_> = files.iter().map(|path| fs::read(path).unwrap()).collect();
    assert!(files.len() > 1, "{files:?}");

    // Neither key of another node does anything.
    let foreign = rewrap(&bench.config.folder, &[1; 32], &[2; 32]);
    assert!(matches!(foreign, Err(RewrapError::NotOpened { .. })));
    let count = rewrap(&bench.config.folder, &[7; 32], &[8; 32]).unwrap();
    assert_eq!(count, files.len() as u64);
    // One is as it was: power failed before its turn. The others stay as they are.
    fs::write(&files[0], &before[0]).unwrap();
    assert_eq!(rewrap(&bench.config.folder, &[7; 32], &[8; 32]).unwrap(), 1);
    assert_eq!(rewrap(&bench.config.folder, &[7; 32], &[8; 32]).unwrap(), 0);
    for (path, before) in files.iter().zip(&before) {
        let after = fs::read(path).unwrap();
        assert!(after.len() == before.len() && after != *before);
    }
    fs::remove_dir_all(bench.config.folder.join("cache")).unwrap();
    let bench = bench.with_evidence_key(8);
    let (journal, _) = bench.open_folder().unwrap();
    for exchange in 0..6 {
        let shown = journal.show(Uuid::from_u128(exchange)).unwrap();
        assert!(shown[0].evidence.is_some(), "{exchange}");
    }
    journal.close().await.unwrap();
}
