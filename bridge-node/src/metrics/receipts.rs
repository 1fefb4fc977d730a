//! What metrics tell of other nodes' receipts: how many, never whose.

use std::sync::atomic::Ordering;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use super::Labels;
use super::state::{Place, gauge};
use crate::node::Node;
use crate::receipts::Alarm;

/// The receipts' part of the state.
#[derive(Debug)]
pub(super) struct ReceiptState {
    proven: Counter,
    alarms: Family<Labels<1>, Counter>,
    pending: Gauge,
    faults: Gauge,
}

// === impl ReceiptState ===

impl ReceiptState {
    pub(super) fn register(place: &mut Place<'_>) -> Self {
        Self {
            proven: place.plain(
                "peer_receipts_proven",
                "Receipts of other nodes found under checkpoints of their logs",
            ),
            alarms: place.plain(
                "peer_receipts_alarmed",
                "Receipts of other nodes that their logs do not bear out, by what is wrong",
            ),
            pending: place.plain(
                "peer_receipts_pending",
                "Receipts of other nodes that are not proven yet",
            ),
            faults: place.plain(
                "peer_logs_in_doubt",
                "Logs of other nodes that do not bear out their receipts now",
            ),
        }
    }

    pub(super) fn fill(&self) {
        for alarm in Alarm::ALL {
            drop(self.alarms.get_or_create(&[("alarm", alarm.as_str())]));
        }
    }

    pub(super) fn read(&self, node: &Node) {
        let standing = node.receipts.standing();
        self.proven
            .inner()
            .store(standing.proven, Ordering::Relaxed);
        for (alarm, receipts) in &standing.alarms {
            self.alarms
                .get_or_create(&[("alarm", alarm.as_str())])
                .inner()
                .store(*receipts, Ordering::Relaxed);
        }
        self.pending.set(gauge(standing.pending));
        self.faults.set(gauge(standing.faults.len() as u64));
    }
}
