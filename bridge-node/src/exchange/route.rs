//! Which node is asked, and the connection to it.

use bridge_core::refusal::{LinkFault, NodeFault, Refusal, RequestFault, Unknown};

use super::enter::Entered;
use crate::node::Node;
use crate::payload::Allowance;
use crate::peers::{CONNECT_TIMEOUT, Line, PeerAddress, PeerError};
use crate::status::Unusable;
use crate::watch::View;

/// A node, and the name by which it is asked.
pub(super) type Route = (PeerAddress, String);

/// The nodes that may be asked, in order. `X-Road-Security-Server` leaves exactly one.
pub(super) fn routes(view: &View, entered: &Entered) -> Result<Vec<Route>, Refusal> {
    let member = entered.asked.provider().member();
    let forced = entered.caller.security_server.as_ref();
    let all = view.addresses(member);
    let routes: Vec<Route> = all
        .into_iter()
        .filter(|(address, record)| {
            forced.is_none_or(|id| *id == address.node)
                && record.wire.contains(&crate::WIRE_VERSION)
        })
        .map(|(address, record)| (address, record.name.clone()))
        .collect();
    match (routes.is_empty(), forced) {
        (false, _) => Ok(routes),
        (true, Some(_)) => Err(Refusal::Request(RequestFault::SecurityServer)),
        (true, None) => Err(Refusal::Unknown(Unknown::Node)),
    }
}

/// Opens the connection before anything is signed: the signature names the node that will receive it.
///
/// It is part of the exchange's time: one node gets half of what is left at most, so that a silent one leaves time for the next;
/// and what could no longer be answered in time is not sent.
pub(super) async fn connect(
    node: &Node,
    routes: &[Route],
    allowance: &Allowance,
) -> Result<(Line, String), Refusal> {
    let limit = node.settings.limits.exchange_timeout;
    let mut fault = LinkFault::Unreachable;
    let mut unusable = None;
    for (address, authority) in routes {
        let left = allowance.left(limit);
        if left.is_zero() {
            // Not tried, so not known to be silent.
            break;
        }
        let within = CONNECT_TIMEOUT.min(left / 2);
        match node.peers.line_within(address, within).await {
            Ok(line) => match usable(node, &line).await {
                Ok(()) if allowance.left(limit).is_zero() => break,
                Ok(()) => return Ok((line, authority.clone())),
                Err(refusal) => {
                    tracing::warn!(peer = %address.node, error = %refusal, "its certificate is not used");
                    unusable = Some(refusal);
                }
            },
            Err(error) => {
                tracing::warn!(peer = %address.node, error = %crate::chain(&error), "no connection");
                // A handshake that this node could not sign is nobody else's fault.
                if node.peers.identity().trouble().is_some() {
                    return Err(Refusal::Node(NodeFault::Signing));
                }
                if matches!(error, PeerError::Handshake { .. }) {
                    fault = LinkFault::TlsIdentity;
                }
            }
        }
    }
    Err(unusable.unwrap_or(Refusal::Link(fault)))
}

/// Whether the certificate of the other end may be used now.
async fn usable(node: &Node, line: &Line) -> Result<(), Refusal> {
    let Some(status) = &node.status else {
        return Ok(());
    };
    let whose = || format!("tls of {}", line.node());
    let settled = status.settle(line.chain(), &node.clock, whose).await;
    settled.map_err(Unusable::of_connection)
}
