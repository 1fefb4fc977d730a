//! What lists and answers have in common: something signed, the algorithm, the signature.
//!
//! Standard: RFC 5280 §5.1.1.

use der::Tag;
use der::asn1::{BitStringRef, GeneralizedTime, ObjectIdentifier, UtcTime};
use ring::signature::UnparsedPublicKey;

use super::StatusError;
use crate::asn1::{Value, Values};
use crate::certificate::KeyAlgorithm;
use crate::cms::signature_algorithm;

/// Something signed, taken apart; nothing is verified yet.
pub(super) struct Signed<'a> {
    /// What the signature is over.
    pub(super) body: &'a [u8],
    /// The algorithm identifier, as it is written.
    pub(super) algorithm: &'a [u8],
    name: ObjectIdentifier,
    signature: &'a [u8],
}

// === impl Signed ===

impl<'a> Signed<'a> {
    /// Takes the first three values of a sequence.
    pub(super) fn read(parts: &mut Values<'a>) -> Result<Self, StatusError> {
        let body = parts.next_bytes()?;
        let algorithm = parts.next_bytes()?;
        let name = Values::of(algorithm)?.algorithm()?;
        let signature: BitStringRef<'_> = parts.read()?;
        Ok(Self {
            body,
            algorithm,
            name,
            signature: signature.as_bytes().ok_or(StatusError::WrongSignature)?,
        })
    }

    /// Whether this key signed it.
    pub(super) fn verify(&self, (key, public): (KeyAlgorithm, &[u8])) -> Result<(), StatusError> {
        let name = self.name;
        let algorithm = signature_algorithm(name, key);
        let algorithm = algorithm.ok_or(StatusError::Algorithm { name, key })?;
        UnparsedPublicKey::new(algorithm, public)
            .verify(self.body, self.signature)
            .map_err(|_unspecified| StatusError::WrongSignature)
    }
}

/// A time in whole seconds, in either form. Standard: RFC 5280 §5.1.2.4.
pub(super) fn time(value: Value<'_>) -> Result<u64, StatusError> {
    let since = if der::Tagged::tag(&value) == Tag::UtcTime {
        value.decode_as::<UtcTime>()?.to_unix_duration()
    } else {
        value.decode_as::<GeneralizedTime>()?.to_unix_duration()
    };
    Ok(since.as_secs())
}

/// A number of a certificate or a list that is not below zero, written as short as can be. Zero is the first list's number; as a
/// certificate's, which no certificate that is taken has, it is no reason to refuse a whole list. Standard: RFC 5280 §4.1.2.2, §5.2.3.
pub(super) fn serial<'a>(values: &mut Values<'a>) -> Result<&'a [u8], StatusError> {
    let bytes = values.integer()?;
    let well_written = match bytes {
        [] => false,
        [0, second, ..] => *second >= 0x80,
        [first, ..] => *first < 0x80,
    };
    // Twenty bytes, and one before them that says that the number is positive.
    let of_size =
        bytes.len() <= SERIAL_BYTES || (bytes.len() == SERIAL_BYTES + 1 && bytes.starts_with(&[0]));
    if well_written && of_size {
        Ok(bytes)
    } else {
        Err(StatusError::Serial)
    }
}

const SERIAL_BYTES: usize = 20;
