//! Reads leaves and evidence back, each compared with the tree.

use std::sync::Arc;

use bridge_core::leaf::Leaf;

use crate::cursor::Cursor;
use crate::disk::{SegmentFile, read_exactly};
use crate::entry::Shown;
use crate::error::{Damage, Fault, ReadError};
use crate::evidence::{Evidence, Place, RecordSecret, SealError};
use crate::frame::{FRAME_HEAD_BYTES, LeafFrame};
use crate::index::Layout;
use crate::keys::{SECRETS_HEAD_BYTES, WRAPPED_BYTES};
use crate::rows::{Row, Table};
use crate::segment::{FOLDER, Part};
use crate::shared::{Held, Sealed, Shared, Snapshot, read_error};
use crate::tiles::TileId;
use crate::tree::{Hash, TILE_WIDTH, leaf_hash};

/// One segment, open for reading.
pub(crate) struct SegmentReader<'a> {
    shared: &'a Shared,
    pub(crate) first: u64,
    pub(crate) count: u64,
    file: Arc<dyn SegmentFile>,
    lookup: Lookup<'a>,
    /// The hashes of the tile that was needed last, and its number.
    tile: Option<(u64, Vec<u8>)>,
}

/// How a segment's leaves are found.
enum Lookup<'a> {
    Held(&'a Held),
    Sealed {
        index: Arc<dyn SegmentFile>,
        layout: Layout,
    },
}

/// Most leaves are shorter: they are read with one call.
const LEAF_GUESS: usize = 1024;

impl<'a> SegmentReader<'a> {
    /// Opens a sealed segment.
    pub(crate) fn sealed(shared: &'a Shared, sealed: &Sealed) -> Result<Self, ReadError> {
        let first = sealed.row.first;
        let (index, layout) = sealed.open_index(shared)?;
        let path = Part::Segment.path(first);
        let file = shared.disk.open(&path).map_err(ReadError::disk(&path))?;
        let file = file.ok_or_else(|| Damage::new(path, Fault::Missing))?;
        let count = sealed.row.count;
        Ok(Self {
            shared,
            first,
            count,
            file,
            lookup: Lookup::Sealed { index, layout },
            tile: None,
        })
    }

    /// Opens a segment that is searched in memory.
    pub(crate) fn held(shared: &'a Shared, held: &'a Held) -> Self {
        let (file, count) = (held.file.clone(), held.rows.len() as u64);
        Self {
            shared,
            first: held.first,
            count,
            file,
            lookup: Lookup::Held(held),
            tile: None,
        }
    }

    /// Opens the segment that holds a leaf; `None` if the log has no such leaf.
    pub(crate) fn holding(
        shared: &'a Shared,
        snapshot: &'a Snapshot,
        index: u64,
    ) -> Result<Option<Self>, ReadError> {
        let has = |first: u64, count: u64| (first..first + count).contains(&index);
        let after = snapshot
            .sealed
            .partition_point(|sealed| sealed.row.first <= index);
        let sealed = after
            .checked_sub(1)
            .and_then(|before| snapshot.sealed.get(before));
        if let Some(sealed) = sealed.filter(|one| has(one.row.first, one.row.count)) {
            return Self::sealed(shared, sealed).map(Some);
        }
        let held = snapshot
            .held
            .iter()
            .find(|held| has(held.first, held.rows.len() as u64));
        Ok(held.map(|held| Self::held(shared, held)))
    }

    pub(crate) fn has(&self, index: u64) -> bool {
        (self.first..self.first + self.count).contains(&index)
    }

    /// Finds the leaves with a key, newest first. At least one key is given.
    pub(crate) fn find(&self, keys: &[(Table, crate::rows::Key)]) -> Result<Vec<u64>, ReadError> {
        match &self.lookup {
            Lookup::Held(held) => {
                let fits = |row: &Row| {
                    keys.iter()
                        .all(|(table, key)| row.key(*table) == Some(*key))
                };
                let numbered = (0..).zip(held.rows.iter());
                let mut found: Vec<u64> = numbered
                    .filter(|(_, row)| fits(row))
                    .map(|(ordinal, _)| ordinal)
                    .collect();
                found.reverse();
                Ok(found)
            }
            Lookup::Sealed { index, layout } => {
                let failed =
                    |source| read_error(&Part::Index.path(self.first), Fault::Index)(source);
                let mut shortest: Option<(Table, std::ops::Range<u64>)> = None;
                for (table, key) in keys {
                    let range = layout.range(&**index, *table, key).map_err(failed)?;
                    let length = |range: &std::ops::Range<u64>| range.end - range.start;
                    if shortest
                        .as_ref()
                        .is_none_or(|(_, best)| length(&range) < length(best))
                    {
                        shortest = Some((*table, range));
                    }
                }
                let Some((table, range)) = shortest else {
                    return Ok(Vec::new());
                };
                let ordinal = |row| layout.ordinal(&**index, table, row).map(u64::from);
                range
                    .rev()
                    .map(|row| ordinal(row).map_err(failed))
                    .collect()
            }
        }
    }

    /// Reads the bytes of a leaf and compares them with the tree.
    pub(crate) fn leaf_bytes(&mut self, ordinal: u64) -> Result<(Vec<u8>, Hash), ReadError> {
        let (leaf, hash) = self.unchecked_leaf(ordinal)?;
        let index = self.first + ordinal;
        if self.hash_in_tree(index)? != hash {
            let path = Part::Segment.path(self.first);
            return Err(Damage::new(path, Fault::LeafHash { index }).into());
        }
        Ok((leaf, hash))
    }

    /// Reads the bytes of a leaf, and hashes them.
    pub(crate) fn unchecked_leaf(&self, ordinal: u64) -> Result<(Vec<u8>, Hash), ReadError> {
        let offset = self.offset(ordinal)?;
        let path = Part::Segment.path(self.first);
        let missing = || {
            Damage::at(
                &path,
                usize::try_from(offset).unwrap_or(0),
                Fault::NotSealed,
            )
        };
        let mut front = vec![0; LEAF_GUESS];
        let read = self
            .file
            .read_at(&mut front, offset)
            .map_err(ReadError::disk(&path))?;
        front.truncate(read);
        let mut cursor = Cursor::new(front.get(FRAME_HEAD_BYTES..).unwrap_or_default());
        let length = cursor.u32().ok_or_else(missing)? as usize;
        let leaf = match cursor.take(length) {
            Some(leaf) => leaf.to_vec(),
            None if length <= bridge_core::leaf::MAX_LEAF_BYTES => {
                let at = offset + FRAME_HEAD_BYTES as u64 + 4;
                read_exactly(&*self.file, at, length)
                    .map_err(read_error(&path, Fault::NotSealed))?
            }
            None => return Err(missing().into()),
        };
        let hash = leaf_hash(&leaf);
        Ok((leaf, hash))
    }

    /// Reads a leaf.
    pub(crate) fn leaf(&mut self, ordinal: u64) -> Result<Leaf, ReadError> {
        let (bytes, _) = self.leaf_bytes(ordinal)?;
        self.parse(&bytes)
    }

    /// Reads a leaf and opens its evidence.
    pub(crate) fn shown(&mut self, ordinal: u64) -> Result<Shown, ReadError> {
        let index = self.first + ordinal;
        let (leaf_bytes, leaf_hash) = self.leaf_bytes(ordinal)?;
        let leaf = self.parse(&leaf_bytes)?;
        let evidence = match leaf.evidence {
            Some(commitment) => self.evidence(ordinal, &leaf_hash, &commitment)?,
            None => None,
        };
        Ok(Shown {
            index,
            leaf,
            leaf_bytes,
            leaf_hash,
            evidence,
        })
    }

    fn parse(&self, bytes: &[u8]) -> Result<Leaf, ReadError> {
        let path = Part::Segment.path(self.first);
        Ok(Leaf::parse(bytes).map_err(|fault| Damage::new(path, Fault::Leaf(fault)))?)
    }

    fn offset(&self, ordinal: u64) -> Result<u64, ReadError> {
        match &self.lookup {
            Lookup::Held(held) => {
                let row = usize::try_from(ordinal)
                    .ok()
                    .and_then(|at| held.rows.at(at));
                let missing = || Damage::new(Part::Segment.path(self.first), Fault::Missing);
                Ok(u64::from(row.ok_or_else(missing)?.offset))
            }
            Lookup::Sealed { index, layout } => {
                let offset = layout.offset(&**index, ordinal).map(u64::from);
                offset.map_err(read_error(&Part::Index.path(self.first), Fault::Index))
            }
        }
    }

    /// The hash of a leaf as the tree has it.
    pub(crate) fn hash_in_tree(&mut self, index: u64) -> Result<Hash, ReadError> {
        let number = index / TILE_WIDTH;
        let at = usize::try_from(index % TILE_WIDTH).unwrap_or(0);
        let in_tile = |tile: &Vec<u8>| Cursor::new(tile.get(at * 32..).unwrap_or_default()).array();
        if let Some((cached, tile)) = &self.tile
            && *cached == number
            && let Some(hash) = in_tile(tile)
        {
            return Ok(hash);
        }
        let id = TileId { level: 0, number };
        let size = self.shared.state().head.size;
        let width = size.saturating_sub(number * TILE_WIDTH).min(TILE_WIDTH);
        let tile = self.shared.tile(id, usize::try_from(width).unwrap_or(0))?;
        let missing = || Damage::new(crate::log_path::tile_path(id), Fault::Missing);
        let tile = tile.ok_or_else(missing)?;
        let hash = in_tile(&tile).ok_or_else(missing)?;
        self.tile = Some((number, tile));
        Ok(hash)
    }

    fn evidence(
        &self,
        ordinal: u64,
        leaf_hash: &Hash,
        commitment: &Hash,
    ) -> Result<Option<Evidence>, ReadError> {
        let index = self.first + ordinal;
        let path = Part::Segment.path(self.first);
        let place = Place {
            origin: self.shared.verifier.origin(),
            index,
        };
        let payload = self.payload(ordinal)?;
        let frame = LeafFrame::parse(&payload);
        let frame = frame.ok_or_else(|| Damage::new(&path, Fault::LeafHash { index }))?;
        let Some(secret) = self.secret(ordinal, frame.secret, place)? else {
            return Ok(None);
        };
        let opened = secret.open(frame.evidence, place, leaf_hash, commitment);
        let evidence =
            opened.map_err(|source| Damage::new(path, Fault::Evidence { index, source }))?;
        Ok(Some(evidence))
    }

    /// Finds a record's secret where it stands now; `None` if it was erased.
    fn secret(
        &self,
        ordinal: u64,
        in_frame: &[u8],
        place: Place<'_>,
    ) -> Result<Option<RecordSecret>, ReadError> {
        if let Lookup::Held(held) = &self.lookup {
            let secret = held.key.open_secret(in_frame, place);
            let path = Part::Segment.path(self.first);
            return Ok(Some(
                secret.map_err(|fault| Damage::new(path, Fault::Secret(fault)))?,
            ));
        }
        let path = Part::Secrets.path(self.first);
        let damage = |fault| Damage::new(&path, Fault::Secret(fault));
        let file = self
            .shared
            .disk
            .open(&path)
            .map_err(ReadError::disk(&path))?;
        let file = file.ok_or_else(|| Damage::new(&path, Fault::Missing))?;
        let short = |source| read_error(&path, Fault::Missing)(source);
        let head = read_exactly(&*file, 0, SECRETS_HEAD_BYTES).map_err(short)?;
        let of_segment = Place {
            index: self.first,
            ..place
        };
        let opened = self.shared.evidence.open_secrets_head(&head, of_segment);
        let (key, count) = opened.map_err(damage)?;
        if count != self.count {
            return Err(damage(SealError::Form).into());
        }
        let at = SECRETS_HEAD_BYTES as u64 + ordinal * WRAPPED_BYTES as u64;
        let slot = read_exactly(&*file, at, WRAPPED_BYTES).map_err(short)?;
        if slot.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        Ok(Some(key.open_secret(&slot, place).map_err(damage)?))
    }

    fn payload(&self, ordinal: u64) -> Result<Vec<u8>, ReadError> {
        let offset = self.offset(ordinal)?;
        let path = Part::Segment.path(self.first);
        let failed = |source| read_error(&path, Fault::NotSealed)(source);
        let head = read_exactly(&*self.file, offset, FRAME_HEAD_BYTES).map_err(failed)?;
        let length = Cursor::new(head.get(1..).unwrap_or_default())
            .u32()
            .unwrap_or(0);
        let rest = self.file.length().map_err(failed)?.saturating_sub(offset);
        if u64::from(length) > rest {
            return Err(failed(std::io::ErrorKind::UnexpectedEof.into()));
        }
        let at = offset + FRAME_HEAD_BYTES as u64;
        read_exactly(&*self.file, at, length as usize).map_err(failed)
    }
}

/// Reads leaves by their indexes, each compared with the tree.
pub(crate) fn leaves_at(
    shared: &Shared,
    snapshot: &Snapshot,
    indexes: &[u64],
) -> Result<Vec<Leaf>, ReadError> {
    let mut leaves = Vec::with_capacity(indexes.len());
    let mut open: Option<SegmentReader<'_>> = None;
    for index in indexes {
        let reader = match open.take().filter(|reader| reader.has(*index)) {
            Some(reader) => Some(reader),
            None => SegmentReader::holding(shared, snapshot, *index)?,
        };
        let missing = || Damage::new(FOLDER, Fault::LeafHash { index: *index });
        let mut reader = reader.ok_or_else(missing)?;
        let ordinal = *index - reader.first;
        leaves.push(reader.leaf(ordinal)?);
        open = Some(reader);
    }
    Ok(leaves)
}
