//! What must hold of every answer, and of both journals.

use std::collections::HashSet;
use std::path::Path;
use std::process::{Command, Stdio};

use bridge_core::leaf::Kind;
use uuid::Uuid;

use crate::Failure;
use crate::client::{Answer, Receipt, Taken};
use crate::leaves::Leaves;
use crate::world::{End, World};

/// What was looked up, and what of it was not found.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Found {
    pub(crate) answers: u64,
    /// Answers that lack a leaf at either end.
    pub(crate) answers_lost: u64,
    pub(crate) leaves_lost: u64,
    /// Receipts of refusals, each for one leaf.
    pub(crate) refusals: u64,
    pub(crate) refusals_lost: u64,
    /// Requests that reached a registry where they have effects.
    pub(crate) effects: u64,
    /// Effects that lack a leaf from before them, at either end.
    pub(crate) effects_lost: u64,
    /// Effects of a request that had its effect before.
    pub(crate) effects_again: u64,
}

/// An answer stands on two leaves at each end.
pub(crate) const LEAVES_OF_AN_ANSWER: u64 = 4;

// === impl Found ===

impl Found {
    pub(crate) fn add(&mut self, other: Self) {
        self.answers += other.answers;
        self.answers_lost += other.answers_lost;
        self.leaves_lost += other.leaves_lost;
        self.refusals += other.refusals;
        self.refusals_lost += other.refusals_lost;
        self.effects += other.effects;
        self.effects_lost += other.effects_lost;
        self.effects_again += other.effects_again;
    }
}

/// Looks every answer up in both journals, and every request that a registry was asked.
pub(crate) fn look_up(world: &World, taken: &Taken, asked: &[Uuid]) -> Result<Found, Failure> {
    if let Some(wrong) = &taken.wrong {
        return Err(wrong.clone().into());
    }
    let consumer = Side::read(&world.consumer)?;
    let provider = Side::read(&world.provider)?;
    let mut found = Found::default();
    for answer in &taken.answers {
        let lost = leaves_lost(answer, &consumer, &provider);
        found.answers += 1;
        found.answers_lost += u64::from(lost > 0);
        found.leaves_lost += lost;
    }
    for receipt in &taken.refusals {
        found.refusals += 1;
        found.refusals_lost += u64::from(!consumer.has(receipt));
    }
    let mut once = HashSet::new();
    for &id in asked {
        let stands = consumer.leaves.has_kind(id, Kind::RequestSent)
            && provider.leaves.has_kind(id, Kind::RequestReceived);
        found.effects += 1;
        found.effects_lost += u64::from(!stands);
        found.effects_again += u64::from(!once.insert(id));
    }
    Ok(found)
}

/// Re-derives both journals with the program's own command; neither may differ in anything.
pub(crate) fn verify(node: &Path, world: &World) -> Result<(), Failure> {
    let mut verifiers = Vec::new();
    for end in world.ends() {
        let verifier = Command::new(node)
            .args(["audit", "verify"])
            .arg(end.journal())
            .args(["--key", &end.vkey, "--evidence-key"])
            .arg(end.folder.join("keys/evidence.key"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        verifiers.push((end, verifier));
    }
    for (end, verifier) in verifiers {
        let output = verifier.wait_with_output()?;
        if !output.status.success() {
            let findings = String::from_utf8_lossy(&output.stderr);
            return Err(format!("the {}'s journal:\n{findings}", end.name).into());
        }
    }
    Ok(())
}

/// One end's journal, and its name.
struct Side {
    origin: String,
    leaves: Leaves,
}

impl Side {
    fn read(end: &End) -> Result<Self, Failure> {
        let (origin, _key) = end
            .vkey
            .split_once('+')
            .ok_or("a verifier key without a name")?;
        Ok(Self {
            origin: origin.to_owned(),
            leaves: Leaves::read(&end.journal())?,
        })
    }

    fn has(&self, receipt: &Receipt) -> bool {
        receipt.origin == self.origin && self.leaves.has(receipt)
    }
}

/// How many of the leaves are missing that an answer stands on.
fn leaves_lost(answer: &Answer, consumer: &Side, provider: &Side) -> u64 {
    let id = answer.request_id;
    let named =
        |side: &Side, receipt: &Receipt, kind| side.has(receipt) && side.leaves.has_kind(id, kind);
    let leaves = [
        consumer.leaves.has_kind(id, Kind::RequestSent),
        named(consumer, &answer.receipt, Kind::ResponseReceived),
        named(provider, &answer.peer_receipt, Kind::RequestReceived),
        provider.leaves.has_kind(id, Kind::ResponseSigned),
    ];
    leaves
        .into_iter()
        .map(|is_there| u64::from(!is_there))
        .sum()
}
