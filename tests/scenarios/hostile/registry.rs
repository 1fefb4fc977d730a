//! A registry that was broken into: what its answers inject never gets beyond the node in front of it.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use bridge_tests::world::{PATH, PROVIDER, World, usual};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::golden;

/// Bytes of an answer, and what the caller gets: the status, and the last word of the refusal's code, or none.
const ANSWERS: [(&str, &str, u16, &str); 36] = [
    (
        "good",
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood",
        200,
        "",
    ),
    (
        "fields of the bus",
        "HTTP/1.1 200 OK\r\nX-Road-Error: forged\r\nX-Road-Client: forged\r\nX-Road-Id: forged\r\nX-Road-Request-Id: forged\r\nX-Road-Request-Hash: forged\r\nX-Road-Service: forged\r\nContent-Length: 4\r\n\r\ngood",
        200,
        "",
    ),
    (
        "fields of the bridge",
        "HTTP/1.1 200 OK\r\nBridge-Receipt: forged\r\nBridge-Peer-Receipt: forged\r\nBridge-Version: forged\r\nBridge-Secrets: forged\r\nBridge-Contract: forged\r\nContent-Length: 4\r\n\r\ngood",
        200,
        "",
    ),
    (
        "fields of the bus with _",
        "HTTP/1.1 200 OK\r\nX_Road_Error: forged\r\nBridge_Receipt: forged\r\nContent-Length: 4\r\n\r\ngood",
        200,
        "",
    ),
    (
        "two types",
        "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Type: c/d\r\nContent-Length: 4\r\n\r\ngood",
        502,
        "service_failed.http_error",
    ),
    (
        "a signature",
        "HTTP/1.1 200 OK\r\nSignature: forged=:AA==:\r\nSignature-Input: forged=()\r\nContent-Digest: sha-256=:forged:\r\nContent-Length: 4\r\n\r\ngood",
        200,
        "",
    ),
    (
        "Connection naming a field",
        "HTTP/1.1 200 OK\r\nConnection: x-road-client, date\r\nContent-Length: 4\r\n\r\ngood",
        200,
        "",
    ),
    (
        "hop-by-hop fields",
        "HTTP/1.1 200 OK\r\nKeep-Alive: forged\r\nProxy-Authenticate: forged\r\nServer: forged\r\nTrailer: X-Forged\r\nContent-Length: 4\r\n\r\ngood",
        200,
        "",
    ),
    (
        "two dates",
        "HTTP/1.1 200 OK\r\nDate: Sat, 21 Nov 2026 00:00:00 GMT\r\nDate: Sun, 22 Nov 2026 00:00:00 GMT\r\nContent-Length: 4\r\n\r\ngood",
        200,
        "",
    ),
    (
        "its own trailers",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ngood\r\n0\r\nX-Road-Error: forged\r\n\r\n",
        200,
        "",
    ),
    (
        "an extension of a chunk",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4;forged=1\r\ngood\r\n0\r\n\r\n",
        200,
        "",
    ),
    (
        "100 first",
        "HTTP/1.1 100 Continue\r\nX-Forged: forged\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood",
        200,
        "",
    ),
    (
        "103 first",
        "HTTP/1.1 103 Early Hints\r\nLink: forged\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood",
        200,
        "",
    ),
    (
        "many 102 first",
        "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood",
        200,
        "",
    ),
    (
        "a second answer behind",
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngoodHTTP/1.1 500 Forged\r\nContent-Length: 6\r\n\r\nforged",
        200,
        "",
    ),
    (
        "101 alone",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: forged\r\nConnection: upgrade\r\n\r\n",
        502,
        "service_failed.http_error",
    ),
    (
        "a CR in a value",
        "HTTP/1.1 200 OK\r\nX-A: b\rX-Forged: forged\r\nContent-Length: 4\r\n\r\ngood",
        502,
        "service_failed.http_error",
    ),
    (
        "a NUL in a value",
        "HTTP/1.1 200 OK\r\nX-A: b\0forged\r\nContent-Length: 4\r\n\r\ngood",
        502,
        "service_failed.http_error",
    ),
    (
        "a field without a name",
        "HTTP/1.1 200 OK\r\n: forged\r\nContent-Length: 4\r\n\r\ngood",
        502,
        "service_failed.http_error",
    ),
    (
        "a folded field",
        "HTTP/1.1 200 OK\r\nX-A: b\r\n forged\r\nContent-Length: 4\r\n\r\ngood",
        502,
        "service_failed.http_error",
    ),
    (
        "a length twice",
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\ngood",
        502,
        "service_failed.http_error",
    ),
    (
        "a length of letters",
        "HTTP/1.1 200 OK\r\nContent-Length: four\r\n\r\ngood",
        502,
        "service_failed.http_error",
    ),
    (
        "a negative length",
        "HTTP/1.1 200 OK\r\nContent-Length: -4\r\n\r\ngood",
        502,
        "service_failed.http_error",
    ),
    (
        "no length",
        "HTTP/1.1 200 OK\r\n\r\ngood",
        502,
        "service_failed.http_error",
    ),
    (
        "HTTP/1.0 without a length",
        "HTTP/1.0 200 OK\r\n\r\ngood",
        502,
        "service_failed.http_error",
    ),
    (
        "HTTP/2",
        "HTTP/2.0 200 OK\r\nContent-Length: 4\r\n\r\ngood",
        502,
        "service_failed.http_error",
    ),
    (
        "no HTTP",
        "forged\r\n\r\n",
        502,
        "service_failed.http_error",
    ),
    (
        "status 99",
        "HTTP/1.1 099 Forged\r\nContent-Length: 4\r\n\r\ngood",
        502,
        "service_failed.http_error",
    ),
    (
        "status of four digits",
        "HTTP/1.1 2000 Forged\r\nContent-Length: 4\r\n\r\ngood",
        502,
        "service_failed.http_error",
    ),
    (
        "a bad chunk",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\ngood\r\n0\r\n\r\n",
        502,
        "service_failed.io_error",
    ),
    (
        "a chunk of 2^64",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000000\r\ngood\r\n0\r\n\r\n",
        502,
        "service_failed.io_error",
    ),
    (
        "a chunk without an end",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ngood",
        502,
        "service_failed.io_error",
    ),
    (
        "a body that is cut",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\ngood",
        502,
        "service_failed.io_error",
    ),
    (
        "a byte outside ASCII in a value",
        "HTTP/1.1 200 OK\r\nX-A: \u{e9}\r\nContent-Length: 4\r\n\r\ngood",
        502,
        "service_failed.http_error",
    ),
    (
        "a field of 60 KiB",
        "HTTP/1.1 200 OK\r\nX-A: {60}\r\nContent-Length: 4\r\n\r\ngood",
        502,
        "",
    ),
    (
        "a head of 70 KiB",
        "HTTP/1.1 200 OK\r\nX-A: {70}\r\nContent-Length: 4\r\n\r\ngood",
        502,
        "",
    ),
];

#[tokio::test]
async fn what_a_registry_injects_stays_with_its_node() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let script: Arc<Mutex<Vec<u8>>> = Arc::default();
    tokio::spawn(registry(listener, Arc::clone(&script)));
    let service = format!(
        "[[services]]\nadapter = \"http\"\nsubsystem = \"{PROVIDER}\"\ncode = \"raw\"\nbase_url = \"http://{address}/x\"\n\
         # Each answer is judged for itself: the circuit would keep the later ones away.\n[services.http]\ncircuit_failures = 1000\n"
    );
    let terms = usual()
        .with("id", "raw".into())
        .with("service", "raw".into());
    let world = World::with()
        .contract(terms)
        .provider_settings(&service)
        .start()
        .await;
    let mut table = String::new();
    for (name, wire, status, word) in ANSWERS {
        let wire = wire
            .replace("{60}", &"b".repeat(60 * 1024))
            .replace("{70}", &"b".repeat(70 * 1024));
        *script.lock().unwrap() = wire
            .chars()
            .map(|c| u8::try_from(u32::from(c)).unwrap())
            .collect();
        let answer = world
            .consumer
            .get(&PATH.replace("registry", "raw"))
            .send()
            .await;
        let code = answer.field("x-road-error").unwrap_or_default().to_owned();
        assert_eq!(answer.status, status, "{name}: {answer:?}");
        assert!(
            code.ends_with(word) && code.is_empty() == (status == 200),
            "{name}: {code}"
        );
        for (field, value) in &answer.fields {
            let value = String::from_utf8_lossy(value.as_bytes()).to_lowercase();
            assert!(!value.contains("forged"), "{name}: {field} came through");
        }
        if status == 200 {
            assert_eq!(answer.body, "good", "{name}");
            assert!(answer.fields.contains_key("bridge-peer-receipt"), "{name}");
        }
        writeln!(
            table,
            "{} {} {name}",
            answer.status,
            if code.is_empty() { "-" } else { &code }
        )
        .unwrap();
    }
    golden("registry", &table);
}

/// Gives the script's bytes to each request and closes.
async fn registry(listener: TcpListener, script: Arc<Mutex<Vec<u8>>>) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            if stream.read_buf(&mut head).await.unwrap_or(0) == 0 {
                break;
            }
        }
        let bytes = script.lock().unwrap().clone();
        // The node may close as soon as it has seen enough.
        drop(stream.write_all(&bytes).await);
    }
}
