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
        let worked = self.began.elapsed();
        if worked >= PIECE {
            self.rest_after(worked);
            self.begin();
        }
    }

    fn rest_after(&self, worked: Duration) {
        let until = Instant::now() + worked.saturating_mul(TIMES).min(LONGEST);
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
    fn a_disk_that_did_not_answer_for_long_gets_no_long_rest() {
        let began = Instant::now();
        // Would end in days.
        Rests::beside(Arc::default()).rest_after(Duration::from_hours(24));
        assert!(began.elapsed() >= LONGEST);
    }

    #[test]
    fn only_what_was_work_is_rested_after() {
        let mut rests = Rests::beside(Arc::default());
        let worked = |rests: &mut Rests, piece| {
            rests.began = Instant::now()
                .checked_sub(piece)
                .expect("this process is older");
            let began = Instant::now();
            rests.take();
            began.elapsed()
        };
        assert!(worked(&mut rests, PIECE * 10) >= PIECE * 30);
        // It begins anew with each rest.
        assert!(rests.began.elapsed() < PIECE * 10);
    }

    #[test]
    fn nobody_who_waits_is_kept_waiting_by_rests() {
        let long = Duration::from_hours(24);
        let began = Instant::now();
        Rests::none().rest_after(long);
        let awaited: Arc<AtomicBool> = Arc::default();
        let rests = Rests::beside(awaited.clone());
        let resting = thread::spawn(move || rests.rest_after(long));
        awaited.store(true, Ordering::Release);
        resting.thread().unpark();
        resting.join().expect("ended");
        assert!(began.elapsed() < LONGEST);
    }
}
