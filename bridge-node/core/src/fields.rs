//! The header fields: which enter, what they say, which travel on and which stay out.

use http::header::{
    CONNECTION, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING, UPGRADE,
};

mod caller;
mod error;
mod forward;
mod hash;
mod secrets;

pub use caller::{CallerFields, MAX_CONSENT_BYTES, MAX_TEXT_BYTES, read_caller_fields};
pub use error::FieldError;
pub use forward::{forwardable_answer, forwardable_request, registry_request};
pub use hash::request_hash;
pub use secrets::{SECRETS, check_secrets, secrets_field};

/// The most fields of one message.
pub const MAX_FIELDS: usize = 100;

/// The most bytes of all names and values of one message.
pub const MAX_FIELDS_BYTES: usize = 32 * 1024;

/// Fields that nodes and HTTP add to a message, with room for those to come.
const OWN_FIELDS: usize = 16;

/// Bytes of those fields.
const OWN_FIELDS_BYTES: usize = 8 * 1024;

/// How much of a field's name an error repeats, in characters.
const MAX_SHOWN_NAME: usize = 64;

/// Fields besides `X-Road-*` and `Bridge-*` that may stand only once: two of them are a question of
/// who reads which.
const SINGLE: [&str; 4] = ["content-digest", "content-type", "host", "idempotency-key"];

/// What the field `Connection` may name.
const CONNECTION_OPTIONS: [&str; 3] = ["close", "keep-alive", "te"];

/// Refuses what could be read in two ways, before anything else looks at a message.
///
/// # Errors
///
/// [`FieldError`]: every rule of the edge about fields is a variant.
///
/// Standard: RFC 9110 §5.5.
/// Standard: RFC 9112 §6.3.
pub fn check_edge_fields(fields: &HeaderMap) -> Result<(), FieldError> {
    let bytes = |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len();
    check_size(fields, bytes, (MAX_FIELDS, MAX_FIELDS_BYTES))?;
    if fields.keys().any(|name| name.as_str().contains('_')) {
        return Err(FieldError::Underscore);
    }
    check_visible(fields)?;
    let has_second_lines = fields.len() > fields.keys_len();
    for name in fields
        .keys()
        .filter(|name| has_second_lines && is_single(name))
    {
        if fields.get_all(name).iter().nth(1).is_some() {
            return Err(FieldError::Repeated { name: shown(name) });
        }
    }
    check_framing(fields)?;
    check_connection(fields)
}

/// Refuses what another node would not take, or no signature could cover, once this node has added its own fields to what
/// a caller or a registry wrote.
///
/// # Errors
///
/// [`FieldError::TooMany`], [`FieldError::TooLong`], [`FieldError::NotVisible`].
pub fn check_travelling_fields(fields: &HeaderMap) -> Result<(), FieldError> {
    // A name travels twice: before its value, and in the list of what is covered.
    let bytes = |(name, value): (&HeaderName, &HeaderValue)| 2 * name.as_str().len() + value.len();
    let limits = (MAX_FIELDS - OWN_FIELDS, MAX_FIELDS_BYTES - OWN_FIELDS_BYTES);
    check_size(fields, bytes, limits)?;
    check_visible(fields)
}

fn check_size(
    fields: &HeaderMap,
    bytes: impl Fn((&HeaderName, &HeaderValue)) -> usize,
    (limit, limit_bytes): (usize, usize),
) -> Result<(), FieldError> {
    if fields.len() > limit {
        return Err(FieldError::TooMany { limit });
    }
    if fields.iter().map(bytes).sum::<usize>() > limit_bytes {
        return Err(FieldError::TooLong { limit_bytes });
    }
    Ok(())
}

fn check_visible(fields: &HeaderMap) -> Result<(), FieldError> {
    let is_visible = |byte| matches!(byte, b'\t' | b' '..=b'~');
    match fields
        .iter()
        .find(|(_, value)| !all_bytes(value.as_bytes(), is_visible))
    {
        Some((name, _)) => Err(FieldError::NotVisible { name: shown(name) }),
        None => Ok(()),
    }
}

/// Says whether all bytes are good. Nearly always they are, so it doesn't stop at the first that is not: a loop without a
/// way out is compiled to many bytes at once.
pub(crate) fn all_bytes(bytes: &[u8], is_good: impl Fn(u8) -> bool) -> bool {
    bytes.iter().fold(true, |good, &byte| good & is_good(byte))
}

/// Says whether a field belongs to the message protocol or to the bridge.
fn is_ours(name: &str) -> bool {
    name.starts_with("x-road-") || name.starts_with("bridge-")
}

fn is_single(name: &HeaderName) -> bool {
    is_ours(name.as_str()) || SINGLE.contains(&name.as_str())
}

fn check_framing(fields: &HeaderMap) -> Result<(), FieldError> {
    let encodings: Vec<_> = fields.get_all(TRANSFER_ENCODING).iter().collect();
    let lengths: Vec<_> = fields.get_all(CONTENT_LENGTH).iter().collect();
    let well_formed = match (encodings.as_slice(), lengths.as_slice()) {
        ([], []) => true,
        ([], [length]) => !length.is_empty() && length.as_bytes().iter().all(u8::is_ascii_digit),
        ([encoding], []) => encoding.as_bytes().eq_ignore_ascii_case(b"chunked"),
        ([], _) | (_, []) => false,
        _ => return Err(FieldError::BothFramings),
    };
    if well_formed {
        Ok(())
    } else {
        Err(FieldError::Framing)
    }
}

fn check_connection(fields: &HeaderMap) -> Result<(), FieldError> {
    if fields.contains_key(UPGRADE) {
        return Err(FieldError::Upgrade);
    }
    for value in fields.get_all(CONNECTION) {
        // Only visible ASCII has come this far.
        let text = value.to_str().unwrap_or("?");
        let mut options = text
            .split(',')
            .map(str::trim)
            .filter(|option| !option.is_empty());
        let known = |option: &str| {
            CONNECTION_OPTIONS
                .iter()
                .any(|known| known.eq_ignore_ascii_case(option))
        };
        if !options.all(known) {
            return Err(FieldError::Connection);
        }
    }
    Ok(())
}

pub(crate) fn shown(name: &HeaderName) -> String {
    name.as_str().chars().take(MAX_SHOWN_NAME).collect()
}

#[cfg(test)]
mod tests;
