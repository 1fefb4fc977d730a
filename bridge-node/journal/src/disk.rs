//! The few things the journal does to a folder, behind a trait, so that a test can fail each of them.
//!
//! What may be lost when, which every caller relies on: written bytes until [`SegmentFile::sync`]
//! returns, and the coming, going and renaming of files until [`Disk::sync_folder`] returns. A write
//! or sync that failed may have happened wholly, in part or not at all.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustix::fs::{FlockOperation, OFlags, fcntl_getfl, fcntl_setfl, flock};

use crate::tree::sha256;

mod blocks;
pub(crate) mod overlay;

pub(crate) use blocks::{BLOCK, Blocks, write_blocks};

/// A journal folder. Paths are relative to it, with `/` between parts.
pub trait Disk: Send + Sync {
    /// Makes a folder and those above it, if absent.
    ///
    /// # Errors
    ///
    /// Whatever the system says.
    fn create_folder(&self, path: &str) -> io::Result<()>;

    /// Makes an empty file, in place of one that may be there, readable by the owner alone.
    ///
    /// # Errors
    ///
    /// Whatever the system says.
    fn create(&self, path: &str) -> io::Result<Arc<dyn SegmentFile>>;

    /// Opens a file for reading and writing; `None` if there is none.
    ///
    /// # Errors
    ///
    /// Whatever the system says, except that the file is absent.
    fn open(&self, path: &str) -> io::Result<Option<Arc<dyn SegmentFile>>>;

    /// Gives a file another name, in place of one that may bear it.
    ///
    /// # Errors
    ///
    /// Whatever the system says.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file, if it is there.
    ///
    /// # Errors
    ///
    /// Whatever the system says, except that the file is absent.
    fn remove(&self, path: &str) -> io::Result<()>;

    /// Lists the names in a folder, in any order; none if the folder is absent.
    ///
    /// # Errors
    ///
    /// Whatever the system says, except that the folder is absent.
    fn list(&self, folder: &str) -> io::Result<Vec<String>>;

    /// Makes durable which files the folder holds. The empty path is the journal folder itself.
    ///
    /// # Errors
    ///
    /// Whatever the system says.
    fn sync_folder(&self, folder: &str) -> io::Result<()>;

    /// Says where a file lies. A copy of it lies elsewhere.
    ///
    /// # Errors
    ///
    /// Whatever the system says, except that the file is absent.
    fn place(&self, path: &str) -> io::Result<DiskPlace>;

    /// Takes the lock of the folder, held until the value is dropped; `None` if another holds it.
    ///
    /// # Errors
    ///
    /// Whatever the system says.
    fn lock(&self) -> io::Result<Option<Box<dyn Send>>>;
}

/// Where a file lies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DiskPlace {
    /// The machine, by a digest of its id; `unknown` if it has none.
    pub machine: String,
    /// The machine's last start; `unknown` if it doesn't say.
    pub boot: String,
    /// The file's number in its file system; 0 if the file is absent.
    pub file: u64,
}

/// A file of the journal.
pub trait SegmentFile: Send + Sync {
    /// Writes all bytes at an offset.
    ///
    /// # Errors
    ///
    /// Whatever the system says. What was written then is unknown.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Reads at an offset until the buffer is full or the file ends; returns how many bytes.
    ///
    /// # Errors
    ///
    /// Whatever the system says.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Returns the length in bytes.
    ///
    /// # Errors
    ///
    /// Whatever the system says.
    fn length(&self) -> io::Result<u64>;

    /// Cuts the file off at a length.
    ///
    /// # Errors
    ///
    /// Whatever the system says.
    fn shorten(&self, length: u64) -> io::Result<()>;

    /// Makes all that was written durable.
    ///
    /// # Errors
    ///
    /// Whatever the system says. What is durable then is unknown, also after another sync.
    fn sync(&self) -> io::Result<()>;

    /// Has what is written from now on go to the disk without a copy in the system's memory, or no longer; says whether
    /// it does. Such writes begin, end and lie in memory at multiples of 4096, or are refused.
    fn past_memory(&self, _wanted: bool) -> bool {
        false
    }
}

/// A folder of the file system.
#[derive(Debug)]
pub struct FolderDisk {
    root: PathBuf,
}

impl FolderDisk {
    /// Names the folder; it is made if absent.
    ///
    /// # Errors
    ///
    /// Whatever the system says to the making.
    pub fn new(root: &Path) -> io::Result<Self> {
        fs::create_dir_all(root)?;
        Ok(Self {
            root: root.to_owned(),
        })
    }

    fn path(&self, path: &str) -> PathBuf {
        if path.is_empty() {
            self.root.clone()
        } else {
            self.root.join(path)
        }
    }
}

impl Disk for FolderDisk {
    fn create_folder(&self, path: &str) -> io::Result<()> {
        fs::create_dir_all(self.path(path))
    }

    fn create(&self, path: &str) -> io::Result<Arc<dyn SegmentFile>> {
        let mut options = OpenOptions::new();
        options
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .mode(OWNER_ONLY);
        Ok(Arc::new(options.open(self.path(path))?))
    }

    fn open(&self, path: &str) -> io::Result<Option<Arc<dyn SegmentFile>>> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(self.path(path));
        Ok(absent_is_none(file)?.map(|file| Arc::new(file) as Arc<dyn SegmentFile>))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path(from), self.path(to))
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        absent_is_none(fs::remove_file(self.path(path))).map(|_done| ())
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let Some(entries) = absent_is_none(fs::read_dir(self.path(folder)))? else {
            return Ok(Vec::new());
        };
        entries
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect()
    }

    fn sync_folder(&self, folder: &str) -> io::Result<()> {
        File::open(self.path(folder))?.sync_all()
    }

    fn place(&self, path: &str) -> io::Result<DiskPlace> {
        let file = absent_is_none(fs::metadata(self.path(path)))?;
        let machine = fs::read_to_string("/etc/machine-id").unwrap_or_default();
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        Ok(DiskPlace {
            machine: machine_mark(machine.trim()),
            boot: or_unknown(boot.trim()),
            file: file.map_or(0, |file| file.ino()),
        })
    }

    fn lock(&self) -> io::Result<Option<Box<dyn Send>>> {
        let mut options = OpenOptions::new();
        options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(OWNER_ONLY);
        let file = options.open(self.path("lock"))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
            Err(other) => return Err(other.into()),
        }
        // For whoever is refused because of this process.
        file.set_len(0)?;
        file.write_all_at(format!("{}\n", std::process::id()).as_bytes(), 0)?;
        Ok(Some(Box::new(file)))
    }
}

impl SegmentFile for File {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..)
            && !rest.is_empty()
        {
            match std::os::unix::fs::FileExt::read_at(self, rest, offset + filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn shorten(&self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn past_memory(&self, wanted: bool) -> bool {
        let set = fcntl_getfl(self).and_then(|mut flags| {
            flags.set(OFlags::DIRECT, wanted);
            fcntl_setfl(self, flags)
        });
        // Not every file system can; then it goes through memory.
        wanted && set.is_ok()
    }
}

/// Reads a whole file; `None` if there is none.
pub(crate) fn read_whole(disk: &dyn Disk, path: &str) -> io::Result<Option<Vec<u8>>> {
    let Some(file) = disk.open(path)? else {
        return Ok(None);
    };
    read_all(&*file).map(Some)
}

/// Reads all of an open file.
pub(crate) fn read_all(file: &dyn SegmentFile) -> io::Result<Vec<u8>> {
    let length = usize::try_from(file.length()?).map_err(io::Error::other)?;
    let mut bytes = vec![0; length];
    let read = file.read_at(&mut bytes, 0)?;
    bytes.truncate(read);
    Ok(bytes)
}

/// Reads exactly `count` bytes at an offset.
pub(crate) fn read_exactly(
    file: &dyn SegmentFile,
    offset: u64,
    count: usize,
) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; count];
    if file.read_at(&mut bytes, offset)? < count {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(bytes)
}

/// Puts a whole file in place, durably: a reader finds the old one or the new one, never a part.
pub(crate) fn replace_file(
    disk: &dyn Disk,
    folder: &str,
    name: &str,
    bytes: &[u8],
) -> io::Result<()> {
    let path = join(folder, name);
    let half = format!("{path}{HALF_WRITTEN}");
    let file = disk.create(&half)?;
    file.write_at(bytes, 0)?;
    // crash here: a half-written file under a name nothing reads; the next start removes it.
    file.sync()?;
    // crash here: a whole file under a name nothing reads.
    disk.rename(&half, &path)?;
    // crash here: either name may survive; both hold what the caller may find.
    disk.sync_folder(folder)
}

/// Joins a folder and a name; the journal folder itself is the empty path.
pub(crate) fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() {
        name.to_owned()
    } else {
        format!("{folder}/{name}")
    }
}

/// What the name of a file that isn't whole yet ends with.
pub(crate) const HALF_WRITTEN: &str = ".half";

const OWNER_ONLY: u32 = 0o600;

/// The machine's id is not for files that travel: its digest does as well.
fn machine_mark(id: &str) -> String {
    if id.is_empty() {
        return or_unknown(id);
    }
    let digest = sha256(&[b"bridge-machine-v1", &[0], id.as_bytes()]);
    URL_SAFE_NO_PAD.encode(digest)
}

fn or_unknown(text: &str) -> String {
    if text.is_empty() { "unknown" } else { text }.to_owned()
}

fn absent_is_none<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
pub(crate) mod memory;
