//! TLS 1.3 to a PostgreSQL server whose certificate is good under one authority.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::client::Resumption;
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_rustls::{TlsConnector, client};

use super::bounded::{Bound, Bounded};

/// What the driver speaks TLS with, if it does.
#[derive(Clone)]
pub(crate) struct Tls {
    config: Option<Arc<ClientConfig>>,
    bound: Bound,
}

impl Tls {
    /// No TLS: for sockets.
    pub(crate) fn none() -> Self {
        let bound = Bound::of(u64::MAX);
        Self {
            config: None,
            bound,
        }
    }

    /// TLS under the authority with this certificate, in DER.
    pub(crate) fn under(root: &[u8]) -> Result<Self, rustls::Error> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_slice(root))?;
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_root_certificates(roots)
            .with_no_client_auth();
        // A resumed session would skip the look at the certificate.
        config.resumption = Resumption::disabled();
        let config = Some(Arc::new(config));
        Ok(Self {
            config,
            ..Self::none()
        })
    }

    /// The same for a connection whose messages are bounded.
    pub(super) fn bounded(&self, bound: &Bound) -> Self {
        let (config, bound) = (self.config.clone(), bound.clone());
        Self { config, bound }
    }

    /// Whether there is TLS.
    pub(crate) fn is_some(&self) -> bool {
        self.config.is_some()
    }
}

/// Makes TLS over one connection.
pub(crate) struct Connect {
    config: Option<Arc<ClientConfig>>,
    name: Option<ServerName<'static>>,
    bound: Bound,
}

/// A connection with TLS.
pub(crate) struct Stream<S>(Bounded<client::TlsStream<S>>);

type Connecting<S> = Pin<Box<dyn Future<Output = io::Result<Stream<S>>> + Send>>;

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> MakeTlsConnect<S> for Tls {
    type Stream = Stream<S>;
    type TlsConnect = Connect;
    type Error = io::Error;

    fn make_tls_connect(&mut self, host: &str) -> io::Result<Connect> {
        let name = match &self.config {
            Some(_) => Some(ServerName::try_from(host.to_owned()).map_err(io::Error::other)?),
            None => None,
        };
        let (config, bound) = (self.config.clone(), self.bound.clone());
        Ok(Connect {
            config,
            name,
            bound,
        })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> TlsConnect<S> for Connect {
    type Stream = Stream<S>;
    type Error = io::Error;
    type Future = Connecting<S>;

    fn connect(self, stream: S) -> Connecting<S> {
        Box::pin(async move {
            let (Some(config), Some(name)) = (self.config, self.name) else {
                return Err(io::Error::other("a socket is reached without TLS"));
            };
            let connector = TlsConnector::from(config);
            let stream = connector.connect(name, stream).await?;
            Ok(Stream(self.bound.over(stream)))
        })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream for Stream<S> {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Stream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Stream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
