//! The keeper: two more threads for what is slow, so that the station waits for one sync only.
//!
//! One makes the next segment's file ready; the other turns a full segment into index, tiles and secrets
//! file, and shows new checkpoints. They own nothing: all they do can be done again at the next start. They take their
//! time, so that messages under way have the processors and the disk.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Builder, JoinHandle};

use bytes::Bytes;

use crate::disk::{SegmentFile, replace_file};
use crate::error::JournalError;
use crate::rests::Rests;
use crate::seal::{SealJob, seal};
use crate::segment::{SPARE, fill_with_zeros};
use crate::shared::{CHECKPOINT, Sealed, Shared};

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
    /// For spares, and for all else. Gone when it was told to stop.
    orders: Option<(Sender<Order>, Sender<Order>)>,
    done: Receiver<Result<Done, JournalError>>,
    /// Whether somebody waits, or soon will, so that nothing may rest.
    awaited: Arc<AtomicBool>,
    outstanding: usize,
    threads: Vec<JoinHandle<()>>,
}

impl Keeper {
    /// Starts the threads.
    pub(crate) fn start(shared: &Arc<Shared>, segment_bytes: u64) -> io::Result<Self> {
        let (outbox, done) = channel();
        let awaited = Arc::new(AtomicBool::new(false));
        let mut threads = Vec::new();
        let mut begin = |name: &str| {
            let (orders, inbox) = channel();
            let (shared, outbox, awaited) = (shared.clone(), outbox.clone(), awaited.clone());
            let rests = Rests::beside(awaited);
            let work = move || work(&shared, (segment_bytes, rests), inbox, &outbox);
            threads.push(Builder::new().name(name.to_owned()).spawn(work)?);
            io::Result::Ok(orders)
        };
        let orders = Some((begin("journal-spare")?, begin("journal-keeper")?));
        Ok(Self {
            orders,
            done,
            awaited,
            outstanding: 0,
            threads,
        })
    }

    /// Gives an order.
    pub(crate) fn order(&mut self, order: Order) -> Result<(), JournalError> {
        self.outstanding += 1;
        if matches!(order, Order::Spare) {
            // A segment begins: there is time until it is full.
            self.awaited.store(false, Ordering::Release);
        }
        // A thread ends early only after a failure, which is the better thing to report.
        let sent = self
            .orders
            .as_ref()
            .is_some_and(|(spares, others)| match order {
                Order::Spare => spares.send(order).is_ok(),
                Order::Seal(_) | Order::Show(_) => others.send(order).is_ok(),
            });
        if sent { Ok(()) } else { Err(self.failure()) }
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
        self.hurry();
        let done = self.done.recv().map_err(|_closed| ENDED)?;
        self.outstanding = self.outstanding.saturating_sub(1);
        done
    }

    /// Lets the threads finish what was ordered, and waits for their end.
    pub(crate) fn stop(&mut self) -> Result<(), JournalError> {
        drop(self.orders.take());
        self.hurry();
        let mut ended = Ok(());
        for thread in self.threads.drain(..) {
            ended = ended.and(thread.join().map_err(|_panic| ENDED));
        }
        self.done
            .try_iter()
            .find_map(Result::err)
            .map_or(ended, Err)
    }

    /// Lets nobody rest until the next spare is ordered.
    pub(crate) fn hurry(&self) {
        if self.awaited.swap(true, Ordering::AcqRel) {
            return;
        }
        for thread in &self.threads {
            thread.thread().unpark();
        }
    }

    /// Returns why a thread has ended.
    fn failure(&self) -> JournalError {
        self.done.try_iter().find_map(Result::err).unwrap_or(ENDED)
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

/// Carries out orders until there are no more, or one fails.
fn work(
    shared: &Shared,
    (segment_bytes, mut rests): (u64, Rests),
    inbox: Receiver<Order>,
    outbox: &Sender<Result<Done, JournalError>>,
) {
    for order in inbox {
        rests.begin();
        let done = AssertUnwindSafe(|| carry_out(shared, (segment_bytes, &mut rests), order));
        // The station waits for an outcome; a fault of ours must be one too.
        let result = catch_unwind(done).unwrap_or(Err(ENDED));
        let failed = result.is_err();
        if outbox.send(result).is_err() || failed {
            return;
        }
    }
}

fn carry_out(
    shared: &Shared,
    (segment_bytes, rests): (u64, &mut Rests),
    order: Order,
) -> Result<Done, JournalError> {
    match order {
        Order::Spare => make_spare(shared, segment_bytes, rests).map(Done::Spare),
        Order::Seal(job) => seal(shared, &job, rests).map(Done::Sealed),
        Order::Show(note) => show(shared, &note).map(|()| Done::Shown),
    }
}

/// Makes a file of durable zeros, resting after each piece.
pub(crate) fn make_spare(
    shared: &Shared,
    segment_bytes: u64,
    rests: &mut Rests,
) -> Result<Arc<dyn SegmentFile>, JournalError> {
    let failed = |source| JournalError::disk("making the next segment ready", SPARE)(source);
    // crash here: a spare in any state; the next start removes it.
    let file = shared.disk.create(SPARE).map_err(failed)?;
    fill_with_zeros(&*file, segment_bytes, rests).map_err(failed)?;
    Ok(file)
}

/// Shows a checkpoint as the file `checkpoint`.
pub(crate) fn show(shared: &Shared, note: &Bytes) -> Result<(), JournalError> {
    // crash here: the file shows the checkpoint before; the frame has the new one, and the next start
    // shows it.
    replace_file(&*shared.disk, "", CHECKPOINT, note)
        .map_err(JournalError::disk("showing a checkpoint", CHECKPOINT))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::thread;
    use std::time::Duration;

    use super::*;

    /// Whether the thread of this name sleeps, as the system sees it.
    fn sleeps(name: &str) -> bool {
        let threads = fs::read_dir("/proc/self/task").expect("Linux");
        let stats = threads.map(|thread| thread.map(|thread| thread.path().join("stat")));
        stats
            .filter_map(|stat| fs::read_to_string(stat.ok()?).ok())
            .any(|stat| stat.contains(&format!("({name}) S")))
    }

    #[test]
    fn whoever_waits_ends_the_rests_until_the_next_segment_begins() {
        let (outbox, done) = channel();
        let (spares, _spares) = channel();
        let (others, _others) = channel();
        let awaited: Arc<AtomicBool> = Arc::default();
        let rests = Rests::beside(awaited.clone());
        let resting = Builder::new().name("resting".to_owned()).spawn(move || {
            // Would end tomorrow.
            rests.rest(Duration::from_hours(24));
            outbox.send(Ok(Done::Shown)).unwrap_or_default();
        });
        while !sleeps("resting") {
            thread::yield_now();
        }
        let mut keeper = Keeper {
            orders: Some((spares, others)),
            done,
            awaited: awaited.clone(),
            outstanding: 1,
            threads: vec![resting.expect("a thread")],
        };
        assert!(matches!(keeper.wait(), Ok(Done::Shown)));
        assert!(awaited.load(Ordering::Acquire));
        keeper.order(Order::Spare).expect("taken");
        assert!(!awaited.load(Ordering::Acquire));
    }
}
