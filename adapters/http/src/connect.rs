//! Connections to the registry, plain or with TLS.

use std::sync::Arc;

use bridge_adapter::{Body, Fault};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::client::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::base::Base;
use crate::config::TlsConfig;
use crate::trust;

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
    /// Makes connections to a base. `place` is where its address stands in the settings.
    pub(crate) fn new(base: Base, tls: &TlsConfig, place: &str) -> Result<Self, Fault> {
        let trusts = tls.pinned_certificate.is_some() || !tls.ca_certificates.is_empty();
        let tls = match (base.tls, trusts) {
            (false, false) if tls.client.is_none() => None,
            (true, true) => Some(tls_to(&base.host, tls, place)?),
            (true, false) => {
                let remedy = "name its certificate in pinned_certificate, or its authorities in ca_certificates";
                let problem = "is https, and nothing says whom to trust there";
                return Err(Fault::new("no-pin", place, problem, remedy));
            }
            (false, _) => {
                let remedy = "write https://, or remove the certificates";
                let problem = "is http with certificates";
                return Err(Fault::new("pin-without-tls", place, problem, remedy));
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

fn tls_to(
    host: &str,
    tls: &TlsConfig,
    place: &str,
) -> Result<(Arc<ClientConfig>, ServerName<'static>), Fault> {
    let fault = |problem: String| {
        Fault::new(
            "tls",
            place,
            problem,
            "correct the host or the certificate files",
        )
    };
    let name = ServerName::try_from(host.to_owned()).map_err(|error| fault(error.to_string()))?;
    Ok((trust::client_config(tls).map_err(fault)?, name))
}
