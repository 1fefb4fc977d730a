//! Reads a mirror from its first entry to its last and derives the tree again.

use super::{CHECKPOINT, ENTRIES, MirrorFault, path};
use crate::bytes::{Bytes, Hash, leaf_hash};
use crate::finding::FINDINGS_LIMIT;
use crate::leaf::{LEAF_LIMIT_BYTES, Leaf, LeafFault};
use crate::note::{self, LogKey, NOTE_LIMIT_BYTES};
use crate::tile::TileFault;
use crate::tree::{TILE_HASHES, TILE_WIDTH, Tree};

/// Gets files of a mirror, from a folder or from a web server.
pub trait Fetch {
    /// Reads the file at a path of at most `limit` bytes; none if it is not there.
    ///
    /// # Errors
    ///
    /// Why it can't be read, in words.
    fn fetch(&mut self, path: &str, limit: usize) -> Result<Option<Vec<u8>>, String>;
}

/// What a mirror that was found to be whole holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MirrorReport {
    /// The log's name.
    pub origin: String,
    /// Leaves under the checkpoint.
    pub leaves: u64,
    /// Root of the tree over them.
    pub root: Hash,
    /// Time of the newest leaf, Unix milliseconds.
    pub newest_ms: u64,
    /// Tile files that were compared.
    pub tiles: u64,
}

/// Checks a mirror: every leaf, every tile, and the signed root. `progress` is told how many leaves of how many were read.
///
/// # Errors
///
/// Everything that is wrong, at most [`FINDINGS_LIMIT`] and a [`MirrorFault::More`]. What hides leaves ends the reading.
///
/// Standard: C2SP tlog-tiles.
pub fn verify_mirror(
    source: &mut dyn Fetch,
    vkey: &str,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<MirrorReport, Vec<MirrorFault>> {
    let mut check = Check {
        source,
        tree: Tree::default(),
        report: MirrorReport::default(),
        faults: Vec::new(),
        left_out: 0,
    };
    if let Err(fault) = check.run(vkey, progress) {
        check.push(fault);
    }
    if check.left_out > 0 {
        let left_out = check.left_out;
        check.faults.push(MirrorFault::More { left_out });
    }
    if check.faults.is_empty() {
        Ok(check.report)
    } else {
        Err(check.faults)
    }
}

/// What was read so far.
struct Check<'a> {
    source: &'a mut dyn Fetch,
    tree: Tree,
    report: MirrorReport,
    faults: Vec<MirrorFault>,
    left_out: u64,
}

impl Check<'_> {
    fn push(&mut self, fault: MirrorFault) {
        if self.faults.len() < FINDINGS_LIMIT {
            self.faults.push(fault);
        } else {
            self.left_out = self.left_out.saturating_add(1);
        }
    }

    fn run(&mut self, vkey: &str, progress: &mut dyn FnMut(u64, u64)) -> Result<(), MirrorFault> {
        let key = LogKey::parse(vkey)?;
        let note = self.fetch(CHECKPOINT, NOTE_LIMIT_BYTES)?;
        let checkpoint = note::open(&note, &key)?;
        key.origin().clone_into(&mut self.report.origin);
        let mut done = 0;
        while done < checkpoint.size {
            let left = usize::try_from(checkpoint.size - done).unwrap_or(usize::MAX);
            self.bundle(done / TILE_WIDTH, left.min(TILE_HASHES))?;
            done = self.tree.size();
            progress(done, checkpoint.size);
        }
        // What lies under full tiles is compared as they become full; the rest stands at the right edge.
        for (level, hashes) in self.tree.edge().to_vec().into_iter().enumerate() {
            if !hashes.is_empty() {
                let number = crate::tree::full_tiles(checkpoint.size, level);
                self.tile((level, number), &hashes);
            }
        }
        self.report.leaves = self.tree.size();
        self.report.root = self.tree.root();
        if self.tree.root() != checkpoint.root {
            let size = checkpoint.size;
            return Err(MirrorFault::Root { size });
        }
        Ok(())
    }

    fn fetch(&mut self, path: &str, limit: usize) -> Result<Vec<u8>, MirrorFault> {
        let path = path.to_owned();
        match self.source.fetch(&path, limit) {
            Ok(Some(bytes)) => Ok(bytes),
            Ok(None) => Err(MirrorFault::Missing { path }),
            Err(why) => Err(MirrorFault::Unreadable { path, why }),
        }
    }

    /// Reads the first `width` entries of a file; where the log has grown since, the full file is there in its stead.
    fn entries_of(
        &mut self,
        (kind, number): (&str, u64),
        width: usize,
        limit: usize,
    ) -> Result<(String, Vec<u8>), MirrorFault> {
        let partial = path(kind, number, width);
        match self.fetch(&partial, limit) {
            Err(MirrorFault::Missing { .. }) if width < TILE_HASHES => {
                let whole = path(kind, number, TILE_HASHES);
                match self.fetch(&whole, limit) {
                    Ok(bytes) => Ok((whole, bytes)),
                    Err(MirrorFault::Missing { .. }) => Err(MirrorFault::Missing { path: partial }),
                    Err(fault) => Err(fault),
                }
            }
            read => read.map(|bytes| (partial, bytes)),
        }
    }

    /// Reads an entry bundle and adds its leaves to the tree.
    fn bundle(&mut self, number: u64, width: usize) -> Result<(), MirrorFault> {
        let (path, bytes) = self.entries_of((ENTRIES, number), width, BUNDLE_LIMIT_BYTES)?;
        let mut rest = Bytes(&bytes);
        for _ in 0..width {
            let leaf = rest.array().map(u16::from_be_bytes);
            let leaf = leaf.and_then(|length| rest.take(usize::from(length)));
            let Some(leaf) = leaf else {
                let entries = width;
                return Err(MirrorFault::Bundle { path, entries });
            };
            self.leaf(&path, leaf);
        }
        // A full bundle in the stead of a partial one has more.
        if !rest.0.is_empty() && path == super::path(ENTRIES, number, width) {
            let entries = width;
            return Err(MirrorFault::Bundle { path, entries });
        }
        Ok(())
    }

    fn leaf(&mut self, path: &str, bytes: &[u8]) {
        let index = self.tree.size();
        let before = self.report.newest_ms;
        let fault = match Leaf::parse(bytes) {
            Ok(leaf) => {
                let time = leaf.time;
                self.report.newest_ms = before.max(time);
                (time < before).then_some(LeafFault::TimeBack { time, before })
            }
            Err(fault) => Some(fault),
        };
        if let Some(fault) = fault {
            let path = path.to_owned();
            self.push(MirrorFault::Leaf { path, index, fault });
        }
        let mut full = Vec::new();
        self.tree
            .push(leaf_hash(bytes), &mut |level, number, hashes| {
                full.push(((level, number), hashes.to_vec()));
            });
        for (id, hashes) in full {
            self.tile(id, &hashes);
        }
    }

    /// Compares a tile with what the entries give.
    fn tile(&mut self, (level, number): (usize, u64), hashes: &[Hash]) {
        let read = self.entries_of((&level.to_string(), number), hashes.len(), TILE_HASHES * 32);
        let (path, found) = match read {
            Ok(found) => found,
            Err(fault) => return self.push(fault),
        };
        let whole = path == super::path(&level.to_string(), number, TILE_HASHES);
        let length = if whole {
            TILE_HASHES * 32
        } else {
            hashes.len() * 32
        };
        let (chunks, _) = found.as_chunks::<32>();
        let fault = if found.len() == length {
            TileFault::compare((level, number), hashes, chunks)
        } else {
            let length = found.len();
            Some(TileFault::Length { length })
        };
        match fault {
            Some(fault) => self.push(MirrorFault::Tile { path, fault }),
            None => self.report.tiles = self.report.tiles.saturating_add(1),
        }
    }
}

/// The largest entry bundle.
const BUNDLE_LIMIT_BYTES: usize = TILE_HASHES * (LEAF_LIMIT_BYTES + 2);
