//! What a node asks an adapter, and what it gets.

use bridge_core::identity::{ServiceId, SubsystemId};
use http::{HeaderMap, Method, StatusCode};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{Body, Idempotency};

/// One query on its way to a registry: verified, authorised and journaled.
#[derive(Debug)]
pub struct Call {
    /// The service that is asked.
    pub service: ServiceId,
    /// The method.
    pub method: Method,
    /// The path after the service code, written anew by the node: empty, or begins with `/`. The
    /// same buffer that was decided upon and signed.
    pub path: String,
    /// The same path, decoded once and split at `/`. Only the last segment may be empty.
    pub segments: Vec<String>,
    /// The query, decoded.
    pub query: Vec<(String, String)>,
    /// The query as it came, without `?`.
    pub raw_query: Option<String>,
    /// The header fields that the registry may see.
    pub fields: HeaderMap,
    /// The request body.
    pub body: Body,
    /// The length of the body in bytes, where it is known.
    pub body_length: Option<u64>,
    /// When the whole answer must have arrived.
    pub deadline: Instant,
    /// Cancelled when nobody waits for the answer any more.
    pub cancel: CancellationToken,
    /// The caller's Idempotency-Key, scoped, and the content it came with; `None` if the caller gave none. A registry
    /// that keeps both in the transaction of its effect does the work once: [`crate::Effect::Stored`].
    pub idempotency: Option<Idempotency>,
    /// Who asks, and for what.
    pub facts: CallerFacts,
}

/// Who asks and for what, as the node established it.
#[derive(Debug, Clone)]
pub struct CallerFacts {
    /// The subsystem that asks.
    pub client: SubsystemId,
    /// The exchange's X-Road-Request-Id.
    pub request_id: Uuid,
    /// The purpose code of the contract.
    pub purpose: Option<String>,
    /// The legal basis code of the contract.
    pub legal_basis: Option<String>,
    /// The end user, as the consumer names them.
    pub user_id: Option<String>,
    /// Whom the caller acts for.
    pub represented_party: Option<String>,
    /// The caller's own file number.
    pub issue: Option<String>,
    /// The contract that allows the call, `{id}@{digest}`.
    pub contract: Option<String>,
}

/// What the registry said. Its body may still be on its way: see [`crate::BodyError`].
#[derive(Debug)]
pub struct Answer {
    /// The status; any that the registry chose.
    pub status: StatusCode,
    /// The header fields, without hop-by-hop ones.
    pub fields: HeaderMap,
    /// The body.
    pub body: Body,
}
