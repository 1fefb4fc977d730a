//! What came of the scenario's calls: status and body.

use serde_json::Value;

use super::ask::{Failure, Seen, told};
use super::bench::{Bench, Taken};
use super::check::{Check, Judged, absent, broken, demand};
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
    let mut tried = false;
    for taken in bench.taken.iter().filter(|taken| !taken.crashed()) {
        let Some(code) = &taken.expected.error else {
            continue;
        };
        tried = true;
        let refused = matches!(&taken.ended, Err(Failure::Call(error)) if error.code() == code);
        demand(refused, || {
            format!("{:?} ended with {}", taken.title, told(&taken.ended))
        })?;
    }
    if tried {
        Ok(())
    } else {
        Err(absent("no step of the scenario expects a refusal"))
    }
}

fn answered(bench: &Bench) -> Judged {
    // The plain call has a check of its own, and so have crashes.
    let plain = bench
        .taken
        .iter()
        .position(|taken| is_success(taken) && bench.effect(&taken.probe) == crate::Effect::Reads);
    for (index, taken) in bench.taken.iter().enumerate() {
        if taken.expected.error.is_some() || taken.crashed() || Some(index) == plain {
            continue;
        }
        demand(taken.ended.is_ok(), || {
            format!("{:?} ended with {}", taken.title, told(&taken.ended))
        })?;
    }
    Ok(())
}

fn status(bench: &Bench) -> Judged {
    for (taken, seen) in bench.answers() {
        let undeclared = matches!(
            bench.agrees(&taken.probe, seen),
            Err(Mismatch::StatusNotDeclared { .. })
        );
        let expected = taken.expected.status;
        if undeclared || expected == 0 {
            continue;
        }
        let got = seen.status.as_u16();
        demand(got == expected, || {
            format!("{:?}: expected {expected}, got {got}", taken.title)
        })?;
    }
    Ok(())
}

fn body(bench: &Bench) -> Judged {
    let mut tried = false;
    for (taken, seen) in bench.answers() {
        let (Some(expected), Some(got)) = (&taken.expected.body, value(seen)) else {
            continue;
        };
        tried = true;
        let same = unordered(expected) == unordered(&got);
        // Sample data only, so values are shown.
        demand(same, || {
            format!("{:?}: expected {expected}, got {got}", taken.title)
        })?;
    }
    if tried {
        Ok(())
    } else {
        Err(absent("no step of the scenario says its body"))
    }
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
    let mut tried = false;
    for (taken, seen) in bench.answers() {
        tried = true;
        judge(taken, seen)?;
    }
    if tried {
        Ok(())
    } else {
        Err(absent("no call of the scenario is answered"))
    }
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
    let mut tried = false;
    for (taken, seen) in bench.answers() {
        let declared = seen.fields.get(http::header::CONTENT_TYPE);
        let declared = declared
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let essence = declared.split(';').next().unwrap_or_default().trim();
        if essence == "application/json" || essence.ends_with("+json") {
            tried = true;
            judge(taken, seen)?;
        }
    }
    if tried {
        Ok(())
    } else {
        Err(absent("no answer to the scenario is JSON"))
    }
}

pub(super) fn value(seen: &Seen) -> Option<Value> {
    serde_json::from_slice(&seen.bytes).ok()
}

fn is_success(taken: &Taken) -> bool {
    (200..300).contains(&taken.expected.status)
}
