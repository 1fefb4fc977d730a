//! What officers ordered: stops, and announced maintenance.
//!
//! Orders stand in the journal and nowhere else: each is a numbered `administration` leaf with the officer's signed command
//! as its evidence. At start all of them are read again, so no file beside the journal can lift a stop, and none is needed:
//! neither the directory nor the cache. The numbers have no gap, or the node does not start.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use bridge_core::identity::{NodeId, ServiceId};
use bridge_core::leaf::UnixMillis;
use tokio::sync::Mutex;
use uuid::Uuid;

mod change;
mod kept;

pub use change::{Change, Order, OrderFault, Target, Window, both_clocks, parse_moment};
pub use kept::{Given, KeptFault, ORDERED, Proof};

use crate::clock::Clock;
use crate::epochs::History;

/// All orders of a node's officers.
#[derive(Debug)]
pub struct Orders {
    standing: ArcSwap<Standing>,
    /// Orders are given one after the other.
    turn: Mutex<()>,
}

/// What stands ordered at a moment.
#[derive(Debug, Clone, Default)]
pub struct Standing {
    /// Orders given so far.
    number: u64,
    stops: BTreeMap<Target, Stopped>,
    announcements: Vec<Announcement>,
}

/// Since when something is stopped, and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    /// When.
    pub since: UnixMillis,
    /// The officer's name in the settings.
    pub officer: String,
    /// The order: `audit show` gives it with its reason.
    pub id: Uuid,
}

/// Maintenance that was announced and is not over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// When, of what, in which words.
    pub window: Window,
    /// The officer's name in the settings.
    pub officer: String,
    /// The order.
    pub id: Uuid,
}

/// Why an order was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// It makes no sense.
    #[error(transparent)]
    Fault(#[from] OrderFault),
    /// Its id was used: somebody repeats a command that was heard.
    #[error("an order with this id was given before")]
    Repeated,
    /// As many stand as this node keeps.
    #[error("{0} orders of this kind stand already")]
    TooMany(usize),
    /// No such announcement.
    #[error("no announced maintenance has this id")]
    Unknown,
    /// The journal cannot be read.
    #[error("the journal cannot be read")]
    Read(#[from] bridge_journal::ReadError),
    /// The journal did not take the leaf: nothing changed.
    #[error("the journal did not take the order")]
    Record(#[from] bridge_journal::RecordError),
    /// The program is at fault.
    #[error("the order failed")]
    Internal,
}

/// Reads what another node's answer says of its maintenance, as [`Standing::told`] writes it: name, from, until in Unix
/// seconds. What is not in that form is left out.
pub fn read_told(text: &str) -> Vec<(String, u64, u64)> {
    let one = |item: &str| {
        let mut parts = item.trim().split(';');
        let name = parts.next()?.strip_prefix('"')?.strip_suffix('"')?;
        let from_s = parts.next()?.strip_prefix("from=@")?.parse().ok()?;
        let until_s = parts.next()?.strip_prefix("until=@")?.parse().ok()?;
        Some((name.to_owned(), from_s, until_s))
    };
    text.split(',').filter_map(one).collect()
}

/// Stops that may stand at a time: more than a country has agencies and services to stop one by one.
const MOST_STOPS: usize = 10_000;
/// Announcements that may stand at a time: each answer is held against all of them.
const MOST_ANNOUNCEMENTS: usize = 100;
/// Announcements that one answer names.
const MOST_TOLD: usize = 4;

// === impl Orders ===

impl Orders {
    /// Reads all orders from the journal.
    ///
    /// # Errors
    ///
    /// [`KeptFault`]: the journal cannot be read, or its orders are not a whole series.
    pub fn read(history: &History, now: UnixMillis) -> Result<Self, KeptFault> {
        let mut standing = Standing::default();
        for given in kept::read(history)? {
            standing.apply(given);
        }
        standing.forget_past(now);
        for announcement in &mut standing.announcements {
            announcement.window.notice = kept::notice(history, announcement.id)?;
        }
        Ok(Self {
            standing: ArcSwap::from_pointee(standing),
            turn: Mutex::default(),
        })
    }

    /// What stands ordered now.
    pub fn standing(&self) -> Guard<Arc<Standing>> {
        self.standing.load()
    }

    /// Carries out an officer's order: its leaf first, then it is in force, then the officer is told. `None`: it was so
    /// already, and no leaf was written.
    ///
    /// # Errors
    ///
    /// [`OrderError`]; unless the journal took the leaf, nothing changed.
    ///
    /// # Cancel safety
    ///
    /// None: run it as a task of its own, or a durable order may not be in force before the next start.
    pub async fn give(
        &self,
        (history, clock): (&History, &Clock),
        officer: &str,
        order: &Order,
        proof: Proof,
    ) -> Result<Option<Given>, OrderError> {
        let _turn = self.turn.lock().await;
        let mut standing = Standing::clone(&self.standing.load());
        standing.forget_past(clock.now());
        order.check(clock.now())?;
        if kept::is_known(history, order.id).await? {
            return Err(OrderError::Repeated);
        }
        if !standing.changes(&order.change)? {
            return Ok(None);
        }
        let number = standing.number + 1;
        let journal = &history.journal;
        let given = kept::record(journal, clock.now(), (number, officer), order, proof).await?;
        clock.not_before(given.time);
        standing.apply(given.clone());
        self.standing.store(Arc::new(standing));
        Ok(Some(given))
    }
}

// === impl Announcement ===

impl Announcement {
    /// What it is about and when; `node` is this node's own name.
    pub fn words(&self, node: &str) -> String {
        let service = self.window.service.as_ref().map(ToString::to_string);
        format!(
            "{} from {} until {}",
            service.as_deref().unwrap_or(node),
            both_clocks(self.window.from),
            both_clocks(self.window.until)
        )
    }
}

// === impl Standing ===

impl Standing {
    /// The stop of a target, if one stands.
    pub fn stop(&self, target: &Target) -> Option<&Stopped> {
        self.stops.get(target)
    }

    /// All stops.
    pub fn stops(&self) -> impl Iterator<Item = (&Target, &Stopped)> {
        self.stops.iter()
    }

    /// Announcements that are not over, the nearest first.
    pub fn announced(&self, now: UnixMillis) -> impl Iterator<Item = &Announcement> {
        self.announcements
            .iter()
            .filter(move |one| now < one.window.until_ms())
    }

    /// The announced maintenance that a call of this service meets now; with `None`, maintenance of the whole node.
    pub fn maintenance(
        &self,
        service: Option<&ServiceId>,
        now: UnixMillis,
    ) -> Option<&Announcement> {
        self.announced(now)
            .filter(|one| one.window.concerns(service) && one.window.from_ms() <= now)
            .max_by_key(|one| one.window.until_ms())
    }

    /// What an answer about this service says of announced maintenance: a list of names with `from` and `until`.
    ///
    /// Standard: RFC 9651 §3.1.
    /// Standard: RFC 9651 §3.3.7.
    pub fn told(
        &self,
        node: &NodeId,
        service: Option<&ServiceId>,
        now: UnixMillis,
    ) -> Option<String> {
        let told: Vec<String> = self
            .announced(now)
            .filter(|one| one.window.concerns(service))
            .take(MOST_TOLD)
            .map(|one| {
                let name: &dyn fmt::Display = match &one.window.service {
                    Some(service) => service,
                    None => node,
                };
                format!(
                    "\"{name}\";from=@{};until=@{}",
                    one.window.from.unix_timestamp(),
                    one.window.until.unix_timestamp()
                )
            })
            .collect();
        (!told.is_empty()).then(|| told.join(", "))
    }

    /// Whether an order would change anything.
    fn changes(&self, change: &Change) -> Result<bool, OrderError> {
        let (stops, announced) = (self.stops.len(), self.announcements.len());
        match change {
            Change::Stop(target) if self.stops.contains_key(target) => Ok(false),
            Change::Announce(window) if self.announcements.iter().any(|a| a.window == *window) => {
                Ok(false)
            }
            Change::Stop(_) if stops >= MOST_STOPS => Err(OrderError::TooMany(stops)),
            Change::Announce(_) if announced >= MOST_ANNOUNCEMENTS => {
                Err(OrderError::TooMany(announced))
            }
            Change::Stop(_) | Change::Announce(_) => Ok(true),
            Change::Lift(target) => Ok(self.stops.contains_key(target)),
            Change::End(id) if self.announcements.iter().any(|one| one.id == *id) => Ok(true),
            Change::End(_) => Err(OrderError::Unknown),
        }
    }

    fn apply(&mut self, given: Given) {
        let Given {
            number,
            id,
            time,
            officer,
            change,
        } = given;
        self.number = number;
        match change {
            Change::Stop(target) => {
                let since = time;
                self.stops.insert(target, Stopped { since, officer, id });
            }
            Change::Lift(target) => {
                self.stops.remove(&target);
            }
            Change::Announce(window) => {
                self.announcements.push(Announcement {
                    window,
                    officer,
                    id,
                });
                self.announcements.sort_by_key(|one| one.window.from);
            }
            Change::End(id) => self.announcements.retain(|one| one.id != id),
        }
    }

    fn forget_past(&mut self, now: UnixMillis) {
        self.announcements.retain(|one| now < one.window.until_ms());
    }
}

#[cfg(test)]
mod tests;
