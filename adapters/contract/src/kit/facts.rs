//! What the node says of the caller: used, never repeated.

use uuid::Uuid;

use super::ask::told;
use super::bench::Bench;
use super::check::{Check, Judged, demand};
use super::judge::must_survive;
use super::odd::{self, MARKER};
use crate::Call;

pub(super) const CHECKS: &[Check] = &[
    Check::call(
        "facts.user-not-repeated",
        [
            "no answer repeats the end user",
            "The official who asks is nobody's business but the node's journal's.",
        ],
        |bench| {
            Box::pin(silent(bench, |call| {
                call.facts.user_id = Some(MARKER.to_owned())
            }))
        },
    ),
    Check::call(
        "facts.represented-not-repeated",
        [
            "no answer repeats whom the caller acts for",
            "It would tell the answer's readers about a third party.",
        ],
        |bench| {
            Box::pin(silent(bench, |call| {
                call.facts.represented_party = Some(format!("AZ/GOV/{MARKER}"))
            }))
        },
    ),
    Check::call(
        "facts.issue-not-repeated",
        [
            "no answer repeats the caller's file number",
            "It joins the answer to a case that its readers may not know.",
        ],
        |bench| {
            Box::pin(silent(bench, |call| {
                call.facts.issue = Some(format!("{MARKER}/2026"))
            }))
        },
    ),
    Check::call(
        "facts.contract-not-repeated",
        [
            "no answer repeats the contract",
            "The node says it, signed; a second word can only differ.",
        ],
        |bench| {
            Box::pin(silent(bench, |call| {
                call.facts.contract = Some(format!("{MARKER}@0"))
            }))
        },
    ),
    Check::call(
        "facts.request-id-not-repeated",
        [
            "no answer repeats the exchange's request id",
            "The node says it, signed; in the body it makes equal answers differ.",
        ],
        |bench| Box::pin(request_id(bench)),
    ),
    Check::call(
        "facts.purpose-not-repeated",
        [
            "no answer repeats purpose and legal basis",
            "They are the contract's words, not the registry's data.",
        ],
        |bench| {
            Box::pin(silent(bench, |call| {
                call.facts.purpose = Some(MARKER.to_owned());
                call.facts.legal_basis = Some(MARKER.to_owned());
            }))
        },
    ),
    Check::call(
        "facts.none-given",
        [
            "a call without user, purpose, legal basis, issue and contract is survived",
            "All of them are optional; the first call without one must not end the adapter.",
        ],
        |bench| Box::pin(none_given(bench)),
    ),
    Check::call(
        "facts.azerbaijani-letters",
        [
            "ə ğ ı İ ö ş ü ç in user and file number are survived",
            "Header fields of a registry's own protocol take ASCII only, and fail on the first name.",
        ],
        |bench| Box::pin(survived(bench, odd::LETTERS)),
    ),
    Check::call(
        "facts.injection",
        [
            "quotes and code in user and file number are survived",
            "The registry's own log tables are SQL too.",
        ],
        |bench| Box::pin(survived(bench, "'; DROP TABLE log; -- $(id)")),
    ),
    Check::call(
        "facts.long",
        [
            "a file number of 1,000 characters is survived",
            "The registry's own log tables have columns of fixed width.",
        ],
        |bench| Box::pin(survived(bench, &LONG)),
    ),
];

/// A text of 1,000 characters.
const LONG: [u8; 1000] = [b'7'; 1000];

async fn silent(bench: &Bench, set: fn(&mut Call)) -> Judged {
    let plain = bench.plain()?;
    let mut call = bench.call(plain.probe);
    set(&mut call);
    must_not_repeat(bench, call, MARKER).await
}

async fn request_id(bench: &Bench) -> Judged {
    let plain = bench.plain()?;
    let mut call = bench.call(plain.probe);
    let id = Uuid::new_v4();
    call.facts.request_id = id;
    must_not_repeat(bench, call, &id.to_string()).await
}

async fn must_not_repeat(bench: &Bench, call: Call, text: &str) -> Judged {
    let ended = bench.send(call).await;
    must_survive(&ended)?;
    let Ok(seen) = &ended else { return Ok(()) };
    let in_body = String::from_utf8_lossy(&seen.bytes).contains(text);
    let in_fields = seen
        .fields
        .values()
        .any(|own| own.to_str().is_ok_and(|own| own.contains(text)));
    demand(!in_body && !in_fields, || {
        format!("{} repeats it", told(&ended))
    })
}

async fn none_given(bench: &Bench) -> Judged {
    let plain = bench.plain()?;
    let mut call = bench.call(plain.probe);
    call.facts.purpose = None;
    call.facts.legal_basis = None;
    must_survive(&bench.send(call).await)?;
    bench.must_still_answer().await
}

async fn survived(bench: &Bench, text: impl AsRef<[u8]>) -> Judged {
    let plain = bench.plain()?;
    let text = String::from_utf8_lossy(text.as_ref()).into_owned();
    let mut call = bench.call(plain.probe);
    call.facts.user_id = Some(text.clone());
    call.facts.issue = Some(text);
    must_survive(&bench.send(call).await)?;
    bench.must_still_answer().await
}
