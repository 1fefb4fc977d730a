//! Opening: what is there is read, judged and continued.
//!
//! 1. The lock is taken, the log is the one expected, and leftovers of a crash are removed.
//! 2. Of the segments before the newest checkpoint's, indexes are believed as far as the catalogue or
//!    their digest vouches; from that segment on, or from the first without an index, every byte is hashed.
//! 3. The last segment, if it may hold bytes that were never synced, is copied up to its last complete
//!    commit, and then sealed. Only bytes behind that commit are given up.
//! 4. A new segment begins. Its first batch has the digests of indexes that have no leaf yet.

use std::collections::BTreeSet;
use std::sync::Arc;

use bridge_core::leaf::UnixMillis;
use bytes::Bytes;
use zeroize::Zeroizing;

use crate::catalogue::{Catalogue, CatalogueRow, Store};
use crate::disk::{Disk, HALF_WRITTEN, SegmentFile, read_all, read_whole, replace_file};
use crate::entry::Head;
use crate::error::{Damage, Fault, JournalError, OpenError};
use crate::evidence::Place;
use crate::frame::{FrameKind, push_commit, push_frame};
use crate::index::{Summary, write_index};
use crate::keeper::make_spare;
use crate::keys::WrapKey;
use crate::note::{Checkpoint, Verifier};
use crate::open_segment::{OpenSegment, put_in_place};
use crate::resume::resume_after;
use crate::scan::{Progress, Scanned, scan_segment};
use crate::seal::{SealJob, digest_of, seal};
use crate::segment::{FOLDER, HEADER_BYTES, Header, Part, SPARE};
use crate::shared::{Held, Sealed, Shared, State, read_index};
use crate::tiles::Tiles;

/// What recovery is given.
pub(crate) struct Ground<'a> {
    pub(crate) disk: Arc<dyn Disk>,
    /// Opens the cache, once the lock is held.
    pub(crate) store: &'a dyn Fn() -> Box<dyn Store>,
    pub(crate) verifier: Verifier,
    pub(crate) evidence: Zeroizing<[u8; 32]>,
    pub(crate) segment_bytes: u64,
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
    /// A checkpoint that became durable and was not shown.
    pub(crate) to_show: Option<Bytes>,
    pub(crate) cut_bytes: u64,
    pub(crate) first_start: bool,
    pub(crate) lock: Box<dyn Send>,
}

/// The names in the folder of segments, sorted by what they are.
struct Names {
    segments: Vec<u64>,
    indexes: BTreeSet<u64>,
}

/// Opens the journal on a disk.
///
/// # Errors
///
/// See [`OpenError`].
pub(crate) fn recover(ground: Ground<'_>) -> Result<Recovered, OpenError> {
    let disk = ground.disk.clone();
    let lock = disk
        .lock()
        .map_err(OpenError::read("lock"))?
        .ok_or(OpenError::Locked)?;
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
    remove_leftovers(&*disk, &names)?;
    let shown = read_checkpoint(&*disk, &ground.verifier)?;
    let first_start = names.segments.is_empty();

    let catalogue = Catalogue::new((ground.store)(), ground.verifier.origin(), &ground.evidence);
    let (sealed, rest) =
        known_segments(&*disk, &catalogue, &ground.verifier, &names, shown.as_ref())?;
    let last = sealed.last().copied();
    let state = State {
        head: head(&Progress::default()),
        checkpoint: shown.clone(),
        tiles: Tiles::default(),
        sealed: Arc::new(
            sealed
                .into_iter()
                .map(|row| Arc::new(Sealed::new(row)))
                .collect(),
        ),
        held: Vec::new(),
        closed: false,
    };
    let evidence = WrapKey::new(ground.evidence);
    let shared = Arc::new(Shared::new(
        disk,
        ground.verifier,
        evidence,
        catalogue,
        state,
    ));
    let mut progress = match last {
        Some(row) => resume_after(&shared, &row)?,
        None => Progress::default(),
    };
    progress.expected = shown.map(|(checkpoint, _)| checkpoint);
    let reading = Reading {
        shared: shared.clone(),
        segment_bytes: ground.segment_bytes,
        indexes: names.indexes,
        progress,
        cut_bytes: 0,
        carried: None,
    };
    let reading = reading.segments(&rest)?;
    reading.begin(ground.now, first_start, lock)
}

/// The pass over the segments that are read whole.
struct Reading {
    shared: Arc<Shared>,
    segment_bytes: u64,
    indexes: BTreeSet<u64>,
    progress: Progress,
    cut_bytes: u64,
    /// Header and frames of a last segment without leaves, which is begun anew with them.
    carried: Option<(Header, Vec<u8>)>,
}

impl Reading {
    fn segments(mut self, firsts: &[u64]) -> Result<Self, OpenError> {
        for (number, first) in firsts.iter().enumerate() {
            let last = number + 1 == firsts.len();
            let path = Part::Segment.path(*first);
            let file = self
                .shared
                .disk
                .open(&path)
                .map_err(OpenError::read(&path))?;
            let file = file.ok_or_else(|| Damage::new(&path, Fault::Missing))?;
            let bytes = read_all(&*file).map_err(OpenError::read(&path))?;
            self.swap_tiles();
            let scanned = scan_segment(
                &bytes,
                *first,
                last,
                &self.shared.verifier,
                &mut self.progress,
            );
            self.swap_tiles();
            let scanned = scanned?;
            self.cut_bytes += scanned.cut_bytes as u64;
            if self.indexes.contains(first) && scanned.sealed {
                self.check_index(*first, &scanned)?;
            } else {
                self.seal(&bytes, file, scanned, last)?;
            }
        }
        self.check_rollback()?;
        Ok(self)
    }

    /// The tiles belong to what is shared; a scan borrows them.
    fn swap_tiles(&mut self) {
        std::mem::swap(&mut self.progress.tiles, &mut self.shared.state().tiles);
    }

    /// Compares an index with what the segment says it must be.
    fn check_index(&mut self, first: u64, scanned: &Scanned) -> Result<(), OpenError> {
        let path = Part::Index.path(first);
        let (row, _) = read_index(&*self.shared.disk, first, self.shared.verifier.origin())?;
        let summary = self.summary(scanned);
        let expected = write_index(self.shared.verifier.origin(), &summary, &scanned.rows);
        if digest_of(&expected.map_err(OpenError::read(&path))?) != row.digest {
            return Err(Damage::new(path, Fault::Index).into());
        }
        self.shared.catalogue.write(&row);
        let mut state = self.shared.state();
        Arc::make_mut(&mut state.sealed).push(Arc::new(Sealed::new(row)));
        state.tiles.forget(self.progress.tree.size());
        Ok(())
    }

    /// Seals a segment that has no index yet. The last one is copied first: a sync of it may have failed,
    /// and then what is read now is not what the disk holds.
    fn seal(
        &mut self,
        bytes: &[u8],
        mut file: Arc<dyn SegmentFile>,
        scanned: Scanned,
        last: bool,
    ) -> Result<(), OpenError> {
        let first = scanned.header.first;
        let mut frames = bytes
            .get(HEADER_BYTES..scanned.end)
            .unwrap_or_default()
            .to_vec();
        if scanned.rows.len() == 0 {
            if scanned.sealed {
                return Err(Damage::new(Part::Segment.path(first), Fault::SealedEmpty).into());
            }
            self.carried = Some((scanned.header, frames));
            return Ok(());
        }
        let key = self.open_key(first)?;
        if last {
            if !scanned.sealed {
                let mut batch = Vec::new();
                push_frame(&mut batch, FrameKind::Sealed, &[]);
                let progress = &mut self.progress;
                let tree = (progress.tree.size(), progress.tree.root());
                let commit =
                    push_commit(&mut batch, tree, progress.last_commit, progress.newest_ms);
                progress.last_commit = commit.hash();
                frames.extend_from_slice(&batch);
            }
            let created = self.shared.disk.create(SPARE);
            file = created.map_err(JournalError::disk("copying the last segment", SPARE))?;
            // crash here: the copy isn't in place, or is: it has all that the original was good for.
            put_in_place(&self.shared, &*file, &scanned.header, &frames)?;
        }
        let size = self.progress.tree.size();
        let held = Held {
            first,
            file,
            key: Arc::new(key),
            rows: scanned.rows.clone(),
            from_ms: scanned.from_ms,
            to_ms: scanned.to_ms,
        };
        let end = (HEADER_BYTES + frames.len()) as u64;
        let job = SealJob {
            held,
            summary: self.summary(&scanned),
            size,
            end,
        };
        let sealed = seal(&self.shared, job)?;
        self.check_digest(&sealed)
    }

    /// Refuses an index that was made anew and differs from the one a leaf is about.
    fn check_digest(&self, sealed: &Sealed) -> Result<(), OpenError> {
        match self.progress.digests.get(&sealed.row.first) {
            Some(digest) if *digest != sealed.row.digest => {
                Err(Damage::new(Part::Index.path(sealed.row.first), Fault::IndexDigest).into())
            }
            _ => Ok(()),
        }
    }

    fn summary(&self, scanned: &Scanned) -> Summary {
        Summary {
            first: scanned.header.first,
            from_ms: scanned.from_ms,
            to_ms: scanned.to_ms,
            edge: self.shared.state().tiles.edge(self.progress.tree.size()),
            unfinished: self.progress.unfinished.indexes(),
        }
    }

    fn open_key(&self, first: u64) -> Result<WrapKey, OpenError> {
        let path = Part::Key.path(first);
        let file = read_whole(&*self.shared.disk, &path).map_err(OpenError::read(&path))?;
        let file = file.ok_or_else(|| Damage::new(&path, Fault::NoKey))?;
        let place = Place {
            origin: self.shared.verifier.origin(),
            index: first,
        };
        let key = self.shared.evidence.open_segment_key(&file, place);
        Ok(key.map_err(|fault| Damage::new(path, Fault::Secret(fault)))?)
    }

    fn check_rollback(&self) -> Result<(), OpenError> {
        match self.progress.expected {
            Some(Checkpoint {
                size: checkpoint, ..
            }) => {
                let tree = self.progress.tree.size();
                Err(Damage::new("checkpoint", Fault::Rollback { checkpoint, tree }).into())
            }
            None => Ok(()),
        }
    }

    /// Begins the segment the station will write to.
    fn begin(
        mut self,
        now: UnixMillis,
        first_start: bool,
        lock: Box<dyn Send>,
    ) -> Result<Recovered, OpenError> {
        let shared = self.shared;
        let spare = make_spare(&shared, self.segment_bytes)?;
        let (header, frames) = self.carried.unwrap_or_else(|| {
            let header = Header {
                origin: shared.verifier.origin().to_owned(),
                first: self.progress.tree.size(),
                previous_commit: self.progress.last_commit,
                created: now.0.max(self.progress.newest_ms),
            };
            (header, Vec::new())
        });
        let open = OpenSegment::begin(&shared, spare, &header, &frames)?;
        let mut to_show = None;
        let (without_leaf, signed_size) = {
            let mut state = shared.state();
            state.head = head(&self.progress);
            state.held.push(open.held());
            let shown = state
                .checkpoint
                .as_ref()
                .map_or(0, |(checkpoint, _)| checkpoint.size);
            let newer = self.progress.checkpoint.take();
            if let Some(newer) = newer.filter(|(checkpoint, _)| checkpoint.size > shown) {
                to_show = Some(newer.1.clone());
                state.checkpoint = Some(newer);
            }
            let signed = state
                .checkpoint
                .as_ref()
                .map_or(0, |(checkpoint, _)| checkpoint.size);
            // Only the last two can be without: see `Station::roll`.
            let last_two = state.sealed.len().saturating_sub(2);
            let without = state.sealed.iter().skip(last_two);
            let without = without.filter(|one| !self.progress.digests.contains_key(&one.row.first));
            (without.cloned().collect(), signed)
        };
        Ok(Recovered {
            shared,
            open,
            progress: self.progress,
            signed_size,
            without_leaf,
            to_show,
            cut_bytes: self.cut_bytes,
            first_start,
            lock,
        })
    }
}

fn head(progress: &Progress) -> Head {
    Head {
        size: progress.tree.size(),
        root: progress.tree.root(),
        newest: UnixMillis(progress.newest_ms),
    }
}

fn list(disk: &dyn Disk) -> Result<Names, OpenError> {
    let names = disk.list(FOLDER).map_err(OpenError::read(FOLDER))?;
    let firsts = |part: Part| names.iter().filter_map(move |name| part.first(name));
    let mut segments: Vec<u64> = firsts(Part::Segment).collect();
    segments.sort_unstable();
    Ok(Names {
        segments,
        indexes: firsts(Part::Index).collect(),
    })
}

/// Checks that the folder is this log's, or makes it so.
fn check_origin(disk: &dyn Disk, verifier: &Verifier, fresh: bool) -> Result<(), OpenError> {
    let text = format!("{}\n{}\n", verifier.origin(), verifier.vkey());
    match read_whole(disk, "origin").map_err(OpenError::read("origin"))? {
        Some(found) if found == text.as_bytes() => Ok(()),
        Some(found) => {
            let found = String::from_utf8_lossy(&found);
            let found = found.lines().nth(1).unwrap_or_default().to_owned();
            Err(OpenError::OtherLog {
                found,
                expected: verifier.vkey(),
            })
        }
        None if fresh => {
            // crash here: a log without segments, as a new one is.
            let made = replace_file(disk, "", "origin", text.as_bytes());
            Ok(made.map_err(JournalError::disk("making the journal", "origin"))?)
        }
        None => Err(Damage::new(FOLDER, Fault::NoOrigin).into()),
    }
}

/// Removes what a crash can leave and nothing reads.
fn remove_leftovers(disk: &dyn Disk, names: &Names) -> Result<(), OpenError> {
    let doing = "removing what a crash has left";
    let mut gone = vec![SPARE.to_owned()];
    for folder in ["", FOLDER] {
        let half = |name: &String| name.ends_with(HALF_WRITTEN);
        let listed = disk.list(folder).map_err(OpenError::read(folder))?;
        gone.extend(
            listed
                .into_iter()
                .filter(half)
                .map(|name| crate::disk::join(folder, &name)),
        );
    }
    for name in disk.list(FOLDER).map_err(OpenError::read(FOLDER))? {
        let Some(first) = Part::Key.first(&name) else {
            continue;
        };
        if names.indexes.contains(&first) || !names.segments.contains(&first) {
            gone.push(Part::Key.path(first));
        }
    }
    for path in gone {
        // crash here: some are left; the next start removes them.
        disk.remove(&path)
            .map_err(JournalError::disk(doing, &path))?;
    }
    Ok(())
}

fn read_checkpoint(
    disk: &dyn Disk,
    verifier: &Verifier,
) -> Result<Option<(Checkpoint, Bytes)>, OpenError> {
    let note = read_whole(disk, "checkpoint").map_err(OpenError::read("checkpoint"))?;
    let Some(note) = note else { return Ok(None) };
    match verifier.open(&note) {
        Ok(checkpoint) => Ok(Some((checkpoint, Bytes::from(note)))),
        Err(fault) => Err(Damage::new("checkpoint", Fault::Note(fault)).into()),
    }
}

/// Splits the segments: those whose index is enough, and those that are read whole.
fn known_segments(
    disk: &dyn Disk,
    catalogue: &Catalogue,
    verifier: &Verifier,
    names: &Names,
    shown: Option<&(Checkpoint, Bytes)>,
) -> Result<(Vec<CatalogueRow>, Vec<u64>), OpenError> {
    let signed = shown.map_or(0, |(checkpoint, _)| checkpoint.size);
    let mut rows: Vec<CatalogueRow> = Vec::new();
    for first in &names.segments {
        let expected = rows.last().map_or(0, |row| row.first + row.count);
        if *first != expected {
            return Err(Damage::new(Part::Segment.path(*first), Fault::Gap { expected }).into());
        }
        if !names.indexes.contains(first) {
            break;
        }
        let row = match catalogue.read(*first) {
            Some(row) => row,
            None => read_index(disk, *first, verifier.origin())?.0,
        };
        if row.first + row.count >= signed {
            break;
        }
        catalogue.write(&row);
        rows.push(row);
    }
    let rest = names
        .segments
        .get(rows.len()..)
        .unwrap_or_default()
        .to_vec();
    Ok((rows, rest))
}
