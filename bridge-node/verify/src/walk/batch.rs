//! A batch: read first, believed only when its commit has been read.

use crate::Seen;
use crate::bytes::Hash;
use crate::epoch::Follows;
use crate::evidence::Opened;
use crate::frame::{Commit, as_u64};
use crate::index::{Keys, Run};
use crate::note::Checkpoint;
use crate::secrets::Source;
use crate::segment::SegmentFault;
use crate::tile;
use crate::walk::Walk;
use crate::walk::exchanges::{Turn, UNFINISHED_LIMIT};

/// The segment that is being read.
#[derive(Debug)]
pub(super) struct Current {
    pub(super) file: String,
    pub(super) first: u64,
    pub(super) source: Source,
    pub(super) run: Run,
    /// False if a leaf can't be read: then the index run can't be derived.
    pub(super) run_known: bool,
    pub(super) has_secrets: bool,
    /// How many segments follow.
    pub(super) following: usize,
    /// Whether a write that was under way may have left its pieces at the end.
    pub(super) open_ended: bool,
}

/// The frames since the last commit.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) start: u64,
    pub(super) leaves: Vec<Staged>,
    /// The bytes of the leaves one after another, kept if somebody is shown them.
    pub(super) texts: Vec<u8>,
    pub(super) notes: Vec<(Vec<u8>, Option<Checkpoint>)>,
    pub(super) seals: usize,
    /// Bytes of the evidence that waits to be shown.
    opened_bytes: usize,
}

/// What remains of a leaf until its commit has been read.
#[derive(Debug)]
pub(super) struct Staged {
    pub(super) hash: Hash,
    /// Bytes of the leaf.
    pub(super) length: usize,
    pub(super) offset: u64,
    /// None if the leaf can't be read.
    pub(super) read: Option<(u64, Keys)>,
    pub(super) turn: Option<Turn>,
    pub(super) says: Option<Box<Says>>,
    pub(super) evidence: State,
    pub(super) has_secret: bool,
    /// What of its evidence is shown, if somebody is shown the leaves.
    pub(super) opened: Option<Opened>,
}

/// What was done with the evidence of a leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    None,
    Opened,
    Closed,
    Erased,
}

/// What a leaf says about the journal's own files.
#[derive(Debug)]
pub(super) enum Says {
    /// The digest of an index run.
    Index {
        first: Option<u64>,
        named: String,
        digest: Option<Hash>,
    },
    /// Records whose secrets were erased.
    Erased(Vec<u64>),
    /// Which log was before this one.
    Follows(Follows),
}

/// The most leaves of a batch.
pub(super) const BATCH_LIMIT_LEAVES: usize = 131_072;

/// The most bytes of evidence that wait for their commit to be shown; a node's batches have less.
const OPENED_LIMIT_BYTES: usize = 256 * 1024 * 1024;

/// How many erased records may wait for the leaf that explains them.
const ERASED_LIMIT: usize = 1_000_000;

impl Batch {
    pub(super) fn new(start: u64) -> Self {
        Self {
            start,
            ..Self::default()
        }
    }

    /// Lets go of evidence that would take too much memory until its commit is read.
    pub(super) fn keep_opened(&mut self, staged: &mut Staged) {
        let bytes = staged.opened.as_ref().map_or(0, Opened::bytes);
        self.opened_bytes = self.opened_bytes.saturating_add(bytes);
        if self.opened_bytes > OPENED_LIMIT_BYTES {
            staged.opened = None;
        }
    }

    /// Whether the batch is leaves, or one checkpoint, or one seal.
    fn is_of_one_kind(&self) -> bool {
        matches!(
            (self.leaves.len(), self.notes.len(), self.seals),
            (1.., 0, 0) | (0, 1, 0) | (0, 0, 1)
        )
    }
}

impl Walk<'_> {
    /// Holds a batch against its commit and takes it into the log.
    pub(super) fn commit(
        &mut self,
        current: &mut Current,
        batch: Batch,
        commit: &Commit,
        (offset, digest): (u64, Hash),
    ) {
        let mut faults = self.commit_faults(current, &batch, commit, digest);
        let last = batch.leaves.last();
        self.newest_ms = last.map_or(self.newest_ms, |leaf| leaf.read.map(|(time, _)| time));
        self.last_commit = Some(commit.hash);
        self.report.commits = self.report.commits.saturating_add(1);
        let mut texts = batch.texts.as_slice();
        for staged in &batch.leaves {
            if let Some((bytes, rest)) = texts.split_at_checked(staged.length) {
                texts = rest;
                self.show(staged, bytes);
            }
            self.take(current, staged);
        }
        for (note, checkpoint) in batch.notes {
            self.take_note(&note, checkpoint, current.following);
        }
        faults.extend(self.tree_faults(commit));
        for fault in faults {
            self.segment_finding(&current.file, offset, fault);
        }
    }

    /// What is wrong between a commit, the bytes of its batch and the commit before.
    fn commit_faults(
        &self,
        current: &Current,
        batch: &Batch,
        commit: &Commit,
        digest: Hash,
    ) -> Vec<SegmentFault> {
        let first = self.next;
        let end = first.saturating_add(as_u64(batch.leaves.len()));
        let mut faults = Vec::new();
        if !batch.is_of_one_kind() {
            faults.push(SegmentFault::BatchMix);
        }
        if batch.seals > 0 && current.run_known && current.run.count() == 0 {
            faults.push(SegmentFault::SealedEmpty);
        }
        if commit.batch != digest {
            faults.push(SegmentFault::Batch {
                start: batch.start,
                first,
                end,
            });
        }
        if self.last_commit.is_some_and(|last| last != commit.previous) {
            faults.push(SegmentFault::Chain);
        }
        let last = batch.leaves.last();
        let newest = last.map_or(self.newest_ms, |leaf| leaf.read.map(|(time, _)| time));
        let time = commit.time_ms;
        faults.extend(
            newest
                .filter(|newest| *newest != time)
                .map(|newest| SegmentFault::Time { time, newest }),
        );
        faults
    }

    /// Whether a commit and all before it fit, as they must for the batch to count at the very end.
    pub(super) fn is_complete(
        &self,
        current: &Current,
        batch: &Batch,
        commit: &Commit,
        digest: Hash,
    ) -> bool {
        let mut tree = self.tree.clone();
        for staged in &batch.leaves {
            tree.push(staged.hash, &mut |_, _, _| {});
        }
        self.commit_faults(current, batch, commit, digest)
            .is_empty()
            && (!self.tree_known || (commit.size, commit.root) == (tree.size(), tree.root()))
    }

    /// Holds size and root of a commit against the tree.
    fn tree_faults(&mut self, commit: &Commit) -> Option<SegmentFault> {
        if !self.tree_known {
            return None;
        }
        let held = self.tree.size();
        let drift = commit.size.wrapping_sub(held);
        if drift != self.size_drift {
            self.size_drift = drift;
            return Some(SegmentFault::Size {
                stated: commit.size,
                held,
            });
        }
        let wrong = commit.root != self.tree.root();
        let first = wrong && !self.told.root;
        self.told.root |= wrong;
        first.then_some(SegmentFault::Root { size: held })
    }

    /// Shows the next leaf to whoever asked for the leaves.
    fn show(&mut self, staged: &Staged, bytes: &[u8]) {
        if let Some(each) = &mut self.each {
            each(Seen::Leaf {
                index: self.next,
                bytes,
                hash: &staged.hash,
                evidence: staged.opened.as_ref(),
            });
        }
    }

    /// Takes a leaf into the log.
    fn take(&mut self, current: &mut Current, staged: &Staged) {
        let index = self.next;
        self.next = self.next.saturating_add(1);
        current.has_secrets |= staged.has_secret;
        self.report.evidence_opened += u64::from(staged.evidence == State::Opened);
        self.report.evidence_closed += u64::from(staged.evidence == State::Closed);
        match staged.read {
            Some((time, keys)) => current.run.add(staged.offset, time, &keys),
            None => current.run_known = false,
        }
        if staged
            .turn
            .is_some_and(|turn| self.exchanges.apply(turn, index))
        {
            let fault = SegmentFault::TooManyUnfinished {
                limit: UNFINISHED_LIMIT,
            };
            self.segment_finding(&current.file, staged.offset, fault);
        }
        if staged.evidence == State::Erased {
            if self.erased.len() < ERASED_LIMIT {
                self.erased.insert(index, current.first);
            } else {
                self.erased_finding(index, current.first);
            }
        }
        match staged.says.as_deref() {
            Some(Says::Index {
                first,
                named,
                digest,
            }) => {
                let fault = self.named_index(current.first, *first, named, *digest);
                if let Some(fault) = fault {
                    self.leaf_finding(current, staged, index, fault);
                }
            }
            Some(Says::Erased(records)) => {
                let known = records
                    .iter()
                    .filter(|record| self.erased.remove(record).is_some())
                    .count();
                self.report.erased = self.report.erased.saturating_add(as_u64(known));
            }
            Some(Says::Follows(follows)) => self.report.follows = Some(follows.clone()),
            None => {}
        }
        if self.tree_known {
            self.grow(staged.hash, current.first);
        }
    }

    /// Adds a leaf to the tree. A tile is only relied on once the segment that completes it has its
    /// index run; before that it may be anything, and is written again.
    fn grow(&mut self, hash: Hash, segment: u64) {
        let relied_on = self.layout.indexes.contains(&segment);
        let (folder, findings, report) = (self.folder, &mut self.findings, &mut self.report);
        self.tree.push(hash, &mut |level, number, hashes| {
            let same = relied_on && tile::check(folder, (level, number), hashes, findings);
            report.tiles = report.tiles.saturating_add(u64::from(same));
        });
    }

    fn take_note(&mut self, note: &[u8], checkpoint: Option<Checkpoint>, following: usize) {
        self.report.checkpoints = self.report.checkpoints.saturating_add(1);
        if following > 0 {
            self.settled_notes = self.report.checkpoints;
        }
        if let Some(checkpoint) = checkpoint {
            self.newest_note_size = checkpoint.size;
            self.stamps_over(note, checkpoint.size);
            self.joints.see(note, checkpoint);
        }
        if let Some(published) = self
            .published
            .as_mut()
            .filter(|published| published.note == note)
        {
            published.seen = Some(self.report.checkpoints);
        }
    }
}
