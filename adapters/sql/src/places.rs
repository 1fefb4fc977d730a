//! Places at a database: so many calls work at once, so many wait, for so long.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bridge_adapter::{AdapterError, Until};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::limits::SqlLimits;

/// The places at one database.
#[derive(Debug)]
pub(crate) struct Places {
    permits: Arc<Semaphore>,
    waiting: AtomicU64,
    waiting_limit: u64,
    wait: Duration,
}

impl Places {
    /// Makes places for `connections` calls at once.
    pub(crate) fn new(connections: usize, limits: &SqlLimits) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(connections.max(1))),
            waiting: AtomicU64::new(0),
            waiting_limit: limits.waiting,
            wait: limits.wait,
        }
    }

    /// Takes a place, or says that the registry is busy.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the queue.
    pub(crate) async fn take(&self, until: &Until) -> Result<OwnedSemaphorePermit, AdapterError> {
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            return Ok(permit);
        }
        let _place = Waiting::enter(&self.waiting, self.waiting_limit).ok_or(AdapterError::Busy)?;
        let free = tokio::time::timeout(self.wait, Arc::clone(&self.permits).acquire_owned());
        match until.bound(free).await? {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(AdapterError::Busy),
        }
    }
}

/// A place among those who wait.
struct Waiting<'a>(&'a AtomicU64);

impl<'a> Waiting<'a> {
    fn enter(count: &'a AtomicU64, limit: u64) -> Option<Self> {
        let place = Self(count);
        (count.fetch_add(1, Ordering::AcqRel) < limit).then_some(place)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
