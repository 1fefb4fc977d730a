//! The watermark: what stays free on a disk for ending what has begun.
//!
//! A journal that meets a full disk ends the node. Above the watermark everything goes on; below it nothing new begins, while
//! refusals, ends of exchanges and closing checkpoints still have the reserve to themselves.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The disk below a folder.
#[derive(Debug)]
pub struct Disk {
    folder: PathBuf,
    reserve_bytes: u64,
    seen: Mutex<Option<Seen>>,
}

#[derive(Debug)]
struct Seen {
    at: Instant,
    /// Free then, without what was granted since.
    free_bytes: u64,
    told: bool,
}

/// The disk is asked again after this time: one call of the system, cheap beside an exchange and not for each of them.
const LOOK_EVERY: Duration = Duration::from_millis(100);

// === impl Disk ===

impl Disk {
    /// A disk of which `reserve_bytes` stay free.
    pub fn new(folder: PathBuf, reserve_bytes: u64) -> Self {
        Self {
            folder,
            reserve_bytes,
            seen: Mutex::default(),
        }
    }

    /// Grants bytes to something new, if the reserve stays whole. A disk that cannot be asked grants nothing.
    pub fn grants(&self, bytes: u64) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let known = seen.take().filter(|seen| seen.at.elapsed() < LOOK_EVERY);
        let Some(mut known) = known.or_else(|| self.look()) else {
            return false;
        };
        let left = known.free_bytes.checked_sub(bytes);
        let granted = left.is_some_and(|left| left >= self.reserve_bytes);
        if let Some(left) = left.filter(|_| granted) {
            known.free_bytes = left;
        } else {
            known.tell(self.reserve_bytes);
        }
        *seen = Some(known);
        granted
    }

    fn look(&self) -> Option<Seen> {
        match rustix::fs::statvfs(&self.folder) {
            Ok(disk) => Some(Seen {
                at: Instant::now(),
                free_bytes: disk.f_bavail.saturating_mul(disk.f_frsize),
                told: false,
            }),
            Err(error) => {
                tracing::error!(%error, "the disk does not say how much of it is free");
                None
            }
        }
    }
}

// === impl Seen ===

impl Seen {
    /// Told to the log once for each look at the disk, however many are refused.
    fn tell(&mut self, reserve_bytes: u64) {
        if !std::mem::replace(&mut self.told, true) {
            let free_bytes = self.free_bytes;
            tracing::error!(free_bytes, reserve_bytes, "the disk is down to its reserve");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_granted_is_gone_and_the_reserve_is_not_granted() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::new(folder.path().to_owned(), 1000);
        let seen = |free_bytes| {
            let at = Instant::now() + Duration::from_mins(1);
            *disk.seen.lock().unwrap() = Some(Seen {
                at,
                free_bytes,
                told: false,
            });
        };
        seen(1500);
        assert!(disk.grants(0) && disk.grants(400) && disk.grants(100));
        assert!(!disk.grants(1), "that would be the reserve's");
        assert!(disk.grants(0));
        seen(999);
        assert!(!disk.grants(0));
    }

    #[test]
    fn a_disk_that_cannot_be_asked_grants_nothing() {
        let disk = Disk::new(PathBuf::from("/no/such/folder"), 0);
        assert!(!disk.grants(0));
        let folder = tempfile::tempdir().unwrap();
        assert!(Disk::new(folder.path().to_owned(), 0).grants(1));
        assert!(!Disk::new(folder.path().to_owned(), u64::MAX).grants(0));
    }
}
