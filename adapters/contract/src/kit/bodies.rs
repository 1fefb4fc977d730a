//! How a request body comes: whole, cut, slowly, without a length, without an end.

use bytes::Bytes;
use http::{HeaderValue, StatusCode};

use super::ask::{Ended, Failure, told};
use super::bench::{Bench, Good};
use super::check::{Check, Judged, absent, demand};
use super::judge::{must_refuse, must_repeat, must_repeat_or_refuse};
use super::streams;
use crate::probe::{Probe, ProbeBody};
use crate::{AdapterError, BodyError, Limit};

/// Where an endless body is cut: more than any body that is meant to be read into memory.
const ENDLESS_BYTES: u64 = 32 * 1024 * 1024;
/// A large body: more than parameters need, less than a node lets through.
const LARGE_BYTES: usize = 1024 * 1024;

pub(super) const CHECKS: &[Check] = &[
    Check::call(
        "bodies.empty",
        [
            "an empty body is refused where one is required",
            "Nothing must not be taken for a question with default values.",
        ],
        |bench| Box::pin(empty(bench)),
    ),
    Check::call(
        "bodies.cut",
        [
            "a body that is cut in half is refused as one that is not whole",
            "Half a question, or half a payment, must not be worked on.",
        ],
        |bench| Box::pin(cut(bench)),
    ),
    Check::call(
        "bodies.cut-at-end",
        [
            "a body that is cut where it could have ended is refused too",
            "More was on its way: the last, missing bytes may say the opposite.",
        ],
        |bench| Box::pin(cut_at_end(bench)),
    ),
    Check::call(
        "bodies.no-type",
        [
            "a body without a Content-Type is refused",
            "Guessing the type is how another one gets in.",
        ],
        |bench| Box::pin(typed(bench, None)),
    ),
    Check::call(
        "bodies.wrong-type",
        [
            "a body of a media type that is not declared is refused",
            "text/plain is what a browser may send to anyone without asking.",
        ],
        |bench| Box::pin(typed(bench, Some("text/plain"))),
    ),
    Check::call(
        "bodies.type-parameters",
        [
            "a charset behind the media type changes nothing",
            "Half of all clients send application/json; charset=utf-8.",
        ],
        |bench| Box::pin(type_parameters(bench)),
    ),
    Check::call(
        "bodies.type-case",
        [
            "the media type is read without its letter case",
            "Types are compared so; Application/JSON is sent by old clients.",
        ],
        |bench| Box::pin(type_case(bench)),
    ),
    Check::call(
        "bodies.unknown-length",
        [
            "a body without a known length is answered like any other",
            "Streaming clients do not know it in advance.",
        ],
        |bench| Box::pin(unknown_length(bench)),
    ),
    Check::call(
        "bodies.byte-by-byte",
        [
            "a body that comes one byte at a time is answered like any other",
            "On a slow line a read gives what is there, not the whole.",
        ],
        |bench| Box::pin(one_byte_at_a_time(bench)),
    ),
    Check::call(
        "bodies.in-two-parts",
        [
            "a body whose second half comes later is waited for",
            "Between two packets lies time; the first is not the whole.",
        ],
        |bench| Box::pin(in_two_parts(bench)),
    ),
    Check::call(
        "bodies.large",
        [
            "a body of 1 MiB is answered or refused as too large",
            "Buffers that grow without a limit end the process for everyone.",
        ],
        |bench| Box::pin(large(bench)),
    ),
    Check::call(
        "bodies.endless",
        [
            "a body without an end is refused, in time",
            "One caller can otherwise fill memory or a place for ever.",
        ],
        |bench| Box::pin(endless(bench)),
    ),
    Check::call(
        "bodies.where-none",
        [
            "a body where the document declares none is refused or changes nothing",
            "A body behind GET is invisible to the node's decision.",
        ],
        |bench| Box::pin(where_none(bench)),
    ),
];

async fn empty(bench: &Bench) -> Judged {
    let (good, _) = bench.any_body()?;
    let probe = Probe {
        body: ProbeBody::Empty,
        ..fresh(bench, good)
    };
    if bench.allows(&probe).is_ok() {
        return Err(absent("the document does not require a body"));
    }
    must_refuse(&bench.ask(&probe).await)
}

async fn cut(bench: &Bench) -> Judged {
    let (good, bytes) = bench.any_body()?;
    let half = bytes.slice(..bytes.len() / 2);
    must_refuse(
        &bench
            .ask(&Probe {
                body: ProbeBody::CutAfter(half),
                ..fresh(bench, good)
            })
            .await,
    )?;
    bench.must_still_answer().await
}

async fn cut_at_end(bench: &Bench) -> Judged {
    let (good, bytes) = bench.any_body()?;
    must_refuse(
        &bench
            .ask(&Probe {
                body: ProbeBody::CutAfter(bytes.clone()),
                ..fresh(bench, good)
            })
            .await,
    )
}

async fn typed(bench: &Bench, media_type: Option<&'static str>) -> Judged {
    let (good, _) = bench.any_body()?;
    let content_type = media_type.map(HeaderValue::from_static);
    let probe = Probe {
        content_type,
        ..fresh(bench, good)
    };
    if bench.allows(&probe).is_ok() {
        return Err(absent("the document declares every media type"));
    }
    must_refuse(&bench.ask(&probe).await)
}

async fn type_parameters(bench: &Bench) -> Judged {
    retyped(bench, |own| format!("{own}; charset=utf-8")).await
}

async fn type_case(bench: &Bench) -> Judged {
    retyped(bench, |own| {
        own.replace("application/json", "Application/JSON")
    })
    .await
}

async fn retyped(bench: &Bench, change: fn(&str) -> String) -> Judged {
    let (good, _) = bench.reading_body()?;
    let own = good
        .probe
        .content_type
        .as_ref()
        .and_then(|value| value.to_str().ok());
    let content_type = HeaderValue::from_str(&change(own.unwrap_or_default())).ok();
    must_repeat(
        &bench
            .ask(&Probe {
                content_type,
                ..good.probe.clone()
            })
            .await,
        good,
    )
}

async fn unknown_length(bench: &Bench) -> Judged {
    let (good, _) = bench.reading_body()?;
    let mut call = bench.call(good.probe);
    call.body_length = None;
    must_repeat(&bench.send(call).await, good)
}

async fn one_byte_at_a_time(bench: &Bench) -> Judged {
    let (good, bytes) = bench.reading_body()?;
    let mut call = bench.call(good.probe);
    call.body = streams::byte_by_byte(bytes);
    must_repeat(&bench.send(call).await, good)
}

async fn in_two_parts(bench: &Bench) -> Judged {
    let (good, bytes) = bench.reading_body()?;
    let mut call = bench.call(good.probe);
    let half = bytes.len() / 2;
    let (body, gate) = streams::gated(bytes.slice(..half), bytes.slice(half..));
    call.body = body;
    let asked = bench.start(call);
    // The first half is with the adapter before the second is sent.
    tokio::time::sleep(bench.pace.short).await;
    gate.open();
    let ended = asked.await.unwrap_or(Err(Failure::Panicked));
    must_repeat(&ended, good)
}

async fn large(bench: &Bench) -> Judged {
    let (good, bytes) = bench.reading_body()?;
    // Spaces before a JSON document mean nothing. Standard: RFC 8259 §2.
    let padded = [vec![b' '; LARGE_BYTES], bytes.to_vec()].concat();
    let probe = Probe {
        body: ProbeBody::Whole(padded.into()),
        ..good.probe.clone()
    };
    let ended = bench.ask(&probe).await;
    if !is_too_large(&ended) {
        must_repeat(&ended, good)?;
    }
    bench.must_still_answer().await
}

/// Whether a request was refused for its size.
fn is_too_large(ended: &Ended) -> bool {
    let limit = Limit::RequestBytes(0);
    match ended {
        Ok(seen) => seen.status == StatusCode::PAYLOAD_TOO_LARGE,
        Err(Failure::Call(AdapterError::TooLarge { limit: own })) => {
            std::mem::discriminant(own) == std::mem::discriminant(&limit)
        }
        Err(Failure::Call(AdapterError::RequestBody(error))) => {
            matches!(error, BodyError::TooLarge { .. })
        }
        Err(_) => false,
    }
}

async fn endless(bench: &Bench) -> Judged {
    let (good, bytes) = bench.any_body()?;
    let mut call = bench.call(&fresh(bench, good));
    let body = streams::endless(bytes.clone(), ENDLESS_BYTES);
    call.body = body;
    call.body_length = None;
    must_refuse(&bench.send(call).await)?;
    bench.must_still_answer().await
}

async fn where_none(bench: &Bench) -> Judged {
    let plain = bench.plain()?;
    let mut probe = plain
        .probe
        .clone()
        .posting(ProbeBody::Whole(Bytes::from_static(b"{\"kit\":true}")));
    probe.method = plain.probe.method.clone();
    if bench.allows(&probe).is_ok() {
        return Err(absent(
            "the document declares a body for every reading step",
        ));
    }
    let ended = bench.ask(&probe).await;
    must_repeat_or_refuse(&ended, plain).or_else(|_| {
        demand(false, || {
            format!(
                "ended with {}, or another answer than without",
                told(&ended)
            )
        })
    })
}

/// The step's call, with a key of its own where it has an effect.
pub(super) fn fresh(bench: &Bench, good: Good<'_>) -> Probe {
    rekeyed(bench, good.probe.clone())
}

/// A call with a key of its own, if it has one at all.
pub(super) fn rekeyed(bench: &Bench, probe: Probe) -> Probe {
    let key = bench.fresh_key(&uuid::Uuid::new_v4().to_string());
    if probe.key.is_some() {
        probe.keyed(&key)
    } else {
        probe
    }
}
