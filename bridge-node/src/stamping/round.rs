//! A round: the newest checkpoint is stamped by the first authority that can, and what that says is drawn from it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bridge_certs::{Stamp, StampError};
use bridge_core::leaf::UnixMillis;
use bridge_journal::{CHECKPOINT_EVERY, imprint};
use bytes::Bytes;

use super::authority::{Unstamped, millis};
use super::{AskError, Stamping, patience};
use crate::metrics::Limit;
use crate::node::Node;

/// Stamps checkpoints until the node drains.
pub async fn keep(node: Arc<Node>) {
    let Some(stamping) = &node.stamping else {
        tracing::warn!(
            code = "nothing_stamped",
            "the settings name no time-stamping authority: nothing is stamped"
        );
        return;
    };
    loop {
        tokio::select! {
            () = node.house.draining.cancelled() => return,
            () = stamp(&node) => {}
        }
        tokio::select! {
            () = node.house.draining.cancelled() => return,
            () = tokio::time::sleep(stamping.told.every) => {}
        }
    }
}

/// Has the newest checkpoint stamped, now. A failure is logged and shown by `ready`; the newest stamp only grows older.
///
/// # Cancel safety
///
/// Dropped before its end, the stamp is not kept or not noted; the next round stamps again.
pub async fn stamp(node: &Arc<Node>) {
    let Some(stamping) = &node.stamping else {
        return;
    };
    if let Some(checkpoint) = checkpoint(node).await
        && let Some(imprint) = imprint(&checkpoint)
    {
        round(node, stamping, &checkpoint, imprint).await;
    }
    stamping.tell_age(node.clock.now());
}

/// The newest checkpoint. A log that is still empty begins with a leaf, so that there is something to stamp.
async fn checkpoint(node: &Node) -> Option<Bytes> {
    if let Some(checkpoint) = node.journal.checkpoint() {
        return Some(checkpoint);
    }
    if node.journal.head().size == 0 {
        let begins = ("time_stamping".to_owned(), "begins".to_owned());
        node.record_state(BTreeMap::from([begins])).await;
    }
    tokio::time::sleep(CHECKPOINT_EVERY + WRITING).await;
    node.journal.checkpoint()
}

async fn round(node: &Arc<Node>, stamping: &Stamping, checkpoint: &Bytes, imprint: [u8; 32]) {
    match ask_in_order(node, stamping, imprint).await {
        Ok((answer, stamp)) => {
            if let Some(size) = kept(node, checkpoint, answer).await {
                // The leaf comes first: what begins after it is after the gap.
                let ended = stamping.ended(node.clock.now());
                if !ended.is_empty() {
                    node.record_state(ended).await;
                }
                stamping.stamped(&stamp, size);
            }
        }
        Err(Some(ahead_ms)) => stamping.clock_is_off(ahead_ms),
        Err(None) => {}
    }
}

/// Has something else than a checkpoint stamped, such as a seal; `None` if no authority stamps it now.
pub async fn stamp_imprint(node: &Arc<Node>, imprint: [u8; 32]) -> Option<Bytes> {
    let stamping = node.stamping.as_deref()?;
    let stamped = ask_in_order(node, stamping, imprint).await.ok();
    stamped.map(|(answer, _stamp)| answer)
}

/// Asks one authority after the other until one has stamped; else by how much the own clock is off for the first that says so,
/// milliseconds.
async fn ask_in_order(
    node: &Arc<Node>,
    stamping: &Stamping,
    imprint: [u8; 32],
) -> Result<(Bytes, Stamp), Option<i64>> {
    let mut off_ms = None;
    for authority in &stamping.authorities {
        let told = (&*stamping.told, &stamping.trust);
        let patience = patience(&node.settings.limits);
        let stamped = authority.stamp(imprint, told, &node.clock, patience).await;
        match stamped {
            Ok(stamped) => {
                authority.note(None);
                return Ok(stamped);
            }
            Err(error) => {
                if let Unstamped::NotTaken(StampError::TimeFar { ahead_ms }) = error {
                    off_ms.get_or_insert(ahead_ms);
                }
                count(node, stamping, &error);
                authority.note(Some(crate::chain(&error)));
            }
        }
    }
    Err(off_ms)
}

fn count(node: &Node, stamping: &Stamping, error: &Unstamped) {
    let count = match error {
        Unstamped::NotTaken(_) => &stamping.tally.refused,
        Unstamped::Unanswered(_) | Unstamped::NoRandom => &stamping.tally.unanswered,
    };
    count.fetch_add(1, Ordering::Relaxed);
    let metrics = &node.house.metrics;
    match error {
        Unstamped::Unanswered(AskError::TooLong(_)) => metrics.reached(Limit::StampBytes),
        Unstamped::Unanswered(AskError::TooSlow(_)) => metrics.reached(Limit::StampSeconds),
        Unstamped::Unanswered(_) | Unstamped::NotTaken(_) | Unstamped::NoRandom => {}
    }
}

/// Keeps a stamp beside the journal; returns how many leaves it covers. One that is not durable is none.
async fn kept(node: &Arc<Node>, checkpoint: &Bytes, answer: Bytes) -> Option<u64> {
    let (journal, checkpoint) = (node.journal.clone(), checkpoint.clone());
    let keeping = tokio::task::spawn_blocking(move || journal.keep_stamp(&checkpoint, &answer));
    let error = match keeping.await {
        Ok(Ok(size)) => return Some(size),
        Ok(Err(error)) => crate::chain(&error),
        Err(error) => error.to_string(),
    };
    tracing::error!(code = "time_stamp_not_kept", %error, "a time-stamp cannot be kept");
    None
}

// === impl Stamping ===

impl Stamping {
    /// The facts of what a stamp that was kept now ends: time without stamps, or with a clock that was too far off.
    fn ended(&self, now: UnixMillis) -> BTreeMap<String, String> {
        let off_ms = self.clock_off_ms();
        let gap_ms = self.age_ms(now);
        let facts = [
            ("clock_off_seconds", off_ms > 0, off_ms),
            ("without_time_stamp_seconds", self.is_too_old(now), gap_ms),
        ];
        let ended = facts.into_iter().filter(|(_, was, _)| *was);
        ended
            .map(|(name, _, ms)| (name.to_owned(), (ms / 1000).to_string()))
            .collect()
    }

    /// Draws everything from a stamp that was kept.
    fn stamped(&self, stamp: &Stamp, size: u64) {
        self.newest_ms.store(stamp.time_ms, Ordering::Relaxed);
        self.leaves.store(size, Ordering::Relaxed);
        self.tally.kept.fetch_add(1, Ordering::Relaxed);
        self.read_clock(stamp.ahead_ms.unwrap_or_default());
        let clock_was_off = self.clock_off_ms.swap(0, Ordering::Relaxed) > 0;
        let was_too_old = std::mem::take(&mut self.known().told_age);
        if clock_was_off || was_too_old {
            tracing::info!(code = "time_proved", "time is proved again");
        }
    }

    /// No authority has stamped, and at least one says that the clock is too far off for it.
    fn clock_is_off(&self, ahead_ms: i64) {
        self.read_clock(ahead_ms);
        let off_ms = ahead_ms.unsigned_abs();
        if self.clock_off_ms.fetch_max(off_ms, Ordering::Relaxed) == 0 {
            tracing::error!(
                code = "clock_off",
                ahead_ms,
                "stamped time is too far from this clock: nothing is exchanged until that is mended"
            );
        }
    }

    fn read_clock(&self, ahead_ms: i64) {
        let mut known = self.known();
        known.ahead_ms = Some(ahead_ms);
        let alarm = ahead_ms.unsigned_abs() > millis(self.told.clock_alarm);
        if alarm && !known.told_clock {
            tracing::error!(
                code = "clock_alarm",
                ahead_ms,
                "stamped time is further from this clock than a right one can be"
            );
        }
        known.told_clock = alarm;
    }

    /// Tells the log once when the newest stamp has become too old.
    fn tell_age(&self, now: UnixMillis) {
        if self.is_too_old(now) && !std::mem::replace(&mut self.known().told_age, true) {
            tracing::error!(
                code = "time_too_old",
                age_seconds = self.age_ms(now) / 1000,
                "the newest time-stamp is older than is tolerated: nothing is exchanged"
            );
        }
    }
}

/// A checkpoint is written within this time after it is due.
const WRITING: Duration = Duration::from_secs(1);
