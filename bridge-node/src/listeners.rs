//! What each listener answers: information systems, other nodes, operators.

use std::sync::Arc;

use bridge_core::leaf::Side;
use bridge_core::refusal::{NodeFault, Refusal};
use bridge_core::target::{Target, TargetLimits, parse_target};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, Request, Response};
use hyper::body::Incoming;

use crate::concerned;
use crate::exchange::{
    About, Arrival, Reader, Refused, Reply, edge, inbound, list_clients, outbound, refuse_caller,
    refuse_peer,
};
use crate::framing::Doubt;
use crate::gate::Place;
use crate::metrics;
use crate::node::Node;
use crate::orders::both_clocks;
use crate::payload::{Outgoing, Payload};
use crate::receipts;
use crate::server::{Connection, Handler};
use crate::witness;

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

impl Handler for ConsumerInterface {
    async fn handle(
        self: Arc<Self>,
        connection: Arc<Connection>,
        request: Request<Incoming>,
    ) -> Response<Outgoing> {
        let node = Arc::clone(&self.0);
        let reader = Reader::of(&node.settings, request.headers());
        let text = request.uri().path_and_query().map_or("/", |pq| pq.as_str());
        let reply = if text.starts_with(receipts::PATH) {
            match receipts::give(&node, &connection, &request, reader).await {
                Ok(reply) => reply,
                Err(refused) => refuse_caller(&node, refused).await,
            }
        } else if request.method() == Method::GET
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
            let arrival = Arrival::new(connection, request, reader);
            match node.admit(Side::Consumer) {
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

fn clients(
    node: &Node,
    connection: &Connection,
    request: &Request<Incoming>,
    instance: Option<&str>,
) -> Result<Reply, Refused> {
    let now_s = node.clock.now_s();
    let reader = Reader::of(&node.settings, request.headers());
    edge(request.extensions(), request.uri(), request.headers())
        .and_then(|()| {
            node.callers
                .authenticate(connection, request.headers(), now_s)
        })
        .and_then(|_caller| node.watch.view(now_s))
        .map(|view| list_clients(view.directory(), instance))
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
        } else {
            let arrival = Arrival::new(connection, request, reader);
            match node.admit(Side::Provider) {
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

    fn party(&self, connection: &Connection) -> Option<String> {
        let view = self.0.watch.view(self.0.clock.now_s()).ok()?;
        let peer = self.0.peer_of(connection, &view).ok()?;
        Some(peer.member().to_string())
    }
}

async fn run_inbound(node: Arc<Node>, arrival: Arrival, _place: Place) -> Reply {
    // Kept until the exchange has ended.
    let _share = Arc::clone(&arrival.share);
    let reader = arrival.reader;
    let refused = tokio::select! {
        ended = inbound(&node, arrival) => match ended {
            Ok(reply) => return reply,
            Err(refused) => refused,
        },
        () = node.house.ended.cancelled() => interrupted(Side::Provider, reader),
    };
    refuse_peer(&node, refused).await
}

/// Checkpoint, tiles and entries, to any node of the directory; leaves with proofs, to whom they concern.
///
/// Standard: C2SP tlog-tiles.
async fn log_file(node: &Node, connection: &Connection, request: &Request<Incoming>) -> Reply {
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
                let reasons = unready(&self.0).await;
                let status = if reasons.is_empty() { 200 } else { 503 };
                let mut told =
                    serde_json::json!({ "ready": reasons.is_empty(), "reasons": reasons });
                add_orders(&self.0, &mut told);
                add_alarms(&self.0, &mut told);
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

/// Why the node should get no new work; empty if it is ready.
pub async fn unready(node: &Node) -> Vec<String> {
    let mut reasons = own_reasons(node);
    for (service, reason) in node.registries.unready().await {
        reasons.push(format!("{service}: {reason}"));
    }
    reasons
}

/// Why the node itself, whatever its registries say, should get no new work.
pub fn own_reasons(node: &Node) -> Vec<String> {
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
    if !node.disk.grants(0) {
        reasons.push(Refusal::Node(NodeFault::DiskReserve).to_string());
    }
    if let Some(behind_ms) = node.clock.behind_ms() {
        reasons.push(format!(
            "the clock is {} s behind the journal's newest leaf: set it right, or, if it is, start once with --trust-clock",
            behind_ms / 1000
        ));
    }
    if let Err(refusal) = node.cosigning.check(node.clock.now()) {
        reasons.push(refusal.to_string());
    }
    reasons.extend(contradicted(node));
    reasons.extend(node.forgotten.clone());
    if let Some(met) = node.orders.standing().maintenance(None, node.clock.now()) {
        let until = both_clocks(met.window.until);
        reasons.push(format!("the node is in maintenance until {until}"));
    }
    reasons
}

/// More witnesses than may lie hold another head of this node's journal.
fn contradicted(node: &Node) -> Option<String> {
    let names = node.cosigning.contradicting();
    let view = node.watch.newest()?;
    let own = view.directory().node(&node.settings.node)?;
    let faulty = own.witnessing.as_ref()?.faulty as usize;
    (names.len() > faulty).then(|| {
        format!(
            "witnesses hold another head of this journal, so another node writes it or its data is old: {}",
            names.join(", ")
        )
    })
}

/// What officers ordered and which logs forked, for information: a node with stops is ready for the rest.
fn add_orders(node: &Node, told: &mut serde_json::Value) {
    let standing = node.orders.standing();
    let stopped: Vec<String> = standing
        .stops()
        .map(|(target, _)| target.to_string())
        .collect();
    let own = node.settings.node.to_string();
    let maintenance: Vec<String> = standing
        .announced(node.clock.now())
        .map(|one| one.words(&own))
        .collect();
    let lists = [
        ("stopped", stopped),
        ("maintenance", maintenance),
        ("forked_logs", node.witness.forked()),
    ];
    for (name, list) in lists {
        if !list.is_empty() {
            told[name] = list.into();
        }
    }
}

/// What is wrong with others, for information: no peer can make this node look as if it were not ready.
fn add_alarms(node: &Node, told: &mut serde_json::Value) {
    let faults = node.receipts.standing().faults;
    let words: Vec<String> = faults
        .iter()
        .map(|(origin, alarm)| alarm.words(origin))
        .collect();
    if !words.is_empty() {
        told["alarms"] = words.into();
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

fn status(status: u16) -> Reply {
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

fn body(status: u16, media_type: &'static str, bytes: Bytes) -> Reply {
    let mut fields = HeaderMap::new();
    fields.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    Reply {
        status,
        fields,
        payload: Payload::from_bytes(bytes),
    }
}
