//! A disk that says "written and durable" first, and writes a while later.
//!
//! It keeps the order of all it is told, so that a kill costs the newest bytes and nothing else.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bridge_journal::{Disk, DiskPlace, FolderDisk, SegmentFile};

/// A folder whose bytes come late.
pub(crate) struct Late {
    disk: FolderDisk,
    waiting: Arc<Waiting>,
}

struct LateFile {
    file: Arc<dyn SegmentFile>,
    waiting: Arc<Waiting>,
}

/// What was promised and is not yet written, in order.
#[derive(Default)]
struct Waiting(Mutex<VecDeque<Promise>>);

struct Promise {
    due: Instant,
    file: Arc<dyn SegmentFile>,
    bytes: Vec<u8>,
    offset: u64,
}

/// So late: an answer reaches its client sooner.
const LATE: Duration = Duration::from_millis(50);
const STEP: Duration = Duration::from_millis(5);

// === impl Late ===

impl Late {
    pub(crate) fn new(disk: FolderDisk) -> io::Result<Self> {
        let waiting = Arc::new(Waiting::default());
        let due = Arc::clone(&waiting);
        std::thread::Builder::new().spawn(move || {
            while due.write_until(Instant::now()).is_ok() {
                std::thread::sleep(STEP);
            }
        })?;
        Ok(Self { disk, waiting })
    }

    fn file(&self, file: Arc<dyn SegmentFile>) -> Arc<dyn SegmentFile> {
        let waiting = Arc::clone(&self.waiting);
        Arc::new(LateFile { file, waiting })
    }
}

// === impl Waiting ===

impl Waiting {
    fn promise(&self, promise: Promise) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push_back(promise);
    }

    /// Writes all that is due by then.
    fn write_until(&self, until: Instant) -> io::Result<()> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while waiting.front().is_some_and(|promise| promise.due <= until) {
            let Some(Promise {
                file,
                bytes,
                offset,
                ..
            }) = waiting.pop_front()
            else {
                break;
            };
            file.write_at(&bytes, offset)?;
        }
        Ok(())
    }

    /// Writes all, before anything else is done to the folder.
    fn write_all(&self) -> io::Result<()> {
        self.write_until(Instant::now() + LATE)
    }
}

impl Disk for Late {
    fn create_folder(&self, path: &str) -> io::Result<()> {
        self.waiting.write_all()?;
        self.disk.create_folder(path)
    }

    fn create(&self, path: &str) -> io::Result<Arc<dyn SegmentFile>> {
        self.waiting.write_all()?;
        Ok(self.file(self.disk.create(path)?))
    }

    fn open(&self, path: &str) -> io::Result<Option<Arc<dyn SegmentFile>>> {
        self.waiting.write_all()?;
        Ok(self.disk.open(path)?.map(|file| self.file(file)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.waiting.write_all()?;
        self.disk.rename(from, to)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.waiting.write_all()?;
        self.disk.remove(path)
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        self.disk.list(folder)
    }

    fn sync_folder(&self, folder: &str) -> io::Result<()> {
        self.waiting.write_all()?;
        self.disk.sync_folder(folder)
    }

    fn place(&self, path: &str) -> io::Result<DiskPlace> {
        self.waiting.write_all()?;
        self.disk.place(path)
    }

    fn lock(&self) -> io::Result<Option<Box<dyn Send>>> {
        self.disk.lock()
    }
}

impl SegmentFile for LateFile {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        // The fault: what comes after a batch's write, the sync and the answers, comes before it.
        self.waiting.promise(Promise {
            due: Instant::now() + LATE,
            file: Arc::clone(&self.file),
            bytes: bytes.to_vec(),
            offset,
        });
        Ok(())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.waiting.write_all()?;
        self.file.read_at(buffer, offset)
    }

    fn length(&self) -> io::Result<u64> {
        self.waiting.write_all()?;
        self.file.length()
    }

    fn shorten(&self, length: u64) -> io::Result<()> {
        self.waiting.write_all()?;
        self.file.shorten(length)
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}
