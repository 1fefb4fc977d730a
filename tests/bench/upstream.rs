//! The registry behind all pairs: every request gets 200 and a JSON text, as long as the last part of its path says.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

use crate::targets::length;
use crate::{ANSWER_BYTES, Failure, say};

const HEAD: &[u8] = br#"{"id":"0001","text":""#;
const TAIL: &[u8] = br#""}"#;
/// Bytes handed over at once.
const PIECE: usize = 64 * 1024;

/// A JSON object of a stated length, made while it is sent.
#[derive(Debug)]
struct Text {
    length: u64,
    sent: u64,
    filling: Bytes,
}

/// Answers until the process is killed.
pub(crate) async fn serve(address: SocketAddr) -> Result<(), Failure> {
    let listener = TcpListener::bind(address).await?;
    say(format_args!("listening on {address}"));
    let filling = Bytes::from("bridge ".repeat(PIECE.div_ceil(7)));
    loop {
        let (stream, _remote) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(connection(stream, filling.clone()));
    }
}

async fn connection(stream: TcpStream, filling: Bytes) {
    let service = service_fn(|request: Request<Incoming>| {
        let length = length(request.uri().path()).unwrap_or(ANSWER_BYTES as u64);
        let mut response = Response::new(Text::new(length, filling.clone()));
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        std::future::ready(Ok::<_, Infallible>(response))
    });
    // A proxy that closes a connection is its own business; the client counts what it did not get.
    drop(
        http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service)
            .await,
    );
}

// === impl Text ===

impl Text {
    /// At least as long as an object without text.
    fn new(length: u64, filling: Bytes) -> Self {
        let length = length.max((HEAD.len() + TAIL.len()) as u64);
        Self {
            length,
            sent: 0,
            filling,
        }
    }

    /// The next bytes of the filling, the ends of the object written over it.
    fn piece(&mut self) -> Bytes {
        let left = self.length - self.sent;
        // Neither end is torn: the last piece is not shorter than the tail.
        let take = match usize::try_from(left) {
            Ok(left) if left <= PIECE => left,
            Ok(_) | Err(_) => PIECE / 2,
        };
        let mut piece = BytesMut::from(self.filling.get(..take).unwrap_or_default());
        if self.sent == 0
            && let Some(head) = piece.get_mut(..HEAD.len())
        {
            head.copy_from_slice(HEAD);
        }
        self.sent += take as u64;
        if self.sent == self.length
            && let Some(tail) = piece.get_mut(take - TAIL.len()..)
        {
            tail.copy_from_slice(TAIL);
        }
        piece.freeze()
    }
}

impl Body for Text {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let unsent = !self.is_end_stream();
        Poll::Ready(unsent.then(|| Ok(Frame::data(self.piece()))))
    }

    fn is_end_stream(&self) -> bool {
        self.sent == self.length
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length - self.sent)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http_body_util::BodyExt as _;

    use super::{PIECE, Text};

    #[tokio::test]
    async fn an_answer_is_json_of_the_stated_length() {
        let filling = Bytes::from("bridge ".repeat(PIECE));
        for length in [23, crate::ANSWER_BYTES, PIECE, PIECE + 1, 1_000_000] {
            let text = Text::new(length as u64, filling.clone());
            let answer = text.collect().await.unwrap().to_bytes();
            assert_eq!(answer.len(), length);
            serde_json::from_slice::<serde_json::Value>(&answer).expect("JSON");
        }
    }
}
