//! Waiting without sleeping for a fixed time: a condition, asked again until it holds or a bound is reached.

use std::task::Poll;
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

/// Lets all of them run at the same time and waits for each.
pub async fn all_at_once<T>(futures: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut running: Vec<_> = futures.map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|cx| {
        for (future, done) in running.iter_mut().filter(|(_, done)| done.is_none()) {
            if let Poll::Ready(value) = future.as_mut().poll(cx) {
                *done = Some(value);
            }
        }
        if running.iter().all(|(_, done)| done.is_some()) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    running.into_iter().filter_map(|(_, done)| done).collect()
}
