//! A witness that is no node: it cosigns over TLS whatever it is sent, and counts who got that far.

use std::convert::Infallible;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bridge_certs::{Authority, Profile};
use bridge_directory::OutsideWitness;
use bridge_journal::WitnessKey;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use ring::rand::SystemRandom;
use ring::signature::Ed25519KeyPair;
use tokio::net::TcpListener;

use crate::agency::issue_for;
use crate::time_authority::tls;

const DAY_S: u64 = 86_400;

/// A witness behind a certificate of an authority for `localhost`.
#[derive(Debug)]
pub struct SecureWitness {
    /// Its entry of the directory.
    pub entry: OutsideWitness,
    asked: Arc<AtomicUsize>,
}

impl SecureWitness {
    /// Makes its keys and certificate in a folder and starts to listen at a name of this machine.
    pub async fn start(host: &str, folder: &Path, authority: &Authority, now_s: u64) -> Self {
        fs::create_dir_all(folder).unwrap();
        let dates = (now_s - DAY_S, now_s + 300 * DAY_S);
        issue_for(authority, Profile::Web, None, &folder.join("web"), dates);
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let key = Arc::new(WitnessKey::new("outside.example/w", pkcs8.as_ref()).unwrap());
        let listener = TcpListener::bind((host, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(AtomicUsize::new(0));
        let new = Self {
            entry: OutsideWitness {
                vkey: key.public().vkey(),
                url: format!("https://{host}:{port}"),
            },
            asked: asked.clone(),
        };
        let acceptor = tls(folder);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // Whoever does not trust this server leaves before there is a stream.
                let Ok(stream) = acceptor.accept(stream).await else {
                    continue;
                };
                let (key, asked) = (key.clone(), asked.clone());
                let answer = service_fn(move |request| {
                    asked.fetch_add(1, Ordering::SeqCst);
                    cosign(key.clone(), now_s, request)
                });
                let speaking = http1::Builder::new().serve_connection(TokioIo::new(stream), answer);
                tokio::spawn(speaking);
            }
        });
        new
    }

    /// How many questions came through.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// Standard: C2SP tlog-witness.
async fn cosign(
    key: Arc<WitnessKey>,
    now_s: u64,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let text = String::from_utf8(body.to_vec()).unwrap();
    let (_old_and_proof, note) = text.split_once("\n\n").unwrap();
    let (signed, _lines) = note.split_once("\n\n").unwrap();
    let line = key.cosign(&format!("{signed}\n"), now_s);
    Ok(Response::new(Full::new(Bytes::from(line))))
}
