//! What is in force in the running node, and goes over to the next without a restart: connections that are open stay open.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use bridge_signature::Signer;
use ring::digest::{SHA256, digest};
use rustls::ServerConfig;

use super::Use;
use crate::node::OwnCertificate;
use crate::tls::TlsIdentity;

/// What a listener shows to whoever connects next.
pub type Shown = Arc<ArcSwap<ServerConfig>>;

/// The certificates and keys that the node works with.
pub struct Standing {
    signer: ArcSwap<Arc<dyn Signer>>,
    certificates: ArcSwap<Vec<OwnCertificate>>,
    /// What the consumer interface shows, if there is one.
    web: Mutex<Option<TlsIdentity>>,
    listeners: Mutex<BTreeMap<Use, Shown>>,
    waiting: Mutex<BTreeMap<Use, String>>,
    /// Since when the directory lists the next certificate of a use.
    listed: Mutex<BTreeMap<Use, ([u8; 32], Instant)>>,
    /// How often in a row a renewal failed, and why the last time.
    failing: Mutex<BTreeMap<Use, (u32, String)>>,
}

impl fmt::Debug for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Standing")
            .field("certificates", &self.certificates)
            .finish_non_exhaustive()
    }
}

// === impl Standing ===

impl Standing {
    /// What a start read.
    pub fn new(signer: Arc<dyn Signer>, certificates: Vec<OwnCertificate>) -> Self {
        Self {
            signer: ArcSwap::from_pointee(signer),
            certificates: ArcSwap::from_pointee(certificates),
            web: Mutex::default(),
            listeners: Mutex::default(),
            waiting: Mutex::default(),
            listed: Mutex::default(),
            failing: Mutex::default(),
        }
    }

    /// The exchange key. A message is named after it and signed with it: ask once for each.
    pub fn signer(&self) -> Arc<dyn Signer> {
        Arc::clone(&self.signer.load())
    }

    /// The certificates between nodes.
    pub fn certificates(&self) -> Arc<Vec<OwnCertificate>> {
        self.certificates.load_full()
    }

    /// What a listener shows, from now on what `Standing::show` gives it.
    pub fn listener(&self, usage: Use, config: ServerConfig) -> Shown {
        let shown: Shown = Arc::new(ArcSwap::from_pointee(config));
        let mut listeners = self
            .listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        listeners.insert(usage, Arc::clone(&shown));
        shown
    }

    /// Has the listener of a use show something else to whoever connects next.
    pub(super) fn show(&self, usage: Use, config: ServerConfig) {
        let listeners = self
            .listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(shown) = listeners.get(&usage) {
            shown.store(Arc::new(config));
        }
    }

    /// Has messages signed by another key, or under another certificate of the same.
    pub(super) fn sign_with(&self, signer: Arc<dyn Signer>) {
        self.signer.store(Arc::new(signer));
    }

    /// Takes another certificate between nodes for the one of its use.
    pub(super) fn follow(&self, new: &OwnCertificate) {
        self.certificates.rcu(|all| {
            let mut all: Vec<_> = all
                .iter()
                .filter(|own| own.usage != new.usage)
                .cloned()
                .collect();
            all.push(new.clone());
            all
        });
    }

    /// Takes another certificate for the one of the consumer interface.
    pub(crate) fn shows_web(&self, identity: TlsIdentity) {
        *self.web.lock().unwrap_or_else(PoisonError::into_inner) = Some(identity);
    }

    /// What stands in the way of the consumer interface's key, as far as is known without trying.
    pub fn web_trouble(&self) -> Option<String> {
        let web = self.web.lock().unwrap_or_else(PoisonError::into_inner);
        web.as_ref().and_then(TlsIdentity::trouble)
    }

    /// Whether it is this certificate that the node works with.
    pub(super) fn works_with(&self, usage: Use, sha256: &[u8]) -> bool {
        if usage == Use::Web {
            let web = self.web.lock().unwrap_or_else(PoisonError::into_inner);
            let leaf = web.as_ref().and_then(|web| web.chain.first());
            return leaf.is_some_and(|leaf| digest(&SHA256, leaf).as_ref() == sha256);
        }
        let certificates = self.certificates.load();
        let mut certificates = certificates.iter();
        certificates.any(|own| own.usage == usage.as_str() && own.sha256 == sha256)
    }

    /// What an operator should know: which certificates have not taken over yet, and which were not renewed.
    pub fn words(&self) -> Vec<String> {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = waiting.values().cloned();
        let failing = failing.iter().map(|(usage, (_, why))| {
            format!("the {usage} certificate of this node was not renewed: {why}")
        });
        waiting.chain(failing).collect()
    }

    /// How often in a row the renewal of a use has failed.
    pub fn failures(&self, usage: Use) -> u32 {
        let failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        failing.get(&usage).map_or(0, |(count, _)| *count)
    }

    /// Notes why a renewal failed, or that one went well.
    pub(crate) fn renewal_ended(&self, usage: Use, why: Option<String>) {
        let mut failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        let count = failing.remove(&usage).map_or(0, |(count, _)| count);
        if let Some(why) = why {
            failing.insert(usage, (count.saturating_add(1), why));
        }
    }

    /// For how long the directory has been seen to list the next certificate of a use.
    pub(super) fn listed_for(&self, usage: Use, sha256: [u8; 32]) -> Duration {
        let mut listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = listed.entry(usage).or_insert((sha256, Instant::now()));
        if seen.0 != sha256 {
            *seen = (sha256, Instant::now());
        }
        seen.1.elapsed()
    }

    /// The directory does not list the next certificate of a use.
    pub(super) fn unlisted(&self, usage: Use) {
        let mut listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        listed.remove(&usage);
    }

    /// Notes that another certificate of a use waits and why; nothing if none does. Returns whether that is news.
    pub(super) fn note(&self, usage: Use, why: Option<String>) -> bool {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        match why {
            None => {
                waiting.remove(&usage);
                false
            }
            Some(why) => waiting.insert(usage, why.clone()) != Some(why),
        }
    }
}
