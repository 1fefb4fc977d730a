//! What a certificate says that its key may do: usages, purposes, whether it is an authority's, and whose key it is.
//!
//! Standard: RFC 5280 §4.2.1.

use std::collections::BTreeSet;

use der::asn1::{BitStringRef, ObjectIdentifier, OctetStringRef};

use super::{Part as _, ReadError};
use crate::asn1::{Value, Values, context, only};
use crate::profile::{Purpose, Usage};

/// What a certificate says of being an authority's.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Constraints {
    pub(crate) is_authority: bool,
    /// How many authorities may stand below it.
    pub(crate) path_length: Option<u8>,
}

/// Standard: RFC 5280 §4.2.1.3.
pub(super) fn usages(value: &[u8]) -> Result<BTreeSet<Usage>, ReadError> {
    let bits = only(value).and_then(Value::decode_as::<BitStringRef<'_>>);
    let bits = bits.part("key usage")?;
    let bytes = bits.raw_bytes();
    // The distinguished encoding of named bits ends with one that is set; at least one must be.
    let is_short = bytes
        .last()
        .is_some_and(|last| *last != 0 && last.trailing_zeros() == u32::from(bits.unused_bits()));
    if !is_short || bits.bit_len() > USAGES.len() {
        return Err(ReadError::Malformed("key usage"));
    }
    let is_set = |bit: usize| {
        bytes
            .get(bit / 8)
            .is_some_and(|byte| byte << (bit % 8) & 0x80 != 0)
    };
    let set = USAGES
        .into_iter()
        .enumerate()
        .filter(|(bit, _)| is_set(*bit));
    Ok(set.map(|(_, usage)| usage).collect())
}

/// Standard: RFC 5280 §4.2.1.12.
pub(super) fn purposes(value: &[u8]) -> Result<BTreeSet<Purpose>, ReadError> {
    let mut values = Values::of_sequence(value).part("extended key usage")?;
    let mut found = BTreeSet::new();
    loop {
        let name: ObjectIdentifier = values.read().part("extended key usage")?;
        let text = name.to_string();
        let known = PURPOSES.iter().find(|purpose| purpose.oid() == text);
        found.insert(known.cloned().unwrap_or(Purpose::Other(text)));
        if values.is_finished() {
            return Ok(found);
        }
    }
}

/// Standard: RFC 5280 §4.2.1.9.
pub(super) fn constraints(value: &[u8]) -> Result<Constraints, ReadError> {
    let mut parts = Values::of_sequence(value).part("basic constraints")?;
    let is_authority = parts.next_if(der::Tag::Boolean).part("basic constraints")?;
    let is_authority = is_authority.map(Value::decode_as::<bool>);
    let is_authority = is_authority.transpose().part("basic constraints")?;
    let path_length = parts.next_if(der::Tag::Integer).part("basic constraints")?;
    let path_length = path_length.map(Value::decode_as::<u8>);
    let path_length = path_length.transpose().part("basic constraints")?;
    parts.end().part("basic constraints")?;
    let is_authority = is_authority.unwrap_or_default();
    if path_length.is_some() && !is_authority {
        return Err(ReadError::Malformed(
            "a path length of what is no authority",
        ));
    }
    Ok(Constraints {
        is_authority,
        path_length,
    })
}

/// The identifier of the subject's key. Standard: RFC 5280 §4.2.1.2.
pub(super) fn key_identifier(value: &[u8]) -> Result<Vec<u8>, ReadError> {
    let identifier = only(value).and_then(Value::decode_as::<&OctetStringRef>);
    let identifier = identifier.part("subject key identifier")?;
    Ok(identifier.as_bytes().to_vec())
}

/// The identifier of the issuer's key, if it stands. Standard: RFC 5280 §4.2.1.1.
pub(super) fn issuer_key_identifier(value: &[u8]) -> Result<Option<Vec<u8>>, ReadError> {
    let mut parts = Values::of_sequence(value).part("authority key identifier")?;
    let identifier = parts.next_if(context(0, false));
    let identifier = identifier.part("authority key identifier")?;
    for number in [1, 2] {
        let rest = parts.next_if(context(number, number == 1));
        rest.part("authority key identifier")?;
    }
    parts.end().part("authority key identifier")?;
    Ok(identifier.map(|identifier| identifier.value().to_vec()))
}

const USAGES: [Usage; 9] = [
    Usage::DigitalSignature,
    Usage::ContentCommitment,
    Usage::KeyEncipherment,
    Usage::DataEncipherment,
    Usage::KeyAgreement,
    Usage::CertSign,
    Usage::CrlSign,
    Usage::EncipherOnly,
    Usage::DecipherOnly,
];

const PURPOSES: [Purpose; 8] = [
    Purpose::Any,
    Purpose::ServerAuth,
    Purpose::ClientAuth,
    Purpose::CodeSigning,
    Purpose::EmailProtection,
    Purpose::TimeStamping,
    Purpose::OcspSigning,
    Purpose::DocumentSigning,
];
