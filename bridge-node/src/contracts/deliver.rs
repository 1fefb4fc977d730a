//! Brings what was signed to the other member's nodes, until they have it.
//!
//! The signed files are the outbox: what is to be said stands in them, and whoever has heard it before says so. So
//! nothing more is kept, and after a start all is offered once more.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use bridge_core::contract::Agreement;
use bridge_core::identity::{MemberId, NodeId};
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use tokio::task::{self, JoinError, JoinSet};
use tokio::time::{Instant, MissedTickBehavior};

use super::arrive::PATH;
use super::live::others;
use crate::node::Node;
use crate::payload::{Outgoing, Payload};
use crate::peers::{PeerAddress, PeerError};
use crate::watch::View;

/// What each other node has been told. None waits for another one.
#[derive(Default)]
struct Outbox {
    told: HashMap<NodeId, Told>,
    under_way: JoinSet<Heard>,
}

/// What one other node has been told, and when it is told more.
struct Told {
    /// How many signatures of each version it has.
    heard: HashMap<[u8; 32], usize>,
    /// Rounds in which something did not reach it, one after the other.
    failures: u32,
    next: Instant,
    /// The task that tells it something now.
    by: Option<task::Id>,
}

/// What a node has now, and whether that is all that was for it.
struct Heard {
    signatures: Vec<([u8; 32], usize)>,
    is_all: bool,
}

/// What one node is to be told: all for it goes one after the other.
struct Letters {
    to: PeerAddress,
    name: String,
    agreements: Vec<Agreement>,
}

/// Why a file did not arrive.
#[derive(Debug, thiserror::Error)]
enum Undelivered {
    #[error("the node cannot be reached")]
    Unreachable(#[from] PeerError),
    #[error("the node has no good name")]
    Name(#[from] http::Error),
    #[error("no answer in time")]
    Silent,
    #[error("it was refused with {status}: {words}")]
    Refused { status: StatusCode, words: String },
}

/// How often is looked whether something is due.
const EVERY: Duration = Duration::from_secs(1);
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// A node that was away is told within so long after it is back.
const LONGEST_WAIT: Duration = Duration::from_mins(5);
/// How long one node may take for one file.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
/// A refusal is a line: of what another node says no more is read, and its first characters stand in the log.
const ANSWER_BYTES: usize = 16 * 1024;
const WORDS_CHARACTERS: usize = 200;

/// Delivers until the node drains; what is under way then is offered again after a start.
pub async fn keep_delivering(node: Arc<Node>) {
    let mut outbox = Outbox::default();
    let mut looks = tokio::time::interval(EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = node.house.draining.cancelled() => return,
            () = node.agreements.changed.notified() => {}
            _now = looks.tick() => {}
            // What has become due for that node meanwhile waits for the next look: each builds all letters again.
            Some(ended) = outbox.under_way.join_next_with_id() => {
                outbox.note(ended);
                continue;
            }
        }
        if let Ok(view) = node.watch.view(node.clock.now_s()) {
            outbox.deliver(&node, &view);
        }
    }
}

// === impl Outbox ===

impl Outbox {
    /// Begins to tell each node what is due and new to it, unless it is being told.
    fn deliver(&mut self, node: &Arc<Node>, view: &View) {
        let now = Instant::now();
        for (id, mut letters) in letters(node, view) {
            let told = self.told.entry(id).or_insert_with(|| Told {
                heard: HashMap::new(),
                failures: 0,
                next: now,
                by: None,
            });
            let is_new = |one: &Agreement| {
                told.heard.get(&one.contract().digest()) != Some(&one.signed().len())
            };
            letters.agreements.retain(is_new);
            if told.by.is_none() && now >= told.next && !letters.agreements.is_empty() {
                let node = Arc::clone(node);
                let task = self
                    .under_way
                    .spawn(async move { tell(&node, &letters).await });
                told.by = Some(task.id());
            }
        }
    }

    /// Keeps what a task has told; one that broke off has told nothing.
    fn note(&mut self, ended: Result<(task::Id, Heard), JoinError>) {
        let (by, heard) = match ended {
            Ok((by, heard)) => (by, Some(heard)),
            Err(error) => (error.id(), None),
        };
        let Some(told) = self.told.values_mut().find(|told| told.by == Some(by)) else {
            return;
        };
        told.by = None;
        let is_all = heard.as_ref().is_some_and(|heard| heard.is_all);
        told.heard
            .extend(heard.into_iter().flat_map(|heard| heard.signatures));
        if is_all {
            told.failures = 0;
        } else {
            let wait = FIRST_WAIT.saturating_mul(1 << told.failures.min(10));
            told.failures = told.failures.saturating_add(1);
            told.next = Instant::now() + wait.min(LONGEST_WAIT);
        }
    }
}

/// Tells one node what it has not heard.
async fn tell(node: &Node, letters: &Letters) -> Heard {
    let mut heard = Heard {
        signatures: Vec::new(),
        is_all: true,
    };
    for agreement in &letters.agreements {
        let contract = agreement.contract().reference();
        let sent = tokio::time::timeout(ANSWER_WITHIN, send(node, letters, agreement)).await;
        match sent.unwrap_or(Err(Undelivered::Silent)) {
            Ok(()) => {
                let (digest, count) = (agreement.contract().digest(), agreement.signed().len());
                heard.signatures.push((digest, count));
                tracing::info!(contract, peer = %letters.to.node, "a contract was delivered");
            }
            Err(why) => {
                heard.is_all = false;
                tracing::warn!(contract, peer = %letters.to.node, why = crate::chain(&why), "a contract is not delivered yet");
                // Who cannot be reached is not asked again for each file.
                if !matches!(why, Undelivered::Refused { .. }) {
                    break;
                }
            }
        }
    }
    heard
}

/// What there is to say, and to whom: a member's own words to the other, and all of it to the member's other nodes.
fn letters(node: &Node, view: &View) -> BTreeMap<NodeId, Letters> {
    let own = node.settings.node.member();
    let mut letters = BTreeMap::new();
    let mut add = |member: &MemberId, agreement: &Agreement| {
        for (to, record) in view.addresses(member) {
            if to.node != node.settings.node {
                let name = record.name.clone();
                let empty = || Letters {
                    to: to.clone(),
                    name,
                    agreements: Vec::new(),
                };
                let one: &mut Letters = letters.entry(to.node.clone()).or_insert_with(empty);
                one.agreements.push(agreement.clone());
            }
        }
    };
    for agreement in node.agreements.agreements() {
        let others = others(node, view.directory(), &agreement);
        let is_provider = agreement.contract().provider().member() == own;
        for other in &others {
            // Each member of a group hears its own words and the provider's.
            let between = agreement.between(if is_provider { other } else { own });
            let mut said = between.signed().iter();
            if said.any(|one| one.statement.member == *own) {
                add(other, &between);
            }
        }
        if !others.is_empty() {
            add(own, &agreement);
        }
    }
    letters
}

async fn send(node: &Node, letters: &Letters, agreement: &Agreement) -> Result<(), Undelivered> {
    let bytes = Bytes::from(agreement.write());
    let post = || -> Result<Request<Outgoing>, Undelivered> {
        let request = Request::post(PATH).header("host", &letters.name);
        Ok(request.body(Payload::from_bytes(bytes.clone()).outgoing())?)
    };
    let mut line = node.peers.line(&letters.to).await?;
    let mut answered = line.send(post()?).await;
    if let Err(PeerError::Unsent(_)) = &answered {
        line = line.another(&node.peers).await?;
        answered = line.send(post()?).await;
    }
    let answer = answered?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), ANSWER_BYTES).collect();
    let body = body.await.map_err(|_cut| Undelivered::Silent)?.to_bytes();
    node.peers.keep(line);
    if status == StatusCode::OK {
        return Ok(());
    }
    let words = crate::plain_words(&String::from_utf8_lossy(&body), WORDS_CHARACTERS);
    Err(Undelivered::Refused { status, words })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_another_node_says_a_line_stands_in_the_log() {
        let said =
            |body: &[u8]| crate::plain_words(&String::from_utf8_lossy(body), WORDS_CHARACTERS);
        assert_eq!(said(b"nobody has signed\nit"), "nobody has signed it");
        assert_eq!(said("a\u{202e}b".as_bytes()), "a b");
        let long = "\u{259}".repeat(ANSWER_BYTES / 2);
        assert_eq!(said(long.as_bytes()), "\u{259}".repeat(WORDS_CHARACTERS));
        assert_eq!(said(&[0xff; 3]).chars().count(), 3);
    }
}
