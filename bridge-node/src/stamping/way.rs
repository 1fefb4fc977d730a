//! Asks an authority over HTTP: one connection a question, bounded in time and size, no redirects, no proxy.
//!
//! Standard: RFC 3161 §3.4.

use std::fmt;
use std::sync::Arc;

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

use super::Patience;
use crate::settings::TimeAuthority;
use crate::tls::web_client;

/// Where an authority is and how it is reached.
pub(super) struct Way {
    url: Uri,
    host: String,
    port: u16,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
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
    #[error("the answer is of another type than a time-stamp")]
    ContentType,
    /// The answer is longer than the limit.
    #[error("the answer is longer than limits.stamp_bytes")]
    TooLong,
    /// The answer ends early.
    #[error("the answer ends early")]
    Cut,
    /// It took longer than the limit.
    #[error("nothing whole within limits.stamp_seconds")]
    TooSlow,
}

// === impl Way ===

impl Way {
    /// Reads what the settings name.
    pub(super) fn open(told: &TimeAuthority) -> Result<Self, String> {
        let host = told.url.host().unwrap_or_default();
        // An IPv6 address stands in brackets in an address, and without them everywhere else.
        let host = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        let secure = told.url.scheme_str() == Some("https");
        let tls = match &told.anchors {
            Some(path) if secure => {
                let config = web_client(path).map_err(|error| crate::chain(&error))?;
                let name = ServerName::try_from(host.clone())
                    .map_err(|error| format!("{}: {error}", told.url))?;
                Some((config, name))
            }
            _ if secure => return Err(format!("{}: no anchors", told.url)),
            _ => None,
        };
        Ok(Self {
            port: told.url.port_u16().unwrap_or(if secure { 443 } else { 80 }),
            url: told.url.clone(),
            host,
            tls,
        })
    }

    /// Sends a question and returns the answer's bytes, whatever they are.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the connection.
    pub(super) async fn ask(
        &self,
        question: Vec<u8>,
        patience: Patience,
    ) -> Result<Bytes, AskError> {
        let asked = tokio::time::timeout(patience.time, self.exchange(question, patience.bytes));
        asked.await.map_err(|_elapsed| AskError::TooSlow)?
    }

    async fn exchange(&self, question: Vec<u8>, limit: usize) -> Result<Bytes, AskError> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        match &self.tls {
            None => self.over(stream, question, limit).await,
            Some((config, name)) => {
                let connector = TlsConnector::from(Arc::clone(config));
                let stream = connector.connect(name.clone(), stream).await?;
                self.over(stream, question, limit).await
            }
        }
    }

    async fn over<S>(&self, stream: S, question: Vec<u8>, limit: usize) -> Result<Bytes, AskError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut builder = http1::Builder::new();
        builder
            .max_headers(FIELDS_LIMIT)
            .max_buf_size(HEAD_LIMIT_BYTES);
        let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
        let path = self.url.path_and_query().map_or("/", |path| path.as_str());
        let authority = self.url.authority().map_or("", |host| host.as_str());
        let request = Request::post(path)
            .header(HOST, authority)
            .header(CONTENT_TYPE, QUERY)
            .header(ACCEPT, REPLY)
            .body(Full::new(Bytes::from(question)))?;
        let answered = async {
            let response = sender.send_request(request).await?;
            read(response, limit).await
        };
        // The connection is driven here and ends with the question: nothing of it is left behind.
        tokio::select! {
            biased;
            answer = answered => answer,
            ended = connection => match ended {
                Err(error) => Err(error.into()),
                Ok(()) => Err(AskError::Cut),
            },
        }
    }
}

async fn read(response: Response<Incoming>, limit: usize) -> Result<Bytes, AskError> {
    if response.status() != StatusCode::OK {
        return Err(AskError::Status(response.status().as_u16()));
    }
    let kind = response.headers().get(CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case(REPLY) {
        return Err(AskError::ContentType);
    }
    let body = Limited::new(response.into_body(), limit).collect().await;
    body.map(http_body_util::Collected::to_bytes)
        .map_err(|error| {
            if error.is::<LengthLimitError>() {
                AskError::TooLong
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

const QUERY: &str = "application/timestamp-query";
const REPLY: &str = "application/timestamp-reply";
/// The most bytes of an answer's head.
const HEAD_LIMIT_BYTES: usize = 16 * 1024;
/// The most fields of an answer.
const FIELDS_LIMIT: usize = 64;
