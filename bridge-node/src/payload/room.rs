//! How many bytes the spooled bodies of the node, and of one peer, may take together.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use super::{PayloadError, spool};

/// The bytes set aside for spooled bodies.
#[derive(Debug, Clone)]
pub struct Room {
    folder: PathBuf,
    used: Arc<Mutex<Used>>,
    node_limit: u64,
    owner_limit: u64,
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
    node_limit: u64,
    owner_limit: u64,
}

// === impl Room ===

impl Room {
    /// A room in `folder` with limits in bytes for the node and for one owner (a peer or a caller).
    pub fn new(folder: PathBuf, node_limit: u64, owner_limit: u64) -> Self {
        Self {
            folder,
            used: Arc::default(),
            node_limit,
            owner_limit,
        }
    }

    pub(super) async fn writer(&self, owner: &str) -> Result<spool::Writer, PayloadError> {
        let reserved = Reserved {
            used: Arc::clone(&self.used),
            owner: owner.to_owned(),
            bytes: 0,
            node_limit: self.node_limit,
            owner_limit: self.owner_limit,
        };
        spool::Writer::create(self.folder.clone(), reserved).await
    }

    /// Bytes in use by the node.
    pub fn used(&self) -> u64 {
        self.used
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .node
    }
}

// === impl Reserved ===

impl Reserved {
    /// Takes more bytes.
    pub(super) fn grow(&mut self, bytes: u64) -> Result<(), PayloadError> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let owner = used
            .owners
            .get(&self.owner)
            .copied()
            .unwrap_or(0)
            .saturating_add(bytes);
        let node = used.node.saturating_add(bytes);
        if node > self.node_limit || owner > self.owner_limit {
            return Err(PayloadError::NoRoom);
        }
        used.node = node;
        used.owners.insert(self.owner.clone(), owner);
        self.bytes = self.bytes.saturating_add(bytes);
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
