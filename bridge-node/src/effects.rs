//! Idempotency-Keys at the provider's node, where effects happen: what was begun under a key is not begun again.
//!
//! A key counts in the scope of client and service, for `limits.idempotency_days`. The leaf of the request that is about to
//! reach the registry carries two marks, of the key and of its content; so the promise is as durable as the leaf, and
//! costs no write of its own. In memory stands what the leaves say; it is read back from them at start (`kept`).
//!
//! Endpoints that are [`Effect::Stored`] are remembered while they are under way only: their registry knows the rest.
//! Endpoints that only read have nothing to remember.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bridge_adapter::Effect;
use bridge_core::identity::SubsystemId;
use bridge_core::leaf::UnixMillis;
use uuid::Uuid;

mod kept;
mod mark;

pub use kept::{Again, KeptAnswer, again, ended, note_repetition, note_without_effect};
pub use mark::{Marker, Marks, derived};

/// What became of the request that was last begun under a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It is under way.
    InFlight,
    /// It was answered.
    Answered,
    /// It may or may not have had its effect.
    Unknown,
    /// It was begun by an earlier run; the journal knows.
    Unread,
}

/// What is remembered of a key.
#[derive(Debug)]
struct Entry {
    content: [u8; 16],
    exchange: Uuid,
    client: SubsystemId,
    /// When it was begun.
    since: UnixMillis,
    state: State,
}

#[derive(Debug, Default)]
struct Table {
    entries: HashMap<[u8; 16], Entry>,
    /// What has ended and stays: so nothing that is given back grows it. The oldest leaves first, however late it ended or
    /// was read. An entry counts only while its key still names this exchange.
    order: BinaryHeap<Reverse<(UnixMillis, [u8; 16], Uuid)>>,
    /// How many entries each client has.
    of_client: HashMap<SubsystemId, usize>,
}

/// How many keys there may be, and how long each counts.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// How long a key counts.
    pub age: Duration,
    /// Keys remembered at a time.
    pub keys: usize,
    /// Of these, keys of one client.
    pub of_client: usize,
}

/// The keys that are remembered.
#[derive(Debug)]
pub struct Effects {
    marker: Marker,
    bounds: Bounds,
    table: Mutex<Table>,
    /// Whether the journal could not be read at start: then what was begun is not known.
    forgotten: bool,
}

/// What a key allows.
#[derive(Debug)]
pub enum Admission {
    /// The request may be begun; what becomes of it is told to this.
    Begin(Arc<Begun>),
    /// It was begun and answered in this exchange.
    Answered(Uuid),
    /// It was begun in this exchange, by an earlier run: look at the journal, [`Effects::learn`] and ask again.
    Look(Uuid, UnixMillis),
}

/// Why a request with a key is not begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotBegun {
    /// Another one with this key is under way.
    InFlight,
    /// The key came with another content.
    Reused,
    /// The first one may or may not have had its effect.
    Unknown,
    /// No further key can be remembered.
    Full,
    /// What was begun by earlier runs is not known.
    Forgotten,
}

/// How a request that an earlier run began has ended, as the journal says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// With an answer.
    Answered,
    /// Surely without an effect.
    WithoutEffect,
    /// Nobody knows.
    Unknown,
}

/// A request under way; when it is dropped, the key knows how it ended.
#[derive(Debug)]
pub struct Begun {
    effects: Arc<Effects>,
    marks: Marks,
    exchange: Uuid,
    stage: AtomicU8,
    stored: bool,
}

/// The registry has not been asked, or has surely done nothing.
const UNTOUCHED: u8 = 0;
/// The registry may have begun to work.
const ASKED: u8 = 1;
/// The answer is durable.
const ANSWERED: u8 = 2;

// === impl Effects ===

impl Effects {
    /// Remembers nothing yet. `forgotten` says that leaves of earlier runs could not be read.
    pub fn new(marker: Marker, bounds: Bounds, forgotten: bool) -> Self {
        Self {
            marker,
            bounds,
            table: Mutex::default(),
            forgotten,
        }
    }

    /// Makes the marks of a key and its content. A key that was begun before the evidence key was replaced keeps those that it has.
    pub fn marks(&self, key: &bridge_adapter::Idempotency) -> Marks {
        let marks = self.marker.marks(key);
        let Some(before) = self.marker.marks_before(key) else {
            return marks;
        };
        let known = &self.table().entries;
        if known.contains_key(&before.key) && !known.contains_key(&marks.key) {
            return before;
        }
        marks
    }

    /// How many keys are remembered.
    pub fn len(&self) -> usize {
        self.table().entries.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Remembers what an earlier run began; newest first, so that what was begun anew after a release has the last word.
    fn remember(&self, marks: Marks, (exchange, client): (Uuid, SubsystemId), since: UnixMillis) {
        let entry = Entry {
            content: marks.content,
            exchange,
            client,
            since,
            state: State::Unread,
        };
        let mut table = self.table();
        if !table.entries.contains_key(&marks.key) {
            table.order.push(Reverse((since, marks.key, exchange)));
            table.insert(marks.key, entry);
        }
    }

    /// Begins a request under a key, if that is allowed.
    ///
    /// # Errors
    ///
    /// [`NotBegun`] says why not.
    pub fn begin(
        self: &Arc<Self>,
        marks: Marks,
        (exchange, client): (Uuid, &SubsystemId),
        effect: Effect,
        now: UnixMillis,
    ) -> Result<Admission, NotBegun> {
        let mut table = self.table();
        table.forget(self.oldest(now));
        if let Some(known) = table.entries.get(&marks.key) {
            let look = Admission::Look(known.exchange, known.since);
            if known.state != State::Unread && known.content != marks.content {
                return Err(NotBegun::Reused);
            }
            return match known.state {
                State::InFlight => Err(NotBegun::InFlight),
                State::Unknown => Err(NotBegun::Unknown),
                State::Answered => Ok(Admission::Answered(known.exchange)),
                State::Unread => Ok(look),
            };
        }
        let stored = effect == Effect::Stored;
        // What the registry keeps needs nothing of the past, and no room but for those that run at a time.
        if !stored {
            if self.forgotten {
                return Err(NotBegun::Forgotten);
            }
            let of_client = table.of_client.get(client).copied().unwrap_or_default();
            if table.entries.len() >= self.bounds.keys || of_client >= self.bounds.of_client {
                return Err(NotBegun::Full);
            }
        }
        let entry = Entry {
            content: marks.content,
            exchange,
            client: client.clone(),
            since: now,
            state: State::InFlight,
        };
        table.insert(marks.key, entry);
        Ok(Admission::Begin(Arc::new(Begun {
            effects: Arc::clone(self),
            marks,
            exchange,
            stage: AtomicU8::new(UNTOUCHED),
            stored,
        })))
    }

    /// Takes note of what the journal says about a request that an earlier run began.
    pub fn learn(&self, marks: Marks, exchange: Uuid, ended: Ended) {
        let mut table = self.table();
        let unread =
            |entry: &&mut Entry| entry.exchange == exchange && entry.state == State::Unread;
        if let Some(entry) = table.entries.get_mut(&marks.key).filter(unread) {
            match ended {
                Ended::Answered => entry.state = State::Answered,
                Ended::Unknown => entry.state = State::Unknown,
                Ended::WithoutEffect => table.remove(&marks.key),
            }
        }
    }

    /// What is older no longer counts.
    fn oldest(&self, now: UnixMillis) -> UnixMillis {
        let age_ms = u64::try_from(self.bounds.age.as_millis()).unwrap_or(u64::MAX);
        UnixMillis(now.0.saturating_sub(age_ms))
    }

    fn end(&self, begun: &Begun) {
        let mut table = self.table();
        let own = |entry: &&mut Entry| entry.exchange == begun.exchange;
        let Some(entry) = table.entries.get_mut(&begun.marks.key).filter(own) else {
            return;
        };
        let stage = begun.stage.load(Ordering::Acquire);
        if stage == UNTOUCHED || begun.stored {
            return table.remove(&begun.marks.key);
        }
        entry.state = if stage == ANSWERED {
            State::Answered
        } else {
            State::Unknown
        };
        let since = entry.since;
        let ended = (since, begun.marks.key, begun.exchange);
        table.order.push(Reverse(ended));
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Table ===

impl Table {
    fn insert(&mut self, key: [u8; 16], entry: Entry) {
        let count = self.of_client.entry(entry.client.clone()).or_default();
        *count = count.saturating_add(1);
        self.entries.insert(key, entry);
    }

    fn remove(&mut self, key: &[u8; 16]) {
        let Some(entry) = self.entries.remove(key) else {
            return;
        };
        if let Some(count) = self.of_client.get_mut(&entry.client) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.of_client.remove(&entry.client);
            }
        }
    }

    /// Drops what is older than this.
    fn forget(&mut self, oldest: UnixMillis) {
        while let Some(Reverse((since, key, exchange))) = self.order.peek().copied() {
            if since >= oldest {
                return;
            }
            let named = self.entries.get(&key);
            if named.is_some_and(|entry| entry.exchange == exchange) {
                self.remove(&key);
            }
            self.order.pop();
        }
    }
}

// === impl Begun ===

impl Begun {
    /// The marks that the leaf of the request carries.
    pub fn marks(&self) -> Marks {
        self.marks
    }

    /// Whether the registry keeps key and answer.
    pub fn is_stored(&self) -> bool {
        self.stored
    }

    /// The registry is asked now.
    pub fn asked(&self) {
        self.stage.store(ASKED, Ordering::Release);
    }

    /// The registry has surely done nothing.
    pub fn without_effect(&self) {
        self.stage.store(UNTOUCHED, Ordering::Release);
    }

    /// The answer is durable.
    pub fn answered(&self) {
        self.stage.store(ANSWERED, Ordering::Release);
    }

    /// Whether it is sure that nothing was done.
    pub fn is_untouched(&self) -> bool {
        self.stage.load(Ordering::Acquire) == UNTOUCHED
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.effects.end(self);
    }
}

#[cfg(test)]
mod tests;
