//! What errors say, and what they keep to themselves.

use std::error::Error;

use serde_json::Value;

use super::ask::{Ended, Failure};
use super::bench::{Bench, json_object};
use super::bodies::fresh;
use super::check::{Check, Judged, absent, demand};
use super::odd::{self, MARKER};
use crate::AdapterError;
use crate::probe::{Probe, ProbeBody};

/// The longest text of an error.
const LONGEST: usize = 300;

pub(super) const CHECKS: &[Check] = &[
    Check::call(
        "errors.no-path-values",
        [
            "no error repeats a value of the path",
            "Errors are logged, and logs hold no personal codes.",
        ],
        |bench| Box::pin(silent(bench, Place::Path)),
    ),
    Check::call(
        "errors.no-query-values",
        [
            "no error repeats a value of the query",
            "Errors are logged, and logs hold no personal data.",
        ],
        |bench| Box::pin(silent(bench, Place::QueryValue)),
    ),
    Check::call(
        "errors.no-query-names",
        [
            "no error repeats a name of the query that nobody declared",
            "What a stranger may write into a log, he will.",
        ],
        |bench| Box::pin(silent(bench, Place::QueryName)),
    ),
    Check::call(
        "errors.no-body-values",
        [
            "no error repeats a value of the body",
            "Parsers like to quote what they do not understand: a name, a birth date.",
        ],
        |bench| Box::pin(silent(bench, Place::BodyValue)),
    ),
    Check::call(
        "errors.no-body-keys",
        [
            "no error repeats a key of the body that nobody declared",
            "What a stranger may write into a log, he will.",
        ],
        |bench| Box::pin(silent(bench, Place::BodyKey)),
    ),
    Check::call(
        "errors.no-raw-body",
        [
            "no error repeats a body that is not JSON",
            "It is whatever the caller sent, often the wrong file.",
        ],
        |bench| Box::pin(silent(bench, Place::RawBody)),
    ),
    Check::call(
        "errors.no-facts",
        [
            "no error repeats who asks, for whom, or under which file number",
            "The node keeps these facts in its journal and nowhere else.",
        ],
        |bench| Box::pin(silent(bench, Place::Facts)),
    ),
    Check::call(
        "errors.no-path-in-answer",
        [
            "no refusing answer repeats a value of the path, in body or fields",
            "Refusals travel further than answers: no contract cuts them.",
        ],
        |bench| Box::pin(no_echo(bench)),
    ),
    Check::call(
        "errors.one-line",
        [
            "an error's text is one line of at most 300 characters",
            "A stack trace shows strangers the inside, and breaks the log apart.",
        ],
        |bench| Box::pin(one_line(bench)),
    ),
    Check::call(
        "errors.names-place",
        [
            "a bad request names the place and what belongs there",
            "\"Bad request\" alone sends the caller to the telephone.",
        ],
        |bench| Box::pin(names_place(bench)),
    ),
    Check::call(
        "errors.same-error",
        [
            "the same mistake gets the same error",
            "Callers and monitors branch on it.",
        ],
        |bench| Box::pin(same_error(bench)),
    ),
    Check::call(
        "errors.callers-fault",
        [
            "a mistake of the caller is never reported as a failure of the registry",
            "It would count against the registry and be tried again for nothing.",
        ],
        |bench| Box::pin(callers_fault(bench)),
    ),
];

/// Where the marker stands.
#[derive(Debug, Clone, Copy)]
enum Place {
    Path,
    QueryValue,
    QueryName,
    BodyValue,
    BodyKey,
    RawBody,
    Facts,
}

async fn silent(bench: &Bench, place: Place) -> Judged {
    let mut tried = false;
    for ended in provoked(bench, place).await? {
        let Err(Failure::Call(error)) = &ended else {
            continue;
        };
        tried = true;
        demand(!full_text(error).contains(MARKER), || {
            format!("the error {} repeats it", error.code())
        })?;
    }
    if tried {
        Ok(())
    } else {
        Err(absent("no such mistake ends with an error of the adapter"))
    }
}

/// Calls with the marker at a place where it is a mistake, and what came of them.
async fn provoked(bench: &Bench, place: Place) -> Result<Vec<Ended>, super::check::Finding> {
    let probes = match place {
        Place::Path | Place::Facts => {
            let (good, at) = bench.with_parameter()?;
            vec![odd::with_segment(good.probe, at, MARKER)]
        }
        Place::QueryValue => {
            let (good, (name, _)) = bench.with_query()?;
            vec![odd::with_query(good.probe, name, MARKER)]
        }
        Place::QueryName => vec![odd::and_query(bench.plain()?.probe, MARKER, "1")],
        Place::BodyValue => {
            let (good, _) = bench.any_body()?;
            let own = json_object(good.probe).unwrap_or_default();
            let changed = own.keys().map(|name| {
                let mut object = own.clone();
                object.insert(name.clone(), Value::from(MARKER));
                with_body(&fresh(bench, good), Value::Object(object).to_string())
            });
            changed.collect()
        }
        Place::BodyKey => {
            let (good, _) = bench.any_body()?;
            let mut object = json_object(good.probe).unwrap_or_default();
            // Without one of the members, so that it is a mistake in any case.
            let first = object.keys().next().cloned().unwrap_or_default();
            object.remove(&first);
            object.insert(MARKER.to_owned(), Value::from(1));
            vec![with_body(
                &fresh(bench, good),
                Value::Object(object).to_string(),
            )]
        }
        Place::RawBody => {
            let (good, _) = bench.any_body()?;
            vec![with_body(
                &fresh(bench, good),
                format!("{{\"kit\": {MARKER} }}"),
            )]
        }
    };
    let mut all = Vec::new();
    for probe in probes {
        let mut call = bench.call(&probe);
        if matches!(place, Place::Facts) {
            call = bench.call(&mistaken(bench)?);
            call.facts.user_id = Some(MARKER.to_owned());
            call.facts.represented_party = Some(format!("AZ/GOV/{MARKER}"));
            call.facts.issue = Some(format!("issue {MARKER}"));
            call.facts.contract = Some(format!("{MARKER}@0"));
        }
        all.push(bench.send(call).await);
    }
    Ok(all)
}

/// A call with a mistake that says nothing.
fn mistaken(bench: &Bench) -> Result<Probe, super::check::Finding> {
    let (good, at) = bench.with_parameter()?;
    Ok(odd::with_segment(good.probe, at, "~"))
}

fn with_body(probe: &Probe, text: String) -> Probe {
    Probe {
        body: ProbeBody::Whole(text.into()),
        ..probe.clone()
    }
}

/// The error's text with those of its causes, as a log shows it.
fn full_text(error: &AdapterError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

async fn no_echo(bench: &Bench) -> Judged {
    let (good, at) = bench.with_parameter()?;
    let refused = bench.ask(&odd::with_segment(good.probe, at, MARKER)).await;
    let missing = bench.taken.iter().filter_map(|taken| {
        let value = taken
            .probe
            .segments()
            .last()
            .cloned()
            .filter(|value| value.len() > 3)?;
        taken
            .ended
            .as_ref()
            .ok()
            .filter(|seen| seen.status.is_client_error())
            .map(|seen| (value, seen))
    });
    let provoked = refused.as_ref().ok().map(|seen| (MARKER.to_owned(), seen));
    let mut tried = false;
    for (value, seen) in missing.chain(provoked) {
        tried = true;
        let in_body = String::from_utf8_lossy(&seen.bytes).contains(&value);
        let in_fields = seen
            .fields
            .values()
            .any(|own| own.to_str().is_ok_and(|text| text.contains(&value)));
        demand(!in_body && !in_fields, || {
            format!("an answer with {} repeats it", seen.status.as_u16())
        })?;
    }
    if tried {
        Ok(())
    } else {
        Err(absent(
            "no mistake is answered with a status; errors are judged by themselves",
        ))
    }
}

/// The errors that a handful of mistakes end with.
async fn mistakes(bench: &Bench) -> Vec<AdapterError> {
    let mut found = Vec::new();
    for place in [
        Place::Path,
        Place::QueryName,
        Place::QueryValue,
        Place::BodyValue,
        Place::RawBody,
    ] {
        let ended = provoked(bench, place).await.unwrap_or_default();
        found.extend(ended.into_iter().filter_map(|ended| match ended {
            Err(Failure::Call(error)) => Some(error),
            _ => None,
        }));
    }
    found
}

async fn one_line(bench: &Bench) -> Judged {
    let errors = mistakes(bench).await;
    for error in &errors {
        let text = error.to_string();
        let fits = text.chars().count() <= LONGEST && !text.contains(char::is_control);
        demand(fits, || {
            format!(
                "the error {} has {} characters or several lines",
                error.code(),
                text.len()
            )
        })?;
    }
    if errors.is_empty() {
        Err(absent("no mistake ends with an error of the adapter"))
    } else {
        Ok(())
    }
}

async fn names_place(bench: &Bench) -> Judged {
    let mut tried = false;
    for error in mistakes(bench).await {
        let AdapterError::BadRequest { place, expected } = &error else {
            continue;
        };
        tried = true;
        let named = !place.trim().is_empty() && !expected.trim().is_empty();
        demand(named, || "a bad request says nothing".to_owned())?;
    }
    if tried {
        Ok(())
    } else {
        Err(absent("no mistake ends with the error bad-request"))
    }
}

async fn same_error(bench: &Bench) -> Judged {
    let (first, second) = (mistakes(bench).await, mistakes(bench).await);
    let texts =
        |list: &[AdapterError]| -> Vec<String> { list.iter().map(ToString::to_string).collect() };
    demand(texts(&first) == texts(&second), || {
        "the second time it was another one".to_owned()
    })
}

async fn callers_fault(bench: &Bench) -> Judged {
    let (good, at) = bench.with_parameter()?;
    for value in ["-", "0", "null", "undefined", "true", "1e9", "0x41"] {
        bench
            .must_fit(&odd::with_segment(good.probe, at, value))
            .await?;
    }
    Ok(())
}
