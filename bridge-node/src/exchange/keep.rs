//! What the journal keeps of a message: entries, evidence modes, subjects.

use bridge_core::contract::Endpoint;
use bridge_core::contract::locator::Place;
use bridge_core::envelope::Envelope;
use bridge_core::leaf::{EvidenceMode, Leaf};
use bridge_core::refusal::{ContractName, Denial, Refusal, ServiceFault};
use bridge_core::subject::subjects;
use bridge_journal::{Entry, LinkField, Unsigned};
use bytes::Bytes;

use super::authorise::Right;
use super::enter::Asked;
use crate::payload::Payload;

pub(super) fn signing(
    leaf: Leaf,
    sign: Unsigned,
    link_as: LinkField,
    payload: &Payload,
    subjects: Vec<(String, String)>,
    mode: EvidenceMode,
) -> Entry {
    Entry {
        leaf,
        sign: Some(sign),
        link_as,
        base: None,
        signature: None,
        body: kept_body(payload, mode),
        subjects,
        mode,
    }
}

pub(super) fn received(
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
pub(super) fn evidence_mode(right: &Right, payload: &Payload) -> EvidenceMode {
    match right.evidence() {
        EvidenceMode::Full if payload.memory().is_none() => EvidenceMode::Digest,
        mode @ (EvidenceMode::Full | EvidenceMode::Digest | EvidenceMode::None) => mode,
    }
}

fn kept_body(payload: &Payload, mode: EvidenceMode) -> Option<Bytes> {
    match mode {
        EvidenceMode::Full => payload.memory().cloned(),
        EvidenceMode::Digest | EvidenceMode::None => None,
    }
}

pub(super) fn request_subjects(
    right: &Right,
    asked: &Asked,
    payload: &Payload,
) -> Result<Vec<(String, String)>, Refusal> {
    let (Some(allowed), Asked::Service(target)) = (right.allowed(), asked) else {
        return Ok(Vec::new());
    };
    let refusal = || Refusal::Denied {
        rule: Denial::Subject,
        contract: ContractName::of(&allowed.contract),
    };
    let endpoint = allowed.matched();
    let body = payload.memory().map(Bytes::as_ref);
    if body.is_none() && names_in(endpoint, |place| matches!(place, Place::Request(_))) {
        return Err(refusal());
    }
    subjects(endpoint, &target.path, &target.query, body, None).map_err(|error| {
        tracing::info!(%error, "the request does not say whom it concerns");
        refusal()
    })
}

/// Subjects of the answer, with those of path and query; those of the request's body stand in the leaf of the request.
pub(super) fn answer_subjects(
    right: &Right,
    asked: &Asked,
    payload: &Payload,
) -> Result<Vec<(String, String)>, Refusal> {
    let (Some(allowed), Asked::Service(target)) = (right.allowed(), asked) else {
        return Ok(Vec::new());
    };
    let refusal = Refusal::Service(ServiceFault::SubjectsNotReadable);
    let endpoint = allowed.matched();
    let body = payload.memory().map(Bytes::as_ref);
    if body.is_none() && names_in(endpoint, |place| matches!(place, Place::Answer(_))) {
        return Err(refusal);
    }
    subjects(endpoint, &target.path, &target.query, None, body).map_err(|error| {
        tracing::warn!(%error, "the answer does not say whom it concerns");
        refusal
    })
}

/// Whether the endpoint's subjects stand in a body that was too large to be read: silence would hide them from those
/// whom it concerns.
fn names_in(endpoint: &Endpoint, is_there: impl Fn(&Place) -> bool) -> bool {
    endpoint
        .subjects()
        .iter()
        .any(|locator| is_there(&locator.place))
}
