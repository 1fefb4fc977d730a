//! Answers that are sent while they are read: a JSON array, row by row.

use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll};

use bridge_adapter::{AdapterError, Body, BodyError, Limit, Until};
use bytes::Bytes;
use http_body::Frame;
use http_body_util::BodyExt;
use tokio::sync::mpsc;

use crate::limits::SqlLimits;

/// How many bytes are gathered before they are sent.
const CHUNK_BYTES: usize = 64 * 1024;
/// How many chunks wait for the reader: enough to go on reading rows while one is being sent.
const CHUNKS: usize = 2;

/// A piece of the answer, or why there is no more.
type Piece = Result<Bytes, AdapterError>;

/// Writes rows into chunks.
#[derive(Debug)]
pub(crate) struct Chunks {
    sender: mpsc::Sender<Piece>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    gathered: Vec<u8>,
    begun: bool,
    /// Whether a chunk was given away.
    left: bool,
    sent: u64,
}

/// Makes the writer of an answer and its reader.
pub(crate) fn channel() -> (Chunks, mpsc::Receiver<Piece>) {
    let (sender, receiver) = mpsc::channel(CHUNKS);
    let state = Mutex::default();
    (Chunks { sender, state }, receiver)
}

impl Chunks {
    /// Who sends what is to be said after the last row, should there be no end.
    pub(crate) fn sender(&self) -> mpsc::Sender<Piece> {
        self.sender.clone()
    }

    /// Writes a row.
    pub(crate) async fn row(
        &self,
        row: impl FnOnce(&mut Vec<u8>) -> Result<(), AdapterError>,
        limits: &SqlLimits,
        until: &Until,
    ) -> Result<(), AdapterError> {
        let Some(chunk) = self.gather(row, limits)? else {
            return Ok(());
        };
        self.send(chunk, until).await
    }

    /// Writes the end. Without it the answer is cut.
    pub(crate) async fn end(&self, until: &Until) -> Result<(), AdapterError> {
        let mut last = {
            let mut state = self.state();
            if !state.begun {
                state.gathered.push(b'[');
            }
            std::mem::take(&mut state.gathered)
        };
        last.push(b']');
        self.send(last, until).await
    }

    async fn send(&self, chunk: Vec<u8>, until: &Until) -> Result<(), AdapterError> {
        let sent = until.bound(self.sender.send(Ok(chunk.into()))).await?;
        sent.map_err(|_nobody| AdapterError::Cancelled)
    }

    /// Appends a row; gives the chunk when it is full.
    fn gather(
        &self,
        row: impl FnOnce(&mut Vec<u8>) -> Result<(), AdapterError>,
        limits: &SqlLimits,
    ) -> Result<Option<Vec<u8>>, AdapterError> {
        let mut state = self.state();
        let before = state.gathered.len();
        let first = !std::mem::replace(&mut state.begun, true);
        state.gathered.push(if first { b'[' } else { b',' });
        row(&mut state.gathered)?;
        let grown = state.gathered.len().saturating_sub(before);
        state.sent = state
            .sent
            .saturating_add(u64::try_from(grown).unwrap_or(u64::MAX));
        if state.sent > limits.stream_bytes {
            let limit = Limit::AnswerBytes(limits.stream_bytes);
            return Err(AdapterError::TooLarge { limit });
        }
        let full = state.gathered.len() >= CHUNK_BYTES;
        state.left |= full;
        Ok(full.then(|| std::mem::take(&mut state.gathered)))
    }

    /// Forgets what was gathered, for rows that are read anew. Not if some of them have left: says whether it did.
    pub(crate) fn begin_again(&self) -> bool {
        let mut state = self.state();
        if state.left {
            return false;
        }
        *state = State::default();
        true
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        // Only one task writes; the lock is there because the work is shared between threads.
        self.state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Makes the body of an answer: the first piece, which has come already, and what follows.
pub(crate) fn body(first: Bytes, rest: mpsc::Receiver<Piece>) -> Body {
    let first = Some(first);
    Pieces { first, rest }.boxed_unsync()
}

struct Pieces {
    first: Option<Bytes>,
    rest: mpsc::Receiver<Piece>,
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        self.rest
            .poll_recv(context)
            .map(|piece| piece.map(|piece| piece.map(Frame::data).map_err(broken)))
    }
}

/// What an answer that broke half-way says.
fn broken(error: AdapterError) -> BodyError {
    match error {
        AdapterError::TimedOut => BodyError::TimedOut,
        AdapterError::Cancelled => BodyError::Cancelled,
        AdapterError::TooLarge {
            limit: Limit::AnswerBytes(limit_bytes),
        } => BodyError::TooLarge { limit_bytes },
        AdapterError::Unreachable { .. }
        | AdapterError::Cut { .. }
        | AdapterError::TooLarge { .. }
        | AdapterError::Busy
        | AdapterError::NotUnderstood { .. }
        | AdapterError::Failed { .. }
        | AdapterError::BadRequest { .. }
        | AdapterError::RequestBody(_)
        | AdapterError::KeyReused
        | AdapterError::KeyInFlight
        | AdapterError::NotFound
        | AdapterError::MethodNotAllowed { .. } => BodyError::Cut {
            source: Some(Box::new(error)),
        },
    }
}
