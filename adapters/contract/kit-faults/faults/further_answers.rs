//! Adapters whose answers, or what they say of themselves, break a further part of a claim.

use bridge_adapter::{Answer, Effect, Endpoint};
use http::{HeaderValue, Method, StatusCode, header};
use serde_json::json;

use super::answers::{absent, balance};
use super::description::change;
use crate::fault::Fault;
use crate::fault::Hook::{Answers, Describes, Ends};
use crate::reference::answer;

/// A field that an answer must not have, in the answer that nobody has this code.
macro_rules! passes_on {
    ($part:literal, $check:literal, $what:literal, $field:literal, $value:literal) => {
        (
            $part,
            carries(
                $check,
                $what,
                &[Answers(|asked, told| {
                    absent(asked, told, |told| told.field($field, $value))
                })],
            ),
        )
    };
}

pub(super) const FAULTS: &[(&str, Fault)] = &[
    (
        "none is there twice",
        Fault {
            check: "description.services",
            what: "describes a service twice",
            hooks: &[Describes(|said| {
                let first = said.services[0].clone();
                said.services.insert(0, first);
            })],
        },
    ),
    (
        "it is one line",
        Fault {
            check: "description.titles",
            what: "writes a title of two lines",
            hooks: &[Describes(|said| {
                said.services[0].title.push_str("\nreyestri")
            })],
        },
    ),
    (
        "it is a word",
        Fault {
            check: "description.kind",
            what: "leaves its kind empty",
            hooks: &[Describes(|said| said.adapter = "")],
        },
    ),
    (
        "none is too many",
        Fault {
            check: "description.endpoints",
            what: "describes an endpoint that the document does not have",
            hooks: &[Describes(|said| {
                let own = said.services[0].endpoints[0].clone();
                let more = Endpoint {
                    method: Method::DELETE,
                    effect: Effect::Unknown,
                    ..own
                };
                said.services[0].endpoints.push(more);
            })],
        },
    ),
    (
        "it can be read",
        Fault {
            check: "description.openapi",
            what: "brings a document in an old form",
            hooks: &[Describes(|said| {
                change(said, 0, |document| document["openapi"] = json!("2.0"));
            })],
        },
    ),
    (
        "paths",
        Fault {
            check: "description.openapi-rules",
            what: "publishes a body that may be left out",
            hooks: &[Describes(|said| {
                change(said, 0, |document| {
                    document["paths"]["/person/check"]["post"]["requestBody"]["required"] =
                        json!(false);
                });
            })],
        },
    ),
    (
        "HEAD",
        unsafe_method(
            "says that HEAD has an effect",
            &[Describes(|said| effect(said, &Method::HEAD))],
        ),
    ),
    (
        "OPTIONS",
        unsafe_method(
            "says that OPTIONS has an effect",
            &[Describes(|said| effect(said, &Method::OPTIONS))],
        ),
    ),
    (
        "TRACE",
        unsafe_method(
            "says that TRACE has an effect",
            &[Describes(|said| effect(said, &Method::TRACE))],
        ),
    ),
    (
        "it is refused",
        Fault {
            check: "answers.refusals",
            what: "answers a mistaken identifier with somebody",
            hooks: &[Ends(|asked| {
                (asked.service == "person" && asked.path == "/QQQ").then(|| Ok(somebody()))
            })],
        },
    ),
    (
        "599 at most",
        Fault {
            check: "answers.final-status",
            what: "answers with a status of its own invention",
            hooks: &[Answers(|asked, told| {
                absent(asked, told, |told| {
                    told.status = StatusCode::from_u16(999).expect("three digits");
                });
            })],
        },
    ),
    (
        "UTF-8",
        Fault {
            check: "answers.json",
            what: "writes JSON in the letters of its database",
            hooks: &[Answers(|asked, told| {
                absent(asked, told, |told| {
                    told.say(b"{\"error\":\"tap\xfdlmad\xfd\"}".as_slice());
                });
            })],
        },
    ),
    (
        "no exponent",
        Fault {
            check: "values.whole-numbers",
            what: "writes money with an exponent",
            hooks: &[Answers(|asked, told| balance(asked, told, "1500", "1.5e3"))],
        },
    ),
    (
        "downwards",
        Fault {
            check: "values.numbers-kept",
            what: "writes a debt that readers round",
            hooks: &[Answers(|asked, told| {
                balance(asked, told, "1500", "-9007199254740993")
            })],
        },
    ),
    passes_on!(
        "Keep-Alive",
        "fields.no-connection",
        "passes Keep-Alive on",
        "keep-alive",
        "timeout=5"
    ),
    passes_on!(
        "Proxy-Connection",
        "fields.no-connection",
        "passes Proxy-Connection on",
        "proxy-connection",
        "close"
    ),
    passes_on!("TE", "fields.no-framing", "passes TE on", "te", "trailers"),
    passes_on!(
        "Trailer",
        "fields.no-framing",
        "passes Trailer on",
        "trailer",
        "expires"
    ),
    passes_on!(
        "Proxy-Authorization",
        "fields.no-proxy-login",
        "gives the login of its proxy away",
        "proxy-authorization",
        "Basic AA=="
    ),
    passes_on!(
        "Signature-Input",
        "fields.no-signature",
        "says what somebody else has signed",
        "signature-input",
        "own=()"
    ),
    (
        "one only",
        Fault {
            check: "fields.type-present",
            what: "says its type twice",
            hooks: &[Answers(|asked, told| {
                absent(asked, told, |told| {
                    let again = HeaderValue::from_static("application/json");
                    told.fields.append(header::CONTENT_TYPE, again);
                });
            })],
        },
    ),
    (
        "16 KiB",
        Fault {
            check: "fields.bounded",
            what: "passes a cookie of 17 KiB on",
            hooks: &[Answers(|asked, told| {
                absent(asked, told, |told| {
                    told.field("set-cookie", &"c".repeat(17 * 1024))
                });
            })],
        },
    ),
];

const fn carries(
    check: &'static str,
    what: &'static str,
    hooks: &'static [crate::fault::Hook],
) -> Fault {
    Fault { check, what, hooks }
}

const fn unsafe_method(what: &'static str, hooks: &'static [crate::fault::Hook]) -> Fault {
    carries("description.safe-methods-read", what, hooks)
}

/// Says that a method of the mark has an effect.
fn effect(said: &mut bridge_adapter::Description, method: &Method) {
    let mut endpoints = said.services[0].endpoints.iter_mut();
    let own = endpoints.find(|own| own.path.as_str().ends_with("mark") && own.method == *method);
    own.expect("it is described").effect = Effect::Unknown;
}

fn somebody() -> Answer {
    let text = r#"{"fin":"MBXEHTV","name":"Ömər Şirinov"}"#;
    answer(StatusCode::OK, text.as_bytes().to_vec())
}
