//! A node whose strings the scenario pulls: it holds a member's real keys and says whatever it is told.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bridge_core::envelope::{LABEL, Tag, params, request_components};
use bridge_signature::{
    Algorithm, Component, FileSigner, Message, Params, RequestView, Signer as _,
    content_digest_field, content_digest_of, signature_base, signature_fields,
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring as ring_provider, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use uuid::Uuid;

use crate::agency::{Agency, random};
use crate::answer::Answer;
use crate::ask::dial;
use crate::wait::{BOUND, now_s};

pub mod log;
pub mod server;

/// A member's keys in the scenario's hands.
#[derive(Debug)]
pub struct Puppet {
    /// Signs.
    pub signer: FileSigner,
    /// Folder and stem of the TLS identity it shows.
    pub tls: PathBuf,
    /// The subsystem it speaks for.
    pub client: String,
    /// The receipt that its answers bear.
    pub receipt: String,
}

/// A request that a puppet sends.
#[derive(Debug)]
pub struct Forged {
    /// Method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// The node it is addressed to.
    pub authority: String,
    /// Fields, without signature and digest.
    pub fields: HeaderMap,
    /// Body.
    pub body: Bytes,
    /// Parameters of the signature.
    pub params: Params,
    /// Components that the signature leaves out.
    pub uncovered: Vec<&'static str>,
}

/// A signed request; what is changed now is not covered.
#[derive(Debug, Clone)]
pub struct Sent {
    /// Method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// The `Host` field.
    pub host: String,
    /// All fields.
    pub fields: HeaderMap,
    /// Body.
    pub body: Bytes,
}

// === impl Puppet ===

impl Puppet {
    /// Takes the keys of an agency.
    pub fn of(agency: &Agency) -> Self {
        let origin = agency.entry.nodes[0].journal.split('+').next().unwrap();
        Self {
            signer: signer(&agency.folder.join("keys/exchange")),
            tls: agency.folder.join("keys/tls"),
            client: agency.subsystem.to_string(),
            receipt: format!("{origin}#0:{}", URL_SAFE_NO_PAD.encode([0; 32])),
        }
    }

    /// A good request to a node under a contract, unsigned yet.
    pub fn request(&self, to: &Agency, target: &str, contract: &str) -> Forged {
        let mut forged = Forged {
            method: "GET".to_owned(),
            target: target.to_owned(),
            authority: to.authority().to_owned(),
            fields: HeaderMap::new(),
            body: Bytes::new(),
            params: self.params(Tag::Request, now_s()),
            uncovered: Vec::new(),
        };
        let id = Uuid::new_v4().to_string();
        for (name, value) in [
            ("x-road-client", self.client.as_str()),
            ("x-road-id", "message-1"),
            ("x-road-request-id", &id),
            ("bridge-contract", contract),
            ("bridge-version", "1"),
        ] {
            forged.set(name, value);
        }
        forged
    }

    /// Parameters with a fresh nonce.
    pub fn params(&self, tag: Tag, created_s: u64) -> Params {
        let nonce: [u8; 16] = random()[..16].try_into().unwrap();
        params(
            tag,
            self.signer.key_id(),
            self.signer.algorithm(),
            created_s,
            &nonce,
        )
    }

    /// Signs a request.
    pub fn sign(&self, forged: Forged) -> Sent {
        let Forged {
            method,
            target,
            authority,
            mut fields,
            body,
            params,
            uncovered,
        } = forged;
        fields
            .entry("content-digest")
            .or_insert(content_digest_field(&content_digest_of(&body)));
        let view = RequestView {
            method: &method,
            target: &target,
            authority: &authority,
            scheme: "https",
            fields: &fields,
        };
        let covered: Vec<Component<'_>> = request_components(&fields)
            .into_iter()
            .filter(|component| !uncovered.contains(&component.name()))
            .collect();
        let base = signature_base(&Message::Request(view), &covered, &params).unwrap();
        let signature = self.signer.sign(base.bytes()).unwrap();
        let (input, value) = signature_fields(LABEL, &base, &signature);
        fields.insert("signature-input", input);
        fields.insert("signature", value);
        Sent {
            method,
            target,
            host: authority,
            fields,
            body,
        }
    }

    /// Opens a connection with the puppet's TLS identity.
    ///
    /// # Errors
    ///
    /// What the handshake says. In TLS 1.3 a refused client learns it only when it reads.
    pub async fn connect(&self, to: SocketAddr) -> std::io::Result<TlsStream<TcpStream>> {
        self.connect_as(to, &[b"bridge/1"]).await
    }

    /// Opens a connection that offers these protocols.
    ///
    /// # Errors
    ///
    /// As [`Puppet::connect`].
    pub async fn connect_as(
        &self,
        to: SocketAddr,
        protocols: &[&[u8]],
    ) -> std::io::Result<TlsStream<TcpStream>> {
        connect(self.client_config(protocols), to).await
    }

    /// How it connects: with its TLS identity, to anyone.
    pub fn client_config(&self, protocols: &[&[u8]]) -> ClientConfig {
        let provider = Arc::new(ring_provider::default_provider());
        let (chain, key) = identity(&self.tls);
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anyone(provider)))
            .with_client_auth_cert(chain, key)
            .unwrap();
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        config
    }

    /// Signs, sends, and returns the answer.
    pub async fn ask(&self, to: &Agency, forged: Forged) -> Answer {
        self.send(to, self.sign(forged)).await
    }

    /// Sends what was signed.
    pub async fn send(&self, to: &Agency, sent: Sent) -> Answer {
        self.try_send(to, sent).await.expect("the node answers")
    }

    /// Sends to a node that may not answer.
    ///
    /// # Errors
    ///
    /// What the connection says.
    pub async fn try_send(
        &self,
        to: &Agency,
        sent: Sent,
    ) -> Result<Answer, Box<dyn std::error::Error + Send + Sync>> {
        over(self.connect(to.ports.peer).await?, sent).await
    }
}

/// Sends over an open connection.
///
/// # Errors
///
/// What the connection says.
pub async fn over(
    stream: TlsStream<TcpStream>,
    sent: Sent,
) -> Result<Answer, Box<dyn std::error::Error + Send + Sync>> {
    let whole = async {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let driver = tokio::spawn(connection);
        let mut request = Request::builder()
            .method(sent.method.as_str())
            .uri(&sent.target)
            .body(Full::new(sent.body))?;
        *request.headers_mut() = sent.fields;
        request
            .headers_mut()
            .insert("host", HeaderValue::try_from(sent.host)?);
        let (parts, body) = sender.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        driver.abort();
        Ok(Answer::checked(parts.status.as_u16(), parts.headers, body))
    };
    tokio::time::timeout(BOUND, whole).await?
}

// === impl Forged ===

impl Forged {
    /// Sets a field before signing.
    pub fn set(&mut self, name: &str, value: &str) {
        self.fields.insert(
            HeaderName::try_from(name).unwrap(),
            HeaderValue::try_from(value).unwrap(),
        );
    }

    /// As if it had been made at this time.
    pub fn created(&mut self, unix_s: u64) {
        self.params.created = Some(unix_s);
        self.params.expires = Some(unix_s + 60);
    }

    /// The nonce.
    pub fn nonce(&mut self, nonce: [u8; 16]) {
        self.params.nonce = Some(URL_SAFE_NO_PAD.encode(nonce));
    }
}

/// The exchange key of a folder.
pub fn signer(stem: &Path) -> FileSigner {
    let certificate = bridge_certs::read_pem_certificates(&stem.with_extension("pem"))
        .unwrap()
        .swap_remove(0);
    let key = bridge_certs::read_key_file(&stem.with_extension("key")).unwrap();
    let key_id = URL_SAFE_NO_PAD.encode(ring::digest::digest(&ring::digest::SHA256, &certificate));
    // The provider's key is of the one kind, all others of the other.
    FileSigner::from_pkcs8(Algorithm::Ed25519, &key, key_id.clone())
        .or_else(|_other| FileSigner::from_pkcs8(Algorithm::EcdsaP256Sha256, &key, key_id))
        .unwrap()
}

/// The contract's reference in an agency's folder.
pub fn reference(agency: &Agency, id: &str) -> String {
    let bytes = std::fs::read(agency.folder.join("contracts").join(format!("{id}.json"))).unwrap();
    bridge_core::contract::load(&bytes)
        .unwrap()
        .reference()
        .to_owned()
}

/// Certificates and key of a TLS identity.
pub fn identity(stem: &Path) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let chain = bridge_certs::read_pem_certificates(&stem.with_extension("pem")).unwrap();
    let key = bridge_certs::read_key_file(&stem.with_extension("key")).unwrap();
    let chain = chain.into_iter().map(CertificateDer::from).collect();
    (
        chain,
        PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.to_vec())),
    )
}

async fn connect(config: ClientConfig, to: SocketAddr) -> std::io::Result<TlsStream<TcpStream>> {
    let tcp = dial(to).await?;
    let name = ServerName::try_from("puppet.invalid").unwrap();
    TlsConnector::from(Arc::new(config))
        .connect(name, tcp)
        .await
}

/// Believes every server.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _leaf: &CertificateDer<'_>,
        _issuers: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("TLS 1.2 is not offered".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
