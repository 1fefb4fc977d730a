//! The segments that are read whole, and the one that begins behind them.

use std::collections::BTreeSet;
use std::sync::Arc;

use bridge_core::leaf::UnixMillis;

use super::{Recovered, head};
use crate::disk::{SegmentFile, read_all, read_whole};
use crate::error::{Damage, Fault, JournalError, OpenError, ReadError};
use crate::evidence::Place;
use crate::frame::{FrameKind, push_commit, push_frame};
use crate::index::{Summary, write_index};
use crate::keeper::{make_spare, show};
use crate::keys::WrapKey;
use crate::note::Checkpoint;
use crate::open_segment::{OpenSegment, put_in_place};
use crate::rests::Rests;
use crate::scan::{Progress, Scanned, scan_segment};
use crate::seal::{SealJob, digest_of, seal, write_index_file};
use crate::segment::{HEADER_BYTES, Header, Part, SPARE};
use crate::shared::{Held, Sealed, Shared, read_index};

/// The pass over the segments that are read whole.
pub(super) struct Reading {
    pub(super) shared: Arc<Shared>,
    pub(super) segment_bytes: u64,
    pub(super) indexes: BTreeSet<u64>,
    pub(super) progress: Progress,
    pub(super) cut_bytes: u64,
    /// Header and frames of a last segment without leaves, which is begun anew with them.
    pub(super) carried: Option<(Header, Vec<u8>)>,
}

impl Reading {
    /// Reads the segments that begin with these leaves, and seals those that have no index.
    pub(super) fn segments(mut self, firsts: &[u64]) -> Result<Self, OpenError> {
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
            if scanned.sealed && self.was_sealed(*first)? {
                self.take_index(*first, &scanned)?;
            } else {
                if last {
                    self.check_rollback()?;
                    self.show_newest()?;
                }
                self.seal(&bytes, file, scanned, last)?;
            }
        }
        self.check_digests()?;
        self.check_rollback()?;
        self.show_newest()?;
        Ok(self)
    }

    /// Shows the newest checkpoint that the frames hold. Before the last segment is closed and another begins: whoever reads
    /// meanwhile, or after a crash, takes a file that lacks a closed segment's checkpoint for one that was put back.
    fn show_newest(&mut self) -> Result<(), OpenError> {
        let newer = self.progress.checkpoint.take();
        if let Some(newer) = newer.filter(|(newer, _)| newer.size > signed_size(&self.shared)) {
            show(&self.shared, &newer.1)?;
            self.shared.state().checkpoint = Some(newer);
        }
        Ok(())
    }

    /// The tiles belong to what is shared; a scan borrows them.
    fn swap_tiles(&mut self) {
        std::mem::swap(&mut self.progress.tiles, &mut self.shared.state().tiles);
    }

    /// Whether a segment was sealed to the end: its index may be lost since.
    fn was_sealed(&self, first: u64) -> Result<bool, OpenError> {
        let is_there = |part: Part| {
            let path = part.path(first);
            let file = self.shared.disk.open(&path);
            file.map(|file| file.is_some())
                .map_err(OpenError::read(&path))
        };
        Ok(self.indexes.contains(&first) || !is_there(Part::Key)? && is_there(Part::Secrets)?)
    }

    /// Takes over the index of a sealed segment; makes it anew if it isn't what the segment says it must be.
    fn take_index(&mut self, first: u64, scanned: &Scanned) -> Result<(), OpenError> {
        let path = Part::Index.path(first);
        let origin = self.shared.verifier.origin();
        let summary = self.summary(scanned);
        let expected = write_index(origin, &summary, &scanned.rows, &mut Rests::none());
        let expected = digest_of(&expected.map_err(OpenError::read(&path))?);
        let row = match read_index(&*self.shared.disk, first, origin) {
            Ok((row, _)) if row.digest == expected => row,
            Err(ReadError::Disk { file, source }) => return Err(OpenError::Read { file, source }),
            Ok(_) | Err(ReadError::Damaged(_)) => {
                tracing::warn!(%path, "an index is lost or damaged and made anew from its segment");
                write_index_file(&self.shared, &summary, &scanned.rows, &mut Rests::none())?
            }
        };
        self.shared.catalogue.write(&row);
        self.shared.catalogue.write_begins(&row, &scanned.begins);
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
            begins: Arc::new(scanned.begins.clone()),
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
        seal(&self.shared, &job, &mut Rests::none())?;
        Ok(())
    }

    /// Refuses an index that differs from the one a leaf is about. That leaf stands behind its segment.
    fn check_digests(&self) -> Result<(), OpenError> {
        let state = self.shared.state();
        let differs = |one: &&Arc<Sealed>| {
            let stated = self.progress.digests.get(&one.row.first);
            stated.is_some_and(|digest| *digest != one.row.digest)
        };
        match state.sealed.iter().find(differs) {
            Some(one) => {
                Err(Damage::new(Part::Index.path(one.row.first), Fault::IndexDigest).into())
            }
            None => Ok(()),
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
    pub(super) fn begin(
        self,
        now: UnixMillis,
        lock: Box<dyn Send>,
    ) -> Result<Recovered, OpenError> {
        let shared = self.shared;
        let spare = make_spare(&shared, self.segment_bytes, &mut Rests::none())?;
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
        let without_leaf = {
            let mut state = shared.state();
            state.head = head(&self.progress);
            state.held.push(open.held());
            // Only the last two can be without: see `Station::roll`.
            let last_two = state.sealed.len().saturating_sub(2);
            let without = state.sealed.iter().skip(last_two);
            let without = without.filter(|one| !self.progress.digests.contains_key(&one.row.first));
            without.cloned().collect()
        };
        Ok(Recovered {
            signed_size: signed_size(&shared),
            shared,
            open,
            progress: self.progress,
            without_leaf,
            cut_bytes: self.cut_bytes,
            first_start: false,
            moved: None,
            lock,
        })
    }
}

/// Leaves under the newest checkpoint that is shown.
fn signed_size(shared: &Shared) -> u64 {
    let state = shared.state();
    let shown = state.checkpoint.as_ref();
    shown.map_or(0, |(checkpoint, _)| checkpoint.size)
}
