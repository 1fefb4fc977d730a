//! One segment, from its header to its last commit.

use crate::finding::Finding;
use crate::folder::{self, beside_name};
use crate::frame::{Frame, Frames, Rest, Suspect};
use crate::index::Run;
use crate::secrets::Source;
use crate::segment::{HEADER_BYTES, Header, SEGMENT_LIMIT_BYTES, SegmentFault};
use crate::walk::Walk;
use crate::walk::batch::{Batch, Current};

/// How the frames of a segment end.
#[derive(Debug)]
enum End {
    Sealed,
    /// Nothing follows the last commit, or nothing that could be read.
    Open {
        at: u64,
        cause: SegmentFault,
        rest: Rest,
    },
}

impl Walk<'_> {
    /// Checks one segment and what lies beside it; `following` segments come after it. Returns its length.
    pub(super) fn segment(
        &mut self,
        first: u64,
        following: usize,
        progress: &mut dyn FnMut(u64, u64),
    ) -> u64 {
        let file = beside_name(first, "segment");
        let (handle, length) = match folder::open(self.folder, &file) {
            Ok(opened) => opened,
            Err(fault) => {
                self.findings.push(Finding::Folder {
                    file: file.clone(),
                    fault,
                });
                self.tree_known = false;
                self.last_commit = None;
                return 0;
            }
        };
        if length > SEGMENT_LIMIT_BYTES {
            self.lose(&file, 0, SegmentFault::TooLarge);
            return length;
        }
        self.report.segments = self.report.segments.saturating_add(1);
        let mut frames = Frames::new(handle, length, self.evidence_key.is_some());
        if let Err(fault) = self.header(&mut frames, &file, first, following) {
            if let Some(fault) = fault {
                self.lose(&file, 0, fault);
            }
            return length;
        }
        let mut current = Current {
            file,
            first,
            source: self.source(first),
            run: Run::new(first),
            run_known: true,
            has_secrets: false,
            following,
            open_ended: following == 0 && !self.layout.indexes.contains(&first),
        };
        self.open_ended = current.open_ended;
        let end = self.frames(&mut current, &mut frames, progress);
        let sealed = matches!(end, End::Sealed);
        self.end(&current, &mut frames, end);
        self.beside(&mut current, sealed);
        length
    }

    /// Reads the header. No fault in the error: the segment was prepared, but never used.
    fn header(
        &mut self,
        frames: &mut Frames,
        file: &str,
        name: u64,
        following: usize,
    ) -> Result<(), Option<SegmentFault>> {
        let mut bytes = [0; HEADER_BYTES];
        frames.read_header(&mut bytes).map_err(Some)?;
        if following == 0 && bytes.iter().all(|byte| *byte == 0) {
            // A crash before the header was durable; then nothing else may be there either.
            let rest = frames.rest(&Suspect::any()).map_err(Some)?;
            return Err(rest.dirty.map(|_| SegmentFault::Magic));
        }
        let header = match Header::parse(&bytes) {
            Ok(header) => header,
            Err(fault) => {
                self.segment_finding(file, 0, fault);
                self.continue_at(file, name);
                return Ok(());
            }
        };
        if header.origin != self.key.origin() {
            let found = header.origin.chars().take(200).collect();
            self.segment_finding(file, 0, SegmentFault::Origin { found });
        }
        if header.first != name {
            self.segment_finding(
                file,
                0,
                SegmentFault::Name {
                    header: header.first,
                    name,
                },
            );
        }
        self.continue_at(file, name);
        match self.last_commit {
            Some(last) if last != header.previous => {
                self.segment_finding(file, 0, SegmentFault::Previous);
            }
            Some(_) => {}
            None => self.last_commit = Some(header.previous),
        }
        Ok(())
    }

    /// Checks that a segment starts where the one before ended; else goes on from where it says.
    fn continue_at(&mut self, file: &str, first: u64) {
        if self.tree_known && self.next != first {
            self.segment_finding(
                file,
                0,
                SegmentFault::First {
                    expected: self.next,
                    found: first,
                },
            );
            self.tree_known = false;
        }
        self.next = first;
    }

    /// Reads batch after batch.
    fn frames(
        &mut self,
        current: &mut Current,
        frames: &mut Frames,
        progress: &mut dyn FnMut(u64, u64),
    ) -> End {
        let mut told = 0;
        let mut tries = 0;
        let mut before = None;
        loop {
            let start = frames.offset();
            let mark = self.findings.mark();
            match self.batch(current, frames) {
                Ok(true) => return End::Sealed,
                Ok(false) => tries = 0,
                Err((at, cause)) => {
                    // What no commit covers is not in the journal, and neither are its faults.
                    self.findings.back_to(mark);
                    let _read_again = frames.seek(start);
                    let rest = match frames.rest(&self.suspect()) {
                        Ok(rest) => rest,
                        Err(cause) => {
                            return End::Open {
                                at,
                                cause,
                                rest: Rest::default(),
                            };
                        }
                    };
                    // A node that writes meanwhile may have been seen in the middle of a write, or
                    // between two: only what stays the same when it is read again is believed. Slots
                    // are read in order, so that there is no way back in them.
                    let in_slots = matches!(current.source, Source::Sealed(_));
                    let found = (at, cause, rest);
                    let same = before.as_ref() == Some(&found);
                    tries += 1;
                    let done = same || rest.dirty.is_none() || tries > TRIES;
                    if !current.open_ended || done || in_slots || frames.seek(start).is_err() {
                        let (at, cause, rest) = found;
                        return End::Open { at, cause, rest };
                    }
                    before = Some(found);
                }
            }
            if frames.offset().saturating_sub(told) > PROGRESS_BYTES {
                told = frames.offset();
                progress(self.next, told);
            }
        }
    }

    /// Reads one batch and its commit; true if it seals the segment.
    fn batch(
        &mut self,
        current: &mut Current,
        frames: &mut Frames,
    ) -> Result<bool, (u64, SegmentFault)> {
        frames.start_batch();
        let mut batch = Batch::new(frames.offset());
        loop {
            let offset = frames.offset();
            match frames.next().map_err(|fault| (offset, fault))? {
                Frame::Leaf => self
                    .stage(current, &mut batch, frames, offset)
                    .map_err(|fault| (offset, fault))?,
                Frame::Checkpoint(note) => self.stage_note(current, &mut batch, note, offset),
                Frame::Sealed => batch.seals += 1,
                Frame::Nothing => return Err((offset, SegmentFault::Unwritten)),
                Frame::Commit(commit) => {
                    let sealed = batch.seals > 0;
                    let digest = frames.batch();
                    if current.open_ended
                        && !self.is_complete(current, &batch, &commit, digest)
                        && !self
                            .is_followed(frames, batch.start)
                            .map_err(|fault| (offset, fault))?
                    {
                        return Err((offset, SegmentFault::Incomplete));
                    }
                    self.commit(current, batch, &commit, (offset, digest));
                    return Ok(sealed);
                }
            }
        }
    }

    /// What a commit behind the last one would have, if it was written after a sync of it.
    fn suspect(&self) -> Suspect {
        let most = self
            .next
            .saturating_add(SEGMENT_LIMIT_BYTES / LEAF_FRAME_BYTES);
        Suspect {
            sizes: self.next..=most,
            from_ms: self.newest_ms.unwrap_or(0),
            not_after: self.last_commit,
        }
    }

    /// Whether a commit stands behind `start` that can only have been written after a sync of what is
    /// there: then that is damage, else it may be the write that was under way.
    fn is_followed(&self, frames: &mut Frames, start: u64) -> Result<bool, SegmentFault> {
        let offset = frames.offset();
        frames.seek(start)?;
        let rest = frames.rest(&self.suspect())?;
        frames.seek(offset)?;
        Ok(rest.commit.is_some())
    }

    /// Judges what stands after the last commit of a segment.
    fn end(&mut self, current: &Current, frames: &mut Frames, end: End) {
        let file = &current.file;
        let (at, cause, rest) = match end {
            End::Sealed => {
                let dirty = frames
                    .rest(&Suspect::any())
                    .ok()
                    .and_then(|rest| rest.dirty);
                if let Some(dirty) = dirty {
                    self.segment_finding(file, dirty, SegmentFault::AfterSeal);
                }
                return;
            }
            End::Open { at, cause, rest } => (at, cause, rest),
        };
        let fault = match (rest.commit, rest.dirty) {
            (Some(commit), _) => SegmentFault::Damage {
                cause: Box::new(cause),
                commit,
            },
            (None, _) if matches!(cause, SegmentFault::Unreadable(_)) => cause,
            (None, dirty) if current.open_ended => {
                let from = rest.from;
                self.report.uncommitted_bytes = dirty.map_or(0, |_| rest.end.saturating_sub(from));
                return;
            }
            (None, Some(_)) if cause != SegmentFault::Unwritten => cause,
            (None, _) => SegmentFault::NotSealed,
        };
        if current.following == 0 {
            self.segment_finding(file, at, fault);
        } else {
            self.lose(file, at, fault);
        }
    }
}

/// How often what follows the last commit is read again while a node may be writing it.
const TRIES: u32 = 10_000;

/// How many bytes pass between two calls of the progress function.
const PROGRESS_BYTES: u64 = 4 << 20;

/// The least that a leaf frame takes: no leaf is shorter than its three fixed fields.
const LEAF_FRAME_BYTES: u64 = 40;
