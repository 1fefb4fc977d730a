//! Deadlines and cancellation: before a call, in it, and while its answer is read.

use std::time::Duration;

use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::ask::{Ended, Failure, read, told};
use super::bench::Bench;
use super::bodies::fresh;
use super::check::{Check, Judged, absent, broken, demand};
use super::judge::must_repeat;
use super::streams::{self, Gate};
use crate::{AdapterError, BodyError, Call};

/// Further away than any clock counts with.
const FAR: Duration = Duration::from_secs(20 * 365 * 24 * 3600);

pub(super) const CHECKS: &[Check] = &[
    Check::call(
        "time.deadline-passed",
        [
            "a call whose deadline has passed ends as timed out",
            "Nobody waits for it: work on it is taken from others.",
        ],
        |bench| Box::pin(deadline_passed(bench)),
    ),
    Check::call(
        "time.cancelled-before",
        [
            "a call that is cancelled before it begins ends as cancelled",
            "In a rush most of the queue has given up; working it off keeps the rush alive.",
        ],
        |bench| Box::pin(cancelled_before(bench)),
    ),
    Check::call(
        "time.far-deadline",
        [
            "a deadline in twenty years is survived",
            "Sums of times overflow, and an overflow looks like a deadline that has passed.",
        ],
        |bench| Box::pin(far_deadline(bench)),
    ),
    Check::call(
        "time.body-stalls",
        [
            "a call whose body stops coming ends at its deadline",
            "Callers go away without a word; waiting for them takes every place in the end.",
        ],
        |bench| Box::pin(body_stalls(bench)),
    ),
    Check::call(
        "time.body-stalls-cancelled",
        [
            "a call whose body stops coming ends soon after it is cancelled",
            "The node cancels when the caller's connection breaks; the deadline may be far.",
        ],
        |bench| Box::pin(body_stalls_cancelled(bench)),
    ),
    Check::call(
        "time.body-let-go",
        [
            "a call that is dropped lets go of its body soon",
            "The body holds the caller's connection and its memory.",
        ],
        |bench| Box::pin(body_let_go(bench)),
    ),
    Check::call(
        "time.cancel-one",
        [
            "cancelling one call ends no other",
            "A shared token, connection or interrupt hits the neighbour.",
        ],
        |bench| Box::pin(cancel_one(bench)),
    ),
    Check::call(
        "time.answer-read-late",
        [
            "an answer that is read after the deadline comes whole or ends as timed out",
            "It must not hang: the reader has a deadline of its own to keep.",
        ],
        |bench| Box::pin(answer_read_late(bench)),
    ),
    Check::call(
        "time.answer-cancelled",
        [
            "an answer that is cancelled while it is read comes whole or ends as cancelled",
            "A part that looks like the whole is wrong data.",
        ],
        |bench| Box::pin(answer_cancelled(bench)),
    ),
];

async fn deadline_passed(bench: &Bench) -> Judged {
    let plain = bench.plain()?;
    let mut call = bench.call(plain.probe);
    call.deadline = Instant::now();
    must_time_out(&bench.send(call).await)
}

async fn cancelled_before(bench: &Bench) -> Judged {
    let plain = bench.plain()?;
    let call = bench.call(plain.probe);
    call.cancel.cancel();
    must_be_cancelled(&bench.send(call).await)
}

async fn far_deadline(bench: &Bench) -> Judged {
    let plain = bench.plain()?;
    let mut call = bench.call(plain.probe);
    call.deadline = call.deadline.checked_add(FAR).unwrap_or(call.deadline);
    must_repeat(&bench.send(call).await, plain)
}

async fn body_stalls(bench: &Bench) -> Judged {
    let (mut call, _gate) = stalled(bench)?;
    let short = bench.pace.short;
    call.deadline = Instant::now().checked_add(short).unwrap_or(call.deadline);
    let ended = bench.send(call).await;
    let in_time = matches!(
        ended,
        Err(
            Failure::Call(AdapterError::TimedOut | AdapterError::RequestBody(_))
                | Failure::Body(BodyError::TimedOut)
        )
    );
    demand(in_time, || format!("ended with {}", told(&ended)))?;
    bench.must_still_answer().await
}

async fn body_stalls_cancelled(bench: &Bench) -> Judged {
    let (call, _gate) = stalled(bench)?;
    let cancel = call.cancel.clone();
    let asked = bench.start(call);
    tokio::time::sleep(bench.pace.short).await;
    cancel.cancel();
    match timeout(bench.pace.grace, asked).await {
        Ok(ended) => must_be_cancelled(&ended.unwrap_or(Err(Failure::Panicked))),
        Err(_) => broken(format!(
            "had not ended {:?} after it was cancelled",
            bench.pace.grace
        )),
    }
}

async fn body_let_go(bench: &Bench) -> Judged {
    let (call, gate) = stalled(bench)?;
    bench.abandon(call).await;
    let gone = timeout(bench.pace.grace, gate.dropped()).await;
    demand(gone.is_ok(), || {
        format!("still held it after {:?}", bench.pace.grace)
    })
}

async fn cancel_one(bench: &Bench) -> Judged {
    let (good, _) = bench.reading_body()?;
    let ((one, _held), (other, gate)) = (stalled(bench)?, stalled(bench)?);
    let cancel = one.cancel.clone();
    let (one, other) = (bench.start(one), bench.start(other));
    tokio::time::sleep(bench.pace.short).await;
    cancel.cancel();
    drop(timeout(bench.pace.grace, one).await);
    gate.open();
    must_repeat(&other.await.unwrap_or(Err(Failure::Panicked)), good)
}

async fn answer_read_late(bench: &Bench) -> Judged {
    let plain = bench.plain()?;
    let mut call = bench.call(plain.probe);
    let short = bench.pace.short;
    call.deadline = Instant::now().checked_add(short).unwrap_or(call.deadline);
    let until = call.deadline;
    let Ok(answer) = bench.head(call).await else {
        return Err(absent(format!(
            "the plain call takes longer than {short:?}"
        )));
    };
    tokio::time::sleep_until(until).await;
    match timeout(bench.pace.grace, read(answer)).await {
        Ok(Err(Failure::Body(BodyError::TimedOut))) => Ok(()),
        Ok(ended) => must_repeat(&ended, plain),
        Err(_) => broken("reading it hung"),
    }
}

async fn answer_cancelled(bench: &Bench) -> Judged {
    let plain = bench.plain()?;
    let call = bench.call(plain.probe);
    let cancel = call.cancel.clone();
    let Ok(answer) = bench.head(call).await else {
        return broken("the plain call was not answered");
    };
    cancel.cancel();
    match timeout(bench.pace.grace, read(answer)).await {
        Ok(Err(Failure::Body(BodyError::Cancelled))) => Ok(()),
        Ok(ended) => must_repeat(&ended, plain),
        Err(_) => broken("reading it hung"),
    }
}

/// A call whose body stops after its first byte, until the gate is opened.
fn stalled(bench: &Bench) -> Result<(Call, Gate), super::check::Finding> {
    let (good, bytes) = bench.any_body()?;
    let mut call = fresh(bench, good)
        .within(bench.pace.patience)
        .call(CancellationToken::new());
    let (body, gate) = streams::gated(bytes.slice(..1), bytes.slice(1..));
    call.body = body;
    Ok((call, gate))
}

fn must_time_out(ended: &Ended) -> Judged {
    let in_time = matches!(
        ended,
        Err(Failure::Call(AdapterError::TimedOut) | Failure::Body(BodyError::TimedOut))
    );
    demand(in_time, || format!("ended with {}", told(ended)))
}

fn must_be_cancelled(ended: &Ended) -> Judged {
    let cancelled = matches!(
        ended,
        Err(Failure::Call(AdapterError::Cancelled) | Failure::Body(BodyError::Cancelled))
    );
    demand(cancelled, || format!("ended with {}", told(ended)))
}
