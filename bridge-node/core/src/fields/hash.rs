//! The hash by which a caller recognises its own request in an answer.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use ring::digest::{Context, SHA512, digest};

use super::forward::is_hop_by_hop;
use super::secrets::NAMES;

/// Computes `X-Road-Request-Hash`: base64 of SHA-512 over SHA-512(head) and SHA-512(body), or of
/// SHA-512(head) alone where there is no body.
///
/// The head is `METHOD CRLF target CRLF`, then `name:value CRLF` for each field that the caller sent
/// and both nodes keep. The secret ones are left out: their values must not be guessable from what is
/// kept.
///
/// Departs: X-Road PR-REST §4.3, because the transport does not keep the order of fields: they are
/// taken in the order of their names.
///
/// Standard: X-Road PR-REST §4.3.
pub fn request_hash(
    method: &str,
    target: &str,
    fields: &HeaderMap,
    body_sha512: Option<&[u8; 64]>,
) -> String {
    let mut lines: Vec<(&str, &[u8])> = fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .filter(|(name, _)| is_hashed(name))
        .collect();
    // Stable: lines of one name keep their order.
    lines.sort_by_key(|(name, _)| *name);

    let mut head = Context::new(&SHA512);
    for part in [method, "\r\n", target, "\r\n"] {
        head.update(part.as_bytes());
    }
    for (name, value) in lines {
        for part in [name.as_bytes(), b":", value, b"\r\n"] {
            head.update(part);
        }
    }
    let head = head.finish();
    match body_sha512 {
        Some(body) => STANDARD.encode(digest(&SHA512, &[head.as_ref(), body.as_slice()].concat())),
        None => STANDARD.encode(head),
    }
}

/// Says whether both ends see the field as the caller sent it.
fn is_hashed(name: &str) -> bool {
    let made_by_nodes = matches!(
        name,
        "content-digest" | "x-road-request-id" | "x-road-request-hash"
    ) || name.starts_with("signature")
        || name.starts_with("bridge-") && !is_callers(name);
    !is_hop_by_hop(name) && !NAMES.iter().any(|secret| secret == name) && !made_by_nodes
}

fn is_callers(name: &str) -> bool {
    matches!(
        name,
        "bridge-purpose" | "bridge-legal-basis" | "bridge-consent"
    )
}
