//! Which receipts of other nodes are not proven yet: read from this journal's own leaves, so that nothing else has to be kept.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use bridge_core::leaf::{Leaf, UnixMillis};
use bridge_journal::{Answer, Journal, ReadError};
use bridge_verify::Field;
use uuid::Uuid;

use super::PEER_RECEIPT;

/// A receipt that is not proven yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pending {
    /// The leaf of this journal that holds it.
    pub(super) own_index: u64,
    /// When it was got.
    pub(super) time: UnixMillis,
    /// The exchange.
    pub(super) request_id: Uuid,
    /// The leaf that it names, in the peer's log.
    pub(super) index: u64,
    /// That leaf's hash.
    pub(super) leaf_hash: [u8; 32],
    /// Whether it was told that it is overdue.
    pub(super) told: bool,
}

/// What is known of one log of a peer.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// Sorted by the place in that log, so that neighbours share a tile.
    pub(super) pending: BTreeMap<(u64, u64), Pending>,
    /// The newest checkpoint seen: a signed note.
    pub(super) seen: Option<String>,
    /// Whether receipts were let go of unproven, and none was proven since.
    pub(super) let_go: bool,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// The next leaf of this journal to read.
    pub(super) next: u64,
    /// Overdue receipts of leaves below it have been told.
    pub(super) told: u64,
    /// By origin.
    pub(super) logs: BTreeMap<String, Log>,
}

/// Leaves of this journal that are read at a time.
const PAGE: u64 = 20_000;

// === impl Ledger ===

impl Ledger {
    /// How many receipts are not proven yet.
    pub(super) fn pending(&self) -> usize {
        self.logs.values().map(|log| log.pending.len()).sum()
    }

    /// From which leaf of this journal on they would have to be read again.
    pub(super) fn unproven_from(&self) -> u64 {
        let pending = self.logs.values().flat_map(|log| log.pending.values());
        let oldest = pending.map(|one| one.own_index).min();
        oldest.unwrap_or(self.next).min(self.next)
    }

    /// Makes room by letting go of what has been told: it is not looked up again, and the log stays in doubt.
    pub(super) fn let_go(&mut self) -> usize {
        let before = self.pending();
        for log in self.logs.values_mut() {
            let waiting = log.pending.len();
            log.pending.retain(|_, pending| !pending.told);
            log.let_go |= log.pending.len() < waiting;
        }
        before - self.pending()
    }

    /// Whether a log owes proofs of receipts that were told as overdue.
    pub(super) fn is_late(&self, origin: &str) -> bool {
        let log = self.logs.get(origin);
        log.is_some_and(|log| log.let_go || log.pending.values().any(|one| one.told))
    }

    /// Forgets logs of which nothing is known and nothing awaited.
    pub(super) fn forget(&mut self) {
        let is_known = |log: &Log| log.seen.is_some() || log.let_go || !log.pending.is_empty();
        self.logs.retain(|_, log| is_known(log));
    }

    /// Takes in what a page of leaves holds.
    pub(super) fn take_in(&mut self, page: Page) {
        for (origin, mut pending) in page.found {
            // Read again after a start: it was told before.
            pending.told = pending.own_index < self.told;
            let log = self.logs.entry(origin).or_default();
            let key = (pending.index, pending.own_index);
            log.pending.insert(key, pending);
        }
        self.next = page.next;
    }
}

/// What was found in some leaves.
#[derive(Debug)]
pub(super) struct Page {
    found: Vec<(String, Pending)>,
    next: u64,
    /// Whether there are leaves after them.
    pub(super) more: bool,
}

/// Takes the receipts in the answers from `next` on, at most `room` of them, if they are all in memory still.
pub(super) fn take(journal: &Journal, next: u64, room: usize) -> Option<Page> {
    let (answers, next) = journal.take_answers(next, room)?;
    let found = answers.iter().filter_map(receipt_of).collect();
    Some(Page {
        found,
        next,
        more: false,
    })
}

/// Reads the receipts in the leaves from `next` on, at most `room` of them. It reads files: call it where blocking is allowed.
pub(super) fn read(journal: &Journal, next: u64, room: usize) -> Result<Page, ReadError> {
    let mut page = Page {
        found: Vec::new(),
        next,
        more: false,
    };
    if room == 0 {
        return Ok(page);
    }
    journal.each_leaf_from(next, &mut |index, leaf| {
        page.found.extend(receipt_in(index, leaf));
        page.next = index + 1;
        page.more = page.next - next >= PAGE;
        if page.more || page.found.len() >= room {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    })?;
    Ok(page)
}

fn receipt_in(own_index: u64, leaf: &[u8]) -> Option<(String, Pending)> {
    // Most leaves have none: they are passed over unread.
    let text = std::str::from_utf8(leaf).ok()?;
    if !text.contains(PEER_RECEIPT) {
        return None;
    }
    let answer = Answer::of(&Leaf::parse(leaf).ok()?)?;
    receipt_of(&Answer {
        index: own_index,
        ..answer
    })
}

fn receipt_of(answer: &Answer) -> Option<(String, Pending)> {
    let field = Field::parse(&answer.receipt)?;
    let pending = Pending {
        own_index: answer.index,
        time: answer.time,
        request_id: answer.request_id,
        index: field.index,
        leaf_hash: field.leaf_hash,
        told: false,
    };
    Some((field.origin.to_owned(), pending))
}

#[cfg(test)]
mod tests {
    use bridge_core::leaf::Kind;

    use super::*;

    fn leaf(kind: Kind, fact: &str, receipt: &str) -> Vec<u8> {
        let mut leaf = Leaf::new(kind, UnixMillis(9));
        leaf.request_id = Some(Uuid::from_u128(5));
        leaf.facts.insert(fact.to_owned(), receipt.to_owned());
        let mut bytes = Vec::new();
        leaf.write(&mut bytes).unwrap();
        bytes
    }

    fn receipt(index: u64) -> String {
        format!("a.example/1#{index}:{}", "A".repeat(43))
    }

    #[test]
    fn receipts_are_found_in_answers_and_nowhere_else() {
        let found = receipt_in(3, &leaf(Kind::ResponseReceived, PEER_RECEIPT, &receipt(7)));
        let (origin, pending) = found.unwrap();
        assert_eq!((origin.as_str(), pending.index), ("a.example/1", 7));
        assert_eq!((pending.own_index, pending.time), (3, UnixMillis(9)));
        assert_eq!(
            receipt_in(3, &leaf(Kind::State, PEER_RECEIPT, &receipt(7))),
            None
        );
        let other = leaf(Kind::ResponseReceived, "peer_receipts", &receipt(7));
        assert_eq!(receipt_in(3, &other), None);
    }

    #[test]
    fn what_is_unproven_is_read_again_after_a_start_and_what_was_told_is_not_told_twice() {
        let mut ledger = Ledger {
            told: 4,
            ..Ledger::default()
        };
        let one = |own_index, index| {
            let bytes = leaf(Kind::ResponseReceived, PEER_RECEIPT, &receipt(index));
            receipt_in(own_index, &bytes).unwrap()
        };
        ledger.take_in(Page {
            found: vec![one(3, 9), one(6, 8)],
            next: 10,
            more: false,
        });
        assert_eq!((ledger.pending(), ledger.unproven_from()), (2, 3));
        let log = &ledger.logs["a.example/1"];
        let told: Vec<_> = log.pending.values().map(|p| (p.index, p.told)).collect();
        assert_eq!(told, [(8, false), (9, true)]);
        assert_eq!(ledger.let_go(), 1);
        assert_eq!((ledger.pending(), ledger.unproven_from()), (1, 6));
        let log = ledger.logs.get_mut("a.example/1").unwrap();
        log.pending.clear();
        assert!(log.let_go, "it is in doubt until it proves something");
        ledger.forget();
        assert!(ledger.is_late("a.example/1"));
        ledger.logs.get_mut("a.example/1").unwrap().let_go = false;
        ledger.forget();
        assert!(
            ledger.logs.is_empty(),
            "nothing is known of it, nothing awaited"
        );
        assert_eq!(ledger.unproven_from(), 10);
    }
}
