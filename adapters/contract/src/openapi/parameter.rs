//! Parameters in path and query: from text to the type that their schema declares.

use jsonschema::Validator;
use serde_json::Value;

use super::Mismatch;
use super::document::{Document, Node, fault};
use crate::Fault;

#[derive(Debug)]
pub(super) struct Parameter {
    pub(super) name: String,
    pub(super) place: Place,
    required: bool,
    kind: Kind,
    schema: Validator,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Path,
    Query,
}

/// How a text becomes a JSON value.
#[derive(Debug, Clone, Copy)]
enum Kind {
    One(Scalar),
    Many(Scalar),
}

#[derive(Debug, Clone, Copy)]
enum Scalar {
    Text,
    Integer,
    Number,
    Boolean,
}

impl Parameter {
    /// Reads a parameter object; header and cookie parameters are none of ours and give `None`.
    pub(super) fn read(document: &Document<'_>, node: &Node<'_>) -> Result<Option<Self>, Fault> {
        let node = document.resolve(node.clone())?;
        let text = |key: &str| node.value.get(key).and_then(Value::as_str);
        let place = match text("in") {
            Some("path") => Place::Path,
            Some("query") => Place::Query,
            Some("header" | "cookie") => return Ok(None),
            _ => {
                return Err(fault(
                    "parameter",
                    &node.place,
                    "has no `in`",
                    "write path, query, header or cookie",
                ));
            }
        };
        let Some(name) = text("name") else {
            return Err(fault(
                "parameter",
                &node.place,
                "has no name",
                "name it as in the path or query",
            ));
        };
        let required = node
            .value
            .get("required")
            .and_then(Value::as_bool)
            .unwrap_or(false);
        if place == Place::Path && !required {
            return Err(fault(
                "parameter",
                &node.place,
                "is in the path and not required",
                "write \"required\": true",
            ));
        }
        let plain = |own: Option<&str>| own.is_none_or(|style| style == place.style());
        let exploded = node.value.get("explode").and_then(Value::as_bool);
        if !plain(text("style")) || (place == Place::Query && exploded == Some(false)) {
            return Err(fault(
                "parameter",
                &node.place,
                "has a style that is not checked",
                "leave out style and explode",
            ));
        }
        let Some(schema) = node.child("schema") else {
            return Err(fault(
                "parameter",
                &node.place,
                "has no schema",
                "give it a schema with a type",
            ));
        };
        let kind = Kind::read(document, &schema)?;
        Ok(Some(Self {
            name: name.to_owned(),
            place,
            required,
            kind,
            schema: document.schema(&schema.place)?,
        }))
    }

    pub(super) fn check(
        &self,
        path: &[(&str, &str)],
        query: &[(String, String)],
    ) -> Result<(), Mismatch> {
        let values: Vec<&str> = match self.place {
            Place::Path => path
                .iter()
                .filter(|(name, _)| *name == self.name)
                .map(|(_, v)| *v)
                .collect(),
            Place::Query => query
                .iter()
                .filter(|(name, _)| *name == self.name)
                .map(|(_, v)| v.as_str())
                .collect(),
        };
        let value = match (self.kind, values.as_slice()) {
            (_, []) if self.required => {
                return Err(Mismatch::ParameterMissing { place: self.at() });
            }
            (_, []) => return Ok(()),
            (Kind::One(scalar), [one]) => scalar.read(one),
            (Kind::One(_), _) => return Err(Mismatch::ParameterRepeated { place: self.at() }),
            (Kind::Many(scalar), many) => many.iter().map(|one| scalar.read(one)).collect(),
        };
        let broken = |rule: &str| Mismatch::ParameterValue {
            place: self.at(),
            rule: rule.to_owned(),
        };
        let value = value.ok_or_else(|| broken("type"))?;
        self.schema
            .validate(&value)
            .map_err(|error| broken(error.kind().keyword()))
    }

    pub(super) fn query_name(&self) -> Option<&str> {
        (self.place == Place::Query).then_some(self.name.as_str())
    }

    fn at(&self) -> String {
        format!("{} {}", self.place.word(), self.name)
    }
}

impl Place {
    fn style(self) -> &'static str {
        match self {
            Self::Path => "simple",
            Self::Query => "form",
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Path => "path segment",
            Self::Query => "query",
        }
    }
}

impl Kind {
    fn read(document: &Document<'_>, schema: &Node<'_>) -> Result<Self, Fault> {
        let schema = document.resolve(schema.clone())?;
        if schema.value.get("type").and_then(Value::as_str) != Some("array") {
            return Scalar::read_type(&schema).map(Self::One);
        }
        match schema.child("items") {
            Some(items) => Scalar::read_type(&document.resolve(items)?).map(Self::Many),
            None => Ok(Self::Many(Scalar::Text)),
        }
    }
}

impl Scalar {
    fn read_type(schema: &Node<'_>) -> Result<Self, Fault> {
        match schema.value.get("type").and_then(Value::as_str) {
            Some("string") => Ok(Self::Text),
            Some("integer") => Ok(Self::Integer),
            Some("number") => Ok(Self::Number),
            Some("boolean") => Ok(Self::Boolean),
            _ => Err(fault(
                "parameter",
                &schema.place,
                "has no type that a text can have",
                "write \"type\": string, integer, number, boolean, or array of these",
            )),
        }
    }

    fn read(self, text: &str) -> Option<Value> {
        let value = match self {
            Self::Text => return Some(Value::from(text)),
            Self::Integer => return text.parse::<i64>().ok().map(Value::from),
            Self::Number | Self::Boolean => serde_json::from_str::<Value>(text).ok()?,
        };
        match self {
            Self::Boolean => value.is_boolean().then_some(value),
            Self::Text | Self::Integer | Self::Number => value.is_number().then_some(value),
        }
    }
}
