//! Checks calls and answers against a registry's OpenAPI 3.1 document.
//!
//! One document describes all services of a package. The first segment of each of its paths is a
//! service code, the rest is what follows the service code on the wire:
//! `/person/{fin}` is the service `person` and the rest `/{fin}`, so `/person` is the service with
//! no rest. Paths are compared after decoding.
//!
//! What it is **not**: it fetches nothing (`$ref` stays inside the document), it judges no header
//! field and no security scheme, and a message that breaks the document is described by the place in
//! the *document* alone, never by a value of the message.

use std::sync::Arc;

use http::Method;
use serde_json::Value;

use crate::{Endpoint, Fault, template::Template};

mod content;
mod document;
mod mismatch;
mod parameter;
mod read;

pub use mismatch::Mismatch;

use content::Content;
use parameter::Parameter;

/// The most bytes that an OpenAPI document may have.
pub const DOCUMENT_LIMIT_BYTES: u64 = 4 * 1024 * 1024;

/// An OpenAPI document that was read, with its schemas compiled.
#[derive(Debug, Default)]
pub struct Checker {
    document: Arc<Value>,
    operations: Vec<Operation>,
}

/// A request, as a checker looks at it.
#[derive(Debug, Clone, Copy)]
pub struct CheckedRequest<'a> {
    /// The service code.
    pub service: &'a str,
    /// The method.
    pub method: &'a str,
    /// The rest of the path, decoded and split.
    pub segments: &'a [String],
    /// The query, decoded.
    pub query: &'a [(String, String)],
    /// The Content-Type.
    pub content_type: Option<&'a str>,
    /// The whole body.
    pub body: &'a [u8],
}

/// An answer, as a checker looks at it.
#[derive(Debug, Clone, Copy)]
pub struct CheckedAnswer<'a> {
    /// The service code.
    pub service: &'a str,
    /// The method of the request.
    pub method: &'a str,
    /// The rest of the request's path, decoded and split.
    pub segments: &'a [String],
    /// The status.
    pub status: u16,
    /// The Content-Type.
    pub content_type: Option<&'a str>,
    /// The whole body.
    pub body: &'a [u8],
}

/// Names and values of a path's parameters.
type PathValues<'a> = Vec<(&'a str, &'a str)>;

#[derive(Debug)]
struct Operation {
    service: String,
    template: Template,
    method: String,
    parameters: Vec<Parameter>,
    request: Option<RequestRule>,
    answers: Vec<(Statuses, Option<Content>)>,
}

#[derive(Debug)]
struct RequestRule {
    required: bool,
    content: Content,
}

/// The statuses that a response object speaks of, most precise first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Statuses {
    One(u16),
    Class(u16),
    Any,
}

impl Checker {
    /// Reads a document and compiles its schemas.
    ///
    /// # Errors
    ///
    /// All faults of the document, each with its place as a JSON pointer.
    ///
    /// Standard: OpenAPI 3.1 §4.8.
    pub fn from_value(document: Value) -> Result<Self, Vec<Fault>> {
        let operations = read::operations(&document)?;
        Ok(Self {
            document: Arc::new(document),
            operations,
        })
    }

    /// Checks a request.
    ///
    /// # Errors
    ///
    /// [`Mismatch`] names the first rule that it breaks.
    pub fn check_request(&self, request: &CheckedRequest<'_>) -> Result<(), Mismatch> {
        let (operation, path) = self.find(request.service, request.method, request.segments)?;
        for parameter in &operation.parameters {
            parameter.check(&path, request.query)?;
        }
        operation.check_query_names(request.query)?;
        match &operation.request {
            None if request.body.is_empty() => Ok(()),
            None => Err(Mismatch::BodyNotDeclared),
            Some(rule) if request.body.is_empty() && !rule.required => Ok(()),
            Some(_) if request.body.is_empty() => Err(Mismatch::BodyMissing),
            Some(rule) => rule.content.check(request.content_type, request.body),
        }
    }

    /// Checks an answer.
    ///
    /// # Errors
    ///
    /// [`Mismatch`] names the first rule that it breaks.
    pub fn check_answer(&self, answer: &CheckedAnswer<'_>) -> Result<(), Mismatch> {
        let (operation, _) = self.find(answer.service, answer.method, answer.segments)?;
        let status = answer.status;
        let rule = operation
            .answers
            .iter()
            .find(|(statuses, _)| statuses.holds(status));
        let (_, content) = rule.ok_or(Mismatch::StatusNotDeclared { status })?;
        match content {
            Some(content) => content.check(answer.content_type, answer.body),
            None if answer.body.is_empty() => Ok(()),
            None => Err(Mismatch::BodyNotDeclared),
        }
    }

    /// Lists the endpoints of a service, in document order, each with the effect that its method means.
    pub fn endpoints(&self, service: &str) -> Vec<Endpoint> {
        let own = self
            .operations
            .iter()
            .filter(|operation| operation.service == service);
        own.filter_map(|operation| {
            let method = Method::from_bytes(operation.method.as_bytes()).ok()?;
            Some(Endpoint::new(method, operation.template.clone()))
        })
        .collect()
    }

    /// Lists the query names that an operation declares; `None` if there is no such operation.
    pub fn query_names(
        &self,
        service: &str,
        method: &str,
        template: &Template,
    ) -> Option<Vec<&str>> {
        let same =
            |o: &&Operation| o.service == service && o.method == method && o.template == *template;
        let operation = self.operations.iter().find(same)?;
        Some(
            operation
                .parameters
                .iter()
                .filter_map(Parameter::query_name)
                .collect(),
        )
    }

    /// Lists the service codes that the document speaks of, sorted.
    pub fn services(&self) -> Vec<&str> {
        let mut services: Vec<&str> = self.operations.iter().map(|o| o.service.as_str()).collect();
        services.sort_unstable();
        services.dedup();
        services
    }

    /// Copies the document with the paths of one service only and without `servers`, whose addresses
    /// are the registry's own. The paths keep the service code: their base is the subsystem.
    pub fn service_document(&self, service: &str) -> Value {
        let mut copy = (*self.document).clone();
        if let Some(root) = copy.as_object_mut() {
            root.remove("servers");
            if let Some(paths) = root.get_mut("paths").and_then(Value::as_object_mut) {
                paths.retain(|path, _| {
                    read::split_service(path).is_some_and(|(own, _)| own == service)
                });
            }
        }
        copy
    }

    fn find<'a>(
        &'a self,
        service: &str,
        method: &str,
        segments: &'a [String],
    ) -> Result<(&'a Operation, PathValues<'a>), Mismatch> {
        let mut best: Option<&'a Template> = None;
        for operation in self.operations.iter().filter(|o| o.service == service) {
            let closer =
                best.is_none_or(|best| operation.template.precedence() < best.precedence());
            if closer && operation.template.fits(segments) {
                best = Some(&operation.template);
            }
        }
        let template = best.ok_or(Mismatch::NoSuchPath)?;
        let same = |o: &&Operation| o.service == service && o.template == *template;
        let methods = self.operations.iter().filter(same);
        let operation = methods.clone().find(|operation| operation.method == method);
        let allowed = || methods.map(|operation| operation.method.clone()).collect();
        let operation = operation.ok_or_else(|| Mismatch::NoSuchMethod { allowed: allowed() })?;
        Ok((operation, template.matches(segments).unwrap_or_default()))
    }
}

impl Operation {
    fn check_query_names(&self, query: &[(String, String)]) -> Result<(), Mismatch> {
        let declared = || self.parameters.iter().filter_map(Parameter::query_name);
        if query
            .iter()
            .all(|(name, _)| declared().any(|own| own == name))
        {
            return Ok(());
        }
        Err(Mismatch::QueryNotDeclared {
            declared: declared().map(str::to_owned).collect(),
        })
    }
}

impl Statuses {
    fn parse(text: &str) -> Option<Self> {
        if text == "default" {
            return Some(Self::Any);
        }
        if let Some(class) = text.strip_suffix("XX") {
            return class
                .parse()
                .ok()
                .filter(|class| (1..=5).contains(class))
                .map(Self::Class);
        }
        text.parse()
            .ok()
            .filter(|status| (100..600).contains(status))
            .map(Self::One)
    }

    fn holds(self, status: u16) -> bool {
        match self {
            Self::One(own) => own == status,
            Self::Class(class) => status / 100 == class,
            Self::Any => true,
        }
    }
}

#[cfg(test)]
mod tests;
