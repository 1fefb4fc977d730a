//! The handle by which the rest of the node uses its journal.

use std::sync::Arc;

use bridge_core::leaf::{Leaf, UnixMillis};
use bridge_signature::Signer;
use bytes::Bytes;
use uuid::Uuid;

use crate::config::{JournalConfig, JournalKeys, OnFatal};
use crate::entry::{Entry, Filter, Head, Hit, Opened, Receipt, Shown};
use crate::error::{CloseError, OpenError, ReadError, RecordError};

/// A journal that is open. Clones are handles to the same one.
#[derive(Clone, Debug)]
pub struct Journal {}

#[expect(
    clippy::todo,
    clippy::unused_async,
    unused_variables,
    reason = "only the shape so far"
)]
impl Journal {
    /// Opens or makes the journal in a folder.
    ///
    /// # Errors
    ///
    /// See [`OpenError`].
    pub fn open(
        config: JournalConfig,
        keys: JournalKeys,
        signer: Arc<dyn Signer>,
        now: UnixMillis,
        on_fatal: OnFatal,
    ) -> Result<(Self, Opened), OpenError> {
        todo!()
    }

    /// Records an entry.
    ///
    /// # Errors
    ///
    /// See [`RecordError`].
    pub async fn record(&self, entry: Entry) -> Result<Receipt, RecordError> {
        todo!()
    }

    /// Closes the journal.
    ///
    /// # Errors
    ///
    /// [`CloseError`] if the journal had failed.
    pub async fn close(&self) -> Result<(), CloseError> {
        todo!()
    }

    /// Returns the state of the tree.
    pub fn head(&self) -> Head {
        todo!()
    }

    /// Returns the log's name.
    pub fn origin(&self) -> &str {
        todo!()
    }

    /// Returns the key that checks this log's checkpoints, in text form.
    pub fn vkey(&self) -> &str {
        todo!()
    }

    /// Returns the newest checkpoint.
    pub fn checkpoint(&self) -> Option<Bytes> {
        todo!()
    }

    /// Returns what a path under `/log/` names.
    ///
    /// # Errors
    ///
    /// See [`ReadError`].
    pub fn log_file(&self, path: &str) -> Result<Option<Bytes>, ReadError> {
        todo!()
    }

    /// Finds leaves.
    ///
    /// # Errors
    ///
    /// See [`ReadError`].
    pub fn search(&self, filter: &Filter) -> Result<Vec<Hit>, ReadError> {
        todo!()
    }

    /// Shows the records of an exchange.
    ///
    /// # Errors
    ///
    /// See [`ReadError`].
    pub fn show(&self, request_id: Uuid) -> Result<Vec<Shown>, ReadError> {
        todo!()
    }

    /// Returns the leaves not older than `since`.
    ///
    /// # Errors
    ///
    /// See [`ReadError`].
    pub fn leaves_since(&self, since: UnixMillis) -> Result<Vec<(u64, Leaf)>, ReadError> {
        todo!()
    }
}
