//! A package's scenario: requests, what the registry answers, and what reaches the consumer.
//!
//! ```toml
//! version = 1
//! provider = "AZ/GOV/1001/POPULATION"
//! groups.all-members = ["AZ/LEA/3001/APPEALS"]    # for contracts with a group
//!
//! [[step]]
//! title = "A tax officer reads a person"
//! client = "AZ/GOV/2001/TAX"
//! service = "person"
//! path = "/1AB2C3D"
//! purpose = "tax-assessment"
//! legal_basis = "tax-code-23"
//! registry = { status = 200, body = '{"fin":"1AB2C3D","name":{"first":"Aygün"}}' }
//! consumer = { status = 200, body = '{"fin":"1AB2C3D"}' }
//! ```
//!
//! `registry` is what the adapter must answer; a step without it never reaches the adapter, because
//! the node refuses it. `consumer` is what comes out at the other end, fields cut; it is for the
//! end-to-end run, not for [`run`].

use bridge_core::identity::{ServiceId, SubsystemId};
use http::{HeaderValue, Method};
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use toml::Table;

use crate::openapi::{CheckedAnswer, CheckedRequest, Checker};
use crate::probe::{Probe, ProbeBody};
use crate::section::Section;
use crate::{Adapter, AdapterError, Fault, Package, body};

mod groups;

/// The scenario's name in the package.
pub const SCENARIO: &str = "scenario.toml";
/// The most bytes of an answer that a scenario reads.
pub const ANSWER_LIMIT_BYTES: u64 = 4 * 1024 * 1024;

/// The steps of a scenario.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// The subsystem that offers the package in this scenario.
    pub provider: SubsystemId,
    /// The groups of the directory that the contracts in `policy/` name, by code.
    pub groups: Vec<(String, Vec<SubsystemId>)>,
    /// The steps, in order.
    pub steps: Vec<Step>,
}

/// One request and what must come of it.
#[derive(Debug, Clone)]
pub struct Step {
    /// A line for people.
    pub title: String,
    /// The request.
    pub probe: Probe,
    /// What the adapter must say; `None` if the node refuses before.
    pub registry: Option<Expected>,
    /// What the consumer must get from its own node.
    pub consumer: Option<Expected>,
}

/// An expected answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Expected {
    /// The status.
    pub status: u16,
    /// The body as JSON; `None` if it is not judged.
    pub body: Option<Value>,
    /// For `registry` the [`AdapterError::code`], for `consumer` the X-Road error type.
    pub error: Option<String>,
}

/// How a step went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepOutcome {
    /// The step's title.
    pub title: String,
    /// What differs from what was expected; empty if nothing. Sample data only, so values are shown.
    pub differences: Vec<String>,
}

impl Scenario {
    /// Reads the scenario of a package.
    ///
    /// # Errors
    ///
    /// All faults at once.
    pub fn load(package: &Package) -> Result<Self, Vec<Fault>> {
        let (table, lines) = package.table(SCENARIO).map_err(|fault| vec![fault])?;
        let mut faults = Vec::new();
        let mut section = Section::new(&table, SCENARIO);
        if section.optional_count("version", &mut faults) != Some(1) {
            let place = section.place_of("version");
            faults.push(Fault::new(
                "scenario-version",
                place,
                "is not known",
                "write version = 1",
            ));
        }
        let provider: Option<SubsystemId> = identifier(&mut section, "provider", &mut faults);
        let groups = groups::read(&mut section, &mut faults);
        let sections = section.tables("step", &mut faults);
        section.finish(&mut faults);
        let Some(provider) = provider else {
            return Err(lines.locate(faults));
        };
        let read = |section| read_step(section, &provider, &mut faults);
        let steps: Vec<Step> = sections.into_iter().filter_map(read).collect();
        if faults.is_empty() {
            Ok(Self {
                provider,
                groups,
                steps,
            })
        } else {
            Err(lines.locate(faults))
        }
    }
}

/// Makes the request of each step that reaches the registry and compares the answers. Requests that
/// are answered with 2xx, and all answers, are also checked against the OpenAPI document.
///
/// # Cancel safety
///
/// Dropping the future abandons the call that is being made.
pub async fn run(
    adapter: &dyn Adapter,
    package: &Package,
    scenario: &Scenario,
) -> Vec<StepOutcome> {
    let mut outcomes = Vec::new();
    for step in &scenario.steps {
        let Some(expected) = &step.registry else {
            continue;
        };
        let mut differences = Vec::new();
        check_step(
            adapter,
            &package.openapi,
            (step, expected),
            &mut differences,
        )
        .await;
        outcomes.push(StepOutcome {
            title: step.title.clone(),
            differences,
        });
    }
    outcomes
}

async fn check_step(
    adapter: &dyn Adapter,
    openapi: &Checker,
    (step, expected): (&Step, &Expected),
    differences: &mut Vec<String>,
) {
    let answer = match adapter
        .call(step.probe.call(CancellationToken::new()))
        .await
    {
        Ok(answer) => answer,
        Err(error) => return check_error(&error, expected, differences),
    };
    if let Some(code) = &expected.error {
        differences.push(format!(
            "expected the error {code}, got the status {}",
            answer.status
        ));
    }
    if answer.status.as_u16() != expected.status {
        differences.push(format!(
            "expected the status {}, got {}",
            expected.status, answer.status
        ));
    }
    let content_type = answer.fields.get(http::header::CONTENT_TYPE);
    let content_type = content_type
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    let bytes = match body::collect(answer.body, ANSWER_LIMIT_BYTES).await {
        Ok(bytes) => bytes,
        Err(error) => return differences.push(format!("the answer's body: {error}")),
    };
    if let Some(body) = &expected.body {
        compare(body, &bytes, differences);
    }
    let probe = &step.probe;
    let segments = probe.segments();
    let checked = CheckedAnswer {
        service: probe.service.code(),
        method: probe.method.as_str(),
        segments: &segments,
        status: answer.status.as_u16(),
        content_type: content_type.as_deref(),
        body: &bytes,
    };
    if let Err(mismatch) = openapi.check_answer(&checked) {
        differences.push(format!("the answer against openapi.json: {mismatch}"));
    }
    if answer.status.is_success() {
        check_request(openapi, probe, &segments, differences);
    }
}

fn check_error(error: &AdapterError, expected: &Expected, differences: &mut Vec<String>) {
    if expected.error.as_deref() != Some(error.code()) {
        differences.push(format!(
            "expected the status {}, got the error {}: {error}",
            expected.status,
            error.code()
        ));
    }
}

fn check_request(
    openapi: &Checker,
    probe: &Probe,
    segments: &[String],
    differences: &mut Vec<String>,
) {
    let body = probe.body.whole().unwrap_or_default();
    let checked = CheckedRequest {
        service: probe.service.code(),
        method: probe.method.as_str(),
        segments,
        query: &probe.query,
        content_type: probe
            .content_type
            .as_ref()
            .and_then(|value| value.to_str().ok()),
        body: &body,
    };
    if let Err(mismatch) = openapi.check_request(&checked) {
        differences.push(format!("the request against openapi.json: {mismatch}"));
    }
}

fn compare(expected: &Value, bytes: &[u8], differences: &mut Vec<String>) {
    match serde_json::from_slice::<Value>(bytes) {
        Ok(value) if value == *expected => {}
        Ok(value) => differences.push(format!("expected the body {expected}, got {value}")),
        Err(error) => differences.push(format!("the body is not JSON: {error}")),
    }
}

fn read_step(
    mut section: Section<'_>,
    provider: &SubsystemId,
    faults: &mut Vec<Fault>,
) -> Option<Step> {
    let title = section.text("title", faults);
    let client = identifier(&mut section, "client", faults);
    let service = section.text("service", faults).and_then(|code| {
        let parsed: Result<ServiceId, _> = provider.service(code);
        parsed
            .map_err(|error| faults.push(wrong(section.place_of("service"), &error)))
            .ok()
    });
    let method = section.optional_text("method", faults).unwrap_or("GET");
    let method = Method::from_bytes(method.as_bytes());
    let method = method
        .map_err(|error| faults.push(wrong(section.place_of("method"), &error)))
        .ok();
    let path = section
        .optional_text("path", faults)
        .unwrap_or_default()
        .to_owned();
    let query = read_query(&mut section, faults);
    let purpose = section.optional_text("purpose", faults).map(str::to_owned);
    let legal_basis = section
        .optional_text("legal_basis", faults)
        .map(str::to_owned);
    let mut own = |key| section.optional_text(key, faults).map(str::to_owned);
    let (user_id, represented_party) = (own("user_id"), own("represented_party"));
    let key = own("idempotency_key");
    let body = section
        .optional_text("body", faults)
        .map(|text| text.as_bytes().to_vec());
    let registry = read_expected(&mut section, "registry", faults);
    let consumer = read_expected(&mut section, "consumer", faults);
    section.finish(faults);
    let mut probe = Probe {
        method: method?,
        query,
        purpose,
        legal_basis,
        user_id,
        represented_party,
        key,
        ..Probe::get(service?, client?, &path)
    };
    if let Some(body) = body {
        probe.content_type = Some(HeaderValue::from_static("application/json"));
        probe.body = ProbeBody::Whole(body.into());
    }
    Some(Step {
        title: title?.to_owned(),
        probe,
        registry,
        consumer,
    })
}

fn read_query(section: &mut Section<'_>, faults: &mut Vec<Fault>) -> Vec<(String, String)> {
    let place = section.place_of("query");
    let mut query = Vec::new();
    for (name, value) in section
        .optional_table("query", faults)
        .into_iter()
        .flatten()
    {
        match value.as_str() {
            Some(text) => query.push((name.clone(), text.to_owned())),
            None => faults.push(Fault::new(
                "wrong-value",
                format!("{place}.{name}"),
                "is not a text",
                "put it in quotes",
            )),
        }
    }
    query
}

fn read_expected(
    section: &mut Section<'_>,
    key: &'static str,
    faults: &mut Vec<Fault>,
) -> Option<Expected> {
    let place = section.place_of(key);
    let table: &Table = section.optional_table(key, faults)?;
    let mut section = Section::new(table, place);
    let error = section.optional_text("error", faults).map(str::to_owned);
    let status = section
        .optional_count("status", faults)
        .and_then(|status| u16::try_from(status).ok());
    let body = section.optional_text("body", faults).and_then(|text| {
        let parsed = serde_json::from_str(text);
        parsed
            .map_err(|error| faults.push(wrong(section.place_of("body"), &error)))
            .ok()
    });
    if status.is_none() && error.is_none() {
        let remedy = "say which status must come";
        faults.push(Fault::new(
            "missing-key",
            section.place_of("status"),
            "is missing",
            remedy,
        ));
    }
    section.finish(faults);
    Some(Expected {
        status: status.unwrap_or_default(),
        body,
        error,
    })
}

fn identifier<T: std::str::FromStr>(
    section: &mut Section<'_>,
    key: &'static str,
    faults: &mut Vec<Fault>,
) -> Option<T>
where
    T::Err: std::fmt::Display,
{
    let text = section.text(key, faults)?;
    text.parse()
        .map_err(|error| faults.push(wrong(section.place_of(key), &error)))
        .ok()
}

fn wrong(place: String, error: &dyn std::fmt::Display) -> Fault {
    Fault::new("wrong-value", place, error.to_string(), "correct it")
}

#[cfg(test)]
mod tests;
