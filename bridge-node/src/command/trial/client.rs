//! An information system of a trial: a plain HTTP client, over TLS with its certificate or with an API key.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::world::{Agency, World};
use crate::command::Failure;
use crate::tls::TlsIdentity;

/// An answer, read whole.
#[derive(Debug)]
pub(in crate::command) struct Answer {
    pub(in crate::command) status: u16,
    pub(in crate::command) fields: HeaderMap,
    pub(in crate::command) body: Bytes,
}

/// One query.
#[derive(Debug, Clone, Copy)]
pub(in crate::command) struct Query<'a> {
    pub(in crate::command) path: &'a str,
    pub(in crate::command) purpose: Option<&'a str>,
    pub(in crate::command) basis: Option<&'a str>,
}

const ANSWER_LIMIT: usize = 16 * 1024 * 1024;

// === impl Answer ===

impl Answer {
    pub(in crate::command) fn field(&self, name: &str) -> &str {
        self.fields
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    pub(in crate::command) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

// === impl Query ===

impl Query<'_> {
    /// The fields besides the credential.
    fn fields(self, agency: &Agency) -> Vec<(&'static str, String)> {
        let mut fields = vec![("X-Road-Client", agency.client())];
        fields.extend(
            self.purpose
                .map(|purpose| ("Bridge-Purpose", purpose.to_owned())),
        );
        fields.extend(
            self.basis
                .map(|basis| ("Bridge-Legal-Basis", basis.to_owned())),
        );
        fields
    }

    /// The request as curl would send it over TLS, with the system's certificate.
    pub(in crate::command) fn as_curl(self, world: &World, agency: &Agency) -> String {
        let folder = agency.folder.display();
        let fields: Vec<String> = self
            .fields(agency)
            .iter()
            .map(|(name, value)| format!("-H '{name}: {value}'"))
            .collect();
        format!(
            "curl --cacert {}/trust/anchors.pem --cert {folder}/callers/system.pem --key {folder}/callers/system.key {} https://{}{}",
            world.folder.display(),
            fields.join(" "),
            agency.ports.consumer,
            self.path
        )
    }

    /// Sends it over TLS with the system's certificate.
    pub(in crate::command) async fn by_certificate(
        self,
        world: &World,
        agency: &Agency,
    ) -> Result<Answer, Failure> {
        let stream = connect(agency.ports.consumer).await?;
        let config = tls(world, agency)?;
        let name = ServerName::from(agency.ports.consumer.ip());
        let tls = TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
            .map_err(|error| Failure::failed("TLS", &error))?;
        send(tls, agency.ports.consumer, self.path, &self.fields(agency)).await
    }

    /// Sends it over loopback without TLS, with the system's API key.
    pub(in crate::command) async fn by_key(self, agency: &Agency) -> Result<Answer, Failure> {
        let stream = connect(agency.ports.plain).await?;
        let mut fields = self.fields(agency);
        fields.push(("Bridge-Api-Key", agency.api_key.clone()));
        send(stream, agency.ports.plain, self.path, &fields).await
    }
}

/// Asks for a path.
pub(in crate::command) async fn get(address: SocketAddr, path: &str) -> Result<Answer, Failure> {
    let stream = connect(address).await?;
    send(stream, address, path, &[]).await
}

async fn connect(address: SocketAddr) -> Result<TcpStream, Failure> {
    TcpStream::connect(address)
        .await
        .map_err(|error| Failure::failed(&address.to_string(), &error))
}

fn tls(world: &World, agency: &Agency) -> Result<ClientConfig, Failure> {
    let failed = |error: rustls::Error| Failure::failed("TLS", &error);
    let mut roots = RootCertStore::empty();
    let anchors = bridge_certs::read_pem_certificates(&world.folder.join("trust/anchors.pem"))
        .map_err(|error| Failure::failed("anchors", &error))?;
    for anchor in anchors {
        roots.add(CertificateDer::from(anchor)).map_err(failed)?;
    }
    let identity = TlsIdentity::read(&agency.folder.join("callers"), "system")
        .map_err(|error| Failure::failed("system's certificate", &error))?;
    crate::tls::system_client(roots, &identity).map_err(|error| Failure::failed("TLS", &error))
}

async fn send<S>(
    stream: S,
    host: SocketAddr,
    path: &str,
    fields: &[(&str, String)],
) -> Result<Answer, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut request = Request::get(path).header("host", host.to_string());
    for (name, value) in fields {
        request = request.header(*name, value);
    }
    let request = request
        .body(Full::default())
        .map_err(|error| Failure::failed("request", &error))?;
    exchange(stream, request).await
}

/// Sends a request on a connection of its own and reads the answer whole.
pub(in crate::command) async fn exchange<S>(
    stream: S,
    request: Request<Full<Bytes>>,
) -> Result<Answer, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let failed = |error: &dyn std::error::Error| Failure::failed("request", error);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| failed(&error))?;
    let driver = tokio::spawn(connection);
    let response = sender
        .send_request(request)
        .await
        .map_err(|error| failed(&error))?;
    let (parts, body) = response.into_parts();
    let body = Limited::new(body, ANSWER_LIMIT)
        .collect()
        .await
        .map_err(|error| Failure::Failed(format!("answer: {error}")))?
        .to_bytes();
    driver.abort();
    Ok(Answer {
        status: parts.status.as_u16(),
        fields: parts.headers,
        body,
    })
}
