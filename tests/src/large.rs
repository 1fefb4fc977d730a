//! Large bodies that nobody holds whole: made from a seed while they are sent, digested while they arrive.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1 as client;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use ring::digest::{Context as Digest, SHA256};
use tokio::net::TcpListener;

use crate::agency::Agency;
use crate::ask::dial;

/// A body as the harness sends it.
pub type Sent = UnsyncBoxBody<Bytes, Infallible>;

/// Bytes that do not compress, the same for the same seed.
#[derive(Debug, Clone)]
pub struct Noise {
    state: u64,
    left: u64,
}

/// What is known of a body that was digested on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256, hexadecimal.
    pub sha256: String,
}

/// An answer whose body was digested.
#[derive(Debug)]
pub struct Digested {
    /// HTTP status.
    pub status: u16,
    /// Fields.
    pub fields: HeaderMap,
    /// Body.
    pub body: Seen,
    /// The body's first bytes.
    pub beginning: Bytes,
}

/// A registry that digests what it is sent and answers `GET` with noise.
#[derive(Debug)]
pub struct LargeRegistry {
    /// Where it listens.
    pub address: SocketAddr,
}

/// A body whose pieces come when the scenario sends them.
#[derive(Debug)]
struct Piecemeal {
    pieces: tokio::sync::mpsc::Receiver<Bytes>,
    length: Option<u64>,
}

/// Seed of the registry's answers.
pub const ANSWER_SEED: u64 = 0x0005_eed0_f0a5;
const PIECE: usize = 64 * 1024;
/// A gibibyte through two nodes in a debug build on a busy machine.
const BOUND: Duration = Duration::from_mins(4);
const BEGINNING: usize = 512;

// === impl Noise ===

impl Noise {
    /// So many bytes.
    pub fn new(seed: u64, bytes: u64) -> Self {
        Self {
            state: seed,
            left: bytes,
        }
    }

    /// Its digest, made by making it once more.
    pub fn seen(mut self) -> Seen {
        let (mut digest, bytes) = (Digest::new(&SHA256), self.left);
        while let Some(piece) = self.piece() {
            digest.update(&piece);
        }
        Seen {
            bytes,
            sha256: hex(digest),
        }
    }

    /// As a body with its length.
    pub fn body(self) -> Sent {
        self.boxed_unsync()
    }

    /// The next bytes.
    pub fn piece(&mut self) -> Option<Bytes> {
        let count = usize::try_from(self.left.min(PIECE as u64)).unwrap();
        self.left -= count as u64;
        let mut piece = Vec::with_capacity(count + 8);
        while piece.len() < count {
            piece.extend_from_slice(&self.word().to_le_bytes());
        }
        piece.truncate(count);
        (count > 0).then(|| piece.into())
    }

    /// SplitMix64 by Sebastiano Vigna.
    fn word(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }
}

impl Body for Noise {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.piece().map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

// === impl Piecemeal ===

/// A body, with a length to announce or in chunks, and the way to send its pieces. It ends when the sender is dropped.
pub fn piecemeal(length: Option<u64>) -> (Sent, tokio::sync::mpsc::Sender<Bytes>) {
    let (sender, pieces) = tokio::sync::mpsc::channel(1);
    (Piecemeal { pieces, length }.boxed_unsync(), sender)
}

impl Body for Piecemeal {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let polled = self.pieces.poll_recv(cx);
        polled.map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn size_hint(&self) -> SizeHint {
        self.length
            .map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

// === impl LargeRegistry ===

impl LargeRegistry {
    /// Starts to listen.
    pub async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let served =
                    http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(react));
                // A node that goes away is what some scenarios ask for.
                tokio::spawn(async move { drop(served.await) });
            }
        });
        Self { address }
    }
}

/// `GET …?q=N` answers with N bytes of noise; all else says what was sent.
async fn react(request: Request<Incoming>) -> Result<Response<Sent>, hyper::Error> {
    let wanted = request.uri().query().and_then(|q| q.strip_prefix("q="));
    if let Some(bytes) = wanted.and_then(|bytes| bytes.parse().ok()) {
        return Ok(Response::new(Noise::new(ANSWER_SEED, bytes).body()));
    }
    let (seen, _) = digest(request.into_body()).await?;
    let text = format!("{} {}", seen.bytes, seen.sha256);
    Ok(Response::new(Full::new(Bytes::from(text)).boxed_unsync()))
}

async fn digest(mut body: Incoming) -> Result<(Seen, Bytes), hyper::Error> {
    let (mut digest, mut bytes) = (Digest::new(&SHA256), 0);
    let mut beginning = VecDeque::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else {
            continue;
        };
        bytes += data.len() as u64;
        digest.update(&data);
        let wanted = BEGINNING.saturating_sub(beginning.len());
        beginning.extend(data.iter().take(wanted));
    }
    let sha256 = hex(digest);
    Ok((Seen { bytes, sha256 }, Vec::from(beginning).into()))
}

fn hex(digest: Digest) -> String {
    let digest = digest.finish();
    let mut text = String::new();
    for byte in digest.as_ref() {
        write!(text, "{byte:02x}").unwrap();
    }
    text
}

// === impl Agency ===

impl Agency {
    /// Asks over the plain listener with the API key; the answer's body has not been read.
    ///
    /// # Errors
    ///
    /// What the connection says.
    pub async fn begin(
        &self,
        method: Method,
        target: &str,
        body: Option<Sent>,
    ) -> Result<Response<Incoming>, hyper::Error> {
        let stream = dial(self.ports.plain).await.unwrap();
        let (mut sender, connection) = client::handshake(TokioIo::new(stream)).await?;
        // Its end shows in the answer.
        tokio::spawn(async move { drop(connection.await) });
        let mut request =
            Request::new(body.unwrap_or_else(|| Empty::<Bytes>::new().boxed_unsync()));
        *request.method_mut() = method;
        *request.uri_mut() = target.parse().unwrap();
        for (name, value) in [
            ("host", "node.local"),
            ("x-road-client", &self.subsystem.to_string()),
            ("bridge-api-key", &self.api_key),
        ] {
            let value = HeaderValue::try_from(value).unwrap();
            request.headers_mut().insert(name, value);
        }
        sender.send_request(request).await
    }

    /// As [`Agency::begin`], and digests the answer.
    ///
    /// # Errors
    ///
    /// What the connection says.
    pub async fn large(
        &self,
        method: Method,
        target: &str,
        body: Option<Sent>,
    ) -> Result<Digested, hyper::Error> {
        let whole = async {
            let (parts, body) = self.begin(method, target, body).await?.into_parts();
            let (body, beginning) = digest(body).await?;
            Ok(Digested {
                status: parts.status.as_u16(),
                fields: parts.headers,
                body,
                beginning,
            })
        };
        tokio::time::timeout(BOUND, whole).await.expect("an answer")
    }
}

// === impl Digested ===

impl Digested {
    /// A field that must be there.
    #[track_caller]
    pub fn field(&self, name: &str) -> &str {
        let value = self.fields.get(name);
        value.expect("the field").to_str().unwrap()
    }

    /// Checks that it is a refusal with this status and type.
    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) {
        let got = self.fields.get("x-road-error");
        let got = got.map(|code| code.to_str().unwrap());
        assert_eq!(
            (self.status, got),
            (status, Some(code)),
            "{:?}",
            self.beginning
        );
    }
}
