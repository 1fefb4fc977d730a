//! The handle by which the rest of the node uses its journal.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use bridge_core::leaf::{Leaf, Side, UnixMillis};
use bridge_signature::Signer;
use bytes::Bytes;
use tokio::sync::{Semaphore, oneshot};
use uuid::Uuid;

use crate::catalogue::{NoStore, SledStore, Store};
use crate::config::{JournalConfig, JournalKeys, OnFatal};
use crate::disk::{Disk, FolderDisk, replace_file};
use crate::entry::{Filter, Head, Hit, Opened, Shown, Tally};
use crate::error::{CloseError, CosignedError, OpenError, ReadError, UnfinishedError};
use crate::log_file::log_file;
use crate::note::Checkpoint;
use crate::proof::consistency;
use crate::reader::SegmentReader;
use crate::search::{each_from, each_since, search};
use crate::shared::{COSIGNED, Shared};
use crate::station::Message;

mod ending;
mod pages;
mod recording;
mod start;

pub use recording::Pending;
use start::start;
pub(crate) use start::unfinished;

/// A journal that is open. Clones are handles to the same one.
///
/// When the last handle is dropped without [`Journal::close`], the journal ends as if the process were
/// killed: nothing that was acknowledged is lost, and the next start recovers it.
#[derive(Clone)]
pub struct Journal {
    inner: Arc<Inner>,
}

/// What handles have in common.
struct Inner {
    shared: Arc<Shared>,
    vkey: String,
    inbox: SyncSender<Message>,
    places: Arc<Semaphore>,
    queue: usize,
}

impl Journal {
    /// Opens the journal in a folder, or makes it.
    ///
    /// `now` dates what is written before the first entry. `on_fatal` is called once, on the journal's
    /// thread, if a write or sync fails: the process should end then.
    ///
    /// # Errors
    ///
    /// [`OpenError::Damaged`] if the files aren't what this journal wrote: nothing was changed then, save
    /// for leftovers of a crash. [`OpenError::Locked`], [`OpenError::OtherLog`] if it is in use or not the
    /// one named; others for settings, keys and the disk.
    pub fn open(
        config: JournalConfig,
        keys: JournalKeys,
        signer: Arc<dyn Signer>,
        now: UnixMillis,
        on_fatal: OnFatal,
    ) -> Result<(Self, Opened), OpenError> {
        let disk = FolderDisk::new(&config.folder).map_err(OpenError::read(""))?;
        let cache = config.folder.join("cache");
        let store = move || SledStore::open(&cache);
        start(
            (Arc::new(disk), &store),
            config,
            keys,
            signer,
            (now, on_fatal),
        )
    }

    /// Opens the journal on a disk given, without a cache; the folder in `config` is not looked at.
    ///
    /// # Errors
    ///
    /// As [`Journal::open`].
    pub fn open_on(
        disk: Arc<dyn Disk>,
        config: JournalConfig,
        keys: JournalKeys,
        signer: Arc<dyn Signer>,
        (now, on_fatal): (UnixMillis, OnFatal),
    ) -> Result<(Self, Opened), OpenError> {
        let none = || Box::new(NoStore) as Box<dyn Store>;
        start((disk, &none), config, keys, signer, (now, on_fatal))
    }

    /// Returns the exchanges that have begun and not ended, each with the leaf that began it, oldest first.
    ///
    /// # Errors
    ///
    /// [`UnfinishedError`] if the journal has ended or its files can't be read.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn unfinished(&self) -> Result<Vec<(Uuid, Side, Leaf)>, UnfinishedError> {
        let (reply, indexes) = oneshot::channel();
        let places = self.inner.places.clone();
        let place = places.acquire_owned().await;
        let place = place.map_err(|_closed| UnfinishedError::Ended)?;
        let sent = self.inner.inbox.try_send(Message::Unfinished(reply));
        sent.map_err(|_ended| UnfinishedError::Ended)?;
        let indexes = indexes.await.map_err(|_ended| UnfinishedError::Ended)?;
        drop(place);
        let shared = self.inner.shared.clone();
        let reading = tokio::task::spawn_blocking(move || unfinished(&shared, &indexes));
        let read = reading.await.map_err(|_panic| UnfinishedError::Ended)?;
        read.map_err(UnfinishedError::Read)
    }

    /// Closes the journal: what waits is recorded, a last checkpoint is signed, the segment is sealed and
    /// the lock let go. Closing it again does nothing.
    ///
    /// # Errors
    ///
    /// [`CloseError`] if the journal has failed, before or while closing.
    ///
    /// # Cancel safety
    ///
    /// Once begun, closing goes on if the future is dropped.
    pub async fn close(&self) -> Result<(), CloseError> {
        let (reply, closed) = oneshot::channel();
        let places = self.inner.places.clone();
        if let Ok(place) = places.acquire_owned().await {
            let sent = self.inner.inbox.try_send(Message::Close(reply));
            drop(place);
            if sent.is_ok() && closed.await.is_ok() {
                return Ok(());
            }
        }
        if self.inner.shared.state().closed {
            Ok(())
        } else {
            Err(CloseError)
        }
    }

    /// What this handle shares with the station.
    pub(crate) fn shared(&self) -> &Shared {
        &self.inner.shared
    }

    /// Returns the state of the tree: durable leaves only.
    pub fn head(&self) -> Head {
        self.inner.shared.state().head
    }

    /// Returns what was done since the start, and what is held now.
    pub fn tally(&self) -> Tally {
        let free = self.inner.places.available_permits();
        let state = self.inner.shared.state();
        Tally {
            checkpoint_leaves: state
                .checkpoint
                .as_ref()
                .map_or(0, |(newest, _)| newest.size),
            sealed_segments: state.sealed.len() as u64,
            waiting: self.inner.queue.saturating_sub(free) as u64,
            ..state.tally
        }
    }

    /// Returns the log's name.
    pub fn origin(&self) -> &str {
        self.inner.shared.verifier.origin()
    }

    /// Returns the key that checks this log's checkpoints, in text form.
    ///
    /// Standard: C2SP signed-note.
    pub fn vkey(&self) -> &str {
        &self.inner.vkey
    }

    /// Returns the newest checkpoint, a signed note; `None` before the first.
    ///
    /// Standard: C2SP tlog-checkpoint.
    pub fn checkpoint(&self) -> Option<Bytes> {
        self.inner
            .shared
            .state()
            .checkpoint
            .as_ref()
            .map(|(_, note)| note.clone())
    }

    /// Returns the newest checkpoint with its note: what witnesses are asked to cosign. `None` before the first.
    pub fn signed(&self) -> Option<(Checkpoint, Bytes)> {
        self.inner.shared.state().checkpoint.clone()
    }

    /// Returns the newest checkpoint that enough witnesses have cosigned, with its note.
    pub fn cosigned(&self) -> Option<(Checkpoint, Bytes)> {
        self.inner.shared.state().cosigned.clone()
    }

    /// Keeps a checkpoint of this log with the cosignatures of enough witnesses, as the file `cosigned`; an older one
    /// than it has is not kept. Who has enough is for the caller to say.
    ///
    /// It writes a file: call it where blocking is allowed, and not twice at a time.
    ///
    /// # Errors
    ///
    /// [`CosignedError`] if the note is not a checkpoint of this log, or can't be written.
    ///
    /// Standard: C2SP tlog-cosignature.
    pub fn keep_cosigned(&self, note: Bytes) -> Result<(), CosignedError> {
        let shared = &*self.inner.shared;
        let checkpoint = shared.verifier.open(&note)?;
        let newer = |(held, _): &(Checkpoint, Bytes)| held.size < checkpoint.size;
        if !shared.state().cosigned.as_ref().is_none_or(newer) {
            return Ok(());
        }
        // crash here: the file before or this one; the witnesses are asked again for what is newer.
        replace_file(&*shared.disk, "", COSIGNED, &note).map_err(CosignedError::Write)?;
        shared.state().cosigned = Some((checkpoint, note));
        Ok(())
    }

    /// Removes the file `cosigned`: proofs are made under the newest checkpoint again.
    ///
    /// It changes a folder: call it where blocking is allowed, and not while another is kept.
    ///
    /// # Errors
    ///
    /// Whatever the system says; then it may be there again after the next start.
    pub fn drop_cosigned(&self) -> io::Result<()> {
        let shared = &*self.inner.shared;
        shared.disk.remove(COSIGNED)?;
        // crash here: it is there or not; whoever asked for this asks again.
        shared.disk.sync_folder("")?;
        shared.state().cosigned = None;
        Ok(())
    }

    /// Proves that the tree of `old` leaves is the beginning of that of `new`; `None` if the journal has not so many
    /// leaves, or `old` is not between 1 and `new`.
    ///
    /// It may read files: call it where blocking is allowed.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if files can't be read or aren't as they were written.
    ///
    /// Standard: RFC 6962 §2.1.2.
    pub fn consistency(&self, old: u64, new: u64) -> Result<Option<Vec<[u8; 32]>>, ReadError> {
        consistency(&self.inner.shared, old, new)
    }

    /// Returns what a path under `/log/` names: `checkpoint`, `tile/…` or `tile/entries/…`.
    ///
    /// `None` if the path is misspelled in any way, or names what no checkpoint covers yet.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if files can't be read or aren't as they were written.
    ///
    /// Standard: C2SP tlog-tiles.
    pub fn log_file(&self, path: &str) -> Result<Option<Bytes>, ReadError> {
        log_file(&self.inner.shared, path)
    }

    /// Finds the leaves that fit a filter, newest first. Each is compared with the tree.
    ///
    /// It reads files: call it where blocking is allowed.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if files can't be read or aren't as they were written.
    pub fn search(&self, filter: &Filter) -> Result<Vec<Hit>, ReadError> {
        search(&self.inner.shared, &self.inner.shared.snapshot(), filter)
    }

    /// Shows the records of an exchange, oldest first, with their evidence opened and checked.
    ///
    /// It reads files: call it where blocking is allowed.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if files can't be read or aren't as they were written.
    pub fn show(&self, request_id: Uuid) -> Result<Vec<Shown>, ReadError> {
        show(&self.inner.shared, request_id)
    }

    /// Shows the leaves not older than `since` with their indexes, oldest first, one at a time.
    ///
    /// It reads files: call it where blocking is allowed. Memory doesn't grow with the number of leaves.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if files can't be read or aren't as they were written; some leaves were shown then.
    pub fn each_leaf_since(
        &self,
        since: UnixMillis,
        see: &mut dyn FnMut(u64, &Leaf),
    ) -> Result<(), ReadError> {
        let shared = &*self.inner.shared;
        each_since(shared, &shared.snapshot(), since, see)
    }

    /// Shows the leaves from an index on, exactly as they stand in the log, oldest first, one at a time, until `see` breaks.
    ///
    /// It reads files: call it where blocking is allowed. Memory doesn't grow with the number of leaves.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if files can't be read or aren't as they were written; some leaves were shown then.
    pub fn each_leaf_from(
        &self,
        index: u64,
        see: &mut dyn FnMut(u64, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), ReadError> {
        let shared = &*self.inner.shared;
        each_from(shared, &shared.snapshot(), index, see)
    }
}

/// Shows the records of an exchange, oldest first.
pub(crate) fn show(shared: &Shared, request_id: Uuid) -> Result<Vec<Shown>, ReadError> {
    let snapshot = shared.snapshot();
    let filter = Filter {
        request_id: Some(request_id),
        ..Filter::default()
    };
    let mut shown = Vec::new();
    for hit in search(shared, &snapshot, &filter)?.iter().rev() {
        if let Some(mut reader) = SegmentReader::holding(shared, &snapshot, hit.index)? {
            let ordinal = hit.index - reader.first;
            shown.push(reader.shown(ordinal)?);
        }
    }
    Ok(shown)
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Journal")
            .field("vkey", &self.inner.vkey)
            .finish_non_exhaustive()
    }
}
