//! Leaves files: some leaves of a log, and what proves that they stand under its checkpoint.
//!
//! The whole tree stands in the file from left to right: the leaves that were chosen as they are, and what
//! lies between them as the hashes of the largest whole subtrees. So size and root can be derived again.

use crate::bytes::{Hash, node_hash};
use crate::note::{KeyFault, NoteFault};
use crate::tree::root_over;

mod read;
mod write;

pub use read::{LeavesLog, read_leaves};
pub use write::{Chosen, LeavesWriter};

/// What is wrong with a leaves file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LeavesFault {
    /// The file can't be read.
    #[error("it can't be read: {0}")]
    Unreadable(String),
    /// The file is not of the format.
    #[error("it is not a leaves file: {0} was expected")]
    Form(&'static str),
    /// The verifier key in it can't be used.
    #[error("its verifier key: {0}")]
    Key(#[from] KeyFault),
    /// It is of another log than was asked for.
    #[error(
        "it shows another verifier key than the one given: this is not the log that was asked for, or its key was replaced"
    )]
    OtherKey,
    /// The checkpoint does not hold.
    #[error("its checkpoint: {0}")]
    Note(#[from] NoteFault),
    /// A leaf is none.
    #[error("leaf {index}: {fault}")]
    Leaf {
        /// Its number in the log.
        index: u64,
        /// What is wrong.
        fault: crate::LeafFault,
    },
    /// A subtree stands where none of its height can.
    #[error("a subtree of height {height} can't stand at leaf {at}: the file was altered")]
    Place {
        /// Its height.
        height: u8,
        /// The first leaf under it.
        at: u64,
    },
    /// The leaves do not give the signed root.
    #[error(
        "its leaves and hashes give another size or root than the signed checkpoint: a leaf was altered, left out or added"
    )]
    Root,
}

/// A tree given as whole subtrees from left to right.
#[derive(Debug, Clone, Default)]
pub(crate) struct Row {
    /// Leaves so far.
    size: u64,
    /// Heights and roots of the perfect subtrees, left to right.
    peaks: Vec<(u8, Hash)>,
}

impl Row {
    /// An empty row that begins at a place in a tree.
    pub(crate) fn at(size: u64) -> Self {
        Self {
            size,
            peaks: Vec::new(),
        }
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Adds a subtree; false if none of its height can stand here.
    pub(crate) fn push(&mut self, height: u8, hash: Hash) -> bool {
        let Some(width) = 1_u64.checked_shl(u32::from(height)) else {
            return false;
        };
        let end = self.size.checked_add(width);
        let (true, Some(end)) = (self.size.is_multiple_of(width), end) else {
            return false;
        };
        self.size = end;
        let (mut height, mut hash) = (height, hash);
        // The right half of a subtree ends where the subtree does.
        while let Some((left_height, left)) = self.peaks.last()
            && *left_height == height
            && self.size.trailing_zeros() > u32::from(height)
        {
            hash = node_hash(left, &hash);
            height += 1;
            self.peaks.pop();
        }
        self.peaks.push((height, hash));
        true
    }

    /// Takes the subtrees out; the row goes on where it stands.
    pub(crate) fn take(&mut self) -> Vec<(u8, Hash)> {
        std::mem::take(&mut self.peaks)
    }

    /// The root of a row that began at 0.
    pub(crate) fn root(&self) -> Hash {
        root_over(self.peaks.iter().map(|(_, hash)| hash))
    }
}

/// The beginning of a file.
const MAGIC: &[u8] = b"bridge-leaves-v1\n";

/// No tree is higher.
const HEIGHT_LIMIT: u8 = 53;

const END: u8 = 0;
const LEAF: u8 = 1;
const SUBTREE: u8 = 2;

#[cfg(test)]
mod tests {
    use super::Row;
    use crate::bytes::leaf_hash;
    use crate::tree::Tree;
    use proptest::prelude::*;

    proptest! {
        /// However a tree is cut into whole subtrees, its root is that of its leaves.
        #[test]
        fn any_choice_of_leaves_gives_the_root(chosen in prop::collection::vec(any::<bool>(), 0..600)) {
            let mut tree = Tree::default();
            let mut whole = Row::default();
            let mut pending = Row::default();
            for (number, chosen) in (0_u64..).zip(&chosen) {
                let hash = leaf_hash(&number.to_be_bytes());
                tree.push(hash, &mut |_, _, _| {});
                if *chosen {
                    for (height, hash) in pending.take() {
                        prop_assert!(whole.push(height, hash));
                    }
                    prop_assert!(whole.push(0, hash));
                    pending = Row::at(number + 1);
                } else {
                    prop_assert!(pending.push(0, hash));
                }
            }
            for (height, hash) in pending.take() {
                prop_assert!(whole.push(height, hash));
            }
            prop_assert_eq!((whole.size(), whole.root()), (tree.size(), tree.root()));
        }
    }

    #[test]
    fn a_subtree_stands_only_where_one_of_its_height_can() {
        let mut row = Row::at(4);
        assert!(!row.push(3, [0; 32]) && !row.push(64, [0; 32]));
        assert!(row.push(2, [0; 32]));
        assert!(row.push(3, [0; 32]));
        assert_eq!(row.size(), 16);
    }
}
