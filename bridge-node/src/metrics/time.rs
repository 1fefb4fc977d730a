//! How the journal is stamped and what that says of the clock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Unit;

use super::Labels;
use super::state::{Place, gauge};
use crate::stamping::Stamping;

/// What is told of time-stamps; all is 0 at a node whose settings name no authority.
#[derive(Debug)]
pub(super) struct TimeState {
    newest: Gauge<f64, AtomicU64>,
    leaves: Gauge,
    tolerated: Gauge,
    clock_ahead: Gauge<f64, AtomicU64>,
    asked: Family<Labels<1>, Counter>,
}

/// How asking an authority ends.
const OUTCOMES: [&str; 3] = ["kept", "refused", "unanswered"];

// === impl TimeState ===

impl TimeState {
    pub(super) fn register(place: &mut Place<'_>) -> Self {
        Self {
            newest: place.unit(
                "time_stamp_newest_timestamp",
                "Stamped time of the newest checkpoint that was stamped, since 1970; 0 if there is none",
                Unit::Seconds,
            ),
            leaves: place.plain(
                "time_stamp_leaves",
                "Leaves under the newest stamped checkpoint",
            ),
            tolerated: place.unit(
                "time_stamp_tolerated",
                "How old the newest time-stamp may be; 0 if nothing is stamped by the settings",
                Unit::Seconds,
            ),
            clock_ahead: place.unit(
                "time_stamp_ahead",
                "By how much stamped time was ahead of the own clock, last time; below zero it was behind",
                Unit::Seconds,
            ),
            asked: place.plain(
                "time_stamps",
                "How asking an authority for a time-stamp has ended",
            ),
        }
    }

    pub(super) fn fill(&self) {
        for outcome in OUTCOMES {
            drop(self.asked.get_or_create(&[("outcome", outcome)]));
        }
    }

    pub(super) fn read(&self, stamping: &Stamping) {
        let newest = Duration::from_millis(stamping.newest_ms().unwrap_or(0));
        self.newest.set(newest.as_secs_f64());
        self.leaves.set(gauge(stamping.leaves()));
        self.tolerated
            .set(gauge(stamping.tolerated_gap().as_secs()));
        let ahead_ms = stamping.ahead_ms().unwrap_or(0);
        let ahead = Duration::from_millis(ahead_ms.unsigned_abs()).as_secs_f64();
        self.clock_ahead
            .set(if ahead_ms < 0 { -ahead } else { ahead });
        let tally = stamping.tally();
        let counts = [&tally.kept, &tally.refused, &tally.unanswered];
        for (outcome, count) in OUTCOMES.into_iter().zip(counts) {
            let counter = self.asked.get_or_create(&[("outcome", outcome)]);
            counter
                .inner()
                .store(count.load(Ordering::Relaxed), Ordering::Relaxed);
        }
    }
}
