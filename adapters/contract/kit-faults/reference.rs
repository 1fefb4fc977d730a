//! A sound adapter over a registry in memory: every broken one is this one with one fault.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{LazyLock, Mutex, PoisonError};

use async_trait::async_trait;
use bridge_adapter::kit::{Days, Subject};
use bridge_adapter::openapi::{CheckedRequest, Checker, Mismatch};
use bridge_adapter::probe::Probe;
use bridge_adapter::scenario::Scenario;
use bridge_adapter::{
    Adapter, AdapterError, Answer, Body, BodyError, Call, Description, Effect, Health, Limit,
    Package, Until, body,
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde_json::{Value, json};

/// The most bytes of a request body.
pub(crate) const BODY_BYTES: u64 = 256 * 1024;
/// Bytes that are not UTF-8.
pub(crate) const NOT_UTF8: &[u8] = b"Bak\xfd";

/// The sound adapter.
#[derive(Debug)]
pub(crate) struct Reference {
    package: Package,
    /// Scoped key, digest of the content, answer.
    kept: Mutex<BTreeMap<String, (String, Vec<u8>)>>,
    receipts: Mutex<u64>,
}

impl Default for Reference {
    fn default() -> Self {
        Self {
            package: PACKAGE.clone(),
            kept: Mutex::default(),
            receipts: Mutex::default(),
        }
    }
}

impl Reference {
    /// Books a payment; with a key, once.
    fn pay(&self, call: &Call) -> Result<Answer, AdapterError> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = &call.idempotency {
            match kept.get(&key.scoped) {
                Some((content, bytes)) if *content == key.content => {
                    return Ok(answer(StatusCode::CREATED, bytes.clone()));
                }
                Some(_) => return Err(AdapterError::KeyReused),
                None => {}
            }
        }
        let mut receipts = self.receipts.lock().unwrap_or_else(PoisonError::into_inner);
        *receipts += 1;
        let bytes = json!({ "receipt": *receipts }).to_string().into_bytes();
        if let Some(key) = &call.idempotency {
            kept.insert(key.scoped.clone(), (key.content.clone(), bytes.clone()));
        }
        Ok(answer(StatusCode::CREATED, bytes))
    }
}

#[async_trait]
impl Adapter for Reference {
    fn describe(&self) -> Description {
        let mut said = self.package.describe("memory");
        for (service, path, effect) in [
            ("person", "/check", Effect::Reads),
            ("payment", "", Effect::Stored),
        ] {
            let endpoints = self.package.openapi.endpoints(service);
            let own = endpoints.iter().find(|own| own.path.as_str() == path);
            if let Some(own) = own {
                said.set_effect(service, &Method::POST, &own.path, effect);
            }
        }
        said
    }

    async fn health(&self) -> Health {
        Health::Ready
    }

    async fn call(&self, mut call: Call) -> Result<Answer, AdapterError> {
        let until = Until::of(&call);
        // A registry is asked over some line: there is always a moment to wait.
        until.bound(tokio::task::yield_now()).await?;
        let code = call.service.code().to_owned();
        let endpoints = self.package.openapi.endpoints(&code);
        let fitting = || endpoints.iter().filter(|own| own.path.fits(&call.segments));
        let closest = fitting()
            .map(|own| &own.path)
            .min_by_key(|path| path.precedence());
        let closest = closest.ok_or(AdapterError::NotFound)?;
        let taken = || {
            fitting()
                .filter(|own| own.path == *closest)
                .map(|own| &own.method)
        };
        if !taken().any(|method| *method == call.method) {
            let allowed = taken().map(ToString::to_string).collect();
            return Err(AdapterError::MethodNotAllowed { allowed });
        }
        let bytes = match call.method {
            Method::POST => json_body(&mut call, &until).await?,
            _ => Bytes::new(),
        };
        fits(&self.package.openapi, &call, &bytes)?;
        let value: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let segment = |at: usize| {
            call.segments
                .get(at)
                .map(String::as_str)
                .unwrap_or_default()
        };
        match (code.as_str(), segment(0), segment(1)) {
            ("person", "check", _) => Ok(matches(&value)),
            ("person", _, "mark") => Ok(empty(StatusCode::NO_CONTENT)),
            ("person", fin, _) => Ok(person(fin)),
            ("address", "find", _) => Ok(address(&found(&call), None)),
            ("address", fin, _) => Ok(address(fin, call.query.first())),
            ("balance", fin, _) => Ok(answer(StatusCode::OK, balance(fin))),
            ("payment", ..) => self.pay(&call),
            ("day", kind, _) => day(kind, &until).await,
            _ => Err(AdapterError::NotFound),
        }
    }
}

async fn json_body(call: &mut Call, until: &Until) -> Result<Bytes, AdapterError> {
    let media_type = call
        .fields
        .get(header::CONTENT_TYPE)
        .and_then(|own| own.to_str().ok());
    let essence = media_type
        .and_then(|own| own.split(';').next())
        .unwrap_or_default();
    if !essence.trim().eq_ignore_ascii_case("application/json") {
        return Err(bad("body", "application/json"));
    }
    let bytes = collected(call, until, BODY_BYTES).await?;
    // Of a key that stands twice the node and this adapter could each read another value.
    bridge_core::json::read(&bytes).map_err(|_error| bad("body", "JSON, each key once"))?;
    Ok(bytes)
}

/// Reads a call's body within its time.
pub(crate) async fn collected(
    call: &mut Call,
    until: &Until,
    limit: u64,
) -> Result<Bytes, AdapterError> {
    let body = std::mem::replace(&mut call.body, body::empty());
    match until.bound(body::collect(body, limit)).await? {
        Ok(bytes) => Ok(bytes),
        Err(BodyError::TooLarge { limit_bytes }) => Err(AdapterError::TooLarge {
            limit: Limit::RequestBytes(limit_bytes),
        }),
        Err(error) => Err(AdapterError::RequestBody(error)),
    }
}

fn fits(openapi: &Checker, call: &Call, bytes: &Bytes) -> Result<(), AdapterError> {
    let checked = CheckedRequest {
        service: call.service.code(),
        method: call.method.as_str(),
        segments: &call.segments,
        query: &call.query,
        // Its letter case means nothing; what it must be was checked with the body.
        content_type: Some("application/json"),
        body: bytes,
    };
    openapi
        .check_request(&checked)
        .map_err(|mismatch| match mismatch {
            Mismatch::NoSuchPath => AdapterError::NotFound,
            Mismatch::Body { .. } => bad("body", "what the document says"),
            Mismatch::ParameterValue { place, rule } => bad(&place, &format!("the rule {rule}")),
            other => bad("request", &other.to_string()),
        })
}

fn person(fin: &str) -> Answer {
    let name = match fin {
        "MBXEHTV" => "Ömər Şirinov",
        "CJ9L1VQ" => "Xədicə Mustafayeva",
        _ => return answer(StatusCode::NOT_FOUND, br#"{"error":"not-found"}"#.to_vec()),
    };
    said(&json!({ "fin": fin, "name": name }))
}

fn matches(value: &Value) -> Answer {
    let fin = value.get("fin").and_then(Value::as_str).unwrap_or_default();
    let born = value.get("birth_date").and_then(Value::as_str);
    said(&json!({ "fin": fin, "matches": fin == "MBXEHTV" && born == Some("1966-02-25") }))
}

fn address(fin: &str, at: Option<&(String, String)>) -> Answer {
    let city = if at.is_some_and(|(_, at)| at.as_str() < "2020") {
        "Bakı"
    } else {
        "Qusar"
    };
    said(&json!({ "fin": fin, "city": city }))
}

/// Whose address is looked for.
fn found(call: &Call) -> String {
    let mut values = call.query.iter().filter(|(name, _)| name == "fin");
    values
        .next()
        .map_or_else(String::new, |(_, own)| own.clone())
}

fn balance(fin: &str) -> Vec<u8> {
    let value = json!({
        "fin": fin, "qepik": 1500, "at": "2026-11-21T10:00:00+04:00", "note": "ödənilib", "months": [3, 1, 2],
    });
    value.to_string().into_bytes()
}

async fn day(kind: &str, until: &Until) -> Result<Answer, AdapterError> {
    match kind {
        "slow" => Err(until.over().await),
        "cut" => Ok(plain(body::cut_after("half"))),
        "large" => Err(AdapterError::TooLarge {
            limit: Limit::AnswerBytes(1000),
        }),
        _ => Ok(plain(body::full(NOT_UTF8))),
    }
}

fn said(value: &Value) -> Answer {
    answer(StatusCode::OK, value.to_string().into_bytes())
}

/// A JSON answer.
pub(crate) fn answer(status: StatusCode, bytes: Vec<u8>) -> Answer {
    let mut fields = HeaderMap::new();
    fields.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    fields.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    Answer {
        status,
        fields,
        body: body::full(bytes),
    }
}

fn empty(status: StatusCode) -> Answer {
    Answer {
        status,
        fields: HeaderMap::new(),
        body: body::empty(),
    }
}

/// An answer of plain text.
pub(crate) fn plain(body: Body) -> Answer {
    let mut fields = HeaderMap::new();
    fields.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    Answer {
        status: StatusCode::OK,
        fields,
        body,
    }
}

/// A bad request.
pub(crate) fn bad(place: &str, expected: &str) -> AdapterError {
    AdapterError::BadRequest {
        place: place.to_owned(),
        expected: expected.to_owned(),
    }
}

/// A failure of the registry.
pub(crate) fn failed() -> AdapterError {
    AdapterError::Failed {
        reason: "internal error".to_owned(),
    }
}

/// Read once: there are many broken adapters.
static PACKAGE: LazyLock<Package> = LazyLock::new(|| {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/kit-faults/package");
    Package::load(Path::new(folder)).expect("the package is sound")
});

/// What the battery is made from: the sample package, and a registry that misbehaves on demand.
pub(crate) fn subject() -> Subject {
    let scenario = Scenario::load(&PACKAGE).expect("the scenario is sound");
    let client = scenario.steps[0].probe.client.clone();
    let service = scenario.provider.service("day").expect("a service code");
    let day = |kind: &str| Probe::get(service.clone(), client.clone(), &format!("/{kind}"));
    let days = Days {
        slow: Some(day("slow")),
        cut: Some(day("cut")),
        large: Some(day("large")),
        not_utf8: Some((day("bytes"), Bytes::from_static(NOT_UTF8))),
    };
    Subject {
        days,
        ..Subject::new(&PACKAGE, scenario)
    }
}
