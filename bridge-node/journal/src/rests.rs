//! Rests of slow work beside the station, which goes in short pieces.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Rests are so many times as long as the work before them: messages under way can do without a quarter of a processor.
/// A seal without rests takes a whole one for 30 ms, and the queue that grows meanwhile is there for three times as long.
const TIMES: u32 = 3;
/// Less than this is no piece of work to rest after: sleeping and waking have their price.
const PIECE: Duration = Duration::from_micros(300);
/// A disk that did not answer for seconds gets no minute of rest: checkpoints wait to be shown behind a seal.
const LONGEST: Duration = Duration::from_millis(250);

/// Asked at each place where work may rest.
pub(crate) struct Rests {
    /// Whether somebody waits for the work, so that nothing may rest.
    awaited: Arc<AtomicBool>,
    began: Instant,
}

impl Rests {
    /// Of work beside others. While `awaited` is set it rests not at all, and a thread in its rest may be unparked.
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
        let time = time_after(self.began.elapsed());
        if !time.is_zero() {
            self.rest(time);
            self.begin();
        }
    }

    /// Rests for so long, if nobody waits.
    pub(crate) fn rest(&self, time: Duration) {
        let until = Instant::now() + time;
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

/// How long to rest after work of this length; zero if it is too little.
fn time_after(worked: Duration) -> Duration {
    if worked < PIECE {
        Duration::ZERO
    } else {
        worked.saturating_mul(TIMES).min(LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_are_three_times_the_work_and_never_long() {
        let shorter = PIECE.checked_sub(Duration::from_nanos(1));
        assert_eq!(time_after(shorter.expect("a piece")), Duration::ZERO);
        assert_eq!(time_after(PIECE), PIECE * 3);
        let worked = Duration::from_millis(2);
        assert_eq!(time_after(worked), Duration::from_millis(6));
        assert_eq!(time_after(Duration::MAX), LONGEST);
    }

    #[test]
    fn work_beside_others_rests() {
        let mut rests = Rests::beside(Arc::default());
        let asked = Instant::now();
        rests.began = asked.checked_sub(PIECE * 10).expect("an earlier time");
        rests.take();
        // It has rested that long, and begins anew.
        assert!(rests.began >= asked + PIECE * 30);
    }

    #[test]
    fn work_that_somebody_waits_for_never_rests() {
        // Would end tomorrow.
        Rests::none().rest(Duration::from_hours(24));
    }
}
