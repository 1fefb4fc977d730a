//! What a node tells its own journal beside exchanges: `state` leaves.

use std::collections::BTreeMap;

use bridge_core::leaf::{Kind, Leaf};
use bridge_journal::{Entry, RecordError};

use super::Node;

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
        self.state(BTreeMap::from([(
            "clock_behind_seconds".to_owned(),
            seconds,
        )]))
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
