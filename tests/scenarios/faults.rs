//! Registries that fail, and a journal that cannot be written.

use std::sync::Arc;

use bridge_core::leaf::Kind;
use bridge_tests::claims;
use bridge_tests::registry::{Reaction, Registry};
use bridge_tests::wait::wait_until;
use bridge_tests::world::{PATH, PROVIDER, World, usual};
use serde_json::json;
use tokio::sync::Semaphore;

#[tokio::test]
async fn s31_a_registry_that_is_not_there_or_unknown() {
    let setup = World::with().contract(usual());
    let entry = |(code, url): (&str, &str)| {
        format!(
            "[[services]]\nadapter = \"http\"\nsubsystem = \"{PROVIDER}\"\ncode = \"{code}\"\nbase_url = \"{url}\"\n"
        )
    };
    let provider = [
        ("refused", "http://127.0.0.1:1/x"),
        ("nowhere", "http://registry.invalid/x"),
    ]
    .map(entry)
    .concat();
    let setup = setup
        .contract(
            usual()
                .with("id", "refused".into())
                .with("service", "refused".into()),
        )
        .contract(
            usual()
                .with("id", "nowhere".into())
                .with("service", "nowhere".into()),
        )
        .provider_settings(&provider);
    let world = setup.start().await;
    for code in ["refused", "nowhere"] {
        let answer = world
            .consumer
            .get(&PATH.replace("registry", code))
            .send()
            .await;
        answer.refused(504, "server.serverproxy.service_failed.network_error");
        claims::refused_leaf(
            &world.provider,
            answer.request_id(),
            "server.serverproxy.service_failed.network_error",
        );
        let received = answer.field("bridge-peer-receipt").unwrap();
        claims::receipt(&world.provider, received, Kind::RequestReceived);
        let ends = claims::kinds(&world.consumer, answer.request_id());
        assert_eq!(
            ends,
            [Kind::RequestSent, Kind::ResponseReceived],
            "a signed refusal is evidence"
        );
    }
    // A malformed or absent address is found before a node starts.
    let text = std::fs::read_to_string(world.provider.config()).unwrap();
    let none = text.replace("base_url = \"http://127.0.0.1:1/x\"\n", "");
    let faults = bridge_node::settings::Settings::parse(&none, &world.provider.folder).unwrap_err();
    assert!(
        faults
            .iter()
            .any(|fault| fault.place.starts_with("services[")),
        "{faults:?}"
    );
}

#[tokio::test]
async fn s32_a_registry_that_drops_the_connection() {
    let world = World::usual().await;
    let io_error = "server.serverproxy.service_failed.io_error";
    for reaction in [
        Reaction::Close,
        Reaction::Cut("half a".into()),
        Reaction::Cut("".into()),
    ] {
        world.registry.always(reaction);
        let answer = world.consumer.get(PATH).send().await;
        assert_eq!(answer.status, 502, "{:?}", answer.body);
        assert!(
            answer
                .field("x-road-error")
                .unwrap()
                .starts_with("server.serverproxy.service_failed")
        );
        assert!(!String::from_utf8_lossy(&answer.body).contains("half a"));
        let leaves = claims::kinds(&world.provider, answer.request_id());
        assert_eq!(leaves, [Kind::RequestReceived, Kind::Refused]);
    }
    world
        .registry
        .always(Reaction::Cut(vec![b'x'; 2_000_000].into()));
    world.consumer.get(PATH).send().await.refused(502, io_error);
    // What is being written is written to its end before its file goes.
    wait_until("the room is free again", async || {
        world.provider.live().node.room.used() == 0
    })
    .await;
    world.registry.always(Reaction::answer(200, &[], "whole"));
    world.consumer.get(PATH).send().await.answered(200);
    claims::verifies(&world.provider);
}

#[tokio::test]
async fn a_registry_that_is_too_slow_is_504() {
    let registry = Registry::start().await;
    let slow = format!(
        "[[services]]\nadapter = \"http\"\nsubsystem = \"{PROVIDER}\"\ncode = \"slow\"\nbase_url = \"http://{}/x\"\ntimeout_seconds = 1\n",
        registry.address
    );
    let terms = usual()
        .with("id", "slow".into())
        .with("service", "slow".into());
    let world = World::with()
        .contract(terms)
        .provider_settings(&slow)
        .start()
        .await;
    registry.always(Reaction::Held(Arc::new(Semaphore::new(0)), "late".into()));
    let answer = world
        .consumer
        .get(&PATH.replace("registry", "slow"))
        .send()
        .await;
    answer.refused(504, "server.serverproxy.service_failed.io_error");
    claims::refused_leaf(
        &world.provider,
        answer.request_id(),
        "server.serverproxy.service_failed.io_error",
    );
}

#[tokio::test]
async fn an_answer_larger_than_the_limit_is_502() {
    let world = World::with()
        .contract(usual())
        .limit("body_bytes = 100000")
        .start()
        .await;
    world
        .registry
        .always(Reaction::answer(200, &[], vec![b'x'; 100_001]));
    let answer = world.consumer.get(PATH).send().await;
    answer.refused(502, "server.serverproxy.service_failed.invalid_response");
}

#[tokio::test]
async fn s56_a_journal_that_cannot_be_written_refuses_messages_at_either_end() {
    let world = World::usual().await;
    world.consumer.get(PATH).send().await.answered(200);
    world.provider.live().node.journal.close().await.unwrap();
    let answer = world.consumer.get(PATH).send().await;
    // The provider cannot prove anything now, so its refusal is not signed and the consumer's node says only that.
    answer.refused(502, "server.clientproxy.service_failed");
    let own = world
        .provider
        .get("/r1/AZ/GOV/1001/POPULATION/listMethods")
        .send()
        .await;
    own.refused(503, "server.clientproxy.logging_failed");
    assert!(own.field("retry-after").is_some());
    world.consumer.live().node.journal.close().await.unwrap();
    let answer = world.consumer.get(PATH).send().await;
    answer.refused(503, "server.clientproxy.logging_failed");
    assert_eq!(
        world.registry.seen().len(),
        1,
        "no effect without a durable leaf"
    );
    claims::verifies(&world.consumer);
    claims::verifies(&world.provider);
}

#[tokio::test]
async fn a_caller_who_goes_away_does_not_end_the_exchange() {
    let world = World::usual().await;
    let gate = Arc::new(Semaphore::new(0));
    world
        .registry
        .always(Reaction::Held(Arc::clone(&gate), "late".into()));
    let ask = world
        .consumer
        .get(PATH)
        .field("x-road-id", "gone")
        .try_send();
    let reached = wait_until("the registry was asked", async || {
        world.registry.seen().len() == 1
    });
    // The caller waits until then and goes.
    tokio::select! {
        answer = ask => panic!("answered too early: {answer:?}"),
        () = reached => {}
    }
    gate.add_permits(1);
    let id = world.registry.last().fields["x-road-request-id"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    wait_until("both journals know the end", async || {
        claims::kinds(&world.consumer, id).last() == Some(&Kind::ResponseReceived)
            && claims::kinds(&world.provider, id).last() == Some(&Kind::ResponseSigned)
    })
    .await;
}

#[tokio::test]
async fn a_registry_whose_answer_has_no_end_or_is_not_http_is_502() {
    for nonsense in [
        "HTTP/1.1 200 OK\r\n\r\nno length",
        "SSH-2.0-OpenSSH_9.6\r\n\r\n",
    ] {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
            .await
            .unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut head = [0; 1024];
                drop(stream.read(&mut head).await);
                drop(stream.write_all(nonsense.as_bytes()).await);
            }
        });
        let broken = format!(
            "[[services]]\nadapter = \"http\"\nsubsystem = \"{PROVIDER}\"\ncode = \"broken\"\nbase_url = \"http://{address}/x\"\n"
        );
        let terms = usual()
            .with("id", "broken".into())
            .with("service", "broken".into());
        let world = World::with()
            .contract(terms)
            .provider_settings(&broken)
            .start()
            .await;
        let answer = world
            .consumer
            .get(&PATH.replace("registry", "broken"))
            .send()
            .await;
        answer.refused(502, "server.serverproxy.service_failed.http_error");
    }
}

#[tokio::test]
async fn whom_a_message_concerns_must_be_readable_from_it() {
    let subjects = json!([{ "method": "POST", "path": "/**", "query": [], "semicolons": false, "subjects": [
        { "in": "request", "pointer": "/fin", "type": "fin" },
        { "in": "answer", "pointer": "/children/*/fin", "type": "fin" },
    ] }]);
    let world = World::with()
        .contract(usual().with("endpoints", subjects))
        .start()
        .await;
    let ask = |body: &'static str| {
        world
            .consumer
            .ask("POST", PATH)
            .field("content-type", "application/json")
            .body(body)
            .send()
    };
    for body in [
        "fin=5ABCDE7",
        "{\"fin\":{}}",
        "{\"fin\":\"1\",\"fin\":\"2\"}",
    ] {
        ask(body)
            .await
            .refused(403, "server.clientproxy.access_denied");
    }
    assert!(world.registry.seen().is_empty());
    // What is too large to be read could hide somebody.
    let large = format!(
        "{{\"fin\":\"5ABCDE7\",\"filler\":\"{}\"}}",
        "x".repeat(1_100_000)
    );
    let ask_large = world
        .consumer
        .ask("POST", PATH)
        .field("content-type", "application/json")
        .body(large.clone());
    ask_large
        .send()
        .await
        .refused(403, "server.clientproxy.access_denied");
    assert!(world.registry.seen().is_empty());
    world.registry.always(Reaction::json(
        200,
        &json!({ "children": [{ "fin": "1" }, { "fin": "2" }] }),
    ));
    let good = ask("{\"fin\":\"5ABCDE7\"}").await;
    good.answered(200);
    claims::both_ends_agree(&world, &good);
    let leaves = claims::leaves(&world.provider, good.request_id());
    assert_eq!(
        leaves
            .iter()
            .map(|leaf| leaf.subjects.len())
            .collect::<Vec<_>>(),
        [1, 2]
    );
    for answer in [
        Reaction::answer(200, &[], "not JSON"),
        Reaction::answer(200, &[("content-type", "application/json")], large),
        Reaction::json(200, &json!({ "children": [{ "fin": {} }] })),
    ] {
        world.registry.always(answer);
        let refused = ask("{\"fin\":\"5ABCDE7\"}").await;
        refused.refused(502, "server.serverproxy.subjects_not_readable");
    }
}
