//! What Prometheus is told of witnesses: those of this node's journal, and this node as one of others'.

use std::sync::atomic::Ordering;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Unit;

use super::{Place, gauge};
use crate::node::Node;

/// The witnesses' part.
#[derive(Debug)]
pub(super) struct WitnessState {
    cosigned_leaves: Gauge,
    waiting_since: Gauge,
    silent: Gauge,
    contradicting: Gauge,
    given: Counter,
    forked: Gauge,
}

// === impl WitnessState ===

impl WitnessState {
    pub(super) fn register(place: &mut Place<'_>) -> Self {
        Self {
            cosigned_leaves: place.plain(
                "journal_cosigned_leaves",
                "Leaves under the newest checkpoint that enough witnesses have cosigned",
            ),
            waiting_since: place.unit(
                "journal_uncosigned_since_timestamp",
                "Since when leaves wait for cosignatures, since 1970; 0 if none wait",
                Unit::Seconds,
            ),
            silent: place.plain(
                "witnesses_silent",
                "Witnesses of this journal that did not cosign when they were asked last",
            ),
            contradicting: place.plain(
                "witnesses_contradicting",
                "Witnesses that hold another head of this journal",
            ),
            given: place.plain(
                "witness_cosignatures",
                "Cosignatures that this node gave to other journals since the start",
            ),
            forked: place.plain(
                "witness_forked_logs",
                "Journals that this node has seen fork",
            ),
        }
    }

    pub(super) fn read(&self, node: &Node) {
        let cosigned = node.journal.cosigned();
        let leaves = cosigned.map_or(0, |(checkpoint, _)| checkpoint.size);
        self.cosigned_leaves.set(gauge(leaves));
        let since = node.cosigning.waiting_since();
        self.waiting_since
            .set(since.map_or(0, |since| gauge(since.0 / 1000)));
        let witnesses = node.cosigning.witnesses();
        let silent = witnesses.iter().filter(|(_, seen)| seen.fault.is_some());
        self.silent.set(gauge(silent.count() as u64));
        let contradicting = node.cosigning.contradicting().len();
        self.contradicting.set(gauge(contradicting as u64));
        self.given
            .inner()
            .store(node.witness.cosigned(), Ordering::Relaxed);
        self.forked.set(gauge(node.witness.forked().len() as u64));
    }
}
