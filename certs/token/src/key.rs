//! A private key that lies on a token.

use std::fmt;
use std::sync::Arc;

use bridge_signature::{Algorithm, SignError, Signer};

use crate::call::Line;
use crate::error::TokenError;
use crate::object::KeyName;
use crate::token::Token;

/// A key on a token. Signing waits for the token: call it where blocking is allowed.
#[derive(Clone)]
pub struct TokenKey {
    token: Token,
    /// As long as it is held anywhere, the token is back only with this key.
    name: Arc<KeyName>,
    algorithm: Algorithm,
    public_key: Vec<u8>,
    key_id: String,
    line: Line,
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenKey({self})")
    }
}

impl fmt::Display for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "token {}, {}", self.token.label(), self.name)
    }
}

// === impl TokenKey ===

impl TokenKey {
    pub(crate) fn new(
        token: Token,
        name: Arc<KeyName>,
        (algorithm, public_key): (Algorithm, Vec<u8>),
    ) -> Self {
        Self {
            token,
            name,
            algorithm,
            public_key,
            key_id: String::new(),
            line: Line::First,
        }
    }

    /// The same key, by the name that signatures give it.
    #[must_use]
    pub fn with_key_id(self, key_id: String) -> Self {
        Self { key_id, ..self }
    }

    /// The same key, for what anybody may begin, such as handshakes: its signatures wait until nobody else wants one.
    #[must_use]
    pub fn yielding(self) -> Self {
        Self {
            line: Line::Then,
            ..self
        }
    }

    /// The public half, as certificates carry it: 32 bytes of Ed25519, or an uncompressed point.
    pub fn public_key(&self) -> &[u8] {
        &self.public_key
    }

    /// What stands in the way of its use, as far as is known.
    pub fn fault(&self) -> Option<TokenError> {
        self.token.trouble()
    }
}

impl Signer for TokenKey {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    fn key_id(&self) -> &str {
        &self.key_id
    }

    fn sign(&self, base: &[u8]) -> Result<Vec<u8>, SignError> {
        let signed = self.token.sign(&self.name, self.algorithm, base, self.line);
        signed.map_err(|error| SignError::Failed(error.to_string()))
    }

    fn trouble(&self) -> Option<String> {
        let fault = self.fault()?;
        Some(format!("{fault}: {}", fault.remedy()))
    }
}
