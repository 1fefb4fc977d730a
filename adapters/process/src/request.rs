//! From a call to an HTTP request.

use bridge_adapter::stream::end_to_end;
use bridge_adapter::{AdapterError, Body, Call, body};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri, header};
use http_body::Body as _;
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::time::Instant;

use crate::connections::HOST;

/// Of a service code: all but the unreserved characters. Standard: RFC 3986 §2.3.
const CODE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// Of a fact: what a field cannot hold, and the sign itself.
const FACT: &AsciiSet = &CONTROLS.add(b'%');

/// The exchange's name, which an answer repeats.
pub(crate) const REQUEST_ID: &str = "bridge-call-request-id";

/// Makes a request of a call, whose body it takes.
pub(crate) fn of(call: &mut Call) -> Result<Request<Body>, AdapterError> {
    let target = target(call)?;
    let mut fields = end_to_end(std::mem::take(&mut call.fields));
    // Facts come from the node only, whatever a caller wrote.
    let ours = |name: &HeaderName| {
        name.as_str().starts_with("bridge-") || name.as_str().starts_with("x-road-")
    };
    let forged: Vec<HeaderName> = fields.keys().filter(|name| ours(name)).cloned().collect();
    for name in forged.iter().chain([&header::CONTENT_LENGTH]) {
        fields.remove(name);
    }
    fields.insert(header::HOST, HOST);
    facts(call, &mut fields)?;
    let mut body = std::mem::replace(&mut call.body, body::empty());
    if call.body_length == Some(0) || body.is_end_stream() {
        body = body::empty();
    } else if let Some(length) = call.body_length {
        fields.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    let mut request = Request::new(body);
    *request.method_mut() = call.method.clone();
    *request.uri_mut() = target;
    *request.headers_mut() = fields;
    Ok(request)
}

fn target(call: &Call) -> Result<Uri, AdapterError> {
    let code = utf8_percent_encode(call.service.code(), CODE);
    let mut target = format!("/call/{code}{}", call.path);
    if let Some(query) = &call.raw_query {
        target.push('?');
        target.push_str(query);
    }
    let bad = |_cause| AdapterError::BadRequest {
        place: "path or query".to_owned(),
        expected: "text that a request line can hold".to_owned(),
    };
    let uri: Uri = target.parse().map_err(bad)?;
    // Nothing may be lost.
    if uri
        .path_and_query()
        .is_none_or(|own| own.as_str() != target)
    {
        return Err(AdapterError::NotFound);
    }
    Ok(uri)
}

fn facts(call: &Call, fields: &mut HeaderMap) -> Result<(), AdapterError> {
    let facts = &call.facts;
    let left = call.deadline.saturating_duration_since(Instant::now());
    // Not less than there is: the program would give up before the node, and that looks like a cut.
    let left_ms = left.as_nanos().div_ceil(1_000_000);
    let idempotency = call.idempotency.as_ref();
    let values: [(&'static str, Option<String>); 12] = [
        ("bridge-call-client", Some(facts.client.to_string())),
        ("bridge-call-service", Some(call.service.to_string())),
        (REQUEST_ID, Some(facts.request_id.to_string())),
        ("bridge-call-deadline-ms", Some(left_ms.to_string())),
        ("bridge-call-purpose", facts.purpose.clone()),
        ("bridge-call-legal-basis", facts.legal_basis.clone()),
        ("bridge-call-contract", facts.contract.clone()),
        ("bridge-call-user-id", facts.user_id.clone()),
        (
            "bridge-call-represented-party",
            facts.represented_party.clone(),
        ),
        ("bridge-call-issue", facts.issue.clone()),
        (
            "bridge-call-idempotency-key",
            idempotency.map(|own| own.scoped.clone()),
        ),
        (
            "bridge-call-idempotency-content",
            idempotency.map(|own| own.content.clone()),
        ),
    ];
    for (name, value) in values {
        let Some(value) = value else { continue };
        let written = utf8_percent_encode(&value, FACT).to_string();
        // A fact that got lost would be a call under other terms.
        let value =
            HeaderValue::from_str(&written).map_err(|_invalid| AdapterError::BadRequest {
                place: name.to_owned(),
                expected: "a value that a field can hold".to_owned(),
            })?;
        fields.insert(HeaderName::from_static(name), value);
    }
    Ok(())
}
