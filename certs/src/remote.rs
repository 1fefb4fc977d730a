//! Private keys that no file holds: they sign where they lie, such as on a token.

use std::fmt;
use std::sync::Arc;

use bridge_signature::{Algorithm, SignError, Signer};
use rcgen::{PublicKeyData, SignatureAlgorithm, SigningKey};

use crate::asn1::{SEQUENCE, write, write_digits};
use crate::certificate::KeyAlgorithm;

/// A private key somewhere else. Signing may wait for it: call it where blocking is allowed.
#[derive(Clone)]
pub struct RemoteKey {
    signer: Arc<dyn Signer>,
    public_key: Vec<u8>,
}

impl fmt::Debug for RemoteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RemoteKey({})", self.algorithm())
    }
}

// === impl RemoteKey ===

impl RemoteKey {
    /// What signs, and its public half: 32 bytes of Ed25519, or an uncompressed point.
    pub fn new(signer: Arc<dyn Signer>, public_key: Vec<u8>) -> Self {
        Self { signer, public_key }
    }

    /// Its algorithm, as certificates name it.
    pub fn algorithm(&self) -> KeyAlgorithm {
        match self.signer.algorithm() {
            Algorithm::EcdsaP256Sha256 => KeyAlgorithm::P256,
            Algorithm::Ed25519 => KeyAlgorithm::Ed25519,
        }
    }

    /// The public half, as certificates carry it.
    pub fn public_key(&self) -> &[u8] {
        &self.public_key
    }

    /// The public half with its algorithm, DER.
    ///
    /// Standard: RFC 5280 §4.1.2.7.
    pub fn spki(&self) -> Vec<u8> {
        self.subject_public_key_info()
    }

    /// What stands in the way of its use, as far as is known without trying.
    pub fn trouble(&self) -> Option<String> {
        self.signer.trouble()
    }

    /// Signs in the form that certificates and TLS have: of ECDSA, DER.
    ///
    /// # Errors
    ///
    /// [`SignError::Failed`] when the key can't be used now.
    ///
    /// Standard: RFC 3279 §2.2.3.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        let signature = self.signer.sign(message)?;
        match self.signer.algorithm() {
            Algorithm::Ed25519 => Ok(signature),
            Algorithm::EcdsaP256Sha256 => {
                let (r, s) = signature.split_at(signature.len() / 2);
                Ok(write(SEQUENCE, &[&write_digits(r), &write_digits(s)]))
            }
        }
    }
}

impl PublicKeyData for RemoteKey {
    fn der_bytes(&self) -> &[u8] {
        &self.public_key
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        match self.signer.algorithm() {
            Algorithm::EcdsaP256Sha256 => &rcgen::PKCS_ECDSA_P256_SHA256,
            Algorithm::Ed25519 => &rcgen::PKCS_ED25519,
        }
    }
}

impl SigningKey for RemoteKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let signature = RemoteKey::sign(self, message);
        signature.map_err(|_failed| rcgen::Error::RemoteKeyError)
    }
}

#[cfg(test)]
mod tests {
    use bridge_signature::FileSigner;
    use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};

    use super::*;
    use crate::authority::NewKey;
    use crate::request::OwnKey;

    fn remote(kind: NewKey) -> RemoteKey {
        let pair = rcgen::KeyPair::generate_for(kind.algorithm()).unwrap();
        let pkcs8 = pair.serialize_der();
        let key = [Algorithm::EcdsaP256Sha256, Algorithm::Ed25519]
            .into_iter()
            .find_map(|one| FileSigner::from_pkcs8(one, &pkcs8, String::new()).ok());
        let key = key.unwrap();
        let public_key = key.public_key().to_vec();
        RemoteKey::new(Arc::new(key), public_key)
    }

    /// r and s begin with zeros, or with a bit that would be a sign, in one signature of two hundred: all forms are met.
    #[test]
    fn every_signature_of_p256_is_der() {
        let key = remote(NewKey::P256);
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key.public_key());
        for turn in 0..2000_u32 {
            let message = turn.to_be_bytes();
            let signature = key.sign(&message).unwrap();
            public.verify(&message, &signature).unwrap();
        }
    }

    #[test]
    fn its_public_half_is_what_a_certificate_would_carry() {
        for (kind, algorithm) in [
            (NewKey::P256, KeyAlgorithm::P256),
            (NewKey::Ed25519, KeyAlgorithm::Ed25519),
        ] {
            let key = remote(kind);
            let (read, public_key) = crate::certificate::key::read(&key.spki()).unwrap();
            assert_eq!((read, &*public_key), (algorithm, key.public_key()));
            assert_eq!(OwnKey::remote(key).public_key(), public_key);
        }
    }
}
