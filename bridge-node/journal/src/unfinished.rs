//! Which exchanges have begun and not ended.

use std::collections::BTreeMap;

use bridge_core::leaf::{Kind, Leaf, Side};
use uuid::Uuid;

/// The begun exchanges: of each, the index of the leaf that began it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Unfinished {
    begun: BTreeMap<(Uuid, Side), u64>,
}

impl Unfinished {
    /// Takes note of the next leaf.
    pub(crate) fn see(&mut self, index: u64, leaf: &Leaf) {
        let Some(exchange) = leaf.request_id.zip(leaf.side) else {
            return;
        };
        match leaf.kind {
            Kind::RequestSent | Kind::RequestReceived => {
                self.begun.insert(exchange, index);
            }
            Kind::ResponseReceived | Kind::ResponseSigned | Kind::Refused | Kind::Interrupted => {
                self.begun.remove(&exchange);
            }
            Kind::Delivery | Kind::State | Kind::AuditRead | Kind::Administration => {}
        }
    }

    /// Returns the indexes of the leaves that began them, ascending.
    pub(crate) fn indexes(&self) -> Vec<u64> {
        let mut indexes: Vec<u64> = self.begun.values().copied().collect();
        indexes.sort_unstable();
        indexes
    }
}

#[cfg(test)]
mod tests {
    use bridge_core::leaf::{Kind, Leaf, Side, UnixMillis};
    use uuid::Uuid;

    use super::Unfinished;

    fn leaf(kind: Kind, exchange: u128, side: Side) -> Leaf {
        let mut leaf = Leaf::new(kind, UnixMillis(1));
        leaf.request_id = Some(Uuid::from_u128(exchange));
        leaf.side = Some(side);
        leaf
    }

    #[test]
    fn an_end_ends_its_own_side_only() {
        let mut unfinished = Unfinished::default();
        unfinished.see(0, &leaf(Kind::RequestSent, 1, Side::Consumer));
        unfinished.see(1, &leaf(Kind::RequestReceived, 1, Side::Provider));
        unfinished.see(2, &leaf(Kind::RequestReceived, 2, Side::Provider));
        assert_eq!(unfinished.indexes(), [0, 1, 2]);
        unfinished.see(3, &leaf(Kind::ResponseSigned, 1, Side::Provider));
        assert_eq!(unfinished.indexes(), [0, 2]);
        unfinished.see(4, &leaf(Kind::Delivery, 1, Side::Consumer));
        assert_eq!(unfinished.indexes(), [0, 2]);
        unfinished.see(5, &leaf(Kind::Refused, 1, Side::Consumer));
        unfinished.see(6, &leaf(Kind::Interrupted, 2, Side::Provider));
        assert_eq!(unfinished, Unfinished::default());
    }

    #[test]
    fn a_leaf_of_no_exchange_is_none() {
        let mut unfinished = Unfinished::default();
        unfinished.see(0, &Leaf::new(Kind::RequestSent, UnixMillis(1)));
        assert!(unfinished.indexes().is_empty());
    }
}
