//! The thread of a token: it alone makes calls to it, one at a time, and opens it again when it was away.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use cryptoki::types::AuthPin;

use crate::call::{Call, Done, Work};
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
    /// The keys that were found once: a token is back when it has them all.
    known: BTreeMap<KeyName, Public>,
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
            known: BTreeMap::new(),
            retry: RETRY_FIRST,
        }
    }

    /// Opens the token, says how that went, and then does what is asked until nobody can ask any more.
    pub(crate) fn run(
        mut self,
        opened: &SyncSender<Result<(), TokenError>>,
        calls: &Receiver<Call>,
    ) {
        let first = self.open();
        if let Err(error) = &first {
            self.health.note(Some(error.clone()));
        }
        if opened.send(first).is_err() {
            return;
        }
        loop {
            let wait = if self.open.is_some() {
                LOOK_EVERY
            } else {
                self.retry
            };
            match calls.recv_timeout(wait) {
                Ok(call) => self.answer(&call),
                Err(RecvTimeoutError::Timeout) => self.recover(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        if let Some(open) = self.open.take() {
            open.close(&self.module.library());
        }
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
        match self.attempt(work) {
            Ok(done) => Ok(done),
            // A session that was closed meanwhile costs nobody an answer.
            Err(Failed::Lost(why)) => {
                tracing::debug!(token = self.label, why, "a session with a token is lost");
                self.open()
                    .and_then(|()| {
                        self.attempt(work)
                            .map_err(|failed| failed.error(&self.label))
                    })
                    .inspect_err(|error| self.lose(error))
            }
            Err(failed) => Err(failed.error(&self.label)),
        }
    }

    fn attempt(&mut self, work: &Work) -> Result<Done, Failed> {
        let library = self.module.library();
        let open = self.open.as_mut().filter(|open| open.is_of(&library));
        let open = open.ok_or_else(|| Failed::Lost("there is no session".to_owned()))?;
        match work {
            Work::Find(name) => {
                let public = open.find(name, &self.label)?;
                self.known.insert(name.clone(), public.clone());
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
        if self.known.is_empty() {
            return Err(first);
        }
        self.module.begin_anew(seen);
        self.open_once()
    }

    fn open_once(&mut self) -> Result<(), TokenError> {
        let library = self.module.library();
        if let Some(open) = self.open.take() {
            open.close(&library);
        }
        let failed = |failed: Failed| failed.error(&self.label);
        let open = Open::new(&library, (&self.wanted, &self.label), &self.pin);
        let mut open = open.map_err(|error| {
            let error = failed(error);
            // It was there once, so its name is right.
            if let TokenError::NotThere { found, .. } = error {
                let why = format!("it is not connected; connected are: {found}");
                let token = self.label.clone();
                return TokenError::Away { token, why };
            }
            error
        })?;
        for (name, public) in &self.known {
            let found = open.find(name, &self.label).map_err(failed);
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
        Ok(())
    }

    fn lose(&mut self, error: &TokenError) {
        self.open = None;
        self.retry = RETRY_FIRST;
        let before = self.health.note(Some(error.clone()));
        if before.as_ref() != Some(error) {
            tracing::error!(
                code = "token_away", token = self.label, %error, remedy = error.remedy(),
                "a token of this node does not work: what needs its keys is refused"
            );
        }
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
                self.health.note(None);
                tracing::info!(
                    code = "token_back",
                    token = self.label,
                    "a token of this node works again"
                );
            }
            Err(error) => {
                self.retry = self.retry.saturating_mul(2).min(RETRY_LAST);
                self.open = None;
                if error.is_final() {
                    tracing::error!(
                        code = "token_away", token = self.label, %error, remedy = error.remedy(),
                        "a token of this node is there and does not open"
                    );
                }
                self.health.note(Some(error));
            }
        }
    }
}
