//! The keeper: a second thread for what is slow, so that the station waits for one sync only.
//!
//! It makes the next segment's file ready, turns a full segment into index, tiles and secrets file, and
//! shows new checkpoints. It owns nothing: all it does can be done again at the next start.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use bytes::Bytes;

use crate::disk::{SegmentFile, replace_file};
use crate::error::JournalError;
use crate::seal::{SealJob, seal};
use crate::segment::{SPARE, fill_with_zeros};
use crate::shared::{Sealed, Shared};

/// What the keeper is to do.
pub(crate) enum Order {
    /// Make a file ready to become the next segment.
    Spare,
    /// Seal a segment.
    Seal(Box<SealJob>),
    /// Show a checkpoint that is durable among the frames.
    Show(Bytes),
}

/// What the keeper has done.
pub(crate) enum Done {
    /// The next segment's file is ready.
    Spare(Arc<dyn SegmentFile>),
    /// A segment has its index, tiles and secrets file.
    Sealed(Arc<Sealed>),
    /// The checkpoint is shown.
    Shown,
}

/// The station's end of the keeper. There are never more than a few orders out.
pub(crate) struct Keeper {
    orders: Option<Sender<Order>>,
    done: Receiver<Result<Done, JournalError>>,
    outstanding: usize,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    /// Starts the thread.
    pub(crate) fn start(shared: Arc<Shared>, segment_bytes: u64) -> std::io::Result<Self> {
        let (orders, inbox) = channel();
        let (outbox, done) = channel();
        let work = move || {
            for order in inbox {
                let result = carry_out(&shared, segment_bytes, order);
                let failed = result.is_err();
                if outbox.send(result).is_err() || failed {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new()
            .name("journal-keeper".to_owned())
            .spawn(work)?;
        Ok(Self {
            orders: Some(orders),
            done,
            outstanding: 0,
            thread: Some(thread),
        })
    }

    /// Gives an order.
    pub(crate) fn order(&mut self, order: Order) -> Result<(), JournalError> {
        self.outstanding += 1;
        // It ends early only after a failure, which is the better thing to report.
        let sent = self
            .orders
            .as_ref()
            .is_some_and(|orders| orders.send(order).is_ok());
        if !sent {
            return self.wait().and(Err(ENDED));
        }
        Ok(())
    }

    /// Says whether anything ordered is still to be done.
    pub(crate) fn is_busy(&self) -> bool {
        self.outstanding > 0
    }

    /// Takes the next thing done, if there is one.
    pub(crate) fn poll(&mut self) -> Result<Option<Done>, JournalError> {
        match self.done.try_recv() {
            Ok(done) => {
                self.outstanding = self.outstanding.saturating_sub(1);
                done.map(Some)
            }
            Err(std::sync::mpsc::TryRecvError::Empty) => Ok(None),
            Err(std::sync::mpsc::TryRecvError::Disconnected) => Err(ENDED),
        }
    }

    /// Waits for the next thing done.
    pub(crate) fn wait(&mut self) -> Result<Done, JournalError> {
        let done = self.done.recv().map_err(|_closed| ENDED)?;
        self.outstanding = self.outstanding.saturating_sub(1);
        done
    }

    /// Lets the thread finish what was ordered, and waits for its end.
    pub(crate) fn stop(&mut self) -> Result<(), JournalError> {
        drop(self.orders.take());
        let failed = self.done.iter().find_map(Result::err);
        let joined = self.thread.take().map_or(Ok(()), JoinHandle::join);
        joined.map_err(|_panic| ENDED)?;
        failed.map_or(Ok(()), Err)
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            tracing::debug!(%error, "the keeper has failed too");
        }
    }
}

const ENDED: JournalError = JournalError::Ended { thread: "keeper" };

fn carry_out(shared: &Shared, segment_bytes: u64, order: Order) -> Result<Done, JournalError> {
    match order {
        Order::Spare => make_spare(shared, segment_bytes).map(Done::Spare),
        Order::Seal(job) => seal(shared, *job).map(Done::Sealed),
        Order::Show(note) => show(shared, &note).map(|()| Done::Shown),
    }
}

/// Makes a file of durable zeros.
pub(crate) fn make_spare(
    shared: &Shared,
    segment_bytes: u64,
) -> Result<Arc<dyn SegmentFile>, JournalError> {
    let failed = |source| JournalError::disk("making the next segment ready", SPARE)(source);
    // crash here: a spare in any state; the next start removes it.
    let file = shared.disk.create(SPARE).map_err(failed)?;
    fill_with_zeros(&*file, segment_bytes).map_err(failed)?;
    Ok(file)
}

/// Shows a checkpoint as the file `checkpoint`.
pub(crate) fn show(shared: &Shared, note: &Bytes) -> Result<(), JournalError> {
    // crash here: the file shows the checkpoint before; the frame has the new one, and the next start
    // shows it.
    replace_file(&*shared.disk, "", "checkpoint", note)
        .map_err(JournalError::disk("showing a checkpoint", "checkpoint"))
}
