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

use std::ops::RangeFrom;
use std::sync::Arc;

use bridge_adapter::section::Section;
use bridge_adapter::template::Template;
use bridge_adapter::{Effect, Fault, Package};
use http::{Method, StatusCode};

mod param;
mod statement;

#[cfg(test)]
pub(crate) use param::{CALLER_FACTS, SOURCES};
pub(crate) use param::{CallerFact, Param, Source};
pub(crate) use statement::{Column, Empty, Refusal, Rows, Statement};
#[cfg(test)]
pub(crate) use statement::{EMPTY, RESULTS};

use crate::dialect::PerDatabase;
use crate::kept::FIRST_ID;
use crate::layout::Layout;
use crate::shape::{self, Pointer};
use crate::value::document;

/// What the manifest says about SQL.
#[derive(Debug, Default)]
pub(crate) struct Config {
    pub(crate) schema: Option<PerDatabase>,
    pub(crate) sample: Option<PerDatabase>,
    pub(crate) operations: Vec<Arc<Operation>>,
}

/// What answers one method and path of a service.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) place: String,
    pub(crate) service: String,
    pub(crate) method: Method,
    pub(crate) template: Template,
    pub(crate) params: Vec<Param>,
    /// Whether it changes the registry, in one transaction with the caller's key. Else its statements are checked to read
    /// only, whatever the method.
    pub(crate) effect: Effect,
    /// The status of an answer that is no refusal.
    pub(crate) status: StatusCode,
    /// The most bytes of a request body, if it is another number than for other operations.
    pub(crate) request_bytes: Option<u64>,
    pub(crate) statements: Vec<Statement>,
    /// How its document is written.
    pub(crate) layout: Layout,
    /// How many values the document has.
    pub(crate) values: usize,
}

/// The methods of HTTP that an operation can answer.
pub(crate) const METHODS: [(&str, &Method); 5] = [
    ("GET", &Method::GET),
    ("POST", &Method::POST),
    ("PUT", &Method::PUT),
    ("PATCH", &Method::PATCH),
    ("DELETE", &Method::DELETE),
];

impl Config {
    /// Reads the table and notes all its faults. What is faulty is left out of the result.
    pub(crate) fn read(package: &Package, faults: &mut Vec<Fault>) -> Self {
        let mut section = Section::new(&package.settings, "manifest.toml sql");
        let schema = PerDatabase::read(&mut section, "schema", faults);
        let sample = PerDatabase::read(&mut section, "sample", faults);
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
        let mut ids = FIRST_ID..;
        let operations = sections
            .into_iter()
            .filter_map(|section| read_operation(section, &mut ids, faults).map(Arc::new));
        let config = Self {
            schema,
            sample,
            operations: operations.collect(),
        };
        section.finish(faults);
        config
    }
}

fn read_operation(
    mut section: Section<'_>,
    ids: &mut RangeFrom<usize>,
    faults: &mut Vec<Fault>,
) -> Option<Operation> {
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
    let effect = method.and_then(|method| Effect::read(&mut section, method, faults));
    if effect == Some(Effect::Unknown) {
        let remedy = "write effect = \"stored\": statements that change the registry run in one transaction with the key";
        let place = section.place_of("effect");
        let problem = "is not what this adapter does";
        faults.push(Fault::new("wrong-value", place, problem, remedy));
    }
    let status = read_status(&mut section, faults);
    let request_bytes = document::request_limit(&mut section, faults);
    let mut statements: Vec<Statement> = Vec::new();
    for (part, id) in section.tables("statement", faults).into_iter().zip(ids) {
        let first = statements.is_empty();
        statements.extend(statement::read(part, (id, first), faults));
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
    let effect = effect.unwrap_or(Effect::Reads);
    check_stream(&statements, effect, faults);
    let place = section.place().to_owned();
    section.finish(faults);
    shape::check(&place, &statements, faults);
    if let [only] = statements.as_mut_slice() {
        only.is_document = only.result == Rows::One;
    }
    let mut values = 0;
    for statement in &mut statements {
        statement.first_value = values;
        values = values.saturating_add(statement.values());
    }
    let method = method?.clone();
    Some(Operation {
        place,
        service: service?.to_owned(),
        method,
        template: template?,
        params,
        effect,
        status,
        request_bytes,
        layout: Layout::document(&statements),
        values,
        statements,
    })
}

/// A streamed answer is on its way before its end is known: nothing can follow it or take it back.
fn check_stream(statements: &[Statement], effect: Effect, faults: &mut Vec<Fault>) {
    let streams = |own: &&Statement| own.result == Rows::Stream;
    let Some(statement) = statements.iter().find(streams) else {
        return;
    };
    let alone = statements.len() == 1 && statement.at.is_root() && effect == Effect::Reads;
    if !alone || statement.empty != Empty::LeaveOut {
        faults.push(Fault::new(
            "stream-not-alone",
            &statement.place,
            "streams, and is not all that its operation does",
            "make it the only statement, without at, empty and effect, or write result = \"many\"",
        ));
    }
}

fn read_status(section: &mut Section<'_>, faults: &mut Vec<Fault>) -> StatusCode {
    let Some(status) = section.optional_count("status", faults) else {
        return StatusCode::OK;
    };
    let known = u16::try_from(status)
        .ok()
        .and_then(|status| StatusCode::from_u16(status).ok())
        .filter(StatusCode::is_success);
    known.unwrap_or_else(|| {
        faults.push(Fault::new(
            "wrong-value",
            section.place_of("status"),
            "is no status of an answer",
            "write 200 to 299; what is refused is said by empty = { status, code, message }",
        ));
        StatusCode::OK
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
