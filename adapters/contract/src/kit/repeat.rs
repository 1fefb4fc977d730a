//! The same question gets the same answer.

use http::header;

use super::bench::{Bench, Good};
use super::check::{Check, Judged, absent, demand};
use super::judge::{is_same, must_repeat};

/// How often the plain call is made in a row.
const OFTEN: usize = 100;
/// How often each reading step is made to see whether lists keep their order.
const AGAIN: usize = 4;

pub(super) const CHECKS: &[Check] = &[
    Check::call(
        "repeat.same-values",
        [
            "a reading call made again has the same status and values",
            "An answer that changes by itself cannot be checked, cached or disputed.",
        ],
        |bench| Box::pin(same_values(bench)),
    ),
    Check::call(
        "repeat.same-order",
        [
            "lists in an answer keep their order",
            "Without ORDER BY the order is luck; callers take the first for the newest.",
        ],
        |bench| Box::pin(same_order(bench)),
    ),
    Check::call(
        "repeat.same-bytes",
        [
            "equal answers are equal byte by byte",
            "Evidence is a digest: equal values with other bytes look like other answers.",
        ],
        |bench| Box::pin(same_bytes(bench)),
    ),
    Check::call(
        "repeat.same-fields",
        [
            "equal answers have equal header fields, but for Date, Age and those that end in -id",
            "Fields are signed with the answer, and caches compare them.",
        ],
        |bench| Box::pin(same_fields(bench)),
    ),
    Check::call(
        "repeat.hundred",
        [
            "the hundredth call in a row is answered like the first",
            "Leaks show late: connections, files, memory.",
        ],
        |bench| Box::pin(hundred(bench)),
    ),
];

async fn same_values(bench: &Bench) -> Judged {
    let mut tried = false;
    // Before other steps, whose effects may change what is read, and after them.
    for taken in &bench.taken {
        if let (Some(first), Some(again)) = (taken.good(), &taken.again) {
            must_repeat(again, first)?;
        }
    }
    for good in bench.reading() {
        tried = true;
        must_repeat(&bench.ask(good.probe).await, good)?;
    }
    if tried {
        Ok(())
    } else {
        Err(absent("no reading step is answered"))
    }
}

async fn same_order(bench: &Bench) -> Judged {
    let mut tried = false;
    for good in bench.reading() {
        let parsed = |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes).ok();
        let Some(before) = parsed(&good.seen.bytes).filter(has_list) else {
            continue;
        };
        tried = true;
        for _ in 0..AGAIN {
            let Ok(seen) = bench.ask(good.probe).await else {
                continue;
            };
            let moved = is_same(&seen, good.seen) && parsed(&seen.bytes) != Some(before.clone());
            demand(!moved, || {
                format!("{:?}: a list has another order than before", good.title)
            })?;
        }
    }
    if tried {
        Ok(())
    } else {
        Err(absent("no answer has a list of two entries"))
    }
}

fn has_list(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::Array(list) => list.len() > 1 || list.iter().any(has_list),
        serde_json::Value::Object(object) => object.values().any(has_list),
        serde_json::Value::Null
        | serde_json::Value::Bool(_)
        | serde_json::Value::Number(_)
        | serde_json::Value::String(_) => false,
    }
}

async fn same_bytes(bench: &Bench) -> Judged {
    each_again(bench, "the bytes are other ones", |now, good| {
        let equal = |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes).ok();
        // Other values are told by `repeat.same-values`, another order by `repeat.same-order`.
        equal(&now.bytes) != equal(&good.seen.bytes) || now.bytes == good.seen.bytes
    })
    .await
}

async fn same_fields(bench: &Bench) -> Judged {
    each_again(bench, "the header fields are other ones", |now, good| {
        let kept = |fields: &http::HeaderMap| {
            let mut fields = fields.clone();
            for name in [header::DATE, header::AGE] {
                fields.remove(name);
            }
            // X-Request-Id and the like name the exchange.
            let named = fields
                .iter()
                .filter(|(name, _)| !name.as_str().ends_with("-id"));
            named
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect::<Vec<_>>()
        };
        now.bytes != good.seen.bytes || kept(&now.fields) == kept(&good.seen.fields)
    })
    .await
}

async fn each_again(
    bench: &Bench,
    what: &str,
    holds: fn(&super::ask::Seen, Good<'_>) -> bool,
) -> Judged {
    let mut tried = false;
    for good in bench.reading() {
        tried = true;
        let Ok(now) = bench.ask(good.probe).await else {
            continue;
        };
        demand(holds(&now, good), || format!("{:?}: {what}", good.title))?;
    }
    if tried {
        Ok(())
    } else {
        Err(absent("no reading step is answered"))
    }
}

async fn hundred(bench: &Bench) -> Judged {
    let plain = bench.plain()?;
    for _ in 0..OFTEN {
        must_repeat(&bench.ask(plain.probe).await, plain)?;
    }
    Ok(())
}
