//! Steps 3–4 and 7 (consumer), 4 and 6–7 (provider): signing and journaling are one call to the station.
//!
//! [`Journaled`] is made here and nowhere else, from a receipt of the journal: what it holds is durable. Where a query can
//! only read, the next step runs while the disk still syncs ([`Writing`]); no answer goes on before the leaf is durable.

use std::sync::Arc;
use std::time::Instant;

use bridge_core::envelope::{Tag, link};
use bridge_core::identity::NodeId;
use bridge_core::leaf::{EvidenceMode, Kind, Leaf, coarse_size, nonce_mark};
use bridge_core::refusal::{NodeFault, Refusal};
use bridge_journal::{Entry, LinkField, Pending, Receipt, RecordError, Signed};
use bridge_signature::Form;
use http::HeaderMap;

use super::about::{About, Refused};
use super::authorise::{Authorised, AuthorisedRequest, Right};
use super::enter::Asked;
use super::keep::{answer_subjects, evidence_mode, received, request_subjects, signing};
use super::names;
use super::once;
use super::ordered;
use super::serve::Served;
use super::sign::{
    RequestHead, add_signature, answer_base, answer_fields, content, fresh_nonce, protect,
    request_base, set, set_identity,
};
use super::verify::GenuineAnswer;
use crate::node::Node;
use crate::payload::Payload;
use crate::peers::Line;
use crate::receipts::PEER_RECEIPT;
use crate::watch::View;

/// Something whose leaf is durable.
#[derive(Debug)]
pub(super) struct Journaled<T> {
    value: T,
    receipt: Receipt,
}

// === impl Journaled ===

impl<T> Journaled<T> {
    /// What is durable, and the receipt of its leaf.
    pub(super) fn into_parts(self) -> (T, Receipt) {
        (self.value, self.receipt)
    }
}

/// A leaf that the journal has taken: durable, or about to be if nothing but reading can come of its exchange.
#[derive(Debug)]
enum Writing {
    Durable(Receipt),
    Ahead(Pending),
}

// === impl Writing ===

impl Writing {
    async fn durable(self, node: &Node, about: &About) -> Result<Receipt, Refused> {
        match self {
            Self::Durable(receipt) => Ok(receipt),
            Self::Ahead(pending) => {
                let receipt = taken(pending.durable().await, about)?;
                node.clock.not_before(receipt.time);
                Ok(receipt)
            }
        }
    }
}

/// A request whose leaf the journal has taken: it may be sent, or served. Made here and nowhere else.
#[derive(Debug)]
pub(super) struct Underway<T> {
    pub(super) value: T,
    leaf: Writing,
}

/// A request on its way out. Made here and nowhere else, when the journal has taken its leaf.
#[derive(Debug)]
pub(super) struct SignedRequest {
    pub(super) head: RequestHead,
    pub(super) asked: Asked,
    pub(super) payload: Payload,
    pub(super) right: Right,
    pub(super) about: About,
    pub(super) view: Arc<View>,
    pub(super) peer: NodeId,
    pub(super) line: tokio::sync::Mutex<Option<Line>>,
    /// Nobody else can make one.
    _taken: Taken,
}

/// The journal has taken the leaf.
#[derive(Debug)]
struct Taken;

// === impl Underway ===

impl Underway<AuthorisedRequest> {
    /// Waits until the leaf is durable: what is said from then on, of a request that was served or not, names it.
    pub(super) async fn settled<T>(
        mut self,
        node: &Node,
        served: Result<T, Refusal>,
    ) -> Result<(Journaled<AuthorisedRequest>, T), Refused> {
        let verified = &mut self.value.verified;
        let receipt = self.leaf.durable(node, &verified.about).await?;
        verified.about.begun = true;
        verified.about.received = Some(receipt.text());
        match served {
            Ok(served) => {
                let value = self.value;
                Ok((Journaled { value, receipt }, served))
            }
            Err(refusal) => Err(verified.about.refuse(refusal).proved(verified.proof())),
        }
    }
}

/// An answer, or a refusal, of this node to a peer.
#[derive(Debug)]
pub(super) struct SignedAnswer {
    pub(super) status: u16,
    pub(super) fields: HeaderMap,
    pub(super) payload: Payload,
}

/// Steps 3 and 4 at the consumer's node.
pub(super) async fn request(
    node: &Node,
    authorised: Authorised,
) -> Result<Underway<Arc<SignedRequest>>, Refused> {
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
    let key = node.own.signer();
    about.keyid = Some(key.key_id().to_owned());
    set_identity(&mut fields, &about);
    set(&mut fields, &names::CONTRACT, &right.reference());
    set(&mut fields, &names::VERSION, crate::WIRE_VERSION_TEXT);
    protect(&mut fields, &entered.payload);
    let mut head = RequestHead {
        method: entered.method,
        target: entered.asked.request_target(),
        authority,
        fields,
    };
    let may_batch = may_batch(&view, line.node(), &right);
    let unsigned = request_base(node, &head, (&key, &nonce), may_batch)
        .map_err(|refusal| about.refuse(refusal))?;
    let found = request_subjects(&right, &entered.asked, &entered.payload)
        .map_err(|refusal| about.refuse(refusal))?;
    let mode = evidence_mode(&right, &entered.payload);
    let mut leaf = about.leaf(Kind::RequestSent, node.clock.now());
    leaf.decision = Some(true);
    let link_as = LinkField::Link;
    let entry = signing(leaf, unsigned, link_as, &entered.payload, found, mode);
    let (signed, leaf) = if right.only_reads() {
        let (signed, pending) = taken(node.journal.sign_ahead(entry).await, &about)?;
        (signed, Writing::Ahead(pending))
    } else {
        let mut receipt = write(node, entry, &about).await?;
        let signed = signature_of(&mut receipt).map_err(|refusal| about.refuse(refusal))?;
        (signed, Writing::Durable(receipt))
    };
    about.begun = true;
    about.link = Some(link(&signed.value));
    add_signature(&mut head.fields, &signed);
    let value = SignedRequest {
        head,
        asked: entered.asked,
        payload: entered.payload,
        right,
        about,
        view,
        peer: line.node().clone(),
        line: tokio::sync::Mutex::new(Some(line)),
        _taken: Taken,
    };
    let value = Arc::new(value);
    Ok(Underway { value, leaf })
}

/// Step 7 at the consumer's node, and step 4 if it is not done yet.
pub(super) async fn their_answer(
    node: &Node,
    underway: Underway<Arc<SignedRequest>>,
    genuine: GenuineAnswer,
) -> Result<(Arc<SignedRequest>, Journaled<GenuineAnswer>), Refused> {
    let sent = underway.value;
    underway.leaf.durable(node, &sent.about).await?;
    let receipt = keep_answer(node, &sent, &genuine, genuine.outcome()).await?;
    let value = genuine;
    Ok((sent, Journaled { value, receipt }))
}

/// Keeps an answer that came after its caller was told that none did.
pub(super) async fn late_answer(
    node: &Node,
    sent: &SignedRequest,
    genuine: &GenuineAnswer,
) -> Result<Receipt, Refused> {
    keep_answer(node, sent, genuine, "late".to_owned()).await
}

async fn keep_answer(
    node: &Node,
    sent: &SignedRequest,
    genuine: &GenuineAnswer,
    outcome: String,
) -> Result<Receipt, Refused> {
    let about = &sent.about;
    let mut leaf = about.leaf(Kind::ResponseReceived, node.clock.now());
    leaf.outcome = Some(outcome);
    leaf.status = Some(genuine.status);
    leaf.answer_size = Some(coarse_size(genuine.payload.length()));
    leaf.duration_ms = Some(about.duration_ms());
    leaf.peer_keyid = Some(genuine.envelope.key_id.clone());
    leaf.answer_link = Some(link(&genuine.envelope.signature));
    if let Some(receipt) = genuine.peer_receipt() {
        leaf.facts
            .insert(PEER_RECEIPT.to_owned(), receipt.to_owned());
    }
    // A refusal concerns nobody, and an answer whose subjects cannot be read was signed all the same: it is kept.
    let subjects = if genuine.is_refusal() {
        Vec::new()
    } else {
        answer_subjects(&sent.right, &sent.asked, &genuine.payload).unwrap_or_default()
    };
    let mode = evidence_mode(&sent.right, &genuine.payload);
    let entry = received(leaf, &genuine.envelope, &genuine.payload, subjects, mode);
    write(node, entry, about).await
}

/// Step 4 at the provider's node.
pub(super) async fn their_request(
    node: &Node,
    mut authorised: AuthorisedRequest,
) -> Result<Underway<AuthorisedRequest>, Refused> {
    let admitted = once::admit(node, &mut authorised).await;
    let verified = &authorised.verified;
    let about = &verified.about;
    admitted.map_err(|refusal| about.refuse(refusal).proved(verified.proof()))?;
    let found = request_subjects(&authorised.right, &verified.asked, &verified.payload)
        .map_err(|refusal| about.refuse(refusal).proved(verified.proof()))?;
    let mut leaf = about.leaf(Kind::RequestReceived, node.clock.now());
    leaf.decision = Some(true);
    once::note(&authorised, &mut leaf);
    let mode = evidence_mode(&authorised.right, &verified.payload);
    let entry = received(leaf, &verified.envelope, &verified.payload, found, mode);
    let leaf = if authorised.right.only_reads() {
        Writing::Ahead(taken(node.journal.begin(entry).await, about)?)
    } else {
        Writing::Durable(write(node, entry, about).await?)
    };
    let value = authorised;
    Ok(Underway { value, leaf })
}

/// Steps 6 and 7 at the provider's node.
pub(super) async fn answer(
    node: &Node,
    received: Journaled<AuthorisedRequest>,
    served: Served,
) -> Result<Journaled<SignedAnswer>, Refused> {
    let value = received.value;
    let verified = &value.verified;
    let about = &verified.about;
    let payload = content(&verified.method, served.status, served.payload);
    let mut leaf = about.leaf(Kind::ResponseSigned, node.clock.now());
    leaf.outcome = Some("ok".to_owned());
    leaf.status = Some(served.status);
    leaf.answer_size = Some(coarse_size(payload.length()));
    leaf.duration_ms = Some(about.duration_ms());
    let subjects = answer_subjects(&value.right, &verified.asked, &payload)
        .map_err(|refusal| about.refuse(refusal).proved(verified.proof()))?;
    let mode = evidence_mode(&value.right, &payload);
    let mut fields = served.fields;
    if let Some(told) = ordered::maintenance_told(node, about) {
        set(&mut fields, &names::MAINTENANCE, &told);
    }
    let draft = Draft {
        tag: Tag::Answer,
        may_batch: may_batch(&verified.view, &verified.peer, &value.right),
        status: served.status,
        fields,
        payload,
        leaf,
        subjects,
        mode,
    };
    let request = (&verified.head, Some(&verified.payload));
    let (answer, receipt) = sign_answer(node, about, request, draft)
        .await
        .map_err(|refused| refused.proved(verified.proof()))?;
    if let Some(begun) = &about.once {
        begun.answered();
    }
    Ok(Journaled {
        value: answer,
        receipt,
    })
}

/// An answer that has to be signed and journaled.
pub(super) struct Draft {
    pub(super) tag: Tag,
    /// Whether it may be signed together with others.
    pub(super) may_batch: bool,
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
    (head, request_body): (&RequestHead, Option<&Payload>),
    draft: Draft,
) -> Result<(SignedAnswer, Receipt), Refused> {
    let Draft {
        tag,
        may_batch,
        status,
        mut fields,
        payload,
        mut leaf,
        subjects,
        mode,
    } = draft;
    let key = node.own.signer();
    leaf.keyid = Some(key.key_id().to_owned());
    answer_fields(about, (head, request_body), &payload, &mut fields);
    let unsigned = answer_base(node, (&key, tag), (status, &fields), head, may_batch)
        .map_err(|refusal| about.refuse(refusal))?;
    let link_as = LinkField::AnswerLink;
    let entry = signing(leaf, unsigned, link_as, &payload, subjects, mode);
    let mut receipt = write(node, entry, about).await?;
    let signed = signature_of(&mut receipt).map_err(|refusal| about.refuse(refusal))?;
    add_signature(&mut fields, &signed);
    Ok((
        SignedAnswer {
            status,
            fields,
            payload,
        },
        receipt,
    ))
}

/// Whether a message to this node, under this right, may be signed together with others.
fn may_batch(view: &View, receiver: &NodeId, right: &Right) -> bool {
    view.takes(receiver, Form::Batch) && !right.demands_plain_signatures()
}

/// Takes the signature that the journal was asked for.
fn signature_of(receipt: &mut Receipt) -> Result<Signed, Refusal> {
    let signed = receipt.signature.take();
    signed.ok_or(Refusal::Node(NodeFault::Signing))
}

/// Writes one entry; the journal's trouble is this node's fault and nobody else's.
pub(super) async fn write(node: &Node, entry: Entry, about: &About) -> Result<Receipt, Refused> {
    let waiting = Instant::now();
    let recorded = node.journal.record(entry).await;
    node.gate(about.side).waited(waiting.elapsed());
    let receipt = taken(recorded, about)?;
    node.clock.not_before(receipt.time);
    Ok(receipt)
}

/// What the journal says of an entry, or the refusal.
fn taken<T>(said: Result<T, RecordError>, about: &About) -> Result<T, Refused> {
    said.map_err(|error| {
        tracing::error!(error = %crate::chain(&error), "the journal refuses");
        let fault = if matches!(error, RecordError::Sign(_)) {
            NodeFault::Signing
        } else {
            NodeFault::Journal
        };
        about.refuse(Refusal::Node(fault))
    })
}
