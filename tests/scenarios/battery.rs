//! The registry packages of the repository on the conformance kit's bench: all checks, against what a node would open.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use bridge_adapter::kit::{Format, Pace, Report, Subject, Verdict, checks, examine};
use bridge_adapter::scenario::Scenario;
use bridge_adapter::{Adapter, Health, Package};
use bridge_adapter_file::{FileAdapter, FileLimits};
use bridge_adapter_http::{HttpAdapter, HttpConfig, Site};
use bridge_adapter_process::{ProcessAdapter, ProcessConfig};
use bridge_adapter_sql::{Access, Database, SqlAdapter, SqlLimits, sample};
use bridge_tests::package::{folder, postgres_access, with_library};
use bridge_tests::process::program;
use bridge_tests::university::University;
use bridge_tests::wait::wait_until;

/// Packages whose manifest speaks to PostgreSQL too.
const ON_POSTGRESQL: [&str; 2] = ["payments", "population"];
/// What no package gives an occasion for: the registry would have to misbehave on demand. `kit-faults` and the adapters' own
/// tests hold these.
const OCCASION_ELSEWHERE: [&str; 5] = [
    "registry.cut",
    "registry.large",
    "registry.not-utf8",
    "registry.slow",
    "registry.slow-cancelled",
];

/// The names of the packages, as the folders say.
fn names() -> Vec<String> {
    let listed = fs::read_dir(folder("")).unwrap();
    let mut names: Vec<String> = listed
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Opens a package over its sample data as a node would; `place` is for what it needs besides.
async fn open(package: &Package, place: &Path) -> Arc<dyn Adapter> {
    match package.adapter.as_str() {
        "sql" => {
            let database = place.join("registry.db");
            sample::build(package, &database).unwrap_or_else(|error| panic!("{error}: {error:?}"));
            sql(package, Access::both(Database::Sqlite(database)))
        }
        "file" => {
            let files = package.folder.join("sample");
            Arc::new(FileAdapter::open(package, &files, &FileLimits::default()).unwrap())
        }
        "http" => {
            // The one upstream that there is a package for.
            assert_eq!(package.name, "diplomas");
            let university = University::start(place).await;
            let settings: toml::Table = university.settings(place, "-").parse().unwrap();
            let table = settings["services"][0]["http"].as_table().unwrap();
            let site = Site {
                table,
                folder: place,
            };
            let config = HttpConfig::from_package(package, Some(&site)).unwrap();
            Arc::new(HttpAdapter::new(config).unwrap())
        }
        "process" => {
            let whole = with_library(&package.name, place);
            let whole = Package::load(&whole).unwrap();
            let mut config = ProcessConfig::from_package(&whole).unwrap();
            config.launcher = Some(vec![program().into(), "cage".into()]);
            // Without a folder that stays it is a trial and has its sample.
            Arc::new(ProcessAdapter::new(config))
        }
        other => panic!("a package of the kind {other}: say here how it is opened"),
    }
}

fn sql(package: &Package, access: Access) -> Arc<dyn Adapter> {
    Arc::new(SqlAdapter::open(package, access, SqlLimits::default()).unwrap())
}

/// Tries the whole battery on an adapter that is ready.
async fn report(package: &Package, adapter: Arc<dyn Adapter>) -> Report {
    let subject = Subject::new(package, Scenario::load(package).unwrap());
    assert_eq!(subject.faults(), []);
    wait_until("the adapter is ready", async || {
        adapter.health().await == Health::Ready
    })
    .await;
    let report = examine(&adapter, &subject, &Pace::default()).await;
    adapter.drain().await;
    report
}

/// The checks that a report says to hold; the test fails if one does not.
#[track_caller]
fn held(name: &str, report: &Report) -> BTreeSet<&'static str> {
    assert!(
        report.broken().is_empty(),
        "{}",
        report.write(name, Format::Text)
    );
    let holding = report
        .outcomes
        .iter()
        .filter(|own| matches!(own.verdict, Verdict::Held));
    holding.map(|own| own.check.id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_package_holds_every_check_that_applies() {
    let mut tried = BTreeSet::new();
    for name in names() {
        let place = tempfile::tempdir().unwrap();
        let package = Package::load(&folder(&name)).unwrap();
        let adapter = open(&package, place.path()).await;
        tried.extend(held(&name, &report(&package, adapter).await));
    }
    let all: BTreeSet<&str> = checks().map(|check| check.id).collect();
    let never: Vec<&&str> = all.difference(&tried).collect();
    assert_eq!(
        never,
        OCCASION_ELSEWHERE.iter().collect::<Vec<_>>(),
        "checks that apply to no package"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn packages_on_postgresql_hold_every_check_that_applies() {
    for name in ON_POSTGRESQL {
        let place = tempfile::tempdir().unwrap();
        let package = Package::load(&folder(name)).unwrap();
        let on_sqlite = report(&package, open(&package, place.path()).await).await;
        let adapter = sql(&package, postgres_access(&package));
        let on_postgresql = report(&package, adapter).await;
        assert_eq!(
            held(name, &on_sqlite),
            held(name, &on_postgresql),
            "another database gives the same occasions"
        );
    }
}
