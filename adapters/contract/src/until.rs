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

    /// Makes an end after `time` that nobody can cancel.
    pub fn after(time: Duration) -> Self {
        Self {
            deadline: later(time),
            cancel: CancellationToken::new(),
        }
    }

    /// Brings the deadline forward, if it lies further away than `time`.
    #[must_use]
    pub fn within(self, time: Duration) -> Self {
        let deadline = self.deadline.min(later(time));
        Self { deadline, ..self }
    }

    /// Says whether somebody still waits.
    ///
    /// # Errors
    ///
    /// As [`Until::over`].
    pub fn check(&self) -> Result<(), AdapterError> {
        if self.cancel.is_cancelled() {
            return Err(AdapterError::Cancelled);
        }
        if Instant::now() >= self.deadline {
            return Err(AdapterError::TimedOut);
        }
        Ok(())
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

fn later(time: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(time).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_nearer_of_deadline_and_cancellation_is_told() {
        let until = Until::after(Duration::from_secs(5));
        assert_eq!(until.bound(async { 7 }).await.unwrap(), 7);
        let near = until.clone().within(Duration::from_secs(1));
        assert!(matches!(
            near.bound(std::future::pending::<()>()).await,
            Err(AdapterError::TimedOut)
        ));
        assert!(near.clone().within(Duration::from_mins(1)).deadline <= near.deadline);
        assert!(until.check().is_ok());
        assert!(matches!(near.check(), Err(AdapterError::TimedOut)));
        until.cancel.cancel();
        assert!(matches!(until.check(), Err(AdapterError::Cancelled)));
        assert!(matches!(until.over().await, AdapterError::Cancelled));
    }
}
