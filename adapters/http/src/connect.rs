//! Connections to the registry, plain or with TLS.

use std::sync::Arc;

use bridge_adapter::Fault;
use bridge_adapter::connection::Connection;
use rustls::client::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::base::Base;
use crate::config::TlsConfig;
use crate::trust;

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

    /// Makes a connection.
    pub(crate) async fn connect(&self) -> Result<Connection, Failure> {
        let stream = self.open().await?;
        Ok(match &self.tls {
            None => Connection::over(stream).await?,
            Some((config, name)) => {
                let connector = TlsConnector::from(Arc::clone(config));
                Connection::over(connector.connect(name.clone(), stream).await?).await?
            }
        })
    }

    async fn open(&self) -> Result<TcpStream, Failure> {
        let stream = TcpStream::connect((self.base.host.as_str(), self.base.port)).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
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
