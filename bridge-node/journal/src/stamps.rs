//! Time-stamps over checkpoints, kept beside the log: what an authority outside said, and over which checkpoint.
//!
//! A leaf was there at the time of the first stamp over a checkpoint that covers it. The first stamp of each size is kept
//! for ever. While nothing is logged the newest checkpoint is stamped again and again; of those only the newest is kept,
//! because it says nothing of any leaf that the first one did not say earlier.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use thiserror::Error;

use crate::disk::{Disk, HALF_WRITTEN, join, read_whole, replace_file};
use crate::error::{Damage, Fault, JournalError, OpenError, ReadError};
use crate::journal::Journal;
use crate::note::NoteError;
use crate::shared::Shared;

/// A checkpoint and an authority's answer about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptStamp {
    /// Leaves under the checkpoint.
    pub size: u64,
    /// The checkpoint, a signed note.
    pub checkpoint: Vec<u8>,
    /// The answer, a time-stamp response in DER.
    ///
    /// Standard: RFC 3161 §2.4.2.
    pub response: Vec<u8>,
}

/// Why a stamp is not kept.
#[derive(Debug, Error)]
pub enum StampError {
    /// It is not over a checkpoint of this log.
    #[error("what was stamped is no checkpoint of this log")]
    Note(#[source] NoteError),
    /// It can't be written.
    #[error("the stamp can't be written")]
    Write(#[source] io::Error),
}

/// The sizes whose checkpoints are stamped.
#[derive(Debug, Default)]
pub(crate) struct Stamps(Mutex<BTreeSet<u64>>);

const FOLDER: &str = "stamps";

/// The three files of one size.
#[derive(Clone, Copy)]
enum Part {
    Checkpoint,
    Response,
    Again,
}

// === impl Stamps ===

impl Stamps {
    /// Reads which stamps there are, and removes what a crash has left.
    pub(crate) fn open(disk: &dyn Disk) -> Result<Self, OpenError> {
        let names = disk.list(FOLDER).map_err(OpenError::read(FOLDER))?;
        let sizes = |part: Part| -> BTreeSet<u64> {
            names.iter().filter_map(|name| part.size(name)).collect()
        };
        let checkpoints = sizes(Part::Checkpoint);
        let whole: BTreeSet<u64> = &sizes(Part::Response) & &checkpoints;
        let halves = names
            .iter()
            .filter(|name| name.ends_with(HALF_WRITTEN))
            .map(|name| join(FOLDER, name));
        let old = sizes(Part::Again).into_iter();
        let old = old.filter(|size| whole.last() != Some(size));
        for path in halves.chain(old.map(|size| Part::Again.path(size))) {
            // crash here: some are left; the next start removes them.
            disk.remove(&path)
                .map_err(JournalError::disk("removing what a crash has left", &path))?;
        }
        Ok(Self(Mutex::new(whole)))
    }

    fn sizes(&self) -> MutexGuard<'_, BTreeSet<u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Part ===

impl Part {
    fn ending(self) -> &'static str {
        match self {
            Self::Checkpoint => ".checkpoint",
            Self::Response => ".tsr",
            Self::Again => ".again",
        }
    }

    fn name(self, size: u64) -> String {
        format!("{size:020}{}", self.ending())
    }

    fn path(self, size: u64) -> String {
        join(FOLDER, &self.name(size))
    }

    fn size(self, name: &str) -> Option<u64> {
        let size = name.strip_suffix(self.ending())?.parse().ok()?;
        (self.name(size) == name).then_some(size)
    }
}

impl Journal {
    /// Keeps an authority's answer about a checkpoint, durably. Whether the answer is good is the caller's to know.
    ///
    /// It writes files: call it where blocking is allowed, and not twice at a time.
    ///
    /// # Errors
    ///
    /// [`StampError`]; nothing is lost then but this stamp.
    pub fn keep_stamp(&self, checkpoint: &[u8], response: &[u8]) -> Result<(), StampError> {
        let shared = self.shared();
        let size = shared
            .verifier
            .open(checkpoint)
            .map_err(StampError::Note)?
            .size;
        let write = |part: Part, bytes: &[u8]| {
            replace_file(&*shared.disk, FOLDER, &part.name(size), bytes).map_err(StampError::Write)
        };
        let (known, newest) = {
            let sizes = shared.stamps.sizes();
            (sizes.contains(&size), sizes.last().copied())
        };
        if known {
            return write(Part::Again, response);
        }
        shared
            .disk
            .create_folder(FOLDER)
            .and_then(|()| shared.disk.sync_folder(""))
            .map_err(StampError::Write)?;
        write(Part::Checkpoint, checkpoint)?;
        // crash here: a checkpoint without an answer, which counts for nothing; the next stamp of this size replaces it.
        write(Part::Response, response)?;
        shared.stamps.sizes().insert(size);
        match newest {
            // crash here: it is left; the next start removes it.
            Some(before) => shared
                .disk
                .remove(&Part::Again.path(before))
                .map_err(StampError::Write),
            None => Ok(()),
        }
    }

    /// Returns the first stamp over a checkpoint that covers a leaf; `None` if there is none yet.
    ///
    /// It reads files: call it where blocking is allowed.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if its files can't be read.
    pub fn stamp_over(&self, index: u64) -> Result<Option<KeptStamp>, ReadError> {
        let shared = self.shared();
        let first = index
            .checked_add(1)
            .and_then(|size| shared.stamps.sizes().range(size..).next().copied());
        first.map(|size| read(shared, size, false)).transpose()
    }

    /// Returns the newest stamp; `None` if there is none yet.
    ///
    /// It reads files: call it where blocking is allowed.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if its files can't be read.
    pub fn newest_stamp(&self) -> Result<Option<KeptStamp>, ReadError> {
        let shared = self.shared();
        let newest = shared.stamps.sizes().last().copied();
        newest.map(|size| read(shared, size, true)).transpose()
    }
}

/// Reads a stamp, the newest one over this checkpoint or the first.
fn read(shared: &Shared, size: u64, newest: bool) -> Result<KeptStamp, ReadError> {
    let part = |part: Part| {
        let path = part.path(size);
        read_whole(&*shared.disk, &path).map_err(ReadError::disk(&path))
    };
    let whole = |which: Part| -> Result<Vec<u8>, ReadError> {
        let missing = || Damage::new(which.path(size), Fault::Missing);
        Ok(part(which)?.ok_or_else(missing)?)
    };
    let again = if newest { part(Part::Again)? } else { None };
    Ok(KeptStamp {
        size,
        checkpoint: whole(Part::Checkpoint)?,
        response: match again {
            Some(response) => response,
            None => whole(Part::Response)?,
        },
    })
}
