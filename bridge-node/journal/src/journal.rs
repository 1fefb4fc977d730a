//! The handle by which the rest of the node uses its journal.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Instant;

use bridge_core::leaf::{Leaf, UnixMillis};
use bridge_signature::Signer;
use bytes::Bytes;
use ring::rand::SystemRandom;
use tokio::sync::{Semaphore, oneshot};
use uuid::Uuid;

use crate::catalogue::{NoStore, SledStore, Store};
use crate::config::{JournalConfig, JournalKeys, OnFatal};
use crate::disk::{Disk, FolderDisk};
use crate::entry::{Entry, Filter, Head, Hit, Opened, Receipt, Shown};
use crate::error::{CloseError, Damage, Fault, JournalError, OpenError, ReadError, RecordError};
use crate::keeper::Keeper;
use crate::log_file::log_file;
use crate::note::NoteKey;
use crate::reader::{SegmentReader, leaf_at};
use crate::recovery::{Ground, Recovered, recover};
use crate::search::search;
use crate::shared::Shared;
use crate::station::{Batch, Job, Message, Station};

/// A journal that is open. Clones are handles to the same one.
///
/// When the last handle is dropped without [`Journal::close`], the journal ends as if the process were
/// killed: nothing that was acknowledged is lost, and the next start recovers it.
#[derive(Clone)]
pub struct Journal {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    vkey: String,
    inbox: SyncSender<Message>,
    places: Arc<Semaphore>,
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
        Self::open_with(
            (Arc::new(disk), &store),
            &config,
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
        config: &JournalConfig,
        keys: JournalKeys,
        signer: Arc<dyn Signer>,
        (now, on_fatal): (UnixMillis, OnFatal),
    ) -> Result<(Self, Opened), OpenError> {
        let none = || Box::new(NoStore) as Box<dyn Store>;
        Self::open_with((disk, &none), config, keys, signer, (now, on_fatal))
    }

    fn open_with(
        (disk, store): (Arc<dyn Disk>, &dyn Fn() -> Box<dyn Store>),
        config: &JournalConfig,
        keys: JournalKeys,
        signer: Arc<dyn Signer>,
        (now, on_fatal): (UnixMillis, OnFatal),
    ) -> Result<(Self, Opened), OpenError> {
        config.check()?;
        let note_key =
            NoteKey::new(&config.origin, &keys.checkpoint_pkcs8).map_err(OpenError::Key)?;
        let ground = Ground {
            disk,
            store,
            verifier: note_key.verifier().clone(),
            evidence: keys.evidence,
            segment_bytes: config.segment_bytes,
            now,
        };
        let Recovered {
            shared,
            open,
            progress,
            signed_size,
            without_leaf,
            to_show,
            cut_bytes,
            first_start,
            lock,
        } = recover(ground)?;
        let unfinished = unfinished(&shared, &progress.unfinished.indexes())?;
        let keeper =
            Keeper::start(shared.clone(), config.segment_bytes).map_err(OpenError::Thread)?;
        let mut station = Station {
            shared: shared.clone(),
            signer,
            note_key,
            segment_bytes: config.segment_bytes,
            checkpoint_every: config.checkpoint_every,
            keeper,
            open,
            tree: progress.tree,
            last_commit: progress.last_commit,
            newest_ms: progress.newest_ms,
            unfinished: progress.unfinished,
            signed_size,
            batch: Batch::default(),
            spare: None,
            sealing: false,
            due: None::<Instant>,
            random: SystemRandom::new(),
        };
        station.begin(&without_leaf, to_show, now)?;
        // One place more than entries can wait: for the word that nothing more will come.
        let (inbox, messages) = sync_channel(config.queue.saturating_add(1));
        let places = Arc::new(Semaphore::new(config.queue.min(Semaphore::MAX_PERMITS)));
        let ending = Ending {
            shared: shared.clone(),
            places: places.clone(),
            on_fatal,
            lock,
        };
        std::thread::Builder::new()
            .name("journal-station".to_owned())
            .spawn(move || ending.run(station, messages))
            .map_err(OpenError::Thread)?;
        let vkey = shared.verifier.vkey();
        let journal = Self {
            inner: Arc::new(Inner {
                shared,
                vkey,
                inbox,
                places,
            }),
        };
        Ok((
            journal,
            Opened {
                unfinished,
                cut_bytes,
                first_start,
            },
        ))
    }

    /// Records an entry: signs its message if asked, appends it, and returns when it is durable.
    ///
    /// The leaf's time becomes that of the newest leaf if it was lower.
    ///
    /// # Errors
    ///
    /// [`RecordError::Stopped`] after a failure or closing; [`RecordError::Unknown`] if the journal
    /// failed with the entry in its hands; any other for an entry that can't be recorded, which
    /// concerns no other entry.
    ///
    /// # Cancel safety
    ///
    /// Dropped before the first suspension ends, nothing is recorded. Later the entry is recorded all
    /// the same, and its receipt is lost.
    pub async fn record(&self, entry: Entry) -> Result<Receipt, RecordError> {
        let places = self.inner.places.clone();
        let place = places
            .acquire_owned()
            .await
            .map_err(|_closed| RecordError::Stopped)?;
        let (reply, outcome) = oneshot::channel();
        let job = Message::Record(Box::new(Job {
            entry,
            reply,
            place,
        }));
        self.inner
            .inbox
            .try_send(job)
            .map_err(|_ended| RecordError::Stopped)?;
        outcome.await.map_err(|_dropped| RecordError::Unknown)?
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

    /// Returns the state of the tree: durable leaves only.
    pub fn head(&self) -> Head {
        self.inner.shared.state().head
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
        let shared = &*self.inner.shared;
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

    /// Returns the leaves not older than `since` with their indexes, oldest first.
    ///
    /// It reads files: call it where blocking is allowed.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if files can't be read or aren't as they were written.
    pub fn leaves_since(&self, since: UnixMillis) -> Result<Vec<(u64, Leaf)>, ReadError> {
        let filter = Filter {
            from: Some(since),
            ..Filter::default()
        };
        let hits = self.search(&filter)?;
        Ok(hits
            .into_iter()
            .rev()
            .map(|hit| (hit.index, hit.leaf))
            .collect())
    }
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Journal")
            .field("vkey", &self.inner.vkey)
            .finish_non_exhaustive()
    }
}

/// What is done when the station ends, in whatever way.
struct Ending {
    shared: Arc<Shared>,
    places: Arc<Semaphore>,
    on_fatal: OnFatal,
    lock: Box<dyn Send>,
}

impl Ending {
    fn run(self, mut station: Station, messages: Receiver<Message>) {
        let ran = catch_unwind(AssertUnwindSafe(|| {
            let closing = station.run(&messages)?;
            if closing.is_some() {
                station.finish()?;
            }
            Ok(closing)
        }));
        let ended = JournalError::Ended { thread: "station" };
        let outcome = ran.unwrap_or(Err(ended));
        self.places.close();
        match outcome {
            Ok(closing) => {
                refuse(&messages);
                drop(station);
                self.shared.state().closed = closing.is_some();
                drop(self.lock);
                if let Some(reply) = closing
                    && reply.send(()).is_err()
                {
                    tracing::debug!("nobody waits for the closing any more");
                }
            }
            Err(error) => {
                tracing::error!(%error, "the journal has failed");
                (self.on_fatal)(&error);
                refuse(&messages);
                // Those in its hands learn that their outcome is unknown; its keeper ends before the lock
                // is let go.
                drop(station);
                drop(self.lock);
            }
        }
    }
}

/// Tells those in the queue that their entries were not accepted.
fn refuse(messages: &Receiver<Message>) {
    while let Ok(message) = messages.try_recv() {
        if let Message::Record(job) = message
            && job.reply.send(Err(RecordError::Stopped)).is_err()
        {
            tracing::debug!("nobody waits for a receipt any more");
        }
    }
}

/// Reads the leaves that began what never ended.
fn unfinished(
    shared: &Shared,
    indexes: &[u64],
) -> Result<Vec<(Uuid, bridge_core::leaf::Side, Leaf)>, ReadError> {
    let snapshot = shared.snapshot();
    let mut begun = Vec::with_capacity(indexes.len());
    for index in indexes {
        let bytes = leaf_at(shared, &snapshot, *index)?;
        let damage = |fault| Damage::new(crate::segment::FOLDER, Fault::Leaf(fault));
        let leaf = Leaf::parse(&bytes).map_err(damage)?;
        if let Some((id, side)) = leaf.request_id.zip(leaf.side) {
            begun.push((id, side, leaf));
        }
    }
    Ok(begun)
}
