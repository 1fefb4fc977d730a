//! The `[file]` table of a manifest: tables with their columns, and operations.
//!
//! ```toml
//! [[file.table]]
//! name = "execution"
//! file = "budget-execution.csv"
//! separator = ";"                  # optional; by default ","
//! decimal = ","                    # optional; by default "."
//! key = ["code", "quarter"]        # optional: no two rows have the same
//! columns.code = { header = "Kod" }
//! columns.quarter = { header = "Rüb", to = "/period/quarter" }
//! columns.spent = { header = "İcra, manat", type = "money" }
//!
//! [[file.operation]]
//! service = "budget-execution"
//! path = "/{code}"
//! table = "execution"
//! result = "many"
//! params.code = { from = "path", column = "code" }
//! ```

use bridge_adapter::section::Section;
use bridge_adapter::{Fault, Package};
use toml::Table as Toml;

mod operation;

pub(crate) use operation::{Compare, Operation, Param, Source, Width};

use crate::kind::{KINDS, Kind};
use crate::limits::FileLimits;
use crate::place::{self, Place};

/// What the manifest says about files.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) tables: Vec<TableConfig>,
    pub(crate) operations: Vec<Operation>,
    pub(crate) limits: FileLimits,
}

/// A file and its columns.
#[derive(Debug, Clone)]
pub(crate) struct TableConfig {
    pub(crate) place: String,
    pub(crate) name: String,
    pub(crate) file: String,
    pub(crate) form: Form,
    /// The row with the headers, counted from 1.
    pub(crate) header_row: u64,
    pub(crate) comma: bool,
    /// No two rows have the same cells in these columns.
    pub(crate) key: Vec<usize>,
    pub(crate) columns: Vec<Column>,
}

/// How a file is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Form {
    /// Text in UTF-8 with this between the cells.
    Csv { separator: u8 },
    /// A spreadsheet: this sheet, or the first.
    Xlsx { sheet: Option<String> },
}

/// A column that is read.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) place: String,
    pub(crate) name: String,
    pub(crate) header: String,
    pub(crate) kind: Kind,
    pub(crate) to: Place,
    pub(crate) empty: Empty,
}

/// What an empty cell means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Empty {
    /// The file is broken.
    Refuse,
    /// The row has no such member.
    LeaveOut,
    /// The member is `null`.
    Keep,
}

const SEPARATORS: [(&str, u8); 4] = [(",", b','), (";", b';'), ("\t", b'\t'), ("|", b'|')];

impl Config {
    /// Reads the table and notes all its faults. What is faulty is left out of the result.
    pub(crate) fn read(package: &Package, limits: &FileLimits, faults: &mut Vec<Fault>) -> Self {
        let mut section = Section::new(&package.settings, "manifest.toml file");
        let mut limits = limits.clone();
        if let Some(rows) = section.optional_count("rows_limit", faults) {
            limits.rows = rows;
        }
        if let Some(bytes) = section.optional_count("file_limit_bytes", faults) {
            limits.file_bytes = bytes;
        }
        let mut tables: Vec<TableConfig> = Vec::new();
        for part in section.tables("table", faults) {
            tables.extend(read_table(part, faults));
        }
        for (index, table) in tables.iter().enumerate() {
            if tables
                .iter()
                .take(index)
                .any(|other| other.name == table.name)
            {
                let problem = format!("{:?} stands twice", table.name);
                let remedy = "give each table its own name";
                faults.push(Fault::new("repeated-table", &table.place, problem, remedy));
            }
        }
        let mut operations = Vec::new();
        for part in section.tables("operation", faults) {
            operations.extend(operation::read(part, &tables, faults));
        }
        for (key, is_empty) in [
            ("table", tables.is_empty()),
            ("operation", operations.is_empty()),
        ] {
            if is_empty && faults.is_empty() {
                let remedy = format!("add a table [[file.{key}]]");
                let place = section.place_of(key);
                faults.push(Fault::new("missing-key", place, "is missing", remedy));
            }
        }
        section.finish(faults);
        Self {
            tables,
            operations,
            limits,
        }
    }
}

impl TableConfig {
    /// The number of a column.
    pub(crate) fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// The names of the columns, for remedies.
    pub(crate) fn names(&self) -> String {
        let names: Vec<&str> = self.columns.iter().map(|column| &*column.name).collect();
        names.join(", ")
    }
}

fn read_table(mut section: Section<'_>, faults: &mut Vec<Fault>) -> Option<TableConfig> {
    let place = section.place().to_owned();
    let name = section.text("name", faults);
    let file = section.text("file", faults);
    let form = file.and_then(|file| read_form(&mut section, file, faults));
    let header_row = section.optional_count("header_row", faults).unwrap_or(1);
    let words = [(".", false), (",", true)];
    let comma = section.optional_word("decimal", &words, faults);
    let mut columns = Vec::new();
    let columns_place = section.place_of("columns");
    for (name, value) in section.table("columns", faults).into_iter().flatten() {
        let place = format!("{columns_place}.{name}");
        match value.as_table() {
            Some(table) => columns.extend(read_column(name, table, place, faults)),
            None => faults.push(Fault::new(
                "wrong-value",
                place,
                "is not a table",
                "write { header = \"Kod\", type = \"text\" }",
            )),
        }
    }
    let key = read_key(&mut section, &columns, faults);
    section.finish(faults);
    let places = columns.iter().map(|column| (&column.to, &*column.place));
    place::clashes(&places.collect::<Vec<_>>(), faults);
    Some(TableConfig {
        place,
        name: name?.to_owned(),
        file: file?.to_owned(),
        form: form?,
        header_row,
        comma: comma.unwrap_or(false),
        key,
        columns,
    })
}

fn read_form(section: &mut Section<'_>, file: &str, faults: &mut Vec<Fault>) -> Option<Form> {
    let separator = section.optional_word("separator", &SEPARATORS, faults);
    let sheet = section.optional_text("sheet", faults).map(str::to_owned);
    let ending = file.rsplit_once('.').map(|(_, ending)| ending);
    let fault = |problem: &str, remedy: &str| {
        Some(Fault::new(
            "file-form",
            section.place_of("file"),
            problem,
            remedy,
        ))
    };
    let is_inside = !file.contains(['/', '\\']) && !file.starts_with('.');
    let wrong = match (ending, separator, &sheet) {
        _ if !is_inside => fault("is not the name of a file", "write a name without a folder"),
        (Some("csv"), _, None) | (Some("xlsx"), None, _) => None,
        (Some("csv"), _, Some(_)) => fault("is a CSV file with a sheet", "remove sheet"),
        (Some("xlsx"), Some(_), _) => fault("is an XLSX file with a separator", "remove separator"),
        (_, _, _) => fault(
            "is neither *.csv nor *.xlsx",
            "name a file of one of these forms",
        ),
    };
    if let Some(wrong) = wrong {
        faults.push(wrong);
        return None;
    }
    Some(match ending {
        Some("xlsx") => Form::Xlsx { sheet },
        _ => Form::Csv {
            separator: separator.unwrap_or(b','),
        },
    })
}

fn read_key(section: &mut Section<'_>, columns: &[Column], faults: &mut Vec<Fault>) -> Vec<usize> {
    let Some(value) = section.value("key") else {
        return Vec::new();
    };
    let list = value
        .as_array()
        .cloned()
        .unwrap_or_else(|| vec![value.clone()]);
    let named: Option<Vec<usize>> = list
        .iter()
        .map(|name| {
            let name = name.as_str()?;
            columns.iter().position(|column| column.name == name)
        })
        .collect();
    let fits = |at: &usize| columns.get(*at).is_some_and(|own| own.kind != Kind::Number);
    named.filter(|key| key.iter().all(fits)).unwrap_or_else(|| {
        faults.push(Fault::new(
            "wrong-value",
            section.place_of("key"),
            "does not name columns of the table that can be a key",
            "write key = \"code\" or key = [\"code\", \"quarter\"], of any type but number",
        ));
        Vec::new()
    })
}

fn read_column(name: &str, table: &Toml, place: String, faults: &mut Vec<Fault>) -> Option<Column> {
    let mut section = Section::new(table, place.clone());
    let header = section.text("header", faults);
    let kind = section.optional_word("type", &KINDS, faults);
    let words = [
        ("refuse", Empty::Refuse),
        ("leave-out", Empty::LeaveOut),
        ("keep", Empty::Keep),
    ];
    let empty = section.optional_word("empty", &words, faults);
    let own = format!("/{name}");
    let to = Place::parse(section.optional_text("to", faults).unwrap_or(&own));
    if to.is_none() {
        let remedy = "write the place in the row's object: \"/code\" or \"/period/quarter\"";
        let place = section.place_of("to");
        faults.push(Fault::new(
            "wrong-value",
            place,
            "is not a JSON pointer",
            remedy,
        ));
    }
    section.finish(faults);
    Some(Column {
        place,
        name: name.to_owned(),
        header: header?.to_owned(),
        kind: kind.unwrap_or(Kind::Text),
        to: to?,
        empty: empty.unwrap_or(Empty::Refuse),
    })
}
