//! Places that many parties share, so that no party's flood takes the places of the others.
//!
//! A party gets another place while it holds no more than are free. One party alone gets half of all places, two get a third
//! each, and so on: however many flood, one more party always finds a place. No number has to be set for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// All places.
#[derive(Debug, Clone)]
pub struct Shares {
    places: usize,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_party: HashMap<Arc<str>, usize>,
}

/// One place; dropping gives it back.
#[derive(Debug)]
pub struct Share {
    taken: Arc<Mutex<Taken>>,
    party: Arc<str>,
}

// === impl Shares ===

impl Shares {
    /// So many places, all free.
    pub fn new(places: usize) -> Self {
        Self {
            places,
            taken: Arc::default(),
        }
    }

    /// A place for this party, unless all are taken or it holds more than are free.
    pub fn take(&self, party: &str) -> Option<Share> {
        self.take_of(party, self.places)
    }

    /// As [`Shares::take`], while only so many of the places may be taken.
    pub fn take_of(&self, party: &str, places: usize) -> Option<Share> {
        let mut taken = lock(&self.taken);
        let free = places.min(self.places).saturating_sub(taken.all);
        let held = taken.by_party.get_key_value(party);
        let (party, own) = held.map_or_else(
            || (Arc::from(party), 0),
            |(party, own)| (Arc::clone(party), *own),
        );
        if free == 0 || own > free {
            return None;
        }
        taken.all += 1;
        taken.by_party.insert(Arc::clone(&party), own + 1);
        Some(Share {
            taken: Arc::clone(&self.taken),
            party,
        })
    }

    /// Places that are taken.
    pub fn taken(&self) -> usize {
        lock(&self.taken).all
    }
}

// === impl Share ===

impl Share {
    /// Whose place it is.
    pub fn party(&self) -> &Arc<str> {
        &self.party
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = lock(&self.taken);
        taken.all = taken.all.saturating_sub(1);
        let left = taken
            .by_party
            .get(&self.party)
            .copied()
            .unwrap_or(0)
            .saturating_sub(1);
        if left == 0 {
            taken.by_party.remove(&self.party);
        } else {
            taken.by_party.insert(Arc::clone(&self.party), left);
        }
    }
}

fn lock(taken: &Mutex<Taken>) -> MutexGuard<'_, Taken> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(shares: &Shares, party: &str) -> Vec<Share> {
        std::iter::from_fn(|| shares.take(party)).collect()
    }

    #[test]
    fn one_more_party_always_finds_a_place() {
        let shares = Shares::new(100);
        let floods: Vec<Vec<Share>> = ["a", "b", "c"].map(|party| all(&shares, party)).into();
        let held: Vec<usize> = floods.iter().map(Vec::len).collect();
        assert_eq!(held, [51, 25, 13]);
        assert!(shares.take("d").is_some());
    }

    #[test]
    fn a_share_grows_when_others_give_back() {
        let shares = Shares::new(10);
        let (flood, honest) = (all(&shares, "a"), all(&shares, "b"));
        assert_eq!((flood.len(), honest.len(), shares.taken()), (6, 3, 9));
        drop(flood);
        assert_eq!(all(&shares, "b").len(), 3);
        drop(honest);
        assert_eq!(shares.taken(), 0);
        assert!(lock(&shares.taken).by_party.is_empty());
    }

    #[test]
    fn few_places_are_all_used() {
        for places in [1, 2] {
            let shares = Shares::new(places);
            let held = all(&shares, "a");
            assert_eq!(held.len(), places);
            assert!(shares.take("b").is_none());
        }
    }
}
