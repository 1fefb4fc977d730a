//! What a program may keep on the disk. The kernel bounds each file and no file system the sum of them for a folder alone, so
//! the folder is weighed while the program runs; one that takes more is ended, which also frees files that have no name any more.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::time::Duration;

use crate::cage::CageSettings;

/// How often the folder is weighed.
const EVERY: Duration = Duration::from_secs(1);
/// The unit of `st_blocks`. Standard: POSIX.1-2024 §sys_stat.h.
const BLOCK_BYTES: u64 = 512;
const MIB: u64 = 1024 * 1024;

/// A folder that stays, and its bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Data {
    folder: PathBuf,
    bytes: u64,
    files: u64,
    free_bytes: u64,
}

// === impl Data ===

impl Data {
    /// The program's, if it has one.
    pub(crate) fn of(cage: &CageSettings) -> Option<Self> {
        cage.data.clone().map(|folder| Self {
            folder,
            bytes: cage.data_bytes,
            files: cage.data_files,
            free_bytes: cage.data_free_bytes,
        })
    }

    /// Waits until there is more in it than may be, or too little left beside it, and says so.
    pub(crate) async fn exceeded(&self) -> String {
        loop {
            if let Some(reason) = self.excess().await {
                return reason;
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    /// Says what is too much. What cannot be weighed is.
    pub(crate) async fn excess(&self) -> Option<String> {
        let own = self.clone();
        let weighed = tokio::task::spawn_blocking(move || own.weigh()).await;
        match weighed {
            Ok(Ok(excess)) => excess,
            Ok(Err(error)) => Some(format!("its data folder cannot be weighed: {error}")),
            Err(_ended) => Some("its data folder cannot be weighed".to_owned()),
        }
    }

    fn weigh(&self) -> io::Result<Option<String>> {
        let Some(disk) = unless_gone(rustix::fs::statvfs(&self.folder).map_err(io::Error::from))?
        else {
            return Ok(None);
        };
        if disk.f_bavail.saturating_mul(disk.f_frsize) < self.free_bytes {
            return Ok(Some(format!(
                "the disk of its data folder has less than {} MiB free: make room, or lower cage.data_free_mib",
                self.free_bytes / MIB
            )));
        }
        let (mut bytes, mut files) = (0_u64, 0_u64);
        let mut folders = vec![self.folder.clone()];
        while let Some(folder) = folders.pop() {
            for entry in unless_gone(fs::read_dir(&folder))?.into_iter().flatten() {
                let entry = entry?;
                let Some(found) = unless_gone(entry.metadata())? else {
                    continue;
                };
                files = files.saturating_add(1);
                bytes = bytes.saturating_add(size(&found));
                if found.is_dir() {
                    folders.push(entry.path());
                }
                // Not to its end: the program decides how long that would take.
                if let Some(excess) = self.judge(bytes, files) {
                    return Ok(Some(excess));
                }
            }
        }
        Ok(None)
    }

    fn judge(&self, bytes: u64, files: u64) -> Option<String> {
        if bytes > self.bytes {
            return Some(format!(
                "its data folder holds more than {} MiB: make room, or raise cage.data_mib",
                self.bytes / MIB
            ));
        }
        (files > self.files).then(|| {
            format!(
                "its data folder holds more than {} files: remove some, or raise cage.data_files",
                self.files
            )
        })
    }
}

/// What the disk spends on a file, whatever length it claims.
fn size(file: &Metadata) -> u64 {
    file.blocks().saturating_mul(BLOCK_BYTES)
}

/// The program works in the folder meanwhile: what is gone weighs nothing.
fn unless_gone<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn data(folder: PathBuf) -> Data {
        let (bytes, files, free_bytes) = (2 * MIB, 4, 0);
        Data {
            folder,
            bytes,
            files,
            free_bytes,
        }
    }

    #[tokio::test]
    async fn a_folder_is_weighed_by_what_the_disk_spends_and_never_past_a_link() {
        let place = tempfile::tempdir().unwrap();
        let path = |name: &str| place.path().join(name);
        let data = data(path("data"));
        assert_eq!(data.excess().await, None, "it is not there yet");
        fs::create_dir_all(path("data/inner")).unwrap();
        fs::write(path("large"), vec![7; 3 << 20]).unwrap();
        symlink(path("large"), path("data/link")).unwrap();
        let claims = fs::File::create(path("data/inner/claims")).unwrap();
        claims.set_len(1 << 40).unwrap();
        assert_eq!(data.excess().await, None, "a hole and a link weigh nothing");
        fs::write(path("data/inner/large"), vec![7; 3 << 20]).unwrap();
        let told = data.excess().await.unwrap();
        assert!(told.contains("more than 2 MiB"), "{told}");
        fs::write(path("data/inner/large"), "").unwrap();
        assert_eq!(data.excess().await, None);
        fs::write(path("data/fifth"), "").unwrap();
        let told = data.excess().await.unwrap();
        assert!(told.contains("more than 4 files"), "{told}");
    }

    #[tokio::test]
    async fn a_disk_without_room_beside_the_folder_is_too_much() {
        let place = tempfile::tempdir().unwrap();
        let all = Data {
            free_bytes: u64::MAX,
            ..data(place.path().to_owned())
        };
        let told = all.exceeded().await;
        assert!(told.contains("data_free_mib"), "{told}");
    }
}
