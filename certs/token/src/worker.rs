//! The thread of a token: it alone makes calls to it, one at a time, and opens it again when it was away.

use std::sync::mpsc::{RecvTimeoutError, SyncSender};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use cryptoki::types::AuthPin;

use crate::call::{Call, Done, Lines, Work};
use crate::error::TokenError;
use crate::health::Health;
use crate::module::Loaded;
use crate::object::{self, KeyName, Public, Sought};
use crate::session::{Failed, Open};
use crate::uri::Wanted;

/// A token that was away is looked for so soon, then after twice as long each time, until the last.
const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_LAST: Duration = Duration::from_secs(15);
/// How often a token that was too slow is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

pub(crate) struct Worker {
    module: Arc<Loaded>,
    wanted: Wanted,
    label: String,
    pin: AuthPin,
    health: Arc<Health>,
    open: Option<Open>,
    /// It was open once, so its name is right.
    was_open: bool,
    /// The keys that were found and are still held: a token is back when it has them all.
    known: Vec<(Weak<KeyName>, Public)>,
    retry: Duration,
}

// === impl Worker ===

impl Worker {
    pub(crate) fn new(
        module: &Arc<Loaded>,
        (wanted, label): (Wanted, String),
        pin: AuthPin,
        health: &Arc<Health>,
    ) -> Self {
        Self {
            module: Arc::clone(module),
            wanted,
            label,
            pin,
            health: Arc::clone(health),
            open: None,
            was_open: false,
            known: Vec::new(),
            retry: RETRY_FIRST,
        }
    }

    /// Opens the token, says how that went, and then does what is asked until nobody can ask any more.
    pub(crate) fn run(mut self, opened: &SyncSender<Result<(), TokenError>>, lines: &Lines) {
        let first = self.open();
        if let Err(error) = &first {
            self.health.never_opened(error.clone());
        }
        // Who asked for it may be gone; whoever remembers the token asks the health.
        drop(opened.try_send(first));
        loop {
            let wait = if self.open.is_some() {
                LOOK_EVERY
            } else {
                self.retry
            };
            let next = lines.then.recv_timeout(wait);
            while let Ok(call) = lines.first.try_recv() {
                self.answer(&call);
            }
            match next {
                Ok(Some(call)) => self.answer(&call),
                Ok(None) => {}
                Err(RecvTimeoutError::Timeout) => self.recover(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.close();
    }

    fn answer(&mut self, call: &Call) {
        if call.until < Instant::now() {
            return;
        }
        // What is known to be in the way was told to who called after it was known.
        let done = match self.health.trouble() {
            Some(trouble) if self.open.is_none() => Err(trouble),
            Some(_) | None => self.perform(&call.work),
        };
        // Who asked may have gone.
        drop(call.reply.try_send(done));
    }

    fn perform(&mut self, work: &Work) -> Result<Done, TokenError> {
        let mut done = self.attempt(work);
        // A session that was closed meanwhile costs nobody an answer.
        if let Err(Failed::Lost(why)) = &done {
            tracing::debug!(token = self.label, why, "a session with a token is lost");
            done = match self.open() {
                Ok(()) => self.attempt(work),
                Err(error) => return Err(self.lose(error)),
            };
        }
        match done {
            Ok(done) => Ok(done),
            Err(failed @ Failed::Lost(_)) => Err(self.lose(failed.error(&self.label))),
            Err(failed @ (Failed::Told(_) | Failed::Fault(_))) => Err(failed.error(&self.label)),
        }
    }

    fn attempt(&mut self, work: &Work) -> Result<Done, Failed> {
        let library = self.module.library();
        let open = self.open.as_mut().filter(|open| open.is_of(&library));
        let open = open.ok_or_else(|| Failed::Lost("there is no session".to_owned()))?;
        match work {
            Work::Find(name) => {
                let public = open.find(name, &self.label)?;
                self.known.retain(|(held, _)| held.strong_count() > 0);
                self.known.push((Arc::downgrade(name), public.clone()));
                Ok(Done::Found(public))
            }
            Work::Sign(name, algorithm, message) => {
                open.sign(name, *algorithm, message).map(Done::Signed)
            }
            Work::List => object::list(open.session()).map(Done::Listed),
            Work::Make(label, algorithm) => {
                let name = KeyName {
                    label: Some(label.clone()),
                    id: None,
                };
                if !matches!(object::find(open.session(), &name)?, Sought::None) {
                    return Err(Failed::Fault(TokenError::KeyExists {
                        token: self.label.clone(),
                        key: name.to_string(),
                    }));
                }
                object::make(open.session(), label, *algorithm)?;
                Ok(Done::Made)
            }
        }
    }

    /// Opens the token, with all keys that it had: at first as it is, then with the module initialised anew.
    fn open(&mut self) -> Result<(), TokenError> {
        let seen = self.module.library().generation;
        let first = match self.open_once() {
            Ok(()) => return Ok(()),
            Err(error) if error.is_final() => return Err(error),
            Err(error) => error,
        };
        if !self.was_open {
            return Err(first);
        }
        self.module.begin_anew(seen);
        self.open_once()
    }

    fn open_once(&mut self) -> Result<(), TokenError> {
        self.close();
        let library = self.module.library();
        let failed = |failed: Failed| failed.error(&self.label);
        let open = Open::new(&library, (&self.wanted, &self.label), &self.pin);
        let mut open = open.map_err(|error| {
            let error = failed(error);
            // It was there when its thread was started.
            if let TokenError::NotThere { found, .. } = error {
                let why = format!("it is not connected; connected are: {found}");
                let token = self.label.clone();
                return TokenError::Away { token, why };
            }
            error
        })?;
        for (name, public) in &self.known {
            // Another key has taken its place since, and it may be gone.
            let Some(name) = name.upgrade() else {
                continue;
            };
            let found = open.find(&name, &self.label).map_err(failed);
            let other = |found: &Public| (found != public).then_some(());
            let fault = match &found {
                Ok(found) => other(found).map(|()| TokenError::OtherKey {
                    token: self.label.clone(),
                    key: name.to_string(),
                }),
                Err(error) => Some(error.clone()),
            };
            if let Some(fault) = fault {
                open.close(&library);
                return Err(fault);
            }
        }
        self.open = Some(open);
        self.was_open = true;
        Ok(())
    }

    /// Gives the session back, if there is one.
    fn close(&mut self) {
        if let Some(open) = self.open.take() {
            open.close(&self.module.library());
        }
    }

    fn lose(&mut self, error: TokenError) -> TokenError {
        self.close();
        self.retry = RETRY_FIRST;
        self.health.away(error.clone());
        error
    }

    /// Looks whether what stood in the way is gone.
    fn recover(&mut self) {
        let Some(trouble) = self.health.trouble() else {
            return;
        };
        // The PIN is not tried again.
        if trouble.is_final() {
            return;
        }
        match self.open() {
            Ok(()) => {
                self.retry = RETRY_FIRST;
                self.health.back();
            }
            Err(error) => {
                self.retry = self.retry.saturating_mul(2).min(RETRY_LAST);
                self.health.away(error);
            }
        }
    }
}
