//! Remembers request ids and nonces until their messages have expired, so that none is accepted twice.
//!
//! Standard: RFC 9421 §7.2.2.

use std::collections::{HashSet, VecDeque};
use std::sync::Mutex;

use bridge_core::envelope::{AHEAD_S, LIFETIME_S};
use bridge_core::leaf::{Kind, Leaf, Side};
use uuid::Uuid;

/// What was seen and when it may be forgotten. Bounded: a full memory refuses instead of forgetting early.
#[derive(Debug)]
pub struct Replay {
    seen: Mutex<Seen>,
    /// Nothing created before this second is accepted: the journal's tail could not be read at start.
    not_before_s: u64,
}

#[derive(Debug, Default)]
struct Seen {
    ids: HashSet<Uuid>,
    nonces: HashSet<String>,
    order: VecDeque<(u64, Uuid, String)>,
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

// === impl Replay ===

impl Replay {
    /// Starts empty; `not_before_s` is 0 when the journal's tail was read.
    pub fn new(not_before_s: u64) -> Self {
        Self {
            seen: Mutex::default(),
            not_before_s,
        }
    }

    /// Nothing created before this second is accepted.
    pub fn not_before_s(&self) -> u64 {
        self.not_before_s
    }

    /// Remembers a message by the leaf of its arrival or of its refusal: what an earlier run has seen stays seen,
    /// also if what refused it then would allow it now.
    pub fn remember_leaf(&self, leaf: &Leaf) {
        let (Kind::RequestReceived | Kind::Refused, Some(Side::Provider), Some(id), Some(nonce)) =
            (leaf.kind, leaf.side, leaf.request_id, &leaf.nonce)
        else {
            return;
        };
        // The leaf says when it was written, not when the message was created: at most its life later.
        let expires_s = leaf.time.0 / 1000 + LIFETIME_S;
        let mut seen = self
            .seen
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        seen.ids.insert(id);
        seen.nonces.insert(nonce.clone());
        seen.order
            .push_back((expires_s + AHEAD_S + KEEP_AFTER_EXPIRY_S, id, nonce.clone()));
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
        let mut seen = self
            .seen
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        seen.forget(now_s);
        if seen.ids.contains(&id) || seen.nonces.contains(&nonce_mark) {
            return Err(Repeated::Seen);
        }
        if seen.order.len() >= CAPACITY {
            return Err(Repeated::Full);
        }
        seen.ids.insert(id);
        seen.nonces.insert(nonce_mark.clone());
        seen.order.push_back((
            expires_s.saturating_add(KEEP_AFTER_EXPIRY_S),
            id,
            nonce_mark,
        ));
        Ok(())
    }
}

// === impl Seen ===

impl Seen {
    /// Drops the oldest entries that have run out. Arrival order is expiry order within the freshness window, so a
    /// later one behind a longer-lived one is only kept a little longer.
    fn forget(&mut self, now_s: u64) {
        while self.order.front().is_some_and(|(until, ..)| *until < now_s) {
            if let Some((_, id, nonce)) = self.order.pop_front() {
                self.ids.remove(&id);
                self.nonces.remove(&nonce);
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
        use bridge_core::leaf::UnixMillis;
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
            replay.remember_leaf(&leaf);
            assert_eq!(
                replay.admit(id, nonce, 100, 160, 101),
                expected,
                "{kind:?} {side:?}"
            );
        }
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
