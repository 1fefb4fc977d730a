//! How the station's thread ends: closed, left by all handles, or failed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use tokio::sync::Semaphore;

use crate::config::OnFatal;
use crate::error::{JournalError, RecordError};
use crate::shared::Shared;
use crate::station::{Message, Station};

/// What is done when the station ends, in whatever way.
pub(super) struct Ending {
    pub(super) shared: Arc<Shared>,
    pub(super) places: Arc<Semaphore>,
    pub(super) on_fatal: OnFatal,
    pub(super) lock: Box<dyn Send>,
}

impl Ending {
    /// Runs the station to its end.
    pub(super) fn run(self, mut station: Station, messages: &Receiver<Message>) {
        let ran = catch_unwind(AssertUnwindSafe(|| {
            let closing = station.run(messages)?;
            if closing.is_some() {
                station.finish()?;
            }
            Ok(closing)
        }));
        let ended = JournalError::Ended { thread: "station" };
        match ran.unwrap_or(Err(ended)) {
            Ok(closing) => {
                self.places.close();
                refuse(messages);
                drop(station);
                self.shared.catalogue.release();
                self.shared.state().closed = closing.is_some();
                drop(self.lock);
                if let Some(reply) = closing
                    && reply.send(()).is_err()
                {
                    tracing::debug!("nobody waits for the closing any more");
                }
            }
            Err(error) => {
                // Whoever is refused from now on can say why.
                (self.on_fatal)(&error);
                self.places.close();
                refuse(messages);
                // Those in its hands learn that their outcome is unknown; its keeper ends before the lock
                // is let go.
                drop(station);
                self.shared.catalogue.release();
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
