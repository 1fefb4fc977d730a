//! Listeners: accepting, TLS handshakes, HTTP/1.1 connections, and letting them end.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::framing::{Guarded, Suspicion};
use crate::payload::Outgoing;
use crate::settings::Limits;

/// What is known of a connection before its first request.
#[derive(Debug)]
pub struct Connection {
    /// The other side's certificates, leaf first; none without TLS or without a client certificate.
    pub certificates: Vec<CertificateDer<'static>>,
    /// Where it comes from.
    pub remote: SocketAddr,
    /// Raised when its bytes were framed in two ways.
    pub suspicion: Suspicion,
    /// What was judged of the certificates, once a connection.
    pub peer: crate::node::Judged,
}

/// Answers the requests of one listener.
pub trait Handler: Send + Sync + 'static {
    /// Whether answers without a `Date` get one.
    const ADDS_DATE: bool = true;
    /// The application protocol that the other side must have chosen in the TLS handshake; none if any will do.
    const PROTOCOL: Option<&'static [u8]> = None;

    /// Answers one request; errors are answers too.
    fn handle(
        self: Arc<Self>,
        connection: Arc<Connection>,
        request: Request<Incoming>,
    ) -> impl Future<Output = Response<Outgoing>> + Send;
}

/// What all listeners share.
#[derive(Debug, Clone)]
pub struct House {
    /// Cancelled when the node drains: no new connection, no new request on an old one.
    pub draining: CancellationToken,
    /// Connections and exchanges under way.
    pub tasks: TaskTracker,
    /// Limits of the settings.
    pub limits: Limits,
}

/// Pause after a failed accept, so that a machine out of file descriptors is not spun.
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// A connection to other nodes is not kept longer, so that certificates and the directory are judged anew.
pub const CONNECTION_AGE: Duration = Duration::from_mins(10);

/// Serves one listener until the node drains.
pub async fn serve<H: Handler>(
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    house: House,
    handler: Arc<H>,
) {
    let places = Arc::new(Semaphore::new(house.limits.connections));
    let acceptor = tls.map(TlsAcceptor::from);
    loop {
        let place = tokio::select! {
            () = house.draining.cancelled() => return,
            place = Arc::clone(&places).acquire_owned() => place,
        };
        let accepted = tokio::select! {
            () = house.draining.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let (stream, remote) = match accepted {
            Ok(pair) => pair,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let (house, handler, acceptor) = (house.clone(), Arc::clone(&handler), acceptor.clone());
        house.tasks.clone().spawn(async move {
            connection(stream, remote, acceptor, house, handler).await;
            drop(place);
        });
    }
}

async fn connection<H: Handler>(
    stream: TcpStream,
    remote: SocketAddr,
    acceptor: Option<TlsAcceptor>,
    house: House,
    handler: Arc<H>,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY");
    }
    let Some(acceptor) = acceptor else {
        return requests(stream, Vec::new(), remote, house, handler).await;
    };
    let handshake = tokio::time::timeout(house.limits.handshake_timeout, acceptor.accept(stream));
    match handshake.await {
        // rustls refuses who offers another protocol, not who offers none at all.
        Ok(Ok(tls)) if !speaks(H::PROTOCOL, tls.get_ref().1.alpn_protocol()) => {
            tracing::info!(%remote, "TLS handshake without our application protocol refused");
        }
        Ok(Ok(tls)) => {
            let certificates = tls
                .get_ref()
                .1
                .peer_certificates()
                .map(|list| list.iter().map(|c| c.clone().into_owned()).collect())
                .unwrap_or_default();
            requests(tls, certificates, remote, house, handler).await;
        }
        Ok(Err(error)) => tracing::info!(%remote, %error, "TLS handshake refused"),
        Err(_elapsed) => tracing::info!(%remote, "TLS handshake took too long"),
    }
}

fn speaks(demanded: Option<&[u8]>, chosen: Option<&[u8]>) -> bool {
    demanded.is_none() || demanded == chosen
}

async fn requests<S, H: Handler>(
    stream: S,
    certificates: Vec<CertificateDer<'static>>,
    remote: SocketAddr,
    house: House,
    handler: Arc<H>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (stream, suspicion) = Guarded::new(stream, house.limits.exchange_timeout);
    let info = Arc::new(Connection {
        certificates,
        remote,
        suspicion,
        peer: OnceLock::new(),
    });
    let service = service_fn(move |request| {
        let (handler, info) = (Arc::clone(&handler), Arc::clone(&info));
        async move { Ok::<_, Infallible>(handler.handle(info, request).await) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        // Between nodes every field is signed: nothing may be added on the way out.
        .auto_date_header(H::ADDS_DATE)
        .header_read_timeout(house.limits.head_timeout)
        .max_headers(house.limits.fields)
        .max_buf_size(house.limits.head_bytes)
        // The buffer takes one read more than its size.
        .max_header_size(house.limits.head_bytes)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(served);
    let aged = tokio::time::sleep(CONNECTION_AGE);
    tokio::pin!(aged);
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = house.draining.cancelled() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
        () = aged => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%remote, %error, "connection ended");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::ALPN;

    #[test]
    fn a_demanded_protocol_must_have_been_chosen() {
        assert!(speaks(Some(ALPN), Some(ALPN)));
        assert!(!speaks(Some(ALPN), Some(b"http/1.1")));
        assert!(
            !speaks(Some(ALPN), None),
            "offering none is not speaking ours"
        );
        assert!(speaks(None, None) && speaks(None, Some(b"http/1.1")));
    }
}
