//! The reader itself: one walk over the bytes, no byte twice.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::{Json, JsonError, NESTING_LIMIT};

/// Objects with at most this many members are searched for equal names without building a set.
const SMALL_OBJECT: usize = 8;

pub(super) fn read(bytes: &[u8]) -> Result<Json<'_>, JsonError> {
    let text = std::str::from_utf8(bytes).map_err(|error| JsonError::NotUtf8 {
        at: error.valid_up_to(),
    })?;
    let mut reader = Reader {
        text,
        at: 0,
        depth: 0,
    };
    reader.skip_space();
    let value = reader.value()?;
    reader.skip_space();
    if reader.at < text.len() {
        Err(JsonError::Trailing { at: reader.at })
    } else {
        Ok(value)
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn unexpected(&self) -> JsonError {
        if self.at >= self.text.len() {
            JsonError::Ended
        } else {
            JsonError::Unexpected { at: self.at }
        }
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        if is_next {
            self.at += 1;
        }
        is_next
    }

    fn expect(&mut self, byte: u8) -> Result<(), JsonError> {
        if self.take(byte) {
            Ok(())
        } else {
            Err(self.unexpected())
        }
    }

    fn word(&mut self, word: &str, value: Json<'a>) -> Result<Json<'a>, JsonError> {
        for byte in word.bytes() {
            self.expect(byte)?;
        }
        Ok(value)
    }

    fn value(&mut self) -> Result<Json<'a>, JsonError> {
        match self.peek() {
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'"') => Ok(Json::String(self.string()?)),
            Some(b't') => self.word("true", Json::Bool(true)),
            Some(b'f') => self.word("false", Json::Bool(false)),
            Some(b'n') => self.word("null", Json::Null),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(self.unexpected()),
        }
    }

    fn nested(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<Json<'a>, JsonError>,
    ) -> Result<Json<'a>, JsonError> {
        if self.depth == NESTING_LIMIT {
            return Err(JsonError::TooDeep { at: self.at });
        }
        self.depth += 1;
        self.at += 1;
        self.skip_space();
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn array(&mut self) -> Result<Json<'a>, JsonError> {
        let mut items = Vec::new();
        if self.take(b']') {
            return Ok(Json::Array(items));
        }
        loop {
            items.push(self.value()?);
            self.skip_space();
            if self.take(b']') {
                return Ok(Json::Array(items));
            }
            self.expect(b',')?;
            self.skip_space();
        }
    }

    fn object(&mut self) -> Result<Json<'a>, JsonError> {
        let mut members = Vec::new();
        if self.take(b'}') {
            return Ok(Json::Object(members));
        }
        loop {
            let name = self.string()?;
            self.skip_space();
            self.expect(b':')?;
            self.skip_space();
            members.push((name, self.value()?));
            self.skip_space();
            if self.take(b'}') {
                break;
            }
            self.expect(b',')?;
            self.skip_space();
        }
        if has_repeated_name(&members) {
            return Err(JsonError::RepeatedName { at: self.at });
        }
        Ok(Json::Object(members))
    }

    fn number(&mut self) -> Result<Json<'a>, JsonError> {
        let start = self.at;
        self.take(b'-');
        // No leading zeros, or two readers may read a numeral as octal and as decimal.
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        self.text
            .get(start..self.at)
            .map(Json::Number)
            .ok_or(JsonError::Ended)
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return Err(self.unexpected());
        }
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        Ok(())
    }

    fn string(&mut self) -> Result<Cow<'a, str>, JsonError> {
        self.expect(b'"')?;
        let plain = self.plain_run()?;
        if self.take(b'"') {
            return Ok(Cow::Borrowed(plain));
        }
        let mut text = plain.to_owned();
        loop {
            if self.take(b'"') {
                return Ok(Cow::Owned(text));
            }
            text.push(self.escape()?);
            text.push_str(self.plain_run()?);
        }
    }

    /// Takes the characters up to the next quote or backslash.
    fn plain_run(&mut self) -> Result<&'a str, JsonError> {
        let start = self.at;
        loop {
            match self.peek() {
                None => return Err(JsonError::Ended),
                Some(b'"' | b'\\') => {
                    return self.text.get(start..self.at).ok_or(JsonError::Ended);
                }
                Some(0x00..=0x1f) => return Err(JsonError::Control { at: self.at }),
                Some(_) => self.at += 1,
            }
        }
    }

    fn escape(&mut self) -> Result<char, JsonError> {
        let start = self.at;
        self.expect(b'\\')?;
        let Some(letter) = self.peek() else {
            return Err(JsonError::Ended);
        };
        self.at += 1;
        match letter {
            b'"' => Ok('"'),
            b'\\' => Ok('\\'),
            b'/' => Ok('/'),
            b'b' => Ok('\u{8}'),
            b'f' => Ok('\u{c}'),
            b'n' => Ok('\n'),
            b'r' => Ok('\r'),
            b't' => Ok('\t'),
            b'u' => self.unicode_escape(start),
            _ => Err(JsonError::Escape { at: start }),
        }
    }

    fn unicode_escape(&mut self, start: usize) -> Result<char, JsonError> {
        let refused = JsonError::Escape { at: start };
        let unit = self.hex_unit().ok_or(refused)?;
        if let Some(character) = char::from_u32(u32::from(unit)) {
            return Ok(character);
        }
        if !(self.take(b'\\') && self.take(b'u')) {
            return Err(refused);
        }
        let low = self.hex_unit().ok_or(refused)?;
        match char::decode_utf16([unit, low]).next() {
            Some(Ok(character)) => Ok(character),
            Some(Err(_)) | None => Err(refused),
        }
    }

    fn hex_unit(&mut self) -> Option<u16> {
        let digits = self.text.get(self.at..self.at + 4)?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        self.at += 4;
        u16::from_str_radix(digits, 16).ok()
    }
}

fn has_repeated_name(members: &[(Cow<'_, str>, Json<'_>)]) -> bool {
    if members.len() <= SMALL_OBJECT {
        let mut rest = members;
        while let Some(((name, _), after)) = rest.split_first() {
            if after.iter().any(|(other, _)| other == name) {
                return true;
            }
            rest = after;
        }
        return false;
    }
    let mut seen = BTreeSet::new();
    !members.iter().all(|(name, _)| seen.insert(name.as_ref()))
}
