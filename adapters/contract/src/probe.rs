//! Calls made up to try an adapter: by the kit, by a package's scenario, by `adapter check`.

use std::time::Duration;

use bridge_core::identity::{ServiceId, SubsystemId};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{Body, BodyError, Call, CallerFacts, Content, Idempotency, body};

/// One call to be made, as often as wanted.
#[derive(Debug, Clone)]
pub struct Probe {
    /// The service that is asked.
    pub service: ServiceId,
    /// Who asks.
    pub client: SubsystemId,
    /// The method.
    pub method: Method,
    /// The path after the service code, encoded.
    pub path: String,
    /// The query, decoded.
    pub query: Vec<(String, String)>,
    /// The Content-Type of the body.
    pub content_type: Option<HeaderValue>,
    /// The body.
    pub body: ProbeBody,
    /// The purpose code.
    pub purpose: Option<String>,
    /// The legal basis code.
    pub legal_basis: Option<String>,
    /// The end user, as the consumer names them.
    pub user_id: Option<String>,
    /// Whom the caller acts for.
    pub represented_party: Option<String>,
    /// The Idempotency-Key.
    pub key: Option<String>,
    /// How long the call may take.
    pub time: Duration,
}

/// The body of a [`Probe`].
#[derive(Debug, Clone)]
pub enum ProbeBody {
    /// None.
    Empty,
    /// These bytes.
    Whole(Bytes),
    /// These bytes, and then the sender goes away.
    CutAfter(Bytes),
}

/// How long a probe may take unless it says otherwise.
pub const PROBE_TIME: Duration = Duration::from_secs(10);

impl Probe {
    /// Makes a probe: GET, without query and body.
    pub fn get(service: ServiceId, client: SubsystemId, path: &str) -> Self {
        Self {
            service,
            client,
            method: Method::GET,
            path: path.to_owned(),
            query: Vec::new(),
            content_type: None,
            body: ProbeBody::Empty,
            purpose: None,
            legal_basis: None,
            user_id: None,
            represented_party: None,
            key: None,
            time: PROBE_TIME,
        }
    }

    /// Turns the probe into a POST of JSON.
    #[must_use]
    pub fn posting(self, body: ProbeBody) -> Self {
        let content_type = Some(HeaderValue::from_static("application/json"));
        Self {
            method: Method::POST,
            content_type,
            body,
            ..self
        }
    }

    /// Gives it an Idempotency-Key.
    #[must_use]
    pub fn keyed(self, key: &str) -> Self {
        let key = Some(key.to_owned());
        Self { key, ..self }
    }

    /// Sets how long the call may take.
    #[must_use]
    pub fn within(self, time: Duration) -> Self {
        Self { time, ..self }
    }

    /// The path, decoded and split.
    pub fn segments(&self) -> Vec<String> {
        let Some(rest) = self.path.strip_prefix('/') else {
            return Vec::new();
        };
        let decoded = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
        rest.split('/').map(decoded).collect()
    }

    /// Makes the call. Its time begins now.
    pub fn call(&self, cancel: CancellationToken) -> Call {
        let mut fields = HeaderMap::new();
        if let Some(value) = &self.content_type {
            fields.insert(header::CONTENT_TYPE, value.clone());
        }
        let (body, body_length) = self.body.open();
        Call {
            service: self.service.clone(),
            method: self.method.clone(),
            path: self.path.clone(),
            segments: self.segments(),
            query: self.query.clone(),
            raw_query: raw_query(&self.query),
            fields,
            body,
            body_length,
            deadline: Instant::now()
                .checked_add(self.time)
                .unwrap_or_else(Instant::now),
            cancel,
            idempotency: self.idempotency(),
            facts: CallerFacts {
                client: self.client.clone(),
                request_id: Uuid::new_v4(),
                purpose: self.purpose.clone(),
                legal_basis: self.legal_basis.clone(),
                user_id: self.user_id.clone(),
                represented_party: self.represented_party.clone(),
                issue: None,
                contract: None,
            },
        }
    }

    fn idempotency(&self) -> Option<Idempotency> {
        let key = self.key.as_deref()?;
        let query = raw_query(&self.query).map_or_else(String::new, |query| format!("?{query}"));
        let target = format!("{}{query}", self.path);
        Some(Idempotency::new(
            (&self.client, &self.service),
            key,
            Content {
                method: &self.method,
                target: &target,
                media_type: self.content_type.as_ref().and_then(|own| own.to_str().ok()),
                represented_party: self.represented_party.as_deref(),
                body: &self.body.digest(),
            },
        ))
    }
}

impl ProbeBody {
    /// The SHA-256 of what is sent.
    fn digest(&self) -> [u8; 32] {
        let mut digest = [0; 32];
        let bytes: &[u8] = match self {
            Self::Empty => &[],
            Self::Whole(bytes) | Self::CutAfter(bytes) => bytes,
        };
        digest.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref());
        digest
    }

    fn open(&self) -> (Body, Option<u64>) {
        match self {
            Self::Empty => (body::empty(), Some(0)),
            Self::Whole(bytes) => (body::full(bytes.clone()), u64::try_from(bytes.len()).ok()),
            Self::CutAfter(bytes) => (body::cut_after(bytes.clone()), None),
        }
    }

    /// The bytes of a whole body.
    ///
    /// # Errors
    ///
    /// [`BodyError::Cut`] for a body that is cut.
    pub fn whole(&self) -> Result<Bytes, BodyError> {
        match self {
            Self::Empty => Ok(Bytes::new()),
            Self::Whole(bytes) => Ok(bytes.clone()),
            Self::CutAfter(_) => Err(BodyError::cut()),
        }
    }
}

fn raw_query(query: &[(String, String)]) -> Option<String> {
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let pairs: Vec<String> = query
        .iter()
        .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)))
        .collect();
    (!pairs.is_empty()).then(|| pairs.join("&"))
}
