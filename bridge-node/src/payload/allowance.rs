//! The time that an exchange may take, of which a body on its way uses none as long as it keeps the least rate.
//!
//! One total for all would either forbid large bodies on slow lines or let a small one be trickled for hours.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Instant;

/// How long an exchange has taken, without the time that its bodies needed. Clones are handles to the same one.
#[derive(Debug, Clone)]
pub struct Allowance(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    arrived: Instant,
    /// What bodies before this one needed.
    before: Duration,
    /// What the body on its way has needed so far.
    now: Duration,
    began: Instant,
    bytes: u64,
}

/// A body that reports its bytes while it is sent.
#[derive(Debug)]
pub(super) struct Metered<B> {
    inner: B,
    allowance: Allowance,
    rate: u64,
}

// === impl Allowance ===

impl Allowance {
    /// Begins now.
    #[expect(
        clippy::new_without_default,
        reason = "a clock that starts is no default value"
    )]
    pub fn new() -> Self {
        let now = Instant::now();
        Self(Arc::new(Mutex::new(State {
            arrived: now,
            before: Duration::ZERO,
            now: Duration::ZERO,
            began: now,
            bytes: 0,
        })))
    }

    /// Another body is on its way from now on.
    pub(super) fn begin(&self) {
        let state = &mut *self.state();
        state.before += std::mem::take(&mut state.now);
        state.began = Instant::now();
        state.bytes = 0;
    }

    /// So many bytes of it have passed; `rate` is the least number in a second.
    pub(super) fn carried(&self, bytes: usize, rate: u64) {
        let mut state = self.state();
        state.bytes = state.bytes.saturating_add(bytes as u64);
        let allowed = state.bytes.saturating_mul(1000) / rate.max(1);
        // No more than has passed: a fast beginning is no credit for a standstill.
        state.now = state.began.elapsed().min(Duration::from_millis(allowed));
    }

    /// What is left of `limit`.
    pub fn left(&self, limit: Duration) -> Duration {
        let state = self.state();
        let used = state.arrived.elapsed();
        limit.saturating_sub(used.saturating_sub(state.before + state.now))
    }

    /// Waits until nothing is left of `limit`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn over(&self, limit: Duration) {
        loop {
            let left = self.left(limit);
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left).await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Metered ===

impl<B> Metered<B> {
    pub(super) fn new(inner: B, allowance: Allowance, rate: u64) -> Self {
        allowance.begin();
        Self {
            inner,
            allowance,
            rate,
        }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Metered<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let polled = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        if let Some(Ok(frame)) = &polled
            && let Some(data) = frame.data_ref()
        {
            self.allowance.carried(data.len(), self.rate);
        }
        Poll::Ready(polled)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_mins(1);
    const RATE: u64 = 1000;

    #[tokio::test(start_paused = true)]
    async fn a_body_at_the_least_rate_takes_no_time_of_the_exchange() {
        let allowance = Allowance::new();
        tokio::time::advance(Duration::from_secs(10)).await;
        allowance.begin();
        for _ in 0..1000 {
            tokio::time::advance(Duration::from_secs(1)).await;
            allowance.carried(1000, RATE);
        }
        assert_eq!(allowance.left(LIMIT), Duration::from_secs(50));
        // The next one at half of it: every other second counts.
        allowance.begin();
        tokio::time::advance(Duration::from_secs(20)).await;
        allowance.carried(10_000, RATE);
        assert_eq!(allowance.left(LIMIT), Duration::from_secs(40));
    }

    #[tokio::test(start_paused = true)]
    async fn a_fast_beginning_is_no_credit_for_a_standstill() {
        let allowance = Allowance::new();
        allowance.begin();
        allowance.carried(1_000_000_000, RATE);
        let standing = Instant::now();
        allowance.over(LIMIT).await;
        assert_eq!(standing.elapsed(), LIMIT);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_the_end_waits_as_long_as_bytes_come() {
        let allowance = Allowance::new();
        allowance.begin();
        let start = Instant::now();
        let sender = async {
            for _ in 0..600 {
                tokio::time::sleep(Duration::from_secs(1)).await;
                allowance.carried(1000, RATE);
            }
        };
        tokio::join!(sender, allowance.over(LIMIT));
        assert_eq!(start.elapsed().as_secs(), 660);
    }
}
