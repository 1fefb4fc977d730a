//! A hop between two nodes that closes: before the head is through, before the answer, within the answer.

use bridge_core::leaf::Kind;
use bridge_tests::claims;
use bridge_tests::relay::Relay;
use bridge_tests::wait::{now_s, wait_until};
use bridge_tests::world::{PATH, World};

const CUT: &str = "server.clientproxy.io_error";

/// The usual world with a wire between the nodes, over which one exchange has gone and left its connection open.
async fn world() -> (World, Relay) {
    let mut world = World::usual().await;
    let relay = Relay::to(world.provider.ports.peer).await;
    world.provider.entry.nodes[0].address = relay.address.to_string();
    world.publish(now_s());
    world.refresh().await;
    world.consumer.get(PATH).send().await.answered(200);
    assert_eq!((relay.opened(), relay.closed()), (1, 0));
    (world, relay)
}

/// Where it closes, how, what the provider's journal then holds, and how often the registry was asked.
type Point<'a> = (&'static str, fn(&Relay), &'a [Kind], usize);

#[tokio::test]
async fn s30_a_hop_that_closes_at_any_point_leaves_two_journals_that_say_so() {
    let (world, relay) = world().await;
    let served = [Kind::RequestReceived, Kind::ResponseSigned];
    let large = vec![b'x'; 400_000];
    let points: [Point<'_>; 5] = [
        (
            "before the head is through",
            |relay| relay.cut_request(100),
            &[],
            0,
        ),
        (
            "within the body of the request",
            |relay| relay.cut_request(100_000),
            &[Kind::Refused],
            0,
        ),
        (
            "after the request, before the answer",
            |relay| relay.cut_answer(0),
            &served,
            1,
        ),
        (
            "within the head of the answer",
            |relay| relay.cut_answer(100),
            &served,
            1,
        ),
        (
            "within the body of the answer",
            |relay| relay.cut_answer(100_000),
            &served,
            1,
        ),
    ];
    for method in ["POST", "GET"] {
        for (what, cut, at_provider, asked) in &points {
            let before = world.registry.seen().len();
            let connections = relay.opened();
            cut(&relay);
            let ask = world
                .consumer
                .ask(method, PATH)
                .field("content-type", "text/plain");
            let answer = ask.body(large.clone()).send().await;
            answer.refused(502, CUT);
            let id = answer.request_id();
            let kinds = claims::kinds(&world.consumer, id);
            assert_eq!(kinds, [Kind::RequestSent, Kind::Refused], "{what}");
            claims::refused_leaf(&world.consumer, id, CUT);
            wait_until("the provider's journal says how it ended", async || {
                claims::kinds(&world.provider, id) == *at_provider
            })
            .await;
            assert_eq!(
                world.registry.seen().len(),
                before + asked,
                "{what}: nothing is sent twice"
            );
            assert_eq!(
                relay.opened(),
                connections,
                "{what}: no other connection is tried"
            );
            // The next exchange opens one of its own.
            world.consumer.get(PATH).send().await.answered(200);
        }
    }
    claims::verifies(&world.consumer);
    claims::verifies(&world.provider);
}

#[tokio::test]
async fn a_hop_that_closes_within_the_handshake_is_a_network_error() {
    let mut world = World::usual().await;
    let relay = Relay::to(world.provider.ports.peer).await;
    world.provider.entry.nodes[0].address = relay.address.to_string();
    world.publish(now_s());
    world.refresh().await;
    let cuts: [fn(&Relay); 3] = [
        |relay| relay.cut_request(50),
        |relay| relay.cut_answer(0),
        |relay| relay.cut_answer(300),
    ];
    for cut in cuts {
        cut(&relay);
        let answer = world.consumer.get(PATH).send().await;
        answer.refused(504, "server.clientproxy.network_error");
        let kinds = claims::kinds(&world.consumer, answer.request_id());
        assert_eq!(kinds, [Kind::Refused], "nothing was signed");
    }
    world.consumer.get(PATH).send().await.answered(200);
    assert_eq!(world.registry.seen().len(), 1);
}
