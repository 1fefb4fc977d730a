//! Rests of slow work beside the station, which goes in short pieces.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Rests are so many times as long as the work before them: a quarter of a processor and of the disk is what messages
/// under way can do without. A seal done at once took one for 30 ms, and whoever asked meanwhile waited three times as long.
const TIMES: u32 = 3;
/// Less than this is no piece of work to rest after: sleeping and waking have their price.
const PIECE: Duration = Duration::from_micros(300);

/// Asked at each place where work may rest.
pub(crate) struct Rests {
    /// Whether somebody waits for the work, so that nothing may rest.
    awaited: Arc<AtomicBool>,
    began: Instant,
}

impl Rests {
    /// Of work beside others. Once `awaited` is set it rests no more, and a thread in its rest may be unparked.
    pub(crate) fn beside(awaited: Arc<AtomicBool>) -> Self {
        let began = Instant::now();
        Self { awaited, began }
    }

    /// Of work that somebody waits for.
    pub(crate) fn none() -> Self {
        Self::beside(Arc::new(AtomicBool::new(true)))
    }

    /// Begins a piece of work: what was before, or waiting for it, is none.
    pub(crate) fn begin(&mut self) {
        self.began = Instant::now();
    }

    /// Rests if enough was done for it since the last rest.
    pub(crate) fn take(&mut self) {
        let worked = self.began.elapsed();
        if worked >= PIECE {
            self.rest_after(worked);
            self.begin();
        }
    }

    fn rest_after(&self, worked: Duration) {
        let until = Instant::now() + worked.saturating_mul(TIMES);
        while !self.awaited.load(Ordering::Acquire) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            // Ends early if unparked, or for no reason.
            thread::park_timeout(left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_rests_three_times_as_long_as_it_took() {
        let rests = Rests::beside(Arc::default());
        let began = Instant::now();
        rests.rest_after(Duration::from_millis(2));
        assert!(began.elapsed() >= Duration::from_millis(6));
    }

    #[test]
    fn nobody_who_waits_is_kept_waiting_by_rests() {
        // Each would end in days.
        let long = Duration::from_hours(24);
        Rests::none().rest_after(long);
        let awaited: Arc<AtomicBool> = Arc::default();
        let rests = Rests::beside(awaited.clone());
        let resting = thread::spawn(move || rests.rest_after(long));
        awaited.store(true, Ordering::Release);
        resting.thread().unpark();
        resting.join().expect("ended");
    }
}
