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
    until: Family<Labels<1>, Gauge>,
    listed: Gauge,
    revoked: Gauge,
    unknown: Gauge,
    read: Family<Labels<1>, Counter>,
}

/// How reading a source ends.
const OUTCOMES: [&str; 3] = ["taken", "refused", "unanswered"];

/// What says that a certificate is good.
const SOURCES: [&str; 2] = ["list", "answer"];

// === impl StatusState ===

impl StatusState {
    pub(super) fn register(place: &mut Place<'_>) -> Self {
        Self {
            until: place.unit(
                "status_until_timestamp",
                "Until when the revocation lists of all authorities count, and the answers about certificates in use, since 1970: the first that ends; 0 if a list lacks or there is none",
                Unit::Seconds,
            ),
            listed: place.plain(
                "status_listed",
                "Certificates that stand in the revocation lists",
            ),
            revoked: place.plain("status_revoked", "Certificates in use that are revoked"),
            unknown: place.plain(
                "status_unknown",
                "Certificates in use whose status is not known: nothing is exchanged with them",
            ),
            read: place.plain(
                "status_sources",
                "How reading a source of certificate status has ended",
            ),
        }
    }

    pub(super) fn fill(&self) {
        for source in SOURCES {
            drop(self.until.get_or_create(&[("source", source)]));
        }
        for outcome in OUTCOMES {
            drop(self.read.get_or_create(&[("outcome", outcome)]));
        }
    }

    pub(super) fn read(&self, status: &Statuses, now_s: u64) {
        for (source, until_s) in SOURCES.into_iter().zip(status.until_s()) {
            let until = self.until.get_or_create(&[("source", source)]);
            until.set(gauge(until_s));
        }
        self.listed.set(gauge(status.listed() as u64));
        self.revoked.set(gauge(status.revoked_in_use() as u64));
        let unknown = status.unknown_in_use(now_s);
        self.unknown.set(gauge(unknown as u64));
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
