//! What was lost or spoilt beside the segments is made anew at start if the segments say what it was.

use uuid::Uuid;

use super::damage::{closed, crashed, refused};
use super::support::{Bench, answer, check, request};
use crate::disk::Disk as _;
use crate::disk::memory::{Crash, MemoryDisk};
use crate::{Damage, Fault, Filter, OpenError, ReadError};

const FIRST: &str = "segments/00000000000000000000";

/// Opens, reads all leaves and some evidence, closes.
async fn sound(bench: &Bench, disk: &MemoryDisk) {
    let (journal, _) = bench.open(disk).expect("opens");
    check(&journal, &[]);
    assert_eq!(journal.show(Uuid::from_u128(0)).expect("readable").len(), 2);
    journal.close().await.expect("closes");
}

#[tokio::test]
async fn all_tiles_of_a_sealed_segment_are_durable() {
    let mut bench = Bench::new();
    bench.config.segment_bytes = 4 * 1024 * 1024;
    let disk = MemoryDisk::default();
    let (journal, _) = bench.open(&disk).expect("opens");
    for exchange in 0..400 {
        for entry in [request(exchange, 0), answer(exchange, 0)] {
            journal.record(entry).await.expect("recorded");
        }
    }
    journal.close().await.expect("closes");
    assert_eq!(ending_with(&disk, ".index").len(), 1);
    let mut tiles = disk.paths();
    tiles.retain(|path| path.starts_with("tile/0/"));
    assert!(tiles.len() > 2, "{tiles:?}");
    let after = disk.crash(Crash::Power);
    for path in tiles {
        assert_eq!(after.bytes(&path), disk.bytes(&path), "{path}");
    }
}

fn ending_with(disk: &MemoryDisk, ending: &str) -> Vec<String> {
    let mut paths = disk.paths();
    paths.retain(|path| path.ends_with(ending));
    paths
}

#[tokio::test]
async fn a_lost_or_spoilt_index_of_any_segment_is_made_anew() {
    let bench = Bench::new();
    let disk = closed(&bench).await;
    let indexes = ending_with(&disk, ".index");
    assert!(indexes.len() > 3, "{indexes:?}");
    let whole: Vec<_> = indexes.iter().map(|path| disk.bytes(path)).collect();
    for (path, bytes) in indexes.iter().zip(&whole) {
        let length = bytes.as_ref().map_or(0, Vec::len);
        for spoil in [0, 1, length / 2, length - 1] {
            let changed = disk.crash(Crash::Power);
            changed.change(path, |bytes| bytes[spoil] ^= 1);
            sound(&bench, &changed).await;
            assert_eq!(changed.bytes(path), *bytes, "{path} at {spoil}");
            let cut = disk.crash(Crash::Power);
            cut.change(path, |bytes| bytes.truncate(spoil));
            sound(&bench, &cut).await;
            assert_eq!(cut.bytes(path), *bytes, "{path} cut to {spoil}");
        }
        let lost = disk.crash(Crash::Power);
        lost.remove(path).expect("removed");
        sound(&bench, &lost).await;
        assert_eq!(lost.bytes(path), *bytes, "{path}");
    }
    let lost = disk.crash(Crash::Power);
    for path in &indexes {
        lost.remove(path).expect("removed");
    }
    sound(&bench, &lost).await;
    let again: Vec<_> = indexes.iter().map(|path| lost.bytes(path)).collect();
    assert_eq!(again, whole);
}

#[tokio::test]
async fn without_key_and_secrets_a_segment_without_index_is_refused() {
    let bench = Bench::new();
    let disk = closed(&bench).await;
    disk.remove(&format!("{FIRST}.index")).expect("removed");
    disk.remove(&format!("{FIRST}.secrets")).expect("removed");
    let damage = refused(&bench, &disk);
    assert!(matches!(damage.fault, Fault::NoKey), "{damage}");
    assert_eq!(damage.file, format!("{FIRST}.key"));
}

#[tokio::test]
async fn lost_secrets_close_the_evidence_and_nothing_else() {
    let bench = Bench::new();
    let disk = closed(&bench).await;
    let path = format!("{FIRST}.secrets");
    let secrets = disk.bytes(&path).expect("secrets");
    disk.remove(&path).expect("removed");
    let (journal, _) = bench.open(&disk).expect("opens");
    check(&journal, &[]);
    let Err(ReadError::Damaged(Damage { file, .. })) = journal.show(Uuid::from_u128(0)) else {
        panic!("evidence without a secret");
    };
    assert_eq!(file, path);
    journal.close().await.expect("closes");
    // Restored from a backup, it opens again.
    disk.create(&path).expect("made");
    disk.change(&path, |bytes| *bytes = secrets);
    sound(&bench, &disk).await;
}

#[tokio::test]
async fn a_lost_or_spoilt_checkpoint_is_made_anew_from_the_frames() {
    let bench = Bench::new();
    let disk = closed(&bench).await;
    let whole = disk.bytes("checkpoint").expect("a checkpoint");
    for at in 0..whole.len() {
        let changed = disk.crash(Crash::Power);
        match at {
            0 => changed.remove("checkpoint").expect("removed"),
            _ if at % 2 == 0 => changed.change("checkpoint", |bytes| bytes.truncate(at)),
            _ => changed.change("checkpoint", |bytes| bytes[at] ^= 1),
        }
        let (journal, _) = bench.open(&changed).expect("opens");
        let note = journal.checkpoint().expect("found among the frames");
        assert!(note == whole || journal.head().size > 0, "{at}");
        journal.close().await.expect("closes");
        let shown = changed.bytes("checkpoint").expect("shown");
        assert_eq!(Some(&shown[..]), journal.checkpoint().as_deref(), "{at}");
    }
    // It still guards the log: a tree behind the newest frame is refused.
    let spoilt = crashed(&bench).await;
    spoilt.change("checkpoint", |bytes| bytes[5] ^= 1);
    let last = super::damage::last_segment(&spoilt);
    spoilt.change(&last, |bytes| bytes[5_000] ^= 1);
    refused(&bench, &spoilt);
}

/// A journal with full tiles of two levels would take 65,536 leaves; 600 fill two tiles of level 0.
async fn with_tiles(bench: &Bench) -> MemoryDisk {
    let disk = MemoryDisk::default();
    let (journal, _) = bench.open(&disk).expect("opens");
    let entries = (0..300).flat_map(|exchange| [request(exchange, 0), answer(exchange, 0)]);
    for entry in entries {
        journal.record(entry).await.expect("recorded");
    }
    journal.close().await.expect("closes");
    disk
}

#[tokio::test]
async fn lost_tiles_are_made_anew_from_the_leaves() {
    let bench = Bench::new();
    let disk = with_tiles(&bench).await;
    let tiles: Vec<String> = ["tile/0/000", "tile/0/001"].map(str::to_owned).into();
    let whole: Vec<_> = tiles.iter().map(|path| disk.bytes(path)).collect();
    assert!(whole.iter().all(Option::is_some), "{:?}", disk.paths());
    for gone in [&tiles[..1], &tiles[1..], &tiles[..]] {
        let lost = disk.crash(Crash::Power);
        for path in gone {
            lost.remove(path).expect("removed");
        }
        sound(&bench, &lost).await;
        let again: Vec<_> = tiles.iter().map(|path| lost.bytes(path)).collect();
        assert_eq!(again, whole);
    }
}

#[tokio::test]
async fn tiles_are_not_made_of_changed_leaves() {
    let bench = Bench::new();
    let disk = with_tiles(&bench).await;
    let path = format!("{FIRST}.segment");
    let bytes = disk.bytes(&path).expect("bytes");
    let leaf = b"POPULATION";
    let at = bytes.windows(leaf.len()).position(|window| window == leaf);
    disk.change(&path, |bytes| bytes[at.expect("a leaf")] = b'Q');
    disk.remove("tile/0/000").expect("removed");
    for _ in 0..2 {
        let damage = refused(&bench, &disk);
        assert!(matches!(damage.fault, Fault::Leaves), "{damage}");
        assert_eq!(damage.file, "tile/0/000");
        assert_eq!(disk.bytes("tile/0/000"), None);
    }
}

#[tokio::test]
async fn sled_removed_spoilt_cut_or_emptied_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut bench = Bench::new();
    bench.config.folder = folder.path().to_owned();
    let cache = folder.path().join("cache");
    let mut exchange = 0;
    let mut size = 0;
    for spoil in 0..8 {
        let (journal, _) = bench.open_folder().expect("opens");
        assert!(journal.head().size >= size, "{spoil}");
        check(&journal, &[]);
        let hits = journal.search(&Filter::default()).expect("readable").len() as u64;
        assert_eq!(hits, journal.head().size);
        for _ in 0..10 {
            exchange += 1;
            journal
                .record(answer(exchange, 8_000))
                .await
                .expect("recorded");
        }
        size = journal.head().size;
        journal.close().await.expect("closes");
        drop(journal);
        let files = walk(&cache);
        assert!(!files.is_empty());
        if spoil == 0 {
            std::fs::remove_dir_all(&cache).expect("removed");
            continue;
        }
        for (number, file) in files.iter().enumerate() {
            let bytes = std::fs::read(file).expect("readable");
            let spoilt = match spoil {
                1 => Vec::new(),
                2 => vec![0xa5; bytes.len()],
                3 => bytes[..bytes.len() / 2].to_vec(),
                4 => vec![0; bytes.len()],
                5 if number == 0 => vec![0xff; 100],
                6 => bytes
                    .iter()
                    .enumerate()
                    .map(|(at, byte)| byte ^ u8::from(at % 97 == 0))
                    .collect(),
                7 => bytes.iter().rev().copied().collect(),
                _ => bytes,
            };
            std::fs::write(file, spoilt).expect("written");
        }
    }
    let (journal, _) = bench.open_folder().expect("opens");
    assert_eq!(
        journal.search(&Filter::default()).expect("readable").len() as u64,
        journal.head().size
    );
    assert!(folder.path().join("cache.damaged").is_dir());
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(walk(&path));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}

#[tokio::test]
async fn an_unreadable_file_is_not_taken_for_a_lost_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut bench = Bench::new();
    bench.config.folder = folder.path().to_owned();
    let (journal, _) = bench.open_folder().expect("opens");
    journal.record(request(1, 10)).await.expect("recorded");
    journal.close().await.expect("closes");
    drop(journal);
    let checkpoint = folder.path().join("checkpoint");
    std::fs::remove_file(&checkpoint).expect("removed");
    // A folder in its place can't be opened as a file.
    std::fs::create_dir(&checkpoint).expect("made");
    match bench.open_folder() {
        Err(OpenError::Read { file, .. }) => assert_eq!(file, "checkpoint"),
        other => panic!("not refused: {other:?}"),
    }
}
