//! `@query-param`: one parameter of a query that was written as an HTML form writes it.

use std::fmt::Write as _;

use crate::base::BaseError;

/// Finds the parameter of that (percent-encoded) name and writes its value, decoded and encoded anew.
///
/// Standard: RFC 9421 §2.2.8, WHATWG URL §5.
pub(crate) fn parameter(query: &str, name: &str) -> Result<String, BaseError> {
    let mut found = None;
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (this, value) = pair.split_once('=').unwrap_or((pair, ""));
        if again(this) != name {
            continue;
        }
        if found.is_some() {
            return Err(BaseError::QueryParameterTwice(name.to_owned()));
        }
        found = Some(again(value));
    }
    found.ok_or_else(|| BaseError::QueryParameterAbsent(name.to_owned()))
}

/// Decodes a text as a form does and encodes it anew, with `%20` for a space.
fn again(text: &str) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        match first {
            b'+' => decoded.push(b' '),
            b'%' => match escaped(after) {
                Some((byte, after)) => {
                    decoded.push(byte);
                    rest = after;
                }
                None => decoded.push(b'%'),
            },
            other => decoded.push(other),
        }
    }
    encode(&String::from_utf8_lossy(&decoded))
}

fn escaped(after: &[u8]) -> Option<(u8, &[u8])> {
    let (digits, rest) = after.split_first_chunk::<2>()?;
    let [high, low] = digits.map(|digit| char::from(digit).to_digit(16));
    let byte = u8::try_from(high? * 16 + low?).ok()?;
    Some((byte, rest))
}

fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'*' | b'-' | b'.' | b'_') {
            out.push(char::from(byte));
        } else {
            // Writing to a String can't fail.
            let _written: Result<(), std::fmt::Error> = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_anew() {
        let query = "param=value&a=b+c&x=%7e&broken=%zz%&qux=&flag";
        assert_eq!(parameter(query, "param").as_deref(), Ok("value"));
        assert_eq!(parameter(query, "a").as_deref(), Ok("b%20c"));
        assert_eq!(parameter(query, "x").as_deref(), Ok("%7E"));
        assert_eq!(parameter(query, "broken").as_deref(), Ok("%25zz%25"));
        assert_eq!(parameter(query, "qux").as_deref(), Ok(""));
        assert_eq!(parameter(query, "flag").as_deref(), Ok(""));
    }

    #[test]
    fn absent_and_repeated_ones_are_refused() {
        assert_eq!(
            parameter("a=1&a=2", "a"),
            Err(BaseError::QueryParameterTwice("a".to_owned()))
        );
        assert_eq!(
            parameter("a=1", "b"),
            Err(BaseError::QueryParameterAbsent("b".to_owned()))
        );
    }
}
