//! How a witness is reached: a node over the node interface, any other at its address over HTTP.

use std::sync::Arc;

use bridge_directory::WitnessPlace;
use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::Asker;
use crate::payload::{Outgoing, Payload};
use crate::peers::{PeerAddress, PeerError, Peers};
use crate::watch::View;

/// Where submissions go.
#[derive(Debug)]
pub(super) enum Way {
    /// To a node: its connection and its name.
    Node(PeerAddress, String),
    /// To a submission prefix.
    Address(String),
}

/// A witness's answer is a few lines: a longer one is none.
const ANSWER_BYTES: usize = 16 * 1024;

// === impl Way ===

impl Way {
    pub(super) fn to(view: &View, place: &WitnessPlace<'_>) -> Option<Self> {
        match place {
            WitnessPlace::Outside(witness) => Some(Self::Address(witness.url.clone())),
            WitnessPlace::Node(id, record) => {
                let addresses = view.addresses(id.member()).into_iter();
                let mut own = addresses.filter(|(address, _)| address.node == *id);
                let (address, _record) = own.next()?;
                Some(Self::Node(address, record.name.clone()))
            }
        }
    }
}

/// Posts a submission; returns the status and the body of the answer.
///
/// # Errors
///
/// What went wrong, in words.
pub(super) async fn submit<L>(
    asker: &Asker<L>,
    way: &Way,
    what: &str,
    body: Bytes,
) -> Result<(u16, Bytes), String> {
    match way {
        Way::Node(address, name) => {
            let post = || request(&format!("/witness/{what}"), name, &body);
            to_node(&asker.peers, address, post).await
        }
        Way::Address(url) => {
            let url = format!("{}/{what}", url.trim_end_matches('/'));
            to_address(asker.web.as_ref(), &url, body).await
        }
    }
}

async fn to_node(
    peers: &Peers,
    address: &PeerAddress,
    post: impl Fn() -> Result<Request<Outgoing>, String>,
) -> Result<(u16, Bytes), String> {
    let failed = |error: PeerError| crate::chain(&error);
    let mut line = peers.line(address).await.map_err(failed)?;
    let mut answered = line.send(post()?).await;
    if let Err(PeerError::Unsent(_)) = &answered {
        line = line.another(peers).await.map_err(failed)?;
        answered = line.send(post()?).await;
    }
    let answer = read(answered.map_err(failed)?).await?;
    peers.keep(line);
    Ok(answer)
}

async fn to_address(
    web: Option<&Arc<ClientConfig>>,
    url: &str,
    body: Bytes,
) -> Result<(u16, Bytes), String> {
    let uri: Uri = url.parse().map_err(|error| format!("{url}: {error}"))?;
    let authority = uri.authority().ok_or("an address without a host")?;
    let secure = uri.scheme_str() == Some("https");
    let port = authority
        .port_u16()
        .unwrap_or(if secure { 443 } else { 80 });
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let request = request(path, authority.as_str(), &body)?;
    let host = authority
        .host()
        .trim_start_matches('[')
        .trim_end_matches(']');
    let stream = TcpStream::connect((host, port))
        .await
        .map_err(|error| error.to_string())?;
    if !secure {
        return talk(stream, request).await;
    }
    let config = web
        .cloned()
        .ok_or("an https address, and witnesses.anchors is not set")?;
    let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
    let stream = TlsConnector::from(config).connect(name, stream).await;
    talk(stream.map_err(|error| error.to_string())?, request).await
}

async fn talk(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Outgoing>,
) -> Result<(u16, Bytes), String> {
    let failed = |error: hyper::Error| error.to_string();
    let opened = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = opened.map_err(failed)?;
    let driver = tokio::spawn(connection);
    let answer = match sender.send_request(request).await {
        Ok(response) => read(response).await,
        Err(error) => Err(failed(error)),
    };
    driver.abort();
    answer
}

fn request(path: &str, host: &str, body: &Bytes) -> Result<Request<Outgoing>, String> {
    Request::post(path)
        .header("host", host)
        .body(Payload::from_bytes(body.clone()).outgoing())
        .map_err(|error| error.to_string())
}

async fn read(response: Response<Incoming>) -> Result<(u16, Bytes), String> {
    let status = response.status().as_u16();
    let body = Limited::new(response.into_body(), ANSWER_BYTES).collect();
    let body = body.await.map_err(|error| error.to_string())?;
    Ok((status, body.to_bytes()))
}
