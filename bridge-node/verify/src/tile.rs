//! Tiles on disk, compared with those derived from the leaves.

use std::path::Path;

use crate::bytes::Hash;
use crate::finding::{Finding, Findings};
use crate::folder::{self, FolderFault};
use crate::tree::TILE_HASHES;

/// What is wrong with a tile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TileFault {
    /// The file is not 256 hashes.
    #[error("it has {length} bytes, a full tile has 8192: it was cut or extended")]
    Length {
        /// Bytes of the file.
        length: usize,
    },
    /// A hash is not the one derived from the segments.
    #[error(
        "hash {entry} of the tile (of the leaves from {first} to {last}) is not the one that the segments give, \
         {wrong} of 256 differ: the tile was altered, or one of these leaves was"
    )]
    Hash {
        /// Position in the tile, from 0.
        entry: usize,
        /// First leaf under the hash.
        first: u64,
        /// Last leaf under the hash.
        last: u64,
        /// How many hashes of the tile differ.
        wrong: usize,
    },
    /// The tile is not there, though its segment is sealed.
    #[error(
        "it is missing, though the segment of its leaves is sealed: nobody can be given a proof over it"
    )]
    Missing,
    /// The tree does not have this tile.
    #[error(
        "the tree of the segments has only {tiles} full tiles at this level: leaves were removed, or the file was put here"
    )]
    Beyond {
        /// Full tiles at the level.
        tiles: u64,
    },
}

/// The path of a full tile.
///
/// Standard: C2SP tlog-tiles.
pub(crate) fn path(level: usize, number: u64) -> String {
    crate::mirror::path(&level.to_string(), number, TILE_HASHES)
}

/// Compares one derived tile with its file; true if they are the same.
pub(crate) fn check(
    folder: &Path,
    (level, number): (usize, u64),
    hashes: &[Hash],
    findings: &mut Findings,
) -> bool {
    let file = path(level, number);
    let limit = TILE_HASHES * 32;
    let found = match folder::read(folder, &file, u64::try_from(limit).unwrap_or(u64::MAX)) {
        Ok(found) => found,
        Err(FolderFault::Missing(_)) => {
            findings.push(Finding::Tile {
                file,
                fault: TileFault::Missing,
            });
            return false;
        }
        Err(fault) => {
            findings.push(Finding::Folder { file, fault });
            return false;
        }
    };
    if found.len() != limit {
        findings.push(Finding::Tile {
            file,
            fault: TileFault::Length {
                length: found.len(),
            },
        });
        return false;
    }
    let (chunks, _) = found.as_chunks::<32>();
    let Some(fault) = TileFault::compare((level, number), hashes, chunks) else {
        return true;
    };
    findings.push(Finding::Tile { file, fault });
    false
}

impl TileFault {
    /// Holds the hashes of a tile against those derived; none if they are the same.
    pub(crate) fn compare(
        (level, number): (usize, u64),
        hashes: &[Hash],
        found: &[Hash],
    ) -> Option<Self> {
        let mut differ = found
            .iter()
            .zip(hashes)
            .enumerate()
            .filter(|(_, (one, other))| one != other);
        let (entry, _) = differ.next()?;
        let wrong = differ.count() + 1;
        let width = u32::try_from(8 * level)
            .ok()
            .and_then(|bits| 1_u64.checked_shl(bits))
            .unwrap_or(0);
        let leaf = u64::try_from(entry)
            .unwrap_or(0)
            .saturating_add(number.saturating_mul(256));
        let first = leaf.saturating_mul(width);
        let last = first.saturating_add(width.saturating_sub(1));
        Some(Self::Hash {
            entry,
            first,
            last,
            wrong,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::path;

    #[test]
    fn paths_are_those_of_the_specification() {
        assert_eq!(path(0, 0), "tile/0/000");
        assert_eq!(path(2, 999), "tile/2/999");
        assert_eq!(path(0, 1000), "tile/0/x001/000");
        assert_eq!(path(1, 1_234_067), "tile/1/x001/x234/067");
    }
}
