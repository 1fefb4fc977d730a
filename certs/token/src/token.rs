//! A token that is logged in to: who wants something of it waits for its thread, and not for long.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use bridge_signature::Algorithm;
use cryptoki::types::AuthPin;
use zeroize::Zeroizing;

use crate::call::{Call, Done, Line, Lines, Work};
use crate::error::TokenError;
use crate::health::Health;
use crate::key::TokenKey;
use crate::module::Loaded;
use crate::object::{KeyName, Listed, Public};
use crate::uri::{Uri, Wanted};
use crate::worker::Worker;

/// Calls that may wait for a token, in each of its two lines. Messages are signed by one thread, so that line is short.
const QUEUE: usize = 64;
/// How long a call is waited for: a token on a network takes milliseconds.
const WAIT: Duration = Duration::from_secs(5);
/// How long the first opening is waited for: some modules begin by connecting to a network.
const FIRST_WAIT: Duration = Duration::from_secs(30);

/// A token that is logged in to.
#[derive(Clone)]
pub struct Token(Arc<Inner>);

struct Inner {
    label: String,
    first: SyncSender<Call>,
    then: SyncSender<Option<Call>>,
    health: Arc<Health>,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({:?})", self.0.label)
    }
}

// === impl Token ===

impl Token {
    /// Starts the thread of a token, and says how the first opening went.
    pub(crate) fn start(
        module: &Arc<Loaded>,
        (wanted, label): (Wanted, String),
        mut pin: Zeroizing<String>,
    ) -> Result<(Self, Result<(), TokenError>), TokenError> {
        let health = Arc::new(Health::new(&label));
        let (first, first_line) = sync_channel(QUEUE);
        let (then, then_line) = sync_channel(QUEUE);
        let lines = Lines {
            first: first_line,
            then: then_line,
        };
        let (opened, opening) = sync_channel(1);
        // It is wiped when the thread ends.
        let pin = AuthPin::new(std::mem::take(&mut *pin).into());
        let worker = Worker::new(module, (wanted, label.clone()), pin, &health);
        let away = |why: String| TokenError::Away {
            token: label.clone(),
            why,
        };
        std::thread::Builder::new()
            .name("token".to_owned())
            .spawn(move || worker.run(&opened, &lines))
            .map_err(|error| away(error.to_string()))?;
        let opening = opening.recv_timeout(FIRST_WAIT);
        let opening = opening.unwrap_or_else(|_late| {
            let slow = TokenError::Slow {
                token: label.clone(),
                seconds: FIRST_WAIT.as_secs(),
            };
            health.slow(slow.clone());
            Err(slow)
        });
        let token = Self(Arc::new(Inner {
            label,
            first,
            then,
            health,
        }));
        Ok((token, opening))
    }

    /// Its label.
    pub fn label(&self) -> &str {
        &self.0.label
    }

    /// What stands in the way of its use, as far as is known.
    pub fn trouble(&self) -> Option<TokenError> {
        self.0.health.trouble()
    }

    pub(crate) fn usable(self) -> Result<Self, TokenError> {
        match self.trouble() {
            Some(trouble) => Err(trouble),
            None => Ok(self),
        }
    }

    /// The key that a URI names. It has made a signature that holds.
    ///
    /// # Errors
    ///
    /// [`TokenError`]: the key is not there, not the only one, or of no use; or the token is not.
    pub fn key(&self, uri: &Uri) -> Result<TokenKey, TokenError> {
        if uri.key().is_empty() {
            let token = self.0.label.clone();
            return Err(TokenError::KeyNotNamed { token });
        }
        let name = Arc::new(uri.key().clone());
        let work = Work::Find(Arc::clone(&name));
        let Done::Found(Public { algorithm, key }) = self.call(work, Line::First)? else {
            return Err(self.mixed_up());
        };
        Ok(TokenKey::new(self.clone(), name, (algorithm, key)))
    }

    /// The private keys on it.
    ///
    /// # Errors
    ///
    /// [`TokenError`] of the token.
    pub fn keys(&self) -> Result<Vec<Listed>, TokenError> {
        let Done::Listed(keys) = self.call(Work::List, Line::First)? else {
            return Err(self.mixed_up());
        };
        Ok(keys)
    }

    /// Makes a key that never leaves the token.
    ///
    /// # Errors
    ///
    /// [`TokenError::KeyExists`] if there is one of that label, and those of the token.
    pub fn make_key(&self, label: &str, algorithm: Algorithm) -> Result<(), TokenError> {
        let work = Work::Make(label.to_owned(), algorithm);
        self.call(work, Line::First).map(|_done| ())
    }

    pub(crate) fn sign(
        &self,
        name: &Arc<KeyName>,
        algorithm: Algorithm,
        message: &[u8],
        line: Line,
    ) -> Result<Vec<u8>, TokenError> {
        // The thread may be at it still when nobody waits any more.
        let work = Work::Sign(Arc::clone(name), algorithm, message.to_vec());
        let Done::Signed(signature) = self.call(work, line)? else {
            return Err(self.mixed_up());
        };
        Ok(signature)
    }

    fn call(&self, work: Work, line: Line) -> Result<Done, TokenError> {
        if let Some(trouble) = self.trouble() {
            return Err(trouble);
        }
        let token = || self.0.label.clone();
        let (reply, answer) = sync_channel(1);
        let until = Instant::now() + WAIT;
        let call = Call { work, reply, until };
        match line {
            Line::First => {
                self.0
                    .first
                    .try_send(call)
                    .map_err(|full| self.unsent(&full))?;
                // Where no place is left for a word, there is enough to wake the thread.
                drop(self.0.then.try_send(None));
            }
            Line::Then => {
                let sent = self.0.then.try_send(Some(call));
                sent.map_err(|full| self.unsent(&full))?;
            }
        }
        match answer.recv_timeout(WAIT) {
            Ok(done) => done,
            Err(RecvTimeoutError::Disconnected) => Err(self.ended()),
            Err(RecvTimeoutError::Timeout) => {
                let slow = TokenError::Slow {
                    token: token(),
                    seconds: WAIT.as_secs(),
                };
                // Whoever asks next does not wait as long again; the thread looks when it can.
                self.0.health.slow(slow.clone());
                Err(slow)
            }
        }
    }

    fn unsent<T>(&self, failed: &TrySendError<T>) -> TokenError {
        match failed {
            TrySendError::Full(_) => TokenError::Busy {
                token: self.0.label.clone(),
                waiting: QUEUE,
            },
            TrySendError::Disconnected(_) => self.ended(),
        }
    }

    fn ended(&self) -> TokenError {
        TokenError::Away {
            token: self.0.label.clone(),
            why: "its thread has ended".to_owned(),
        }
    }

    fn mixed_up(&self) -> TokenError {
        TokenError::Away {
            token: self.0.label.clone(),
            why: "its thread did something else than was asked".to_owned(),
        }
    }
}
