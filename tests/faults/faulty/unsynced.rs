//! A disk that leaves out every sync.

use std::io;
use std::sync::Arc;

use bridge_journal::{Disk, DiskPlace, FolderDisk, SegmentFile};

/// A folder of which nothing is made durable.
pub(crate) struct Unsynced(pub(crate) FolderDisk);

struct UnsyncedFile(Arc<dyn SegmentFile>);

impl Disk for Unsynced {
    fn create_folder(&self, path: &str) -> io::Result<()> {
        self.0.create_folder(path)
    }

    fn create(&self, path: &str) -> io::Result<Arc<dyn SegmentFile>> {
        Ok(Arc::new(UnsyncedFile(self.0.create(path)?)))
    }

    fn open(&self, path: &str) -> io::Result<Option<Arc<dyn SegmentFile>>> {
        let file = self.0.open(path)?;
        Ok(file.map(|file| Arc::new(UnsyncedFile(file)) as Arc<dyn SegmentFile>))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.0.rename(from, to)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.0.remove(path)
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        self.0.list(folder)
    }

    fn sync_folder(&self, _folder: &str) -> io::Result<()> {
        // The fault.
        Ok(())
    }

    fn place(&self, path: &str) -> io::Result<DiskPlace> {
        self.0.place(path)
    }

    fn lock(&self) -> io::Result<Option<Box<dyn Send>>> {
        self.0.lock()
    }
}

impl SegmentFile for UnsyncedFile {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_at(bytes, offset)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buffer, offset)
    }

    fn length(&self) -> io::Result<u64> {
        self.0.length()
    }

    fn shorten(&self, length: u64) -> io::Result<()> {
        self.0.shorten(length)
    }

    fn sync(&self) -> io::Result<()> {
        // The fault.
        Ok(())
    }
}
