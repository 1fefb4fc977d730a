//! Says which certificates are revoked: OpenSSL signs the lists and the answers of the world's own authority, behind a small
//! web server that can be told to be silent.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bridge_certs::{Authority, Profile, read_pem_certificates};
use bridge_directory::metadata::unhex;
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::agency::{Agency, issue};
use crate::ahead::Ahead;
use crate::wait::now_s;

/// The authority's word on its certificates.
#[derive(Clone, Debug)]
pub struct StatusAuthority {
    /// Where it listens.
    pub address: SocketAddr,
    folder: PathBuf,
    state: Arc<Mutex<State>>,
    held: Arc<watch::Sender<bool>>,
    /// Its clock, if that is not the system's.
    ahead: Arc<OnceLock<Ahead>>,
}

#[derive(Debug, Default)]
struct State {
    /// Numbers of certificates, hexadecimal, and since when they are revoked, as OpenSSL's index has it.
    known: Vec<(String, Option<String>)>,
    /// What is given as the list; a new one each time if there is none.
    list: Option<Bytes>,
    silent: bool,
    asked: usize,
    /// What responders were asked.
    questions: Vec<Bytes>,
    /// Questions and readings that have no answer yet.
    waiting: usize,
    /// The number of the certificate about which nobody is answered.
    held_about: Option<Vec<u8>>,
    /// How many have asked about it since.
    held: usize,
}

/// The first moment of 2026.
const LONG_AGO_S: u64 = 1_767_225_600;

// === impl StatusAuthority ===

impl StatusAuthority {
    /// Knows the certificates of these agencies' nodes and starts to listen. `world` holds the
    /// authority's folder.
    pub async fn start(world: &Path, authority: &Authority, agencies: &[&Agency]) -> Self {
        let folder = world.join("status");
        fs::create_dir_all(&folder).unwrap();
        issue(
            authority,
            Profile::Ocsp,
            None,
            &folder.join("ocsp"),
            now_s(),
        );
        fs::write(folder.join("issuing.pem"), authority.issuing_pem()).unwrap();
        fs::copy(
            world.join("authority/issuing.key"),
            folder.join("issuing.key"),
        )
        .unwrap();
        fs::write(folder.join("number"), "1000\n").unwrap();
        let settings = format!(
            "[ca]\ndefault_ca = it\n[it]\ndatabase = {0}/index\ncrlnumber = {0}/number\ndefault_md = sha256\n",
            folder.display()
        );
        fs::write(folder.join("settings"), settings).unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let new = Self {
            address: listener.local_addr().unwrap(),
            folder,
            state: Arc::default(),
            held: Arc::default(),
            ahead: Arc::default(),
        };
        for agency in agencies {
            for name in ["tls", "exchange", "seal"] {
                new.state().known.push((serial(agency, name), None));
            }
        }
        tokio::spawn(new.clone().serve(listener));
        new
    }

    /// `[status]` with this authority: every second, by list, by responder, or both.
    pub fn settings(&self, lines: &str, by: &[&str]) -> String {
        let port = self.address.port();
        let sources = by.iter().map(|kind| match *kind {
            "crl" => format!("crl = [\"http://127.0.0.1:{port}/list.crl\"]\n"),
            _ => format!("ocsp = [\"http://127.0.0.1:{port}/ocsp\"]\n"),
        });
        let sources: String = sources.collect();
        format!(
            "\n[status]\nevery_seconds = 1\n{lines}\n[[status.authorities]]\ncertificate = \"../status/issuing.pem\"\n{sources}"
        )
    }

    /// Goes by this clock from now on.
    pub fn follow(&self, ahead: &Ahead) {
        self.ahead.set(ahead.clone()).unwrap();
    }

    /// Revokes a certificate of an agency's node.
    pub fn revoke(&self, agency: &Agency, name: &str) {
        self.revoke_at(agency, name, LONG_AGO_S);
    }

    /// As [`StatusAuthority::revoke`], since a time.
    pub fn revoke_at(&self, agency: &Agency, name: &str, since_s: u64) {
        let wanted = serial(agency, name);
        let since = time::OffsetDateTime::from_unix_timestamp(since_s.try_into().unwrap()).unwrap();
        let since = format!(
            "{:02}{:02}{:02}{:02}{:02}{:02}Z",
            since.year() % 100,
            u8::from(since.month()),
            since.day(),
            since.hour(),
            since.minute(),
            since.second()
        );
        for (serial, revoked) in &mut self.state().known {
            if *serial == wanted {
                *revoked = Some(since.clone());
            }
        }
    }

    /// Does not know a certificate any more.
    pub fn forget(&self, agency: &Agency, name: &str) {
        let wanted = serial(agency, name);
        self.state().known.retain(|(serial, _)| *serial != wanted);
    }

    /// Gives no answer to anybody, or answers again.
    pub fn silence(&self, silent: bool) {
        self.state().silent = silent;
    }

    /// A list signed now, in force for two days, of everything that is revoked.
    pub fn list(&self) -> Bytes {
        let state = self.state();
        self.write_index(&state);
        let first = ["ca", "-gencrl", "-crlhours", "48", "-config", "settings"];
        let rest = "-keyfile issuing.key -cert issuing.pem -out list.pem";
        self.openssl(&first, rest);
        der(&fs::read(self.folder.join("list.pem")).unwrap())
    }

    /// Gives these bytes as the list from now on, or signs a new one each time.
    pub fn publish(&self, list: Option<Bytes>) {
        self.state().list = list;
    }

    /// Keeps everybody waiting, or answers all who wait.
    pub fn hold(&self, held: bool) {
        self.held.send_replace(held);
    }

    /// Keeps those waiting who ask a responder about the certificate in a PEM file.
    pub fn hold_about(&self, path: &Path) {
        self.state().held_about = Some(unhex(&serial_of(path)).unwrap());
    }

    /// How many are kept waiting by [`StatusAuthority::hold_about`].
    pub fn held(&self) -> usize {
        self.state().held
    }

    /// How many wait for an answer now.
    pub fn waiting(&self) -> usize {
        self.state().waiting
    }

    /// How often a responder was asked about the certificate in a PEM file.
    pub fn asked_about(&self, path: &Path) -> usize {
        let serial = unhex(&serial_of(path)).unwrap();
        let questions = &self.state().questions;
        let about = questions.iter().filter(|question| names(question, &serial));
        about.count()
    }

    /// How often anything was asked for.
    pub fn asked(&self) -> usize {
        self.state().asked
    }

    fn write_index(&self, state: &State) {
        let mut index = String::new();
        for (serial, revoked) in &state.known {
            let (kind, when) = match revoked {
                Some(since) => ("R", &**since),
                None => ("V", ""),
            };
            writeln!(
                index,
                "{kind}\t491231235959Z\t{when}\t{serial}\tunknown\t/CN={serial}"
            )
            .unwrap();
        }
        fs::write(self.folder.join("index"), index).unwrap();
    }

    fn answer(&self, question: &[u8]) -> Bytes {
        let state = self.state();
        self.write_index(&state);
        fs::write(self.folder.join("question"), question).unwrap();
        let rest = "-index index -CA issuing.pem -rsigner ocsp.pem -rkey ocsp.key -reqin question -respout answer";
        self.openssl(&["ocsp", "-nmin", "5"], rest);
        fs::read(self.folder.join("answer")).unwrap().into()
    }

    fn openssl(&self, first: &[&str], rest: &str) {
        let run = Ahead::openssl(self.ahead.get())
            .args(first)
            .args(rest.split(' '))
            .current_dir(&self.folder)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&run.stderr);
        assert!(run.status.success(), "openssl {first:?}: {said}");
    }

    async fn serve(self, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(self.clone().converse(stream));
        }
    }

    async fn converse(self, stream: TcpStream) {
        let answer = service_fn(|request| {
            let answered = self.clone().respond(request);
            async { Ok::<_, Infallible>(answered.await) }
        });
        let served = http1::Builder::new().serve_connection(TokioIo::new(stream), answer);
        // Whoever asked may leave at any time.
        drop(served.await);
    }

    async fn respond(self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (is_list, kind) = match *request.method() {
            Method::GET => (true, "application/pkix-crl"),
            _ => (false, "application/ocsp-response"),
        };
        let question = request.into_body().collect().await.unwrap().to_bytes();
        let (silent, list, is_held) = {
            let mut state = self.state();
            state.asked += 1;
            state.waiting += 1;
            if !is_list {
                state.questions.push(question.clone());
            }
            let held = state.held_about.as_ref();
            let is_held = held.is_some_and(|serial| !is_list && names(&question, serial));
            state.held += usize::from(is_held);
            (state.silent, state.list.clone(), is_held)
        };
        let mut held = self.held.subscribe();
        // Whoever asked may leave while it waits; then this is dropped, and it waits no more.
        let waiting = Waiting(Arc::clone(&self.state));
        held.wait_for(|held| !held).await.unwrap();
        if is_held {
            std::future::pending::<()>().await;
        }
        drop(waiting);
        let response = Response::builder().header("content-type", kind);
        if silent {
            return response.status(503).body(Full::default()).unwrap();
        }
        let made = tokio::task::spawn_blocking(move || match (is_list, list) {
            (true, Some(list)) => list,
            (true, None) => self.list(),
            (false, _) => self.answer(&question),
        });
        let body = made.await.unwrap();
        response.body(Full::new(body)).unwrap()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

/// Somebody who has no answer yet.
struct Waiting(Arc<Mutex<State>>);

impl Drop for Waiting {
    fn drop(&mut self) {
        lock(&self.0).waiting -= 1;
    }
}

/// Whether a question is about the certificate with this number.
fn names(question: &[u8], serial: &[u8]) -> bool {
    let mut windows = question.windows(serial.len());
    windows.any(|window| window == serial)
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serial(agency: &Agency, name: &str) -> String {
    serial_of(&agency.folder.join(format!("keys/{name}.pem")))
}

/// The number of a certificate, as OpenSSL's index has it.
fn serial_of(path: &Path) -> String {
    assert!(!read_pem_certificates(path).unwrap().is_empty());
    let run = Command::new("openssl")
        .args(["x509", "-noout", "-serial", "-in"])
        .arg(path)
        .output()
        .unwrap();
    let said = String::from_utf8(run.stdout).unwrap();
    said.trim().trim_start_matches("serial=").to_owned()
}

fn der(pem: &[u8]) -> Bytes {
    use base64::Engine as _;
    let text = std::str::from_utf8(pem).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with("-----"));
    let base64: String = lines.collect();
    base64::engine::general_purpose::STANDARD
        .decode(base64)
        .unwrap()
        .into()
}
