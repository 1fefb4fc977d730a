//! Refusals that get no leaf of their own: those that prove nothing, and those of a member that gets too many.
//!
//! Without a bound, a member whose system retries a refused request in a loop would fill both journals and buy signatures
//! for nothing. What goes beyond the bound is answered all the same, unsigned, and summed for its member and minute.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bridge_core::identity::MemberId;
use bridge_core::leaf::UnixMillis;

/// Counts of refusals. Bounded by the members of the directory: nobody else is counted by name.
#[derive(Debug)]
pub struct Refusals {
    /// Refusals of one member that get leaves of their own in one minute.
    limit: u64,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    minute: u64,
    given: HashMap<MemberId, u64>,
    untold: Sums,
}

/// Refusals that no leaf tells of yet.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Sums {
    unproved: u64,
    excess: BTreeMap<MemberId, u64>,
}

const MINUTE_MS: u64 = 60_000;

// === impl Refusals ===

impl Refusals {
    /// Nothing is counted yet; `limit` is the refusals of one member that get leaves of their own in one minute.
    pub fn new(limit: u64) -> Self {
        Self {
            limit,
            counts: Mutex::default(),
        }
    }

    /// Counts a refusal that proves nothing.
    pub fn unproved(&self) {
        self.counts().untold.unproved += 1;
    }

    /// Says whether one more refusal of this member may have a leaf of its own; if not, it is summed.
    pub fn admit(&self, member: &MemberId, now: UnixMillis) -> bool {
        let mut counts = self.counts();
        let minute = now.0 / MINUTE_MS;
        if counts.minute != minute {
            counts.minute = minute;
            counts.given.clear();
        }
        let given = counts.given.entry(member.clone()).or_default();
        if *given < self.limit {
            *given += 1;
            return true;
        }
        *counts.untold.excess.entry(member.clone()).or_default() += 1;
        false
    }

    /// Takes what no leaf has told yet.
    pub fn take(&self) -> Sums {
        std::mem::take(&mut self.counts().untold)
    }

    /// Gives back what could not be written.
    pub fn give_back(&self, sums: Sums) {
        let mut counts = self.counts();
        counts.untold.unproved += sums.unproved;
        for (member, count) in sums.excess {
            *counts.untold.excess.entry(member).or_default() += count;
        }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Sums ===

impl Sums {
    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The facts of the leaf that tells of them.
    pub fn facts(&self) -> BTreeMap<String, String> {
        let excess = self
            .excess
            .iter()
            .map(|(member, count)| (format!("refused_in_excess:{member}"), count.to_string()));
        let unproved = (self.unproved > 0)
            .then(|| ("refused_without_leaf".to_owned(), self.unproved.to_string()));
        excess.chain(unproved).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_member_gets_beyond_its_share_of_a_minute_is_summed() {
        let refusals = Refusals::new(2);
        let [one, other] = ["AZ/GOV/1001", "AZ/GOV/1002"].map(|id| id.parse::<MemberId>().unwrap());
        let at = UnixMillis;
        assert!(refusals.admit(&one, at(0)) && refusals.admit(&one, at(1)));
        assert!(!refusals.admit(&one, at(2)) && !refusals.admit(&one, at(59_999)));
        assert!(
            refusals.admit(&other, at(59_999)),
            "each member has its own share"
        );
        assert!(refusals.admit(&one, at(60_000)), "a new minute");
        refusals.unproved();
        let sums = refusals.take();
        assert_eq!(
            sums.facts().into_iter().collect::<Vec<_>>(),
            [
                ("refused_in_excess:AZ/GOV/1001".to_owned(), "2".to_owned()),
                ("refused_without_leaf".to_owned(), "1".to_owned())
            ]
        );
        assert!(refusals.take().is_empty());
        refusals.give_back(sums);
        assert!(
            !refusals.take().is_empty(),
            "what could not be written is told later"
        );
    }
}
