//! Tiles that were lost are made anew at start: from the leaves, and from the tiles below.

use std::collections::{BTreeMap, BTreeSet};

use crate::disk::{Disk, read_exactly, replace_file};
use crate::error::{Damage, Fault, JournalError, OpenError, ReadError};
use crate::log_path::tile_path;
use crate::reader::SegmentReader;
use crate::seal::with_parents;
use crate::shared::Shared;
use crate::tiles::TileId;
use crate::tree::{FULL_TILE, Hash, TILE_WIDTH, subtree_root};

/// Makes the missing ones of the full tiles that readers look for in files.
///
/// # Errors
///
/// [`OpenError::Damaged`] if the leaves don't give the hashes that the tree has.
pub(crate) fn mend_tiles(shared: &Shared) -> Result<(), OpenError> {
    let missing = missing(shared)?;
    if missing.is_empty() {
        return Ok(());
    }
    tracing::warn!(
        tiles = missing.len(),
        "tiles are lost and made anew from the segments"
    );
    // Lowest level first: a tile is made of those below it.
    for id in &missing {
        let hashes = match id.level {
            0 => leaf_hashes(shared, id.number)?,
            level => roots_below(shared, level, id.number)?,
        };
        put_back(shared, *id, &hashes)?;
    }
    missing.iter().try_for_each(|id| check(shared, *id))
}

/// Lists the tiles that should be files and aren't.
fn missing(shared: &Shared) -> Result<BTreeSet<TileId>, OpenError> {
    let expected = shared.state().tiles.in_files();
    let mut listed: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut missing = BTreeSet::new();
    for id in expected {
        let path = tile_path(id);
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
        if !listed.contains_key(folder) {
            let names = shared.disk.list(folder).map_err(OpenError::read(folder))?;
            listed.insert(folder.to_owned(), names.into_iter().collect());
        }
        if !listed.get(folder).is_some_and(|names| names.contains(name)) {
            missing.insert(id);
        }
    }
    Ok(missing)
}

/// Hashes the leaves under a tile of level 0.
fn leaf_hashes(shared: &Shared, number: u64) -> Result<Vec<Hash>, OpenError> {
    let snapshot = shared.snapshot();
    let mut hashes = Vec::with_capacity(FULL_TILE);
    let mut open: Option<SegmentReader<'_>> = None;
    for index in number * TILE_WIDTH..(number + 1) * TILE_WIDTH {
        let reader = match open.take().filter(|reader| reader.has(index)) {
            Some(reader) => Some(reader),
            None => SegmentReader::holding(shared, &snapshot, index)?,
        };
        let lost = || Damage::new(tile_path(TileId { level: 0, number }), Fault::Leaves);
        let reader = reader.ok_or_else(lost)?;
        let (_, hash) = reader.unchecked_leaf(index - reader.first)?;
        hashes.push(hash);
        open = Some(reader);
    }
    Ok(hashes)
}

/// Reads the roots of the tiles under a tile of a higher level.
fn roots_below(shared: &Shared, level: usize, number: u64) -> Result<Vec<Hash>, OpenError> {
    let below = number * TILE_WIDTH..(number + 1) * TILE_WIDTH;
    below
        .map(|number| {
            let id = TileId {
                level: level - 1,
                number,
            };
            root_of(shared, id)
        })
        .collect()
}

fn root_of(shared: &Shared, id: TileId) -> Result<Hash, OpenError> {
    let tile = shared.tile(id, FULL_TILE)?;
    let hashes = tile.as_deref().map(|tile| tile.as_chunks().0.to_vec());
    let root = hashes.and_then(|hashes: Vec<Hash>| subtree_root(&hashes));
    Ok(root.ok_or_else(|| Damage::new(tile_path(id), Fault::Tile))?)
}

/// Puts a tile in its place at once: below the last index, nobody would notice a part of one.
fn put_back(shared: &Shared, id: TileId, hashes: &[Hash]) -> Result<(), JournalError> {
    let path = tile_path(id);
    let failed = |source| JournalError::disk("making a lost tile anew", &path)(source);
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
    shared.disk.create_folder(folder).map_err(failed)?;
    replace_file(&*shared.disk, folder, name, hashes.as_flattened()).map_err(failed)?;
    // crash here: if the folder is lost with the tile, the next start makes both again.
    let parents = with_parents(BTreeSet::from([folder.to_owned()]));
    parents
        .iter()
        .try_for_each(|folder| shared.disk.sync_folder(folder))
        .map_err(failed)
}

/// Compares a tile made anew with the tile above it; one that doesn't fit is removed again.
fn check(shared: &Shared, id: TileId) -> Result<(), OpenError> {
    let above = TileId {
        level: id.level + 1,
        number: id.number / TILE_WIDTH,
    };
    let at = id.number % TILE_WIDTH;
    let in_memory = {
        let state = shared.state();
        let hashes = state.tiles.hashes(above.level, id.number, 1);
        hashes.and_then(|hashes| hashes.first().copied())
    };
    let expected = match in_memory {
        Some(hash) => hash,
        None => in_file(&*shared.disk, above, at)?,
    };
    if root_of(shared, id)? == expected {
        return Ok(());
    }
    let path = tile_path(id);
    let removed = shared.disk.remove(&path);
    removed.map_err(JournalError::disk("removing a tile that is wrong", &path))?;
    Err(Damage::new(path, Fault::Leaves).into())
}

fn in_file(disk: &dyn Disk, id: TileId, at: u64) -> Result<Hash, OpenError> {
    let path = tile_path(id);
    let file = disk.open(&path).map_err(OpenError::read(&path))?;
    let file = file.ok_or_else(|| Damage::new(&path, Fault::Missing))?;
    let hash = read_exactly(&*file, at * 32, 32);
    let hash = hash.map_err(crate::shared::read_error(&path, Fault::Tile));
    let hash = hash.map_err(|error: ReadError| OpenError::from(error))?;
    Ok(Hash::try_from(hash).map_err(|_short| Damage::new(path, Fault::Tile))?)
}
