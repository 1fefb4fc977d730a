//! Receipts that other nodes give: each is looked up in the log that gave it, and a log that does not bear it out is told of.

use std::sync::Arc;

use bridge_core::leaf::{Kind, Leaf};
use bridge_journal::Filter;
use bridge_tests::agency::Agency;
use bridge_tests::claims;
use bridge_tests::container::content;
use bridge_tests::puppet::Puppet;
use bridge_tests::puppet::log::Log;
use bridge_tests::puppet::server::Behaviour;
use bridge_tests::wait::{now_s, wait_until};
use bridge_tests::world::{PATH, STRANGER_PATH, Setup, World, usual, with_stranger};
use bridge_verify::{LogKey, open_cosigned};
use uuid::Uuid;

use crate::dossier::{export, verify};

/// The consumer's node looks every second.
const OFTEN: &str = "receipt_check_seconds = 1";
const INCONSISTENT: &str = "server.clientproxy.inconsistent_response";

/// The value of one series of a node.
async fn value(agency: &Agency, series: &str) -> u64 {
    let answer = agency.health("/metrics").await.unwrap();
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(series));
    line.unwrap_or_else(|| panic!("{series} is not there"))
        .trim()
        .parse()
        .unwrap()
}

async fn proven(agency: &Agency, receipts: u64) {
    wait_until("the receipts are proven", async || {
        value(agency, "bridge_peer_receipts_proven_total").await == receipts
            && value(agency, "bridge_peer_receipts_pending").await == 0
    })
    .await;
}

async fn alarmed(agency: &Agency, alarm: &str, receipts: u64) {
    let series = format!("bridge_peer_receipts_alarmed_total{{alarm=\"{alarm}\"}}");
    wait_until("the alarm is raised", async || {
        value(agency, &series).await == receipts
    })
    .await;
}

/// The leaves about alarms, oldest first.
fn alarm_leaves(agency: &Agency) -> Vec<Leaf> {
    let filter = Filter {
        kind: Some(Kind::State),
        ..Filter::default()
    };
    let hits = agency.live().node.journal.search(&filter).unwrap();
    let leaves = hits.into_iter().rev().map(|hit| hit.leaf);
    leaves
        .filter(|leaf| leaf.facts.contains_key("peer_receipts"))
        .collect()
}

async fn alarms(agency: &Agency) -> Vec<String> {
    let ready = agency.health("/ready").await.unwrap();
    // No peer makes this node look as if it could not work.
    assert_eq!(ready.status, 200);
    let told = ready.json()["alarms"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    told.iter()
        .map(|one| one.as_str().unwrap().to_owned())
        .collect()
}

/// A world whose stranger is a puppet with a log.
async fn with_log(setup: Setup) -> (World, Arc<Log>) {
    let mut world = setup.contract(with_stranger()).start().await;
    let log = Log::of(&world.stranger);
    let puppet = Arc::new(Puppet::of(&world.stranger));
    let listening = puppet
        .listen(Behaviour::Answer(log.answering(Arc::clone(&puppet))))
        .await;
    world.stranger.entry.nodes[0].address = listening.address.to_string();
    world.publish(now_s());
    world.refresh().await;
    (world, log)
}

async fn exchange(world: &World) -> Uuid {
    let answer = world.consumer.get(STRANGER_PATH).send().await;
    answer.answered(200);
    answer.request_id()
}

fn ids(leaves: &[Leaf]) -> Vec<Uuid> {
    leaves.iter().map(|leaf| leaf.request_id.unwrap()).collect()
}

#[tokio::test]
async fn receipts_of_a_good_peer_are_proven_once_and_that_is_remembered() {
    let setup = World::with().contract(usual()).consumer_limit(OFTEN);
    let mut world = setup.start().await;
    for _ in 0..3 {
        world.consumer.get(PATH).send().await.answered(200);
    }
    proven(&world.consumer, 3).await;
    world.consumer.stop().await;
    world.consumer.start().await;
    world.publish(now_s());
    world.refresh().await;
    world.consumer.get(PATH).send().await.answered(200);
    proven(&world.consumer, 1).await;
    assert_eq!(alarm_leaves(&world.consumer), Vec::new());
    assert_eq!(alarms(&world.consumer).await, Vec::<String>::new());
    claims::verifies(&world.consumer);
}

#[tokio::test]
async fn a_peer_that_drops_a_leaf_it_gave_a_receipt_of_is_found_out() {
    let (world, log) = Box::pin(with_log(World::with().consumer_limit(OFTEN))).await;
    let (first, second, third) = (
        exchange(&world).await,
        exchange(&world).await,
        exchange(&world).await,
    );
    log.replace(1);
    log.sign();
    alarmed(&world.consumer, "missing", 1).await;
    let leaves = alarm_leaves(&world.consumer);
    assert_eq!(ids(&leaves), [second]);
    let origin = world.stranger.entry.nodes[0]
        .journal
        .split('+')
        .next()
        .unwrap();
    assert_eq!(leaves[0].facts["peer_receipts"], "missing");
    assert_eq!(leaves[0].facts["log"], origin);
    let told = format!("the log {origin} lacks leaves that it gave receipts of");
    assert_eq!(alarms(&world.consumer).await, [told]);
    assert_eq!(value(&world.consumer, "bridge_peer_logs_in_doubt").await, 1);
    // The other two are there, under the same checkpoint.
    proven(&world.consumer, 2).await;
    assert_eq!(claims::kinds(&world.consumer, first).len(), 2);
    assert_eq!(claims::kinds(&world.consumer, third).len(), 2);
    // What the officer sees of the exchange has the alarm beside it, and all of it still verifies.
    assert_eq!(
        claims::kinds(&world.consumer, second),
        [Kind::RequestSent, Kind::ResponseReceived, Kind::State]
    );
    claims::verifies(&world.consumer);
}

#[tokio::test]
async fn a_peer_that_shows_two_histories_is_found_out_and_both_stay_as_it_signed_them() {
    let (mut world, log) = Box::pin(with_log(World::with().consumer_limit(OFTEN))).await;
    exchange(&world).await;
    log.sign();
    proven(&world.consumer, 1).await;
    // What it showed is remembered across a start of this node.
    world.consumer.stop().await;
    world.consumer.start().await;
    world.publish(now_s());
    world.refresh().await;
    let forked = exchange(&world).await;
    log.replace(0);
    log.sign();
    alarmed(&world.consumer, "forked", 1).await;
    let leaves = alarm_leaves(&world.consumer);
    assert_eq!(ids(&leaves), [forked]);
    let key = LogKey::parse(&world.stranger.entry.nodes[0].journal).unwrap();
    let sizes = ["seen", "shown"].map(|name| {
        let note = &leaves[0].facts[name];
        open_cosigned(note.as_bytes(), &key).unwrap().size
    });
    assert_eq!(sizes, [1, 2], "both are signed by the peer");
    let told = alarms(&world.consumer).await;
    assert!(told[0].ends_with("shows two histories"), "{told:?}");
    // Nothing that it gives can be proven from now on: each look that finds something says so.
    let again = exchange(&world).await;
    log.sign();
    alarmed(&world.consumer, "forked", 2).await;
    assert_eq!(ids(&alarm_leaves(&world.consumer)), [forked, again]);
    claims::verifies(&world.consumer);
}

#[tokio::test]
async fn a_forking_peer_that_pads_its_checkpoints_is_found_out_and_its_text_is_not_kept() {
    let (world, log) = Box::pin(with_log(World::with().consumer_limit(OFTEN))).await;
    log.pad(&format!("\u{2014} padding {}\n", "QUFB".repeat(16)).repeat(800));
    exchange(&world).await;
    log.sign();
    proven(&world.consumer, 1).await;
    let forked = exchange(&world).await;
    log.replace(0);
    log.sign();
    alarmed(&world.consumer, "forked", 1).await;
    let leaves = alarm_leaves(&world.consumer);
    assert_eq!(ids(&leaves), [forked]);
    let key = LogKey::parse(&world.stranger.entry.nodes[0].journal).unwrap();
    for name in ["seen", "shown"] {
        let note = &leaves[0].facts[name];
        open_cosigned(note.as_bytes(), &key).unwrap();
        assert!(!note.contains("padding"), "{note}");
    }
    claims::verifies(&world.consumer);
}

#[tokio::test]
async fn receipts_that_were_let_go_of_unproven_keep_their_log_in_doubt_until_it_proves_one() {
    let setup = World::with()
        .consumer_limit(OFTEN)
        .consumer_limit("receipt_seconds = 1")
        .consumer_limit("receipts_pending = 16");
    let (world, log) = Box::pin(with_log(setup)).await;
    for _ in 0..16 {
        exchange(&world).await;
    }
    let full = "bridge_limit_reached_total{limit=\"receipts_pending\"}";
    wait_until("they make room", async || {
        value(&world.consumer, full).await > 0
            && value(&world.consumer, "bridge_peer_receipts_pending").await < 16
    })
    .await;
    wait_until("the log is in doubt", async || {
        alarms(&world.consumer).await.len() == 1
    })
    .await;
    exchange(&world).await;
    log.sign();
    // On a slow machine some of the sixteen were told too late to make room: they are proven too.
    wait_until("what was not let go of is proven", async || {
        value(&world.consumer, "bridge_peer_receipts_proven_total").await > 0
            && value(&world.consumer, "bridge_peer_receipts_pending").await == 0
    })
    .await;
    assert_eq!(alarms(&world.consumer).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_peer_whose_log_does_not_grow_is_told_of_once_and_forgiven_when_it_does() {
    let setup = World::with()
        .consumer_limit(OFTEN)
        .consumer_limit("receipt_seconds = 1");
    let (mut world, log) = Box::pin(with_log(setup)).await;
    let late = exchange(&world).await;
    alarmed(&world.consumer, "overdue", 1).await;
    assert_eq!(ids(&alarm_leaves(&world.consumer)), [late]);
    assert_eq!(alarms(&world.consumer).await.len(), 1);
    // Exchanges go on, and a start tells nothing twice.
    world.consumer.stop().await;
    world.consumer.start().await;
    world.publish(now_s());
    world.refresh().await;
    let before = log.asked().len();
    wait_until("it is asked again", async || log.asked().len() > before + 1).await;
    assert_eq!(ids(&alarm_leaves(&world.consumer)), [late]);
    log.sign();
    proven(&world.consumer, 1).await;
    assert_eq!(alarms(&world.consumer).await, Vec::<String>::new());
    assert_eq!(value(&world.consumer, "bridge_peer_logs_in_doubt").await, 0);
}

#[tokio::test]
async fn many_receipts_cost_few_requests_and_no_more_than_the_limit_wait() {
    let setup = World::with()
        .consumer_limit(OFTEN)
        .consumer_limit("receipts_pending = 16");
    let (world, log) = Box::pin(with_log(setup)).await;
    for _ in 0..40 {
        exchange(&world).await;
    }
    wait_until("the room for receipts is full", async || {
        value(
            &world.consumer,
            "bridge_limit_reached_total{limit=\"receipts_pending\"}",
        )
        .await
            > 0
    })
    .await;
    assert_eq!(
        value(&world.consumer, "bridge_peer_receipts_pending").await,
        16
    );
    log.sign();
    proven(&world.consumer, 40).await;
    let tiles = log
        .asked()
        .iter()
        .filter(|path| path.starts_with("tile/"))
        .count();
    assert!(
        tiles <= 4,
        "a tile for each look at up to 16 receipts: {tiles}"
    );
}

#[tokio::test]
async fn a_leaf_goes_into_a_dossier_only_if_the_peer_gave_the_receipt_of_it_for_this_exchange() {
    let (world, log) = Box::pin(with_log(World::with())).await;
    let (first, second) = (exchange(&world).await, exchange(&world).await);
    log.sign();
    let path = export(&world.consumer, first, "good.asice", "receipts/peer.json").await;
    let good = std::fs::read(&path).unwrap();
    let said = verify(&world, &path);
    assert_eq!(said.code, 0, "{said:?}");
    // Another leaf's bytes under the right hashes.
    log.show(0, b"{}");
    let path = export(&world.consumer, first, "bytes.asice", "receipts/own.json").await;
    let altered = std::fs::read(&path).unwrap();
    // Another exchange's leaf from the beginning: its own node gave a receipt of it here.
    let receipts = content(&good, "receipts/peer.json");
    let receipts: serde_json::Value = serde_json::from_slice(receipts).unwrap();
    log.insist(receipts["receipts"][0]["leaf"].as_str().unwrap());
    let third = exchange(&world).await;
    log.sign();
    let path = export(&world.consumer, third, "other.asice", "receipts/own.json").await;
    let other = std::fs::read(&path).unwrap();
    for (dossier, words) in [
        (
            &altered,
            "receipts/peer.json: the other node's log does not bear out its receipt",
        ),
        (
            &other,
            "receipts/peer.json: the other node's receipt is of another exchange",
        ),
    ] {
        let text = String::from_utf8_lossy(content(dossier, "dossier.json"));
        assert!(text.contains(words), "{words}: {text}");
    }
    let path = export(
        &world.consumer,
        second,
        "second.asice",
        "receipts/peer.json",
    )
    .await;
    assert_eq!(verify(&world, &path).code, 0);
}

#[tokio::test]
async fn an_answer_without_a_receipt_of_the_peer_s_own_log_is_no_answer() {
    let mut world = World::with().contract(with_stranger()).start().await;
    let puppet = Arc::new(Puppet::of(&world.stranger));
    let own = puppet.receipt.clone();
    let foreign = own.replace("/LEA/3001/", "/GOV/1001/");
    let receipts = [None, Some(foreign), Some("x".to_owned()), Some(own)];
    let answering = Arc::clone(&puppet);
    let behaviour = Behaviour::Answer(Arc::new(move |got| {
        let number: usize = got.target.split("q=").nth(1).unwrap().parse().unwrap();
        let mut draft = answering.answer(got, 200, "{}");
        match &receipts[number] {
            Some(receipt) => draft.set("bridge-peer-receipt", receipt),
            None => drop(draft.fields.remove("bridge-peer-receipt")),
        }
        answering.sign_answer(draft)
    }));
    let listening = puppet.listen(behaviour).await;
    world.stranger.entry.nodes[0].address = listening.address.to_string();
    world.publish(now_s());
    world.refresh().await;
    for number in 0..3 {
        let ask = world.consumer.get(&format!("{STRANGER_PATH}?q={number}"));
        ask.send().await.refused(502, INCONSISTENT);
    }
    let ask = world.consumer.get(&format!("{STRANGER_PATH}?q=3"));
    ask.send().await.answered(200);
}
