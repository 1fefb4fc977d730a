use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bridge_adapter::probe::ProbeBody;
use bridge_adapter::template::Template;
use bridge_adapter::{AdapterError, Effect, Endpoint, ServiceDescription};
use http::Method;

use super::server::{Server, ok};
use super::{call, probe, text};
use crate::{HttpAdapter, HttpConfig};

/// A server that closes the first `failures` requests without an answer, and counts all.
async fn flaky(failures: usize) -> (Server, Arc<AtomicUsize>) {
    let seen = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&seen);
    let script = move |_head: &str, body: &str| {
        let before = count.fetch_add(1, Ordering::SeqCst);
        (before >= failures).then(|| ok(format!("answer {body}").as_bytes()))
    };
    (Server::scripted(None, Arc::new(script)).await, seen)
}

fn adapter(server: &Server) -> HttpAdapter {
    HttpAdapter::new(config(server)).unwrap()
}

fn config(server: &Server) -> HttpConfig {
    let mut config = HttpConfig::new(server.url());
    config.retry.pause = Duration::from_millis(1);
    config
}

#[tokio::test]
async fn a_query_is_repeated_as_often_as_allowed() {
    let (server, seen) = flaky(2).await;
    assert_eq!(text(&adapter(&server), &probe("/x")).await, "answer ");
    assert_eq!(seen.load(Ordering::SeqCst), 3);
    let (server, seen) = flaky(3).await;
    let error = call(&adapter(&server), &probe("/x")).await.unwrap_err();
    assert!(matches!(error, AdapterError::Cut { .. }), "{error:?}");
    assert_eq!(seen.load(Ordering::SeqCst), 3, "bounded");
}

#[tokio::test]
async fn what_may_have_an_effect_is_not_repeated() {
    let (server, seen) = flaky(1).await;
    let post = probe("/x").posting(ProbeBody::Whole("{}".into()));
    assert!(call(&adapter(&server), &post).await.is_err());
    assert_eq!(seen.load(Ordering::SeqCst), 1);
    // Also not with a key that the registry was not said to keep.
    let (server, seen) = flaky(1).await;
    assert!(call(&adapter(&server), &post.keyed("once")).await.is_err());
    assert_eq!(seen.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn where_the_registry_keeps_the_key_a_submission_is_repeated_with_its_body() {
    let (server, seen) = flaky(1).await;
    let mut config = config(&server);
    config.services = vec![ServiceDescription {
        code: "person".to_owned(),
        title: "Şəxs".to_owned(),
        endpoints: vec![Endpoint {
            method: Method::POST,
            path: Template::parse("/{id}").unwrap(),
            effect: Effect::Stored,
        }],
        openapi: None,
    }];
    let adapter = HttpAdapter::new(config).unwrap();
    let post = probe("/x").posting(ProbeBody::Whole("{\"a\":1}".into()));
    assert!(call(&adapter, &post).await.is_err(), "without a key");
    assert_eq!(seen.swap(0, Ordering::SeqCst), 1);
    let answer = text(&adapter, &post.keyed("once")).await;
    assert_eq!(answer, "answer {\"a\":1}");
    assert_eq!(seen.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn what_may_have_been_done_is_never_told_as_not_done() {
    // The first attempt arrives, and then nobody listens any more.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut config = HttpConfig::new(format!("http://{}/", listener.local_addr().unwrap()));
    config.retry.pause = Duration::from_millis(1);
    let adapter = HttpAdapter::new(config).unwrap();
    let gone = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        drop(listener);
        let mut byte = [0];
        tokio::io::AsyncReadExt::read_exact(&mut stream, &mut byte)
            .await
            .unwrap();
    });
    let error = call(&adapter, &probe("/x")).await.unwrap_err();
    assert!(matches!(error, AdapterError::Cut { .. }), "{error:?}");
    gone.await.unwrap();
}

#[tokio::test]
async fn an_answer_that_has_begun_is_never_asked_for_again() {
    let seen = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&seen);
    let script = move |_: &str, _: &str| match count.fetch_add(1, Ordering::SeqCst) {
        // The next request on the connection is never read: the script closes it.
        0 => Some(b"HTTP/1.1 503 Away\r\ncontent-length: 4\r\n\r\naway".to_vec()),
        _ => None,
    };
    let server = Server::scripted(None, Arc::new(script)).await;
    let answer = call(&adapter(&server), &probe("/x")).await.unwrap();
    assert_eq!(answer.status, 503, "an answer like any other");
    assert_eq!(seen.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_deadline_is_not_spent_on_pauses() {
    let (server, seen) = flaky(usize::MAX).await;
    let mut config = config(&server);
    config.retry.pause = Duration::from_hours(1);
    let adapter = HttpAdapter::new(config).unwrap();
    let near = probe("/x").within(Duration::from_secs(20));
    // A share of an hour that lies within twenty seconds is drawn once in 180 times.
    let error = call(&adapter, &near).await.unwrap_err();
    assert!(
        matches!(error, AdapterError::Cut { .. } | AdapterError::TimedOut),
        "{error:?}"
    );
    assert!(seen.load(Ordering::SeqCst) <= 2);
}
