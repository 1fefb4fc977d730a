//! Fields that a caller or a peer injects: refused, or dropped before anything is signed.

use bridge_tests::registry::Reaction;
use bridge_tests::world::PATH;

use super::{Door, Ground, answers, case, golden};

/// Refused at both doors.
const REFUSED: [(&str, &str, u16, &str); 46] = [
    (
        "a client twice",
        "X-Road-Client: AZ/GOV/2001/TAX",
        400,
        "duplicate_header_field",
    ),
    (
        "a client twice, another case",
        "x-ROAD-client: AZ/GOV/1001/POPULATION",
        400,
        "duplicate_header_field",
    ),
    (
        "an empty client besides",
        "X-Road-Client:",
        400,
        "duplicate_header_field",
    ),
    (
        "message ids",
        "X-Road-Id: a\r\nX-Road-Id: b",
        400,
        "duplicate_header_field",
    ),
    (
        "user ids",
        "X-Road-UserId: a\r\nX-Road-UserId: a",
        400,
        "duplicate_header_field",
    ),
    (
        "issues",
        "X-Road-Issue: a\r\nX-Road-Issue: b",
        400,
        "duplicate_header_field",
    ),
    (
        "represented parties",
        "X-Road-Represented-Party: a\r\nX-Road-Represented-Party: b",
        400,
        "duplicate_header_field",
    ),
    (
        "servers",
        "X-Road-Security-Server: a\r\nX-Road-Security-Server: b",
        400,
        "duplicate_header_field",
    ),
    (
        "unknown X-Road fields",
        "X-Road-Other: a\r\nX-Road-Other: b",
        400,
        "duplicate_header_field",
    ),
    (
        "purposes",
        "Bridge-Purpose: a\r\nBridge-Purpose: b",
        400,
        "duplicate_header_field",
    ),
    (
        "legal bases",
        "Bridge-Legal-Basis: a\r\nBridge-Legal-Basis: b",
        400,
        "duplicate_header_field",
    ),
    (
        "consents",
        "Bridge-Consent: a\r\nBridge-Consent: b",
        400,
        "duplicate_header_field",
    ),
    (
        "tokens",
        "Bridge-User-Token: a\r\nBridge-User-Token: b",
        400,
        "duplicate_header_field",
    ),
    (
        "keys",
        "Bridge-Api-Key: a\r\nBridge-Api-Key: b",
        400,
        "duplicate_header_field",
    ),
    (
        "types",
        "Content-Type: a/b\r\nContent-Type: c/d",
        400,
        "duplicate_header_field",
    ),
    (
        "idempotency keys",
        "Idempotency-Key: a\r\nIdempotency-Key: b",
        400,
        "duplicate_header_field",
    ),
    ("hosts", "Host: evil", 400, "duplicate_header_field"),
    (
        "a client with _",
        "X_Road_Client: AZ/GOV/1001/POPULATION",
        400,
        "bad_request",
    ),
    (
        "a client with one _",
        "X-Road_Client: AZ/GOV/1001/POPULATION",
        400,
        "bad_request",
    ),
    ("a key with _", "Bridge_Api_Key: x", 400, "bad_request"),
    ("any field with _", "X_A: b", 400, "bad_request"),
    (
        "Connection naming the client",
        "Connection: x-road-client",
        400,
        "bad_request",
    ),
    (
        "Connection naming it besides",
        "Connection: close, X-Road-Client",
        400,
        "bad_request",
    ),
    (
        "Connection naming it on a second line",
        "Connection: close\r\nConnection: bridge-contract",
        400,
        "bad_request",
    ),
    (
        "Connection naming the digest",
        "Connection: keep-alive,content-digest",
        400,
        "bad_request",
    ),
    (
        "Connection naming the host",
        "Connection: host",
        400,
        "bad_request",
    ),
    (
        "Connection naming the signature",
        "Connection: signature",
        400,
        "bad_request",
    ),
    (
        "Connection: upgrade",
        "Connection: upgrade\r\nUpgrade: websocket",
        400,
        "bad_request",
    ),
    ("Upgrade alone", "Upgrade: h2c", 400, "bad_request"),
    ("Upgrade, empty", "Upgrade:", 400, "bad_request"),
    (
        "Connection in quotes",
        "Connection: \"close\"",
        400,
        "bad_request",
    ),
    (
        "a CR in a value",
        "X-A: b\rX-Road-Client: c",
        400,
        "bad_request",
    ),
    (
        "a LF in a value",
        "X-A: b\nX-Road-Client: c",
        400,
        "bad_request",
    ),
    ("a NUL in a value", "X-A: b\0c", 400, "bad_request"),
    ("an escape in a value", "X-A: \u{1b}[2J", 400, "bad_request"),
    ("a DEL in a value", "X-A: b\u{7f}", 400, "bad_request"),
    ("a Latin-1 value", "X-A: \u{e9}", 400, "bad_request"),
    ("a UTF-8 value", "X-A: \u{c3}\u{bc}", 400, "bad_request"),
    (
        "a UTF-8 value of ours",
        "Bridge-Purpose: \u{c3}\u{bc}",
        400,
        "bad_request",
    ),
    ("an overlong LF", "X-A: b\u{c0}\u{8a}c", 400, "bad_request"),
    ("a name with a space", "X A: b", 400, "bad_request"),
    ("a name with a bracket", "X(A): b", 400, "bad_request"),
    ("a name with a slash", "X/A: b", 400, "bad_request"),
    ("a name with a NUL", "X\0A: b", 400, "bad_request"),
    ("a name outside ASCII", "X\u{e9}A: b", 400, "bad_request"),
    ("a name in quotes", "\"X-A\": b", 400, "bad_request"),
];

#[tokio::test]
async fn fields_that_could_be_read_in_two_ways_are_refused() {
    let ground = Ground::new().await;
    let mut cases: Vec<super::Case> = REFUSED
        .iter()
        .map(|(name, fields, status, word)| {
            let wire = format!("{{line}}\r\n{{known}}\r\n{fields}\r\n\r\n{{smuggled}}");
            case(name, &wire, *status, word)
        })
        .collect();
    for (name, fields) in [
        ("a hundred fields more", "X-A: b\r\n".repeat(100)),
        ("ten thousand fields", "X-A: b\r\n".repeat(8000)),
        (
            "a field of 33 KiB",
            format!("X-A: {}\r\n", "b".repeat(33 * 1024)),
        ),
        (
            "a field of 65 KiB",
            format!("X-A: {}\r\n", "b".repeat(65 * 1024)),
        ),
        (
            "a name of 65 KiB",
            format!("X-{}: b\r\n", "a".repeat(65 * 1024)),
        ),
        (
            "many long fields",
            format!("X-A: {}\r\n", "b".repeat(8000)).repeat(5),
        ),
    ] {
        let wire = format!("{{line}}\r\n{{known}}\r\n{fields}\r\n{{smuggled}}");
        cases.push(case(name, &wire, 431, "bad_request"));
    }
    assert_eq!(cases.len(), 46 + 6);
    golden("fields", &ground.battery(&cases).await);
}

/// What only nodes say, and what ends at each hop: a caller may send it, nobody behind the node ever sees it.
const DROPPED: [(&str, &str); 24] = [
    ("signature", "sig1=:AAAA:"),
    ("signature-input", "bridge=()"),
    ("bridge-receipt", "forged#1:x"),
    ("bridge-peer-receipt", "forged#1:x"),
    ("bridge-contract", "tax-registry@forged"),
    ("bridge-version", "9"),
    ("bridge-secrets", "a=:AAAA:"),
    ("bridge-anything", "x"),
    ("x-road-request-id", "00000000-0000-4000-8000-000000000000"),
    ("x-road-request-hash", "forged"),
    ("x-road-service", "AZ/GOV/1001/POPULATION/other"),
    ("x-road-error", "forged"),
    ("te", "trailers"),
    ("trailer", "X-Road-Client"),
    ("keep-alive", "timeout=999"),
    ("proxy-authorization", "Basic Zm9yZ2Vk"),
    ("proxy-connection", "keep-alive"),
    ("http2-settings", "AAMAAABkAAQAAP__"),
    ("user-agent", "forged"),
    ("server", "forged"),
    ("range", "bytes=0-1"),
    ("if-range", "forged"),
    ("accept-encoding", "gzip"),
    ("bridge-api-key", "x"),
];

#[tokio::test]
async fn what_only_nodes_say_is_dropped_from_a_callers_fields() {
    let ground = Ground::new().await;
    let registry = &ground.world.registry;
    registry.always(Reaction::answer(200, &[], ""));
    for (name, value) in &DROPPED[..23] {
        let wire = format!("{{line}}\r\n{{known}}\r\n{name}: {value}\r\nConnection: close\r\n\r\n");
        let said = answers(
            &ground
                .speak(Door::Plain, ground.bytes(Door::Plain, &wire))
                .await,
        );
        assert_eq!(
            (said.len(), said[0].status, said[0].field("x-road-error")),
            (1, 200, None),
            "{name}"
        );
        assert!(!said[0].head.contains("forged"), "{name}: {}", said[0].head);
    }
    assert_eq!(registry.seen().len(), 23);
    for seen in registry.seen() {
        assert!(!seen.fields.contains_key("bridge-api-key"));
        for (name, value) in DROPPED {
            let reached = seen.fields.get(name).map(|value| value.to_str().unwrap());
            assert!(
                reached.is_none_or(|reached| reached != value),
                "{name} reached the registry: {reached:?}"
            );
        }
    }
}

/// Between nodes everything present is covered: a field that a hand on the way adds is refused.
#[tokio::test]
async fn a_field_that_no_signature_covers_is_refused_between_nodes() {
    let ground = Ground::new().await;
    for (name, value) in DROPPED
        .iter()
        .filter(|(name, _)| name.starts_with("bridge-") || name.starts_with("x-"))
    {
        let taken = ["x-road-request-id", "bridge-contract", "bridge-version"].contains(name);
        let wire = format!("{{line}}\r\n{{known}}\r\n{name}: {value}\r\nConnection: close\r\n\r\n");
        let said = answers(
            &ground
                .speak(Door::Node, ground.bytes(Door::Node, &wire))
                .await,
        );
        let word = if taken {
            "duplicate_header_field"
        } else {
            "malformed_signature"
        };
        assert_eq!(
            (said[0].status, said[0].error()),
            (400, format!("server.serverproxy.{word}")),
            "{name}"
        );
    }
    assert!(ground.world.registry.seen().is_empty());
}

#[tokio::test]
async fn an_interim_answer_is_sent_for_a_body_that_is_awaited_only() {
    let ground = Ground::new().await;
    let good = "{line}\r\n{known}\r\nExpect: 100-continue\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx";
    let got = ground
        .speak(Door::Plain, ground.bytes(Door::Plain, good))
        .await;
    let statuses: Vec<u16> = answers(&got).iter().map(|said| said.status).collect();
    assert_eq!(statuses, [100, 200]);
    // Nobody asks for the body of a request that is refused by its head.
    let bad = format!(
        "POST {PATH} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx"
    );
    let statuses: Vec<u16> = answers(&ground.speak(Door::Plain, bad.into_bytes()).await)
        .iter()
        .map(|said| said.status)
        .collect();
    assert_eq!(statuses, [401]);
    assert_eq!(ground.world.registry.seen().len(), 1);
}
