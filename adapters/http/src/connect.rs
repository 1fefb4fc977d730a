//! Connections to the registry, plain or with TLS 1.3 and one pinned certificate.

use std::sync::Arc;

use bridge_adapter::{Body, Fault};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientConfig, Resumption};
use rustls::crypto::{CryptoProvider, ring, verify_tls13_signature};
use rustls::{CertificateError, DigitallySignedStruct, PeerIncompatible, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::base::Base;

/// The most bytes of an answer's head.
const HEAD_LIMIT_BYTES: usize = 64 * 1024;
/// The most header fields of an answer.
const FIELDS_LIMIT: usize = 128;

/// Makes connections.
#[derive(Debug)]
pub(crate) struct Connector {
    pub(crate) base: Base,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
}

/// Why there is no connection.
type Failure = Box<dyn std::error::Error + Send + Sync>;

impl Connector {
    pub(crate) fn new(base: Base, pin: Option<&[u8]>) -> Result<Self, Fault> {
        let tls = match (base.tls, pin) {
            (false, None) => None,
            (true, Some(pin)) => Some(tls_to(&base.host, pin)?),
            (true, None) => {
                let remedy = "name the registry's certificate in pinned_certificate";
                return Err(Fault::new(
                    "no-pin",
                    "base_url",
                    "is https without a pinned certificate",
                    remedy,
                ));
            }
            (false, Some(_)) => {
                let remedy = "write https://, or remove pinned_certificate";
                return Err(Fault::new(
                    "pin-without-tls",
                    "base_url",
                    "is http with a pinned certificate",
                    remedy,
                ));
            }
        };
        Ok(Self { base, tls })
    }

    /// Makes a connection and gives its driver to the runtime.
    pub(crate) async fn connect(&self) -> Result<SendRequest<Body>, Failure> {
        let stream = self.open().await?;
        match &self.tls {
            None => handshake(stream).await,
            Some((config, name)) => {
                let connector = TlsConnector::from(Arc::clone(config));
                handshake(connector.connect(name.clone(), stream).await?).await
            }
        }
    }

    async fn open(&self) -> Result<TcpStream, Failure> {
        let stream = TcpStream::connect((self.base.host.as_str(), self.base.port)).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

async fn handshake<S>(stream: S) -> Result<SendRequest<Body>, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = http1::Builder::new();
    builder
        .max_header_size(HEAD_LIMIT_BYTES)
        .max_headers(FIELDS_LIMIT);
    let (sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            // Calls that are affected learn it themselves.
            tracing::debug!(%error, "a connection to the registry ended");
        }
    });
    Ok(sender)
}

fn tls_to(host: &str, pin: &[u8]) -> Result<(Arc<ClientConfig>, ServerName<'static>), Fault> {
    let fault = |problem: String| {
        Fault::new(
            "tls",
            "base_url",
            problem,
            "correct host and pinned_certificate",
        )
    };
    let name = ServerName::try_from(host.to_owned()).map_err(|error| fault(error.to_string()))?;
    let provider = Arc::new(ring::default_provider());
    let pinned = Pinned {
        certificate: pin.to_vec(),
        provider: Arc::clone(&provider),
    };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| fault(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(pinned))
        .with_no_client_auth();
    // A resumed session would skip the look at the certificate.
    config.resumption = Resumption::disabled();
    Ok((Arc::new(config), name))
}

/// Accepts one certificate, byte by byte, and the holder of its key.
#[derive(Debug)]
struct Pinned {
    certificate: Vec<u8>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _issuers: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if certificate.as_ref() == self.certificate {
            return Ok(ServerCertVerified::assertion());
        }
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(PeerIncompatible::ServerDoesNotSupportTls12Or13.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
