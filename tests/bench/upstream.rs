//! The registry behind both pairs: every request gets 200 and the same JSON text.

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

use crate::{ANSWER_BYTES, Failure, say};

/// Answers until the process is killed.
pub(crate) async fn serve(address: SocketAddr) -> Result<(), Failure> {
    let listener = TcpListener::bind(address).await?;
    say(format_args!("listening on {address}"));
    let body = answer();
    loop {
        let (stream, _remote) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(connection(stream, body.clone()));
    }
}

async fn connection(stream: TcpStream, body: Bytes) {
    let service = service_fn(|_request| {
        let mut response = Response::new(Full::new(body.clone()));
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

/// A JSON object of exactly [`ANSWER_BYTES`].
fn answer() -> Bytes {
    let (head, tail) = (r#"{"id":"0001","text":""#, r#""}"#);
    let filling = ANSWER_BYTES.saturating_sub(head.len() + tail.len());
    Bytes::from(format!(
        "{head}{}{tail}",
        "bridge ".repeat(filling).get(..filling).unwrap_or("")
    ))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_answer_is_json_of_the_stated_length() {
        let answer = super::answer();
        assert_eq!(answer.len(), crate::ANSWER_BYTES);
        serde_json::from_slice::<serde_json::Value>(&answer).expect("JSON");
    }
}
