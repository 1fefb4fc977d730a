//! What a node tells its own journal beside exchanges: `state` leaves.

use std::collections::BTreeMap;

use bridge_core::leaf::{Kind, Leaf, UnixMillis};
use bridge_journal::{Entry, RecordError};

use super::Node;

/// The fact of the leaf that keeps the operator's word about the clock: by how much it was behind the newest leaf.
const CLOCK_BEHIND: &str = "clock_behind_seconds";

/// Tells of leaves, read in their order, when they were written at the latest.
#[derive(Debug)]
pub(super) struct Written {
    now: UnixMillis,
    /// Where leaves stand still since the operator's last word.
    still_at: Option<UnixMillis>,
}

impl Node {
    /// Records what must stay known. A journal that does not take it is told of by the log.
    pub async fn record_state(&self, facts: BTreeMap<String, String>) {
        let _written = self.state_is_kept(facts).await;
    }

    /// As [`Node::record_state`]; says whether the journal took it, for what is told again then.
    pub(crate) async fn state_is_kept(&self, facts: BTreeMap<String, String>) -> bool {
        let written = self.state(facts).await;
        if let Err(error) = &written {
            let error = crate::chain(error);
            tracing::error!(%error, "the journal does not take a `state` leaf");
        }
        written.is_ok()
    }

    /// Writes a leaf if the operator's word about the clock was needed at this start.
    ///
    /// # Errors
    ///
    /// [`RecordError`] if the journal refuses.
    pub async fn tell_clock(&self) -> Result<(), RecordError> {
        let Some(ahead_ms) = self.overruled_ms else {
            return Ok(());
        };
        tracing::warn!(
            ahead_ms,
            "the newest leaf is of a later time; the operator vouches for the clock"
        );
        let seconds = (ahead_ms / 1000).to_string();
        self.state(BTreeMap::from([(CLOCK_BEHIND.to_owned(), seconds)]))
            .await
    }

    /// Writes one leaf about the refusals that left none since the last time, if there were any.
    pub async fn sum_refusals(&self) {
        let sums = self.refusals.take();
        if sums.is_empty() {
            return;
        }
        if let Err(error) = self.state(sums.facts()).await {
            // The journal may be the very reason of the refusals: they are told when it recovers.
            self.refusals.give_back(sums);
            tracing::warn!(error = %crate::chain(&error), "refusals are not yet counted");
        }
    }

    async fn state(&self, facts: BTreeMap<String, String>) -> Result<(), RecordError> {
        let mut leaf = Leaf::new(Kind::State, self.clock.now());
        leaf.facts = facts;
        let receipt = self.journal.record(Entry::of(leaf)).await?;
        self.clock.not_before(receipt.time);
        Ok(())
    }
}

// === impl Written ===

impl Written {
    /// Nothing was read yet.
    pub(super) fn until(now: UnixMillis) -> Self {
        Self {
            now,
            still_at: None,
        }
    }

    /// Behind the operator's word a leaf that stands still at the false time is of a clock that was right, so of a time
    /// before now. One before the word, or of a later time, is of whatever time it says: its message may be fresh then.
    pub(super) fn of(&mut self, leaf: &Leaf) -> UnixMillis {
        if leaf.kind == Kind::State && leaf.facts.contains_key(CLOCK_BEHIND) {
            self.still_at = Some(leaf.time);
        }
        if self.still_at == Some(leaf.time) {
            leaf.time.min(self.now)
        } else {
            leaf.time
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_still_behind_the_operators_word_is_older_than_it_says() {
        let leaf = |kind, at, fact: &str| {
            let mut leaf = Leaf::new(kind, UnixMillis(at));
            leaf.facts = BTreeMap::from([(fact.to_owned(), "9".to_owned())]);
            leaf
        };
        let (request, word) = (Kind::RequestReceived, CLOCK_BEHIND);
        let mut written = Written::until(UnixMillis(100));
        for (kind, at, fact, expected) in [
            (request, 50, "", 50),
            (request, 900, "", 900),
            (Kind::State, 900, "fork", 900),
            // What a peer could have a node write is no word.
            (request, 900, word, 900),
            (Kind::State, 900, word, 100),
            (request, 900, "", 100),
            // The clock ran ahead once more.
            (request, 901, "", 901),
            (Kind::State, 901, word, 100),
            (request, 901, "", 100),
            // The next log began by the right clock.
            (request, 99, "", 99),
        ] {
            let told = written.of(&leaf(kind, at, fact));
            assert_eq!(told.0, expected, "{kind:?} at {at}");
        }
    }
}
