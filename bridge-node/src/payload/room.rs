//! How many bytes the spooled bodies of the node, and of one peer, may take together.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{PayloadError, spool};
use crate::disk::Disk;

/// The bytes set aside for spooled bodies.
#[derive(Debug, Clone)]
pub struct Room {
    folder: PathBuf,
    used: Arc<Mutex<Used>>,
    limits: Limits,
    disk: Arc<Disk>,
}

/// Bytes that spooled bodies may take.
#[derive(Debug, Clone, Copy)]
struct Limits {
    node: u64,
    owner: u64,
}

#[derive(Debug, Default)]
struct Used {
    node: u64,
    owners: HashMap<String, u64>,
}

/// Bytes taken from a [`Room`]; dropping gives them back.
#[derive(Debug)]
pub struct Reserved {
    used: Arc<Mutex<Used>>,
    owner: String,
    bytes: u64,
    limits: Limits,
    disk: Arc<Disk>,
}

// === impl Room ===

impl Room {
    /// A room in `folder` with limits in bytes for the node and for one owner (a peer or a caller); it leaves the reserve of
    /// its disk alone.
    pub fn new(folder: PathBuf, (node, owner): (u64, u64), reserve_bytes: u64) -> Self {
        Self {
            disk: Arc::new(Disk::new(folder.clone(), reserve_bytes)),
            folder,
            used: Arc::default(),
            limits: Limits { node, owner },
        }
    }

    /// Whether a body that announces its length would fit now: better said before it is sent than in its middle.
    pub(super) fn fits(&self, owner: &str, bytes: u64) -> Result<(), PayloadError> {
        self.limits.check(&self.state(), owner, (0, bytes))
    }

    pub(super) fn writer(&self, owner: &str, of_request: bool) -> spool::Writer {
        let reserved = Reserved {
            used: Arc::clone(&self.used),
            owner: owner.to_owned(),
            bytes: 0,
            limits: self.limits,
            disk: Arc::clone(&self.disk),
        };
        spool::Writer::create(self.folder.clone(), reserved, of_request)
    }

    /// Bytes in use by the node.
    pub fn used(&self) -> u64 {
        self.state().node
    }

    fn state(&self) -> MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Limits ===

impl Limits {
    /// Whether a body that has some bytes may have more.
    fn check(self, used: &Used, owner: &str, (has, more): (u64, u64)) -> Result<(), PayloadError> {
        let most = self.node.min(self.owner);
        if has.saturating_add(more) > most {
            // It would not fit if it were alone.
            return Err(PayloadError::TooLarge(most));
        }
        let taken = used.owners.get(owner).copied().unwrap_or(0);
        if taken.saturating_add(more) > self.owner {
            return Err(PayloadError::NoShare);
        }
        if used.node.saturating_add(more) > self.node {
            return Err(PayloadError::NoRoom);
        }
        Ok(())
    }
}

// === impl Reserved ===

impl Reserved {
    /// Takes more bytes.
    pub(super) fn grow(&mut self, bytes: u64) -> Result<(), PayloadError> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        self.limits.check(&used, &self.owner, (self.bytes, bytes))?;
        if !self.disk.grants(bytes) {
            return Err(PayloadError::DiskReserve);
        }
        used.node += bytes;
        *used.owners.entry(self.owner.clone()).or_default() += bytes;
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.node = used.node.saturating_sub(self.bytes);
        let left = used
            .owners
            .get(&self.owner)
            .copied()
            .unwrap_or(0)
            .saturating_sub(self.bytes);
        if left == 0 {
            used.owners.remove(&self.owner);
        } else {
            used.owners.insert(self.owner.clone(), left);
        }
    }
}
