//! Asks an authority over HTTP: one connection a question, bounded in time and size, no redirects, no proxy.
//!
//! What an authority answers is signed, so the way to it needs no secrecy.
//!
//! Standard: RFC 3161 §3.4. Standard: RFC 6960 §A.1. Standard: RFC 5280 §4.2.1.13.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HOST};
use http::{Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::tls::web_client;

/// Where an authority is and how it is reached.
pub(crate) struct Way {
    url: Uri,
    host: String,
    port: u16,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
}

/// What an authority is asked.
pub(crate) struct Question {
    /// What is sent, and its type; nothing where a file is fetched.
    pub(crate) content: Option<(&'static str, Vec<u8>)>,
    /// The one type of answer that is taken; any where servers do not agree on one.
    pub(crate) answer_type: Option<&'static str>,
}

/// How much of an answer is taken, and how long it is waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    pub(crate) bytes: usize,
    pub(crate) time: Duration,
    /// The settings of both, under `[limits]`.
    pub(crate) limits: [&'static str; 2],
}

/// Why there is no answer to look at.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// No connection, or it broke.
    #[error("no connection: {0}")]
    Connection(#[from] std::io::Error),
    /// What was said is not HTTP as it must be.
    #[error("the connection failed")]
    Http(#[from] hyper::Error),
    /// The question cannot be written.
    #[error("the question cannot be asked")]
    Question(#[from] http::Error),
    /// Another status than 200; a redirect is one too.
    #[error("status {0}")]
    Status(u16),
    /// Not a time-stamp by its own words.
    #[error("the answer is of another type than was asked for")]
    ContentType,
    /// The answer is longer than the limit.
    #[error("the answer is longer than limits.{0}")]
    TooLong(&'static str),
    /// The answer ends early.
    #[error("the answer ends early")]
    Cut,
    /// It took longer than the limit.
    #[error("nothing whole within limits.{0}")]
    TooSlow(&'static str),
}

// === impl Way ===

impl Way {
    /// A way to an address; with https, to a server under the authorities of a PEM file.
    pub(crate) fn open(url: &Uri, anchors: Option<&Path>) -> Result<Self, String> {
        let host = url.host().unwrap_or_default();
        // An IPv6 address stands in brackets in an address, and without them everywhere else.
        let host = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        let secure = url.scheme_str() == Some("https");
        let tls = match anchors {
            Some(path) if secure => {
                let config = web_client(path).map_err(|error| crate::chain(&error))?;
                let name = ServerName::try_from(host.clone())
                    .map_err(|error| format!("{url}: {error}"))?;
                Some((config, name))
            }
            _ if secure => return Err(format!("{url}: no anchors")),
            _ => None,
        };
        Ok(Self {
            port: url.port_u16().unwrap_or(if secure { 443 } else { 80 }),
            url: url.clone(),
            host,
            tls,
        })
    }

    /// Sends a request to the server and returns its whole answer, whatever its status.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the connection.
    pub(crate) async fn send(
        &self,
        request: Request<Full<Bytes>>,
        patience: Patience,
    ) -> Result<Response<Bytes>, AskError> {
        let whole = |response: Response<Incoming>| async move {
            let (parts, body) = response.into_parts();
            let body = bounded(body, patience).await?;
            Ok(Response::from_parts(parts, body))
        };
        let [_, seconds] = patience.limits;
        let asked = tokio::time::timeout(patience.time, self.exchange(request, whole));
        asked.await.map_err(|_elapsed| AskError::TooSlow(seconds))?
    }

    /// Sends a question and returns the answer's bytes, whatever they are.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the connection.
    pub(crate) async fn ask(
        &self,
        question: Question,
        patience: Patience,
    ) -> Result<Bytes, AskError> {
        let kind = question.answer_type;
        let request = self.written(question)?;
        let judged = |response| read(response, kind, patience);
        let [_, seconds] = patience.limits;
        let asked = tokio::time::timeout(patience.time, self.exchange(request, judged));
        asked.await.map_err(|_elapsed| AskError::TooSlow(seconds))?
    }

    fn written(&self, question: Question) -> Result<Request<Full<Bytes>>, AskError> {
        let path = self.url.path_and_query().map_or("/", |path| path.as_str());
        let authority = self.url.authority().map_or("", |host| host.as_str());
        let (request, content) = match question.content {
            Some((kind, content)) => (Request::post(path).header(CONTENT_TYPE, kind), content),
            None => (Request::get(path), Vec::new()),
        };
        let request = request
            .header(HOST, authority)
            .header(ACCEPT, question.answer_type.unwrap_or("*/*"))
            .body(Full::new(Bytes::from(content)))?;
        Ok(request)
    }

    async fn exchange<R, F, T>(&self, request: Request<Full<Bytes>>, read: R) -> Result<T, AskError>
    where
        R: FnOnce(Response<Incoming>) -> F,
        F: Future<Output = Result<T, AskError>>,
    {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        match &self.tls {
            None => over(stream, request, read).await,
            Some((config, name)) => {
                let connector = TlsConnector::from(Arc::clone(config));
                let stream = connector.connect(name.clone(), stream).await?;
                over(stream, request, read).await
            }
        }
    }
}

async fn over<S, R, F, T>(stream: S, request: Request<Full<Bytes>>, read: R) -> Result<T, AskError>
where
    S: AsyncRead + AsyncWrite + Unpin,
    R: FnOnce(Response<Incoming>) -> F,
    F: Future<Output = Result<T, AskError>>,
{
    let mut builder = http1::Builder::new();
    builder
        .max_headers(FIELDS_LIMIT)
        .max_buf_size(HEAD_LIMIT_BYTES);
    let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
    let answered = async { read(sender.send_request(request).await?).await };
    tokio::pin!(answered);
    // The connection is driven here and ends with the question: nothing of it is left behind.
    let ended = tokio::select! {
        biased;
        answer = &mut answered => return answer,
        ended = connection => ended,
    };
    ended?;
    // A server that closes after its answer may have sent all of it.
    match answered.await {
        Err(AskError::Http(_)) => Err(AskError::Cut),
        answer => answer,
    }
}

async fn read(
    response: Response<Incoming>,
    wanted: Option<&'static str>,
    patience: Patience,
) -> Result<Bytes, AskError> {
    if response.status() != StatusCode::OK {
        return Err(AskError::Status(response.status().as_u16()));
    }
    let kind = response.headers().get(CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if wanted.is_some_and(|wanted| !essence.eq_ignore_ascii_case(wanted)) {
        return Err(AskError::ContentType);
    }
    bounded(response.into_body(), patience).await
}

async fn bounded(body: Incoming, patience: Patience) -> Result<Bytes, AskError> {
    let [bytes, _] = patience.limits;
    let body = Limited::new(body, patience.bytes).collect().await;
    body.map(http_body_util::Collected::to_bytes)
        .map_err(|error| {
            if error.is::<LengthLimitError>() {
                AskError::TooLong(bytes)
            } else {
                AskError::Cut
            }
        })
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without its path, in which some authorities want a customer's secret.
        write!(
            f,
            "{}://{}",
            self.url.scheme_str().unwrap_or_default(),
            self.url.host().unwrap_or_default()
        )
    }
}

impl fmt::Debug for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Way({self})")
    }
}

/// The most bytes of an answer's head.
const HEAD_LIMIT_BYTES: usize = 16 * 1024;
/// The most fields of an answer.
const FIELDS_LIMIT: usize = 64;
