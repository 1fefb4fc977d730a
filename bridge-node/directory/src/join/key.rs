//! The public keys of a request, in the forms in which directories and certificates have them.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bridge_signature::{Algorithm, VerifyingKey};
use serde::{Deserialize, Serialize};

use super::JoinError;
use crate::metadata::{hex, sha256};

/// What a key of a node is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// Connections to other nodes.
    Tls,
    /// Queries and answers.
    Exchange,
    /// Checkpoints of its journal.
    Journal,
    /// Cosignatures on others' journals.
    Witness,
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tls => "tls",
            Self::Exchange => "exchange",
            Self::Journal => "journal",
            Self::Witness => "witness",
        })
    }
}

/// Writes a public key as SPKI, base64.
pub(super) fn spki(algorithm: Algorithm, raw: &[u8]) -> String {
    STANDARD.encode([head(algorithm), raw].concat())
}

/// Reads a public key written as SPKI, base64.
pub(super) fn of_spki(purpose: Purpose, text: &str) -> Result<VerifyingKey, JoinError> {
    let wrong = || JoinError::Key { purpose };
    let der = STANDARD.decode(text).map_err(|_error| wrong())?;
    let read = |algorithm: Algorithm| {
        let raw = der.strip_prefix(head(algorithm))?;
        VerifyingKey::new(algorithm, raw).ok()
    };
    let [one, other] = ALGORITHMS;
    read(one).or_else(|| read(other)).ok_or_else(wrong)
}

/// Reads the key of a verifier key: `name+id+base64(type and public key)`.
///
/// Standard: C2SP signed-note.
pub(super) fn of_verifier(purpose: Purpose, vkey: &str) -> Result<VerifyingKey, JoinError> {
    let read = || {
        let mut parts = vkey.splitn(3, '+');
        let (name, id, key) = (parts.next()?, parts.next()?, parts.next()?);
        let key = STANDARD.decode(key).ok()?;
        let (kind, raw) = key.split_first()?;
        let wanted = if purpose == Purpose::Witness {
            COSIGNATURE
        } else {
            NOTE
        };
        let named = sha256(&[name.as_bytes(), b"\n", key.as_slice()].concat());
        let is_named = named.get(..4).is_some_and(|first| hex(first) == id);
        (*kind == wanted && is_named).then_some(())?;
        VerifyingKey::new(Algorithm::Ed25519, raw).ok()
    };
    read().ok_or(JoinError::Key { purpose })
}

/// The key of a verifier key, without its type: one key is the same whatever it signs.
pub(super) fn raw_of_verifier(vkey: &str) -> Option<Vec<u8>> {
    let typed = STANDARD.decode(vkey.splitn(3, '+').nth(2)?).ok()?;
    typed.split_first().map(|(_, raw)| raw.to_vec())
}

const fn head(algorithm: Algorithm) -> &'static [u8] {
    match algorithm {
        Algorithm::EcdsaP256Sha256 => P256,
        Algorithm::Ed25519 => ED25519,
    }
}

const ALGORITHMS: [Algorithm; 2] = [Algorithm::EcdsaP256Sha256, Algorithm::Ed25519];
/// Types of verifier keys.
const NOTE: u8 = 1;
const COSIGNATURE: u8 = 4;

/// What stands before an uncompressed point. Standard: RFC 5480 §2.
const P256: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// What stands before a key of Ed25519. Standard: RFC 8410 §4.
const ED25519: &[u8] = &[
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];
