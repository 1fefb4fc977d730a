//! `/contracts` on the node interface: contract files that other nodes bring.

use std::sync::Arc;

use bridge_core::contract::{Agreement, SIGNED_LIMIT_BYTES};
use bridge_core::identity::{MemberId, NodeId};
use bridge_core::leaf::Side;
use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;

use super::live::{Bringer, TakeError, others, read_brought, take};
use crate::exchange::{About, Reader, Reply, edge, refuse_peer};
use crate::listeners::{body, status};
use crate::metrics::Limit;
use crate::node::Node;
use crate::server::Connection;
use crate::watch::View;

/// Where contract files go.
pub const PATH: &str = "/contracts";
const TEXT: &str = "text/plain; charset=utf-8";

/// Answers a node that brings a contract file: 200 if all that it says is known here now.
pub async fn answer(
    node: &Arc<Node>,
    connection: &Connection,
    request: Request<Incoming>,
) -> Reply {
    let reader = Reader::of(&node.settings, request.headers());
    let known = edge(request.extensions(), request.uri(), request.headers())
        .and_then(|()| node.watch.view(node.clock.now_s()))
        .and_then(|view| Ok((node.peer_of(connection, &view)?, view)));
    let (peer, view) = match known {
        Ok(known) => known,
        Err(refusal) => {
            let refused = About::new(Side::Provider, reader).refuse(refusal);
            return refuse_peer(node, refused).await;
        }
    };
    if request.method() != Method::POST || request.uri().query().is_some() {
        return status(404);
    }
    let bytes = match received(node, peer.member(), request).await {
        Ok(bytes) => bytes,
        Err(refused) => return status(refused),
    };
    let agreement = match read_brought(node, bytes).await {
        Ok(agreement) => agreement,
        Err(TakeError::Faults(faults)) => {
            let first = faults.first().map(ToString::to_string).unwrap_or_default();
            tracing::warn!(code = "contract_refused", %peer, fault = first, "a contract is not taken");
            return text(400, first);
        }
        Err(error) => return refused(node, &error),
    };
    if !concerns(node, &view, &peer, &agreement) {
        return refused(node, &TakeError::NotParty(peer.member().clone()));
    }
    match take(node, agreement, Bringer::Peer(peer)).await {
        Ok(_new) => status(200),
        Err(error) => refused(node, &error),
    }
}

/// It is between the two members, or the other node is one of this node's own member.
fn concerns(node: &Node, view: &View, peer: &NodeId, agreement: &Agreement) -> bool {
    let others = others(node, view.directory(), agreement);
    let own = node.settings.node.member();
    let is_party =
        |member: &MemberId| others.contains(member) || (member == own && !others.is_empty());
    is_party(peer.member())
}

fn refused(node: &Node, error: &TakeError) -> Reply {
    match error.status() {
        // What the system said is for the log.
        503 => {
            tracing::error!(code = "contract_not_kept", error = %crate::chain(error), "a contract could not be taken");
            return status(503);
        }
        429 => node.house.metrics.reached(Limit::ContractsWaiting),
        _ => {}
    }
    text(error.status(), error.to_string())
}

/// The body, within its limits; else the status to refuse it with.
async fn received(
    node: &Node,
    member: &MemberId,
    request: Request<Incoming>,
) -> Result<Bytes, u16> {
    let metrics = &node.house.metrics;
    if !node.agreements.brought.admits(member) {
        metrics.reached(Limit::ContractFilesPerMinute);
        return Err(429);
    }
    // The own member's other nodes bring all that a group has said; it is no longer than what this node keeps.
    let limit = if member == node.settings.node.member() {
        SIGNED_LIMIT_BYTES
    } else {
        node.settings.limits.contract_bytes
    };
    match Limited::new(request.into_body(), limit).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            metrics.reached(Limit::ContractBytes);
            Err(413)
        }
        Err(_cut) => Err(400),
    }
}

fn text(status: u16, words: String) -> Reply {
    body(status, TEXT, Bytes::from(words))
}
