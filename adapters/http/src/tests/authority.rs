//! An authority that issues certificates, and servers that demand them.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::RootCertStore;
use rustls::server::WebPkiClientVerifier;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::config::ClientFiles;

pub(super) struct Authority {
    pub(super) der: CertificateDer<'static>,
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

pub(super) struct Issued {
    pub(super) der: CertificateDer<'static>,
    key: KeyPair,
    pem: String,
}

impl Authority {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self {
            der: certificate.der().clone(),
            pem: certificate.pem(),
            issuer: Issuer::new(params, key),
        }
    }

    pub(super) fn pem(&self) -> &str {
        &self.pem
    }

    pub(super) fn issue(&self, name: &str) -> Issued {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Issued {
            der: certificate.der().clone(),
            key,
            pem: certificate.pem(),
        }
    }

    /// A server with a certificate for `name` that lets in who has one of this authority.
    pub(super) fn acceptor(&self, name: &str, demands: bool) -> TlsAcceptor {
        let own = self.issue(name);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone()).unwrap();
        let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        let builder = if demands {
            builder.with_client_cert_verifier(clients.build().unwrap())
        } else {
            builder.with_no_client_auth()
        };
        let key = PrivateKeyDer::Pkcs8(own.key.serialize_der().into());
        Arc::new(builder.with_single_cert(vec![own.der], key).unwrap()).into()
    }
}

impl Issued {
    /// Writes certificate and key where a node would find them.
    pub(super) fn write(&self, folder: &Path) -> ClientFiles {
        let files = ClientFiles {
            certificate: folder.join("client.pem"),
            key: folder.join("client.key"),
        };
        replace(&files.key, &self.key.serialize_pem());
        replace(&files.certificate, &self.pem);
        files
    }
}

/// Puts a new file in the place of another at once, with the rights of a secret.
pub(super) fn replace(path: &PathBuf, text: &str) {
    let new = path.with_extension("new");
    std::fs::write(&new, text).unwrap();
    std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::rename(&new, path).unwrap();
}
