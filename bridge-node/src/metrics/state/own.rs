//! What Prometheus is told of this node's own certificates and keys.

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Unit;

use super::{Labels, Place, gauge};
use crate::node::Node;
use crate::own::Use;

/// The certificates that a node has, as [`Standing::certificates`](crate::own::Standing::certificates) names them.
const CERTIFICATES: [&str; 2] = ["tls", "exchange"];

/// The part of certificates and keys.
#[derive(Debug)]
pub(super) struct OwnState {
    certificates: Family<Labels<1>, Gauge>,
    renewal_failures: Family<Labels<1>, Gauge>,
    keys_away: Family<Labels<1>, Gauge>,
}

// === impl OwnState ===

impl OwnState {
    pub(super) fn register(place: &mut Place<'_>) -> Self {
        Self {
            renewal_failures: place.plain(
                "certificate_renewal_failures",
                "How often in a row a certificate of this node was not renewed by ACME; 0 if the last renewal went well",
            ),
            keys_away: place.plain(
                "key_away",
                "1 while a key of this node can't be used, because its token does not work; 0 for a key in a file",
            ),
            certificates: place.unit(
                "certificate_expiry_timestamp",
                "When a certificate of this node expires, since 1970",
                Unit::Seconds,
            ),
        }
    }

    pub(super) fn fill(&self) {
        for name in CERTIFICATES {
            drop(self.certificates.get_or_create(&[("use", name)]));
        }
        for usage in Use::ALL {
            let labels = [("use", usage.as_str())];
            drop(self.renewal_failures.get_or_create(&labels));
            drop(self.keys_away.get_or_create(&labels));
        }
    }

    pub(super) fn read(&self, node: &Node) {
        for own in node.own.certificates().iter() {
            let labels = [("use", own.usage)];
            self.certificates
                .get_or_create(&labels)
                .set(gauge(own.not_after));
        }
        for usage in Use::ALL {
            let labels = [("use", usage.as_str())];
            self.renewal_failures
                .get_or_create(&labels)
                .set(i64::from(node.own.failures(usage)));
            let is_away = node.key_trouble(usage).is_some();
            self.keys_away
                .get_or_create(&labels)
                .set(i64::from(is_away));
        }
    }
}
