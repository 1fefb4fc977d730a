//! A puppet's log: it holds the leaves that the scenario wants, and signs what the scenario wants signed.

use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bridge_core::leaf::{Kind, Leaf, UnixMillis};
use bytes::Bytes;
use http::{HeaderValue, Response};
use http_body_util::Full;
use ring::digest::{SHA256, digest};
use ring::signature::Ed25519KeyPair;

use super::Puppet;
use super::server::{Answering, Got};
use crate::agency::Agency;
use crate::wait::now_s;

/// A hash of its tree.
pub type Hash = [u8; 32];

/// A log of at most 256 leaves.
#[derive(Debug)]
pub struct Log {
    origin: String,
    id: Vec<u8>,
    key: Ed25519KeyPair,
    leaves: Mutex<Vec<Hash>>,
    /// The bytes that it shows of each leaf.
    entries: Mutex<Vec<Vec<u8>>>,
    /// Leaves under the checkpoint that is shown.
    shown: Mutex<usize>,
    asked: Mutex<Vec<String>>,
    /// The leaf that every exchange gets instead of its own.
    insisted: Mutex<Option<Vec<u8>>>,
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
            entries: Mutex::default(),
            shown: Mutex::default(),
            asked: Mutex::default(),
            insisted: Mutex::default(),
            padding: Mutex::default(),
        })
    }

    /// Adds a leaf and returns its receipt.
    pub fn add_leaf(&self, leaf: &[u8]) -> String {
        let mut leaves = lock(&self.leaves);
        let hash = sha256(&[&[0], leaf]);
        leaves.push(hash);
        lock(&self.entries).push(leaf.to_vec());
        let index = leaves.len() - 1;
        format!("{}#{index}:{}", self.origin, URL_SAFE_NO_PAD.encode(hash))
    }

    /// The hashes of its leaves.
    pub fn leaves(&self) -> Vec<Hash> {
        lock(&self.leaves).clone()
    }

    /// Shows other bytes of a leaf than it has.
    pub fn show(&self, index: usize, leaf: &[u8]) {
        lock(&self.entries)[index] = leaf.to_vec();
    }

    /// Puts another leaf in the place of one.
    pub fn replace(&self, index: usize) {
        lock(&self.leaves)[index] = [0xee; 32];
    }

    /// Signs a checkpoint above all leaves.
    pub fn sign(&self) {
        *lock(&self.shown) = lock(&self.leaves).len();
    }

    /// From now on adds this leaf for every exchange.
    pub fn insist(&self, leaf: &str) {
        *lock(&self.insisted) = Some(leaf.as_bytes().to_vec());
    }

    /// Puts this behind every checkpoint that is shown.
    pub fn pad(&self, lines: &str) {
        lines.clone_into(&mut lock(&self.padding));
    }

    /// The paths that were asked for.
    pub fn asked(&self) -> Vec<String> {
        lock(&self.asked).clone()
    }

    /// What a puppet answers that has this log: each exchange with a receipt of a new leaf about it, the log to whom asks.
    pub fn answering(self: &Arc<Self>, puppet: Arc<Puppet>) -> Answering {
        let log = Arc::clone(self);
        Arc::new(move |got: &Got| {
            if let Some(path) = got.target.strip_prefix("/log/") {
                return log.answer(path);
            }
            let mut draft = puppet.answer(got, 200, "{}");
            let mut leaf = Leaf::new(Kind::RequestReceived, UnixMillis(now_s() * 1000));
            let id = got.fields.get("x-road-request-id");
            leaf.request_id = id.and_then(|id| id.to_str().ok()?.parse().ok());
            let mut bytes = Vec::new();
            leaf.write(&mut bytes).unwrap();
            if let Some(other) = &*lock(&log.insisted) {
                bytes.clone_from(other);
            }
            draft.set("bridge-peer-receipt", &log.add_leaf(&bytes));
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
        if let Some(width) = path.strip_prefix("tile/entries/000.p/") {
            let entries = lock(&self.entries);
            let shown = entries.get(..width.parse().ok()?)?.iter();
            let length = |entry: &Vec<u8>| u16::try_from(entry.len()).unwrap().to_be_bytes();
            let shown = shown.map(|entry| [&length(entry)[..], entry].concat());
            return Some(shown.collect::<Vec<_>>().concat());
        }
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
