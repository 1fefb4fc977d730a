//! From the document to operations, with all faults at once.

use serde_json::Value;

use super::content::{Content, essence, is_json};
use super::document::{Document, Node, fault};
use super::parameter::{Parameter, Place};
use super::{Operation, RequestRule, Statuses};
use crate::Fault;
use crate::template::Template;

/// The methods that a path item can have. Standard: OpenAPI 3.1 §4.8.9.
const METHODS: [&str; 8] = [
    "get", "put", "post", "delete", "options", "head", "patch", "trace",
];
/// The other keys that a path item can have.
const OTHER_KEYS: [&str; 4] = ["summary", "description", "servers", "parameters"];

pub(super) fn operations(root: &Value) -> Result<Vec<Operation>, Vec<Fault>> {
    let version = root
        .get("openapi")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if !version.starts_with("3.1.") {
        let remedy = "write \"openapi\": \"3.1.0\" and the document in that form";
        return Err(vec![fault(
            "openapi-version",
            "/openapi",
            "is not 3.1",
            remedy,
        )]);
    }
    let document = Document::new(root)?;
    let mut reader = Reader {
        document: &document,
        operations: Vec::new(),
        faults: Vec::new(),
    };
    match document.root().child("paths") {
        Some(paths) if paths.value.is_object() => reader.read_paths(&paths),
        _ => reader.faults.push(fault(
            "paths",
            "/paths",
            "is missing",
            "describe each service's paths",
        )),
    }
    if reader.faults.is_empty() {
        Ok(reader.operations)
    } else {
        Err(reader.faults)
    }
}

/// Splits a path of the document into service code and rest.
pub(super) fn split_service(path: &str) -> Option<(String, &str)> {
    let text = path.strip_prefix('/')?;
    let end = text.find('/').unwrap_or(text.len());
    let (code, rest) = text.split_at_checked(end)?;
    let code = percent_encoding::percent_decode_str(code)
        .decode_utf8()
        .ok()?;
    (!code.is_empty() && !code.contains(['{', '}'])).then(|| (code.into_owned(), rest))
}

struct Reader<'a> {
    document: &'a Document<'a>,
    operations: Vec<Operation>,
    faults: Vec<Fault>,
}

impl<'a> Reader<'a> {
    fn read_paths(&mut self, paths: &Node<'a>) {
        let mut seen = std::collections::BTreeSet::new();
        for (path, item) in paths.children() {
            let Some((service, rest)) = split_service(path) else {
                let remedy = "begin the path with a service code: /person/{fin}";
                self.faults.push(fault(
                    "path",
                    &item.place,
                    "does not begin with a service code",
                    remedy,
                ));
                continue;
            };
            let template = match Template::parse(rest) {
                Ok(template) => template,
                Err(error) => {
                    self.faults.push(fault(
                        "path",
                        &item.place,
                        error.to_string(),
                        "correct the path",
                    ));
                    continue;
                }
            };
            if !seen.insert((service.clone(), template.precedence())) {
                let problem = "matches the same paths as another one";
                self.faults
                    .push(fault("path", &item.place, problem, "put both into one"));
            }
            self.read_item(&service, &template, &item);
        }
    }

    fn read_item(&mut self, service: &str, template: &Template, item: &Node<'a>) {
        let shared = parameters_of(item);
        for (key, node) in item.children() {
            if METHODS.contains(&key) {
                let own = parameters_of(&node);
                self.read_operation(service, template, key, &node, (&shared, own));
            } else if !OTHER_KEYS.contains(&key) && !key.starts_with("x-") {
                let remedy = "remove it; a path item's $ref is not followed";
                self.faults
                    .push(fault("path-item", &node.place, "is not read here", remedy));
            }
        }
    }

    fn read_operation(
        &mut self,
        service: &str,
        template: &Template,
        method: &str,
        node: &Node<'a>,
        (shared, own): (&[Node<'a>], Vec<Node<'a>>),
    ) {
        let mut parameters: Vec<Parameter> = Vec::new();
        // The operation's own parameters come first and replace the path item's of the same name.
        for item in own.iter().chain(shared) {
            match Parameter::read(self.document, item) {
                Ok(Some(new)) => {
                    let known = |old: &Parameter| old.name == new.name && old.place == new.place;
                    if !parameters.iter().any(known) {
                        parameters.push(new);
                    }
                }
                Ok(None) => {}
                Err(fault) => self.faults.push(fault),
            }
        }
        self.check_path_names(template, &parameters, node);
        let request = node
            .child("requestBody")
            .and_then(|body| self.read_request(body));
        let answers = self.read_answers(node);
        self.operations.push(Operation {
            service: service.to_owned(),
            template: template.clone(),
            method: method.to_ascii_uppercase(),
            parameters,
            request,
            answers,
        });
    }

    fn check_path_names(&mut self, template: &Template, parameters: &[Parameter], node: &Node<'a>) {
        let declared = |name: &str| {
            parameters
                .iter()
                .any(|p| p.place == Place::Path && p.name == name)
        };
        for name in template.parameters().filter(|name| !declared(name)) {
            let problem = format!("does not declare the path parameter {name}");
            self.faults.push(fault(
                "parameter",
                &node.place,
                problem,
                "add it to `parameters`",
            ));
        }
        let in_path = parameters.iter().filter(|p| p.place == Place::Path);
        for parameter in in_path.filter(|p| template.parameters().all(|name| name != p.name)) {
            let problem = format!("declares {}, which is not in the path", parameter.name);
            self.faults
                .push(fault("parameter", &node.place, problem, "remove it"));
        }
    }

    fn read_request(&mut self, node: Node<'a>) -> Option<RequestRule> {
        let node = self.noted(self.document.resolve(node))?;
        let Some(content) = node.child("content") else {
            self.faults.push(fault(
                "content",
                &node.place,
                "has no content",
                "name the media type",
            ));
            return None;
        };
        let required = node
            .value
            .get("required")
            .and_then(Value::as_bool)
            .unwrap_or(false);
        Some(RequestRule {
            required,
            content: self.read_content(&content),
        })
    }

    fn read_answers(&mut self, operation: &Node<'a>) -> Vec<(Statuses, Option<Content>)> {
        let mut answers = Vec::new();
        let responses = operation
            .child("responses")
            .map(|node| node.children())
            .unwrap_or_default();
        if responses.is_empty() {
            let remedy = "describe each status that the service answers with";
            self.faults.push(fault(
                "responses",
                &operation.place,
                "has no responses",
                remedy,
            ));
        }
        for (status, node) in responses {
            let Some(statuses) = Statuses::parse(status) else {
                let remedy = "write a status such as 200, a class such as 4XX, or default";
                self.faults
                    .push(fault("responses", &node.place, "is not a status", remedy));
                continue;
            };
            let Some(node) = self.noted(self.document.resolve(node)) else {
                continue;
            };
            let content = node
                .child("content")
                .map(|content| self.read_content(&content));
            answers.push((statuses, content));
        }
        answers.sort_by_key(|(statuses, _)| *statuses);
        answers
    }

    fn read_content(&mut self, content: &Node<'a>) -> Content {
        let mut types = Vec::new();
        for (name, media) in content.children() {
            let name = essence(name);
            let schema = media.child("schema").filter(|_| is_json(&name));
            let schema = schema.and_then(|schema| self.noted(self.document.schema(&schema.place)));
            types.push((name, schema));
        }
        // `application/json` before `application/*` before `*/*`.
        types.sort_by_key(|(name, _)| name.matches('*').count());
        Content { types }
    }

    fn noted<T>(&mut self, result: Result<T, Fault>) -> Option<T> {
        result.map_err(|fault| self.faults.push(fault)).ok()
    }
}

fn parameters_of<'a>(owner: &Node<'a>) -> Vec<Node<'a>> {
    owner
        .child("parameters")
        .map(|list| list.items())
        .unwrap_or_default()
}
