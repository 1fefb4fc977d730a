//! The media types of a body, and their schemas.

use jsonschema::Validator;
use serde_json::Value;

use super::Mismatch;

/// A `content` object: media types, each with a schema if it is JSON.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) types: Vec<(String, Option<Validator>)>,
}

impl Content {
    pub(super) fn check(&self, content_type: Option<&str>, body: &[u8]) -> Result<(), Mismatch> {
        let given = content_type.map(essence).unwrap_or_default();
        let known = self.types.iter().find(|(own, _)| matches(own, &given));
        let declared = || self.types.iter().map(|(own, _)| own.clone()).collect();
        let (_, schema) = known.ok_or_else(|| Mismatch::MediaType {
            declared: declared(),
        })?;
        let Some(schema) = schema else { return Ok(()) };
        let Ok(value) = serde_json::from_slice::<Value>(body) else {
            return Err(Mismatch::NotJson);
        };
        match schema.validate(&value) {
            Ok(()) => Ok(()),
            // The error's own text would quote the value, and its instance path could hold names that
            // are values (an object keyed by FİN). The place in the schema says enough.
            Err(error) => Err(Mismatch::Body {
                rule: error.evaluation_path().to_string(),
            }),
        }
    }
}

/// The media type without parameters, in lower case.
pub(super) fn essence(content_type: &str) -> String {
    content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase()
}

/// Whether a media type is JSON.
pub(super) fn is_json(essence: &str) -> bool {
    essence == "application/json"
        || (essence.starts_with("application/") && essence.ends_with("+json"))
}

fn matches(own: &str, given: &str) -> bool {
    if own == "*/*" {
        return true;
    }
    match own.strip_suffix("/*") {
        Some(class) => given.split('/').next() == Some(class),
        None => own == given,
    }
}
