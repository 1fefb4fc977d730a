//! A TLS key that signs where it lies: handshakes wait for it, the threads that carry exchanges do not.

use bridge_certs::{KeyAlgorithm, RemoteKey};
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::sign::{Signer, SigningKey};
use rustls::{Error, SignatureAlgorithm, SignatureScheme};
use tokio::runtime::{Handle, RuntimeFlavor};

/// The key of a TLS identity somewhere else.
#[derive(Debug, Clone)]
pub(super) struct RemoteSigning {
    key: RemoteKey,
    spki: Vec<u8>,
}

// === impl RemoteSigning ===

impl RemoteSigning {
    pub(super) fn new(key: RemoteKey) -> Self {
        let spki = key.spki();
        Self { key, spki }
    }

    pub(super) fn trouble(&self) -> Option<String> {
        self.key.trouble()
    }

    fn scheme_of_key(&self) -> SignatureScheme {
        match self.key.algorithm() {
            KeyAlgorithm::P256 => SignatureScheme::ECDSA_NISTP256_SHA256,
            KeyAlgorithm::Ed25519 => SignatureScheme::ED25519,
            KeyAlgorithm::P384 | KeyAlgorithm::Rsa { .. } => SignatureScheme::Unknown(0),
        }
    }
}

impl SigningKey for RemoteSigning {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let taken = offered.contains(&self.scheme_of_key());
        taken.then(|| Box::new(self.clone()) as Box<dyn Signer>)
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        Some(self.spki.as_slice().into())
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        match self.key.algorithm() {
            KeyAlgorithm::Ed25519 => SignatureAlgorithm::ED25519,
            KeyAlgorithm::P256 | KeyAlgorithm::P384 => SignatureAlgorithm::ECDSA,
            KeyAlgorithm::Rsa { .. } => SignatureAlgorithm::RSA,
        }
    }
}

impl Signer for RemoteSigning {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let sign = || self.key.sign(message);
        // What else this thread would carry goes on in another one meanwhile.
        let runtime = Handle::try_current().map(|handle| handle.runtime_flavor());
        let signed = if matches!(runtime, Ok(RuntimeFlavor::MultiThread)) {
            tokio::task::block_in_place(sign)
        } else {
            sign()
        };
        signed.map_err(|error| Error::General(error.to_string()))
    }

    fn scheme(&self) -> SignatureScheme {
        self.scheme_of_key()
    }
}
