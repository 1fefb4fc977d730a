//! A real time-stamping authority for trials and tests: OpenSSL's, with a certificate of the trial's own authority.

use std::convert::Infallible;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use bridge_certs::{Authority, Order, Profile};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

use crate::command::{Failure, certs};

/// OpenSSL as a time-stamping authority: a folder with its key, its certificate and its settings.
#[derive(Debug)]
pub struct OpenSslAuthority {
    folder: PathBuf,
    /// OpenSSL counts its stamps in a file.
    one_at_a_time: Mutex<()>,
}

/// The program.
const OPENSSL: &str = "openssl";
/// More than any question has, bytes.
const QUESTION_LIMIT: usize = 64 * 1024;

// === impl OpenSslAuthority ===

impl OpenSslAuthority {
    /// The policy that it stamps under.
    pub const POLICY: &str = "1.2.3.4.1";

    /// Whether OpenSSL's program can be run here.
    pub fn is_installed() -> bool {
        let mut version = Command::new(OPENSSL);
        version.arg("version").stdin(Stdio::null());
        version.output().is_ok_and(|said| said.status.success())
    }

    /// Makes its key, its certificate for these dates, and its settings in a folder.
    ///
    /// # Errors
    ///
    /// [`Failure::Failed`] names what could not be made.
    pub fn make(
        folder: &Path,
        authority: &Authority,
        (not_before, not_after): (u64, u64),
    ) -> Result<Self, Failure> {
        let order = Order {
            profile: Profile::TimeStamping,
            name: None,
            common_name: "time-stamping authority".to_owned(),
            sans: Vec::new(),
            not_before,
            not_after,
        };
        certs::issue(authority, &order, folder, "time")?;
        let files = [
            ("issuing.pem", authority.issuing_pem().to_owned()),
            ("serial", "01\n".to_owned()),
            ("ts.cnf", settings(folder)),
        ];
        for (name, text) in files {
            fs::write(folder.join(name), text).map_err(|error| Failure::failed(name, &error))?;
        }
        Ok(Self {
            folder: folder.to_owned(),
            one_at_a_time: Mutex::default(),
        })
    }

    /// Answers a question; blocks.
    ///
    /// # Errors
    ///
    /// OpenSSL's own words, if it gives no answer.
    pub fn stamp(&self, question: &[u8]) -> io::Result<Bytes> {
        self.stamp_by(Command::new(OPENSSL), question)
    }

    /// As [`OpenSslAuthority::stamp`], by this command: OpenSSL in another environment.
    ///
    /// # Errors
    ///
    /// As [`OpenSslAuthority::stamp`].
    pub fn stamp_by(&self, mut openssl: Command, question: &[u8]) -> io::Result<Bytes> {
        let _one = self
            .one_at_a_time
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let file = |name: &str| self.folder.join(name);
        fs::write(file("question.tsq"), question)?;
        let made = openssl
            .args(["ts", "-reply", "-config"])
            .arg(file("ts.cnf"))
            .arg("-queryfile")
            .arg(file("question.tsq"))
            .arg("-out")
            .arg(file("answer.tsr"))
            .stdin(Stdio::null())
            .output()?;
        if !made.status.success() {
            let said = String::from_utf8_lossy(&made.stderr);
            return Err(io::Error::other(format!("openssl ts: {said}")));
        }
        fs::read(file("answer.tsr")).map(Bytes::from)
    }

    /// Listens on loopback and answers from then on, as long as the runtime lives.
    pub(in crate::command) async fn listen(self) -> Result<SocketAddr, Failure> {
        let failed = |error: io::Error| Failure::failed("loopback port", &error);
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let own = Arc::new(self);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(attend(stream, Arc::clone(&own)));
            }
        });
        Ok(address)
    }

    async fn respond(self: Arc<Self>, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let Ok(question) = Limited::new(request.into_body(), QUESTION_LIMIT)
            .collect()
            .await
        else {
            return failed(StatusCode::BAD_REQUEST);
        };
        let question = question.to_bytes();
        // A process of OpenSSL takes some milliseconds.
        match tokio::task::spawn_blocking(move || self.stamp(&question)).await {
            Ok(Ok(answer)) => {
                let mut response = Response::new(Full::new(answer));
                let kind = http::HeaderValue::from_static("application/timestamp-reply");
                response.headers_mut().insert(CONTENT_TYPE, kind);
                response
            }
            Ok(Err(_)) | Err(_) => failed(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }
}

/// Answers the questions of one connection.
async fn attend(stream: TcpStream, own: Arc<OpenSslAuthority>) {
    let answer = service_fn(move |request| {
        let own = Arc::clone(&own);
        async move { Ok::<_, Infallible>(own.respond(request).await) }
    });
    // Who asks may leave at any time.
    drop(
        http1::Builder::new()
            .serve_connection(TokioIo::new(stream), answer)
            .await,
    );
}

fn failed(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

/// OpenSSL's settings of an authority.
fn settings(folder: &Path) -> String {
    format!(
        "[tsa]\ndefault_tsa = own\n[own]\nserial = {folder}/serial\nsigner_cert = {folder}/time.pem\n\
         certs = {folder}/issuing.pem\nsigner_key = {folder}/time.key\nsigner_digest = sha256\n\
         default_policy = {policy}\nother_policies = 1.2.3.4.2\ndigests = sha256\naccuracy = secs:1\n\
         ess_cert_id_alg = sha256\ntsa_name = yes\n",
        folder = folder.display(),
        policy = OpenSslAuthority::POLICY
    )
}
