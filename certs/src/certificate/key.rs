//! The public key in a certificate: of an algorithm and strength that is taken, or refused.
//!
//! Standard: RFC 5280 §4.1.2.7.

use der::asn1::{BitStringRef, ObjectIdentifier};

use super::{KeyAlgorithm, Part as _, RSA_CEILING_BITS, RSA_FLOOR_BITS, ReadError};
use crate::asn1::{Value, Values, positive};

/// Names the algorithm and returns the raw key: an uncompressed point, 32 bytes of Ed25519, or PKCS#1 of RSA.
///
/// Whether a point lies on its curve is left to whoever verifies a signature: by a key that is none, none holds.
pub(crate) fn read(spki: &[u8]) -> Result<(KeyAlgorithm, Vec<u8>), ReadError> {
    let mut parts = Values::of_sequence(spki).part("its key")?;
    let mut algorithm = parts.sequence().part("the algorithm of its key")?;
    let name: ObjectIdentifier = algorithm.read().part("the algorithm of its key")?;
    let parameters = if algorithm.is_finished() {
        None
    } else {
        Some(algorithm.next().part("the algorithm of its key")?)
    };
    algorithm.end().part("the algorithm of its key")?;
    let key: BitStringRef<'_> = parts.read().part("its key")?;
    parts.end().part("its key")?;
    let raw = key.as_bytes().ok_or(ReadError::Malformed("its key"))?;
    let algorithm = match name {
        EC_PUBLIC_KEY => point(curve(parameters)?, raw)?,
        ED25519 if parameters.is_some() => {
            return Err(ReadError::Malformed("an Ed25519 key with parameters"));
        }
        ED25519 if raw.len() == ED25519_KEY_BYTES => KeyAlgorithm::Ed25519,
        ED25519 => {
            return Err(ReadError::Malformed(
                "an Ed25519 key of another length than 32 bytes",
            ));
        }
        RSA if parameters.is_some_and(Value::is_null) => rsa(raw)?,
        RSA => {
            return Err(ReadError::Malformed(
                "an RSA key with other parameters than null",
            ));
        }
        other => return Err(ReadError::UnknownKey(other.to_string())),
    };
    Ok((algorithm, raw.to_vec()))
}

/// The name of the curve. One that is spelled out may be any other, by any other generator.
fn curve(parameters: Option<Value<'_>>) -> Result<ObjectIdentifier, ReadError> {
    parameters
        .and_then(|parameters| parameters.decode_as().ok())
        .ok_or(ReadError::Malformed(
            "an elliptic key without a named curve",
        ))
}

fn point(curve: ObjectIdentifier, raw: &[u8]) -> Result<KeyAlgorithm, ReadError> {
    let (algorithm, length) = match curve {
        SECP256R1 => (KeyAlgorithm::P256, 65),
        SECP384R1 => (KeyAlgorithm::P384, 97),
        other => return Err(ReadError::UnknownKey(other.to_string())),
    };
    match raw.first() {
        Some(&UNCOMPRESSED) if raw.len() == length => Ok(algorithm),
        _ => Err(ReadError::Malformed(
            "an elliptic key that is not an uncompressed point",
        )),
    }
}

fn rsa(raw: &[u8]) -> Result<KeyAlgorithm, ReadError> {
    let malformed = "an RSA key that is not PKCS#1";
    let mut parts = Values::of_sequence(raw).part(malformed)?;
    let [modulus, exponent] = [
        parts.integer().part(malformed)?,
        parts.integer().part(malformed)?,
    ];
    parts.end().part(malformed)?;
    let (Some(modulus), Some(exponent)) = (positive(modulus), positive(exponent)) else {
        return Err(ReadError::Malformed(malformed));
    };
    let bits = bits_of(modulus);
    if bits < RSA_FLOOR_BITS {
        return Err(ReadError::RsaTooShort { bits });
    }
    if bits > RSA_CEILING_BITS {
        return Err(ReadError::RsaTooLong { bits });
    }
    let is_odd = |number: &[u8]| number.last().is_some_and(|byte| byte & 1 == 1);
    if !is_odd(modulus) || !is_odd(exponent) || !EXPONENT_BITS.contains(&bits_of(exponent)) {
        return Err(ReadError::Malformed(
            "an RSA key whose numbers are no modulus and exponent",
        ));
    }
    Ok(KeyAlgorithm::Rsa { bits })
}

fn bits_of(digits: &[u8]) -> usize {
    let unused = digits.first().map_or(0, |first| first.leading_zeros());
    digits.len() * 8 - usize::try_from(unused).unwrap_or(0)
}

const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const SECP256R1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const SECP384R1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const ED25519_KEY_BYTES: usize = 32;
/// Standard: FIPS 186-5 §5.1.
const EXPONENT_BITS: std::ops::RangeInclusive<usize> = 17..=256;
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
/// First byte of an uncompressed point. Standard: SEC 1 §2.3.3.
const UNCOMPRESSED: u8 = 4;
