//! The operations: which rows of a table answer a call.

use bridge_adapter::Fault;
use bridge_adapter::section::Section;
use bridge_adapter::template::Template;
use toml::Table as Toml;

use super::TableConfig;
use crate::kind::Kind;
use crate::limits::PAGE_ROWS;

/// How many rows a page of a list has where nothing is said.
const PAGE: u64 = 100;

/// What answers a GET of one path.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) place: String,
    pub(crate) service: String,
    pub(crate) template: Template,
    /// The number of the table.
    pub(crate) table: usize,
    pub(crate) width: Width,
    pub(crate) params: Vec<Param>,
}

/// How many rows an operation answers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Width {
    /// One, or 404.
    One,
    /// A page of so many at most.
    Many(u64),
    /// All, as one list that streams.
    Export,
}

/// A value of the request that rows are chosen by.
#[derive(Debug)]
pub(crate) struct Param {
    pub(crate) place: String,
    pub(crate) source: Source,
    pub(crate) column: usize,
    pub(crate) compare: Compare,
    pub(crate) optional: bool,
}

/// Where a parameter comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    Path(String),
    Query(String),
}

/// How a cell is held against a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compare {
    Equal,
    AtLeast,
    AtMost,
}

const COMPARES: [(&str, Compare); 3] = [
    ("equal", Compare::Equal),
    ("at-least", Compare::AtLeast),
    ("at-most", Compare::AtMost),
];

pub(super) fn read(
    mut section: Section<'_>,
    tables: &[TableConfig],
    faults: &mut Vec<Fault>,
) -> Option<Operation> {
    let service = section.text("service", faults);
    section.optional_word("method", &[("GET", ())], faults);
    let template = section.text("path", faults).and_then(|text| {
        let wrong = |error: bridge_adapter::template::TemplateError| {
            let remedy = "write the path after the service code: \"\" or \"/{code}\"";
            let place = section.place_of("path");
            Fault::new("wrong-value", place, error.to_string(), remedy)
        };
        let parsed = Template::parse(text).map_err(|error| faults.push(wrong(error)));
        parsed.ok()
    });
    let words: Vec<(&str, usize)> = tables.iter().map(|table| &*table.name).zip(0..).collect();
    let table = section.word("table", &words, faults);
    let words = [
        ("one", Width::One),
        ("many", Width::Many(PAGE)),
        ("export", Width::Export),
    ];
    let width = section.word("result", &words, faults);
    let page = section.optional_count("page", faults);
    let width = match (width, page) {
        (Some(Width::Many(_)), Some(page)) if page <= PAGE_ROWS => Some(Width::Many(page)),
        (width, None) => width,
        (_, Some(_)) => {
            let problem = format!("is above {PAGE_ROWS}, or the result is not \"many\"");
            let remedy = "remove it, or give the most rows of a page of a list";
            faults.push(Fault::new(
                "wrong-value",
                section.place_of("page"),
                problem,
                remedy,
            ));
            None
        }
    };
    let params = if let Some(table) = table.and_then(|table| tables.get(table)) {
        read_params(&mut section, table, faults)
    } else {
        // Without a table nothing can be said of them.
        section.value("params");
        Vec::new()
    };
    let place = section.place().to_owned();
    section.finish(faults);
    Some(Operation {
        place,
        service: service?.to_owned(),
        template: template?,
        table: table?,
        width: width?,
        params,
    })
}

fn read_params(
    section: &mut Section<'_>,
    table: &TableConfig,
    faults: &mut Vec<Fault>,
) -> Vec<Param> {
    let place = section.place_of("params");
    let mut params = Vec::new();
    for (name, value) in section
        .optional_table("params", faults)
        .into_iter()
        .flatten()
    {
        let place = format!("{place}.{name}");
        match value.as_table() {
            Some(given) => params.extend(read_param((name, given, place), table, faults)),
            None => faults.push(Fault::new(
                "wrong-value",
                place,
                "is not a table",
                "write { from = \"path\", column = \"code\" }",
            )),
        }
    }
    params
}

fn read_param(
    (name, given, place): (&str, &Toml, String),
    table: &TableConfig,
    faults: &mut Vec<Fault>,
) -> Option<Param> {
    let mut section = Section::new(given, place.clone());
    let in_path = section.word("from", &[("path", true), ("query", false)], faults);
    let own_name = section
        .optional_text("name", faults)
        .unwrap_or(name)
        .to_owned();
    let named = section.optional_text("column", faults).unwrap_or(name);
    let column = table.column(named);
    let compare = section.optional_word("compare", &COMPARES, faults);
    let compare = compare.unwrap_or(Compare::Equal);
    let optional = section.flag("optional", faults);
    let mut fault = |key: &str, problem: String, remedy: String| {
        faults.push(Fault::new(
            "wrong-value",
            section.place_of(key),
            problem,
            remedy,
        ));
    };
    match column.and_then(|column| table.columns.get(column)) {
        None => {
            let remedy = format!("name one of: {}", table.names());
            fault(
                "column",
                format!("{named:?} is no column of the table"),
                remedy,
            );
        }
        Some(column) if column.kind == Kind::Number && compare == Compare::Equal => {
            let remedy = "use at-least or at-most".to_owned();
            fault(
                "compare",
                "asks whether numbers are equal".to_owned(),
                remedy,
            );
        }
        Some(_) => {}
    }
    if optional && in_path == Some(true) {
        let remedy = "remove it: a path parameter is always there".to_owned();
        fault("optional", "is set for a path parameter".to_owned(), remedy);
    }
    section.finish(faults);
    Some(Param {
        place,
        source: if in_path? {
            Source::Path(own_name)
        } else {
            Source::Query(own_name)
        },
        column: column?,
        compare,
        optional,
    })
}
