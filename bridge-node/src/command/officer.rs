//! Asks a running node through its admin socket, signed with an officer's key.

use std::path::{Path, PathBuf};

use bridge_certs::open_key_file;
use bridge_directory::ceremony::Standing;
use bridge_signature::{
    Algorithm, FileSigner, Message, RequestView, Signer as _, content_digest_field,
    content_digest_of, signature_base, signature_fields,
};
use bytes::Bytes;
use clap::Args;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::UnixStream;

use super::passphrase::asked;
use super::{Failure, hint, keys};
use crate::admin::{AUTHORITY, LABEL, components, params};
use crate::clock::Clock;
use crate::orders::Order;

/// An answer of the socket may not be longer, bytes.
const ANSWER_LIMIT: usize = 256 * 1024 * 1024;

/// Who asks.
#[derive(Debug, Args)]
pub(super) struct Access {
    /// The node's admin socket.
    #[arg(long, value_name = "FILE")]
    socket: PathBuf,
    /// The officer's name in the settings.
    #[arg(long)]
    officer: String,
    /// The officer's key file.
    #[arg(long, value_name = "FILE")]
    officer_key: PathBuf,
}

// === impl Access ===

impl Access {
    /// The access of an officer at a node's socket.
    pub(super) const fn new(socket: PathBuf, officer: String, officer_key: PathBuf) -> Self {
        Self {
            socket,
            officer,
            officer_key,
        }
    }

    /// Asks the running node and returns its JSON answer.
    ///
    /// # Errors
    ///
    /// [`Failure::Failed`] with the node's own words, [`Failure::Busy`] if it can't answer now.
    pub(super) fn ask(&self, target: &str) -> Result<Value, Failure> {
        self.send(target, None)
    }

    /// Gives the running node an order and returns its JSON answer.
    ///
    /// # Errors
    ///
    /// As [`Access::ask`].
    pub(super) fn order(&self, order: &Order) -> Result<Value, Failure> {
        self.send("/orders", Some(Bytes::from(order.to_json())))
    }

    /// Gives the running node a signed contract file and returns its JSON answer.
    ///
    /// # Errors
    ///
    /// As [`Access::ask`].
    pub(super) fn contract(&self, file: Vec<u8>) -> Result<Value, Failure> {
        self.send("/contracts", Some(Bytes::from(file)))
    }

    /// Has the running node journal what is about to be published, and returns its JSON answer.
    ///
    /// # Errors
    ///
    /// As [`Access::ask`].
    pub(super) fn publication(&self, standing: &Standing) -> Result<Value, Failure> {
        let body = serde_json::json!(standing).to_string();
        self.send("/publications", Some(Bytes::from(body)))
    }

    fn send(&self, target: &str, body: Option<Bytes>) -> Result<Value, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::failed("the runtime cannot start", &error))?;
        let access = (&*self.socket, &*self.officer, &*self.officer_key);
        runtime.block_on(exchange(access, target, body))
    }
}

/// Sends one request: with a body it is a command, without one a question.
///
/// # Errors
///
/// As [`Access::ask`].
pub(super) async fn exchange(
    (socket, officer, key): (&Path, &str, &Path),
    target: &str,
    body: Option<Bytes>,
) -> Result<Value, Failure> {
    let failed = |error: &dyn std::error::Error| {
        let what = format!("admin socket {}: {}", socket.display(), crate::chain(error));
        Failure::Failed(hint(&what, "does the node run on, and is this its socket?"))
    };
    let method = if body.is_some() {
        Method::POST
    } else {
        Method::GET
    };
    let fields = sign((officer, key), (&method, target), body.as_ref())?;
    let stream = UnixStream::connect(socket).await.map_err(|error| {
        Failure::Failed(hint(
            &format!("{}: {error}", socket.display()),
            "is the node running, and are you its user or root?",
        ))
    })?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| failed(&error))?;
    let driver = tokio::spawn(connection);
    let mut request = Request::builder()
        .method(method)
        .uri(target)
        .body(Full::new(body.unwrap_or_default()))
        .map_err(|error| failed(&error))?;
    *request.headers_mut() = fields;
    let response = sender
        .send_request(request)
        .await
        .map_err(|error| failed(&error))?;
    let status = response.status();
    let body = Limited::new(response.into_body(), ANSWER_LIMIT)
        .collect()
        .await
        .map_err(|error| failed(&*error))?
        .to_bytes();
    driver.abort();
    let value: Value = serde_json::from_slice(&body).map_err(|error| failed(&error))?;
    if status.is_success() {
        return Ok(value);
    }
    let text = |name: &str| {
        value
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let (what, remedy) = (text("error"), text("hint"));
    let text = if remedy.is_empty() {
        what
    } else {
        hint(&what, &remedy)
    };
    Err(if status == StatusCode::SERVICE_UNAVAILABLE {
        Failure::Busy(text)
    } else {
        Failure::Failed(text)
    })
}

fn sign(
    (officer, key): (&str, &Path),
    (method, target): (&Method, &str),
    body: Option<&Bytes>,
) -> Result<HeaderMap, Failure> {
    let pkcs8 = open_key_file(key, &|| asked(None))
        .map_err(|error| Failure::failed("officer's key", &error))?;
    let signer = FileSigner::from_pkcs8(Algorithm::Ed25519, &pkcs8, officer.to_owned())
        .map_err(|error| Failure::failed("officer's key", &error))?;
    let nonce: [u8; 16] = keys::random()?;
    let mut fields = HeaderMap::new();
    if let Some(body) = body {
        let digest = content_digest_field(&content_digest_of(body));
        fields.insert("content-digest", digest);
    }
    let view = RequestView {
        method: method.as_str(),
        target,
        authority: AUTHORITY,
        scheme: "http",
        fields: &fields,
    };
    let params = params(officer, Clock::default().now_s(), &nonce);
    let base = signature_base(
        &Message::Request(view),
        &components(body.is_some()),
        &params,
    )
    .map_err(|error| Failure::failed("signature base", &error))?;
    let signature = signer
        .sign(base.bytes())
        .map_err(|error| Failure::failed("officer's key", &error))?;
    let (input, value) = signature_fields(LABEL, &base, &signature);
    fields.insert("signature-input", input);
    fields.insert("signature", value);
    if let Ok(host) = http::HeaderValue::from_str(AUTHORITY) {
        fields.insert("host", host);
    }
    Ok(fields)
}
