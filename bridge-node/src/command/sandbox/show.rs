//! What is shown of an exchange: its shape, never its values.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bridge_adapter::openapi::Checker;
use http::Method;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::command::say;
use crate::command::trial::client::Answer;

/// `/r1`, instance, class, member, subsystem stand before the service code.
const BEFORE_SERVICE: usize = 6;

/// How exchanges are shown.
#[derive(Debug)]
pub(super) struct Show {
    pub(super) openapi: Arc<Checker>,
    pub(super) bodies: bool,
}

// === impl Show ===

impl Show {
    pub(super) fn exchange(
        &self,
        (method, path, body): (&Method, &str, &[u8]),
        answer: &Answer,
        took: Duration,
    ) {
        let (error, given) = (answer.field("x-road-error"), answer.json());
        let told = if error.is_empty() {
            format!("arrives: {}", listed(&pointers(&given)))
        } else {
            format!(
                "{error}: {}",
                given.get("message").and_then(Value::as_str).unwrap_or("")
            )
        };
        say(format_args!(
            "{method} {}  {}  {:.1} ms\n    {told}",
            self.shape(path),
            answer.status,
            took.as_secs_f64() * 1e3
        ));
        if self.bodies {
            if !body.is_empty() {
                say(format_args!("    > {}", String::from_utf8_lossy(body)));
            }
            say(format_args!(
                "    < {}",
                String::from_utf8_lossy(&answer.body)
            ));
        }
    }

    /// The path with its values replaced by the names that openapi.json gives them.
    fn shape(&self, path: &str) -> String {
        let parts: Vec<String> = path
            .split('/')
            .map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned())
            .collect();
        let (Some(service), Some(rest)) = (
            parts.get(BEFORE_SERVICE),
            parts.get(BEFORE_SERVICE.saturating_add(1)..),
        ) else {
            return "(no service)".to_owned();
        };
        let endpoints = self.openapi.endpoints(service);
        let mut fitting: Vec<_> = endpoints
            .iter()
            .filter(|endpoint| endpoint.path.fits(rest))
            .collect();
        fitting.sort_by_key(|endpoint| endpoint.path.precedence());
        match fitting.first() {
            Some(endpoint) => format!("/{service}{}", endpoint.path.as_str()),
            None if endpoints.is_empty() => "(no such service)".to_owned(),
            None => format!("/{service}/…"),
        }
    }
}

/// The places of all values in a JSON text, elements of lists as `*`.
pub(super) fn pointers(value: &Value) -> BTreeSet<String> {
    fn walk(value: &Value, at: &str, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(members) => members
                .iter()
                .for_each(|(name, inner)| walk(inner, &format!("{at}/{name}"), found)),
            Value::Array(items) => items
                .iter()
                .for_each(|inner| walk(inner, &format!("{at}/*"), found)),
            Value::Null if at.is_empty() => {}
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                found.insert(at.to_owned());
            }
        }
    }
    let mut found = BTreeSet::new();
    walk(value, "", &mut found);
    found
}

pub(super) fn listed(pointers: &BTreeSet<String>) -> String {
    if pointers.is_empty() {
        return "nothing".to_owned();
    }
    pointers.iter().cloned().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_body_is_shown_by_its_places_and_without_its_values() {
        let body = json!({"fin": "MBXEHTV", "name": {"last": "Şirinov"}, "children": [{"fin": "A"}, {"fin": "B", "sex": null}], "none": []});
        assert_eq!(
            listed(&pointers(&body)),
            "/children/*/fin /children/*/sex /fin /name/last"
        );
        assert_eq!(listed(&pointers(&Value::Null)), "nothing");
    }
}
