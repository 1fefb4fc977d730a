//! The node's clock: read here and nowhere else.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use bridge_core::envelope::AHEAD_S;
use bridge_core::leaf::UnixMillis;
use bridge_core::refusal::{NodeFault, Refusal};

/// Wall-clock time that never goes below what the journal has already written.
///
/// A wall clock that is further behind than clocks may differ is wrong, or was wrong when the newest leaf was
/// written; which of the two, the node can't know. It exchanges nothing then, until the wall clock has caught up or
/// the operator vouches for it at a start.
pub struct Clock {
    wall: Wall,
    floor_ms: AtomicU64,
    /// Leaves up to this time were written by a clock that was wrong, as the operator says.
    disbelieved_ms: AtomicU64,
}

/// Gives Unix milliseconds.
pub type Wall = Arc<dyn Fn() -> u64 + Send + Sync>;

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Clock")
            .field("floor_ms", &self.floor_ms)
            .finish_non_exhaustive()
    }
}

impl Default for Clock {
    /// Reads the machine's clock.
    fn default() -> Self {
        Self::over(Arc::new(wall_ms))
    }
}

// === impl Clock ===

impl Clock {
    /// Reads a wall clock given.
    pub fn over(wall: Wall) -> Self {
        Self {
            wall,
            floor_ms: AtomicU64::new(0),
            disbelieved_ms: AtomicU64::new(0),
        }
    }

    /// Now; a wall clock that was set back cannot make an old message fresh again.
    pub fn now(&self) -> UnixMillis {
        UnixMillis((self.wall)().max(self.floor_ms.load(Ordering::Relaxed)))
    }

    /// What the wall clock says, whatever the journal holds.
    pub fn wall_ms(&self) -> u64 {
        (self.wall)()
    }

    /// Now in whole seconds.
    pub fn now_s(&self) -> u64 {
        self.now().0 / 1000
    }

    /// Raises the floor to the time of a written leaf.
    pub fn not_before(&self, time: UnixMillis) {
        if time.0 > self.disbelieved_ms.load(Ordering::Relaxed) {
            self.floor_ms.fetch_max(time.0, Ordering::Relaxed);
        }
    }

    /// Goes by the wall clock although leaves up to this time say otherwise.
    pub fn disbelieve(&self, until: UnixMillis) {
        self.disbelieved_ms.store(until.0, Ordering::Relaxed);
        self.floor_ms.store(0, Ordering::Relaxed);
    }

    /// By how many milliseconds the wall clock is behind the newest leaf, if by more than clocks may differ.
    pub fn behind_ms(&self) -> Option<u64> {
        let floor_ms = self.floor_ms.load(Ordering::Relaxed);
        let behind = floor_ms.saturating_sub((self.wall)());
        (behind > AHEAD_S * 1000).then_some(behind)
    }

    /// Lets an exchange begin only while the time is known.
    ///
    /// # Errors
    ///
    /// [`NodeFault::Clock`].
    pub fn check(&self) -> Result<(), Refusal> {
        match self.behind_ms() {
            Some(_) => Err(Refusal::Node(NodeFault::Clock)),
            None => Ok(()),
        }
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

    const DAY_MS: u64 = 86_400_000;

    /// A clock over a wall clock that the test sets.
    fn clock() -> (Clock, Arc<AtomicU64>) {
        let wall = Arc::new(AtomicU64::new(100 * DAY_MS));
        let read = Arc::clone(&wall);
        (
            Clock::over(Arc::new(move || read.load(Ordering::Relaxed))),
            wall,
        )
    }

    #[test]
    fn time_never_goes_below_the_newest_leaf() {
        let (clock, wall) = clock();
        let ahead = UnixMillis(clock.now().0 + 3_600_000);
        clock.not_before(ahead);
        assert_eq!(clock.now(), ahead);
        clock.not_before(UnixMillis(1));
        assert_eq!(clock.now(), ahead);
        wall.store(99 * DAY_MS, Ordering::Relaxed);
        assert_eq!(clock.now(), ahead);
    }

    #[test]
    fn a_clock_behind_the_newest_leaf_is_trusted_as_far_as_clocks_may_differ() {
        let (clock, wall) = clock();
        let newest = clock.now().0;
        clock.not_before(UnixMillis(newest));
        for (behind, good) in [(0, true), (30_000, true), (30_001, false), (DAY_MS, false)] {
            wall.store(newest - behind, Ordering::Relaxed);
            assert_eq!(clock.check().is_ok(), good, "{behind}");
            assert_eq!(clock.behind_ms(), (!good).then_some(behind));
        }
        // It heals by itself when the wall clock has caught up.
        wall.store(newest - 10, Ordering::Relaxed);
        assert!(clock.check().is_ok());
    }

    #[test]
    fn leaves_that_are_disbelieved_hold_no_time_back_and_later_ones_do() {
        let (clock, _wall) = clock();
        let (now, future) = (clock.now(), UnixMillis(clock.now().0 + DAY_MS));
        clock.not_before(future);
        clock.disbelieve(future);
        assert_eq!((clock.now(), clock.behind_ms()), (now, None));
        // Receipts say the future time until the wall clock has caught up.
        clock.not_before(future);
        assert_eq!(clock.now(), now);
        clock.not_before(UnixMillis(future.0 + 1));
        assert_eq!(clock.now().0, future.0 + 1);
    }
}
