//! A journal opens where it was, and elsewhere only on the operator's word.

use super::support::{Bench, check, request};
use crate::disk::memory::{Crash, MemoryDisk};
use crate::disk::{Disk, FolderDisk};
use crate::{Move, OpenError, Receipt};

/// A journal that was closed in order, with one leaf of ours.
async fn used(bench: &Bench, disk: &MemoryDisk) -> Receipt {
    let (journal, _) = bench.open(disk).expect("opens");
    let receipt = journal.record(request(1, 10)).await.expect("recorded");
    journal.close().await.expect("closes");
    receipt
}

fn refused(bench: &Bench, disk: &MemoryDisk) -> Move {
    match bench.open(disk) {
        Err(OpenError::Moved(why)) => why,
        other => panic!("not refused as moved: {other:?}"),
    }
}

#[tokio::test]
async fn a_copy_or_another_machine_is_refused_and_nothing_is_changed() {
    let (bench, disk) = (Bench::new(), MemoryDisk::default());
    used(&bench, &disk).await;
    let elsewhere = disk.crash(Crash::Process);
    elsewhere.carry_to("another", "");
    let lost = disk.crash(Crash::Process);
    lost.remove("home").expect("removed");
    let torn = disk.crash(Crash::Process);
    torn.change("home", |bytes| bytes.truncate(20));
    for (disk, why) in [
        (&elsewhere, Move::OtherMachine),
        (&disk.copied(), Move::Copied),
        (&lost, Move::NoHome),
        (&torn, Move::NoHome),
    ] {
        assert_eq!(refused(&bench, disk), why);
        let mut changes = disk.trace();
        changes.retain(|change| {
            change.what != "remove home" && !change.what.starts_with("make folder")
        });
        assert_eq!(changes, [folder_sync(""), folder_sync("segments")]);
    }
    let error = bench.open(&elsewhere).expect_err("refused").to_string();
    assert!(
        error.contains("another machine") && error.contains("two logs of one name"),
        "{error}"
    );
}

fn folder_sync(folder: &str) -> crate::disk::memory::Operation {
    crate::disk::memory::Operation {
        what: format!("sync folder {folder}"),
        number: 0,
    }
}

#[tokio::test]
async fn the_operators_word_makes_a_new_home_once_and_stands_in_the_log() {
    let (mut bench, disk) = (Bench::new(), MemoryDisk::default());
    let receipt = used(&bench, &disk).await;
    let copy = disk.copied();
    bench.config.moved = true;
    let (journal, _) = bench.open(&copy).expect("opens");
    let leaves = journal.leaves_since(crate::tests::support::NOW);
    let leaves = leaves.expect("readable");
    let said = leaves
        .iter()
        .filter_map(|(_, leaf)| leaf.facts.get("moved"));
    assert_eq!(said.collect::<Vec<_>>(), ["this is a copy of its folder"]);
    check(&journal, &[receipt]);
    let size = journal.head().size;
    journal.close().await.expect("closes");
    // From now on this is its home, and the word is worth nothing more.
    for moved in [false, true] {
        bench.config.moved = moved;
        let (journal, _) = bench.open(&copy).expect("opens");
        let leaves = journal.leaves_since(crate::tests::support::NOW);
        let leaves = leaves.expect("readable");
        let said = leaves
            .iter()
            .filter(|(_, leaf)| leaf.facts.contains_key("moved"));
        assert_eq!(said.count(), 1);
        journal.close().await.expect("closes");
    }
    assert!(size >= 3, "{size}");
    bench.config.moved = false;
    assert_eq!(refused(&bench, &copy.copied()), Move::Copied);
}

#[tokio::test]
async fn another_start_of_the_machine_is_the_same_place() {
    let (bench, disk) = (Bench::new(), MemoryDisk::default());
    used(&bench, &disk).await;
    let before = disk.bytes("home");
    disk.carry_to("", "second boot");
    let (journal, _) = bench.open(&disk).expect("opens");
    journal.close().await.expect("closes");
    let text = String::from_utf8(disk.bytes("home").expect("a home")).expect("text");
    assert!(text.contains("\"boot\":\"second boot\""), "{text}");
    assert_ne!(before, Some(text.into_bytes()));
    drop(bench.open(&disk).expect("opens"));
}

#[tokio::test]
async fn copied_and_restored_folders_are_told_from_the_one_that_was_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut bench = Bench::new();
    bench.config.folder = folder.path().join("journal");
    let (journal, _) = bench.open_folder().expect("opens");
    journal.record(request(1, 10)).await.expect("recorded");
    // Started a second time while it runs: the one that runs is named.
    let process = std::process::id().to_string();
    match bench.open_folder() {
        Err(OpenError::Locked { process: named }) => assert_eq!(named, process),
        other => panic!("not locked: {other:?}"),
    }
    journal.close().await.expect("closes");
    let (journal, _) = bench.open_folder().expect("opens where it was");
    journal.close().await.expect("closes");
    let original = bench.config.folder.clone();
    let copy = folder.path().join("copy");
    let copied = std::process::Command::new("cp")
        .arg("-a")
        .args([&original, &copy])
        .status();
    assert!(copied.expect("cp").success());
    bench.config.folder.clone_from(&copy);
    assert!(matches!(
        bench.open_folder(),
        Err(OpenError::Moved(Move::Copied))
    ));
    // Copied back in the place of the original.
    std::fs::rename(&original, folder.path().join("away")).expect("moved");
    std::fs::rename(&copy, &original).expect("moved");
    bench.config.folder.clone_from(&original);
    assert!(matches!(
        bench.open_folder(),
        Err(OpenError::Moved(Move::Copied))
    ));
    // A folder that was renamed is the same folder.
    std::fs::remove_dir_all(&original).expect("removed");
    bench.config.folder = folder.path().join("away");
    drop(bench.open_folder().expect("opens"));
    let place = FolderDisk::new(&bench.config.folder)
        .expect("a folder")
        .place("home");
    let place = place.expect("a place");
    let id = std::fs::read_to_string("/etc/machine-id").unwrap_or_default();
    assert!(place.file > 0 && (id.is_empty() || !place.machine.contains(id.trim())));
}
