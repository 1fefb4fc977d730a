//! The account's key, and what it signs: JSON Web Signatures with ECDSA on P-256.
//!
//! Standard: RFC 8555 §6.2. Standard: RFC 7515 §3. Standard: RFC 7638 §3.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bridge_certs::{OwnKey, Profile, read_password_file};
use ring::digest::{SHA256, digest};
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::AcmeError;
use crate::keys::Keys;
use crate::settings::AcmeBinding;

/// An account at the authority: its key, and what binds it to a customer.
pub struct Account {
    key: EcdsaKeyPair,
    random: SystemRandom,
    binding: Option<(String, hmac::Key)>,
}

/// Whom a signed message names.
#[derive(Debug, Clone, Copy)]
pub(super) enum Named<'a> {
    /// The key itself: the account is not known yet.
    Key,
    /// The account's address.
    Account(&'a str),
}

/// The account's key in the keys folder.
const KEY_FILE: &str = "acme-account.key";
/// The least that a secret of HMAC has. Standard: RFC 7518 §3.2.
const BINDING_LEAST_BYTES: usize = 16;

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Account")
    }
}

// === impl Account ===

impl Account {
    /// Reads the account's key from the keys folder, or makes it there, and the secret of its binding.
    ///
    /// # Errors
    ///
    /// [`AcmeError::Key`].
    pub fn open(keys: &Keys, binding: Option<&AcmeBinding>) -> Result<Self, AcmeError> {
        let failed = |error: &dyn std::error::Error| AcmeError::Key(crate::chain(error));
        let file = keys.path(KEY_FILE);
        if !file.exists() {
            // An authority certifies TLS keys of the same kind.
            let pkcs8 = OwnKey::generate(Profile::Tls).map_err(|error| failed(&error))?;
            keys.write_private(KEY_FILE, &pkcs8)
                .map_err(|error| failed(&error))?;
        }
        let pkcs8 = keys.private(KEY_FILE).map_err(|error| failed(&error))?;
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pkcs8, &random);
        let key = key.map_err(|_rejected| {
            AcmeError::Key(format!("{}: not a key of P-256", file.display()))
        })?;
        let binding = binding.map(secret).transpose()?;
        Ok(Self {
            key,
            random,
            binding,
        })
    }

    /// What a client of this account shows under a token of http-01. Standard: RFC 8555 §8.1.
    pub(super) fn key_authorization(&self, token: &str) -> String {
        format!("{token}.{}", self.thumbprint())
    }

    /// A message that is signed with the account's key. Nothing as payload asks for what lies at the address.
    pub(super) fn sign(
        &self,
        named: Named<'_>,
        (url, nonce): (&str, &str),
        payload: Option<&Value>,
    ) -> Result<Vec<u8>, AcmeError> {
        let (by, key) = match named {
            Named::Key => ("jwk", self.jwk()),
            Named::Account(account) => ("kid", account.into()),
        };
        let protected = json!({"alg": "ES256", "nonce": nonce, "url": url, by: key});
        let payload = payload.map_or_else(String::new, Value::to_string);
        let sign = |text: &[u8]| {
            let signature = self.key.sign(&self.random, text);
            signature.map(|signature| signature.as_ref().to_vec())
        };
        let whole = jws(&protected, &payload, sign)
            .map_err(|_unspecified| AcmeError::Key("the account's key cannot sign".to_owned()))?;
        Ok(whole.to_string().into_bytes())
    }

    /// What binds the account to a customer, if the settings name one. Standard: RFC 8555 §7.3.4.
    pub(super) fn binding(&self, new_account: &str) -> Option<Value> {
        let (id, secret) = self.binding.as_ref()?;
        let protected = json!({"alg": "HS256", "kid": id, "url": new_account});
        let sign = |text: &[u8]| -> Result<_, std::convert::Infallible> {
            Ok(hmac::sign(secret, text).as_ref().to_vec())
        };
        jws(&protected, &self.jwk().to_string(), sign).ok()
    }

    /// The public key; its members are in the order in which it is digested.
    fn jwk(&self) -> Value {
        let point = self.key.public_key().as_ref();
        // An uncompressed point: a byte, and two numbers of 32.
        let number = |from: usize| {
            let bytes = point.get(from..from + 32).unwrap_or_default();
            URL_SAFE_NO_PAD.encode(bytes)
        };
        json!({"crv": "P-256", "kty": "EC", "x": number(1), "y": number(33)})
    }

    fn thumbprint(&self) -> String {
        URL_SAFE_NO_PAD.encode(digest(&SHA256, self.jwk().to_string().as_bytes()))
    }
}

fn jws<E>(
    protected: &Value,
    payload: &str,
    sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, E>,
) -> Result<Value, E> {
    let protected = URL_SAFE_NO_PAD.encode(protected.to_string());
    let payload = URL_SAFE_NO_PAD.encode(payload);
    let signature = sign(format!("{protected}.{payload}").as_bytes())?;
    let signature = URL_SAFE_NO_PAD.encode(signature);
    Ok(json!({"protected": protected, "payload": payload, "signature": signature}))
}

/// The secret as authorities give it: base64url in a file of its owner's alone.
fn secret(binding: &AcmeBinding) -> Result<(String, hmac::Key), AcmeError> {
    let text = read_password_file(&binding.key_file)
        .map_err(|error| AcmeError::Key(crate::chain(&error)))?;
    let text = text.strip_suffix(b"=").unwrap_or(&text);
    let text = text.strip_suffix(b"=").unwrap_or(text);
    let secret = URL_SAFE_NO_PAD.decode(text).map(Zeroizing::new);
    match secret {
        Ok(secret) if secret.len() >= BINDING_LEAST_BYTES => {
            let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
            Ok((binding.key_id.clone(), key))
        }
        _ => Err(AcmeError::Key(format!(
            "{}: not a secret of at least {BINDING_LEAST_BYTES} bytes in base64url",
            binding.key_file.display()
        ))),
    }
}
