//! Adapters that misread request bodies.

use http::{HeaderValue, Method, header};
use serde_json::{Map, Value};

use crate::fault::Hook::{Chokes, Ends, Reads, Refuses, Rewrites};
use crate::fault::{Asked, Fault};
use crate::reference::{bad, failed};

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        check: "bodies.empty",
        what: "has default values for an empty body",
        hooks: &[Rewrites(|asked, bytes| {
            (is_check(asked) && bytes.is_empty())
                .then(|| br#"{"birth_date":"1966-02-25","fin":"MBXEHTV"}"#.to_vec())
        })],
    },
    Fault {
        check: "bodies.no-type",
        what: "takes a body without a type for JSON",
        hooks: &[Reads(|call| {
            if !call.fields.contains_key(header::CONTENT_TYPE) {
                call.fields.insert(
                    header::CONTENT_TYPE,
                    HeaderValue::from_static("application/json"),
                );
            }
        })],
    },
    Fault {
        check: "bodies.wrong-type",
        what: "takes every type for JSON",
        hooks: &[Reads(|call| {
            if call.fields.contains_key(header::CONTENT_TYPE) {
                call.fields.insert(
                    header::CONTENT_TYPE,
                    HeaderValue::from_static("application/json"),
                );
            }
        })],
    },
    Fault {
        check: "bodies.type-parameters",
        what: "compares the whole Content-Type",
        hooks: &[Refuses(|asked, _| asked.media_type().contains(';'))],
    },
    Fault {
        check: "bodies.type-case",
        what: "compares the Content-Type with its letter case",
        hooks: &[Refuses(|asked, _| {
            asked.media_type().starts_with("Application")
        })],
    },
    Fault {
        check: "bodies.unknown-length",
        what: "demands a length",
        hooks: &[Ends(|asked| {
            (is_check(asked) && asked.length.is_none()).then(|| Err(bad("body", "a length")))
        })],
    },
    Fault {
        check: "bodies.large",
        what: "has a buffer of 512 KiB",
        hooks: &[Chokes(|_, bytes| bytes.len() > 512 * 1024)],
    },
    Fault {
        check: "bodies.where-none",
        what: "reads the body of a GET",
        hooks: &[Ends(|asked| {
            let with_body = asked.method == Method::GET && !asked.media_type().is_empty();
            with_body.then(|| Err(failed()))
        })],
    },
    Fault {
        check: "forms.not-json",
        what: "reports what its parser says as the registry's failure",
        hooks: &[Chokes(|_, bytes| bytes.starts_with(b"{fin"))],
    },
    Fault {
        check: "forms.more-behind",
        what: "stops reading at the end of the first object",
        hooks: &[Rewrites(|_, bytes| {
            bytes.strip_suffix(b" {}").map(<[u8]>::to_vec)
        })],
    },
    Fault {
        check: "forms.not-utf8",
        what: "replaces what is not UTF-8",
        hooks: &[Rewrites(|_, bytes| {
            let text = String::from_utf8_lossy(bytes);
            text.contains('\u{fffd}')
                .then(|| text.into_owned().into_bytes())
        })],
    },
    Fault {
        check: "forms.keys-twice",
        what: "takes the last of two values",
        hooks: &[Rewrites(|asked, bytes| rewritten(asked, bytes, |_| true))],
    },
    Fault {
        check: "forms.not-an-object",
        what: "fails on a list",
        hooks: &[Chokes(|asked, bytes| {
            is_check(asked) && bytes.starts_with(b"[")
        })],
    },
    Fault {
        check: "forms.member-left-out",
        what: "has a default for a missing member",
        hooks: &[Rewrites(|asked, bytes| {
            rewritten(asked, bytes, |object| {
                let missing = !object.contains_key("fin");
                object
                    .entry("fin")
                    .or_insert_with(|| Value::from("MBXEHTV"));
                missing
            })
        })],
    },
    Fault {
        check: "forms.member-null",
        what: "takes null for a default",
        hooks: &[Rewrites(|asked, bytes| {
            default_date(asked, bytes, Value::is_null)
        })],
    },
    Fault {
        check: "forms.member-of-other-type",
        what: "converts numbers to dates",
        hooks: &[Rewrites(|asked, bytes| {
            default_date(asked, bytes, Value::is_number)
        })],
    },
    Fault {
        check: "forms.member-empty",
        what: "takes an empty text for a default",
        hooks: &[Rewrites(|asked, bytes| {
            default_date(asked, bytes, |own| own.as_str() == Some(""))
        })],
    },
    Fault {
        check: "forms.unknown-member",
        what: "has a member for administrators",
        hooks: &[Rewrites(|asked, bytes| {
            rewritten(asked, bytes, |object| {
                let admin = object.remove("admin").is_some();
                if admin {
                    object.insert("fin".to_owned(), Value::from("CJ9L1VQ"));
                }
                admin
            })
        })],
    },
    Fault {
        check: "forms.injection",
        what: "pastes members into SQL",
        hooks: &[Chokes(|_, bytes| contains(bytes, "DROP"))],
    },
    Fault {
        check: "forms.azerbaijani-letters",
        what: "has a database of one-byte characters",
        hooks: &[Chokes(|_, bytes| contains(bytes, "ə"))],
    },
    Fault {
        check: "forms.deep",
        what: "calls itself for each list",
        hooks: &[Chokes(|_, bytes| contains(bytes, "[[[[[[[["))],
    },
    Fault {
        check: "forms.escapes",
        what: "does not know \\u",
        hooks: &[Refuses(|_, bytes| contains(bytes, "\\u00"))],
    },
    Fault {
        check: "forms.spaces",
        what: "does not know tabs",
        hooks: &[Refuses(|_, bytes| contains(bytes, "\t"))],
    },
    Fault {
        check: "forms.order",
        what: "expects the members in the order of the alphabet",
        hooks: &[Refuses(|_, bytes| {
            bytes.starts_with(b"{\"fin\"") && contains(bytes, "birth_date")
        })],
    },
];

pub(super) fn is_check(asked: &Asked) -> bool {
    asked.service == "person" && asked.method == Method::POST
}

pub(super) fn contains(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|piece| piece == text.as_bytes())
}

/// The body's object, written anew, if `change` has changed it.
pub(super) fn rewritten(
    asked: &Asked,
    bytes: &[u8],
    change: fn(&mut Map<String, Value>) -> bool,
) -> Option<Vec<u8>> {
    let mut object: Map<String, Value> = serde_json::from_slice(bytes).ok()?;
    let changed = is_check(asked) && change(&mut object);
    changed.then(|| Value::Object(object).to_string().into_bytes())
}

pub(super) fn default_date(asked: &Asked, bytes: &[u8], is: fn(&Value) -> bool) -> Option<Vec<u8>> {
    let mut object: Map<String, Value> = serde_json::from_slice(bytes).ok()?;
    let date = object
        .get_mut("birth_date")
        .filter(|own| is_check(asked) && is(own))?;
    *date = Value::from("1900-01-01");
    Some(Value::Object(object).to_string().into_bytes())
}
