//! The program, asked over a real socket as the node asks it.

use http_body_util::{BodyExt as _, Empty};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tokio::sync::watch;

/// Asks for a path; gives the status, the error's code and the body.
async fn ask(path: &str) -> (u16, Option<String>, String) {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("a.sock");
    let (stop, stopped) = watch::channel(false);
    let serving = {
        let socket = socket.clone();
        tokio::spawn(async move {
            crate::protocol::serve(
                &socket,
                &crate::DESCRIPTION,
                crate::answer,
                crate::health,
                stopped,
            )
            .await
        })
    };
    let stream = loop {
        match UnixStream::connect(&socket).await {
            Ok(stream) => break stream,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    let id = "4d0a3ff9-6bd0-4b6f-a1a5-0d8f4f1f7f11";
    let request = http::Request::get(path)
        .header("host", "adapter")
        .header("bridge-call-request-id", id);
    let response = sender
        .send_request(request.body(Empty::<Bytes>::new()).unwrap())
        .await
        .unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    assert_eq!(parts.headers["bridge-call-request-id"], id);
    stop.send(true).unwrap();
    serving.await.unwrap().unwrap();
    let error = parts
        .headers
        .get("bridge-adapter-error")
        .map(|code| code.to_str().unwrap().to_owned());
    (
        parts.status.as_u16(),
        error,
        String::from_utf8(body.to_vec()).unwrap(),
    )
}

#[tokio::test]
async fn a_record_is_found() {
    let (status, error, body) = ask("/call/record/QN-0001").await;
    assert_eq!((status, error), (200, None));
    assert!(body.contains("Birinci qeyd"), "{body}");
}

#[tokio::test]
async fn one_that_is_not_there_is_the_registrys_own_404() {
    let (status, error, body) = ask("/call/record/QN-9999").await;
    assert_eq!(
        (status, error, body.as_str()),
        (404, None, r#"{"error":"not-found"}"#)
    );
}

#[tokio::test]
async fn what_the_service_does_not_take_is_refused_by_code() {
    for (path, code) in [
        ("/call/record/1", "bad-request"),
        ("/call/record", "not-found"),
        ("/call/other/1", "not-found"),
    ] {
        assert_eq!(ask(path).await.1.as_deref(), Some(code), "{path}");
    }
}

#[tokio::test]
async fn the_program_says_what_the_package_says() {
    let described: serde_json::Value = serde_json::from_str(&ask("/describe").await.2).unwrap();
    assert_eq!(described["name"], "sample-registry");
    assert_eq!(
        described["services"][0]["endpoints"][0]["path"],
        "/{number}"
    );
    assert_eq!(ask("/health").await.0, 200);
}
