//! Answers the authority's validations (http-01) on a listener of its own, which is there only while an order is under way.
//!
//! Standard: RFC 8555 §8.3.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::AcmeError;
use crate::server::ACCEPT_PAUSE;

/// Where tokens are looked for.
const PREFIX: &str = "/.well-known/acme-challenge/";
/// Authorities ask from several places at once.
const CONNECTIONS: usize = 32;
/// How long one of them may take in all.
const CONNECTION_TIME: Duration = Duration::from_secs(5);
const HEAD_BYTES: usize = 8 * 1024;
const FIELDS: usize = 64;

type Tokens = Arc<Mutex<HashMap<String, String>>>;

/// The listener. It ends when this is dropped.
#[derive(Debug)]
pub struct Responder {
    tokens: Tokens,
    task: JoinHandle<()>,
}

impl Drop for Responder {
    fn drop(&mut self) {
        self.task.abort();
    }
}

// === impl Responder ===

impl Responder {
    /// Listens.
    ///
    /// # Errors
    ///
    /// [`AcmeError::Listen`].
    pub async fn listen(address: SocketAddr) -> Result<Self, AcmeError> {
        let listener = TcpListener::bind(address).await;
        let listener = listener.map_err(|source| AcmeError::Listen { address, source })?;
        let tokens = Tokens::default();
        let task = tokio::spawn(serve(listener, Arc::clone(&tokens)));
        Ok(Self { tokens, task })
    }

    /// Shows a text under a token from now on.
    pub(super) fn show(&self, token: &str, text: String) {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.insert(token.to_owned(), text);
    }
}

async fn serve(listener: TcpListener, tokens: Tokens) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        // A place first: what waits then waits at the system.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let Ok((stream, _remote)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let tokens = Arc::clone(&tokens);
        tokio::spawn(async move {
            drop(tokio::time::timeout(CONNECTION_TIME, one(stream, tokens)).await);
            drop(place);
        });
    }
}

async fn one(stream: TcpStream, tokens: Tokens) {
    let service = service_fn(move |request: Request<Incoming>| {
        let answer = answer(&request, &tokens);
        async move { Ok::<_, Infallible>(answer) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(CONNECTION_TIME)
        .max_buf_size(HEAD_BYTES)
        .max_headers(FIELDS)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = served.await {
        tracing::debug!(%error, "a validation's connection ended");
    }
}

/// The text under the token, to whoever asks; nothing else lies here, and nothing of the path is a path.
fn answer(request: &Request<Incoming>, tokens: &Tokens) -> Response<Full<Bytes>> {
    let token = request.uri().path().strip_prefix(PREFIX);
    let tokens = tokens.lock().unwrap_or_else(PoisonError::into_inner);
    let text = token.and_then(|token| tokens.get(token));
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let mut response = Response::new(Full::default());
    match text.filter(|_| is_read) {
        None => *response.status_mut() = StatusCode::NOT_FOUND,
        Some(text) => {
            let kind = HeaderValue::from_static("application/octet-stream");
            response.headers_mut().insert(CONTENT_TYPE, kind);
            *response.body_mut() = Full::from(text.clone());
        }
    }
    response
}
