//! The conformance kit: one battery of bad and good days that every adapter has to pass.
//!
//! A [`Battery`] holds the probes, made for a registry that can be slow, cut, too large and not
//! UTF-8 on demand. [`run`] makes the calls and judges what the adapter did. After every bad day the
//! plain call must work again.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::probe::{Probe, ProbeBody};
use crate::scenario::{Scenario, Step};
use crate::{Adapter, AdapterError, BodyError, Health, body};

/// How long after its deadline or its cancellation a call may take to return.
pub const GRACE: Duration = Duration::from_secs(2);
/// A path that no service is expected to have.
const UNKNOWN_PATH: &str = "/no/service/has/this/path";
/// The most bytes of an answer that the kit reads.
pub const ANSWER_LIMIT_BYTES: u64 = 64 * 1024 * 1024;

/// The probes of a battery. A day that a registry cannot have is `None` and reported as not tried.
#[derive(Debug, Clone)]
pub struct Battery {
    /// A call that is answered with 2xx.
    pub answers: Probe,
    /// A call to a path that the service does not have.
    pub unknown_path: Probe,
    /// A call that the registry does not answer before `time`, which should be short.
    pub slow: Option<Probe>,
    /// A call whose request body is cut.
    pub cut_request: Option<Probe>,
    /// A call whose answer is cut by the registry.
    pub cut_answer: Option<Probe>,
    /// A call whose answer is above the adapter's limit.
    pub large: Option<Probe>,
    /// A call whose answer is not UTF-8, and the registry's exact bytes.
    pub not_utf8: Option<(Probe, Bytes)>,
}

impl Battery {
    /// Makes the battery that a package's scenario allows, against a sound registry: the first step
    /// that is answered with 2xx, the same with a path that no service has, and the first body cut in
    /// half. `None` if no step is answered with 2xx.
    pub fn of_scenario(scenario: &Scenario) -> Option<Self> {
        let good = |step: &&Step| {
            step.registry
                .as_ref()
                .is_some_and(|expected| (200..300).contains(&expected.status))
        };
        let answers = &scenario.steps.iter().find(good)?.probe;
        let with_body =
            scenario
                .steps
                .iter()
                .filter(good)
                .find_map(|step| match &step.probe.body {
                    ProbeBody::Whole(bytes) => Some((&step.probe, bytes)),
                    ProbeBody::Empty | ProbeBody::CutAfter(_) => None,
                });
        let cut_request = with_body.map(|(probe, bytes)| Probe {
            body: ProbeBody::CutAfter(bytes.slice(..bytes.len() / 2)),
            ..probe.clone()
        });
        Some(Self {
            answers: answers.clone(),
            unknown_path: Probe {
                path: UNKNOWN_PATH.to_owned(),
                query: Vec::new(),
                ..answers.clone()
            },
            slow: None,
            cut_request,
            cut_answer: None,
            large: None,
            not_utf8: None,
        })
    }
}

/// One thing that the kit tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// The description names services, and the registry is healthy.
    Describes,
    /// A good call is answered.
    Answers,
    /// An unknown path is rejected.
    RejectsUnknownPath,
    /// A slow registry ends in a time-out, in time.
    TooSlow,
    /// A cancelled call ends soon.
    Cancelled,
    /// A cut request body is never taken for a whole one.
    CutRequest,
    /// A cut answer is never taken for a whole one.
    CutAnswer,
    /// An answer above the limit is refused.
    TooLarge,
    /// Bytes that are not UTF-8 are passed on unchanged or refused, never replaced.
    NotUtf8,
    /// The same call made twice has the same answer.
    CalledTwice,
}

/// What came of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The adapter did what it must.
    Held,
    /// It did not.
    Broken(String),
    /// The battery has no probe for it.
    NotTried,
}

/// A case and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The case.
    pub case: Case,
    /// What came of it.
    pub verdict: Verdict,
}

/// Runs the battery, one case after another.
///
/// # Cancel safety
///
/// Dropping the future abandons the call that is being made.
pub async fn run(adapter: &dyn Adapter, battery: &Battery) -> Vec<Outcome> {
    let mut outcomes = vec![
        outcome(Case::Describes, describes(adapter).await),
        outcome(Case::Answers, answers(adapter, battery).await),
        outcome(
            Case::RejectsUnknownPath,
            unknown_path(adapter, battery).await,
        ),
        outcome(Case::CalledTwice, called_twice(adapter, battery).await),
    ];
    let bad_days = [
        (Case::TooSlow, &battery.slow),
        (Case::Cancelled, &battery.slow),
        (Case::CutRequest, &battery.cut_request),
        (Case::CutAnswer, &battery.cut_answer),
        (Case::TooLarge, &battery.large),
    ];
    for (case, probe) in bad_days {
        let verdict = match probe {
            Some(probe) => Some(bad_day(adapter, battery, case, probe).await),
            None => None,
        };
        outcomes.push(verdict.map_or(
            Outcome {
                case,
                verdict: Verdict::NotTried,
            },
            |v| outcome(case, v),
        ));
    }
    let verdict = match &battery.not_utf8 {
        Some((probe, bytes)) => outcome(Case::NotUtf8, not_utf8(adapter, probe, bytes).await),
        None => Outcome {
            case: Case::NotUtf8,
            verdict: Verdict::NotTried,
        },
    };
    outcomes.push(verdict);
    outcomes
}

fn outcome(case: Case, result: Result<(), String>) -> Outcome {
    let verdict = result.map_or_else(Verdict::Broken, |()| Verdict::Held);
    Outcome { case, verdict }
}

/// What a call ended with, its body read.
type Ended = Result<(StatusCode, Bytes), Failure>;

/// Either half of a call can fail; the kit asks only how.
#[derive(Debug)]
enum Failure {
    Call(AdapterError),
    Body(BodyError),
    Overdue,
}

async fn make(adapter: &dyn Adapter, probe: &Probe, cancel: CancellationToken) -> Ended {
    let call = probe.call(cancel);
    let latest = call.deadline.checked_add(GRACE).unwrap_or(call.deadline);
    let whole = async {
        let answer = adapter.call(call).await.map_err(Failure::Call)?;
        let bytes = body::collect(answer.body, ANSWER_LIMIT_BYTES)
            .await
            .map_err(Failure::Body)?;
        Ok((answer.status, bytes))
    };
    tokio::time::timeout_at(latest, whole)
        .await
        .unwrap_or(Err(Failure::Overdue))
}

async fn describes(adapter: &dyn Adapter) -> Result<(), String> {
    let description = adapter.describe();
    if description.services.is_empty() {
        return Err("the description names no service".to_owned());
    }
    match timeout(GRACE, adapter.health()).await {
        Ok(Health::Ready) => Ok(()),
        Ok(Health::NotReady { reason } | Health::Alarmed { reason }) => {
            Err(format!("not healthy: {reason}"))
        }
        Err(_) => Err(format!("health took more than {GRACE:?}")),
    }
}

async fn answers(adapter: &dyn Adapter, battery: &Battery) -> Result<(), String> {
    match make(adapter, &battery.answers, CancellationToken::new()).await {
        Ok((status, _)) if status.is_success() => Ok(()),
        Ok((status, _)) => Err(format!("the good call was answered with {status}")),
        Err(failure) => Err(format!("the good call failed: {failure:?}")),
    }
}

async fn unknown_path(adapter: &dyn Adapter, battery: &Battery) -> Result<(), String> {
    match make(adapter, &battery.unknown_path, CancellationToken::new()).await {
        Err(Failure::Call(AdapterError::NotFound)) | Ok((StatusCode::NOT_FOUND, _)) => Ok(()),
        other => Err(format!("an unknown path ended with {}", told(&other))),
    }
}

async fn called_twice(adapter: &dyn Adapter, battery: &Battery) -> Result<(), String> {
    let first = make(adapter, &battery.answers, CancellationToken::new()).await;
    let second = make(adapter, &battery.answers, CancellationToken::new()).await;
    match (first, second) {
        (Ok(first), Ok(second)) if first == second => Ok(()),
        (Ok(_), Ok(_)) => Err("the second answer differs from the first".to_owned()),
        (first, second) => Err(format!("ended with {} and {}", told(&first), told(&second))),
    }
}

async fn bad_day(
    adapter: &dyn Adapter,
    battery: &Battery,
    case: Case,
    probe: &Probe,
) -> Result<(), String> {
    let cancel = CancellationToken::new();
    let started = Instant::now();
    let ended = if case == Case::Cancelled {
        let patient = probe.clone().within(GRACE.saturating_mul(4));
        let gone = async {
            tokio::task::yield_now().await;
            cancel.cancel();
        };
        tokio::join!(make(adapter, &patient, cancel.clone()), gone).0
    } else {
        make(adapter, probe, cancel).await
    };
    if !is_expected(case, &ended) {
        return Err(format!("ended with {}", told(&ended)));
    }
    if case == Case::Cancelled && started.elapsed() > GRACE {
        return Err(format!(
            "took {:?} to end after it was cancelled",
            started.elapsed()
        ));
    }
    answers(adapter, battery)
        .await
        .map_err(|why| format!("and afterwards {why}"))
}

async fn not_utf8(adapter: &dyn Adapter, probe: &Probe, exact: &Bytes) -> Result<(), String> {
    match make(adapter, probe, CancellationToken::new()).await {
        Ok((_, bytes)) if bytes == *exact => Ok(()),
        Ok(_) => Err("the bytes were changed".to_owned()),
        Err(Failure::Call(AdapterError::NotUnderstood { .. })) => Ok(()),
        Err(failure) => Err(format!("ended with {failure:?}")),
    }
}

fn is_expected(case: Case, ended: &Ended) -> bool {
    use {AdapterError as Call, BodyError as Body};
    match (case, ended) {
        (Case::TooSlow, Err(Failure::Call(Call::TimedOut) | Failure::Body(Body::TimedOut)))
        | (Case::Cancelled, Err(Failure::Call(Call::Cancelled) | Failure::Body(Body::Cancelled)))
        | (
            Case::CutAnswer,
            Err(Failure::Call(Call::Cut { .. }) | Failure::Body(Body::Cut { .. })),
        )
        | (Case::CutRequest, Err(Failure::Call(Call::RequestBody(_))))
        | (
            Case::TooLarge,
            Err(Failure::Call(Call::TooLarge { .. }) | Failure::Body(Body::TooLarge { .. })),
        ) => true,
        (_, _) => false,
    }
}

fn told(ended: &Ended) -> String {
    match ended {
        Ok((status, bytes)) => format!("{status} and {} bytes", bytes.len()),
        Err(failure) => format!("{failure:?}"),
    }
}

#[cfg(test)]
mod tests;
