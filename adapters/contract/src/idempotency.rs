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
    /// The content: base64url of the SHA-256 over method, request target and the body's SHA-256, 43 characters.
    pub content: String,
}

impl Idempotency {
    /// Makes the facts of a call. `target` is the request target as it was signed; `body` the SHA-256 of the body.
    pub fn new(
        (client, service): (&SubsystemId, &ServiceId),
        key: &str,
        (method, target, body): (&Method, &str, &[u8; 32]),
    ) -> Self {
        let (client, service) = (client.to_string(), service.to_string());
        let scoped = [client.as_bytes(), service.as_bytes(), key.as_bytes()];
        let content = [method.as_str().as_bytes(), target.as_bytes(), body];
        Self {
            key: key.to_owned(),
            scoped: hash(SCOPED, scoped),
            content: hash(CONTENT, content),
        }
    }
}

/// None of the parts but the last can hold a NUL: identifiers, methods and targets are text without controls.
fn hash(label: &[u8], parts: [&[u8]; 3]) -> String {
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

    fn facts(client: &str, service: &str, key: &str, target: &str) -> Idempotency {
        let client: SubsystemId = client.parse().unwrap();
        let service: ServiceId = service.parse().unwrap();
        Idempotency::new((&client, &service), key, (&Method::POST, target, &[7; 32]))
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
    fn another_method_target_or_body_is_another_content() {
        let client: SubsystemId = "AZ/GOV/2001/TAX".parse().unwrap();
        let service: ServiceId = "AZ/GOV/1001/PAY/charge".parse().unwrap();
        let content = |method: Method, target: &str, body: [u8; 32]| {
            Idempotency::new((&client, &service), "k", (&method, target, &body)).content
        };
        let one = content(Method::POST, "/a", [7; 32]);
        assert_eq!(one, content(Method::POST, "/a", [7; 32]));
        assert_ne!(one, content(Method::PUT, "/a", [7; 32]));
        assert_ne!(one, content(Method::POST, "/a?b", [7; 32]));
        assert_ne!(one, content(Method::POST, "/a", [8; 32]));
    }
}
