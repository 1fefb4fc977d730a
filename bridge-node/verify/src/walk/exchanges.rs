//! Which exchanges have a start and no end.

use std::collections::BTreeMap;

use crate::leaf::{Kind, Leaf, Side};

/// One end of one exchange.
type End = ([u8; 16], Side);

/// The exchanges that are under way, and the leaf that started each.
#[derive(Debug, Default)]
pub(super) struct Exchanges {
    open: BTreeMap<End, u64>,
    full: bool,
}

/// What a leaf does to an exchange.
#[derive(Debug, Clone, Copy)]
pub(super) enum Turn {
    Start(End),
    End(End),
}

impl Turn {
    pub(super) fn of(leaf: &Leaf<'_>) -> Option<Self> {
        let end = (leaf.request_id?, leaf.side?);
        match leaf.kind {
            Kind::Start => Some(Self::Start(end)),
            Kind::End => Some(Self::End(end)),
            Kind::State | Kind::Administration | Kind::Other => None,
        }
    }
}

impl Exchanges {
    /// Applies a leaf; returns true at the first that is too many to be followed.
    pub(super) fn apply(&mut self, turn: Turn, index: u64) -> bool {
        match turn {
            Turn::Start(end) if self.open.len() < UNFINISHED_LIMIT => {
                self.open.insert(end, index);
                false
            }
            Turn::Start(_) => !std::mem::replace(&mut self.full, true),
            Turn::End(end) => {
                self.open.remove(&end);
                false
            }
        }
    }

    /// Indexes of the leaves that started exchanges without an end, rising; none if some were not followed.
    pub(super) fn unfinished(&self) -> Option<Vec<u64>> {
        if self.full {
            return None;
        }
        let mut indexes: Vec<u64> = self.open.values().copied().collect();
        indexes.sort_unstable();
        Some(indexes)
    }
}

/// How many exchanges under way are followed at once.
pub(super) const UNFINISHED_LIMIT: usize = 1_000_000;
