//! What a signature must cover: the lists, and whether a received one is exactly that.

use bridge_signature::{Component, Message, Received};
use http::HeaderMap;

use super::{EnvelopeError, LABEL};

/// The fields that hold secrets: forwarded, never covered and never kept. `Bridge-Secrets` covers their digests.
pub const SECRET_FIELDS: [&str; 4] = ["authorization", "bridge-user-token", "cookie", "set-cookie"];

/// The fields that belong to the connection or to the signature itself. As few as the transport itself writes: any other
/// hop-by-hop field that a peer lets through must be covered.
pub const TRANSPORT_FIELDS: [&str; 8] = [
    "connection",
    "content-length",
    "host",
    "keep-alive",
    "signature",
    "signature-input",
    "te",
    "transfer-encoding",
];

/// The fields without which a request is none.
pub const REQUEST_FIELDS: [&str; 5] = [
    "bridge-contract",
    "bridge-version",
    "content-digest",
    "x-road-client",
    "x-road-request-id",
];

/// The fields without which an answer is none.
pub const ANSWER_FIELDS: [&str; 2] = ["bridge-version", "content-digest"];

/// What an answer covers of its request besides the request's own signature.
const BOUND: [&str; 7] = [
    "@method",
    "@request-target",
    "@authority",
    "content-digest",
    "x-road-client",
    "x-road-request-id",
    "bridge-contract",
];

/// Lists what the signature of a request with these fields covers, in the order in which it is signed.
///
/// The fields that every request has are listed even when absent, so that signing without them fails.
pub fn request_components(fields: &HeaderMap) -> Vec<Component<'_>> {
    let derived = ["@method", "@request-target", "@authority"].map(Component::new);
    derived
        .into_iter()
        .chain(field_components(fields, &REQUEST_FIELDS))
        .collect()
}

/// Lists what the signature of an answer or refusal with these fields covers, in the order in which it is signed.
///
/// The request's signature is among it, so an answer belongs to one request and no other.
///
/// Standard: RFC 9421 §2.4, §7.3.7.
pub fn answer_components(fields: &HeaderMap) -> Vec<Component<'_>> {
    let bound = BOUND.map(|name| Component::new(name).of_request());
    let signed = ["signature-input", "signature"]
        .map(|name| Component::new(name).of_request().with_key(LABEL));
    std::iter::once(Component::new("@status"))
        .chain(field_components(fields, &ANSWER_FIELDS))
        .chain(bound)
        .chain(signed)
        .collect()
}

/// Lists the fields that must be covered: those that every such message has, and every other one present; sorted.
fn field_components<'a>(
    fields: &'a HeaderMap,
    always: &[&'static str],
) -> impl Iterator<Item = Component<'a>> {
    let mut names: Vec<&'a str> = fields
        .keys()
        .map(http::HeaderName::as_str)
        .filter(|name| !SECRET_FIELDS.contains(name) && !TRANSPORT_FIELDS.contains(name))
        .chain(always.iter().copied())
        .collect();
    names.sort_unstable();
    names.dedup();
    names.into_iter().map(Component::new)
}

/// Refuses a second line of our own fields: its reader would see one value where the signature covers two.
pub(super) fn check_single_lines(fields: &HeaderMap) -> Result<(), EnvelopeError> {
    let ours = |name: &str| {
        name.starts_with("x-road-") || name.starts_with("bridge-") || name == "content-digest"
    };
    if fields.len() == fields.keys_len() {
        return Ok(());
    }
    match fields
        .keys()
        .find(|name| ours(name.as_str()) && fields.get_all(*name).iter().nth(1).is_some())
    {
        Some(name) => Err(EnvelopeError::Repeated(name.as_str().to_owned())),
        None => Ok(()),
    }
}

/// Checks that the covered list holds what it must and nothing else. Whether it holds it twice is judged with the base.
pub(super) fn check_covered(
    message: &Message<'_>,
    received: &Received<'_>,
) -> Result<(), EnvelopeError> {
    let demanded = match message {
        Message::Request(request) => request_components(request.fields),
        Message::Answer(answer) => answer_components(answer.fields),
    };
    if received.covered == demanded {
        // The usual case: the sender listed it in the same order.
        return Ok(());
    }
    if let Some(missing) = demanded
        .iter()
        .find(|component| !received.covered.contains(component))
    {
        return Err(EnvelopeError::NotCovered(missing.to_string()));
    }
    match received
        .covered
        .iter()
        .find(|component| !demanded.contains(component))
    {
        Some(strange) => Err(EnvelopeError::CoversOther(strange.to_string())),
        None => Ok(()),
    }
}
