//! What a program may keep on the disk. The kernel bounds each file and no file system the sum of them for a folder alone, so
//! the folder is weighed while the program runs; one that takes more is ended, which also frees files that have no name any more.

use std::ffi::CStr;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;
use std::time::Duration;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, fstatvfs, open, openat, statat};
use rustix::io::Errno;

use crate::cage::CageSettings;
use crate::limits::DATA_LEVELS;

/// How often the folder is weighed.
const EVERY: Duration = Duration::from_secs(1);
/// The unit of `st_blocks`. Standard: POSIX.1-2024 §sys_stat.h.
const BLOCK_BYTES: u64 = 512;
const MIB: u64 = 1024 * 1024;
/// A folder itself, to read its list; never what a link leads to.
const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

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

    /// By descriptors, from folder to folder: whatever the program puts in a folder's place meanwhile, nothing outside is looked
    /// at. It costs a look at each file that there may be, and a descriptor for each level.
    fn weigh(&self) -> io::Result<Option<String>> {
        let Some(root) = unless_gone(open(&self.folder, FOLDER, Mode::empty()))? else {
            return Ok(None);
        };
        let disk = fstatvfs(&root)?;
        if disk.f_bavail.saturating_mul(disk.f_frsize) < self.free_bytes {
            return Ok(Some(format!(
                "the disk that its data folder lies on has less than {} MiB free, whoever took it: make room, or lower cage.data_free_mib",
                self.free_bytes / MIB
            )));
        }
        let (mut bytes, mut files) = (0_u64, 0_u64);
        let mut open = vec![Dir::new(root)?];
        while let Some(folder) = open.last_mut() {
            let Some(entry) = folder.read() else {
                open.pop();
                continue;
            };
            let entry = entry?;
            if matches!(entry.file_name().to_bytes(), b"." | b"..") {
                continue;
            }
            let (found, inner) = look(folder.fd()?, entry.file_name())?;
            files = files.saturating_add(1);
            bytes = bytes.saturating_add(found);
            open.extend(inner);
            // Not to its end: the program decides how long that would take.
            if let Some(excess) = self.judge(bytes, files, open.len().saturating_sub(1)) {
                return Ok(Some(excess));
            }
        }
        Ok(None)
    }

    fn judge(&self, bytes: u64, files: u64, levels: usize) -> Option<String> {
        if bytes > self.bytes {
            return Some(format!(
                "its data folder holds more than {} MiB: make room, or raise cage.data_mib",
                self.bytes / MIB
            ));
        }
        if files > self.files {
            return Some(format!(
                "its data folder holds more than {} files: remove some, or raise cage.data_files",
                self.files
            ));
        }
        (levels > DATA_LEVELS)
            .then(|| format!("its data folder has folders more than {DATA_LEVELS} deep"))
    }
}

/// What the disk spends on a file, whatever length it claims; and a folder itself, to look into.
fn look(folder: BorrowedFd<'_>, name: &CStr) -> io::Result<(u64, Option<Dir>)> {
    let Some(found) = unless_gone(statat(folder, name, AtFlags::SYMLINK_NOFOLLOW))? else {
        return Ok((0, None));
    };
    let bytes = u64::try_from(found.st_blocks)
        .unwrap_or(0)
        .saturating_mul(BLOCK_BYTES);
    if FileType::from_raw_mode(found.st_mode) != FileType::Directory {
        return Ok((bytes, None));
    }
    let inner = unless_gone(openat(folder, name, FOLDER, Mode::empty()))?;
    Ok((bytes, inner.map(Dir::new).transpose()?))
}

/// The program works in the folder meanwhile: what is gone, or no folder any more, is weighed the next time.
fn unless_gone<T>(result: Result<T, Errno>) -> io::Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::sync::atomic::{AtomicBool, Ordering};

    use rustix::fs::{CWD, RenameFlags, renameat_with};

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

    #[tokio::test]
    async fn a_folder_that_becomes_a_link_while_it_is_weighed_leads_nowhere() {
        let place = tempfile::tempdir().unwrap();
        let path = |name: &str| place.path().join(name);
        for folder in ["outside", "data/inner"] {
            fs::create_dir_all(path(folder)).unwrap();
        }
        // One file in itself too much: whoever weighs it has been outside.
        fs::write(path("outside/large"), vec![7; 3 << 20]).unwrap();
        symlink(path("outside"), path("link")).unwrap();
        let over = AtomicBool::new(false);
        let data = data(path("data"));
        let swap = || {
            while !over.load(Ordering::Relaxed) {
                let (link, inner) = (path("link"), path("data/inner"));
                renameat_with(CWD, link, CWD, inner, RenameFlags::EXCHANGE).unwrap();
            }
        };
        std::thread::scope(|threads| {
            threads.spawn(swap);
            let told: Vec<_> = (0..20_000).map(|_| data.weigh()).collect();
            over.store(true, Ordering::Relaxed);
            assert!(told.iter().all(|told| matches!(told, Ok(None))));
        });
    }

    #[tokio::test]
    async fn folders_that_are_too_deep_are_too_much() {
        let place = tempfile::tempdir().unwrap();
        let data = Data {
            files: 1000,
            ..data(place.path().to_owned())
        };
        let inner = |levels| place.path().join("a/".repeat(levels));
        fs::create_dir_all(inner(DATA_LEVELS)).unwrap();
        assert_eq!(data.excess().await, None);
        fs::create_dir_all(inner(DATA_LEVELS + 1)).unwrap();
        let told = data.excess().await.unwrap();
        assert!(told.contains("deep"), "{told}");
    }
}
