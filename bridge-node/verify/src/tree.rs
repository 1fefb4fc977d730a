//! The Merkle tree, kept as its right edge: what of it may still change.

use crate::bytes::{Hash, node_hash, sha256};

/// How many hashes a full tile holds.
pub(crate) const TILE_HASHES: usize = 256;

/// The same, as leaves are counted.
pub(crate) const TILE_WIDTH: u64 = 256;

/// Heights of the binary tree in one level of tiles.
pub(crate) const TILE_HEIGHT: usize = 8;

/// A tree that grows to the right; its memory does not depend on its size.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tree {
    size: u64,
    /// Roots of the perfect subtrees the size is made of, largest first.
    peaks: Vec<Hash>,
    /// Hashes of the incomplete tile of each level.
    levels: Vec<Vec<Hash>>,
}

impl Tree {
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf; `full` is told level, number and hashes of each tile that it completes.
    pub(crate) fn push(&mut self, leaf: Hash, full: &mut dyn FnMut(usize, u64, &[Hash])) {
        let (mut hash, mut height) = (leaf, 0_usize);
        self.add(0, hash, full);
        let mut rest = self.size;
        while rest & 1 == 1 {
            let Some(left) = self.peaks.pop() else { break };
            hash = node_hash(&left, &hash);
            height += 1;
            rest >>= 1;
            if height.is_multiple_of(TILE_HEIGHT) {
                self.add(height / TILE_HEIGHT, hash, full);
            }
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    fn add(&mut self, level: usize, hash: Hash, full: &mut dyn FnMut(usize, u64, &[Hash])) {
        if self.levels.len() <= level {
            self.levels.resize_with(level + 1, Vec::new);
        }
        let Some(tile) = self.levels.get_mut(level) else {
            return;
        };
        tile.push(hash);
        if tile.len() == TILE_HASHES {
            full(level, self.size >> (TILE_HEIGHT * (level + 1)), tile);
            tile.clear();
        }
    }

    /// The root of the tree.
    pub(crate) fn root(&self) -> Hash {
        root_over(self.peaks.iter())
    }

    /// Hashes of the incomplete tile of each level, down from the leaves.
    pub(crate) fn edge(&self) -> &[Vec<Hash>] {
        &self.levels
    }
}

/// The root over perfect subtrees from left to right.
///
/// Standard: RFC 6962 §2.1.
pub(crate) fn root_over<'a>(peaks: impl DoubleEndedIterator<Item = &'a Hash>) -> Hash {
    let mut peaks = peaks.rev();
    let Some(&last) = peaks.next() else {
        return sha256(&[]);
    };
    peaks.fold(last, |right, left| node_hash(left, &right))
}

/// How many full tiles a tree of `size` leaves has at `level`.
pub(crate) fn full_tiles(size: u64, level: usize) -> u64 {
    u32::try_from(TILE_HEIGHT * (level + 1))
        .ok()
        .and_then(|bits| size.checked_shr(bits))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{Tree, full_tiles};
    use crate::bytes::{Hash, leaf_hash, node_hash, sha256};

    /// The definition of RFC 6962 §2.1, word for word.
    fn defined(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => sha256(&[]),
            [one] => *one,
            _ => {
                let split = leaves.len().next_power_of_two() / 2;
                node_hash(&defined(&leaves[..split]), &defined(&leaves[split..]))
            }
        }
    }

    #[test]
    fn roots_are_those_of_the_definition() {
        let leaves: Vec<Hash> = (0..600_u32).map(|n| leaf_hash(&n.to_be_bytes())).collect();
        let mut tree = Tree::default();
        assert_eq!(tree.root(), defined(&[]));
        for (count, leaf) in leaves.iter().enumerate() {
            tree.push(*leaf, &mut |_, _, _| {});
            assert_eq!(tree.root(), defined(&leaves[..=count]), "{count}");
        }
    }

    #[test]
    fn tiles_hold_the_hashes_of_their_level() {
        let leaves: Vec<Hash> = (0..65_800_u32)
            .map(|n| leaf_hash(&n.to_be_bytes()))
            .collect();
        let mut tree = Tree::default();
        let mut seen = [0_u64; 2];
        for leaf in &leaves {
            tree.push(*leaf, &mut |level, number, hashes| {
                assert_eq!(number, seen[level]);
                let width = 256_usize.pow(u32::try_from(level).unwrap());
                let first = usize::try_from(number).unwrap() * 256 * width;
                assert_eq!(
                    hashes[255],
                    defined(&leaves[first + 255 * width..first + 256 * width])
                );
                seen[level] += 1;
            });
        }
        assert_eq!(seen, [257, 1]);
        assert_eq!(full_tiles(tree.size(), 0), 257);
        assert_eq!(full_tiles(tree.size(), 1), 1);
        assert_eq!(full_tiles(tree.size(), 9), 0);
        assert_eq!(tree.edge()[0].len(), 65_800 - 257 * 256);
        assert_eq!(tree.edge()[1].len(), 1);
    }
}
