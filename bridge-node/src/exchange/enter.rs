//! Step 1, both ways: the head is judged, the other side is recognised, nothing is believed yet.

use std::sync::{Arc, OnceLock};

use bridge_core::fields::FieldError;
use bridge_core::fields::{
    CallerFields, check_edge_fields, check_travelling_fields, forwardable_request,
    read_caller_fields,
};
use bridge_core::identity::{NodeId, ServiceId, SubsystemId};
use bridge_core::leaf::Side;
use bridge_core::refusal::{NodeFault, Refusal, RequestFault};
use bridge_core::target::{
    MetadataCall, ServiceTarget, Target, TargetError, TargetLimits, parse_target,
};
use http::{Extensions, HeaderMap, Method, Request, Uri, request::Parts};
use hyper::body::Incoming;
use uuid::Uuid;

use super::about::{About, Reader, Refused};
use crate::callers::owns;
use crate::framing::{Doubt, is_malformed};
use crate::gate::Place;
use crate::metrics::Limit;
use crate::node::Node;
use crate::payload::{Payload, PayloadError};
use crate::server::Connection;
use crate::shares::Share;
use crate::watch::View;

/// A request at one of the interfaces.
#[derive(Debug)]
pub struct Arrival {
    /// Its connection.
    pub connection: Arc<Connection>,
    /// The request.
    pub request: Request<Incoming>,
    /// Its place among the exchanges, once it is known whose it is. Whoever waits for the exchange keeps it.
    pub share: Arc<OnceLock<Share>>,
    /// How whoever sent it wants to be told of a refusal.
    pub reader: Reader,
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
    /// The directory by which the peer was recognised: the whole exchange is judged by it.
    pub(super) view: Arc<View>,
    pub(super) parts: Parts,
    pub(super) body: Incoming,
    pub(super) asked: Asked,
    pub(super) about: About,
}

/// The methods that are carried. Standard: X-Road PR-REST §4.1.
const METHODS: [&str; 8] = [
    "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE",
];

// === impl Arrival ===

impl Arrival {
    /// Nothing is known of it yet.
    pub fn new(connection: Arc<Connection>, request: Request<Incoming>, reader: Reader) -> Self {
        Self {
            reader,
            connection,
            request,
            share: Arc::default(),
        }
    }

    /// Finds a place for the exchange before anything is read or a task is begun. On a connection whose party is known the
    /// party's share is judged here too: a flood of one party costs no more than that of all.
    ///
    /// # Errors
    ///
    /// Those of [`Node::admit`] and [`Node::share`].
    pub fn admitted(&self, node: &Node, side: Side) -> Result<Place, Refusal> {
        let admitted = node.admit(side)?;
        if let Some(party) = self.connection.visitor.party() {
            place(node, side, &party, &self.share)?;
        }
        Ok(admitted)
    }
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

    /// The service as leaves and `X-Road-Service` name it. Standard: X-Road PR-MREST §4.
    pub(super) fn service(&self) -> Result<ServiceId, Refusal> {
        let code = match self {
            Self::Service(target) => return Ok(target.service.clone()),
            Self::Metadata { call, .. } => call.code(),
        };
        self.provider()
            .service(code)
            .map_err(|_never| Refusal::Node(NodeFault::Internal))
    }

    /// Path and query written anew: decision, signature, adapter and evidence share it.
    pub(super) fn request_target(&self) -> String {
        match self {
            Self::Service(target) => target.request_target(),
            Self::Metadata { text, .. } => text.clone(),
        }
    }

    pub(super) fn from_target(target: Target) -> Result<Self, Refusal> {
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
            Target::ListClients { .. } | Target::WhoHolds { .. } => {
                Err(Refusal::Malformed(TargetError::UnknownPath))
            }
        }
    }
}

/// Step 1 at the consumer's node.
pub(super) async fn caller(node: &Node, arrival: Arrival) -> Result<Entered, Refused> {
    let Arrival {
        connection,
        request,
        share,
        reader,
    } = arrival;
    let mut about = About::new(Side::Consumer, reader);
    let (parts, body) = request.into_parts();
    let (asked, caller) = head(node, &connection, &share, &parts, &mut about)
        .map_err(|refusal| about.refuse(refusal))?;
    if !METHODS.contains(&parts.method.as_str()) {
        return Err(about.refuse(Refusal::Request(RequestFault::Method)));
    }
    let payload = collect(node, body, caller.client.as_str(), &about)
        .await
        .map_err(|refusal| about.refuse(refusal))?;
    if caller
        .content_digest
        .is_some_and(|digest| digest != *payload.digest())
    {
        return Err(about.refuse(Refusal::Request(RequestFault::DigestDiffers)));
    }
    about.request_size = Some(payload.length());
    let fields = forwardable_request(&parts.headers);
    check_travelling_fields(&fields).map_err(|error| about.refuse(Refusal::Field(error)))?;
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
    share: &OnceLock<Share>,
    parts: &Parts,
    about: &mut About,
) -> Result<(Asked, CallerFields), Refusal> {
    edge(&parts.extensions, &parts.uri, &parts.headers)?;
    let known = node
        .callers
        .authenticate(connection, &parts.headers, node.clock.now_s())?;
    if !connection.visitor.prove(&known.name) {
        node.house.metrics.reached(Limit::Connections);
        return Err(Refusal::Node(NodeFault::Overloaded));
    }
    place(node, Side::Consumer, &known.name, share)?;
    let caller = read_caller_fields(&parts.headers).map_err(Refusal::Field)?;
    owns(&known, &caller.client)?;
    about.client = Some(caller.client.clone());
    // From here on a refusal is journaled, so it has its ids.
    about.request_id = Some(Uuid::new_v4());
    about.message_id = Some(caller.id.clone().unwrap_or_else(|| {
        let instance = node.settings.node.member().instance();
        format!("{instance}-{}", Uuid::new_v4())
    }));
    let asked = asked(parts)?;
    about.service = Some(asked.service()?);
    Ok((asked, caller))
}

/// What is refused at the edge, before anything else.
///
/// # Errors
///
/// [`Refusal::Field`] and [`Refusal::Malformed`] name the rule.
pub fn edge(extensions: &Extensions, uri: &Uri, fields: &HeaderMap) -> Result<(), Refusal> {
    if let Some(Doubt(refusal)) = extensions.get() {
        return Err(refusal.clone());
    }
    if uri.scheme().is_some() || uri.authority().is_some() {
        return Err(Refusal::Malformed(TargetError::NotOriginForm));
    }
    check_edge_fields(fields).map_err(Refusal::Field)
}

fn asked(parts: &Parts) -> Result<Asked, Refusal> {
    let text = parts.uri.path_and_query().map_or("/", |pq| pq.as_str());
    let target = parse_target(text, &TargetLimits::default()).map_err(Refusal::Malformed)?;
    Asked::from_target(target)
}

/// Step 1 at the provider's node: the TLS peer is a node of the directory.
pub(super) fn peer(node: &Node, arrival: Arrival) -> Result<PeerEntered, Refused> {
    let Arrival {
        connection,
        request,
        share,
        reader,
    } = arrival;
    let mut about = About::new(Side::Provider, reader);
    let (parts, body) = request.into_parts();
    let result = edge(&parts.extensions, &parts.uri, &parts.headers)
        .and_then(|()| node.watch.view(node.clock.now_s()))
        .and_then(|view| Ok((node.peer_of(&connection, &view)?, view)))
        .and_then(|(peer, view)| {
            place(node, Side::Provider, peer.member().as_str(), &share)?;
            Ok((peer, view))
        })
        .and_then(|(peer, view)| Ok((peer, view, asked(&parts)?)));
    let (peer, view, asked) = result.map_err(|refusal| about.refuse(refusal))?;
    let service = asked.service().map_err(|refusal| about.refuse(refusal))?;
    about.service = Some(service);
    Ok(PeerEntered {
        peer,
        view,
        parts,
        body,
        asked,
        about,
    })
}

/// Takes a place of the party's share, kept for as long as somebody waits for the exchange; a connection that had proved whose it
/// is took it before anything was read.
fn place(node: &Node, side: Side, party: &str, share: &OnceLock<Share>) -> Result<(), Refusal> {
    if share.get().is_some() {
        return Ok(());
    }
    share
        .set(node.share(side, party)?)
        .map_err(|_twice| Refusal::Node(NodeFault::Internal))
}

/// Reads a request's body: while it comes at the least rate, for as long as it takes.
pub(super) async fn collect(
    node: &Node,
    body: Incoming,
    owner: &str,
    about: &About,
) -> Result<Payload, Refusal> {
    let limit = node.settings.limits.exchange_timeout;
    tokio::select! {
        // A body that is there already needs no timer.
        biased;
        read = Payload::collect(body, node.bounds(true), &node.room, owner, &about.allowance) => {
            read.map_err(|error| body_refusal(&error))
        }
        () = about.allowance.over(limit) => Err(Refusal::Request(RequestFault::BodyIncomplete)),
    }
}

pub(super) fn body_refusal(error: &PayloadError) -> Refusal {
    match error {
        PayloadError::TooLarge(limit_bytes) => Refusal::Request(RequestFault::BodyTooLarge {
            limit_bytes: *limit_bytes,
        }),
        PayloadError::Cut(cause) if is_malformed(cause.as_ref()) => {
            Refusal::Field(FieldError::Framing)
        }
        PayloadError::Cut(_) => Refusal::Request(RequestFault::BodyIncomplete),
        PayloadError::Trailers => Refusal::Field(FieldError::Framing),
        PayloadError::NoRoom
        | PayloadError::NoShare
        | PayloadError::DiskReserve
        | PayloadError::Spool(_) => Refusal::Node(spool_fault(error)),
    }
}

/// Why this node cannot spool a body that is all right.
pub(super) fn spool_fault(error: &PayloadError) -> NodeFault {
    match error {
        PayloadError::NoRoom => NodeFault::SpoolRoom,
        PayloadError::NoShare => NodeFault::SpoolShare,
        PayloadError::DiskReserve => NodeFault::DiskReserve,
        PayloadError::TooLarge(_)
        | PayloadError::Cut(_)
        | PayloadError::Trailers
        | PayloadError::Spool(_) => NodeFault::Internal,
    }
}
