//! Measures the steps of one exchange, each from the end of the one before.

use super::{Duration, Ending, Instant, Metrics, Side};
use crate::exchange::{Refused, Reply};

/// A step, or steps that are one call: signing and journaling are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Edge rules kept, other side recognised, body read (at the provider: its head only).
    Entered,
    /// At the provider: signature, freshness and body are good.
    RequestVerified,
    /// A contract allows it; at the consumer a connection is open.
    Authorised,
    /// The journal has taken the request's leaf, durable unless the request can only read; at the consumer it is signed.
    RequestKept,
    /// At the provider: the registry has answered, and the request's leaf is durable.
    Served,
    /// At the consumer: a genuine answer has come.
    AnswerVerified,
    /// The answer's leaf is durable, at the consumer the request's too; at the provider the answer is signed.
    AnswerKept,
}

/// The steps of one exchange.
#[derive(Debug)]
pub struct Lap<'a> {
    metrics: &'a Metrics,
    side: Side,
    began: Instant,
    last: Instant,
}

// === impl Lap ===

impl<'a> Lap<'a> {
    pub(super) fn new(metrics: &'a Metrics, side: Side) -> Self {
        let now = Instant::now();
        Self {
            metrics,
            side,
            began: now,
            last: now,
        }
    }

    /// Passes on what a step came to, and counts it.
    ///
    /// # Errors
    ///
    /// Those of the step.
    pub fn passed<T>(&mut self, step: Step, came: Result<T, Refused>) -> Result<T, Refused> {
        let now = Instant::now();
        if came.is_ok() {
            let took = now.saturating_duration_since(self.last);
            self.metrics.passed(self.side, step, took);
        } else {
            self.metrics.refused_at(self.side, step);
            self.metrics.ended(self.side, Ending::Refused, self.took());
        }
        self.last = now;
        came
    }

    /// Passes on the answer, and counts the exchange.
    pub fn answered(self, reply: Reply) -> Reply {
        let of_peer = self.side == Side::Consumer && reply.fields.contains_key("x-road-error");
        let ending = if of_peer {
            Ending::RefusedByPeer
        } else {
            Ending::Answered
        };
        self.metrics.ended(self.side, ending, self.took());
        reply
    }

    fn took(&self) -> Duration {
        self.began.elapsed()
    }
}

// === impl Step ===

impl Step {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Entered => "entered",
            Self::RequestVerified => "request_verified",
            Self::Authorised => "authorised",
            Self::RequestKept => "request_kept",
            Self::Served => "served",
            Self::AnswerVerified => "answer_verified",
            Self::AnswerKept => "answer_kept",
        }
    }

    /// The steps at one end, in order.
    pub(super) fn of(side: Side) -> &'static [Self] {
        match side {
            Side::Consumer => &[
                Self::Entered,
                Self::Authorised,
                Self::RequestKept,
                Self::AnswerVerified,
                Self::AnswerKept,
            ],
            Side::Provider => &[
                Self::Entered,
                Self::RequestVerified,
                Self::Authorised,
                Self::RequestKept,
                Self::Served,
                Self::AnswerKept,
            ],
        }
    }
}
