//! What a signed message says of itself: read from its signature base, which is text.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The parameters of a signature that matter to whoever checks it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Signed<'a> {
    /// base64url SHA-256 of the certificate.
    pub(super) key_id: &'a str,
    /// Unix seconds.
    pub(super) created_s: u64,
    /// SHA-256 of the body.
    pub(super) body_digest: Option<[u8; 32]>,
}

/// Reads a signature base. Standard: RFC 9421 §2.5.
pub(super) fn read(base: &[u8]) -> Option<Signed<'_>> {
    let text = std::str::from_utf8(base).ok()?;
    let (head, params) = text.rsplit_once("\n\"@signature-params\": ")?;
    // Covered components stand in parentheses before the parameters: none of their names has one.
    let (_, params) = params.rsplit_once(')')?;
    let value = |name: &str| {
        let mut parts = params.split(';');
        parts.find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
    };
    let digest = head
        .lines()
        .find_map(|line| line.strip_prefix("\"content-digest\": sha-256=:"))
        .and_then(|value| STANDARD.decode(value.strip_suffix(':')?).ok());
    Some(Signed {
        key_id: value("keyid")?.strip_prefix('"')?.strip_suffix('"')?,
        created_s: value("created")?.parse().ok()?,
        body_digest: digest.and_then(|digest| digest.try_into().ok()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_time_and_digest_are_read() {
        let base = "\"@method\": GET\n\"content-digest\": sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:\n\
            \"signature\";req;key=\"bridge\": :AA==:\n\
            \"@signature-params\": (\"@method\" \"content-digest\" \"signature\";req;key=\"bridge\");created=7;expires=67;nonce=\"n\";keyid=\"k-1\";tag=\"t\"";
        let signed = read(base.as_bytes()).unwrap();
        assert_eq!((signed.key_id, signed.created_s), ("k-1", 7));
        assert_eq!(signed.body_digest, Some([0; 32]));
        assert_eq!(read(b"nothing"), None);
    }
}
