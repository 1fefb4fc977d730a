//! Step 5 at the consumer's node: the signed request goes out, the head of an answer comes back.

use bridge_core::refusal::{LinkFault, NodeFault, Refusal};
use http::header::HOST;
use http::{HeaderMap, Request, Version};
use hyper::body::Incoming;

use super::about::Refused;
use super::enter::body_refusal;
use super::ordered;
use super::record::SignedRequest;
use crate::node::Node;
use crate::payload::{Allowance, Payload, PayloadError};
use crate::peers::{Line, PeerError};

/// An answer whose head has arrived: nothing in it is believed yet.
#[derive(Debug)]
pub(super) struct RawAnswer {
    pub(super) status: u16,
    pub(super) fields: HeaderMap,
    body: Incoming,
    line: Line,
}

// === impl RawAnswer ===

impl RawAnswer {
    /// Reads the body, which the head has announced and its signature covers; then the connection is free again.
    pub(super) async fn body(self, node: &Node, allowance: &Allowance) -> Result<Payload, Refusal> {
        let Self { body, line, .. } = self;
        let payload = collect(node, body, line.node().as_str(), allowance).await?;
        node.peers.keep(line);
        Ok(payload)
    }
}

/// Sends, and waits for the head of an answer.
///
/// # Cancel safety
///
/// Dropping the future closes the connection: whether the peer acts is then unknown.
pub(super) async fn send(node: &Node, sent: &SignedRequest) -> Result<RawAnswer, Refused> {
    round_trip(node, sent)
        .await
        .map_err(|refusal| sent.about.refuse(refusal))
}

async fn round_trip(node: &Node, sent: &SignedRequest) -> Result<RawAnswer, Refusal> {
    ordered::still(node, &sent.about)?;
    let Some(mut line) = sent.line.lock().await.take() else {
        return Err(Refusal::Node(NodeFault::Internal));
    };
    let mut answered = line.send(request(node, sent)?).await;
    if let Err(PeerError::Unsent(_)) = &answered {
        // The peer closed an idle connection at this very moment; nothing was sent, so nothing is sent twice.
        answered = match line.another(&node.peers).await {
            Ok(fresh) => {
                line = fresh;
                line.send(request(node, sent)?).await
            }
            Err(error) => {
                tracing::warn!(error = %crate::chain(&error), "no connection");
                return Err(Refusal::Link(LinkFault::Unreachable));
            }
        };
    }
    let response = answered.map_err(|error| peer_refusal(node, &error))?;
    let (parts, body) = response.into_parts();
    if parts.version != Version::HTTP_11 {
        return Err(Refusal::Link(LinkFault::Malformed));
    }
    Ok(RawAnswer {
        status: parts.status.as_u16(),
        fields: parts.headers,
        body,
        line,
    })
}

fn request(
    node: &Node,
    sent: &SignedRequest,
) -> Result<Request<crate::payload::Outgoing>, Refusal> {
    let mut request = Request::builder()
        .version(Version::HTTP_11)
        .method(sent.head.method.clone())
        .uri(&sent.head.target)
        .body(sent.payload.outgoing_at(
            &sent.about.allowance,
            node.settings.limits.body_bytes_per_second,
        ))
        .map_err(|_error| Refusal::Node(NodeFault::Internal))?;
    *request.headers_mut() = sent.head.fields.clone();
    super::sign::set(request.headers_mut(), &HOST, &sent.head.authority);
    Ok(request)
}

async fn collect(
    node: &Node,
    body: Incoming,
    owner: &str,
    allowance: &Allowance,
) -> Result<Payload, Refusal> {
    match Payload::collect(body, node.bounds(false), &node.room, owner, allowance).await {
        Ok(payload) => Ok(payload),
        Err(PayloadError::Cut(error)) => {
            tracing::warn!(peer = owner, %error, "the peer's answer was cut");
            Err(Refusal::Link(LinkFault::Cut))
        }
        Err(PayloadError::TooLarge(limit)) => {
            Err(Refusal::Link(LinkFault::TooLarge { limit_bytes: limit }))
        }
        Err(PayloadError::Trailers) => Err(Refusal::Link(LinkFault::Malformed)),
        Err(error) => Err(body_refusal(&error)),
    }
}

/// After the request left, whether the peer acted is unknown; the refusal says so.
fn peer_refusal(node: &Node, error: &PeerError) -> Refusal {
    tracing::warn!(error = %crate::chain(error), "no answer from the peer");
    match error {
        PeerError::TimedOut => timed_out(node),
        PeerError::Ended(cause) if cause.is_parse() => Refusal::Link(LinkFault::Malformed),
        PeerError::Unsent(_) => Refusal::Link(LinkFault::Unreachable),
        PeerError::Ended(_)
        | PeerError::Connect { .. }
        | PeerError::Handshake { .. }
        | PeerError::Broken { .. }
        | PeerError::Tls(_) => Refusal::Link(LinkFault::Cut),
    }
}

pub(super) fn timed_out(node: &Node) -> Refusal {
    let after_s = node.settings.limits.exchange_timeout.as_secs();
    Refusal::Link(LinkFault::TimedOut { after_s })
}
