//! The query: names that nobody declared, values that do not fit.

use std::collections::BTreeSet;

use http::StatusCode;

use super::ask::{Ended, Failure, told};
use super::bench::{Bench, Good};
use super::check::{Check, Judged, absent, demand};
use super::judge::{is_same, must_refuse, must_repeat_or_refuse, must_survive};
use super::odd;
use crate::AdapterError;
use crate::openapi::Mismatch;
use crate::probe::Probe;

pub(super) const CHECKS: &[Check] = &[
    Check::call(
        "query.unknown",
        [
            "an undeclared name is refused or changes nothing",
            "A name that nobody declared and that works is a way around the contract.",
        ],
        |bench| Box::pin(unknown(bench)),
    ),
    Check::call(
        "query.many",
        [
            "300 undeclared names are survived",
            "Work per name adds up to an outage that one caller can order.",
        ],
        |bench| Box::pin(many(bench)),
    ),
    Check::call(
        "query.repeated",
        [
            "a name that takes one value and comes twice is refused",
            "Two readers choose differently: the node decides on the first, the registry answers the last.",
        ],
        |bench| Box::pin(repeated(bench)),
    ),
    Check::call(
        "query.name-case",
        [
            "a declared name in other letter case is another name",
            "It is the undeclared name that works: the node did not see it as this one.",
        ],
        |bench| Box::pin(name_case(bench)),
    ),
    Check::call(
        "query.left-out",
        [
            "without an optional name the call is answered, without a required one refused",
            "A missing value must not become an empty one, or \"all\".",
        ],
        |bench| Box::pin(left_out(bench)),
    ),
    Check::call(
        "query.empty",
        [
            "an empty value is refused where the document forbids it",
            "Taken for \"not given\" it answers another question than was asked.",
        ],
        |bench| Box::pin(values(bench, &[""])),
    ),
    Check::call(
        "query.wrong-form",
        [
            "a value of a form that the document forbids is refused or finds nothing",
            "A day that does not exist has no answer; the nearest one is an invention.",
        ],
        |bench| Box::pin(wrong_form(bench)),
    ),
    Check::call(
        "query.near-form",
        [
            "the right value with something around it is not taken for it where the document forbids it",
            "A reader that stops at the first odd character answers half the question.",
        ],
        |bench| Box::pin(near_form(bench)),
    ),
    Check::call(
        "query.pair-inside-value",
        [
            "an escaped & and = inside a value stay part of the value",
            "Decoded before it is split, a value smuggles in a second name.",
        ],
        |bench| Box::pin(pair_inside(bench)),
    ),
    Check::call(
        "query.injection",
        [
            "SQL, LDAP, shell and template code as a value is survived, and refused where the document forbids it",
            "Where it does anything else, it runs.",
        ],
        |bench| Box::pin(values(bench, &odd::INJECTIONS)),
    ),
    Check::call(
        "query.azerbaijani-letters",
        [
            "ə ğ ı İ ö ş ü ç as a value are survived",
            "Cutting a text at bytes instead of letters fails on the first name.",
        ],
        |bench| Box::pin(values(bench, &[odd::LETTERS, odd::ASTRAL])),
    ),
    Check::call(
        "query.long",
        [
            "a value of 8,000 characters is survived",
            "Fixed buffers overflow, and index keys have a longest length.",
        ],
        |bench| Box::pin(long(bench)),
    ),
];

async fn unknown(bench: &Bench) -> Judged {
    let plain = bench.plain()?;
    for (name, value) in [
        ("kit-unknown", "1"),
        ("limit", "0"),
        ("fields", "*"),
        ("debug", "true"),
    ] {
        let probe = odd::and_query(plain.probe, name, value);
        if matches!(bench.allows(&probe), Err(Mismatch::QueryNotDeclared { .. })) {
            must_repeat_or_refuse(&bench.ask(&probe).await, plain)?;
        }
    }
    Ok(())
}

async fn many(bench: &Bench) -> Judged {
    let plain = bench.plain()?;
    let mut probe = plain.probe.clone();
    probe
        .query
        .extend((0..300).map(|number| (format!("kit-{number}"), number.to_string())));
    must_survive(&bench.ask(&probe).await)?;
    bench.must_still_answer().await
}

async fn repeated(bench: &Bench) -> Judged {
    let (good, (name, value)) = bench.with_query()?;
    let probe = odd::and_query(good.probe, name, value);
    if bench.allows(&probe).is_ok() {
        return Err(absent("the name takes several values"));
    }
    must_refuse(&bench.ask(&probe).await)
}

async fn name_case(bench: &Bench) -> Judged {
    let (good, (name, value)) = bench.with_query()?;
    let other = if name.to_uppercase() == *name {
        name.to_lowercase()
    } else {
        name.to_uppercase()
    };
    let without = Probe {
        query: Vec::new(),
        ..good.probe.clone()
    };
    let probe = odd::and_query(&without, &other, value);
    if other == *name || bench.allows(&probe).is_ok() {
        return Err(absent("the other spelling is declared too"));
    }
    // Without the name there may be an answer; with the misspelt one it must be that or a refusal.
    match bench.ask(&without).await {
        Ok(seen) if seen.status.is_success() => {
            let bare = Good {
                title: good.title,
                probe: good.probe,
                seen: &seen,
            };
            must_repeat_or_refuse(&bench.ask(&probe).await, bare)
        }
        _ => must_refuse(&bench.ask(&probe).await),
    }
}

/// Every name of every reading step, left out in turn.
async fn left_out(bench: &Bench) -> Judged {
    let (first, _) = bench.with_query()?;
    let others = bench.reading().filter(|good| good.title != first.title);
    for good in std::iter::once(first).chain(others) {
        let names: BTreeSet<&String> = good.probe.query.iter().map(|(name, _)| name).collect();
        for left in names {
            let mut probe = good.probe.clone();
            probe.query.retain(|(name, _)| name != left);
            let ended = bench.ask(&probe).await;
            match bench.allows(&probe) {
                Ok(()) => must_not_be_demanded(&ended)?,
                Err(_) => must_refuse(&ended)?,
            }
        }
    }
    Ok(())
}

/// What the document lets a caller leave out is not asked for; that there is nothing to be found without it is an answer.
fn must_not_be_demanded(ended: &Ended) -> Judged {
    must_survive(ended)?;
    let demanded = match ended {
        Ok(seen) => seen.status == StatusCode::BAD_REQUEST,
        Err(Failure::Call(error)) => matches!(error, AdapterError::BadRequest { .. }),
        Err(_) => false,
    };
    demand(!demanded, || format!("ended with {}", told(ended)))
}

async fn values(bench: &Bench, values: &[&str]) -> Judged {
    let (good, (name, _)) = bench.with_query()?;
    for value in values {
        bench
            .must_fit(&odd::with_query(good.probe, name, value))
            .await?;
    }
    bench.must_still_answer().await
}

async fn wrong_form(bench: &Bench) -> Judged {
    forbidden(bench, |_| {
        [
            "kit",
            "-1",
            "2026-13-45",
            "2026-02-30",
            "1e999",
            "NaN",
            "null",
            "[]",
        ]
        .map(str::to_owned)
        .to_vec()
    })
    .await
}

async fn near_form(bench: &Bench) -> Judged {
    forbidden(bench, |own| {
        vec![
            format!("{own} "),
            format!(" {own}"),
            format!("{own}kit"),
            format!("{own}\n"),
        ]
    })
    .await
}

/// Values that the document forbids must be refused or find nothing; others are left alone.
async fn forbidden(bench: &Bench, values: fn(&str) -> Vec<String>) -> Judged {
    let (good, (name, own)) = bench.with_query()?;
    let mut tried = false;
    for value in values(own) {
        let probe = odd::with_query(good.probe, name, &value);
        if bench.allows(&probe).is_ok() {
            continue;
        }
        tried = true;
        let ended = bench.ask(&probe).await;
        must_survive(&ended)?;
        let known = |known: Good<'_>| matches!(&ended, Ok(seen) if is_same(seen, known.seen));
        demand(!bench.reading().any(known), || {
            format!("{value:?} was answered like another value")
        })?;
    }
    if tried {
        Ok(())
    } else {
        Err(absent("the document allows any such value"))
    }
}

async fn pair_inside(bench: &Bench) -> Judged {
    let (good, (name, own)) = bench.with_query()?;
    let probe = odd::with_query(good.probe, name, &format!("kit&{name}={own}"));
    if bench.allows(&probe).is_ok() {
        return Err(absent("the document allows such a value"));
    }
    must_refuse(&bench.ask(&probe).await)
}

async fn long(bench: &Bench) -> Judged {
    let (good, (name, _)) = bench.with_query()?;
    bench
        .must_fit(&odd::with_query(good.probe, name, &"9".repeat(8000)))
        .await?;
    bench.must_still_answer().await
}
