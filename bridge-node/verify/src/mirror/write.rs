//! Writes a mirror of a journal into a folder that any web server can show.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{CHECKPOINT, ENTRIES, path};
use crate::Seen;
use crate::bytes::{Hash, decimal};
use crate::tree::{TILE_HASHES, TILE_HEIGHT, TILE_WIDTH, Tree, full_tiles};

/// Why a mirror can't be written.
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    /// The files can't be written.
    #[error("{path}")]
    Write {
        /// Which.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The folder holds another log, or another past of this one.
    #[error(
        "{path}: the mirror has something else there: it is of another log, or one of the two was changed"
    )]
    Other {
        /// Which file.
        path: String,
    },
    /// The journal is older than the mirror.
    #[error(
        "the mirror has {mirrored} leaves, the journal's checkpoint only {size}: the journal is older, or was cut"
    )]
    Older {
        /// Leaves of the mirror.
        mirrored: u64,
        /// Leaves of the journal's checkpoint.
        size: u64,
    },
    /// The journal has no checkpoint yet.
    #[error("no checkpoint was published yet")]
    NoCheckpoint,
}

/// Writes what [`crate::verify_each`] shows. A mirror that is there already grows; what its checkpoint covers must be the
/// same. Files beyond that are of a run that came to no end, and are replaced.
#[derive(Debug)]
pub struct MirrorWriter {
    folder: PathBuf,
    note: Vec<u8>,
    size: u64,
    /// Size and root of the tree that the mirror has.
    mirrored: (u64, String),
    tree: Tree,
    bundle: Vec<u8>,
    /// Files that may not be on the disk yet.
    written: BTreeSet<PathBuf>,
    failed: Option<MirrorError>,
}

// === impl MirrorWriter ===

impl MirrorWriter {
    /// Begins to write into a folder.
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            note: Vec::new(),
            size: 0,
            mirrored: (0, String::new()),
            tree: Tree::default(),
            bundle: Vec::new(),
            written: BTreeSet::new(),
            failed: None,
        }
    }

    /// Takes what is shown. An error is kept for [`Self::finish`].
    pub fn see(&mut self, seen: Seen<'_>) {
        if self.failed.is_some() {
            return;
        }
        let taken = match seen {
            Seen::Log { published, .. } => self.begin(published),
            Seen::Leaf {
                index, bytes, hash, ..
            } if index < self.size => self.leaf(bytes, *hash),
            Seen::Leaf { .. } => Ok(()),
        };
        self.failed = taken.err();
    }

    fn begin(&mut self, published: Option<(&[u8], u64)>) -> Result<(), MirrorError> {
        let (note, size) = published.ok_or(MirrorError::NoCheckpoint)?;
        self.note = note.to_vec();
        self.size = size;
        let held = fs::read_to_string(self.folder.join(CHECKPOINT)).unwrap_or_default();
        let mut lines = held.lines().skip(1);
        let mirrored = lines.next().and_then(|line| decimal(line.as_bytes()));
        let mirrored = mirrored.unwrap_or(0);
        self.mirrored = (mirrored, lines.next().unwrap_or_default().to_owned());
        if mirrored > size {
            return Err(MirrorError::Older { mirrored, size });
        }
        Ok(())
    }

    fn leaf(&mut self, bytes: &[u8], hash: Hash) -> Result<(), MirrorError> {
        let number = self.tree.size() / TILE_WIDTH;
        // A leaf is never longer than two bytes can say.
        let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
        self.bundle.extend_from_slice(&length.to_be_bytes());
        self.bundle.extend_from_slice(bytes);
        let mut full = Vec::new();
        self.tree.push(hash, &mut |level, number, hashes| {
            full.push((level, number, hashes.concat()));
        });
        let (size, root) = &self.mirrored;
        if self.tree.size() == *size && STANDARD.encode(self.tree.root()) != *root {
            let path = CHECKPOINT.to_owned();
            return Err(MirrorError::Other { path });
        }
        if self.tree.size().is_multiple_of(TILE_WIDTH) {
            let bundle = std::mem::take(&mut self.bundle);
            let path = path(ENTRIES, number, TILE_HASHES);
            self.keep(&path, self.tree.size(), &bundle)?;
        }
        for (level, number, bytes) in full {
            let path = path(&level.to_string(), number, TILE_HASHES);
            self.keep(&path, self.tree.size(), &bytes)?;
        }
        Ok(())
    }

    /// Writes the right edge and shows the checkpoint; returns how many leaves it covers.
    ///
    /// # Errors
    ///
    /// [`MirrorError`], also of an earlier leaf. The checkpoint that was shown before stands then.
    pub fn finish(mut self) -> Result<u64, MirrorError> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        if self.note.is_empty() {
            return Err(MirrorError::NoCheckpoint);
        }
        let width = usize::try_from(self.size % TILE_WIDTH).unwrap_or(0);
        if width > 0 {
            let bundle = std::mem::take(&mut self.bundle);
            let path = path(ENTRIES, self.size / TILE_WIDTH, width);
            self.keep(&path, self.size, &bundle)?;
        }
        for (level, hashes) in self.tree.edge().to_vec().into_iter().enumerate() {
            if !hashes.is_empty() {
                let number = full_tiles(self.size, level);
                let path = path(&level.to_string(), number, hashes.len());
                // The last leaf under the last hash of a partial tile.
                let whole = self.size >> (TILE_HEIGHT * level) << (TILE_HEIGHT * level);
                self.keep(&path, whole, &hashes.concat())?;
            }
        }
        // What the checkpoint covers is on the disk before it says so.
        self.sync()?;
        let note = std::mem::take(&mut self.note);
        self.write(CHECKPOINT, &note)?;
        self.sync()?;
        Ok(self.size)
    }

    /// Writes a file about the leaves up to `end`, or finds it to be the same.
    fn keep(&mut self, path: &str, end: u64, bytes: &[u8]) -> Result<(), MirrorError> {
        match fs::read(self.folder.join(path)) {
            Ok(held) if held == bytes => {
                // A run that came to no end may not have brought it to the disk.
                if end > self.mirrored.0 {
                    self.written.insert(self.folder.join(path));
                }
                Ok(())
            }
            Ok(_) if end <= self.mirrored.0 => Err(MirrorError::Other {
                path: path.to_owned(),
            }),
            _ => self.write(path, bytes),
        }
    }

    /// Brings what was written to the disk, and the names of it.
    fn sync(&mut self) -> Result<(), MirrorError> {
        let written = std::mem::take(&mut self.written);
        let folders = written.iter().flat_map(|path| path.ancestors().skip(1));
        let below = |folder: &&Path| folder.starts_with(&self.folder);
        let folders: BTreeSet<&Path> = folders.filter(below).collect();
        for path in written.iter().map(PathBuf::as_path).chain(folders) {
            let synced = File::open(path).and_then(|file| file.sync_all());
            synced.map_err(|source| MirrorError::Write {
                path: path.display().to_string(),
                source,
            })?;
        }
        Ok(())
    }

    /// Writes a file beside its name and renames it, so that no reader sees half of it.
    fn write(&mut self, path: &str, bytes: &[u8]) -> Result<(), MirrorError> {
        let failed = |source| MirrorError::Write {
            path: path.to_owned(),
            source,
        };
        let whole = self.folder.join(path);
        let half = self.folder.join("half");
        if let Some(folder) = whole.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        let mut file = File::create(&half).map_err(failed)?;
        file.write_all(bytes).map_err(failed)?;
        if path == CHECKPOINT {
            file.sync_all().map_err(failed)?;
        }
        fs::rename(&half, &whole).map_err(failed)?;
        self.written.insert(whole);
        Ok(())
    }
}
