//! This node's own checkpoints, cosigned by the witnesses that the directory assigns to it.
//!
//! Exchanges never wait for a cosignature. While too few witnesses answer, they go on for the tolerated time; then they
//! are refused until enough cosignatures are there.
//!
//! Standard: C2SP tlog-cosignature.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bridge_core::leaf::{Leaf, UnixMillis};
use bridge_core::refusal::{NodeFault, Refusal};
use bridge_directory::Witnessing;
use bridge_journal::{Checkpoint, Journal, ReadError};
use bytes::Bytes;
use tokio::task::JoinSet;

use crate::node::Node;
use crate::watch::View;

mod ask;
mod transport;

pub use ask::{AskError, Asked, Asker, Log, ask};

/// How far the journal is cosigned, and how each witness answered last.
#[derive(Debug)]
pub struct Cosigning {
    tolerated: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Leaves that wait for cosignatures, since when.
    waiting: Option<(u64, UnixMillis)>,
    witnesses: BTreeMap<String, Seen>,
}

/// One witness as it was seen last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// Size of the last checkpoint that it cosigned; what the next proof begins at.
    pub size: u64,
    /// When it cosigned last, Unix seconds; 0 if it did not since the start.
    pub last_s: u64,
    /// Why it did not at the last try.
    pub fault: Option<String>,
    /// It holds another head of this journal than this node.
    pub contradicts: bool,
}

/// A witness that answers when enough others have is waited for no longer than this.
const LAST_ONES: Duration = Duration::from_millis(500);

// === impl Cosigning ===

impl Cosigning {
    /// Nothing is known of any witness.
    pub fn new(tolerated: Duration) -> Self {
        Self {
            tolerated,
            state: Mutex::default(),
        }
    }

    /// What an earlier run left without cosignatures has waited since it was written.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if the journal can't be read.
    pub fn resume(&self, journal: &Journal) -> Result<(), ReadError> {
        let newest = journal.head().size;
        let Some((cosigned, _)) = journal.cosigned().filter(|(held, _)| held.size < newest) else {
            return Ok(());
        };
        let mut waiting = None;
        journal.each_leaf_from(cosigned.size, &mut |_, leaf| {
            waiting = Leaf::parse(leaf).ok().map(|leaf| (newest, leaf.time));
            ControlFlow::Break(())
        })?;
        self.state().waiting = waiting;
        Ok(())
    }

    /// Every witness as it was seen last, by name.
    pub fn witnesses(&self) -> Vec<(String, Seen)> {
        let state = self.state();
        let witnesses = state.witnesses.iter();
        witnesses
            .map(|(name, seen)| (name.clone(), seen.clone()))
            .collect()
    }

    /// Since when leaves wait for cosignatures.
    pub fn waiting_since(&self) -> Option<UnixMillis> {
        self.state().waiting.map(|(_, since)| since)
    }

    /// Whether exchanges may go on.
    ///
    /// # Errors
    ///
    /// [`NodeFault::Unwitnessed`] if leaves wait for cosignatures for longer than is tolerated.
    pub fn check(&self, now: UnixMillis) -> Result<(), Refusal> {
        let Some(since) = self.waiting_since() else {
            return Ok(());
        };
        let waited = Duration::from_millis(now.0.saturating_sub(since.0));
        if waited <= self.tolerated {
            return Ok(());
        }
        let since_s = since.0 / 1000;
        Err(Refusal::Node(NodeFault::Unwitnessed { since_s }))
    }

    /// The witnesses that hold another head of this journal: more of them than may lie prove that there are two.
    pub fn contradicting(&self) -> Vec<String> {
        let contradicts = |(name, seen): (String, Seen)| seen.contradicts.then_some(name);
        self.witnesses()
            .into_iter()
            .filter_map(contradicts)
            .collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn size_at(&self, witness: &str) -> u64 {
        self.state()
            .witnesses
            .get(witness)
            .map_or(0, |seen| seen.size)
    }

    /// Notes how a witness answered; a change is told to the log once.
    fn see(&self, name: &str, now_s: u64, answered: &Result<(String, u64), AskError>) {
        let mut state = self.state();
        let seen = state.witnesses.entry(name.to_owned()).or_default();
        let (fault, contradicts) = match answered {
            Ok((_, size)) => {
                (seen.size, seen.last_s) = (*size, now_s);
                (None, false)
            }
            // Silence takes nothing back: only a cosignature does.
            Err(error) => {
                let contradicts = seen.contradicts || error.contradicts();
                (Some(crate::chain(error)), contradicts)
            }
        };
        if contradicts && !seen.contradicts {
            tracing::error!(
                code = "journal_contradicted",
                witness = name,
                why = fault,
                "a witness holds another head of this journal"
            );
        } else if let Some(why) = fault.as_ref().filter(|_| seen.fault.is_none()) {
            tracing::warn!(
                code = "witness_unavailable",
                witness = name,
                why,
                "a witness does not cosign"
            );
        } else if fault.is_none() && seen.fault.is_some() {
            tracing::info!(
                code = "witness_available",
                witness = name,
                "a witness cosigns again"
            );
        }
        (seen.fault, seen.contradicts) = (fault, contradicts);
    }

    /// Notes how much is cosigned and how much there is.
    fn advance(&self, cosigned: u64, newest: u64, now: UnixMillis) {
        let mut state = self.state();
        let done = state.waiting.is_some_and(|(size, _)| size <= cosigned);
        if done {
            state.waiting = None;
        }
        if cosigned < newest {
            state.waiting.get_or_insert((newest, now));
        }
    }

    /// Forgets witnesses that the directory no longer assigns.
    fn keep_only(&self, names: &[String]) {
        let mut state = self.state();
        state.witnesses.retain(|name, _| names.contains(name));
        if names.is_empty() {
            state.waiting = None;
        }
    }
}

/// Asks the witnesses again and again, until the node drains.
pub async fn keep_cosigned(node: Arc<Node>) {
    if node.cosigning.waiting_since().is_some() {
        // Exchanges may be refused until it is done.
        round(&node).await;
    }
    loop {
        tokio::select! {
            () = node.house.draining.cancelled() => return,
            () = tokio::time::sleep(node.settings.witnesses.every) => round(&node).await,
        }
    }
}

/// Has the newest checkpoint cosigned, if it isn't.
pub async fn round(node: &Arc<Node>) {
    let Some(view) = node.watch.newest() else {
        return;
    };
    let Some(own) = view.directory().node(&node.settings.node) else {
        node.cosigning.keep_only(&[]);
        return;
    };
    let Some(witnessing) = own.witnessing.clone() else {
        node.cosigning.keep_only(&[]);
        forget_cosigned(node).await;
        return;
    };
    node.cosigning.keep_only(&witnessing.by);
    let Some((checkpoint, signed)) = node.journal.signed() else {
        return;
    };
    let size = |node: &Node| node.journal.cosigned().map_or(0, |(held, _)| held.size);
    let advance = |cosigned| {
        let cosigning = &node.cosigning;
        cosigning.advance(cosigned, checkpoint.size, node.clock.now());
    };
    advance(size(node));
    if size(node) >= checkpoint.size {
        return;
    }
    let gathered = gather(node, &view, &witnessing, (checkpoint, signed)).await;
    if node.cosigning.contradicting().len() > witnessing.faulty as usize {
        node.doubted.cancel();
    }
    if let Some(cosigned) = gathered {
        let journal = node.journal.clone();
        let keeping = tokio::task::spawn_blocking(move || journal.keep_cosigned(cosigned));
        match keeping.await {
            Ok(Ok(())) => advance(size(node)),
            Ok(Err(error)) => {
                tracing::error!(error = %crate::chain(&error), "the cosigned checkpoint is not kept");
            }
            Err(error) => tracing::error!(%error, "the cosigned checkpoint is not kept"),
        }
    }
}

/// Proofs are made under the newest checkpoint again when the directory assigns no witnesses any more: nobody would
/// ever cosign what came after the last cosigned one.
async fn forget_cosigned(node: &Arc<Node>) {
    if node.journal.cosigned().is_none() {
        return;
    }
    let journal = node.journal.clone();
    let dropping = tokio::task::spawn_blocking(move || journal.drop_cosigned());
    match dropping.await {
        Ok(Ok(())) => {
            tracing::warn!(
                code = "witnessing_ended",
                "the directory assigns no witnesses any more"
            );
        }
        Ok(Err(error)) => {
            tracing::error!(error = %crate::chain(&error), "the cosigned checkpoint is not removed");
        }
        Err(error) => tracing::error!(%error, "the cosigned checkpoint is not removed"),
    }
}

/// Asks all witnesses at once; returns the note with all cosignatures that came, if they are enough.
async fn gather(
    node: &Arc<Node>,
    view: &Arc<View>,
    witnessing: &Witnessing,
    (checkpoint, signed): (Checkpoint, Bytes),
) -> Option<Bytes> {
    let needed = usize::try_from(witnessing.needed).unwrap_or(usize::MAX);
    let asker = Arc::new(Asker {
        peers: Arc::clone(&node.peers),
        web: node.settings.witnesses.tls.clone(),
        view: Arc::clone(view),
        log: node.journal.clone(),
        epoch: node.epoch.get().cloned(),
    });
    let mut asking = JoinSet::new();
    for name in &witnessing.by {
        let (node, asker) = (Arc::clone(node), Arc::clone(&asker));
        let (name, signed) = (name.clone(), signed.clone());
        asking.spawn(async move {
            let known = node.cosigning.size_at(&name);
            let within = node.settings.witnesses.answer;
            let answer = ask(&asker, &name, (checkpoint, &signed), known);
            let answered = tokio::time::timeout(within, answer).await;
            let answered = answered.unwrap_or(Err(AskError::TimedOut));
            node.cosigning.see(&name, node.clock.now_s(), &answered);
            answered
        });
    }
    let mut lines = Vec::new();
    while let Some(ended) = asking.join_next().await {
        lines.extend(ended.ok().and_then(Result::ok).map(|(line, _)| line));
        if lines.len() >= needed {
            break;
        }
    }
    if lines.len() < needed {
        return None;
    }
    let others = async {
        while let Some(ended) = asking.join_next().await {
            lines.extend(ended.ok().and_then(Result::ok).map(|(line, _)| line));
        }
    };
    drop(tokio::time::timeout(LAST_ONES, others).await);
    // Who is slower is asked again in the next round; whether it answers at all is seen when its time is over.
    asking.detach_all();
    lines.sort();
    let mut cosigned = signed.to_vec();
    cosigned.extend_from_slice(lines.concat().as_bytes());
    Some(Bytes::from(cosigned))
}

#[cfg(test)]
mod tests;
