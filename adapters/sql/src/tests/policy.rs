//! The population register's contracts, held against its scenario: who is allowed, and what is left
//! of an answer.

use std::sync::Arc;

use bridge_adapter::scenario::Step;
use bridge_core::contract::{self, Contract};
use bridge_core::cut::cut;
use bridge_core::decision::{Allowed, Facts, NoGroups, decide};
use bridge_core::leaf::{Side, UnixMillis};
use bridge_core::quota::Counters;
use bridge_core::refusal::Refusal;
use bridge_core::subject::subjects;
use bridge_core::target::{ServiceTarget, Target, TargetLimits, parse_target};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::Value;

use super::*;

/// Monday, 9 March 2026, 10:00 in Bakı.
const WORKING_HOURS: UnixMillis = UnixMillis(1_773_036_000_000);
/// The same day, 21:00 in Bakı.
const EVENING: UnixMillis = UnixMillis(1_773_075_600_000);

fn contracts() -> Vec<Arc<Contract>> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(population().join("policy"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let load = |file: &PathBuf| match contract::load(&std::fs::read(file).unwrap()) {
        Ok(contract) => Arc::new(contract),
        Err(faults) => panic!("{}: {faults:#?}", file.display()),
    };
    files.iter().map(load).collect()
}

fn target(step: &Step) -> ServiceTarget {
    let call = step.probe.call(CancellationToken::new());
    let query = call
        .raw_query
        .map(|raw| format!("?{raw}"))
        .unwrap_or_default();
    let text = format!("/r1/{}{}{query}", step.probe.service, step.probe.path);
    let parsed = parse_target(&text, &TargetLimits::default()).unwrap();
    let Target::Service(target) = parsed else {
        panic!("{parsed:?}");
    };
    target
}

fn decided(step: &Step, target: &ServiceTarget, now: UnixMillis) -> Result<Allowed, Refusal> {
    let facts = Facts {
        client: &step.probe.client,
        service: &target.service,
        is_published: true,
        method: step.probe.method.as_str(),
        path: &target.path,
        query: &target.query,
        purpose: step.probe.purpose.as_deref(),
        legal_basis: step.probe.legal_basis.as_deref(),
        groups: &NoGroups,
    };
    decide(&contracts(), &facts, &Counters::new(Side::Provider), now)
}

fn scenario() -> Scenario {
    Scenario::load(&Package::load(&population()).unwrap()).unwrap()
}

#[test]
fn every_contract_speaks_of_a_service_of_the_package() {
    let package = Package::load(&population()).unwrap();
    let contracts = contracts();
    assert_eq!(contracts.len(), 5);
    for contract in contracts {
        let code = contract.service_code();
        assert!(
            package.services.iter().any(|service| service.code == code),
            "{}",
            contract.id()
        );
    }
}

#[test]
fn steps_are_allowed_or_refused_and_cut_as_the_scenario_says() {
    for step in scenario().steps {
        let target = target(&step);
        match (decided(&step, &target, WORKING_HOURS), &step.registry) {
            (Ok(allowed), Some(registry)) => check_cut(&step, &allowed, registry.body.as_ref()),
            (Err(refusal), None) => {
                let expected = step.consumer.as_ref().unwrap();
                assert_eq!(refusal.status(), expected.status, "{}", step.title);
                assert_eq!(
                    Some(refusal.code(Side::Consumer)),
                    expected.error.as_deref(),
                    "{}",
                    step.title
                );
            }
            (Ok(_), None) => panic!("{}: allowed", step.title),
            (Err(refusal), Some(_)) => panic!("{}: {refusal:?}", step.title),
        }
    }
}

fn check_cut(step: &Step, allowed: &Allowed, body: Option<&Value>) {
    let (Some(body), Some(expected)) = (body, step.consumer.as_ref().and_then(|c| c.body.as_ref()))
    else {
        return;
    };
    let mut fields = HeaderMap::new();
    fields.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    let mask = allowed.contract.fields().unwrap();
    let left = cut(
        StatusCode::OK,
        &fields,
        body.to_string().as_bytes(),
        mask,
        100_000,
    )
    .unwrap();
    assert_eq!(
        serde_json::from_slice::<Value>(&left).unwrap(),
        *expected,
        "{}",
        step.title
    );
}

#[test]
fn each_allowed_step_names_the_people_it_is_about() {
    for step in scenario()
        .steps
        .iter()
        .filter(|step| step.registry.is_some())
    {
        let target = target(step);
        let allowed = decided(step, &target, WORKING_HOURS).unwrap();
        let request = step.probe.body.whole().unwrap();
        let answer = step
            .registry
            .as_ref()
            .and_then(|registry| registry.body.as_ref());
        let answer = answer.map(ToString::to_string);
        let answer = answer.as_ref().map(String::as_bytes);
        let found = subjects(
            allowed.matched(),
            &target.path,
            &target.query,
            Some(&request),
            answer,
        );
        let expected = if step.probe.service.code() == "family" {
            3
        } else {
            1
        };
        assert_eq!(found.unwrap().len(), expected, "{}", step.title);
    }
}

#[test]
fn hours_and_purposes_are_kept() {
    let steps = scenario().steps;
    let step = |service: &str| {
        steps
            .iter()
            .find(|step| step.probe.service.code() == service)
            .unwrap()
    };
    let address = step("address");
    assert!(decided(address, &target(address), WORKING_HOURS).is_ok());
    assert!(decided(address, &target(address), EVENING).is_err());
    let person = step("person");
    let mut curious = person.clone();
    curious.probe.purpose = Some("curiosity".to_owned());
    assert!(decided(person, &target(person), EVENING).is_ok());
    assert!(decided(&curious, &target(&curious), EVENING).is_err());
}
