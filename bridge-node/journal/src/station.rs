//! The station: the one thread that writes, from an entry to its receipt.
//!
//! 1. It takes all entries that wait, signs their messages as one batch (a lone one plainly) and makes their frames.
//! 2. It appends the commit, writes all with one call, hands signatures to those who asked for them ahead, and makes
//!    all durable with one `fdatasync`.
//! 3. It publishes the leaves to readers and hands out the receipts.
//! 4. When a segment is full it seals it and begins the next, which the keeper has made ready.
//! 5. While anything is new it signs a checkpoint every second, a batch of its own.
//!
//! A write or sync whose outcome is unknown ends it: those who wait get an error, nothing is accepted
//! afterwards, and the next start finds out what is there.

use std::iter;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use bridge_core::leaf::UnixMillis;
use bridge_signature::Signer;
use ring::rand::SystemRandom;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::compose::{Draft, Setting};
use crate::disk::SegmentFile;
use crate::entry::{Entry, Head, Receipt, Signed};
use crate::error::{JournalError, RecordError};
use crate::evidence::Place;
use crate::frame::push_commit;
use crate::keeper::Keeper;
use crate::note::NoteKey;
use crate::open_segment::OpenSegment;
use crate::shared::{Added, Published, Shared};
use crate::tree::{Hash, Tree};
use crate::unfinished::Unfinished;

mod checkpoint;
mod signing;
mod turn;

use signing::Made;

/// What is sent to the station.
pub(crate) enum Message {
    /// Record an entry.
    Record(Box<Job>),
    /// Name the leaves of exchanges that have begun and not ended.
    Unfinished(oneshot::Sender<Vec<u64>>),
    /// Finish in order.
    Close(oneshot::Sender<()>),
}

/// An entry, and who waits for it.
pub(crate) struct Job {
    pub(crate) entry: Entry,
    /// Who wants the signature as soon as the entry is written, without waiting for the disk.
    pub(crate) ahead: Option<oneshot::Sender<Signed>>,
    pub(crate) reply: Reply,
    /// The place in the queue, given back when the entry is done with.
    pub(crate) place: OwnedSemaphorePermit,
}

/// Where the outcome goes. Dropped without one, it says that the outcome is unknown.
pub(crate) type Reply = oneshot::Sender<Result<Receipt, RecordError>>;

/// What the station works with, as recovery leaves it.
pub(crate) struct Station {
    pub(crate) shared: Arc<Shared>,
    pub(crate) signer: Arc<dyn Signer>,
    pub(crate) note_key: NoteKey,
    pub(crate) segment_bytes: u64,
    pub(crate) checkpoint_every: Duration,
    pub(crate) keeper: Keeper,
    pub(crate) open: OpenSegment,
    pub(crate) tree: Tree,
    pub(crate) last_commit: Hash,
    pub(crate) newest_ms: u64,
    pub(crate) unfinished: Unfinished,
    /// Leaves under the newest checkpoint.
    pub(crate) signed_size: u64,
    pub(crate) batch: Batch,
    /// The next segment's file, once the keeper has made it ready.
    pub(crate) spare: Option<Arc<dyn SegmentFile>>,
    /// Whether a segment is being sealed.
    pub(crate) sealing: bool,
    /// How many checkpoints the keeper has still to show.
    pub(crate) showing: usize,
    /// When a checkpoint has to be signed.
    pub(crate) due: Option<Instant>,
    pub(crate) random: SystemRandom,
}

/// What the next write will hold, and what follows from it when it is durable.
#[derive(Default)]
pub(crate) struct Batch {
    bytes: Vec<u8>,
    placed: Vec<(usize, Hash)>,
    rows: Vec<Added>,
    ahead: Vec<(oneshot::Sender<Signed>, Signed)>,
    waiting: Vec<(Reply, Receipt, OwnedSemaphorePermit)>,
}

/// How long entries are gathered when the batch before had several. A lone exchange never waits.
const GATHERING: Duration = Duration::from_micros(250);

/// The most entries taken at a time.
const BATCH_ENTRIES: usize = 256;

/// A batch is written when it has reached this; one entry may exceed it.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// No batch is larger, whatever the segment: a reader may refuse more evidence than this.
const BATCH_LIMIT_BYTES: usize = 64 * 1024 * 1024;

/// What stays free at the end of a segment: for the commit of the last batch, the leaf with an index's
/// digest and its commit, the seal and its commit; about 650 bytes.
pub(crate) const RESERVE: u64 = 2048;

impl Station {
    /// Works until closed or left by all handles.
    ///
    /// Returns who waits for the closing.
    pub(crate) fn run(
        &mut self,
        inbox: &Receiver<Message>,
    ) -> Result<Option<oneshot::Sender<()>>, JournalError> {
        let mut taken = 0;
        // What must be signed alone, when there was no time for it yet, is the first of what is taken next.
        let mut jobs = Vec::new();
        loop {
            let deadline = if jobs.is_empty() {
                self.next_deadline()
            } else {
                Some(Instant::now())
            };
            let message = match deadline {
                Some(deadline) => {
                    inbox.recv_timeout(deadline.saturating_duration_since(Instant::now()))
                }
                None => inbox.recv().map_err(|_left| RecvTimeoutError::Disconnected),
            };
            let mut message = match message {
                Ok(message) => Some(message),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => {
                    self.stage_all(jobs)?;
                    self.flush()?;
                    return Ok(None);
                }
            };
            if message.is_some() && taken > 1 {
                // Others were under way a moment ago: they share this write and sync instead of paying for their own.
                thread::sleep(GATHERING);
            }
            while let Some(next) = message {
                match next {
                    Message::Record(job) => jobs.push(*job),
                    Message::Unfinished(reply) => {
                        self.stage_all(std::mem::take(&mut jobs))?;
                        self.tell_unfinished(reply)?;
                    }
                    Message::Close(reply) => {
                        self.stage_all(jobs)?;
                        self.flush()?;
                        return Ok(Some(reply));
                    }
                }
                let room = jobs.len() < BATCH_ENTRIES;
                message = room.then(|| inbox.try_recv().ok()).flatten();
            }
            taken = jobs.len();
            jobs = self.stage_some(jobs)?;
            while let Some(done) = self.keeper.poll()? {
                self.take_over(done)?;
            }
            self.flush()?;
            if self.open.end > self.segment_bytes / 2 && self.keeper.is_busy() {
                // What is not ready when the segment is full, all messages wait for.
                self.keeper.hurry();
            }
            if self.due.is_some_and(|due| due <= Instant::now()) {
                self.checkpoint()?;
            }
        }
    }

    /// Tells which leaves began exchanges that have not ended, once all before are durable.
    fn tell_unfinished(&mut self, reply: oneshot::Sender<Vec<u64>>) -> Result<(), JournalError> {
        self.flush()?;
        if reply.send(self.unfinished.indexes()).is_err() {
            tracing::debug!("nobody waits for the unfinished any more");
        }
        Ok(())
    }

    /// Puts entries into the batch, however long their signatures take.
    fn stage_all(&mut self, mut jobs: Vec<Job>) -> Result<(), JournalError> {
        while !jobs.is_empty() {
            jobs = self.stage_some(jobs)?;
        }
        Ok(())
    }

    /// Puts entries into the batch; returns those for whose signatures there was no time.
    fn stage_some(&mut self, jobs: Vec<Job>) -> Result<Vec<Job>, JournalError> {
        let (signed, postponed) = self.sign(jobs);
        for (job, made) in signed {
            self.stage(job, made)?;
            if self.batch.bytes.len() >= BATCH_BYTES {
                self.flush()?;
            }
        }
        Ok(postponed)
    }

    /// Puts an entry into the batch, or tells its sender why not.
    fn stage(&mut self, job: Job, made: Made) -> Result<(), JournalError> {
        let Job {
            mut entry,
            ahead,
            reply,
            place,
        } = job;
        let time_ms = entry.leaf.time.0.max(self.newest_ms);
        entry.leaf.time = UnixMillis(time_ms);
        let draft = made
            .map_err(RecordError::Sign)
            .and_then(|made| Draft::new(entry, made));
        let mut draft = match draft {
            Ok(draft) => draft,
            Err(refused) => {
                answer(reply, Err(refused));
                return Ok(());
            }
        };
        let staged = match self.write(&mut draft, time_ms) {
            Err(RecordError::TooLarge { .. }) if self.has_leaves() => {
                self.roll()?;
                self.write(&mut draft, time_ms)
            }
            staged => staged,
        };
        match staged {
            Ok(leaf_hash) => {
                let mut receipt = self.place(&mut draft, leaf_hash);
                if let Some(ahead) = ahead {
                    let signed = receipt.signature.take();
                    self.batch
                        .ahead
                        .extend(signed.map(|signed| (ahead, signed)));
                }
                self.batch.waiting.push((reply, receipt, place));
            }
            Err(refused) => answer(reply, Err(refused)),
        }
        Ok(())
    }

    /// Writes a draft's frame behind the batch, if the segment has room for it.
    fn write(&mut self, draft: &mut Draft, time_ms: u64) -> Result<Hash, RecordError> {
        let room = self.room();
        let start = self.batch.bytes.len();
        let setting = Setting {
            place: Place {
                origin: self.shared.verifier.origin(),
                index: self.tree.size(),
            },
            time_ms,
            key: &self.open.key,
            random: &self.random,
        };
        let hash = draft.write(&setting, &mut self.batch.bytes)?;
        let needed = self.batch.bytes.len().saturating_sub(start);
        if self.batch.bytes.len() > room {
            self.batch.bytes.truncate(start);
            return Err(RecordError::TooLarge { needed, room });
        }
        let at = offset(self.open.end, start);
        self.batch.rows.push(Added::new(&draft.leaf, at));
        Ok(hash)
    }

    /// Gives the leaf whose frame was written last its place in the tree.
    fn place(&mut self, draft: &mut Draft, leaf_hash: Hash) -> Receipt {
        let index = self.tree.size();
        let placed = &mut self.batch.placed;
        self.tree
            .append(leaf_hash, |level, hash| placed.push((level, hash)));
        self.newest_ms = draft.leaf.time.0;
        self.unfinished.see(index, &draft.leaf);
        Receipt {
            index,
            leaf_hash,
            signature: draft.made.take(),
            origin: self.shared.verifier.shared_origin(),
            time: draft.leaf.time,
        }
    }

    /// Makes the batch durable, then tells of it.
    fn flush(&mut self) -> Result<(), JournalError> {
        if self.batch.bytes.is_empty() {
            return Ok(());
        }
        let tree = (self.tree.size(), self.tree.root());
        let commit = push_commit(
            &mut self.batch.bytes,
            tree,
            self.last_commit,
            self.newest_ms,
        );
        let began = Instant::now();
        let bytes = self.batch.bytes.len() as u64;
        // It ends with its last block, by the zeros that are there: the system need not read that block first.
        let zeros = self.open.rest_of_block(bytes, self.segment_bytes);
        self.batch.bytes.extend(iter::repeat_n(0, zeros));
        let written = self.open.file.write_at(&self.batch.bytes, self.open.end);
        // crash here: pieces of one batch that nobody was told of; the next start cuts them off, or finds
        // them complete and keeps them.
        written.map_err(|e| JournalError::disk("writing a batch", &self.open.path())(e))?;
        for (ahead, signed) in self.batch.ahead.drain(..) {
            if ahead.send(signed).is_err() {
                tracing::debug!("nobody waits for a signature any more");
            }
        }
        let synced = self.open.file.sync();
        // crash here: the batch is in the journal, and those who sent it don't know; exchanges in it
        // without an end are reported as unfinished by the next start.
        synced.map_err(|e| JournalError::disk("making a batch durable", &self.open.path())(e))?;
        self.last_commit = commit.hash();
        self.open.end += bytes;
        self.batch.bytes.clear();
        // One large entry must not hold memory for ever.
        self.batch.bytes.shrink_to(BATCH_BYTES);
        if !self.batch.rows.is_empty() {
            let due = Instant::now() + self.checkpoint_every;
            self.due.get_or_insert(due);
        }
        let (size, root) = tree;
        let head = Head {
            size,
            root,
            newest: UnixMillis(self.newest_ms),
        };
        let Batch {
            placed,
            rows,
            waiting,
            ..
        } = &mut self.batch;
        self.shared.publish(&mut Published {
            head,
            bytes,
            syncing: began.elapsed(),
            placed,
            rows,
        });
        for (reply, receipt, _place) in waiting.drain(..) {
            answer(reply, Ok(receipt));
        }
        Ok(())
    }

    /// Returns how many bytes the batch may have before its commit.
    fn room(&self) -> usize {
        let used = self.open.end + RESERVE;
        let free = self.segment_bytes.saturating_sub(used);
        usize::try_from(free).unwrap_or(0).min(BATCH_LIMIT_BYTES)
    }

    /// Says whether the open segment has leaves: one without is never sealed, as the next would have
    /// its name.
    fn has_leaves(&self) -> bool {
        self.tree.size() > self.open.first
    }

    /// Returns until when to wait for entries; `None` if nothing else is to be done.
    fn next_deadline(&self) -> Option<Instant> {
        let busy = self
            .keeper
            .is_busy()
            .then(|| Instant::now() + self.checkpoint_every);
        self.due.into_iter().chain(busy).min()
    }
}

/// Returns where a frame begins that stands at `start` of the batch.
fn offset(end: u64, start: usize) -> u32 {
    // Segments are at most 1 GiB.
    u32::try_from(end + start as u64).unwrap_or(u32::MAX)
}

/// Hands over an outcome. Whoever waited may have left: the entry stays recorded.
fn answer(reply: Reply, outcome: Result<Receipt, RecordError>) {
    if reply.send(outcome).is_err() {
        tracing::debug!("nobody waits for a receipt any more");
    }
}
