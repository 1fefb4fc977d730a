//! What a request body says: JSON that is none, or not what the document asks for.

use bytes::Bytes;
use serde_json::{Map, Value};

use super::bench::{Bench, Good, json_object};
use super::bodies::{fresh, rekeyed};
use super::check::{Check, Judged, absent};
use super::judge::{must_refuse, must_repeat, must_repeat_or_refuse};
use super::odd;
use crate::probe::{Probe, ProbeBody};

/// How deep the nested body is.
const DEPTH: usize = 10_000;

pub(super) const CHECKS: &[Check] = &[
    Check::call(
        "forms.not-json",
        [
            "what is not JSON is refused as the caller's mistake",
            "Reported as the registry's failure it alarms the wrong people.",
        ],
        |bench| Box::pin(raw(bench, b"{fin: 'x'}")),
    ),
    Check::call(
        "forms.more-behind",
        [
            "JSON with something behind it is refused",
            "Two readers stop at different ends.",
        ],
        |bench| Box::pin(more_behind(bench)),
    ),
    Check::call(
        "forms.not-utf8",
        [
            "a body that is not UTF-8 is refused, and not repaired",
            "A replaced letter is another name.",
        ],
        |bench| Box::pin(not_utf8(bench)),
    ),
    Check::call(
        "forms.keys-twice",
        [
            "an object with a key twice is refused",
            "The node decides on one of the two values, the registry answers for the other.",
        ],
        |bench| Box::pin(keys_twice(bench)),
    ),
    Check::call(
        "forms.not-an-object",
        [
            "a list, a text or a number in place of the object is refused",
            "Code that expects members fails on them, or worse, finds some.",
        ],
        |bench| Box::pin(not_an_object(bench)),
    ),
    Check::call(
        "forms.member-left-out",
        [
            "an object without a member that the document requires is refused",
            "A default in its place asks another question.",
        ],
        |bench| Box::pin(each_member(bench, |object, name| drop(object.remove(name)))),
    ),
    Check::call(
        "forms.member-null",
        [
            "null in place of a required value is refused",
            "null is neither \"any\" nor the text \"null\".",
        ],
        |bench| {
            Box::pin(each_member(bench, |object, name| {
                set(object, name, Value::Null);
            }))
        },
    ),
    Check::call(
        "forms.member-of-other-type",
        [
            "a number, list or object in place of a text is refused",
            "Converting it silently finds entries that nobody named.",
        ],
        |bench| Box::pin(of_other_type(bench)),
    ),
    Check::call(
        "forms.member-empty",
        [
            "an empty text is refused where the document forbids it",
            "Compared with LIKE or with padded columns it matches everyone.",
        ],
        |bench| {
            Box::pin(each_member(bench, |object, name| {
                set(object, name, Value::from(""));
            }))
        },
    ),
    Check::call(
        "forms.unknown-member",
        [
            "an unknown member is refused or changes nothing",
            "A member that nobody declared and that works is a way around the contract.",
        ],
        |bench| Box::pin(unknown_member(bench)),
    ),
    Check::call(
        "forms.injection",
        [
            "SQL, LDAP, shell and template code in a member is refused or finds nobody",
            "Where it does anything else, it runs.",
        ],
        |bench| Box::pin(injection(bench)),
    ),
    Check::call(
        "forms.azerbaijani-letters",
        [
            "ə ğ ı İ ö ş ü ç and characters of four bytes in a member are survived",
            "Cutting a text at bytes instead of letters fails on the first name.",
        ],
        |bench| Box::pin(letters(bench)),
    ),
    Check::call(
        "forms.deep",
        [
            "10,000 lists within each other are refused",
            "A reader that calls itself for each runs out of stack, and the process ends.",
        ],
        |bench| Box::pin(deep(bench)),
    ),
    Check::call(
        "forms.escapes",
        [
            "letters written as \\u escapes are the same letters",
            "Many clients escape all that is not ASCII, some escape all.",
        ],
        |bench| Box::pin(escapes(bench)),
    ),
    Check::call(
        "forms.spaces",
        [
            "spaces, tabs and line ends between the members change nothing",
            "Clients print JSON as they like.",
        ],
        |bench| Box::pin(spaces(bench)),
    ),
    Check::call(
        "forms.order",
        [
            "the order of the members changes nothing",
            "An object has no order; clients keep none.",
        ],
        |bench| Box::pin(order(bench)),
    ),
];

async fn raw(bench: &Bench, bytes: &'static [u8]) -> Judged {
    let (good, _) = bench.any_body()?;
    must_refuse(
        &bench
            .ask(&saying(fresh(bench, good), Bytes::from_static(bytes)))
            .await,
    )
}

async fn more_behind(bench: &Bench) -> Judged {
    let (good, bytes) = bench.any_body()?;
    let two = [bytes.as_ref(), b" {}"].concat();
    must_refuse(&bench.ask(&saying(fresh(bench, good), two)).await)
}

async fn not_utf8(bench: &Bench) -> Judged {
    let (good, bytes) = bench.any_body()?;
    // A further member, so that all that is known of the body stays as it is.
    let object = bytes.strip_suffix(b"}").unwrap_or(bytes);
    let bytes = [object, b",\"kit\":\"\xff\xfe\"}"].concat();
    must_refuse(&bench.ask(&saying(fresh(bench, good), bytes)).await)
}

async fn keys_twice(bench: &Bench) -> Judged {
    let (good, bytes) = bench.any_body()?;
    let object = json_object(good.probe).unwrap_or_default();
    let Some((name, value)) = object.iter().next() else {
        return Err(absent("the step's object has no members"));
    };
    let object = bytes.trim_ascii_end().strip_suffix(b"}").unwrap_or(bytes);
    let again = format!(",{}:{value}}}", Value::from(name.as_str()));
    must_refuse(
        &bench
            .ask(&saying(
                fresh(bench, good),
                [object, again.as_bytes()].concat(),
            ))
            .await,
    )
}

async fn not_an_object(bench: &Bench) -> Judged {
    let (good, _) = bench.any_body()?;
    for text in ["[]", "[{}]", "\"kit\"", "1", "true", "null"] {
        let probe = saying(fresh(bench, good), text.to_owned());
        if bench.allows(&probe).is_err() {
            must_refuse(&bench.ask(&probe).await)?;
        }
    }
    Ok(())
}

/// Changes each member in turn; what the document then forbids must be refused.
async fn each_member(bench: &Bench, change: fn(&mut Map<String, Value>, &str)) -> Judged {
    let (good, _) = bench.any_body()?;
    let mut tried = false;
    for probe in changed(good, |object, name| {
        change(object, name);
        true
    }) {
        if bench.allows(&probe).is_ok() {
            continue;
        }
        tried = true;
        must_refuse(&bench.ask(&rekeyed(bench, probe)).await)?;
    }
    if tried {
        Ok(())
    } else {
        Err(absent(
            "the document allows it for every member of the step",
        ))
    }
}

async fn of_other_type(bench: &Bench) -> Judged {
    let (good, _) = bench.any_body()?;
    let mut tried = false;
    for other in [
        Value::from(7),
        Value::from(true),
        Value::from(vec!["x"]),
        Value::from(Map::new()),
    ] {
        for probe in changed(good, |object, name| {
            set(object, name, other.clone());
            true
        }) {
            if bench.allows(&probe).is_ok() {
                continue;
            }
            tried = true;
            must_refuse(&bench.ask(&rekeyed(bench, probe)).await)?;
        }
    }
    if tried {
        Ok(())
    } else {
        Err(absent("the document allows any type for every member"))
    }
}

async fn unknown_member(bench: &Bench) -> Judged {
    let (good, _) = bench.reading_body()?;
    for (name, value) in [
        ("kit-unknown", Value::from(1)),
        ("admin", Value::from(true)),
        ("$where", Value::from("1")),
    ] {
        let mut object = json_object(good.probe).unwrap_or_default();
        object.insert(name.to_owned(), value);
        let probe = saying(good.probe.clone(), Value::Object(object).to_string());
        must_repeat_or_refuse(&bench.ask(&probe).await, good)?;
    }
    Ok(())
}

async fn injection(bench: &Bench) -> Judged {
    let (good, _) = bench.any_body()?;
    for code in odd::INJECTIONS {
        for probe in changed(good, |object, name| replace_text(object, name, code)) {
            if bench.allows(&probe).is_ok() {
                continue;
            }
            must_refuse(&bench.ask(&rekeyed(bench, probe)).await)?;
        }
    }
    bench.must_still_answer().await
}

async fn letters(bench: &Bench) -> Judged {
    let (good, _) = bench.reading_body()?;
    for text in [odd::LETTERS, odd::ASTRAL] {
        for probe in changed(good, |object, name| replace_text(object, name, text)) {
            bench.must_fit(&probe).await?;
        }
    }
    bench.must_still_answer().await
}

async fn deep(bench: &Bench) -> Judged {
    let (good, _) = bench.any_body()?;
    let text = format!("{{\"kit\":{}{}}}", "[".repeat(DEPTH), "]".repeat(DEPTH));
    must_refuse(&bench.ask(&saying(fresh(bench, good), text)).await)?;
    bench.must_still_answer().await
}

async fn escapes(bench: &Bench) -> Judged {
    rewritten(bench, |object| {
        let escaped = |text: &str| -> String {
            let units = text.encode_utf16().map(|unit| format!("\\u{unit:04x}"));
            units.collect::<Vec<_>>().concat()
        };
        let members = object.iter().map(|(name, value)| match value {
            Value::String(text) => format!("\"{}\":\"{}\"", escaped(name), escaped(text)),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Array(_)
            | Value::Object(_) => format!("\"{}\":{value}", escaped(name)),
        });
        format!("{{{}}}", members.collect::<Vec<_>>().join(","))
    })
    .await
}

async fn spaces(bench: &Bench) -> Judged {
    rewritten(bench, |object| {
        let members = object
            .iter()
            .map(|(name, value)| format!("\r\n\t{} : {value} ", Value::from(name.as_str())));
        format!("\n {{{}\n}}\n ", members.collect::<Vec<_>>().join(","))
    })
    .await
}

async fn order(bench: &Bench) -> Judged {
    let (good, _) = bench.reading_body()?;
    let object = json_object(good.probe).unwrap_or_default();
    if object.len() < 2 {
        return Err(absent("the step's object has fewer than two members"));
    }
    let mut ended = Vec::new();
    for backwards in [true, false] {
        let mut members: Vec<String> = object
            .iter()
            .map(|(name, value)| format!("{}:{value}", Value::from(name.as_str())))
            .collect();
        if backwards {
            members.reverse();
        }
        let probe = saying(good.probe.clone(), format!("{{{}}}", members.join(",")));
        ended.push(bench.ask(&probe).await);
    }
    ended.iter().try_for_each(|ended| must_repeat(ended, good))
}

/// The same object, written otherwise: the answer must be the same.
async fn rewritten(bench: &Bench, write: fn(&Map<String, Value>) -> String) -> Judged {
    let (good, _) = bench.reading_body()?;
    let object = json_object(good.probe).unwrap_or_default();
    must_repeat(
        &bench.ask(&saying(good.probe.clone(), write(&object))).await,
        good,
    )
}

/// The step's call once for each member of its object that `change` changes.
fn changed(good: Good<'_>, change: impl Fn(&mut Map<String, Value>, &str) -> bool) -> Vec<Probe> {
    let own = json_object(good.probe).unwrap_or_default();
    let probes = own.keys().filter_map(|name| {
        let mut object = own.clone();
        change(&mut object, name)
            .then(|| saying(good.probe.clone(), Value::Object(object).to_string()))
    });
    probes.collect()
}

fn set(object: &mut Map<String, Value>, name: &str, value: Value) {
    object.insert(name.to_owned(), value);
}

fn replace_text(object: &mut Map<String, Value>, name: &str, text: &str) -> bool {
    let is_text = object.get(name).is_some_and(Value::is_string);
    if is_text {
        set(object, name, Value::from(text));
    }
    is_text
}

fn saying(probe: Probe, bytes: impl Into<Bytes>) -> Probe {
    Probe {
        body: ProbeBody::Whole(bytes.into()),
        ..probe
    }
}
