//! Readers of a leaf's values, each in its one spelling.

use crate::bytes::{NUMBER_LIMIT, from_base64url};
use crate::json::{Cursor, Text};
use crate::leaf::LeafFault;

pub(super) fn check(
    field: &'static str,
    expected: &'static str,
    holds: bool,
) -> Result<(), LeafFault> {
    if holds {
        Ok(())
    } else {
        Err(wrong(field, expected))
    }
}

pub(super) fn wrong(field: &'static str, expected: &'static str) -> LeafFault {
    LeafFault::Value { field, expected }
}

pub(super) fn version(version: u64) -> Result<(), LeafFault> {
    if version == 1 {
        Ok(())
    } else {
        Err(LeafFault::Version { version })
    }
}

pub(super) fn one_of<T: Copy>(
    cursor: &mut Cursor<'_>,
    field: &'static str,
    values: &[(&str, T)],
) -> Result<T, LeafFault> {
    let text = cursor.string()?.plain().unwrap_or_default();
    let found = values.iter().find(|(value, _)| value.as_bytes() == text);
    found
        .map(|(_, meaning)| *meaning)
        .ok_or(wrong(field, "one of the format's words for it"))
}

pub(super) fn digest<const N: usize>(
    cursor: &mut Cursor<'_>,
    field: &'static str,
) -> Result<[u8; N], LeafFault> {
    let text = cursor.string()?;
    text.plain()
        .and_then(from_base64url)
        .ok_or(wrong(field, "base64url of the right number of bytes"))
}

/// Reads `{id}@{base64url digest}`.
pub(super) fn contract(cursor: &mut Cursor<'_>) -> Result<(), LeafFault> {
    let text = cursor.string()?.decoded();
    let split = text
        .iter()
        .rposition(|&byte| byte == b'@')
        .and_then(|at| text.split_at_checked(at));
    let holds = split.is_some_and(|(id, digest)| {
        let digest = digest.get(1..).unwrap_or_default();
        !id.is_empty() && from_base64url::<32>(digest).is_some()
    });
    check("contract", "`id@digest`", holds)
}

/// Reads an array that is not empty; returns how many it holds.
pub(super) fn array<'a>(
    cursor: &mut Cursor<'a>,
    field: &'static str,
    mut item: impl FnMut(&mut Cursor<'a>) -> Result<(), LeafFault>,
) -> Result<usize, LeafFault> {
    cursor.expect(b"[", "`[`")?;
    if cursor.peek() == Some(b']') {
        return Err(wrong(field, "left out, though it is empty"));
    }
    let mut count = 0;
    loop {
        item(cursor)?;
        count += 1;
        if cursor.skip(b"]") {
            return Ok(count);
        }
        cursor.expect(b",", "`,` or `]`")?;
    }
}

/// Reads the facts: texts, their names strictly rising.
pub(super) fn facts<'a>(cursor: &mut Cursor<'a>) -> Result<Vec<(Text<'a>, Text<'a>)>, LeafFault> {
    let mut facts: Vec<(Text<'a>, Text<'a>)> = Vec::new();
    cursor.expect(b"{", "`{`")?;
    loop {
        let name = cursor.string()?;
        cursor.expect(b":", "`:`")?;
        let value = cursor.string()?;
        if facts
            .last()
            .is_some_and(|(before, _)| before.decoded() >= name.decoded())
        {
            return Err(wrong("facts", "sorted by name, each name once"));
        }
        facts.push((name, value));
        if cursor.skip(b"}") {
            return Ok(facts);
        }
        cursor.expect(b",", "`,` or `}`")?;
    }
}

/// Reads an identifier of `parts` percent-encoded parts.
pub(super) fn identifier<'a>(
    cursor: &mut Cursor<'a>,
    field: &'static str,
    parts: usize,
) -> Result<Text<'a>, LeafFault> {
    let text = cursor.string()?;
    let raw = text.plain().unwrap_or_default();
    let mut count = 0;
    let holds = raw.split(|&byte| byte == b'/').all(|part| {
        count += 1;
        is_part(part)
    });
    check(
        field,
        "an identifier of the right number of encoded parts",
        holds && count == parts,
    )?;
    Ok(text)
}

/// Whether a part is not empty, and percent-encoded in upper case where it must be and nowhere else.
fn is_part(part: &[u8]) -> bool {
    let mut rest = part;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte == b'%' {
            let Some(([high, low], after)) = rest.split_first_chunk::<2>() else {
                return false;
            };
            let (Some(high), Some(low)) = (upper_hex(*high), upper_hex(*low)) else {
                return false;
            };
            if is_unreserved(high << 4 | low) {
                return false;
            }
            rest = after;
        } else if !is_unreserved(byte) {
            return false;
        }
    }
    !part.is_empty()
}

/// Whether a byte stands for itself in an identifier.
///
/// Standard: RFC 3986 §2.3.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

fn upper_hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// Reads a UUID in its canonical text form.
///
/// Standard: RFC 9562 §4.
pub(super) fn uuid(text: &[u8]) -> Option<[u8; 16]> {
    if text.len() != 36 {
        return None;
    }
    let mut id = [0; 16];
    let mut digits = 0_usize;
    for (at, &byte) in text.iter().enumerate() {
        if matches!(at, 8 | 13 | 18 | 23) {
            if byte != b'-' {
                return None;
            }
            continue;
        }
        let value = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return None,
        };
        let place = id.get_mut(digits / 2)?;
        *place = *place << 4 | value;
        digits += 1;
    }
    Some(id)
}

/// Whether a duration is one of 1, 2, 5, 10, 20, 50 …
pub(super) fn is_step(value: u64) -> bool {
    let mut rest = value;
    while rest >= 10 && rest.is_multiple_of(10) {
        rest /= 10;
    }
    value <= NUMBER_LIMIT && matches!(rest, 1 | 2 | 5)
}
