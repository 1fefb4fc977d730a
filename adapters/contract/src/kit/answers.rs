//! What came of the scenario's calls: status and body.

use serde_json::Value;

use super::ask::{Failure, Seen, told};
use super::bench::{Bench, Taken};
use super::check::{Check, Judged, absent, all, broken, demand};
use super::judge::unordered;
use crate::openapi::Mismatch;

/// The byte order mark. Standard: RFC 8259 §8.1.
pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

pub(super) const CHECKS: &[Check] = &[
    Check::look(
        "answers.plain-call",
        [
            "the scenario's first reading call is answered with 2xx",
            "It is the measure of most other checks; nothing works where it does not.",
        ],
        plain_call,
    ),
    Check::look(
        "answers.no-crash",
        [
            "no call of the scenario makes the adapter panic or hang",
            "A panic ends a call without an answer and may leave locks behind.",
        ],
        no_crash,
    ),
    Check::look(
        "answers.refusals",
        [
            "what the scenario expects to be refused is refused, by the error that it names",
            "The error decides whether the caller corrects the request or blames the registry.",
        ],
        refusals,
    ),
    Check::look(
        "answers.answered",
        [
            "what the scenario expects to be answered is answered",
            "A registry that fails on its own examples fails on everything like them.",
        ],
        answered,
    ),
    Check::look(
        "answers.status",
        [
            "every answer has the status that the scenario expects",
            "Programs branch on the status before they read anything else.",
        ],
        status,
    ),
    Check::look(
        "answers.body",
        [
            "every answer has the body that the scenario expects",
            "Wrong data with the right form is the fault that nobody notices.",
        ],
        body,
    ),
    Check::look(
        "answers.final-status",
        [
            "the status is a final one, 200 to 599",
            "An interim one is no answer; a caller would wait for the real one.",
        ],
        final_status,
    ),
    Check::look(
        "answers.status-declared",
        [
            "every status is declared in the OpenAPI document",
            "Callers write no code for a status that they were not told of.",
        ],
        |bench| {
            mismatch(bench, |found| {
                matches!(found, Mismatch::StatusNotDeclared { .. })
            })
        },
    ),
    Check::look(
        "answers.no-body-where-none",
        [
            "there is no body where the document declares none",
            "Such a body is cut by no contract: what is in it leaves the agency unseen.",
        ],
        |bench| mismatch(bench, |found| matches!(found, Mismatch::BodyNotDeclared)),
    ),
    Check::look(
        "answers.media-type",
        [
            "a body has a media type that the document declares for its status",
            "Fields can be cut from JSON only; another type cannot be delivered.",
        ],
        media_type,
    ),
    Check::look(
        "answers.json",
        [
            "what is said to be JSON is JSON in UTF-8",
            "A node delivers nothing that it cannot read.",
        ],
        json,
    ),
    Check::look(
        "answers.schema",
        [
            "every JSON answer holds its schema",
            "Callers' programs are made from the schema and fail where it does not hold.",
        ],
        |bench| mismatch(bench, |found| matches!(found, Mismatch::Body { .. })),
    ),
];

fn plain_call(bench: &Bench) -> Judged {
    let steps = || bench.taken.iter().filter(|taken| is_success(taken));
    let expected = steps().find(|taken| bench.effect(&taken.probe) == crate::Effect::Reads);
    let Some(taken) = expected else {
        return Err(absent(
            "no step of the scenario reads and is answered with 2xx",
        ));
    };
    let answered = matches!(&taken.ended, Ok(seen) if seen.status.is_success());
    demand(answered, || {
        format!("{:?} ended with {}", taken.title, told(&taken.ended))
    })
}

fn no_crash(bench: &Bench) -> Judged {
    match bench.taken.iter().find(|taken| taken.crashed()) {
        Some(taken) => broken(format!(
            "{:?} ended with {}",
            taken.title,
            told(&taken.ended)
        )),
        None => Ok(()),
    }
}

fn refusals(bench: &Bench) -> Judged {
    let taken = bench.taken.iter().filter(|taken| !taken.crashed());
    all(taken.filter_map(|taken| {
        let code = taken.expected.error.as_ref()?;
        let refused = matches!(&taken.ended, Err(Failure::Call(error)) if error.code() == code);
        Some(demand(refused, || {
            format!("{:?} ended with {}", taken.title, told(&taken.ended))
        }))
    }))
}

fn answered(bench: &Bench) -> Judged {
    // The plain call has a check of its own, and so have crashes.
    let plain = bench
        .taken
        .iter()
        .position(|taken| is_success(taken) && bench.effect(&taken.probe) == crate::Effect::Reads);
    let others = bench.taken.iter().enumerate().filter(|(index, taken)| {
        taken.expected.error.is_none() && !taken.crashed() && Some(*index) != plain
    });
    all(others.map(|(_, taken)| {
        demand(taken.ended.is_ok(), || {
            format!("{:?} ended with {}", taken.title, told(&taken.ended))
        })
    }))
}

fn status(bench: &Bench) -> Judged {
    every(bench, |taken, seen| {
        let agrees = bench.agrees(&taken.probe, seen);
        let undeclared = matches!(agrees, Err(Mismatch::StatusNotDeclared { .. }));
        let (expected, got) = (taken.expected.status, seen.status.as_u16());
        demand(got == expected || expected == 0 || undeclared, || {
            format!("{:?}: expected {expected}, got {got}", taken.title)
        })
    })
}

fn body(bench: &Bench) -> Judged {
    all(bench.answers().filter_map(|(taken, seen)| {
        let (expected, got) = (taken.expected.body.as_ref()?, value(seen)?);
        let same = unordered(expected) == unordered(&got);
        // Sample data only, so values are shown.
        Some(demand(same, || {
            format!("{:?}: expected {expected}, got {got}", taken.title)
        }))
    }))
}

fn final_status(bench: &Bench) -> Judged {
    every(bench, |taken, seen| {
        let status = seen.status.as_u16();
        demand((200..600).contains(&status), || {
            format!("{:?}: {status}", taken.title)
        })
    })
}

fn media_type(bench: &Bench) -> Judged {
    // A body without any type has its own check.
    let typed = |seen: &Seen| seen.fields.contains_key(http::header::CONTENT_TYPE);
    every(bench, |taken, seen| {
        match bench.agrees(&taken.probe, seen) {
            Err(found @ Mismatch::MediaType { .. }) if typed(seen) => {
                broken(format!("{:?}: {found}", taken.title))
            }
            _ => Ok(()),
        }
    })
}

fn json(bench: &Bench) -> Judged {
    each_json(bench, |taken, seen| {
        let bytes = seen
            .bytes
            .strip_prefix(BYTE_ORDER_MARK)
            .unwrap_or(&seen.bytes);
        let read = serde_json::from_slice::<Value>(bytes);
        demand(read.is_ok(), || {
            format!("{:?}: the body is not JSON in UTF-8", taken.title)
        })
    })
}

/// Looks at every answer.
pub(super) fn every(bench: &Bench, judge: impl Fn(&Taken, &Seen) -> Judged) -> Judged {
    all(bench.answers().map(|(taken, seen)| judge(taken, seen)))
}

/// One kind of difference between answers and the document.
fn mismatch(bench: &Bench, is_meant: fn(&Mismatch) -> bool) -> Judged {
    every(bench, |taken, seen| {
        match bench.agrees(&taken.probe, seen) {
            Err(found) if is_meant(&found) && (200..600).contains(&seen.status.as_u16()) => {
                broken(format!("{:?}: {found}", taken.title))
            }
            _ => Ok(()),
        }
    })
}

pub(super) fn each_json(bench: &Bench, judge: impl Fn(&Taken, &Seen) -> Judged) -> Judged {
    let is_json = |seen: &Seen| {
        let declared = seen.fields.get(http::header::CONTENT_TYPE);
        let declared = declared.and_then(|value| value.to_str().ok());
        let essence = declared
            .and_then(|own| own.split(';').next())
            .unwrap_or_default();
        essence.trim() == "application/json" || essence.trim().ends_with("+json")
    };
    let answers = bench.answers().filter(|(_, seen)| is_json(seen));
    all(answers.map(|(taken, seen)| judge(taken, seen)))
}

pub(super) fn value(seen: &Seen) -> Option<Value> {
    serde_json::from_slice(&seen.bytes).ok()
}

fn is_success(taken: &Taken) -> bool {
    (200..300).contains(&taken.expected.status)
}
