//! From a call to an operation and its bound parameters.

use std::sync::Arc;

use bridge_adapter::openapi::{CheckedRequest, Checker};
use bridge_adapter::{AdapterError, BodyError, Call, CallerFacts, Limit, Until, body};
use bytes::Bytes;
use http::header;
use serde_json::Value;
use time::OffsetDateTime;

use crate::config::{CallerFact, Config, Operation, Param, Source};
use crate::value::Scalar;

/// The value of each parameter of an operation, in the order of the manifest.
pub(crate) type Bound = Vec<(Arc<str>, Scalar)>;

/// Picks the operation that answers a call.
pub(crate) fn pick<'a>(
    config: &'a Config,
    call: &Call,
) -> Result<&'a Arc<Operation>, AdapterError> {
    let fitting = config.operations.iter().filter(|operation| {
        operation.service == call.service.code() && operation.template.fits(&call.segments)
    });
    // Mostly one operation fits, and there is nothing to weigh.
    let mut first = fitting.clone();
    if let (Some(only), None) = (first.next(), first.next())
        && only.method == call.method
    {
        return Ok(only);
    }
    let mut fitting: Vec<_> = fitting.collect();
    fitting.sort_by_key(|operation| operation.template.precedence());
    let Some(best) = fitting.first() else {
        return Err(AdapterError::NotFound);
    };
    let best = best.template.precedence();
    fitting.retain(|operation| operation.template.precedence() == best);
    let allowed = || {
        fitting
            .iter()
            .map(|operation| operation.method.to_string())
            .collect()
    };
    let same = fitting
        .iter()
        .find(|operation| operation.method == call.method);
    same.copied()
        .ok_or_else(|| AdapterError::MethodNotAllowed { allowed: allowed() })
}

/// Reads the request body.
pub(crate) async fn read_body(
    call: &mut Call,
    (limit_bytes, until): (u64, &Until),
) -> Result<(Bytes, Value), AdapterError> {
    let too_large = AdapterError::TooLarge {
        limit: Limit::RequestBytes(limit_bytes),
    };
    if call.body_length.is_some_and(|length| length > limit_bytes) {
        return Err(too_large);
    }
    let not_json = |expected: &str| AdapterError::BadRequest {
        place: "body".to_owned(),
        expected: expected.to_owned(),
    };
    let content_type = call
        .fields
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = content_type
        .and_then(|text| text.split(';').next())
        .unwrap_or_default()
        .trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        return Err(not_json("application/json"));
    }
    let body = std::mem::replace(&mut call.body, body::empty());
    let bytes = match until.bound(body::collect(body, limit_bytes)).await? {
        Ok(bytes) => bytes,
        Err(BodyError::TooLarge { .. }) => return Err(too_large),
        Err(error) => return Err(AdapterError::RequestBody(error)),
    };
    // Of a key that stands twice, the node's decision and this adapter could each read another value.
    let strict = bridge_core::json::read(&bytes).is_ok();
    let value = serde_json::from_slice(&bytes).ok().filter(|_| strict);
    match value {
        Some(value) => Ok((bytes, value)),
        None => Err(not_json("JSON in UTF-8, each key once")),
    }
}

/// Holds a request with a body against the document: what no parameter reads, the database would refuse as its own failure,
/// or keep as the answer under the caller's key.
pub(crate) fn fits(openapi: &Checker, call: &Call, body: &[u8]) -> Result<(), AdapterError> {
    let content_type = call.fields.get(header::CONTENT_TYPE);
    let request = CheckedRequest {
        service: call.service.code(),
        method: call.method.as_str(),
        segments: &call.segments,
        query: &call.query,
        content_type: content_type.and_then(|value| value.to_str().ok()),
        body,
    };
    openapi
        .check_request(&request)
        .map_err(|mismatch| AdapterError::BadRequest {
            place: "body".to_owned(),
            expected: format!("what openapi.json says: {mismatch}"),
        })
}

/// Reads every parameter of an operation.
pub(crate) fn bind(
    operation: &Operation,
    call: &Call,
    body: Option<&Value>,
) -> Result<Bound, AdapterError> {
    if !call.query.is_empty() {
        check_query_names(operation, call)?;
    }
    let bound = operation.params.iter().map(|param| {
        let value = match &param.source {
            Source::Path(name) => {
                let text = operation.template.value(name, &call.segments);
                text.map(|text| param.kind.read_text(text))
            }
            Source::Query(name) => query(call, name)?.map(|text| param.kind.read_text(text)),
            Source::Body(pointer) => {
                let value = body
                    .and_then(|body| pointer.find(body))
                    .filter(|value| !value.is_null());
                value.map(|value| param.kind.read_json(value))
            }
            Source::Caller(fact) => {
                caller(&call.facts, *fact).map(|text| param.kind.read_text(&text))
            }
            Source::Clock => Some(param.kind.of_moment(OffsetDateTime::now_utc())),
        };
        match value {
            Some(Some(value)) => Ok((Arc::clone(&param.name), value)),
            None if param.optional => Ok((Arc::clone(&param.name), Scalar::Null)),
            Some(None) | None => Err(bad(param)),
        }
    });
    bound.collect()
}

fn query<'a>(call: &'a Call, name: &str) -> Result<Option<&'a str>, AdapterError> {
    let mut values = call
        .query
        .iter()
        .filter(|(own, _)| own == name)
        .map(|(_, value)| value.as_str());
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        (_, Some(_)) => Err(AdapterError::BadRequest {
            place: format!("query {name}"),
            expected: "one value".to_owned(),
        }),
    }
}

fn check_query_names(operation: &Operation, call: &Call) -> Result<(), AdapterError> {
    let known: Vec<&str> = operation
        .params
        .iter()
        .filter_map(|param| match &param.source {
            Source::Query(name) => Some(name.as_str()),
            Source::Path(_) | Source::Body(_) | Source::Caller(_) | Source::Clock => None,
        })
        .collect();
    if call
        .query
        .iter()
        .all(|(name, _)| known.contains(&name.as_str()))
    {
        return Ok(());
    }
    let expected = if known.is_empty() {
        "no query".to_owned()
    } else {
        format!("only {}", known.join(", "))
    };
    Err(AdapterError::BadRequest {
        place: "query".to_owned(),
        expected,
    })
}

fn caller(facts: &CallerFacts, fact: CallerFact) -> Option<String> {
    match fact {
        CallerFact::Client => Some(facts.client.to_string()),
        CallerFact::RequestId => Some(facts.request_id.to_string()),
        CallerFact::Purpose => facts.purpose.clone(),
        CallerFact::LegalBasis => facts.legal_basis.clone(),
        CallerFact::UserId => facts.user_id.clone(),
        CallerFact::RepresentedParty => facts.represented_party.clone(),
        CallerFact::Issue => facts.issue.clone(),
        CallerFact::Contract => facts.contract.clone(),
    }
}

fn bad(param: &Param) -> AdapterError {
    let place = match &param.source {
        Source::Path(name) => format!("path segment {name}"),
        Source::Query(name) => format!("query {name}"),
        Source::Body(pointer) => format!("body {}", pointer.text()),
        Source::Caller(_) | Source::Clock => format!("the caller's {}", param.name),
    };
    AdapterError::BadRequest {
        place,
        expected: param.kind.expected().to_owned(),
    }
}
