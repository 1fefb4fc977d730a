//! What a node counts and measures, for Prometheus: each step, each refusal, each limit, and the state of what it needs.
//!
//! Labels come from fixed sets (ends, steps, codes, settings): no member, no person, nothing that a stranger sent. So the
//! number of series is bounded, and none tells who asked for what: that is the journal's, which officers read.
//!
//! Standard: OpenMetrics 1.0 §4.

use std::fmt;
use std::time::{Duration, Instant};

use bridge_core::leaf::Side;
use bridge_core::refusal::Refusal;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

mod lap;
mod limit;
mod process;
mod receipts;
mod state;
mod status;
mod time;

pub use lap::{Lap, Step};
pub use limit::Limit;
pub use state::text;

use state::State;

/// The media type of what [`text`] gives. Standard: OpenMetrics 1.0 §4.1.
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All counters of a node.
pub struct Metrics {
    registry: Registry,
    exchanges: Family<Labels<2>, Counter>,
    exchange_seconds: Family<Labels<1>, Histogram>,
    step_seconds: Family<Labels<2>, Histogram>,
    step_refusals: Family<Labels<2>, Counter>,
    refusals: Family<Labels<3>, Counter>,
    limits: Family<Labels<1>, Counter>,
    state: State,
    /// What every exchange counts, looked up once.
    consumer: OfSide,
    provider: OfSide,
}

/// The series of one side that every exchange counts.
#[derive(Default)]
struct OfSide {
    steps: Vec<(Step, Histogram)>,
    endings: Vec<(Ending, Counter)>,
    took: Option<Histogram>,
}

/// Names and values, both from fixed sets.
type Labels<const N: usize> = [(&'static str, &'static str); N];

/// How an exchange ended at this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// With the answer of the provider's system.
    Answered,
    /// With a refusal of this node.
    Refused,
    /// With a refusal of the provider's node.
    RefusedByPeer,
}

/// Upper bounds, seconds: a lone exchange takes a few milliseconds, a limit ends one after a minute.
const BOUNDS_S: [f64; 18] = [
    0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0, 30.0, 60.0,
];

// === impl Metrics ===

impl Metrics {
    /// Nothing is counted yet, and everything is there: a counter that appears with its first event hides that event.
    pub fn new() -> Self {
        let seconds = || Histogram::new(BOUNDS_S);
        let mut registry = Registry::with_prefix("bridge");
        let new = Self {
            exchanges: Family::default(),
            exchange_seconds: Family::new_with_constructor(seconds as fn() -> Histogram),
            step_seconds: Family::new_with_constructor(seconds as fn() -> Histogram),
            step_refusals: Family::default(),
            refusals: Family::default(),
            limits: Family::default(),
            state: State::register(&mut registry),
            consumer: OfSide::default(),
            provider: OfSide::default(),
            registry: Registry::default(),
        };
        registry.register(
            "exchanges",
            "Exchanges that ended at this node, by its end and by how they ended",
            new.exchanges.clone(),
        );
        registry.register_with_unit(
            "exchange",
            "Time from the head of a request to its answer at this node",
            Unit::Seconds,
            new.exchange_seconds.clone(),
        );
        registry.register_with_unit(
            "step",
            "Time that one step of an exchange took, when it was passed",
            Unit::Seconds,
            new.step_seconds.clone(),
        );
        registry.register(
            "step_refusals",
            "Exchanges that ended with a refusal at this step",
            new.step_refusals.clone(),
        );
        registry.register(
            "refusals",
            "Refusals of this node by their type and by whose doing they are",
            new.refusals.clone(),
        );
        registry.register(
            "limit_reached",
            "How often a limit of the settings was reached",
            new.limits.clone(),
        );
        new.fill();
        Self {
            registry,
            consumer: new.of_side(Side::Consumer),
            provider: new.of_side(Side::Provider),
            ..new
        }
    }

    /// Begins to measure the steps of one exchange.
    pub fn begin(&self, side: Side) -> Lap<'_> {
        Lap::new(self, side)
    }

    /// Counts a refusal of this node.
    pub fn refused(&self, refusal: &Refusal, side: Side) {
        let labels = [
            ("side", side.as_str()),
            ("type", refusal.code(side)),
            ("fault", refusal.fault().as_str()),
        ];
        self.refusals.get_or_create(&labels).inc();
        if let Some(limit) = Limit::of(refusal) {
            self.reached(limit);
        }
    }

    /// Counts that a limit was reached.
    pub fn reached(&self, limit: Limit) {
        self.limits
            .get_or_create(&[("limit", limit.as_str())])
            .inc();
    }

    fn ended(&self, side: Side, ending: Ending, took: Duration) {
        let of_side = self.side(side);
        if let Some((_, count)) = of_side.endings.iter().find(|(one, _)| *one == ending) {
            count.inc();
        }
        if let Some(seconds) = &of_side.took {
            seconds.observe(took.as_secs_f64());
        }
    }

    fn passed(&self, side: Side, step: Step, took: Duration) {
        let mut steps = self.side(side).steps.iter();
        if let Some((_, seconds)) = steps.find(|(one, _)| *one == step) {
            seconds.observe(took.as_secs_f64());
        }
    }

    fn side(&self, side: Side) -> &OfSide {
        match side {
            Side::Consumer => &self.consumer,
            Side::Provider => &self.provider,
        }
    }

    fn refused_at(&self, side: Side, step: Step) {
        self.step_refusals
            .get_or_create(&[("side", side.as_str()), ("step", step.as_str())])
            .inc();
    }

    fn of_side(&self, side: Side) -> OfSide {
        let side_label = ("side", side.as_str());
        let endings = Ending::of(side).iter().map(|ending| {
            let labels = [side_label, ("outcome", ending.as_str())];
            (*ending, self.exchanges.get_or_create_owned(&labels))
        });
        let steps = Step::of(side).iter().map(|step| {
            let labels = [side_label, ("step", step.as_str())];
            (*step, self.step_seconds.get_or_create_owned(&labels))
        });
        OfSide {
            steps: steps.collect(),
            endings: endings.collect(),
            took: Some(self.exchange_seconds.get_or_create_owned(&[side_label])),
        }
    }

    fn fill(&self) {
        self.state.fill();
        for side in [Side::Consumer, Side::Provider] {
            for step in Step::of(side) {
                let labels = [("side", side.as_str()), ("step", step.as_str())];
                drop(self.step_refusals.get_or_create(&labels));
            }
        }
        for limit in Limit::ALL {
            drop(self.limits.get_or_create(&[("limit", limit.as_str())]));
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

// === impl Ending ===

impl Ending {
    fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Refused => "refused",
            Self::RefusedByPeer => "refused_by_peer",
        }
    }

    fn of(side: Side) -> &'static [Self] {
        match side {
            Side::Consumer => &[Self::Answered, Self::Refused, Self::RefusedByPeer],
            Side::Provider => &[Self::Answered, Self::Refused],
        }
    }
}

#[cfg(test)]
mod tests;
