//! The slowest that the other side may be: who gives or takes a byte now and then holds no connection for ever.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// What is asked of the other side.
#[derive(Debug, Clone, Copy)]
pub struct Slowest {
    /// How long nothing at all may move.
    pub stall: Duration,
    /// Bytes that must move in a second while the other side is waited for.
    pub bytes_per_second: u64,
}

/// One direction of a connection. Only the time in which the other side is waited for counts; each byte that moves earns
/// some of it back, never more than a stall.
#[derive(Debug)]
pub(crate) struct Pace {
    slowest: Slowest,
    left: Duration,
    waiting: Option<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    since: Instant,
    over: Pin<Box<Sleep>>,
}

/// A stream whose other side must take what is written at no less than a pace.
#[derive(Debug)]
pub struct Paced<S> {
    stream: S,
    writes: Pace,
}

// === impl Pace ===

impl Pace {
    pub(crate) fn new(slowest: Slowest) -> Self {
        Self {
            slowest,
            left: slowest.stall,
            waiting: None,
        }
    }

    /// Passes on what an operation came to; ends it if the other side has been too slow.
    pub(crate) fn judge<T>(
        &mut self,
        cx: &mut Context<'_>,
        polled: Poll<io::Result<T>>,
        moved: impl FnOnce(&T) -> usize,
    ) -> Poll<io::Result<T>> {
        let Poll::Ready(done) = polled else {
            let left = self.left;
            let waiting = self.waiting.get_or_insert_with(|| Waiting {
                since: Instant::now(),
                over: Box::pin(tokio::time::sleep(left)),
            });
            ready!(waiting.over.as_mut().poll(cx));
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        };
        let waited = self
            .waiting
            .take()
            .map_or(Duration::ZERO, |waiting| waiting.since.elapsed());
        let bytes = done.as_ref().map_or(0, moved);
        self.left = (self.left.saturating_sub(waited) + self.earned(bytes)).min(self.slowest.stall);
        Poll::Ready(done)
    }

    /// What was waited for is there, all of it: the next wait begins anew.
    pub(crate) fn rest(&mut self) {
        self.waiting = None;
        self.left = self.slowest.stall;
    }

    fn earned(&self, bytes: usize) -> Duration {
        let nanoseconds = (bytes as u128).saturating_mul(1_000_000_000)
            / u128::from(self.slowest.bytes_per_second.max(1));
        Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
    }
}

// === impl Paced ===

impl<S> Paced<S> {
    /// Asks a pace of the other side.
    pub fn new(stream: S, slowest: Slowest) -> Self {
        Self {
            stream,
            writes: Pace::new(slowest),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.writes.judge(cx, polled, |bytes| *bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.writes.judge(cx, polled, |bytes| *bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(cx);
        let done = ready!(self.writes.judge(cx, polled, |()| 0));
        // Everything that was written is on its way.
        self.writes.rest();
        Poll::Ready(done)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.writes.judge(cx, polled, |()| 0)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    const SLOWEST: Slowest = Slowest {
        stall: Duration::from_secs(20),
        bytes_per_second: 16,
    };

    /// Writes 1,000 bytes to somebody who takes `piece` bytes every `pause`; returns how many were taken and how it ended.
    async fn written(piece: usize, pause: Duration) -> (usize, io::Result<()>) {
        let (near, mut far) = tokio::io::duplex(16);
        let mut paced = Paced::new(near, SLOWEST);
        let taking = tokio::spawn(async move {
            let mut taken = 0;
            let mut buf = vec![0; piece];
            loop {
                tokio::time::sleep(pause).await;
                match far.read(&mut buf).await {
                    Ok(0) | Err(_) => return taken,
                    Ok(count) => taken += count,
                }
            }
        });
        let ended = async {
            paced.write_all(&[7; 1000]).await?;
            paced.flush().await
        }
        .await;
        drop(paced);
        (taking.await.unwrap(), ended)
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_a_byte_now_and_then_is_left() {
        let (taken, ended) = written(1, Duration::from_secs(1)).await;
        assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!(taken < 64, "{taken} bytes at a byte a second");
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_nothing_is_left_after_a_stall() {
        let start = Instant::now();
        let (_, ended) = written(1, Duration::from_hours(1)).await;
        assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!(start.elapsed() >= SLOWEST.stall);
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_slow_and_fast_enough_is_served() {
        let (taken, ended) = written(16, Duration::from_secs(1)).await;
        ended.unwrap();
        assert_eq!(taken, 1000);
    }
}
