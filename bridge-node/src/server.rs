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
use rustix::net::sockopt::set_tcp_quickack;
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::framing::Guarded;
use crate::lobby::{Lobby, Visitor};
use crate::log_share::LogShare;
use crate::metrics::{Limit, Metrics};
use crate::own::Shown;
use crate::payload::Outgoing;
use crate::settings::Limits;

/// What is known of a connection before its first request.
#[derive(Debug)]
pub struct Connection {
    /// The other side's certificates, leaf first; none without TLS or without a client certificate.
    pub certificates: Vec<CertificateDer<'static>>,
    /// Where it comes from.
    pub remote: SocketAddr,
    /// Its place at the listener.
    pub visitor: Arc<Visitor>,
    /// What was judged of the certificates, once a connection.
    pub peer: crate::node::Judged,
}

/// Answers the requests of one listener.
pub trait Handler: Send + Sync + 'static {
    /// Whether answers without a `Date` get one.
    const ADDS_DATE: bool = true;
    /// The application protocol that the other side must have chosen in the TLS handshake; none if any will do.
    const PROTOCOL: Option<&'static [u8]> = None;
    /// Whether HTTP/1.0 is answered as well.
    const HTTP_10: bool = true;

    /// Whose connection it is, if the handshake has proved it.
    fn party(&self, _connection: &Connection) -> Option<String> {
        None
    }

    /// Ends when the connection may not go on, whatever is under way on it.
    fn cut(&self, _connection: &Connection) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }

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
    /// Cancelled when draining has taken too long: exchanges end where they stand.
    pub ended: CancellationToken,
    /// Connections and exchanges under way.
    pub tasks: TaskTracker,
    /// Limits of the settings.
    pub limits: Limits,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Log lines about strangers.
    pub stranger_lines: Arc<LogShare>,
}

// === impl House ===

impl House {
    /// Nothing is under way yet.
    pub fn new(limits: Limits, stranger_lines: Arc<LogShare>) -> Self {
        Self {
            draining: CancellationToken::new(),
            ended: CancellationToken::new(),
            tasks: TaskTracker::new(),
            limits,
            metrics: Arc::new(Metrics::new()),
            stranger_lines,
        }
    }
}

/// Pause after a failed accept, so that a machine out of file descriptors is not spun.
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// A connection to other nodes is not kept longer, so that certificates and the directory are judged anew.
pub const CONNECTION_AGE: Duration = Duration::from_mins(10);
/// What the library may hold besides one head. The gate in front of it keeps the limits of heads, and answers for them.
const READ_AHEAD: usize = 16 * 1024;

/// While the node drains, a connection without a request is kept so long.
const LAST_REQUESTS: Duration = Duration::from_secs(1);

/// Serves one listener until the node drains.
pub async fn serve<H: Handler>(
    listener: TcpListener,
    tls: Option<Shown>,
    house: House,
    handler: Arc<H>,
) {
    let lobby = Lobby::new(house.limits.strangers, house.limits.connections);
    loop {
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
        let visitor = tokio::select! {
            () = house.draining.cancelled() => return,
            visitor = lobby.enter(remote.ip()) => Arc::new(visitor),
        };
        let acceptor = tls
            .as_ref()
            .map(|shown| TlsAcceptor::from(shown.load_full()));
        let (house, handler) = (house.clone(), Arc::clone(&handler));
        house.tasks.clone().spawn(async move {
            tokio::select! {
                // What has come is read before anybody is sent out.
                biased;
                () = connection(stream, (remote, Arc::clone(&visitor)), acceptor, house.clone(), handler) => {}
                () = visitor.sent_out() => {
                    house.metrics.reached(Limit::Strangers);
                    if house.stranger_lines.admit() {
                        tracing::info!(%remote, "a stranger's connection was closed for a newer one");
                    }
                }
            }
        });
    }
}

/// Acknowledges the end of a handshake now. No ticket follows it that would carry the acknowledgement, and a caller whose
/// system gathers small packets sends its first request only then: by itself the kernel waits 40 ms.
fn acknowledge(stream: &TcpStream) {
    if let Err(error) = set_tcp_quickack(stream, true) {
        tracing::debug!(%error, "TCP_QUICKACK");
    }
}

async fn connection<H: Handler>(
    stream: TcpStream,
    from: (SocketAddr, Arc<Visitor>),
    acceptor: Option<TlsAcceptor>,
    house: House,
    handler: Arc<H>,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY");
    }
    let Some(acceptor) = acceptor else {
        return requests(stream, Vec::new(), from, house, handler).await;
    };
    let remote = from.0;
    let (lines, metrics) = (
        Arc::clone(&house.stranger_lines),
        Arc::clone(&house.metrics),
    );
    let handshake = tokio::time::timeout(house.limits.handshake_timeout, acceptor.accept(stream));
    match handshake.await {
        // rustls refuses who offers another protocol, not who offers none at all.
        Ok(Ok(tls)) if !speaks(H::PROTOCOL, tls.get_ref().1.alpn_protocol()) => {
            if lines.admit() {
                tracing::info!(%remote, "TLS handshake without our application protocol refused");
            }
        }
        Ok(Ok(tls)) => {
            acknowledge(tls.get_ref().0);
            let certificates = tls
                .get_ref()
                .1
                .peer_certificates()
                .map(|list| list.iter().map(|c| c.clone().into_owned()).collect())
                .unwrap_or_default();
            requests(tls, certificates, from, house, handler).await;
        }
        Ok(Err(error)) => {
            if lines.admit() {
                tracing::info!(%remote, %error, "TLS handshake refused");
            }
        }
        Err(_elapsed) => {
            metrics.reached(Limit::HandshakeSeconds);
            if lines.admit() {
                tracing::info!(%remote, "TLS handshake took too long");
            }
        }
    }
}

fn speaks(demanded: Option<&[u8]>, chosen: Option<&[u8]>) -> bool {
    demanded.is_none() || demanded == chosen
}

async fn requests<S, H: Handler>(
    stream: S,
    certificates: Vec<CertificateDer<'static>>,
    (remote, visitor): (SocketAddr, Arc<Visitor>),
    house: House,
    handler: Arc<H>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let limits = &house.limits;
    let (stream, doubts) = Guarded::new(stream, limits.head_rules(H::HTTP_10), limits.slowest());
    let info = Arc::new(Connection {
        certificates,
        remote,
        visitor,
        peer: OnceLock::new(),
    });
    if let Some(party) = handler.party(&info)
        && !info.visitor.prove(&party)
    {
        house.metrics.reached(Limit::Connections);
        // It costs a member nothing to come again.
        if house.stranger_lines.admit() {
            tracing::warn!(party, "more connections than its share were refused");
        }
        return;
    }
    let (judge, judged) = (Arc::clone(&handler), Arc::clone(&info));
    let cut = judge.cut(&judged);
    tokio::pin!(cut);
    let service = service_fn(move |mut request: Request<Incoming>| {
        if let Some(doubt) = doubts.next() {
            request.extensions_mut().insert(doubt);
        }
        let (handler, info) = (Arc::clone(&handler), Arc::clone(&info));
        async move { Ok::<_, Infallible>(handler.handle(info, request).await) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        // Between nodes every field is signed: nothing may be added on the way out.
        .auto_date_header(H::ADDS_DATE)
        .header_read_timeout(limits.head_timeout)
        .max_headers(limits.fields)
        .max_buf_size(limits.head_bytes.saturating_add(READ_AHEAD))
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(served);
    let last = last_request(&house.draining);
    tokio::pin!(last);
    let mut is_last = false;
    let ended = loop {
        tokio::select! {
            ended = served.as_mut() => break ended,
            // However long its last request takes.
            () = &mut cut => {
                tracing::warn!(%remote, "a connection was closed: the certificate of its other side is revoked");
                return;
            }
            () = &mut last, if !is_last => {
                is_last = true;
                served.as_mut().graceful_shutdown();
            }
        }
    };
    if let Err(error) = ended {
        if error.is_timeout() {
            house.metrics.reached(Limit::HeadSeconds);
        } else if is_late(&error) {
            house.metrics.reached(Limit::Pace);
        }
        tracing::debug!(%remote, %error, "connection ended");
    }
}

/// Whether a connection ended because its other side was too slow.
fn is_late(error: &hyper::Error) -> bool {
    let cause = std::error::Error::source(error);
    cause
        .and_then(|cause| cause.downcast_ref::<std::io::Error>())
        .is_some_and(|cause| cause.kind() == std::io::ErrorKind::TimedOut)
}

/// Ends when a connection takes no request after the one under way: at its age, or some time after draining began, so that
/// a request that was on its way is still told why it is refused.
async fn last_request(draining: &CancellationToken) {
    let drained = async {
        draining.cancelled().await;
        tokio::time::sleep(LAST_REQUESTS).await;
    };
    // Whichever comes first.
    drop(tokio::time::timeout(CONNECTION_AGE, drained).await);
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;
    use tokio::sync::Notify;

    use super::*;
    use crate::tls::ALPN;

    /// Takes one request, answers never, and is cut when it is told.
    #[derive(Default)]
    struct Slow {
        entered: Notify,
        cut: Notify,
    }

    impl Handler for Slow {
        async fn handle(
            self: Arc<Self>,
            _connection: Arc<Connection>,
            _request: Request<Incoming>,
        ) -> Response<Outgoing> {
            self.entered.notify_one();
            std::future::pending().await
        }

        fn cut(&self, _connection: &Connection) -> impl Future<Output = ()> + Send {
            self.cut.notified()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_revoked_peer_is_cut_off_also_while_the_node_drains_and_at_the_connections_age() {
        for drains in [true, false] {
            let house = House::new(Limits::default(), Arc::new(LogShare::new("strangers", 1)));
            let visitor = Arc::new(Lobby::new(1, 1).enter([127, 0, 0, 1].into()).await);
            let from = (([127, 0, 0, 1], 0).into(), visitor);
            let slow = Arc::new(Slow::default());
            let (mut peer, stream) = tokio::io::duplex(1024);
            let served = requests(stream, Vec::new(), from, house.clone(), Arc::clone(&slow));
            let mut served = tokio::spawn(served);
            peer.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
                .await
                .unwrap();
            slow.entered.notified().await;
            let wait = if drains {
                house.draining.cancel();
                LAST_REQUESTS * 2
            } else {
                CONNECTION_AGE * 2
            };
            let goes_on = tokio::time::timeout(wait, &mut served).await;
            assert!(goes_on.is_err(), "the request is still under way");
            slow.cut.notify_one();
            let cut = tokio::time::timeout(CONNECTION_AGE, served).await;
            cut.expect("the connection was cut").unwrap();
        }
    }

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
