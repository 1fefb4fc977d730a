//! Cuts an answer down to the fields a contract lets leave, before it is signed.
//!
//! Whatever can't be cut with certainty does not leave: a coded, partial or differently typed answer is an
//! error, as is JSON that two readers could understand differently. It applies on every status: an error
//! text may quote a record.

use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG};
use http::{HeaderMap, HeaderName, StatusCode};

use crate::contract::mask::FieldMask;
use crate::json::{self, JsonError};

/// Fields that describe the bytes before the cut. A digest of them lets a receiver test guesses of what was
/// left out.
const FIELDS_OF_THE_WHOLE: [HeaderName; 6] = [
    CONTENT_LENGTH,
    ETAG,
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("content-md5"),
];

/// Why an answer can't be cut, and so can't leave.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CutError {
    /// The answer is longer than may be cut.
    #[error("the answer has {length} bytes, more than the {limit} that can be cut")]
    TooLarge {
        /// The answer's length in bytes.
        length: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The answer's body is coded, for example compressed.
    #[error("the answer is coded (Content-Encoding)")]
    Coded,
    /// The answer is a part of a representation.
    #[error("the answer is partial (206 or Content-Range)")]
    Partial,
    /// The answer has content but not exactly one readable `Content-Type`.
    #[error("the answer does not say one Content-Type")]
    Untyped,
    /// The answer is of another type than JSON in UTF-8.
    #[error("the answer is not of a JSON type in UTF-8")]
    OtherType,
    /// The answer says it is JSON and is not, or not unambiguously.
    #[error("the answer is not unambiguous JSON")]
    NotJson(#[source] JsonError),
    /// The answer is a bare string, number, truth value or null, which no pointer names.
    #[error("the answer is neither an array nor an object")]
    NoFields,
}

/// Cuts a complete answer down to what the mask names and writes it anew; empty content stays empty.
///
/// Members keep their order and numerals their digits. `fields` are the answer's fields as the adapter gave
/// them; call [`drop_fields_of_the_whole`] on them afterwards.
///
/// # Errors
///
/// A [`CutError`]; the answer must then be refused as `fields_not_enforceable`, never sent uncut.
///
/// Standard: RFC 6838 §4.2.8 (`+json`).
pub fn cut(
    status: StatusCode,
    fields: &HeaderMap,
    body: &[u8],
    mask: &FieldMask,
    limit_bytes: usize,
) -> Result<Vec<u8>, CutError> {
    if status == StatusCode::PARTIAL_CONTENT || fields.contains_key(CONTENT_RANGE) {
        return Err(CutError::Partial);
    }
    if !fields
        .get_all(CONTENT_ENCODING)
        .iter()
        .all(|value| value.as_bytes() == b"identity")
    {
        return Err(CutError::Coded);
    }
    if body.is_empty() {
        return Ok(Vec::new());
    }
    if body.len() > limit_bytes {
        return Err(CutError::TooLarge {
            length: body.len(),
            limit: limit_bytes,
        });
    }
    check_type(fields)?;
    let whole = json::read(body).map_err(CutError::NotJson)?;
    let mut out = Vec::with_capacity(body.len());
    if mask.write_allowed(&whole, &mut out) {
        Ok(out)
    } else {
        Err(CutError::NoFields)
    }
}

/// Removes the fields that describe the answer before the cut: its length, entity tag and digests.
pub fn drop_fields_of_the_whole(fields: &mut HeaderMap) {
    for name in FIELDS_OF_THE_WHOLE {
        fields.remove(name);
    }
}

fn check_type(fields: &HeaderMap) -> Result<(), CutError> {
    let mut values = fields.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(CutError::Untyped);
    };
    let text = value.to_str().map_err(|_not_ascii| CutError::Untyped)?;
    if is_json_type(text) {
        Ok(())
    } else {
        Err(CutError::OtherType)
    }
}

/// Tells whether a `Content-Type` value is `application/json` or `application/*+json`, in UTF-8.
fn is_json_type(value: &str) -> bool {
    let mut parts = value.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
    let Some(subtype) = essence.strip_prefix("application/") else {
        return false;
    };
    let is_json = subtype == "json"
        || subtype.strip_suffix("+json").is_some_and(|name| {
            !name.is_empty()
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
        });
    // Other charsets were never allowed for JSON; a reader that believed one would see another text.
    let is_utf8 = parts.all(|parameter| match parameter.split_once('=') {
        Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
            value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        _ => true,
    });
    is_json && is_utf8
}

#[cfg(test)]
mod tests;
