//! Adapters that say too much, or repeat what they were told of the caller.

use bridge_adapter::AdapterError;
use http::HeaderValue;
use serde_json::{Map, Value};

use crate::fault::Fault;
use crate::fault::Hook::{Answers, Chokes, Errs, Panics};
use crate::reference::bad;

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        check: "errors.no-path-values",
        what: "quotes the path in its errors",
        hooks: &[Errs(|asked, _, error| bad_with(error, &asked.path))],
    },
    Fault {
        check: "errors.no-query-values",
        what: "quotes the value that does not fit",
        hooks: &[Errs(|asked, _, error| {
            let values: Vec<&str> = asked
                .query
                .iter()
                .map(|(_, value)| value.as_str())
                .collect();
            bad_with(error, &values.join(" "))
        })],
    },
    Fault {
        check: "errors.no-query-names",
        what: "quotes the name that it does not know",
        hooks: &[Errs(|asked, _, error| {
            let names: Vec<&str> = asked.query.iter().map(|(name, _)| name.as_str()).collect();
            bad_with(error, &names.join(" "))
        })],
    },
    Fault {
        check: "errors.no-body-values",
        what: "quotes the member that does not fit",
        hooks: &[Errs(|_, bytes, error| {
            let object = members(bytes);
            let texts: Vec<&str> = object.values().filter_map(Value::as_str).collect();
            bad_with(error, &texts.join(" "))
        })],
    },
    Fault {
        check: "errors.no-body-keys",
        what: "quotes the key that it does not know",
        hooks: &[Errs(|_, bytes, error| {
            let object = members(bytes);
            let keys: Vec<&str> = object.keys().map(String::as_str).collect();
            bad_with(error, &keys.join(" "))
        })],
    },
    Fault {
        check: "errors.no-raw-body",
        what: "quotes what it could not parse",
        hooks: &[Errs(|_, bytes, error| {
            let text = String::from_utf8_lossy(bytes);
            let unread = serde_json::from_slice::<Value>(bytes).is_err();
            if unread {
                bad_with(error, &text)
            } else {
                error
            }
        })],
    },
    Fault {
        check: "errors.no-facts",
        what: "says who asked",
        hooks: &[Errs(|asked, _, error| {
            bad_with(error, asked.facts.user_id.as_deref().unwrap_or("nobody"))
        })],
    },
    Fault {
        check: "errors.no-path-in-answer",
        what: "says whom it did not find",
        hooks: &[Answers(|asked, told| {
            if asked.absent() {
                told.replace("{", &format!("{{\"fin\":\"{}\",", asked.segment(0)));
            }
        })],
    },
    Fault {
        check: "errors.one-line",
        what: "appends a stack trace",
        hooks: &[Errs(|_, _, error| {
            bad_with(error, "a value\n  at parse (line 7)\n  at call (line 9)")
        })],
    },
    Fault {
        check: "errors.names-place",
        what: "does not say where the mistake is",
        hooks: &[Errs(|_, _, error| match error {
            AdapterError::BadRequest { expected, .. } => bad("", &expected),
            other => other,
        })],
    },
    Fault {
        check: "errors.callers-fault",
        what: "fails on a number in hexadecimal",
        hooks: &[Chokes(|asked, _| asked.segment(0) == "0x41")],
    },
    Fault {
        check: "facts.user-not-repeated",
        what: "says for which user it answered",
        hooks: &[Answers(|asked, told| {
            field(told, "x-user", asked.facts.user_id.as_deref())
        })],
    },
    Fault {
        check: "facts.represented-not-repeated",
        what: "says for whom the caller acts",
        hooks: &[Answers(|asked, told| {
            field(told, "x-for", asked.facts.represented_party.as_deref())
        })],
    },
    Fault {
        check: "facts.issue-not-repeated",
        what: "says the caller's file number",
        hooks: &[Answers(|asked, told| {
            field(told, "x-issue", asked.facts.issue.as_deref())
        })],
    },
    Fault {
        check: "facts.contract-not-repeated",
        what: "says the contract",
        hooks: &[Answers(|asked, told| {
            field(told, "x-contract", asked.facts.contract.as_deref())
        })],
    },
    Fault {
        check: "facts.request-id-not-repeated",
        what: "says the exchange's id",
        hooks: &[Answers(|asked, told| {
            field(
                told,
                "x-request-id",
                Some(&asked.facts.request_id.to_string()),
            );
        })],
    },
    Fault {
        check: "facts.purpose-not-repeated",
        what: "says the purpose",
        hooks: &[Answers(|asked, told| {
            field(told, "x-purpose", asked.facts.purpose.as_deref())
        })],
    },
    Fault {
        check: "facts.none-given",
        what: "expects a purpose",
        hooks: &[Panics(|asked| {
            asked.facts.purpose.is_none() && asked.service == "person"
        })],
    },
    Fault {
        check: "facts.azerbaijani-letters",
        what: "writes the user into a field of its own protocol",
        hooks: &[Chokes(|asked, _| {
            asked.facts.user_id.as_deref().is_some_and(|user| {
                HeaderValue::from_str(user).is_ok_and(|value| value.to_str().is_err())
            })
        })],
    },
    Fault {
        check: "facts.injection",
        what: "pastes the user into the SQL of its log",
        hooks: &[Chokes(|asked, _| {
            asked
                .facts
                .user_id
                .as_deref()
                .is_some_and(|user| user.contains('\''))
        })],
    },
    Fault {
        check: "facts.long",
        what: "has a column of 100 characters for file numbers",
        hooks: &[Chokes(|asked, _| {
            asked
                .facts
                .issue
                .as_deref()
                .is_some_and(|issue| issue.len() > 100)
        })],
    },
    Fault {
        check: "effects.key-injection",
        what: "pastes keys into SQL",
        hooks: &[Chokes(|asked, _| {
            asked.key.as_deref().is_some_and(|key| key.contains('\''))
        })],
    },
    Fault {
        check: "effects.no-key",
        what: "expects a key",
        hooks: &[Panics(|asked| {
            asked.service == "payment" && asked.path.is_empty() && asked.key.is_none()
        })],
    },
    Fault {
        check: "time.far-deadline",
        what: "counts time in 32 bits of milliseconds",
        hooks: &[crate::fault::Hook::Ends(|asked| {
            asked.far.then_some(Err(AdapterError::TimedOut))
        })],
    },
];

/// A bad request that says more than it should.
pub(super) fn bad_with(error: AdapterError, more: &str) -> AdapterError {
    match error {
        AdapterError::BadRequest { place, expected } => AdapterError::BadRequest {
            place,
            expected: format!("{expected}, not {more}"),
        },
        other => other,
    }
}

fn members(bytes: &[u8]) -> Map<String, Value> {
    serde_json::from_slice(bytes).unwrap_or_default()
}

pub(super) fn field(told: &mut crate::fault::Told, name: &'static str, value: Option<&str>) {
    if let Some(value) = value {
        told.field(name, value);
    }
}
