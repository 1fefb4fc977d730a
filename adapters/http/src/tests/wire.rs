//! Registries that misbehave on the connection itself.

use std::sync::Arc;
use std::time::Duration;

use bridge_adapter::connection::INTERIM_LIMIT;
use bridge_adapter::probe::ProbeBody;
use bridge_adapter::{Adapter as _, AdapterError, body};
use http::Method;
use http_body_util::BodyExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::server::{Server, ok, read_until};
use super::{Piecemeal, adapter, call, probe, text};
use crate::{HttpAdapter, HttpConfig};

/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(20);

/// A registry that answers to the head of a request. Tells of each connection that ended.
async fn hasty(reads_on: bool) -> (String, mpsc::UnboundedReceiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let (ended, told) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer_heads(stream, reads_on, ended.clone()));
        }
    });
    (url, told)
}

async fn answer_heads(mut stream: TcpStream, reads_on: bool, ended: mpsc::UnboundedSender<()>) {
    let mut buffer = Vec::new();
    while let Some(head) = read_until(&mut stream, &mut buffer, b"\r\n\r\n").await {
        stream.write_all(&ok(b"early")).await.unwrap();
        if head.starts_with(b"POST") && !reads_on {
            std::future::pending::<()>().await;
        }
    }
    let _unheard = ended.send(());
}

fn single(url: String) -> HttpAdapter {
    let mut config = HttpConfig::new(url);
    config.pool.connections = 1;
    HttpAdapter::new(config).unwrap()
}

#[tokio::test]
async fn an_answer_to_a_request_that_was_not_read_whole_holds_no_connection() {
    let (url, _) = hasty(false).await;
    let adapter = single(url);
    for _ in 0..3 {
        // More than the system keeps on the way.
        let post = probe("/x").posting(ProbeBody::Whole(vec![b'a'; 32 << 20].into()));
        assert_eq!(text(&adapter, &post.within(LONG)).await, "early");
        let get = probe("/x");
        let next = tokio::time::timeout(LONG, text(&adapter, &get)).await;
        assert_eq!(next.unwrap(), "early", "it waits behind the rest");
    }
}

#[tokio::test]
async fn a_connection_is_closed_when_its_answer_ends_before_its_request() {
    let (url, mut ended) = hasty(true).await;
    let adapter = single(url);
    let (pieces, body) = mpsc::channel(1);
    let mut endless = probe("/x").call(CancellationToken::new());
    (endless.method, endless.body_length) = (Method::POST, None);
    endless.body = Piecemeal(body).boxed_unsync();
    pieces.send("begins").await.unwrap();
    let answer = adapter.call(endless).await.unwrap();
    assert_eq!(body::collect(answer.body, 100).await.unwrap(), "early");
    let closed = tokio::time::timeout(LONG, ended.recv()).await;
    assert_eq!(closed.expect("it is still open"), Some(()));
    assert_eq!(text(&adapter, &probe("/x")).await, "early");
    drop(pieces);
}

#[tokio::test]
async fn an_answer_with_a_coding_or_two_framings_is_not_understood() {
    for fields in [
        "transfer-encoding: gzip",
        "transfer-encoding: gzip, chunked",
        "transfer-encoding: gzip\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked\r\ncontent-length: 4",
    ] {
        let answer = format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n2\r\nok\r\n0\r\n\r\n");
        let script = move |_: &str, _: &str| Some(answer.clone().into_bytes());
        let server = Server::scripted(None, Arc::new(script)).await;
        let error = call(&adapter(&server), &probe("/x")).await.unwrap_err();
        assert!(
            matches!(error, AdapterError::NotUnderstood { .. }),
            "{fields}: {error:?}"
        );
    }
}

#[tokio::test]
async fn a_status_that_no_answer_has_is_not_understood() {
    let script = |_: &str, _: &str| Some(b"HTTP/1.1 799 Odd\r\ncontent-length: 0\r\n\r\n".to_vec());
    let server = Server::scripted(None, Arc::new(script)).await;
    let error = call(&adapter(&server), &probe("/x")).await.unwrap_err();
    assert!(
        matches!(error, AdapterError::NotUnderstood { .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn interim_answers_are_dropped_and_too_many_of_them_are_no_answer() {
    let script = |head: &str, _: &str| {
        let path = head.split(' ').nth(1).unwrap_or_default();
        let count: usize = path.rsplit('/').next().unwrap().parse().unwrap();
        let interim = b"HTTP/1.1 103 Early Hints\r\nlink: <x>\r\n\r\n".repeat(count);
        Some([interim, ok(b"late")].concat())
    };
    let server = Server::scripted(None, Arc::new(script)).await;
    let adapter = adapter(&server);
    let most = format!("/{INTERIM_LIMIT}");
    assert_eq!(text(&adapter, &probe(&most)).await, "late");
    for count in [INTERIM_LIMIT + 1, 100_000] {
        let error = call(&adapter, &probe(&format!("/{count}")))
            .await
            .unwrap_err();
        assert!(
            matches!(error, AdapterError::NotUnderstood { .. }),
            "{count}: {error:?}"
        );
    }
    assert_eq!(text(&adapter, &probe("/0")).await, "late");
}
