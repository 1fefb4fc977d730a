//! A registry behind a node: records what reaches it and answers as it is told.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// A request as the registry saw it.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Fields.
    pub fields: HeaderMap,
    /// Body.
    pub body: Bytes,
}

/// What the registry does with a request.
#[derive(Debug, Clone)]
pub enum Reaction {
    /// Answers.
    Answer(u16, HeaderMap, Bytes),
    /// Announces more bytes than it sends, then closes.
    Cut(Bytes),
    /// Closes without an answer.
    Close,
    /// Waits for a permit, then answers 200 with this body.
    Held(Arc<Semaphore>, Bytes),
    /// Works for so long, then answers 200 with this body.
    Works(Duration, Bytes),
}

type Script = Arc<dyn Fn(&Seen) -> Reaction + Send + Sync>;
type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// The registry.
#[derive(Clone)]
pub struct Registry {
    /// Where it listens.
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    script: Arc<Mutex<Script>>,
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

// === impl Reaction ===

impl Reaction {
    /// An answer with a status, fields and a body.
    pub fn answer(status: u16, fields: &[(&str, &str)], body: impl Into<Bytes>) -> Self {
        Self::Answer(status, fields_of(fields), body.into())
    }

    /// A JSON answer.
    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::answer(
            status,
            &[("content-type", "application/json")],
            body.to_string(),
        )
    }
}

/// Fields from pairs; a name may repeat.
pub fn fields_of(pairs: &[(&str, &str)]) -> HeaderMap {
    let mut fields = HeaderMap::new();
    for (name, value) in pairs {
        fields.append(
            HeaderName::try_from(*name).unwrap(),
            HeaderValue::try_from(*value).unwrap(),
        );
    }
    fields
}

// === impl Registry ===

impl Registry {
    /// Starts to listen. At first it answers every request with its body and `content-type`.
    pub async fn start() -> Self {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    /// As [`Registry::start`], at an address where nobody listens yet.
    pub async fn start_at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let registry = Self {
            address: listener.local_addr().unwrap(),
            seen: Arc::default(),
            script: Arc::new(Mutex::new(Arc::new(echo))),
        };
        tokio::spawn(registry.clone().serve(listener));
        registry
    }

    /// What it does from now on.
    pub fn does(&self, script: impl Fn(&Seen) -> Reaction + Send + Sync + 'static) {
        *lock(&self.script) = Arc::new(script);
    }

    /// What it does from now on, whatever is asked.
    pub fn always(&self, reaction: Reaction) {
        self.does(move |_seen| reaction.clone());
    }

    /// All requests so far.
    pub fn seen(&self) -> Vec<Seen> {
        lock(&self.seen).clone()
    }

    /// Takes out all requests since the last time.
    pub fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut lock(&self.seen))
    }

    /// The newest request.
    pub fn last(&self) -> Seen {
        self.seen().pop().expect("the registry was asked")
    }

    async fn serve(self, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(self.clone().connection(stream));
        }
    }

    async fn connection(self, stream: TcpStream) {
        let service = service_fn(|request| self.react(request));
        // Errors here are what the scenario asked for.
        drop(
            http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await,
        );
    }

    async fn react(&self, request: Request<Incoming>) -> Result<Response<Body>, std::io::Error> {
        let (parts, body) = request.into_parts();
        let body = body
            .collect()
            .await
            .map_err(std::io::Error::other)?
            .to_bytes();
        let seen = Seen {
            method: parts.method.to_string(),
            target: parts.uri.to_string(),
            fields: parts.headers,
            body,
        };
        lock(&self.seen).push(seen.clone());
        let script = Arc::clone(&lock(&self.script));
        match script(&seen) {
            Reaction::Answer(status, fields, body) => Ok(response(status, fields, body)),
            Reaction::Cut(body) => Ok(cut(body)),
            Reaction::Close => Err(std::io::Error::other("closed")),
            Reaction::Works(time, body) => {
                tokio::time::sleep(time).await;
                Ok(response(200, HeaderMap::new(), body))
            }
            Reaction::Held(gate, body) => {
                gate.acquire()
                    .await
                    .map_err(std::io::Error::other)?
                    .forget();
                Ok(response(200, HeaderMap::new(), body))
            }
        }
    }
}

fn echo(seen: &Seen) -> Reaction {
    let kind = seen.fields.get("content-type").cloned();
    let mut fields = HeaderMap::new();
    if let Some(kind) = kind {
        fields.insert("content-type", kind);
    }
    Reaction::Answer(200, fields, seen.body.clone())
}

fn response(status: u16, fields: HeaderMap, body: Bytes) -> Response<Body> {
    let whole = Full::new(body)
        .map_err(|never: Infallible| match never {})
        .boxed_unsync();
    let mut response = Response::new(whole);
    *response.status_mut() = status.try_into().unwrap();
    *response.headers_mut() = fields;
    response
}

fn cut(body: Bytes) -> Response<Body> {
    Response::new(
        CutBody {
            first: Some(body),
            polls: 0,
        }
        .boxed_unsync(),
    )
}

/// Sends its bytes, lets them leave, then fails.
struct CutBody {
    first: Option<Bytes>,
    polls: u8,
}

impl http_body::Body for CutBody {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        if let Some(body) = self.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(body))));
        }
        if self.polls < 3 {
            self.polls += 1;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Some(Err(std::io::Error::other("cut"))))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
