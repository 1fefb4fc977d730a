//! The parameters of an operation.

use std::sync::Arc;

use bridge_adapter::Fault;
use bridge_adapter::section::Section;
use toml::Table;

use super::pointer;
use crate::shape::Pointer;
use crate::value::{TYPES, Type};

/// A named value of the request that statements use as `:name`.
#[derive(Debug)]
pub(crate) struct Param {
    pub(crate) place: String,
    /// Lent to each call.
    pub(crate) name: Arc<str>,
    pub(crate) source: Source,
    pub(crate) kind: Type,
    pub(crate) optional: bool,
}

/// Where a parameter comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    Path(String),
    Query(String),
    Body(Pointer),
    Caller(CallerFact),
    /// The moment of the call, in the time of Azerbaijan.
    Clock,
}

/// A fact about the caller that the node established.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallerFact {
    Client,
    RequestId,
    Purpose,
    LegalBasis,
    UserId,
    RepresentedParty,
    Issue,
    Contract,
}

pub(crate) const CALLER_FACTS: [(&str, CallerFact); 8] = [
    ("client", CallerFact::Client),
    ("request_id", CallerFact::RequestId),
    ("purpose", CallerFact::Purpose),
    ("legal_basis", CallerFact::LegalBasis),
    ("user_id", CallerFact::UserId),
    ("represented_party", CallerFact::RepresentedParty),
    ("issue", CallerFact::Issue),
    ("contract", CallerFact::Contract),
];

/// The words of `from`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum From {
    Path,
    Query,
    Body,
    Caller,
    Clock,
}

pub(crate) const SOURCES: [(&str, From); 5] = [
    ("path", From::Path),
    ("query", From::Query),
    ("body", From::Body),
    ("caller", From::Caller),
    ("clock", From::Clock),
];

/// Reads the `params` of an operation.
pub(super) fn read(section: &mut Section<'_>, faults: &mut Vec<Fault>) -> Vec<Param> {
    let place = section.place_of("params");
    let Some(table) = section.optional_table("params", faults) else {
        return Vec::new();
    };
    let mut params = Vec::new();
    for (name, value) in table {
        let place = format!("{place}.{name}");
        match value.as_table() {
            Some(table) => params.extend(read_param(name, table, place, faults)),
            None => faults.push(Fault::new(
                "wrong-value",
                place,
                "is not a table",
                "write { from = \"path\", type = \"fin\" }",
            )),
        }
    }
    params
}

fn read_param(name: &str, table: &Table, place: String, faults: &mut Vec<Fault>) -> Option<Param> {
    let mut section = Section::new(table, place.clone());
    let source = match section.word("from", &SOURCES, faults) {
        Some(From::Path) => Some(Source::Path(own_name(&mut section, name, faults))),
        Some(From::Query) => Some(Source::Query(own_name(&mut section, name, faults))),
        Some(From::Body) => section
            .text("pointer", faults)
            .and_then(|text| pointer(&section, "pointer", text, faults))
            .map(Source::Body),
        Some(From::Clock) => Some(Source::Clock),
        Some(From::Caller) => section
            .word("fact", &CALLER_FACTS, faults)
            .map(Source::Caller),
        None => {
            // The rest depends on the source; only its own fault helps.
            for key in ["name", "pointer", "fact"] {
                section.value(key);
            }
            None
        }
    };
    let kind = section.word("type", &TYPES, faults);
    let optional = section.flag("optional", faults);
    if optional && matches!(source, Some(Source::Path(_))) {
        let remedy = "remove optional: a path parameter is always there";
        faults.push(Fault::new(
            "wrong-value",
            section.place_of("optional"),
            "is set for a path parameter",
            remedy,
        ));
    }
    if let (Some(Source::Clock), Some(kind)) = (&source, kind)
        && !matches!(kind, Type::Date | Type::DateTime)
    {
        let remedy = "write \"date\" or \"date-time\"";
        let place = section.place_of("type");
        faults.push(Fault::new(
            "wrong-value",
            place,
            "is no type of the clock",
            remedy,
        ));
    }
    section.finish(faults);
    Some(Param {
        place,
        name: name.into(),
        source: source?,
        kind: kind?,
        optional,
    })
}

fn own_name(section: &mut Section<'_>, name: &str, faults: &mut Vec<Fault>) -> String {
    section
        .optional_text("name", faults)
        .unwrap_or(name)
        .to_owned()
}
