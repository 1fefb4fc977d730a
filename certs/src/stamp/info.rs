//! What an authority signs: the imprint, the time, and what belongs to them.

use der::asn1::{ObjectIdentifier, OctetStringRef};
use der::{Tag, Tagged as _};
use time::{Date, Month, PrimitiveDateTime, Time};

use super::{Expected, Policy, StampError};
use crate::asn1::{Value, Values, context, write_integer};
use crate::cms::SHA_256;

/// A time-stamp, taken apart; nothing is verified yet.
pub(super) struct Info<'a> {
    pub(super) policy: Policy,
    imprint: &'a [u8],
    pub(super) time_ms: u64,
    pub(super) accuracy_ms: Option<u64>,
    /// As it is written, so that a number of any length can be compared.
    nonce: Option<&'a [u8]>,
    /// The name of the authority, if it is the name of a directory.
    pub(super) authority: Option<&'a [u8]>,
}

// === impl Info ===

impl<'a> Info<'a> {
    /// Standard: RFC 3161 §2.4.2.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, StampError> {
        let mut parts = Values::of_sequence(bytes)?;
        let version = parts.read()?;
        if version != VERSION {
            return Err(StampError::Version(version));
        }
        let policy = parts.read()?;
        let imprint = imprint(parts.sequence()?)?;
        // The authority's number of the token.
        parts.integer()?;
        let time = parts.next()?;
        time.tag().assert_eq(Tag::GeneralizedTime)?;
        let time_ms = unix_ms(time.value()).ok_or(StampError::Time)?;
        let accuracy_ms = match parts.next_if(Tag::Sequence)? {
            Some(value) => Some(accuracy_ms(Values::inside(value, Tag::Sequence)?)?),
            None => None,
        };
        // Whether stamps of one authority are ordered by their time alone is of no use here.
        parts.next_if(Tag::Boolean)?;
        let nonce = parts.next_if(Tag::Integer)?.map(Value::value);
        let authority = match parts.next_if(context(0, true))? {
            Some(name) => directory_name(Values::of(name.value())?)?,
            None => None,
        };
        if let Some(list) = parts.next_if(context(1, true))? {
            no_critical_extension(Values::of(list.value())?)?;
        }
        parts.end()?;
        Ok(Self {
            policy,
            imprint,
            time_ms,
            accuracy_ms,
            nonce,
            authority,
        })
    }

    /// Holds it against what was asked for.
    pub(super) fn fits(&self, expected: &Expected) -> Result<(), StampError> {
        if self.imprint != expected.imprint {
            return Err(StampError::Imprint);
        }
        if let Some(nonce) = expected.nonce {
            let written = write_integer(nonce);
            if self.nonce != written.get(INTEGER_HEADER..) {
                return Err(StampError::Nonce);
            }
        }
        if expected.policy.is_some_and(|policy| policy != self.policy) {
            return Err(StampError::Policy(self.policy));
        }
        match self.accuracy_ms {
            Some(accuracy_ms) if accuracy_ms > expected.accuracy_ms => {
                Err(StampError::Accuracy { accuracy_ms })
            }
            _ => Ok(()),
        }
    }
}

fn imprint(mut parts: Values<'_>) -> Result<&[u8], StampError> {
    let algorithm = parts.algorithm()?;
    if algorithm != SHA_256 {
        return Err(StampError::ImprintAlgorithm(algorithm));
    }
    let digest: &OctetStringRef = parts.read()?;
    parts.end()?;
    Ok(digest.as_bytes())
}

/// Adds seconds, milliseconds and microseconds up, rounded up.
fn accuracy_ms(mut parts: Values<'_>) -> Result<u64, StampError> {
    let seconds = match parts.next_if(Tag::Integer)? {
        Some(value) => value.decode_as::<u32>()?,
        None => 0,
    };
    let mut part = |number| -> Result<u64, StampError> {
        match parts.next_if(context(number, false))? {
            Some(value) => match value.value() {
                [byte @ 0..0x80] => Ok(u64::from(*byte)),
                [high @ 0..0x80, low] => Ok(u64::from(*high) * 256 + u64::from(*low)),
                _ => Err(Tag::Integer.value_error().to_error().into()),
            },
            None => Ok(0),
        }
    };
    let (milliseconds, microseconds) = (part(0)?, part(1)?);
    parts.end()?;
    Ok(u64::from(seconds) * 1000 + milliseconds + microseconds.div_ceil(1000))
}

/// Other kinds of names say nothing that could be compared with a certificate's subject.
fn directory_name(mut parts: Values<'_>) -> Result<Option<&[u8]>, StampError> {
    let name = parts.next()?;
    parts.end()?;
    Ok((name.tag() == context(4, true)).then(|| name.value()))
}

fn no_critical_extension(mut list: Values<'_>) -> Result<(), StampError> {
    while !list.is_finished() {
        let mut extension = list.sequence()?;
        let kind: ObjectIdentifier = extension.read()?;
        if extension.next_if(Tag::Boolean)?.is_some() {
            return Err(StampError::Extension(kind));
        }
        extension.next()?;
        extension.end()?;
    }
    Ok(())
}

/// Reads `YYYYMMDDhhmmss[.f…]Z`; a fraction does not end in 0. What is below a millisecond is cut off.
///
/// Standard: RFC 3161 §2.4.2.
fn unix_ms(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let (whole, fraction) = match text.split_once('.') {
        Some((_, fraction)) if fraction.is_empty() || fraction.ends_with('0') => return None,
        Some((whole, fraction)) => (whole, fraction),
        None => (text, ""),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() != WHOLE_DIGITS || !digits(whole) || !digits(fraction) {
        return None;
    }
    let part = |from: usize, to: usize| whole.get(from..to)?.parse::<u8>().ok();
    let month = Month::try_from(part(4, 6)?).ok()?;
    let date = Date::from_calendar_date(whole.get(..4)?.parse().ok()?, month, part(6, 8)?).ok()?;
    let clock = Time::from_hms(part(8, 10)?, part(10, 12)?, part(12, 14)?).ok()?;
    let seconds = PrimitiveDateTime::new(date, clock)
        .assume_utc()
        .unix_timestamp();
    let padded: String = fraction.chars().chain("000".chars()).take(3).collect();
    u64::try_from(seconds)
        .ok()?
        .checked_mul(1000)?
        .checked_add(padded.parse().ok()?)
}

/// Standard: RFC 3161 §2.4.2.
pub(super) const TST_INFO: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");
const VERSION: u8 = 1;
/// Tag and length of a short integer.
const INTEGER_HEADER: usize = 2;
/// Digits of a time down to the second.
const WHOLE_DIGITS: usize = 14;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_as_the_standard_writes_it_and_in_no_other_way() {
        for (text, ms) in [
            ("19700101000000Z", 0),
            ("20260101000000Z", 1_767_225_600_000),
            ("20260101000000.5Z", 1_767_225_600_500),
            ("20260101000000.0129Z", 1_767_225_600_012),
        ] {
            assert_eq!(unix_ms(text.as_bytes()), Some(ms), "{text}");
        }
        for text in [
            "20260101000000",
            "20260101000000+0400",
            "20260101000000.Z",
            "20260101000000.50Z",
            "202601010000Z",
            "20261301000000Z",
            "20260230000000Z",
            "20260101240000Z",
            "20260101000060Z",
            "2026010100000\u{0660}Z",
            "-0260101000000Z",
            "19690101000000Z",
        ] {
            assert_eq!(unix_ms(text.as_bytes()), None, "{text}");
        }
    }
}
