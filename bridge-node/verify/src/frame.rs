//! The frames of a segment, read in order and hashed on the way.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};

use ring::digest::{Context, SHA256};

use crate::bytes::{Bytes, Hash, finish, sha256};
use crate::leaf::LEAF_LIMIT_BYTES;
use crate::note::NOTE_LIMIT_BYTES;
use crate::segment::SegmentFault;

/// One frame.
#[derive(Debug)]
pub(crate) enum Frame {
    /// A leaf; its parts are in the reader's buffers.
    Leaf,
    Commit(Commit),
    Checkpoint(Vec<u8>),
    Sealed,
    /// Type 0: nothing was written here yet.
    Nothing,
}

/// The fields of a commit.
#[derive(Debug, Clone)]
pub(crate) struct Commit {
    pub(crate) size: u64,
    pub(crate) root: Hash,
    pub(crate) previous: Hash,
    pub(crate) batch: Hash,
    pub(crate) time_ms: u64,
    /// Hash of this commit.
    pub(crate) hash: Hash,
}

impl Commit {
    /// Reads the payload of a commit.
    pub(crate) fn parse(payload: &[u8; COMMIT_BYTES]) -> Option<Self> {
        let mut bytes = Bytes(payload);
        Some(Self {
            size: bytes.u64()?,
            root: bytes.array()?,
            previous: bytes.array()?,
            batch: bytes.array()?,
            time_ms: bytes.u64()?,
            hash: sha256(&[b"bridge-commit-v1\0", payload]),
        })
    }
}

/// Reads the frames of one segment.
pub(crate) struct Frames {
    file: BufReader<File>,
    offset: u64,
    length: u64,
    batch: Context,
    /// Whether the ciphertext of evidence is kept or only hashed.
    keep_evidence: bool,
    pub(crate) leaf: Vec<u8>,
    pub(crate) secret: Vec<u8>,
    /// Ciphertext of the evidence, if it is kept.
    pub(crate) evidence: Vec<u8>,
    /// Length of the evidence, kept or not.
    pub(crate) evidence_length: usize,
}

impl Frames {
    pub(crate) fn new(file: File, length: u64, keep_evidence: bool) -> Self {
        Self {
            file: BufReader::with_capacity(BUFFER_BYTES, file),
            offset: 0,
            length,
            batch: Context::new(&SHA256),
            keep_evidence,
            leaf: Vec::new(),
            secret: Vec::new(),
            evidence: Vec::new(),
            evidence_length: 0,
        }
    }

    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Starts a batch where the reader stands.
    pub(crate) fn start_batch(&mut self) {
        self.batch = Context::new(&SHA256);
    }

    /// The hash of the batch so far.
    pub(crate) fn batch(&self) -> Hash {
        finish(self.batch.clone())
    }

    /// Goes to another place and starts a batch there.
    pub(crate) fn seek(&mut self, offset: u64) -> Result<(), SegmentFault> {
        self.file
            .seek(SeekFrom::Start(offset))
            .map_err(|error| unreadable(&error))?;
        self.offset = offset;
        self.start_batch();
        Ok(())
    }

    /// Reads bytes that no batch digest covers.
    pub(crate) fn read_header(&mut self, room: &mut [u8]) -> Result<(), SegmentFault> {
        if self.left() < as_u64(room.len()) {
            return Err(SegmentFault::Cut {
                needed: as_u64(room.len()),
                left: self.left(),
            });
        }
        self.file
            .read_exact(room)
            .map_err(|error| unreadable(&error))?;
        self.offset = self.offset.saturating_add(as_u64(room.len()));
        Ok(())
    }

    /// Reads the next frame. Nothing longer than the format's limits is kept in memory.
    pub(crate) fn next(&mut self) -> Result<Frame, SegmentFault> {
        if self.left() == 0 {
            return Ok(Frame::Nothing);
        }
        let mut head = [0; 5];
        let known = head
            .len()
            .min(usize::try_from(self.left()).unwrap_or(head.len()));
        self.read_header(head.get_mut(..known).unwrap_or_default())?;
        let [kind, length @ ..] = head;
        if kind == NOTHING {
            return Ok(Frame::Nothing);
        }
        let length = u64::from(u32::from_be_bytes(length));
        if known < head.len() || length > self.left() {
            return Err(SegmentFault::Cut {
                needed: length,
                left: self.left(),
            });
        }
        if kind != COMMIT {
            self.batch.update(&head);
        }
        match kind {
            LEAF => self.leaf_frame(length).map(|()| Frame::Leaf),
            COMMIT if length == as_u64(COMMIT_BYTES) => {
                let mut payload = [0; COMMIT_BYTES];
                self.read_header(&mut payload)?;
                Commit::parse(&payload)
                    .map(Frame::Commit)
                    .ok_or(SegmentFault::CommitLength)
            }
            COMMIT => Err(SegmentFault::CommitLength),
            CHECKPOINT if length <= as_u64(NOTE_LIMIT_BYTES) => {
                let mut note = Vec::new();
                self.fill(length, &mut note)?;
                Ok(Frame::Checkpoint(note))
            }
            CHECKPOINT => Err(SegmentFault::CheckpointLength { length }),
            SEALED if length == 0 => Ok(Frame::Sealed),
            SEALED => Err(SegmentFault::SealedLength { length }),
            kind => Err(SegmentFault::UnknownFrame { kind }),
        }
    }

    fn leaf_frame(&mut self, length: u64) -> Result<(), SegmentFault> {
        let wrong = SegmentFault::LeafFrame;
        let mut left = length;
        let leaf = self.part::<4>(&mut left)?;
        if leaf > as_u64(LEAF_LIMIT_BYTES) {
            return Err(wrong("its leaf is longer than 65535 bytes"));
        }
        let mut buffer = std::mem::take(&mut self.leaf);
        self.fill(leaf, &mut buffer)?;
        self.leaf = buffer;
        let secret = self.part::<2>(&mut left)?;
        if secret != 0 && secret != WRAPPED_SECRET_BYTES {
            return Err(wrong("its wrapped secret has not 60 bytes"));
        }
        let mut buffer = std::mem::take(&mut self.secret);
        self.fill(secret, &mut buffer)?;
        self.secret = buffer;
        let evidence = self.part::<4>(&mut left)?;
        if left != 0 {
            return Err(wrong("its parts are shorter than it is"));
        }
        if evidence > EVIDENCE_LIMIT_BYTES {
            return Err(wrong("its evidence is longer than 64 MiB"));
        }
        self.evidence_length = usize::try_from(evidence).unwrap_or(usize::MAX);
        let mut buffer = std::mem::take(&mut self.evidence);
        buffer.clear();
        if self.keep_evidence {
            self.fill(evidence, &mut buffer)?;
        } else {
            self.pass(evidence)?;
        }
        self.evidence = buffer;
        Ok(())
    }

    /// Reads the length of a part, of `N` bytes, and takes both from what is left of the frame.
    fn part<const N: usize>(&mut self, left: &mut u64) -> Result<u64, SegmentFault> {
        let wrong = || SegmentFault::LeafFrame("its parts are longer than it is");
        *left = left.checked_sub(as_u64(N)).ok_or_else(wrong)?;
        let mut field = [0; N];
        self.read_hashed(&mut field)?;
        let part = field
            .iter()
            .fold(0, |value, byte| value << 8 | u64::from(*byte));
        *left = left.checked_sub(part).ok_or_else(wrong)?;
        Ok(part)
    }

    /// Reads `length` bytes, known to be in the file, into `buffer`, and hashes them.
    fn fill(&mut self, length: u64, buffer: &mut Vec<u8>) -> Result<(), SegmentFault> {
        if length > self.left() {
            return Err(SegmentFault::Cut {
                needed: length,
                left: self.left(),
            });
        }
        buffer.clear();
        buffer.resize(usize::try_from(length).unwrap_or(usize::MAX), 0);
        self.read_hashed(buffer)
    }

    fn read_hashed(&mut self, room: &mut [u8]) -> Result<(), SegmentFault> {
        self.read_header(room)?;
        self.batch.update(room);
        Ok(())
    }

    /// Hashes `length` bytes without keeping them.
    fn pass(&mut self, length: u64) -> Result<(), SegmentFault> {
        let mut left = length;
        while left > 0 {
            let seen = self.file.fill_buf().map_err(|error| unreadable(&error))?;
            let count = seen.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            if count == 0 {
                return Err(SegmentFault::Cut {
                    needed: left,
                    left: 0,
                });
            }
            self.batch.update(seen.get(..count).unwrap_or_default());
            self.file.consume(count);
            self.offset = self.offset.saturating_add(as_u64(count));
            left -= as_u64(count);
        }
        Ok(())
    }

    fn left(&self) -> u64 {
        self.length.saturating_sub(self.offset)
    }

    /// Looks through the rest of the file for bytes that are not zero, and for a commit as suspected.
    pub(crate) fn rest(&mut self, suspect: &Suspect) -> Result<Rest, SegmentFault> {
        let mut rest = Rest {
            from: self.offset,
            ..Rest::default()
        };
        let mut window: Vec<u8> = Vec::with_capacity(SCAN_BYTES * 2);
        let mut start = self.offset;
        loop {
            let mut chunk = (&mut self.file).take(as_u64(SCAN_BYTES));
            let read = chunk
                .read_to_end(&mut window)
                .map_err(|error| unreadable(&error))?;
            let place = |at| start.saturating_add(as_u64(at));
            // A comparison of slices passes over the zeros at the speed of memory.
            let clean = ZEROS.get(..window.len()) == Some(window.as_slice());
            let dirty = if clean {
                None
            } else {
                window.iter().position(|byte| *byte != 0)
            };
            if let Some(at) = dirty {
                rest.dirty = rest.dirty.or(Some(place(at)));
                rest.end = window
                    .iter()
                    .rposition(|byte| *byte != 0)
                    .map_or(rest.end, |at| place(at + 1));
                let found = window
                    .windows(COMMIT_FRAME_BYTES)
                    .position(|frame| suspect.is_met(frame));
                if let Some(at) = found {
                    rest.commit = Some(place(at));
                    break;
                }
            }
            if read == 0 {
                break;
            }
            let keep = window.len().min(COMMIT_FRAME_BYTES - 1);
            let passed = window.len() - keep;
            window.drain(..passed);
            start = start.saturating_add(as_u64(passed));
        }
        Ok(rest)
    }
}

/// What a commit has that was written after others that can't be read any more.
///
/// Evidence is encrypted and leaves are text, so that nothing a peer sends can look like one.
#[derive(Debug)]
pub(crate) struct Suspect {
    pub(crate) sizes: std::ops::RangeInclusive<u64>,
    /// The least time.
    pub(crate) from_ms: u64,
    /// The commit that it does not name: that would be the write under way.
    pub(crate) not_after: Option<Hash>,
}

impl Suspect {
    /// Any commit at all.
    pub(crate) fn any() -> Self {
        Self {
            sizes: 0..=u64::MAX,
            from_ms: 0,
            not_after: None,
        }
    }

    fn is_met(&self, frame: &[u8]) -> bool {
        let payload = frame.strip_prefix(&[COMMIT, 0, 0, 0, 112]);
        let commit = payload.and_then(|payload| Commit::parse(payload.try_into().ok()?));
        commit.is_some_and(|commit| {
            self.sizes.contains(&commit.size)
                && commit.time_ms >= self.from_ms
                && self.not_after != Some(commit.previous)
        })
    }
}

/// What stands after the last frame that could be read.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rest {
    /// Where the looking began.
    pub(crate) from: u64,
    /// The first byte that is not zero.
    pub(crate) dirty: Option<u64>,
    /// The place after the last byte that is not zero.
    pub(crate) end: u64,
    /// The first place that looks like a commit.
    pub(crate) commit: Option<u64>,
}

fn unreadable(error: &io::Error) -> SegmentFault {
    SegmentFault::Unreadable(error.to_string())
}

pub(crate) fn as_u64(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

const NOTHING: u8 = 0;
const LEAF: u8 = 1;
const COMMIT: u8 = 2;
const CHECKPOINT: u8 = 3;
const SEALED: u8 = 4;

/// Payload of a commit.
pub(crate) const COMMIT_BYTES: usize = 112;

/// Type, length and payload of a commit.
const COMMIT_FRAME_BYTES: usize = 5 + COMMIT_BYTES;

/// A secret wrapped by AES-256-GCM: nonce, secret, tag.
const WRAPPED_SECRET_BYTES: u64 = 60;

/// The longest evidence that is read; a segment is no longer by default.
const EVIDENCE_LIMIT_BYTES: u64 = 64 << 20;

/// Large reads, so that ten million leaves take few calls to the system.
const BUFFER_BYTES: usize = 1 << 20;

static ZEROS: [u8; 2 * SCAN_BYTES] = [0; 2 * SCAN_BYTES];

/// How much is looked through at a time.
const SCAN_BYTES: usize = 1 << 16;

#[cfg(test)]
mod tests;
