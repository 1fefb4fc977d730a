//! Extensions of lists, of their entries, and of answers.
//!
//! Standard: RFC 5280 §4.2.

use der::Tag;
use der::asn1::{ObjectIdentifier, OctetStringRef};

use super::StatusError;
use crate::asn1::{Value, Values};

/// The extensions of one thing, none twice.
pub(super) struct Extensions<'a>(Vec<Extension<'a>>);

struct Extension<'a> {
    name: ObjectIdentifier,
    critical: bool,
    value: &'a [u8],
}

// === impl Extensions ===

impl<'a> Extensions<'a> {
    /// The extensions in a sequence; none if there is none.
    pub(super) fn read(sequence: Option<Value<'a>>) -> Result<Self, StatusError> {
        let mut found: Vec<Extension<'_>> = Vec::new();
        let Some(sequence) = sequence else {
            return Ok(Self(found));
        };
        let mut values = Values::inside(sequence, Tag::Sequence)?;
        while !values.is_finished() {
            let mut parts = values.sequence()?;
            let name = parts.read()?;
            let critical = parts.next_if(Tag::Boolean)?;
            let critical = critical.map(der::AnyRef::decode_as::<bool>).transpose()?;
            let value: &OctetStringRef = parts.read()?;
            parts.end()?;
            if found.iter().any(|other| other.name == name) {
                return Err(StatusError::Repeated(name));
            }
            if found.len() >= EXTENSIONS_LIMIT {
                return Err(StatusError::TooMany);
            }
            found.push(Extension {
                name,
                critical: critical.unwrap_or_default(),
                value: value.as_bytes(),
            });
        }
        Ok(Self(found))
    }

    /// The value of one of them.
    pub(super) fn value(&self, name: ObjectIdentifier) -> Option<&'a [u8]> {
        let found = self.0.iter().find(|extension| extension.name == name);
        found.map(|extension| extension.value)
    }

    /// Whether none but these is critical.
    pub(super) fn check_critical(&self, known: &[ObjectIdentifier]) -> Result<(), StatusError> {
        let critical = self.0.iter().filter(|extension| extension.critical);
        match critical
            .map(|extension| extension.name)
            .find(|name| !known.contains(name))
        {
            Some(name) => Err(StatusError::Critical(name)),
            None => Ok(()),
        }
    }
}

/// The most extensions that one thing may have.
const EXTENSIONS_LIMIT: usize = 16;
