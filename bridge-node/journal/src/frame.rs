//! Frames, the pieces of a segment: `type u8 ‖ length u32 ‖ payload`.

use crate::cursor::Cursor;
use crate::tree::{Hash, sha256};

/// The bytes before a payload.
pub(crate) const FRAME_HEAD_BYTES: usize = 5;

/// The bytes of a whole commit frame.
pub(crate) const COMMIT_FRAME_BYTES: usize = FRAME_HEAD_BYTES + COMMIT_BYTES;

const COMMIT_BYTES: usize = 112;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FrameKind {
    /// A leaf with its wrapped secret and sealed evidence.
    Leaf,
    /// The end of a batch: what makes the frames before it count.
    Commit,
    /// A signed note.
    Checkpoint,
    /// The mark that no leaf will follow.
    Sealed,
}

/// The payload of a commit frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Commit {
    /// Leaves in the tree after the batch.
    pub(crate) size: u64,
    /// Root of the tree after the batch.
    pub(crate) root: Hash,
    /// Hash of the commit before, also across segments.
    pub(crate) previous: Hash,
    /// Hash of the frames since the commit before or the header.
    pub(crate) batch: Hash,
    /// Time of the newest leaf.
    pub(crate) time_ms: u64,
}

/// The payload of a leaf frame. Empty = absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LeafFrame<'a> {
    pub(crate) leaf: &'a [u8],
    pub(crate) secret: &'a [u8],
    pub(crate) evidence: &'a [u8],
}

/// What stands at a place where a frame may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found<'a> {
    /// A frame; the next begins at `end`.
    Frame {
        kind: FrameKind,
        payload: &'a [u8],
        end: usize,
    },
    /// Nothing was written here yet.
    Nothing,
    /// Neither: not a known type, or longer than what is left.
    Bad,
}

/// Reads what stands at `at`.
pub(crate) fn find(bytes: &[u8], at: usize) -> Found<'_> {
    let Some(rest) = bytes.get(at..) else {
        return Found::Nothing;
    };
    let mut cursor = Cursor::new(rest);
    let kind = match cursor.array() {
        None | Some([0]) => return Found::Nothing,
        Some([byte]) => FrameKind::from_byte(byte),
    };
    let (Some(kind), Some(payload)) = (kind, cursor.long()) else {
        return Found::Bad;
    };
    Found::Frame {
        kind,
        payload,
        end: at + FRAME_HEAD_BYTES + payload.len(),
    }
}

/// Begins a frame at the end of `out` and returns its place for [`end_frame`].
pub(crate) fn begin_frame(out: &mut Vec<u8>, kind: FrameKind) -> usize {
    let at = out.len();
    out.extend_from_slice(&[kind.byte(), 0, 0, 0, 0]);
    at
}

/// Ends the frame begun at `at`: fills in its length.
pub(crate) fn end_frame(out: &mut [u8], at: usize) {
    let length = out.len().saturating_sub(at + FRAME_HEAD_BYTES);
    // Every payload is bounded by a segment, which is bounded by 1 GiB.
    let length = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    if let Some(place) = out.get_mut(at + 1..at + FRAME_HEAD_BYTES) {
        place.copy_from_slice(&length);
    }
}

/// Appends a whole frame.
pub(crate) fn push_frame(out: &mut Vec<u8>, kind: FrameKind, payload: &[u8]) {
    let at = begin_frame(out, kind);
    out.extend_from_slice(payload);
    end_frame(out, at);
}

/// Appends the batch's commit frame and returns the commit: `out` holds exactly the batch.
pub(crate) fn push_commit(
    out: &mut Vec<u8>,
    (size, root): (u64, Hash),
    previous: Hash,
    time_ms: u64,
) -> Commit {
    let commit = Commit {
        size,
        root,
        previous,
        batch: sha256(&[out]),
        time_ms,
    };
    push_frame(out, FrameKind::Commit, &commit.payload());
    commit
}

impl FrameKind {
    fn byte(self) -> u8 {
        match self {
            Self::Leaf => 1,
            Self::Commit => 2,
            Self::Checkpoint => 3,
            Self::Sealed => 4,
        }
    }

    fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Leaf),
            2 => Some(Self::Commit),
            3 => Some(Self::Checkpoint),
            4 => Some(Self::Sealed),
            _ => None,
        }
    }
}

impl Commit {
    /// Reads a payload; `None` if it hasn't the length of one.
    pub(crate) fn parse(payload: &[u8]) -> Option<Self> {
        let mut cursor = Cursor::new(payload);
        let commit = Self {
            size: cursor.u64()?,
            root: cursor.array()?,
            previous: cursor.array()?,
            batch: cursor.array()?,
            time_ms: cursor.u64()?,
        };
        cursor.is_empty().then_some(commit)
    }

    /// Returns the hash the next commit names.
    pub(crate) fn hash(&self) -> Hash {
        sha256(&[b"bridge-commit-v1", &[0], &self.payload()])
    }

    fn payload(&self) -> Vec<u8> {
        let mut payload = Vec::with_capacity(COMMIT_BYTES);
        payload.extend_from_slice(&self.size.to_be_bytes());
        payload.extend_from_slice(&self.root);
        payload.extend_from_slice(&self.previous);
        payload.extend_from_slice(&self.batch);
        payload.extend_from_slice(&self.time_ms.to_be_bytes());
        payload
    }
}

impl<'a> LeafFrame<'a> {
    /// Reads a payload; `None` if the lengths don't fill it exactly.
    pub(crate) fn parse(payload: &'a [u8]) -> Option<Self> {
        let mut cursor = Cursor::new(payload);
        let frame = Self {
            leaf: cursor.long()?,
            secret: cursor.short()?,
            evidence: cursor.long()?,
        };
        cursor.is_empty().then_some(frame)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        COMMIT_FRAME_BYTES, Commit, Found, FrameKind, LeafFrame, find, push_commit, push_frame,
    };
    use crate::tree::sha256;

    #[test]
    fn a_commit_covers_the_frames_before_it() {
        let mut batch = Vec::new();
        push_frame(&mut batch, FrameKind::Sealed, &[]);
        let commit = push_commit(&mut batch, (7, [1; 32]), [2; 32], 9);
        assert_eq!(batch.len(), 5 + COMMIT_FRAME_BYTES);
        assert_eq!(commit.batch, sha256(&[&[4, 0, 0, 0, 0]]));
        let Found::Frame {
            kind: FrameKind::Commit,
            payload,
            end,
        } = find(&batch, 5)
        else {
            panic!("a commit");
        };
        assert_eq!(end, batch.len());
        assert_eq!(Commit::parse(payload), Some(commit.clone()));
        assert_eq!(commit.hash(), sha256(&[b"bridge-commit-v1\0", payload]));
        assert_eq!(Commit::parse(&payload[1..]), None);
        assert_eq!(find(&batch, batch.len()), Found::Nothing);
    }

    #[test]
    fn zeros_are_nothing_and_the_unknown_is_bad() {
        assert_eq!(find(&[0; 9], 0), Found::Nothing);
        assert_eq!(find(&[5, 0, 0, 0, 0], 0), Found::Bad);
        assert_eq!(find(&[1, 0, 0, 0, 1], 0), Found::Bad);
        assert_eq!(find(&[1, 0, 0], 0), Found::Bad);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Found::Frame { kind, payload, end } = find(&bytes, 0) {
                let mut again = Vec::new();
                push_frame(&mut again, kind, payload);
                prop_assert_eq!(&again[..], &bytes[..end]);
            }
            if let Some(frame) = LeafFrame::parse(&bytes) {
                let lengths = frame.leaf.len() + frame.secret.len() + frame.evidence.len();
                prop_assert_eq!(lengths + 10, bytes.len());
            }
        }
    }
}
