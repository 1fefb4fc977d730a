//! Authorities of others, whose certificates do not name bridge identities: a table says whom they name.
//!
//! Such an authority is trusted to know its subjects, not to name ours: a URI in its certificates is never read, and one
//! subject attribute, looked up in the table, is the only identity.

use std::collections::BTreeMap;

use bridge_core::identity::CertificateName;
use serde::Deserialize;

use crate::error::{CertificateError, TrustError};
use crate::profile::{IdentityKind, Profile};

/// One foreign authority and what its subjects are called here.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Foreign {
    /// SHA-256 of the anchor's certificate, 64 hexadecimal digits.
    pub(crate) anchor_sha256: String,
    /// Object identifier of the subject attribute, dotted: `2.5.4.5` is the serial number.
    attribute: String,
    /// From the attribute's value to a `bridge://` name.
    names: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    authority: Vec<Foreign>,
}

/// Reads a table of foreign authorities; every name in it must be one.
pub(crate) fn read(text: &str) -> Result<Vec<Foreign>, TrustError> {
    let file: File = toml::from_str(text).map_err(|error| TrustError::Foreign {
        what: error.to_string().trim().replace('\n', " "),
    })?;
    for authority in &file.authority {
        for name in authority.names.values() {
            name.parse::<CertificateName>()
                .map_err(|error| TrustError::Foreign {
                    what: format!("{name}: {error}"),
                })?;
        }
    }
    Ok(file.authority)
}

/// Writes a digest as the table has it.
pub(crate) fn hexadecimal(digest: &[u8; 32]) -> String {
    let digits = digest.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits
        .map(|digit| char::from_digit(u32::from(digit), 16).unwrap_or('0'))
        .collect()
}

impl Foreign {
    /// Returns the one identity of a certificate of this authority.
    pub(crate) fn identity(
        &self,
        attributes: &[(String, String)],
        uris: &[String],
        wanted: IdentityKind,
        profile: Profile,
    ) -> Result<Option<CertificateName>, CertificateError> {
        if wanted == IdentityKind::None {
            return Ok(None);
        }
        let values: Vec<&String> = attributes
            .iter()
            .filter(|(oid, _)| *oid == self.attribute)
            .map(|(_, value)| value)
            .collect();
        let count = values.len() + uris.len();
        if count > 1 {
            return Err(CertificateError::SeveralIdentities { count });
        }
        let name = values.first().and_then(|value| self.names.get(*value));
        crate::identity::identity(name.map_or(&[], std::slice::from_ref), wanted, profile)
    }
}
