//! Clocks that step: backwards, and forwards and back again.

use bridge_core::leaf::{Kind, UnixMillis};
use bridge_tests::agency::Agency;
use bridge_tests::claims;
use bridge_tests::puppet::{Puppet, reference};
use bridge_tests::terms::terms;
use bridge_tests::wait::now_s;
use bridge_tests::world::{PATH, PROVIDER, SERVICE, STRANGER, World, usual};
use serde_json::json;

const HOUR_S: u64 = 3600;
const DAY_S: u64 = 24 * HOUR_S;
const UNTRUSTED: &str = "server.clientproxy.clock_not_trusted";

async fn reasons(agency: &Agency) -> (u16, String) {
    let ready = agency.health("/ready").await.unwrap();
    (ready.status, ready.json()["reasons"].to_string())
}

/// Times of all leaves, which never fall.
fn times(agency: &Agency) -> Vec<u64> {
    let journal = &agency.live().node.journal;
    let leaves = journal.leaves_since(UnixMillis(0)).unwrap();
    let times: Vec<u64> = leaves.iter().map(|(_, leaf)| leaf.time.0).collect();
    assert!(times.is_sorted());
    times
}

#[tokio::test]
async fn a_clock_set_back_by_a_day_stops_exchanges_until_it_is_right() {
    let world = World::usual().await;
    world.consumer.get(PATH).send().await.answered(200);
    let begun = times(&world.consumer).len();
    world.consumer.set_clock(now_s() - DAY_S);
    let answer = world.consumer.get(PATH).send().await;
    answer.refused(503, UNTRUSTED);
    assert!(answer.field("retry-after").is_some());
    let (status, why) = reasons(&world.consumer).await;
    assert!(
        status == 503 && why.contains("behind the journal's newest leaf"),
        "{why}"
    );
    assert_eq!(
        times(&world.consumer).len(),
        begun,
        "no leaf of a time that nobody knows"
    );
    // The other end is asked by a node with a right clock, and its own clock is not.
    world.consumer.set_clock(0);
    world.provider.set_clock(now_s() - DAY_S);
    let answer = world.consumer.get(PATH).send().await;
    answer.refused(502, "server.clientproxy.service_failed");
    world.provider.set_clock(0);
    world.consumer.get(PATH).send().await.answered(200);
    assert_eq!(reasons(&world.consumer).await, (200, "[]".to_owned()));
    assert_eq!(world.registry.seen().len(), 2);
    for agency in [&world.consumer, &world.provider] {
        times(agency);
        claims::verifies(agency);
    }
}

#[tokio::test]
async fn a_clock_a_little_behind_changes_nothing() {
    let world = World::usual().await;
    world.consumer.get(PATH).send().await.answered(200);
    world.consumer.set_clock(now_s() - 5);
    world.consumer.get(PATH).send().await.answered(200);
    times(&world.consumer);
}

#[tokio::test]
async fn a_clock_that_stepped_ahead_and_back_needs_the_operators_word_once() {
    let mut world = World::usual().await;
    world.consumer.get(PATH).send().await.answered(200);
    world.consumer.set_clock(now_s() + HOUR_S);
    // The other end refuses what is from the future; the leaves here are from there too.
    let answer = world.consumer.get(PATH).send().await;
    assert_ne!(answer.status, 200, "{answer:?}");
    let ahead = *times(&world.consumer).last().unwrap();
    assert!(ahead > (now_s() + HOUR_S - 60) * 1000);
    world.consumer.set_clock(0);
    world
        .consumer
        .get(PATH)
        .send()
        .await
        .refused(503, UNTRUSTED);
    // A restart alone doesn't decide which of the two times was wrong.
    world.consumer.stop().await;
    world.consumer.start().await;
    world
        .consumer
        .get(PATH)
        .send()
        .await
        .refused(503, UNTRUSTED);
    let (status, why) = reasons(&world.consumer).await;
    assert!(status == 503 && why.contains("--trust-clock"), "{why}");
    world.consumer.stop().await;
    world.consumer.vouched.clock = true;
    world.consumer.start().await;
    world.publish(now_s());
    world.refresh().await;
    for _ in 0..3 {
        world.consumer.get(PATH).send().await.answered(200);
    }
    assert_eq!(reasons(&world.consumer).await, (200, "[]".to_owned()));
    // Leaves stand still at the false time until the clock has caught up; the word stands among them.
    let journal = &world.consumer.live().node.journal;
    let leaves = journal.leaves_since(UnixMillis(ahead)).unwrap();
    assert!(leaves.iter().all(|(_, leaf)| leaf.time.0 == ahead));
    let said = leaves
        .iter()
        .filter_map(|(_, leaf)| leaf.facts.get("clock_behind_seconds"));
    let said: Vec<u64> = said.map(|text| text.parse().unwrap()).collect();
    assert!(
        matches!(said[..], [seconds] if seconds > HOUR_S - 60),
        "{said:?}"
    );
    world.consumer.stop().await;
    claims::verifies(&world.consumer);
}

#[tokio::test]
async fn a_node_that_goes_by_a_clock_set_back_still_knows_what_it_has_seen() {
    let stranger = terms("stranger-registry", STRANGER, PROVIDER, SERVICE);
    let mut world = World::with().provider_contract(stranger).start().await;
    let puppet = Puppet::of(&world.stranger);
    let contract = reference(&world.provider, "stranger-registry");
    let sent = puppet.sign(puppet.request(&world.provider, PATH, &contract));
    puppet
        .send(&world.provider, sent.clone())
        .await
        .answered(200);
    // A leaf from the future: this request is refused as too old.
    world.provider.set_clock(now_s() + HOUR_S);
    let stale = puppet.sign(puppet.request(&world.provider, PATH, &contract));
    let answer = puppet.send(&world.provider, stale).await;
    assert_ne!(answer.status, 200);
    world.provider.set_clock(0);
    let mut fresh = puppet.request(&world.provider, PATH, &contract);
    fresh.created(now_s());
    let refused = puppet.ask(&world.provider, fresh).await;
    refused.refused(503, "server.serverproxy.clock_not_trusted");
    world.provider.stop().await;
    world.provider.vouched.clock = true;
    world.provider.start().await;
    world.publish(now_s());
    world.provider.refresh().await;
    let replayed = puppet.send(&world.provider, sent.clone()).await;
    replayed.refused(400, "server.serverproxy.replayed");
    let new = puppet.sign(puppet.request(&world.provider, PATH, &contract));
    puppet
        .send(&world.provider, new.clone())
        .await
        .answered(200);
    // So it does after one more start, also of what came since then.
    world.provider.stop().await;
    world.provider.start().await;
    world.publish(now_s());
    world.provider.refresh().await;
    for sent in [sent, new] {
        let replayed = puppet.send(&world.provider, sent).await;
        replayed.refused(400, "server.serverproxy.replayed");
    }
    assert_eq!(world.registry.seen().len(), 2);
    let journal = &world.provider.live().node.journal;
    let leaves = journal.leaves_since(UnixMillis(0)).unwrap();
    let received = |kind| leaves.iter().filter(|(_, leaf)| leaf.kind == kind).count();
    assert_eq!(received(Kind::RequestReceived), 2);
    times(&world.provider);
}

#[tokio::test]
async fn quotas_end_with_their_windows_after_a_clock_that_ran_ahead() {
    let contract = usual().with("quota", json!({ "per_hour": 2, "per_day": 100 }));
    let mut world = World::with().contract(contract).start().await;
    // The clocks stand still at the start of an hour, whenever the test runs.
    let hour = (now_s() / HOUR_S + 1) * HOUR_S;
    world.provider.set_clock(hour);
    world.consumer.set_clock(hour + 3 * HOUR_S);
    // It is allowed and sent, and refused at the other end as one from the future.
    let answer = world.consumer.get(PATH).send().await;
    assert_ne!(answer.status, 200, "{answer:?}");
    world.consumer.set_clock(hour);
    world.consumer.stop().await;
    world.consumer.vouched.clock = true;
    world.consumer.start().await;
    // It counts in the hour that it is now: nothing frees a quota before its time.
    world.consumer.get(PATH).send().await.answered(200);
    let over = world.consumer.get(PATH).send().await;
    over.refused(429, "server.clientproxy.quota_exceeded");
    let wait: u64 = over.field("retry-after").unwrap().parse().unwrap();
    for agency in [&world.consumer, &world.provider] {
        agency.set_clock(hour + wait);
    }
    world.consumer.get(PATH).send().await.answered(200);
}
