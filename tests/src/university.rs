//! The higher-education information system: an upstream that wants a client certificate and an access token.
//!
//! Its students are generated, the same each time. Transcripts bear its own signature, so that who holds one can show it
//! to others.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bridge_adapter::Package;
use bridge_adapter::openapi::{CheckedRequest, Checker, Mismatch};
use bridge_certs::{Authority, Profile};
use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use percent_encoding::percent_decode_str;
use ring::digest::{SHA256, digest};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::agency::issue;
use crate::package::folder;
use crate::wait::now_s;

/// How many students there are.
pub const STUDENTS: usize = 500;
/// The secret that the token service knows the node by, after the name `bridge`.
const SECRET: &str = "tələbə:2026";
/// What signs transcripts: a sample, so everybody may know it.
const SEED: [u8; 32] = [7; 32];
const LETTERS: &[u8] = b"0123456789ABCDEFGHJKLMNPQRSTUVWXYZ";
const LAST: [&str; 6] = [
    "Məmmədov",
    "Əliyeva",
    "Hüseynov",
    "Quliyeva",
    "İsmayılov",
    "Şirinova",
];
const FIRST: [&str; 6] = ["Orxan", "Günay", "Rəşad", "Nərmin", "Elçin", "Şəbnəm"];
const UNIVERSITIES: [&str; 4] = [
    "Xəzəryanı Universitet",
    "Şirvan Texniki Universiteti",
    "Qarabağ Tibb Akademiyası",
    "Gəncə Pedaqoji Universiteti",
];
const PROGRAMMES: [&str; 4] = [
    "Kompüter elmləri",
    "Mühasibat uçotu",
    "Müalicə işi",
    "Riyaziyyat müəllimliyi",
];
const COURSES: [&str; 6] = [
    "Riyazi analiz",
    "Azərbaycan dili",
    "Mülki müdafiə",
    "İqtisadiyyat",
    "Fəlsəfə",
    "Xarici dil",
];

/// A student as the system knows them.
#[derive(Debug, Clone)]
pub struct Student {
    number: usize,
    /// Personal code.
    pub fin: String,
}

/// The system.
#[derive(Debug, Clone)]
pub struct University {
    /// Where it listens.
    pub address: SocketAddr,
    folder: PathBuf,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    tokens: Mutex<BTreeSet<String>>,
    given: AtomicUsize,
    asked: AtomicUsize,
    strangers: AtomicUsize,
}

// === impl Student ===

impl Student {
    /// The student of a number.
    pub fn of(number: usize) -> Self {
        let letters =
            |at: usize| char::from(LETTERS[draw(&format!("fin/{number}/{at}"), LETTERS.len())]);
        let fin = (0..7).map(letters).collect();
        Self { number, fin }
    }

    fn draw(&self, what: &str, below: usize) -> usize {
        draw(&format!("{what}/{}", self.number), below)
    }

    fn pick(&self, what: &str, from: &[&'static str]) -> &'static str {
        from[self.draw(what, from.len())]
    }

    /// The number of the diploma; half of all have one.
    pub fn diploma(&self) -> Option<String> {
        let graduated = self.number.is_multiple_of(2);
        graduated.then(|| format!("AB-{:06}", 100_000 + self.number))
    }

    fn graduated_on(&self) -> String {
        format!(
            "{}-06-{:02}",
            2012 + self.draw("year", 14),
            15 + self.draw("day", 15)
        )
    }

    fn level(&self) -> &'static str {
        self.pick("level", &["bachelor", "master"])
    }

    /// What the transcript says, without its signature.
    pub fn record(&self) -> Value {
        let courses: Vec<Value> = COURSES
            .iter()
            .map(|title| {
                let grade = 51 + self.draw(title, 50);
                json!({ "title": title, "credits": 3 + self.draw(&format!("credits/{title}"), 5), "grade": grade })
            })
            .collect();
        let credits: u64 = courses
            .iter()
            .map(|own| own["credits"].as_u64().unwrap())
            .sum();
        let name = json!({ "last": self.pick("last", &LAST), "first": self.pick("first", &FIRST) });
        json!({
            "fin": self.fin, "name": name, "university": self.pick("university", &UNIVERSITIES),
            "programme": self.pick("programme", &PROGRAMMES), "level": self.level(),
            "courses": courses, "credits": credits,
        })
    }

    /// The transcript: the record, and the system's signature over its canonical text.
    pub fn transcript(&self) -> Value {
        let record = self.record();
        let signature = signing_key().sign(canonical(&record).as_bytes());
        let signature = json!({ "alg": "Ed25519", "key_id": "transcripts-2026", "value": STANDARD.encode(signature) });
        json!({ "record": record, "signature": signature })
    }

    /// Whether a diploma is this student's.
    pub fn checked(number: &str, fin: &str) -> Value {
        let found =
            students().find(|own| own.fin == fin && own.diploma().as_deref() == Some(number));
        match found {
            None => json!({ "number": number, "genuine": false }),
            Some(own) => json!({
                "number": number, "genuine": true, "level": own.level(),
                "university": own.pick("university", &UNIVERSITIES), "graduated_on": own.graduated_on(),
            }),
        }
    }

    /// What was paid for a year of study.
    pub fn tuition(&self, year: u64) -> Value {
        let due = if self.number.is_multiple_of(3) {
            0
        } else {
            100_000 * (15 + self.draw("due", 20))
        };
        let paid = [0, due / 2, due][self.draw(&format!("paid/{year}"), 3)];
        let state = match (due, paid) {
            (0, _) => "state-funded",
            (_, 0) => "unpaid",
            (due, paid) if due == paid => "paid",
            _ => "partly",
        };
        json!({ "fin": self.fin, "year": year, "due_qepik": due, "paid_qepik": paid, "state": state })
    }
}

/// All students.
pub fn students() -> impl Iterator<Item = Student> {
    (0..STUDENTS).map(Student::of)
}

/// Whether a transcript bears the system's signature.
pub fn is_signed(transcript: &Value) -> bool {
    let signature = transcript["signature"]["value"]
        .as_str()
        .unwrap_or_default();
    let signature = STANDARD.decode(signature).unwrap_or_default();
    let key = signing_key().public_key().as_ref().to_vec();
    let text = canonical(&transcript["record"]);
    UnparsedPublicKey::new(&ED25519, key)
        .verify(text.as_bytes(), &signature)
        .is_ok()
}

/// Members sorted, no spaces: however the text travelled, the same bytes are signed.
fn canonical(record: &Value) -> String {
    record.to_string()
}

fn signing_key() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&SEED).unwrap()
}

/// A number that depends on nothing but its name.
fn draw(what: &str, below: usize) -> usize {
    let hash = digest(&SHA256, what.as_bytes());
    let number = u32::from_be_bytes(hash.as_ref()[..4].try_into().unwrap());
    number as usize % below
}

// === impl University ===

impl University {
    /// Starts it with an authority of its own, which also issues the node's client certificate.
    pub async fn start(folder: &Path) -> Self {
        let now = now_s();
        let authority =
            Authority::create(&folder.join("authority"), "University", now - 86_400).unwrap();
        let anchors = format!("{}{}", authority.root_pem(), authority.issuing_pem());
        fs::write(folder.join("ca.pem"), anchors).unwrap();
        issue(&authority, Profile::Web, None, &folder.join("web"), now);
        issue(
            &authority,
            Profile::Caller,
            None,
            &folder.join("client"),
            now,
        );
        bridge_certs::write_key_file(&folder.join("secret"), b"").unwrap();
        fs::write(folder.join("secret"), format!("{SECRET}\n")).unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let new = Self {
            address: listener.local_addr().unwrap(),
            folder: folder.to_owned(),
            state: Arc::default(),
        };
        tokio::spawn(new.clone().serve(listener, acceptor(folder)));
        new
    }

    /// The provider's settings: its own are the address, the certificates and the secret.
    pub fn settings(&self, package: &Path, provider: &str) -> String {
        let (port, folder) = (self.address.port(), self.folder.display());
        format!(
            "[[services]]\nadapter = \"http\"\nsubsystem = \"{provider}\"\npublished = true\npackage = \"{}\"\n\
             [services.http]\nbase_url = \"https://localhost:{port}/api/{{service}}\"\n\
             ca_certificates = \"{folder}/ca.pem\"\nclient_certificate = \"{folder}/client.pem\"\nclient_key = \"{folder}/client.key\"\n\
             [services.http.oauth]\ntoken_url = \"https://localhost:{port}/token\"\nclient_id = \"bridge\"\n\
             client_secret_file = \"{folder}/secret\"\nscope = \"students.read\"\n",
            package.display()
        )
    }

    /// Makes every token given so far worthless.
    pub fn revoke(&self) {
        self.state.tokens.lock().unwrap().clear();
    }

    /// How many tokens were given, and how many requests came with a good one.
    pub fn counts(&self) -> (usize, usize) {
        let count = |number: &AtomicUsize| number.load(Ordering::SeqCst);
        (count(&self.state.given), count(&self.state.asked))
    }

    /// How many connections ended without a client certificate of the authority.
    pub fn strangers(&self) -> usize {
        self.state.strangers.load(Ordering::SeqCst)
    }

    async fn serve(self, listener: TcpListener, tls: TlsAcceptor) {
        while let Ok((stream, _)) = listener.accept().await {
            let (own, tls) = (self.clone(), tls.clone());
            tokio::spawn(async move {
                let Ok(stream) = tls.accept(stream).await else {
                    own.state.strangers.fetch_add(1, Ordering::SeqCst);
                    return;
                };
                let service = service_fn(|request| own.answer(request));
                // The node leaves when it likes.
                drop(
                    http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await,
                );
            });
        }
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, hyper::Error> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let credentials = parts.headers.get(header::AUTHORIZATION);
        let credentials = credentials
            .and_then(|own| own.to_str().ok())
            .unwrap_or_default();
        if parts.uri.path() == "/token" {
            return Ok(self.token(credentials, &body));
        }
        let token = credentials.strip_prefix("Bearer ").unwrap_or_default();
        if !self.state.tokens.lock().unwrap().contains(token) {
            return Ok(told(401, &json!({ "error": "invalid_token" })));
        }
        self.state.asked.fetch_add(1, Ordering::SeqCst);
        Ok(served(&parts, &body))
    }

    fn token(&self, credentials: &str, body: &[u8]) -> Response<Full<Bytes>> {
        // Each part is encoded before they are put together.
        let secret = "t%C9%99l%C9%99b%C9%99%3A2026";
        let expected = format!("Basic {}", STANDARD.encode(format!("bridge:{secret}")));
        if credentials != expected || body != b"grant_type=client_credentials&scope=students.read" {
            return told(401, &json!({ "error": "invalid_client" }));
        }
        let number = self.state.given.fetch_add(1, Ordering::SeqCst);
        let token = STANDARD.encode(digest(&SHA256, format!("token {number}").as_bytes()));
        self.state.tokens.lock().unwrap().insert(token.clone());
        told(
            200,
            &json!({ "access_token": token, "token_type": "Bearer", "expires_in": 3600 }),
        )
    }
}

fn served(head: &Parts, body: &[u8]) -> Response<Full<Bytes>> {
    if !is_sound(head, body) {
        return told(400, &json!({ "error": "bad-request" }));
    }
    let (method, uri) = (head.method.as_str(), &head.uri);
    let parts: Vec<&str> = uri.path().split('/').skip(2).collect();
    let student = |fin: &str| students().find(|own| own.fin == fin);
    let found = match (method, &*parts) {
        ("POST", ["diploma-check"]) => {
            let asked: Value = serde_json::from_slice(body).unwrap_or_default();
            let text = |name: &str| asked[name].as_str().unwrap_or_default().to_owned();
            Some(Student::checked(&text("number"), &text("fin")))
        }
        ("GET", ["transcript", fin]) => student(fin).map(|own| own.transcript()),
        ("GET", ["tuition-status", fin]) => {
            let year = uri.query().and_then(|query| query.strip_prefix("year="));
            let year = year.and_then(|year| year.parse().ok()).unwrap_or(2026);
            student(fin).map(|own| own.tuition(year))
        }
        _ => None,
    };
    match found {
        Some(found) => told(200, &found),
        None => told(404, &json!({ "error": "not-found" })),
    }
}

/// Whether a request for a path that there is keeps to the document: the system holds its own callers to it.
fn is_sound(head: &Parts, body: &[u8]) -> bool {
    static OPENAPI: LazyLock<Arc<Checker>> =
        LazyLock::new(|| Package::load(&folder("diplomas")).unwrap().openapi);
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let mut segments = head.uri.path().split('/').skip(2).map(decoded);
    let service = segments.next().unwrap_or_default();
    let pairs = head.uri.query().into_iter().flat_map(|own| own.split('&'));
    let query = pairs.map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(name), decoded(value))
    });
    let content_type = head.headers.get(header::CONTENT_TYPE);
    let checked = OPENAPI.check_request(&CheckedRequest {
        service: &service,
        method: head.method.as_str(),
        segments: &segments.collect::<Vec<_>>(),
        query: &query.collect::<Vec<_>>(),
        content_type: content_type.and_then(|value| value.to_str().ok()),
        body,
    });
    let is_read_one_way = body.is_empty() || bridge_core::json::read(body).is_ok();
    match checked {
        Ok(()) => is_read_one_way,
        Err(Mismatch::NoSuchPath | Mismatch::NoSuchMethod { .. }) => true,
        Err(_) => false,
    }
}

fn told(status: u16, body: &Value) -> Response<Full<Bytes>> {
    let response = Response::builder().status(status);
    let response = response.header("content-type", "application/json");
    response.body(Full::new(body.to_string().into())).unwrap()
}

/// Lets in who shows a client certificate of the authority.
fn acceptor(folder: &Path) -> TlsAcceptor {
    let read = |name: &str| {
        let list = bridge_certs::read_pem_certificates(&folder.join(name)).unwrap();
        list.into_iter()
            .map(CertificateDer::from)
            .collect::<Vec<_>>()
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    for anchor in read("ca.pem") {
        roots.add(anchor).unwrap();
    }
    let clients =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let key = bridge_certs::read_key_file(&folder.join("web.key")).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_client_cert_verifier(clients.build().unwrap())
        .with_single_cert(read("web.pem"), PrivateKeyDer::Pkcs8(key.to_vec().into()))
        .unwrap();
    Arc::new(config).into()
}
