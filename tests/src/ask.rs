//! An information system that asks its node.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::agency::Agency;
use crate::answer::Answer;
use crate::wait::BOUND;

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// A request of an information system. By default it comes over TLS with the system's certificate, as its subsystem.
#[derive(Debug)]
pub struct Ask<'a> {
    agency: &'a Agency,
    method: Method,
    target: String,
    fields: HeaderMap,
    body: Body,
    certificate: Option<String>,
    plain: bool,
}

/// A body in several pieces, sent in chunks.
struct Chunks(std::vec::IntoIter<Bytes>);

impl http_body::Body for Chunks {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        std::task::Poll::Ready(self.0.next().map(|piece| Ok(http_body::Frame::data(piece))))
    }
}

// === impl Agency ===

impl Agency {
    /// Starts a request of the agency's information system to its own node.
    pub fn ask(&self, method: &str, target: &str) -> Ask<'_> {
        let mut fields = HeaderMap::new();
        fields.insert(
            "x-road-client",
            HeaderValue::try_from(self.subsystem.to_string()).unwrap(),
        );
        Ask {
            agency: self,
            method: method.parse().unwrap(),
            target: target.to_owned(),
            fields,
            body: Empty::new().boxed_unsync(),
            certificate: Some("callers/system".to_owned()),
            plain: false,
        }
    }

    /// GET.
    pub fn get(&self, target: &str) -> Ask<'_> {
        self.ask("GET", target)
    }

    /// Sends bytes to the plain listener and returns all that comes back until the node closes. `{key}` stands for the API key
    /// and the client.
    pub async fn raw(&self, bytes: &str) -> String {
        let known = format!(
            "Bridge-Api-Key: {}\r\nX-Road-Client: {}",
            self.api_key, self.subsystem
        );
        self.raw_bytes(bytes.replace("{key}", &known).as_bytes())
            .await
    }

    /// As [`Agency::raw`], and closes its own direction afterwards.
    pub async fn raw_cut(&self, text: &str) -> String {
        let known = format!(
            "Bridge-Api-Key: {}\r\nX-Road-Client: {}",
            self.api_key, self.subsystem
        );
        let mut stream = dial(self.ports.plain).await.unwrap();
        stream
            .write_all(text.replace("{key}", &known).as_bytes())
            .await
            .unwrap();
        stream.shutdown().await.unwrap();
        let mut got = Vec::new();
        drop(
            tokio::time::timeout(BOUND, stream.read_to_end(&mut got))
                .await
                .expect("the node closes"),
        );
        String::from_utf8_lossy(&got).into_owned()
    }

    /// Sends bytes as they are.
    pub async fn raw_bytes(&self, bytes: &[u8]) -> String {
        let mut stream = dial(self.ports.plain).await.unwrap();
        // A node that refuses may close before it has read everything.
        drop(stream.write_all(bytes).await);
        let mut got = Vec::new();
        drop(
            tokio::time::timeout(BOUND, stream.read_to_end(&mut got))
                .await
                .expect("the node closes"),
        );
        String::from_utf8_lossy(&got).into_owned()
    }

    /// Asks the health listener.
    pub async fn health(&self, path: &str) -> Option<Answer> {
        health_of(self.ports.health, path).await
    }

    /// A TLS connection to the consumer interface.
    ///
    /// # Errors
    ///
    /// What the handshake says.
    pub async fn tls(&self, certificate: Option<&str>) -> std::io::Result<TlsStream<TcpStream>> {
        self.tls_over(dial(self.ports.consumer).await?, certificate)
            .await
    }

    /// The same over a connection that was made otherwise.
    ///
    /// # Errors
    ///
    /// What the handshake says.
    pub async fn tls_over(
        &self,
        tcp: TcpStream,
        certificate: Option<&str>,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let config = self.client_config(certificate);
        let name = ServerName::try_from("127.0.0.1").unwrap();
        TlsConnector::from(Arc::new(config))
            .connect(name, tcp)
            .await
    }

    /// How an information system connects to the consumer interface, with a certificate of this agency or without one.
    pub fn client_config(&self, certificate: Option<&str>) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        let anchors = self.folder.parent().unwrap().join("authority/root.pem");
        for der in bridge_certs::read_pem_certificates(&anchors).unwrap() {
            roots.add(CertificateDer::from(der)).unwrap();
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(roots);
        let Some(stem) = certificate else {
            return builder.with_no_client_auth();
        };
        let stem = self.folder.join(stem);
        let chain = bridge_certs::read_pem_certificates(&stem.with_extension("pem")).unwrap();
        let key = bridge_certs::read_key_file(&stem.with_extension("key")).unwrap();
        let chain = chain.into_iter().map(CertificateDer::from).collect();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.to_vec()));
        builder.with_client_auth_cert(chain, key).unwrap()
    }
}

// === impl Ask ===

impl Ask<'_> {
    /// Sets a field.
    #[must_use]
    pub fn field(mut self, name: &str, value: &str) -> Self {
        self.fields.insert(
            HeaderName::try_from(name).unwrap(),
            HeaderValue::try_from(value).unwrap(),
        );
        self
    }

    /// Adds another line of a field.
    #[must_use]
    pub fn another(mut self, name: &str, value: &str) -> Self {
        self.fields.append(
            HeaderName::try_from(name).unwrap(),
            HeaderValue::try_from(value).unwrap(),
        );
        self
    }

    /// Leaves a field out.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.fields.remove(name);
        self
    }

    /// Sends a body with its length.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = Full::new(body.into()).boxed_unsync();
        self
    }

    /// Sends a body in chunks.
    #[must_use]
    pub fn chunks(mut self, pieces: Vec<Bytes>) -> Self {
        self.body = Chunks(pieces.into_iter()).boxed_unsync();
        self
    }

    /// Shows this certificate of the agency, or none.
    #[must_use]
    pub fn certificate(mut self, stem: Option<&str>) -> Self {
        self.certificate = stem.map(str::to_owned);
        self
    }

    /// Calls with the API key and no certificate.
    #[must_use]
    pub fn by_key(self) -> Self {
        let key = self.agency.api_key.clone();
        self.certificate(None).field("bridge-api-key", &key)
    }

    /// Goes over the plain listener.
    #[must_use]
    pub fn plain(mut self) -> Self {
        self.plain = true;
        self
    }

    /// Sends it.
    pub async fn send(self) -> Answer {
        self.try_send().await.expect("the node answers")
    }

    /// Sends it to a node that may not answer.
    ///
    /// # Errors
    ///
    /// What the connection says.
    pub async fn try_send(self) -> Result<Answer, Box<dyn std::error::Error + Send + Sync>> {
        let mut request = Request::builder()
            .method(self.method)
            .uri(&self.target)
            .body(self.body)?;
        *request.headers_mut() = self.fields;
        request
            .headers_mut()
            .insert("host", HeaderValue::from_static("node.local"));
        if self.plain {
            return exchange(dial(self.agency.ports.plain).await?, request).await;
        }
        let stream = self.agency.tls(self.certificate.as_deref()).await?;
        exchange(stream, request).await
    }
}

/// A connection that sends what it is given at once.
///
/// As most clients do. Else what follows a small piece lies until that is acknowledged, which may take the other side's
/// kernel 40 ms.
///
/// # Errors
///
/// What the system says.
pub async fn dial(address: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Asks a health listener; `None` if nobody answers.
pub async fn health_of(address: SocketAddr, path: &str) -> Option<Answer> {
    let stream = dial(address).await.ok()?;
    let request = Request::get(path)
        .header("host", "health")
        .body(Empty::<Bytes>::new().boxed_unsync());
    exchange(stream, request.unwrap()).await.ok()
}

async fn exchange<S>(
    stream: S,
    request: Request<Body>,
) -> Result<Answer, Box<dyn std::error::Error + Send + Sync>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let whole = async {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let driver = tokio::spawn(connection);
        let (parts, body) = sender.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        driver.abort();
        Ok(Answer::checked(parts.status.as_u16(), parts.headers, body))
    };
    tokio::time::timeout(BOUND, whole).await?
}
