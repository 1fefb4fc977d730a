//! The journal's public files, and leaves for the members whom they concern.

use bridge_core::leaf::Side;
use bridge_core::refusal::{NodeFault, Refusal};
use http::{Method, Request};
use hyper::body::Incoming;

use super::{LOG_PREFIX, body, internal, status};
use crate::concerned;
use crate::exchange::{About, Reader, Reply, edge, refuse_peer};
use crate::node::Node;
use crate::server::Connection;

/// Checkpoint, tiles and entries, to any node of the directory; leaves with proofs, to whom they concern.
///
/// Standard: C2SP tlog-tiles.
pub(super) async fn log_file(
    node: &Node,
    connection: &Connection,
    request: &Request<Incoming>,
) -> Reply {
    let reader = Reader::of(&node.settings, request.headers());
    let refuse = |refusal| About::new(Side::Provider, reader).refuse(refusal);
    let known = edge(request.extensions(), request.uri(), request.headers())
        .and_then(|()| node.watch.view(node.clock.now_s()))
        .and_then(|view| node.peer_of(connection, &view));
    let peer = match known {
        Ok(peer) => peer,
        Err(refusal) => return refuse_peer(node, refuse(refusal)).await,
    };
    if request.method() == Method::GET && request.uri().path() == concerned::LEAVES {
        let query = request.uri().query().unwrap_or_default();
        return match concerned::answer(node, &peer, query).await {
            Ok(Some(page)) => body(200, "application/octet-stream", page),
            Ok(None) => status(404),
            Err(refusal) => refuse_peer(node, refuse(refusal)).await,
        };
    }
    let path = request
        .uri()
        .path()
        .strip_prefix(LOG_PREFIX)
        .unwrap_or_default()
        .to_owned();
    if request.method() != Method::GET || request.uri().query().is_some() {
        return status(404);
    }
    let text = path == "checkpoint";
    let journal = node.journal.clone();
    match tokio::task::spawn_blocking(move || journal.log_file(&path)).await {
        Ok(Ok(Some(bytes))) => {
            let kind = if text {
                "text/plain; charset=utf-8"
            } else {
                "application/octet-stream"
            };
            body(200, kind, bytes)
        }
        Ok(Ok(None)) => status(404),
        Ok(Err(error)) => {
            tracing::error!(error = %crate::chain(&error), "a log file cannot be read");
            refuse_peer(node, refuse(Refusal::Node(NodeFault::Journal))).await
        }
        Err(_panicked) => refuse_peer(node, internal(Side::Provider, reader)).await,
    }
}
