//! Adapters that misread request bodies in a further way that a claim names.

use http::Method;
use serde_json::Value;

use super::bodies::{contains, default_date, is_check, rewritten};
use super::paths::KNOWN;
use crate::fault::Hook::{Chokes, Reads, Refuses, Rewrites};
use crate::fault::{Fault, Hook, become_segments};

pub(super) const FAULTS: &[(&str, Fault)] = &[
    (
        "it is refused as too large",
        fault(
            "bodies.large",
            "says of a large body that it has another form",
            &[Refuses(|_, bytes| bytes.len() > 512 * 1024)],
        ),
    ),
    (
        "it changes nothing",
        fault(
            "bodies.where-none",
            "asks for whom the body of a GET names",
            &[Reads(|call| {
                if call.method == Method::GET
                    && call.fields.contains_key(http::header::CONTENT_TYPE)
                {
                    become_segments(call, &["CJ9L1VQ"]);
                }
            })],
        ),
    ),
    (
        "refused",
        fault(
            "forms.not-utf8",
            "fails on what is not UTF-8",
            &[Chokes(|_, bytes| bytes.contains(&0xff))],
        ),
    ),
    (
        "a text",
        fault(
            "forms.not-an-object",
            "fails on a text",
            &[Chokes(|asked, bytes| {
                is_check(asked) && bytes.starts_with(b"\"")
            })],
        ),
    ),
    (
        "a number",
        fault(
            "forms.not-an-object",
            "fails on a number",
            &[Chokes(|asked, bytes| is_check(asked) && bytes == b"1")],
        ),
    ),
    (
        "a list",
        fault(
            "forms.member-of-other-type",
            "takes the first of a list",
            &[Rewrites(|asked, bytes| {
                default_date(asked, bytes, Value::is_array)
            })],
        ),
    ),
    (
        "an object",
        fault(
            "forms.member-of-other-type",
            "takes what is in an object",
            &[Rewrites(|asked, bytes| {
                default_date(asked, bytes, Value::is_object)
            })],
        ),
    ),
    (
        "it is survived",
        fault(
            "forms.unknown-member",
            "hands members to its database that it does not know",
            &[Chokes(|_, bytes| contains(bytes, "$where"))],
        ),
    ),
    (
        "LDAP",
        fault(
            "forms.injection",
            "pastes members into LDAP filters",
            &[Chokes(|_, bytes| contains(bytes, ")(uid"))],
        ),
    ),
    (
        "shell",
        fault(
            "forms.injection",
            "pastes members into a command",
            &[Chokes(|_, bytes| contains(bytes, "$(id)"))],
        ),
    ),
    (
        "template",
        fault(
            "forms.injection",
            "writes its answers from templates twice",
            &[Chokes(|_, bytes| contains(bytes, "{{7"))],
        ),
    ),
    (
        "SQL finds nobody",
        fault(
            "forms.injection",
            "runs a condition that stands in a member",
            &[Rewrites(|asked, bytes| {
                rewritten(asked, bytes, |object| {
                    let runs = object
                        .get("fin")
                        .and_then(Value::as_str)
                        .is_some_and(|own| own.contains("' OR '"));
                    if runs {
                        object.insert("fin".to_owned(), Value::from(KNOWN));
                    }
                    runs
                })
            })],
        ),
    ),
    (
        "characters of four bytes",
        fault(
            "forms.azerbaijani-letters",
            "has a database of three-byte characters",
            &[Chokes(|_, bytes| contains(bytes, "😀"))],
        ),
    ),
    (
        "spaces",
        fault(
            "forms.spaces",
            "expects a colon right behind a name",
            &[Refuses(|_, bytes| contains(bytes, "\" : "))],
        ),
    ),
    (
        "line ends",
        fault(
            "forms.spaces",
            "reads one line",
            &[Refuses(|_, bytes| contains(bytes, "\n"))],
        ),
    ),
];

const fn fault(check: &'static str, what: &'static str, hooks: &'static [Hook]) -> Fault {
    Fault { check, what, hooks }
}
