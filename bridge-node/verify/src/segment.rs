//! The header of a segment, and what can be wrong in a segment.

use crate::bytes::{Hash, from_base64url};
use crate::json::{Cursor, SyntaxFault};

/// Bytes of a segment's header.
pub(crate) const HEADER_BYTES: usize = 4096;

/// The largest segment that is read.
pub(crate) const SEGMENT_LIMIT_BYTES: u64 = 1 << 30;

/// What is wrong with a segment's header or one of its frames.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SegmentFault {
    /// The file can't be read.
    #[error("it can't be read: {0}")]
    Unreadable(String),
    /// The file ends inside a header or frame.
    #[error(
        "{needed} bytes should follow, the file has {left} more: its end was cut off, or the length was altered"
    )]
    Cut {
        /// Bytes the frame should have.
        needed: u64,
        /// Bytes the file still has.
        left: u64,
    },
    /// The header is not that of a segment.
    #[error("the header does not start with `bridge-segment-v1`: this is not a segment")]
    Magic,
    /// The header's line is not in the one spelling of the format.
    #[error("in the header's line, {0}: the header was altered")]
    Header(#[from] SyntaxFault),
    /// There are bytes after the header's line.
    #[error("the header has bytes other than zero after its line: something was written there")]
    HeaderRest,
    /// The header names another log.
    #[error("the header names the log `{found}`: the segment was taken from another log")]
    Origin {
        /// The origin in the header.
        found: String,
    },
    /// The segment does not start where the one before ended.
    #[error(
        "the segment starts at leaf {found}, but the leaves before it end at {expected}: a segment or its end is missing, or segments were swapped"
    )]
    First {
        /// Leaves before this segment.
        expected: u64,
        /// First leaf by header or name.
        found: u64,
    },
    /// Header and file name disagree.
    #[error(
        "the header says that the first leaf is {header}, the file's name says {name}: the file was renamed, or the header altered"
    )]
    Name {
        /// First leaf by header.
        header: u64,
        /// First leaf by name.
        name: u64,
    },
    /// The segment does not continue the one before.
    #[error(
        "the header's previous commit is not the last one of the segment before: one of the two segments was replaced or cut"
    )]
    Previous,
    /// A frame is of no known type.
    #[error(
        "there is no frame of type {kind}: type or length of this or the frame before was altered"
    )]
    UnknownFrame {
        /// The type.
        kind: u8,
    },
    /// The parts of a leaf frame don't fit.
    #[error("the leaf's frame does not hold together, {0}: a length in it was altered")]
    LeafFrame(&'static str),
    /// A commit has another length than commits have.
    #[error("the commit's length is not 112: it was altered")]
    CommitLength,
    /// A checkpoint frame is longer than a checkpoint may be.
    #[error("the checkpoint's length is {length}, at most 8192 is allowed: it was altered")]
    CheckpointLength {
        /// Length of the payload.
        length: u64,
    },
    /// A sealed frame is not empty.
    #[error("the sealed frame has {length} bytes, it should be empty: it was altered")]
    SealedLength {
        /// Length of the payload.
        length: u64,
    },
    /// Checkpoint or seal share a batch, or the batch is empty.
    #[error(
        "the batch before this commit mixes kinds of frames or is empty: frames were moved, added or removed"
    )]
    BatchMix,
    /// The bytes of the batch are not those that were committed.
    #[error(
        "the digest in this commit is not that of the batch from byte {start} to here (leaves {first} to \
         {end}, the last not included): a byte in there was altered after it was written"
    )]
    Batch {
        /// Where the batch starts.
        start: u64,
        /// First leaf of the batch.
        first: u64,
        /// First leaf after the batch.
        end: u64,
    },
    /// The commit does not continue the one before.
    #[error(
        "this commit does not name the hash of the commit before: that commit was altered, or batches were removed, added or moved"
    )]
    Chain,
    /// The commit states another number of leaves.
    #[error(
        "this commit says that the log has {stated} leaves here, it has {held}: leaves were removed or added"
    )]
    Size {
        /// Leaves by the commit.
        stated: u64,
        /// Leaves before the commit.
        held: u64,
    },
    /// The root of the tree is not that of the commit.
    #[error(
        "the root in this commit is not that of the {size} leaves before it: one of them was altered, or the root was"
    )]
    Root {
        /// Leaves before the commit.
        size: u64,
    },
    /// The commit's time is not that of the newest leaf.
    #[error(
        "the commit's time {time} ms is not that of the newest leaf, {newest} ms: the time was altered"
    )]
    Time {
        /// Time of the commit.
        time: u64,
        /// Time of the newest leaf.
        newest: u64,
    },
    /// A segment without leaves is sealed.
    #[error("the segment is sealed, but has no leaf: its leaves were removed")]
    SealedEmpty,
    /// Something follows the seal.
    #[error("bytes follow the seal of the segment: they were added after it was closed")]
    AfterSeal,
    /// A segment that is not the last has no seal.
    #[error(
        "the segment ends here without a seal, though another follows: its end was cut off or overwritten"
    )]
    NotSealed,
    /// A commit stands behind bytes that can't be read.
    #[error(
        "what stands here can't be read ({cause}), but a commit follows at byte {commit}: the journal was damaged here, not interrupted"
    )]
    Damage {
        /// Why it can't be read.
        cause: Box<SegmentFault>,
        /// Where the later commit stands.
        commit: u64,
    },
    /// The frame's type says that nothing was written here.
    #[error("the type says that nothing was written here yet")]
    Unwritten,
    /// The last commit does not fit what is before it, and no other follows.
    #[error("the commit here does not fit the batch before it")]
    Incomplete,
    /// A batch has more leaves than are held in memory.
    #[error("the batch has more than {limit} leaves: no node writes such a batch")]
    BatchTooLarge {
        /// The most leaves of a batch.
        limit: usize,
    },
    /// The file is larger than a segment may be.
    #[error("the segment is larger than 1 GiB and was not read")]
    TooLarge,
    /// Too many exchanges have no end.
    #[error(
        "more than {limit} exchanges have a start and no end; from here on they are not followed"
    )]
    TooManyUnfinished {
        /// How many are followed.
        limit: usize,
    },
}

/// What the header of a segment says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) origin: String,
    pub(crate) first: u64,
    pub(crate) previous: Hash,
    pub(crate) created: u64,
}

impl Header {
    /// Reads a header in the one spelling of the format.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, SegmentFault> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(SegmentFault::Magic)?;
        let end = rest
            .iter()
            .position(|byte| *byte == b'\n')
            .unwrap_or(rest.len());
        let (line, rest) = rest.split_at_checked(end).unwrap_or_default();
        let header = Self::line(line)?;
        if rest.iter().skip(1).any(|byte| *byte != 0) {
            return Err(SegmentFault::HeaderRest);
        }
        Ok(header)
    }

    fn line(line: &[u8]) -> Result<Self, SyntaxFault> {
        if str::from_utf8(line).is_err() {
            return Err(SyntaxFault {
                at: 0,
                expected: "UTF-8",
            });
        }
        let mut cursor = Cursor::new(line);
        cursor.expect(b"{\"origin\":", "`{\"origin\":`")?;
        let origin = cursor.string()?.decoded().into_owned();
        cursor.expect(b",\"first\":", "`,\"first\":`")?;
        let first = cursor.number()?;
        cursor.expect(b",\"previous_commit\":", "`,\"previous_commit\":`")?;
        let previous = cursor.string()?.plain().and_then(from_base64url);
        let previous = previous.ok_or_else(|| cursor.fault("32 bytes of base64url before here"))?;
        cursor.expect(b",\"created\":", "`,\"created\":`")?;
        let created = cursor.number()?;
        cursor.expect(b"}", "`}`")?;
        if !cursor.is_at_end() {
            return Err(cursor.fault("the end of the line"));
        }
        let origin = String::from_utf8_lossy(&origin).into_owned();
        Ok(Self {
            origin,
            first,
            previous,
            created,
        })
    }

    /// Writes the header as the format does.
    #[cfg(test)]
    pub(crate) fn write(&self) -> Vec<u8> {
        use crate::bytes::base64url;
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(b"{\"origin\":");
        crate::json::write_string(&mut out, &self.origin);
        let previous = base64url(&self.previous);
        let (first, created) = (self.first, self.created);
        let rest = format!(
            ",\"first\":{first},\"previous_commit\":\"{previous}\",\"created\":{created}}}\n"
        );
        out.extend_from_slice(rest.as_bytes());
        out.resize(HEADER_BYTES, 0);
        out
    }
}

const MAGIC: &[u8] = b"bridge-segment-v1\n";

#[cfg(test)]
mod tests {
    use super::{HEADER_BYTES, Header, SegmentFault};
    use proptest::prelude::*;

    fn good() -> Vec<u8> {
        let origin = "example.az/AZ/GOV/1001/NODE1/1".to_owned();
        Header {
            origin,
            first: 7,
            previous: [3; 32],
            created: 1_700_000_000_000,
        }
        .write()
    }

    #[test]
    fn a_header_is_read() {
        let header = Header::parse(&good()).unwrap();
        assert_eq!((header.first, header.previous), (7, [3; 32]));
        assert_eq!(header.write(), good());
    }

    #[test]
    fn a_header_has_one_spelling() {
        assert_eq!(
            Header::parse(b"bridge-segment-v2\n"),
            Err(SegmentFault::Magic)
        );
        let mut dirty = good();
        dirty[HEADER_BYTES - 1] = 1;
        assert_eq!(Header::parse(&dirty), Err(SegmentFault::HeaderRest));
        for (from, to) in [
            ("\"first\":7", "\"first\":07"),
            (",\"created", ", \"created"),
            ("}\n", "}}\n"),
        ] {
            let text = String::from_utf8(good()).unwrap().replacen(from, to, 1);
            assert!(
                matches!(Header::parse(text.as_bytes()), Err(SegmentFault::Header(_))),
                "{to}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(input: Vec<u8>, prefixed: bool) {
            let bytes = if prefixed { [b"bridge-segment-v1\n", input.as_slice()].concat() } else { input };
            prop_assert!(Header::parse(&bytes).is_err());
        }

        #[test]
        fn what_is_read_is_written_the_same(position in 0..200_usize, byte: u8) {
            let mut bytes = good();
            bytes[position] = byte;
            if let Ok(header) = Header::parse(&bytes) {
                prop_assert_eq!(header.write(), bytes);
            }
        }
    }
}
