//! Proofs that a leaf is in a tree, or that a tree is the beginning of another, made of the hashes in tiles: those of this
//! journal, or those that another log serves.
//!
//! It only makes proofs. Whether one holds is for others to judge, with a checkpoint that they trust.
//!
//! Standard: RFC 6962 §2.1.1, §2.1.2. Standard: C2SP tlog-tiles. Standard: C2SP tlog-proof.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use crate::entry::receipt_text;
use crate::error::ReadError;
use crate::journal::Journal;
use crate::log_path::tile_path;
use crate::note::Checkpoint;
use crate::shared::Shared;
use crate::tiles::TileId;
use crate::tree::{Hash, TILE_HEIGHT, TILE_WIDTH, hashes_at, leaf_hash, node_hash, subtree_root};

/// The hashes of a tile that a tree of some size has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogTile {
    id: TileId,
    width: usize,
}

/// Which hashes make a proof, before any of them is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofPlan {
    size: u64,
    /// For each hash of the proof the leaves that it stands for.
    ranges: Vec<Range<u64>>,
}

/// A leaf of this journal with its proof under a signed checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The checkpoint.
    pub checkpoint: Checkpoint,
    /// The proof as a file. Standard: C2SP tlog-proof.
    pub text: String,
}

/// The first line of a proof.
const PROOF_FORM: &str = "c2sp.org/tlog-proof@v1";

// === impl LogTile ===

impl LogTile {
    /// The tile of a tree of `size` leaves that holds a leaf's hash.
    pub fn of_leaf(index: u64, size: u64) -> Self {
        Self::holding(0, index, size)
    }

    /// The tile's path below the log's address.
    pub fn path(&self) -> String {
        let mut path = tile_path(self.id);
        if self.width as u64 != TILE_WIDTH {
            // Writing into a String has no way to fail.
            write!(path, ".p/{}", self.width).unwrap_or_default();
        }
        path
    }

    /// How many hashes it holds.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The hash of a leaf in the bytes of its tile.
    pub fn leaf_hash(tile: &[u8], index: u64) -> Option<[u8; 32]> {
        let at = usize::try_from(index % TILE_WIDTH).ok()?;
        let (hashes, _rest) = tile.as_chunks::<32>();
        hashes.get(at).copied()
    }

    fn holding(level: usize, number: u64, size: u64) -> Self {
        let id = TileId {
            level,
            number: number / TILE_WIDTH,
        };
        let there = hashes_at(size, level).saturating_sub(id.number * TILE_WIDTH);
        let width = usize::try_from(there.min(TILE_WIDTH)).unwrap_or(0);
        Self { id, width }
    }
}

// === impl ProofPlan ===

impl ProofPlan {
    /// Plans the proof that the tree of `size` leaves has a leaf; `None` if it is smaller.
    ///
    /// Standard: RFC 6962 §2.1.1.
    pub fn inclusion(index: u64, size: u64) -> Option<Self> {
        if index >= size {
            return None;
        }
        let (mut from, mut to) = (0, size);
        let mut ranges = Vec::new();
        while to - from > 1 {
            let middle = from + largest_part(to - from);
            if index < middle {
                ranges.push(middle..to);
                to = middle;
            } else {
                ranges.push(from..middle);
                from = middle;
            }
        }
        ranges.reverse();
        Some(Self { size, ranges })
    }

    /// Plans the proof that the tree of `old` leaves is the beginning of that of `new`; `None` if `old` is not between 1 and
    /// `new`.
    ///
    /// Standard: RFC 6962 §2.1.2.
    pub fn consistency(old: u64, new: u64) -> Option<Self> {
        if old == 0 || old > new {
            return None;
        }
        let (mut from, mut to, mut is_left) = (0, new, true);
        let mut ranges = Vec::new();
        while old != to {
            let middle = from + largest_part(to - from);
            if old <= middle {
                ranges.push(middle..to);
                to = middle;
            } else {
                ranges.push(from..middle);
                from = middle;
                is_left = false;
            }
        }
        if !is_left {
            ranges.push(from..to);
        }
        ranges.reverse();
        Some(Self { size: new, ranges })
    }

    /// The tiles that hold what the proof is made of.
    pub fn tiles(&self) -> BTreeSet<LogTile> {
        let ranges = self.ranges.iter().cloned();
        let parts = ranges.flat_map(parts);
        parts.map(|part| part.tile(self.size)).collect()
    }

    /// Makes the proof; `read` returns the bytes of a tile. `None` if it has not what it should have.
    ///
    /// # Errors
    ///
    /// Those of `read`.
    pub fn hashes<E>(
        &self,
        mut read: impl FnMut(&LogTile) -> Result<Option<Vec<u8>>, E>,
    ) -> Result<Option<Vec<[u8; 32]>>, E> {
        let mut proof = Vec::with_capacity(self.ranges.len());
        for range in &self.ranges {
            let mut peaks = Vec::new();
            for part in parts(range.clone()) {
                let tile = read(&part.tile(self.size))?;
                let Some(hash) = tile.and_then(|tile| part.hash(&tile)) else {
                    return Ok(None);
                };
                peaks.push(hash);
            }
            let mut peaks = peaks.iter().rev();
            let Some(last) = peaks.next().copied() else {
                return Ok(None);
            };
            proof.push(peaks.fold(last, |right, left| node_hash(left, &right)));
        }
        Ok(Some(proof))
    }
}

// === impl Proof ===

impl Proof {
    /// Writes a proof as a file. Standard: C2SP tlog-proof.
    pub fn write(index: u64, hashes: &[[u8; 32]], note: &str) -> String {
        let mut text = format!("{PROOF_FORM}\nindex {index}\n");
        for hash in hashes {
            text.push_str(&STANDARD.encode(hash));
            text.push('\n');
        }
        text.push('\n');
        text.push_str(note);
        text
    }
}

impl Journal {
    /// Proves that a leaf is under a checkpoint of this log that was kept elsewhere; `None` if it is not, or the note is none
    /// of this log's.
    ///
    /// It may read files: call it where blocking is allowed.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if files can't be read or aren't as they were written.
    pub fn prove_under(&self, index: u64, note: &[u8]) -> Result<Option<Proof>, ReadError> {
        let shared = self.shared();
        match shared.verifier.open(note) {
            Ok(checkpoint) if checkpoint.size <= self.head().size => {
                prove_under(shared, index, (checkpoint, note))
            }
            _ => Ok(None),
        }
    }

    /// Writes the receipt of a leaf: `{origin}#{index}:{base64url of the leaf hash}`.
    pub fn receipt_text(&self, index: u64, leaf: &[u8]) -> String {
        receipt_text(self.origin(), index, &leaf_hash(leaf))
    }

    /// Returns the checkpoint under which proofs are made, with its note; `None` before the first.
    pub fn proof_checkpoint(&self) -> Option<(Checkpoint, Bytes)> {
        self.shared().proof_checkpoint()
    }

    /// Proves that a leaf is in this log; `None` while no checkpoint covers it.
    ///
    /// It may read files: call it where blocking is allowed.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if files can't be read or aren't as they were written.
    ///
    /// Standard: C2SP tlog-proof.
    pub fn prove(&self, index: u64) -> Result<Option<Proof>, ReadError> {
        prove(self.shared(), index)
    }
}

/// Proves that the tree of `old` leaves is the beginning of that of `new`; `None` if the journal has not so many leaves,
/// or `old` is not between 1 and `new`.
pub(crate) fn consistency(
    shared: &Shared,
    old: u64,
    new: u64,
) -> Result<Option<Vec<Hash>>, ReadError> {
    let there = new <= shared.state().head.size;
    match ProofPlan::consistency(old, new).filter(|_| there) {
        Some(plan) => plan.hashes(|tile| shared.tile(tile.id, tile.width)),
        None => Ok(None),
    }
}

/// Proves that a leaf is under the checkpoint under which proofs are made; `None` if it is not yet.
pub(crate) fn prove(shared: &Shared, index: u64) -> Result<Option<Proof>, ReadError> {
    let signed = shared.proof_checkpoint();
    match signed {
        Some((checkpoint, note)) => prove_under(shared, index, (checkpoint, &note)),
        None => Ok(None),
    }
}

/// Proves that a leaf is under one of this log's checkpoints; `None` if it is not.
pub(crate) fn prove_under(
    shared: &Shared,
    index: u64,
    (checkpoint, note): (Checkpoint, &[u8]),
) -> Result<Option<Proof>, ReadError> {
    let Some(plan) = ProofPlan::inclusion(index, checkpoint.size) else {
        return Ok(None);
    };
    let hashes = plan.hashes(|tile| shared.tile(tile.id, tile.width))?;
    Ok(hashes.map(|hashes| Proof {
        checkpoint,
        text: Proof::write(index, &hashes, &String::from_utf8_lossy(note)),
    }))
}

/// A complete subtree of the tree.
struct Part {
    height: u32,
    /// Which one of its height.
    number: u64,
}

impl Part {
    fn place(&self) -> (usize, u64) {
        let (level, within) = (self.height / TILE_HEIGHT, self.height % TILE_HEIGHT);
        (level as usize, self.number << within)
    }

    fn tile(&self, size: u64) -> LogTile {
        let (level, first) = self.place();
        LogTile::holding(level, first, size)
    }

    fn hash(&self, tile: &[u8]) -> Option<Hash> {
        let (_level, first) = self.place();
        let begin = usize::try_from(first % TILE_WIDTH).ok()?;
        let end = begin + (1_usize << (self.height % TILE_HEIGHT));
        let (hashes, _rest) = tile.as_chunks::<32>();
        hashes.get(begin..end).and_then(subtree_root)
    }
}

/// Cuts a run of leaves that begins where a tree's part may begin into complete subtrees, largest first.
fn parts(range: Range<u64>) -> impl Iterator<Item = Part> {
    let mut at = range.start;
    std::iter::from_fn(move || {
        let height = range.end.checked_sub(at)?.checked_ilog2()?;
        let number = at >> height;
        at += 1 << height;
        Some(Part { height, number })
    })
}

/// The largest power of two below `size`, which is at least 2.
fn largest_part(size: u64) -> u64 {
    1 << size.saturating_sub(1).ilog2()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::convert::Infallible;

    use super::{LogTile, ProofPlan};
    use crate::tree::{Hash, Tree, leaf_hash, node_hash};

    /// The definition of RFC 6962 §2.1, word for word.
    fn root(leaves: &[Hash]) -> Hash {
        if let [one] = leaves {
            return *one;
        }
        let split = leaves.len().next_power_of_two() / 2;
        node_hash(&root(&leaves[..split]), &root(&leaves[split..]))
    }

    /// PATH of RFC 6962 §2.1.1.
    fn path(index: usize, leaves: &[Hash]) -> Vec<Hash> {
        if leaves.len() == 1 {
            return Vec::new();
        }
        let split = leaves.len().next_power_of_two() / 2;
        let (left, right) = leaves.split_at(split);
        if index < split {
            [path(index, left), vec![root(right)]].concat()
        } else {
            [path(index - split, right), vec![root(left)]].concat()
        }
    }

    /// SUBPROOF of RFC 6962 §2.1.2.
    fn subproof(old: usize, leaves: &[Hash], is_whole: bool) -> Vec<Hash> {
        if old == leaves.len() {
            return if is_whole {
                Vec::new()
            } else {
                vec![root(leaves)]
            };
        }
        let split = leaves.len().next_power_of_two() / 2;
        let (left, right) = leaves.split_at(split);
        if old <= split {
            [subproof(old, left, is_whole), vec![root(right)]].concat()
        } else {
            [subproof(old - split, right, false), vec![root(left)]].concat()
        }
    }

    fn tiles(leaves: &[Hash]) -> HashMap<(usize, u64), Vec<u8>> {
        let mut tiles: HashMap<(usize, u64), Vec<u8>> = HashMap::new();
        let (mut tree, mut counts) = (Tree::default(), [0_u64; 8]);
        for leaf in leaves {
            tree.append(*leaf, |level, hash| {
                let tile = tiles.entry((level, counts[level] / 256)).or_default();
                tile.extend_from_slice(&hash);
                counts[level] += 1;
            });
        }
        tiles
    }

    #[test]
    fn proofs_are_those_of_the_definition() {
        let leaves: Vec<Hash> = (0..70_000_u32)
            .map(|n| leaf_hash(&n.to_be_bytes()))
            .collect();
        let sizes = [
            1,
            2,
            3,
            5,
            255,
            256,
            257,
            511,
            513,
            65_535,
            65_537,
            70_000_usize,
        ];
        for size in sizes {
            let leaves = &leaves[..size];
            let tiles = tiles(leaves);
            let read = |tile: &LogTile| {
                let bytes = tiles.get(&(tile.id.level, tile.id.number)).cloned();
                assert_eq!(bytes.as_ref().map(Vec::len), Some(tile.width() * 32));
                Ok::<_, Infallible>(bytes)
            };
            for index in [0, 1, 254, 255, 256, 65_536, size / 2, size - 1] {
                let plan = ProofPlan::inclusion(index as u64, size as u64);
                if index >= size {
                    assert_eq!(plan, None);
                    continue;
                }
                let made = plan.unwrap().hashes(read).unwrap().unwrap();
                assert_eq!(made, path(index, leaves), "{index} of {size}");
            }
            for old in [1, 2, 3, 255, 256, 257, 512, 65_536, size / 2 + 1, size] {
                let plan = ProofPlan::consistency(old as u64, size as u64);
                if old > size {
                    assert_eq!(plan, None);
                    continue;
                }
                let made = plan.unwrap().hashes(read).unwrap().unwrap();
                assert_eq!(made, subproof(old, leaves, true), "{old} of {size}");
            }
        }
        assert_eq!(ProofPlan::consistency(0, 5), None);
    }

    #[test]
    fn a_plan_names_few_tiles_and_their_paths() {
        let plan = ProofPlan::inclusion(70_000, 1_000_000).unwrap();
        let paths: Vec<String> = plan.tiles().iter().map(LogTile::path).collect();
        assert_eq!(
            paths,
            [
                "tile/0/273",
                "tile/0/x003/906.p/64",
                "tile/1/001",
                "tile/1/015.p/66",
                "tile/2/000.p/15"
            ]
        );
    }

    #[test]
    fn a_tile_that_is_too_short_gives_no_proof() {
        let plan = ProofPlan::inclusion(1, 4).unwrap();
        let short = |_: &LogTile| Ok::<_, Infallible>(Some(vec![0; 3 * 32]));
        assert_eq!(plan.hashes(short).unwrap(), None);
        let none = |_: &LogTile| Ok::<_, Infallible>(None);
        assert_eq!(plan.hashes(none).unwrap(), None);
    }
}
