//! The head of a request as bytes, judged before anything reads it as HTTP.
//!
//! HTTP libraries mend what they can: a bare line feed, a folded line, a length beside chunks. Another program on the way may
//! mend it otherwise, and then the two disagree where a message ends: what one takes for a body is a request to the other. So
//! whatever could be mended is refused here, and nothing behind this judge is ever asked to choose.

use http::{HeaderName, Method, Uri};
use memchr::{memchr, memmem};

use crate::fields::{FieldError, all_bytes};
use crate::refusal::{Refusal, RequestFault};
use crate::target::TargetError;

/// What a head may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadRules {
    /// Bytes of request line and fields together.
    pub bytes: usize,
    /// Number of fields.
    pub fields: usize,
    /// Whether HTTP/1.0 is spoken besides HTTP/1.1.
    pub http_10: bool,
}

/// How the body behind a head is delimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// So many bytes, perhaps none.
    Length(u64),
    /// In chunks.
    Chunked,
}

/// More digits are no length of anything.
const LENGTH_DIGITS: usize = 18;
const CHUNK_DIGITS: usize = 16;

/// Judges a whole head: from its request line to the empty line, both with their CR LF.
///
/// # Errors
///
/// [`Refusal::Malformed`] for the request line, [`Refusal::Field`] for the lines below it, and the limits of
/// [`HeadRules`]. What passes is read by any HTTP library in one way.
///
/// Standard: RFC 9112 §2.2.
/// Standard: RFC 9112 §5.
/// Standard: RFC 9112 §6.
pub fn judge_head(head: &[u8], rules: &HeadRules) -> Result<Framing, Refusal> {
    if head.len() > rules.bytes {
        return Err(too_large(rules));
    }
    let text = head
        .strip_suffix(b"\r\n\r\n")
        .ok_or(Refusal::Field(FieldError::Line))?;
    let mut lines = split_lines(text);
    let is_11 = request_line(lines.next().unwrap_or_default(), rules.http_10)?;
    let mut length = None;
    let mut chunked = false;
    let mut host = false;
    for (index, line) in lines.enumerate() {
        if index >= rules.fields {
            return Err(Refusal::Field(FieldError::TooMany {
                limit: rules.fields,
            }));
        }
        let (name, value) = field(line)?;
        if name.eq_ignore_ascii_case(b"content-length") {
            if length.replace(content_length(value)?).is_some() {
                return Err(Refusal::Field(FieldError::Framing));
            }
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            let known = value.eq_ignore_ascii_case(b"chunked");
            if !known || !is_11 || chunked {
                return Err(Refusal::Field(FieldError::Framing));
            }
            chunked = true;
        } else if name.eq_ignore_ascii_case(b"host") {
            host = true;
        }
    }
    if is_11 && !host {
        return Err(Refusal::Field(FieldError::Missing { name: "Host" }));
    }
    match (chunked, length) {
        (true, Some(_)) => Err(Refusal::Field(FieldError::BothFramings)),
        (true, None) => Ok(Framing::Chunked),
        (false, length) => Ok(Framing::Length(length.unwrap_or(0))),
    }
}

/// The refusal of a head that is longer than it may be, known before its end has come.
pub fn too_large(rules: &HeadRules) -> Refusal {
    Refusal::Request(RequestFault::HeadTooLarge {
        limit_bytes: rules.bytes as u64,
    })
}

/// Reads a size of a chunk, without its CR LF. Extensions are refused: nobody needs them, and programs disagree about them.
///
/// Standard: RFC 9112 §7.1.
pub fn chunk_size(line: &[u8]) -> Option<u64> {
    if !(1..=CHUNK_DIGITS).contains(&line.len()) || !line.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u64::from_str_radix(std::str::from_utf8(line).ok()?, 16).ok()
}

/// Lines as CR LF ends them; a CR or LF that stands alone stays in its line and is refused there.
fn split_lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let all = rest?;
        let end = memmem::find(all, b"\r\n");
        let (line, behind) = match end {
            Some(end) => (all.get(..end)?, all.get(end + 2..)),
            None => (all, None),
        };
        rest = behind;
        Some(line)
    })
}

/// Returns whether the version is HTTP/1.1.
fn request_line(line: &[u8], http_10: bool) -> Result<bool, Refusal> {
    let malformed = || Refusal::Malformed(TargetError::Line);
    let mut parts = line.split(|byte| *byte == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(malformed());
    };
    let is_11 = match version {
        b"HTTP/1.1" => true,
        b"HTTP/1.0" if http_10 => false,
        _ => return Err(Refusal::Malformed(TargetError::Version)),
    };
    Method::from_bytes(method).map_err(|_invalid| malformed())?;
    // The library asks the same function; a raw `#` would be cut off there without a word.
    if !target
        .iter()
        .all(|byte| byte.is_ascii_graphic() && *byte != b'#')
        || Uri::try_from(target).is_err()
    {
        return Err(Refusal::Malformed(TargetError::NotVisible));
    }
    Ok(is_11)
}

/// Name and value as they stand in a line. Both are judged without a copy: the library makes its own of what passes.
fn field(line: &[u8]) -> Result<(&[u8], &[u8]), Refusal> {
    let malformed = || Refusal::Field(FieldError::Line);
    let colon = memchr(b':', line);
    let (name, value) = line.split_at(colon.ok_or_else(malformed)?);
    if name.is_empty() || !all_bytes(name, is_token_byte) {
        return Err(malformed());
    }
    let value = trim(value.get(1..).unwrap_or_default());
    if !all_bytes(value, |byte| matches!(byte, b'\t' | b' '..=b'~' | 0x80..)) {
        let name = HeaderName::from_bytes(name).map_err(|_too_long| malformed())?;
        let name = crate::fields::shown(&name);
        return Err(Refusal::Field(FieldError::NotVisible { name }));
    }
    Ok((name, value))
}

/// Standard: RFC 9110 §5.6.2.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_graphic()
        && !matches!(
            byte,
            b'"' | b'(' | b')' | b',' | b'/' | b':'..=b'@' | b'['..=b']' | b'{' | b'}'
        )
}

/// Cuts what may stand around a value: spaces and tabs, nothing else that a library might take for space.
fn trim(value: &[u8]) -> &[u8] {
    let filled = |byte: &u8| !matches!(byte, b' ' | b'\t');
    let start = value.iter().position(filled).unwrap_or(value.len());
    let end = value
        .iter()
        .rposition(filled)
        .map_or(start, |last| last + 1);
    value.get(start..end).unwrap_or_default()
}

fn content_length(value: &[u8]) -> Result<u64, Refusal> {
    let digits = std::str::from_utf8(value)
        .ok()
        .filter(|text| (1..=LENGTH_DIGITS).contains(&text.len()))
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    digits
        .and_then(|text| text.parse().ok())
        .ok_or(Refusal::Field(FieldError::Framing))
}

#[cfg(test)]
mod tests;
