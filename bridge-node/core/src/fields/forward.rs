//! What travels on.
//!
//! Each hop writes its own connection, framing and signature fields, so those of the hop before are
//! dropped. What the bridge itself says is never taken from outside: a caller can't name a contract,
//! a registry can't name a receipt.

use http::HeaderMap;

/// The message protocol's list of fields that end at each hop, and two that only make sense with them.
///
/// Standard: RFC 9110 §7.6.1.
const HOP_BY_HOP: [&str; 15] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "server",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];

/// What of `Bridge-*` is the caller's to say.
const CALLERS_BRIDGE_FIELDS: [&str; 4] = [
    "bridge-consent",
    "bridge-legal-basis",
    "bridge-purpose",
    "bridge-user-token",
];

/// What of `X-Road-*` only a node says.
const NODES_X_ROAD_FIELDS: [&str; 4] = [
    "x-road-error",
    "x-road-request-hash",
    "x-road-request-id",
    "x-road-service",
];

/// What would make a registry's answer partial or coded, so that its fields could not be cut.
const CONTENT_CODING: [&str; 3] = ["accept-encoding", "if-range", "range"];

/// Returns what a consumer's node sends on of a caller's request; the node adds its own fields.
pub fn forwardable_request(fields: &HeaderMap) -> HeaderMap {
    keep(fields, |name| {
        is_callers(name) && !NODES_X_ROAD_FIELDS.contains(&name) && name != "content-digest"
    })
}

/// Returns what a provider's node hands to its adapter of a peer's verified request: as
/// [`forwardable_request`], with the request id and the digest that the consumer's node made.
pub fn registry_request(fields: &HeaderMap) -> HeaderMap {
    keep(fields, |name| {
        is_callers(name) && (name == "x-road-request-id" || !NODES_X_ROAD_FIELDS.contains(&name))
    })
}

/// Returns what a provider's node sends on of a registry's answer; the node adds its own fields, and
/// a `Date` where none is left. Names with `_` stay out: to some programs they are names with `-`.
pub fn forwardable_answer(fields: &HeaderMap) -> HeaderMap {
    let mut kept = keep(fields, |name| {
        !is_dropped_everywhere(name)
            && !super::is_ours(name)
            && name != "content-digest"
            && !name.contains('_')
    });
    if let Some(date) = fields.get(http::header::DATE) {
        // `insert` leaves exactly one.
        kept.insert(http::header::DATE, date.clone());
    }
    kept
}

fn is_callers(name: &str) -> bool {
    !is_dropped_everywhere(name)
        && !CONTENT_CODING.contains(&name)
        && (!name.starts_with("bridge-") || CALLERS_BRIDGE_FIELDS.contains(&name))
}

fn is_dropped_everywhere(name: &str) -> bool {
    HOP_BY_HOP.contains(&name) || name.starts_with("signature")
}

/// Says whether a field ends at each hop.
pub(super) fn is_hop_by_hop(name: &str) -> bool {
    HOP_BY_HOP.contains(&name)
}

fn keep(fields: &HeaderMap, kept: impl Fn(&str) -> bool) -> HeaderMap {
    let mut out = HeaderMap::with_capacity(fields.keys_len());
    for (name, value) in fields.iter().filter(|(name, _)| kept(name.as_str())) {
        out.append(name.clone(), value.clone());
    }
    out
}
