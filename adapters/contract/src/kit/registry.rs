//! Bad days of the registry behind the adapter. They need a registry that misbehaves on demand.

use bytes::Bytes;
use tokio::time::{Instant, timeout};

use super::ask::{Ended, Failure, told};
use super::bench::Bench;
use super::check::{Check, Finding, Judged, absent, broken, demand};
use crate::probe::Probe;
use crate::{AdapterError, BodyError};

pub(super) const CHECKS: &[Check] = &[
    Check::call(
        "registry.slow",
        [
            "a registry that does not answer ends the call as timed out, at the deadline",
            "A caller that waits for ever is a caller that asks again.",
        ],
        |bench| Box::pin(slow(bench)),
    ),
    Check::call(
        "registry.slow-cancelled",
        [
            "a call that waits for the registry ends soon after it is cancelled",
            "The registry is slow enough without questions that nobody waits for.",
        ],
        |bench| Box::pin(slow_cancelled(bench)),
    ),
    Check::call(
        "registry.cut",
        [
            "an answer that the registry cuts is never taken for a whole one",
            "Half a list of debts is a wrong list of debts.",
        ],
        |bench| Box::pin(cut(bench)),
    ),
    Check::call(
        "registry.large",
        [
            "an answer above the limit is refused as too large",
            "It fills the memory of everyone on the way.",
        ],
        |bench| Box::pin(large(bench)),
    ),
    Check::call(
        "registry.not-utf8",
        [
            "bytes that are not UTF-8 are passed on as they are or refused, never replaced",
            "A replaced letter is another name.",
        ],
        |bench| Box::pin(not_utf8(bench)),
    ),
];

fn day<T>(day: Option<&T>) -> Result<&T, Finding> {
    day.ok_or_else(|| absent("the registry cannot be made to misbehave so"))
}

async fn slow(bench: &Bench) -> Judged {
    let probe = day(bench.subject.days.slow.as_ref())?;
    let mut call = bench.call(probe);
    call.deadline = Instant::now()
        .checked_add(bench.pace.short)
        .unwrap_or(call.deadline);
    let ended = bench.send(call).await;
    ends_with(bench, &ended, |ended| {
        matches!(
            ended,
            Err(Failure::Call(AdapterError::TimedOut) | Failure::Body(BodyError::TimedOut))
        )
    })
    .await
}

async fn slow_cancelled(bench: &Bench) -> Judged {
    let probe = day(bench.subject.days.slow.as_ref())?;
    let call = bench.call(probe);
    let cancel = call.cancel.clone();
    let asked = bench.start(call);
    tokio::time::sleep(bench.pace.short).await;
    cancel.cancel();
    let Ok(ended) = timeout(bench.pace.grace, asked).await else {
        return broken(format!(
            "had not ended {:?} after it was cancelled",
            bench.pace.grace
        ));
    };
    let ended = ended.unwrap_or(Err(Failure::Panicked));
    ends_with(bench, &ended, |ended| {
        matches!(
            ended,
            Err(Failure::Call(AdapterError::Cancelled) | Failure::Body(BodyError::Cancelled))
        )
    })
    .await
}

async fn cut(bench: &Bench) -> Judged {
    let probe = day(bench.subject.days.cut.as_ref())?;
    let ended = bench.ask(probe).await;
    ends_with(bench, &ended, |ended| {
        matches!(
            ended,
            Err(Failure::Call(AdapterError::Cut { .. }) | Failure::Body(BodyError::Cut { .. }))
        )
    })
    .await
}

async fn large(bench: &Bench) -> Judged {
    let probe = day(bench.subject.days.large.as_ref())?;
    let ended = bench.ask(probe).await;
    ends_with(bench, &ended, |ended| {
        matches!(
            ended,
            Err(Failure::Call(AdapterError::TooLarge { .. })
                | Failure::Body(BodyError::TooLarge { .. }))
        )
    })
    .await
}

async fn not_utf8(bench: &Bench) -> Judged {
    let (probe, exact): &(Probe, Bytes) = day(bench.subject.days.not_utf8.as_ref())?;
    match bench.ask(probe).await {
        Ok(seen) if seen.bytes == *exact => Ok(()),
        Ok(_) => broken("the bytes were changed"),
        Err(Failure::Call(AdapterError::NotUnderstood { .. })) => Ok(()),
        ended => broken(format!("ended with {}", told(&ended))),
    }
}

/// The call must end so, and the plain call must work afterwards.
async fn ends_with(bench: &Bench, ended: &Ended, so: fn(&Ended) -> bool) -> Judged {
    demand(so(ended), || format!("ended with {}", told(ended)))?;
    bench.must_still_answer().await
}
