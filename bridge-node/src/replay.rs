//! Remembers request ids and nonces until their messages have expired, so that none is accepted twice.
//!
//! Standard: RFC 9421 §7.2.2.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bridge_core::envelope::{AHEAD_S, LIFETIME_S};
use bridge_core::leaf::{Kind, Leaf, Side, UnixMillis};
use uuid::Uuid;

/// What was seen and when it may be forgotten. Bounded: a full memory refuses instead of forgetting early.
#[derive(Debug)]
pub struct Replay {
    seen: Mutex<Seen>,
    capacity: usize,
    /// Messages that were refused for want of room since it was last said.
    turned_away: AtomicU64,
    /// Nothing created before this second is accepted: the journal's tail could not be read at start.
    not_before_s: u64,
}

#[derive(Debug, Default)]
struct Seen {
    ids: HashSet<Uuid>,
    nonces: HashSet<String>,
    /// By the last second in which they are remembered: one of a clock that ran ahead keeps none of the others.
    until: BTreeMap<u64, Vec<(Uuid, String)>>,
}

/// Why a message is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeated {
    /// Its request id or nonce was seen before.
    Seen,
    /// It was created before this node could know what it had seen.
    BeforeStart,
    /// Too many messages are remembered at this moment.
    Full,
}

/// Ids remembered at a time: 150 s at more than 10,000 requests a second.
const CAPACITY: usize = 2_000_000;
/// A message is remembered for this long after it expired.
const KEEP_AFTER_EXPIRY_S: u64 = 60;
/// Of what has run out, this many are dropped for each that comes.
const FORGOTTEN_AT_ONCE: usize = 16;

// === impl Replay ===

impl Replay {
    /// Starts empty; `not_before_s` is 0 when the journal's tail was read.
    pub fn new(not_before_s: u64) -> Self {
        Self {
            seen: Mutex::default(),
            capacity: CAPACITY,
            turned_away: AtomicU64::new(0),
            not_before_s,
        }
    }

    /// Nothing created before this second is accepted.
    pub fn not_before_s(&self) -> u64 {
        self.not_before_s
    }

    /// Remembers a message by the leaf of its arrival or of its refusal: what an earlier run has seen stays seen,
    /// also if what refused it then would allow it now. `written` is when the leaf was written at the latest.
    pub fn remember_leaf(&self, leaf: &Leaf, written: UnixMillis) {
        let (Kind::RequestReceived | Kind::Refused, Some(Side::Provider), Some(id), Some(nonce)) =
            (leaf.kind, leaf.side, leaf.request_id, &leaf.nonce)
        else {
            return;
        };
        // The leaf says when it was written, not when the message was created: at most its life later.
        let expires_s = written.0 / 1000 + LIFETIME_S + AHEAD_S;
        self.seen().remember(id, nonce.clone(), expires_s);
    }

    /// Accepts a message once.
    ///
    /// `nonce_mark` is the mark that stands in the leaf, so that memory and journal compare alike.
    ///
    /// # Errors
    ///
    /// [`Repeated`] says why not.
    pub fn admit(
        &self,
        id: Uuid,
        nonce_mark: String,
        created_s: u64,
        expires_s: u64,
        now_s: u64,
    ) -> Result<(), Repeated> {
        if created_s < self.not_before_s {
            return Err(Repeated::BeforeStart);
        }
        let mut seen = self.seen();
        seen.forget(now_s);
        if seen.ids.contains(&id) || seen.nonces.contains(&nonce_mark) {
            return Err(Repeated::Seen);
        }
        if seen.ids.len() >= self.capacity {
            self.turned_away.fetch_add(1, Ordering::Relaxed);
            return Err(Repeated::Full);
        }
        seen.remember(id, nonce_mark, expires_s);
        Ok(())
    }

    /// Says in one line how many messages found no room since it was last said, if any; returns how many.
    pub fn tell_full(&self) -> u64 {
        let refused = self.turned_away.swap(0, Ordering::Relaxed);
        if refused > 0 {
            let remembered = self.seen().ids.len();
            tracing::warn!(
                refused,
                remembered,
                "the memory of replays is full; messages of other nodes were refused"
            );
        }
        refused
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Seen ===

impl Seen {
    fn remember(&mut self, id: Uuid, nonce: String, expires_s: u64) {
        self.ids.insert(id);
        self.nonces.insert(nonce.clone());
        let until_s = expires_s.saturating_add(KEEP_AFTER_EXPIRY_S);
        self.until.entry(until_s).or_default().push((id, nonce));
    }

    /// Drops what has run out, a few at a time: thousands of one second would hold up all who come then.
    fn forget(&mut self, now_s: u64) {
        for _ in 0..FORGOTTEN_AT_ONCE {
            let oldest = self.until.first_entry();
            let Some(mut oldest) = oldest.filter(|own| *own.key() < now_s) else {
                return;
            };
            if let Some((id, nonce)) = oldest.get_mut().pop() {
                self.ids.remove(&id);
                self.nonces.remove(&nonce);
            } else {
                oldest.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_or_a_nonce_is_accepted_once_and_forgotten_after_it_expired() {
        let replay = Replay::new(0);
        let (a, b) = (Uuid::from_u128(1), Uuid::from_u128(2));
        assert_eq!(replay.admit(a, "n1".into(), 100, 160, 100), Ok(()));
        assert_eq!(
            replay.admit(a, "n2".into(), 100, 160, 101),
            Err(Repeated::Seen)
        );
        assert_eq!(
            replay.admit(b, "n1".into(), 100, 160, 220),
            Err(Repeated::Seen)
        );
        assert_eq!(replay.admit(b, "n1".into(), 200, 260, 221), Ok(()));
    }

    #[test]
    fn what_an_earlier_run_took_or_refused_is_not_taken_now() {
        let replay = Replay::new(0);
        let cases = [
            (Kind::RequestReceived, Side::Provider, Err(Repeated::Seen)),
            (Kind::Refused, Side::Provider, Err(Repeated::Seen)),
            (Kind::Refused, Side::Consumer, Ok(())),
            (Kind::RequestSent, Side::Consumer, Ok(())),
        ];
        for (number, (kind, side, expected)) in (0u128..).zip(cases) {
            let id = Uuid::from_u128(number);
            let nonce = format!("n{number}");
            let mut leaf = Leaf::new(kind, UnixMillis(100_000));
            leaf.side = Some(side);
            leaf.request_id = Some(id);
            leaf.nonce = Some(nonce.clone());
            replay.remember_leaf(&leaf, leaf.time);
            assert_eq!(
                replay.admit(id, nonce, 100, 160, 101),
                expected,
                "{kind:?} {side:?}"
            );
        }
    }

    #[test]
    fn what_ran_out_in_one_second_goes_a_few_at_a_time() {
        let replay = Replay::new(0);
        let admit = |id: u128, now_s| {
            let nonce = format!("n{id}");
            replay.admit(Uuid::from_u128(id), nonce, now_s, now_s + 60, now_s)
        };
        for id in 0..100 {
            assert_eq!(admit(id, 100), Ok(()));
        }
        assert_eq!(admit(100, 1000), Ok(()));
        assert_eq!(replay.seen().ids.len(), 101 - FORGOTTEN_AT_ONCE);
        for id in 101..110 {
            assert_eq!(admit(id, 1000), Ok(()));
        }
        assert_eq!(replay.seen().ids.len(), 10, "only what came last is left");
    }

    #[test]
    fn one_of_a_clock_that_ran_ahead_keeps_no_other_and_is_kept_itself() {
        let replay = Replay {
            capacity: 3,
            ..Replay::new(0)
        };
        let mut leaf = Leaf::new(Kind::RequestReceived, UnixMillis(9_000_000));
        leaf.side = Some(Side::Provider);
        leaf.request_id = Some(Uuid::from_u128(1));
        leaf.nonce = Some("ahead".into());
        replay.remember_leaf(&leaf, leaf.time);
        let admit = |id, now_s| {
            let nonce = format!("n{id}");
            replay.admit(Uuid::from_u128(id), nonce, now_s, now_s + 60, now_s)
        };
        assert_eq!((admit(2, 100), admit(3, 101)), (Ok(()), Ok(())));
        for _ in 0..2 {
            assert_eq!(admit(4, 220), Err(Repeated::Full));
        }
        assert_eq!(replay.tell_full(), 2);
        assert_eq!(replay.tell_full(), 0, "it is said once");
        // The second has run out.
        assert_eq!(admit(4, 221), Ok(()));
        assert_eq!(admit(5, 221), Err(Repeated::Full));
        assert_eq!(admit(1, 9_000), Err(Repeated::Seen));
    }

    #[test]
    fn what_was_created_before_an_unread_start_is_refused() {
        let replay = Replay::new(500);
        assert_eq!(
            replay.admit(Uuid::from_u128(1), "n".into(), 499, 559, 500),
            Err(Repeated::BeforeStart)
        );
        assert_eq!(
            replay.admit(Uuid::from_u128(1), "n".into(), 500, 560, 500),
            Ok(())
        );
    }
}
