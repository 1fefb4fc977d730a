//! The open loop: three times as many requests as a pair of nodes can answer, whether or not anybody answers.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::StatusCode;
use http::header::RETRY_AFTER;
use tokio::task::JoinSet;

use crate::client::{Client, connect, load, send, within};
use crate::options::Plan;
use crate::{ANSWER_BYTES, Failure};

/// What became of the requests of an open loop: microseconds from asking to the last byte.
#[derive(Debug, Default)]
struct Outcome {
    good: Vec<u32>,
    refused: Vec<u32>,
    /// All connections were waiting for an answer.
    unsent: usize,
}

/// The result of one round.
#[derive(Debug)]
struct Round {
    peak: f64,
    seconds: f64,
    outcome: Outcome,
}

/// The result of the whole run, the round with the least share that was answered first.
#[derive(Debug)]
pub(crate) struct Figures(Vec<Round>);

/// What is known of one request.
enum Answered {
    Good(Duration),
    Refused(Duration),
}

type Idle = Arc<Mutex<Vec<Client>>>;

/// As in the benchmark against nginx, and never more than a node has places for.
const PEAK_CONNECTIONS: usize = 64;
const TIMES: f64 = 3.0;
/// The most and the overload in turn, so that a machine that gets slower meanwhile counts for both.
const ROUNDS: usize = 3;
/// Enough to fill all places of a node and to be refused beside them.
const CONNECTIONS: usize = 3000;
const TICK: Duration = Duration::from_millis(1);
/// Places fill and their number finds its height in the beginning; what is measured is what lasts.
const RAMP: Duration = Duration::from_secs(2);
/// Requests at once, right after the overload, all of which must be answered.
const AFTER: usize = 32;

/// Measures what can be done and offers three times as much, some rounds, and asks once more when it is over.
///
/// # Errors
///
/// A lost connection or an answer that is neither good nor a refusal with `Retry-After`: the run is void.
pub(crate) async fn overload(plan: Plan) -> Result<Figures, Failure> {
    let closed = Plan {
        connections: PEAK_CONNECTIONS,
        ..plan.clone()
    };
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let peak = load(closed.clone()).await?.per_second();
        rounds.push(Round {
            peak,
            seconds: plan.duration.as_secs_f64(),
            outcome: offer(&plan, peak * TIMES).await?,
        });
    }
    rounds.sort_by(|a, b| a.ratio().total_cmp(&b.ratio()));
    let after = Plan {
        connections: AFTER,
        duration: TICK,
        ..plan.clone()
    };
    let recovered = load(after).await;
    recovered.map_err(|error| format!("not recovered: {error}"))?;
    Ok(Figures(rounds))
}

/// Offers so many a second; counts what is answered once the ramp is over and before the end.
async fn offer(plan: &Plan, per_second: f64) -> Result<Outcome, Failure> {
    let idle = Idle::default();
    let mut asking = JoinSet::new();
    let mut outcome = Outcome::default();
    let mut tick = tokio::time::interval(TICK);
    let (start, mut due, mut open) = (Instant::now(), 0.0, 0);
    let counted = start + RAMP..start + RAMP + plan.duration;
    while Instant::now() < counted.end {
        tick.tick().await;
        while due < start.elapsed().as_secs_f64() * per_second {
            due += 1.0;
            let free = lock(&idle).pop();
            if free.is_some() || open < CONNECTIONS {
                open += usize::from(free.is_none());
                asking.spawn(one(free, plan.clone(), Arc::clone(&idle)));
            } else {
                outcome.unsent += 1;
            }
        }
        while let Some(ended) = asking.try_join_next() {
            let answered = ended??;
            if counted.contains(&Instant::now()) {
                outcome.note(&answered)?;
            }
        }
    }
    // What is still under way is answered too, only not counted.
    while let Some(ended) = asking.join_next().await {
        ended??;
    }
    Ok(outcome)
}

async fn one(free: Option<Client>, plan: Plan, idle: Idle) -> Result<Answered, Failure> {
    let asked = Instant::now();
    let mut client = match free {
        Some(client) => client,
        None => connect(plan.address).await?,
    };
    let (head, body) = send(&mut client, &plan).await?;
    let took = asked.elapsed();
    lock(&idle).push(client);
    if head.status == StatusCode::OK && body.len() == ANSWER_BYTES {
        return Ok(Answered::Good(took));
    }
    let is_refusal = matches!(
        head.status,
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::BAD_GATEWAY
    );
    if is_refusal && head.headers.contains_key(RETRY_AFTER) {
        return Ok(Answered::Refused(took));
    }
    Err(format!("a wrong answer: {}", head.status).into())
}

fn lock(idle: &Idle) -> std::sync::MutexGuard<'_, Vec<Client>> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}

// === impl Outcome ===

impl Outcome {
    fn note(&mut self, answered: &Answered) -> Result<(), Failure> {
        let (list, took) = match answered {
            Answered::Good(took) => (&mut self.good, took),
            Answered::Refused(took) => (&mut self.refused, took),
        };
        list.push(u32::try_from(took.as_micros())?);
        Ok(())
    }
}

/// The rounds, and as the last line the ratio of the one in the middle.
impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for round in &self.0 {
            writeln!(f, "{round}")?;
        }
        let ratio = self.0.get(self.0.len() / 2).map_or(0.0, Round::ratio);
        write!(f, "overload ratio {ratio:.2}")
    }
}

/// One line for each kind of answer, and the ratio.
impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (peak, offered) = (self.peak, self.peak * TIMES);
        let unsent = self.outcome.unsent;
        writeln!(f, "peak per_second={peak:.0}")?;
        writeln!(f, "offered per_second={offered:.0} unsent={unsent}")?;
        for (name, micros) in [
            ("good", &self.outcome.good),
            ("refused", &self.outcome.refused),
        ] {
            let mut micros = micros.clone();
            micros.sort_unstable();
            let rate = self.rate(micros.len());
            let (p50, p99) = (within(&micros, 500), within(&micros, 990));
            writeln!(f, "{name} per_second={rate:.0} p50_us={p50} p99_us={p99}")?;
        }
        write!(f, "round ratio {:.2}", self.ratio())
    }
}

// === impl Round ===

impl Round {
    fn ratio(&self) -> f64 {
        self.rate(self.outcome.good.len()) / self.peak
    }

    fn rate(&self, count: usize) -> f64 {
        f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / self.seconds
    }
}
