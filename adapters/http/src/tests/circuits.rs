use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bridge_adapter::{Adapter as _, AdapterError, Health};
use tokio::time::Instant;

use super::server::{Server, ok};
use super::{call, other, probe, text};
use crate::{HttpAdapter, HttpConfig};

#[tokio::test]
async fn a_registry_that_keeps_failing_is_left_alone_until_it_answers_again() {
    let works = Arc::new(AtomicBool::new(false));
    let now = Arc::clone(&works);
    let script = move |_: &str, _: &str| now.load(Ordering::SeqCst).then(|| ok(b"back"));
    let server = Server::scripted(None, Arc::new(script)).await;
    let mut config = HttpConfig::new(server.url());
    config.retry.attempts = 1;
    config.circuit.failures = 3;
    config.circuit.pause = Duration::from_millis(200);
    let adapter = HttpAdapter::new(config).unwrap();
    let own = probe("/x");
    for asked in [&own, &other(&own), &own] {
        let error = call(&adapter, asked).await.unwrap_err();
        assert!(matches!(error, AdapterError::Cut { .. }), "{error:?}");
    }
    let opened = Instant::now();
    let made = server.connections();
    let error = call(&adapter, &probe("/x")).await.unwrap_err();
    assert!(
        matches!(error, AdapterError::Unreachable { .. }),
        "{error:?}"
    );
    assert_eq!(server.connections(), made, "it was not asked");
    let Health::NotReady { reason } = adapter.health().await else {
        panic!("ready");
    };
    assert_eq!(
        reason,
        "it failed 3 times in a row and is left alone for a while"
    );
    works.store(true, Ordering::SeqCst);
    let deadline = opened + Duration::from_secs(20);
    while call(&adapter, &probe("/x")).await.is_err() {
        assert!(Instant::now() < deadline, "it never came back");
        tokio::task::yield_now().await;
    }
    assert!(
        opened.elapsed() >= Duration::from_millis(200),
        "not before the pause"
    );
    assert_eq!(adapter.health().await, Health::Ready);
    assert_eq!(text(&adapter, &probe("/x")).await, "back");
}

#[tokio::test]
async fn calls_that_wait_in_vain_open_the_circuit_too() {
    let server = Server::start().await;
    let mut config = HttpConfig::new(server.url());
    config.timeout = Duration::from_millis(20);
    config.circuit.failures = 2;
    let adapter = HttpAdapter::new(config).unwrap();
    let slow = probe("/slow");
    for asked in [&slow, &other(&slow)] {
        let error = call(&adapter, asked).await.unwrap_err();
        assert!(matches!(error, AdapterError::TimedOut), "{error:?}");
    }
    let error = call(&adapter, &probe("/good")).await.unwrap_err();
    assert!(
        matches!(error, AdapterError::Unreachable { .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn requests_that_a_registry_breaks_at_leave_it_open_to_others() {
    let server = Server::start().await;
    let mut config = HttpConfig::new(server.url());
    config.retry.attempts = 1;
    config.circuit.failures = 2;
    let adapter = HttpAdapter::new(config).unwrap();
    for _ in 0..4 {
        let error = call(&adapter, &probe("/closed")).await.unwrap_err();
        assert!(matches!(error, AdapterError::Cut { .. }), "{error:?}");
    }
    assert_eq!(text(&adapter, &other(&probe("/good"))).await, "yaxşı");
}
