//! A folder that is looked at as if it could be written: what is written stays in memory.
//!
//! So a journal that must not change any more, or not yet, is recovered by the same code as one that goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Disk, DiskPlace, FolderDisk, SegmentFile, join, read_all};

/// A folder with changes that nobody else sees.
pub(crate) struct Overlay {
    under: FolderDisk,
    /// Files made or removed since, by path.
    changed: Mutex<BTreeMap<String, Option<Arc<Memory>>>>,
}

/// A file of the folder, which is read only.
struct Under(Arc<dyn SegmentFile>);

/// A file in memory.
#[derive(Default)]
struct Memory(Mutex<Vec<u8>>);

// === impl Overlay ===

impl Overlay {
    /// Looks at a folder, which has to be there.
    pub(crate) fn new(root: &Path) -> Self {
        Self {
            under: FolderDisk {
                root: root.to_owned(),
            },
            changed: Mutex::default(),
        }
    }

    fn changed(&self) -> MutexGuard<'_, BTreeMap<String, Option<Arc<Memory>>>> {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk for Overlay {
    fn create_folder(&self, _path: &str) -> io::Result<()> {
        Ok(())
    }

    fn create(&self, path: &str) -> io::Result<Arc<dyn SegmentFile>> {
        let file = Arc::new(Memory::default());
        self.changed().insert(path.to_owned(), Some(file.clone()));
        Ok(file)
    }

    fn open(&self, path: &str) -> io::Result<Option<Arc<dyn SegmentFile>>> {
        if let Some(changed) = self.changed().get(path) {
            let file = changed.clone();
            return Ok(file.map(|file| file as Arc<dyn SegmentFile>));
        }
        let file = self.under.open(path)?;
        Ok(file.map(|file| Arc::new(Under(file)) as Arc<dyn SegmentFile>))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let file = self.open(from)?.ok_or(ErrorKind::NotFound)?;
        let bytes = read_all(&*file)?;
        let mut changed = self.changed();
        let moved = match changed.get(from).cloned().flatten() {
            Some(moved) => moved,
            None => Arc::new(Memory(Mutex::new(bytes))),
        };
        changed.insert(from.to_owned(), None);
        changed.insert(to.to_owned(), Some(moved));
        Ok(())
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.changed().insert(path.to_owned(), None);
        Ok(())
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let mut names: BTreeSet<String> = self.under.list(folder)?.into_iter().collect();
        for (path, file) in self.changed().iter() {
            let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
            if parent != folder {
                continue;
            }
            if file.is_some() {
                names.insert(name.to_owned());
            } else if join(folder, name) == *path {
                names.remove(name);
            }
        }
        Ok(names.into_iter().collect())
    }

    fn sync_folder(&self, _folder: &str) -> io::Result<()> {
        Ok(())
    }

    fn place(&self, path: &str) -> io::Result<DiskPlace> {
        self.under.place(path)
    }

    fn lock(&self) -> io::Result<Option<Box<dyn Send>>> {
        Ok(Some(Box::new(())))
    }
}

impl SegmentFile for Under {
    fn write_at(&self, _bytes: &[u8], _offset: u64) -> io::Result<()> {
        Err(ErrorKind::PermissionDenied.into())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buffer, offset)
    }

    fn length(&self) -> io::Result<u64> {
        self.0.length()
    }

    fn shorten(&self, _length: u64) -> io::Result<()> {
        Err(ErrorKind::PermissionDenied.into())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

// === impl Memory ===

impl Memory {
    fn bytes(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SegmentFile for Memory {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let end = start.saturating_add(bytes.len());
        let mut held = self.bytes();
        if held.len() < end {
            held.resize(end, 0);
        }
        if let Some(place) = held.get_mut(start..end) {
            place.copy_from_slice(bytes);
        }
        Ok(())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let held = self.bytes();
        let rest = held.get(start..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        for (to, from) in buffer.iter_mut().zip(rest) {
            *to = *from;
        }
        Ok(count)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.bytes().len() as u64)
    }

    fn shorten(&self, length: u64) -> io::Result<()> {
        let length = usize::try_from(length).map_err(io::Error::other)?;
        self.bytes().truncate(length);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}
