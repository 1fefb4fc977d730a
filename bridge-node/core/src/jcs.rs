//! Writes JSON in the one canonical form of RFC 8785, so that equal contracts have equal digests.

use serde_json::{Number, Value};

use crate::json::{NESTING_LIMIT, write_string};

/// The largest integer whose neighbours are still exact in a binary64 number: 2^53 − 1.
const SAFE_INTEGER: u64 = (1 << 53) - 1;

/// Below this exponent of ten and from −6 on, ECMAScript writes a number without an exponent.
const PLAIN_EXPONENT: i32 = 21;

/// Why a value has no canonical form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JcsError {
    /// An integer lies outside ±(2^53 − 1) and would change in readers that use binary64.
    #[error("the integer {0} is not exact in every reader; write it as a string")]
    IntegerTooLarge(String),
    /// A number is not finite or not representable.
    #[error("the number {0} has no canonical form")]
    NotFinite(String),
    /// Arrays and objects are nested deeper than [`NESTING_LIMIT`].
    #[error("arrays and objects are nested deeper than {NESTING_LIMIT}")]
    TooDeep,
}

/// Writes a value in canonical form: no spaces, members sorted by UTF-16 units, shortest numbers.
///
/// Integers up to ±(2^53 − 1) and all finite binary64 numbers are supported; contracts use integers only.
///
/// # Errors
///
/// [`JcsError::IntegerTooLarge`] for integers outside the exact range, [`JcsError::NotFinite`] for numbers
/// that binary64 can't hold, [`JcsError::TooDeep`] for nesting beyond [`NESTING_LIMIT`].
///
/// Standard: RFC 8785 §3.2.
pub fn canonical(value: &Value) -> Result<Vec<u8>, JcsError> {
    let mut out = Vec::new();
    write(value, 0, &mut out)?;
    Ok(out)
}

fn write(value: &Value, depth: usize, out: &mut Vec<u8>) -> Result<(), JcsError> {
    if depth > NESTING_LIMIT {
        return Err(JcsError::TooDeep);
    }
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) => out.extend_from_slice(number_text(number)?.as_bytes()),
        Value::String(text) => write_string(text, out),
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write(item, depth + 1, out)?;
            }
            out.push(b']');
        }
        Value::Object(members) => {
            let mut sorted: Vec<(&String, &Value)> = members.iter().collect();
            sorted.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            out.push(b'{');
            for (index, (name, member)) in sorted.into_iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_string(name, out);
                out.push(b':');
                write(member, depth + 1, out)?;
            }
            out.push(b'}');
        }
    }
    Ok(())
}

fn number_text(number: &Number) -> Result<String, JcsError> {
    let magnitude = number
        .as_u64()
        .or_else(|| number.as_i64().map(i64::unsigned_abs));
    match (magnitude, number.as_f64()) {
        (Some(0..=SAFE_INTEGER), _) => Ok(number.to_string()),
        (Some(_), _) => Err(JcsError::IntegerTooLarge(number.to_string())),
        (None, Some(float)) => {
            float_text(float).ok_or_else(|| JcsError::NotFinite(number.to_string()))
        }
        (None, None) => Err(JcsError::NotFinite(number.to_string())),
    }
}

/// Writes a binary64 number as ECMAScript does.
///
/// Standard: RFC 8785 §3.2.2.3.
fn float_text(number: f64) -> Option<String> {
    if !number.is_finite() {
        return None;
    }
    if number == 0.0 {
        return Some("0".to_owned());
    }
    let (digits, point) = shortest_digits(number.abs())?;
    let sign = if number < 0.0 { "-" } else { "" };
    let length = i32::try_from(digits.len()).ok()?;
    let text = if length <= point && point <= PLAIN_EXPONENT {
        format!(
            "{digits}{}",
            "0".repeat(usize::try_from(point - length).ok()?)
        )
    } else if 0 < point && point <= PLAIN_EXPONENT {
        let (whole, rest) = digits.split_at_checked(usize::try_from(point).ok()?)?;
        format!("{whole}.{rest}")
    } else if -6 < point && point <= 0 {
        format!("0.{}{digits}", "0".repeat(usize::try_from(-point).ok()?))
    } else {
        let (first, rest) = digits.split_at_checked(1)?;
        let dot = if rest.is_empty() { "" } else { "." };
        format!("{first}{dot}{rest}e{:+}", point - 1)
    };
    Some(format!("{sign}{text}"))
}

/// Returns the shortest digits that read back as the same number, and how many stand before the point.
///
/// The standard library's own form is not used: of two equally near texts it takes the upper, where
/// ECMAScript takes the even one.
fn shortest_digits(number: f64) -> Option<(String, i32)> {
    let text = Number::from_f64(number)?.to_string();
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let digits = all.trim_start_matches('0');
    let leading_zeros = i32::try_from(all.len() - digits.len()).ok()?;
    let point = i32::try_from(whole.len()).ok()? + exponent.parse::<i32>().ok()? - leading_zeros;
    Some((digits.trim_end_matches('0').to_owned(), point))
}

#[cfg(test)]
mod tests;
