//! How it stands with the status of certificates.

use std::sync::atomic::Ordering;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Unit;

use super::Labels;
use super::state::{Place, gauge};
use crate::status::Statuses;

/// What is told of certificate status; all is 0 at a node whose settings name no source.
#[derive(Debug)]
pub(super) struct StatusState {
    until: Gauge,
    listed: Gauge,
    revoked: Gauge,
    read: Family<Labels<1>, Counter>,
}

/// How reading a source ends.
const OUTCOMES: [&str; 3] = ["taken", "refused", "unanswered"];

// === impl StatusState ===

impl StatusState {
    pub(super) fn register(place: &mut Place<'_>) -> Self {
        Self {
            until: place.unit(
                "status_until_timestamp",
                "Until when the revocation lists of all authorities count, since 1970; 0 if one lacks or none is read",
                Unit::Seconds,
            ),
            listed: place.plain(
                "status_listed",
                "Certificates that stand in the revocation lists",
            ),
            revoked: place.plain("status_revoked", "Certificates in use that are revoked"),
            read: place.plain(
                "status_sources",
                "How reading a source of certificate status has ended",
            ),
        }
    }

    pub(super) fn fill(&self) {
        for outcome in OUTCOMES {
            drop(self.read.get_or_create(&[("outcome", outcome)]));
        }
    }

    pub(super) fn read(&self, status: &Statuses) {
        let lists = status.lists();
        let until_s = lists.iter().map(|(_, until_s, _)| *until_s).min();
        self.until.set(gauge(until_s.unwrap_or(0)));
        self.listed
            .set(gauge(lists.iter().map(|(.., count)| *count).sum()));
        self.revoked.set(gauge(status.revoked_in_use() as u64));
        let tally = status.tally();
        let counts = [&tally.taken, &tally.refused, &tally.unanswered];
        for (outcome, count) in OUTCOMES.into_iter().zip(counts) {
            let counter = self.read.get_or_create(&[("outcome", outcome)]);
            counter
                .inner()
                .store(count.load(Ordering::Relaxed), Ordering::Relaxed);
        }
    }
}
