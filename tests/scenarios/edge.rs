//! What is refused before anything else, byte by byte as it comes over the wire, and how errors look.

use std::collections::HashSet;

use bridge_tests::ask::Ask;
use bridge_tests::claims;
use bridge_tests::world::{PATH, World};

#[tokio::test]
async fn s24_errors_are_json_their_type_is_the_error_field_and_their_detail_is_unique() {
    let world = World::usual().await;
    let mut details = HashSet::new();
    for _ in 0..5 {
        let answer = world
            .consumer
            .get("/r1/AZ/GOV/9999/X/y")
            .field("accept", "application/json")
            .send()
            .await;
        answer.refused(404, "server.clientproxy.unknown_member");
        assert_eq!(
            answer.field("content-type"),
            Some("application/json; charset=utf-8")
        );
        let body = answer.json();
        assert_eq!(
            body.as_object().unwrap().keys().collect::<Vec<_>>(),
            ["detail", "message", "type"]
        );
        details.insert(body["detail"].to_string());
    }
    assert_eq!(details.len(), 5);
}

/// What the wire carries, the status, and the type's last word.
const REFUSED: [(&str, &str, u16, &str); 29] = [
    (
        "both framings",
        "POST {path} HTTP/1.1\r\nHost: a\r\n{key}\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
        "bad_request",
    ),
    (
        "a field name with _",
        "GET {path} HTTP/1.1\r\nHost: a\r\n{key}\r\nX_Road_Client: AZ/GOV/1001/POPULATION\r\n{end}",
        400,
        "bad_request",
    ),
    (
        "a client twice",
        "GET {path} HTTP/1.1\r\nHost: a\r\n{key}\r\nX-Road-Client: AZ/GOV/2001/TAX\r\n{end}",
        400,
        "duplicate_header_field",
    ),
    (
        "a bridge field twice",
        "GET {path} HTTP/1.1\r\nHost: a\r\n{key}\r\nBridge-Purpose: a\r\nBridge-Purpose: a\r\n{end}",
        400,
        "duplicate_header_field",
    ),
    (
        "Connection naming a field",
        "GET {path} HTTP/1.1\r\nHost: a\r\n{key}\r\nConnection: close, X-Road-Client\r\n{end}",
        400,
        "bad_request",
    ),
    (
        "Upgrade",
        "GET {path} HTTP/1.1\r\nHost: a\r\n{key}\r\nUpgrade: websocket\r\n{end}",
        400,
        "bad_request",
    ),
    (
        "a value with a control",
        "GET {path} HTTP/1.1\r\nHost: a\r\n{key}\r\nX-A: a\u{e9}b\r\n{end}",
        400,
        "bad_request",
    ),
    (
        "absolute form",
        "GET http://a{path} HTTP/1.1\r\nHost: a\r\n{key}\r\n{end}",
        400,
        "bad_request",
    ),
    (
        "a raw ..",
        "GET {path}/../x HTTP/1.1\r\nHost: a\r\n{key}\r\n{end}",
        400,
        "bad_request",
    ),
    (
        "an encoded ..",
        "GET {path}/%2e%2e/x HTTP/1.1\r\nHost: a\r\n{key}\r\n{end}",
        400,
        "bad_request",
    ),
    (
        "a half encoded ..",
        "GET {path}/.%2E/x HTTP/1.1\r\nHost: a\r\n{key}\r\n{end}",
        400,
        "bad_request",
    ),
    (
        "a dot",
        "GET {path}/./x HTTP/1.1\r\nHost: a\r\n{key}\r\n{end}",
        400,
        "bad_request",
    ),
    (
        "an encoded slash",
        "GET {path}/a%2fb HTTP/1.1\r\nHost: a\r\n{key}\r\n{end}",
        400,
        "bad_request",
    ),
    (
        "..%2f",
        "GET {path}/..%2fx HTTP/1.1\r\nHost: a\r\n{key}\r\n{end}",
        400,
        "bad_request",
    ),
    (
        "an encoded backslash",
        "GET {path}/a%5cb HTTP/1.1\r\nHost: a\r\n{key}\r\n{end}",
        400,
        "bad_request",
    ),
    (
        "a NUL",
        "GET {path}/a%00b HTTP/1.1\r\nHost: a\r\n{key}\r\n{end}",
        400,
        "bad_request",
    ),
    (
        "double encoding",
        "GET {path}/%252e%252e/x HTTP/1.1\r\nHost: a\r\n{key}\r\n{end}",
        400,
        "bad_request",
    ),
    (
        "a control",
        "GET {path}/a%0d%0ab HTTP/1.1\r\nHost: a\r\n{key}\r\n{end}",
        400,
        "bad_request",
    ),
    (
        "overlong UTF-8",
        "GET {path}/%c0%ae%c0%ae/x HTTP/1.1\r\nHost: a\r\n{key}\r\n{end}",
        400,
        "bad_request",
    ),
    (
        "an empty segment",
        "GET {path}/a//b HTTP/1.1\r\nHost: a\r\n{key}\r\n{end}",
        400,
        "bad_request",
    ),
    (
        "a broken escape",
        "GET {path}/a%4 HTTP/1.1\r\nHost: a\r\n{key}\r\n{end}",
        400,
        "bad_request",
    ),
    (
        "a semicolon the endpoint does not allow",
        "GET {path}/a;b=1 HTTP/1.1\r\nHost: a\r\n{key}\r\n{end}",
        403,
        "access_denied",
    ),
    (
        "a query name the endpoint does not list",
        "GET {path}?secret=1 HTTP/1.1\r\nHost: a\r\n{key}\r\n{end}",
        403,
        "access_denied",
    ),
    (
        "a raw ; in the query",
        "GET {path}?q=1;r=2 HTTP/1.1\r\nHost: a\r\n{key}\r\n{end}",
        400,
        "bad_request",
    ),
    (
        "a digest that differs",
        "POST {path} HTTP/1.1\r\nHost: a\r\n{key}\r\nContent-Digest: sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx",
        400,
        "invalid_body",
    ),
    (
        "a service that is no metadata call",
        "GET /r1/AZ/GOV/1001/POPULATION/listMethods?x=1 HTTP/1.1\r\nHost: a\r\n{key}\r\n{end}",
        400,
        "bad_request",
    ),
    (
        "trailers",
        "POST {path} HTTP/1.1\r\nHost: a\r\n{key}\r\nTransfer-Encoding: chunked\r\nTrailer: X-A\r\nConnection: close\r\n\r\n1\r\nx\r\n0\r\nX-A: 1\r\n\r\n",
        400,
        "bad_request",
    ),
    (
        "a method of nobody",
        "BREW {path} HTTP/1.1\r\nHost: a\r\n{key}\r\n{end}",
        400,
        "invalid_http_method",
    ),
    (
        "another method than it is carried",
        "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n{key}\r\n{end}",
        400,
        "bad_request",
    ),
];

#[tokio::test]
async fn what_the_edge_refuses() {
    let world = World::usual().await;
    for (what, wire, status, word) in REFUSED {
        let wire = wire
            .replace("{path}", PATH)
            .replace("{end}", "Connection: close\r\n\r\n");
        let got = if what == "a value with a control" {
            latin1(&world, &wire).await
        } else {
            world.consumer.raw(&wire).await
        };
        assert!(
            got.starts_with(&format!("HTTP/1.1 {status} ")),
            "{what}: {got}"
        );
        let field = format!("x-road-error: server.clientproxy.{word}\r\n");
        assert!(got.to_lowercase().contains(&field), "{what}: {got}");
    }
    assert!(
        world.registry.seen().is_empty(),
        "something reached the registry: {:?}",
        world.registry.last()
    );
}

/// Sends the text with one byte a character.
async fn latin1(world: &World, wire: &str) -> String {
    let known = format!(
        "Bridge-Api-Key: {}\r\nX-Road-Client: {}",
        world.consumer.api_key, world.consumer.subsystem
    );
    let bytes: Vec<u8> = wire
        .replace("{key}", &known)
        .chars()
        .map(|c| u8::try_from(u32::from(c)).unwrap())
        .collect();
    world.consumer.raw_bytes(&bytes).await
}

#[tokio::test]
async fn what_the_edge_refuses_has_a_twin_that_passes() {
    let world = World::usual().await;
    for wire in [
        "POST {path} HTTP/1.1\r\nHost: a\r\n{key}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n1\r\nx\r\n0\r\n\r\n",
        "GET {path}/a%3Bb/%C3%BC/.../x/ HTTP/1.1\r\nHost: a\r\n{key}\r\n{end}",
        "GET {path}?q=a%2Fb%3B&r=%2e%2e HTTP/1.1\r\nHost: a\r\n{key}\r\nConnection: keep-alive, TE, close\r\nTE: trailers\r\n\r\n",
        "POST {path} HTTP/1.1\r\nHost: a\r\n{key}\r\nContent-Digest: sha-256=:LXEWQrcmsEQBYnyp+6wy9chTD7GQPMTbAiWHF5IaSIE=:\r\nContent-Length: 1\r\n{end}x",
    ] {
        let wire = wire
            .replace("{path}", PATH)
            .replace("{end}", "Connection: close\r\n\r\n");
        let got = world.consumer.raw(&wire).await;
        assert!(
            got.starts_with("HTTP/1.1 200 ") || got.contains("access_denied"),
            "{wire}: {got}"
        );
        assert_eq!(
            got.contains("access_denied"),
            wire.contains("%3Bb/"),
            "an encoded ; in the path is one too: {got}"
        );
    }
}

#[tokio::test]
async fn s61_s75_limits_of_heads_and_bodies() {
    let world = World::with()
        .contract(bridge_tests::world::usual())
        .limit("body_bytes = 100000")
        .start()
        .await;
    let long = "x".repeat(9000);
    world
        .consumer
        .get(&format!("{PATH}/{long}"))
        .send()
        .await
        .refused(431, "server.clientproxy.bad_request");
    let field = world
        .consumer
        .get(PATH)
        .field("x-long", &"y".repeat(40_000))
        .send()
        .await;
    field.refused(431, "server.clientproxy.bad_request");
    let text = world
        .consumer
        .get(PATH)
        .field("x-road-id", &"z".repeat(256))
        .send()
        .await;
    text.refused(400, "server.clientproxy.bad_request");
    world
        .consumer
        .ask("POST", PATH)
        .body(vec![b'x'; 100_000])
        .send()
        .await
        .answered(200);
    let counted = world
        .consumer
        .ask("POST", PATH)
        .body(vec![b'x'; 100_001])
        .send()
        .await;
    counted.refused(413, "server.clientproxy.invalid_body");
    let pieces = vec![vec![b'x'; 60_000].into(), vec![b'x'; 60_000].into()];
    let chunked = world
        .consumer
        .ask("POST", PATH)
        .chunks(pieces)
        .try_send()
        .await;
    if let Ok(answer) = chunked {
        answer.refused(413, "server.clientproxy.invalid_body");
    }
    assert_eq!(world.registry.seen().len(), 1);
}

/// A query with so many more fields, each with a value of so many bytes.
fn with_fields(world: &World, fields: usize, value: usize) -> Ask<'_> {
    let value = "y".repeat(value);
    (0..fields).fold(world.consumer.get(PATH), |ask, number| {
        ask.field(&format!("x-field-{number}"), &value)
    })
}

#[tokio::test]
async fn heads_beyond_a_lower_setting_are_refused_and_counted() {
    let world = World::with()
        .contract(bridge_tests::world::usual())
        .limit("fields = 32\nhead_bytes = 8192")
        .start()
        .await;
    let ask = |fields, value| with_fields(&world, fields, value);
    // What is far below the protocol's own limits: 100 fields, 32 KiB.
    ask(4, 1).send().await.answered(200);
    ask(1, 4000).send().await.answered(200);
    for (limit, refused) in [("fields", ask(40, 1)), ("head_bytes", ask(1, 9000))] {
        assert_eq!(claims::reached(&world.consumer, limit).await, 0, "{limit}");
        let refused = refused.send().await;
        refused.refused(431, "server.clientproxy.bad_request");
        assert_eq!(claims::reached(&world.consumer, limit).await, 1, "{limit}");
    }
    assert_eq!(world.registry.seen().len(), 2);
}

#[tokio::test]
async fn s61_what_leaves_no_room_for_the_nodes_own_fields_is_refused_by_the_first_node() {
    let world = World::usual().await;
    let ask = |fields, value| with_fields(&world, fields, value);
    // With the client there are 84 and 85 fields.
    ask(83, 1).send().await.answered(200);
    let refused = ask(84, 1).send().await;
    refused.refused(431, "server.clientproxy.bad_request");
    ask(1, 24_000).send().await.answered(200);
    let refused = ask(1, 24_600).send().await;
    refused.refused(431, "server.clientproxy.bad_request");
    assert_eq!(world.registry.seen().len(), 2);
}

#[tokio::test]
async fn a_body_that_ends_early_is_refused() {
    let world = World::usual().await;
    let head = format!("POST {PATH} HTTP/1.1\r\nHost: a\r\n{{key}}\r\nConnection: close\r\n");
    for rest in [
        "Content-Length: 100\r\n\r\nhalf",
        "Transfer-Encoding: chunked\r\n\r\n64\r\nhalf",
    ] {
        let got = world.consumer.raw_cut(&format!("{head}{rest}")).await;
        assert!(
            got.is_empty() || got.contains("server.clientproxy.invalid_body"),
            "{got}"
        );
    }
    assert!(world.registry.seen().is_empty());
}
