//! Receipts: a node's own, given to those whom they concern, and those of other nodes, held against their logs.
//!
//! A receipt names a leaf and its hash. It is worth something once the log that gave it has signed a checkpoint above that
//! leaf. So callers get proofs from this node ([`give`]), and this node looks for itself whether its peers keep their word
//! ([`keep_checking`]): a peer's log that drops a leaf, or shows two histories, is found out within minutes, by its victim,
//! and what it signed stays in this journal.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bridge_verify::Field;
use tokio::sync::Semaphore;

use crate::epochs::{number_of, prefix_of};

mod alarm;
mod check;
mod give;
mod kept;
mod ledger;
mod peer_log;

pub(crate) use peer_log::{PeerLog, Unread};

pub use alarm::Alarm;
pub use bridge_journal::PEER_RECEIPT;
pub use check::keep_checking;
pub use give::{PATH, give};

/// What is known of other nodes' receipts, for metrics and `ready`.
#[derive(Debug)]
pub struct Receipts {
    standing: Mutex<Standing>,
    /// Places for reading receipts.
    readers: Arc<Semaphore>,
}

/// How it stands with the receipts that other nodes gave.
#[derive(Debug, Clone, Default)]
pub struct Standing {
    /// Found under checkpoints of their logs since the start.
    pub proven: u64,
    /// Alarms of each kind since the start, by receipts.
    pub alarms: BTreeMap<Alarm, u64>,
    /// Not looked up, or not covered by a checkpoint, yet.
    pub pending: u64,
    /// What is wrong now, by the log's origin.
    pub faults: BTreeMap<String, Alarm>,
}

/// Receipts that are read from the journal at a time: each may look into every segment.
const READERS: usize = 4;

// === impl Receipts ===

impl Default for Receipts {
    fn default() -> Self {
        Self {
            standing: Mutex::default(),
            readers: Arc::new(Semaphore::new(READERS)),
        }
    }
}

impl Receipts {
    /// How it stands now.
    pub fn standing(&self) -> Standing {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// So many epochs before and after the one that the directory tells of, receipts are taken from a log: no peer makes up names
/// without end.
const EPOCHS: u64 = 16;

/// Whether a text is a receipt of the log that a verifier key is of, or of another epoch of it: the directory may learn of a
/// new epoch a little later than the node's first answer tells.
pub fn is_of_log(receipt: &str, vkey: &str) -> bool {
    let origin = vkey.split('+').next().unwrap_or_default();
    Field::parse(receipt).is_some_and(|field| {
        let epochs = number_of(field.origin).zip(number_of(origin));
        epochs.is_some_and(|(one, other)| one.abs_diff(other) <= EPOCHS)
            && prefix_of(field.origin) == prefix_of(origin)
    })
}

#[cfg(test)]
mod tests {
    use super::is_of_log;

    #[test]
    fn a_receipt_is_of_a_log_in_any_epoch_and_of_no_other() {
        let vkey = "journal.example/AZ/GOV/1001/NODE1/1+01020304+AAAA";
        let receipt = |origin: &str| format!("{origin}#7:{}", "A".repeat(43));
        for origin in [
            "journal.example/AZ/GOV/1001/NODE1/1",
            "journal.example/AZ/GOV/1001/NODE1/2",
            "journal.example/AZ/GOV/1001/NODE1/17",
        ] {
            assert!(is_of_log(&receipt(origin), vkey), "{origin}");
        }
        for origin in [
            "journal.example/AZ/GOV/1001/NODE2/1",
            "journal.example/AZ/GOV/1001/NODE1",
            "journal.example/AZ/GOV/1001/NODE1/x",
            "journal.example/AZ/GOV/1001/NODE1/0",
            "journal.example/AZ/GOV/1001/NODE1/01",
            "journal.example/AZ/GOV/1001/NODE1/18",
            "1",
        ] {
            assert!(!is_of_log(&receipt(origin), vkey), "{origin}");
        }
        assert!(!is_of_log("journal.example/AZ/GOV/1001/NODE1/1#7:A", vkey));
    }
}
