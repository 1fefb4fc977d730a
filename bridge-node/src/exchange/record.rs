//! Steps 3–4 and 7 (consumer), 4 and 6–7 (provider): signing and journaling are one call to the station.
//!
//! [`Journaled`] is made here and nowhere else, from a receipt of the journal: what it holds is durable.

use std::sync::Arc;

use bridge_core::envelope::{
    Envelope, LABEL, Tag, answer_components, link, params, request_components,
};
use bridge_core::fields::{request_hash, secrets_field};
use bridge_core::identity::NodeId;
use bridge_core::leaf::{EvidenceMode, Kind, Leaf, coarse_size, nonce_mark};
use bridge_core::refusal::{ContractName, Denial, NodeFault, Refusal, ServiceFault};
use bridge_core::subject::subjects;
use bridge_journal::{Entry, LinkField, Receipt};
use bridge_signature::{
    AnswerView, Base, Message, RequestView, content_digest_field, signature_base, signature_fields,
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use ring::rand::{SecureRandom as _, SystemRandom};

use super::about::{About, Refused};
use super::authorise::{Authorised, AuthorisedRequest, Right};
use super::enter::Asked;
use super::serve::Served;
use super::verify::GenuineAnswer;
use crate::node::Node;
use crate::payload::Payload;
use crate::peers::Line;
use crate::watch::View;

/// Something whose leaf is durable.
#[derive(Debug)]
pub struct Journaled<T> {
    pub(super) value: T,
    pub(super) receipt: Receipt,
}

/// The head of a request as both ends see it: what signatures of request and answer are made of.
#[derive(Debug, Clone)]
pub struct RequestHead {
    /// Method.
    pub method: Method,
    /// Path and query.
    pub target: String,
    /// The provider node's name.
    pub authority: String,
    /// All fields, with `Signature` and `Signature-Input`.
    pub fields: HeaderMap,
}

/// A request on its way out.
#[derive(Debug)]
pub struct SignedRequest {
    pub(super) head: RequestHead,
    pub(super) asked: Asked,
    pub(super) payload: Payload,
    pub(super) right: Right,
    pub(super) about: About,
    pub(super) view: Arc<View>,
    pub(super) peer: NodeId,
    pub(super) line: tokio::sync::Mutex<Option<Line>>,
}

/// An answer, or a refusal, of this node to a peer.
#[derive(Debug)]
pub struct SignedAnswer {
    pub(super) status: u16,
    pub(super) fields: HeaderMap,
    pub(super) payload: Payload,
}

// === impl RequestHead ===

impl RequestHead {
    /// The head as the signature package reads it.
    pub fn view(&self) -> RequestView<'_> {
        RequestView {
            method: self.method.as_str(),
            target: &self.target,
            authority: &self.authority,
            scheme: "https",
            fields: &self.fields,
        }
    }
}

/// Steps 3 and 4 at the consumer's node.
pub(super) async fn request(
    node: &Node,
    authorised: Authorised,
) -> Result<Journaled<SignedRequest>, Refused> {
    let Authorised {
        entered,
        right,
        line,
        authority,
        view,
    } = authorised;
    let mut about = entered.about;
    let mut fields = entered.fields;
    let nonce = fresh_nonce().map_err(|refusal| about.refuse(refusal))?;
    about.nonce = Some(nonce_mark(&nonce));
    about.keyid = Some(node.signer.key_id().to_owned());
    set(
        &mut fields,
        "x-road-client",
        entered.caller.client.to_string(),
    );
    set(
        &mut fields,
        "x-road-id",
        about.message_id.clone().unwrap_or_default(),
    );
    set(
        &mut fields,
        "x-road-request-id",
        about.request_id.unwrap_or_default().to_string(),
    );
    set(&mut fields, "bridge-contract", right.reference());
    set(
        &mut fields,
        "bridge-version",
        crate::WIRE_VERSION.to_string(),
    );
    fields.insert(
        "content-digest",
        content_digest_field(entered.payload.digest()),
    );
    if let Some(secrets) = secrets_field(&fields) {
        fields.insert("bridge-secrets", secrets);
    }
    let mut head = RequestHead {
        method: entered.method,
        target: entered.asked.request_target(),
        authority,
        fields,
    };
    let covered = request_components(&head.fields);
    let params = params(
        Tag::Request,
        node.signer.key_id(),
        node.signer.algorithm(),
        node.clock.now_s(),
        &nonce,
    );
    let base = signature_base(&Message::Request(head.view()), &covered, &params)
        .map_err(|error| about.refuse(cannot_sign(&error)))?;
    let found = request_subjects(&right, &entered.asked, &entered.payload)
        .map_err(|refusal| about.refuse(refusal))?;
    let mode = evidence_mode(&right, &entered.payload);
    let mut leaf = about.leaf(Kind::RequestSent, node.clock.now());
    leaf.decision = Some(true);
    let entry = signing(leaf, &base, LinkField::Link, &entered.payload, found, mode);
    let receipt = write(node, entry, &about).await?;
    let signature = receipt.signature.clone().unwrap_or_default();
    about.link = Some(link(&signature));
    add_signature(&mut head.fields, &base, &signature);
    let value = SignedRequest {
        head,
        asked: entered.asked,
        payload: entered.payload,
        right,
        about,
        view,
        peer: line.node().clone(),
        line: tokio::sync::Mutex::new(Some(line)),
    };
    Ok(Journaled { value, receipt })
}

/// Step 7 at the consumer's node.
pub(super) async fn received_answer(
    node: &Node,
    sent: Journaled<SignedRequest>,
    genuine: GenuineAnswer,
) -> Result<Journaled<GenuineAnswer>, Refused> {
    let about = &sent.value.about;
    let mut leaf = about.leaf(Kind::ResponseReceived, node.clock.now());
    leaf.outcome = Some(genuine.outcome());
    leaf.status = Some(genuine.status);
    leaf.answer_size = Some(coarse_size(genuine.payload.length()));
    leaf.duration_ms = Some(about.duration_ms());
    leaf.peer_keyid = Some(genuine.envelope.key_id.clone());
    leaf.answer_link = Some(link(&genuine.envelope.signature));
    let right = &sent.value.right;
    // A refusal concerns nobody, and an answer whose subjects cannot be read was signed all the same: it is kept.
    let subjects = if genuine.is_refusal() {
        Vec::new()
    } else {
        answer_subjects(right, &sent.value.asked, &genuine.payload).unwrap_or_default()
    };
    let entry = received(
        leaf,
        &genuine.envelope,
        &genuine.payload,
        subjects,
        evidence_mode(right, &genuine.payload),
    );
    let receipt = write(node, entry, about).await?;
    Ok(Journaled {
        value: genuine,
        receipt,
    })
}

/// Step 4 at the provider's node.
pub(super) async fn received_request(
    node: &Node,
    authorised: AuthorisedRequest,
) -> Result<Journaled<AuthorisedRequest>, Refused> {
    let verified = &authorised.verified;
    let about = &verified.about;
    let found = request_subjects(&authorised.right, &verified.asked, &verified.payload)
        .map_err(|refusal| about.refuse(refusal).proved(verified.proof()))?;
    let mut leaf = about.leaf(Kind::RequestReceived, node.clock.now());
    leaf.decision = Some(true);
    let mode = evidence_mode(&authorised.right, &verified.payload);
    let entry = received(leaf, &verified.envelope, &verified.payload, found, mode);
    let receipt = write(node, entry, about).await?;
    Ok(Journaled {
        value: authorised,
        receipt,
    })
}

/// Steps 6 and 7 at the provider's node.
pub(super) async fn answer(
    node: &Node,
    received: Journaled<AuthorisedRequest>,
    served: Served,
) -> Result<Journaled<SignedAnswer>, Refused> {
    let Journaled { value, receipt } = received;
    let verified = &value.verified;
    let about = &verified.about;
    let mut fields = served.fields;
    if let Ok(text) = HeaderValue::from_str(&receipt.text) {
        fields.insert("bridge-peer-receipt", text);
    }
    let mut leaf = about.leaf(Kind::ResponseSigned, node.clock.now());
    leaf.outcome = Some("ok".to_owned());
    leaf.status = Some(served.status);
    leaf.answer_size = Some(coarse_size(served.payload.length()));
    leaf.duration_ms = Some(about.duration_ms());
    let subjects = answer_subjects(&value.right, &verified.asked, &served.payload)
        .map_err(|refusal| about.refuse(refusal).proved(verified.proof()))?;
    let mode = evidence_mode(&value.right, &served.payload);
    let draft = Draft {
        tag: Tag::Answer,
        status: served.status,
        fields,
        payload: served.payload,
        leaf,
        subjects,
        mode,
    };
    let (answer, receipt) = sign_answer(node, about, (&verified.head, &verified.payload), draft)
        .await
        .map_err(|refused| refused.proved(verified.proof()))?;
    Ok(Journaled {
        value: answer,
        receipt,
    })
}

/// An answer that has to be signed and journaled.
pub(super) struct Draft {
    pub(super) tag: Tag,
    pub(super) status: u16,
    pub(super) fields: HeaderMap,
    pub(super) payload: Payload,
    pub(super) leaf: Leaf,
    pub(super) subjects: Vec<(String, String)>,
    pub(super) mode: EvidenceMode,
}

/// Signs and journals an answer or a refusal to a peer.
pub(super) async fn sign_answer(
    node: &Node,
    about: &About,
    (head, request_body): (&RequestHead, &Payload),
    draft: Draft,
) -> Result<(SignedAnswer, Receipt), Refused> {
    let Draft {
        tag,
        status,
        mut fields,
        payload,
        leaf,
        subjects,
        mode,
    } = draft;
    for (name, value) in [
        (
            "x-road-client",
            about.client.as_ref().map(ToString::to_string),
        ),
        (
            "x-road-service",
            about.service.as_ref().map(ToString::to_string),
        ),
        ("x-road-id", about.message_id.clone()),
        (
            "x-road-request-id",
            about.request_id.map(|id| id.to_string()),
        ),
        ("bridge-version", Some(crate::WIRE_VERSION.to_string())),
    ] {
        if let Some(value) = value {
            set(&mut fields, name, value);
        }
    }
    fields.insert(
        "x-road-request-hash",
        hash_field(head, request_body, about)?,
    );
    fields.insert("content-digest", content_digest_field(payload.digest()));
    if let Some(secrets) = secrets_field(&fields) {
        fields.insert("bridge-secrets", secrets);
    }
    let nonce = fresh_nonce().map_err(|refusal| about.refuse(refusal))?;
    let params = params(
        tag,
        node.signer.key_id(),
        node.signer.algorithm(),
        node.clock.now_s(),
        &nonce,
    );
    let covered = answer_components(&fields);
    let view = AnswerView {
        status,
        fields: &fields,
        request: head.view(),
    };
    let base = signature_base(&Message::Answer(view), &covered, &params)
        .map_err(|error| about.refuse(cannot_sign(&error)))?;
    let entry = signing(leaf, &base, LinkField::AnswerLink, &payload, subjects, mode);
    let receipt = write(node, entry, about).await?;
    add_signature(
        &mut fields,
        &base,
        &receipt.signature.clone().unwrap_or_default(),
    );
    Ok((
        SignedAnswer {
            status,
            fields,
            payload,
        },
        receipt,
    ))
}

/// Writes one entry; the journal's trouble is this node's fault and nobody else's.
pub(super) async fn write(node: &Node, entry: Entry, about: &About) -> Result<Receipt, Refused> {
    match node.journal.record(entry).await {
        Ok(receipt) => {
            node.clock.not_before(receipt.time);
            Ok(receipt)
        }
        Err(error) => {
            tracing::error!(error = %crate::chain(&error), "the journal refuses");
            Err(about.refuse(Refusal::Node(NodeFault::Journal)))
        }
    }
}

fn signing(
    leaf: Leaf,
    base: &Base,
    link_as: LinkField,
    payload: &Payload,
    subjects: Vec<(String, String)>,
    mode: EvidenceMode,
) -> Entry {
    Entry {
        leaf,
        sign: Some(base.bytes().to_vec()),
        link_as,
        base: None,
        signature: None,
        body: kept_body(payload, mode),
        subjects,
        mode,
    }
}

fn received(
    leaf: Leaf,
    envelope: &Envelope,
    payload: &Payload,
    subjects: Vec<(String, String)>,
    mode: EvidenceMode,
) -> Entry {
    Entry {
        leaf,
        sign: None,
        link_as: LinkField::Link,
        base: Some(envelope.base.clone()),
        signature: Some(envelope.signature.clone()),
        body: kept_body(payload, mode),
        subjects,
        mode,
    }
}

/// A contract asks for full evidence; a body that was too large for memory leaves its digest only.
fn evidence_mode(right: &Right, payload: &Payload) -> EvidenceMode {
    match right.evidence() {
        EvidenceMode::Full if payload.memory().is_none() => EvidenceMode::Digest,
        mode => mode,
    }
}

fn kept_body(payload: &Payload, mode: EvidenceMode) -> Option<Bytes> {
    match mode {
        EvidenceMode::Full => payload.memory().cloned(),
        EvidenceMode::Digest | EvidenceMode::None => None,
    }
}

fn request_subjects(
    right: &Right,
    asked: &Asked,
    payload: &Payload,
) -> Result<Vec<(String, String)>, Refusal> {
    let (Some(allowed), Asked::Service(target)) = (right.allowed(), asked) else {
        return Ok(Vec::new());
    };
    let body = payload.memory().map(Bytes::as_ref);
    subjects(allowed.matched(), &target.path, &target.query, body, None).map_err(|error| {
        tracing::info!(%error, "the request does not say whom it concerns");
        Refusal::Denied {
            rule: Denial::Subject,
            contract: contract_name(&allowed.contract),
        }
    })
}

/// Subjects of the answer; those of the request stand in the leaf of the request.
fn answer_subjects(
    right: &Right,
    asked: &Asked,
    payload: &Payload,
) -> Result<Vec<(String, String)>, Refusal> {
    let (Some(allowed), Asked::Service(target)) = (right.allowed(), asked) else {
        return Ok(Vec::new());
    };
    let body = payload.memory().map(Bytes::as_ref);
    subjects(allowed.matched(), &target.path, &target.query, None, body).map_err(|error| {
        tracing::warn!(%error, "the answer does not say whom it concerns");
        Refusal::Service(ServiceFault::SubjectsNotReadable)
    })
}

fn contract_name(contract: &bridge_core::contract::Contract) -> ContractName {
    ContractName {
        id: contract.id().to_owned(),
        contact: contract.contact().to_owned(),
    }
}

fn hash_field(head: &RequestHead, body: &Payload, about: &About) -> Result<HeaderValue, Refused> {
    let text = request_hash(
        head.method.as_str(),
        &head.target,
        &head.fields,
        body.sha512().as_ref(),
    );
    HeaderValue::from_str(&text)
        .map_err(|_not_ascii| about.refuse(Refusal::Node(NodeFault::Internal)))
}

fn cannot_sign(error: &bridge_signature::BaseError) -> Refusal {
    tracing::error!(%error, "a message cannot be signed");
    Refusal::Node(NodeFault::Signing)
}

fn fresh_nonce() -> Result<[u8; 16], Refusal> {
    let mut nonce = [0; 16];
    SystemRandom::new()
        .fill(&mut nonce)
        .map_err(|_unspecified| Refusal::Node(NodeFault::Internal))?;
    Ok(nonce)
}

fn add_signature(fields: &mut HeaderMap, base: &Base, signature: &[u8]) {
    let (input, value) = signature_fields(LABEL, base, signature);
    fields.insert("signature-input", input);
    fields.insert("signature", value);
}

/// Sets a field of our own making; text that is no field value (a message id with a control, say) was refused before.
pub(super) fn set(fields: &mut HeaderMap, name: &'static str, value: String) {
    if let Ok(value) = HeaderValue::from_str(&value) {
        fields.insert(HeaderName::from_static(name), value);
    }
}
