//! `/witness/…` on the node interface: what other nodes submit, and what monitors read.
//!
//! Standard: C2SP tlog-witness.

use std::collections::BTreeMap;
use std::sync::Arc;

use bridge_core::identity::NodeId;
use bridge_core::leaf::Side;
use bridge_core::refusal::{NodeFault, Refusal};
use bridge_journal::{Verifier, note_text, origin_of};
use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;

use super::{Fork, Submission, Verdict, origin_hash};
use crate::epochs::{Statement, number_of, prefix_of};
use crate::exchange::{About, Reader, Reply, edge, refuse_peer};
use crate::listeners::{body, status};
use crate::metrics::Limit;
use crate::node::Node;
use crate::server::Connection;
use crate::watch::View;

/// Where submissions go, below the prefix.
const ADD: &str = "add-checkpoint";
/// Where a node says that a log of its own follows another.
const ADD_EPOCH: &str = "add-epoch";
/// The body of a 404 about a log that another has followed.
pub const CLOSED: &str = "closed\n";
const TEXT: &str = "text/plain; charset=utf-8";
/// The media type of a size in a 409.
const SIZE: &str = "text/x.tlog.size";

/// Answers a request below `/witness/`; `path` is the rest.
pub async fn answer(
    node: &Arc<Node>,
    connection: &Connection,
    request: Request<Incoming>,
    path: &str,
) -> Reply {
    let reader = Reader::of(&node.settings, request.headers());
    let refuse = |refusal| About::new(Side::Provider, reader).refuse(refusal);
    let known = edge(request.extensions(), request.uri(), request.headers())
        .and_then(|()| node.watch.view(node.clock.now_s()))
        .and_then(|view| Ok((node.peer_of(connection, &view)?, view)));
    let (peer, view) = match known {
        Ok(known) => known,
        Err(refusal) => return refuse_peer(node, refuse(refusal)).await,
    };
    if request.uri().query().is_some() {
        return status(404);
    }
    let answered = match (request.method(), path.strip_suffix("/checkpoint")) {
        (&Method::POST, None) if path == ADD => add(node, &view, &peer, request).await,
        (&Method::POST, None) if path == ADD_EPOCH => begin(node, &view, &peer, request).await,
        (&Method::GET, Some(hash)) => newest(node, &view, hash).await,
        _ => Ok(status(404)),
    };
    match answered {
        Ok(reply) => reply,
        Err(error) => {
            tracing::error!(code = "witness_state", %error, "what was cosigned cannot be read or written");
            refuse_peer(node, refuse(Refusal::Node(NodeFault::Journal))).await
        }
    }
}

async fn add(
    node: &Arc<Node>,
    view: &View,
    peer: &NodeId,
    request: Request<Incoming>,
) -> std::io::Result<Reply> {
    let body = match received(node, peer, request).await {
        Ok(body) => body,
        Err(refused) => return Ok(status(refused)),
    };
    let Some(submission) = Submission::parse(&body) else {
        return Ok(status(400));
    };
    let Ok(origin) = origin_of(&submission.note).map(str::to_owned) else {
        return Ok(status(400));
    };
    let Some((owner, log)) = watched(node, view, |log| log.origin() == origin)? else {
        // A log that another has followed is watched no more.
        let prefix = prefix_of(&origin);
        let later = watched(node, view, |log| prefix_of(log.origin()) == prefix)?;
        let closed = later.is_some_and(|(_, log)| number_of(log.origin()) > number_of(&origin));
        return Ok(if closed {
            text(404, TEXT, CLOSED.to_owned())
        } else {
            status(404)
        });
    };
    let own = owner == *peer;
    // A task of its own: a fork is kept once and told then, even if the submitter has gone.
    let judging = judged(Arc::clone(node), (owner, log), submission, own);
    let judging = node.house.tasks.spawn(judging);
    let verdict = judging.await.map_err(std::io::Error::other)??;
    Ok(match verdict {
        Verdict::Cosigned(line) => text(200, TEXT, line),
        Verdict::Malformed => status(400),
        Verdict::NotSigned => status(403),
        Verdict::Conflict(size) => text(409, SIZE, format!("{size}\n")),
        Verdict::Inconsistent => status(422),
    })
}

/// Judges what was submitted of a node's log; tells of a fork.
async fn judged(
    node: Arc<Node>,
    (owner, log): (NodeId, Verifier),
    submission: Submission,
    own: bool,
) -> std::io::Result<Verdict> {
    let (shared, now_s) = (Arc::clone(&node), node.clock.now_s());
    let judging =
        tokio::task::spawn_blocking(move || shared.witness.judge(&log, &submission, (now_s, own)));
    let (verdict, fork) = judging.await.map_err(std::io::Error::other)??;
    if let Some(fork) = fork {
        tell(&node, &owner, &fork).await;
    }
    Ok(verdict)
}

/// The newest checkpoint of a log that this witness cosigned.
async fn newest(node: &Arc<Node>, view: &View, hash: &str) -> std::io::Result<Reply> {
    let Some((_, log)) = watched(node, view, |log| origin_hash(log.origin()) == hash)? else {
        return Ok(status(404));
    };
    let shared = Arc::clone(node);
    let reading = tokio::task::spawn_blocking(move || shared.witness.head(&log));
    let head = reading.await.map_err(std::io::Error::other)??;
    Ok(head.map_or_else(|| status(404), |(_, note)| body(200, TEXT, note)))
}

/// Takes a node's word, signed by its exchange key, that a log follows another.
async fn begin(
    node: &Arc<Node>,
    view: &View,
    peer: &NodeId,
    request: Request<Incoming>,
) -> std::io::Result<Reply> {
    let body = match received(node, peer, request).await {
        Ok(body) => body,
        Err(refused) => return Ok(status(refused)),
    };
    let Ok(statement) = Statement::parse(&body) else {
        return Ok(status(400));
    };
    let (owner, log) = match statement.check(view, node.clock.now_s()) {
        Ok(known) => known,
        Err(error) => {
            tracing::warn!(code = "epoch_refused", %peer, %error, "an epoch is not taken");
            return Ok(status(403));
        }
    };
    if watched(node, view, |watched| {
        prefix_of(watched.origin()) == prefix_of(log.origin())
    })?
    .is_none()
    {
        return Ok(status(404));
    }
    let record = view.directory().node(&owner);
    let Some(listed) = record.and_then(|record| Verifier::parse(&record.journal).ok()) else {
        return Ok(status(404));
    };
    let shared = Arc::clone(node);
    let taking =
        tokio::task::spawn_blocking(move || shared.witness.begin(&listed, &log, &statement));
    let taken = taking.await.map_err(std::io::Error::other)??;
    Ok(status(if taken { 200 } else { 409 }))
}

/// The body of a submission, within its limits; else the status to refuse it with.
async fn received(node: &Node, peer: &NodeId, request: Request<Incoming>) -> Result<Bytes, u16> {
    let metrics = &node.house.metrics;
    if !node.witness.submitted.admits(peer.member()) {
        metrics.reached(Limit::WitnessRequestsPerMinute);
        return Err(429);
    }
    let limit = node.settings.limits.witness_request_bytes;
    match Limited::new(request.into_body(), limit).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            metrics.reached(Limit::WitnessRequestBytes);
            Err(413)
        }
        Err(_cut) => Err(400),
    }
}

/// A log that the directory assigns to this node's witness, in its latest epoch, and whose it is.
fn watched(
    node: &Node,
    view: &View,
    is_meant: impl Fn(&Verifier) -> bool,
) -> std::io::Result<Option<(NodeId, Verifier)>> {
    let directory = view.directory();
    let own = directory.node(&node.settings.node);
    let own = own.and_then(|own| own.witness.as_deref());
    // A key that the directory doesn't list would cosign for nobody.
    let key = node.witness.vkey().filter(|vkey| own == Some(vkey));
    let name = key.as_deref().and_then(|key| key.split('+').next());
    for (id, record) in name
        .into_iter()
        .flat_map(|name| directory.witnessed_by(name))
    {
        let Ok(listed) = Verifier::parse(&record.journal) else {
            continue;
        };
        let log = node.witness.latest(listed)?;
        if is_meant(&log) {
            return Ok(Some((id, log)));
        }
    }
    Ok(None)
}

/// A fork is told once, in every way there is.
async fn tell(node: &Node, owner: &NodeId, fork: &Fork) {
    tracing::error!(code = "witness_fork", log = %owner, "a log has signed two heads that cannot be of one tree; both are kept");
    let origin = fork.vkey.split('+').next().unwrap_or_default();
    let mut facts = BTreeMap::from([("fork".to_owned(), origin.to_owned())]);
    for (name, note) in [("fork_held", &fork.held), ("fork_offered", &fork.offered)] {
        let lines = note_text(note).unwrap_or_default().lines().skip(1);
        let head: Vec<&str> = lines.take(2).collect();
        facts.insert(name.to_owned(), head.join(" "));
    }
    node.record_state(facts).await;
}

fn text(status: u16, media_type: &'static str, text: String) -> Reply {
    body(status, media_type, Bytes::from(text))
}
