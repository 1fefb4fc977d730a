//! What the station publishes and readers see: durable leaves only.
//!
//! The lock is held for moments: to add a batch, or to copy pointers and a few hundred rows. No file is
//! touched under it, so that no reader keeps the station waiting.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use bridge_core::leaf::Leaf;
use bytes::Bytes;

use crate::answers::{Answer, Answers};
use crate::begins::{Beginning, Begins};
use crate::catalogue::{Catalogue, CatalogueRow};
use crate::disk::{Disk, SegmentFile, read_whole};
use crate::entry::{Head, Tally};
use crate::error::{Damage, Fault, ReadError};
use crate::index::{Index, Layout};
use crate::keys::WrapKey;
use crate::log_path::tile_path;
use crate::note::{Checkpoint, Verifier};
use crate::rows::{Row, Rows};
use crate::segment::Part;
use crate::stamps::Stamps;
use crate::tiles::{TileId, Tiles};
use crate::tree::{Hash, TILE_WIDTH};

/// The file of the newest checkpoint.
pub(crate) const CHECKPOINT: &str = "checkpoint";

/// The file of the newest checkpoint that enough witnesses have cosigned.
pub(crate) const COSIGNED: &str = "cosigned";

/// Everything station, keeper and readers have in common.
pub(crate) struct Shared {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) verifier: Verifier,
    pub(crate) evidence: WrapKey,
    pub(crate) catalogue: Catalogue,
    pub(crate) stamps: Stamps,
    state: Mutex<State>,
}

/// The published state of the journal.
pub(crate) struct State {
    pub(crate) head: Head,
    pub(crate) checkpoint: Option<(Checkpoint, Bytes)>,
    /// The newest one that enough witnesses have cosigned.
    pub(crate) cosigned: Option<(Checkpoint, Bytes)>,
    /// What was written since the start; the rest of it is filled in when it is asked for.
    pub(crate) tally: Tally,
    pub(crate) tiles: Tiles,
    /// The segments that have an index, in order.
    pub(crate) sealed: Arc<Vec<Arc<Sealed>>>,
    /// The segments after those: one being sealed perhaps, and the open one.
    pub(crate) held: Vec<Held>,
    /// The newest answers, once somebody takes them.
    pub(crate) answers: Option<Answers>,
    /// Whether the journal was closed in order.
    pub(crate) closed: bool,
}

/// A segment with an index.
#[derive(Debug)]
pub(crate) struct Sealed {
    pub(crate) row: CatalogueRow,
    /// Set once the index was read whole and found to be the one the row is about.
    layout: OnceLock<Layout>,
}

/// A segment that is searched in memory.
#[derive(Clone)]
pub(crate) struct Held {
    pub(crate) first: u64,
    pub(crate) file: Arc<dyn SegmentFile>,
    pub(crate) key: Arc<WrapKey>,
    pub(crate) rows: Rows,
    /// What begins in it; shared, because readers copy it under the lock.
    pub(crate) begins: Arc<Begins>,
    pub(crate) from_ms: u64,
    pub(crate) to_ms: u64,
}

/// A leaf that became durable, as it is found.
pub(crate) struct Added {
    pub(crate) row: Row,
    pub(crate) time_ms: u64,
    begins: Option<Beginning>,
    answer: Option<Answer>,
}

/// The segments at one moment.
#[derive(Clone)]
pub(crate) struct Snapshot {
    pub(crate) sealed: Arc<Vec<Arc<Sealed>>>,
    pub(crate) held: Vec<Held>,
}

/// A batch that became durable.
pub(crate) struct Published<'a> {
    pub(crate) head: Head,
    pub(crate) bytes: u64,
    pub(crate) syncing: Duration,
    pub(crate) placed: &'a mut Vec<(usize, Hash)>,
    pub(crate) rows: &'a mut Vec<Added>,
}

impl Shared {
    /// Shares what recovery found.
    pub(crate) fn new(
        disk: Arc<dyn Disk>,
        verifier: Verifier,
        evidence: WrapKey,
        (catalogue, stamps): (Catalogue, Stamps),
        state: State,
    ) -> Self {
        Self {
            disk,
            verifier,
            evidence,
            catalogue,
            stamps,
            state: Mutex::new(state),
        }
    }

    /// Takes the lock. Nothing that could wait is done before it is let go.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        // The state is whole between any two statements that change it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a durable batch to the open segment.
    pub(crate) fn publish(&self, batch: &mut Published<'_>) {
        let state = &mut *self.state();
        state.head = batch.head;
        state.tally.commits += 1;
        state.tally.written_bytes += batch.bytes;
        state.tally.syncing += batch.syncing;
        for (level, hash) in batch.placed.drain(..) {
            state.tiles.push(level, hash);
        }
        if let Some(open) = state.held.last_mut() {
            for mut added in batch.rows.drain(..) {
                if let (Some(answers), Some(answer)) = (&mut state.answers, added.answer.take()) {
                    answers.push(open.first + open.rows.len() as u64, answer);
                }
                open.push(added);
            }
        }
    }

    /// Returns the checkpoint under which proofs are made.
    ///
    /// Where witnesses cosign, what they have not cosigned yet proves nothing to those who ask for their signatures.
    pub(crate) fn proof_checkpoint(&self) -> Option<(Checkpoint, Bytes)> {
        let state = self.state();
        let best = state.cosigned.as_ref().or(state.checkpoint.as_ref());
        best.cloned()
    }

    /// Copies what a reader needs of the segments.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let state = self.state();
        Snapshot {
            sealed: state.sealed.clone(),
            held: state.held.clone(),
        }
    }

    /// Reads the first `width` hashes of a tile, as bytes; `None` if the tree hasn't got them.
    pub(crate) fn tile(&self, id: TileId, width: usize) -> Result<Option<Vec<u8>>, ReadError> {
        {
            let state = self.state();
            if let Some(hashes) = state.tiles.hashes(id.level, id.number * TILE_WIDTH, width) {
                return Ok(Some(hashes.as_flattened().to_vec()));
            }
        }
        // Tiles leave memory only when they are durable files.
        let path = tile_path(id);
        let tile = read_whole(&*self.disk, &path).map_err(ReadError::disk(&path))?;
        let Some(mut tile) = tile else {
            return Ok(None);
        };
        if tile.len() as u64 != TILE_WIDTH * 32 {
            return Err(Damage::new(path, Fault::Tile).into());
        }
        tile.truncate(width * 32);
        Ok(Some(tile))
    }
}

impl Sealed {
    /// Knows a segment by its row.
    pub(crate) fn new(row: CatalogueRow) -> Self {
        Self {
            row,
            layout: OnceLock::new(),
        }
    }

    /// Opens the index, and reads it whole the first time.
    pub(crate) fn open_index(
        &self,
        shared: &Shared,
    ) -> Result<(Arc<dyn SegmentFile>, Layout), ReadError> {
        let path = Part::Index.path(self.row.first);
        let missing = || Damage::new(&path, Fault::Missing);
        let file = shared
            .disk
            .open(&path)
            .map_err(ReadError::disk(&path))?
            .ok_or_else(missing)?;
        if let Some(layout) = self.layout.get() {
            return Ok((file, layout.clone()));
        }
        let (row, index) = read_index(&*shared.disk, self.row.first, shared.verifier.origin())?;
        if row != self.row {
            return Err(Damage::new(path, Fault::IndexDigest).into());
        }
        Ok((file, self.layout.get_or_init(|| index.layout).clone()))
    }
}

/// Reads the index of a segment whole.
pub(crate) fn read_index(
    disk: &dyn Disk,
    first: u64,
    origin: &str,
) -> Result<(CatalogueRow, Index), ReadError> {
    let path = Part::Index.path(first);
    let bytes = read_whole(disk, &path).map_err(ReadError::disk(&path))?;
    let bytes = bytes.ok_or_else(|| Damage::new(&path, Fault::Missing))?;
    let index = Index::parse(&bytes, origin).filter(|index| index.summary.first == first);
    let Some(index) = index else {
        return Err(Damage::new(path, Fault::Index).into());
    };
    let row = CatalogueRow {
        first,
        count: index.layout.count,
        from_ms: index.summary.from_ms,
        to_ms: index.summary.to_ms,
        digest: index.digest,
    };
    Ok((row, index))
}

impl Held {
    /// Holds a segment without leaves.
    pub(crate) fn new(first: u64, file: Arc<dyn SegmentFile>, key: Arc<WrapKey>) -> Self {
        Self {
            first,
            file,
            key,
            rows: Rows::default(),
            begins: Arc::default(),
            from_ms: 0,
            to_ms: 0,
        }
    }

    fn push(&mut self, added: Added) {
        if self.rows.len() == 0 {
            self.from_ms = added.time_ms;
        }
        self.to_ms = added.time_ms;
        self.rows.push(added.row);
        if let Some(beginning) = added.begins {
            Arc::make_mut(&mut self.begins).count(beginning);
        }
    }
}

impl Added {
    /// Takes out of a leaf what it is found by, and what it begins.
    pub(crate) fn new(leaf: &Leaf, offset: u32) -> Self {
        Self {
            row: Row::new(leaf, offset),
            time_ms: leaf.time.0,
            begins: Beginning::of(leaf),
            answer: Answer::of(leaf),
        }
    }
}

/// Turns the end of a file met too early into what it is: damage.
pub(crate) fn read_error(file: &str, fault: Fault) -> impl FnOnce(io::Error) -> ReadError {
    let file = file.to_owned();
    move |source| {
        if source.kind() == io::ErrorKind::UnexpectedEof {
            Damage::new(file, fault).into()
        } else {
            ReadError::Disk { file, source }
        }
    }
}
