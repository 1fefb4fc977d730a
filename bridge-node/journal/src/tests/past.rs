//! A journal that is read and never written.

use std::fs;
use std::path::Path;

use bridge_verify::is_consistent;
use zeroize::Zeroizing;

use super::support::{Bench, request};
use crate::tree::{Hash, sha256};
use crate::{Disk as _, Filter, FolderDisk, Past};

/// Every file of a folder with the hash of its bytes.
fn contents(folder: &Path) -> Vec<(String, Hash)> {
    let mut list = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            list.extend(contents(&path));
        } else {
            let bytes = fs::read(&path).expect("a file");
            list.push((path.display().to_string(), sha256(&[&bytes])));
        }
    }
    list.sort();
    list
}

#[tokio::test]
async fn a_closed_journal_or_a_killed_one_is_read_and_proved_and_no_byte_of_it_changes() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut bench = Bench::new();
    bench.config.folder = folder.path().to_owned();
    for kill in [false, true] {
        let (journal, _) = bench.open_folder().expect("opens");
        let start = journal.head().size;
        for exchange in 0..300_u128 {
            let request = request(u128::from(start) * 1000 + exchange, 200);
            journal.record(request).await.expect("recorded");
        }
        let head = journal.head();
        if !kill {
            journal.close().await.expect("closes");
        }
        drop(journal);
        let disk = FolderDisk::new(folder.path()).expect("a folder");
        while disk.lock().expect("readable").is_none() {
            std::thread::yield_now();
        }
        let before = contents(folder.path());
        let past = Past::open(folder.path(), Zeroizing::new([7; 32])).expect("opens");
        assert!(past.head().size >= head.size, "{kill}");
        let (checkpoint, note) = past.signed().expect("a checkpoint");
        assert_eq!(past.verifier().open(&note), Ok(checkpoint));
        let proof = past.consistency(head.size.min(checkpoint.size), checkpoint.size);
        let proof = proof.expect("readable").expect("there");
        if checkpoint.size > head.size {
            let (old, new) = ((head.size, &head.root), (checkpoint.size, &checkpoint.root));
            assert!(is_consistent(old, new, &proof));
        }
        let all = past.search(&Filter::default()).expect("readable");
        assert_eq!(all.len() as u64, past.head().size);
        let id = all
            .iter()
            .find_map(|hit| hit.leaf.request_id)
            .expect("an exchange");
        let shown = past.show(id).expect("readable");
        assert!(shown[0].evidence.is_some());
        assert!(!past.is_rebooted());
        drop(past);
        assert_eq!(contents(folder.path()), before, "{kill}");
    }
}

#[test]
fn a_folder_without_a_journal_is_not_opened() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(Past::open(folder.path(), Zeroizing::new([7; 32])).is_err());
    assert!(contents(folder.path()).is_empty());
}
