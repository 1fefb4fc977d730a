//! The types that parameters and columns can have, and how they are written.

use bridge_adapter::form::Form;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::offset;

pub(crate) mod document;

/// A value on its way into a statement. Dates and times are text in the form of their type.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Scalar {
    Null,
    Text(String),
    Integer(i64),
    Number(f64),
    Boolean(bool),
    Bytes(Vec<u8>),
}

/// The type of a parameter or a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    /// Any text.
    Text,
    /// A personal code: 7 characters of 0-9A-Z without I and O.
    Fin,
    /// A tax number: 10 digits.
    Voen,
    /// `2026-11-21`.
    Date,
    /// `2026-11-21T10:00:00+04:00`.
    DateTime,
    /// A whole number of 64 bits.
    Integer,
    /// A number.
    Number,
    /// True or false; 1 or 0 in SQLite.
    Boolean,
    /// A text of many lines, or none.
    LongText,
    /// Bytes, as base64 on the wire.
    Base64,
    /// The SHA-256 of such bytes, in hexadecimal: of a parameter, read from their base64.
    Base64Sha256,
}

/// What became of a column on its way into JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cell {
    /// It was written.
    Written,
    /// It is NULL, and nothing was written.
    Null,
    /// It does not have the form of its type. What was written of it is no value.
    Misfit,
}

/// The types by the words of the manifest.
pub(crate) const TYPES: [(&str, Type); 11] = [
    ("text", Type::Text),
    ("fin", Type::Fin),
    ("voen", Type::Voen),
    ("date", Type::Date),
    ("date-time", Type::DateTime),
    ("integer", Type::Integer),
    ("number", Type::Number),
    ("boolean", Type::Boolean),
    ("long-text", Type::LongText),
    ("base64", Type::Base64),
    ("base64-sha256", Type::Base64Sha256),
];

impl Type {
    /// What a caller has to write, for the text of a refusal.
    pub(crate) fn expected(self) -> &'static str {
        match self {
            Self::Text => Form::Text.expected(),
            Self::Fin => Form::Fin.expected(),
            Self::Voen => Form::Voen.expected(),
            Self::Date => Form::Date.expected(),
            Self::DateTime => Form::DateTime.expected(),
            Self::Integer => "a whole number",
            Self::Number => "a number",
            Self::Boolean => "true or false",
            Self::LongText => "a text of at most 65536 bytes",
            Self::Base64 | Self::Base64Sha256 => "base64 of at least one byte",
        }
    }

    /// Its word in a manifest.
    pub(crate) fn word(self) -> &'static str {
        let word = TYPES.iter().find(|(_, kind)| *kind == self);
        word.map_or("text", |(word, _)| word)
    }

    /// Reads a parameter from path, query or header text.
    pub(crate) fn read_text(self, text: &str) -> Option<Scalar> {
        match self {
            Self::Integer => text.parse().ok().map(Scalar::Integer),
            Self::Number => text
                .parse()
                .ok()
                .filter(|n: &f64| n.is_finite())
                .map(Scalar::Number),
            Self::Boolean => text.parse().ok().map(Scalar::Boolean),
            Self::Base64 => document::bytes(text).map(Scalar::Bytes),
            Self::Base64Sha256 => document::sha256(text).map(Scalar::Text),
            Self::Text | Self::Fin | Self::Voen | Self::Date | Self::DateTime | Self::LongText => {
                self.takes(text).then(|| Scalar::Text(text.to_owned()))
            }
        }
    }

    /// Reads a parameter from a JSON body.
    pub(crate) fn read_json(self, value: &Value) -> Option<Scalar> {
        match self {
            Self::Integer => value.as_i64().map(Scalar::Integer),
            Self::Number => value.as_f64().map(Scalar::Number),
            Self::Boolean => value.as_bool().map(Scalar::Boolean),
            Self::Text
            | Self::Fin
            | Self::Voen
            | Self::Date
            | Self::DateTime
            | Self::LongText
            | Self::Base64
            | Self::Base64Sha256 => value.as_str().and_then(|text| self.read_text(text)),
        }
    }

    /// Writes a moment as a value of this type, in the time of Azerbaijan.
    pub(crate) fn of_moment(self, moment: OffsetDateTime) -> Option<Scalar> {
        let moment = moment.to_offset(offset!(+4));
        match self {
            Self::Date => Some(moment.date().to_string()),
            Self::DateTime => to_rfc3339(moment),
            Self::Text
            | Self::Fin
            | Self::Voen
            | Self::Integer
            | Self::Number
            | Self::Boolean
            | Self::LongText
            | Self::Base64
            | Self::Base64Sha256 => None,
        }
        .map(Scalar::Text)
    }

    /// Writes the text of a column as JSON.
    pub(crate) fn write_text(self, text: &str, out: &mut Vec<u8>) -> Cell {
        let fits = match self {
            Self::Text | Self::LongText => true,
            Self::Fin | Self::Voen | Self::Date | Self::DateTime | Self::Base64Sha256 => {
                self.takes(text)
            }
            Self::Integer | Self::Number | Self::Boolean | Self::Base64 => false,
        };
        if fits {
            Cell::text(text, out)
        } else {
            Cell::Misfit
        }
    }

    /// Writes the bytes of a column as JSON.
    pub(crate) fn write_bytes(self, bytes: &[u8], out: &mut Vec<u8>) -> Cell {
        match self {
            Self::Base64 => Cell::text(&document::base64(bytes), out),
            Self::Text
            | Self::Fin
            | Self::Voen
            | Self::Date
            | Self::DateTime
            | Self::Integer
            | Self::Number
            | Self::Boolean
            | Self::LongText
            | Self::Base64Sha256 => Cell::Misfit,
        }
    }

    /// Whether a text has the form of the type.
    fn takes(self, text: &str) -> bool {
        match self {
            Self::Text => Form::Text.fits(text),
            Self::Fin => Form::Fin.fits(text),
            Self::Voen => Form::Voen.fits(text),
            Self::Date => Form::Date.fits(text),
            Self::DateTime => Form::DateTime.fits(text),
            Self::LongText => document::is_long_text(text),
            Self::Base64Sha256 => {
                let fits = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
                text.len() == 64 && text.bytes().all(fits)
            }
            Self::Integer | Self::Number | Self::Boolean | Self::Base64 => false,
        }
    }
}

impl Cell {
    /// Writes a text.
    pub(crate) fn text(text: &str, out: &mut Vec<u8>) -> Self {
        Self::of(serde_json::to_writer(out, text))
    }

    /// Writes a whole number.
    pub(crate) fn integer(n: i64, out: &mut Vec<u8>) -> Self {
        Self::of(serde_json::to_writer(out, &n))
    }

    /// Writes a number. JSON has none that is not finite. Standard: RFC 8259 §6.
    pub(crate) fn number(n: f64, out: &mut Vec<u8>) -> Self {
        if !n.is_finite() {
            return Self::Misfit;
        }
        Self::of(serde_json::to_writer(out, &n))
    }

    /// Writes true or false.
    pub(crate) fn boolean(flag: bool, out: &mut Vec<u8>) -> Self {
        Self::of(serde_json::to_writer(out, &flag))
    }

    fn of(written: serde_json::Result<()>) -> Self {
        written.map_or(Self::Misfit, |()| Self::Written)
    }
}

/// Writes a moment to the microsecond, which is what databases keep.
pub(crate) fn to_rfc3339(moment: OffsetDateTime) -> Option<String> {
    let micros = moment.microsecond();
    let whole = moment.replace_nanosecond(micros.checked_mul(1000)?).ok()?;
    whole.format(&Rfc3339).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn forms_are_kept_and_what_is_beside_them_is_not() {
        let cases: [(Type, &[&str], &[&str]); 6] = [
            (
                Type::Fin,
                &["1AB2C3D", "0000000", "ZZZZZZZ"],
                &[
                    "1ab2c3d", "1AB2C3", "1AB2C3DE", "IAB2C3D", "OAB2C3D", "1ƏB2C3",
                ],
            ),
            (
                Type::Voen,
                &["1234567890"],
                &["123456789", "12345678901", "123456789A", ""],
            ),
            (
                Type::Date,
                &["2026-11-21", "2024-02-29", "2000-02-29"],
                &[
                    "2026-02-29",
                    "1900-02-29",
                    "2026-13-01",
                    "2026-1-01",
                    "21.11.2026",
                    "2026-11-21-",
                ],
            ),
            (
                Type::DateTime,
                &["2026-11-21T10:00:00+04:00", "2026-11-21T23:59:59.25Z"],
                &[
                    "2026-11-21T10:00:00",
                    "2026-11-21 10:00:00Z",
                    "2026-11-21T24:00:00Z",
                    "2026-11-21T10:00:00+4:00",
                ],
            ),
            (
                Type::Integer,
                &["-5", "0"],
                &["1.5", "", "9223372036854775808"],
            ),
            (Type::Text, &["Şəki", "a b"], &["", "a\nb"]),
        ];
        for (kind, right, wrong) in cases {
            for text in right {
                assert!(kind.read_text(text).is_some(), "{kind:?} {text}");
            }
            for text in wrong {
                assert!(kind.read_text(text).is_none(), "{kind:?} {text}");
            }
        }
    }

    #[test]
    fn a_moment_is_a_day_of_azerbaijan() {
        let evening = time::macros::datetime!(2026-11-21 20:00:00.1234567 UTC);
        let text = |kind: Type| match kind.of_moment(evening) {
            Some(Scalar::Text(text)) => text,
            other => panic!("{other:?}"),
        };
        assert_eq!(text(Type::Date), "2026-11-22");
        assert_eq!(text(Type::DateTime), "2026-11-22T00:00:00.123456+04:00");
        assert_eq!(Type::Integer.of_moment(evening), None);
    }

    proptest! {
        #[test]
        fn reading_any_text_ends(text in "\\PC{0,40}") {
            for (_, kind) in TYPES {
                let _ = kind.read_text(&text);
            }
        }
    }
}
