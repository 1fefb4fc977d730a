//! A puppet that answers: a node of the directory which says what the scenario wants.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bridge_core::envelope::{LABEL, Tag, answer_components};
use bridge_core::fields::request_hash;
use bridge_signature::{
    AnswerView, Message, Params, RequestView, Signer as _, content_digest_field, content_digest_of,
    signature_base, signature_fields,
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, ServerConfig, SignatureScheme};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::{Anyone, Puppet, identity};
use crate::act::{Step, act, read_head};
use crate::registry::fields_of;
use crate::wait::now_s;

/// A request as a puppet got it.
#[derive(Debug, Clone)]
pub struct Got {
    /// Method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Fields.
    pub fields: HeaderMap,
    /// Body.
    pub body: Bytes,
}

/// An answer under construction.
#[derive(Debug)]
pub struct Draft {
    /// Status.
    pub status: u16,
    /// Fields, without signature and digest.
    pub fields: HeaderMap,
    /// Body.
    pub body: Bytes,
    /// Parameters of the signature.
    pub params: Params,
    /// The request that the signature is bound to.
    pub to: Got,
}

/// Makes an answer of a request.
pub type Answering = Arc<dyn Fn(&Got) -> Response<Full<Bytes>> + Send + Sync>;

/// Makes the steps of an answer of a request.
pub type Acting = Arc<dyn Fn(&Got) -> Vec<Step> + Send + Sync>;

/// Makes the bytes of an answer of a request.
pub type Writing = Arc<dyn Fn(&Got) -> Vec<u8> + Send + Sync>;

/// What a puppet does with a connection.
#[derive(Clone)]
pub enum Behaviour {
    /// Answers each request with what the function makes of it.
    Answer(Answering),
    /// Reads a head, sends these bytes as they are, closes.
    Raw(Vec<u8>),
    /// Answers as the function says, whole head and half a body, and closes.
    Half(Answering),
    /// Does for the first request what the function makes of it, and closes.
    Acts(Acting),
    /// Writes for each request the bytes that the function makes of it.
    Written(Writing),
    /// Closes after the TLS handshake.
    CloseAtOnce,
}

/// A listening puppet.
#[derive(Debug)]
pub struct Listening {
    /// Where.
    pub address: SocketAddr,
    accepted: Arc<AtomicUsize>,
}

impl std::fmt::Debug for Behaviour {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Behaviour")
    }
}

// === impl Listening ===

impl Listening {
    /// TLS connections so far.
    pub fn connections(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }
}

// === impl Got ===

impl Got {
    fn view<'a>(&'a self, authority: &'a str) -> RequestView<'a> {
        RequestView {
            method: &self.method,
            target: &self.target,
            authority,
            scheme: "https",
            fields: &self.fields,
        }
    }

    fn text(&self, name: &str) -> &str {
        self.fields
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

// === impl Draft ===

impl Draft {
    /// Sets a field before signing.
    pub fn set(&mut self, name: &str, value: &str) {
        self.fields.insert(
            HeaderName::try_from(name).unwrap(),
            HeaderValue::try_from(value).unwrap(),
        );
    }
}

// === impl Puppet ===

impl Puppet {
    /// A good answer to a request, unsigned yet.
    pub fn answer(&self, got: &Got, status: u16, body: &str) -> Draft {
        let sha512 = ring::digest::digest(&ring::digest::SHA512, &got.body);
        let sha512: &[u8; 64] = sha512.as_ref().try_into().unwrap();
        let hash = request_hash(
            &got.method,
            &got.target,
            &got.fields,
            (!got.body.is_empty()).then_some(sha512),
        );
        let service = got
            .target
            .split('?')
            .next()
            .unwrap()
            .split('/')
            .skip(2)
            .take(5);
        let fields = fields_of(&[
            ("content-type", "application/json"),
            ("x-road-client", got.text("x-road-client")),
            ("x-road-service", &service.collect::<Vec<_>>().join("/")),
            ("x-road-id", got.text("x-road-id")),
            ("x-road-request-id", got.text("x-road-request-id")),
            ("x-road-request-hash", &hash),
            ("bridge-version", "1"),
            ("bridge-peer-receipt", &self.receipt),
        ]);
        Draft {
            status,
            fields,
            body: Bytes::from(body.to_owned()),
            params: self.params(Tag::Answer, now_s()),
            to: got.clone(),
        }
    }

    /// Signs an answer.
    pub fn sign_answer(&self, draft: Draft) -> Response<Full<Bytes>> {
        let Draft {
            status,
            mut fields,
            body,
            params,
            to,
        } = draft;
        fields
            .entry("content-digest")
            .or_insert(content_digest_field(&content_digest_of(&body)));
        let host = to.text("host").to_owned();
        let view = AnswerView {
            status,
            fields: &fields,
            request: to.view(&host),
        };
        let covered = answer_components(&fields);
        let base = signature_base(&Message::Answer(view), &covered, &params).unwrap();
        let signature = self.signer.sign(base.bytes()).unwrap();
        let (input, value) = signature_fields(LABEL, &base, &signature);
        fields.insert("signature-input", input);
        fields.insert("signature", value);
        let mut response = Response::new(Full::new(body));
        *response.status_mut() = status.try_into().unwrap();
        *response.headers_mut() = fields;
        response
    }

    /// Listens with the puppet's TLS identity.
    pub async fn listen(&self, behaviour: Behaviour) -> Listening {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let (chain, key) = identity(&self.tls);
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_client_cert_verifier(Arc::new(AnyClient(Anyone(provider))))
            .with_single_cert(chain, key)
            .unwrap();
        config.alpn_protocols = vec![b"bridge/1".to_vec()];
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let accepted = Arc::new(AtomicUsize::new(0));
        let listening = Listening {
            address: listener.local_addr().unwrap(),
            accepted: Arc::clone(&accepted),
        };
        let acceptor = TlsAcceptor::from(Arc::new(config));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let turn = turn(
                    acceptor.clone(),
                    stream,
                    behaviour.clone(),
                    Arc::clone(&accepted),
                );
                tokio::spawn(turn);
            }
        });
        listening
    }
}

async fn turn(
    acceptor: TlsAcceptor,
    stream: TcpStream,
    behaviour: Behaviour,
    accepted: Arc<AtomicUsize>,
) {
    if let Ok(tls) = acceptor.accept(stream).await {
        accepted.fetch_add(1, Ordering::SeqCst);
        behave(tls, behaviour).await;
    }
}

async fn behave(mut tls: tokio_rustls::server::TlsStream<TcpStream>, behaviour: Behaviour) {
    match behaviour {
        Behaviour::CloseAtOnce => {
            drop(tls.shutdown().await);
        }
        Behaviour::Raw(bytes) => {
            if read_head(&mut tls).await.is_some() {
                drop(tls.write_all(&bytes).await);
                drop(tls.shutdown().await);
            }
        }
        Behaviour::Half(function) => {
            if let Some(head) = read_head(&mut tls).await {
                let bytes = half(function(&got_of(&head))).await;
                drop(tls.write_all(&bytes).await);
                drop(tls.shutdown().await);
            }
        }
        Behaviour::Acts(function) => {
            if let Some(head) = read_head(&mut tls).await {
                act(&mut tls, &function(&got_of(&head))).await;
            }
        }
        Behaviour::Written(function) => {
            while let Some(head) = read_head(&mut tls).await {
                let bytes = function(&got_of(&head));
                if tls.write_all(&bytes).await.is_err() || tls.flush().await.is_err() {
                    return;
                }
            }
        }
        Behaviour::Answer(function) => {
            let service = service_fn(move |request: Request<Incoming>| {
                let function = Arc::clone(&function);
                async move {
                    let (parts, body) = request.into_parts();
                    let body = body
                        .collect()
                        .await
                        .map_or_else(|_cut| Bytes::new(), http_body_util::Collected::to_bytes);
                    let got = Got {
                        method: parts.method.to_string(),
                        target: parts.uri.to_string(),
                        fields: parts.headers,
                        body,
                    };
                    Ok::<_, Infallible>(function(&got))
                }
            });
            let served = http1::Builder::new()
                .auto_date_header(false)
                .serve_connection(TokioIo::new(tls), service);
            drop(served.await);
        }
    }
}

fn got_of(head: &str) -> Got {
    let mut lines = head.split("\r\n");
    let mut first = lines.next().unwrap().split(' ');
    let fields = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| {
            (
                HeaderName::try_from(name).unwrap(),
                HeaderValue::try_from(value).unwrap(),
            )
        });
    Got {
        method: first.next().unwrap().to_owned(),
        target: first.next().unwrap().to_owned(),
        fields: fields.collect(),
        body: Bytes::new(),
    }
}

async fn half(response: Response<Full<Bytes>>) -> Vec<u8> {
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let mut bytes = format!(
        "HTTP/1.1 {} X\r\nContent-Length: {}\r\n",
        parts.status.as_u16(),
        body.len()
    );
    for (name, value) in &parts.headers {
        for part in [name.as_str(), ": ", value.to_str().unwrap(), "\r\n"] {
            bytes.push_str(part);
        }
    }
    bytes.push_str("\r\n");
    let mut bytes = bytes.into_bytes();
    bytes.extend_from_slice(&body[..body.len() / 2]);
    bytes
}

/// Believes every client.
#[derive(Debug)]
struct AnyClient(Anyone);

impl ClientCertVerifier for AnyClient {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _leaf: &CertificateDer<'_>,
        _issuers: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, Error> {
        rustls::client::danger::ServerCertVerifier::verify_tls12_signature(
            &self.0,
            message,
            certificate,
            signature,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, Error> {
        rustls::client::danger::ServerCertVerifier::verify_tls13_signature(
            &self.0,
            message,
            certificate,
            signature,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        rustls::client::danger::ServerCertVerifier::supported_verify_schemes(&self.0)
    }
}
