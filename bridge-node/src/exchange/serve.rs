//! Step 5 at the provider's node: the registry answers, and only what the contract lets out stays in the answer.

use std::time::Duration;

use bridge_adapter::{AdapterError, BodyError, Call, CallerFacts, Limit};
use bridge_core::cut::cut;
use bridge_core::fields::{forwardable_answer, forwardable_request};
use bridge_core::refusal::{NodeFault, Refusal, RequestFault, ServiceFault};
use bridge_core::target::ServiceTarget;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method};
use http_body_util::BodyExt as _;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::about::Refused;
use super::authorise::AuthorisedRequest;
use super::enter::Asked;
use super::metadata;
use super::record::Journaled;
use crate::node::Node;
use crate::payload::{Payload, PayloadError};
use crate::registries::Registry;

/// What the registry answered, cut to the contract.
#[derive(Debug)]
pub struct Served {
    pub(super) status: u16,
    pub(super) fields: HeaderMap,
    pub(super) payload: Payload,
}

/// Time kept back of an exchange for cutting, signing and journaling the answer.
const RESERVE: Duration = Duration::from_secs(2);
const PROBLEM_TYPES: &[&str] = &["application/json"];

/// Step 5.
pub(super) async fn call(
    node: &Node,
    received: &Journaled<AuthorisedRequest>,
) -> Result<Served, Refused> {
    let verified = &received.value.verified;
    let served = match &verified.asked {
        Asked::Metadata { provider, call, .. } => metadata::answer(node, verified, provider, call),
        Asked::Service(target) => service(node, &received.value, target).await,
    };
    served.map_err(|refusal| verified.about.refuse(refusal).proved(verified.proof()))
}

async fn service(
    node: &Node,
    authorised: &AuthorisedRequest,
    target: &ServiceTarget,
) -> Result<Served, Refusal> {
    let registry = node
        .registries
        .service(&target.service)
        .ok_or(Refusal::Node(NodeFault::Internal))?;
    check_request(registry, authorised, target)?;
    let limit = node.settings.limits.exchange_timeout;
    let left = limit
        .saturating_sub(authorised.verified.about.arrived.elapsed())
        .saturating_sub(RESERVE.min(limit / 2));
    let deadline = Instant::now() + left;
    let cancel = CancellationToken::new();
    let _cancelled_when_dropped = cancel.clone().drop_guard();
    let call = new_call(authorised, target, deadline, cancel);
    let answered = tokio::time::timeout_at(deadline, async {
        let answer = registry.adapter.call(call).await.map_err(|error| adapter_refusal(&error, left))?;
        let status = answer.status.as_u16();
        let owner = node.settings.node.to_string();
        let payload = Payload::collect(answer.body, node.bounds(), &node.room, &owner)
            .await
            .map_err(|error| answer_refusal(&error, left))?;
        Ok((status, answer.fields, payload))
    });
    let (status, fields, payload) = answered
        .await
        .unwrap_or(Err(Refusal::Service(ServiceFault::TimedOut { after_s: left.as_secs() })))?;
    finish(authorised, registry, target, Served { status, fields, payload })
}

fn check_request(
    registry: &Registry,
    authorised: &AuthorisedRequest,
    target: &ServiceTarget,
) -> Result<(), Refusal> {
    let Some(checker) = &registry.checker else { return Ok(()) };
    let verified = &authorised.verified;
    let body = verified.payload.memory().map(Bytes::as_ref);
    checker
        .check_request(
            target.service.code(),
            verified.method.as_str(),
            target.path.segments(),
            target.query.pairs(),
            content_type(&verified.head.fields),
            body.unwrap_or_default(),
        )
        .map_err(|mismatch| {
            tracing::info!(%mismatch, "a request is not as the service's description says");
            Refusal::Service(ServiceFault::BadRequest)
        })
}

fn new_call(
    authorised: &AuthorisedRequest,
    target: &ServiceTarget,
    deadline: Instant,
    cancel: CancellationToken,
) -> Call {
    let verified = &authorised.verified;
    let mut fields = forwardable_request(&verified.head.fields);
    // The adapter gets what the exchange is about, not how it was protected on the way.
    for name in ["content-digest", "bridge-secrets", "bridge-contract", "bridge-version", "bridge-user-token"] {
        fields.remove(name);
    }
    for name in ["x-road-client", "x-road-id", "x-road-request-id"] {
        if let Some(value) = verified.head.fields.get(name) {
            fields.insert(name, value.clone());
        }
    }
    fields.remove(CONTENT_LENGTH);
    let body = verified.payload.outgoing().map_err(|error| BodyError::Cut { source: Some(Box::new(error)) });
    Call {
        service: target.service.clone(),
        method: verified.method.clone(),
        path: target.path.text().to_owned(),
        segments: target.path.segments().to_vec(),
        query: target.query.pairs().to_vec(),
        raw_query: target.query.text().map(str::to_owned),
        fields,
        body: body.boxed_unsync(),
        body_length: Some(verified.payload.length()),
        deadline,
        cancel,
        idempotency_key: verified.idempotency_key.clone(),
        facts: CallerFacts {
            client: verified.client.clone(),
            request_id: verified.about.request_id.unwrap_or_default(),
            purpose: verified.about.purpose.clone(),
            legal_basis: verified.about.basis.clone(),
            user_id: verified.user_id.clone(),
            represented_party: verified.represented_party.clone(),
            issue: verified.issue.clone(),
            contract: verified.about.contract.clone(),
        },
    }
}

/// Checks and cuts. An answer whose fields the contract names must be JSON in memory, whatever its status.
fn finish(
    authorised: &AuthorisedRequest,
    registry: &Registry,
    target: &ServiceTarget,
    served: Served,
) -> Result<Served, Refusal> {
    let Served { status, fields, mut payload } = served;
    let mut fields = forwardable_answer(&fields);
    let media = content_type(&fields).map(str::to_owned);
    let head_only = authorised.verified.method == Method::HEAD;
    if let (Some(checker), Some(body)) = (&registry.checker, payload.memory().filter(|_| !head_only)) {
        let checked = checker.check_answer(
            target.service.code(),
            authorised.verified.method.as_str(),
            target.path.segments(),
            status,
            media.as_deref(),
            body,
        );
        if let Err(mismatch) = checked {
            tracing::warn!(%mismatch, "an answer is not as the service's description says");
            return Err(Refusal::Service(ServiceFault::NotAsDescribed));
        }
    }
    if let Some(mask) = authorised.right.mask().filter(|_| payload.length() > 0) {
        payload = cut_payload(&fields, media.as_deref(), &payload, mask, status)?;
        fields.remove("etag");
        fields.remove("content-md5");
    }
    fields.remove(CONTENT_LENGTH);
    Ok(Served { status, fields, payload })
}

fn cut_payload(
    fields: &HeaderMap,
    media: Option<&str>,
    payload: &Payload,
    mask: &bridge_core::contract::FieldMask,
    status: u16,
) -> Result<Payload, Refusal> {
    let refuse = |reason| Refusal::Service(ServiceFault::FieldsNotEnforceable { reason });
    let coded = fields.contains_key("content-encoding") || status == 206 || fields.contains_key("content-range");
    if coded {
        return Err(refuse("the answer is coded or partial"));
    }
    let body = payload.memory().ok_or(refuse("the answer is too large to be read"))?;
    let whole = cut(media, body, mask).map_err(|error| {
        tracing::warn!(%error, expected = ?PROBLEM_TYPES, "an answer cannot be cut to its contract");
        refuse(error.reason())
    })?;
    Ok(Payload::from_bytes(Bytes::from(whole)))
}

fn content_type(fields: &HeaderMap) -> Option<&str> {
    fields.get(CONTENT_TYPE).map(HeaderValue::to_str).and_then(Result::ok)
}

fn adapter_refusal(error: &AdapterError, left: Duration) -> Refusal {
    tracing::warn!(error = %crate::chain(error), "the registry did not answer");
    Refusal::Service(match error {
        AdapterError::Unreachable { .. } => ServiceFault::Unreachable,
        AdapterError::Busy => ServiceFault::NotReady,
        AdapterError::TimedOut | AdapterError::Cancelled => {
            ServiceFault::TimedOut { after_s: left.as_secs() }
        }
        AdapterError::Cut { .. } => ServiceFault::Cut,
        AdapterError::TooLarge { limit: Limit::RequestBytes(limit_bytes) } => {
            return Refusal::Request(RequestFault::BodyTooLarge { limit_bytes: *limit_bytes });
        }
        AdapterError::TooLarge { limit: Limit::AnswerBytes(limit) | Limit::Rows(limit) } => {
            ServiceFault::TooLarge { limit_bytes: *limit }
        }
        AdapterError::NotUnderstood { .. } | AdapterError::Failed { .. } => ServiceFault::NotUnderstood,
        AdapterError::BadRequest { .. } | AdapterError::RequestBody(_) => ServiceFault::BadRequest,
        AdapterError::NotFound | AdapterError::MethodNotAllowed { .. } => ServiceFault::NotFound,
    })
}

fn answer_refusal(error: &PayloadError, left: Duration) -> Refusal {
    match error {
        PayloadError::TooLarge(limit) => {
            Refusal::Service(ServiceFault::TooLarge { limit_bytes: *limit })
        }
        PayloadError::Cut(cause) => match cause.downcast_ref::<BodyError>() {
            Some(BodyError::TimedOut | BodyError::Cancelled) => {
                Refusal::Service(ServiceFault::TimedOut { after_s: left.as_secs() })
            }
            Some(BodyError::TooLarge { limit_bytes }) => {
                Refusal::Service(ServiceFault::TooLarge { limit_bytes: *limit_bytes })
            }
            Some(BodyError::Cut { .. }) | None => Refusal::Service(ServiceFault::Cut),
        },
        PayloadError::Trailers => Refusal::Service(ServiceFault::NotUnderstood),
        PayloadError::NoRoom => Refusal::Node(NodeFault::Overloaded),
        PayloadError::Spool(_) => Refusal::Node(NodeFault::Internal),
    }
}
