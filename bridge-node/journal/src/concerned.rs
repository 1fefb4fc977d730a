//! A page of leaves that concern one member, with the hashes of all between: pages joined are a leaves file.

use bridge_core::identity::MemberId;
use bytes::Bytes;

use crate::error::ReadError;
use crate::reader::SegmentReader;
use crate::shared::{Sealed, Shared};
use crate::tree::{Hash, node_hash};

/// What is asked of the log.
#[derive(Clone, Copy, Debug)]
pub struct PageQuery<'a> {
    /// Only leaves in which this member is client or provider are shown.
    pub member: &'a MemberId,
    /// The first leaf looked at.
    pub from: u64,
    /// Leaves of the tree that the pages together prove; the newest checkpoint's if it is not known yet.
    pub size: Option<u64>,
    /// Segments that ended before this time are not looked into, Unix milliseconds; leaves of before in others are shown.
    pub since_ms: u64,
    /// How many leaves are looked at.
    pub leaves: u64,
    /// After how many bytes the page ends.
    pub bytes: usize,
}

/// One page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The newest checkpoint, a signed note.
    pub checkpoint: Bytes,
    /// Leaves of the tree that the pages prove.
    pub size: u64,
    /// Times of the first and the newest leaf of that tree, Unix milliseconds.
    pub times_ms: (u64, u64),
    /// The first leaf that was not looked at; `size` if this is the last page.
    pub next: u64,
    /// Leaves and subtrees, as in a leaves file.
    pub items: Vec<u8>,
}

/// Reads a page; `None` if there is no checkpoint yet, or what is asked for lies beyond it.
pub(crate) fn page(shared: &Shared, query: &PageQuery<'_>) -> Result<Option<Page>, ReadError> {
    let Some((newest, note)) = shared.state().checkpoint.clone() else {
        return Ok(None);
    };
    let size = query.size.unwrap_or(newest.size);
    if size > newest.size || size == 0 || query.from >= size {
        return Ok(None);
    }
    let snapshot = shared.snapshot();
    let mut page = Pruned::new(query.from);
    let marks = [
        format!("\"client\":\"{}/", query.member),
        format!("\"service\":\"{}/", query.member),
    ];
    let end = size.min(query.from.saturating_add(query.leaves));
    let mut next = query.from;
    while next < end && page.items.len() < query.bytes {
        let Some(mut reader) = SegmentReader::holding(shared, &snapshot, next)? else {
            break;
        };
        let is_it = |sealed: &&std::sync::Arc<Sealed>| sealed.row.first == reader.first;
        let sealed = snapshot.sealed.iter().find(is_it);
        let is_old = sealed.is_some_and(|sealed| sealed.row.to_ms < query.since_ms);
        let until = end.min(reader.first.saturating_add(reader.count));
        while next < until && page.items.len() < query.bytes {
            let ordinal = next - reader.first;
            if is_old {
                page.pass(reader.hash_in_tree(next)?);
            } else {
                let (leaf, hash) = reader.leaf_bytes(ordinal)?;
                // A leaf has one spelling, and a quote within a text is escaped.
                let concerned = marks.iter().any(|mark| has(&leaf, mark.as_bytes()));
                if concerned && has(&leaf, b"\"side\":\"") {
                    page.show(&leaf);
                } else {
                    page.pass(hash);
                }
            }
            next += 1;
        }
    }
    page.flush();
    let time_of = |index| -> Result<u64, ReadError> {
        let Some(mut reader) = SegmentReader::holding(shared, &snapshot, index)? else {
            return Ok(0);
        };
        let ordinal = index - reader.first;
        Ok(reader.leaf(ordinal)?.time.0)
    };
    let times_ms = (time_of(0)?, time_of(size - 1)?);
    Ok(Some(Page {
        checkpoint: note,
        size,
        times_ms,
        next,
        items: page.items,
    }))
}

fn has(leaf: &[u8], mark: &[u8]) -> bool {
    leaf.windows(mark.len()).any(|part| part == mark)
}

/// Leaves as they are, and the largest whole subtrees between them.
#[derive(Debug)]
struct Pruned {
    items: Vec<u8>,
    /// The place after what was taken.
    at: u64,
    /// Heights and hashes of what lies after the last leaf shown.
    between: Vec<(u8, Hash)>,
}

impl Pruned {
    fn new(at: u64) -> Self {
        Self {
            items: Vec::new(),
            at,
            between: Vec::new(),
        }
    }

    fn pass(&mut self, hash: Hash) {
        self.at += 1;
        let (mut height, mut hash) = (0, hash);
        // What is here begins where the last leaf shown ended: a left half may be before that.
        while let Some((left_height, left)) = self.between.last()
            && *left_height == height
            && self.at.trailing_zeros() > u32::from(height)
        {
            hash = node_hash(left, &hash);
            height += 1;
            self.between.pop();
        }
        self.between.push((height, hash));
    }

    fn show(&mut self, leaf: &[u8]) {
        self.flush();
        self.at += 1;
        self.items.push(LEAF);
        // A leaf is never longer than two bytes can say.
        let length = u16::try_from(leaf.len()).unwrap_or(u16::MAX);
        self.items.extend_from_slice(&length.to_be_bytes());
        self.items.extend_from_slice(leaf);
    }

    fn flush(&mut self) {
        for (height, hash) in self.between.drain(..) {
            self.items.extend_from_slice(&[SUBTREE, height]);
            self.items.extend_from_slice(&hash);
        }
    }
}

const LEAF: u8 = 1;
const SUBTREE: u8 = 2;
