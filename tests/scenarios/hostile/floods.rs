//! Floods: sizes that no message has, and strangers who come in numbers while a member goes on.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bridge_tests::claims;
use bridge_tests::process::{Process, reserve_ports};
use bridge_tests::wait::{now_s, wait_until};
use bridge_tests::world::{PATH, World, usual};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::{Door, Ground, answers, speak_over};

const MIB: usize = 1024 * 1024;

#[tokio::test]
async fn lines_and_fields_of_8_mib_are_431() {
    let ground = Ground::new().await;
    for door in [Door::Plain, Door::Consumer, Door::Node] {
        for wire in [
            format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(8 * MIB)),
            format!(
                "{{line}}\r\n{{known}}\r\nX-A: {}\r\n\r\n",
                "a".repeat(8 * MIB)
            ),
            format!(
                "{{line}}\r\n{{known}}\r\n{}: a\r\n\r\n",
                "a".repeat(8 * MIB)
            ),
            format!("{{line}}\r\n{{known}}\r\n{}\r\n", "X-A: b\r\n".repeat(MIB)),
            "a".repeat(8 * MIB),
        ] {
            let said = answers(&ground.speak(door, ground.bytes(door, &wire)).await);
            assert_eq!((said.len(), said[0].status), (1, 431), "{door:?}");
            assert!(said[0].error().ends_with("proxy.bad_request"));
        }
    }
    assert!(ground.world.registry.seen().is_empty());
    ground.world.consumer.get(PATH).send().await.answered(200);
}

#[tokio::test]
async fn a_flood_of_bytes_does_not_grow_the_process() {
    let mut world = World::with().contract(usual()).make().await;
    world.consumer.ports = reserve_ports();
    world.consumer.write_settings();
    world.publish(now_s());
    let node = Process::run(&world.consumer).await;
    let (address, client) = (world.consumer.ports.plain, &world.consumer.subsystem);
    let flood = async |count: usize| {
        let mut tasks = JoinSet::new();
        for number in 0..count {
            tasks.spawn(statuses(address, flooding(number, &client.to_string())));
        }
        tasks.join_all().await.concat()
    };
    // Code pages, allocator arenas and buffers of a first round are not growth.
    flood(4).await;
    let before = node.peak_memory_kib();
    let statuses = flood(48).await;
    let grown = node.peak_memory_kib() - before;
    assert_eq!(statuses.iter().filter(|status| **status == 431).count(), 36);
    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 12);
    // 48 connections hold a head, a read buffer and an answer each; 384 MiB were sent.
    assert!(grown < 48 * 1024, "grown by {grown} KiB");
}

/// More bytes than any message has: one line, one field, many fields, an unauthenticated body that is never read.
fn flooding(number: usize, client: &str) -> Vec<u8> {
    match number % 4 {
        0 => vec![b'a'; 8 * MIB],
        1 => format!("GET / HTTP/1.1\r\nX-A: {}", "a".repeat(8 * MIB)).into_bytes(),
        2 => format!("GET / HTTP/1.1\r\n{}", "X: b\r\n".repeat(MIB)).into_bytes(),
        _ => {
            let body = "a".repeat(8 * MIB);
            format!("POST /r1 HTTP/1.1\r\nHost: a\r\nX-Road-Client: {client}\r\nContent-Length: 99999999\r\n\r\n{body}")
                .into_bytes()
        }
    }
}

async fn statuses(address: SocketAddr, wire: Vec<u8>) -> Vec<u16> {
    let stream = TcpStream::connect(address).await.unwrap();
    let said = answers(&speak_over(stream, wire).await);
    said.iter().map(|said| said.status).collect()
}

/// Strangers open connections in every way that proves nothing, again and again, while members exchange.
#[tokio::test]
async fn members_exchange_while_strangers_flood() {
    let ground = Ground::with(|setup| setup.limit("strangers = 20")).await;
    let doors = [
        ground.world.consumer.ports.consumer,
        ground.world.consumer.ports.plain,
        ground.world.provider.ports.peer,
    ];
    let mut held = Vec::new();
    let mut asked = 0;
    for round in 0..30 {
        for door in doors {
            for opening in [
                &b""[..],
                b"\x16\x03\x01",
                b"GET / HTTP/1.1\r\nX-A: ",
                b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            ] {
                let mut stream = TcpStream::connect(door).await.unwrap();
                drop(stream.write_all(opening).await);
                held.push(stream);
            }
        }
        // Handshakes that prove nothing, and then nothing.
        held.push(
            ground
                .world
                .consumer
                .tls(None)
                .await
                .unwrap()
                .into_inner()
                .0,
        );
        if round % 3 == 0 {
            ground.world.consumer.get(PATH).send().await.answered(200);
            ground
                .world
                .consumer
                .get(PATH)
                .by_key()
                .plain()
                .send()
                .await
                .answered(200);
            asked += 2;
        }
    }
    assert_eq!(ground.world.registry.seen().len(), asked);
    // Each listener has kept twenty strangers at most: all others were closed.
    let open = Arc::new(AtomicUsize::new(held.len()));
    for mut stream in held {
        let open = Arc::clone(&open);
        tokio::spawn(async move {
            drop(tokio::io::copy(&mut stream, &mut tokio::io::sink()).await);
            open.fetch_sub(1, Ordering::SeqCst);
        });
    }
    wait_until("all but sixty are closed", async || {
        open.load(Ordering::SeqCst) <= 60
    })
    .await;
    for agency in [&ground.world.consumer, &ground.world.provider] {
        assert!(claims::reached(agency, "strangers").await > 0);
    }
}

#[tokio::test]
async fn strangers_cause_so_many_log_lines_and_no_more() {
    let mut world = World::with()
        .contract(usual())
        .limit("log_lines_per_minute = 10")
        .make()
        .await;
    world.consumer.ports = reserve_ports();
    world.consumer.write_settings();
    world.publish(now_s());
    let mut node = Process::run(&world.consumer).await;
    for _ in 0..100 {
        let stream = TcpStream::connect(world.consumer.ports.peer).await.unwrap();
        speak_over(stream, b"no TLS at all".to_vec()).await;
        let stream = TcpStream::connect(world.consumer.ports.plain)
            .await
            .unwrap();
        let refused = b"GET /r1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".to_vec();
        assert_eq!(answers(&speak_over(stream, refused).await)[0].status, 401);
    }
    node.terminate();
    assert!(node.ended().await.success());
    let log = std::fs::read_to_string(&node.log).unwrap();
    let lines = log
        .lines()
        .filter(|line| {
            [
                "TLS handshake refused",
                "was not authenticated",
                "\"refused\"",
            ]
            .iter()
            .any(|what| line.contains(what))
        })
        .count();
    // Two minutes at most, if one ended meanwhile.
    assert!((1..=20).contains(&lines), "{lines} lines");
    assert!(
        log.contains("log lines were left out"),
        "and what was left out is counted"
    );
}
