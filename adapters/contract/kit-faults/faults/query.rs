//! Adapters that misread the query.

use crate::fault::Hook::{Chokes, Panics, Reads};
use crate::fault::{Fault, become_segments};

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        check: "query.unknown",
        what: "has a name for developers",
        hooks: &[Reads(|call| {
            let before = call.query.len();
            call.query.retain(|(name, _)| name != "debug");
            if call.query.len() < before {
                become_segments(call, &["CJ9L1VQ"]);
            }
        })],
    },
    Fault {
        check: "query.many",
        what: "has a table of 100 names",
        hooks: &[Chokes(|asked, _| asked.query.len() > 100)],
    },
    Fault {
        check: "query.repeated",
        what: "takes the last of two values",
        hooks: &[Reads(|call| {
            if call.query.len() == 2 && call.query[0].0 == call.query[1].0 {
                call.query.remove(0);
            }
        })],
    },
    Fault {
        check: "query.name-case",
        what: "compares names without their letter case",
        hooks: &[Reads(|call| {
            call.query
                .iter_mut()
                .for_each(|(name, _)| *name = name.to_lowercase())
        })],
    },
    Fault {
        check: "query.left-out",
        what: "expects an optional name",
        hooks: &[Chokes(|asked, _| {
            asked.service == "address"
                && asked.method == http::Method::GET
                && asked.segments.len() == 1
                && asked.query.is_empty()
        })],
    },
    Fault {
        check: "query.empty",
        what: "takes an empty value for none",
        hooks: &[Reads(|call| {
            call.query.retain(|(_, value)| !value.is_empty())
        })],
    },
    Fault {
        check: "query.wrong-form",
        what: "rolls a day that does not exist over to the next month",
        hooks: &[Reads(|call| {
            for (_, value) in &mut call.query {
                if value == "2026-02-30" {
                    "2026-03-02".clone_into(value);
                }
            }
        })],
    },
    Fault {
        check: "query.near-form",
        what: "trims values",
        hooks: &[Reads(|call| {
            call.query
                .iter_mut()
                .for_each(|(_, value)| *value = value.trim().to_owned());
        })],
    },
    Fault {
        check: "query.pair-inside-value",
        what: "decodes the query before it is split",
        hooks: &[Reads(|call| {
            for (name, value) in &mut call.query {
                if let Some((_, inner)) = value.split_once(&format!("&{name}=")) {
                    *value = inner.to_owned();
                }
            }
        })],
    },
    Fault {
        check: "query.injection",
        what: "pastes values into SQL",
        hooks: &[Chokes(|asked, _| asked.any_value(|own| own.contains('\'')))],
    },
    Fault {
        check: "query.azerbaijani-letters",
        what: "cuts a value between the bytes of a letter",
        hooks: &[Panics(|asked| asked.any_value(|own| own.contains('ə')))],
    },
    Fault {
        check: "query.long",
        what: "has a column of 1,000 characters",
        hooks: &[Chokes(|asked, _| asked.any_value(|own| own.len() > 1000))],
    },
];
