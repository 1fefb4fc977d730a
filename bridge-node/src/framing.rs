//! The gate before the HTTP library: it sees the bytes, and lets through only what has one reading.
//!
//! hyper mends what it can and hides it (both framings, for example), answers some heads by itself, and reads ahead. The gate
//! follows message boundaries on the wire. A head goes through whole, once it was judged. In the place of one that is refused
//! the library gets a stand-in that carries the [`Doubt`], so that the answer is made where all refusals are, comes
//! in its turn behind earlier answers, and ends the connection; no byte after it is read as a request.
//!
//! Standard: RFC 9112 §6.3.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bridge_core::head::HeadRules;
use bridge_core::refusal::Refusal;
use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;
use tokio_util::io::poll_read_buf;

use crate::pace::{Pace, Paced, Slowest};

mod scanner;

use scanner::{Found, Scanner};

/// Why a request may not be read: found by the gate, told by the handler.
#[derive(Debug, Clone)]
pub struct Doubt(pub Refusal);

/// The doubts of one connection, in order of its requests.
#[derive(Debug, Clone, Default)]
pub struct Doubts(Arc<Mutex<VecDeque<Option<Doubt>>>>);

/// A body whose chunks are no chunks.
#[derive(Debug, thiserror::Error)]
#[error("the chunks of the body are malformed")]
pub struct Malformed;

/// A stream whose incoming bytes are judged.
#[derive(Debug)]
pub struct Guarded<S> {
    stream: Paced<S>,
    scanner: Scanner,
    doubts: Doubts,
    reads: Pace,
    /// What has come; the first `passed` bytes may go through.
    bytes: BytesMut,
    passed: usize,
    ending: Ending,
    linger: Option<Pin<Box<Sleep>>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    No,
    /// The stand-in is through: nothing more is read.
    Refused,
    /// The body under way is malformed.
    Malformed,
    /// Our direction is closed.
    Closed,
}

/// What the library gets in the place of a head that is refused.
const STAND_IN: &[u8] = b"GET / HTTP/1.1\r\nhost: refused\r\nconnection: close\r\n\r\n";
/// How long what still comes is thrown away after an early answer, so that the answer is not lost with a reset connection.
const LINGER: Duration = Duration::from_secs(1);
/// As much as one TLS record holds.
const READ_BYTES: usize = 16 * 1024;

// === impl Doubts ===

impl Doubts {
    /// The doubt about the next request; `None` if it is in order. Asked once a request.
    pub fn next(&self) -> Option<Doubt> {
        let mut queue = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        queue.pop_front().flatten()
    }

    fn push(&self, doubt: Option<Doubt>) {
        let mut queue = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        queue.push_back(doubt);
    }
}

/// Whether a body could not be read because its chunks are malformed.
pub fn is_malformed(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(this) = cause {
        if let Some(inner) = this
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
            && inner.is::<Malformed>()
        {
            return true;
        }
        cause = this.source();
    }
    false
}

// === impl Guarded ===

impl<S> Guarded<S> {
    /// Starts to judge a fresh connection.
    pub fn new(stream: S, rules: HeadRules, slowest: Slowest) -> (Self, Doubts) {
        let doubts = Doubts::default();
        let guarded = Self {
            stream: Paced::new(stream, slowest),
            scanner: Scanner::new(rules),
            doubts: doubts.clone(),
            reads: Pace::new(slowest),
            bytes: BytesMut::new(),
            passed: 0,
            ending: Ending::No,
            linger: None,
        };
        (guarded, doubts)
    }

    /// Judges what has come.
    fn scan(&mut self) {
        while self.ending == Ending::No {
            let fresh = self.bytes.get(self.passed..).unwrap_or_default();
            match self.scanner.next(fresh) {
                Found::Nothing => return,
                Found::Body(length) => self.passed += length,
                Found::Head(length) => {
                    self.doubts.push(None);
                    self.passed += length;
                }
                Found::Refused(refusal) => {
                    self.doubts.push(Some(Doubt(refusal)));
                    self.bytes.truncate(self.passed);
                    self.bytes.extend_from_slice(STAND_IN);
                    self.passed = self.bytes.len();
                    self.ending = Ending::Refused;
                }
                Found::Malformed => {
                    self.bytes.truncate(self.passed);
                    self.ending = Ending::Malformed;
                }
            }
        }
    }

    fn hand_out(&mut self, buf: &mut ReadBuf<'_>) {
        let count = self.passed.min(buf.remaining());
        buf.put_slice(self.bytes.get(..count).unwrap_or_default());
        self.bytes.advance(count);
        self.passed -= count;
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            if this.passed > 0 {
                this.hand_out(buf);
                return Poll::Ready(Ok(()));
            }
            match this.ending {
                Ending::No => {}
                // The answer to the stand-in ends the connection.
                Ending::Refused | Ending::Closed => return Poll::Pending,
                Ending::Malformed => {
                    let error = io::Error::new(io::ErrorKind::InvalidData, Malformed);
                    return Poll::Ready(Err(error));
                }
            }
            this.bytes.reserve(READ_BYTES);
            let polled = poll_read_buf(Pin::new(&mut this.stream), cx, &mut this.bytes);
            let read = if this.scanner.in_body() {
                ready!(this.reads.judge(cx, polled, |count| *count))
            } else {
                // Heads have a time limit of their own.
                this.reads.rest();
                ready!(polled)
            };
            match read {
                Ok(0) => return Poll::Ready(Ok(())),
                Ok(_) => this.scan(),
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.ending != Ending::Closed {
            ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
            if this.ending == Ending::No && !this.scanner.in_message() {
                return Poll::Ready(Ok(()));
            }
            this.ending = Ending::Closed;
        }
        let over = this
            .linger
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(LINGER)));
        loop {
            if over.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Ok(()));
            }
            let mut space = [0; READ_BYTES];
            let mut thrown_away = ReadBuf::new(&mut space);
            match ready!(Pin::new(&mut this.stream).poll_read(cx, &mut thrown_away)) {
                Ok(()) if !thrown_away.filled().is_empty() => {}
                // The other side has closed as well.
                Ok(()) | Err(_) => return Poll::Ready(Ok(())),
            }
        }
    }
}

#[cfg(test)]
mod tests;
