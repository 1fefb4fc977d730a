//! Leaves in files by a keyed hash of the request id: whatever belongs together is in one.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use ring::rand::{SecureRandom as _, SystemRandom};

use super::ReconcileError;
use crate::bytes::{Bytes, sha256};

/// One leaf of an exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) source: usize,
    pub(super) index: u64,
    pub(super) leaf: Vec<u8>,
}

/// The files. They lie in a folder of their own, which goes with this value.
#[derive(Debug)]
pub(super) struct Parts {
    folder: PathBuf,
    files: Vec<BufWriter<File>>,
    key: [u8; 32],
}

impl Parts {
    /// Makes the files for about so many bytes of leaves.
    pub(super) fn create(work: &Path, bytes: u64) -> io::Result<Self> {
        let mut key = [0; 32];
        SystemRandom::new()
            .fill(&mut key)
            .map_err(|_unspecified| io::Error::other("no random numbers"))?;
        let name = u64::from_be_bytes(*key.first_chunk().unwrap_or(&[0; 8]));
        let folder = work.join(format!("bridge-reconcile-{name:016x}"));
        DirBuilder::new().mode(0o700).create(&folder)?;
        let mut parts = Self {
            folder,
            files: Vec::new(),
            // The name shows some of the random bytes.
            key: sha256(&[b"bridge-reconcile-v1", &key]),
        };
        let count = usize::try_from(bytes / PART_BYTES).unwrap_or(usize::MAX);
        for number in 0..count.clamp(1, PARTS_LIMIT) {
            let file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(parts.path(number))?;
            parts
                .files
                .push(BufWriter::with_capacity(BUFFER_BYTES, file));
        }
        Ok(parts)
    }

    pub(super) fn count(&self) -> usize {
        self.files.len()
    }

    fn path(&self, number: usize) -> PathBuf {
        self.folder.join(number.to_string())
    }

    /// Adds a leaf. Who chooses request ids can't choose where they fall.
    pub(super) fn add(
        &mut self,
        id: &[u8; 16],
        (source, index): (usize, u64),
        leaf: &[u8],
    ) -> io::Result<()> {
        let hash = sha256(&[&self.key, id]);
        let number = hash
            .first_chunk()
            .map_or(0, |first| u32::from_be_bytes(*first));
        let number = usize::try_from(number).unwrap_or(0) % self.files.len().max(1);
        let Some(file) = self.files.get_mut(number) else {
            return Ok(());
        };
        let source = u16::try_from(source).map_err(io::Error::other)?;
        let length = u16::try_from(leaf.len()).map_err(io::Error::other)?;
        file.write_all(id)?;
        file.write_all(&source.to_be_bytes())?;
        file.write_all(&index.to_be_bytes())?;
        file.write_all(&length.to_be_bytes())?;
        file.write_all(leaf)
    }

    /// The leaves of each exchange in one file, in the order of sources and logs.
    pub(super) fn groups(&mut self, number: usize) -> Result<Vec<Vec<Record>>, ReconcileError> {
        if let Some(file) = self.files.get_mut(number) {
            file.flush()?;
        }
        let path = self.path(number);
        let file = File::open(&path)?;
        if file.metadata()?.len() > PART_LIMIT_BYTES {
            let limit = PART_LIMIT_BYTES;
            return Err(ReconcileError::Crowded { limit });
        }
        let mut bytes = Vec::new();
        file.take(PART_LIMIT_BYTES).read_to_end(&mut bytes)?;
        fs::remove_file(&path)?;
        let mut records = Vec::new();
        let mut rest = Bytes(&bytes);
        while let Some((id, record)) = next(&mut rest) {
            records.push((id, record));
        }
        records.sort_unstable_by_key(|(id, record)| (*id, record.source, record.index));
        let groups = records.chunk_by(|(one, _), (other, _)| one == other);
        Ok(groups
            .map(|group| group.iter().map(|(_, record)| record.clone()).collect())
            .collect())
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        // Nothing can be done about a folder that can't be removed.
        drop(fs::remove_dir_all(&self.folder));
    }
}

/// Reads one leaf of a file.
fn next(bytes: &mut Bytes<'_>) -> Option<([u8; 16], Record)> {
    let id = bytes.array()?;
    let source = usize::from(u16::from_be_bytes(bytes.array()?));
    let index = bytes.u64()?;
    let length = usize::from(u16::from_be_bytes(bytes.array()?));
    let leaf = bytes.take(length)?.to_vec();
    Some((
        id,
        Record {
            source,
            index,
            leaf,
        },
    ))
}

/// About the size of a file: a few times as much is in memory while it is judged.
const PART_BYTES: u64 = 16 << 20;

/// The most files, each open with a buffer.
const PARTS_LIMIT: usize = 512;

const BUFFER_BYTES: usize = 32 << 10;

/// The largest file that is judged: far more than leaves of a journal of a year give.
const PART_LIMIT_BYTES: u64 = 1 << 30;
