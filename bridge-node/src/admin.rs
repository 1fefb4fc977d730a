//! The officers' door: a Unix socket. Reading the journal is itself journaled before anything is shown; an order is in
//! force when its leaf is durable.
//!
//! Two locks: the kernel says which user is at the other end (only the node's own user and root may connect), and every
//! request is signed by an officer's key that the settings name.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bridge_signature::{
    Algorithm, Component, Message, Params, RequestView, VerifyingKey, content_digest_of,
    parse_content_digest, parse_signature,
};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Value, json};
use tokio::net::{UnixListener, UnixStream};

use crate::exchange::Reply;
use crate::node::Node;
use crate::payload::{Outgoing, Payload};
use crate::settings::Officer;

mod contracts;
mod orders;
mod probing;
mod publications;
mod reading;

/// The label of an officer's signature.
pub const LABEL: &str = "officer";
/// Its tag.
pub const TAG: &str = "bridge-officer-v1";
/// The name that stands for `@authority` on a socket without one.
pub const AUTHORITY: &str = "admin";
/// An officer's signature counts this long, seconds.
const FRESH_S: u64 = 60;
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// What an officer's request covers: with a body, its digest too.
pub fn components(has_body: bool) -> Vec<Component<'static>> {
    let mut components = vec![
        Component::new("@method"),
        Component::new("@request-target"),
        Component::new("@authority"),
    ];
    if has_body {
        components.push(Component::new("content-digest"));
    }
    components
}

/// An officer who signed a request, and the signature.
struct Signed<'a> {
    officer: &'a Officer,
    base: Vec<u8>,
    signature: Vec<u8>,
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
    let (parts, body) = request.into_parts();
    let target = parts
        .uri
        .path_and_query()
        .map_or("/", |pq| pq.as_str())
        .to_owned();
    let signed = officer(node, parts.method.as_str(), &target, &parts.headers);
    let reply = match (signed, &parts.method) {
        (Ok(signed), &Method::GET) => reading::read(node, signed.officer, &target).await,
        (Ok(signed), &Method::POST) if target == "/orders" => {
            orders::give(node, signed, &parts.headers, body).await
        }
        (Ok(signed), &Method::POST) if target == "/contracts" => {
            contracts::give(node, signed, &parts.headers, body).await
        }
        (Ok(signed), &Method::POST) if target == "/publications" => {
            publications::give(node, signed, &parts.headers, body).await
        }
        (Ok(_), _) => no_such_command(),
        (Err(why), _) => {
            tracing::warn!(why, "an officer's request was refused");
            reply(
                401,
                &json!({ "error": "not an officer of this node", "hint": "sign with --officer-key of a key that [[officers]] names" }),
            )
        }
    };
    reply.into_response()
}

/// The body that an officer signed, or what is answered instead; `what` names it.
async fn signed_body(
    fields: &HeaderMap,
    body: Incoming,
    (most, what): (usize, &str),
) -> Result<Bytes, Reply> {
    let Ok(body) = Limited::new(body, most).collect().await else {
        let error = format!("the {what} is too long");
        return Err(reply(413, &json!({ "error": error })));
    };
    let body = body.to_bytes();
    if parse_content_digest(fields).ok() == Some(content_digest_of(&body)) {
        return Ok(body);
    }
    let error = "the body is not the one that was signed";
    Err(reply(400, &json!({ "error": error })))
}

fn officer<'a>(
    node: &'a Node,
    method: &str,
    target: &str,
    fields: &HeaderMap,
) -> Result<Signed<'a>, &'static str> {
    let received = parse_signature(fields, LABEL).map_err(|_malformed| "no signature")?;
    let covered = components(method != Method::GET);
    if received.covered != covered || received.params.tag.as_deref() != Some(TAG) {
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
    Ok(Signed {
        officer: known,
        base: base.bytes().to_vec(),
        signature: received.signature.clone(),
    })
}

fn no_such_command() -> Reply {
    reply(404, &json!({ "error": "no such command" }))
}

fn reply(status: u16, value: &Value) -> Reply {
    Reply {
        status,
        fields: HeaderMap::new(),
        payload: Payload::from_bytes(Bytes::from(value.to_string())),
    }
}
