//! Steps 2 (provider) and 6 (consumer): nothing of another node's message is used before its signature held.
//!
//! Order at the provider: signature, tie of identities, freshness, replay, then the body's digest.

use std::sync::Arc;

use bridge_core::envelope::{Envelope, EnvelopeError, Tag, check_fresh, link, open};
use bridge_core::fields::{check_secrets, read_caller_fields, request_hash};
use bridge_core::identity::{MemberId, NodeId, SubsystemId};
use bridge_core::leaf::nonce_mark;
use bridge_core::refusal::{LinkFault, NodeFault, PeerFault, Refusal};
use bridge_signature::{AnswerView, Message, ParseError, parse_content_digest};
use http::{HeaderMap, Method};
use uuid::Uuid;

use super::about::{About, Proof, Refused};
use super::enter::{Asked, PeerEntered, collect};
use super::forward::RawAnswer;
use super::record::{Journaled, SignedRequest};
use super::sign::RequestHead;
use crate::node::Node;
use crate::payload::Payload;
use crate::replay::Repeated;
use crate::watch::View;

/// A peer's request that is genuine, fresh, whole and seen for the first time.
#[derive(Debug)]
pub(super) struct VerifiedRequest {
    pub(super) head: RequestHead,
    pub(super) method: Method,
    pub(super) asked: Asked,
    pub(super) client: SubsystemId,
    pub(super) contract: String,
    pub(super) purpose: Option<String>,
    pub(super) basis: Option<String>,
    pub(super) user_id: Option<String>,
    pub(super) represented_party: Option<String>,
    pub(super) issue: Option<String>,
    pub(super) idempotency_key: Option<String>,
    pub(super) envelope: Envelope,
    pub(super) payload: Payload,
    pub(super) view: Arc<View>,
    pub(super) about: About,
}

/// A peer's answer, or signed refusal, to the very request that this node sent.
#[derive(Debug)]
pub(super) struct GenuineAnswer {
    pub(super) status: u16,
    pub(super) fields: HeaderMap,
    pub(super) payload: Payload,
    pub(super) envelope: Envelope,
}

// === impl VerifiedRequest ===

impl VerifiedRequest {
    /// What the peer has proved, for the evidence of a refusal.
    pub(super) fn proof(&self) -> Proof {
        Proof {
            payload: self.payload.clone(),
            base: self.envelope.base.clone(),
            signature: self.envelope.signature.clone(),
            head: self.head.clone(),
        }
    }
}

// === impl GenuineAnswer ===

impl GenuineAnswer {
    /// Whether the provider's node refused.
    pub(super) fn is_refusal(&self) -> bool {
        self.envelope.tag == Tag::Refusal
    }

    /// `ok`, or the type of the peer's refusal.
    pub(super) fn outcome(&self) -> String {
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

/// A refusal type as it may stand in a leaf: lower-case words, points and underscores only.
fn is_code(text: &str) -> bool {
    text.len() <= 100
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b == b'.' || b == b'_')
}

/// Step 2 at the provider's node.
pub(super) async fn request(node: &Node, entered: PeerEntered) -> Result<VerifiedRequest, Refused> {
    let PeerEntered {
        peer,
        view,
        parts,
        body,
        asked,
        mut about,
    } = entered;
    let head = RequestHead {
        method: parts.method.clone(),
        target: asked.request_target(),
        authority: authority(&parts.headers),
        fields: parts.headers,
    };
    let (envelope, caller) = judge_head(node, &view, &peer, &head, &mut about)
        .map_err(|refusal| about.refuse(refusal))?;
    let owner = peer.to_string();
    let payload = collect(node, body, &owner, &about)
        .await
        .map_err(|refusal| about.refuse(refusal))?;
    about.request_size = Some(payload.length());
    if parse_content_digest(&head.fields).ok() != Some(*payload.digest()) {
        return Err(about.refuse(Refusal::PeerRequest(PeerFault::BodyDigest)));
    }
    let contract = text(&head.fields, "bridge-contract");
    Ok(VerifiedRequest {
        method: head.method.clone(),
        head,
        asked,
        client: caller.client,
        contract,
        purpose: caller.purpose,
        basis: caller.legal_basis,
        user_id: caller.user_id,
        represented_party: caller.represented_party,
        issue: caller.issue,
        idempotency_key: caller.idempotency_key,
        envelope,
        payload,
        view,
        about,
    })
}

fn judge_head(
    node: &Node,
    view: &View,
    peer: &NodeId,
    head: &RequestHead,
    about: &mut About,
) -> Result<(Envelope, bridge_core::fields::CallerFields), Refusal> {
    let fault = Refusal::PeerRequest;
    let now_s = node.clock.now_s();
    version(&head.fields).map_err(fault)?;
    let envelope = open(&Message::Request(head.view())).map_err(|e| fault(envelope_fault(&e)))?;
    if envelope.tag != Tag::Request {
        return Err(fault(PeerFault::SignatureMalformed));
    }
    genuine(view, &envelope, now_s, peer.member()).map_err(fault)?;
    check_secrets(&head.fields).map_err(Refusal::Field)?;
    let own = view.directory().node(&node.settings.node);
    if own.is_none_or(|own| own.name != head.authority) {
        return Err(fault(PeerFault::Authority));
    }
    let caller = read_caller_fields(&head.fields).map_err(Refusal::Field)?;
    if caller.client.member() != peer.member() {
        return Err(fault(PeerFault::TieOfClient));
    }
    fresh(&envelope, now_s).map_err(fault)?;
    let id = request_id(&head.fields).ok_or(Refusal::Field(
        bridge_core::fields::FieldError::Missing {
            name: "X-Road-Request-Id",
        },
    ))?;
    about.nonce = Some(nonce_mark(&envelope.nonce));
    admit(node, id, &envelope, now_s)?;
    about.request_id = Some(id);
    about.message_id.clone_from(&caller.id);
    about.client = Some(caller.client.clone());
    about.keyid = Some(node.signer.key_id().to_owned());
    about.peer_keyid = Some(envelope.key_id.clone());
    about.link = Some(link(&envelope.signature));
    Ok((envelope, caller))
}

fn admit(node: &Node, id: Uuid, envelope: &Envelope, now_s: u64) -> Result<(), Refusal> {
    let mark = nonce_mark(&envelope.nonce);
    match node
        .replay
        .admit(id, mark, envelope.created, envelope.expires, now_s)
    {
        Ok(()) => Ok(()),
        Err(Repeated::Seen) => Err(Refusal::PeerRequest(PeerFault::Replayed)),
        Err(Repeated::BeforeStart) => Err(Refusal::Node(NodeFault::ReplayMemory {
            started_s: node.replay.not_before_s(),
        })),
        Err(Repeated::Full) => Err(Refusal::Node(NodeFault::Overloaded)),
    }
}

/// Step 6 at the consumer's node.
pub(super) fn answer(
    node: &Node,
    sent: &Journaled<SignedRequest>,
    raw: RawAnswer,
) -> Result<GenuineAnswer, Refused> {
    let sent = &sent.value;
    judge_answer(node, sent, raw).map_err(|refusal| sent.about.refuse(refusal))
}

fn judge_answer(
    node: &Node,
    sent: &SignedRequest,
    raw: RawAnswer,
) -> Result<GenuineAnswer, Refusal> {
    let fault = Refusal::PeerAnswer;
    let now_s = node.clock.now_s();
    let RawAnswer {
        status,
        fields,
        payload,
    } = raw;
    if !fields.contains_key("signature") && fields.contains_key("x-road-error") {
        // Said without proof: told to the caller as such, never kept as evidence.
        return Err(Refusal::Link(LinkFault::RefusedUnsigned { status }));
    }
    version(&fields).map_err(fault)?;
    let view = AnswerView {
        status,
        fields: &fields,
        request: sent.head.view(),
    };
    let envelope = open(&Message::Answer(view)).map_err(|e| fault(envelope_fault(&e)))?;
    if envelope.tag == Tag::Request {
        return Err(fault(PeerFault::SignatureMalformed));
    }
    let provider = sent.asked.provider().member();
    let key = genuine(&sent.view, &envelope, now_s, provider).map_err(|tie| {
        fault(if tie == PeerFault::TieOfConnection {
            PeerFault::TieOfProvider
        } else {
            tie
        })
    })?;
    if key != sent.peer {
        return Err(fault(PeerFault::TieOfProvider));
    }
    check_secrets(&fields).map_err(|_differs| fault(PeerFault::Coverage))?;
    fresh(&envelope, now_s).map_err(fault)?;
    if parse_content_digest(&fields).ok() != Some(*payload.digest()) {
        return Err(fault(PeerFault::BodyDigest));
    }
    consistent(sent, &fields)?;
    Ok(GenuineAnswer {
        status,
        fields,
        payload,
        envelope,
    })
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
    let expected = [
        (
            "x-road-client",
            "X-Road-Client",
            about.client.as_ref().map(ToString::to_string),
        ),
        (
            "x-road-service",
            "X-Road-Service",
            about.service.as_ref().map(ToString::to_string),
        ),
        ("x-road-id", "X-Road-Id", about.message_id.clone()),
        (
            "x-road-request-id",
            "X-Road-Request-Id",
            about.request_id.map(|id| id.to_string()),
        ),
        ("x-road-request-hash", "X-Road-Request-Hash", Some(hash)),
    ];
    for (name, field, value) in expected {
        let got = fields.get(name).map(http::HeaderValue::as_bytes);
        if got != value.as_deref().map(str::as_bytes) {
            return Err(Refusal::Link(LinkFault::Inconsistent { field }));
        }
    }
    Ok(())
}

/// The key is in the directory, of this member, valid now, of this algorithm, and the signature is its own.
fn genuine(
    view: &View,
    envelope: &Envelope,
    now_s: u64,
    member: &MemberId,
) -> Result<NodeId, PeerFault> {
    let key = view
        .exchange_key(&envelope.key_id)
        .ok_or(PeerFault::KeyUnknown)?;
    if !key.valid_at(now_s) {
        return Err(PeerFault::KeyNotValid);
    }
    if key.verifying.algorithm() != envelope.algorithm {
        return Err(PeerFault::Algorithm);
    }
    envelope
        .verify(&key.verifying)
        .map_err(|_invalid| PeerFault::SignatureInvalid)?;
    if key.node.member() != member {
        return Err(PeerFault::TieOfConnection);
    }
    Ok(key.node.clone())
}

fn fresh(envelope: &Envelope, now_s: u64) -> Result<(), PeerFault> {
    check_fresh(envelope.created, envelope.expires, now_s).map_err(|_stale| PeerFault::NotFresh {
        created_s: envelope.created,
        expires_s: envelope.expires,
        now_s,
    })
}

fn version(fields: &HeaderMap) -> Result<(), PeerFault> {
    if text(fields, "bridge-version") == crate::WIRE_VERSION.to_string() {
        return Ok(());
    }
    if !fields.contains_key("signature") {
        return Err(PeerFault::SignatureMissing);
    }
    Err(PeerFault::Version {
        spoken: vec![crate::WIRE_VERSION],
    })
}

fn envelope_fault(error: &EnvelopeError) -> PeerFault {
    tracing::info!(%error, "a signature is not of our profile");
    match error {
        EnvelopeError::Form(ParseError::Missing(_)) => PeerFault::SignatureMissing,
        EnvelopeError::NotCovered(_) | EnvelopeError::CoversOther(_) => PeerFault::Coverage,
        EnvelopeError::UnknownAlgorithm(_) => PeerFault::Algorithm,
        EnvelopeError::Form(_)
        | EnvelopeError::MissingParameter(_)
        | EnvelopeError::ParameterForm { .. }
        | EnvelopeError::UnknownTag(_)
        | EnvelopeError::TagOfOtherMessage(_)
        | EnvelopeError::Lifetime { .. }
        | EnvelopeError::Repeated(_)
        | EnvelopeError::Base(_)
        | EnvelopeError::AlgorithmOfOtherKey { .. }
        | EnvelopeError::NotGenuine(_)
        | EnvelopeError::Early { .. }
        | EnvelopeError::Late { .. } => PeerFault::SignatureMalformed,
    }
}

fn authority(fields: &HeaderMap) -> String {
    text(fields, "host").to_ascii_lowercase()
}

fn request_id(fields: &HeaderMap) -> Option<Uuid> {
    let text = text(fields, "x-road-request-id");
    // Exactly one spelling, so that what is remembered is what was said.
    Uuid::parse_str(&text)
        .ok()
        .filter(|id| id.to_string() == text)
}

fn text(fields: &HeaderMap, name: &str) -> String {
    fields
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_owned()
}
