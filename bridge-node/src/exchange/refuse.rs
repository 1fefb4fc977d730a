//! The one place where a refusal becomes an answer, a log line and, if the other side had proved itself, a leaf.

use bridge_core::accept::ErrorForm;
use bridge_core::decision::{Account, refused_rules};
use bridge_core::envelope::Tag;
use bridge_core::leaf::{EvidenceMode, Kind, Side};
use bridge_core::refusal::{ErrorBody, Fault, NodeFault, Refusal};
use bridge_journal::Entry;
use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LANGUAGE, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue};
use uuid::Uuid;

use super::about::{About, Proof, Refused};
use super::error::tell;
use super::names;
use super::overload::refuse_newcomer;
use super::record::{Draft, sign_answer, write};
use super::reply::Reply;
use super::sign::{RequestHead, content, set, set_identity, set_service};
use crate::effects::note_without_effect;
use crate::metrics::Limit;
use crate::node::Node;
use crate::payload::Payload;

/// Answers a caller with a refusal; journaled once the caller has proved to own the client it names.
pub async fn refuse_caller(node: &Node, refused: Refused) -> Reply {
    let Refused { refusal, about, .. } = refused;
    if is_newcomer(&refusal, &about) {
        return refuse_newcomer(node, about.side, about.reader);
    }
    give_back(node, &about);
    node.house.metrics.refused(&refusal, about.side);
    // What this node cannot do is nobody's evidence; an exchange that has begun is ended all the same.
    let own_fault = refusal.fault() == Fault::Node;
    let proved = about.client.is_some() && (!own_fault || about.begun);
    let excess = proved && is_excess(node, &about);
    let detail = log(node, &refusal, &about, proved && !excess);
    let reply = unsigned(&refusal, &about, &detail);
    let mut reply = tell(node.settings.told, about.reader.form, reply);
    if !proved {
        node.refusals.unproved();
    }
    if excess || !proved {
        return reply;
    }
    // A journal that cannot take the refusal refuses the exchange all the same: nothing is gained by hiding the answer.
    if let Ok(receipt) = write(node, unsigned_entry(node, &refusal, &about), &about).await
        && let Ok(text) = HeaderValue::try_from(receipt.text())
    {
        reply.fields.insert("bridge-receipt", text);
    }
    reply
}

/// Whether it is refused for want of a place before anything was known of it.
fn is_newcomer(refusal: &Refusal, about: &About) -> bool {
    matches!(refusal, Refusal::Node(NodeFault::Overloaded)) && about.client.is_none()
}

/// Answers a peer with a refusal: signed and journaled after its signature held, short and unsigned before.
pub async fn refuse_peer(node: &Node, refused: Refused) -> Reply {
    let Refused {
        refusal,
        about,
        proof,
    } = refused;
    if is_newcomer(&refusal, &about) {
        return refuse_newcomer(node, about.side, about.reader);
    }
    give_back(node, &about);
    node.house.metrics.refused(&refusal, about.side);
    let mut said = refusal;
    let proof = proof.filter(|_| said.fault() != Fault::Node);
    let excess = proof.is_some() && is_excess(node, &about);
    let detail = log(
        node,
        &said,
        &about,
        about.begun || (proof.is_some() && !excess),
    );
    if excess {
        return unsigned(&said, &about, &detail);
    }
    if let Some(proof) = proof {
        match signed(node, &said, &about, &proof, &detail).await {
            Ok(reply) => return reply,
            Err(failed) => said = failed.refusal,
        }
    }
    if about.begun {
        let ended = write(node, Entry::of(leaf(node, &said, &about)), &about).await;
        if ended.is_err() {
            tracing::error!(
                detail,
                "an exchange has no end in the journal until the next start"
            );
        }
    } else {
        node.refusals.unproved();
    }
    unsigned(&said, &about, &detail)
}

/// The refusal as it leaves without a signature.
pub(super) fn unsigned(refusal: &Refusal, about: &About, detail: &str) -> Reply {
    let mut reply = plain(refusal, about, detail);
    if refusal.ends_connection() {
        reply
            .fields
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
    reply
}

/// Whether a refusal goes beyond its member's share of the minute. An exchange that began is always ended by a leaf.
fn is_excess(node: &Node, about: &About) -> bool {
    let member = about
        .client
        .as_ref()
        .map(bridge_core::identity::SubsystemId::member);
    let excess =
        !about.begun && member.is_some_and(|member| !node.refusals.admit(member, node.clock.now()));
    if excess {
        node.house.metrics.reached(Limit::RefusalsPerMinute);
    }
    excess
}

/// A quota counts exchanges that began.
fn give_back(node: &Node, about: &About) {
    if let (false, Some((contract, at)), Some(client)) =
        (about.begun, &about.charged, &about.client)
    {
        let account = Account::of(contract, client);
        node.counters(about.side).give_back(&account, *at);
    }
}

async fn signed(
    node: &Node,
    refusal: &Refusal,
    about: &About,
    proof: &Proof,
    detail: &str,
) -> Result<Reply, Refused> {
    let Reply {
        status,
        mut fields,
        payload,
    } = plain(refusal, about, detail);
    if refusal.contract().is_some() {
        repeat_codes(&proof.head, &mut fields);
    }
    let payload = content(&proof.head.method, status, payload);
    let draft = Draft {
        tag: Tag::Refusal,
        may_batch: false,
        status,
        fields,
        payload,
        leaf: leaf(node, refusal, about),
        subjects: Vec::new(),
        mode: EvidenceMode::Full,
    };
    let (answer, _receipt) =
        sign_answer(node, about, (&proof.head, proof.payload.as_ref()), draft).await?;
    Ok(Reply {
        status: answer.status,
        fields: answer.fields,
        payload: answer.payload,
    })
}

fn leaf(node: &Node, refusal: &Refusal, about: &About) -> bridge_core::leaf::Leaf {
    let mut leaf = about.leaf(Kind::Refused, node.clock.now());
    leaf.decision = Some(false);
    leaf.outcome = Some(refusal.code(about.side).to_owned());
    leaf.status = Some(refusal.status());
    leaf.duration_ms = Some(about.duration_ms());
    let begun = about.once.as_ref().filter(|_| about.begun);
    // An adapter may have tried a stored effect more than once, and knows only how the last try ended.
    if begun.is_some_and(|begun| begun.is_untouched() && !begun.is_stored()) {
        note_without_effect(&mut leaf);
    }
    let decided = about.weighed.as_ref().map(|weighed| weighed.at);
    if let Some((contract, rules)) = refused_rules(refusal, decided) {
        leaf.contract = Some(contract);
        leaf.rules = rules.into();
    }
    leaf
}

/// The entry of a refusal that nobody signs. Where a contract refused, it has what was asked as its evidence.
fn unsigned_entry(node: &Node, refusal: &Refusal, about: &About) -> Entry {
    let entry = Entry::of(leaf(node, refusal, about));
    let by_contract = about
        .weighed
        .as_ref()
        .filter(|_| refusal.contract().is_some());
    let Some(question) = by_contract.and_then(|weighed| weighed.evidence()) else {
        return entry;
    };
    Entry {
        base: Some(Vec::new()),
        signature: Some(Vec::new()),
        body: Some(question),
        mode: EvidenceMode::Full,
        ..entry
    }
}

/// Repeats the codes by which a contract was asked: what is signed then says all that the contract judged.
fn repeat_codes(head: &RequestHead, fields: &mut HeaderMap) {
    for name in [&names::PURPOSE, &names::LEGAL_BASIS] {
        if let Some(code) = head.fields.get(name) {
            fields.insert(name, code.clone());
        }
    }
}

/// The refusal as it is said without a signature, in the shape that it has between nodes.
fn plain(refusal: &Refusal, about: &About, detail: &str) -> Reply {
    let code = refusal.code(about.side);
    let language = about.reader.language;
    let body = ErrorBody {
        r#type: code.to_owned(),
        message: refusal.message(language),
        detail: detail.to_owned(),
    };
    let bytes = body.to_bytes(ErrorForm::Json);
    let mut fields = HeaderMap::new();
    let kind = HeaderValue::from_static(ErrorForm::Json.content_type());
    fields.insert(CONTENT_TYPE, kind);
    fields.insert(CONTENT_LANGUAGE, HeaderValue::from_static(language.tag()));
    fields.insert("x-road-error", HeaderValue::from_static(code));
    if let Some(seconds) = refusal.retry_after() {
        fields.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    if about.side == Side::Provider {
        set(&mut fields, &names::VERSION, crate::WIRE_VERSION_TEXT);
    }
    if about.side == Side::Consumer && about.client.is_some() {
        set_identity(&mut fields, about);
        set_service(&mut fields, about);
    }
    Reply {
        status: refusal.status(),
        fields,
        payload: Payload::from_bytes(Bytes::from(bytes)),
    }
}

/// One line in the log, found again by the `detail` of the answer. Names no person and no value of the message. Refusals
/// that have leaves of their own are bounded by those; the others share the lines of a minute.
fn log(node: &Node, refusal: &Refusal, about: &About, has_leaf: bool) -> String {
    let detail = Uuid::new_v4().to_string();
    let lines = match refusal.fault() {
        Fault::Node => &node.fault_lines,
        Fault::Caller | Fault::Policy | Fault::Peer | Fault::Service => &node.house.stranger_lines,
    };
    if !has_leaf && !lines.admit() {
        return detail;
    }
    let id = about
        .request_id
        .map(|id| id.to_string())
        .unwrap_or_default();
    let code = refusal.code(about.side);
    let client = about
        .client
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default();
    if let Refusal::Node(NodeFault::Overloaded | NodeFault::Draining | NodeFault::DiskReserve) =
        refusal
    {
        // Thousands a second, perhaps, and no news: who causes them tells the log once in a while, and a leaf counts them.
        tracing::debug!(exchange_id = id, detail, code, client, "refused");
        return detail;
    }
    match refusal.fault() {
        Fault::Node => tracing::error!(exchange_id = id, detail, code, client, "refused"),
        Fault::Peer | Fault::Service => {
            tracing::warn!(exchange_id = id, detail, code, client, "refused");
        }
        Fault::Caller | Fault::Policy => {
            tracing::info!(exchange_id = id, detail, code, client, "refused");
        }
    }
    detail
}
