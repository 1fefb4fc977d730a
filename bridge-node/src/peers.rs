//! Connections to other nodes: opened when needed, kept a while, never shared between two requests at once.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use bridge_certs::{Issuance, Trust};
use bridge_core::identity::NodeId;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::pki_types::{ServerName, UnixTime};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::pace::{Paced, Slowest};
use crate::payload::Outgoing;
use crate::server::CONNECTION_AGE;
use crate::settings::Limits;
use crate::status::Statuses;
use crate::tls::{PeerVerifier, TlsError, TlsIdentity, peer_client, peer_of};
use crate::watch::decode_pin;

/// Where a node is reached and by which keys it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerAddress {
    /// The node.
    pub node: NodeId,
    /// `host:port`.
    pub address: String,
    /// SHA-256 of the public keys of its TLS certificate, current and next.
    pub pins: Vec<[u8; 32]>,
}

impl PeerAddress {
    /// The address of a node as the directory lists it.
    pub fn of(node: NodeId, listed: &bridge_directory::Node) -> Self {
        let pins = listed.tls_pins.iter();
        Self {
            node,
            address: listed.address.clone(),
            pins: pins.filter_map(|pin| decode_pin(pin)).collect(),
        }
    }
}

/// All connections of this node to others.
#[derive(Debug)]
pub struct Peers {
    identity: ArcSwap<TlsIdentity>,
    trust: Arc<Trust>,
    status: Option<Arc<Statuses>>,
    idle: Mutex<HashMap<NodeId, Vec<Line>>>,
    /// When addresses failed: the directory bounds how many there are.
    failed: Mutex<HashMap<String, Instant>>,
    head_bytes: usize,
    fields: usize,
    slowest: Slowest,
}

/// One open connection to one node.
#[derive(Debug)]
pub struct Line {
    sender: SendRequest<Outgoing>,
    opened: Instant,
    /// When its last answer was read.
    rested: Instant,
    to: PeerAddress,
    /// Who issued the certificate that the other end showed.
    chain: Vec<Issuance>,
}

/// Why a peer did not answer.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    /// No connection: nobody listens, the name is unknown, the network is down.
    #[error("cannot connect to {address}")]
    Connect {
        /// Where to.
        address: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The TLS handshake failed: wrong certificate, wrong protocol.
    #[error("TLS with {address} failed")]
    Handshake {
        /// Where to.
        address: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The connection ended within the handshake: who was there is not known.
    #[error("the connection to {address} ended within the TLS handshake")]
    Broken {
        /// Where to.
        address: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Our own TLS identity is unusable.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The connection had ended before a byte of the request was written: it may be sent on another.
    #[error("connection to the peer had ended before the request was sent")]
    Unsent(#[source] hyper::Error),
    /// The connection ended before an answer's head.
    #[error("connection to the peer ended")]
    Ended(#[source] hyper::Error),
    /// No answer in time.
    #[error("no answer in time")]
    TimedOut,
}

/// How long opening a connection may take.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How a connection ends that nobody refused: what rustls refuses has another kind.
const BROKEN: [ErrorKind; 4] = [
    ErrorKind::BrokenPipe,
    ErrorKind::ConnectionAborted,
    ErrorKind::ConnectionReset,
    ErrorKind::UnexpectedEof,
];
/// An idle connection is not used after this time: the other end closes it when it has waited for a head too long, and
/// a request sent at that moment has an unknown outcome.
const IDLE_LIFE: Duration = Duration::from_secs(5);
/// How long an address that failed is tried last: an exchange in this time does not wait for it again.
const FAILED_FOR: Duration = Duration::from_secs(30);
/// Idle connections kept for one node: as many as exchanges run at a time by default, because a group of them ends together
/// and the next group would pay for a handshake each.
const IDLE_PER_PEER: usize = 1024;

// === impl Peers ===

impl Peers {
    /// No connection yet.
    pub fn new(
        identity: TlsIdentity,
        (trust, status): (Arc<Trust>, Option<Arc<Statuses>>),
        limits: &Limits,
    ) -> Self {
        Self {
            identity: ArcSwap::from_pointee(identity),
            trust,
            status,
            idle: Mutex::default(),
            failed: Mutex::default(),
            head_bytes: limits.head_bytes,
            fields: limits.fields,
            slowest: limits.slowest(),
        }
    }

    /// A connection that is ready for one request.
    ///
    /// # Errors
    ///
    /// [`PeerError::Connect`], [`PeerError::Handshake`], [`PeerError::Broken`], [`PeerError::TimedOut`].
    pub async fn line(&self, to: &PeerAddress) -> Result<Line, PeerError> {
        self.line_within(to, CONNECT_TIMEOUT).await
    }

    /// The same, for whom less time is left than [`CONNECT_TIMEOUT`].
    ///
    /// # Errors
    ///
    /// As [`Peers::line`] has.
    pub async fn line_within(&self, to: &PeerAddress, within: Duration) -> Result<Line, PeerError> {
        let ready = async {
            while let Some(mut line) = self.take(to) {
                if line.sender.ready().await.is_ok() {
                    return Ok(line);
                }
            }
            self.open(to).await
        };
        let line = tokio::time::timeout(within, ready)
            .await
            .unwrap_or(Err(PeerError::TimedOut));
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        match line {
            Ok(_) => failed.remove(&to.address),
            Err(_) => failed.insert(to.address.clone(), Instant::now()),
        };
        line
    }

    /// Whether the address failed a moment ago: where there is another one, that is tried first.
    pub fn has_failed(&self, to: &PeerAddress) -> bool {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        let when = failed.get(&to.address);
        when.is_some_and(|when| when.elapsed() < FAILED_FOR)
    }

    /// A connection that was opened for this use.
    ///
    /// # Errors
    ///
    /// As [`Peers::line`].
    pub async fn fresh(&self, to: &PeerAddress) -> Result<Line, PeerError> {
        tokio::time::timeout(CONNECT_TIMEOUT, self.open(to))
            .await
            .unwrap_or(Err(PeerError::TimedOut))
    }

    /// What this node shows to others.
    pub fn identity(&self) -> Arc<TlsIdentity> {
        self.identity.load_full()
    }

    /// Shows another identity on connections opened from now on; open ones go on until they are old.
    pub fn show(&self, identity: TlsIdentity) {
        self.identity.store(Arc::new(identity));
    }

    /// Keeps a connection whose answer was read to its end.
    pub fn keep(&self, mut line: Line) {
        line.rested = Instant::now();
        if line.sender.is_closed() || line.opened.elapsed() >= CONNECTION_AGE {
            return;
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let list = idle.entry(line.to.node.clone()).or_default();
        if list.len() < IDLE_PER_PEER {
            list.push(line);
        }
    }

    /// Drops the idle connections that would not be used again.
    pub fn sweep(&self) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|_, lines| {
            lines.retain(Line::usable);
            !lines.is_empty()
        });
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.retain(|_, when| when.elapsed() < FAILED_FOR);
    }

    fn take(&self, to: &PeerAddress) -> Option<Line> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let list = idle.get_mut(&to.node)?;
        while let Some(line) = list.pop() {
            // An address or a pin that changed in the directory ends the use of older connections.
            if line.to == *to && line.usable() {
                return Some(line);
            }
        }
        None
    }

    async fn open(&self, to: &PeerAddress) -> Result<Line, PeerError> {
        let address = to.address.clone();
        let tcp = TcpStream::connect(&to.address)
            .await
            .map_err(|source| PeerError::Connect {
                address: address.clone(),
                source,
            })?;
        if let Err(error) = tcp.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY");
        }
        let verifier =
            PeerVerifier::exactly(Arc::clone(&self.trust), to.node.clone(), to.pins.clone());
        let config = peer_client(&self.identity.load(), verifier)?;
        // The name is not sent and not compared: the identity is the certificate's URI, tied to the directory's pin.
        let name = ServerName::try_from("bridge.invalid")
            .map_err(|error| TlsError::Certificate(error.to_string()))?;
        let handshake = |source: std::io::Error| {
            let address = address.clone();
            if BROKEN.contains(&source.kind()) {
                PeerError::Broken { address, source }
            } else {
                PeerError::Handshake { address, source }
            }
        };
        let tls = TlsConnector::from(Arc::new(config))
            .connect(name, tcp)
            .await
            .map_err(handshake)?;
        if tls.get_ref().1.alpn_protocol() != Some(crate::tls::ALPN) {
            return Err(handshake(std::io::Error::other(
                "the peer does not speak bridge/1",
            )));
        }
        let chain = self.chain(&to.node, &tls).map_err(handshake)?;
        let (sender, connection) = http1::Builder::new()
            .max_headers(self.fields)
            .max_buf_size(self.head_bytes)
            // The buffer takes one read more than its size.
            .max_header_size(self.head_bytes)
            .handshake(TokioIo::new(Paced::new(tls, self.slowest)))
            .await
            .map_err(PeerError::Ended)?;
        let (status, shown, node) = (self.status.clone(), chain.clone(), to.node.clone());
        tokio::spawn(async move {
            let revoked = async {
                match &status {
                    Some(status) => status.until_revoked(&shown).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                ended = connection => if let Err(error) = ended {
                    tracing::debug!(%error, "peer connection ended");
                },
                () = revoked => tracing::warn!(%node, "a connection was closed: the certificate of its other side is revoked"),
            }
        });
        Ok(Line {
            sender,
            opened: Instant::now(),
            rested: Instant::now(),
            to: to.clone(),
            chain,
        })
    }

    /// Who issued what the other end showed; read only where status is asked for.
    fn chain(&self, node: &NodeId, tls: &TlsStream<TcpStream>) -> std::io::Result<Vec<Issuance>> {
        let Some(status) = &self.status else {
            return Ok(Vec::new());
        };
        let shown = tls.get_ref().1.peer_certificates().unwrap_or_default();
        let now_s = UnixTime::now().as_secs();
        let checked = peer_of(&self.trust, shown, now_s).map_err(std::io::Error::other)?;
        status.want(&checked.chain, || format!("tls of {node}"));
        Ok(checked.chain.clone())
    }
}

// === impl Line ===

impl Line {
    /// Opens another connection to the same node.
    ///
    /// # Errors
    ///
    /// As [`Peers::line`].
    pub async fn another(&self, peers: &Peers) -> Result<Self, PeerError> {
        peers.fresh(&self.to).await
    }

    fn usable(&self) -> bool {
        self.opened.elapsed() < CONNECTION_AGE
            && self.rested.elapsed() < IDLE_LIFE
            && !self.sender.is_closed()
    }

    /// Who issued the certificate of the other end; empty where no status is asked for.
    pub fn chain(&self) -> &[Issuance] {
        &self.chain
    }

    /// The node at the other end.
    pub fn node(&self) -> &NodeId {
        &self.to.node
    }

    /// Sends one request. Give the line back with [`Peers::keep`] when the answer's body has been read.
    ///
    /// # Errors
    ///
    /// [`PeerError::Unsent`] if nothing was sent; [`PeerError::Ended`] if no whole head came back: whether the peer
    /// acted is unknown.
    pub async fn send(
        &mut self,
        request: Request<Outgoing>,
    ) -> Result<Response<Incoming>, PeerError> {
        self.sender
            .try_send_request(request)
            .await
            .map_err(|mut error| match error.take_message() {
                Some(_unsent) => PeerError::Unsent(error.into_error()),
                None => PeerError::Ended(error.into_error()),
            })
    }
}

#[cfg(test)]
mod tests;
