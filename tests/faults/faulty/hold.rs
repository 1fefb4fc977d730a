//! A disk that stands still at a moment of an exchange, so that a node can be killed exactly there.
//!
//! The file `arm` in the data folder says when: `request-sent before` (the write of a leaf of this kind), `request-sent
//! written` (its write does not return), `request-sent syncing` (its sync does not begin) or `request-sent durable` (after its sync). Then the file becomes `held`, and nothing is
//! written until that is removed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bridge_journal::{Disk, DiskPlace, FolderDisk, SegmentFile};

/// A folder whose bytes wait where they are told.
pub(crate) struct Hold {
    disk: FolderDisk,
    moment: Arc<Moment>,
}

struct HoldFile {
    file: Arc<dyn SegmentFile>,
    moment: Arc<Moment>,
    /// Whether the leaf of the moment was written, and its sync is the moment.
    syncing: AtomicBool,
    /// Whether the leaf of the moment was written and is not yet durable.
    written: AtomicBool,
}

struct Moment {
    arm: PathBuf,
    held: PathBuf,
}

const STEP: Duration = Duration::from_millis(2);

// === impl Hold ===

impl Hold {
    pub(crate) fn new(disk: FolderDisk, data: &Path) -> Self {
        let moment = Moment {
            arm: data.join("arm"),
            held: data.join("held"),
        };
        Self {
            disk,
            moment: Arc::new(moment),
        }
    }

    fn file(&self, file: Arc<dyn SegmentFile>) -> Arc<dyn SegmentFile> {
        Arc::new(HoldFile {
            file,
            moment: Arc::clone(&self.moment),
            syncing: AtomicBool::new(false),
            written: AtomicBool::new(false),
        })
    }
}

// === impl Moment ===

impl Moment {
    /// Whether the node is to stand still at this point of a write with a leaf of the kind that is armed.
    fn is_armed(&self, point: &str, bytes: &[u8]) -> bool {
        let Ok(armed) = fs::read_to_string(&self.arm) else {
            return false;
        };
        let Some((kind, at)) = armed.split_once(' ') else {
            return false;
        };
        let kind = format!("\"kind\":\"{kind}\"");
        at == point
            && bytes
                .windows(kind.len())
                .any(|part| part == kind.as_bytes())
    }

    /// Stands still.
    fn hold(&self) -> io::Result<()> {
        fs::rename(&self.arm, &self.held)?;
        while self.held.exists() {
            std::thread::sleep(STEP);
        }
        Ok(())
    }
}

impl Disk for Hold {
    fn create_folder(&self, path: &str) -> io::Result<()> {
        self.disk.create_folder(path)
    }

    fn create(&self, path: &str) -> io::Result<Arc<dyn SegmentFile>> {
        Ok(self.file(self.disk.create(path)?))
    }

    fn open(&self, path: &str) -> io::Result<Option<Arc<dyn SegmentFile>>> {
        Ok(self.disk.open(path)?.map(|file| self.file(file)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.disk.remove(path)
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        self.disk.list(folder)
    }

    fn sync_folder(&self, folder: &str) -> io::Result<()> {
        self.disk.sync_folder(folder)
    }

    fn place(&self, path: &str) -> io::Result<DiskPlace> {
        self.disk.place(path)
    }

    fn lock(&self) -> io::Result<Option<Box<dyn Send>>> {
        self.disk.lock()
    }
}

impl SegmentFile for HoldFile {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        if self.moment.is_armed("before", bytes) {
            self.moment.hold()?;
        }
        let armed = self.moment.is_armed("durable", bytes);
        let syncing = self.moment.is_armed("syncing", bytes);
        self.file.write_at(bytes, offset)?;
        if self.moment.is_armed("written", bytes) {
            self.moment.hold()?;
        }
        self.written.fetch_or(armed, Ordering::AcqRel);
        self.syncing.fetch_or(syncing, Ordering::AcqRel);
        Ok(())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    fn length(&self) -> io::Result<u64> {
        self.file.length()
    }

    fn shorten(&self, length: u64) -> io::Result<()> {
        self.file.shorten(length)
    }

    fn sync(&self) -> io::Result<()> {
        if self.syncing.swap(false, Ordering::AcqRel) {
            self.moment.hold()?;
        }
        self.file.sync()?;
        if self.written.swap(false, Ordering::AcqRel) {
            self.moment.hold()?;
        }
        Ok(())
    }
}
