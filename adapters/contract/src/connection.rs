//! A connection to something that speaks HTTP/1.1 and may misbehave: what it says is bounded, and nothing that is under way
//! holds a connection longer than its call.

use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{AdapterError, Body, BodyError, Until};

/// The most bytes of an answer's head.
pub const HEAD_LIMIT_BYTES: usize = 64 * 1024;
/// The most header fields of an answer.
pub const FIELDS_LIMIT: usize = 128;
/// The most interim answers (1xx) before an answer; they are dropped.
pub const INTERIM_LIMIT: usize = 16;
/// How long a kept connection may take to be free: its last answer has been read, so only what was never read of its last request
/// holds it. And how long it may take to say goodbye.
pub const READY_WAIT: Duration = Duration::from_millis(100);

/// An open connection. Dropping it closes it, whatever is under way on it: who answers and never reads the rest of the request
/// would else hold it for ever.
#[derive(Debug)]
pub struct Connection {
    sender: SendRequest<Body>,
    /// What became of its last request.
    fate: Fate,
    closed: CancellationToken,
    _closes: DropGuard,
}

/// A request to be sent, and what becomes of its body: the HTTP library tells that its connection, not the caller.
#[derive(Debug)]
pub struct Outgoing {
    request: Request<Body>,
    fate: Fate,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Unanswered {
    /// The connection was closed before; nothing was sent, and it can be sent elsewhere.
    Unsent(Box<Outgoing>),
    /// It failed on the way.
    Failed(AdapterError),
}

#[derive(Debug, Clone, Default)]
struct Fate {
    fault: Arc<Mutex<Option<BodyError>>>,
    /// Cancelled when nothing of the body is left to send.
    sent: CancellationToken,
}

struct Watched {
    inner: Body,
    fate: Fate,
    /// The connection had a moment for something else since the last piece.
    rested: bool,
}

// === impl Connection ===

impl Connection {
    /// Speaks over a stream.
    ///
    /// # Errors
    ///
    /// Those of the HTTP library; so far nothing is sent.
    pub async fn over<S>(stream: S) -> Result<Self, hyper::Error>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut builder = http1::Builder::new();
        builder
            .max_header_size(HEAD_LIMIT_BYTES)
            .max_headers(FIELDS_LIMIT);
        let (sender, driver) = builder.handshake(TokioIo::new(stream)).await?;
        let closed = CancellationToken::new();
        let over = closed.clone();
        tokio::spawn(async move {
            let mut driver = pin!(driver);
            let ended = tokio::select! {
                biased;
                // One at rest ends as TLS wants it.
                () = over.cancelled() => timeout(READY_WAIT, driver).await.unwrap_or(Ok(())),
                ended = &mut driver => ended,
            };
            if let Err(error) = ended {
                // Calls that are affected learn it themselves.
                tracing::debug!(%error, "a connection of an adapter ended");
            }
        });
        Ok(Self {
            sender,
            fate: Fate::default(),
            _closes: closed.clone().drop_guard(),
            closed,
        })
    }

    /// Sends a request and waits for the beginning of its answer. A large request may take its time; from its last byte the answer
    /// may take `time`.
    ///
    /// # Errors
    ///
    /// [`Unanswered`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the call up; the connection must then be dropped too.
    pub async fn send(
        &mut self,
        outgoing: Outgoing,
        time: Duration,
        until: &Until,
    ) -> Result<Response<Incoming>, Unanswered> {
        let Outgoing { mut request, fate } = outgoing;
        self.fate = fate.clone();
        self.bound_interim(&mut request);
        let answered = async {
            tokio::select! {
                biased;
                sent = self.sender.try_send_request(request) => Ok(sent),
                () = fate.sent_since(time) => Err(AdapterError::TimedOut),
            }
        };
        let sent = until.bound(answered).await.flatten();
        if self.closed.is_cancelled() {
            return Err(Unanswered::Failed(AdapterError::NotUnderstood {
                reason: "it has too many interim answers".to_owned(),
            }));
        }
        sent.map_err(Unanswered::Failed)?
            .map_err(|failure| unanswered(failure, fate, until))
    }

    /// Whether it takes another request: at once, or never.
    pub async fn is_ready(&mut self) -> bool {
        let ready = timeout(READY_WAIT, self.sender.ready()).await;
        ready.is_ok_and(|ready| ready.is_ok())
    }

    /// Whether the other side closed it.
    pub fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Whether it can be kept, its last answer being read to the end: what was not sent of its request would stand before the next.
    pub fn is_reusable(&self) -> bool {
        self.fate.sent.is_cancelled() && !self.is_closed()
    }

    /// Interim answers have no end of their own: after too many the connection is closed. Standard: RFC 9110 §15.2.
    fn bound_interim(&self, request: &mut Request<Body>) {
        let (heard, closed) = (AtomicUsize::new(0), self.closed.clone());
        hyper::ext::on_informational(request, move |_interim| {
            if heard.fetch_add(1, Ordering::Relaxed) >= INTERIM_LIMIT {
                closed.cancel();
            }
        });
    }
}

/// The request, if nothing of it was sent; else why there is no answer.
fn unanswered(mut failure: TrySendError<Request<Body>>, fate: Fate, until: &Until) -> Unanswered {
    if let Some(request) = failure.take_message() {
        return Unanswered::Unsent(Box::new(Outgoing { request, fate }));
    }
    if let Some(error) = fate.fault().take() {
        return Unanswered::Failed(AdapterError::RequestBody(error));
    }
    let error = failure.into_error();
    Unanswered::Failed(if error.is_parse() || error.is_parse_too_large() {
        // The library's text names the part of the head and no value of it.
        AdapterError::NotUnderstood {
            reason: error.to_string(),
        }
    } else if Instant::now() >= until.deadline {
        // The other side may end the call at its deadline too, before the own timer says so.
        AdapterError::TimedOut
    } else {
        AdapterError::Cut {
            source: Some(Box::new(error)),
        }
    })
}

// === impl Outgoing ===

impl Outgoing {
    /// Takes a request to send it.
    pub fn new(request: Request<Body>) -> Self {
        let fate = Fate::default();
        let watched = fate.clone();
        let request = request.map(|inner| {
            Watched {
                inner,
                fate: watched,
                rested: true,
            }
            .boxed_unsync()
        });
        Self { request, fate }
    }
}

// === impl Unanswered ===

impl From<Unanswered> for AdapterError {
    /// A connection that nobody used before and that is closed was cut.
    fn from(unanswered: Unanswered) -> Self {
        match unanswered {
            Unanswered::Unsent(_) => Self::Cut { source: None },
            Unanswered::Failed(error) => error,
        }
    }
}

// === impl Fate ===

impl Fate {
    async fn sent_since(&self, time: Duration) {
        self.sent.cancelled().await;
        tokio::time::sleep(time).await;
    }

    fn fault(&self) -> MutexGuard<'_, Option<BodyError>> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Watched ===

impl Drop for Watched {
    fn drop(&mut self) {
        self.fate.sent.cancel();
    }
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        // While a body has pieces and the other side takes them, nobody looks for an answer. One that comes early, before the
        // other side closes, would be lost to the error of writing on; so what has arrived is looked at between two pieces.
        if !std::mem::replace(&mut self.rested, true) {
            // Its wake comes once what has arrived was looked at; a wake of our own would come before.
            let _pending = pin!(tokio::task::yield_now()).poll(context);
            return Poll::Pending;
        }
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(context));
        self.rested = false;
        match frame {
            Some(Err(error)) => {
                *self.fate.fault() = Some(error);
                Poll::Ready(Some(Err(BodyError::cut())))
            }
            other => Poll::Ready(other),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::os::unix::net::UnixStream;

    use http::StatusCode;
    use http_body_util::BodyExt as _;

    use super::*;

    /// A body that always has another piece.
    struct Endless;

    impl http_body::Body for Endless {
        type Data = Bytes;
        type Error = BodyError;

        fn poll_frame(
            self: Pin<&mut Self>,
            _context: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
            let piece = Bytes::from_static(&[b'a'; 4096]);
            Poll::Ready(Some(Ok(Frame::data(piece))))
        }
    }

    /// Answers when the head has come, takes a little more, and closes.
    fn refuse(mut stream: UnixStream) {
        let mut piece = vec![0; 65_536];
        assert!(stream.read(&mut piece).unwrap() > 0);
        stream
            .write_all(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
            .unwrap();
        let mut taken = 0;
        while taken < 1 << 20 {
            match stream.read(&mut piece) {
                Ok(0) | Err(_) => return,
                Ok(length) => taken += length,
            }
        }
    }

    #[tokio::test]
    async fn an_early_answer_is_heard_however_fast_the_body_comes() {
        for round in 0..20 {
            let (near, far) = UnixStream::pair().unwrap();
            near.set_nonblocking(true).unwrap();
            let other = tokio::task::spawn_blocking(|| refuse(far));
            let stream = tokio::net::UnixStream::from_std(near).unwrap();
            let mut connection = Connection::over(stream).await.unwrap();
            let request = Request::post("/").body(Endless.boxed_unsync()).unwrap();
            let until = Until::after(Duration::from_mins(1));
            let answer = connection
                .send(Outgoing::new(request), Duration::from_mins(1), &until)
                .await;
            let answer = answer.unwrap_or_else(|error| panic!("round {round}: {error:?}"));
            assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
            drop((answer, connection));
            other.await.unwrap();
        }
    }
}
