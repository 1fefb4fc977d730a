//! What each listener answers: information systems, other nodes, operators.

use std::sync::Arc;

use bridge_core::leaf::Side;
use bridge_core::refusal::{NodeFault, Refusal};
use bridge_core::target::{Target, TargetLimits, parse_target};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, Request, Response};
use hyper::body::Incoming;

use crate::exchange::{
    About, Arrival, Refused, Reply, edge, inbound, list_clients, outbound, refuse_caller,
    refuse_peer,
};
use crate::node::Node;
use crate::payload::{Outgoing, Payload};
use crate::server::{Connection, Handler};

/// The consumer interface.
#[derive(Debug)]
pub struct ConsumerInterface(pub Arc<Node>);

/// The node interface: exchanges and the journal's public files.
#[derive(Debug)]
pub struct NodeInterface(pub Arc<Node>);

/// `live` and `ready`.
#[derive(Debug)]
pub struct Health(pub Arc<Node>);

const LOG_PREFIX: &str = "/log/";
const LIST_CLIENTS: &str = "/listClients";

impl Handler for ConsumerInterface {
    async fn handle(
        self: Arc<Self>,
        connection: Arc<Connection>,
        request: Request<Incoming>,
    ) -> Response<Outgoing> {
        let node = Arc::clone(&self.0);
        let suspicion = connection.suspicion.clone();
        let text = request.uri().path_and_query().map_or("/", |pq| pq.as_str());
        let reply = if request.method() == Method::GET
            // Every other target is read once, by its exchange.
            && text.starts_with(LIST_CLIENTS)
            && let Ok(Target::ListClients { instance }) =
                parse_target(text, &TargetLimits::default())
        {
            match clients(&node, &connection, &request, instance.as_deref()) {
                Ok(reply) => reply,
                Err(refused) => refuse_caller(&node, refused).await,
            }
        } else {
            // A task of its own: the exchange ends as it must even if the caller has gone. Boxed, because each layer
            // around a task moves it once more.
            let task = node.house.tasks.spawn(Box::pin(run_outbound(
                node.clone(),
                Arrival {
                    connection,
                    request,
                },
            )));
            task.await
                .unwrap_or_else(|_panicked| internal(Side::Consumer))
        };
        // Asked again at the end: it may be the body that was malformed.
        finish(reply, suspicion.raised())
    }
}

async fn run_outbound(node: Arc<Node>, arrival: Arrival) -> Reply {
    let [place, _] = &node.places;
    let refused = match Arc::clone(place).try_acquire_owned() {
        Ok(_place) => match outbound(&node, arrival).await {
            Ok(reply) => return reply,
            Err(refused) => refused,
        },
        Err(_full) => About::new(Side::Consumer).refuse(Refusal::Node(NodeFault::Overloaded)),
    };
    refuse_caller(&node, refused).await
}

fn clients(
    node: &Node,
    connection: &Connection,
    request: &Request<Incoming>,
    instance: Option<&str>,
) -> Result<Reply, Refused> {
    let now_s = node.clock.now_s();
    edge(connection, request.uri(), request.headers())
        .and_then(|()| {
            node.callers
                .authenticate(connection, request.headers(), now_s)
        })
        .and_then(|_caller| node.watch.view(now_s))
        .map(|view| list_clients(view.directory(), instance))
        .map_err(|refusal| About::new(Side::Consumer).refuse(refusal))
}

impl Handler for NodeInterface {
    const ADDS_DATE: bool = false;
    const PROTOCOL: Option<&'static [u8]> = Some(crate::tls::ALPN);

    async fn handle(
        self: Arc<Self>,
        connection: Arc<Connection>,
        request: Request<Incoming>,
    ) -> Response<Outgoing> {
        let node = Arc::clone(&self.0);
        let suspicion = connection.suspicion.clone();
        let reply = if request.uri().path().starts_with(LOG_PREFIX) {
            log_file(&node, &connection, &request).await
        } else {
            let task = node.house.tasks.spawn(Box::pin(run_inbound(
                node.clone(),
                Arrival {
                    connection,
                    request,
                },
            )));
            task.await
                .unwrap_or_else(|_panicked| internal(Side::Provider))
        };
        finish(reply, suspicion.raised())
    }
}

async fn run_inbound(node: Arc<Node>, arrival: Arrival) -> Reply {
    let [_, place] = &node.places;
    let refused = match Arc::clone(place).try_acquire_owned() {
        Ok(_place) => match inbound(&node, arrival).await {
            Ok(reply) => return reply,
            Err(refused) => refused,
        },
        Err(_full) => About::new(Side::Provider).refuse(Refusal::Node(NodeFault::Overloaded)),
    };
    refuse_peer(&node, refused).await
}

/// Checkpoint, tiles and entries, to any node of the directory. Standard: C2SP tlog-tiles.
async fn log_file(node: &Node, connection: &Connection, request: &Request<Incoming>) -> Reply {
    let refuse = |refusal| About::new(Side::Provider).refuse(refusal);
    let known = edge(connection, request.uri(), request.headers())
        .and_then(|()| node.watch.view(node.clock.now_s()))
        .and_then(|view| node.peer_of(connection, &view));
    if let Err(refusal) = known {
        return refuse_peer(node, refuse(refusal)).await;
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
            let mut fields = HeaderMap::new();
            fields.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
            Reply {
                status: 200,
                fields,
                payload: Payload::from_bytes(bytes),
            }
        }
        Ok(Ok(None)) => status(404),
        Ok(Err(error)) => {
            tracing::error!(error = %crate::chain(&error), "a log file cannot be read");
            refuse_peer(node, refuse(Refusal::Node(NodeFault::Journal))).await
        }
        Err(_panicked) => internal(Side::Provider),
    }
}

impl Handler for Health {
    async fn handle(
        self: Arc<Self>,
        _connection: Arc<Connection>,
        request: Request<Incoming>,
    ) -> Response<Outgoing> {
        let reply = match request.uri().path() {
            "/live" => json(200, &serde_json::json!({ "live": true })),
            "/ready" => {
                let reasons = unready(&self.0).await;
                let status = if reasons.is_empty() { 200 } else { 503 };
                json(
                    status,
                    &serde_json::json!({ "ready": reasons.is_empty(), "reasons": reasons }),
                )
            }
            _ => status(404),
        };
        finish(reply, false)
    }
}

/// Why the node should get no new work; empty if it is ready.
pub async fn unready(node: &Node) -> Vec<String> {
    let mut reasons = Vec::new();
    if node.house.draining.is_cancelled() {
        reasons.push("the node is draining".to_owned());
    }
    if let Err(refusal) = node.watch.view(node.clock.now_s()) {
        let why = node
            .watch
            .fault()
            .map(|fault| format!(" ({fault})"))
            .unwrap_or_default();
        reasons.push(format!("{refusal}{why}"));
    }
    if let Some(fault) = node.journal_fault.get() {
        reasons.push(format!("the journal cannot be written: {fault}"));
    }
    reasons.extend(node.forgotten.clone());
    for (service, reason) in node.registries.unready().await {
        reasons.push(format!("{service}: {reason}"));
    }
    reasons
}

fn finish(reply: Reply, close: bool) -> Response<Outgoing> {
    let mut response = reply.into_response();
    if close {
        response
            .headers_mut()
            .insert("connection", HeaderValue::from_static("close"));
    }
    response
}

fn internal(side: Side) -> Reply {
    let code = Refusal::Node(NodeFault::Internal).code(side);
    let mut reply = json(
        500,
        &serde_json::json!({ "type": code, "message": "This node failed.", "detail": "" }),
    );
    reply
        .fields
        .insert("x-road-error", HeaderValue::from_static(code));
    reply
}

fn status(status: u16) -> Reply {
    Reply {
        status,
        fields: HeaderMap::new(),
        payload: Payload::from_bytes(Bytes::new()),
    }
}

fn json(status: u16, value: &serde_json::Value) -> Reply {
    let mut fields = HeaderMap::new();
    fields.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/json; charset=utf-8"),
    );
    Reply {
        status,
        fields,
        payload: Payload::from_bytes(Bytes::from(value.to_string())),
    }
}
