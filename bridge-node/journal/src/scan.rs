//! Reads a segment's frames anew, batch by batch, and tells an unfinished write from damage.
//!
//! The station has one batch in flight and begins the next only after a sync. So behind the last
//! complete commit there may be pieces of one batch, its own commit included, that nobody was ever told
//! of. Anything else there is damage.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bridge_core::leaf::{Kind, Leaf};
use bytes::Bytes;

use crate::begins::{Beginning, Begins};
use crate::error::{Damage, Fault};
use crate::frame::{
    COMMIT_FRAME_BYTES, Commit, FRAME_HEAD_BYTES, Found, FrameKind, LeafFrame, find,
};
use crate::note::{Checkpoint, Verifier};
use crate::rows::{Row, Rows};
use crate::segment::{HEADER_BYTES, Header, Part};
use crate::tiles::Tiles;
use crate::tree::{Hash, Tree, leaf_hash, sha256};
use crate::unfinished::Unfinished;

/// What has been read so far, over all segments.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    pub(crate) tree: Tree,
    pub(crate) tiles: Tiles,
    pub(crate) last_commit: Hash,
    pub(crate) newest_ms: u64,
    pub(crate) unfinished: Unfinished,
    /// The newest checkpoint among the frames, with its note.
    pub(crate) checkpoint: Option<(Checkpoint, Bytes)>,
    /// The checkpoint the file shows, until the tree has met it.
    pub(crate) expected: Option<Checkpoint>,
    /// The digests of indexes that leaves state, by the first leaf of the segment.
    pub(crate) digests: BTreeMap<u64, Hash>,
}

/// One segment, read whole.
#[derive(Debug)]
pub(crate) struct Scanned {
    pub(crate) header: Header,
    pub(crate) rows: Rows,
    pub(crate) begins: Begins,
    pub(crate) from_ms: u64,
    pub(crate) to_ms: u64,
    /// Where the bytes that commits cover end.
    pub(crate) end: usize,
    /// Whether it is sealed.
    pub(crate) sealed: bool,
    /// Bytes behind `end` that aren't zeros and count for nothing.
    pub(crate) cut_bytes: usize,
}

/// The frames since the last commit.
#[derive(Debug, Default)]
struct Batch<'a> {
    leaves: Vec<(usize, &'a [u8])>,
    alone: Option<(FrameKind, &'a [u8])>,
    frames: usize,
}

struct Scan<'a> {
    bytes: &'a [u8],
    file: String,
    verifier: &'a Verifier,
    progress: &'a mut Progress,
    scanned: Scanned,
}

/// Reads the segment that comes next. Of the `last` one the end may be missing.
///
/// # Errors
///
/// [`Damage`] for whatever no crash of the writer can have left.
pub(crate) fn scan_segment(
    bytes: &[u8],
    first: u64,
    last: bool,
    verifier: &Verifier,
    progress: &mut Progress,
) -> Result<Scanned, Damage> {
    let file = Part::Segment.path(first);
    let header = Header::parse(bytes)
        .filter(|header| header.first == first && header.origin == verifier.origin());
    let Some(header) = header else {
        return Err(Damage::at(file, 0, Fault::Header));
    };
    if first != progress.tree.size() {
        return Err(Damage::at(
            file,
            0,
            Fault::Gap {
                expected: progress.tree.size(),
            },
        ));
    }
    if header.previous_commit != progress.last_commit {
        return Err(Damage::at(file, 0, Fault::Chain));
    }
    let scanned = Scanned {
        header,
        rows: Rows::default(),
        begins: Begins::default(),
        from_ms: 0,
        to_ms: 0,
        end: HEADER_BYTES,
        sealed: false,
        cut_bytes: 0,
    };
    let mut scan = Scan {
        bytes,
        file,
        verifier,
        progress,
        scanned,
    };
    scan.batches()?;
    scan.tail(last)?;
    Ok(scan.scanned)
}

impl Scan<'_> {
    /// Goes from commit to commit, as far as they fit the frames before them.
    fn batches(&mut self) -> Result<(), Damage> {
        let mut at = self.scanned.end;
        let mut batch = Batch::default();
        while let Found::Frame { kind, payload, end } = find(self.bytes, at) {
            match kind {
                FrameKind::Leaf => {
                    let Some(frame) = LeafFrame::parse(payload) else {
                        break;
                    };
                    batch.leaves.push((at, frame.leaf));
                }
                FrameKind::Checkpoint | FrameKind::Sealed => batch.alone = Some((kind, payload)),
                FrameKind::Commit => {
                    let covered = self.bytes.get(self.scanned.end..at).unwrap_or_default();
                    let Some(commit) = Commit::parse(payload) else {
                        break;
                    };
                    let fits = commit.previous == self.progress.last_commit
                        && commit.batch == sha256(&[covered]);
                    if !fits || !self.accept(&std::mem::take(&mut batch), &commit, at)? {
                        break;
                    }
                    self.scanned.end = end;
                    if self.scanned.sealed {
                        break;
                    }
                }
            }
            if kind != FrameKind::Commit {
                batch.frames += 1;
            }
            at = end;
        }
        Ok(())
    }

    /// Takes over a batch whose commit fits its bytes. Says no if the commit itself was torn: then its
    /// size, root or time isn't that of the leaves.
    fn accept(&mut self, batch: &Batch<'_>, commit: &Commit, at: usize) -> Result<bool, Damage> {
        let mut tree = self.progress.tree.clone();
        let mut placed = Vec::new();
        let mut leaves = Vec::with_capacity(batch.leaves.len());
        let mut newest_ms = self.progress.newest_ms;
        for (offset, bytes) in &batch.leaves {
            let damage = |fault| Damage::at(&self.file, *offset, fault);
            let leaf = Leaf::parse(bytes).map_err(|fault| damage(Fault::Leaf(fault)))?;
            if leaf.time.0 < newest_ms {
                return Err(damage(Fault::TimeWentBack));
            }
            newest_ms = leaf.time.0;
            tree.append(leaf_hash(bytes), |level, hash| placed.push((level, hash)));
            leaves.push((*offset, leaf));
        }
        let says = (commit.size, commit.root, commit.time_ms);
        if says != (tree.size(), tree.root(), newest_ms) {
            return Ok(false);
        }
        for (index, (offset, leaf)) in (self.progress.tree.size()..).zip(&leaves) {
            self.leaf(index, *offset, leaf);
        }
        let progress = &mut *self.progress;
        progress.tree = tree;
        progress.newest_ms = newest_ms;
        progress.last_commit = commit.hash();
        for (level, hash) in placed {
            progress.tiles.push(level, hash);
        }
        if let Some(expected) = progress
            .expected
            .take_if(|expected| expected.size <= commit.size)
            && (expected.size, expected.root) != (commit.size, commit.root)
        {
            return Err(Damage::new(
                "checkpoint",
                Fault::CheckpointRoot {
                    size: expected.size,
                },
            ));
        }
        match batch.alone {
            Some(_) if batch.frames > 1 => return Err(Damage::at(&self.file, at, Fault::Mixed)),
            Some((FrameKind::Checkpoint, note)) => self.checkpoint(note, at)?,
            Some((FrameKind::Sealed, _)) => self.scanned.sealed = true,
            Some((FrameKind::Leaf | FrameKind::Commit, _)) | None => {}
        }
        Ok(true)
    }

    /// Takes note of a leaf that counts.
    fn leaf(&mut self, index: u64, offset: usize, leaf: &Leaf) {
        if self.scanned.rows.len() == 0 {
            self.scanned.from_ms = leaf.time.0;
        }
        self.scanned.to_ms = leaf.time.0;
        // Offsets are below the largest segment, 1 GiB.
        self.scanned
            .rows
            .push(Row::new(leaf, u32::try_from(offset).unwrap_or(u32::MAX)));
        if let Some(beginning) = Beginning::of(leaf) {
            self.scanned.begins.count(beginning);
        }
        self.progress.unfinished.see(index, leaf);
        self.progress.digests.extend(index_digest(leaf));
    }

    fn checkpoint(&mut self, note: &[u8], at: usize) -> Result<(), Damage> {
        let damage = |fault| Damage::at(&self.file, at, fault);
        let checkpoint = self
            .verifier
            .open(note)
            .map_err(|fault| damage(Fault::Note(fault)))?;
        let tree = &self.progress.tree;
        if (checkpoint.size, checkpoint.root) != (tree.size(), tree.root()) {
            return Err(damage(Fault::CheckpointRoot {
                size: checkpoint.size,
            }));
        }
        self.progress.checkpoint = Some((checkpoint, Bytes::copy_from_slice(note)));
        Ok(())
    }

    /// Judges what stands behind the last complete commit.
    fn tail(&mut self, last: bool) -> Result<(), Damage> {
        let end = self.scanned.end;
        let tail = self.bytes.get(end..).unwrap_or_default();
        let used = tail
            .iter()
            .rposition(|byte| *byte != 0)
            .map_or(0, |last| last + 1);
        let damage = |fault| Damage::at(&self.file, end, fault);
        if self.scanned.sealed {
            return if used == 0 {
                Ok(())
            } else {
                Err(damage(Fault::BehindSeal))
            };
        }
        if let Some(commit) = self.later_commit(tail, used) {
            return Err(damage(Fault::LostBeforeCommit {
                commit: (end + commit) as u64,
            }));
        }
        if !last {
            return Err(damage(Fault::NotSealed));
        }
        self.scanned.cut_bytes = used;
        Ok(())
    }

    /// Finds a commit that can only have been written after a sync of what is now bad.
    ///
    /// The commit of the batch in flight names the last good commit and is none. Evidence is encrypted
    /// and leaves are text, so that nothing a peer sends can look like a commit by intent.
    fn later_commit(&self, tail: &[u8], used: usize) -> Option<usize> {
        let known = self.progress.tree.size();
        // A leaf is never shorter than its frame's head.
        let possible = known + (tail.len() / FRAME_HEAD_BYTES) as u64;
        let head = [2, 0, 0, 0, 112];
        (0..used).find(|at| {
            let candidate = tail.get(*at..*at + COMMIT_FRAME_BYTES);
            let payload = candidate.and_then(|frame| frame.strip_prefix(&head));
            payload.and_then(Commit::parse).is_some_and(|commit| {
                commit.previous != self.progress.last_commit
                    && (known..=possible).contains(&commit.size)
                    && commit.time_ms >= self.progress.newest_ms
            })
        })
    }
}

/// Reads the digest of an index out of the leaf that states it.
fn index_digest(leaf: &Leaf) -> Option<(u64, Hash)> {
    let first = leaf
        .facts
        .get("index")
        .filter(|_| leaf.kind == Kind::State)?;
    let digest = URL_SAFE_NO_PAD.decode(leaf.facts.get("digest")?).ok()?;
    Some((first.parse().ok()?, digest.try_into().ok()?))
}
