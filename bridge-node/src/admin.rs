//! The officers' door: a Unix socket. Reading the journal is itself journaled before anything is shown.
//!
//! Two locks: the kernel says which user is at the other end (only the node's own user and root may connect), and every
//! request is signed by an officer's key that the settings name.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bridge_core::identity::{ServiceId, SubsystemId};
use bridge_core::leaf::{Kind, Leaf, UnixMillis};
use bridge_journal::{Entry, Filter, Shown};
use bridge_signature::{
    Algorithm, Component, Message, Params, RequestView, VerifyingKey, parse_signature,
};
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use tokio::net::{UnixListener, UnixStream};
use uuid::Uuid;

use crate::exchange::Reply;
use crate::node::Node;
use crate::payload::{Outgoing, Payload};
use crate::settings::Officer;

/// The label of an officer's signature.
pub const LABEL: &str = "officer";
/// Its tag.
pub const TAG: &str = "bridge-officer-v1";
/// The name that stands for `@authority` on a socket without one.
pub const AUTHORITY: &str = "admin";
/// An officer's signature counts this long, seconds.
const FRESH_S: u64 = 60;
/// Hits that one search may return.
const MOST_HITS: usize = 10_000;
const DEFAULT_HITS: usize = 100;
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// What an officer's request covers.
pub fn components() -> [Component<'static>; 3] {
    [
        Component::new("@method"),
        Component::new("@request-target"),
        Component::new("@authority"),
    ]
}

/// The parameters of an officer's signature.
pub fn params(officer: &str, now_s: u64, nonce: &[u8; 16]) -> Params {
    Params {
        created: Some(now_s),
        expires: Some(now_s.saturating_add(FRESH_S)),
        nonce: Some(URL_SAFE_NO_PAD.encode(nonce)),
        alg: Some(Algorithm::Ed25519.as_str().to_owned()),
        keyid: Some(officer.to_owned()),
        tag: Some(TAG.to_owned()),
    }
}

/// Binds the socket, readable and writable by this user only.
///
/// # Errors
///
/// The file system's.
pub fn bind(path: &Path) -> std::io::Result<UnixListener> {
    use std::os::unix::fs::PermissionsExt as _;
    match std::fs::remove_file(path) {
        // A socket left by a run that was killed; the journal's lock says that no other node uses this folder.
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Serves the socket until the node drains.
pub async fn serve(listener: UnixListener, node: Arc<Node>) {
    loop {
        let accepted = tokio::select! {
            () = node.house.draining.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let (stream, _) = match accepted {
            Ok(pair) => pair,
            Err(error) => {
                tracing::warn!(%error, "an admin connection could not be accepted");
                tokio::time::sleep(crate::server::ACCEPT_PAUSE).await;
                continue;
            }
        };
        if !may_connect(&stream) {
            tracing::warn!("another user was turned away from the admin socket");
            continue;
        }
        let node = Arc::clone(&node);
        node.house.tasks.clone().spawn(async move {
            let service = service_fn(move |request| {
                let node = Arc::clone(&node);
                async move { Ok::<_, std::convert::Infallible>(answer(&node, request).await) }
            });
            let served = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIMEOUT)
                .keep_alive(false)
                .serve_connection(TokioIo::new(stream), service);
            if let Err(error) = served.await {
                tracing::debug!(%error, "admin connection ended");
            }
        });
    }
}

fn may_connect(stream: &UnixStream) -> bool {
    let own = rustix::process::geteuid().as_raw();
    stream
        .peer_cred()
        .is_ok_and(|peer| peer.uid() == 0 || peer.uid() == own)
}

async fn answer(node: &Arc<Node>, request: Request<Incoming>) -> Response<Outgoing> {
    let (parts, _body) = request.into_parts();
    let target = parts
        .uri
        .path_and_query()
        .map_or("/", |pq| pq.as_str())
        .to_owned();
    let reply = match officer(node, parts.method.as_str(), &target, &parts.headers) {
        Ok(officer) => read(node, officer, &target).await,
        Err(why) => {
            tracing::warn!(why, "an officer's request was refused");
            reply(
                401,
                &json!({ "error": "not an officer of this node", "hint": "sign with --officer-key of a key that [[officers]] names" }),
            )
        }
    };
    reply.into_response()
}

fn officer<'a>(
    node: &'a Node,
    method: &str,
    target: &str,
    fields: &HeaderMap,
) -> Result<&'a Officer, &'static str> {
    let received = parse_signature(fields, LABEL).map_err(|_malformed| "no signature")?;
    if received.covered != components() || received.params.tag.as_deref() != Some(TAG) {
        return Err("not an officer's signature");
    }
    let now_s = node.clock.now_s();
    let created = received.params.created.ok_or("no time")?;
    if created.abs_diff(now_s) > FRESH_S {
        return Err("not fresh");
    }
    let name = received.params.keyid.as_deref().ok_or("no name")?;
    let known = node
        .settings
        .officers
        .iter()
        .find(|o| o.name == name)
        .ok_or("unknown officer")?;
    let view = RequestView {
        method,
        target,
        authority: AUTHORITY,
        scheme: "http",
        fields,
    };
    let base = received
        .base(&Message::Request(view))
        .map_err(|_base| "no signature base")?;
    VerifyingKey::new(Algorithm::Ed25519, &known.public_key)
        .map_err(|_key| "unusable key")?
        .verify(base.bytes(), &received.signature)
        .map_err(|_invalid| "wrong signature")?;
    Ok(known)
}

async fn read(node: &Arc<Node>, officer: &Officer, target: &str) -> Reply {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let pairs = pairs(query);
    if let Some(id) = path.strip_prefix("/show/") {
        let Ok(id) = Uuid::parse_str(id) else {
            return reply(
                400,
                &json!({ "error": "not a request id", "hint": "give the X-Road-Request-Id, a UUID" }),
            );
        };
        return show(node, officer, id).await;
    }
    match (path, filter(&pairs)) {
        ("/search", Ok(filter)) => search(node, officer, query, filter).await,
        ("/search", Err(error)) => reply(400, &json!({ "error": error })),
        _ => reply(404, &json!({ "error": "no such command" })),
    }
}

async fn search(node: &Arc<Node>, officer: &Officer, query: &str, filter: Filter) -> Reply {
    let mark = URL_SAFE_NO_PAD.encode(digest(&SHA256, query.as_bytes()));
    if let Err(reply) = journal_read(node, officer, "search", Some(mark), None).await {
        return reply;
    }
    let journal = node.journal.clone();
    match tokio::task::spawn_blocking(move || journal.search(&filter)).await {
        Ok(Ok(hits)) => {
            let hits: Vec<Value> = hits
                .into_iter()
                .map(|hit| json!({ "index": hit.index, "leaf": leaf_json(&hit.leaf) }))
                .collect();
            reply(200, &json!({ "hits": hits }))
        }
        Ok(Err(error)) => reply(500, &json!({ "error": crate::chain(&error) })),
        Err(_panicked) => reply(500, &json!({ "error": "the search failed" })),
    }
}

async fn show(node: &Arc<Node>, officer: &Officer, id: Uuid) -> Reply {
    if let Err(reply) = journal_read(node, officer, "show", None, Some(id)).await {
        return reply;
    }
    let journal = node.journal.clone();
    match tokio::task::spawn_blocking(move || journal.show(id)).await {
        Ok(Ok(shown)) => {
            let origin = node.journal.origin();
            let records: Vec<Value> = shown
                .iter()
                .map(|record| shown_json(origin, record))
                .collect();
            reply(200, &json!({ "records": records }))
        }
        Ok(Err(error)) => reply(500, &json!({ "error": crate::chain(&error) })),
        Err(_panicked) => reply(500, &json!({ "error": "the record cannot be read" })),
    }
}

/// Whoever reads is read about: the leaf comes first.
async fn journal_read(
    node: &Node,
    officer: &Officer,
    action: &str,
    mark: Option<String>,
    id: Option<Uuid>,
) -> Result<(), Reply> {
    let mut leaf = Leaf::new(Kind::AuditRead, node.clock.now());
    leaf.request_id = id;
    leaf.facts.insert("action".to_owned(), action.to_owned());
    leaf.facts
        .insert("officer".to_owned(), officer.name.clone());
    if let Some(mark) = mark {
        leaf.facts.insert("query".to_owned(), mark);
    }
    match node.journal.record(Entry::of(leaf)).await {
        Ok(receipt) => {
            node.clock.not_before(receipt.time);
            Ok(())
        }
        Err(error) => Err(reply(503, &json!({ "error": crate::chain(&error) }))),
    }
}

fn filter(pairs: &[(String, String)]) -> Result<Filter, String> {
    let mut filter = Filter {
        limit: Some(DEFAULT_HITS),
        ..Filter::default()
    };
    for (name, value) in pairs {
        let wrong = |what: &str| format!("{name}: `{value}` is not {what}");
        match name.as_str() {
            "from" => {
                filter.from = Some(UnixMillis(
                    value.parse().map_err(|_e| wrong("Unix milliseconds"))?,
                ));
            }
            "to" => {
                filter.to = Some(UnixMillis(
                    value.parse().map_err(|_e| wrong("Unix milliseconds"))?,
                ));
            }
            "client" => {
                filter.client = Some(
                    value
                        .parse::<SubsystemId>()
                        .map_err(|_e| wrong("a subsystem"))?,
                );
            }
            "service" => {
                filter.service = Some(
                    value
                        .parse::<ServiceId>()
                        .map_err(|_e| wrong("a service"))?,
                );
            }
            "outcome" => filter.outcome = Some(value.clone()),
            "id" => filter.request_id = Some(value.parse().map_err(|_e| wrong("a UUID"))?),
            "limit" => {
                let limit: usize = value.parse().map_err(|_e| wrong("a number"))?;
                filter.limit = Some(limit.clamp(1, MOST_HITS));
            }
            _ => return Err(format!("{name} is not a filter")),
        }
    }
    Ok(filter)
}

fn pairs(query: &str) -> Vec<(String, String)> {
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| {
            let decode = |text: &str| {
                percent_encoding::percent_decode_str(text)
                    .decode_utf8_lossy()
                    .into_owned()
            };
            (decode(name), decode(value))
        })
        .collect()
}

fn leaf_json(leaf: &Leaf) -> Value {
    let mut bytes = Vec::new();
    match leaf.write(&mut bytes) {
        Ok(()) => serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        Err(_unwritable) => Value::Null,
    }
}

fn shown_json(origin: &str, record: &Shown) -> Value {
    let evidence = record.evidence.as_ref().map(|evidence| {
        let body = match std::str::from_utf8(&evidence.body) {
            Ok(text) => json!({ "text": text }),
            Err(_binary) => json!({ "base64": STANDARD.encode(&evidence.body) }),
        };
        json!({
            "signature_base": String::from_utf8_lossy(&evidence.base),
            "signature": STANDARD.encode(&evidence.signature),
            "body": body,
        })
    });
    json!({
        "index": record.index,
        "leaf": serde_json::from_slice::<Value>(&record.leaf_bytes).unwrap_or(Value::Null),
        "receipt": format!("{origin}#{}:{}", record.index, URL_SAFE_NO_PAD.encode(record.leaf_hash)),
        "evidence": evidence,
    })
}

fn reply(status: u16, value: &Value) -> Reply {
    Reply {
        status,
        fields: HeaderMap::new(),
        payload: Payload::from_bytes(Bytes::from(value.to_string())),
    }
}
