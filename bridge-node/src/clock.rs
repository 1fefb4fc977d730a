//! The node's clock: read here and nowhere else.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use bridge_core::leaf::UnixMillis;

/// Wall-clock time that never goes below what the journal has already written.
#[derive(Debug, Default)]
pub struct Clock {
    floor_ms: AtomicU64,
}

// === impl Clock ===

impl Clock {
    /// Now; a wall clock that was set back cannot make an old message fresh again.
    pub fn now(&self) -> UnixMillis {
        UnixMillis(wall_ms().max(self.floor_ms.load(Ordering::Relaxed)))
    }

    /// Now in whole seconds.
    pub fn now_s(&self) -> u64 {
        self.now().0 / 1000
    }

    /// Raises the floor to the time of a written leaf.
    pub fn not_before(&self, time: UnixMillis) {
        self.floor_ms.fetch_max(time.0, Ordering::Relaxed);
    }
}

fn wall_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_never_goes_below_the_newest_leaf() {
        let clock = Clock::default();
        let ahead = UnixMillis(clock.now().0 + 3_600_000);
        clock.not_before(ahead);
        assert_eq!(clock.now(), ahead);
        clock.not_before(UnixMillis(1));
        assert_eq!(clock.now(), ahead);
    }
}
