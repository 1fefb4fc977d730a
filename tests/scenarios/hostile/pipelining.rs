//! Several requests in one segment: answered in order, or refused, never mixed up.

use std::fmt::Write as _;
use std::sync::Arc;

use bridge_tests::registry::Reaction;
use bridge_tests::wait::wait_until;
use bridge_tests::world::{PATH, STRANGER};
use tokio::sync::Semaphore;

use super::{Door, Ground, answers};

const DOORS: [Door; 3] = [Door::Plain, Door::Consumer, Door::Node];
/// Requests that are refused, whatever comes before them.
const BAD: [&str; 7] = [
    "{line}\r\n{known}\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "{line}\r\n{known}\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
    "{line}\r\n{known}\r\nX_A: b\r\n\r\n",
    "{line}\r\n{known}\r\nUpgrade: h2c\r\n\r\n",
    "GET {path}/%2e%2e/x HTTP/1.1\r\n{known}\r\n\r\n",
    "GET {path}  HTTP/1.1\r\n{known}\r\n\r\n",
    "{line}\n{known}\r\n\r\n",
];

async fn ground() -> Ground {
    let ground = Ground::new().await;
    ground
        .world
        .registry
        .does(|seen| Reaction::answer(200, &[], seen.target.clone()));
    ground
}

/// A good request for a path of its own.
fn good(ground: &Ground, door: Door, name: &str, more: &str) -> String {
    let target = format!("{PATH}/{name}");
    format!(
        "GET {target} HTTP/1.1\r\n{}\r\n{more}\r\n",
        ground.known(door, "GET", &target)
    )
}

#[tokio::test]
async fn requests_in_one_segment_are_answered_in_order() {
    let ground = ground().await;
    for door in DOORS {
        let mut wire = String::new();
        for number in 0..5 {
            wire.push_str(&good(&ground, door, &number.to_string(), ""));
        }
        wire.push_str(&good(&ground, door, "5", "Connection: close\r\n"));
        let said = answers(&ground.speak(door, wire.into_bytes()).await);
        let bodies: Vec<String> = said
            .iter()
            .map(|s| String::from_utf8_lossy(&s.body).into_owned())
            .collect();
        let due: Vec<String> = (0..6).map(|number| format!("/base/{number}")).collect();
        assert_eq!(bodies, due, "{door:?}");
    }
    let seen: Vec<String> = ground
        .world
        .registry
        .seen()
        .into_iter()
        .map(|seen| seen.target)
        .collect();
    assert_eq!(seen.len(), 18);
    assert!(
        seen.iter()
            .enumerate()
            .all(|(at, target)| *target == format!("/base/{}", at % 6))
    );
}

#[tokio::test]
async fn a_bad_request_behind_good_ones_is_refused_in_its_turn_and_nothing_follows() {
    let ground = ground().await;
    let mut asked = 0;
    for door in DOORS {
        for bad in BAD {
            let mut wire = good(&ground, door, "first", "") + &good(&ground, door, "second", "");
            write!(wire, "{bad}{{smuggled}}").unwrap();
            let got = ground.speak(door, ground.bytes(door, &wire)).await;
            let statuses: Vec<u16> = answers(&got).iter().map(|said| said.status).collect();
            assert_eq!(statuses, [200, 200, 400], "{door:?} {bad:?}");
            answers(&got)[2].error();
            asked += 2;
            assert_eq!(
                ground.world.registry.seen().len(),
                asked,
                "{door:?} {bad:?}"
            );
        }
    }
    assert!(
        !ground
            .world
            .registry
            .seen()
            .iter()
            .any(|seen| seen.target.contains("smuggled"))
    );
}

#[tokio::test]
async fn a_bad_request_does_not_spoil_the_one_under_way() {
    let ground = Ground::new().await;
    let gate = Arc::new(Semaphore::new(0));
    ground
        .world
        .registry
        .always(Reaction::Held(Arc::clone(&gate), "late".into()));
    for (round, door) in DOORS.into_iter().enumerate() {
        let wire = good(&ground, door, "held", "") + BAD[0];
        let speaking = ground.speak(door, ground.bytes(door, &wire));
        let letting_go = async {
            wait_until("the registry is asked", async || {
                ground.world.registry.seen().len() == round + 1
            })
            .await;
            gate.add_permits(1);
        };
        let (got, ()) = tokio::join!(speaking, letting_go);
        let said = answers(&got);
        let statuses: Vec<u16> = said.iter().map(|said| said.status).collect();
        assert_eq!(statuses, [200, 400], "{door:?}");
        assert_eq!(said[0].body, b"late");
    }
}

/// What follows a head that was refused early is its body or nothing: never a request.
#[tokio::test]
async fn the_body_of_a_refused_request_is_never_a_request() {
    let ground = ground().await;
    for door in DOORS {
        let inner = String::from_utf8(ground.bytes(door, "{smuggled}")).unwrap();
        let length = inner.len();
        let known = ground.known(door, "POST", PATH);
        // Nobody's credentials, nobody's service, a body that is too long.
        let stranger = known
            .replace("Api-Key: ", "Api-Key: x")
            .replace(STRANGER, "AZ/GOV/1001/POPULATION");
        for (line, fields, length, body) in [
            (
                format!("POST {PATH} HTTP/1.1"),
                &stranger,
                length,
                inner.clone(),
            ),
            (
                format!("POST {PATH} HTTP/1.1"),
                &stranger,
                length + 9_999_999,
                inner.clone(),
            ),
            (
                format!("POST {PATH} HTTP/1.1"),
                &known,
                5_000_000_000,
                inner.clone(),
            ),
            (
                "POST /r1/AZ/GOV/1001/NONE/x HTTP/1.1".to_owned(),
                &known,
                length,
                inner.clone(),
            ),
        ] {
            let wire = format!(
                "{line}\r\n{fields}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            );
            let said = answers(&ground.speak(door, wire.into_bytes()).await);
            assert_eq!(said.len(), 1, "{door:?} {line}");
            assert!(said[0].status >= 400);
            said[0].error();
            assert!(ground.world.registry.seen().is_empty(), "{door:?} {line}");
        }
    }
}
