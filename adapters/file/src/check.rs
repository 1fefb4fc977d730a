//! What is wrong with the `[file]` table when it meets the OpenAPI document.

use std::collections::BTreeSet;

use bridge_adapter::{Endpoint, Fault, Package};
use http::Method;

use crate::config::{Config, Operation, Source, Width};

/// Query parameters that every list takes.
pub(crate) const PAGING: [&str; 2] = ["limit", "offset"];

/// Notes every disagreement between the manifest and the OpenAPI document.
pub(crate) fn against_openapi(config: &Config, package: &Package, faults: &mut Vec<Fault>) {
    let mut seen = BTreeSet::new();
    for operation in &config.operations {
        if !seen.insert((&operation.service, operation.template.precedence())) {
            let problem = "answers the same requests as another operation";
            let remedy = "put both into one";
            faults.push(Fault::new(
                "repeated-operation",
                &operation.place,
                problem,
                remedy,
            ));
        }
        check_operation(operation, package, faults);
    }
    for service in &package.services {
        for Endpoint { method, path, .. } in package.openapi.endpoints(&service.code) {
            let answers = |own: &Operation| {
                own.service == service.code && method == Method::GET && own.template == path
            };
            if !config.operations.iter().any(answers) {
                let problem = format!(
                    "nothing answers {method} {:?} of {} in openapi.json",
                    path.as_str(),
                    service.code
                );
                let remedy = "add an operation with this service and path, or remove it from openapi.json; files answer GET alone";
                let place = "manifest.toml file.operation";
                faults.push(Fault::new(
                    "endpoint-without-operation",
                    place,
                    problem,
                    remedy,
                ));
            }
        }
    }
}

fn check_operation(operation: &Operation, package: &Package, faults: &mut Vec<Fault>) {
    let (service, template) = (&operation.service, &operation.template);
    let declared = package.openapi.query_names(service, "GET", template);
    let Some(declared) = declared else {
        let problem = format!("openapi.json has no GET /{service}{}", template.as_str());
        let remedy = "describe it there, with the same names of path parameters, or correct service and path";
        let fault = Fault::new(
            "operation-not-in-openapi",
            &operation.place,
            problem,
            remedy,
        );
        faults.push(fault);
        return;
    };
    let reads = |source: &Source| operation.params.iter().any(|own| own.source == *source);
    let pages = matches!(operation.width, Width::Many(_));
    let mut fault = |code, place: &str, problem: String, remedy: &str| {
        faults.push(Fault::new(code, place, problem, remedy));
    };
    for name in template.parameters() {
        if !reads(&Source::Path(name.to_owned())) {
            let problem = format!("the path parameter {name} is not read");
            let remedy = "add it to params, with from = \"path\"";
            fault("path-parameter-not-read", &operation.place, problem, remedy);
        }
    }
    for name in &declared {
        let known = pages && PAGING.contains(name);
        if !known && !reads(&Source::Query((*name).to_owned())) {
            let problem =
                format!("openapi.json declares the query parameter {name}, and nothing reads it");
            fault(
                "query-not-read",
                &operation.place,
                problem,
                "read it in params, or remove it there",
            );
        }
    }
    for name in PAGING
        .iter()
        .filter(|name| pages && !declared.contains(*name))
    {
        let problem = format!("openapi.json does not declare the query parameter {name} of a list");
        fault(
            "paging-not-declared",
            &operation.place,
            problem,
            "declare it there, an integer",
        );
    }
    for param in &operation.params {
        let problem = match &param.source {
            Source::Path(name) if template.parameters().all(|own| own != name) => {
                format!("the path has no parameter {name}")
            }
            Source::Query(name) if pages && PAGING.contains(&name.as_str()) => {
                format!("{name} belongs to the paging of a list")
            }
            Source::Query(name) if !declared.contains(&name.as_str()) => {
                format!("openapi.json declares no query parameter {name}")
            }
            Source::Path(_) | Source::Query(_) => continue,
        };
        let remedy = "name one that the request has";
        fault("unknown-source", &param.place, problem, remedy);
    }
}
