//! What a program says of itself, held against its package.

use std::collections::BTreeSet;

use bridge_adapter::{Description, Effect};
use http::Method;
use serde::Deserialize;

/// The version of the protocol that is spoken here.
pub(crate) const PROTOCOL: u64 = 1;

#[derive(Debug, Deserialize)]
struct Said {
    protocol: u64,
    name: String,
    services: Vec<SaidService>,
}

#[derive(Debug, Deserialize)]
struct SaidService {
    code: String,
    endpoints: Vec<SaidEndpoint>,
}

#[derive(Debug, Deserialize)]
struct SaidEndpoint {
    method: String,
    path: String,
    effect: Option<String>,
}

/// Says in which way a program is not the one that its package describes.
pub(crate) fn compare(text: &[u8], name: &str, package: &Description) -> Result<(), String> {
    let said: Said = serde_json::from_slice(text)
        .map_err(|error| format!("/describe is not understood: line {}", error.line()))?;
    if said.protocol != PROTOCOL {
        return Err(format!("it speaks another protocol than {PROTOCOL}"));
    }
    if said.name != name {
        return Err(format!("it is not {name}"));
    }
    let (said, package) = (of_program(&said), of_package(package));
    let lines = |one: &BTreeSet<Line>, other: &BTreeSet<Line>| -> Vec<String> {
        one.difference(other).map(Line::words).collect()
    };
    let (missing, more) = (lines(&package, &said), lines(&said, &package));
    if !missing.is_empty() {
        return Err(format!("it does not serve {}", missing.join(", ")));
    }
    if !more.is_empty() {
        return Err(format!(
            "it serves {} endpoints that its package does not describe, or with other effects",
            more.len()
        ));
    }
    Ok(())
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    service: String,
    method: String,
    path: String,
    effect: &'static str,
}

impl Line {
    fn words(&self) -> String {
        let Self {
            service,
            method,
            path,
            effect,
        } = self;
        format!("{method} {service}{path} ({effect})")
    }
}

fn of_package(package: &Description) -> BTreeSet<Line> {
    let services = package.services.iter();
    services
        .flat_map(|service| {
            service.endpoints.iter().map(|endpoint| Line {
                service: service.code.clone(),
                method: endpoint.method.to_string(),
                path: endpoint.path.as_str().to_owned(),
                effect: endpoint.effect.as_str(),
            })
        })
        .collect()
}

fn of_program(said: &Said) -> BTreeSet<Line> {
    let services = said.services.iter();
    services
        .flat_map(|service| {
            service.endpoints.iter().map(|endpoint| Line {
                service: service.code.clone(),
                method: endpoint.method.clone(),
                path: endpoint.path.clone(),
                effect: effect(endpoint),
            })
        })
        .collect()
}

fn effect(endpoint: &SaidEndpoint) -> &'static str {
    let usual =
        || Method::from_bytes(endpoint.method.as_bytes()).map(|own| Effect::of_method(&own));
    let said = match &endpoint.effect {
        Some(text) => text.parse::<Effect>().ok(),
        None => usual().ok(),
    };
    said.map_or("?", Effect::as_str)
}
