//! A stream from the server on which no message is longer than a call may hold: the driver would gather one of up to 2 GiB before
//! anybody sees its first byte.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The type and the length before each message. Standard: PostgreSQL protocol 3.0 §Message Formats.
const HEAD_BYTES: u8 = 5;
/// What the length counts of itself.
const LENGTH_BYTES: u32 = 4;
/// What a message may have beside the values of an answer: lengths of columns, their names, words about an error.
const BESIDE_BYTES: u32 = 64 * 1024;

/// The most bytes of an answer, and whether a message had more.
#[derive(Debug, Clone)]
pub(crate) struct Bound {
    pub(super) limit_bytes: u64,
    exceeded: Arc<AtomicBool>,
}

/// A stream that ends with an error where a message is too long.
pub(crate) struct Bounded<S> {
    inner: S,
    bound: Bound,
    /// The bytes of a head so far, the newest in the lowest place, and how many they are.
    head: (u64, u8),
    /// What is left of the message under way.
    left: u32,
}

impl Bound {
    pub(crate) fn of(limit_bytes: u64) -> Self {
        let exceeded = Arc::default();
        Self {
            limit_bytes,
            exceeded,
        }
    }

    /// Whether a message was too long: then the connection has ended.
    pub(crate) fn is_exceeded(&self) -> bool {
        self.exceeded.load(Ordering::Acquire)
    }

    pub(crate) fn over<S>(&self, inner: S) -> Bounded<S> {
        Bounded {
            inner,
            bound: self.clone(),
            head: (0, 0),
            left: 0,
        }
    }
}

impl<S> Bounded<S> {
    /// Follows the messages through bytes that arrived.
    fn follow(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while let Some((first, rest)) = bytes.split_first() {
            // Mostly a head comes whole, after the end of the message before.
            if self.left == 0
                && self.head.1 == 0
                && let Some((length, rest)) = rest.split_first_chunk()
            {
                self.begin(u32::from_be_bytes(*length))?;
                bytes = rest;
                continue;
            }
            if let Some(left) = usize::try_from(self.left).ok().filter(|left| *left > 0) {
                let (passed, rest) = bytes.split_at(left.min(bytes.len()));
                let passed = u32::try_from(passed.len()).unwrap_or(u32::MAX);
                self.left = self.left.saturating_sub(passed);
                bytes = rest;
                continue;
            }
            bytes = rest;
            self.head = (self.head.0 << 8 | u64::from(*first), self.head.1 + 1);
            if self.head.1 == HEAD_BYTES {
                let length = u32::try_from(self.head.0 & u64::from(u32::MAX)).unwrap_or(u32::MAX);
                self.head = (0, 0);
                self.begin(length)?;
            }
        }
        Ok(())
    }

    /// Begins a message of this length, if it is not too long.
    fn begin(&mut self, length: u32) -> io::Result<()> {
        self.left = length.saturating_sub(LENGTH_BYTES);
        let limit = self.bound.limit_bytes.saturating_add(BESIDE_BYTES.into());
        if u64::from(self.left) <= limit {
            return Ok(());
        }
        self.bound.exceeded.store(true, Ordering::Release);
        let bytes = self.left;
        Err(io::Error::other(format!(
            "a message of {bytes} bytes, which is above {limit}"
        )))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Bounded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(context, buffer))?;
        let arrived = buffer.filled().get(before..).unwrap_or_default();
        Poll::Ready(self.follow(arrived))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Bounded<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: u32 = 1000 + BESIDE_BYTES;

    fn message(length: u32) -> Vec<u8> {
        let body = vec![7; usize::try_from(length).unwrap()];
        [vec![b'D'], (length + 4).to_be_bytes().to_vec(), body].concat()
    }

    #[test]
    fn messages_up_to_the_limit_pass_in_pieces_of_any_size_and_a_longer_one_does_not() {
        let bound = Bound::of(1000);
        let sound = [message(0), message(LIMIT), message(1), message(LIMIT - 1)].concat();
        for size in [1, 2, 3, 7, 1004, 8192, sound.len()] {
            let mut stream = bound.over(());
            assert!(sound.chunks(size).all(|piece| stream.follow(piece).is_ok()));
            assert!(!bound.is_exceeded());
            assert_eq!((stream.left, stream.head), (0, (0, 0)));
        }
        for size in [1, 5, 6] {
            let (bound, long) = (Bound::of(1000), message(LIMIT + 1));
            let mut stream = bound.over(());
            // The head is enough.
            let told = long[..6].chunks(size).map(|piece| stream.follow(piece));
            assert!(told.collect::<Vec<_>>().iter().any(Result::is_err));
            assert!(bound.is_exceeded());
        }
    }
}
