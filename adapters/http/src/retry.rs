//! How long to wait before a request is made once more.

use std::time::Duration;

use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::time::Instant;

use bridge_adapter::{AdapterError, Until};

use crate::config::RetryConfig;

/// Waits before another attempt, if there is one. `made` have been made.
///
/// The pause is any up to a longest one, which doubles each time: callers that failed together do not
/// come back together.
pub(crate) async fn pause(config: &RetryConfig, made: u32, until: &Until) -> bool {
    if made >= config.attempts {
        return false;
    }
    let pause = longest(config, made).mul_f64(share());
    let in_time = Instant::now()
        .checked_add(pause)
        .is_some_and(|end| end < until.deadline);
    in_time && until.bound(tokio::time::sleep(pause)).await.is_ok()
}

/// Whether the registry may do better with the same request a moment later.
pub(crate) fn is_passing(error: &AdapterError) -> bool {
    matches!(
        error,
        AdapterError::Unreachable { .. } | AdapterError::Cut { .. }
    )
}

fn longest(config: &RetryConfig, made: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(made.saturating_sub(1));
    config.pause.saturating_mul(doubled)
}

/// A random share of one. Without random bytes the whole pause is a fair choice.
fn share() -> f64 {
    let mut bytes = [0; 2];
    match SystemRandom::new().fill(&mut bytes) {
        Ok(()) => f64::from(u16::from_le_bytes(bytes)) / f64::from(u16::MAX),
        Err(_) => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: RetryConfig = RetryConfig {
        attempts: 4,
        pause: Duration::from_millis(100),
    };

    #[tokio::test(start_paused = true)]
    async fn pauses_are_bounded_and_differ() {
        let until = Until::after(Duration::from_mins(1));
        let mut seen = std::collections::BTreeSet::new();
        for made in [1, 2, 3].repeat(20) {
            let began = Instant::now();
            assert!(pause(&CONFIG, made, &until).await);
            // The clock of tests goes in whole milliseconds.
            assert!(began.elapsed() <= longest(&CONFIG, made) + Duration::from_millis(1));
            seen.insert(began.elapsed());
        }
        assert!(seen.len() > 10, "{seen:?}");
        assert_eq!(longest(&CONFIG, 3), Duration::from_millis(400));
        assert!(!pause(&CONFIG, 4, &until).await, "attempts are counted");
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_beyond_the_deadline_or_a_cancellation() {
        let until = Until::after(Duration::ZERO);
        assert!(!pause(&CONFIG, 1, &until).await);
        let until = Until::after(Duration::from_mins(1));
        until.cancel.cancel();
        assert!(!pause(&CONFIG, 1, &until).await);
    }
}
