//! Leaves in files by a keyed hash of the request id: whatever belongs together is in one.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use ring::rand::{SecureRandom as _, SystemRandom};

use super::ReconcileError;
use crate::bytes::sha256;

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
    count: usize,
    /// The files while they are written.
    files: Vec<BufWriter<File>>,
    key: [u8; 32],
    /// About the size of a file.
    part_bytes: u64,
    /// How often what is here was split before.
    depth: u8,
}

impl Parts {
    /// Makes the files for about so many bytes of leaves.
    pub(super) fn create(work: &Path, bytes: u64) -> io::Result<Self> {
        Self::of((work, bytes), PART_BYTES, 0)
    }

    fn of((work, bytes): (&Path, u64), part_bytes: u64, depth: u8) -> io::Result<Self> {
        let mut key = [0; 32];
        SystemRandom::new()
            .fill(&mut key)
            .map_err(|_unspecified| io::Error::other("no random numbers"))?;
        let name = u64::from_be_bytes(*key.first_chunk().unwrap_or(&[0; 8]));
        let folder = work.join(format!("bridge-reconcile-{name:016x}"));
        DirBuilder::new().mode(0o700).create(&folder)?;
        let count = usize::try_from(bytes / part_bytes).unwrap_or(usize::MAX);
        let mut parts = Self {
            folder,
            count: count.clamp(1, PARTS_LIMIT),
            files: Vec::new(),
            // The name shows some of the random bytes.
            key: sha256(&[b"bridge-reconcile-v1", &key]),
            part_bytes,
            depth,
        };
        for number in 0..parts.count {
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
        self.count
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
        let number = usize::try_from(number).unwrap_or(0) % self.count;
        let Some(file) = self.files.get_mut(number) else {
            return Err(io::Error::other("nothing is added once it was read"));
        };
        let source = u16::try_from(source).map_err(io::Error::other)?;
        let length = u16::try_from(leaf.len()).map_err(io::Error::other)?;
        file.write_all(id)?;
        file.write_all(&source.to_be_bytes())?;
        file.write_all(&index.to_be_bytes())?;
        file.write_all(&length.to_be_bytes())?;
        file.write_all(leaf)
    }

    /// Shows the leaves of each exchange in one file, in the order of sources and logs, and removes the file. A file that is
    /// too large for memory is split again before.
    pub(super) fn groups(
        &mut self,
        number: usize,
        each: &mut dyn FnMut(&[Record]),
    ) -> Result<(), ReconcileError> {
        for mut file in self.files.drain(..) {
            file.flush()?;
        }
        let path = self.path(number);
        let file = File::open(&path)?;
        let length = file.metadata()?.len();
        let mut file = BufReader::new(file);
        if length > self.part_bytes.saturating_mul(SPLIT_FROM) {
            // What is split a third time falls together whatever the key is.
            if self.depth >= SPLITS {
                return Err(crowded());
            }
            let mut finer = Self::of((&self.folder, length), self.part_bytes, self.depth + 1)?;
            while let Some((id, record)) = next(&mut file)? {
                finer.add(&id, (record.source, record.index), &record.leaf)?;
            }
            fs::remove_file(&path)?;
            return (0..finer.count).try_for_each(|number| finer.groups(number, each));
        }
        let mut records = Vec::new();
        while let Some(read) = next(&mut file)? {
            records.push(read);
        }
        fs::remove_file(&path)?;
        records.sort_unstable_by_key(|(id, record)| (*id, record.source, record.index));
        let (mut last, mut group) = ([0; 16], Vec::new());
        for (id, record) in records {
            if id != last && !group.is_empty() {
                each(&group);
                group.clear();
            }
            if group.len() >= GROUP_LIMIT {
                return Err(crowded());
            }
            last = id;
            group.push(record);
        }
        if !group.is_empty() {
            each(&group);
        }
        Ok(())
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        // Nothing can be done about a folder that can't be removed.
        drop(fs::remove_dir_all(&self.folder));
    }
}

fn crowded() -> ReconcileError {
    ReconcileError::Crowded { limit: GROUP_LIMIT }
}

/// Reads one leaf of a file; none at its end.
fn next(file: &mut BufReader<File>) -> io::Result<Option<([u8; 16], Record)>> {
    let mut head = [0; 28];
    match file.read_exact(&mut head) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let [id @ .., a, b, i0, i1, i2, i3, i4, i5, i6, i7, l0, l1] = head;
    let mut leaf = vec![0; usize::from(u16::from_be_bytes([l0, l1]))];
    file.read_exact(&mut leaf)?;
    let record = Record {
        source: usize::from(u16::from_be_bytes([a, b])),
        index: u64::from_be_bytes([i0, i1, i2, i3, i4, i5, i6, i7]),
        leaf,
    };
    Ok(Some((id, record)))
}

/// About the size of a file.
const PART_BYTES: u64 = 16 << 20;

/// A file of more times that size is not read into memory.
const SPLIT_FROM: u64 = 4;

/// How often a file may be split: 512 files of 512 files of 16 MiB are 4 TiB.
const SPLITS: u8 = 2;

/// The most files, each open with a buffer.
const PARTS_LIMIT: usize = 512;

const BUFFER_BYTES: usize = 32 << 10;

/// The most leaves of one request id: each time that a request is sent again, its refusal is a leaf.
const GROUP_LIMIT: usize = 65_536;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(parts: &mut Parts) -> Result<Vec<Vec<Record>>, ReconcileError> {
        let mut groups = Vec::new();
        for number in 0..parts.count() {
            parts.groups(number, &mut |group| groups.push(group.to_vec()))?;
        }
        Ok(groups)
    }

    #[test]
    fn a_file_too_large_for_memory_is_split_and_nothing_is_lost() {
        let work = tempfile::tempdir().unwrap();
        // As if the leaves were far more than was said.
        let mut parts = Parts::of((work.path(), 0), 1024, 0).unwrap();
        assert_eq!(parts.count(), 1);
        for index in 0..3000_u64 {
            let id = (u128::from(index) % 1000).to_be_bytes();
            parts
                .add(&id, (usize::from(index >= 1500), index), &[7; 100])
                .unwrap();
        }
        let folder = parts.folder.clone();
        let is_split = || {
            let mut entries = fs::read_dir(&folder).unwrap();
            entries.any(|entry| entry.unwrap().path().is_dir())
        };
        let mut groups = Vec::new();
        parts
            .groups(0, &mut |group| {
                assert!(is_split());
                groups.push(group.to_vec());
            })
            .unwrap();
        groups.sort_by_key(|group| group[0].index);
        assert_eq!(groups.len(), 1000);
        for (number, group) in (0_u64..).zip(&groups) {
            let indexes: Vec<u64> = group.iter().map(|record| record.index).collect();
            assert_eq!(indexes, [number, number + 1000, number + 2000]);
            assert!(group.iter().all(|record| record.leaf == [7; 100]));
        }
        drop(parts);
        assert_eq!(fs::read_dir(work.path()).unwrap().count(), 0);
    }

    #[test]
    fn more_leaves_of_one_request_id_than_any_exchange_has_are_refused() {
        let work = tempfile::tempdir().unwrap();
        for (leaves, length, part_bytes, taken) in [
            (65_536, 0, PART_BYTES, true),
            (65_537, 0, PART_BYTES, false),
            // Few, and so long that no file of them can be small.
            (100, 4000, 1024, false),
        ] {
            let mut parts = Parts::of((work.path(), 0), part_bytes, 0).unwrap();
            for index in 0..leaves {
                parts.add(&[1; 16], (0, index), &vec![7; length]).unwrap();
            }
            match read(&mut parts) {
                Ok(groups) => assert!(taken && groups.len() == 1),
                Err(error) => assert!(!taken && matches!(error, ReconcileError::Crowded { .. })),
            }
        }
    }
}
