//! Adapters that misread requests in a further way that a claim names.

use bridge_adapter::{AdapterError, Answer, Call};
use http::{HeaderMap, Method, StatusCode};

use super::paths::{KNOWN, with_person};
use crate::fault::Hook::{Chokes, Ends, Errs, Reads};
use crate::fault::{Fault, Hook};
use crate::reference::{bad, failed};

pub(super) const FAULTS: &[(&str, Fault)] = &[
    (
        "an answer",
        fault(
            "identity.other-caller",
            "has a table of its callers, and fails where one is not in it",
            &[Ends(|asked| {
                (asked.service == "person" && asked.facts.client.code() == "KIT-STRANGER")
                    .then(|| Err(failed()))
            })],
        ),
    ),
    (
        "in front",
        fault(
            "identity.padding",
            "skips spaces in front of identifiers",
            &[Reads(|call| {
                with_person(call, |own| own.trim_start().to_owned())
            })],
        ),
    ),
    (
        "behind",
        fault(
            "identity.padding",
            "skips spaces behind identifiers",
            &[Reads(|call| {
                with_person(call, |own| own.trim_end().to_owned())
            })],
        ),
    ),
    (
        "Cyrillic",
        fault(
            "identity.lookalike",
            "writes Cyrillic letters as the Latin ones like them",
            &[Reads(|call| with_person(call, latin))],
        ),
    ),
    (
        "of file names",
        fault(
            "identity.wildcard",
            "takes * for anyone",
            &[Reads(|call| anyone(call, "*"))],
        ),
    ),
    (
        "of patterns",
        fault(
            "identity.wildcard",
            "takes identifiers for patterns",
            &[Reads(|call| anyone(call, ".*"))],
        ),
    ),
    (
        "LDAP",
        fault(
            "paths.injection",
            "pastes identifiers into LDAP filters",
            &[Chokes(|asked, _| asked.segment(0).contains(")("))],
        ),
    ),
    (
        "shell",
        fault(
            "paths.injection",
            "pastes identifiers into a command",
            &[Chokes(|asked, _| asked.segment(0) == "$(id)")],
        ),
    ),
    (
        "template",
        fault(
            "paths.injection",
            "writes its answers from templates twice",
            &[Chokes(|asked, _| asked.segment(0).contains("{{"))],
        ),
    ),
    (
        "SQL finds nobody",
        fault(
            "paths.injection",
            "runs a condition that stands in a path",
            &[Reads(|call| anyone(call, "' OR '1'='1"))],
        ),
    ),
    (
        "..\\",
        fault(
            "paths.dot-names",
            "walks through folders",
            &[Reads(|call| anyone(call, "..\\..\\etc\\passwd"))],
        ),
    ),
    (
        "they are those that it takes",
        fault(
            "methods.named",
            "names a method that it refuses",
            &[Errs(|_, _, error| match error {
                AdapterError::MethodNotAllowed { .. } => AdapterError::MethodNotAllowed {
                    allowed: vec!["DELETE".to_owned()],
                },
                other => other,
            })],
        ),
    ),
    (
        "in a refusal that is an answer",
        fault(
            "methods.named",
            "answers with 405 and without Allow",
            &[Ends(|asked| {
                (asked.method == Method::DELETE).then(|| Ok(not_allowed()))
            })],
        ),
    ),
    (
        "refused",
        fault(
            "methods.head",
            "fails on HEAD",
            &[Ends(|asked| {
                (asked.method == Method::HEAD).then(|| Err(failed()))
            })],
        ),
    ),
    (
        "it is refused as the caller's mistake",
        fault(
            "query.unknown",
            "fails on a name that it does not know",
            &[Chokes(|asked, _| {
                asked.query.iter().any(|(name, _)| name == "fields")
            })],
        ),
    ),
    (
        "an optional one is answered",
        fault(
            "query.left-out",
            "demands an optional name",
            &[Ends(|asked| {
                let left_out = asked.service == "address"
                    && asked.method == Method::GET
                    && asked.path == "/MBXEHTV"
                    && asked.query.is_empty();
                left_out.then(|| Err(bad("query at", "a day")))
            })],
        ),
    ),
    (
        "a required one is refused",
        fault(
            "query.left-out",
            "shows the first resident where none is named",
            &[Reads(|call| {
                if call.service.code() == "address" && call.path == "/find" && call.query.is_empty()
                {
                    call.query.push(("fin".to_owned(), KNOWN.to_owned()));
                }
            })],
        ),
    ),
    (
        "it is refused as the caller's mistake",
        fault(
            "query.wrong-form",
            "fails on a number that is too large",
            &[Chokes(|asked, _| asked.any_value(|own| own == "1e999"))],
        ),
    ),
    (
        "LDAP",
        fault(
            "query.injection",
            "pastes values into LDAP filters",
            &[Chokes(|asked, _| asked.any_value(|own| own.contains(")(")))],
        ),
    ),
    (
        "shell",
        fault(
            "query.injection",
            "pastes values into a command",
            &[Chokes(|asked, _| asked.any_value(|own| own == "$(id)"))],
        ),
    ),
    (
        "template",
        fault(
            "query.injection",
            "writes what it was asked from templates",
            &[Chokes(|asked, _| asked.any_value(|own| own.contains("{{")))],
        ),
    ),
    (
        "SQL is refused",
        fault(
            "query.injection",
            "runs a condition that stands in a value",
            &[Reads(|call| {
                call.query.retain(|(_, value)| !value.contains(" OR "))
            })],
        ),
    ),
];

const fn fault(check: &'static str, what: &'static str, hooks: &'static [Hook]) -> Fault {
    Fault { check, what, hooks }
}

/// Takes one text in place of an identifier for the first person.
fn anyone(call: &mut Call, text: &str) {
    let is_so = call.segments.first().is_some_and(|own| own == text);
    if is_so && call.segments.len() == 1 && call.method == Method::GET {
        with_person(call, |_| KNOWN.to_owned());
    }
}

fn latin(own: &str) -> String {
    let pairs = [
        ('М', 'M'),
        ('В', 'B'),
        ('Х', 'X'),
        ('Е', 'E'),
        ('Н', 'H'),
        ('Т', 'T'),
    ];
    let like = |c: char| {
        pairs
            .iter()
            .find(|(wide, _)| *wide == c)
            .map_or(c, |(_, own)| *own)
    };
    own.chars().map(like).collect()
}

fn not_allowed() -> Answer {
    Answer {
        status: StatusCode::METHOD_NOT_ALLOWED,
        fields: HeaderMap::new(),
        body: bridge_adapter::body::empty(),
    }
}
