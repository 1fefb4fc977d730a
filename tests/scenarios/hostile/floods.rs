//! Floods: sizes that no message has, and strangers who come in numbers while a member goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bridge_tests::agency::Ports;
use bridge_tests::ask::dial;
use bridge_tests::claims;
use bridge_tests::process::{Process, reserve_ports};
use bridge_tests::puppet::Puppet;
use bridge_tests::records::{kind, record};
use bridge_tests::wait::{all_at_once, now_s, wait_until};
use bridge_tests::world::{PATH, World, usual};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::tls::tcp;
use super::{DOORS, Door, Ground, Stream, answers, speak_over};

const MIB: usize = 1024 * 1024;

#[tokio::test]
async fn lines_and_fields_of_8_mib_are_431() {
    let ground = Ground::new().await;
    for door in DOORS {
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

/// At every door: by anybody, by anybody over TLS, by a member; and below HTTP where TLS is.
#[tokio::test]
async fn a_flood_of_bytes_does_not_grow_the_process() {
    let setup = World::with().contract(usual());
    let limits = "handshake_seconds = 3\nhead_seconds = 60";
    let mut world = setup.limit(limits).make().await;
    world.consumer.ports = reserve_ports();
    world.consumer.write_settings();
    world.publish(now_s());
    let node = Process::run(&world.consumer).await;
    let member = Puppet::of(&world.stranger);
    // Code pages, allocator arenas and buffers of a first round are not growth.
    for door in DOORS {
        flooded(&world, &member, door, 4).await;
    }
    let before = node.peak_memory_kib();
    // 48 connections at a time hold a head, a read buffer and an answer each; 384 MiB are sent over them.
    let bound_kib = 48 * 1024;
    // What the kernel tells is some pages off.
    let grown = || node.peak_memory_kib().saturating_sub(before);
    for (door, unknown) in [(Door::Plain, 401), (Door::Consumer, 401), (Door::Node, 400)] {
        let statuses = flooded(&world, &member, door, 48).await;
        let count = |status| statuses.iter().filter(|own| **own == status).count();
        assert_eq!((count(431), count(unknown)), (36, 12), "{door:?}");
        assert!(grown() < bound_kib, "{door:?}: {} KiB", grown());
    }
    let Ports { consumer, peer, .. } = world.consumer.ports;
    // A record without end, records that are none, a first message that does not end.
    let half = record(
        kind::HANDSHAKE,
        &[&[1, 0, 0xff, 0xf0][..], &[0; 16_000]].concat(),
    );
    for bytes in [
        vec![22; 8 * MIB],
        vec![0; 8 * MIB],
        [half, record(kind::HANDSHAKE, &[0; 16_000]).repeat(3)].concat(),
    ] {
        for address in [consumer, peer] {
            let said = all_at_once((0..48).map(|_| tcp(address, &bytes))).await;
            assert!(said.iter().all(|said| said.len() <= 7), "an alert at most");
            assert!(grown() < bound_kib, "{address}: {} KiB", grown());
        }
    }
}

/// Floods a door of the consumer's node over so many connections; returns the status of each answer.
async fn flooded(world: &World, member: &Puppet, door: Door, count: usize) -> Vec<u16> {
    let agency = &world.consumer;
    let mut streams: Vec<Box<dyn Stream>> = Vec::new();
    // All are open before the first flood begins, which takes the time that a handshake needs.
    for _ in 0..count {
        streams.push(match door {
            Door::Plain => Box::new(dial(agency.ports.plain).await.unwrap()),
            Door::Consumer => Box::new(agency.tls(None).await.unwrap()),
            Door::Node => Box::new(member.connect(agency.ports.peer).await.unwrap()),
        });
    }
    let client = agency.subsystem.to_string();
    let flood = streams
        .into_iter()
        .enumerate()
        .map(async |(number, stream)| {
            let said = answers(&speak_over(stream, flooding(number, &client)).await);
            assert_eq!(said.len(), 1, "{door:?}: {number}");
            said[0].status
        });
    all_at_once(flood).await
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

/// Strangers open connections in every way that proves nothing, again and again, while members exchange.
#[tokio::test]
async fn members_exchange_while_strangers_flood() {
    // Nobody leaves by himself while this lasts.
    let limits = "strangers = 20\nhandshake_seconds = 60\nhead_seconds = 60";
    let ground = Ground::with(|setup| setup.limit(limits)).await;
    let provider = &ground.world.provider;
    let doors = [
        ground.world.consumer.ports.consumer,
        ground.world.consumer.ports.plain,
        ground.world.provider.ports.peer,
    ];
    let mut held = Vec::new();
    for _ in 0..21 {
        held.push(TcpStream::connect(provider.ports.peer).await.unwrap());
    }
    let mut asked = 0;
    let mut sent_out = 0;
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
        // A member comes anew into the lobby of the other node, which is full: somebody was sent out in this round.
        let wire = ground.bytes(Door::Node, "{line}\r\n{known}\r\nConnection: close\r\n\r\n");
        let said = answers(&ground.speak(Door::Node, wire).await);
        assert_eq!(said[0].status, 200, "round {round}");
        asked += 1;
        wait_until("somebody was sent out", async || {
            claims::reached(provider, "strangers").await > sent_out
        })
        .await;
        sent_out = claims::reached(provider, "strangers").await;
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
