//! Waiting without sleeping for a fixed time: a condition, asked again until it holds or a bound is reached.

use std::time::{Duration, Instant};

/// How long anything may take before a scenario fails.
pub const BOUND: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(10);

/// Waits until the condition holds; panics with `what` after [`BOUND`].
pub async fn wait_until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !condition().await {
        assert!(start.elapsed() < BOUND, "waited in vain until {what}");
        tokio::time::sleep(PAUSE).await;
    }
}

/// Now, in whole seconds since the Unix epoch.
pub fn now_s() -> u64 {
    now_ms() / 1000
}

/// Now, in milliseconds since the Unix epoch.
pub fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    u64::try_from(since.unwrap().as_millis()).unwrap()
}
