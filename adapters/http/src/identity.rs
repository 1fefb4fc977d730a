//! The client certificate that is shown to a registry, read again when its files change.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::crypto::CryptoProvider;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::ClientFiles;
use crate::files::{self, Stamp};

/// The most bytes of a chain.
const CHAIN_LIMIT_BYTES: u64 = 256 * 1024;

/// A certificate and its key, as they are in their files.
#[derive(Debug)]
pub(crate) struct Identity {
    files: ClientFiles,
    provider: Arc<CryptoProvider>,
    held: Mutex<Held>,
}

#[derive(Debug)]
struct Held {
    key: Arc<CertifiedKey>,
    /// The state of the files that was looked at last, whether or not they were good.
    seen: Stamps,
}

type Stamps = (Option<Stamp>, Option<Stamp>);

impl Identity {
    /// Reads the files, or says what is wrong with them.
    pub(crate) fn open(files: ClientFiles, provider: Arc<CryptoProvider>) -> Result<Self, String> {
        let seen = stamps(&files);
        let key = Arc::new(load(&files, &provider)?);
        Ok(Self {
            files,
            provider,
            held: Mutex::new(Held { key, seen }),
        })
    }

    /// The pair in force: a new one is taken if it is whole, else the one before stays.
    fn current(&self) -> Arc<CertifiedKey> {
        let now = stamps(&self.files);
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if now != held.seen {
            match load(&self.files, &self.provider) {
                Ok(key) => {
                    tracing::info!(
                        code = "client_certificate_changed",
                        "a registry is shown a new certificate"
                    );
                    held.key = Arc::new(key);
                }
                Err(problem) => tracing::warn!(
                    code = "client_certificate_broken",
                    problem,
                    "the new client certificate is not used; the one before still is"
                ),
            }
            held.seen = now;
        }
        Arc::clone(&held.key)
    }
}

impl ResolvesClientCert for Identity {
    fn resolve(
        &self,
        _issuers: &[&[u8]],
        schemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        let key = self.current();
        key.key.choose_scheme(schemes).is_some().then_some(key)
    }

    fn has_certs(&self) -> bool {
        true
    }
}

fn stamps(files: &ClientFiles) -> Stamps {
    (Stamp::of(&files.certificate), Stamp::of(&files.key))
}

fn load(files: &ClientFiles, provider: &CryptoProvider) -> Result<CertifiedKey, String> {
    let chain = files::read(&files.certificate, CHAIN_LIMIT_BYTES)?;
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&chain)
        .collect::<Result<_, _>>()
        .map_err(|_cause| format!("{} is not PEM", files.certificate.display()))?;
    let key = files::read_private(&files.key)?;
    let key = PrivateKeyDer::from_pem_slice(&key)
        .map_err(|_cause| format!("{} holds no private key in PEM", files.key.display()))?;
    if chain.is_empty() {
        return Err(format!(
            "{} holds no certificate",
            files.certificate.display()
        ));
    }
    // Says also whether the two belong together.
    CertifiedKey::from_der(chain, key, provider)
        .map_err(|error| format!("{}: {error}", files.certificate.display()))
}
