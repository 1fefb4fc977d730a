//! What is wrong with the `[sql]` table when it meets the OpenAPI document and the database.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bridge_adapter::{Effect, Endpoint, Fault, Package};
use http::Method;

use crate::config::{Config, Operation, Rows, Source, Statement};
use crate::dialect::Dialect;
use crate::kept;

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
            let answers = |operation: &Arc<Operation>| {
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

/// What a database says of a statement.
#[derive(Debug)]
pub(crate) struct Seen {
    /// The parameters by name; `None` for one that has none.
    pub(crate) parameters: Vec<Option<String>>,
    /// The columns of its result.
    pub(crate) columns: Vec<SeenColumn>,
    /// Whether it changes nothing.
    pub(crate) reads: bool,
}

/// A column of a statement's result.
#[derive(Debug)]
pub(crate) struct SeenColumn {
    pub(crate) name: String,
    /// Its type in the database, where the manifest's type cannot be read from it.
    pub(crate) misfit: Option<String>,
}

/// Why a database does not take a statement.
#[derive(Debug)]
pub(crate) struct Unprepared {
    pub(crate) problem: String,
    pub(crate) remedy: &'static str,
}

/// What a database says of statements, by their numbers.
pub(crate) type Looked = BTreeMap<usize, Result<Seen, Unprepared>>;

/// Notes every statement that the database does not take as the manifest says.
pub(crate) fn against_database(config: &Config, looked: &Looked, faults: &mut Vec<Fault>) {
    for operation in &config.operations {
        let mut bound = BTreeSet::new();
        for statement in &operation.statements {
            let place = format!("{}.sql", statement.place);
            match looked.get(&statement.id) {
                Some(Ok(seen)) => check_statement(operation, statement, seen, (&mut bound, faults)),
                Some(Err(why)) => {
                    let (code, problem) = ("statement-does-not-prepare", why.problem.clone());
                    faults.push(Fault::new(code, place, problem, why.remedy));
                    // Its parameters can't be known; noting them as unused would only mislead.
                    bound.extend(operation.params.iter().map(|param| param.name.to_string()));
                }
                // The database could not be asked, which is said elsewhere.
                None => bound.extend(operation.params.iter().map(|param| param.name.to_string())),
            }
        }
        for param in operation
            .params
            .iter()
            .filter(|param| !bound.contains(&*param.name))
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

/// Notes that the table for Idempotency-Keys is not there, if anything needs it.
pub(crate) fn against_table(looked: &Looked, dialect: Dialect, faults: &mut Vec<Fault>) {
    let own = kept::statements();
    let refused = own.iter().find_map(|own| match looked.get(&own.id) {
        Some(Err(why)) => Some(why),
        Some(Ok(_)) | None => None,
    });
    if let Some(why) = refused {
        let remedy = format!("run in the registry's database: {}", kept::ddl(dialect));
        let code = "no-idempotency-table";
        faults.push(Fault::new(code, kept::TABLE, why.problem.clone(), remedy));
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
            Source::Path(_)
            | Source::Query(_)
            | Source::Body(_)
            | Source::Caller(_)
            | Source::Clock => continue,
        };
        faults.push(Fault::new("unknown-source", &param.place, problem, remedy));
    }
}

fn check_statement(
    operation: &Operation,
    statement: &Statement,
    seen: &Seen,
    (bound, faults): (&mut BTreeSet<String>, &mut Vec<Fault>),
) {
    let place = format!("{}.sql", statement.place);
    if !seen.reads && operation.effect != Effect::Stored {
        let remedy = "write a SELECT, or effect = \"stored\" for the operation";
        faults.push(Fault::new(
            "statement-does-not-read",
            &place,
            "is not a query",
            remedy,
        ));
    }
    for name in &seen.parameters {
        let Some(name) = name else {
            let remedy = "write :name and declare it in params";
            faults.push(Fault::new(
                "unnamed-parameter",
                &place,
                "has a parameter that is not :name",
                remedy,
            ));
            continue;
        };
        bound.insert(name.clone());
        if operation.params.iter().all(|param| *param.name != **name) {
            let problem = format!("uses :{name}, which the operation does not declare");
            let remedy = format!("add params.{name} = {{ from = …, type = … }}");
            faults.push(Fault::new("unbound-parameter", &place, problem, remedy));
        }
    }
    if statement.result != Rows::Counted {
        check_columns(statement, &seen.columns, faults);
    }
}

fn check_columns(statement: &Statement, found: &[SeenColumn], faults: &mut Vec<Fault>) {
    let names: Vec<&str> = found.iter().map(|column| column.name.as_str()).collect();
    for column in &statement.columns {
        let known = found.iter().find(|known| known.name == column.name);
        match known {
            None => {
                let problem = format!("the statement has no column {}", column.name);
                let remedy = format!("name one of: {}", names.join(", "));
                faults.push(Fault::new("unknown-column", &column.place, problem, remedy));
            }
            Some(SeenColumn {
                misfit: Some(other),
                ..
            }) => {
                let wanted = column.kind.word();
                let problem = format!("is {other} in the database, which is not read as {wanted}");
                let remedy = "give it the fitting type, or cast it in the statement: CAST(… AS …)";
                faults.push(Fault::new("column-type", &column.place, problem, remedy));
            }
            Some(SeenColumn { misfit: None, .. }) => {}
        }
    }
    for (index, name) in names.iter().enumerate() {
        let place = format!("{}.sql", statement.place);
        if names.iter().take(index).any(|other| other == name) {
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
