//! Reads a stranger's JSON strictly and keeps its numerals as they were written.
//!
//! A general JSON library turns numerals into binary numbers and lets the last of two equal names win. Here
//! a registry's `1.10` must leave as `1.10`, and a text that two readers could understand differently must
//! not pass at all, so this reader keeps the numeral's text, the order of members, and refuses equal names.

use std::borrow::Cow;

use crate::fields::all_bytes;

mod read;

/// The deepest nesting of arrays and objects that is read.
pub const NESTING_LIMIT: usize = 64;

/// One JSON value, borrowed from the text it was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Json<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A numeral, as it was written.
    Number(&'a str),
    /// A string, decoded.
    String(Cow<'a, str>),
    /// An array.
    Array(Vec<Self>),
    /// An object: its members in the order they were written, all names different.
    Object(Vec<(Cow<'a, str>, Self)>),
}

/// Why a text is not JSON that may pass. Offsets are bytes from the start of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// The bytes are not UTF-8.
    #[error("byte {at} is not UTF-8")]
    NotUtf8 {
        /// The offset of the first such byte.
        at: usize,
    },
    /// The text ends within a value.
    #[error("the JSON text ends too early")]
    Ended,
    /// A byte stands where the grammar does not allow it.
    #[error("byte {at} is not expected there in JSON")]
    Unexpected {
        /// The offset of the byte.
        at: usize,
    },
    /// Something follows the value.
    #[error("something follows the JSON value at byte {at}")]
    Trailing {
        /// The offset of what follows.
        at: usize,
    },
    /// Arrays and objects are nested deeper than [`NESTING_LIMIT`].
    #[error("arrays and objects are nested deeper than {NESTING_LIMIT} at byte {at}")]
    TooDeep {
        /// The offset of the bracket that is one too many.
        at: usize,
    },
    /// An object has two members of one name. The name itself may be personal data and is not repeated here.
    #[error("an object that ends at byte {at} has two members of one name")]
    RepeatedName {
        /// The offset behind the object.
        at: usize,
    },
    /// A string holds a raw control character.
    #[error("byte {at} is a control character within a string")]
    Control {
        /// The offset of the character.
        at: usize,
    },
    /// A string holds an unknown escape or half of a surrogate pair.
    #[error("the escape at byte {at} is not a character")]
    Escape {
        /// The offset of the backslash.
        at: usize,
    },
}

/// Reads one JSON text.
///
/// # Errors
///
/// A [`JsonError`] that says what stands where; a byte order mark is [`JsonError::Unexpected`].
///
/// Standard: RFC 8259 §2. Departs: RFC 8259 §4, because two readers may choose differently between members
/// of one name, so such objects are refused.
pub fn read(bytes: &[u8]) -> Result<Json<'_>, JsonError> {
    read::read(bytes)
}

/// Appends `text` as a JSON string with the fewest escapes.
///
/// Standard: RFC 8785 §3.2.2.2.
pub fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    if all_bytes(text.as_bytes(), |byte| {
        byte >= b' ' && !matches!(byte, b'"' | b'\\')
    }) {
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
        return;
    }
    for byte in text.bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x09 => out.extend_from_slice(b"\\t"),
            0x0a => out.extend_from_slice(b"\\n"),
            0x0c => out.extend_from_slice(b"\\f"),
            0x0d => out.extend_from_slice(b"\\r"),
            0x00..=0x1f => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

impl Json<'_> {
    /// Appends the value without spaces, members in their order, numerals as they were written.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.extend_from_slice(b"null"),
            Self::Bool(true) => out.extend_from_slice(b"true"),
            Self::Bool(false) => out.extend_from_slice(b"false"),
            Self::Number(text) => out.extend_from_slice(text.as_bytes()),
            Self::String(text) => write_string(text, out),
            Self::Array(items) => {
                out.push(b'[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    item.write(out);
                }
                out.push(b']');
            }
            Self::Object(members) => {
                out.push(b'{');
                for (index, (name, value)) in members.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    write_string(name, out);
                    out.push(b':');
                    value.write(out);
                }
                out.push(b'}');
            }
        }
    }

    /// Returns the member of that name, if this is an object that has it.
    pub fn member(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, value)| value),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::String(_) | Self::Array(_) => None,
        }
    }

    /// Returns the decoded text of a string.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::String(text) = self {
            Some(text)
        } else {
            None
        }
    }

    /// Returns the numeral of a number, as it was written.
    pub fn as_numeral(&self) -> Option<&str> {
        if let Self::Number(text) = self {
            Some(text)
        } else {
            None
        }
    }

    /// Returns the elements of an array.
    pub fn as_array(&self) -> Option<&[Self]> {
        if let Self::Array(items) = self {
            Some(items)
        } else {
            None
        }
    }

    /// Names the kind of value for a reader: "an object", "a number" and so on.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "true or false",
            Self::Number(_) => "a number",
            Self::String(_) => "a string",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
