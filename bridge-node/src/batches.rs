//! Batches of one key whose signature held, so that it is verified once and not for each of their messages.

use std::collections::HashSet;
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bridge_signature::KnownBatches;

/// What is remembered of one key's batches; it goes with the key out of the directory.
///
/// Each key has its own, so that no peer can push out what another's messages need.
#[derive(Debug)]
pub struct Batches {
    seen: Mutex<Seen>,
    /// Half of how many are remembered at most.
    half: usize,
}

/// When the newer half is full it becomes the older one, which is forgotten.
#[derive(Debug, Default)]
struct Seen {
    newer: HashSet<[u8; 32]>,
    older: HashSet<[u8; 32]>,
}

// === impl Batches ===

impl Batches {
    /// Remembers at most this many, at least two.
    pub fn new(limit: usize) -> Self {
        Self {
            seen: Mutex::default(),
            half: (limit / 2).max(1),
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KnownBatches for Batches {
    fn knows(&self, mark: &[u8; 32]) -> bool {
        let seen = self.seen();
        seen.newer.contains(mark) || seen.older.contains(mark)
    }

    fn learn(&self, mark: [u8; 32]) {
        let mut seen = self.seen();
        if seen.newer.len() >= self.half {
            seen.older = mem::take(&mut seen.newer);
        }
        seen.newer.insert(mark);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(number: u32) -> [u8; 32] {
        let mut mark = [0; 32];
        mark[..4].copy_from_slice(&number.to_be_bytes());
        mark
    }

    #[test]
    fn the_newest_are_known_and_never_more_than_the_limit() {
        for limit in [2, 3, 10, 1024] {
            let batches = Batches::new(limit);
            for number in 0..5000 {
                assert!(!batches.knows(&mark(number)));
                batches.learn(mark(number));
                let known = (0..=number).filter(|number| batches.knows(&mark(*number)));
                let known: Vec<u32> = known.collect();
                assert!(known.len() <= limit, "{} of {limit}", known.len());
                let newest = u32::try_from(limit / 2).expect("small").min(number + 1);
                assert!(known.ends_with(&(number + 1 - newest..=number).collect::<Vec<_>>()));
                if number > 300 && limit == 1024 {
                    break;
                }
            }
        }
    }
}
