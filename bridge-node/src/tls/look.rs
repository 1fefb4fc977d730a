//! A handshake that lets anybody in, so that an operator can be told who answers. Nothing is sent over it.

use std::sync::Arc;

use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::verifier::PinnedLater;
use super::{TlsIdentity, peer_client_with, provider};

/// What the other end showed. It holds the key of the first certificate; nothing else is judged.
#[derive(Debug)]
pub struct Shown {
    /// Certificates, leaf first.
    pub chain: Vec<CertificateDer<'static>>,
    /// The application protocol it chose.
    pub protocol: Option<Vec<u8>>,
}

/// Shakes hands and hangs up.
///
/// # Errors
///
/// What the handshake says.
pub async fn dangerous_look(identity: &TlsIdentity, tcp: TcpStream) -> std::io::Result<Shown> {
    let verifier = Arc::new(PinnedLater::new(provider()));
    let config = peer_client_with(identity, verifier).map_err(std::io::Error::other)?;
    let name = ServerName::try_from("bridge.invalid").map_err(std::io::Error::other)?;
    let stream = TlsConnector::from(Arc::new(config))
        .connect(name, tcp)
        .await?;
    let session = stream.get_ref().1;
    Ok(Shown {
        chain: session
            .peer_certificates()
            .unwrap_or_default()
            .iter()
            .map(|one| one.clone().into_owned())
            .collect(),
        protocol: session.alpn_protocol().map(<[u8]>::to_vec),
    })
}
