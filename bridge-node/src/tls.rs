//! TLS as this node speaks it: version 1.3 only, certificates on both sides, no resumption, tickets or early data.
//!
//! Resumption is off because a resumed session skips the certificate check. Chains are judged by [`bridge_certs::Trust`];
//! who the other side *is* follows from its only identity and the key pin in the directory, never from a host name.
//!
//! Standard: RFC 8446 §4.4.2.

use std::path::Path;
use std::sync::Arc;

use bridge_certs::{Checked, KeyFileError, Profile, Trust, read_pem_certificates};
use rustls::client::Resumption;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::NoServerSessionStorage;
use rustls::sign::{CertifiedKey, SigningKey, SingleCertAndKey};
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::keys::{Keys, PrivateKey};
use crate::own::OwnFiles;
use crate::token;

mod look;
mod remote;
mod verifier;

use remote::RemoteSigning;

pub use look::{Shown, dangerous_look};
pub use verifier::PeerVerifier;

/// The one application protocol between nodes.
pub const ALPN: &[u8] = b"bridge/1";

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The key file.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// The certificate file.
    #[error("{0}")]
    Certificate(String),
    /// rustls refuses the pair.
    #[error("certificate and key do not make a TLS identity")]
    Tls(#[from] rustls::Error),
}

/// A certificate chain with its key.
#[derive(Debug)]
pub struct TlsIdentity {
    /// Leaf first.
    pub chain: Vec<CertificateDer<'static>>,
    key: TlsKey,
}

#[derive(Debug)]
enum TlsKey {
    Held(PrivateKeyDer<'static>),
    Remote(Arc<RemoteSigning>),
}

impl Clone for TlsIdentity {
    fn clone(&self) -> Self {
        Self {
            chain: self.chain.clone(),
            key: match &self.key {
                TlsKey::Held(key) => TlsKey::Held(key.clone_key()),
                TlsKey::Remote(key) => TlsKey::Remote(Arc::clone(key)),
            },
        }
    }
}

// === impl TlsIdentity ===

impl TlsIdentity {
    /// Reads `{name}.pem` and `{name}.key` from the keys folder.
    ///
    /// # Errors
    ///
    /// [`TlsError`] names the file and what is wrong with it.
    pub fn read(folder: &Path, name: &str) -> Result<Self, TlsError> {
        let files = OwnFiles {
            certificates: format!("{name}.pem"),
            key: format!("{name}.key"),
        };
        Self::of(&Keys::new(folder.to_path_buf(), None), &files)
    }

    /// As [`TlsIdentity::read`], from these of a node's keys.
    ///
    /// # Errors
    ///
    /// [`TlsError`] names the file and what is wrong with it.
    pub fn of(keys: &Keys, files: &OwnFiles) -> Result<Self, TlsError> {
        let path = keys.path(&files.certificates);
        let chain = read_pem_certificates(&path)
            .map_err(|error| TlsError::Certificate(crate::chain(&error)))?;
        if chain.is_empty() {
            return Err(TlsError::Certificate(format!(
                "{}: no certificate",
                path.display()
            )));
        }
        let key = match keys.key(&files.key)? {
            PrivateKey::Held(key) => {
                TlsKey::Held(PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.to_vec())))
            }
            PrivateKey::Token(key) => {
                TlsKey::Remote(Arc::new(RemoteSigning::new(token::remote(key.yielding()))))
            }
        };
        Ok(Self {
            chain: chain.into_iter().map(CertificateDer::from).collect(),
            key,
        })
    }

    /// What stands in the way of its key's use, as far as is known without trying.
    pub fn trouble(&self) -> Option<String> {
        match &self.key {
            TlsKey::Held(_) => None,
            TlsKey::Remote(key) => key.trouble(),
        }
    }

    /// Chain and key as rustls takes them, if they belong together.
    fn shown(&self) -> Result<Arc<SingleCertAndKey>, rustls::Error> {
        let certified = match &self.key {
            TlsKey::Held(key) => {
                CertifiedKey::from_der(self.chain.clone(), key.clone_key(), &provider())?
            }
            TlsKey::Remote(key) => {
                let key: Arc<dyn SigningKey> = Arc::<RemoteSigning>::clone(key);
                let certified = CertifiedKey::new(self.chain.clone(), key);
                certified.keys_match()?;
                certified
            }
        };
        Ok(Arc::new(SingleCertAndKey::from(certified)))
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// The server side towards other nodes.
///
/// # Errors
///
/// [`TlsError::Tls`] if certificate and key do not fit.
pub fn peer_server(identity: &TlsIdentity, trust: Arc<Trust>) -> Result<ServerConfig, TlsError> {
    let verifier = Arc::new(PeerVerifier::any(trust, provider()));
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(identity.shown()?);
    forbid_resumption(&mut config);
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(config)
}

/// The server side towards information systems: a client certificate is asked for, and judged per request.
///
/// # Errors
///
/// [`TlsError::Tls`] if certificate and key do not fit.
pub fn consumer_server(identity: &TlsIdentity) -> Result<ServerConfig, TlsError> {
    let verifier = Arc::new(verifier::PinnedLater::new(provider()));
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(identity.shown()?);
    forbid_resumption(&mut config);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// The client side towards one node, whose name and key pins the directory gives.
///
/// # Errors
///
/// [`TlsError::Tls`] if certificate and key do not fit.
pub fn peer_client(
    identity: &TlsIdentity,
    verifier: PeerVerifier,
) -> Result<ClientConfig, TlsError> {
    peer_client_with(identity, Arc::new(verifier))
}

fn peer_client_with(
    identity: &TlsIdentity,
    verifier: Arc<dyn ServerCertVerifier>,
) -> Result<ClientConfig, TlsError> {
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_client_cert_resolver(identity.shown()?);
    config.resumption = Resumption::disabled();
    config.enable_early_data = false;
    config.enable_sni = false;
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(config)
}

/// The client side towards web servers that are no nodes: known by name, under the authorities of a PEM file.
///
/// # Errors
///
/// [`TlsError::Certificate`] if the file holds none, or something else than authorities; [`TlsError::Tls`] if rustls refuses
/// the settings.
pub fn web_client(anchors: &Path) -> Result<Arc<ClientConfig>, TlsError> {
    let in_file = |error: &dyn std::error::Error| {
        TlsError::Certificate(format!("{}: {}", anchors.display(), crate::chain(error)))
    };
    let mut roots = RootCertStore::empty();
    for certificate in read_pem_certificates(anchors).map_err(|error| in_file(&error))? {
        let added = roots.add(certificate.into());
        added.map_err(|error| in_file(&error))?;
    }
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

fn forbid_resumption(config: &mut ServerConfig) {
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
}

/// Who the other side of an accepted connection is, by the certificates it showed.
///
/// # Errors
///
/// The certificate does not hold; rustls judged it once already, so this is a certificate that expired in between.
pub fn peer_of(
    trust: &Trust,
    certificates: &[CertificateDer<'_>],
    now_s: u64,
) -> Result<Arc<Checked>, bridge_certs::CertificateError> {
    let (leaf, rest) = certificates
        .split_first()
        .map_or((&[][..], &[][..]), |(l, r)| (&l[..], r));
    let intermediates: Vec<Vec<u8>> = rest.iter().map(|c| c.to_vec()).collect();
    trust.check_once(leaf, &intermediates, Profile::Tls, now_s)
}

/// The client side of an information system that shows its certificate to the consumer interface.
///
/// # Errors
///
/// [`TlsError::Tls`] if certificate and key do not fit.
pub fn system_client(
    roots: RootCertStore,
    identity: &TlsIdentity,
) -> Result<ClientConfig, TlsError> {
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .with_root_certificates(roots)
        .with_client_cert_resolver(identity.shown()?);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
