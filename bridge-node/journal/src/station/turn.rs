//! From one segment to the next, and the station's first and last steps.

use std::sync::Arc;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bridge_core::leaf::{Kind, Leaf, UnixMillis};

use super::{Station, offset};
use crate::error::{JournalError, Move};
use crate::frame::{FrameKind, push_frame};
use crate::index::Summary;
use crate::keeper::{Done, Order};
use crate::open_segment::OpenSegment;
use crate::seal::SealJob;
use crate::segment::Header;
use crate::shared::{Added, Sealed};
use crate::tree::leaf_hash;

impl Station {
    /// Brings into the journal what recovery has found missing there.
    pub(crate) fn begin(
        &mut self,
        without_leaf: &[Arc<Sealed>],
        now: UnixMillis,
    ) -> Result<(), JournalError> {
        for sealed in without_leaf {
            self.newest_ms = self.newest_ms.max(now.0);
            self.stage_digest(sealed)?;
        }
        self.flush()?;
        if self.tree.size() > self.signed_size {
            self.due = Some(Instant::now() + self.checkpoint_every);
        }
        self.keeper.order(Order::Spare)
    }

    /// Records that the journal's folder is another one now.
    pub(crate) fn record_move(&mut self, why: Move, now: UnixMillis) -> Result<(), JournalError> {
        self.newest_ms = self.newest_ms.max(now.0);
        self.stage_state([("moved", why.to_string())])?;
        self.flush()
    }

    /// Ends in order: checkpoint over all, segment sealed, keeper done.
    pub(crate) fn finish(&mut self) -> Result<(), JournalError> {
        self.flush()?;
        // The leaf with the digest of an index is itself new; and a checkpoint may begin a segment.
        while self.sealing || self.tree.size() > self.signed_size {
            self.await_keeper()?;
            self.flush()?;
            self.checkpoint()?;
        }
        if self.has_leaves() {
            let job = self.seal_open()?;
            self.order_seal(job)?;
            while self.sealing {
                let done = self.keeper.wait()?;
                // The leaf with this index's digest is the first thing the next start writes.
                self.sealing = !matches!(done, Done::Sealed(_));
            }
        }
        self.keeper.stop()
    }

    /// Seals the open segment, which has leaves, and begins the next.
    pub(super) fn roll(&mut self) -> Result<(), JournalError> {
        self.flush()?;
        // The digest of the index before has its leaf here, so that at most two segments are without; and the checkpoint that is
        // shown is at most one segment behind.
        self.await_keeper()?;
        self.flush()?;
        let spare = loop {
            if let Some(spare) = self.spare.take() {
                break spare;
            }
            let done = self.keeper.wait()?;
            self.take_over(done)?;
        };
        let job = self.seal_open()?;
        let header = Header {
            origin: self.shared.verifier.origin().to_owned(),
            first: self.tree.size(),
            previous_commit: self.last_commit,
            created: self.newest_ms,
        };
        self.open = OpenSegment::begin(&self.shared, spare, &header, &[])?;
        self.shared.state().held.push(self.open.held());
        // The next spare first: the station needs it sooner than anybody needs the index.
        self.keeper.order(Order::Spare)?;
        self.order_seal(job)
    }

    fn order_seal(&mut self, job: Option<SealJob>) -> Result<(), JournalError> {
        let Some(job) = job else { return Ok(()) };
        self.sealing = true;
        self.keeper.order(Order::Seal(Box::new(job)))
    }

    /// Writes the seal and returns what is left for the keeper to do.
    fn seal_open(&mut self) -> Result<Option<SealJob>, JournalError> {
        push_frame(&mut self.batch.bytes, FrameKind::Sealed, &[]);
        // crash here: the segment isn't sealed; the next start does it.
        self.flush()?;
        let size = self.tree.size();
        let (held, edge) = {
            let state = self.shared.state();
            (state.held.last().cloned(), state.tiles.edge(size))
        };
        let Some(held) = held else { return Ok(None) };
        let summary = Summary {
            first: held.first,
            from_ms: held.from_ms,
            to_ms: held.to_ms,
            edge,
            unfinished: self.unfinished.indexes(),
        };
        Ok(Some(SealJob {
            held,
            summary,
            size,
            end: self.open.end,
        }))
    }

    /// Waits until no segment is being sealed and no checkpoint is still to be shown.
    fn await_keeper(&mut self) -> Result<(), JournalError> {
        while self.sealing || self.showing > 0 {
            let done = self.keeper.wait()?;
            self.take_over(done)?;
        }
        Ok(())
    }

    /// Takes over what the keeper has done.
    pub(super) fn take_over(&mut self, done: Done) -> Result<(), JournalError> {
        match done {
            Done::Spare(file) => self.spare = Some(file),
            Done::Sealed(sealed) => {
                self.sealing = false;
                self.stage_digest(&sealed)?;
            }
            Done::Shown => self.showing = self.showing.saturating_sub(1),
        }
        Ok(())
    }

    /// Puts the leaf with the digest of an index into the batch, in the room reserved for it.
    fn stage_digest(&mut self, sealed: &Sealed) -> Result<(), JournalError> {
        let first = format!("{:020}", sealed.row.first);
        let digest = URL_SAFE_NO_PAD.encode(sealed.row.digest);
        self.stage_state([("index", first), ("digest", digest)])
    }

    /// Puts a leaf of the journal's own into the batch.
    fn stage_state<const N: usize>(
        &mut self,
        facts: [(&str, String); N],
    ) -> Result<(), JournalError> {
        let mut leaf = Leaf::new(Kind::State, UnixMillis(self.newest_ms));
        leaf.facts = facts.map(|(name, text)| (name.to_owned(), text)).into();
        let start = self.batch.bytes.len();
        let mut bytes = Vec::new();
        let written = leaf.write(&mut bytes);
        written.map_err(|_bounded| JournalError::Ended { thread: "station" })?;
        let leaf_hash = leaf_hash(&bytes);
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes();
        let payload = [&length[..], &bytes, &[0; 2], &[0; 4]].concat();
        push_frame(&mut self.batch.bytes, FrameKind::Leaf, &payload);
        let at = offset(self.open.end, start);
        self.batch.rows.push(Added::new(&leaf, at));
        let placed = &mut self.batch.placed;
        self.tree
            .append(leaf_hash, |level, hash| placed.push((level, hash)));
        Ok(())
    }
}
