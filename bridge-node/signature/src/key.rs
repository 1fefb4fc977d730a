//! Keys: what signs, and what verifies.

use std::fmt;

use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair,
    Ed25519KeyPair, KeyPair, UnparsedPublicKey,
};
use thiserror::Error;

use crate::algorithm::Algorithm;

/// Length in bytes of a raw Ed25519 public key.
const ED25519_KEY_BYTES: usize = 32;
/// Length in bytes of an uncompressed P-256 point.
const P256_POINT_BYTES: usize = 65;
/// First byte of an uncompressed point. Standard: SEC 1 §2.3.3.
const UNCOMPRESSED: u8 = 0x04;

/// Signs signature bases with one key, wherever that key lies.
pub trait Signer: Send + Sync {
    /// Returns the algorithm of every signature that it makes.
    fn algorithm(&self) -> Algorithm;

    /// Returns the name of its key, as in the parameter `keyid`.
    fn key_id(&self) -> &str;

    /// Signs a base.
    ///
    /// # Errors
    /// [`SignError::Failed`] when the key can't be used now.
    fn sign(&self, base: &[u8]) -> Result<Vec<u8>, SignError>;

    /// Says what stands in the way of its use, as far as is known without trying. A key in memory can always be used.
    fn trouble(&self) -> Option<String> {
        None
    }
}

/// Why nothing was signed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SignError {
    /// The private key is not a PKCS#8 key of its algorithm.
    #[error("the private key is not a usable {algorithm} key: {reason}")]
    Key {
        /// The algorithm asked for.
        algorithm: Algorithm,
        /// What the reader of keys says; no part of the key.
        reason: String,
    },
    /// Signing itself failed.
    #[error("signing failed: {0}")]
    Failed(String),
    /// So many messages can't be signed as one batch.
    #[error("{0} messages can not be signed as one batch")]
    Count(usize),
}

/// Why bytes are not a public key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KeyError {
    /// The length is not that of a raw key of this algorithm.
    #[error("a raw {algorithm} public key does not have {length} bytes")]
    Length {
        /// The algorithm.
        algorithm: Algorithm,
        /// The length that was given.
        length: usize,
    },
    /// The point is not uncompressed.
    #[error("the public key is not an uncompressed point")]
    Compressed,
}

/// Why a signature does not count.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum VerifyError {
    /// The signature's length is not that of its algorithm.
    #[error("a signature by {algorithm} does not have {length} bytes")]
    Length {
        /// The key's algorithm.
        algorithm: Algorithm,
        /// The length that was received.
        length: usize,
    },
    /// The signature is not one of this key over this base.
    #[error("the signature is not one of this key over this message")]
    Mismatch,
}

/// Signs with a key that is held in memory.
pub struct FileSigner {
    key: PrivateKey,
    key_id: String,
    random: SystemRandom,
}

enum PrivateKey {
    P256(Box<EcdsaKeyPair>),
    Ed25519(Box<Ed25519KeyPair>),
}

impl FileSigner {
    /// Reads a private key in PKCS#8 DER.
    ///
    /// # Errors
    /// [`SignError::Key`] when the bytes are not a key of that algorithm.
    ///
    /// Standard: RFC 5958 §2, RFC 8410 §7.
    pub fn from_pkcs8(algorithm: Algorithm, der: &[u8], key_id: String) -> Result<Self, SignError> {
        let random = SystemRandom::new();
        let key = match algorithm {
            Algorithm::EcdsaP256Sha256 => {
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der, &random)
                    .map(|key| PrivateKey::P256(Box::new(key)))
            }
            // Version 1 files, as OpenSSL writes them, hold no public key to check against.
            Algorithm::Ed25519 => Ed25519KeyPair::from_pkcs8_maybe_unchecked(der)
                .map(|key| PrivateKey::Ed25519(Box::new(key))),
        }
        .map_err(|rejected| SignError::Key {
            algorithm,
            reason: rejected.to_string(),
        })?;
        Ok(Self {
            key,
            key_id,
            random,
        })
    }

    /// Returns the raw public key: 32 bytes for Ed25519, an uncompressed point of 65 bytes for P-256.
    pub fn public_key(&self) -> &[u8] {
        match &self.key {
            PrivateKey::P256(key) => key.public_key().as_ref(),
            PrivateKey::Ed25519(key) => key.public_key().as_ref(),
        }
    }
}

impl Signer for FileSigner {
    fn algorithm(&self) -> Algorithm {
        match self.key {
            PrivateKey::P256(_) => Algorithm::EcdsaP256Sha256,
            PrivateKey::Ed25519(_) => Algorithm::Ed25519,
        }
    }

    fn key_id(&self) -> &str {
        &self.key_id
    }

    fn sign(&self, base: &[u8]) -> Result<Vec<u8>, SignError> {
        match &self.key {
            PrivateKey::P256(key) => key
                .sign(&self.random, base)
                .map(|signature| signature.as_ref().to_vec())
                .map_err(|unspecified| SignError::Failed(unspecified.to_string())),
            PrivateKey::Ed25519(key) => Ok(key.sign(base).as_ref().to_vec()),
        }
    }
}

impl fmt::Debug for FileSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileSigner")
            .field("algorithm", &self.algorithm())
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

/// Verifies signatures of one key by that key's own algorithm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyingKey {
    algorithm: Algorithm,
    raw: Vec<u8>,
}

impl VerifyingKey {
    /// Takes a raw public key: 32 bytes for Ed25519, an uncompressed point of 65 bytes for P-256.
    ///
    /// # Errors
    /// [`KeyError`] when the form is wrong. A point that is not on the curve verifies nothing.
    pub fn new(algorithm: Algorithm, raw_public_key: &[u8]) -> Result<Self, KeyError> {
        let expected = match algorithm {
            Algorithm::EcdsaP256Sha256 => P256_POINT_BYTES,
            Algorithm::Ed25519 => ED25519_KEY_BYTES,
        };
        if raw_public_key.len() != expected {
            return Err(KeyError::Length {
                algorithm,
                length: raw_public_key.len(),
            });
        }
        if algorithm == Algorithm::EcdsaP256Sha256 && raw_public_key.first() != Some(&UNCOMPRESSED)
        {
            return Err(KeyError::Compressed);
        }
        Ok(Self {
            algorithm,
            raw: raw_public_key.to_vec(),
        })
    }

    /// Returns the key's algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Returns the raw public key.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// Verifies a signature over a base.
    ///
    /// # Errors
    /// [`VerifyError`] when the signature is not one of this key over exactly these bytes.
    ///
    /// Standard: RFC 9421 §3.3.4, §3.3.6.
    pub fn verify(&self, base: &[u8], signature: &[u8]) -> Result<(), VerifyError> {
        if signature.len() != self.algorithm.signature_length() {
            let (algorithm, length) = (self.algorithm, signature.len());
            return Err(VerifyError::Length { algorithm, length });
        }
        match self.algorithm {
            Algorithm::EcdsaP256Sha256 => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &self.raw).verify(base, signature)
            }
            Algorithm::Ed25519 => {
                UnparsedPublicKey::new(&ED25519, &self.raw).verify(base, signature)
            }
        }
        .or(Err(VerifyError::Mismatch))
    }
}

#[cfg(test)]
mod tests;
