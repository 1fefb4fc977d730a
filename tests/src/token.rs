//! A stand-in for a hardware token: a key that makes few signatures a second, counts them, and can be held.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use bridge_signature::{Algorithm, SignError, Signer};

/// What a scenario does with a token.
#[derive(Debug, Default)]
pub struct Token {
    takes: Duration,
    asked: AtomicU64,
    held: Mutex<bool>,
    let_go: Condvar,
}

/// A node's key, on a token.
struct Key {
    token: Arc<Token>,
    key: Arc<dyn Signer>,
}

// === impl Token ===

impl Token {
    /// A token that makes at most so many signatures a second, one after the other.
    pub fn of_rate(per_second: u32) -> Arc<Self> {
        Arc::new(Self {
            takes: Duration::from_secs(1) / per_second,
            ..Self::default()
        })
    }

    /// Puts a key on it.
    pub fn around(self: &Arc<Self>, key: Arc<dyn Signer>) -> Arc<dyn Signer> {
        let token = Arc::clone(self);
        Arc::new(Key { token, key })
    }

    /// Signatures asked for so far.
    pub fn asked(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }

    /// From now on it signs nothing until it is let go.
    pub fn hold(&self) {
        *self.held.lock().unwrap() = true;
    }

    /// Signs what it was held with, and goes on.
    pub fn let_go(&self) {
        *self.held.lock().unwrap() = false;
        self.let_go.notify_all();
    }
}

// === impl Key ===

impl Signer for Key {
    fn algorithm(&self) -> Algorithm {
        self.key.algorithm()
    }

    fn key_id(&self) -> &str {
        self.key.key_id()
    }

    fn sign(&self, base: &[u8]) -> Result<Vec<u8>, SignError> {
        self.token.asked.fetch_add(1, Ordering::SeqCst);
        let held = self.token.held.lock().unwrap();
        drop(self.token.let_go.wait_while(held, |held| *held).unwrap());
        // As long as a token works: no signature comes sooner, and no processor time is taken.
        thread::sleep(self.token.takes);
        self.key.sign(base)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").finish_non_exhaustive()
    }
}
