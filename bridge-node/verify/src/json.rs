//! A cursor over strict JSON: no spaces, one spelling for each value.

use std::borrow::Cow;

use crate::bytes;

/// Where a strict text stops being what the format writes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at byte {at} of it, {expected} was expected")]
pub struct SyntaxFault {
    /// Bytes from the start of the text.
    pub at: usize,
    /// What the format has at this place.
    pub expected: &'static str,
}

/// Reads a text from its start; the text must be UTF-8 already.
#[derive(Debug)]
pub(crate) struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
}

/// A string as it stands between its quotes, escapes checked but not undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Text<'a> {
    raw: &'a [u8],
    escaped: bool,
}

impl<'a> Text<'a> {
    /// The text itself.
    pub(crate) fn decoded(&self) -> Cow<'a, [u8]> {
        if !self.escaped {
            return Cow::Borrowed(self.raw);
        }
        let mut out = Vec::with_capacity(self.raw.len());
        let mut rest = self.raw.iter();
        while let Some(&byte) = rest.next() {
            if byte != b'\\' {
                out.push(byte);
                continue;
            }
            match rest.next() {
                Some(b'b') => out.push(8),
                Some(b't') => out.push(b'\t'),
                Some(b'n') => out.push(b'\n'),
                Some(b'f') => out.push(12),
                Some(b'r') => out.push(b'\r'),
                // `string` let only \u00XX through here.
                Some(b'u') => {
                    let digits = rest.by_ref().take(4).skip(2);
                    out.push(digits.fold(0, |value, &digit| value << 4 | hex(digit).unwrap_or(0)));
                }
                Some(&other) => out.push(other),
                None => {}
            }
        }
        Cow::Owned(out)
    }

    /// The bytes between the quotes, escapes and all.
    pub(crate) fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// The bytes between the quotes, where the format allows no escape.
    pub(crate) fn plain(&self) -> Option<&'a [u8]> {
        (!self.escaped).then_some(self.raw)
    }
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0 }
    }

    #[cfg(test)]
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.at >= self.text.len()
    }

    /// Passes over `literal`, or stays where it is.
    pub(crate) fn skip(&mut self, literal: &[u8]) -> bool {
        let found = self
            .text
            .get(self.at..)
            .is_some_and(|rest| rest.starts_with(literal));
        if found {
            self.at += literal.len();
        }
        found
    }

    pub(crate) fn expect(
        &mut self,
        literal: &[u8],
        expected: &'static str,
    ) -> Result<(), SyntaxFault> {
        if self.skip(literal) {
            Ok(())
        } else {
            Err(self.fault(expected))
        }
    }

    pub(crate) fn fault(&self, expected: &'static str) -> SyntaxFault {
        SyntaxFault {
            at: self.at,
            expected,
        }
    }

    /// Reads a whole number as [`bytes::decimal`] does.
    pub(crate) fn number(&mut self) -> Result<u64, SyntaxFault> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let digits = rest.get(..length).unwrap_or_default();
        let value = bytes::decimal(digits)
            .ok_or_else(|| self.fault("a whole number without leading zero, at most 2^53 - 1"))?;
        self.at += length;
        Ok(value)
    }

    /// Reads a string with its quotes; only the escapes of RFC 8785 are taken.
    ///
    /// Standard: RFC 8785 §3.2.2.2.
    pub(crate) fn string(&mut self) -> Result<Text<'a>, SyntaxFault> {
        self.expect(b"\"", "a string")?;
        let start = self.at;
        let mut escaped = false;
        loop {
            // Most strings are one run of plain bytes.
            let rest = self.text.get(self.at..).unwrap_or_default();
            let special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
            self.at += rest.iter().position(special).unwrap_or(rest.len());
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(_) => return Err(self.fault("an escape in place of the bare control byte")),
                None => return Err(self.fault("the closing quote")),
            }
        }
        let raw = self.text.get(start..self.at).unwrap_or_default();
        self.at += 1;
        Ok(Text { raw, escaped })
    }

    /// Takes digits.
    pub(crate) fn digits(&mut self) -> &'a [u8] {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }

    /// Passes over an array or object that a strict reader has read before.
    pub(crate) fn nested(&mut self) -> Result<&'a [u8], SyntaxFault> {
        let start = self.at;
        let mut depth = 0_usize;
        loop {
            match self.peek() {
                Some(b'"') => drop(self.string()?),
                Some(byte) => {
                    self.at += 1;
                    match byte {
                        b'[' | b'{' => depth += 1,
                        b']' | b'}' => depth = depth.saturating_sub(1),
                        _ => {}
                    }
                }
                None => return Err(self.fault("the closing bracket")),
            }
            if depth == 0 {
                return Ok(self.text.get(start..self.at).unwrap_or_default());
            }
        }
    }

    fn escape(&mut self) -> Result<(), SyntaxFault> {
        let expected = "the one escape that RFC 8785 has for this character";
        let rest = self.text.get(self.at..).unwrap_or_default();
        let length = match rest {
            [_, b'b' | b't' | b'n' | b'f' | b'r' | b'"' | b'\\', ..] => 2,
            [_, b'u', b'0', b'0', high @ b'0'..=b'1', low, ..] => {
                let low = hex(*low).ok_or_else(|| self.fault(expected))?;
                let value = (high - b'0') << 4 | low;
                if matches!(value, 8 | 9 | 10 | 12 | 13) {
                    return Err(self.fault(expected));
                }
                6
            }
            _ => return Err(self.fault(expected)),
        };
        self.at += length;
        Ok(())
    }
}

/// The value of a lower-case hex digit.
fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

/// Writes a string as the format does, with its quotes.
///
/// Standard: RFC 8785 §3.2.2.2.
pub(crate) fn write_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            8 => out.extend_from_slice(b"\\b"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\n' => out.extend_from_slice(b"\\n"),
            12 => out.extend_from_slice(b"\\f"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            0..0x20 => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::{Cursor, write_string};
    use proptest::prelude::*;

    #[test]
    fn only_the_canonical_escape_is_taken() {
        for good in [r#""a""#, r#""\n\"\\""#, r#""\u001f""#, "\"é\u{7f}\""] {
            assert!(Cursor::new(good.as_bytes()).string().is_ok(), "{good}");
        }
        for bad in [
            r#""\/""#,
            r#""\u000a""#,
            r#""\u001F""#,
            r#""\u0041""#,
            "\"\n\"",
            r#""open"#,
            r#""\"#,
            r#""\u00"#,
            "a",
        ] {
            assert!(Cursor::new(bad.as_bytes()).string().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn strings_round_trip(text: String) {
            let mut written = Vec::new();
            write_string(&mut written, &text);
            let mut cursor = Cursor::new(&written);
            let read = cursor.string().unwrap();
            prop_assert!(cursor.is_at_end());
            prop_assert_eq!(read.decoded().into_owned(), text.into_bytes());
        }

        #[test]
        fn what_is_read_is_written_the_same(text in "\"[ -~\\\\u0]{0,12}\"?") {
            let mut cursor = Cursor::new(text.as_bytes());
            if let Ok(read) = cursor.string() {
                let decoded = String::from_utf8(read.decoded().into_owned()).unwrap();
                let mut written = Vec::new();
                write_string(&mut written, &decoded);
                prop_assert_eq!(written.as_slice(), &text.as_bytes()[..cursor.at()]);
            }
        }
    }
}
