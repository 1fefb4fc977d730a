//! The document as a tree with places: `$ref` and schemas.

use jsonschema::{Registry, Validator};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::Value;

use crate::Fault;

/// The most `$ref`s that may follow one another.
const REFERENCE_DEPTH: usize = 8;
/// The name under which the schemas of the document find each other. Nothing is fetched by it.
const BASE: &str = "urn:bridge:openapi";
/// What a URI fragment cannot hold. Standard: RFC 3986 §3.5.
const FRAGMENT: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'`')
    .add(b'{')
    .add(b'}')
    .add(b'%')
    .add(b'^')
    .add(b'|')
    .add(b'\\')
    .add(b'#')
    .add(b'[')
    .add(b']');

/// A document and its schemas.
pub(super) struct Document<'a> {
    root: &'a Value,
    registry: Registry<'a>,
}

/// A value of the document and its place as a JSON pointer.
#[derive(Clone)]
pub(super) struct Node<'a> {
    pub(super) value: &'a Value,
    pub(super) place: String,
}

impl<'a> Document<'a> {
    pub(super) fn new(root: &'a Value) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        check_references(root, root, &mut String::new(), &mut faults);
        if !faults.is_empty() {
            return Err(faults);
        }
        let registry = Registry::new()
            .add(BASE, root)
            .and_then(jsonschema::RegistryBuilder::prepare);
        match registry {
            Ok(registry) => Ok(Self { root, registry }),
            Err(error) => Err(vec![fault(
                "schema",
                "",
                error.to_string(),
                "correct the schema",
            )]),
        }
    }

    pub(super) fn root(&self) -> Node<'a> {
        Node {
            value: self.root,
            place: String::new(),
        }
    }

    /// Follows `$ref` until a value without one.
    pub(super) fn resolve(&self, mut node: Node<'a>) -> Result<Node<'a>, Fault> {
        for _ in 0..REFERENCE_DEPTH {
            let Some(reference) = node.value.get("$ref").and_then(Value::as_str) else {
                return Ok(node);
            };
            let place = pointer_of(reference).unwrap_or_default();
            let Some(value) = self.root.pointer(&place) else {
                return Err(dangling(&node.place));
            };
            node = Node { value, place };
        }
        let problem = format!("more than {REFERENCE_DEPTH} $ref follow one another");
        Err(fault(
            "reference",
            &node.place,
            problem,
            "refer to the object itself",
        ))
    }

    /// Compiles the schema at a place.
    pub(super) fn schema(&self, place: &str) -> Result<Validator, Fault> {
        let fragment = utf8_percent_encode(place, FRAGMENT);
        let schema = serde_json::json!({ "$ref": format!("{BASE}#{fragment}") });
        let options = jsonschema::options()
            .with_registry(&self.registry)
            .should_validate_formats(true);
        options.build(&schema).map_err(|error| {
            fault(
                "schema",
                place,
                error.masked().to_string(),
                "correct the schema",
            )
        })
    }
}

impl<'a> Node<'a> {
    pub(super) fn child(&self, key: &str) -> Option<Node<'a>> {
        let value = self.value.get(key)?;
        Some(Node {
            value,
            place: self.place_of(key),
        })
    }

    pub(super) fn place_of(&self, key: &str) -> String {
        format!("{}/{}", self.place, escaped(key))
    }

    pub(super) fn children(&self) -> Vec<(&'a str, Node<'a>)> {
        let object = self.value.as_object();
        let pairs = object.into_iter().flatten().map(|(key, value)| {
            (
                key.as_str(),
                Node {
                    value,
                    place: self.place_of(key),
                },
            )
        });
        pairs.collect()
    }

    pub(super) fn items(&self) -> Vec<Node<'a>> {
        let list = self.value.as_array().into_iter().flatten().enumerate();
        list.map(|(index, value)| Node {
            value,
            place: format!("{}/{index}", self.place),
        })
        .collect()
    }
}

/// A fault of the document.
pub(super) fn fault(
    code: &'static str,
    place: &str,
    problem: impl Into<String>,
    remedy: impl Into<String>,
) -> Fault {
    let place = if place.is_empty() { "/" } else { place };
    Fault::new(code, format!("openapi.json {place}"), problem, remedy)
}

fn dangling(place: &str) -> Fault {
    fault(
        "reference",
        place,
        "its $ref leads nowhere",
        "refer to something in this document: #/components/…",
    )
}

fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// The JSON pointer of a `#/…` reference.
fn pointer_of(reference: &str) -> Option<String> {
    let fragment = reference
        .strip_prefix('#')
        .filter(|rest| rest.starts_with('/'))?;
    percent_encoding::percent_decode_str(fragment)
        .decode_utf8()
        .ok()
        .map(Into::into)
}

fn check_references(root: &Value, value: &Value, place: &mut String, faults: &mut Vec<Fault>) {
    let length = place.len();
    match value {
        Value::Object(object) => {
            for (key, child) in object {
                if let ("$ref" | "$dynamicRef", Some(reference)) = (key.as_str(), child.as_str()) {
                    check_reference(root, reference, place, faults);
                }
                if matches!(key.as_str(), "$id" | "$anchor") && child.is_string() {
                    let problem = format!("{key} gives a schema another name");
                    faults.push(fault(
                        "reference",
                        place,
                        problem,
                        "refer to it as #/components/…",
                    ));
                }
                place.push('/');
                place.push_str(&escaped(key));
                check_references(root, child, place, faults);
                place.truncate(length);
            }
        }
        Value::Array(list) => {
            for (index, child) in list.iter().enumerate() {
                place.push('/');
                place.push_str(&index.to_string());
                check_references(root, child, place, faults);
                place.truncate(length);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn check_reference(root: &Value, reference: &str, place: &str, faults: &mut Vec<Fault>) {
    match pointer_of(reference) {
        None => faults.push(fault(
            "reference",
            place,
            "its $ref leads out of the document",
            "copy what it refers to into #/components and refer to that",
        )),
        Some(pointer) if root.pointer(&pointer).is_none() => faults.push(dangling(place)),
        Some(_) => {}
    }
}
