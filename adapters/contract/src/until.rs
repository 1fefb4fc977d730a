//! When the work on a call has to end.

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{AdapterError, Call};

/// The deadline and the cancellation of a call, apart from the call.
#[derive(Debug, Clone)]
pub struct Until {
    /// The moment after which nobody waits.
    pub deadline: Instant,
    /// Cancelled when nobody waits any more.
    pub cancel: CancellationToken,
}

impl Until {
    /// Takes a call's deadline and cancellation.
    pub fn of(call: &Call) -> Self {
        Self {
            deadline: call.deadline,
            cancel: call.cancel.clone(),
        }
    }

    /// The deadline of a call, no further away than `longest`, if somebody still waits. Looks at the clock once, and copies nothing.
    ///
    /// # Errors
    ///
    /// As [`Until::over`].
    pub fn deadline(call: &Call, longest: Option<Duration>) -> Result<Instant, AdapterError> {
        let now = Instant::now();
        let latest = longest.and_then(|longest| now.checked_add(longest));
        let deadline = latest.map_or(call.deadline, |latest| call.deadline.min(latest));
        waits(&call.cancel, now, deadline).map(|()| deadline)
    }

    /// Makes an end after `time` that nobody can cancel.
    pub fn after(time: Duration) -> Self {
        Self {
            deadline: later(time),
            cancel: CancellationToken::new(),
        }
    }

    /// Says whether somebody still waits.
    ///
    /// # Errors
    ///
    /// As [`Until::over`].
    pub fn check(&self) -> Result<(), AdapterError> {
        waits(&self.cancel, Instant::now(), self.deadline)
    }

    /// Waits until it is over, and says why: [`AdapterError::Cancelled`] or
    /// [`AdapterError::TimedOut`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn over(&self) -> AdapterError {
        // A timer that is already due may fire a moment later only; quick work would win against it.
        if let Err(why) = self.check() {
            return why;
        }
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => AdapterError::Cancelled,
            () = tokio::time::sleep_until(self.deadline) => AdapterError::TimedOut,
        }
    }

    /// Waits for `work`, but no longer than until it is over.
    ///
    /// # Errors
    ///
    /// As [`Until::over`]; `work` is then dropped.
    ///
    /// # Cancel safety
    ///
    /// That of `work`.
    pub async fn bound<T>(&self, work: impl Future<Output = T>) -> Result<T, AdapterError> {
        tokio::select! {
            biased;
            why = self.over() => Err(why),
            done = work => Ok(done),
        }
    }
}

/// Says whether somebody still waits.
fn waits(cancel: &CancellationToken, now: Instant, deadline: Instant) -> Result<(), AdapterError> {
    if cancel.is_cancelled() {
        return Err(AdapterError::Cancelled);
    }
    if now >= deadline {
        return Err(AdapterError::TimedOut);
    }
    Ok(())
}

fn later(time: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(time).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::Probe;

    #[tokio::test(start_paused = true)]
    async fn whether_it_ended_by_time_or_by_cancellation_is_told() {
        let until = Until::after(Duration::from_secs(5));
        assert_eq!(until.bound(async { 7 }).await.unwrap(), 7);
        assert!(until.check().is_ok());
        assert!(matches!(
            until.bound(std::future::pending::<()>()).await,
            Err(AdapterError::TimedOut)
        ));
        assert!(matches!(until.check(), Err(AdapterError::TimedOut)));
        // That nobody waits any more is said first.
        until.cancel.cancel();
        assert!(matches!(until.check(), Err(AdapterError::Cancelled)));
        assert!(matches!(until.over().await, AdapterError::Cancelled));
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_ends_at_the_nearer_of_its_deadline_and_the_longest_time() {
        let service = "AZ/GOV/1001/REGISTER/person".parse().unwrap();
        let probe = Probe::get(service, "AZ/GOV/2001/TAX".parse().unwrap(), "/1");
        let cancel = CancellationToken::new();
        let call = probe.within(Duration::from_secs(5)).call(cancel.clone());
        let now = Instant::now();
        let deadline = |longest| Until::deadline(&call, longest);
        let seconds = |number| Some(Duration::from_secs(number));
        assert_eq!(deadline(None).unwrap(), call.deadline);
        assert_eq!(deadline(seconds(9)).unwrap(), call.deadline);
        assert_eq!(deadline(Some(Duration::MAX)).unwrap(), call.deadline);
        assert_eq!(deadline(seconds(1)).unwrap(), now + Duration::from_secs(1));
        assert!(matches!(deadline(seconds(0)), Err(AdapterError::TimedOut)));
        tokio::time::advance(Duration::from_secs(5)).await;
        assert!(matches!(deadline(seconds(1)), Err(AdapterError::TimedOut)));
        cancel.cancel();
        assert!(matches!(deadline(None), Err(AdapterError::Cancelled)));
    }
}
