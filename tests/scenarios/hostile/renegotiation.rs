//! Inside an open session: TLS 1.3 has no renegotiation, and no message of a handshake but new keys is taken there.

use bridge_tests::records::Records;
use bridge_tests::records::kind::{ALERT, APPLICATION_DATA, CHANGE_CIPHER_SPEC, HANDSHAKE};
use bridge_tests::world::PATH;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::hello::{message_12, message_13};
use super::{Door, Ground, TLS_DOORS, answers, speak_over};

/// What ends the connection: a fatal alert, or nothing that is said. Standard: RFC 8446 §6.2.
type Alert = Option<u8>;
const UNEXPECTED: Alert = Some(10);
const MALFORMED: Alert = Some(50);
const ILLEGAL: Alert = Some(47);
const SILENCE: Alert = None;
const FATAL: u8 = 2;

/// A message of a handshake.
fn message(number: u8, body: &[u8]) -> Vec<u8> {
    let length = u8::try_from(body.len()).unwrap();
    [&[number, 0, 0, length][..], body].concat()
}

/// Each in encrypted records of the session, before a request and within one.
///
/// Standard: RFC 8446 §4.6.
#[tokio::test]
async fn a_handshake_inside_a_session_ends_it() {
    let ground = Ground::new().await;
    let ticket = [&[0; 9][..], &[0, 4, 1, 1, 1, 1, 0, 0]].concat();
    let hello_13 = message_13(b"http/1.1", &[]);
    for (name, kind, content, alert) in [
        ("hello", HANDSHAKE, hello_13, UNEXPECTED),
        ("hello of 1.2", HANDSHAKE, message_12(), UNEXPECTED),
        ("hello request", HANDSHAKE, message(0, &[]), UNEXPECTED),
        ("ticket", HANDSHAKE, message(4, &ticket), UNEXPECTED),
        ("end of early data", HANDSHAKE, message(5, &[]), UNEXPECTED),
        ("certificate", HANDSHAKE, message(11, &[0; 4]), UNEXPECTED),
        ("finished", HANDSHAKE, message(20, &[1; 32]), UNEXPECTED),
        ("unknown message", HANDSHAKE, message(99, &[2]), UNEXPECTED),
        ("no such new keys", HANDSHAKE, message(24, &[2]), ILLEGAL),
        ("16 MiB", HANDSHAKE, vec![1, 0xff, 0xff, 0xff, 0], SILENCE),
        ("half a message", HANDSHAKE, vec![24, 0, 0, 1], SILENCE),
        ("other keys", CHANGE_CIPHER_SPEC, vec![1], UNEXPECTED),
        ("unknown record", 24, vec![1, 0, 1, 7], MALFORMED),
    ] {
        for door in TLS_DOORS {
            let request = ground.bytes(door, "{smuggled}");
            // Before a request, and within one.
            for at in [0, request.len() / 2] {
                let (before, behind) = request.split_at(at);
                let mut records = records(&ground, door).await;
                let bytes = [
                    records.seal(APPLICATION_DATA, before),
                    records.seal(kind, &content),
                    records.seal(APPLICATION_DATA, behind),
                ];
                let bytes = bytes.concat();
                let got = records.speak(&bytes).await;
                let due = alert.map(|alert| (ALERT, vec![FATAL, alert]));
                assert_eq!(got, Vec::from_iter(due), "{door:?}: {name}");
            }
        }
    }
    assert!(ground.world.registry.seen().is_empty());
    ground.world.consumer.get(PATH).send().await.answered(200);
}

/// Records that say nothing, as many as one likes. Standard: RFC 8446 §5.1.
#[tokio::test]
async fn a_flood_of_empty_records_ends_the_connection() {
    let ground = Ground::new().await;
    for door in TLS_DOORS {
        for kind in [HANDSHAKE, APPLICATION_DATA] {
            let mut records = records(&ground, door).await;
            let mut bytes: Vec<u8> = (0..1000).flat_map(|_| records.seal(kind, b"")).collect();
            let request = ground.bytes(door, "{smuggled}");
            bytes.extend(records.seal(APPLICATION_DATA, &request));
            let got = records.speak(&bytes).await;
            assert!(got.is_empty(), "{door:?} {kind}: {got:?}");
        }
    }
    assert!(ground.world.registry.seen().is_empty());
    ground.world.consumer.get(PATH).send().await.answered(200);
}

/// New keys cost the node work and say nothing: so many of them in a row end the connection.
///
/// Standard: RFC 8446 §4.6.3.
#[tokio::test]
async fn a_flood_of_key_updates_ends_the_connection() {
    let ground = Ground::new().await;
    for door in TLS_DOORS {
        for before in ["", "{line}\r\nX-A: "] {
            let mut stream = ground.tls(door, ground.client_config(door)).await;
            stream.write_all(&ground.bytes(door, before)).await.unwrap();
            for _ in 0..1000 {
                stream.get_mut().1.refresh_traffic_keys().unwrap();
            }
            let rest = ground.bytes(door, "{smuggled}");
            let got = speak_over(stream, rest).await;
            assert!(got.is_empty(), "{door:?}: {got:?}");
        }
    }
    assert!(ground.world.registry.seen().is_empty());
    ground.world.consumer.get(PATH).send().await.answered(200);
}

#[tokio::test]
async fn new_keys_again_and_again_within_a_request_are_harmless() {
    let ground = Ground::new().await;
    for door in TLS_DOORS {
        let mut stream = ground.tls(door, ground.client_config(door)).await;
        let wire = ground.bytes(door, "{line}\r\n{known}\r\nConnection: close\r\n\r\n");
        for piece in wire.chunks(8) {
            for _ in 0..30 {
                stream.get_mut().1.refresh_traffic_keys().unwrap();
            }
            stream.write_all(piece).await.unwrap();
            stream.flush().await.unwrap();
        }
        let mut got = Vec::new();
        drop(stream.read_to_end(&mut got).await);
        assert_eq!(answers(&got)[0].status, 200, "{door:?}");
    }
}

/// The records of an open connection of one who may come in.
async fn records(ground: &Ground, door: Door) -> Records {
    let mut config = ground.client_config(door);
    config.enable_secret_extraction = true;
    Records::of(ground.tls(door, config).await)
}
