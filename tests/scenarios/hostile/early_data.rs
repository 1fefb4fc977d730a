//! Early data: no node gives a ticket that it could be sent under, and what is sent all the same is never read.

use std::sync::Arc;

use bridge_tests::ask::dial;
use bridge_tests::claims;
use bridge_tests::puppet::identity;
use bridge_tests::records::{kind, record};
use bridge_tests::wait::BOUND;
use bridge_tests::world::PATH;
use rustls::{ClientConfig, ClientConnection, HandshakeKind, ServerConfig, ServerConnection};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsConnector;

use super::hello::{PRE_SHARED_KEY, in_record, made_up_ticket, message_13};
use super::tls::tcp;
use super::{Door, Ground, TLS_DOORS, answers, host, speak_over};

/// What becomes of a handshake behind early data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The node throws the early data away, and waits for the client's certificate as long as it does for any.
    Waits,
    /// It ends at once.
    Refused,
}

/// More than a node throws away.
const FLOOD_BYTES: u32 = 32 * 1024;

#[tokio::test]
async fn no_ticket_is_ever_given_and_every_handshake_is_a_full_one() {
    let ground = Ground::new().await;
    for door in TLS_DOORS {
        let mut config = ground.client_config(door);
        config.enable_early_data = true;
        for _ in 0..3 {
            // The same memory for tickets in each.
            let mut stream = ground.tls(door, config.clone()).await;
            let wire = ground.bytes(door, "{line}\r\n{known}\r\nConnection: close\r\n\r\n");
            stream.write_all(&wire).await.unwrap();
            let mut got = Vec::new();
            drop(stream.read_to_end(&mut got).await);
            assert_eq!(answers(&got)[0].status, 200);
            let (_, connection) = stream.get_ref();
            assert_eq!(connection.tls13_tickets_received(), 0);
            assert_eq!(connection.handshake_kind(), Some(HandshakeKind::Full));
        }
        // A client that would send early data has nothing to send it with.
        let mut next = ClientConnection::new(Arc::new(config), host()).unwrap();
        assert!(next.early_data().is_none());
    }
}

/// Standard: RFC 8446 §4.2.10.
#[tokio::test]
async fn early_data_under_a_made_up_ticket_is_thrown_away_unread() {
    let ground = Ground::with(|setup| setup.limit("handshake_seconds = 1")).await;
    for door in TLS_DOORS {
        let hello = in_record(&message_13(door.protocol(), &made_up_ticket()));
        let request = ground.bytes(door, "{smuggled}");
        let early = |content: &[u8]| record(kind::APPLICATION_DATA, content);
        for (name, behind, end) in [
            ("a request", early(&request), End::Waits),
            ("nothing", Vec::new(), End::Waits),
            ("a request in clear", request.clone(), End::Refused),
            ("a flood", early(&[9; 8192]).repeat(4), End::Refused),
            (
                "the longest record",
                early(&[9].repeat(0xffff)),
                End::Refused,
            ),
            (
                "the longest head",
                vec![kind::APPLICATION_DATA, 3, 3, 0xff, 0xff],
                End::Refused,
            ),
        ] {
            let agency = ground.agency(door);
            let before = claims::reached(agency, "handshake_seconds").await;
            let got = tcp(ground.address(door), &[&hello[..], &behind].concat()).await;
            let waited = claims::reached(agency, "handshake_seconds").await - before;
            let due = u64::from(end == End::Waits);
            assert_eq!(waited, due, "{door:?}: {name}");
            assert_eq!(got[0], kind::HANDSHAKE, "{door:?}: {name}: {got:?}");
            assert!(!server_hello_extensions(&got).contains(&PRE_SHARED_KEY));
        }
    }
    assert!(ground.world.registry.seen().is_empty());
    ground.world.consumer.get(PATH).send().await.answered(200);
}

/// A client with a real ticket, of another server under the same key, sends a whole request as early data under it.
#[tokio::test]
async fn early_data_under_a_ticket_of_another_server_is_no_request() {
    let ground = Ground::new().await;
    for door in TLS_DOORS {
        let before = ground.world.registry.seen().len();
        for (name, early, taken) in [
            ("a request", ground.bytes(door, "{smuggled}"), true),
            (
                "half a request",
                b"GET /smuggled HTTP/1.1\r\nX-A: ".to_vec(),
                true,
            ),
            (
                "a flood",
                vec![b'a'; usize::try_from(FLOOD_BYTES).unwrap()],
                false,
            ),
        ] {
            let config = with_ticket(&ground, door);
            let tcp = dial(ground.address(door)).await.unwrap();
            let opened = TlsConnector::from(config).connect_with(host(), tcp, |connection| {
                let mut writer = connection.early_data().expect("the ticket allows it");
                std::io::Write::write_all(&mut writer, &early).unwrap();
            });
            let opened = tokio::time::timeout(BOUND, opened).await.unwrap();
            let Ok(stream) = opened else {
                assert!(!taken, "{door:?}: {name}: {opened:?}");
                continue;
            };
            let (_, connection) = stream.get_ref();
            assert!(!connection.is_early_data_accepted());
            assert_eq!(connection.handshake_kind(), Some(HandshakeKind::Full));
            let wire = ground.bytes(door, "{line}\r\n{known}\r\nConnection: close\r\n\r\n");
            let said = answers(&speak_over(stream, wire).await);
            let statuses: Vec<u16> = said.iter().map(|said| said.status).collect();
            let due = if taken { vec![200] } else { Vec::new() };
            assert_eq!(statuses, due, "{door:?}: {name}");
        }
        let seen = ground.world.registry.seen();
        assert_eq!(seen.len(), before + 2, "{door:?}");
        assert!(!seen.iter().any(|seen| seen.target.contains("smuggled")));
    }
}

/// The numbers of the extensions of a `ServerHello`, which is the first record. Standard: RFC 8446 §4.1.3.
fn server_hello_extensions(records: &[u8]) -> Vec<u16> {
    // Record head, message head, version and random; then the session, a suite, a compression, the length of them all.
    let session = usize::from(records[5 + 4 + 34]);
    let start = 5 + 4 + 34 + 1 + session + 3;
    let length = usize::from(u16::from_be_bytes([records[start], records[start + 1]]));
    let mut rest = &records[start + 2..start + 2 + length];
    let mut numbers = Vec::new();
    while let [high, low, long, short, behind @ ..] = rest {
        numbers.push(u16::from_be_bytes([*high, *low]));
        rest = &behind[usize::from(u16::from_be_bytes([*long, *short]))..];
    }
    assert_eq!(numbers.len(), 2, "version and key share: {numbers:?}");
    numbers
}

/// A client that has been given a ticket for early data, by a server in this process that shows the node's certificate.
fn with_ticket(ground: &Ground, door: Door) -> Arc<ClientConfig> {
    let mut client = ground.client_config(door);
    client.enable_early_data = true;
    let key = if door == Door::Node {
        "keys/tls"
    } else {
        "keys/web"
    };
    let (chain, key) = identity(&ground.agency(door).folder.join(key));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut server = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    server.max_early_data_size = FLOOD_BYTES;
    server.alpn_protocols.clone_from(&client.alpn_protocols);
    let client = Arc::new(client);
    let mut near = ClientConnection::new(Arc::clone(&client), host()).unwrap();
    let mut far = ServerConnection::new(Arc::new(server)).unwrap();
    while near.wants_write() || far.wants_write() {
        let (mut there, mut back) = (Vec::new(), Vec::new());
        near.write_tls(&mut there).unwrap();
        far.read_tls(&mut &there[..]).unwrap();
        far.process_new_packets().unwrap();
        far.write_tls(&mut back).unwrap();
        near.read_tls(&mut &back[..]).unwrap();
        near.process_new_packets().unwrap();
    }
    assert!(near.tls13_tickets_received() > 0);
    client
}
