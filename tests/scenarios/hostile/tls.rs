//! Below HTTP: handshakes that stop half-way, other versions, bytes beside a session, other protocols.

use std::net::SocketAddr;

use bridge_tests::claims;
use bridge_tests::records::kind;
use bridge_tests::wait::BOUND;
use bridge_tests::world::PATH;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::hello::{in_record, message_12, message_13};
use super::{Door, Ground, TLS_DOORS, answers, speak_over};

pub(super) async fn tcp(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    speak_over(TcpStream::connect(address).await.unwrap(), bytes.to_vec()).await
}

#[tokio::test]
async fn a_handshake_that_stops_half_way_is_closed_at_its_limit() {
    let ground = Ground::with(|setup| setup.limit("handshake_seconds = 1")).await;
    let hello = in_record(&message_12());
    for door in TLS_DOORS {
        let address = ground.address(door);
        // Nothing, half a record head, half a message.
        let (a, b, c) = tokio::join!(
            tcp(address, b""),
            tcp(address, &hello[..3]),
            tcp(address, &hello[..40])
        );
        assert_eq!(
            [a.len(), b.len(), c.len()],
            [0; 3],
            "nothing is said to who says nothing"
        );
    }
    ground.world.consumer.get(PATH).send().await.answered(200);
}

#[tokio::test]
async fn tls_12_and_what_is_no_tls_at_all_are_refused() {
    let ground = Ground::new().await;
    for door in TLS_DOORS {
        let address = ground.address(door);
        // A fatal alert, protocol_version. Standard: RFC 8446 §6.2.
        assert_eq!(
            tcp(address, &in_record(&message_12())).await,
            [21, 3, 3, 0, 2, 2, 70]
        );
        let plain = ground.bytes(Door::Plain, "{smuggled}");
        for bytes in [
            plain,
            b"SSH-2.0-x\r\n".to_vec(),
            vec![0; 4096],
            vec![22; 70_000],
        ] {
            let got = tcp(address, &bytes).await;
            assert!(got.is_empty() || got[0] == 21, "an alert at most: {got:?}");
        }
    }
    assert!(ground.world.registry.seen().is_empty());
}

/// The client says hello and then nothing: the node's whole flight comes, and neither certificate nor `Finished` is waited
/// for longer. Standard: RFC 8446 §2.
#[tokio::test]
async fn a_handshake_that_stops_after_the_hello_is_closed_at_its_limit() {
    let ground = Ground::with(|setup| setup.limit("handshake_seconds = 1")).await;
    for door in TLS_DOORS {
        let (address, agency) = (ground.address(door), ground.agency(door));
        let hello = in_record(&message_13(door.protocol(), &[]));
        let before = claims::reached(agency, "handshake_seconds").await;
        let whole = tcp(address, &hello);
        let with_a_half = [&hello[..], &[kind::APPLICATION_DATA, 3, 3, 0, 64, 9]].concat();
        let (whole, with_a_half) = tokio::join!(whole, tcp(address, &with_a_half));
        for got in [whole, with_a_half] {
            assert_eq!(got[0], kind::HANDSHAKE, "{door:?}: a ServerHello, no alert");
            assert!(got.len() > 500, "{door:?}: with certificates behind it");
        }
        let reached = claims::reached(agency, "handshake_seconds").await - before;
        assert_eq!(reached, 2, "{door:?}");
        // Who closes its direction sends no certificate any more: that is not waited for at all.
        for bytes in [&hello[..], &hello[..40], &[]] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(bytes).await.unwrap();
            stream.shutdown().await.unwrap();
            let mut got = Vec::new();
            let read = tokio::time::timeout(BOUND, stream.read_to_end(&mut got)).await;
            drop(read.expect("the node closes"));
            assert_eq!(got.len() > 500, bytes.len() == hello.len(), "{door:?}");
        }
        let reached = claims::reached(agency, "handshake_seconds").await - before;
        assert_eq!(reached, 2, "{door:?}: nothing was waited for");
    }
    ground.world.consumer.get(PATH).send().await.answered(200);
}

/// TLS 1.3 has no renegotiation; a second handshake inside a connection, or bytes outside of it, end it.
#[tokio::test]
async fn bytes_beside_an_open_tls_connection_end_it() {
    let ground = Ground::new().await;
    for bytes in [
        in_record(&message_12()),
        in_record(&message_13(b"http/1.1", &[])),
        vec![0; 64],
        vec![23, 3, 3, 0, 32].into_iter().chain([9; 32]).collect(),
    ] {
        let consumer = ground.world.consumer.tls(None).await.unwrap();
        let peer = ground
            .puppet
            .connect(ground.world.provider.ports.peer)
            .await
            .unwrap();
        for mut stream in [consumer, peer] {
            let (tcp, _) = stream.get_mut();
            tcp.write_all(&bytes).await.unwrap();
            let mut got = Vec::new();
            let read = tokio::time::timeout(BOUND, stream.read_to_end(&mut got))
                .await
                .unwrap();
            assert!(got.is_empty(), "{read:?} {got:?}");
        }
    }
    ground.world.consumer.get(PATH).send().await.answered(200);
}

#[tokio::test]
async fn only_the_listeners_own_protocol_is_spoken() {
    let ground = Ground::new().await;
    let peer = ground.world.provider.ports.peer;
    let lists: [&[&[u8]]; 5] = [
        &[],
        &[b"h2"],
        &[b"http/1.1"],
        &[b"bridge/2", b"bridge/10"],
        &[b"BRIDGE/1"],
    ];
    for protocols in lists {
        let got = match ground.puppet.connect_as(peer, protocols).await {
            Ok(stream) => {
                speak_over(
                    stream,
                    ground.bytes(Door::Node, "{line}\r\n{known}\r\n\r\n"),
                )
                .await
            }
            Err(_refused) => Vec::new(),
        };
        assert!(got.is_empty(), "{protocols:?} was answered");
    }
    let consumer = ground.world.consumer.ports.consumer;
    let other: [&[&[u8]]; 2] = [&[b"h2"], &[b"bridge/1"]];
    for protocols in other {
        assert!(
            ground.puppet.connect_as(consumer, protocols).await.is_err(),
            "{protocols:?}"
        );
    }
    assert!(ground.world.registry.seen().is_empty());
    // Ours among others is ours.
    let stream = ground
        .puppet
        .connect_as(peer, &[b"h2", b"bridge/1"])
        .await
        .unwrap();
    let wire = ground.bytes(Door::Node, "{line}\r\n{known}\r\nConnection: close\r\n\r\n");
    assert_eq!(answers(&speak_over(stream, wire).await)[0].status, 200);
}

#[tokio::test]
async fn a_request_in_records_of_one_byte_is_a_request() {
    let ground = Ground::new().await;
    for door in [Door::Consumer, Door::Node] {
        let wire = ground.bytes(door, "{line}\r\n{known}\r\nConnection: close\r\n\r\n");
        let mut stream = match door {
            Door::Node => ground
                .puppet
                .connect(ground.world.provider.ports.peer)
                .await
                .unwrap(),
            Door::Plain | Door::Consumer => ground.world.consumer.tls(None).await.unwrap(),
        };
        for byte in &wire {
            stream.write_all(std::slice::from_ref(byte)).await.unwrap();
            stream.flush().await.unwrap();
        }
        let mut got = Vec::new();
        drop(stream.read_to_end(&mut got).await);
        assert_eq!(answers(&got)[0].status, 200, "{door:?}");
    }
}
