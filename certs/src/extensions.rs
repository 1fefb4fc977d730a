//! Extensions of certificates, of lists and their entries, and of answers.
//!
//! Standard: RFC 5280 §4.2.

use der::Tag;
use der::asn1::{ObjectIdentifier, OctetStringRef};

use crate::asn1::{Value, Values};

/// The extensions of one thing, none twice.
pub(crate) struct Extensions<'a>(Vec<Extension<'a>>);

pub(crate) struct Extension<'a> {
    name: ObjectIdentifier,
    pub(crate) critical: bool,
    pub(crate) value: &'a [u8],
}

/// Extensions that are not taken.
pub(crate) enum ExtensionFault {
    /// Not the distinguished encoding of extensions.
    Malformed(der::Error),
    /// One that stands twice.
    Repeated(ObjectIdentifier),
    /// A critical one that is not known.
    Critical(ObjectIdentifier),
    /// More than [`EXTENSIONS_LIMIT`].
    TooMany,
}

// === impl Extensions ===

impl<'a> Extensions<'a> {
    /// The extensions in a sequence; none if there is none.
    pub(crate) fn read(sequence: Option<Value<'a>>) -> Result<Self, ExtensionFault> {
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
                return Err(ExtensionFault::Repeated(name));
            }
            if found.len() >= EXTENSIONS_LIMIT {
                return Err(ExtensionFault::TooMany);
            }
            found.push(Extension {
                name,
                critical: critical.unwrap_or_default(),
                value: value.as_bytes(),
            });
        }
        Ok(Self(found))
    }

    /// One of them.
    pub(crate) fn get(&self, name: ObjectIdentifier) -> Option<&Extension<'a>> {
        self.0.iter().find(|extension| extension.name == name)
    }

    /// The value of one of them.
    pub(crate) fn value(&self, name: ObjectIdentifier) -> Option<&'a [u8]> {
        self.get(name).map(|extension| extension.value)
    }

    /// Whether none but these is critical.
    pub(crate) fn check_critical(&self, known: &[ObjectIdentifier]) -> Result<(), ExtensionFault> {
        let critical = self.0.iter().filter(|extension| extension.critical);
        match critical
            .map(|extension| extension.name)
            .find(|name| !known.contains(name))
        {
            Some(name) => Err(ExtensionFault::Critical(name)),
            None => Ok(()),
        }
    }
}

// === impl ExtensionFault ===

impl From<der::Error> for ExtensionFault {
    fn from(error: der::Error) -> Self {
        Self::Malformed(error)
    }
}

/// The most extensions that one thing may have.
const EXTENSIONS_LIMIT: usize = 16;
