//! Who sends or takes too slowly is left, both ways, at every listener.

use bridge_tests::claims;
use bridge_tests::registry::Reaction;
use bridge_tests::wait::{BOUND, all_at_once, wait_until};
use bridge_tests::world::PATH;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{DOORS, Door, Ground, Stream, answers};

#[tokio::test]
async fn a_head_that_does_not_end_is_closed_at_its_limit() {
    let ground = Ground::with(|setup| setup.limit("head_seconds = 1")).await;
    let speak = |door, wire: &str| ground.speak(door, ground.bytes(door, wire));
    let got = tokio::join!(
        speak(Door::Plain, "{line}\r\n{known}\r\n"),
        speak(Door::Consumer, "{line}\r\nX-A"),
        speak(Door::Node, "{line}\r\n{known}\r\n"),
        speak(Door::Plain, "GET /\r\n"),
        speak(Door::Node, ""),
    );
    let nothing = Vec::new;
    assert_eq!(got, (nothing(), nothing(), nothing(), nothing(), nothing()));
    // A byte now and then does not make it longer.
    all_at_once(DOORS.into_iter().map(async |door| {
        let mut stream = ground.open(door).await;
        let head = ground.bytes(door, "{line}\r\n{known}\r\nX-A: ");
        stream.write_all(&head).await.unwrap();
        trickle(&mut stream).await;
    }))
    .await;
    assert!(ground.world.registry.seen().is_empty());
    for agency in [&ground.world.consumer, &ground.world.provider] {
        assert!(claims::reached(agency, "head_seconds").await >= 3);
    }
    ground.world.consumer.get(PATH).send().await.answered(200);
}

#[tokio::test]
async fn a_body_that_stops_or_trickles_is_refused() {
    let ground =
        Ground::with(|setup| setup.limit("stall_seconds = 1\nslowest_bytes_per_second = 100000"))
            .await;
    for framing in [
        "Content-Length: 1000000\r\n\r\nhalf",
        "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nffff\r\n",
    ] {
        let wire = format!("{{line}}\r\n{{known}}\r\n{framing}");
        let speak = |door| ground.speak(door, ground.bytes(door, &wire));
        let (plain, consumer, node) =
            tokio::join!(speak(Door::Plain), speak(Door::Consumer), speak(Door::Node));
        for (got, side) in [(plain, "client"), (consumer, "client"), (node, "server")] {
            let said = answers(&got);
            assert_eq!(said.len(), 1);
            assert_eq!(
                (said[0].status, said[0].error()),
                (400, format!("server.{side}proxy.invalid_body"))
            );
        }
    }
    // A byte every few milliseconds is less than the pace.
    all_at_once(DOORS.into_iter().map(async |door| {
        let mut stream = ground.open(door).await;
        let head = ground.bytes(door, "{line}\r\n{known}\r\nContent-Length: 1000000\r\n\r\n");
        stream.write_all(&head).await.unwrap();
        assert!(trickle(&mut stream).await < 1_000_000, "{door:?}");
    }))
    .await;
    assert!(ground.world.registry.seen().is_empty());
}

/// Sends a byte now and then until the node closes; returns how many.
async fn trickle(stream: &mut Box<dyn Stream>) -> usize {
    let mut sent = 0;
    wait_until("the node closes", async || {
        sent += 1;
        stream.write_all(b"b").await.is_err() || stream.flush().await.is_err()
    })
    .await;
    sent
}

/// A large answer that the caller takes byte by byte, or not at all.
#[tokio::test]
async fn who_does_not_take_its_answer_is_left() {
    let ground = Ground::with(|setup| {
        setup.limit("stall_seconds = 1\nslowest_bytes_per_second = 100000000")
    })
    .await;
    let whole = 24 * 1024 * 1024;
    ground
        .world
        .registry
        .always(Reaction::answer(200, &[], vec![7; whole]));
    for (door, takes) in DOORS.into_iter().flat_map(|door| [(door, 0), (door, 16)]) {
        let mut stream = ground.open(door).await;
        let wire = ground.bytes(door, "{line}\r\n{known}\r\n\r\n");
        stream.write_all(&wire).await.unwrap();
        let mut taken = stream.read_u8().await.map(|_| 1).unwrap();
        // The spooled answer's room is free again once the connection is gone.
        let room = &ground.agency(door).live().node.room;
        wait_until("the answer is given up", async || {
            let mut piece = vec![0; takes];
            if takes > 0 {
                taken += stream.read_exact(&mut piece).await.unwrap_or(0);
            }
            room.used() == 0
        })
        .await;
        let mut rest = Vec::new();
        drop(
            tokio::time::timeout(BOUND, stream.read_to_end(&mut rest))
                .await
                .unwrap(),
        );
        assert!(taken + rest.len() < whole, "{door:?}: all of it was taken");
    }
    // Who takes it at once gets all of it.
    ground.world.consumer.get(PATH).send().await.answered(200);
    for agency in [&ground.world.consumer, &ground.world.provider] {
        assert!(claims::reached(agency, "stall_seconds").await >= 1);
    }
}
