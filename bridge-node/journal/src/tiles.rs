//! The hashes of the tree, by tile, from the first tile that isn't yet a file of its own.
//!
//! Standard: C2SP tlog-tiles.

use crate::tree::{Hash, TILE_WIDTH, hashes_at, tile_levels};

/// The tile hashes that are held in memory.
#[derive(Debug, Default)]
pub(crate) struct Tiles {
    levels: Vec<Level>,
}

/// The hashes of one level; `skipped` of them, whole tiles, are only in files.
#[derive(Debug, Default)]
struct Level {
    skipped: u64,
    hashes: Vec<Hash>,
}

/// The place of a tile: its level and its number within that level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct TileId {
    pub(crate) level: usize,
    pub(crate) number: u64,
}

impl Tiles {
    /// Starts with the incomplete tiles of a tree of `size` leaves.
    pub(crate) fn from_edge(size: u64, edge: Vec<Vec<Hash>>) -> Self {
        let levels = edge
            .into_iter()
            .enumerate()
            .map(|(level, hashes)| Level {
                skipped: whole_tiles(size, level),
                hashes,
            })
            .collect();
        Self { levels }
    }

    /// Adds the next hash of a level.
    pub(crate) fn push(&mut self, level: usize, hash: Hash) {
        while self.levels.len() <= level {
            self.levels.push(Level::default());
        }
        if let Some(level) = self.levels.get_mut(level) {
            level.hashes.push(hash);
        }
    }

    /// Returns `count` hashes of a level from number `from` on, if all of them are in memory.
    pub(crate) fn hashes(&self, level: usize, from: u64, count: usize) -> Option<&[Hash]> {
        let level = self.levels.get(level)?;
        let from = usize::try_from(from.checked_sub(level.skipped)?).ok()?;
        level.hashes.get(from..from.checked_add(count)?)
    }

    /// Returns the incomplete tile of each level of a tree of `size` leaves, lowest level first.
    ///
    /// `size` is no more than what was pushed and no less than what was forgotten.
    pub(crate) fn edge(&self, size: u64) -> Vec<Vec<Hash>> {
        (0..tile_levels(size))
            .map(|level| {
                let count = hashes_at(size, level);
                let width = usize::try_from(count % TILE_WIDTH).unwrap_or(0);
                let partial = self.hashes(level, whole_tiles(size, level), width);
                partial.unwrap_or_default().to_vec()
            })
            .collect()
    }

    /// Lists the full tiles of a tree of `size` leaves that are in memory.
    pub(crate) fn full(&self, size: u64) -> Vec<TileId> {
        let mut full = Vec::new();
        for (number, level) in self.levels.iter().enumerate() {
            let first = level.skipped / TILE_WIDTH;
            let end = hashes_at(size, number) / TILE_WIDTH;
            full.extend((first..end).map(|tile| TileId {
                level: number,
                number: tile,
            }));
        }
        full
    }

    /// Lists the full tiles that are no longer in memory.
    pub(crate) fn in_files(&self) -> Vec<TileId> {
        let tiles = |(level, held): (usize, &Level)| {
            let count = held.skipped / TILE_WIDTH;
            (0..count).map(move |number| TileId { level, number })
        };
        self.levels.iter().enumerate().flat_map(tiles).collect()
    }

    /// Drops the full tiles of a tree of `size` leaves: they are durable files now.
    pub(crate) fn forget(&mut self, size: u64) {
        for (number, level) in self.levels.iter_mut().enumerate() {
            let whole = whole_tiles(size, number);
            let gone = whole.saturating_sub(level.skipped);
            if let Ok(gone) = usize::try_from(gone)
                && gone <= level.hashes.len()
            {
                level.hashes.drain(..gone);
                level.skipped = level.skipped.max(whole);
            }
        }
    }
}

/// Returns how many hashes of a level stand in full tiles.
fn whole_tiles(size: u64, level: usize) -> u64 {
    hashes_at(size, level) / TILE_WIDTH * TILE_WIDTH
}
