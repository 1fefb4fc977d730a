use std::path::{Path, PathBuf};
use std::time::Duration;

use bridge_adapter::probe::Probe;
use bridge_adapter::{Adapter, AdapterError, Answer, Fault, Package, body};
use http::Method;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::*;

mod book;
mod faults;
mod pickup;
mod sheets;

const HEADER: &str = "Kod;Rüb;İcra, manat;Tarix;Qeyd\n";
const ROWS: &str =
    "01;1;1 234,50;31.03.2026;\n01;2;0,05;30.06.2026;\"a; b\"\n02;1;7;2026-03-31;Gəncə\n";

/// A package in a folder, with a folder of files beside it.
struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        let desk = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        std::fs::create_dir(desk.files()).unwrap();
        desk.write("openapi.json", &openapi().to_string());
        desk.write("manifest.toml", MANIFEST);
        desk
    }

    fn with(rows: &str) -> Self {
        let desk = Self::new();
        desk.put("execution.csv", format!("{HEADER}{rows}").as_bytes());
        desk
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    fn files(&self) -> PathBuf {
        self.folder.path().join("files")
    }

    /// Puts a file there as its owner should: written beside its place, then renamed.
    fn put(&self, name: &str, bytes: &[u8]) {
        let new = self.files().join("new");
        std::fs::write(&new, bytes).unwrap();
        std::fs::rename(&new, self.files().join(name)).unwrap();
    }

    fn package(&self) -> Package {
        Package::load(self.folder.path()).unwrap_or_else(|faults| panic!("{faults:#?}"))
    }

    fn open(&self) -> Result<FileAdapter, Vec<Fault>> {
        self.open_at(&self.files())
    }

    fn open_at(&self, path: &Path) -> Result<FileAdapter, Vec<Fault>> {
        let limits = FileLimits {
            poll: Duration::from_millis(5),
            ..FileLimits::default()
        };
        FileAdapter::open(&self.package(), path, &limits)
    }

    /// What is wrong with the files, as it is told.
    fn told(&self) -> Vec<String> {
        let faults = self.open().unwrap_err();
        faults.iter().map(ToString::to_string).collect()
    }
}

const MANIFEST: &str = r#"version = 1
name = "budget"
title = "Büdcə"
adapter = "file"

[[service]]
code = "execution"
title = "İcra"

[[file.table]]
name = "execution"
file = "execution.csv"
separator = ";"
decimal = ","
key = ["code", "quarter"]
columns.code = { header = "Kod" }
columns.quarter = { header = "Rüb", type = "integer", to = "/period/quarter" }
columns.spent = { header = "İcra, manat", type = "money" }
columns.day = { header = "Tarix", type = "date", to = "/period/end" }
columns.note = { header = "Qeyd", empty = "leave-out" }

[[file.operation]]
service = "execution"
path = "/{code}/{quarter}"
table = "execution"
result = "one"
params.code = { from = "path" }
params.quarter = { from = "path" }

[[file.operation]]
service = "execution"
path = ""
table = "execution"
result = "many"
page = 2
params.code = { from = "query", optional = true }
params.from = { from = "query", column = "day", compare = "at-least", optional = true }
params.most = { from = "query", column = "spent", compare = "at-most", optional = true }

[[file.operation]]
service = "execution"
path = "/all"
table = "execution"
result = "export"
"#;

fn openapi() -> Value {
    let parameter = |place: &str, name: &str| json!({ "name": name, "in": place, "required": place == "path", "schema": { "type": "string" } });
    let get = |parameters: Vec<Value>| json!({ "get": { "parameters": parameters, "responses": { "200": { "description": "ok" } } } });
    let query = ["code", "from", "most", "limit", "offset"].map(|name| parameter("query", name));
    json!({ "openapi": "3.1.0", "info": { "title": "t", "version": "1" }, "paths": {
        "/execution/{code}/{quarter}": get(vec![parameter("path", "code"), parameter("path", "quarter")]),
        "/execution": get(query.to_vec()),
        "/execution/all": get(Vec::new()),
    } })
}

fn probe(path: &str, query: &[(&str, &str)]) -> Probe {
    let service = "AZ/GOV/1009/BUDGET/execution".parse().unwrap();
    let mut probe = Probe::get(service, "AZ/GOV/2001/TAX".parse().unwrap(), path);
    let pairs = query.iter();
    probe.query = pairs
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    probe
}

async fn call(adapter: &FileAdapter, probe: &Probe) -> Result<Answer, AdapterError> {
    adapter.call(probe.call(CancellationToken::new())).await
}

async fn read(answer: Answer) -> (u16, Value) {
    let bytes = body::collect(answer.body, 100_000_000).await.unwrap();
    let value = serde_json::from_slice(&bytes).unwrap();
    (answer.status.as_u16(), value)
}

async fn get(adapter: &FileAdapter, path: &str, query: &[(&str, &str)]) -> (u16, Value) {
    read(call(adapter, &probe(path, query)).await.unwrap()).await
}

#[tokio::test]
async fn a_row_is_found_by_its_key_and_mapped() {
    let adapter = Desk::with(ROWS).open().unwrap();
    let first =
        json!({ "code": "01", "period": { "quarter": 1, "end": "2026-03-31" }, "spent": 123_450 });
    assert_eq!(get(&adapter, "/01/1", &[]).await, (200, first));
    let second = get(&adapter, "/01/2", &[]).await.1;
    assert_eq!(
        (&second["note"], &second["spent"]),
        (&json!("a; b"), &json!(5))
    );
    let nothing = json!({ "error": "not-found" });
    assert_eq!(get(&adapter, "/03/1", &[]).await, (404, nothing));
}

#[tokio::test]
async fn lists_are_filtered_and_paged() {
    let adapter = Desk::with(ROWS).open().unwrap();
    let (_, list) = get(&adapter, "", &[]).await;
    assert_eq!(
        (&list["total"], &list["next_offset"]),
        (&json!(3), &json!(2))
    );
    assert_eq!(list["items"].as_array().unwrap().len(), 2);
    let (_, rest) = get(&adapter, "", &[("offset", "2")]).await;
    assert_eq!(rest["items"][0]["code"], "02");
    assert_eq!(rest["next_offset"], Value::Null);
    let (_, none) = get(&adapter, "", &[("offset", "99")]).await;
    assert_eq!(none, json!({ "items": [], "total": 3 }));
    for (query, total) in [
        (vec![("code", "01")], 2),
        (vec![("code", "01"), ("from", "2026-04-01")], 1),
        (vec![("from", "2026-03-31")], 3),
        (vec![("most", "700")], 2),
        (vec![("code", "03")], 0),
    ] {
        let (_, list) = get(&adapter, "", &query).await;
        assert_eq!(list["total"], total, "{query:?}");
    }
}

#[tokio::test]
async fn what_does_not_fit_is_refused_by_name() {
    let adapter = Desk::with(ROWS).open().unwrap();
    for (path, query, place) in [
        ("/01/x", vec![], "path segment quarter"),
        ("", vec![("from", "31.03.2026")], "query from"),
        ("", vec![("limit", "3")], "query limit"),
        ("", vec![("limit", "0")], "query limit"),
        ("", vec![("offset", "-1")], "query offset"),
        ("", vec![("code", "01"), ("code", "02")], "query code"),
        ("", vec![("other", "1")], "query"),
        ("/01/1", vec![("limit", "1")], "query"),
    ] {
        match call(&adapter, &probe(path, &query)).await {
            Err(AdapterError::BadRequest { place: told, .. }) => assert_eq!(told, place),
            other => panic!("{path} {query:?}: {other:?}"),
        }
    }
    let error = call(&adapter, &probe("/a/b/c", &[])).await.unwrap_err();
    assert!(matches!(error, AdapterError::NotFound));
    let post = Probe {
        method: Method::POST,
        ..probe("", &[])
    };
    let error = call(&adapter, &post).await.unwrap_err();
    assert!(matches!(error, AdapterError::MethodNotAllowed { .. }));
}

#[tokio::test]
async fn an_export_streams_all_rows_in_order() {
    let rows: Vec<String> = (0..20_000)
        .map(|n| format!("{n};1;{n},01;2026-03-31;\n"))
        .collect();
    let adapter = Desk::with(&rows.concat()).open().unwrap();
    let answer = call(&adapter, &probe("/all", &[])).await.unwrap();
    assert!(
        !answer.fields.contains_key("content-length"),
        "made while it is sent"
    );
    let (_, list) = read(answer).await;
    let list = list.as_array().unwrap();
    assert_eq!(list.len(), 20_000);
    assert!((0..).zip(list).all(|(n, row)| row["spent"] == n * 100 + 1));
    let empty = Desk::with("").open().unwrap();
    assert_eq!(get(&empty, "/all", &[]).await, (200, json!([])));
}

#[tokio::test]
async fn an_export_ends_at_its_deadline_and_when_nobody_waits() {
    let rows: Vec<String> = (0..5000)
        .map(|n| format!("{n};1;1;2026-03-31;\n"))
        .collect();
    let adapter = Desk::with(&rows.concat()).open().unwrap();
    let late = probe("/all", &[]).within(Duration::ZERO);
    let error = body::collect(call(&adapter, &late).await.unwrap().body, u64::MAX).await;
    assert!(matches!(error, Err(bridge_adapter::BodyError::TimedOut)));
    let cancel = CancellationToken::new();
    let answer = adapter
        .call(probe("/all", &[]).call(cancel.clone()))
        .await
        .unwrap();
    cancel.cancel();
    let error = body::collect(answer.body, u64::MAX).await;
    assert!(matches!(error, Err(bridge_adapter::BodyError::Cancelled)));
}

#[tokio::test]
async fn a_page_above_the_limit_of_an_answer_is_too_large() {
    let desk = Desk::with(ROWS);
    let limits = FileLimits {
        answer_bytes: 50,
        ..FileLimits::default()
    };
    let adapter = FileAdapter::open(&desk.package(), &desk.files(), &limits).unwrap();
    let error = call(&adapter, &probe("", &[])).await.unwrap_err();
    assert!(matches!(error, AdapterError::TooLarge { .. }), "{error:?}");
}

#[tokio::test]
async fn the_one_file_of_a_package_may_have_any_name() {
    let desk = Desk::new();
    let path = desk.folder.path().join("of-today");
    std::fs::write(&path, format!("\u{feff}{HEADER}{ROWS}")).unwrap();
    let adapter = desk.open_at(&path).unwrap();
    assert_eq!(get(&adapter, "/02/1", &[]).await.0, 200);
}
