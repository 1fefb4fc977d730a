//! What each listener answers: information systems, other nodes, operators.

use std::sync::Arc;

use bridge_core::leaf::Side;
use bridge_core::refusal::{NodeFault, Refusal};
use bridge_core::target::{Target, TargetLimits, parse_target};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, Request, Response};
use hyper::body::Incoming;

use crate::contracts;
use crate::exchange::{
    About, Arrival, Reader, Refused, Reply, answer_published, edge, inbound, outbound,
    refuse_caller, refuse_peer,
};
use crate::framing::Doubt;
use crate::gate::Place;
use crate::metrics;
use crate::node::Node;
use crate::payload::{Outgoing, Payload};
use crate::receipts;
use crate::server::{Connection, Handler};
use crate::stamping;
use crate::witness;

mod log;
mod ready;

use log::log_file;
pub use ready::own_reasons;

/// The consumer interface.
#[derive(Debug)]
pub struct ConsumerInterface(pub Arc<Node>);

/// The node interface: exchanges and the journal's public files.
#[derive(Debug)]
pub struct NodeInterface(pub Arc<Node>);

/// `live`, `ready` and `metrics`.
#[derive(Debug)]
pub struct Health(pub Arc<Node>);

const LOG_PREFIX: &str = "/log/";
const WITNESS_PREFIX: &str = "/witness/";
const LIST_CLIENTS: &str = "/listClients";
const WHO_HOLDS: &str = "/whoHolds";

impl Handler for ConsumerInterface {
    async fn handle(
        self: Arc<Self>,
        connection: Arc<Connection>,
        request: Request<Incoming>,
    ) -> Response<Outgoing> {
        let node = Arc::clone(&self.0);
        recognise(&node, &connection, &request);
        let reader = Reader::of(&node.settings, request.headers());
        let text = request.uri().path_and_query().map_or("/", |pq| pq.as_str());
        let reply = if text.starts_with(receipts::PATH) {
            match receipts::give(&node, &connection, &request, reader).await {
                Ok(reply) => reply,
                Err(refused) => refuse_caller(&node, refused).await,
            }
        } else if request.method() == Method::GET
            // Every other target is read once, by its exchange.
            && [LIST_CLIENTS, WHO_HOLDS].iter().any(|own| text.starts_with(own))
            && let Ok(target @ (Target::ListClients { .. } | Target::WhoHolds { .. })) =
                parse_target(text, &TargetLimits::default())
        {
            match published(&node, &connection, &request, &target) {
                Ok(reply) => reply,
                Err(refused) => refuse_caller(&node, refused).await,
            }
        } else {
            let arrival = Arrival::new(connection, request, reader);
            match arrival.admitted(&node, Side::Consumer) {
                // A task of its own: the exchange ends as it must even if the caller has gone. Boxed, because each layer
                // around a task moves it once more.
                Ok(place) => {
                    let task = node.house.tasks.spawn(Box::pin(run_outbound(
                        node.clone(),
                        arrival,
                        place,
                    )));
                    match task.await {
                        Ok(reply) => reply,
                        Err(_panicked) => {
                            refuse_caller(&node, internal(Side::Consumer, reader)).await
                        }
                    }
                }
                Err(refusal) => {
                    refuse_caller(&node, About::new(Side::Consumer, reader).refuse(refusal)).await
                }
            }
        };
        finish(&node, reply)
    }

    fn party(&self, connection: &Connection) -> Option<String> {
        let now_s = self.0.clock.now_s();
        let caller = self.0.callers.of_certificate(connection, now_s);
        caller.ok().map(|caller| caller.name.clone())
    }
}

/// Who asks first on a connection is recognised before there is a place for it: a caller that is refused for want of places, or
/// that asks for no exchange, is no stranger. Every request is authenticated by itself all the same.
fn recognise(node: &Node, connection: &Connection, request: &Request<Incoming>) {
    let fields = request.headers();
    if connection.visitor.party().is_some()
        || edge(request.extensions(), request.uri(), fields).is_err()
    {
        return;
    }
    if let Ok(caller) = node.callers.find(connection, fields, node.clock.now_s()) {
        // One connection more than its share stays a stranger's; an exchange on it is refused.
        connection.visitor.prove(&caller.name);
    }
}

async fn run_outbound(node: Arc<Node>, arrival: Arrival, _place: Place) -> Reply {
    // Kept until the exchange has ended.
    let _share = Arc::clone(&arrival.share);
    let reader = arrival.reader;
    let refused = tokio::select! {
        ended = outbound(&node, arrival) => match ended {
            Ok(reply) => return reply,
            Err(refused) => refused,
        },
        () = node.house.ended.cancelled() => interrupted(Side::Consumer, reader),
    };
    refuse_caller(&node, refused).await
}

/// The exchange is dropped where it stands; its `interrupted` leaf is written when all are.
fn interrupted(side: Side, reader: Reader) -> Refused {
    About::new(side, reader).refuse(Refusal::Node(NodeFault::Interrupted))
}

/// What the node answers from the published files, without an exchange.
fn published(
    node: &Node,
    connection: &Connection,
    request: &Request<Incoming>,
    target: &Target,
) -> Result<Reply, Refused> {
    let now_s = node.clock.now_s();
    let reader = Reader::of(&node.settings, request.headers());
    edge(request.extensions(), request.uri(), request.headers())
        .and_then(|()| {
            node.callers
                .authenticate(connection, request.headers(), now_s)
        })
        .and_then(|_caller| node.watch.view(now_s))
        .and_then(|view| answer_published(&view, target))
        .map_err(|refusal| About::new(Side::Consumer, reader).refuse(refusal))
}

impl Handler for NodeInterface {
    const ADDS_DATE: bool = false;
    const PROTOCOL: Option<&'static [u8]> = Some(crate::tls::ALPN);
    const HTTP_10: bool = false;

    async fn handle(
        self: Arc<Self>,
        connection: Arc<Connection>,
        request: Request<Incoming>,
    ) -> Response<Outgoing> {
        let node = Arc::clone(&self.0);
        let reader = Reader::of(&node.settings, request.headers());
        let reply = if request.uri().path().starts_with(LOG_PREFIX) {
            log_file(&node, &connection, &request).await
        } else if let Some(path) = request.uri().path().strip_prefix(WITNESS_PREFIX) {
            let path = path.to_owned();
            witness::answer(&node, &connection, request, &path).await
        } else if request.uri().path() == contracts::PATH {
            contracts::answer(&node, &connection, request).await
        } else {
            let arrival = Arrival::new(connection, request, reader);
            match arrival.admitted(&node, Side::Provider) {
                Ok(place) => {
                    let task =
                        node.house
                            .tasks
                            .spawn(Box::pin(run_inbound(node.clone(), arrival, place)));
                    match task.await {
                        Ok(reply) => reply,
                        Err(_panicked) => {
                            refuse_peer(&node, internal(Side::Provider, reader)).await
                        }
                    }
                }
                Err(refusal) => {
                    refuse_peer(&node, About::new(Side::Provider, reader).refuse(refusal)).await
                }
            }
        };
        finish(&node, reply)
    }

    fn cut(&self, connection: &Connection) -> impl Future<Output = ()> + Send {
        self.0.until_revoked(connection)
    }

    fn party(&self, connection: &Connection) -> Option<String> {
        let view = self.0.watch.view(self.0.clock.now_s()).ok()?;
        let peer = self.0.known_peer(connection, &view)?;
        Some(peer.member().to_string())
    }
}

async fn run_inbound(node: Arc<Node>, arrival: Arrival, _place: Place) -> Reply {
    // Kept until the exchange has ended.
    let _share = Arc::clone(&arrival.share);
    let reader = arrival.reader;
    node.settle_peer(&arrival.connection).await;
    let refused = tokio::select! {
        ended = inbound(&node, arrival) => match ended {
            Ok(reply) => return reply,
            Err(refused) => refused,
        },
        () = node.house.ended.cancelled() => interrupted(Side::Provider, reader),
    };
    refuse_peer(&node, refused).await
}

impl Handler for Health {
    async fn handle(
        self: Arc<Self>,
        _connection: Arc<Connection>,
        request: Request<Incoming>,
    ) -> Response<Outgoing> {
        let reply = match request.uri().path() {
            _ if request.extensions().get::<Doubt>().is_some() => status(400),
            "/live" => json(200, &serde_json::json!({ "live": true })),
            "/ready" => {
                let services = self.0.registries.troubles().await;
                let reasons = ready::unready(&self.0, &services);
                let status = if reasons.is_empty() { 200 } else { 503 };
                let mut told = serde_json::json!({
                    "ready": reasons.is_empty(), "reasons": reasons, "time_stamps": stamping::words(&self.0),
                });
                ready::add(&self.0, &services, &mut told);
                json(status, &told)
            }
            "/metrics" => match metrics::text(&self.0).await {
                Ok(text) => body(200, metrics::MEDIA_TYPE, Bytes::from(text)),
                Err(std::fmt::Error) => status(500),
            },
            _ => status(404),
        };
        finish(&self.0, reply)
    }
}

/// A draining node says on every answer that the connection ends with it.
fn finish(node: &Node, reply: Reply) -> Response<Outgoing> {
    let mut response = reply.into_response();
    if node.house.draining.is_cancelled() {
        response
            .headers_mut()
            .insert("connection", HeaderValue::from_static("close"));
    }
    response
}

/// A step panicked: what it knew is lost.
fn internal(side: Side, reader: Reader) -> Refused {
    About::new(side, reader).refuse(Refusal::Node(NodeFault::Internal))
}

/// An answer of a status alone.
pub(crate) fn status(status: u16) -> Reply {
    Reply {
        status,
        fields: HeaderMap::new(),
        payload: Payload::from_bytes(Bytes::new()),
    }
}

fn json(status: u16, value: &serde_json::Value) -> Reply {
    let text = Bytes::from(value.to_string());
    body(status, "application/json; charset=utf-8", text)
}

/// An answer of bytes of one type.
pub(crate) fn body(status: u16, media_type: &'static str, bytes: Bytes) -> Reply {
    let mut fields = HeaderMap::new();
    fields.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    Reply {
        status,
        fields,
        payload: Payload::from_bytes(bytes),
    }
}
