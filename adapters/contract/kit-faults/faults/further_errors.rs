//! Adapters that say too much, or do not stand something, in a further way that a claim names.

use bridge_adapter::AdapterError;

use super::errors::{bad_with, field};
use crate::fault::Hook::{Answers, Chokes, Errs, Panics};
use crate::fault::{Asked, Fault, Hook, Told};
use crate::reference::bad;

/// A fact about the caller that an answer must not repeat, in its body.
macro_rules! in_body {
    ($check:literal, $what:literal, $fact:ident) => {
        (
            "in the body",
            fault(
                $check,
                $what,
                &[Answers(|asked, told| {
                    within(asked, told, asked.facts.$fact.as_deref())
                })],
            ),
        )
    };
}

pub(super) const FAULTS: &[(&str, Fault)] = &[
    (
        "for whom",
        fault(
            "errors.no-facts",
            "says for whom it was asked",
            &[Errs(|asked, _, error| {
                bad_with(
                    error,
                    asked.facts.represented_party.as_deref().unwrap_or("nobody"),
                )
            })],
        ),
    ),
    (
        "under which file number",
        fault(
            "errors.no-facts",
            "says the caller's file number",
            &[Errs(|asked, _, error| {
                bad_with(error, asked.facts.issue.as_deref().unwrap_or("none"))
            })],
        ),
    ),
    (
        "in a field",
        fault(
            "errors.no-path-in-answer",
            "says in a field whom it did not find",
            &[Answers(|asked, told| {
                if asked.absent() {
                    told.field("x-asked", asked.segment(0));
                }
            })],
        ),
    ),
    (
        "300 characters",
        fault(
            "errors.one-line",
            "explains a mistake at length",
            &[Errs(|_, _, error| {
                bad_with(error, &"anything else ".repeat(30))
            })],
        ),
    ),
    (
        "what belongs there",
        fault(
            "errors.names-place",
            "does not say what belongs at the place of a mistake",
            &[Errs(|_, _, error| match error {
                AdapterError::BadRequest { place, .. } => bad(&place, ""),
                other => other,
            })],
        ),
    ),
    in_body!(
        "facts.user-not-repeated",
        "writes the user into its answer",
        user_id
    ),
    in_body!(
        "facts.represented-not-repeated",
        "writes into its answer for whom the caller acts",
        represented_party
    ),
    in_body!(
        "facts.issue-not-repeated",
        "writes the caller's file number into its answer",
        issue
    ),
    in_body!(
        "facts.contract-not-repeated",
        "writes the contract into its answer",
        contract
    ),
    (
        "the legal basis",
        fault(
            "facts.purpose-not-repeated",
            "says the legal basis",
            &[Answers(|asked, told| {
                field(told, "x-basis", asked.facts.legal_basis.as_deref())
            })],
        ),
    ),
    (
        "no legal basis",
        fault(
            "facts.none-given",
            "expects a legal basis",
            &[Panics(|asked| {
                asked.facts.legal_basis.is_none() && asked.service == "person"
            })],
        ),
    ),
    (
        "in the file number",
        fault(
            "facts.azerbaijani-letters",
            "writes the file number into a field of its own protocol",
            &[Chokes(|asked, _| issue(asked).contains('ə'))],
        ),
    ),
    (
        "code in the user",
        fault(
            "facts.injection",
            "hands the user to a command",
            &[Chokes(|asked, _| user(asked).contains("$("))],
        ),
    ),
    (
        "quotes in the file number",
        fault(
            "facts.injection",
            "pastes the file number into the SQL of its log",
            &[Chokes(|asked, _| issue(asked).contains('\''))],
        ),
    ),
    (
        "code in the file number",
        fault(
            "facts.injection",
            "hands the file number to a command",
            &[Chokes(|asked, _| issue(asked).contains("$("))],
        ),
    ),
    (
        "code",
        fault(
            "effects.key-injection",
            "runs what stands in a key",
            &[Chokes(|asked, _| {
                asked.key.as_deref().is_some_and(|key| key.contains("DROP"))
            })],
        ),
    ),
];

const fn fault(check: &'static str, what: &'static str, hooks: &'static [Hook]) -> Fault {
    Fault { check, what, hooks }
}

fn user(asked: &Asked) -> &str {
    asked.facts.user_id.as_deref().unwrap_or_default()
}

fn issue(asked: &Asked) -> &str {
    asked.facts.issue.as_deref().unwrap_or_default()
}

/// Writes a fact into the answer about a person, where there is one.
fn within(asked: &Asked, told: &mut Told, fact: Option<&str>) {
    if let Some(fact) = fact.filter(|_| asked.service == "person") {
        told.replace("\"name\":\"", &format!("\"name\":\"{fact} "));
    }
}
