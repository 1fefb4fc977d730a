use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bridge_adapter::kit::{self, Days, Outcome, Pace, Verdict};
use bridge_adapter::probe::{Probe, ProbeBody};
use bridge_adapter::scenario::{self, Scenario};
use bridge_adapter::{Adapter, AdapterError, Effect, Fault, Health, Limit, Package, body};
use tokio_util::sync::CancellationToken;

use super::*;

mod again;
mod both;
mod faults;
mod policy;
mod postgres_own;
mod postgres_tls;
mod reference;
#[expect(
    unreachable_pub,
    dead_code,
    reason = "the harness of the scenarios, of which not everything is needed here"
)]
#[path = "../../../tests/src/postgres.rs"]
mod server;
#[expect(
    unreachable_pub,
    dead_code,
    reason = "the harness of the scenarios, of which not everything is needed here"
)]
#[path = "../../../tests/src/wait.rs"]
mod wait;

/// A database whose statements can be slow, many, broken and not UTF-8 on demand.
const SCHEMA: &str = "CREATE TABLE place (id INTEGER PRIMARY KEY, name TEXT, open INTEGER, since TEXT);
INSERT INTO place VALUES (1, 'Şəki', 1, '2001-02-03'), (2, 'Gəncə', 0, NULL), (3, 'İmişli', 7, '2001-02-03'),
    (4, CAST(x'ff41' AS TEXT), 1, NULL), (5, 'Oğuz', 1, '3 fevral');";

const MANIFEST: &str = r#"
version = 1
name = "places"
title = "Yerlər"
adapter = "sql"
[[service]]
code = "place"
title = "Yer"

[sql]
schema = "schema.sql"

[[sql.operation]]
service = "place"
method = "GET"
path = "/{id}"
params.id = { from = "path", type = "integer" }
[[sql.operation.statement]]
name = "place"
result = "one"
sql = "SELECT name, open, since FROM place WHERE id = :id"
columns.name = "/name"
columns.open = { to = "/open", type = "boolean" }
columns.since = { to = "/since", type = "date", null = "keep" }

[[sql.operation]]
service = "place"
method = "GET"
path = ""
params.from = { from = "query", type = "integer", optional = true }
params.client = { from = "caller", fact = "client", type = "text" }
[[sql.operation.statement]]
name = "places"
result = "many"
sql = "SELECT id, :client AS asked_by FROM place WHERE id >= coalesce(:from, 0) ORDER BY id"
columns.id = { to = "/id", type = "integer" }
columns.asked_by = "/asked_by"

[[sql.operation]]
service = "place"
method = "GET"
path = "/slow"
[[sql.operation.statement]]
name = "slow"
result = "one"
sql = "WITH RECURSIVE c (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM c) SELECT max(n) AS n FROM c"
columns.n = { to = "/n", type = "integer" }

[[sql.operation]]
service = "place"
method = "GET"
path = "/large/{rows}"
params.rows = { from = "path", type = "integer" }
[[sql.operation.statement]]
name = "large"
result = "many"
at = "/rows"
sql = "WITH RECURSIVE c (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM c WHERE n < :rows) SELECT 'səkkiz' AS text FROM c"
columns.text = "/text"

[[sql.operation]]
service = "place"
method = "POST"
path = "/find"
params.name = { from = "body", pointer = "/place/name", type = "text" }
[[sql.operation.statement]]
name = "find"
result = "many"
at = "/found"
empty = "not-found"
sql = "SELECT id FROM place WHERE name = :name"
columns.id = { to = "/id", type = "integer" }
"#;

fn openapi() -> String {
    let ok = serde_json::json!({ "200": { "description": "ok", "content": { "application/json": {} } } });
    let number = |name: &str, place: &str| serde_json::json!({ "name": name, "in": place, "required": place == "path", "schema": { "type": "integer" } });
    serde_json::json!({
        "openapi": "3.1.0",
        "info": { "title": "Places", "version": "1" },
        "paths": {
            "/place/{id}": { "parameters": [number("id", "path")], "get": { "responses": ok } },
            "/place": { "get": { "parameters": [number("from", "query")], "responses": ok } },
            "/place/slow": { "get": { "responses": ok } },
            "/place/large/{rows}": { "parameters": [number("rows", "path")], "get": { "responses": ok } },
            "/place/find": { "post": { "responses": ok,
                "requestBody": { "required": true, "content": { "application/json": {} } } } }
        }
    })
    .to_string()
}

struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    fn new(manifest: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("manifest.toml"), manifest).unwrap();
        std::fs::write(folder.path().join("openapi.json"), openapi()).unwrap();
        std::fs::write(folder.path().join("schema.sql"), SCHEMA).unwrap();
        Self { folder }
    }

    fn database(&self) -> PathBuf {
        self.folder.path().join("places.db")
    }

    fn open(&self, limits: SqlLimits) -> Result<SqlAdapter, Vec<Fault>> {
        let package = Package::load(self.folder.path())?;
        if !self.database().exists() {
            sample::build(&package, &self.database()).unwrap();
        }
        SqlAdapter::open(&package, &self.database(), limits)
    }
}

fn probe(path: &str) -> Probe {
    let service = "AZ/GOV/1002/PLACES/place".parse().unwrap();
    Probe::get(service, "AZ/GOV/2001/TAX".parse().unwrap(), path)
}

async fn ask(
    adapter: &SqlAdapter,
    probe: &Probe,
) -> Result<(u16, serde_json::Value), AdapterError> {
    let answer = adapter.call(probe.call(CancellationToken::new())).await?;
    let bytes = body::collect(answer.body, 10_000_000).await.unwrap();
    Ok((
        answer.status.as_u16(),
        serde_json::from_slice(&bytes).unwrap(),
    ))
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap()
}

#[tokio::test]
async fn values_come_typed_and_whole() {
    let bench = Bench::new(MANIFEST);
    let adapter = bench.open(SqlLimits::default()).unwrap();
    let ask = async |path: &str| ask(&adapter, &probe(path)).await;
    assert_eq!(
        ask("/1").await.unwrap(),
        (
            200,
            json(r#"{"name":"Şəki","open":true,"since":"2001-02-03"}"#)
        )
    );
    assert_eq!(
        ask("/2").await.unwrap(),
        (200, json(r#"{"name":"Gəncə","open":false,"since":null}"#))
    );
    assert_eq!(
        ask("/99").await.unwrap(),
        (404, json(r#"{"error":"not-found"}"#))
    );
    assert_eq!(adapter.health().await, Health::Ready);
}

#[tokio::test]
async fn a_value_of_another_type_is_not_passed_on() {
    let bench = Bench::new(MANIFEST);
    let adapter = bench.open(SqlLimits::default()).unwrap();
    for (path, column) in [("/3", "open"), ("/4", "name"), ("/5", "since")] {
        let error = ask(&adapter, &probe(path)).await.unwrap_err();
        assert!(
            matches!(error, AdapterError::NotUnderstood { .. }),
            "{error:?}"
        );
        let text = error.to_string();
        assert!(
            text.contains(&format!("statement place, column {column}")),
            "{text}"
        );
        assert!(!text.contains("fevral") && !text.contains('7'), "{text}");
    }
}

#[tokio::test]
async fn query_body_and_caller_become_parameters() {
    let bench = Bench::new(MANIFEST);
    let adapter = bench.open(SqlLimits::default()).unwrap();
    let from = Probe {
        query: vec![("from".into(), "5".into())],
        ..probe("")
    };
    let expected = json(r#"[{"id":5,"asked_by":"AZ/GOV/2001/TAX"}]"#);
    assert_eq!(ask(&adapter, &from).await.unwrap(), (200, expected));
    assert_eq!(
        ask(&adapter, &probe(""))
            .await
            .unwrap()
            .1
            .as_array()
            .unwrap()
            .len(),
        5
    );
    let find = |text: &str| probe("/find").posting(ProbeBody::Whole(text.to_owned().into()));
    let found = ask(&adapter, &find(r#"{"place":{"name":"Oğuz"}}"#))
        .await
        .unwrap();
    assert_eq!(found, (200, json(r#"{"found":[{"id":5}]}"#)));
    assert_eq!(
        ask(&adapter, &find(r#"{"place":{"name":"Bakı"}}"#))
            .await
            .unwrap()
            .0,
        404
    );
}

#[tokio::test]
async fn what_does_not_fit_is_told_by_place_and_never_by_value() {
    let bench = Bench::new(MANIFEST);
    let adapter = bench
        .open(SqlLimits {
            request_bytes: 60,
            ..SqlLimits::default()
        })
        .unwrap();
    let find = |text: &str| probe("/find").posting(ProbeBody::Whole(text.to_owned().into()));
    let query = |name: &str| Probe {
        query: vec![(name.into(), "gizli".into())],
        ..probe("")
    };
    let twice = vec![("from".to_owned(), "1".to_owned()); 2];
    for (probe, expected) in [
        (probe("/gizli"), "path segment id: expected a whole number"),
        (
            probe("/1%20OR%201=1"),
            "path segment id: expected a whole number",
        ),
        (query("from"), "query from: expected a whole number"),
        (query("gizli"), "query: expected only from"),
        (
            Probe {
                query: twice,
                ..probe("")
            },
            "query from: expected one value",
        ),
        (find("gizli"), "body: expected JSON in UTF-8, each key once"),
        (
            find(r#"{"place":1,"place":2}"#),
            "body: expected JSON in UTF-8, each key once",
        ),
        (
            find(r#"{"place":{"name":"giz\nli"}}"#),
            "body /place/name: expected a text of 1 to 256 bytes without control characters",
        ),
        (
            find(r#"{"place":"gizli"}"#),
            "body /place/name: expected a text of 1 to 256 bytes without control characters",
        ),
        (
            Probe {
                content_type: None,
                ..find("{}")
            },
            "body: expected application/json",
        ),
        (probe("/find/more"), "the service has no such path"),
        (
            Probe {
                method: http::Method::DELETE,
                ..probe("/find")
            },
            "the path does not take this method, it takes POST",
        ),
        (find(&"x".repeat(61)), "more than 60 bytes in the request"),
    ] {
        let error = ask(&adapter, &probe).await.unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
}

#[tokio::test]
async fn the_wire_cannot_bring_sql() {
    let bench = Bench::new(MANIFEST);
    let adapter = bench.open(SqlLimits::default()).unwrap();
    let attack = r#"{"place":{"name":"x' UNION SELECT 1; DROP TABLE place; --"}}"#;
    let attack = probe("/find").posting(ProbeBody::Whole(attack.into()));
    assert_eq!(ask(&adapter, &attack).await.unwrap().0, 404);
    assert_eq!(
        ask(&adapter, &probe(""))
            .await
            .unwrap()
            .1
            .as_array()
            .unwrap()
            .len(),
        5
    );
}

#[tokio::test]
async fn rows_and_bytes_have_limits() {
    let bench = Bench::new(MANIFEST);
    let limits = SqlLimits {
        answer_bytes: 100,
        ..SqlLimits::default()
    };
    let adapter = bench.open(limits).unwrap();
    assert_eq!(ask(&adapter, &probe("/large/4")).await.unwrap().0, 200);
    let error = ask(&adapter, &probe("/large/6")).await.unwrap_err();
    assert!(
        matches!(
            error,
            AdapterError::TooLarge {
                limit: Limit::AnswerBytes(100)
            }
        ),
        "{error}"
    );
    let adapter = bench
        .open(SqlLimits {
            rows: 10,
            ..SqlLimits::default()
        })
        .unwrap();
    assert_eq!(ask(&adapter, &probe("/large/10")).await.unwrap().0, 200);
    let error = ask(&adapter, &probe("/large/11")).await.unwrap_err();
    assert!(
        matches!(
            error,
            AdapterError::TooLarge {
                limit: Limit::Rows(10)
            }
        ),
        "{error}"
    );
}

#[tokio::test]
async fn a_slow_statement_is_interrupted_and_frees_its_connection() {
    let bench = Bench::new(MANIFEST);
    let time = Duration::from_millis(50);
    let limits = SqlLimits {
        connections: 1,
        statement_time: time,
        ..SqlLimits::default()
    };
    let adapter = bench.open(limits).unwrap();
    // Its own deadline is far away; the statement's time is not.
    let error = ask(&adapter, &probe("/slow")).await.unwrap_err();
    assert!(matches!(error, AdapterError::TimedOut), "{error}");
    assert_eq!(ask(&adapter, &probe("/1")).await.unwrap().0, 200);
}

#[tokio::test]
async fn a_dropped_call_frees_its_connection() {
    let bench = Bench::new(MANIFEST);
    let adapter = bench
        .open(SqlLimits {
            connections: 1,
            ..SqlLimits::default()
        })
        .unwrap();
    let slow = adapter.call(probe("/slow").call(CancellationToken::new()));
    tokio::time::timeout(Duration::from_millis(20), slow)
        .await
        .unwrap_err();
    // Waits for the one connection, which the dropped call must give back.
    assert_eq!(ask(&adapter, &probe("/1")).await.unwrap().0, 200);
}

#[tokio::test]
async fn too_many_waiting_calls_are_told_that_the_registry_is_busy() {
    let bench = Bench::new(MANIFEST);
    let limits = SqlLimits {
        connections: 1,
        waiting: 1,
        ..SqlLimits::default()
    };
    let adapter = bench.open(limits).unwrap();
    let cancel = CancellationToken::new();
    let slow = || adapter.call(probe("/slow").call(cancel.clone()));
    let third = async {
        // The first two are polled first: one runs, one waits.
        let error = adapter
            .call(probe("/1").call(CancellationToken::new()))
            .await
            .unwrap_err();
        cancel.cancel();
        error
    };
    let (first, second, third) = tokio::join!(biased; slow(), slow(), third);
    assert!(matches!(third, AdapterError::Busy), "{third}");
    assert!(matches!(first.unwrap_err(), AdapterError::Cancelled));
    assert!(matches!(second.unwrap_err(), AdapterError::Cancelled));
}

#[tokio::test]
async fn who_waits_too_long_for_a_connection_is_told_that_the_registry_is_busy() {
    let bench = Bench::new(MANIFEST);
    let limits = SqlLimits {
        connections: 1,
        wait: Duration::from_millis(20),
        ..SqlLimits::default()
    };
    let adapter = bench.open(limits).unwrap();
    let cancel = CancellationToken::new();
    let waits = async {
        let call = probe("/1").call(CancellationToken::new());
        let error = adapter.call(call).await.unwrap_err();
        cancel.cancel();
        error
    };
    let slow = adapter.call(probe("/slow").call(cancel.clone()));
    let (slow, waited) = tokio::join!(biased; slow, waits);
    assert!(matches!(waited, AdapterError::Busy), "{waited}");
    assert!(matches!(slow.unwrap_err(), AdapterError::Cancelled));
}

#[tokio::test]
async fn connections_cannot_write() {
    let bench = Bench::new(MANIFEST);
    bench.open(SqlLimits::default()).unwrap();
    let connection = sqlite::pool::open(&bench.database(), Effect::Reads).unwrap();
    let error = connection.execute("DELETE FROM place", ()).unwrap_err();
    assert_eq!(
        error.sqlite_error_code(),
        Some(rusqlite::ErrorCode::ReadOnly)
    );
}

/// How much memory SQLite lets all connections of the process take together; 0 is no limit.
fn heap_limit() -> i64 {
    let own = rusqlite::Connection::open_in_memory().unwrap();
    own.query_row("PRAGMA hard_heap_limit", (), |row| row.get(0))
        .unwrap()
}

/// So large that no other test would meet it, if it were taken.
const HEAP: &str = "hard_heap_limit = 1099511627776";

#[tokio::test]
async fn a_statement_reaches_the_rows_of_the_registry_and_nothing_else() {
    let right = "SELECT name, open, since FROM place WHERE id = :id";
    for beyond in [
        format!("PRAGMA {HEAP}"),
        "PRAGMA query_only = 0".to_owned(),
        "ATTACH 'other.db' AS other".to_owned(),
        "CREATE TABLE other (id)".to_owned(),
        "DROP TABLE place".to_owned(),
    ] {
        let bench = Bench::new(&MANIFEST.replacen(right, &beyond, 1));
        let faults = bench.open(SqlLimits::default()).unwrap_err();
        let found = faults
            .iter()
            .find(|fault| fault.problem.starts_with("does more than read"));
        let fault = found.unwrap_or_else(|| panic!("{beyond}: {faults:?}"));
        assert_eq!(fault.code, "statement-does-not-prepare");
        assert!(fault.place.ends_with("operation[1].statement[1].sql"));
        assert_eq!(heap_limit(), 0, "{beyond}");
    }
    // Nor when it may write: no other file is opened or made.
    let bench = Bench::new(MANIFEST);
    bench.open(SqlLimits::default()).unwrap();
    let other = bench.folder.path().join("other.db");
    let writer = sqlite::pool::open(&bench.database(), Effect::Stored).unwrap();
    for beyond in ["ATTACH", "VACUUM INTO"] {
        let tail = if beyond == "ATTACH" { "AS other" } else { "" };
        let sql = format!("{beyond} '{}' {tail}", other.display());
        let error = writer.execute_batch(&sql).unwrap_err();
        let denied = Some(rusqlite::ErrorCode::AuthorizationForStatementDenied);
        assert_eq!(error.sqlite_error_code(), denied, "{sql}: {error}");
        assert!(!other.exists(), "{sql}");
    }
    // What is a table by its looks is judged when it is read.
    let hidden = "WHERE id = :id AND 0 < (SELECT count(*) FROM pragma_database_list)";
    let bench = Bench::new(&MANIFEST.replacen("WHERE id = :id", hidden, 1));
    let adapter = bench.open(SqlLimits::default()).unwrap();
    let error = ask(&adapter, &probe("/1")).await.unwrap_err();
    assert!(matches!(error, AdapterError::Failed { .. }), "{error:?}");
}

#[test]
fn full_text_tables_are_searched() {
    let bench = Bench::new(MANIFEST);
    bench.open(SqlLimits::default()).unwrap();
    let maker = rusqlite::Connection::open(bench.database()).unwrap();
    let made =
        "CREATE VIRTUAL TABLE word USING fts5 (text); INSERT INTO word VALUES ('Göyçay bağları')";
    maker.execute_batch(made).unwrap();
    let reader = sqlite::pool::open(&bench.database(), Effect::Reads).unwrap();
    let count = || -> i64 {
        let sql = "SELECT count(*) FROM word WHERE word MATCH 'bağları'";
        reader.query_row(sql, (), |row| row.get(0)).unwrap()
    };
    assert_eq!(count(), 1);
    maker
        .execute("INSERT INTO word VALUES ('Şəki bağları')", ())
        .unwrap();
    assert_eq!(count(), 2);
}

/// Tries the days on which the database misbehaves: what the adapter held, and what it was not tried on.
async fn days_held(adapter: SqlAdapter, days: Days) -> [Vec<&'static str>; 2] {
    let adapter: Arc<dyn Adapter> = Arc::new(adapter);
    let report = kit::examine_days(&adapter, probe("/1"), days, &Pace::default()).await;
    assert_eq!(report.broken(), [] as [&str; 0], "{report:?}");
    let held = |own: &&Outcome| own.verdict == Verdict::Held;
    let (held, untried): (Vec<_>, Vec<_>) = report.outcomes.iter().partition(held);
    [held, untried].map(|list| list.iter().map(|own| own.check.id).collect())
}

#[tokio::test]
async fn bad_days_of_the_database_are_told_and_over_with_their_call() {
    let bench = Bench::new(MANIFEST);
    let adapter = bench
        .open(SqlLimits {
            answer_bytes: 1000,
            ..SqlLimits::default()
        })
        .unwrap();
    let days = Days {
        slow: Some(probe("/slow")),
        cut: None, // SQLite runs in this process: there is no connection to cut.
        large: Some(probe("/large/1000")),
        not_utf8: Some((probe("/4"), bytes::Bytes::new())),
    };
    let [held, untried] = days_held(adapter, days).await;
    assert_eq!(held.len(), 4, "{held:?}");
    assert_eq!(untried, ["registry.cut"]);
}

fn population() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../registries/population")
}

#[tokio::test]
async fn the_population_register_passes_its_scenario() {
    let package = Package::load(&population()).unwrap();
    let scenario = Scenario::load(&package).unwrap();
    let place = tempfile::tempdir().unwrap();
    let database = place.path().join("population.db");
    sample::build(&package, &database).unwrap();
    let adapter = SqlAdapter::open(&package, &database, SqlLimits::default()).unwrap();
    let outcomes = scenario::run(&adapter, &package, &scenario).await;
    assert_eq!(outcomes.len(), 9);
    for outcome in outcomes {
        assert_eq!(outcome.differences, [] as [String; 0], "{}", outcome.title);
    }
}

#[test]
fn the_population_sample_is_consistent_and_always_the_same() {
    let package = Package::load(&population()).unwrap();
    let place = tempfile::tempdir().unwrap();
    let (first, second) = (place.path().join("1.db"), place.path().join("2.db"));
    sample::build(&package, &first).unwrap();
    sample::build(&package, &second).unwrap();
    assert!(std::fs::read(&first).unwrap() == std::fs::read(&second).unwrap());
    let connection = rusqlite::Connection::open(&first).unwrap();
    let count = |sql: &str| {
        connection
            .query_row(sql, (), |row| row.get::<_, i64>(0))
            .unwrap()
    };
    assert_eq!(count("SELECT count(DISTINCT fin) FROM person"), 10_000);
    assert_eq!(count("SELECT count(*) FROM pragma_foreign_key_check"), 0);
    let family = "parentage JOIN person AS child ON child.fin = child_fin JOIN person AS parent ON parent.fin = parent_fin";
    assert_eq!(
        count(&format!(
            "SELECT count(*) FROM {family} WHERE child.birth_date < date(parent.birth_date, '+18 years')"
        )),
        0
    );
    assert_eq!(
        count(&format!(
            "SELECT count(*) FROM {family} WHERE parent.sex = 'male' AND child.patronymic NOT LIKE parent.first_name || ' %'"
        )),
        0
    );
    assert_eq!(
        count(
            "SELECT max(n) FROM (SELECT count(*) AS n FROM residence WHERE until_date IS NULL GROUP BY fin)"
        ),
        1
    );
    for letter in ["ə", "ğ", "ı", "İ", "ö", "ş", "ü", "ç"] {
        let people = format!(
            "SELECT count(*) FROM person WHERE instr(last_name || first_name || patronymic, '{letter}')"
        );
        assert!(count(&people) > 0, "{letter}");
    }
}

#[test]
fn of_those_who_build_a_sample_at_the_same_time_one_does_and_all_find_it_whole() {
    let package = Package::load(&population()).unwrap();
    let place = tempfile::tempdir().unwrap();
    let database = place.path().join("new.db");
    let people = || -> i64 {
        let connection = rusqlite::Connection::open(&database).unwrap();
        let count = connection.query_row("SELECT count(*) FROM person", [], |row| row.get(0));
        count.unwrap()
    };
    let ask = || {
        let did = sample::build_if_absent(&package, &database).unwrap();
        (did, people())
    };
    let built: Vec<(bool, i64)> = std::thread::scope(|scope| {
        let builders: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
        let built = builders.into_iter().map(|builder| builder.join().unwrap());
        built.collect()
    });
    assert_eq!(built.iter().filter(|(did, _)| *did).count(), 1);
    assert!(
        built.iter().all(|(_, found)| *found == people()),
        "{built:?}"
    );
    let left: Vec<_> = std::fs::read_dir(place.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn a_sample_is_never_built_over_a_file() {
    let package = Package::load(&population()).unwrap();
    let place = tempfile::tempdir().unwrap();
    let database = place.path().join("real.db");
    std::fs::write(&database, "precious").unwrap();
    let error = sample::build(&package, &database).unwrap_err();
    assert!(matches!(error, sample::SampleError::Exists(_)));
    assert!(!sample::build_if_absent(&package, &database).unwrap());
    assert_eq!(std::fs::read(&database).unwrap(), b"precious");
    let nowhere = place.path().join("none/new.db");
    let error = sample::build(&package, &nowhere).unwrap_err();
    assert!(matches!(error, sample::SampleError::Create(_)), "{error}");
}
