//! How many log lines a minute strangers may cause, so that no flood hides what matters or fills a disk.

use std::sync::atomic::{AtomicU64, Ordering};

/// Lines of one kind. Refilled each minute by the node.
#[derive(Debug)]
pub struct LogShare {
    kind: &'static str,
    limit: u64,
    asked: AtomicU64,
}

// === impl LogShare ===

impl LogShare {
    /// Nothing was written yet; `limit` lines of this kind are written in a minute.
    pub fn new(kind: &'static str, limit: u64) -> Self {
        Self {
            kind,
            limit,
            asked: AtomicU64::new(0),
        }
    }

    /// Whether one more line may be written; if not, it is counted.
    pub fn admit(&self) -> bool {
        self.asked.fetch_add(1, Ordering::Relaxed) < self.limit
    }

    /// Begins a new minute; one line tells how many of the last one were left out. Says whether any were.
    pub fn refill(&self) -> bool {
        let left_out = self.begin();
        if left_out > 0 {
            tracing::warn!(kind = self.kind, left_out, "log lines were left out");
        }
        left_out > 0
    }

    fn begin(&self) -> u64 {
        self.asked
            .swap(0, Ordering::Relaxed)
            .saturating_sub(self.limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_beyond_the_limit_are_counted_and_a_new_minute_begins() {
        let share = LogShare::new("refusals", 3);
        let written = (0..10).filter(|_| share.admit()).count();
        assert_eq!((written, share.begin()), (3, 7));
        assert!(share.admit());
        assert_eq!(share.begin(), 0);
    }
}
