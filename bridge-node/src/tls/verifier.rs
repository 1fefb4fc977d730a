//! The certificate verifiers that rustls asks during a handshake.

use std::sync::Arc;

use bridge_certs::{CertificateError as Fault, Profile, Trust};
use bridge_core::identity::{CertificateName, NodeId};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, PeerMisbehaved,
    SignatureScheme,
};

/// Judges another node's certificate: chain, dates, key usage, exactly one identity and, where the peer is known
/// beforehand, its name and key pin.
#[derive(Debug)]
pub struct PeerVerifier {
    trust: Arc<Trust>,
    provider: Arc<CryptoProvider>,
    expected: Option<(NodeId, Vec<[u8; 32]>)>,
}

/// Asks for a certificate and checks only that the other side holds its key. Of information systems: which certificate
/// may call as whom is a setting, judged per request. Of nodes that are only looked at.
#[derive(Debug)]
pub(super) struct PinnedLater {
    provider: Arc<CryptoProvider>,
}

/// The peer showed a good certificate of someone else.
#[derive(Debug, thiserror::Error)]
#[error("the certificate belongs to another node or its key is not the one in the directory")]
struct AnotherNode;

// === impl PeerVerifier ===

impl PeerVerifier {
    /// Accepts any node with a good chain; who it is, is looked up after the handshake.
    pub(super) fn any(trust: Arc<Trust>, provider: Arc<CryptoProvider>) -> Self {
        Self {
            trust,
            provider,
            expected: None,
        }
    }

    /// Accepts one node only, by name and SHA-256 of its public key.
    pub fn exactly(trust: Arc<Trust>, node: NodeId, pins: Vec<[u8; 32]>) -> Self {
        Self {
            trust,
            provider: super::provider(),
            expected: Some((node, pins)),
        }
    }

    fn check(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        let intermediates: Vec<Vec<u8>> = intermediates.iter().map(|c| c.to_vec()).collect();
        let checked = self
            .trust
            .check_once(leaf, &intermediates, Profile::Tls, now.as_secs())
            .map_err(|fault| Error::InvalidCertificate(as_rustls(fault)))?;
        let Some((node, pins)) = &self.expected else {
            return Ok(());
        };
        let named = checked.name.as_ref() == Some(&CertificateName::Node(node.clone()));
        if named && pins.contains(&checked.spki_sha256) {
            return Ok(());
        }
        Err(Error::InvalidCertificate(CertificateError::Other(
            OtherError(Arc::new(AnotherNode)),
        )))
    }
}

fn as_rustls(fault: Fault) -> CertificateError {
    CertificateError::Other(OtherError(Arc::new(fault)))
}

macro_rules! signatures_by_provider {
    () => {
        fn verify_tls12_signature(
            &self,
            _message: &[u8],
            _cert: &CertificateDer<'_>,
            _dss: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            // TLS 1.2 is not offered, so this is never asked of an honest peer.
            Err(Error::PeerMisbehaved(
                PeerMisbehaved::SelectedUnofferedCertCompression,
            ))
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            cert: &CertificateDer<'_>,
            dss: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            verify_tls13_signature(
                message,
                cert,
                dss,
                &self.provider.signature_verification_algorithms,
            )
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.provider
                .signature_verification_algorithms
                .supported_schemes()
        }
    };
}

impl ServerCertVerifier for PeerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.check(end_entity, intermediates, now)?;
        Ok(ServerCertVerified::assertion())
    }

    signatures_by_provider!();
}

impl ClientCertVerifier for PeerVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.check(end_entity, intermediates, now)?;
        Ok(ClientCertVerified::assertion())
    }

    signatures_by_provider!();
}

// === impl PinnedLater ===

impl PinnedLater {
    pub(super) fn new(provider: Arc<CryptoProvider>) -> Self {
        Self { provider }
    }
}

impl ServerCertVerifier for PinnedLater {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    signatures_by_provider!();
}

impl ClientCertVerifier for PinnedLater {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    signatures_by_provider!();
}
