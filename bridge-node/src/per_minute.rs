//! How often each member is heard in a minute of the node's running.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use bridge_core::identity::MemberId;

/// What members took of this minute. Bounded by the members of the directory.
#[derive(Debug)]
pub struct PerMinute {
    limit: u64,
    taken: Mutex<HashMap<MemberId, u64>>,
}

// === impl PerMinute ===

impl PerMinute {
    /// Nothing was taken yet; each member has so much in a minute.
    pub fn new(limit: u64) -> Self {
        Self {
            limit,
            taken: Mutex::default(),
        }
    }

    /// Whether a member is heard once more in this minute.
    pub fn admits(&self, member: &MemberId) -> bool {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(member.clone()).or_default();
        *count = count.saturating_add(1);
        *count <= self.limit
    }

    /// Begins a new minute.
    pub fn refill(&self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.clear();
    }
}
