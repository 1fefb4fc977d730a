//! The envelope of an answer: whether the authority stamped at all.

use der::Tag;

use super::StampError;
use crate::asn1::Values;

/// Why an authority did not stamp, as the number of the bit that it set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure(pub u8);

// === impl Failure ===

impl Failure {
    /// The name of the failure, for a sentence.
    pub(super) fn words(failure: Option<Self>) -> &'static str {
        match failure.map(|failure| failure.0) {
            None => "",
            Some(0) => ", badAlg",
            Some(2) => ", badRequest",
            Some(5) => ", badDataFormat",
            Some(14) => ", timeNotAvailable",
            Some(15) => ", unacceptedPolicy",
            Some(16) => ", unacceptedExtension",
            Some(17) => ", addInfoNotAvailable",
            Some(25) => ", systemFailure",
            Some(_) => ", for an unknown reason",
        }
    }
}

/// Returns the token of an answer, as it stands there.
///
/// # Errors
///
/// [`StampError::Refused`] if the authority did not stamp, [`StampError::NoToken`] or [`StampError::Malformed`] if it
/// answered badly.
///
/// Standard: RFC 3161 §2.4.2.
pub fn token(response: &[u8]) -> Result<&[u8], StampError> {
    let mut parts = Values::of_sequence(response)?;
    let mut told = parts.sequence()?;
    let status: u8 = told.read()?;
    // Its own words are not repeated: they are a stranger's text.
    told.next_if(Tag::Sequence)?;
    let failure = match told.next_if(Tag::BitString)? {
        Some(bits) => first_bit(bits.value()),
        None => None,
    };
    told.end()?;
    if status > GRANTED_WITH_CHANGES {
        return Err(StampError::Refused { status, failure });
    }
    if parts.is_finished() {
        return Err(StampError::NoToken);
    }
    let token = parts.next_bytes()?;
    parts.end()?;
    Ok(token)
}

/// The number of the first bit that is set; the first byte of a bit string only counts unused bits.
fn first_bit(bits: &[u8]) -> Option<Failure> {
    let (_, bytes) = bits.split_first()?;
    let (place, byte) = bytes.iter().enumerate().find(|(_, byte)| **byte != 0)?;
    let bit = byte.leading_zeros();
    u8::try_from(place)
        .ok()?
        .checked_mul(8)?
        .checked_add(u8::try_from(bit).ok()?)
        .map(Failure)
}

/// `granted` is 0, `grantedWithMods` 1; what follows is no.
const GRANTED_WITH_CHANGES: u8 = 1;
