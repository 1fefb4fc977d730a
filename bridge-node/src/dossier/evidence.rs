//! What a signed message says of itself: read from its signature base, which is text.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bridge_core::envelope::Tag;
use bridge_signature::Form;

use super::REQUEST;

/// What of a signature matters to whoever checks it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signed<'a> {
    /// base64url SHA-256 of the certificate.
    pub(crate) key_id: &'a str,
    /// Unix seconds.
    pub(crate) created_s: u64,
    /// Whether it was signed on its own or in a batch.
    pub(crate) form: Form,
    /// SHA-256 of the body.
    pub(crate) body_digest: Option<[u8; 32]>,
    /// Of an answer: the signature of the request that it answers.
    pub(crate) answered: Option<Vec<u8>>,
    /// The lines of what is covered.
    lines: &'a str,
    /// What stands behind the names of the request's own parts.
    of_request: &'static str,
}

/// Reads the signature base of the request or the answer, as its name says; `None` for anything else.
///
/// Standard: RFC 9421 §2.5.
pub(crate) fn read<'a>(name: &str, base: &'a [u8]) -> Option<Signed<'a>> {
    let text = std::str::from_utf8(base).ok()?;
    let (lines, params) = text.rsplit_once("\n\"@signature-params\": ")?;
    // Covered components stand in parentheses before the parameters: none of their names has one.
    let (_, params) = params.rsplit_once(')')?;
    let value = |name: &str| {
        let mut parts = params.split(';');
        parts.find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
    };
    let quoted = |name: &str| value(name)?.strip_prefix('"')?.strip_suffix('"');
    let bytes = |value: &str| {
        STANDARD
            .decode(value.strip_prefix(':')?.strip_suffix(':')?)
            .ok()
    };
    let digest = of(lines, "\"content-digest\"").and_then(|value| value.strip_prefix("sha-256="));
    // The order of the parameters is the signer's choice.
    let answered = [
        "\"signature\";req;key=\"bridge\"",
        "\"signature\";key=\"bridge\";req",
    ];
    let answered = answered.iter().find_map(|component| of(lines, component));
    Some(Signed {
        key_id: quoted("keyid")?,
        created_s: value("created")?.parse().ok()?,
        form: form(name, quoted("tag")?)?,
        body_digest: digest.and_then(|value| bytes(value)?.try_into().ok()),
        answered: answered.and_then(bytes),
        lines,
        of_request: if name == REQUEST { "" } else { ";req" },
    })
}

/// The form that a tag says, if such a message has that tag.
fn form(name: &str, tag: &str) -> Option<Form> {
    let tags: &[Tag] = match name {
        REQUEST => &[Tag::Request],
        _ => &[Tag::Answer, Tag::Refusal],
    };
    if tags.iter().any(|one| one.as_str() == tag) {
        return Some(Form::Plain);
    }
    let is_batch = tags.iter().any(|one| one.batch_str() == Some(tag));
    is_batch.then_some(Form::Batch)
}

/// The value of a covered component; `None` also if it stands twice.
fn of<'a>(lines: &'a str, component: &str) -> Option<&'a str> {
    let value = |line: &'a str| line.strip_prefix(component)?.strip_prefix(": ");
    let mut values = lines.lines().filter_map(value);
    values.next().filter(|_| values.next().is_none())
}

// === impl Signed ===

impl Signed<'_> {
    /// What the request was in one of its parts, as this message says.
    pub(crate) fn says(&self, part: &str) -> Option<&str> {
        of(self.lines, &format!("\"{part}\"{}", self.of_request))
    }

    /// What this message itself says in one of its parts.
    pub(crate) fn own(&self, part: &str) -> Option<&str> {
        of(self.lines, &format!("\"{part}\""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(tag: &str, signature: &str) -> String {
        format!(
            "\"content-digest\": sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:\n\"@method\";req: GET\n{signature}: :AA==:\n\
             \"@signature-params\": (\"@method\");created=7;expires=67;nonce=\"n\";keyid=\"k-1\";tag=\"{tag}\""
        )
    }

    #[test]
    fn key_time_digest_and_what_is_answered_are_read() {
        for signature in [
            "\"signature\";req;key=\"bridge\"",
            "\"signature\";key=\"bridge\";req",
        ] {
            let base = base("bridge-answer-v1", signature);
            let signed = read("answer", base.as_bytes()).unwrap();
            assert_eq!((signed.key_id, signed.created_s), ("k-1", 7));
            assert_eq!(signed.body_digest, Some([0; 32]));
            assert_eq!(signed.answered, Some(vec![0]));
            assert_eq!(signed.says("@method"), Some("GET"));
            assert_eq!(signed.says("@authority"), None);
        }
        assert_eq!(read("answer", b"nothing"), None);
    }

    #[test]
    fn a_tag_says_which_message_it_is_and_in_which_form() {
        for (name, tag, form) in [
            ("request", "bridge-request-v1", Some(Form::Plain)),
            ("request", "bridge-request-batch-v1", Some(Form::Batch)),
            ("request", "bridge-answer-v1", None),
            ("answer", "bridge-answer-v1", Some(Form::Plain)),
            ("answer", "bridge-answer-batch-v1", Some(Form::Batch)),
            ("answer", "bridge-refusal-v1", Some(Form::Plain)),
            ("answer", "bridge-refusal-batch-v1", None),
            ("answer", "bridge-request-v1", None),
        ] {
            let base = base(tag, "\"x\"");
            let signed = read(name, base.as_bytes());
            assert_eq!(signed.map(|signed| signed.form), form, "{name} {tag}");
        }
    }
}
