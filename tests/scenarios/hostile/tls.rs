//! Below HTTP: handshakes that stop half-way, other versions, resumption, early data, other protocols.

use std::net::SocketAddr;
use std::sync::Arc;

use bridge_tests::world::PATH;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, HandshakeKind, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{Door, Ground, answers, speak_over};

/// A TLS 1.2 client's first message: no `supported_versions`, two old cipher suites. Standard: RFC 5246 §7.4.1.2.
fn client_hello_12() -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    // No session, two suites, no compression, and signature algorithms and groups as extensions.
    body.extend([0, 0, 4, 0xc0, 0x2b, 0xc0, 0x2f, 1, 0]);
    let extensions = [
        0, 13, 0, 4, 0, 2, 4, 3, 0, 10, 0, 4, 0, 2, 0, 23, 0, 11, 0, 2, 1, 0,
    ];
    body.extend([0, u8::try_from(extensions.len()).unwrap()]);
    body.extend(extensions);
    let length = u8::try_from(body.len()).unwrap();
    let mut record = vec![22, 3, 1, 0, length + 4, 1, 0, 0, length];
    record.extend(body);
    record
}

fn tls_doors(ground: &Ground) -> [SocketAddr; 2] {
    [
        ground.world.consumer.ports.consumer,
        ground.world.provider.ports.peer,
    ]
}

async fn tcp(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    speak_over(TcpStream::connect(address).await.unwrap(), bytes.to_vec()).await
}

#[tokio::test]
async fn a_handshake_that_stops_half_way_is_closed_at_its_limit() {
    let ground = Ground::with(|setup| setup.limit("handshake_seconds = 1")).await;
    let hello = client_hello_12();
    for address in tls_doors(&ground) {
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
    for address in tls_doors(&ground) {
        // A fatal alert, protocol_version. Standard: RFC 8446 §6.2.
        assert_eq!(
            tcp(address, &client_hello_12()).await,
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

/// TLS 1.3 has no renegotiation; a second handshake inside a connection, or bytes outside of it, end it.
#[tokio::test]
async fn bytes_beside_an_open_tls_connection_end_it() {
    let ground = Ground::new().await;
    for bytes in [
        client_hello_12(),
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
            let read =
                tokio::time::timeout(bridge_tests::wait::BOUND, stream.read_to_end(&mut got))
                    .await
                    .unwrap();
            assert!(got.is_empty(), "{read:?} {got:?}");
        }
    }
    ground.world.consumer.get(PATH).send().await.answered(200);
}

/// Without a ticket there is nothing to resume, and no early data to send.
#[tokio::test]
async fn no_ticket_is_ever_given_and_every_handshake_is_a_full_one() {
    let ground = Ground::new().await;
    let mut roots = RootCertStore::empty();
    let anchors = ground.world.folder.path().join("authority/root.pem");
    for der in bridge_certs::read_pem_certificates(&anchors).unwrap() {
        roots.add(CertificateDer::from(der)).unwrap();
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.enable_early_data = true;
    let config = Arc::new(config);
    let connector = TlsConnector::from(Arc::clone(&config));
    for _ in 0..3 {
        let tcp = TcpStream::connect(ground.world.consumer.ports.consumer)
            .await
            .unwrap();
        let mut stream = connector
            .connect(ServerName::try_from("127.0.0.1").unwrap(), tcp)
            .await
            .unwrap();
        let wire = ground.bytes(
            Door::Consumer,
            "{line}\r\n{known}\r\nConnection: close\r\n\r\n",
        );
        stream.write_all(&wire).await.unwrap();
        let mut got = Vec::new();
        drop(stream.read_to_end(&mut got).await);
        assert_eq!(answers(&got)[0].status, 200);
        let (_, connection) = stream.get_ref();
        assert_eq!(connection.tls13_tickets_received(), 0);
        assert_eq!(connection.handshake_kind(), Some(HandshakeKind::Full));
    }
    // A client that would send early data has nothing to send it with.
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let mut next = rustls::ClientConnection::new(config, name).unwrap();
    assert!(next.early_data().is_none());
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
