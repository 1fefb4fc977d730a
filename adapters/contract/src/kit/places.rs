//! Places come back: connections, permits and workers of calls that ended in any way.

use tokio::time::Instant;

use super::bench::Bench;
use super::check::{Check, Judged, absent};
use super::odd;

pub(super) const CHECKS: &[Check] = &[
    Check::call(
        "places.after-abandoned",
        [
            "after 300 calls that were dropped half-way there are still places",
            "Every caller that hangs up would take one away.",
        ],
        |bench| Box::pin(after_abandoned(bench)),
    ),
    Check::call(
        "places.after-cancelled",
        [
            "after 300 calls that were cancelled there are still places",
            "Every caller that hangs up would take one away.",
        ],
        |bench| Box::pin(after_cancelled(bench)),
    ),
    Check::call(
        "places.after-timed-out",
        [
            "after 300 calls that were out of time there are still places",
            "A slow hour would be followed by an outage until the restart.",
        ],
        |bench| Box::pin(after_timed_out(bench)),
    ),
    Check::call(
        "places.after-refused",
        [
            "after 300 mistaken calls there are still places",
            "Anybody could take the service away with wrong identifiers.",
        ],
        |bench| Box::pin(after_refused(bench)),
    ),
    Check::call(
        "places.after-unread",
        [
            "after 300 answers that nobody read there are still places",
            "A body that is let go must give its connection back.",
        ],
        |bench| Box::pin(after_unread(bench)),
    ),
];

async fn after_abandoned(bench: &Bench) -> Judged {
    let plain = bench.plain()?;
    for _ in 0..bench.pace.abandoned {
        bench.abandon(bench.call(plain.probe)).await;
    }
    still_places(bench).await
}

async fn after_cancelled(bench: &Bench) -> Judged {
    let plain = bench.plain()?;
    for _ in 0..bench.pace.abandoned {
        let call = bench.call(plain.probe);
        let cancel = call.cancel.clone();
        let asked = bench.start(call);
        tokio::task::yield_now().await;
        cancel.cancel();
        drop(asked.await);
    }
    still_places(bench).await
}

async fn after_timed_out(bench: &Bench) -> Judged {
    let plain = bench.plain()?;
    for _ in 0..bench.pace.abandoned {
        let mut call = bench.call(plain.probe);
        call.deadline = Instant::now();
        drop(bench.send(call).await);
    }
    still_places(bench).await
}

async fn after_refused(bench: &Bench) -> Judged {
    let (good, at) = bench.with_parameter()?;
    let mistaken = odd::with_segment(good.probe, at, "~");
    if bench.allows(&mistaken).is_ok() {
        return Err(absent("the document allows any identifier"));
    }
    for _ in 0..bench.pace.abandoned {
        drop(bench.ask(&mistaken).await);
    }
    still_places(bench).await
}

async fn after_unread(bench: &Bench) -> Judged {
    let plain = bench.plain()?;
    for _ in 0..bench.pace.abandoned {
        drop(bench.head(bench.call(plain.probe)).await);
    }
    still_places(bench).await
}

/// Work that was stopped may take a moment to notice.
async fn still_places(bench: &Bench) -> Judged {
    tokio::time::sleep(bench.pace.short).await;
    bench.must_still_answer().await
}
