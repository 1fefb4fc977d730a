//! Speaks with the node: HTTP/1.1 over a Unix socket, protocol 1. Needs no change for another registry.

use std::convert::Infallible;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Value, json};
use tokio::net::UnixListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Names the variable with the socket's path, which leads to the registry and nowhere else.
#[allow(dead_code, reason = "for programs whose registry is elsewhere")]
pub const REGISTRY_SOCKET: &str = "BRIDGE_REGISTRY_SOCKET";
const ADAPTER_SOCKET: &str = "BRIDGE_ADAPTER_SOCKET";
/// The exchange's name, which the answer repeats: without it the node takes none.
const REQUEST_ID: &str = "bridge-call-request-id";
const USAGE: u8 = 64;
/// The most bytes of a request's body.
const BODY_LIMIT_BYTES: usize = 1024 * 1024;
/// How long calls under way have to end after SIGTERM.
const DRAIN: Duration = Duration::from_secs(8);

/// What the program says of itself.
pub struct Description {
    /// The package's name.
    pub name: &'static str,
    /// The services, in the order of the manifest.
    pub services: &'static [Service],
}

/// A service.
pub struct Service {
    /// The service code.
    pub code: &'static str,
    /// A line for people.
    pub title: &'static str,
    /// Its endpoints.
    pub endpoints: &'static [Endpoint],
}

/// An endpoint.
pub struct Endpoint {
    /// The method.
    pub method: &'static str,
    /// The path after the service code.
    pub path: &'static str,
    /// `reads`, `unknown` or `stored`.
    pub effect: &'static str,
}

/// One query: verified, authorised and journaled by the node.
#[allow(dead_code, reason = "what one program does not read, another does")]
pub struct Call {
    /// The method.
    pub method: String,
    /// The service code.
    pub service: String,
    /// The path after it, decoded and split.
    pub segments: Vec<String>,
    /// The query as it came.
    pub query: Option<String>,
    /// Fields, with the node's facts as `bridge-call-…`.
    pub fields: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// After this nobody waits.
    pub time_left: Option<Duration>,
}

/// The registry's answer.
pub struct Outcome {
    status: u16,
    body: Bytes,
}

/// Why there is no answer. Never holds a value of the call or of the registry.
#[allow(dead_code, reason = "what one program does not say, another does")]
pub enum Refused {
    /// The request does not have the form that the service asks for.
    BadRequest {
        /// Where: `path segment number`, `query at`, `body /fin`.
        place: &'static str,
        /// What belongs there.
        expected: &'static str,
    },
    /// There is no such path.
    NotFound,
    /// The path takes other methods.
    MethodNotAllowed(&'static str),
    /// The request's body has more bytes than this.
    TooLarge(usize),
    /// Another code of the protocol: `unreachable`, `timed-out`, `busy`, `failed`, `not-understood`, `key-reused`.
    Code(&'static str),
}

impl Outcome {
    /// An answer in JSON.
    pub fn json(status: u16, value: &Value) -> Self {
        Self {
            status,
            body: Bytes::from(value.to_string()),
        }
    }
}

/// Serves until SIGTERM, then lets calls end.
pub fn run<A, B, H, I>(description: &'static Description, answer: A, health: H) -> ExitCode
where
    A: Fn(Call) -> B + Send + Sync + 'static,
    B: Future<Output = Result<Outcome, Refused>> + Send + 'static,
    H: Fn() -> I + Send + Sync + 'static,
    I: Future<Output = Option<String>> + Send + 'static,
{
    let Some(socket) = std::env::var_os(ADAPTER_SOCKET).filter(|path| !path.is_empty()) else {
        eprintln!("{ADAPTER_SOCKET} is not set: the node starts this program and sets it");
        eprintln!(
            "hint: try it with `bridge-node adapter check FOLDER` or `bridge-node sandbox FOLDER`"
        );
        return ExitCode::from(USAGE);
    };
    let served = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .and_then(|runtime| {
            runtime.block_on(async {
                let (stop, stopped) = watch::channel(false);
                let mut terminate = signal(SignalKind::terminate())?;
                let mut interrupt = signal(SignalKind::interrupt())?;
                tokio::spawn(async move {
                    tokio::select! {
                        _ = terminate.recv() => {}
                        _ = interrupt.recv() => {}
                    }
                    stop.send_replace(true);
                });
                serve(Path::new(&socket), description, answer, health, stopped).await
            })
        });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Serves at a socket until told to stop.
pub async fn serve<A, B, H, I>(
    socket: &Path,
    description: &'static Description,
    answer: A,
    health: H,
    mut stopped: watch::Receiver<bool>,
) -> std::io::Result<()>
where
    A: Fn(Call) -> B + Send + Sync + 'static,
    B: Future<Output = Result<Outcome, Refused>> + Send + 'static,
    H: Fn() -> I + Send + Sync + 'static,
    I: Future<Output = Option<String>> + Send + 'static,
{
    let listener = UnixListener::bind(socket)?;
    let program = Arc::new((answer, health));
    let mut connections = JoinSet::new();
    loop {
        let stream = tokio::select! {
            _ = stopped.wait_for(|stop| *stop) => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted?.0,
        };
        let (program, mut stopped) = (Arc::clone(&program), stopped.clone());
        connections.spawn(async move {
            let handle = service_fn(move |request| {
                let program = Arc::clone(&program);
                async move {
                    Ok::<_, Infallible>(respond(request, description, &program.0, &program.1).await)
                }
            });
            let mut http = http1::Builder::new();
            http.timer(TokioTimer::new());
            let mut connection =
                std::pin::pin!(http.serve_connection(TokioIo::new(stream), handle));
            // A connection that breaks is the node's to notice.
            tokio::select! {
                _ = &mut connection => return,
                _ = stopped.wait_for(|stop| *stop) => {}
            }
            connection.as_mut().graceful_shutdown();
            drop(connection.await);
        });
    }
    drop(listener);
    let ended = tokio::time::timeout(DRAIN, async {
        while connections.join_next().await.is_some() {}
    });
    ended.await.map_err(|_| std::io::ErrorKind::TimedOut.into())
}

async fn respond<A, B, H, I>(
    request: Request<Incoming>,
    description: &Description,
    answer: &A,
    health: &H,
) -> Response<Full<Bytes>>
where
    A: Fn(Call) -> B,
    B: Future<Output = Result<Outcome, Refused>>,
    H: Fn() -> I,
    I: Future<Output = Option<String>>,
{
    let id = request.headers().get(REQUEST_ID).cloned();
    let mut response = match request.uri().path() {
        "/health" => match health().await {
            None => response(200, Bytes::new()),
            Some(reason) => response(503, Bytes::from(json!({ "reason": reason }).to_string())),
        },
        "/describe" => response(200, Bytes::from(description.to_json().to_string())),
        _ => match call_of(request).await {
            Ok(call) => match answer(call).await {
                Ok(outcome) => response(outcome.status, outcome.body),
                Err(refused) => refused.response(),
            },
            Err(refused) => refused.response(),
        },
    };
    if let Some(id) = id {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

async fn call_of(request: Request<Incoming>) -> Result<Call, Refused> {
    let (parts, body) = request.into_parts();
    let path = parts
        .uri
        .path()
        .strip_prefix("/call/")
        .ok_or(Refused::NotFound)?;
    let mut segments = path
        .split('/')
        .map(decoded)
        .collect::<Result<Vec<_>, _>>()?
        .into_iter();
    let service = segments.next().unwrap_or_default();
    let body = Limited::new(body, BODY_LIMIT_BYTES).collect().await;
    let body = body
        .map_err(|_| Refused::TooLarge(BODY_LIMIT_BYTES))?
        .to_bytes();
    let deadline = parts.headers.get("bridge-call-deadline-ms");
    let deadline = deadline.and_then(|value| value.to_str().ok()?.parse().ok());
    Ok(Call {
        method: parts.method.to_string(),
        service,
        segments: segments.collect(),
        query: parts.uri.query().map(str::to_owned),
        fields: parts.headers,
        body,
        time_left: deadline.map(Duration::from_millis),
    })
}

fn decoded(segment: &str) -> Result<String, Refused> {
    let text = percent_encoding::percent_decode_str(segment).decode_utf8();
    text.map(|text| text.into_owned())
        .map_err(|_| Refused::BadRequest {
            place: "path",
            expected: "UTF-8",
        })
}

fn response(status: u16, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() =
        http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::BAD_GATEWAY);
    let json = http::HeaderValue::from_static("application/json");
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, json);
    response
}

impl Refused {
    fn response(&self) -> Response<Full<Bytes>> {
        let (code, more) = match self {
            Self::BadRequest { place, expected } => (
                "bad-request",
                vec![
                    ("bridge-adapter-error-place", (*place).to_owned()),
                    ("bridge-adapter-error-expected", (*expected).to_owned()),
                ],
            ),
            Self::NotFound => ("not-found", Vec::new()),
            Self::MethodNotAllowed(allowed) => {
                ("method-not-allowed", vec![("allow", (*allowed).to_owned())])
            }
            Self::TooLarge(limit) => (
                "too-large",
                vec![("bridge-adapter-error-limit", limit.to_string())],
            ),
            Self::Code(code) => (*code, Vec::new()),
        };
        let mut response = response(503, Bytes::new());
        let fields = more
            .into_iter()
            .chain([("bridge-adapter-error", code.to_owned())]);
        for (name, value) in fields {
            if let Ok(value) = http::HeaderValue::from_str(&value) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

impl Description {
    fn to_json(&self) -> Value {
        let services = self.services.iter().map(|service| {
            let endpoints = service.endpoints.iter();
            let endpoints = endpoints.map(|one| json!({ "method": one.method, "path": one.path, "effect": one.effect }));
            json!({ "code": service.code, "title": service.title, "endpoints": endpoints.collect::<Vec<_>>() })
        });
        json!({ "protocol": 1, "name": self.name, "services": services.collect::<Vec<_>>() })
    }
}
