//! What is wrong with the `[sql]` table when it meets the OpenAPI document and the database.

use std::collections::BTreeSet;

use bridge_adapter::{Endpoint, Fault, Package};
use http::Method;
use rusqlite::Connection;

use crate::config::{Config, Operation, Source, Statement};

/// Notes every disagreement between the manifest and the OpenAPI document.
pub(crate) fn against_openapi(config: &Config, package: &Package, faults: &mut Vec<Fault>) {
    let mut seen = BTreeSet::new();
    for operation in &config.operations {
        let key = (
            &operation.service,
            operation.method.as_str(),
            operation.template.precedence(),
        );
        if !seen.insert(key) {
            let problem = "answers the same requests as another operation";
            faults.push(Fault::new(
                "repeated-operation",
                &operation.place,
                problem,
                "put both into one",
            ));
        }
        check_operation(operation, package, faults);
    }
    for service in &package.services {
        for Endpoint { method, path, .. } in package.openapi.endpoints(&service.code) {
            let answers = |operation: &Operation| {
                operation.service == service.code
                    && operation.method == method
                    && operation.template == path
            };
            if !config.operations.iter().any(answers) {
                faults.push(Fault::new(
                    "endpoint-without-operation",
                    "manifest.toml sql.operation",
                    format!("nothing answers {method} {:?} of {} in openapi.json", path.as_str(), service.code),
                    "add an operation with this service, method and path, or remove it from openapi.json",
                ));
            }
        }
    }
}

/// Notes every statement that the database does not take as the manifest says.
pub(crate) fn against_database(config: &Config, connection: &Connection, faults: &mut Vec<Fault>) {
    for operation in &config.operations {
        let mut bound = BTreeSet::new();
        for statement in &operation.statements {
            check_statement(operation, statement, connection, (&mut bound, faults));
        }
        for param in operation
            .params
            .iter()
            .filter(|param| !bound.contains(&param.name))
        {
            let problem = format!("no statement of the operation uses :{}", param.name);
            let remedy = "use it in a statement, or remove it";
            faults.push(Fault::new(
                "unused-parameter",
                &param.place,
                problem,
                remedy,
            ));
        }
    }
}

fn check_operation(operation: &Operation, package: &Package, faults: &mut Vec<Fault>) {
    let (service, method, template) = (&operation.service, &operation.method, &operation.template);
    if package.services.iter().all(|known| known.code != *service) {
        let known: Vec<&str> = package
            .services
            .iter()
            .map(|service| service.code.as_str())
            .collect();
        let remedy = format!("write one of: {}", known.join(", "));
        let place = format!("{}.service", operation.place);
        faults.push(Fault::new(
            "unknown-service",
            place,
            "is no service of the manifest",
            remedy,
        ));
    }
    let Some(declared) = package
        .openapi
        .query_names(service, method.as_str(), template)
    else {
        faults.push(Fault::new(
            "operation-not-in-openapi",
            &operation.place,
            format!("openapi.json has no {method} /{service}{}", template.as_str()),
            "describe it there, with the same names of path parameters, or correct service, method and path",
        ));
        return;
    };
    check_not_read(operation, &declared, faults);
    check_sources(operation, &declared, faults);
}

/// Path and query parameters that openapi.json knows and no parameter of the manifest reads.
fn check_not_read(operation: &Operation, declared: &[&str], faults: &mut Vec<Fault>) {
    let template = &operation.template;
    let reads = |source: &Source| operation.params.iter().any(|param| param.source == *source);
    for name in template
        .parameters()
        .filter(|name| !reads(&Source::Path((*name).to_owned())))
    {
        let problem = format!("the path parameter {name} is not read");
        let remedy = format!("add params.{name} = {{ from = \"path\", type = … }}");
        faults.push(Fault::new(
            "path-parameter-not-read",
            &operation.place,
            problem,
            remedy,
        ));
    }
    for name in declared
        .iter()
        .filter(|name| !reads(&Source::Query((**name).to_owned())))
    {
        let problem =
            format!("openapi.json declares the query parameter {name}, and nothing reads it");
        let remedy = "read it in params, or remove it there";
        faults.push(Fault::new(
            "query-not-read",
            &operation.place,
            problem,
            remedy,
        ));
    }
}

/// Parameters of the manifest whose source the request does not have.
fn check_sources(operation: &Operation, declared: &[&str], faults: &mut Vec<Fault>) {
    let (method, template) = (&operation.method, &operation.template);
    for param in &operation.params {
        let (problem, remedy) = match &param.source {
            Source::Path(name) if template.parameters().all(|known| known != name) => (
                format!("the path has no parameter {name}"),
                "name one that stands in braces in the path",
            ),
            Source::Query(name) if !declared.contains(&name.as_str()) => (
                format!("openapi.json declares no query parameter {name}"),
                "declare it there",
            ),
            Source::Body(_) if *method == Method::GET => (
                "a GET has no body".to_owned(),
                "read it from the path or query, or use POST",
            ),
            Source::Path(_) | Source::Query(_) | Source::Body(_) | Source::Caller(_) => continue,
        };
        faults.push(Fault::new("unknown-source", &param.place, problem, remedy));
    }
}

fn check_statement(
    operation: &Operation,
    statement: &Statement,
    connection: &Connection,
    (bound, faults): (&mut BTreeSet<String>, &mut Vec<Fault>),
) {
    let place = format!("{}.sql", statement.place);
    let prepared = match connection.prepare(&statement.sql) {
        Ok(prepared) => prepared,
        Err(error) => {
            let remedy = "correct the statement, or bring the database to the package's schema";
            faults.push(Fault::new(
                "statement-does-not-prepare",
                place,
                error.to_string(),
                remedy,
            ));
            // Its parameters can't be known; noting them as unused would only mislead.
            bound.extend(operation.params.iter().map(|param| param.name.clone()));
            return;
        }
    };
    if !prepared.readonly() || prepared.column_count() == 0 {
        let remedy = "write a SELECT; this adapter only reads";
        faults.push(Fault::new(
            "statement-does-not-read",
            &place,
            "is not a query",
            remedy,
        ));
    }
    for index in 1..=prepared.parameter_count() {
        let Some(name) = prepared
            .parameter_name(index)
            .and_then(|name| name.strip_prefix(':'))
        else {
            let remedy = "write :name and declare it in params";
            faults.push(Fault::new(
                "unnamed-parameter",
                &place,
                "has a parameter that is not :name",
                remedy,
            ));
            continue;
        };
        bound.insert(name.to_owned());
        if operation.params.iter().all(|param| param.name != name) {
            let problem = format!("uses :{name}, which the operation does not declare");
            let remedy = format!("add params.{name} = {{ from = …, type = … }}");
            faults.push(Fault::new("unbound-parameter", &place, problem, remedy));
        }
    }
    check_columns(
        statement,
        &prepared.column_names().collect::<Vec<_>>(),
        faults,
    );
}

fn check_columns(statement: &Statement, found: &[&str], faults: &mut Vec<Fault>) {
    for column in statement
        .columns
        .iter()
        .filter(|column| !found.contains(&column.name.as_str()))
    {
        let problem = format!("the statement has no column {}", column.name);
        let remedy = format!("name one of: {}", found.join(", "));
        faults.push(Fault::new("unknown-column", &column.place, problem, remedy));
    }
    for (index, name) in found.iter().enumerate() {
        let place = format!("{}.sql", statement.place);
        if found.iter().take(index).any(|other| other == name) {
            let problem = format!("has two columns {name}");
            faults.push(Fault::new(
                "repeated-column",
                place,
                problem,
                "give each its own name with AS",
            ));
        } else if statement.columns.iter().all(|column| column.name != *name) {
            let problem = format!("selects {name}, which goes nowhere");
            let remedy = format!("add columns.{name} = \"/…\", or do not select it");
            faults.push(Fault::new("unmapped-column", place, problem, remedy));
        }
    }
}
