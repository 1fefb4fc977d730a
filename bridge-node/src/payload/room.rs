//! How many bytes the spooled bodies of the node, and of one peer, may take together.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{PayloadError, spool};
use crate::disk::Disk;

/// What one body may have in memory: one of 10 MB is held whole, and one of a gibibyte adds no more than this to its pieces under way.
const HELD_OF_ONE: u64 = 10 * 1024 * 1024;

/// The bytes set aside for spooled bodies.
#[derive(Debug, Clone)]
pub struct Room {
    folder: PathBuf,
    used: Arc<Mutex<Used>>,
    limits: RoomLimits,
    disk: Arc<Disk>,
}

/// Bytes that spooled bodies may take.
#[derive(Debug, Clone, Copy)]
pub struct RoomLimits {
    /// All of the node.
    pub node: u64,
    /// Those of one owner: a peer or a caller.
    pub owner: u64,
    /// All of the node, in memory.
    pub memory: u64,
}

#[derive(Debug, Default)]
struct Used {
    node: u64,
    /// Of these, in memory.
    held: u64,
    owners: HashMap<String, u64>,
}

/// Bytes taken from a [`Room`]; dropping gives them back.
#[derive(Debug)]
pub struct Reserved {
    used: Arc<Mutex<Used>>,
    owner: String,
    bytes: u64,
    /// Of these, in memory.
    held: u64,
    limits: RoomLimits,
    disk: Arc<Disk>,
}

// === impl Room ===

impl Room {
    /// A room in `folder`; it leaves the reserve of its disk alone.
    pub fn new(folder: PathBuf, limits: RoomLimits, reserve_bytes: u64) -> Self {
        Self {
            disk: Arc::new(Disk::new(folder.clone(), reserve_bytes)),
            folder,
            used: Arc::default(),
            limits,
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
            held: 0,
            limits: self.limits,
            disk: Arc::clone(&self.disk),
        };
        spool::Writer::new(self.folder.clone(), reserved, of_request)
    }

    /// Bytes in use by the node.
    pub fn used(&self) -> u64 {
        self.state().node
    }

    fn state(&self) -> MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl RoomLimits ===

impl RoomLimits {
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
    /// Takes more bytes of the disk.
    pub(super) fn grow(&mut self, bytes: u64) -> Result<(), PayloadError> {
        let used = Arc::clone(&self.used);
        let mut used = used.lock().unwrap_or_else(PoisonError::into_inner);
        self.limits.check(&used, &self.owner, (self.bytes, bytes))?;
        if !self.disk.grants(bytes) {
            return Err(PayloadError::DiskReserve);
        }
        self.take(&mut used, bytes);
        Ok(())
    }

    /// Takes more bytes of memory; false if there are none for this body now.
    pub(super) fn hold(&mut self, bytes: u64) -> Result<bool, PayloadError> {
        let used = Arc::clone(&self.used);
        let mut used = used.lock().unwrap_or_else(PoisonError::into_inner);
        self.limits.check(&used, &self.owner, (self.bytes, bytes))?;
        if self.held + bytes > HELD_OF_ONE || used.held + bytes > self.limits.memory {
            return Ok(false);
        }
        self.take(&mut used, bytes);
        self.held += bytes;
        used.held += bytes;
        Ok(true)
    }

    fn take(&mut self, used: &mut Used, bytes: u64) {
        used.node += bytes;
        *used.owners.entry(self.owner.clone()).or_default() += bytes;
        self.bytes += bytes;
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.node = used.node.saturating_sub(self.bytes);
        used.held = used.held.saturating_sub(self.held);
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
