//! The `[sql]` table of a manifest: operations, their parameters, statements and columns.
//!
//! ```toml
//! [sql]
//! schema = "schema.sql"            # optional: for the sample database
//! sample = "sample.sql"            # optional
//!
//! [[sql.operation]]
//! service = "person"
//! method = "GET"
//! path = "/{fin}"
//! params.fin = { from = "path", type = "fin" }
//!
//! [[sql.operation.statement]]
//! name = "person"
//! result = "one"
//! sql = "SELECT fin, first_name FROM person WHERE fin = :fin"
//! columns.fin = "/fin"
//! columns.first_name = "/name/first"
//! ```

use bridge_adapter::section::Section;
use bridge_adapter::template::Template;
use bridge_adapter::{Fault, Package};
use http::Method;
use toml::{Table, Value};

mod param;

pub(crate) use param::{CallerFact, Param, Source};

use crate::shape::{self, Pointer};
use crate::value::{TYPES, Type};

/// What the manifest says about SQL.
#[derive(Debug, Default)]
pub(crate) struct Config {
    pub(crate) schema: Option<String>,
    pub(crate) sample: Option<String>,
    pub(crate) operations: Vec<Operation>,
}

/// What answers one method and path of a service.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) place: String,
    pub(crate) service: String,
    pub(crate) method: Method,
    pub(crate) template: Template,
    pub(crate) params: Vec<Param>,
    pub(crate) statements: Vec<Statement>,
}

/// SQL with a name, and where its columns go.
#[derive(Debug)]
pub(crate) struct Statement {
    pub(crate) place: String,
    pub(crate) name: String,
    pub(crate) sql: String,
    pub(crate) many: bool,
    pub(crate) at: Pointer,
    pub(crate) empty: Empty,
    pub(crate) columns: Vec<Column>,
}

/// What no row means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Empty {
    /// The answer is 404.
    NotFound,
    /// The place stays empty: no member for `one`, an empty list for `many`.
    LeaveOut,
}

/// A column of the result.
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) place: String,
    pub(crate) name: String,
    pub(crate) to: Pointer,
    pub(crate) kind: Type,
    /// Whether NULL becomes `null`; else the member is left out.
    pub(crate) keep_null: bool,
}

/// Methods that ask. Writing needs the registry's own transaction with the Idempotency-Key.
const METHODS: [(&str, &Method); 2] = [("GET", &Method::GET), ("POST", &Method::POST)];

impl Config {
    /// Reads the table and notes all its faults. What is faulty is left out of the result.
    pub(crate) fn read(package: &Package, faults: &mut Vec<Fault>) -> Self {
        let mut section = Section::new(&package.settings, "manifest.toml sql");
        let schema = section.optional_text("schema", faults).map(str::to_owned);
        let sample = section.optional_text("sample", faults).map(str::to_owned);
        let sections = section.tables("operation", faults);
        if sections.is_empty() {
            let place = section.place_of("operation");
            let remedy = "add a table [[sql.operation]]";
            faults.push(Fault::new(
                "no-operation",
                place,
                "names no operation",
                remedy,
            ));
        }
        let operations = sections
            .into_iter()
            .filter_map(|section| read_operation(section, faults));
        let config = Self {
            schema,
            sample,
            operations: operations.collect(),
        };
        section.finish(faults);
        config
    }
}

fn read_operation(mut section: Section<'_>, faults: &mut Vec<Fault>) -> Option<Operation> {
    let service = section.text("service", faults);
    let method = section.word("method", &METHODS, faults);
    let template = section.text("path", faults).and_then(|text| {
        let wrong = |error: &dyn std::fmt::Display| {
            let remedy = "write the path after the service code: \"\" or \"/{fin}\"";
            Fault::new(
                "wrong-value",
                section.place_of("path"),
                error.to_string(),
                remedy,
            )
        };
        Template::parse(text)
            .map_err(|error| faults.push(wrong(&error)))
            .ok()
    });
    let params = param::read(&mut section, faults);
    let mut statements: Vec<Statement> = Vec::new();
    for part in section.tables("statement", faults) {
        let first = statements.is_empty();
        statements.extend(read_statement(part, first, faults));
    }
    if statements.is_empty() {
        let remedy = "add a table [[sql.operation.statement]]";
        let place = section.place_of("statement");
        faults.push(Fault::new(
            "no-statement",
            place,
            "has no sound statement",
            remedy,
        ));
    }
    let place = section.place().to_owned();
    section.finish(faults);
    shape::check(&place, &statements, faults);
    let method = method?.clone();
    Some(Operation {
        place,
        service: service?.to_owned(),
        method,
        template: template?,
        params,
        statements,
    })
}

fn pointer(
    section: &Section<'_>,
    key: &str,
    text: &str,
    faults: &mut Vec<Fault>,
) -> Option<Pointer> {
    let pointer = Pointer::parse(text);
    if pointer.is_none() {
        let remedy = "write the place in the JSON document: \"\" or \"/name/first\"";
        faults.push(Fault::new(
            "wrong-value",
            section.place_of(key),
            "is not a JSON pointer",
            remedy,
        ));
    }
    pointer
}

fn read_statement(
    mut section: Section<'_>,
    first: bool,
    faults: &mut Vec<Fault>,
) -> Option<Statement> {
    let place = section.place().to_owned();
    let name = section.text("name", faults);
    let many = section.word("result", &[("one", false), ("many", true)], faults);
    let sql = section.text("sql", faults);
    let at = section.optional_text("at", faults).unwrap_or_default();
    let at = pointer(&section, "at", at, faults);
    let words = [
        ("not-found", Empty::NotFound),
        ("leave-out", Empty::LeaveOut),
    ];
    let usual = if first && many == Some(false) {
        Empty::NotFound
    } else {
        Empty::LeaveOut
    };
    let empty = section
        .optional_word("empty", &words, faults)
        .unwrap_or(usual);
    let mut columns = Vec::new();
    let columns_place = section.place_of("columns");
    for (name, value) in section.table("columns", faults).into_iter().flatten() {
        columns.extend(read_column(
            name,
            value,
            format!("{columns_place}.{name}"),
            faults,
        ));
    }
    section.finish(faults);
    Some(Statement {
        place,
        name: name?.to_owned(),
        sql: sql?.to_owned(),
        many: many?,
        at: at?,
        empty,
        columns,
    })
}

fn read_column(
    name: &str,
    value: &Value,
    place: String,
    faults: &mut Vec<Fault>,
) -> Option<Column> {
    let short;
    let table = match value {
        Value::String(to) => {
            short = Table::from_iter([("to".to_owned(), Value::String(to.clone()))]);
            &short
        }
        Value::Table(table) => table,
        Value::Integer(_)
        | Value::Float(_)
        | Value::Boolean(_)
        | Value::Datetime(_)
        | Value::Array(_) => {
            let remedy = "write \"/name/first\" or { to = \"/birth_date\", type = \"date\" }";
            faults.push(Fault::new(
                "wrong-value",
                place,
                "is neither a place nor a table",
                remedy,
            ));
            return None;
        }
    };
    let mut section = Section::new(table, place.clone());
    let to = section
        .text("to", faults)
        .and_then(|text| pointer(&section, "to", text, faults));
    let kind = section
        .optional_word("type", &TYPES, faults)
        .unwrap_or(Type::Text);
    let words = [("leave-out", false), ("keep", true)];
    let keep_null = section
        .optional_word("null", &words, faults)
        .unwrap_or(false);
    section.finish(faults);
    Some(Column {
        place,
        name: name.to_owned(),
        to: to?,
        kind,
        keep_null,
    })
}
