//! What is judged of a frame before its commit has been read.

use crate::bytes::{decimal, from_base64url, leaf_hash};
use crate::evidence::{self, EvidenceFault};
use crate::finding::Finding;
use crate::folder::beside_name;
use crate::frame::{Frames, as_u64};
use crate::index::keys;
use crate::leaf::{Kind, Leaf, LeafFault, Mode};
use crate::note::{self, NoteFault};
use crate::secrets::{Found, SecretsFault, Source, slot_offset};
use crate::segment::SegmentFault;
use crate::walk::Walk;
use crate::walk::batch::{BATCH_LIMIT_LEAVES, Batch, Current, Says, Staged, State};
use crate::walk::exchanges::Turn;

impl Walk<'_> {
    /// Takes the leaf that `frames` has just read.
    pub(super) fn stage(
        &mut self,
        current: &mut Current,
        batch: &mut Batch,
        frames: &mut Frames,
        offset: u64,
    ) -> Result<(), SegmentFault> {
        if batch.leaves.len() >= BATCH_LIMIT_LEAVES {
            return Err(SegmentFault::BatchTooLarge {
                limit: BATCH_LIMIT_LEAVES,
            });
        }
        let index = self.next.saturating_add(as_u64(batch.leaves.len()));
        let mut staged = Staged {
            hash: leaf_hash(&frames.leaf),
            length: frames.leaf.len(),
            offset,
            read: None,
            turn: None,
            says: None,
            evidence: if frames.evidence_length > 0 {
                State::Closed
            } else {
                State::None
            },
            has_secret: !frames.secret.is_empty(),
            opened: None,
        };
        let secret = current
            .source
            .next(&frames.secret, self.key.origin(), index);
        let text = std::mem::take(&mut frames.leaf);
        match Leaf::parse(&text) {
            Ok(leaf) => {
                let last = batch
                    .leaves
                    .last()
                    .and_then(|leaf| leaf.read.map(|(time, _)| time));
                let before = last.or(self.newest_ms).unwrap_or(0);
                let mut faults = leaf_faults(&leaf, frames, before);
                while let Some(fault) = faults.pop() {
                    self.leaf_finding(current, &staged, index, fault);
                }
                self.secret(
                    current,
                    &mut staged,
                    (index, secret),
                    &leaf,
                    &mut frames.evidence,
                );
                batch.keep_opened(&mut staged);
                staged.read = Some((leaf.time, keys(&leaf)));
                staged.turn = Turn::of(&leaf);
                staged.says = says(&leaf);
                match self.beginning(index, &leaf) {
                    Ok(Some(follows)) => staged.says = Some(Box::new(Says::Follows(follows))),
                    Ok(None) => {}
                    Err(fault) => self.leaf_finding(current, &staged, index, fault),
                }
            }
            Err(fault) => self.leaf_finding(current, &staged, index, fault),
        }
        if self.each.is_some() {
            batch.texts.extend_from_slice(&text);
        }
        frames.leaf = text;
        batch.leaves.push(staged);
        Ok(())
    }

    pub(super) fn leaf_finding(
        &mut self,
        current: &Current,
        staged: &Staged,
        index: u64,
        fault: LeafFault,
    ) {
        let (file, offset) = (current.file.clone(), staged.offset);
        self.findings.push(Finding::Leaf {
            file,
            offset,
            index,
            fault,
        });
    }

    /// Judges a leaf's secret and, where it opens, the evidence.
    fn secret(
        &mut self,
        current: &Current,
        staged: &mut Staged,
        (index, secret): (u64, Found),
        leaf: &Leaf<'_>,
        sealed: &mut [u8],
    ) {
        let in_slots = matches!(current.source, Source::Sealed(_));
        let slot_fault = |fault| Finding::Secrets {
            file: beside_name(current.first, "secrets"),
            offset: slot_offset(index.saturating_sub(current.first)),
            fault,
        };
        let evidence_fault = |fault| Finding::Evidence {
            file: current.file.clone(),
            offset: staged.offset,
            index,
            fault,
        };
        match secret {
            Found::Empty if in_slots && staged.has_secret => staged.evidence = State::Erased,
            Found::Closed | Found::Broken | Found::Secret(_) if in_slots && !staged.has_secret => {
                self.findings
                    .push(slot_fault(SecretsFault::Extra { index }));
            }
            Found::Empty | Found::Unknown | Found::Closed => {}
            Found::Broken if in_slots => {
                self.findings.push(slot_fault(SecretsFault::Slot { index }));
            }
            Found::Broken => self.findings.push(evidence_fault(EvidenceFault::Secret)),
            Found::Secret(_) if sealed.is_empty() => {}
            Found::Secret(secret) => {
                let place = (self.key.origin(), index, &staged.hash);
                match evidence::check(leaf, place, &secret, sealed) {
                    Ok(plain) => {
                        staged.evidence = State::Opened;
                        staged.opened = self.each.as_ref().and_then(|_each| plain.opened());
                    }
                    Err(fault) => self.findings.push(evidence_fault(fault)),
                }
            }
        }
    }

    /// Takes a checkpoint frame.
    pub(super) fn stage_note(
        &mut self,
        current: &Current,
        batch: &mut Batch,
        note: Vec<u8>,
        offset: u64,
    ) {
        let opened = note::open(&note, &self.key);
        let held = self.next;
        let fault = match &opened {
            Err(fault) => Some(fault.clone()),
            Ok(checkpoint) if self.tree_known && checkpoint.size != held => Some(NoteFault::Size {
                signed: checkpoint.size,
                held,
            }),
            Ok(checkpoint) => {
                let wrong = self.tree_known && checkpoint.root != self.tree.root();
                let first = wrong && !std::mem::replace(&mut self.told.note_root, wrong);
                first.then_some(NoteFault::Root { size: held })
            }
        };
        if let Some(fault) = fault {
            self.findings.push(Finding::Checkpoint {
                file: current.file.clone(),
                offset,
                fault,
            });
        }
        batch.notes.push((note, opened.ok()));
    }
}

/// What is wrong between a leaf, its time and what lies beside it.
fn leaf_faults(leaf: &Leaf<'_>, frames: &Frames, before: u64) -> Vec<LeafFault> {
    let mut faults = Vec::new();
    if leaf.time < before {
        faults.push(LeafFault::TimeBack {
            time: leaf.time,
            before,
        });
    }
    match (leaf.evidence.is_some(), frames.evidence_length > 0) {
        (false, true) => faults.push(LeafFault::EvidenceUncommitted),
        (true, false) => faults.push(LeafFault::EvidenceGone),
        (true, true) | (false, false) => {}
    }
    if matches!(leaf.mode, Some(Mode::Full | Mode::Digest)) != leaf.evidence.is_some() {
        faults.push(LeafFault::EvidenceMode);
    }
    if (leaf.evidence.is_some() || leaf.subjects > 0) && frames.secret.is_empty() {
        faults.push(LeafFault::SecretGone);
    }
    if leaf.evidence.is_none() && leaf.subjects == 0 && !frames.secret.is_empty() {
        faults.push(LeafFault::SecretExtra);
    }
    faults
}

/// Reads what a leaf says about the journal's own files.
fn says(leaf: &Leaf<'_>) -> Option<Box<Says>> {
    let fact = |name: &str| {
        leaf.facts
            .iter()
            .find(|(key, _)| key.decoded().as_ref() == name.as_bytes())
            .map(|(_, value)| value.decoded())
    };
    match leaf.kind {
        Kind::State => {
            let name = fact("index")?;
            let first = (name.len() == 20 && name.iter().all(u8::is_ascii_digit))
                .then(|| str::from_utf8(&name).ok()?.parse().ok())
                .flatten();
            let named = String::from_utf8_lossy(&name).chars().take(64).collect();
            let digest = fact("digest").and_then(|digest| from_base64url(&digest));
            Some(Box::new(Says::Index {
                first,
                named,
                digest,
            }))
        }
        Kind::Administration => {
            let records = fact("erased")?;
            Some(Box::new(Says::Erased(
                records
                    .split(|byte| *byte == b',')
                    .filter_map(decimal)
                    .collect(),
            )))
        }
        Kind::Start | Kind::End | Kind::Other => None,
    }
}
