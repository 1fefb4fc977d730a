//! Whether an adapter knows that its registry can be reached.

use std::sync::Arc;
use std::task::Poll;

use tokio::task::JoinSet;
use tokio::time::timeout;

use super::bench::Bench;
use super::check::{Check, Judged, absent, broken, demand};
use crate::Health;

pub(super) const CHECKS: &[Check] = &[
    Check::call(
        "health.in-time",
        [
            "says within seconds whether the registry can be reached",
            "A node asks for it while others wait for the node's own health.",
        ],
        |bench| Box::pin(in_time(bench)),
    ),
    Check::call(
        "health.ready",
        [
            "a registry that answers is ready",
            "A service that is said to be away is not asked, although it works.",
        ],
        |bench| Box::pin(ready(bench)),
    ),
    Check::call(
        "health.steady",
        [
            "asked 16 times in a row it says the same",
            "A health that flickers takes a sound service out of operation again and again.",
        ],
        |bench| Box::pin(steady(bench)),
    ),
    Check::call(
        "health.together",
        [
            "many may ask at once",
            "Monitors, operators and the node ask without knowing of each other.",
        ],
        |bench| Box::pin(together(bench)),
    ),
    Check::call(
        "health.abandoned",
        [
            "a question that is dropped half-way leaves nothing behind",
            "Monitors give up; a lock left behind would be the outage that they look for.",
        ],
        |bench| Box::pin(abandoned(bench)),
    ),
];

/// Asks once; `None` if it takes too long.
async fn asked(bench: &Bench) -> Option<Health> {
    timeout(bench.pace.grace, bench.adapter.health()).await.ok()
}

async fn in_time(bench: &Bench) -> Judged {
    let said = asked(bench).await;
    demand(said.is_some(), || {
        format!("had not answered after {:?}", bench.pace.grace)
    })
}

async fn ready(bench: &Bench) -> Judged {
    match asked(bench).await {
        Some(Health::Ready | Health::Alarmed { .. }) => Ok(()),
        Some(Health::NotReady { reason }) => broken(format!("not ready: {reason}")),
        None => Err(absent("there is no answer (health.in-time)")),
    }
}

async fn steady(bench: &Bench) -> Judged {
    let first = asked(bench)
        .await
        .ok_or_else(|| absent("there is no answer (health.in-time)"))?;
    for _ in 0..15 {
        let same = asked(bench).await.as_ref() == Some(&first);
        demand(same, || {
            "said something else although nothing happened".to_owned()
        })?;
    }
    Ok(())
}

async fn together(bench: &Bench) -> Judged {
    asked(bench)
        .await
        .ok_or_else(|| absent("there is no answer (health.in-time)"))?;
    let mut asking = JoinSet::new();
    for _ in 0..bench.pace.together {
        let adapter = Arc::clone(&bench.adapter);
        let grace = bench.pace.grace;
        asking.spawn(async move { timeout(grace, adapter.health()).await.is_ok() });
    }
    let said = asking.join_all().await;
    let silent = said.iter().filter(|answered| !**answered).count();
    demand(silent == 0, || {
        format!("{silent} of {} had no answer in time", said.len())
    })
}

async fn abandoned(bench: &Bench) -> Judged {
    let before = asked(bench)
        .await
        .ok_or_else(|| absent("there is no answer (health.in-time)"))?;
    {
        let mut asking = bench.adapter.health();
        std::future::poll_fn(|cx| Poll::Ready(asking.as_mut().poll(cx).is_pending())).await;
    }
    let same = asked(bench).await.as_ref() == Some(&before);
    demand(same, || "said something else afterwards".to_owned())
}
