//! OLPC canonical JSON: the bytes that metadata signatures are made over.
//!
//! It is not RFC 8785 and not even always JSON: only `"` and `\` are escaped, control characters stand as they are.
//! It is what every TUF implementation of the classic format signs, and it is used for nothing else here.

use serde_json::Value;

/// A value has no canonical form.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum CanonicalError {
    /// A number that is not an integer of at most 64 bits.
    #[error("{number} is not an integer of at most 64 bits; canonical JSON has no other numbers")]
    NotAnInteger {
        /// The number as JSON.
        number: String,
    },
}

/// Returns the canonical form of a value: keys sorted by code point, no spaces, integers only.
///
/// # Errors
///
/// [`CanonicalError::NotAnInteger`] for a fraction, an exponent or an integer beyond 64 bits.
///
/// Standard: TUF 1.0 §4.1.
pub fn canonical(value: &Value) -> Result<Vec<u8>, CanonicalError> {
    let mut bytes = Vec::new();
    write(value, &mut bytes)?;
    Ok(bytes)
}

fn write(value: &Value, out: &mut Vec<u8>) -> Result<(), CanonicalError> {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) if number.is_i64() || number.is_u64() => {
            out.extend_from_slice(number.to_string().as_bytes());
        }
        Value::Number(number) => {
            return Err(CanonicalError::NotAnInteger {
                number: number.to_string(),
            });
        }
        Value::String(text) => write_text(text, out),
        Value::Array(items) => {
            out.push(b'[');
            for (position, item) in items.iter().enumerate() {
                if position > 0 {
                    out.push(b',');
                }
                write(item, out)?;
            }
            out.push(b']');
        }
        Value::Object(fields) => {
            // Sorted here as well, so that the order does not hang on how the JSON package keeps its maps.
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_unstable_by_key(|(name, _)| *name);
            out.push(b'{');
            for (position, (name, field)) in fields.into_iter().enumerate() {
                if position > 0 {
                    out.push(b',');
                }
                write_text(name, out);
                out.push(b':');
                write(field, out)?;
            }
            out.push(b'}');
        }
    }
    Ok(())
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in text.bytes() {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn text(value: &Value) -> String {
        String::from_utf8(canonical(value).unwrap()).unwrap()
    }

    #[test]
    fn keys_are_sorted_by_code_point_and_spaces_dropped() {
        let value = json!({"b": [1, -2, null], "a": {"z": true, "y": false}, "ə": 1, "A": 2, "\u{10000}": 3});
        let expected =
            "{\"A\":2,\"a\":{\"y\":false,\"z\":true},\"b\":[1,-2,null],\"ə\":1,\"\u{10000}\":3}";
        assert_eq!(text(&value), expected);
    }

    #[test]
    fn only_quote_and_backslash_are_escaped() {
        assert_eq!(text(&json!("a\"b\\c\n\u{1}/é")), "\"a\\\"b\\\\c\n\u{1}/é\"");
        assert_eq!(text(&json!({})), "{}");
        assert_eq!(text(&json!([])), "[]");
    }

    #[test]
    fn integers_of_64_bits_and_no_other_numbers() {
        assert_eq!(text(&json!(u64::MAX)), "18446744073709551615");
        assert_eq!(text(&json!(i64::MIN)), "-9223372036854775808");
        for number in ["1.0", "1.5", "1e3", "18446744073709551616"] {
            let value: Value = serde_json::from_str(number).unwrap();
            assert!(canonical(&value).is_err(), "{number}");
        }
    }

    proptest! {
        /// Two values with one form would let a signature over one count for the other.
        #[test]
        fn different_texts_have_different_forms(one in any::<String>(), other in any::<String>()) {
            prop_assert_eq!(one == other, text(&json!([one])) == text(&json!([other])));
        }
    }
}
