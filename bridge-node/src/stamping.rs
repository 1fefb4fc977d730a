//! Time from outside: authorities stamp the journal's checkpoints, and the own clock is held against what they say.
//!
//! One stamp serves for all leaves under its checkpoint, so it is asked for once in a while, by a task of its own: no
//! exchange ever waits for an authority. Authorities may fail for the time that the settings tolerate; then nothing is
//! exchanged until one stamps again, whether or not anything new was logged.
//!
//! Standard: RFC 3161 §2.

use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bridge_certs::stamp::Expected;
use bridge_certs::{Moment, Stamp, StampError, Trust};
use bridge_core::leaf::UnixMillis;
use bridge_core::refusal::{NodeFault, Refusal};
use bridge_journal::{Journal, KeptStamp};

use crate::node::Node;
use crate::settings::{Limits, Settings, Time};

mod authority;

mod round;

use authority::Authority;

pub use crate::way::AskError;
use crate::way::Patience;
pub use round::{keep, stamp, stamp_imprint};

/// What a node knows about time from outside.
#[derive(Debug)]
pub struct Stamping {
    told: Box<Time>,
    trust: Trust,
    authorities: Vec<Authority>,
    /// When this began to look, Unix milliseconds: counts as long as there is no stamp at all.
    begun_ms: AtomicU64,
    /// Time of the newest stamp, Unix milliseconds; 0 if there is none.
    newest_ms: AtomicU64,
    /// Leaves under the newest stamped checkpoint.
    leaves: AtomicU64,
    /// By how many milliseconds the own clock is off, while that is too much for exchanges; else 0.
    clock_off_ms: AtomicU64,
    known: Mutex<Known>,
    tally: Tally,
}

/// What the last rounds have shown.
#[derive(Debug, Default)]
struct Known {
    /// By how much stamped time is ahead of the own clock, if an authority has said so since the start.
    ahead_ms: Option<i64>,
    /// Whether the log was told that the clock is further off than a right one can be.
    told_clock: bool,
    /// Whether the log was told that the newest stamp is too old.
    told_age: bool,
}

/// How asking has ended since the start.
#[derive(Debug, Default)]
pub struct Tally {
    /// Stamps that were kept.
    pub kept: AtomicU64,
    /// Answers that were refused.
    pub refused: AtomicU64,
    /// Questions without an answer.
    pub unanswered: AtomicU64,
}

/// Why a node cannot be made ready to be stamped.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct OpenError(String);

// === impl Stamping ===

impl Stamping {
    /// Reads what the settings name; `None` if they name no authority.
    ///
    /// # Errors
    ///
    /// [`OpenError`] names the file.
    pub fn open(settings: &Settings) -> Result<Option<Box<Self>>, OpenError> {
        let Some(told) = settings.time.clone() else {
            return Ok(None);
        };
        let pem = fs::read(&told.trust)
            .map_err(|error| OpenError(format!("{}: {error}", told.trust.display())))?;
        let trust = Trust::from_pem(&pem).map_err(|error| {
            OpenError(format!(
                "{}: {}",
                told.trust.display(),
                crate::chain(&error)
            ))
        })?;
        let authorities = told
            .authorities
            .iter()
            .map(Authority::open)
            .collect::<Result<_, _>>()?;
        Ok(Some(Box::new(Self {
            trust,
            authorities,
            begun_ms: AtomicU64::default(),
            newest_ms: AtomicU64::default(),
            leaves: AtomicU64::default(),
            clock_off_ms: AtomicU64::default(),
            known: Mutex::default(),
            tally: Tally::default(),
            told,
        })))
    }

    /// Learns from the journal how old the newest stamp is. One that does not hold under today's trust counts for nothing.
    pub fn resume(&self, journal: &Journal, now: UnixMillis) {
        self.begun_ms.store(now.0, Ordering::Relaxed);
        match journal.newest_stamp() {
            Ok(Some(kept)) => match check_kept(&self.trust, &kept) {
                Ok(stamp) => {
                    self.newest_ms.store(stamp.time_ms, Ordering::Relaxed);
                    self.leaves.store(kept.size, Ordering::Relaxed);
                }
                Err(error) => {
                    let error = crate::chain(&error);
                    tracing::error!(code = "time_stamp_not_good", size = kept.size, %error, "the newest time-stamp does not hold");
                }
            },
            Ok(None) => {}
            Err(error) => {
                let error = crate::chain(&error);
                tracing::error!(code = "time_stamp_not_read", %error, "the newest time-stamp cannot be read");
            }
        }
    }

    /// Lets an exchange begin only while time is proved.
    ///
    /// # Errors
    ///
    /// [`NodeFault::TimeStamps`] if the newest stamp is older than is tolerated, [`NodeFault::Clock`] if the own clock is
    /// too far from stamped time.
    pub fn check(&self, now: UnixMillis) -> Result<(), Refusal> {
        // A clock that is off makes stamps look old, and is to be mended first.
        if self.clock_off_ms() > 0 {
            return Err(Refusal::Node(NodeFault::Clock));
        }
        if self.is_too_old(now) {
            return Err(Refusal::Node(NodeFault::TimeStamps));
        }
        Ok(())
    }

    /// Why the node should get no new work, for people.
    pub fn reasons(&self, now: UnixMillis) -> Vec<String> {
        let mut reasons = Vec::new();
        if self.is_too_old(now) {
            reasons.push(format!(
                "the newest time-stamp is {} s old, at most {} s are tolerated ({})",
                self.age_ms(now) / 1000,
                self.told.tolerated_gap.as_secs(),
                self.authorities().join("; ")
            ));
        }
        let off_ms = self.clock_off_ms();
        if off_ms > 0 {
            reasons.push(format!(
                "the clock is {} s off the time that an authority stamped: set it right",
                off_ms / 1000
            ));
        }
        reasons
    }

    fn words(&self) -> String {
        match self.newest_ms() {
            Some(ms) => format!(
                "{} leaves are stamped, the newest stamp is of {}",
                self.leaves(),
                Moment(ms / 1000)
            ),
            None => "nothing is stamped yet".to_owned(),
        }
    }

    /// The authorities in the order in which they are asked, each with what was wrong when it was asked last.
    pub fn authorities(&self) -> Vec<String> {
        self.authorities.iter().map(Authority::told).collect()
    }

    /// Time of the newest stamp, Unix milliseconds.
    pub fn newest_ms(&self) -> Option<u64> {
        Some(self.newest_ms.load(Ordering::Relaxed)).filter(|ms| *ms > 0)
    }

    /// Leaves under the newest stamped checkpoint.
    pub fn leaves(&self) -> u64 {
        self.leaves.load(Ordering::Relaxed)
    }

    /// By how much stamped time is ahead of the own clock; `None` before the first stamp since the start.
    pub fn ahead_ms(&self) -> Option<i64> {
        self.known().ahead_ms
    }

    /// How asking has ended since the start.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// How old a stamp may be.
    pub fn tolerated_gap(&self) -> Duration {
        self.told.tolerated_gap
    }

    fn clock_off_ms(&self) -> u64 {
        self.clock_off_ms.load(Ordering::Relaxed)
    }

    fn is_too_old(&self, now: UnixMillis) -> bool {
        u128::from(self.age_ms(now)) > self.told.tolerated_gap.as_millis()
    }

    fn age_ms(&self, now: UnixMillis) -> u64 {
        let begun_ms = self.begun_ms.load(Ordering::Relaxed);
        now.0.saturating_sub(self.newest_ms().unwrap_or(begun_ms))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What of a node's journal is stamped, for people.
pub fn words(node: &Node) -> String {
    let stamping = node.stamping.as_ref();
    let nobody = || "nothing is stamped: the settings name no authority".to_owned();
    stamping.map_or_else(nobody, |stamping| stamping.words())
}

/// The stamped time of a stamp that was kept, RFC 3339.
///
/// # Errors
///
/// Why it proves no time, for people.
pub fn time_of(node: &Node, kept: &KeptStamp) -> Result<String, String> {
    let stamping = node.stamping.as_ref();
    let stamping = stamping.ok_or("the settings trust no time-stamping authority")?;
    match check_kept(&stamping.trust, kept) {
        Ok(stamp) => Ok(Moment(stamp.time_ms / 1000).to_string()),
        Err(error) => Err(crate::chain(&error)),
    }
}

/// Checks a stamp of the journal whole: by its own time, because question and clock of then are gone.
///
/// # Errors
///
/// [`StampError`] names what does not hold.
pub fn check_kept(trust: &Trust, kept: &KeptStamp) -> Result<Stamp, StampError> {
    let expected = Expected {
        imprint: bridge_journal::imprint(&kept.checkpoint).ok_or(StampError::Imprint)?,
        nonce: None,
        policy: None,
        clock: None,
        // It was accurate enough when it was taken.
        accuracy_ms: u64::MAX,
    };
    Stamp::check(trust, &kept.response, &expected)
}

fn patience(limits: &Limits) -> Patience {
    Patience {
        bytes: limits.stamp_bytes,
        time: limits.stamp_timeout,
        limits: ["stamp_bytes", "stamp_seconds"],
    }
}
