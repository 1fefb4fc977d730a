//! A real time-stamping authority: OpenSSL answers, behind a small web server that can be told to answer otherwise.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll};

use bridge_certs::stamp::Question;
use bridge_certs::{Authority, Profile};
use bridge_node::command::OpenSslAuthority;
use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::agency::issue_for;
use crate::ahead::Ahead;

/// The policy that it stamps under.
pub const POLICY: &str = OpenSslAuthority::POLICY;
const DAY_S: u64 = 86_400;

/// What the authority does with a question.
#[derive(Debug, Clone)]
pub enum Does {
    /// Stamps.
    Stamps,
    /// Answers with a status, a type and a body.
    Answers(u16, &'static str, Bytes),
    /// Redirects to another address.
    Redirects(String),
    /// Answers without an end.
    Endless,
    /// Never answers.
    Nothing,
}

/// The type of a good answer.
pub const REPLY: &str = "application/timestamp-reply";

/// The authority.
#[derive(Clone, Debug)]
pub struct TimeAuthority {
    /// Where it listens.
    pub address: SocketAddr,
    openssl: Arc<OpenSslAuthority>,
    secure: bool,
    does: Arc<Mutex<Does>>,
    asked: Arc<Mutex<Vec<Bytes>>>,
    /// Its clock, if that is not the system's.
    ahead: Arc<OnceLock<Ahead>>,
}

type Body = UnsyncBoxBody<Bytes, Infallible>;

// === impl TimeAuthority ===

impl TimeAuthority {
    /// Makes its key and certificate in a folder and starts to listen.
    pub async fn start(folder: &Path, authority: &Authority, now_s: u64) -> Self {
        Self::start_with(folder, authority, now_s, false).await
    }

    /// As [`TimeAuthority::start`], over TLS as `localhost`.
    pub async fn start_secure(folder: &Path, authority: &Authority, now_s: u64) -> Self {
        Self::start_with(folder, authority, now_s, true).await
    }

    async fn start_with(folder: &Path, authority: &Authority, now_s: u64, secure: bool) -> Self {
        let dates = (now_s - DAY_S, now_s + 300 * DAY_S);
        issue_for(authority, Profile::Web, None, &folder.join("web"), dates);
        let openssl = OpenSslAuthority::make(folder, authority, dates).unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let new = Self {
            address: listener.local_addr().unwrap(),
            openssl: Arc::new(openssl),
            secure,
            does: Arc::new(Mutex::new(Does::Stamps)),
            asked: Arc::default(),
            ahead: Arc::default(),
        };
        tokio::spawn(new.clone().serve(listener, secure.then(|| tls(folder))));
        new
    }

    /// What it does from now on.
    pub fn does(&self, does: Does) {
        *lock(&self.does) = does;
    }

    /// Goes by this clock from now on.
    pub fn follow(&self, ahead: &Ahead) {
        self.ahead.set(ahead.clone()).unwrap();
    }

    /// The questions so far.
    pub fn asked(&self) -> Vec<Bytes> {
        lock(&self.asked).clone()
    }

    /// An entry of `[[time.authorities]]`.
    pub fn entry(&self) -> String {
        let port = self.address.port();
        if self.secure {
            return format!(
                "[[time.authorities]]\nurl = \"https://localhost:{port}/stamp\"\nanchors = \"../anchors.pem\"\n"
            );
        }
        format!("[[time.authorities]]\nurl = \"http://127.0.0.1:{port}/stamp\"\n")
    }

    /// Answers a question as OpenSSL does.
    pub fn stamp(&self, question: &[u8]) -> Bytes {
        let openssl = Ahead::openssl(self.ahead.get());
        self.openssl.stamp_by(openssl, question).unwrap()
    }

    /// Stamps an imprint for whoever has it, at the time that it is on its clock.
    pub fn stamp_imprint(&self, imprint: [u8; 32]) -> Bytes {
        let question = Question {
            imprint,
            nonce: 1,
            policy: None,
        };
        self.stamp(&question.to_der())
    }

    async fn serve(self, listener: TcpListener, tls: Option<TlsAcceptor>) {
        while let Ok((stream, _)) = listener.accept().await {
            let (own, tls) = (self.clone(), tls.clone());
            tokio::spawn(async move {
                let Some(tls) = tls else {
                    return own.speak(stream).await;
                };
                // Whoever does not trust this server leaves before there is a stream.
                let Ok(stream) = tls.accept(stream).await else {
                    return;
                };
                own.speak(stream).await;
            });
        }
    }

    async fn speak<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(self, stream: S) {
        let answer = service_fn(move |request| {
            let own = self.clone();
            async move { Ok::<_, Infallible>(own.answer(request).await) }
        });
        let speaking = http1::Builder::new().serve_connection(TokioIo::new(stream), answer);
        // Whoever asked may leave at any time.
        drop(speaking.await);
    }

    async fn answer(self, request: Request<Incoming>) -> Response<Body> {
        assert_eq!(
            request.headers().get("content-type").unwrap(),
            "application/timestamp-query"
        );
        let question = request.into_body().collect().await.unwrap().to_bytes();
        lock(&self.asked).push(question.clone());
        let does = lock(&self.does).clone();
        let whole = |status: u16, kind: &str, body: Bytes| {
            let response = Response::builder().status(status);
            let body = Full::new(body).boxed_unsync();
            response.header("content-type", kind).body(body).unwrap()
        };
        match does {
            Does::Stamps => {
                let stamping = tokio::task::spawn_blocking(move || self.stamp(&question));
                whole(200, REPLY, stamping.await.unwrap())
            }
            Does::Answers(status, kind, body) => whole(status, kind, body),
            Does::Redirects(to) => {
                let mut response = whole(302, REPLY, Bytes::new());
                response
                    .headers_mut()
                    .insert("location", to.parse().unwrap());
                response
            }
            Does::Endless => {
                let response = Response::builder().header("content-type", REPLY);
                response.body(Endless.boxed_unsync()).unwrap()
            }
            Does::Nothing => std::future::pending().await,
        }
    }
}

/// A body that never ends.
struct Endless;

impl http_body::Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[0; 1024])))))
    }
}

/// TLS as `localhost`, by the certificate `web` in a folder.
pub(crate) fn tls(folder: &Path) -> TlsAcceptor {
    let chain = bridge_certs::read_pem_certificates(&folder.join("web.pem")).unwrap();
    let chain = chain.into_iter().map(CertificateDer::from).collect();
    let key = bridge_certs::read_key_file(&folder.join("web.key")).unwrap();
    let key = PrivateKeyDer::Pkcs8(key.to_vec().into());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

fn lock<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}
