//! Step 5 at the provider's node: the registry answers, and only what the contract lets out stays in the answer.

use std::time::Duration;

use bridge_adapter::openapi::{CheckedAnswer, CheckedRequest};
use bridge_adapter::{AdapterError, BodyError, Call, CallerFacts, Limit};
use bridge_core::contract::mask::FieldMask;
use bridge_core::cut::{CutError, cut, drop_fields_of_the_whole};
use bridge_core::fields::{
    check_edge_fields, check_travelling_fields, forwardable_answer, registry_request,
};
use bridge_core::refusal::{NodeFault, NotCut, Refusal, RequestFault, ServiceFault};
use bridge_core::target::ServiceTarget;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use http_body_util::BodyExt as _;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::authorise::AuthorisedRequest;
use super::enter::{Asked, spool_fault};
use super::metadata;
use super::record::Underway;
use super::{once, ordered};
use crate::effects::Marks;
use crate::node::Node;
use crate::payload::{Payload, PayloadError};
use crate::registries::Registry;

/// What the registry answered, cut to the contract.
#[derive(Debug)]
pub(super) struct Served {
    pub(super) status: u16,
    pub(super) fields: HeaderMap,
    pub(super) payload: Payload,
}

/// Time kept back of an exchange for cutting, signing and journaling the answer.
const RESERVE: Duration = Duration::from_secs(2);

/// Stands for a body that was too large to be read: it is there, and it is no JSON that a schema would allow.
const UNREAD: &[u8] = b"\0";

/// Step 5.
pub(super) async fn call(
    node: &Node,
    received: &Underway<AuthorisedRequest>,
) -> Result<Served, Refusal> {
    let verified = &received.value.verified;
    match &verified.asked {
        Asked::Metadata { provider, call, .. } => metadata::answer(node, verified, provider, call),
        Asked::Service(target) => match ordered::still(node, &verified.about) {
            Ok(()) => match received.value.repeats {
                Some(earlier) => again(node, &received.value, earlier).await,
                None => service(node, &received.value, target).await,
            },
            Err(stopped) => Err(stopped),
        },
    }
}

/// The answer that was given before under the same Idempotency-Key, cut to what the contract lets out now.
async fn again(
    node: &Node,
    authorised: &AuthorisedRequest,
    earlier: (Uuid, Marks),
) -> Result<Served, Refusal> {
    let kept = once::answer(node, earlier).await?;
    cut_to_contract(authorised, travelling(kept)?)
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
    let allowance = &authorised.verified.about.allowance;
    let left = allowance.left(limit).saturating_sub(RESERVE.min(limit / 2));
    let deadline = Instant::now() + left;
    let cancel = CancellationToken::new();
    let _cancelled_when_dropped = cancel.clone().drop_guard();
    let call = new_call(authorised, target, deadline, cancel);
    let answered = tokio::time::timeout_at(deadline, async {
        let once = authorised.verified.about.once.as_deref();
        once.inspect(|begun| begun.asked());
        let answer = registry.adapter.call(call).await.map_err(|error| {
            once.filter(|_| error.is_without_effect())
                .inspect(|begun| begun.without_effect());
            adapter_refusal(&error, left)
        })?;
        let status = answer.status.as_u16();
        let owner = node.settings.node.as_str();
        let payload = Payload::collect(
            answer.body,
            node.bounds(false),
            &node.room,
            owner,
            allowance,
        )
        .await
        .map_err(|error| answer_refusal(&error, left))?;
        Ok((status, answer.fields, payload))
    });
    let (status, fields, payload) =
        answered
            .await
            .unwrap_or(Err(Refusal::Service(ServiceFault::TimedOut {
                after_s: left.as_secs(),
            })))?;
    finish(
        authorised,
        registry,
        target,
        Served {
            status,
            fields,
            payload,
        },
    )
}

fn check_request(
    registry: &Registry,
    authorised: &AuthorisedRequest,
    target: &ServiceTarget,
) -> Result<(), Refusal> {
    let Some(checker) = &registry.checker else {
        return Ok(());
    };
    let verified = &authorised.verified;
    checker
        .check_request(&CheckedRequest {
            service: target.service.code(),
            method: verified.method.as_str(),
            segments: target.path.segments(),
            query: target.query.pairs(),
            content_type: content_type(&verified.head.fields),
            body: readable(&verified.payload),
        })
        .map_err(|mismatch| {
            tracing::info!(%mismatch, "a request is not as the service's description says");
            Refusal::Service(ServiceFault::BadRequest)
        })
}

fn readable(payload: &Payload) -> &[u8] {
    payload.memory().map_or(UNREAD, Bytes::as_ref)
}

fn new_call(
    authorised: &AuthorisedRequest,
    target: &ServiceTarget,
    deadline: Instant,
    cancel: CancellationToken,
) -> Call {
    let verified = &authorised.verified;
    let fields = registry_request(&verified.head.fields);
    let body = verified.payload.outgoing().map_err(|error| BodyError::Cut {
        source: Some(Box::new(error)),
    });
    Call {
        service: target.service.clone(),
        method: verified.method.clone(),
        path: target.path.as_str().to_owned(),
        segments: target.path.segments().to_vec(),
        query: target.query.pairs().to_vec(),
        raw_query: target.query.raw().map(str::to_owned),
        fields,
        body: body.boxed_unsync(),
        body_length: Some(verified.payload.length()),
        deadline,
        cancel,
        idempotency: authorised.idempotency.clone(),
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
    let served = travelling(served)?;
    let head_only = authorised.verified.method == Method::HEAD;
    if let Some(checker) = registry.checker.as_ref().filter(|_| !head_only) {
        let checked = checker.check_answer(&CheckedAnswer {
            service: target.service.code(),
            method: authorised.verified.method.as_str(),
            segments: target.path.segments(),
            status: served.status,
            content_type: content_type(&served.fields),
            body: readable(&served.payload),
        });
        if let Err(mismatch) = checked {
            tracing::warn!(%mismatch, "an answer is not as the service's description says");
            return Err(Refusal::Service(ServiceFault::NotAsDescribed));
        }
    }
    cut_to_contract(authorised, served)
}

/// The final answer of a registry, in the fields that travel.
fn travelling(served: Served) -> Result<Served, Refusal> {
    if served.status < 200 {
        // No final answer: nothing may follow it on this connection. Standard: RFC 9110 §15.2.
        return Err(Refusal::Service(ServiceFault::NotUnderstood));
    }
    let fields = forwardable_answer(&served.fields);
    let fit = check_edge_fields(&fields).and_then(|()| check_travelling_fields(&fields));
    fit.map_err(|error| {
        tracing::warn!(%error, "an answer's fields cannot travel");
        Refusal::Service(ServiceFault::NotUnderstood)
    })?;
    Ok(Served { fields, ..served })
}

fn cut_to_contract(authorised: &AuthorisedRequest, served: Served) -> Result<Served, Refusal> {
    let Served {
        status,
        mut fields,
        mut payload,
    } = served;
    if let Some(mask) = authorised.right.mask().filter(|_| payload.length() > 0) {
        payload = cut_payload(&fields, &payload, mask, status)?;
        drop_fields_of_the_whole(&mut fields);
    }
    fields.remove(CONTENT_LENGTH);
    Ok(Served {
        status,
        fields,
        payload,
    })
}

fn cut_payload(
    fields: &HeaderMap,
    payload: &Payload,
    mask: &FieldMask,
    status: u16,
) -> Result<Payload, Refusal> {
    let refuse = |reason| Refusal::Service(ServiceFault::FieldsNotEnforceable { reason });
    let body = payload.memory().ok_or(refuse(NotCut::TooLarge))?;
    let status = StatusCode::from_u16(status).map_err(|_invalid| refuse(NotCut::Status))?;
    let whole = cut(status, fields, body, mask, body.len()).map_err(|error| {
        tracing::warn!(error = %crate::chain(&error), "an answer cannot be cut to its contract");
        refuse(reason(&error))
    })?;
    Ok(Payload::from_bytes(Bytes::from(whole)))
}

/// Why, without a word of the answer itself.
fn reason(error: &CutError) -> NotCut {
    match error {
        CutError::TooLarge { .. } => NotCut::TooLarge,
        CutError::Partial => NotCut::Partial,
        CutError::Coded => NotCut::Coded,
        CutError::Untyped => NotCut::Untyped,
        CutError::NotJson(_) => NotCut::Ambiguous,
        CutError::NoFields => NotCut::NoFields,
        CutError::OtherType => NotCut::OtherType,
    }
}

pub(super) fn content_type(fields: &HeaderMap) -> Option<&str> {
    fields
        .get(CONTENT_TYPE)
        .map(HeaderValue::to_str)
        .and_then(Result::ok)
}

fn adapter_refusal(error: &AdapterError, left: Duration) -> Refusal {
    tracing::warn!(error = %crate::chain(error), "the registry did not answer");
    Refusal::Service(match error {
        AdapterError::Unreachable { .. } => ServiceFault::Unreachable,
        AdapterError::Busy => ServiceFault::NotReady,
        AdapterError::TimedOut | AdapterError::Cancelled => ServiceFault::TimedOut {
            after_s: left.as_secs(),
        },
        AdapterError::Cut { .. } => ServiceFault::Cut,
        AdapterError::TooLarge {
            limit: Limit::RequestBytes(limit_bytes),
        } => {
            return Refusal::Request(RequestFault::BodyTooLarge {
                limit_bytes: *limit_bytes,
            });
        }
        AdapterError::TooLarge {
            limit: Limit::AnswerBytes(limit) | Limit::Rows(limit),
        } => ServiceFault::TooLarge {
            limit_bytes: *limit,
        },
        AdapterError::NotUnderstood { .. } | AdapterError::Failed { .. } => {
            ServiceFault::NotUnderstood
        }
        AdapterError::BadRequest { .. } | AdapterError::RequestBody(_) => ServiceFault::BadRequest,
        AdapterError::KeyReused => return Refusal::Request(RequestFault::IdempotencyKeyReused),
        AdapterError::KeyInFlight => return Refusal::Request(RequestFault::IdempotencyKeyInFlight),
        AdapterError::NotFound | AdapterError::MethodNotAllowed { .. } => ServiceFault::NotFound,
    })
}

fn answer_refusal(error: &PayloadError, left: Duration) -> Refusal {
    match error {
        PayloadError::TooLarge(limit) => Refusal::Service(ServiceFault::TooLarge {
            limit_bytes: *limit,
        }),
        PayloadError::Cut(cause) => match cause.downcast_ref::<BodyError>() {
            Some(BodyError::TimedOut | BodyError::Cancelled) => {
                Refusal::Service(ServiceFault::TimedOut {
                    after_s: left.as_secs(),
                })
            }
            Some(BodyError::TooLarge { limit_bytes }) => Refusal::Service(ServiceFault::TooLarge {
                limit_bytes: *limit_bytes,
            }),
            Some(BodyError::Cut { .. }) | None => Refusal::Service(ServiceFault::Cut),
        },
        PayloadError::Trailers => Refusal::Service(ServiceFault::NotUnderstood),
        PayloadError::NoRoom
        | PayloadError::NoShare
        | PayloadError::DiskReserve
        | PayloadError::Spool(_) => Refusal::Node(spool_fault(error)),
    }
}
