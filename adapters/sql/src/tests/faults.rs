//! What `SqlAdapter::open` says about a wrong manifest.

use super::*;

fn faults(manifest: &str) -> Vec<Fault> {
    let bench = Bench::new(MANIFEST);
    bench.open(SqlLimits::default()).unwrap();
    std::fs::write(bench.folder.path().join("manifest.toml"), manifest).unwrap();
    bench.open(SqlLimits::default()).unwrap_err()
}

/// What stands in the manifest, what is written instead, and the fault that must come.
const MISTAKES: &[(&str, &str, &str, &str)] = &[
    (
        "FROM place WHERE id = :id",
        "FROM places WHERE id = :id",
        "statement-does-not-prepare",
        "operation[1].statement[1].sql",
    ),
    (
        "SELECT name, open, since",
        "SELECT name, \\\"opne\\\" AS open, since",
        "statement-does-not-prepare",
        "operation[1].statement[1].sql",
    ),
    (
        "WHERE id = :id\"",
        "WHERE id = :id; DELETE FROM place\"",
        "statement-does-not-prepare",
        "operation[1].statement[1].sql",
    ),
    (
        "\"SELECT name, open, since FROM place WHERE id = :id\"",
        "\"DELETE FROM place WHERE id = :id RETURNING name, open, since\"",
        "statement-does-not-read",
        "operation[1].statement[1].sql",
    ),
    (
        "WHERE id = :id",
        "WHERE id = :id OR id = :other",
        "unbound-parameter",
        "operation[1].statement[1].sql",
    ),
    (
        "WHERE id = :id",
        "WHERE id = :id OR id = ?",
        "unnamed-parameter",
        "operation[1].statement[1].sql",
    ),
    (
        "WHERE id = :id",
        "WHERE id = 1",
        "unused-parameter",
        "operation[1].params.id",
    ),
    (
        "columns.name = ",
        "columns.nam = ",
        "unknown-column",
        "operation[1].statement[1].columns.nam",
    ),
    (
        "columns.name = ",
        "columns.nam = ",
        "unmapped-column",
        "operation[1].statement[1].sql",
    ),
    (
        "SELECT name, open, since",
        "SELECT name, open, since, name",
        "repeated-column",
        "operation[1].statement[1].sql",
    ),
    (
        "columns.name = \"/name\"",
        "columns.name = \"/open/name\"",
        "place-clash",
        "operation[1].statement[1].columns.open",
    ),
    (
        "columns.name = \"/name\"",
        "columns.name = \"name\"",
        "wrong-value",
        "operation[1].statement[1].columns.name.to",
    ),
    (
        "columns.name = \"/name\"",
        "columns.name = 7",
        "wrong-value",
        "operation[1].statement[1].columns.name",
    ),
    (
        "{ from = \"path\", type = \"integer\" }",
        "{ from = \"header\", type = \"integer\" }",
        "wrong-value",
        "operation[1].params.id.from",
    ),
    (
        "{ from = \"path\", type = \"integer\" }",
        "{ from = \"path\", type = \"int\" }",
        "wrong-value",
        "operation[1].params.id.type",
    ),
    (
        "{ from = \"path\", type = \"integer\" }",
        "{ from = \"path\", name = \"ID\", type = \"integer\" }",
        "unknown-source",
        "operation[1].params.id",
    ),
    (
        "{ from = \"path\", type = \"integer\" }",
        "{ from = \"body\", pointer = \"/id\", type = \"integer\" }",
        "unknown-source",
        "operation[1].params.id",
    ),
    (
        "{ from = \"path\", type = \"integer\" }",
        "{ from = \"query\", type = \"integer\" }",
        "path-parameter-not-read",
        "operation[1]",
    ),
    (
        "params.from = { from = \"query\"",
        "params.from = { from = \"query\", name = \"since\"",
        "query-not-read",
        "operation[2]",
    ),
    (
        "fact = \"client\"",
        "fact = \"shoe_size\"",
        "wrong-value",
        "operation[2].params.client.fact",
    ),
    (
        "path = \"/slow\"",
        "path = \"/slwo\"",
        "operation-not-in-openapi",
        "operation[3]",
    ),
    (
        "path = \"/slow\"",
        "path = \"/slwo\"",
        "endpoint-without-operation",
        "manifest.toml sql.operation",
    ),
    (
        "path = \"/slow\"",
        "path = \"slow\"",
        "wrong-value",
        "operation[3].path",
    ),
    (
        "result = \"many\"\nat",
        "result = \"few\"\nat",
        "wrong-value",
        "operation[4].statement[1].result",
    ),
    (
        "method = \"POST\"",
        "method = \"FETCH\"",
        "wrong-value",
        "operation[5].method",
    ),
    (
        "empty = \"not-found\"",
        "empty = \"not-found\"\ntimeout = 1",
        "unknown-key",
        "operation[5].statement[1].timeout",
    ),
    (
        "schema = \"schema.sql\"",
        "scheme = \"schema.sql\"",
        "unknown-key",
        "manifest.toml sql.scheme",
    ),
    (
        "path = \"/slow\"",
        "path = \"/{id}\"",
        "repeated-operation",
        "operation[3]",
    ),
    (
        "[[sql.operation]]\nservice = \"place\"",
        "[[sql.operation]]\nservice = \"plce\"",
        "unknown-service",
        "operation[1].service",
    ),
    (
        "name = \"slow\"\n",
        "",
        "missing-key",
        "operation[3].statement[1].name",
    ),
    (
        "name = \"slow\"\n",
        "",
        "no-statement",
        "operation[3].statement",
    ),
    (
        "columns.n = { to = \"/n\", type = \"integer\" }",
        "columns.n = { to = \"/n\", type = \"integer\" }\n[[sql.operation.statement]]\nname = \"slow\"\nresult = \"one\"\nat = \"/more\"\nsql = \"SELECT 1 AS n\"\ncolumns.n = { to = \"/n\", type = \"integer\" }",
        "repeated-statement",
        "operation[3]",
    ),
    (
        "result = \"many\"\nat = \"/rows\"",
        "result = \"stream\"\nat = \"/rows\"",
        "stream-not-alone",
        "operation[4].statement[1]",
    ),
    (
        "result = \"many\"\nat = \"/rows\"",
        "result = \"none\"",
        "wrong-value",
        "operation[4].statement[1].columns",
    ),
    (
        "at = \"/rows\"",
        "at = \"rows\"",
        "wrong-value",
        "operation[4].statement[1].at",
    ),
    (
        "method = \"POST\"",
        "method = \"POST\"\nstatus = 302",
        "wrong-value",
        "operation[5].status",
    ),
    (
        "method = \"POST\"",
        "method = \"POST\"\neffect = \"unknown\"",
        "wrong-value",
        "operation[5].effect",
    ),
    (
        "method = \"POST\"",
        "method = \"POST\"\nrequest_limit_bytes = 0",
        "wrong-value",
        "operation[5].request_limit_bytes",
    ),
    (
        "method = \"POST\"",
        "method = \"POST\"\nrequest_limit_bytes = 16777217",
        "wrong-value",
        "operation[5].request_limit_bytes",
    ),
    (
        "empty = \"not-found\"",
        "empty = \"nothing\"",
        "wrong-value",
        "operation[5].statement[1].empty",
    ),
    (
        "empty = \"not-found\"",
        "empty = { status = 500, code = \"c\", message = \"m\" }",
        "wrong-value",
        "operation[5].statement[1].empty.status",
    ),
    (
        "empty = \"not-found\"",
        "empty = { status = 409, code = \"\", message = \"m\" }",
        "wrong-value",
        "operation[5].statement[1].empty.code",
    ),
    (
        "{ from = \"path\", type = \"integer\" }",
        "{ from = \"path\", type = \"integer\", optional = true }",
        "wrong-value",
        "operation[1].params.id.optional",
    ),
    (
        "params.id = { from = \"path\", type = \"integer\" }",
        "params.id = \"path\"",
        "wrong-value",
        "operation[1].params.id",
    ),
    (
        "{ from = \"caller\", fact = \"client\", type = \"text\" }",
        "{ from = \"clock\", type = \"text\" }",
        "wrong-value",
        "operation[2].params.client.type",
    ),
    (
        "null = \"keep\"",
        "null = \"drop\"",
        "wrong-value",
        "operation[1].statement[1].columns.since.null",
    ),
    (
        "columns.name = \"/name\"",
        "columns.name = \"\"",
        "place-clash",
        "operation[1].statement[1].columns.name",
    ),
    (
        "sql = \"SELECT name, open, since FROM place WHERE id = :id\"",
        "sql = 7",
        "wrong-value",
        "operation[1].statement[1].sql",
    ),
    (
        "sql = \"SELECT name, open, since FROM place WHERE id = :id\"\n",
        "",
        "missing-key",
        "operation[1].statement[1].sql",
    ),
    (
        "sql = \"SELECT name, open, since FROM place WHERE id = :id\"",
        "sql = { postgresql = \"SELECT 1\" }",
        "statement-does-not-prepare",
        "operation[1].statement[1].sql",
    ),
];

#[test]
fn each_mistake_is_found_with_place_and_remedy() {
    for (right, wrong, code, place) in MISTAKES {
        let manifest = MANIFEST.replacen(right, wrong, 1);
        assert_ne!(manifest, MANIFEST, "{right}");
        let found = faults(&manifest);
        let fault = found
            .iter()
            .find(|fault| fault.code == *code && fault.place.ends_with(place));
        let fault = fault.unwrap_or_else(|| panic!("{code} at {place}: {found:#?}"));
        assert!(
            !fault.problem.is_empty() && !fault.remedy.is_empty(),
            "{fault}"
        );
    }
}

#[test]
fn all_mistakes_come_at_once() {
    let manifest = MANIFEST
        .replacen("FROM place WHERE id = :id", "FROM places WHERE id = :id", 1)
        .replacen("fact = \"client\"", "fact = \"shoe_size\"", 1)
        .replacen("columns.text", "columns.txet", 1);
    let codes: Vec<&str> = faults(&manifest).iter().map(|fault| fault.code).collect();
    for code in [
        "wrong-value",
        "statement-does-not-prepare",
        "unknown-column",
        "unmapped-column",
        "unbound-parameter",
    ] {
        assert!(codes.contains(&code), "{code}: {codes:?}");
    }
}

#[test]
fn a_manifest_without_an_operation_is_refused() {
    let (before, _) = MANIFEST.split_once("[[sql.operation]]").unwrap();
    let codes: Vec<&str> = faults(before).iter().map(|fault| fault.code).collect();
    assert!(codes.contains(&"no-operation"), "{codes:?}");
}

#[test]
fn a_file_that_is_no_database_is_a_fault_beside_the_others() {
    let bench = Bench::new(&MANIFEST.replacen("fact = \"client\"", "fact = \"shoe_size\"", 1));
    std::fs::write(
        bench.database(),
        "no database at all, but long enough to be looked at",
    )
    .unwrap();
    let codes: Vec<&str> = bench
        .open(SqlLimits::default())
        .unwrap_err()
        .iter()
        .map(|f| f.code)
        .collect();
    assert_eq!(codes, ["wrong-value", "database"]);
}

#[test]
fn a_missing_database_is_a_fault_and_is_not_created() {
    let bench = Bench::new(MANIFEST);
    let package = Package::load(bench.folder.path()).unwrap();
    let faults = SqlAdapter::open(&package, &bench.database(), SqlLimits::default()).unwrap_err();
    assert_eq!(faults[0].code, "database");
    assert!(!bench.database().exists());
}

#[test]
fn a_package_of_another_adapter_is_refused() {
    let manifest = MANIFEST
        .replacen("adapter = \"sql\"", "adapter = \"http\"", 1)
        .replacen("[sql]", "[http]\n[sqll]", 1);
    let manifest = manifest.split("[sqll]").next().unwrap().to_owned();
    assert_eq!(faults(&manifest)[0].code, "other-adapter");
}

#[test]
fn the_guide_explains_every_fault() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    let codes = MISTAKES.iter().map(|(_, _, code, _)| *code);
    for code in codes.chain(["no-operation"]) {
        assert!(guide.contains(&format!("`{code}`")), "{code}");
    }
    assert!(guide.contains(kept::ddl(dialect::Dialect::Postgresql)));
}
