//! The statements of an operation.

use bridge_adapter::Fault;
use bridge_adapter::section::Section;
use http::StatusCode;
use toml::{Table, Value};

use super::pointer;
use crate::dialect::PerDatabase;
use crate::layout::Layout;
use crate::shape::Pointer;
use crate::value::{TYPES, Type};

/// The most bytes of the code and of the message of a refusal.
const WORDS_LIMIT_BYTES: usize = 200;

/// SQL with a name, and where its columns go.
#[derive(Debug)]
pub(crate) struct Statement {
    /// Its number among all statements of the adapter.
    pub(crate) id: usize,
    pub(crate) place: String,
    pub(crate) name: String,
    pub(crate) sql: PerDatabase,
    pub(crate) result: Rows,
    pub(crate) at: Pointer,
    pub(crate) empty: Empty,
    pub(crate) columns: Vec<Column>,
    /// How a row of a list is written.
    pub(crate) row: Layout,
    /// The number of its first value among those of its operation's document.
    pub(crate) first_value: usize,
    /// Whether its row is all of its operation's document: then it is written at once, and no value is gathered.
    pub(crate) is_document: bool,
}

/// What becomes of a statement's rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rows {
    /// An object; a second row is an error.
    One,
    /// A list.
    Many,
    /// The whole answer, a list that is sent while it is read.
    Stream,
    /// Nothing: they are counted.
    Counted,
}

/// What no row means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Empty {
    /// The answer is 404.
    NotFound,
    /// The place stays empty: no member for `one`, an empty list for `many`.
    LeaveOut,
    /// The registry refuses, in its own words, and nothing of the operation stays.
    Refuse(Refusal),
}

/// What the registry says instead of doing what it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) code: String,
    pub(crate) message: String,
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

/// The words of `result`.
pub(crate) const RESULTS: [(&str, Rows); 4] = [
    ("one", Rows::One),
    ("many", Rows::Many),
    ("stream", Rows::Stream),
    ("none", Rows::Counted),
];

/// The words of `empty`, beside the table of a refusal.
pub(crate) const EMPTY: [(&str, Empty); 2] = [
    ("not-found", Empty::NotFound),
    ("leave-out", Empty::LeaveOut),
];

impl Statement {
    /// How many values it has in its operation's document: a list is one, a single row has its columns and that it was found.
    pub(crate) fn values(&self) -> usize {
        match self.result {
            Rows::One if self.is_document => 0,
            Rows::One => self.columns.len().saturating_add(1),
            Rows::Many => 1,
            Rows::Stream | Rows::Counted => 0,
        }
    }
}

impl Rows {
    /// Whether the rows become a list.
    pub(crate) fn is_list(self) -> bool {
        matches!(self, Self::Many | Self::Stream)
    }
}

/// Reads a statement. `first` says whether it is its operation's first one.
pub(super) fn read(
    mut section: Section<'_>,
    (id, first): (usize, bool),
    faults: &mut Vec<Fault>,
) -> Option<Statement> {
    let place = section.place().to_owned();
    let name = section.text("name", faults);
    let result = section.word("result", &RESULTS, faults);
    let sql = PerDatabase::read(&mut section, "sql", faults);
    if sql.is_none() && section.value("sql").is_none() {
        let remedy = "add it: a text in quotes, or { sqlite = \"…\", postgresql = \"…\" }";
        let place = section.place_of("sql");
        faults.push(Fault::new("missing-key", place, "is missing", remedy));
    }
    let at = section.optional_text("at", faults).unwrap_or_default();
    let at = pointer(&section, "at", at, faults);
    let usual = if first && result == Some(Rows::One) {
        Empty::NotFound
    } else {
        Empty::LeaveOut
    };
    let empty = read_empty(&mut section, faults).unwrap_or(usual);
    let mut columns = Vec::new();
    let columns_place = section.place_of("columns");
    let table = if result == Some(Rows::Counted) {
        section.value("columns").and_then(Value::as_table)
    } else {
        section.table("columns", faults)
    };
    for (name, value) in table.into_iter().flatten() {
        let place = format!("{columns_place}.{name}");
        columns.extend(read_column(name, value, place, faults));
    }
    if result == Some(Rows::Counted) && !columns.is_empty() {
        let remedy = "remove columns, or write result = \"one\"";
        faults.push(Fault::new(
            "wrong-value",
            columns_place,
            "stands beside result = \"none\"",
            remedy,
        ));
    }
    section.finish(faults);
    Some(Statement {
        id,
        place,
        name: name?.to_owned(),
        sql: sql?,
        result: result?,
        at: at?,
        empty,
        row: Layout::row(columns.iter().map(|column: &Column| &column.to)),
        first_value: 0,
        is_document: false,
        columns,
    })
}

fn read_empty(section: &mut Section<'_>, faults: &mut Vec<Fault>) -> Option<Empty> {
    let place = section.place_of("empty");
    let value = section.value("empty")?;
    if let Some(table) = value.as_table() {
        let mut refusal = Section::new(table, place);
        let read = read_refusal(&mut refusal, faults);
        refusal.finish(faults);
        return read.map(Empty::Refuse);
    }
    let known = EMPTY.iter().find(|(word, _)| value.as_str() == Some(*word));
    if known.is_none() {
        let expected =
            "\"not-found\", \"leave-out\" or { status = 409, code = \"…\", message = \"…\" }";
        faults.push(Fault::new(
            "wrong-value",
            place,
            format!("is not {expected}"),
            format!("write {expected}"),
        ));
    }
    known.map(|(_, empty)| empty.clone())
}

fn read_refusal(section: &mut Section<'_>, faults: &mut Vec<Fault>) -> Option<Refusal> {
    let status = section.optional_count("status", faults);
    let (code, message) = (
        section.text("code", faults)?,
        section.text("message", faults)?,
    );
    let refuses = |status: &StatusCode| status.is_client_error();
    let status = status
        .and_then(|status| u16::try_from(status).ok())
        .and_then(|status| StatusCode::from_u16(status).ok())
        .filter(refuses);
    let mut wrong = |key: &str, problem: &str, remedy: &str| {
        faults.push(Fault::new(
            "wrong-value",
            section.place_of(key),
            problem,
            remedy,
        ));
    };
    if status.is_none() {
        wrong("status", "is no status of a refusal", "write 400 to 499");
    }
    for (key, text) in [("code", code), ("message", message)] {
        if text.is_empty() || text.len() > WORDS_LIMIT_BYTES {
            wrong(key, "is empty or too long", "write 1 to 200 bytes");
        }
    }
    Some(Refusal {
        status: status?,
        code: code.to_owned(),
        message: message.to_owned(),
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
