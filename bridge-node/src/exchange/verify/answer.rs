//! Step 6 at the consumer's node: an answer counts if it is signed, by the provider, for this very request, now.

use std::collections::HashSet;
use std::sync::LazyLock;

use bridge_core::envelope::{Envelope, Tag, open};
use bridge_core::fields::{check_secrets, request_hash};
use bridge_core::identity::{ServiceId, SubsystemId};
use bridge_core::leaf::Side;
use bridge_core::refusal::{LinkFault, PeerFault, Refusal};
use bridge_signature::{AnswerView, Message, parse_content_digest};
use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;

use super::{allowed, envelope_fault, fresh, genuine, not_revoked, taken, version};
use crate::exchange::about::Refused;
use crate::exchange::forward::RawAnswer;
use crate::exchange::names;
use crate::exchange::record::SignedRequest;
use crate::node::Node;
use crate::payload::Payload;
use crate::receipts::is_of_log;

/// How the types of a provider's node begin.
const PROVIDER_REFUSES: &[u8] = b"server.serverproxy.";

/// A peer's answer, or signed refusal, to the very request that this node sent.
#[derive(Debug)]
pub(in crate::exchange) struct GenuineAnswer {
    pub(in crate::exchange) status: u16,
    pub(in crate::exchange) fields: HeaderMap,
    pub(in crate::exchange) payload: Payload,
    pub(in crate::exchange) envelope: Envelope,
    /// Nobody else can make one.
    _verified: (),
}

// === impl GenuineAnswer ===

impl GenuineAnswer {
    /// Whether the provider's node refused.
    pub(in crate::exchange) fn is_refusal(&self) -> bool {
        self.envelope.tag == Tag::Refusal
    }

    /// The receipt that the answering node gave, a leaf of its own log.
    pub(in crate::exchange) fn peer_receipt(&self) -> Option<&str> {
        let receipt = self.fields.get(&names::PEER_RECEIPT)?;
        receipt.to_str().ok()
    }

    /// `ok`, or the type of the peer's refusal.
    pub(in crate::exchange) fn outcome(&self) -> String {
        if !self.is_refusal() {
            return "ok".to_owned();
        }
        let code = self
            .fields
            .get("x-road-error")
            .and_then(|value| value.to_str().ok());
        code.filter(|code| is_code(code))
            .unwrap_or("refused")
            .to_owned()
    }
}

/// Whether it is one of the bridge's own refusal types: no other text of a peer stands in a leaf.
fn is_code(text: &str) -> bool {
    static CODES: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
        let samples = Refusal::samples();
        samples.iter().map(|r| r.code(Side::Provider)).collect()
    });
    CODES.contains(text)
}

/// Step 6 at the consumer's node.
pub(in crate::exchange) async fn answer(
    node: &Node,
    sent: &SignedRequest,
    raw: RawAnswer,
) -> Result<GenuineAnswer, Refused> {
    genuine_answer(node, sent, raw)
        .await
        .map_err(|refusal| sent.about.refuse(refusal))
}

async fn genuine_answer(
    node: &Node,
    sent: &SignedRequest,
    mut raw: RawAnswer,
) -> Result<GenuineAnswer, Refusal> {
    let envelope = judge_answer_head(node, sent, (raw.status, &raw.fields))?;
    let (status, fields) = (raw.status, std::mem::take(&mut raw.fields));
    let payload = raw.body(node, &sent.about.allowance).await?;
    if parse_content_digest(&fields).ok() != Some(*payload.digest()) {
        return Err(Refusal::PeerAnswer(PeerFault::BodyDigest));
    }
    if envelope.tag == Tag::Refusal && !names_its_type(&fields, &payload) {
        return Err(Refusal::Link(LinkFault::Malformed));
    }
    Ok(GenuineAnswer {
        status,
        fields,
        payload,
        envelope,
        _verified: (),
    })
}

fn judge_answer_head(
    node: &Node,
    sent: &SignedRequest,
    (status, fields): (u16, &HeaderMap),
) -> Result<Envelope, Refusal> {
    let fault = Refusal::PeerAnswer;
    let now_s = node.clock.now_s();
    if !fields.contains_key(&names::SIGNATURE) && fields.contains_key(&names::X_ROAD_ERROR) {
        // Said without proof: told to the caller as such, never kept as evidence.
        let said = |name| fields.get(name).and_then(|value| value.to_str().ok());
        let (code, wait) = (said(&names::X_ROAD_ERROR), said(&RETRY_AFTER));
        return Err(Refusal::Link(LinkFault::unsigned(status, code, wait)));
    }
    version(fields).map_err(fault)?;
    let view = AnswerView {
        status,
        fields,
        request: sent.head.view(),
    };
    let envelope = open(&Message::Answer(view)).map_err(|e| fault(envelope_fault(&e)))?;
    if envelope.tag == Tag::Request {
        return Err(fault(PeerFault::SignatureMalformed));
    }
    taken(node, &sent.view, &envelope).map_err(fault)?;
    let provider = sent.asked.provider().member();
    let key = genuine(&sent.view, &envelope, now_s, provider).map_err(|tie| {
        fault(if tie == PeerFault::TieOfConnection {
            PeerFault::TieOfProvider
        } else {
            tie
        })
    })?;
    not_revoked(node, key, now_s, fault)?;
    if key.node != sent.peer {
        return Err(fault(PeerFault::TieOfProvider));
    }
    allowed(&sent.right, &envelope).map_err(fault)?;
    check_secrets(fields).map_err(|_differs| fault(PeerFault::Coverage))?;
    fresh(&envelope, now_s).map_err(fault)?;
    consistent(sent, fields)?;
    if !has_its_receipt(sent, envelope.tag, fields) {
        return Err(Refusal::Link(LinkFault::Inconsistent {
            field: "Bridge-Peer-Receipt",
        }));
    }
    if !is_well_formed(envelope.tag, (status, fields)) {
        return Err(Refusal::Link(LinkFault::Malformed));
    }
    Ok(envelope)
}

/// Whether an answer comes with a receipt of the answering node's own log. A refusal may be older than any leaf.
fn has_its_receipt(sent: &SignedRequest, tag: Tag, fields: &HeaderMap) -> bool {
    let Some(receipt) = fields.get(&names::PEER_RECEIPT) else {
        return tag == Tag::Refusal;
    };
    let listed = sent.view.directory().node(&sent.peer);
    receipt
        .to_str()
        .ok()
        .zip(listed)
        .is_some_and(|(receipt, node)| is_of_log(receipt, &node.journal))
}

/// Whether it is a final answer and, if it refuses, says so in the way that callers tell refusals by.
fn is_well_formed(tag: Tag, (status, fields): (u16, &HeaderMap)) -> bool {
    let is_type = |value: &HeaderValue| value.as_bytes().starts_with(PROVIDER_REFUSES);
    match tag {
        Tag::Request => false,
        Tag::Answer => (200..600).contains(&status),
        Tag::Refusal => {
            (400..600).contains(&status) && fields.get("x-road-error").is_some_and(is_type)
        }
    }
}

/// Whether the body of a refusal names the type that its head names; the answer to a HEAD has none.
fn names_its_type(fields: &HeaderMap, payload: &Payload) -> bool {
    #[derive(Deserialize)]
    struct Said<'a> {
        r#type: &'a str,
    }
    let Some(body) = payload.memory() else {
        return false;
    };
    let named = fields.get("x-road-error").map(HeaderValue::as_bytes);
    body.is_empty()
        || serde_json::from_slice::<Said<'_>>(body)
            .is_ok_and(|said| Some(said.r#type.as_bytes()) == named)
}

/// The answer names the client, the service and the ids of the request, and its hash.
fn consistent(sent: &SignedRequest, fields: &HeaderMap) -> Result<(), Refusal> {
    let about = &sent.about;
    let body = sent.payload.sha512();
    let hash = request_hash(
        sent.head.method.as_str(),
        &sent.head.target,
        &sent.head.fields,
        body.as_ref(),
    );
    let request_id = about.request_id.map(|id| id.to_string());
    let (client, service) = (&about.client, &about.service);
    let client = client.as_ref().map(SubsystemId::as_str);
    let service = service.as_ref().map(ServiceId::as_str);
    let got = |name: &HeaderName| fields.get(name).map(HeaderValue::as_bytes);
    // The signature binds the answer to its request; a node that was told not to say the hash need not.
    let hash = got(&names::X_ROAD_REQUEST_HASH).map(|_said| hash.as_str());
    let expected = [
        (&names::X_ROAD_CLIENT, "X-Road-Client", client),
        (&names::X_ROAD_SERVICE, "X-Road-Service", service),
        (&names::X_ROAD_ID, "X-Road-Id", about.message_id.as_deref()),
        (
            &names::X_ROAD_REQUEST_ID,
            "X-Road-Request-Id",
            request_id.as_deref(),
        ),
        (&names::X_ROAD_REQUEST_HASH, "X-Road-Request-Hash", hash),
    ];
    for (name, field, value) in expected {
        if got(name) != value.map(str::as_bytes) {
            return Err(Refusal::Link(LinkFault::Inconsistent { field }));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_types_of_refusals_reach_a_leaf() {
        assert!(is_code("server.serverproxy.access_denied"));
        for text in ["", "ivan.ivanov", "server.serverproxy.5abc", "ok"] {
            assert!(!is_code(text), "{text}");
        }
    }
}
