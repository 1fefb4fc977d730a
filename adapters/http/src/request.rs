//! From a call to an HTTP request.

use bridge_adapter::connection::Outgoing;
use bridge_adapter::stream::end_to_end;
use bridge_adapter::{AdapterError, Body, Call, Effect, body};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header};
use http_body::Body as _;

use crate::base::Base;

/// The longest body that is kept so that its request can be made once more.
const KEPT_BODY_BYTES: u64 = 64 * 1024;

const CLIENT: HeaderName = HeaderName::from_static("x-road-client");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-road-request-id");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// A request's head, from which the request can be made once more.
#[derive(Debug)]
pub(crate) struct Head {
    method: Method,
    target: Uri,
    fields: HeaderMap,
    repeatable: bool,
}

/// A request's body on its way.
#[derive(Debug)]
pub(crate) enum Payload {
    /// Short enough to be sent again; perhaps empty.
    Kept(Bytes),
    /// To be sent once.
    Streamed(Body),
    /// Sent, wholly or not.
    Gone,
}

/// Makes the head and takes the body out of a call.
pub(crate) fn split(
    base: &Base,
    effect: Effect,
    call: &mut Call,
) -> Result<(Head, Payload), AdapterError> {
    let target = base.target(call)?;
    let mut fields = end_to_end(std::mem::take(&mut call.fields));
    fields.insert(header::HOST, base.authority.clone());
    fields.remove(header::CONTENT_LENGTH);
    // What the node established wins over what the caller wrote.
    insert(&mut fields, CLIENT, &call.facts.client.to_string());
    insert(&mut fields, REQUEST_ID, &call.facts.request_id.to_string());
    if let Some(idempotency) = &call.idempotency {
        // The scoped key, because the registry sees one caller, this node, and two agencies may use one key.
        let key = format!("\"{}\"", idempotency.scoped);
        insert(&mut fields, IDEMPOTENCY_KEY, &key);
    }
    let body = std::mem::replace(&mut call.body, body::empty());
    let payload = if call.body_length == Some(0) || body.is_end_stream() {
        Payload::Kept(Bytes::new())
    } else {
        if let Some(length) = call.body_length {
            fields.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        }
        Payload::Streamed(body)
    };
    let head = Head {
        method: call.method.clone(),
        target,
        repeatable: match effect {
            Effect::Reads => true,
            Effect::Stored => call.idempotency.is_some(),
            Effect::Unknown => false,
        },
        fields,
    };
    Ok((head, payload))
}

impl Payload {
    /// Keeps a body that is announced to be short, so that it can be sent again.
    pub(crate) async fn keep(&mut self, length: Option<u64>) -> Result<(), AdapterError> {
        if length.is_none_or(|length| length > KEPT_BODY_BYTES) {
            return Ok(());
        }
        match std::mem::replace(self, Self::Gone) {
            Self::Streamed(body) => {
                let kept = body::collect(body, KEPT_BODY_BYTES).await;
                *self = Self::Kept(kept.map_err(AdapterError::RequestBody)?);
            }
            other @ (Self::Kept(_) | Self::Gone) => *self = other,
        }
        Ok(())
    }

    /// Whether it can be sent now.
    pub(crate) fn is_there(&self) -> bool {
        !matches!(self, Self::Gone)
    }

    /// Takes the body to send it; a kept one stays.
    fn take(&mut self) -> Body {
        match self {
            Self::Kept(bytes) if bytes.is_empty() => body::empty(),
            Self::Kept(bytes) => body::full(bytes.clone()),
            Self::Streamed(_) | Self::Gone => match std::mem::replace(self, Self::Gone) {
                Self::Streamed(body) => body,
                Self::Kept(_) | Self::Gone => body::empty(),
            },
        }
    }
}

impl Head {
    /// Makes the request. The body must be there.
    pub(crate) fn request(&self, payload: &mut Payload) -> Outgoing {
        let mut request = Request::new(payload.take());
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.target.clone();
        *request.headers_mut() = self.fields.clone();
        Outgoing::new(request)
    }

    /// Shows the registry an access token.
    pub(crate) fn authorise(&mut self, credentials: HeaderValue) {
        self.fields.insert(header::AUTHORIZATION, credentials);
    }

    /// Whether the request may be made once more when it is not known whether it arrived: it leaves
    /// nothing behind, or the registry does the work once for its Idempotency-Key.
    ///
    /// Standard: RFC 9110 §9.2.2.
    pub(crate) fn is_repeatable(&self) -> bool {
        self.repeatable
    }
}

/// The values are printable ASCII by the node's own rules; a value that is not is left out.
fn insert(fields: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        fields.insert(name, value);
    }
}
