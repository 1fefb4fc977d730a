//! Fields that are forwarded and neither signed nor kept, and the field that speaks for them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue};
use ring::digest;

use super::FieldError;

/// The fields whose values never reach evidence, in the order of the dictionary.
pub(super) static NAMES: [HeaderName; 4] = [
    AUTHORIZATION,
    HeaderName::from_static("bridge-user-token"),
    COOKIE,
    SET_COOKIE,
];

/// The covered field that carries the secret fields' SHA-256.
pub const SECRETS: &str = "bridge-secrets";

static SECRETS_NAME: HeaderName = HeaderName::from_static(SECRETS);

/// Writes `Bridge-Secrets` for a message: a dictionary from field name to the SHA-256 of its value,
/// of its lines joined by 0x0A where there are several. `None` where no secret field is there.
///
/// Standard: RFC 9651 §3.2.
pub fn secrets_field(fields: &HeaderMap) -> Option<HeaderValue> {
    let members: Vec<String> = NAMES
        .iter()
        .filter(|name| fields.contains_key(*name))
        .map(|name| format!("{name}=:{}:", STANDARD.encode(digest_of(fields, name))))
        .collect();
    if members.is_empty() {
        return None;
    }
    // Lower-case names and base64 are always a valid value.
    HeaderValue::try_from(members.join(", ")).ok()
}

/// Checks that `Bridge-Secrets` says exactly what the secret fields of the message hold.
///
/// # Errors
///
/// [`FieldError::Secrets`] if a secret field is not spoken for, was changed, or is spoken for and
/// absent; or if the dictionary is not written as [`secrets_field`] writes it.
pub fn check_secrets(fields: &HeaderMap) -> Result<(), FieldError> {
    let mut lines = fields.get_all(&SECRETS_NAME).iter();
    let received = lines.next();
    if lines.next().is_none() && received == secrets_field(fields).as_ref() {
        Ok(())
    } else {
        Err(FieldError::Secrets)
    }
}

fn digest_of(fields: &HeaderMap, name: &HeaderName) -> digest::Digest {
    let mut context = digest::Context::new(&digest::SHA256);
    for (index, value) in fields.get_all(name).iter().enumerate() {
        if index > 0 {
            // No value can hold a line feed, so two lines can't be taken for one.
            context.update(b"\n");
        }
        context.update(value.as_bytes());
    }
    context.finish()
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::NAMES;
    use crate::envelope::SECRET_FIELDS;

    #[test]
    fn what_is_spoken_for_is_what_is_not_covered() {
        assert_eq!(NAMES.each_ref().map(HeaderName::as_str), SECRET_FIELDS);
    }
}
