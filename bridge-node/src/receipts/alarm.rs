//! What is said when a peer's log does not bear out its receipts: a line of the log, a number, and leaves that stay.

use bridge_core::leaf::{Kind, Leaf};
use bridge_journal::Entry;

use super::ledger::Pending;
use crate::node::Node;

/// What is wrong with a log, gravest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Alarm {
    /// No checkpoint of it covers a receipt in time, or it cannot be read.
    Overdue,
    /// Its checkpoint covers a receipt's place, and another leaf is there.
    Missing,
    /// Its checkpoints contradict each other, or its tiles contradict its checkpoint.
    Forked,
}

/// An alarm about some receipts of one log.
#[derive(Debug)]
pub(super) struct Raised {
    pub(super) alarm: Alarm,
    pub(super) origin: String,
    pub(super) receipts: Vec<Pending>,
    /// What contradicts each other, as signed: the checkpoint seen before, and the one shown now.
    pub(super) notes: Option<(String, String)>,
}

/// So many receipts of an alarm get leaves of their own, which a search for the exchange finds; more are listed together.
const LEAVES: usize = 100;
/// Request ids in one leaf.
const LISTED: usize = 1000;

// === impl Alarm ===

impl Alarm {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Overdue, Self::Missing, Self::Forked];

    /// Its name in leaves and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Overdue => "overdue",
            Self::Missing => "missing",
            Self::Forked => "forked",
        }
    }

    /// What `ready` tells.
    pub fn words(self, origin: &str) -> String {
        match self {
            Self::Overdue => {
                format!("receipts of the log {origin} are not under a checkpoint of it in time")
            }
            Self::Missing => format!("the log {origin} lacks leaves that it gave receipts of"),
            Self::Forked => format!("the log {origin} shows two histories"),
        }
    }
}

/// Raises an alarm: the leaves name exchange and log. `is_new` says whether the log of this node tells it.
pub(super) async fn raise(node: &Node, raised: &Raised, is_new: bool) {
    let (alarm, origin) = (raised.alarm.as_str(), raised.origin.as_str());
    let receipts = raised.receipts.len();
    if is_new {
        tracing::error!(
            code = "peer_receipts",
            alarm,
            origin,
            receipts,
            "{}",
            raised.alarm.words(origin)
        );
    }
    let (own, listed) = raised.receipts.split_at(receipts.min(LEAVES));
    for pending in own {
        let mut leaf = leaf(node, raised);
        leaf.request_id = Some(pending.request_id);
        write(node, leaf).await;
    }
    for some in listed.chunks(LISTED) {
        let ids: Vec<String> = some.iter().map(|one| one.request_id.to_string()).collect();
        let mut leaf = leaf(node, raised);
        leaf.facts.insert("request_ids".to_owned(), ids.join(","));
        write(node, leaf).await;
    }
    if receipts == 0 {
        write(node, leaf(node, raised)).await;
    }
}

fn leaf(node: &Node, raised: &Raised) -> Leaf {
    let mut leaf = Leaf::new(Kind::State, node.clock.now());
    let mut fact = |name: &str, text: &str| {
        leaf.facts.insert(name.to_owned(), text.to_owned());
    };
    fact("peer_receipts", raised.alarm.as_str());
    fact("log", &raised.origin);
    if let Some((seen, shown)) = &raised.notes {
        if !seen.is_empty() {
            fact("seen", seen);
        }
        fact("shown", shown);
    }
    leaf
}

async fn write(node: &Node, leaf: Leaf) {
    match node.journal.record(Entry::of(leaf)).await {
        Ok(receipt) => node.clock.not_before(receipt.time),
        Err(error) => {
            tracing::error!(error = %crate::chain(&error), "an alarm about receipts has no leaf");
        }
    }
}
