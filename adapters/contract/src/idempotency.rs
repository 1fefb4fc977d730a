//! What a registry needs to do a thing once for one Idempotency-Key.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bridge_core::identity::{ServiceId, SubsystemId};
use http::Method;
use ring::digest::{Context, SHA256};

/// Separates keys from everything else that is hashed here.
const SCOPED: &[u8] = b"bridge-idempotency-key-v1";
/// Separates contents from everything else that is hashed here.
const CONTENT: &[u8] = b"bridge-idempotency-content-v1";

/// An Idempotency-Key and the content that it was used with.
///
/// Two calls with the same `scoped` ask for the same thing: if `content` is the same too, once more; if not, the caller
/// made a mistake ([`crate::AdapterError::KeyReused`]).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Idempotency {
    /// The key as the caller wrote it. Two callers may use the same one for different things.
    pub key: String,
    /// The key in the scope of client and service: base64url of a SHA-256, 43 characters. This is what a registry keeps.
    pub scoped: String,
    /// The content: base64url of the SHA-256 over all of [`Content`], 43 characters.
    pub content: String,
}

/// What a caller asks for under a key. Another one under the same key is a mistake: it must never be answered with what
/// belongs to another.
#[derive(Debug, Clone, Copy)]
pub struct Content<'a> {
    /// The method.
    pub method: &'a Method,
    /// The request target as it was signed.
    pub target: &'a str,
    /// Content-Type: the same bytes of another type mean something else.
    pub media_type: Option<&'a str>,
    /// For whom it is asked: what is one person's is not the answer to another.
    pub represented_party: Option<&'a str>,
    /// SHA-256 of the body.
    pub body: &'a [u8; 32],
}

impl Idempotency {
    /// Makes the facts of a call.
    pub fn new(
        (client, service): (&SubsystemId, &ServiceId),
        key: &str,
        content: Content<'_>,
    ) -> Self {
        let (client, service) = (client.to_string(), service.to_string());
        let scoped = [client.as_bytes(), service.as_bytes(), key.as_bytes()];
        Self {
            key: key.to_owned(),
            scoped: hash(SCOPED, &scoped),
            content: hash(CONTENT, &content.parts()),
        }
    }
}

impl<'a> Content<'a> {
    fn parts(&self) -> [&'a [u8]; 5] {
        [
            self.method.as_str().as_bytes(),
            self.target.as_bytes(),
            self.media_type.unwrap_or_default().as_bytes(),
            self.represented_party.unwrap_or_default().as_bytes(),
            self.body,
        ]
    }
}

/// None of the parts but the last can hold a NUL: identifiers, methods, targets and fields are text without controls.
fn hash(label: &[u8], parts: &[&[u8]]) -> String {
    let mut context = Context::new(&SHA256);
    context.update(label);
    for part in parts {
        context.update(&[0]);
        context.update(part);
    }
    URL_SAFE_NO_PAD.encode(context.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTENT_OF_ONE: Content<'_> = Content {
        method: &Method::POST,
        target: "/a",
        media_type: Some("application/json"),
        represented_party: Some("AZ/NGO/77"),
        body: &[7; 32],
    };

    fn facts(client: &str, service: &str, key: &str, target: &str) -> Idempotency {
        let client: SubsystemId = client.parse().unwrap();
        let service: ServiceId = service.parse().unwrap();
        let content = Content {
            target,
            ..CONTENT_OF_ONE
        };
        Idempotency::new((&client, &service), key, content)
    }

    #[test]
    fn a_key_is_another_one_for_another_client_or_service() {
        let one = facts("AZ/GOV/2001/TAX", "AZ/GOV/1001/PAY/charge", "k", "/a");
        assert_eq!(
            one,
            facts("AZ/GOV/2001/TAX", "AZ/GOV/1001/PAY/charge", "k", "/a")
        );
        let others = [
            facts("AZ/GOV/2001/DUTY", "AZ/GOV/1001/PAY/charge", "k", "/a"),
            facts("AZ/GOV/2001/TAX", "AZ/GOV/1001/PAY/refund", "k", "/a"),
            facts("AZ/GOV/2001/TAX", "AZ/GOV/1001/PAY/charge", "K", "/a"),
        ];
        for other in &others {
            assert_ne!(one.scoped, other.scoped);
            assert_eq!(one.content, other.content);
        }
        assert_eq!((one.scoped.len(), one.content.len()), (43, 43));
    }

    #[test]
    fn whatever_is_asked_for_otherwise_is_another_content() {
        let client: SubsystemId = "AZ/GOV/2001/TAX".parse().unwrap();
        let service: ServiceId = "AZ/GOV/1001/PAY/charge".parse().unwrap();
        let content =
            |content: Content<'_>| Idempotency::new((&client, &service), "k", content).content;
        let one = CONTENT_OF_ONE;
        let others = [
            Content {
                method: &Method::PUT,
                ..one
            },
            Content {
                target: "/a?b",
                ..one
            },
            Content {
                media_type: Some("text/plain"),
                ..one
            },
            Content {
                media_type: None,
                ..one
            },
            Content {
                represented_party: Some("AZ/NGO/78"),
                ..one
            },
            Content {
                represented_party: None,
                ..one
            },
            // What stands in one place does not count in another.
            Content {
                media_type: one.represented_party,
                represented_party: one.media_type,
                ..one
            },
            Content {
                body: &[8; 32],
                ..one
            },
        ];
        assert_eq!(content(one), content(CONTENT_OF_ONE));
        for other in others {
            assert_ne!(content(one), content(other), "{other:?}");
        }
    }
}
