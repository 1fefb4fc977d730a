//! Answers that a provider's node should not have given.

use std::sync::Arc;

use bridge_core::envelope::Tag;
use bridge_core::leaf::Kind;
use bridge_tests::act::Step;
use bridge_tests::claims;
use bridge_tests::message::Message;
use bridge_tests::puppet::Puppet;
use bridge_tests::puppet::server::{Behaviour, Draft, Got, Listening};
use bridge_tests::registry::fields_of;
use bridge_tests::wait::{now_s, wait_until};
use bridge_tests::world::{STRANGER_PATH, World, with_stranger};
use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use tokio::sync::Semaphore;

use crate::dossier::{export, verify};

const INCONSISTENT: &str = "server.clientproxy.inconsistent_response";

/// A consumer whose provider is a puppet that behaves like this.
async fn world(behaviour: Behaviour) -> (World, Listening) {
    let mut world = World::with()
        .contract(with_stranger())
        .limit("exchange_seconds = 2")
        .start()
        .await;
    let listening = Puppet::of(&world.stranger).listen(behaviour).await;
    world.stranger.entry.nodes[0].address = listening.address.to_string();
    world.publish(now_s());
    world.refresh().await;
    (world, listening)
}

/// Puts a puppet that behaves like this in the place of the stranger's node.
async fn replace(world: &mut World, behaviour: Behaviour) -> Listening {
    let listening = Puppet::of(&world.stranger).listen(behaviour).await;
    world.stranger.entry.nodes[0].address = listening.address.to_string();
    world.publish(now_s());
    world.refresh().await;
    listening
}

/// A puppet that makes a good answer, changes it, signs it, and changes it again.
fn tampering(
    puppet: Puppet,
    before: fn(&Puppet, &mut Draft),
    after: fn(&mut Response<Full<Bytes>>),
) -> Behaviour {
    Behaviour::Answer(Arc::new(move |got: &Got| {
        let mut draft = puppet.answer(got, 200, "{\"own\":1}");
        before(&puppet, &mut draft);
        let mut response = puppet.sign_answer(draft);
        after(&mut response);
        response
    }))
}

fn untouched(_: &mut Response<Full<Bytes>>) {}

fn as_made(_: &Puppet, _: &mut Draft) {}

#[tokio::test]
async fn a_genuine_answer_of_another_implementation_is_taken() {
    let (mut world, _) = world(Behaviour::CloseAtOnce).await;
    let puppet = Puppet::of(&world.stranger);
    replace(&mut world, tampering(puppet, as_made, untouched)).await;
    let answer = world.consumer.get(STRANGER_PATH).send().await;
    answer.answered(200);
    assert_eq!(answer.body, "{\"own\":1}");
    let kinds = claims::kinds(&world.consumer, answer.request_id());
    assert_eq!(kinds, [Kind::RequestSent, Kind::ResponseReceived]);
}

#[tokio::test]
async fn s30_a_genuine_head_whose_body_is_cut_is_not_delivered() {
    let (mut world, _) = world(Behaviour::CloseAtOnce).await;
    let puppet = Puppet::of(&world.stranger);
    let half = Behaviour::Half(Arc::new(move |got| {
        puppet.sign_answer(puppet.answer(got, 200, "{\"own\":1}"))
    }));
    replace(&mut world, half).await;
    let answer = world.consumer.get(STRANGER_PATH).send().await;
    answer.refused(502, "server.clientproxy.io_error");
    let kinds = claims::kinds(&world.consumer, answer.request_id());
    assert_eq!(kinds, [Kind::RequestSent, Kind::Refused]);
}

#[tokio::test]
async fn s29_ids_client_service_or_hash_swapped_by_a_bad_peer() {
    let (mut world, _) = world(Behaviour::CloseAtOnce).await;
    let swaps: [fn(&Puppet, &mut Draft); 6] = [
        |_, draft| draft.set("x-road-client", "AZ/GOV/2001/OTHER"),
        |_, draft| draft.set("x-road-service", "AZ/LEA/3001/SERVICES/other"),
        |_, draft| draft.set("x-road-id", "other"),
        |_, draft| draft.set("x-road-request-id", "00000000-0000-4000-8000-000000000000"),
        |_, draft| draft.set("x-road-request-hash", "b3RoZXI="),
        |_, draft| {
            draft.fields.remove("x-road-id");
        },
    ];
    for swap in swaps {
        let puppet = Puppet::of(&world.stranger);
        replace(&mut world, tampering(puppet, swap, untouched)).await;
        let answer = world.consumer.get(STRANGER_PATH).send().await;
        answer.refused(502, INCONSISTENT);
        claims::refused_leaf(&world.consumer, answer.request_id(), INCONSISTENT);
    }
}

type Answer = (
    &'static str,
    &'static str,
    fn(&Puppet, &mut Draft),
    fn(&mut Response<Full<Bytes>>),
);

/// What is wrong, the type's last word, the change before and after signing.
const NOT_GENUINE: [Answer; 12] = [
    ("no signature", "missing_signature", as_made, |response| {
        for name in ["signature", "signature-input", "bridge-version"] {
            response.headers_mut().remove(name);
        }
    }),
    (
        "another status",
        "invalid_signature_value",
        as_made,
        |response| *response.status_mut() = 201.try_into().unwrap(),
    ),
    (
        "another body",
        "invalid_signature_value",
        as_made,
        |response| {
            *response.body_mut() = Full::new(Bytes::from_static(b"{\"own\":2}"));
        },
    ),
    (
        "a changed field",
        "invalid_signature_value",
        as_made,
        |response| {
            response
                .headers_mut()
                .insert("content-type", "text/html".parse().unwrap());
        },
    ),
    ("a field more", "malformed_signature", as_made, |response| {
        response
            .headers_mut()
            .insert("x-more", "1".parse().unwrap());
    }),
    ("a field less", "malformed_signature", as_made, |response| {
        response.headers_mut().remove("content-type");
    }),
    (
        "an old signature",
        "not_fresh",
        |_, draft| {
            draft.params.created = Some(now_s() - 600);
            draft.params.expires = Some(now_s() - 540);
        },
        untouched,
    ),
    (
        "the tag of a request",
        "malformed_signature",
        |_, draft| {
            draft.params.tag = Some(Tag::Request.as_str().to_owned());
        },
        untouched,
    ),
    (
        "a key that nobody lists",
        "signature_verification",
        |_, draft| {
            draft.params.keyid = Some("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned());
        },
        untouched,
    ),
    (
        "another request's answer",
        "invalid_signature_value",
        |_, draft| {
            draft.to.fields.insert(
                "x-road-request-id",
                "00000000-0000-4000-8000-000000000000".parse().unwrap(),
            );
        },
        untouched,
    ),
    (
        "bound to another signature",
        "invalid_signature_value",
        |puppet, draft| {
            let other = format!("bridge=:{}==:", "A".repeat(86));
            draft.to.fields.insert("signature", other.parse().unwrap());
            draft.params = puppet.params(Tag::Answer, now_s());
        },
        untouched,
    ),
    (
        "an unknown version",
        "invalid_protocol_version",
        |_, draft| draft.set("bridge-version", "9"),
        untouched,
    ),
];

#[tokio::test]
async fn s29_answers_that_are_not_genuine_are_not_delivered() {
    let (mut world, _) = world(Behaviour::CloseAtOnce).await;
    for (what, word, before, after) in NOT_GENUINE {
        let puppet = Puppet::of(&world.stranger);
        replace(&mut world, tampering(puppet, before, after)).await;
        let answer = world.consumer.get(STRANGER_PATH).send().await;
        let code = format!("server.clientproxy.{word}");
        assert_eq!(
            (answer.status, answer.field("x-road-error")),
            (502, Some(code.as_str())),
            "{what}: {:?}",
            answer.body
        );
        assert!(
            !String::from_utf8_lossy(&answer.body).contains("own"),
            "{what}"
        );
        claims::refused_leaf(&world.consumer, answer.request_id(), &code);
    }
    // A genuine signature of another member.
    let mut other = Puppet::of(&world.provider);
    other.tls = world.stranger.folder.join("keys/tls");
    let stranger = Puppet::of(&world.stranger);
    let behaviour = Behaviour::Answer(Arc::new(move |got: &Got| {
        let mut draft = stranger.answer(got, 200, "{}");
        draft.params = other.params(Tag::Answer, now_s());
        other.sign_answer(draft)
    }));
    replace(&mut world, behaviour).await;
    let answer = world.consumer.get(STRANGER_PATH).send().await;
    answer.refused(502, "server.clientproxy.ssl_authentication_failed");
    claims::verifies(&world.consumer);
}

#[tokio::test]
async fn s30_peers_that_close_at_three_points_or_answer_with_nonsense() {
    let (mut world, _) = world(Behaviour::CloseAtOnce).await;
    let raw = |text: &str| Behaviour::Raw(text.as_bytes().to_vec());
    for (what, behaviour, code) in [
        (
            "closed before the request",
            Behaviour::CloseAtOnce,
            "io_error",
        ),
        ("closed after the request", raw(""), "io_error"),
        (
            "closed within the head",
            raw("HTTP/1.1 200 OK\r\nContent-Le"),
            "io_error",
        ),
        (
            "unsigned, closed within the body",
            raw("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"),
            "missing_signature",
        ),
        (
            "unsigned, closed within a chunk",
            raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nhalf"),
            "missing_signature",
        ),
        (
            "not HTTP",
            raw("SSH-2.0-OpenSSH_9.6\r\n\r\n"),
            "invalid_response",
        ),
        ("HTTP/2", raw("HTTP/2 200\r\n\r\n"), "invalid_response"),
        (
            "HTTP/1.0",
            raw("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"),
            "invalid_response",
        ),
        (
            "empty and unsigned",
            raw("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
            "missing_signature",
        ),
        (
            "two lengths",
            raw("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx"),
            "invalid_response",
        ),
    ] {
        replace(&mut world, behaviour).await;
        let answer = world.consumer.get(STRANGER_PATH).send().await;
        let code = format!("server.clientproxy.{code}");
        assert_eq!(
            (answer.status, answer.field("x-road-error")),
            (502, Some(code.as_str())),
            "{what}: {:?}",
            answer.body
        );
        assert_eq!(
            claims::kinds(&world.consumer, answer.request_id()),
            [Kind::RequestSent, Kind::Refused],
            "{what}"
        );
    }
}

#[tokio::test]
async fn s31_a_peer_that_refuses_without_proof_or_is_not_there() {
    let (mut world, _) = world(Behaviour::CloseAtOnce).await;
    let refusing = Behaviour::Answer(Arc::new(|_got: &Got| {
        let body = r#"{"type":"server.serverproxy.internal_error","message":"secret","detail":""}"#;
        let mut response = Response::new(Full::new(Bytes::from_static(body.as_bytes())));
        *response.status_mut() = 500.try_into().unwrap();
        *response.headers_mut() =
            fields_of(&[("x-road-error", "server.serverproxy.internal_error")]);
        response
    }));
    replace(&mut world, refusing).await;
    let answer = world.consumer.get(STRANGER_PATH).send().await;
    answer.refused(502, "server.clientproxy.service_failed");
    assert!(
        !answer.message().contains("secret"),
        "words without proof are not passed on"
    );
    let plain = Behaviour::Answer(Arc::new(|_got: &Got| {
        let mut response = Response::new(Full::new(Bytes::from_static(b"oops")));
        *response.status_mut() = 500.try_into().unwrap();
        response
    }));
    replace(&mut world, plain).await;
    world
        .consumer
        .get(STRANGER_PATH)
        .send()
        .await
        .refused(502, "server.clientproxy.missing_signature");
    world.stranger.entry.nodes[0].address = "127.0.0.1:1".to_owned();
    world.publish(now_s());
    world.refresh().await;
    let answer = world.consumer.get(STRANGER_PATH).send().await;
    answer.refused(504, "server.clientproxy.network_error");
    assert!(answer.field("retry-after").is_some() || answer.status == 504);
    assert_eq!(
        claims::kinds(&world.consumer, answer.request_id()),
        [Kind::Refused]
    );
}

#[tokio::test]
async fn a_peer_that_does_not_answer_in_time_is_504() {
    let (mut world, _) = world(Behaviour::CloseAtOnce).await;
    // A listener that never takes the connection further than TCP answers nothing at all.
    let silent = tokio::net::TcpListener::bind(("127.0.0.1", 0))
        .await
        .unwrap();
    world.stranger.entry.nodes[0].address = silent.local_addr().unwrap().to_string();
    world.publish(now_s());
    world.refresh().await;
    let answer = world.consumer.get(STRANGER_PATH).send().await;
    assert_eq!(answer.status, 504, "{:?}", answer.body);
}

#[tokio::test]
async fn a_silent_node_leaves_the_exchange_time_for_the_members_next_one() {
    let (mut world, _) = world(Behaviour::CloseAtOnce).await;
    let good = tampering(Puppet::of(&world.stranger), |_, _| (), |_| ());
    let _answering = replace(&mut world, good).await;
    let silent = tokio::net::TcpListener::bind(("127.0.0.1", 0))
        .await
        .unwrap();
    let nodes = &mut world.stranger.entry.nodes;
    let mut first = nodes[0].clone();
    first.code = "NODE0".to_owned();
    first.name = "node0.3001.az".to_owned();
    first.address = silent.local_addr().unwrap().to_string();
    // What must be its own, and nobody gets to see.
    first.tls_pins = vec!["AQEB".repeat(10) + "AQE"];
    first.exchange[0].pin = "AgIC".repeat(10) + "AgI";
    first.exchange[0].certificate = "AAAA".to_owned();
    first.journal = first.journal.replace("NODE1", "NODE0");
    first.witness = None;
    nodes.insert(0, first);
    world.publish(now_s());
    world.refresh().await;
    let answer = world.consumer.get(STRANGER_PATH).send().await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
}

#[tokio::test]
async fn an_answer_that_comes_too_late_is_journaled_and_not_delivered() {
    let (mut world, _) = world(Behaviour::CloseAtOnce).await;
    let puppet = Puppet::of(&world.stranger);
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    let late = Behaviour::Acts(Arc::new(move |got: &Got| {
        let mut answer = Message::answer_to(got, &puppet, (Tag::Answer, 200), "{\"own\":1}");
        answer.sign(&puppet.signer);
        vec![Step::Wait(Arc::clone(&held)), Step::Say(answer.bytes())]
    }));
    replace(&mut world, late).await;
    let answer = world.consumer.get(STRANGER_PATH).send().await;
    answer.refused(504, "server.clientproxy.io_error");
    gate.add_permits(1);
    let id = answer.request_id();
    wait_until("the late answer is journaled", async || {
        claims::kinds(&world.consumer, id).len() == 3
    })
    .await;
    let leaves = claims::leaves(&world.consumer, id);
    let kinds: Vec<Kind> = leaves.iter().map(|leaf| leaf.kind).collect();
    assert_eq!(
        kinds,
        [Kind::RequestSent, Kind::Refused, Kind::ResponseReceived]
    );
    assert_eq!(leaves[2].outcome.as_deref(), Some("late"));
    // What came too late was signed all the same: it is evidence.
    let path = export(&world.consumer, id, "dossier.asice", "answer/base.txt").await;
    let said = verify(&world, &path);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.contains("the answer is signed by "), "{said:?}");
    claims::verifies(&world.consumer);
}
