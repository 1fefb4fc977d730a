//! Request bodies that do not come as one piece.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::Frame;
use http_body_util::BodyExt;
use tokio::sync::{mpsc, oneshot};

use crate::{Body, BodyError};

/// A body that comes one byte at a time.
pub(super) fn byte_by_byte(bytes: &Bytes) -> Body {
    let mut rest = bytes.clone();
    body(move |cx| {
        if rest.is_empty() {
            return Poll::Ready(None);
        }
        // The reader is woken anew for each byte, as by a slow line.
        cx.waker().wake_by_ref();
        Poll::Ready(Some(Ok(rest.split_to(1))))
    })
}

/// A body that sends `bytes`, waits for the gate to open, and sends `rest`.
pub(super) fn gated(bytes: Bytes, rest: Bytes) -> (Body, Gate) {
    let (open, mut opened) = mpsc::channel::<()>(1);
    let (notice, dropped) = oneshot::channel::<()>();
    let mut pieces = vec![Some(bytes)];
    let mut rest = Some(rest);
    let body = body(move |cx| {
        let _held = &notice;
        if let Some(first) = pieces.pop().flatten() {
            return Poll::Ready(Some(Ok(first)));
        }
        if rest.is_none() {
            return Poll::Ready(None);
        }
        match opened.poll_recv(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(_) => Poll::Ready(rest.take().map(Ok)),
        }
    });
    (body, Gate { open, dropped })
}

/// The sender's side of a [`gated`] body.
pub(super) struct Gate {
    open: mpsc::Sender<()>,
    dropped: oneshot::Receiver<()>,
}

impl Gate {
    /// Lets the rest of the body through.
    pub(super) fn open(&self) {
        // An adapter that has let go of the body waits for nothing any more.
        let waits = self.open.try_send(());
        debug_assert!(waits.is_ok() || self.open.is_closed(), "it is opened once");
    }

    /// Waits until the adapter has let go of the body.
    pub(super) async fn dropped(self) {
        // The notice is never sent: it goes when the body goes.
        let gone = self.dropped.await;
        debug_assert!(gone.is_err(), "nobody sends the notice");
    }
}

/// A body without an end, up to `limit_bytes` of it; then it is cut. An adapter that hands bodies on as they come may get
/// there: the node holds the length of what it hands over to its own limit.
pub(super) fn endless(start: Bytes, limit_bytes: u64) -> Body {
    const PIECE: &[u8] = &[b' '; 16 * 1024];
    let mut taken = 0_u64;
    let mut start = Some(start);
    body(move |_| {
        let piece = start.take().unwrap_or(Bytes::from_static(PIECE));
        let length = u64::try_from(piece.len()).unwrap_or(u64::MAX);
        if taken > limit_bytes {
            return Poll::Ready(Some(Err(BodyError::cut())));
        }
        taken = taken.saturating_add(length);
        Poll::Ready(Some(Ok(piece)))
    })
}

type Piece = Poll<Option<Result<Bytes, BodyError>>>;

fn body(next: impl FnMut(&mut Context<'_>) -> Piece + Send + Unpin + 'static) -> Body {
    Pieces(next).boxed_unsync()
}

struct Pieces<F>(F);

impl<F: FnMut(&mut Context<'_>) -> Piece + Unpin> http_body::Body for Pieces<F> {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        (self.0)(cx).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}
