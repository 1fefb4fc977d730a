//! What this crate needs of structured fields beyond `sfv`: one-line reading, quoting, strict re-serialisation.

use std::borrow::Cow;

use http::{HeaderMap, HeaderValue};
use sfv::{Dictionary, FieldType, Item, List, ListEntry, Parser};

use crate::plain;

/// Why a field that must stand on exactly one line of text can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LineError {
    Missing,
    Repeated,
    TooLong,
    NotText,
}

/// Returns the only line of a field. Lines are never joined: a second one is a sign of tampering or of a broken peer.
pub(crate) fn only_line<'a>(
    fields: &'a HeaderMap,
    name: &str,
    limit: usize,
) -> Result<&'a str, LineError> {
    let mut lines = fields.get_all(name).iter();
    let line = lines.next().ok_or(LineError::Missing)?;
    if lines.next().is_some() {
        return Err(LineError::Repeated);
    }
    if line.len() > limit {
        return Err(LineError::TooLong);
    }
    line.to_str().or(Err(LineError::NotText))
}

/// Makes a field value of text that this crate has written itself.
#[expect(clippy::expect_used, reason = "only printable ASCII is ever given")]
pub(crate) fn printable(text: String) -> HeaderValue {
    HeaderValue::try_from(text).expect("serialised structured fields are printable ASCII")
}

/// Writes a String item. The caller has made sure that the text is one ([`is_string`]), or wants it for people to read.
pub(crate) fn write_string(text: &str, out: &mut String) {
    out.push('"');
    if all_bytes(text.as_bytes(), |byte| !matches!(byte, b'"' | b'\\')) {
        out.push_str(text);
        out.push('"');
        return;
    }
    for character in text.chars() {
        if matches!(character, '"' | '\\') {
            out.push('\\');
        }
        out.push(character);
    }
    out.push('"');
}

/// Says whether a text can be a String item: printable ASCII.
pub(crate) fn is_string(text: &str) -> bool {
    all_bytes(text.as_bytes(), |byte| matches!(byte, b' '..=b'~'))
}

/// Says whether all bytes are good. Nearly always they are, so it doesn't stop at the first that is not: a loop without a
/// way out is compiled to many bytes at once.
pub(crate) fn all_bytes(bytes: &[u8], is_good: impl Fn(u8) -> bool) -> bool {
    bytes.iter().fold(true, |good, &byte| good & is_good(byte))
}

/// Writes one member of a dictionary, without its key.
pub(crate) fn member<'a>(
    dictionary: &'a str,
    key: &str,
) -> Option<Result<Cow<'a, str>, sfv::Error>> {
    if let Some(value) = plain::member(dictionary, key) {
        return Some(Ok(Cow::Borrowed(value)));
    }
    let parsed: Dictionary = match Parser::new(dictionary).parse() {
        Ok(parsed) => parsed,
        Err(error) => return Some(Err(error)),
    };
    let key = sfv::KeyRef::from_str(key).ok()?;
    let entry = parsed.get(key)?.clone();
    Some(Ok(Cow::Owned(match entry {
        ListEntry::Item(item) => item.serialize(),
        ListEntry::InnerList(_) => vec![entry].serialize().unwrap_or_default(),
    })))
}

/// Serialises a field strictly, without being told its type.
///
/// A value that reads as several types (`a, b` is a list and a dictionary) is taken when all readings are written the
/// same way; otherwise (`a, a`) only the application could say, and `None` is returned.
pub(crate) fn strict(value: &str) -> Option<String> {
    fn reading<T: FieldType>(value: &str) -> Option<String> {
        let parsed: T = Parser::new(value).parse().ok()?;
        Some(parsed.serialize().into().unwrap_or_default())
    }
    let mut readings = [
        reading::<Dictionary>(value),
        reading::<List>(value),
        reading::<Item>(value),
    ]
    .into_iter()
    .flatten();
    let first = readings.next()?;
    readings.all(|other| other == first).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strict_takes_what_has_one_reading() {
        assert_eq!(
            strict("a=1,    b=2;x=1;y=2").as_deref(),
            Some("a=1, b=2;x=1;y=2")
        );
        assert_eq!(strict("a,b").as_deref(), Some("a, b"));
        assert_eq!(strict("5").as_deref(), Some("5"));
        assert_eq!(strict("(a   b)").as_deref(), Some("(a b)"));
    }

    #[test]
    fn strict_refuses_two_readings_and_none() {
        assert_eq!(strict("a, a"), None);
        assert_eq!(strict("not structured: \u{1}"), None);
    }

    #[test]
    fn a_member_is_found_or_not() {
        let member = |key| member("a=1, c=(a   b), d", key).transpose().ok().flatten();
        assert_eq!(member("a").as_deref(), Some("1"));
        assert_eq!(member("c").as_deref(), Some("(a b)"));
        assert_eq!(member("d").as_deref(), Some("?1"));
        assert_eq!(member("b"), None);
        assert_eq!(member("NOT A KEY"), None);
    }
}
