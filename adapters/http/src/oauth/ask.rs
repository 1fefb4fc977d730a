//! One question to the token service.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bridge_adapter::connection::Outgoing;
use bridge_adapter::{AdapterError, Fault, Until, body};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::Token;
use crate::base::Base;
use crate::config::{ClientAuthentication, OauthConfig};
use crate::connect::Connector;
use crate::files;

/// How long the token service may take.
const TIME: Duration = Duration::from_secs(10);
/// The most bytes of its answer.
const ANSWER_LIMIT_BYTES: usize = 64 * 1024;
/// How long a token lives whose service does not say.
const USUAL_LIFE: Duration = Duration::from_mins(5);
/// The longest that a token is believed to live.
const LONGEST_LIFE: Duration = Duration::from_hours(24);
/// What form fields and the parts of Basic credentials encode. Standard: RFC 6749 §2.3.1.
const FORM: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'*');

/// Asks for tokens.
#[derive(Debug)]
pub(crate) struct Ask {
    config: OauthConfig,
    connector: Connector,
}

/// Why there is no token. Holds neither secret nor token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenError {
    /// The token service could not be asked.
    #[error("the token service cannot be reached: {0}")]
    Away(String),
    /// It refuses this node, or its answer is no token.
    #[error("the token service gives no token: {0}")]
    None(String),
    /// The secret cannot be read.
    #[error("the client secret cannot be used: {0}")]
    Secret(String),
}

impl From<TokenError> for AdapterError {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Away(_) => Self::Unreachable {
                source: Some(Box::new(error)),
            },
            TokenError::None(_) | TokenError::Secret(_) => Self::Failed {
                reason: error.to_string(),
            },
        }
    }
}

impl Ask {
    pub(crate) fn new(config: OauthConfig, place: &str) -> Result<Self, Fault> {
        let place = format!("{place}.token_url");
        let wrong = |problem: &str| {
            let remedy = "write https://host:port/path";
            Fault::new("token-url", &place, problem, remedy)
        };
        let base = Base::parse(&config.token_url).map_err(wrong)?;
        if !base.tls && !base.is_loopback() {
            return Err(wrong("would send the secret in clear text over a network"));
        }
        if let ClientAuthentication::Basic { secret_file } = &config.authentication {
            secret(secret_file).map_err(|problem| {
                let place = place.replace("token_url", "client_secret_file");
                let remedy = "put the secret there, in one line, with the rights 0600";
                Fault::new("client-secret", place, problem, remedy)
            })?;
        }
        // An address on the own machine needs no certificate.
        let plain = crate::config::TlsConfig::default();
        let tls = if base.tls { &config.tls } else { &plain };
        let connector = Connector::new(base, tls, &place)?;
        Ok(Self { config, connector })
    }

    /// Fetches a token.
    pub(super) async fn token(&self) -> Result<Token, TokenError> {
        let began = Instant::now();
        let asked = tokio::time::timeout(TIME, self.asked()).await;
        let text = asked.map_err(|late| TokenError::Away(late.to_string()))??;
        read(&text, began)
    }

    async fn asked(&self) -> Result<Zeroizing<Vec<u8>>, TokenError> {
        let request = self.request()?;
        let away = |error: &dyn std::fmt::Display| TokenError::Away(error.to_string());
        let mut connection = self.connector.connect().await.map_err(|e| away(&e))?;
        let until = Until::after(TIME);
        let sent = connection.send(Outgoing::new(request), TIME, &until).await;
        let answer = sent.map_err(|e| TokenError::Away(said(e.into())))?;
        let status = answer.status();
        if status.is_server_error() {
            return Err(TokenError::Away(format!("it answers {}", status.as_u16())));
        }
        if status != StatusCode::OK {
            return Err(TokenError::None(format!("it answers {}", status.as_u16())));
        }
        let whole = Limited::new(answer.into_body(), ANSWER_LIMIT_BYTES);
        let whole = whole.collect().await.map_err(|e| away(&e))?.to_bytes();
        Ok(Zeroizing::new(whole.to_vec()))
    }

    fn request(&self) -> Result<Request<bridge_adapter::Body>, TokenError> {
        let encoded = |text: &str| utf8_percent_encode(text, FORM).to_string();
        let id = encoded(&self.config.client_id);
        let mut form = "grant_type=client_credentials".to_owned();
        if let Some(scope) = &self.config.scope {
            form = format!("{form}&scope={}", encoded(scope));
        }
        let mut credentials = None;
        match &self.config.authentication {
            ClientAuthentication::Tls => form = format!("{form}&client_id={id}"),
            ClientAuthentication::Basic { secret_file } => {
                let secret = secret(secret_file).map_err(TokenError::Secret)?;
                let pair = Zeroizing::new(format!("{id}:{}", encoded(&secret)));
                let field = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
                credentials = hidden(&field);
            }
        }
        let base = &self.connector.base;
        let mut request = Request::new(body::full(Bytes::from(form.clone())));
        *request.method_mut() = Method::POST;
        let path = base.path().parse();
        *request.uri_mut() = path.map_err(|_cause| TokenError::None("no path".to_owned()))?;
        let fields = request.headers_mut();
        fields.insert(header::HOST, base.authority.clone());
        fields.insert(header::CONTENT_LENGTH, HeaderValue::from(form.len()));
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        fields.insert(header::CONTENT_TYPE, kind);
        let json = HeaderValue::from_static("application/json");
        fields.insert(header::ACCEPT, json);
        if let Some(credentials) = credentials {
            fields.insert(header::AUTHORIZATION, credentials);
        }
        Ok(request)
    }
}

/// What went wrong on the connection, without the words that speak of a registry.
fn said(error: AdapterError) -> String {
    if let AdapterError::NotUnderstood { reason } = error {
        return reason;
    }
    let source = std::error::Error::source(&error);
    source.map_or_else(|| error.code().to_owned(), ToString::to_string)
}

/// Reads the token service's answer. Standard: RFC 6749 §5.1.
fn read(text: &[u8], began: Instant) -> Result<Token, TokenError> {
    let none = |what: &str| TokenError::None(what.to_owned());
    let answer: serde_json::Value =
        serde_json::from_slice(text).map_err(|_cause| none("its answer is not JSON"))?;
    let field = |name| answer.get(name).and_then(serde_json::Value::as_str);
    let kind = field("token_type").unwrap_or_default();
    if !kind.eq_ignore_ascii_case("bearer") {
        return Err(none("its token is not of the type Bearer"));
    }
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b);
    let token = field("access_token").filter(|own| !own.is_empty() && own.bytes().all(fits));
    let token = token.ok_or_else(|| none("its token is not of the form that a field can hold"))?;
    let field = Zeroizing::new(format!("Bearer {token}"));
    let life = match answer.get("expires_in") {
        None => USUAL_LIFE,
        Some(seconds) => seconds
            .as_u64()
            .filter(|seconds| *seconds > 0)
            .map(Duration::from_secs)
            .ok_or_else(|| none("its expires_in is not a number of seconds"))?,
    };
    Ok(Token {
        credentials: hidden(&field).ok_or_else(|| none("its token is too long"))?,
        fetched: began,
        ends: began.checked_add(life.min(LONGEST_LIFE)).unwrap_or(began),
    })
}

fn hidden(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// The secret: one line of a file that nobody else may read.
fn secret(file: &std::path::Path) -> Result<Zeroizing<String>, String> {
    let bytes = files::read_private(file)?;
    let text =
        str::from_utf8(&bytes).map_err(|_cause| format!("{} is not text", file.display()))?;
    let line = text.trim_end_matches(['\r', '\n']);
    if line.is_empty() || line.contains(['\r', '\n']) {
        return Err(format!("{} does not hold one line", file.display()));
    }
    Ok(Zeroizing::new(line.to_owned()))
}
