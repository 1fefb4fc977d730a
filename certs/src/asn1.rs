//! Reads and writes ASN.1 values one after another, in the distinguished encoding only.
//!
//! Standard: ITU-T X.690 §10.

use der::asn1::ObjectIdentifier;
use der::{Decode, Error, Reader, SliceReader, Tag};

pub(crate) use der::asn1::AnyRef as Value;

/// Values that follow each other.
pub(crate) struct Values<'a>(SliceReader<'a>);

// === impl Values ===

impl<'a> Values<'a> {
    /// The values in these bytes.
    pub(crate) fn of(bytes: &'a [u8]) -> Result<Self, Error> {
        SliceReader::new(bytes).map(Self)
    }

    /// The values inside one that has this tag.
    pub(crate) fn inside(value: Value<'a>, tag: Tag) -> Result<Self, Error> {
        der::Tagged::tag(&value).assert_eq(tag)?;
        Self::of(value.value())
    }

    /// The content of an integer as it is written.
    pub(crate) fn integer(&mut self) -> Result<&'a [u8], Error> {
        let value = self.next()?;
        der::Tagged::tag(&value).assert_eq(Tag::Integer)?;
        Ok(value.value())
    }

    /// The values of the only sequence in these bytes.
    pub(crate) fn of_sequence(bytes: &'a [u8]) -> Result<Self, Error> {
        Self::inside(only(bytes)?, Tag::Sequence)
    }

    /// Takes the next value.
    pub(crate) fn next(&mut self) -> Result<Value<'a>, Error> {
        Value::decode(&mut self.0)
    }

    /// Takes the next value, as the bytes that it is written in.
    pub(crate) fn next_bytes(&mut self) -> Result<&'a [u8], Error> {
        self.0.tlv_bytes()
    }

    /// Takes the next value and reads it as a type.
    pub(crate) fn read<T: Decode<'a, Error = Error>>(&mut self) -> Result<T, Error> {
        T::decode(&mut self.0)
    }

    /// Takes the values inside the next one, a sequence.
    pub(crate) fn sequence(&mut self) -> Result<Self, Error> {
        Self::inside(self.next()?, Tag::Sequence)
    }

    /// Takes the next value if it has this tag.
    pub(crate) fn next_if(&mut self, tag: Tag) -> Result<Option<Value<'a>>, Error> {
        if self.is_finished() || Tag::peek(&self.0)? != tag {
            return Ok(None);
        }
        self.next().map(Some)
    }

    /// Takes the algorithm of the next value, an algorithm identifier whose parameters are absent or null.
    pub(crate) fn algorithm(&mut self) -> Result<ObjectIdentifier, Error> {
        let mut parts = self.sequence()?;
        let algorithm = parts.read()?;
        if !parts.is_finished() && !parts.next()?.is_null() {
            return Err(Tag::Null.value_error().into());
        }
        parts.end()?;
        Ok(algorithm)
    }

    /// Whether no value is left.
    pub(crate) fn is_finished(&self) -> bool {
        self.0.is_finished()
    }

    /// Says that no value may be left.
    pub(crate) fn end(self) -> Result<(), Error> {
        self.0.finish()
    }
}

/// The only value in these bytes.
pub(crate) fn only(bytes: &[u8]) -> Result<Value<'_>, Error> {
    let mut values = Values::of(bytes)?;
    let value = values.next()?;
    values.end()?;
    Ok(value)
}

/// The tag of a value that the context names by a number.
pub(crate) const fn context(number: u32, constructed: bool) -> Tag {
    Tag::ContextSpecific {
        constructed,
        number: der::TagNumber(number),
    }
}

/// Writes a value of parts that are written already. `tag` is its first byte.
pub(crate) fn write(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = content.len().to_be_bytes();
    let significant: Vec<u8> = length.into_iter().skip_while(|byte| *byte == 0).collect();
    let mut written = vec![tag];
    match significant.as_slice() {
        [] => written.push(0),
        [short @ 0..0x80] => written.push(*short),
        // A length has at most eight bytes.
        long => {
            written.push(0x80 | u8::try_from(long.len()).unwrap_or(8));
            written.extend_from_slice(long);
        }
    }
    written.extend_from_slice(&content);
    written
}

/// Writes an integer that is not negative.
pub(crate) fn write_integer(number: u64) -> Vec<u8> {
    write_digits(&number.to_be_bytes())
}

/// Writes an integer that is not negative, from its digits.
pub(crate) fn write_digits(digits: &[u8]) -> Vec<u8> {
    // The zero says that the number is positive, where its first bit would say otherwise.
    let bytes = [&[0][..], digits].concat();
    write(INTEGER, &[shortest(&bytes)])
}

/// The content of an integer that is not negative, as short as can be: one number has one spelling, whoever wrote it.
pub(crate) fn shortest(mut number: &[u8]) -> &[u8] {
    while let [0, rest @ ..] = number
        && rest.first().is_some_and(|next| *next < 0x80)
    {
        number = rest;
    }
    number
}

/// The digits of a positive integer that is written as short as can be, without the zero that only says so.
pub(crate) fn positive(written: &[u8]) -> Option<&[u8]> {
    match written {
        [0, digits @ ..] if digits.first().is_some_and(|first| *first >= 0x80) => Some(digits),
        [1..0x80, ..] => Some(written),
        _ => None,
    }
}

/// Writes an object identifier.
pub(crate) fn write_oid(oid: ObjectIdentifier) -> Vec<u8> {
    write(OBJECT_IDENTIFIER, &[oid.as_bytes()])
}

pub(crate) const BOOLEAN: u8 = 0x01;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const NULL: u8 = 0x05;
pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_integers_are_written_as_short_as_can_be() {
        for (number, bytes) in [
            (0, &[2, 1, 0][..]),
            (127, &[2, 1, 127]),
            (128, &[2, 2, 0, 128]),
            (256, &[2, 2, 1, 0]),
            (u64::MAX, &[2, 9, 0, 255, 255, 255, 255, 255, 255, 255, 255]),
        ] {
            assert_eq!(write_integer(number), bytes, "{number}");
            assert_eq!(u64::from_der(bytes).unwrap(), number);
        }
        for (length, header) in [(0, 2), (127, 2), (128, 3), (255, 3), (256, 4), (65_536, 5)] {
            let written = write(OCTET_STRING, &[&vec![7; length]]);
            assert_eq!(written.len(), length + header);
            assert_eq!(only(&written).unwrap().value().len(), length);
        }
    }

    #[test]
    fn only_the_distinguished_encoding_is_read() {
        for bytes in [
            // Without a length, with a longer length than needed, cut off, and with something after it.
            &[0x24, 0x80, 4, 1, 7, 0, 0][..],
            &[4, 0x81, 1, 7],
            &[4, 2, 7],
            &[4, 1, 7, 0],
            &[],
        ] {
            assert!(only(bytes).is_err(), "{bytes:?}");
        }
    }
}
