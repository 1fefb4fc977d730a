//! The Merkle tree: what a new leaf makes of the root, holding only the peaks.
//!
//! A tree of any size is a row of complete subtrees, the *peaks*, highest first. Appending merges
//! peaks as a binary counter carries; nothing else of the tree has to be in memory.

use ring::digest::{Context, SHA256, digest};

/// A SHA-256 value.
pub(crate) type Hash = [u8; 32];

/// Hashes under one tile, and the width of a full one.
pub(crate) const TILE_WIDTH: u64 = 256;

/// The same as a count of hashes in memory.
pub(crate) const FULL_TILE: usize = 256;

/// How many levels of the tree one level of tiles spans.
pub(crate) const TILE_HEIGHT: u32 = 8;

/// Hashes the bytes of a leaf.
///
/// Standard: RFC 6962 §2.1.
pub(crate) fn leaf_hash(leaf: &[u8]) -> Hash {
    sha256(&[&[0], leaf])
}

/// Hashes two subtrees into the one above them.
///
/// Standard: RFC 6962 §2.1.
pub(crate) fn node_hash(left: &Hash, right: &Hash) -> Hash {
    sha256(&[&[1], left, right])
}

/// Hashes the concatenation of `parts`.
pub(crate) fn sha256(parts: &[&[u8]]) -> Hash {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(part);
    }
    to_hash(&context.finish())
}

/// Copies a finished SHA-256 digest out of its ring type.
pub(crate) fn to_hash(finished: &ring::digest::Digest) -> Hash {
    let mut hash = [0; 32];
    for (to, from) in hash.iter_mut().zip(finished.as_ref()) {
        *to = *from;
    }
    hash
}

/// A tree that can grow and say its root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tree {
    size: u64,
    peaks: Vec<Hash>,
}

impl Tree {
    /// Rebuilds a tree of `size` leaves from its incomplete tiles, lowest level first.
    ///
    /// Returns `None` if the edge doesn't have exactly the hashes a tree of that size has.
    pub(crate) fn from_edge(size: u64, edge: &[Vec<Hash>]) -> Option<Self> {
        let levels = tile_levels(size);
        if edge.len() != levels {
            return None;
        }
        let mut peaks = Vec::new();
        for (level, hashes) in edge.iter().enumerate().rev() {
            let width = usize::try_from(hashes_at(size, level) % TILE_WIDTH).ok()?;
            if hashes.len() != width {
                return None;
            }
            let mut rest = hashes.as_slice();
            for bit in (0..TILE_HEIGHT).rev() {
                let part = 1_usize << bit;
                if width & part != 0 {
                    let (subtree, behind) = rest.split_at_checked(part)?;
                    peaks.push(subtree_root(subtree)?);
                    rest = behind;
                }
            }
        }
        Some(Self { size, peaks })
    }

    /// Adds a leaf by its hash and reports every hash that takes its place in a tile by that,
    /// with the level of the tile.
    pub(crate) fn append(&mut self, leaf: Hash, mut placed: impl FnMut(usize, Hash)) {
        let mut hash = leaf;
        let mut carry = self.size;
        let mut height = 0;
        placed(0, hash);
        while carry & 1 == 1 {
            let Some(left) = self.peaks.pop() else { break };
            hash = node_hash(&left, &hash);
            carry >>= 1;
            height += 1;
            if height % TILE_HEIGHT == 0 {
                placed((height / TILE_HEIGHT) as usize, hash);
            }
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// Returns the root: of an empty tree, the hash of no bytes.
    ///
    /// Standard: RFC 6962 §2.1.
    pub(crate) fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        let Some(lowest) = peaks.next() else {
            return to_hash(&digest(&SHA256, &[]));
        };
        peaks.fold(*lowest, |right, left| node_hash(left, &right))
    }

    /// Returns the number of leaves.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }
}

/// Returns how many levels of tiles a tree of `size` leaves has.
pub(crate) fn tile_levels(size: u64) -> usize {
    (0..8)
        .take_while(|&level| hashes_at(size, level) > 0)
        .count()
}

/// Returns how many hashes the tiles of one level hold in a tree of `size` leaves.
pub(crate) fn hashes_at(size: u64, level: usize) -> u64 {
    u32::try_from(level)
        .ok()
        .and_then(|level| size.checked_shr(TILE_HEIGHT * level))
        .unwrap_or(0)
}

/// Hashes a power of two of neighbours into their subtree.
pub(crate) fn subtree_root(hashes: &[Hash]) -> Option<Hash> {
    let mut row = hashes.to_vec();
    while row.len() > 1 {
        row = row
            .chunks_exact(2)
            .filter_map(|pair| match pair {
                [left, right] => Some(node_hash(left, right)),
                _ => None,
            })
            .collect();
    }
    row.first().copied()
}

#[cfg(test)]
pub(crate) mod tests;
