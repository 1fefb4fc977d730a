//! Judges what a call ended with.

use http::StatusCode;
use serde_json::Value;

use super::ask::{Ended, Failure, Seen, told};
use super::bench::{Bench, Good};
use super::check::{Judged, broken, demand};
use crate::probe::Probe;
use crate::{AdapterError, Limit};

/// The call must be refused, and as the caller's mistake.
pub(super) fn must_refuse(ended: &Ended) -> Judged {
    demand(is_refused(ended), || {
        format!(
            "was not refused as the caller's mistake: it ended with {}",
            told(ended)
        )
    })
}

/// Whether a call was refused as the caller's mistake.
pub(super) fn is_refused(ended: &Ended) -> bool {
    match ended {
        Ok(seen) => seen.status.is_client_error(),
        Err(Failure::Call(error)) => is_callers(error),
        Err(Failure::Body(_) | Failure::Overdue | Failure::Panicked) => false,
    }
}

/// Whether an error says that the request does not fit.
fn is_callers(error: &AdapterError) -> bool {
    matches!(
        error,
        AdapterError::BadRequest { .. }
            | AdapterError::RequestBody(_)
            | AdapterError::NotFound
            | AdapterError::MethodNotAllowed { .. }
            | AdapterError::TooLarge {
                limit: Limit::RequestBytes(_)
            }
    )
}

/// The service must not have what is asked for.
pub(super) fn must_miss(ended: &Ended) -> Judged {
    let missed = matches!(ended, Err(Failure::Call(AdapterError::NotFound)))
        || matches!(ended, Ok(seen) if seen.status == StatusCode::NOT_FOUND);
    demand(missed, || {
        format!("was not told to be unknown: it ended with {}", told(ended))
    })
}

/// The answer must be the one that the same question got before.
pub(super) fn must_repeat(ended: &Ended, good: Good<'_>) -> Judged {
    match ended {
        Ok(seen) if is_same(seen, good.seen) => Ok(()),
        Ok(seen) if seen.status == good.seen.status => broken(format!(
            "{:?} was answered with another body than before",
            good.title
        )),
        _ => broken(format!("{:?} ended with {}", good.title, told(ended))),
    }
}

/// The answer must be the one that the question got before, or the call must be refused.
pub(super) fn must_repeat_or_refuse(ended: &Ended, good: Good<'_>) -> Judged {
    if is_refused(ended) {
        Ok(())
    } else {
        must_repeat(ended, good)
    }
}

/// The call must end in a way that the package foresees: refused, or with an answer below 500.
pub(super) fn must_survive(ended: &Ended) -> Judged {
    let survived = match ended {
        Ok(seen) => !seen.status.is_server_error(),
        Err(_) => is_refused(ended),
    };
    demand(survived, || format!("ended with {}", told(ended)))
}

/// Whether two answers have one status and one body. JSON is compared by value, lists without their
/// order: bytes and order have checks of their own.
pub(super) fn is_same(one: &Seen, other: &Seen) -> bool {
    one.status == other.status && (one.bytes == other.bytes || sorted(one) == sorted(other))
}

/// The JSON of an answer with its lists sorted; its bytes as a text where it is none.
fn sorted(seen: &Seen) -> Value {
    let text = || Value::from(String::from_utf8_lossy(&seen.bytes));
    let value: Value = serde_json::from_slice(&seen.bytes).unwrap_or_else(|_| text());
    unordered(&value)
}

/// A value with all lists sorted and whole numbers written as such.
pub(super) fn unordered(value: &Value) -> Value {
    match value {
        Value::Array(list) => {
            let mut list: Vec<Value> = list.iter().map(unordered).collect();
            list.sort_by_cached_key(ToString::to_string);
            Value::Array(list)
        }
        Value::Object(object) => object
            .iter()
            .map(|(key, value)| (key.clone(), unordered(value)))
            .collect(),
        Value::Number(number) => whole(number),
        Value::Null | Value::Bool(_) | Value::String(_) => value.clone(),
    }
}

/// `1500.0` as `1500`.
fn whole(number: &serde_json::Number) -> Value {
    let text = number.to_string();
    let plain = text
        .strip_suffix(".0")
        .and_then(|plain| plain.parse::<i64>().ok());
    plain.map_or_else(|| Value::Number(number.clone()), Value::from)
}

impl Bench {
    /// The plain call must work as before: what was tried has broken nothing.
    pub(super) async fn must_still_answer(&self) -> Judged {
        let plain = self.plain()?;
        let ended = self.ask(plain.probe).await;
        let answered = matches!(&ended, Ok(seen) if seen.status == plain.seen.status);
        demand(answered, || {
            format!("the plain call ended afterwards with {}", told(&ended))
        })
    }

    /// A call that the document forbids must be refused; one that it allows must be survived.
    pub(super) async fn must_fit(&self, probe: &Probe) -> Judged {
        let ended = self.ask(probe).await;
        if self.allows(probe).is_err() {
            must_refuse(&ended)
        } else {
            must_survive(&ended)
        }
    }
}
