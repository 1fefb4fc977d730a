//! From an entry to its receipt, for those who wait and for those who go on meanwhile.

use tokio::sync::oneshot;

use super::Journal;
use crate::entry::{Entry, Receipt, Signed};
use crate::error::RecordError;
use crate::station::{Job, Message};

/// An entry that is being recorded.
#[derive(Debug)]
pub struct Pending {
    outcome: oneshot::Receiver<Result<Receipt, RecordError>>,
}

impl Pending {
    /// Returns when the entry is durable.
    ///
    /// # Errors
    ///
    /// As [`Journal::record`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing about the entry; its receipt is lost.
    pub async fn durable(self) -> Result<Receipt, RecordError> {
        self.outcome
            .await
            .map_err(|_dropped| RecordError::Unknown)?
    }
}

impl Journal {
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
        self.submit(entry, None).await?.durable().await
    }

    /// Gives the journal an entry to record, without waiting for it.
    ///
    /// Nothing may be answered, and no effect may come of it, before [`Pending::durable`] has said yes.
    ///
    /// # Errors
    ///
    /// [`RecordError::Stopped`] after a failure or closing.
    ///
    /// # Cancel safety
    ///
    /// As [`Journal::record`].
    pub async fn begin(&self, entry: Entry) -> Result<Pending, RecordError> {
        self.submit(entry, None).await
    }

    /// As [`Journal::begin`], and waits for the signature of the entry's message, which comes when the entry is written
    /// and before it is durable. The receipt is then without it.
    ///
    /// # Errors
    ///
    /// As [`Journal::record`].
    ///
    /// # Cancel safety
    ///
    /// As [`Journal::record`].
    pub async fn sign_ahead(&self, entry: Entry) -> Result<(Signed, Pending), RecordError> {
        let (ahead, signed) = oneshot::channel();
        let pending = self.submit(entry, Some(ahead)).await?;
        match signed.await {
            Ok(signed) => Ok((signed, pending)),
            // It was not recorded, and the outcome says why; an entry without a message to sign is its caller's mistake.
            Err(_dropped) => match pending.durable().await {
                Ok(_unsigned) => Err(RecordError::Unknown),
                Err(refused) => Err(refused),
            },
        }
    }

    async fn submit(
        &self,
        entry: Entry,
        ahead: Option<oneshot::Sender<Signed>>,
    ) -> Result<Pending, RecordError> {
        let places = self.inner.places.clone();
        let place = places
            .acquire_owned()
            .await
            .map_err(|_closed| RecordError::Stopped)?;
        let (reply, outcome) = oneshot::channel();
        let job = Message::Record(Box::new(Job {
            entry,
            ahead,
            reply,
            place,
        }));
        self.inner
            .inbox
            .try_send(job)
            .map_err(|_ended| RecordError::Stopped)?;
        Ok(Pending { outcome })
    }
}
