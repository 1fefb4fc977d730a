//! A puppet's log: it holds the leaves that the scenario wants, and signs what the scenario wants signed.

use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{HeaderValue, Response};
use http_body_util::Full;
use ring::digest::{SHA256, digest};
use ring::signature::Ed25519KeyPair;

use super::Puppet;
use super::server::{Answering, Got};
use crate::agency::Agency;

/// A hash of its tree.
pub type Hash = [u8; 32];

/// A log of at most 256 leaves.
#[derive(Debug)]
pub struct Log {
    origin: String,
    id: Vec<u8>,
    key: Ed25519KeyPair,
    leaves: Mutex<Vec<Hash>>,
    /// Leaves under the checkpoint that is shown.
    shown: Mutex<usize>,
    asked: Mutex<Vec<String>>,
    /// Signature lines of nobody behind its own.
    padding: Mutex<String>,
}

// === impl Log ===

impl Log {
    /// An empty log under an agency's journal key.
    pub fn of(agency: &Agency) -> Arc<Self> {
        let mut vkey = agency.entry.nodes[0].journal.split('+');
        let (origin, id) = (vkey.next().unwrap(), vkey.next().unwrap());
        let id = u32::from_str_radix(id, 16).unwrap().to_be_bytes();
        let pkcs8 = bridge_certs::read_key_file(&agency.folder.join("keys/journal.key")).unwrap();
        Arc::new(Self {
            origin: origin.to_owned(),
            id: id.to_vec(),
            key: Ed25519KeyPair::from_pkcs8(&pkcs8).unwrap(),
            leaves: Mutex::default(),
            shown: Mutex::default(),
            asked: Mutex::default(),
            padding: Mutex::default(),
        })
    }

    /// Adds a leaf and returns its receipt.
    pub fn add(&self) -> String {
        let index = lock(&self.leaves).len();
        self.add_leaf(&index.to_be_bytes())
    }

    /// Adds a leaf whose bytes are known and returns its receipt.
    pub fn add_leaf(&self, leaf: &[u8]) -> String {
        let mut leaves = lock(&self.leaves);
        let hash = sha256(&[&[0], leaf]);
        leaves.push(hash);
        let index = leaves.len() - 1;
        format!("{}#{index}:{}", self.origin, URL_SAFE_NO_PAD.encode(hash))
    }

    /// The hashes of its leaves.
    pub fn leaves(&self) -> Vec<Hash> {
        lock(&self.leaves).clone()
    }

    /// Puts another leaf in the place of one.
    pub fn replace(&self, index: usize) {
        lock(&self.leaves)[index] = [0xee; 32];
    }

    /// Signs a checkpoint above all leaves.
    pub fn sign(&self) {
        *lock(&self.shown) = lock(&self.leaves).len();
    }

    /// Puts this behind every checkpoint that is shown.
    pub fn pad(&self, lines: &str) {
        lines.clone_into(&mut lock(&self.padding));
    }

    /// The paths that were asked for.
    pub fn asked(&self) -> Vec<String> {
        lock(&self.asked).clone()
    }

    /// What a puppet answers that has this log: each exchange with a receipt of a new leaf, the log to whom asks for it.
    pub fn answering(self: &Arc<Self>, puppet: Arc<Puppet>) -> Answering {
        let log = Arc::clone(self);
        Arc::new(move |got: &Got| {
            if let Some(path) = got.target.strip_prefix("/log/") {
                return log.answer(path);
            }
            let mut draft = puppet.answer(got, 200, "{}");
            draft.set("bridge-peer-receipt", &log.add());
            puppet.sign_answer(draft)
        })
    }

    fn answer(&self, path: &str) -> Response<Full<Bytes>> {
        lock(&self.asked).push(path.to_owned());
        let found = if path == "checkpoint" {
            self.checkpoint().map(String::into_bytes)
        } else {
            self.tile(path)
        };
        let mut response = Response::new(Full::new(Bytes::from(found.clone().unwrap_or_default())));
        *response.status_mut() = if found.is_some() { 200 } else { 404 }.try_into().unwrap();
        let text = HeaderValue::from_static("text/plain");
        response.headers_mut().insert("content-type", text);
        response
    }

    /// The checkpoint that it shows.
    pub fn checkpoint(&self) -> Option<String> {
        let size = *lock(&self.shown);
        let leaves = lock(&self.leaves);
        let root = root(leaves.get(..size).filter(|leaves| !leaves.is_empty())?);
        let text = format!("{}\n{size}\n{}\n", self.origin, STANDARD.encode(root));
        let signature = self.key.sign(text.as_bytes());
        let value = [&self.id, signature.as_ref()].concat();
        Some(format!(
            "{text}\n\u{2014} {} {}\n{}",
            self.origin,
            STANDARD.encode(value),
            lock(&self.padding)
        ))
    }

    fn tile(&self, path: &str) -> Option<Vec<u8>> {
        let width: usize = path.strip_prefix("tile/0/000.p/")?.parse().ok()?;
        let leaves = lock(&self.leaves);
        Some(leaves.get(..width)?.concat())
    }
}

/// The definition of RFC 6962 §2.1.
fn root(leaves: &[Hash]) -> Hash {
    if let [one] = leaves {
        return *one;
    }
    let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
    sha256(&[&[1], &root(left), &root(right)])
}

fn sha256(parts: &[&[u8]]) -> Hash {
    digest(&SHA256, &parts.concat())
        .as_ref()
        .try_into()
        .unwrap()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
