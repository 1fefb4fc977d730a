//! What stands in the JSON answers of the scenario's calls: keys, numbers, letters, times.

use serde_json::Value;

use super::answers::{BYTE_ORDER_MARK, each_json, value};
use super::ask::Seen;
use super::bench::{Bench, Taken};
use super::check::{Check, Judged, broken, demand};
use crate::openapi::Mismatch;

/// The largest whole number that every reader of JSON keeps. Standard: RFC 8259 §6.
const SAFE_INTEGER: u64 = (1 << 53) - 1;

pub(super) const CHECKS: &[Check] = &[
    Check::look(
        "values.no-byte-order-mark",
        [
            "JSON begins without a byte order mark",
            "Strict readers, the node among them, refuse the whole answer.",
        ],
        no_byte_order_mark,
    ),
    Check::look(
        "values.keys-once",
        [
            "no object of a JSON answer has a key twice",
            "Two readers choose differently between them: one cuts the harmless value and the other leaves.",
        ],
        keys_once,
    ),
    Check::look(
        "values.whole-numbers",
        [
            "what must be whole is written whole: 1500, not 1500.0 or 1.5e3",
            "Money is whole qəpik; many readers take 1500.0 for a broken number and round others.",
        ],
        whole_numbers,
    ),
    Check::look(
        "values.numbers-kept",
        [
            "whole numbers are at most 2^53 - 1 in size",
            "Most readers of JSON keep no more digits and change the number silently; longer ones are texts.",
        ],
        numbers_kept,
    ),
    Check::look(
        "values.letters-kept",
        [
            "no letter was replaced by U+FFFD",
            "It is the trace of a wrong encoding: the name of a person is lost for good.",
        ],
        letters_kept,
    ),
    Check::look(
        "values.no-nul",
        [
            "no text holds a NUL",
            "It comes from padded columns, and cuts texts short in programs behind.",
        ],
        no_nul,
    ),
    Check::look(
        "values.times-with-zone",
        [
            "every time of day says its offset from UTC",
            "2026-11-21T23:30 without one is another day for a reader in another zone.",
        ],
        times_with_zone,
    ),
];

fn no_byte_order_mark(bench: &Bench) -> Judged {
    each_json(bench, |taken, seen| {
        let marked = seen.bytes.starts_with(BYTE_ORDER_MARK);
        demand(!marked, || {
            format!("{:?}: the body begins with one", taken.title)
        })
    })
}

fn keys_once(bench: &Bench) -> Judged {
    each_value(bench, |taken, seen, _| {
        let strict = bridge_core::json::read(&seen.bytes);
        strict
            .map(drop)
            .or_else(|error| broken(format!("{:?}: {error}", taken.title)))
    })
}

fn whole_numbers(bench: &Bench) -> Judged {
    each_value(bench, |taken, seen, value| {
        let mut wrong = None;
        fractions(value, &mut String::new(), &mut |pointer| {
            if wrong.is_none() && must_be_whole(bench, (taken, seen), value, pointer) {
                wrong = Some(pointer.to_owned());
            }
        });
        wrong.map_or(Ok(()), |place| {
            broken(format!(
                "{:?}: {place} must be whole and is written with a fraction or an exponent",
                taken.title
            ))
        })
    })
}

/// Whether the schema demands a whole number at a place: it then refuses a half.
fn must_be_whole(
    bench: &Bench,
    (taken, seen): (&Taken, &Seen),
    value: &Value,
    pointer: &str,
) -> bool {
    let mut halved = value.clone();
    let Some(number) = halved.pointer_mut(pointer) else {
        return false;
    };
    *number = Value::from(number.as_f64().unwrap_or_default().trunc() + 0.5);
    let bytes = serde_json::to_vec(&halved).unwrap_or_default();
    let halved = Seen {
        bytes: bytes.into(),
        ..seen.clone()
    };
    matches!(
        bench.agrees(&taken.probe, &halved),
        Err(Mismatch::Body { .. })
    ) && bench.agrees(&taken.probe, seen).is_ok()
}

/// Names the places of numbers that are written with a fraction or an exponent.
fn fractions(value: &Value, place: &mut String, found: &mut impl FnMut(&str)) {
    let length = place.len();
    let mut below = |key: &str, child: &Value, place: &mut String| {
        place.push('/');
        place.push_str(&key.replace('~', "~0").replace('/', "~1"));
        fractions(child, place, &mut *found);
        place.truncate(length);
    };
    match value {
        Value::Number(number) if number.is_f64() => found(place),
        Value::Array(list) => {
            for (index, child) in list.iter().enumerate() {
                below(&index.to_string(), child, place);
            }
        }
        Value::Object(object) => {
            for (key, child) in object {
                below(key, child, place);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn numbers_kept(bench: &Bench) -> Judged {
    each_value(bench, |taken, _, value| {
        let mut kept = true;
        leaves(value, &mut |leaf| {
            if let Value::Number(number) = leaf {
                let size = number
                    .as_u64()
                    .or_else(|| number.as_i64().map(i64::unsigned_abs));
                kept &= size.is_none_or(|size| size <= SAFE_INTEGER);
            }
        });
        demand(kept, || format!("{:?}: a number is larger", taken.title))
    })
}

fn letters_kept(bench: &Bench) -> Judged {
    each_text(bench, "holds U+FFFD", |text| !text.contains('\u{fffd}'))
}

fn no_nul(bench: &Bench) -> Judged {
    each_text(bench, "holds a NUL", |text| !text.contains('\0'))
}

fn times_with_zone(bench: &Bench) -> Judged {
    each_text(bench, "is a time of day without an offset", |text| {
        !is_local_time(text)
    })
}

/// Whether a text is a date and a time of day and nothing more.
fn is_local_time(text: &str) -> bool {
    let Some((date, time)) = text.split_once(['T', ' ']) else {
        return false;
    };
    let form = |text: &str, pattern: &str| {
        text.len() == pattern.len()
            && text
                .bytes()
                .zip(pattern.bytes())
                .all(|(own, wanted)| match wanted {
                    b'0' => own.is_ascii_digit(),
                    _ => own == wanted,
                })
    };
    let (clock, fraction) = time.split_once('.').unwrap_or((time, ""));
    form(date, "0000-00-00")
        && (form(clock, "00:00:00") || form(clock, "00:00"))
        && fraction.bytes().all(|byte| byte.is_ascii_digit())
}

fn each_value(bench: &Bench, judge: impl Fn(&Taken, &Seen, &Value) -> Judged) -> Judged {
    each_json(bench, |taken, seen| match value(seen) {
        Some(value) => judge(taken, seen, &value),
        None => Ok(()),
    })
}

fn each_text(bench: &Bench, what: &str, fits: fn(&str) -> bool) -> Judged {
    each_value(bench, |taken, _, value| {
        let mut fitting = true;
        leaves(value, &mut |leaf| fitting &= leaf.as_str().is_none_or(fits));
        demand(fitting, || format!("{:?}: a text {what}", taken.title))
    })
}

/// Visits every value that is neither a list nor an object.
fn leaves(value: &Value, visit: &mut impl FnMut(&Value)) {
    match value {
        Value::Array(list) => list.iter().for_each(|child| leaves(child, visit)),
        Value::Object(object) => object.values().for_each(|child| leaves(child, visit)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => visit(value),
    }
}
