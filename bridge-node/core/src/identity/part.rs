//! One part of an identity: decoding, checking, writing.

use std::fmt::{self, Write};

use crate::fields::all_bytes;

/// The longest part, in bytes of decoded UTF-8. The field's own databases stop here too.
pub const MAX_PART_BYTES: usize = 255;

/// Says why a text is not an identity. Names the part by its role and never repeats what it held.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// The text has too few or too many parts.
    #[error("the identifier must have exactly {expected} parts separated by '/'")]
    Parts {
        /// How many parts were due.
        expected: usize,
    },
    /// One part is not acceptable.
    #[error("the {part} {fault}")]
    Part {
        /// Which part.
        part: PartRole,
        /// What is wrong with it.
        fault: PartFault,
    },
    /// The text does not begin with `bridge://`.
    #[error("the name must begin with bridge://")]
    Scheme,
    /// The text names an identity in another spelling than the canonical one.
    #[error("the name is not written in its canonical form")]
    NotCanonical,
}

/// Says which part of an identity a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PartRole {
    /// The instance of the bus.
    #[error("instance")]
    Instance,
    /// The class of a member.
    #[error("member class")]
    MemberClass,
    /// The code of a member.
    #[error("member code")]
    MemberCode,
    /// The code of a subsystem.
    #[error("subsystem code")]
    SubsystemCode,
    /// The code of a service.
    #[error("service code")]
    ServiceCode,
    /// The code of a node.
    #[error("node code")]
    NodeCode,
    /// The code of a group.
    #[error("group code")]
    GroupCode,
    /// The class of a represented party.
    #[error("class")]
    PartyClass,
    /// The code of a represented party.
    #[error("code")]
    PartyCode,
}

/// Says what is wrong with one part of an identity or of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PartFault {
    /// Nothing stands between two separators.
    #[error("is empty")]
    Empty,
    /// Longer than [`MAX_PART_BYTES`] when decoded.
    #[error("is longer than {MAX_PART_BYTES} bytes")]
    TooLong,
    /// A `%` without two hexadecimal digits.
    #[error("holds a '%' that is not followed by two hexadecimal digits")]
    Escape,
    /// The decoded bytes are not UTF-8, or an overlong form of it.
    #[error("is not valid UTF-8 after decoding")]
    NotUtf8,
    /// A character that must be percent-encoded stands there raw.
    #[error("holds a character that must be percent-encoded")]
    NotEncoded,
    /// `.` or `..`, which every URI library on the way would resolve away.
    #[error("is '.' or '..'")]
    Dots,
    /// A control character.
    #[error("holds a control character")]
    Control,
    /// A zero-width, direction-changing or otherwise invisible character.
    #[error("holds an invisible or direction-changing character")]
    Hidden,
}

/// Decodes one percent-encoded part, once.
pub(crate) fn decode_part(text: &str, part: PartRole) -> Result<String, IdentityError> {
    let fail = |fault| IdentityError::Part { part, fault };
    // Three characters encode one byte at most: longer text can't decode to a valid part.
    if text.len() > 3 * MAX_PART_BYTES {
        return Err(fail(PartFault::TooLong));
    }
    if all_bytes(text.as_bytes(), is_unreserved) {
        return Ok(text.to_owned());
    }
    if !text
        .bytes()
        .all(|byte| is_unreserved(byte) || b"!$&'()*+,;=:@%".contains(&byte))
    {
        return Err(fail(PartFault::NotEncoded));
    }
    let decoded = unescape(text).ok_or_else(|| fail(PartFault::Escape))?;
    // The error's offset would say nothing to the sender that the variant does not.
    String::from_utf8(decoded).map_err(|_invalid| fail(PartFault::NotUtf8))
}

/// Checks one decoded part.
pub(crate) fn check_part(text: String, part: PartRole) -> Result<String, IdentityError> {
    let fault = if text.is_empty() {
        PartFault::Empty
    } else if text.len() > MAX_PART_BYTES {
        PartFault::TooLong
    } else if text == "." || text == ".." {
        PartFault::Dots
    } else if all_bytes(text.as_bytes(), |byte| byte.is_ascii_graphic()) {
        // Neither of the two below.
        return Ok(text);
    } else if text.chars().any(char::is_control) {
        PartFault::Control
    } else if text.chars().any(is_hidden) {
        PartFault::Hidden
    } else {
        return Ok(text);
    };
    Err(IdentityError::Part { part, fault })
}

/// Writes one part in canonical form: unreserved characters as they are, all else as `%XX`.
///
/// Standard: RFC 3986 §2.3.
pub(crate) fn write_part(out: &mut impl Write, text: &str) -> fmt::Result {
    if all_bytes(text.as_bytes(), is_unreserved) {
        return out.write_str(text);
    }
    for byte in text.bytes() {
        if is_unreserved(byte) {
            out.write_char(char::from(byte))?;
        } else {
            write!(out, "%{byte:02X}")?;
        }
    }
    Ok(())
}

/// Undoes percent-encoding once; `None` if a `%` is not followed by two hexadecimal digits.
pub(crate) fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let high = hex_value(bytes.next()?)?;
            let low = hex_value(bytes.next()?)?;
            out.push(high << 4 | low);
        } else {
            out.push(byte);
        }
    }
    Some(out)
}

/// Returns the value of one hexadecimal digit.
pub(crate) fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

pub(crate) fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Says whether a character is invisible or changes the direction of text, so that two identities
/// could look the same to a person who compares them.
///
/// The list holds Unicode's default-ignorable characters and its line and paragraph separators.
pub fn is_hidden(character: char) -> bool {
    matches!(character,
        '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
        | '\u{180B}'..='\u{180F}' // Mongolian selectors and vowel separator
        | '\u{200B}'..='\u{200F}' // zero-width space, joiners, direction marks
        | '\u{2028}'..='\u{202E}' // separators, embeddings and overrides
        | '\u{2060}'..='\u{206F}' // word joiner, invisible operators, isolates
        | '\u{2800}' // blank Braille pattern
        | '\u{3164}' | '\u{FFA0}' // Hangul fillers
        | '\u{FE00}'..='\u{FE0F}' // variation selectors
        | '\u{FEFF}' // byte order mark
        | '\u{FFF0}'..='\u{FFFB}' // reserved, interlinear annotation
        | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}'
        | '\u{E0000}'..='\u{E0FFF}' // tags, further selectors
    )
}
