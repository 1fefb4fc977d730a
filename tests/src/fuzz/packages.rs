//! What those who integrate a registry write: manifests of packages, and the files of a registry that has no other form.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use bridge_adapter::{Fault, Package};
use bridge_adapter_file::{FileAdapter, FileLimits};
use bridge_adapter_http::HttpConfig;
use bridge_adapter_process::ProcessConfig;
use bridge_adapter_sql::{SqlAdapter, SqlLimits, sample};
use tempfile::TempDir;

/// A registry's package whose manifest is replaced, and the database that it is opened on: an empty file where it needs none.
struct Trial {
    package: TempDir,
    database: PathBuf,
    content: Vec<u8>,
}

/// Those whose manifests are replaced: two of databases, one of which stores, and one of each other kind.
const REGISTRIES: [&str; 5] = ["population", "appeals", "budget", "diplomas", "referrals"];

/// No crash, whatever a manifest says; each fault says where, within the file, and what to do; and no statement of it changes a
/// database when the package is opened, or what the process may do. The first byte, `0` to `4`, chooses the package.
pub(super) fn package(data: &[u8]) -> bool {
    static TRIALS: OnceLock<[Trial; 5]> = OnceLock::new();
    let trials = TRIALS.get_or_init(|| REGISTRIES.map(trial));
    let Some((trial, manifest)) = chosen(trials, data) else {
        return false;
    };
    let folder = trial.package.path();
    fs::write(folder.join("manifest.toml"), manifest).unwrap();
    let found = Package::load(folder).and_then(|package| match package.adapter.as_str() {
        "sql" => SqlAdapter::open(&package, &trial.database, SqlLimits::default()).map(drop),
        "file" => {
            FileAdapter::open(&package, Path::new("/nowhere"), &FileLimits::default()).map(drop)
        }
        "http" => HttpConfig::from_package(&package, None).map(drop),
        _ => ProcessConfig::from_package(&package).map(drop),
    });
    let now = fs::read(&trial.database).unwrap();
    assert!(now == trial.content, "the database is another");
    assert_eq!(heap_limit(), 0, "the process may do less");
    let Err(faults) = found else {
        return true;
    };
    let lines = manifest.split(|byte| *byte == b'\n').count() as u64;
    check(&faults, ("manifest.toml", lines));
    // Files that are not there are no fault of the manifest.
    faults.iter().all(|fault| fault.place.contains("/nowhere"))
}

/// The part that the first byte chooses, and what stands behind it.
fn chosen<'a, T>(parts: &'a [T], data: &'a [u8]) -> Option<(&'a T, &'a [u8])> {
    let (choice, rest) = data.split_first()?;
    Some((parts.get(usize::from(choice.checked_sub(b'0')?))?, rest))
}

/// Each fault says where and what to do, and a line of the file that was replaced is one that it has.
fn check(faults: &[Fault], (file, lines): (&str, u64)) {
    assert!(!faults.is_empty());
    for fault in faults {
        assert!(!fault.place.is_empty(), "{fault}");
        assert!(!fault.remedy.is_empty(), "{fault}");
        let is_of_file = fault.place.split(' ').next() == Some(file);
        let line = fault.line.filter(|_| is_of_file).unwrap_or(1);
        assert!((1..=lines).contains(&line), "{fault}");
    }
}

/// How much memory SQLite lets all connections of the process take together; 0 is no limit.
fn heap_limit() -> i64 {
    let own = rusqlite::Connection::open_in_memory().unwrap();
    own.query_row("PRAGMA hard_heap_limit", (), |row| row.get(0))
        .unwrap()
}

fn registry(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../adapters/registries")
        .join(name)
}

fn trial(name: &str) -> Trial {
    let package = copied(&registry(name));
    let database = package.path().join("registry.sqlite");
    let genuine = Package::load(package.path()).unwrap();
    match genuine.adapter.as_str() {
        "sql" => sample::build(&genuine, &database).unwrap(),
        _ => fs::write(&database, "").unwrap(),
    }
    let content = fs::read(&database).unwrap();
    Trial {
        package,
        database,
        content,
    }
}

/// The files of a folder, in memory.
fn copied(from: &Path) -> TempDir {
    let to = tempfile::tempdir_in("/dev/shm").unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), to.path().join(entry.file_name())).unwrap();
        }
    }
    to
}

/// The files of the registry that has no other form, and their contents as they are.
struct Shelf {
    package: Package,
    folder: TempDir,
    files: [(&'static str, Vec<u8>); 4],
}

/// No crash, whatever an agency's clerk puts there; each fault names the file. The first byte chooses which of them is replaced.
pub(super) fn table(data: &[u8]) -> bool {
    static SHELF: OnceLock<Shelf> = OnceLock::new();
    let shelf = SHELF.get_or_init(shelf);
    let Some(((name, genuine), bytes)) = chosen(&shelf.files, data) else {
        return false;
    };
    let path = shelf.folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    let opened = FileAdapter::open(&shelf.package, shelf.folder.path(), &FileLimits::default());
    fs::write(&path, genuine).unwrap();
    let Err(faults) = opened else {
        return true;
    };
    for fault in &faults {
        assert!(fault.place.contains(name), "{fault}");
        assert!(!fault.remedy.is_empty(), "{fault}");
    }
    false
}

/// The corpus holds each file as it is, behind the byte that chooses it; they are few and small, for all are read each time.
fn shelf() -> Shelf {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/table");
    let folder = tempfile::tempdir_in("/dev/shm").unwrap();
    let files = [
        "budget-execution.csv",
        "control-measures.csv",
        "grants-paid.xlsx",
        "procurement.xlsx",
    ];
    let files = files.map(|name| {
        let content = fs::read(corpus.join(name)).unwrap().split_off(1);
        fs::write(folder.path().join(name), &content).unwrap();
        (name, content)
    });
    Shelf {
        package: Package::load(&registry("budget")).unwrap(),
        folder,
        files,
    }
}
