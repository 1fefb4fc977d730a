//! `GET /receipts/{X-Road-Request-Id}`: the leaves of an exchange with their proofs, for the caller whose exchange it was.

use std::sync::Arc;

use bridge_core::leaf::Side;
use bridge_core::refusal::{NodeFault, Refusal, Unknown};
use bridge_journal::{Filter, Journal, ReadError};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, Request};
use hyper::body::Incoming;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::exchange::{About, Reader, Refused, Reply, edge};
use crate::node::Node;
use crate::payload::Payload;
use crate::server::Connection;
use crate::settings::Caller;

/// Where receipts are asked for.
pub const PATH: &str = "/receipts/";
/// A checkpoint is signed every second while anything is new.
const RETRY_AFTER_S: u64 = 1;

/// What the journal has of an exchange.
enum Found {
    /// Nothing that this caller may know of.
    Nothing,
    /// Leaves that no checkpoint covers yet.
    Soon,
    /// Leaves with their proofs.
    Proved(Vec<Value>),
}

/// Answers with leaves and proofs; 202 while no checkpoint covers all of them. What belongs to others is unknown here.
///
/// # Errors
///
/// [`Refused`], with what was known by then.
pub async fn give(
    node: &Node,
    connection: &Connection,
    request: &Request<Incoming>,
    reader: Reader,
) -> Result<Reply, Refused> {
    let refuse = |refusal| About::new(Side::Consumer, reader).refuse(refusal);
    let fields = request.headers();
    let caller = edge(request.extensions(), request.uri(), fields)
        .and_then(|()| {
            let now_s = node.clock.now_s();
            node.callers.authenticate(connection, fields, now_s)
        })
        .map_err(refuse)?;
    let id = asked(request).ok_or_else(|| refuse(Refusal::Unknown(Unknown::Exchange)))?;
    let failed = |why: &str| {
        tracing::error!(why, "a receipt cannot be read");
        refuse(Refusal::Node(NodeFault::Journal))
    };
    // Whoever finds no place comes again: nobody waits here, so nobody has to be counted.
    let Ok(place) = Arc::clone(&node.receipts.readers).try_acquire_owned() else {
        return Ok(soon(id, RETRY_AFTER_S));
    };
    let journal = node.journal.clone();
    let read = tokio::task::spawn_blocking(move || {
        // Also of a caller who has left: the journal is read to the end all the same.
        let _place = place;
        find(&journal, &caller, id)
    });
    match read.await {
        Ok(Ok(Found::Proved(receipts))) => Ok(reply(
            200,
            &json!({ "request_id": id.to_string(), "key": node.journal.vkey(), "receipts": receipts }),
        )),
        Ok(Ok(Found::Soon)) if node.cosigning.witnesses().is_empty() => Ok(soon(id, RETRY_AFTER_S)),
        // Proofs are made under the newest checkpoint with cosignatures.
        Ok(Ok(Found::Soon)) => Ok(soon(id, node.settings.witnesses.every.as_secs())),
        Ok(Ok(Found::Nothing)) => Err(refuse(Refusal::Unknown(Unknown::Exchange))),
        Ok(Err(error)) => Err(failed(&crate::chain(&error))),
        Err(_panicked) => Err(failed("the reader failed")),
    }
}

/// The request id in the path, in its one spelling.
fn asked(request: &Request<Incoming>) -> Option<Uuid> {
    if request.method() != Method::GET || request.uri().query().is_some() {
        return None;
    }
    let text = request.uri().path().strip_prefix(PATH)?;
    let id: Uuid = text.parse().ok()?;
    (id.to_string() == text).then_some(id)
}

fn find(journal: &Journal, caller: &Caller, id: Uuid) -> Result<Found, ReadError> {
    let filter = Filter {
        request_id: Some(id),
        ..Filter::default()
    };
    let mut hits = journal.search(&filter)?;
    // A node that asks itself has the provider's leaves too: those are not the caller's.
    hits.retain(|hit| {
        let client = hit.leaf.client.as_ref();
        hit.leaf.side == Some(Side::Consumer)
            && client.is_some_and(|client| caller.subsystems.contains(client))
    });
    let mut receipts = Vec::with_capacity(hits.len());
    for hit in hits.iter().rev() {
        let Some(proof) = journal.prove(hit.index)? else {
            return Ok(Found::Soon);
        };
        let mut leaf = Vec::new();
        // What was read back was written so.
        if hit.leaf.write(&mut leaf).is_err() {
            return Ok(Found::Nothing);
        }
        receipts.push(json!({
            "receipt": journal.receipt_text(hit.index, &leaf),
            "leaf": String::from_utf8_lossy(&leaf),
            "proof": proof.text,
        }));
    }
    if receipts.is_empty() {
        return Ok(Found::Nothing);
    }
    Ok(Found::Proved(receipts))
}

/// The promise of proofs, and when to come for them.
fn soon(id: Uuid, after_s: u64) -> Reply {
    let told = json!({ "request_id": id.to_string(), "pending": true });
    let mut reply = reply(202, &told);
    let after_s = HeaderValue::from(after_s.max(RETRY_AFTER_S));
    reply.fields.insert(RETRY_AFTER, after_s);
    reply
}

fn reply(status: u16, value: &Value) -> Reply {
    let mut fields = HeaderMap::new();
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    fields.insert(CONTENT_TYPE, json);
    Reply {
        status,
        fields,
        payload: Payload::from_bytes(Bytes::from(value.to_string())),
    }
}
