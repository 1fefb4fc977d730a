//! Watches the bytes of an HTTP/1.1 connection for what the HTTP library hides.
//!
//! hyper resolves `Transfer-Encoding` with `Content-Length` by dropping the length, so a service never learns that a
//! request carried both. A proxy in front may have chosen the other one, which is how requests are smuggled. The guard
//! follows message boundaries on the wire and raises a flag; the listener then refuses (400) and closes.
//! It also ends connections whose other side has stopped reading: no answer waits in memory or on disk for ever.
//!
//! Standard: RFC 9112 §6.3.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// Raised once a head on this connection was framed in two ways, or its lines or chunks were malformed.
#[derive(Debug, Clone, Default)]
pub struct Suspicion(Arc<AtomicBool>);

/// A stream whose incoming bytes are watched.
#[derive(Debug)]
pub struct Guarded<S> {
    stream: S,
    scanner: Scanner,
    suspicion: Suspicion,
    /// How long the other side may take nothing of what is written.
    patience: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
}

#[derive(Debug, Default)]
struct Scanner {
    state: State,
    /// The line under way, cut after [`LINE_PREFIX`] bytes: enough to know the two fields and a number.
    line: Vec<u8>,
    /// The last byte of a line, even when the line was cut.
    last: u8,
    first_line: bool,
    chunked: bool,
    length: Option<u64>,
}

#[derive(Debug, Default, Clone, Copy)]
enum State {
    #[default]
    Head,
    Body(u64),
    ChunkSize,
    ChunkData(u64),
    ChunkEnd(u8),
    Trailers,
}

const LINE_PREFIX: usize = 64;

// === impl Suspicion ===

impl Suspicion {
    /// Whether this connection must be refused and closed.
    pub fn raised(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

// === impl Guarded ===

impl<S> Guarded<S> {
    /// Starts to watch a fresh connection.
    pub fn new(stream: S, patience: Duration) -> (Self, Suspicion) {
        let suspicion = Suspicion::default();
        let scanner = Scanner {
            first_line: true,
            ..Scanner::default()
        };
        (
            Self {
                stream,
                scanner,
                suspicion: suspicion.clone(),
                patience,
                stalled: None,
            },
            suspicion,
        )
    }

    /// Passes on what a write came to, or ends the connection if nothing has been taken for too long.
    fn patient<T>(
        &mut self,
        cx: &mut Context<'_>,
        polled: Poll<std::io::Result<T>>,
    ) -> Poll<std::io::Result<T>> {
        if polled.is_ready() {
            self.stalled = None;
            return polled;
        }
        let patience = self.patience;
        let stalled = self
            .stalled
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(std::io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        let fresh = buf.filled().get(before..).unwrap_or_default();
        if !fresh.is_empty() && !self.suspicion.raised() && self.scanner.feed(fresh).is_err() {
            self.suspicion.0.store(true, Ordering::Release);
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.patient(cx, polled)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(cx);
        self.patient(cx, polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.patient(cx, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.patient(cx, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

// === impl Scanner ===

struct Malformed;

impl Scanner {
    fn feed(&mut self, mut bytes: &[u8]) -> Result<(), Malformed> {
        while let Some((&byte, rest)) = bytes.split_first() {
            match self.state {
                State::Body(left) => {
                    bytes = self.skip(bytes, left, State::Body, State::Head);
                    continue;
                }
                State::ChunkData(left) => {
                    bytes = self.skip(bytes, left, State::ChunkData, State::ChunkEnd(2));
                    continue;
                }
                State::ChunkEnd(left) => self.chunk_end(byte, left)?,
                State::Head | State::ChunkSize | State::Trailers => self.text(byte)?,
            }
            bytes = rest;
        }
        Ok(())
    }

    fn skip<'a>(
        &mut self,
        bytes: &'a [u8],
        left: u64,
        stay: impl Fn(u64) -> State,
        then: State,
    ) -> &'a [u8] {
        let here = u64::try_from(bytes.len()).unwrap_or(u64::MAX).min(left);
        self.state = if here == left {
            then
        } else {
            stay(left - here)
        };
        let taken = usize::try_from(here).unwrap_or(usize::MAX);
        bytes.get(taken..).unwrap_or_default()
    }

    fn chunk_end(&mut self, byte: u8, left: u8) -> Result<(), Malformed> {
        let expected = if left == 2 { b'\r' } else { b'\n' };
        if byte != expected {
            return Err(Malformed);
        }
        self.state = if left == 2 {
            State::ChunkEnd(1)
        } else {
            State::ChunkSize
        };
        Ok(())
    }

    fn text(&mut self, byte: u8) -> Result<(), Malformed> {
        if byte != b'\n' {
            if self.line.len() < LINE_PREFIX {
                self.line.push(byte);
            }
            self.last = byte;
            return Ok(());
        }
        // A bare LF ends a line for some programs and not for others.
        if self.last != b'\r' {
            return Err(Malformed);
        }
        self.last = 0;
        let mut line = std::mem::take(&mut self.line);
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        let done = match self.state {
            State::ChunkSize => self.chunk_size(&line),
            State::Trailers => {
                if line.is_empty() {
                    self.start_head();
                }
                Ok(())
            }
            State::Head | State::Body(_) | State::ChunkData(_) | State::ChunkEnd(_) => {
                self.head_line(&line)
            }
        };
        line.clear();
        self.line = line;
        done
    }

    fn start_head(&mut self) {
        self.state = State::Head;
        self.first_line = true;
        self.chunked = false;
        self.length = None;
    }

    fn head_line(&mut self, line: &[u8]) -> Result<(), Malformed> {
        if self.first_line {
            // Empty lines before a request line are allowed. Standard: RFC 9112 §2.2.
            self.first_line = line.is_empty();
            return Ok(());
        }
        if line.is_empty() {
            return self.end_head();
        }
        if line.first().is_some_and(u8::is_ascii_whitespace) {
            return Err(Malformed);
        }
        let colon = line
            .iter()
            .position(|byte| *byte == b':')
            .unwrap_or(line.len());
        let (name, value) = line.split_at(colon);
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.chunked = true;
        } else if name.eq_ignore_ascii_case(b"content-length") {
            let value = value.get(1..).unwrap_or_default().trim_ascii();
            let length = std::str::from_utf8(value)
                .ok()
                .filter(|text| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()))
                .and_then(|text| text.parse().ok())
                .ok_or(Malformed)?;
            if self.length.replace(length).is_some() {
                return Err(Malformed);
            }
        }
        Ok(())
    }

    fn end_head(&mut self) -> Result<(), Malformed> {
        let (chunked, length) = (self.chunked, self.length);
        self.start_head();
        match (chunked, length) {
            (true, Some(_)) => return Err(Malformed),
            (true, None) => self.state = State::ChunkSize,
            (false, Some(length)) if length > 0 => self.state = State::Body(length),
            (false, _) => {}
        }
        Ok(())
    }

    fn chunk_size(&mut self, line: &[u8]) -> Result<(), Malformed> {
        let digits = line.split(|byte| *byte == b';').next().unwrap_or_default();
        let size = std::str::from_utf8(digits)
            .ok()
            .filter(|text| !text.is_empty() && text.bytes().all(|b| b.is_ascii_hexdigit()))
            .and_then(|text| u64::from_str_radix(text, 16).ok())
            .ok_or(Malformed)?;
        self.state = if size == 0 {
            State::Trailers
        } else {
            State::ChunkData(size)
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suspicious(wire: &str, step: usize) -> bool {
        let mut scanner = Scanner {
            first_line: true,
            ..Scanner::default()
        };
        wire.as_bytes()
            .chunks(step)
            .any(|part| scanner.feed(part).is_err())
    }

    #[test]
    fn both_framings_are_seen_in_either_order_and_split_anywhere() {
        for wire in [
            "POST / HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n\r\nPOST / HTTP/1.1\r\nTransfer-Encoding: x\r\nContent-Length: 0\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\n",
            "POST / HTTP/1.1\nHost: a\n\n",
            "POST / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n",
        ] {
            for step in [1, 2, 3, 7, 4096] {
                assert!(suspicious(wire, step), "{wire:?} by {step}");
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_judged_alike_however_they_arrive(
            wire in proptest::collection::vec(
                proptest::sample::select(b"\r\n:; 0123aFtransfe-codgCLPOSTx".to_vec()), 0..200),
            step in 1usize..20,
        ) {
            let mut whole = Scanner { first_line: true, ..Scanner::default() };
            let at_once = whole.feed(&wire).is_err();
            let mut parts = Scanner { first_line: true, ..Scanner::default() };
            let in_parts = wire.chunks(step).any(|part| parts.feed(part).is_err());
            proptest::prop_assert_eq!(at_once, in_parts);
            proptest::prop_assert!(parts.line.len() <= LINE_PREFIX);
        }
    }

    #[tokio::test]
    async fn who_reads_is_served_and_who_reads_nothing_is_left() {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let (near, mut far) = tokio::io::duplex(16);
        let (mut guarded, _) = Guarded::new(near, Duration::from_mins(1));
        let writing = tokio::spawn(async move { guarded.write_all(&[7; 64]).await });
        for _ in 0..4 {
            far.read_exact(&mut [0; 16]).await.unwrap();
        }
        writing.await.unwrap().unwrap();

        let (near, _far) = tokio::io::duplex(16);
        let (mut guarded, _) = Guarded::new(near, Duration::from_millis(1));
        let ended = guarded.write_all(&[7; 64]).await.unwrap_err();
        assert_eq!(ended.kind(), std::io::ErrorKind::TimedOut);
    }

    #[test]
    fn proper_messages_pass_and_bodies_are_not_read_as_heads() {
        let evil = "X\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n";
        let length = evil.len();
        for wire in [
            format!(
                "POST / HTTP/1.1\r\nContent-Length: {length}\r\n\r\n{evil}GET / HTTP/1.1\r\n\r\n"
            ),
            format!(
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{length:x}\r\n{evil}\r\n0\r\n\r\n\
                 GET / HTTP/1.1\r\nHost: b\r\n\r\n"
            ),
        ] {
            for step in [1, 5, 4096] {
                assert!(!suspicious(&wire, step), "{wire:?} by {step}");
            }
        }
    }
}
