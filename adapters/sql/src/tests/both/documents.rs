//! Documents and long texts come out of either database as they went in, and larger ones have a limit of their own.

use bridge_adapter::Answer;
use serde_json::{Value, json};

use super::*;

const MANIFEST: &str = r#"
version = 1
name = "letters"
title = "Məktublar"
adapter = "sql"
[[service]]
code = "letter"
title = "Məktub"
[sql]
schema = { sqlite = "sqlite.sql", postgresql = "postgresql.sql" }
[[sql.operation]]
service = "letter"
method = "POST"
path = ""
effect = "stored"
request_limit_bytes = 200000
params.text = { from = "body", pointer = "/text", type = "long-text" }
params.content = { from = "body", pointer = "/content", type = "base64", optional = true }
params.sha256 = { from = "body", pointer = "/content", type = "base64-sha256", optional = true }
[[sql.operation.statement]]
name = "kept"
result = "one"
sql = "INSERT INTO letter (text, content, sha256) VALUES (:text, :content, :sha256) RETURNING text, content, sha256"
columns.text = { to = "/text", type = "long-text" }
columns.content = { to = "/content", type = "base64" }
columns.sha256 = { to = "/sha256", type = "base64-sha256" }
"#;
const OPENAPI: &str = r#"{"openapi":"3.1.0","info":{"title":"t","version":"1"},"paths":{"/letter":{"post":{
    "requestBody":{"content":{"application/json":{"schema":{"type":"object"}}}},
    "responses":{"200":{"description":"ok","content":{"application/json":{"schema":{"type":"object"}}}}}}}}}"#;

fn letters() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let table = |bytes: &str| {
        format!("CREATE TABLE letter (text text NOT NULL, content {bytes}, sha256 text);")
    };
    let (sqlite, postgresql) = (table("blob"), table("bytea"));
    for (name, text) in [
        ("manifest.toml", MANIFEST),
        ("openapi.json", OPENAPI),
        ("sqlite.sql", &sqlite),
        ("postgresql.sql", &postgresql),
    ] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

async fn send(registry: &Registry, key: &str, body: Value) -> Result<Answer, AdapterError> {
    let client = "AZ/NGO/5001/OFFICE".parse().unwrap();
    let service = "AZ/GOV/1003/LETTERS/letter".parse().unwrap();
    let body = ProbeBody::Whole(body.to_string().into());
    let probe = Probe::get(service, client, "").posting(body).keyed(key);
    registry
        .adapter
        .call(probe.call(CancellationToken::new()))
        .await
}

#[tokio::test]
async fn documents_and_long_texts_come_out_as_they_went_in() {
    let folder = letters();
    let limits = SqlLimits::default();
    let registries = [
        Registry::sqlite(folder.path(), limits.clone()),
        Registry::postgresql(folder.path(), limits),
    ];
    for registry in registries {
        // "abc": FIPS 180-4, example 1.
        let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let text = "Birinci sətir\n\tikinci ğüşıöç";
        let answer = send(&registry, "1", json!({ "text": text, "content": "YWJj" }))
            .await
            .unwrap();
        let body = body::collect(answer.body, 1_000_000).await.unwrap();
        let expected = json!({ "text": text, "content": "YWJj", "sha256": known });
        assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), expected);
        let bytes = "SELECT length(content) FROM letter";
        assert_eq!(registry.number(bytes), 3, "bytes, not their base64");
        let large = "QUFB".repeat(40_000);
        send(&registry, "2", json!({ "text": "", "content": large }))
            .await
            .unwrap();
        let larger = "QUFB".repeat(50_000);
        let error = send(&registry, "3", json!({ "text": "", "content": larger }))
            .await
            .unwrap_err();
        assert!(matches!(error, AdapterError::TooLarge { .. }), "{error}");
        let error = send(&registry, "4", json!({ "text": "", "content": "YWJ" }))
            .await
            .unwrap_err();
        assert!(matches!(error, AdapterError::BadRequest { .. }), "{error}");
        assert_eq!(registry.number("SELECT count(*) FROM letter"), 2);
    }
}
