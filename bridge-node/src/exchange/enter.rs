//! Step 1, both ways: the head is judged, the other side is recognised, nothing is believed yet.

use std::sync::Arc;

use bridge_core::fields::FieldError;
use bridge_core::fields::{
    CallerFields, check_edge_fields, forwardable_request, read_caller_fields,
};
use bridge_core::identity::{NodeId, SubsystemId};
use bridge_core::leaf::Side;
use bridge_core::refusal::{NodeFault, Refusal, RequestFault};
use bridge_core::target::{
    MetadataCall, ServiceTarget, Target, TargetError, TargetLimits, parse_target,
};
use http::{HeaderMap, Method, Request, request::Parts};
use hyper::body::Incoming;
use uuid::Uuid;

use super::about::{About, Refused};
use crate::callers::owns;
use crate::node::Node;
use crate::payload::{Payload, PayloadError};
use crate::server::Connection;

/// A request at the consumer interface.
#[derive(Debug)]
pub struct Arrival {
    /// Its connection.
    pub connection: Arc<Connection>,
    /// The request.
    pub request: Request<Incoming>,
}

/// A request at the node interface.
#[derive(Debug)]
pub struct PeerArrival {
    /// Its connection.
    pub connection: Arc<Connection>,
    /// The request.
    pub request: Request<Incoming>,
}

/// What is asked for: a service, or what a provider's node knows of its services.
#[derive(Debug, Clone)]
pub(super) enum Asked {
    /// A service.
    Service(ServiceTarget),
    /// `listMethods`, `allowedMethods`, `getOpenAPI`.
    Metadata {
        /// Whose services.
        provider: SubsystemId,
        /// Which call.
        call: MetadataCall,
        /// Path and query as they are signed.
        text: String,
    },
}

/// A caller's request, edge rules kept, caller recognised, body read.
#[derive(Debug)]
pub(super) struct Entered {
    pub(super) method: Method,
    pub(super) asked: Asked,
    pub(super) caller: CallerFields,
    pub(super) fields: HeaderMap,
    pub(super) payload: Payload,
    pub(super) about: About,
}

/// A peer's request: the TLS peer is known, the rest is not believed yet.
#[derive(Debug)]
pub(super) struct PeerEntered {
    pub(super) peer: NodeId,
    pub(super) parts: Parts,
    pub(super) body: Incoming,
    pub(super) asked: Asked,
    pub(super) about: About,
}

// === impl Asked ===

impl Asked {
    /// Whose member's node answers.
    pub(super) fn provider(&self) -> &SubsystemId {
        match self {
            Self::Service(target) => target.service.subsystem(),
            Self::Metadata { provider, .. } => provider,
        }
    }

    /// Path and query written anew: decision, signature, adapter and evidence share it.
    pub(super) fn request_target(&self) -> String {
        match self {
            Self::Service(target) => target.request_target(),
            Self::Metadata { text, .. } => text.clone(),
        }
    }

    fn from_target(target: Target) -> Result<Self, Refusal> {
        match target {
            Target::Service(target) => Ok(Self::Service(target)),
            Target::Metadata {
                provider,
                call,
                text,
            } => Ok(Self::Metadata {
                provider,
                call,
                text,
            }),
            Target::ListClients { .. } => Err(Refusal::Malformed(TargetError::UnknownPath)),
        }
    }
}

/// Step 1 at the consumer's node.
pub(super) async fn caller(node: &Node, arrival: Arrival) -> Result<Entered, Refused> {
    let mut about = About::new(Side::Consumer);
    let Arrival {
        connection,
        request,
    } = arrival;
    let (parts, body) = request.into_parts();
    let (asked, caller) =
        head(node, &connection, &parts, &mut about).map_err(|refusal| about.refuse(refusal))?;
    if parts.method == Method::CONNECT {
        return Err(about.refuse(Refusal::Request(RequestFault::Method)));
    }
    about.request_id = Some(Uuid::new_v4());
    let message_id = caller.id.clone().unwrap_or_else(|| {
        format!(
            "{}-{}",
            node.settings.node.member().instance(),
            Uuid::new_v4()
        )
    });
    about.message_id = Some(message_id);
    let owner = caller.client.to_string();
    let payload = Payload::collect(body, node.bounds(), &node.room, &owner)
        .await
        .map_err(|error| about.refuse(body_refusal(&error)))?;
    if caller
        .content_digest
        .is_some_and(|digest| digest != *payload.digest())
    {
        return Err(about.refuse(Refusal::Request(RequestFault::DigestDiffers)));
    }
    about.request_size = Some(payload.length());
    let fields = forwardable_request(&parts.headers);
    Ok(Entered {
        method: parts.method,
        asked,
        caller,
        fields,
        payload,
        about,
    })
}

/// The edge rules come before authentication, authentication before anything the caller says is used.
fn head(
    node: &Node,
    connection: &Connection,
    parts: &Parts,
    about: &mut About,
) -> Result<(Asked, CallerFields), Refusal> {
    edge(connection, parts)?;
    let known = node
        .callers
        .authenticate(connection, &parts.headers, node.clock.now_s())?;
    let caller = read_caller_fields(&parts.headers).map_err(Refusal::Field)?;
    owns(&known, &caller.client)?;
    about.client = Some(caller.client.clone());
    let asked = asked(parts)?;
    if let Asked::Service(target) = &asked {
        about.service = Some(target.service.clone());
    }
    Ok((asked, caller))
}

/// What is refused at the edge, before anything else.
pub(super) fn edge(connection: &Connection, parts: &Parts) -> Result<(), Refusal> {
    if connection.suspicion.raised() {
        return Err(Refusal::Field(FieldError::BothFramings));
    }
    if parts.uri.scheme().is_some() || parts.uri.authority().is_some() {
        return Err(Refusal::Malformed(TargetError::NotOriginForm));
    }
    check_edge_fields(&parts.headers).map_err(Refusal::Field)
}

fn asked(parts: &Parts) -> Result<Asked, Refusal> {
    let text = parts.uri.path_and_query().map_or("/", |pq| pq.as_str());
    let target = parse_target(text, &TargetLimits::default()).map_err(Refusal::Malformed)?;
    Asked::from_target(target)
}

/// Step 1 at the provider's node: the TLS peer is a node of the directory.
pub(super) fn peer(node: &Node, arrival: PeerArrival) -> Result<PeerEntered, Refused> {
    let mut about = About::new(Side::Provider);
    let PeerArrival {
        connection,
        request,
    } = arrival;
    let (parts, body) = request.into_parts();
    let result = edge(&connection, &parts)
        .and_then(|()| node.peer_of(&connection))
        .and_then(|peer| asked(&parts).map(|asked| (peer, asked)));
    let (peer, asked) = result.map_err(|refusal| about.refuse(refusal))?;
    if let Asked::Service(target) = &asked {
        about.service = Some(target.service.clone());
    }
    Ok(PeerEntered {
        peer,
        parts,
        body,
        asked,
        about,
    })
}

pub(super) fn body_refusal(error: &PayloadError) -> Refusal {
    match error {
        PayloadError::TooLarge(limit_bytes) => Refusal::Request(RequestFault::BodyTooLarge {
            limit_bytes: *limit_bytes,
        }),
        PayloadError::Cut(_) => Refusal::Request(RequestFault::BodyIncomplete),
        PayloadError::Trailers => Refusal::Field(FieldError::Framing),
        PayloadError::NoRoom => Refusal::Node(NodeFault::Overloaded),
        PayloadError::Spool(_) => Refusal::Node(NodeFault::Internal),
    }
}
