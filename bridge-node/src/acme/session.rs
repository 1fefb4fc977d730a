//! One conversation with the authority: signed requests, each with a nonce of its own, answers within bounds.
//!
//! Standard: RFC 8555 §6.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, LOCATION, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderName, Method, Request, Response, StatusCode, Uri};
use http_body_util::Full;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::AcmeError;
use super::account::{Account, Named};
use super::messages::{Places, Problem, at_origin};
use crate::settings::{Acme, Limits};
use crate::way::{Patience, Way};

/// How often a request is sent again because its nonce was refused: some servers refuse one in twenty to keep clients honest.
const NONCE_TRIES: usize = 8;
/// Requests of one conversation: an order takes a dozen, and some more while it is waited for.
const REQUESTS: usize = 200;
/// The longest nonce that is sent back.
const NONCE_CHARACTERS: usize = 256;
/// Between this and that is waited before something is looked at again, whatever the server says.
const WAIT: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(15)];
/// However long the authority wants to be left alone, it is asked again after a day.
const RETRY_MOST: Duration = Duration::from_hours(24);
const REPLAY_NONCE: HeaderName = HeaderName::from_static("replay-nonce");
const JOSE: &str = "application/jose+json";
const AGENT: &str = concat!("bridge-node/", env!("CARGO_PKG_VERSION"));

/// A conversation with the authority.
#[derive(Debug)]
pub struct Session {
    way: Way,
    origin: Uri,
    patience: Patience,
    pub(super) places: Places,
    nonce: Option<String>,
    left: usize,
    account: Option<String>,
}

// === impl Session ===

impl Session {
    /// Asks for the places of the authority.
    ///
    /// # Errors
    ///
    /// [`AcmeError`].
    pub async fn open(settings: &Acme, limits: &Limits) -> Result<Self, AcmeError> {
        let way =
            Way::open(&settings.directory, Some(&settings.anchors)).map_err(AcmeError::Key)?;
        let patience = Patience {
            bytes: limits.acme_bytes,
            time: limits.acme_timeout,
            limits: ["acme_bytes", "acme_seconds"],
        };
        let nowhere = Places {
            new_nonce: String::new(),
            new_account: String::new(),
            new_order: String::new(),
            renewal_info: None,
            meta: super::messages::Meta::default(),
        };
        let mut session = Self {
            way,
            origin: settings.directory.clone(),
            patience,
            places: nowhere,
            nonce: None,
            left: REQUESTS,
            account: None,
        };
        session.places = session
            .get("its directory", &settings.directory.to_string())
            .await?;
        Ok(session)
    }

    /// Makes the account of a key, or finds it.
    ///
    /// # Errors
    ///
    /// [`AcmeError`]; [`AcmeError::Key`] if the authority wants a customer's number and none is set.
    pub(super) async fn enter(
        &mut self,
        account: &Account,
        contact: &[String],
    ) -> Result<(), AcmeError> {
        let what = "an account";
        let url = self.places.new_account.clone();
        let agreed = serde_json::json!({"termsOfServiceAgreed": true, "contact": contact});
        let payload = match account.binding(&url) {
            Some(binding) => serde_json::json!({
                "termsOfServiceAgreed": true, "contact": contact, "externalAccountBinding": binding
            }),
            None if self.places.meta.external_account_required => {
                return Err(AcmeError::Key(
                    "the authority wants external account binding: set acme.external_account_id and acme.external_account_key".to_owned(),
                ));
            }
            None => agreed,
        };
        let answer = self.post(what, account, &url, Some(&payload)).await?;
        let said: super::messages::AccountSaid = read(what, &answer)?;
        let valid = super::messages::Status::Valid;
        if said.status.is_some_and(|status| status != valid) {
            return Err(malformed(what, "the account is deactivated or revoked"));
        }
        self.account = Some(location(what, answer.headers())?);
        Ok(())
    }

    /// Sends a signed request and returns its answer, of status 200 or 201. A nonce that is refused is replaced.
    pub(super) async fn post(
        &mut self,
        what: &'static str,
        account: &Account,
        url: &str,
        payload: Option<&Value>,
    ) -> Result<Response<Bytes>, AcmeError> {
        let target = self.own(what, url)?;
        for _ in 0..NONCE_TRIES {
            let nonce = self.fresh_nonce().await?;
            let named = self.account.as_deref().map_or(Named::Key, Named::Account);
            let body = account.sign(named, (url, &nonce), payload)?;
            let answer = self.send(what, Method::POST, &target, body).await?;
            self.nonce = nonce_of(answer.headers());
            if matches!(answer.status(), StatusCode::OK | StatusCode::CREATED) {
                return Ok(answer);
            }
            let problem: Problem = serde_json::from_slice(answer.body()).unwrap_or_default();
            if problem.short() != "badNonce" {
                return Err(refused(what, &answer, &problem));
            }
        }
        Err(malformed(what, "it takes none of the nonces that it gives"))
    }

    /// As [`Session::post`] without a payload, and reads the answer as JSON.
    pub(super) async fn look<T: DeserializeOwned>(
        &mut self,
        what: &'static str,
        account: &Account,
        url: &str,
    ) -> Result<(T, Duration), AcmeError> {
        let answer = self.post(what, account, url, None).await?;
        Ok((read(what, &answer)?, wait(answer.headers())))
    }

    /// Reads JSON at an address, unsigned.
    pub(super) async fn get<T: DeserializeOwned>(
        &mut self,
        what: &'static str,
        url: &str,
    ) -> Result<T, AcmeError> {
        let target = self.own(what, url)?;
        let answer = self.send(what, Method::GET, &target, Vec::new()).await?;
        if answer.status() != StatusCode::OK {
            let problem: Problem = serde_json::from_slice(answer.body()).unwrap_or_default();
            return Err(refused(what, &answer, &problem));
        }
        read(what, &answer)
    }

    async fn fresh_nonce(&mut self) -> Result<String, AcmeError> {
        if let Some(nonce) = self.nonce.take() {
            return Ok(nonce);
        }
        let what = "a nonce";
        let target = self.own(what, &self.places.new_nonce.clone())?;
        let answer = self.send(what, Method::HEAD, &target, Vec::new()).await?;
        nonce_of(answer.headers()).ok_or_else(|| malformed(what, "there is none in it"))
    }

    /// An address that the server gave: it leads to the same server, or nowhere.
    fn own(&self, what: &'static str, url: &str) -> Result<Uri, AcmeError> {
        at_origin(&self.origin, url).ok_or_else(|| {
            let why = format!("it names an address that is not at {}", self.way);
            AcmeError::Malformed { what, why }
        })
    }

    async fn send(
        &mut self,
        what: &'static str,
        method: Method,
        url: &Uri,
        body: Vec<u8>,
    ) -> Result<Response<Bytes>, AcmeError> {
        self.left = self
            .left
            .checked_sub(1)
            .ok_or_else(|| malformed(what, "it wants to be asked without end"))?;
        let path = url.path_and_query().map_or("/", |path| path.as_str());
        let host = url.authority().map_or("", |host| host.as_str());
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, host)
            .header(USER_AGENT, AGENT);
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, JOSE);
        }
        let failed = |source| AcmeError::Ask {
            what,
            server: self.way.to_string(),
            source,
        };
        let request = request.body(Full::new(Bytes::from(body)));
        let request = request.map_err(|error| failed(error.into()))?;
        let answer = self.way.send(request, self.patience).await;
        answer.map_err(failed)
    }
}

/// The address under which something new is found.
pub(super) fn location(what: &'static str, fields: &HeaderMap) -> Result<String, AcmeError> {
    let location = fields.get(LOCATION).and_then(|value| value.to_str().ok());
    location
        .map(str::to_owned)
        .ok_or_else(|| malformed(what, "it does not say where it is"))
}

/// How long is waited before the same is looked at again.
pub(super) fn wait(fields: &HeaderMap) -> Duration {
    let [least, most] = WAIT;
    retry_after(fields).unwrap_or(least).clamp(least, most)
}

pub(super) fn malformed(what: &'static str, why: &str) -> AcmeError {
    let why = why.to_owned();
    AcmeError::Malformed { what, why }
}

fn read<T: DeserializeOwned>(what: &'static str, answer: &Response<Bytes>) -> Result<T, AcmeError> {
    let kind = essence(answer.headers());
    if kind != "application/json" {
        return Err(malformed(what, "it is no JSON by its own words"));
    }
    // What serde says would quote the server.
    serde_json::from_slice(answer.body())
        .map_err(|error| malformed(what, &format!("{:?} error of JSON", error.classify())))
}

/// The type that an answer says it has.
pub(super) fn essence(fields: &HeaderMap) -> String {
    let kind = fields.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next());
    kind.unwrap_or_default().trim().to_ascii_lowercase()
}

fn refused(what: &'static str, answer: &Response<Bytes>, problem: &Problem) -> AcmeError {
    let status = answer.status();
    AcmeError::Refused {
        what,
        problem: if problem.kind.is_empty() {
            format!("status {status}")
        } else {
            problem.words()
        },
        retry_after: retry_after(answer.headers()),
    }
}

/// Seconds only: what names a moment instead is looked at by this node's own measure.
fn retry_after(fields: &HeaderMap) -> Option<Duration> {
    let text = fields.get(RETRY_AFTER)?.to_str().ok()?;
    let seconds: u64 = text.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(RETRY_MOST))
}

fn nonce_of(fields: &HeaderMap) -> Option<String> {
    let text = fields.get(REPLAY_NONCE)?.to_str().ok()?;
    let fits = !text.is_empty() && text.len() <= NONCE_CHARACTERS;
    let clean = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    (fits && text.bytes().all(clean)).then(|| text.to_owned())
}
