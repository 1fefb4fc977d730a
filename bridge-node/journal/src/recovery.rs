//! Opening: what is there is read, judged and continued.
//!
//! 1. The lock is taken, the log is the one expected, and leftovers of a crash are removed.
//! 2. Of the segments before the newest checkpoint's, indexes are believed as far as the catalogue or
//!    their digest vouches; from that segment on, or from the first without an index, every byte is hashed.
//! 3. The last segment, if it may hold bytes that were never synced, is copied up to its last complete
//!    commit, and then sealed. Only bytes behind that commit are given up.
//! 4. A new segment begins. Its first batch has the digests of indexes that have no leaf yet.

use std::sync::Arc;

use bridge_core::leaf::UnixMillis;
use zeroize::Zeroizing;

use crate::catalogue::{Catalogue, Store};
use crate::disk::{Disk, read_whole};
use crate::entry::{Head, Tally};
use crate::error::{JournalError, Move, OpenError};
use crate::evidence::SealError;
use crate::home;
use crate::keys::WrapKey;
use crate::mend::mend_tiles;
use crate::note::Verifier;
use crate::open_segment::OpenSegment;
use crate::resume::resume_after;
use crate::scan::Progress;
use crate::segment::FOLDER;
use crate::shared::{CHECKPOINT, COSIGNED, Sealed, Shared, State};
use crate::stamps::Stamps;
use crate::tiles::Tiles;

mod folder;
mod reading;

use folder::{
    check_origin, known_segments, list, read_checkpoint, remove_leftovers, warn_of_lost_secrets,
};
use reading::Reading;

/// What recovery is given.
pub(crate) struct Ground<'a> {
    pub(crate) disk: Arc<dyn Disk>,
    /// Opens the cache, once the lock is held.
    pub(crate) store: &'a dyn Fn() -> Box<dyn Store>,
    pub(crate) verifier: Verifier,
    pub(crate) evidence: Zeroizing<[u8; 32]>,
    pub(crate) segment_bytes: u64,
    /// See [`crate::JournalConfig::moved`].
    pub(crate) moved: bool,
    pub(crate) now: UnixMillis,
}

/// What recovery leaves to the station.
pub(crate) struct Recovered {
    pub(crate) shared: Arc<Shared>,
    pub(crate) open: OpenSegment,
    pub(crate) progress: Progress,
    /// Leaves under the newest checkpoint.
    pub(crate) signed_size: u64,
    /// Sealed segments whose index has no leaf yet.
    pub(crate) without_leaf: Vec<Arc<Sealed>>,
    pub(crate) cut_bytes: u64,
    pub(crate) first_start: bool,
    /// Why the folder counts as moved, if it does and the operator agrees.
    pub(crate) moved: Option<Move>,
    pub(crate) lock: Box<dyn Send>,
}

/// Opens the journal on a disk.
///
/// # Errors
///
/// See [`OpenError`].
pub(crate) fn recover(ground: Ground<'_>) -> Result<Recovered, OpenError> {
    let disk = ground.disk.clone();
    let lock = take_lock(&*disk)?;
    disk.create_folder(FOLDER)
        .map_err(JournalError::disk("making a folder", FOLDER))?;
    disk.create_folder("tile")
        .map_err(JournalError::disk("making a folder", "tile"))?;
    // What is read now may be in memory only, after a sync that failed; what is decided from it must not
    // be undone by a cut of power.
    for folder in ["", FOLDER] {
        disk.sync_folder(folder)
            .map_err(JournalError::disk("making a folder durable", folder))?;
    }
    let names = list(&*disk)?;
    check_origin(&*disk, &ground.verifier, names.segments.is_empty())?;
    let first_start = names.segments.is_empty();
    let moved = home::check(&*disk, first_start, ground.moved)?;
    remove_leftovers(&*disk, &names)?;
    warn_of_lost_secrets(&names);
    let stamps = Stamps::open(&*disk)?;
    let shown = read_checkpoint(&*disk, CHECKPOINT, &ground.verifier)?;
    let cosigned = read_checkpoint(&*disk, COSIGNED, &ground.verifier)?;
    let catalogue = Catalogue::new((ground.store)(), ground.verifier.origin(), &ground.evidence);
    let (sealed, rest) =
        known_segments(&*disk, &catalogue, &ground.verifier, &names, shown.as_ref())?;
    let last = sealed.last().copied();
    let state = State {
        tally: Tally::default(),
        head: head(&Progress::default()),
        checkpoint: shown.clone(),
        cosigned: cosigned.clone(),
        tiles: Tiles::default(),
        sealed: Arc::new(
            sealed
                .into_iter()
                .map(|row| Arc::new(Sealed::new(row)))
                .collect(),
        ),
        held: Vec::new(),
        answers: None,
        closed: false,
    };
    let evidence = WrapKey::new(ground.evidence).map_err(taking)?;
    let shared = Arc::new(Shared::new(
        disk,
        ground.verifier,
        evidence,
        (catalogue, stamps),
        state,
    ));
    let mut progress = match last {
        Some(row) => resume_after(&shared, &row)?,
        None => Progress::default(),
    };
    // Whoever cosigned a checkpoint holds the journal to it, whichever of the two files is older.
    let signed = shown.into_iter().chain(cosigned);
    progress.expected = signed
        .map(|(checkpoint, _)| checkpoint)
        .max_by_key(|checkpoint| checkpoint.size);
    let reading = Reading {
        shared: shared.clone(),
        segment_bytes: ground.segment_bytes,
        indexes: names.indexes,
        progress,
        cut_bytes: 0,
        carried: None,
    };
    let reading = reading.segments(&rest)?;
    mend_tiles(&shared)?;
    let mut recovered = reading.begin(ground.now, lock)?;
    (recovered.first_start, recovered.moved) = (first_start, moved);
    Ok(recovered)
}

fn taking(source: SealError) -> JournalError {
    JournalError::Seal {
        doing: "taking the evidence key",
        source,
    }
}

fn take_lock(disk: &dyn Disk) -> Result<Box<dyn Send>, OpenError> {
    let lock = disk.lock().map_err(OpenError::read("lock"))?;
    lock.ok_or_else(|| {
        let text = read_whole(disk, "lock").ok().flatten().unwrap_or_default();
        let process = String::from_utf8_lossy(&text).trim().to_owned();
        OpenError::Locked { process }
    })
}

fn head(progress: &Progress) -> Head {
    Head {
        size: progress.tree.size(),
        root: progress.tree.root(),
        newest: UnixMillis(progress.newest_ms),
    }
}
