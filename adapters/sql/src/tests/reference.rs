//! The reference of the `[sql]` table: keys as the reader knows them, words from the tables that it uses.

use std::fmt::Write as _;

use super::*;
use crate::config::{CALLER_FACTS, EMPTY, METHODS, RESULTS, SOURCES};
use crate::value::TYPES;

/// A manifest in which each table can be given one more key.
const WHOLE: &str = r#"
version = 1
name = "r"
title = "r"
adapter = "sql"
[[service]]
code = "place"
title = "r"
[sql]
SQL
[[sql.operation]]
service = "place"
method = "POST"
path = "/find"
OPERATION
params.one = { from = "FROM", PARAM }
[[sql.operation.statement]]
name = "s"
result = "one"
sql = { sqlite = "SELECT 1", TEXT }
empty = { status = 409, code = "c", message = "m", EMPTY }
columns.c = { to = "/c", COLUMN }
STATEMENT
"#;
/// Where a key can be added, and how the table is called.
const TABLES: [(&str, &str, &str); 6] = [
    ("SQL", "[sql]", "the package's database"),
    (
        "OPERATION",
        "[[sql.operation]]",
        "what answers one method and path of a service",
    ),
    (
        "STATEMENT",
        "[[sql.operation.statement]]",
        "SQL with a name, in the order in which it runs",
    ),
    (
        "TEXT",
        "sql, schema, sample as a table",
        "a text for each database",
    ),
    (
        "EMPTY",
        "empty as a table",
        "a refusal of the registry where there is no row",
    ),
    (
        "COLUMN",
        "columns.NAME",
        "where a column goes; a text alone is `to`",
    ),
];

/// The keys that the reader asks for in a table: it tells them when it meets another one.
fn keys(slot: &str, from: &str) -> Vec<String> {
    let mut manifest = WHOLE.replace("FROM", from);
    for (own, ..) in TABLES.iter().chain([&("PARAM", "", "")]) {
        let inline = matches!(*own, "PARAM" | "TEXT" | "EMPTY" | "COLUMN");
        let key = if *own == slot { "zzz = 1" } else { "" };
        let (before, after) = if inline { (", ", " }") } else { ("\n", "\n") };
        let added = if key.is_empty() && inline {
            " }".to_owned()
        } else {
            format!("{before}{key}{after}")
        };
        manifest = manifest.replacen(&format!("{before}{own}{after}"), &added, 1);
    }
    let bench = Bench::new(&manifest);
    let package = Package::load(bench.folder.path());
    let mut faults = Vec::new();
    let settings = match package {
        Ok(package) => package,
        Err(faults) => {
            // Other endpoints of the bench have no service's operation here; only the table is read.
            panic!("{faults:#?}\n{manifest}")
        }
    };
    config::Config::read(&settings, &mut faults);
    let unknown = faults.iter().find(|fault| fault.code == "unknown-key");
    let told = &unknown
        .unwrap_or_else(|| panic!("{slot}: {faults:#?}"))
        .remedy;
    let (_, list) = told.split_once("use one of: ").unwrap();
    list.split(", ").map(str::to_owned).collect()
}

fn words<T>(table: &[(&str, T)]) -> String {
    let words: Vec<String> = table.iter().map(|(word, _)| format!("`{word}`")).collect();
    words.join(", ")
}

fn line(text: &mut String, keys: &[String]) {
    for key in keys {
        let meaning = MEANINGS.iter().find(|(own, _)| own == key);
        let meaning = meaning
            .unwrap_or_else(|| panic!("{key} is not explained"))
            .1;
        let words = match key.as_str() {
            "method" => words(&METHODS),
            "effect" => "`reads`, `stored`".to_owned(),
            "from" => words(&SOURCES),
            "fact" => words(&CALLER_FACTS),
            "type" => words(&TYPES),
            "result" => words(&RESULTS),
            "empty" => format!("{}, or a table", words(&EMPTY)),
            "null" => "`leave-out`, `keep`".to_owned(),
            _ => String::new(),
        };
        let words = if words.is_empty() {
            words
        } else {
            format!(": {words}")
        };
        writeln!(text, "| `{key}` | {meaning}{words} |").unwrap();
    }
}

const MEANINGS: [(&str, &str); 28] = [
    (
        "at",
        "where the result stands in the answer, a JSON pointer; `\"\"` is the whole",
    ),
    ("code", "a word for programs"),
    ("columns", "each column with its place"),
    ("effect", "what a call leaves behind"),
    ("empty", "what no row means"),
    ("fact", "which fact"),
    ("from", "where the value comes from"),
    ("message", "a sentence for people"),
    ("method", "one of"),
    (
        "name",
        "its name, for messages; of a parameter, its name in path or query if it is another one",
    ),
    ("null", "what becomes of NULL"),
    ("operation", "the operations"),
    ("optional", "true: NULL where it is absent"),
    ("params", "the values that statements use as `:name`"),
    ("path", "the path after the service code"),
    ("pointer", "the JSON pointer into the body"),
    ("postgresql", "the text for PostgreSQL"),
    (
        "request_limit_bytes",
        "the most bytes of a request body, where more than usual must pass",
    ),
    ("result", "what becomes of the rows"),
    ("sample", "file with the rows of the sample database"),
    ("schema", "file with the tables of the sample database"),
    ("service", "the service code"),
    ("sql", "the statement"),
    ("sqlite", "the text for SQLite"),
    ("statement", "the statements"),
    (
        "status",
        "the status of the answer, 200 to 299; of a refusal, 400 to 499",
    ),
    ("to", "the JSON pointer of the column in the result"),
    ("type", "the type"),
];

#[test]
fn the_reference_of_the_manifest_is_current() {
    let mut text = String::from(
        "# Reference of `[sql]`\n\nMade by `UPDATE_GOLDEN=1 cargo test -p bridge-adapter-sql reference` from what the reader of manifests knows;\n\
         explained in [../README.md](../README.md).\n",
    );
    let mut known = Vec::new();
    for (slot, name, what) in TABLES {
        write!(text, "\n## `{name}`\n\n{what}\n\n| key | |\n|---|---|\n").unwrap();
        let keys = keys(slot, "clock");
        line(&mut text, &keys);
        known.extend(keys);
    }
    for (from, _) in SOURCES {
        write!(
            text,
            "\n## `params.NAME` with `from = \"{from}\"`\n\n| key | |\n|---|---|\n"
        )
        .unwrap();
        let keys = keys("PARAM", from);
        line(&mut text, &keys);
        known.extend(keys);
    }
    for (key, _) in MEANINGS {
        assert!(known.iter().any(|known| known == key), "{key} is no key");
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("MANIFEST.md");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap_or_default(), text);
}
