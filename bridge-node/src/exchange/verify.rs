//! Steps 2 (provider) and 6 (consumer): nothing of another node's message is used before its signature held.
//!
//! Order at both ends: the head's signature, tie of identities, freshness, at the provider replay; then the body's digest.

use std::sync::Arc;

use bridge_core::envelope::{Envelope, EnvelopeError, Tag, check_fresh, link, open};
use bridge_core::fields::{CallerFields, FieldError, check_secrets, read_caller_fields};
use bridge_core::identity::{MemberId, NodeId, SubsystemId};
use bridge_core::leaf::nonce_mark;
use bridge_core::refusal::{NodeFault, PeerFault, Refusal};
use bridge_signature::{Form, Message, ParseError, parse_content_digest};
use http::header::HOST;
use http::{HeaderMap, HeaderName, Method};
use hyper::body::Incoming;
use uuid::Uuid;

use super::about::{About, Proof, Refused};
use super::authorise::Right;
use super::enter::{Asked, PeerEntered, collect};
use super::names;
use super::sign::RequestHead;
use crate::node::Node;
use crate::payload::Payload;
use crate::replay::Repeated;
use crate::watch::{PeerKey, View};

mod answer;

pub(super) use answer::{GenuineAnswer, answer};

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
    /// The node that asks, and takes the answer.
    pub(super) peer: NodeId,
    pub(super) about: About,
    /// Nobody else can make one.
    _verified: (),
}

// === impl VerifiedRequest ===

impl VerifiedRequest {
    /// What the peer has proved, for the evidence of a refusal.
    pub(super) fn proof(&self) -> Proof {
        Proof {
            payload: Some(self.payload.clone()),
            head: self.head.clone(),
        }
    }
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
    let envelope =
        genuine_head(node, &view, &peer, &head).map_err(|refusal| about.refuse(refusal))?;
    about.keyid = Some(node.own.signer().key_id().to_owned());
    about.peer_keyid = Some(envelope.key_id.clone());
    about.nonce = Some(nonce_mark(&envelope.nonce));
    about.link = Some(link(&envelope.signature));
    let caller = match judge_head(node, &view, &peer, (&head, &envelope), &mut about) {
        Ok(caller) => caller,
        // The first one was answered: a second statement about it would only contradict the first.
        Err(refusal @ Refusal::PeerRequest(PeerFault::Replayed)) => {
            return Err(about.refuse(refusal));
        }
        Err(refusal) => {
            let payload = None;
            return Err(about.refuse(refusal).proved(Proof { payload, head }));
        }
    };
    let payload = match whole_body(node, body, peer.as_str(), (&head, &about)).await {
        Ok(payload) => payload,
        Err(refusal) => {
            let payload = None;
            return Err(about.refuse(refusal).proved(Proof { payload, head }));
        }
    };
    about.request_size = Some(payload.length());
    let contract = text(&head.fields, &names::CONTRACT);
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
        peer,
        about,
        _verified: (),
    })
}

/// The body, if it is the one that was signed.
async fn whole_body(
    node: &Node,
    body: Incoming,
    owner: &str,
    (head, about): (&RequestHead, &About),
) -> Result<Payload, Refusal> {
    let payload = collect(node, body, owner, about).await?;
    if parse_content_digest(&head.fields).ok() != Some(*payload.digest()) {
        return Err(Refusal::PeerRequest(PeerFault::BodyDigest));
    }
    Ok(payload)
}

/// Whose the head is; before this, nothing in it is believed, and no refusal of it is evidence.
fn genuine_head(
    node: &Node,
    view: &View,
    peer: &NodeId,
    head: &RequestHead,
) -> Result<Envelope, Refusal> {
    let fault = Refusal::PeerRequest;
    let now_s = node.clock.now_s();
    version(&head.fields).map_err(fault)?;
    let envelope = open(&Message::Request(head.view())).map_err(|e| fault(envelope_fault(&e)))?;
    if envelope.tag != Tag::Request {
        return Err(fault(PeerFault::SignatureMalformed));
    }
    taken(node, view, &envelope).map_err(fault)?;
    let genuine_key = genuine(view, &envelope, now_s, peer.member()).map_err(fault)?;
    not_revoked(node, genuine_key, now_s, fault)?;
    Ok(envelope)
}

/// Whether a genuine head is for this node, now, of its own client, and for the first time.
fn judge_head(
    node: &Node,
    view: &View,
    peer: &NodeId,
    (head, envelope): (&RequestHead, &Envelope),
    about: &mut About,
) -> Result<CallerFields, Refusal> {
    let fault = Refusal::PeerRequest;
    let now_s = node.clock.now_s();
    check_secrets(&head.fields).map_err(Refusal::Field)?;
    let own = view.directory().node(&node.settings.node);
    if own.is_none_or(|own| own.name != head.authority) {
        return Err(fault(PeerFault::Authority));
    }
    let caller = read_caller_fields(&head.fields).map_err(Refusal::Field)?;
    if caller.client.member() != peer.member() {
        return Err(fault(PeerFault::TieOfClient));
    }
    about.client = Some(caller.client.clone());
    about.message_id.clone_from(&caller.id);
    fresh(envelope, now_s).map_err(fault)?;
    let id = request_id(&head.fields).ok_or(Refusal::Field(FieldError::Missing {
        name: "X-Road-Request-Id",
    }))?;
    admit(node, id, envelope, now_s)?;
    // Not before: the leaf of a refused repetition must not end the exchange that has this id.
    about.request_id = Some(id);
    Ok(caller)
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

/// The form of the signature is one that the directory says this node takes.
fn taken(node: &Node, view: &View, envelope: &Envelope) -> Result<(), PeerFault> {
    if view.takes(&node.settings.node, envelope.form) {
        return Ok(());
    }
    Err(PeerFault::Form)
}

/// The form of a genuine signature is one that the contract allows: whoever judges the evidence of such a contract later
/// needs to know RFC 9421 and nothing of batches.
pub(super) fn allowed(right: &Right, envelope: &Envelope) -> Result<(), PeerFault> {
    if envelope.form == Form::Batch && right.demands_plain_signatures() {
        return Err(PeerFault::Form);
    }
    Ok(())
}

/// The key is in the directory, of this member, valid now, of this algorithm, and the signature is its own.
fn genuine<'a>(
    view: &'a View,
    envelope: &Envelope,
    now_s: u64,
    member: &MemberId,
) -> Result<&'a PeerKey, PeerFault> {
    let key = view
        .exchange_key(&envelope.key_id)
        .ok_or(PeerFault::KeyUnknown)?;
    if !key.valid_at(now_s) {
        return Err(PeerFault::KeyNotValid);
    }
    let recorded = key.verifying.algorithm();
    if envelope
        .algorithm
        .is_some_and(|claimed| claimed != recorded)
    {
        return Err(PeerFault::Algorithm);
    }
    envelope
        .verify_among(&key.verifying, Some(&key.batches))
        .map_err(|_invalid| PeerFault::SignatureInvalid)?;
    if key.node.member() != member {
        return Err(PeerFault::TieOfConnection);
    }
    Ok(key)
}

/// The key's certificate may be used now, as far as its authority says.
fn not_revoked(
    node: &Node,
    key: &PeerKey,
    now_s: u64,
    fault: fn(PeerFault) -> Refusal,
) -> Result<(), Refusal> {
    let Some(status) = &node.status else {
        return Ok(());
    };
    let usable = status.check(&key.chain, now_s);
    usable.map_err(|unusable| unusable.refusal(fault))
}

fn fresh(envelope: &Envelope, now_s: u64) -> Result<(), PeerFault> {
    check_fresh(envelope.created, envelope.expires, now_s).map_err(|_stale| PeerFault::NotFresh {
        created_s: envelope.created,
        expires_s: envelope.expires,
        now_s,
    })
}

fn version(fields: &HeaderMap) -> Result<(), PeerFault> {
    if text(fields, &names::VERSION) == crate::WIRE_VERSION_TEXT {
        return Ok(());
    }
    if !fields.contains_key(&names::SIGNATURE) {
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
        | EnvelopeError::BatchAlgorithm
        | EnvelopeError::BatchValue(_)
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
    text(fields, &HOST).to_ascii_lowercase()
}

fn request_id(fields: &HeaderMap) -> Option<Uuid> {
    let text = text(fields, &names::X_ROAD_REQUEST_ID);
    // Exactly one spelling, so that what is remembered is what was said.
    Uuid::parse_str(&text)
        .ok()
        .filter(|id| id.to_string() == text)
}

fn text(fields: &HeaderMap, name: &HeaderName) -> String {
    fields
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_owned()
}
