//! Receipts that a node gives to its callers: leaves with proofs that hold when the node is switched off, and for nobody else.

use bridge_core::leaf::Kind;
use bridge_tests::agency::Agency;
use bridge_tests::answer::Answer;
use bridge_tests::claims;
use bridge_tests::registry::Reaction;
use bridge_tests::wait::wait_until;
use bridge_tests::world::{PATH, World, usual};
use bridge_verify::{Cosigner, LogKey, Receipt, Signers, judge};
use serde_json::Value;
use uuid::Uuid;

/// A caller of the same node that owns another subsystem: its key is `other`.
const OTHER_CALLER: &str = "[[callers]]\nname = \"another system\"\nsubsystems = [\"AZ/GOV/2001/CUSTOMS\"]\n\
    api_key_sha256 = \"d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa\"\n";

async fn ask(agency: &Agency, id: Uuid) -> Answer {
    agency.get(&format!("/receipts/{id}")).send().await
}

/// The receipts of an exchange, once a checkpoint covers them. Until then every answer is a 202 that says when to come again.
async fn receipts(agency: &Agency, id: Uuid) -> Value {
    let mut given = Value::Null;
    wait_until("a checkpoint covers the exchange", async || {
        let answer = ask(agency, id).await;
        if answer.status == 202 {
            assert_eq!(answer.field("retry-after"), Some("1"));
            assert_eq!(answer.json()["pending"], true);
            return false;
        }
        given = answer.answered(200).json();
        true
    })
    .await;
    given
}

/// Judges every receipt by the key of the directory alone; returns their texts and leaves.
fn judged(agency: &Agency, given: &Value) -> Vec<(String, Value)> {
    let key = &agency.entry.nodes[0].journal;
    assert_eq!(given["key"], *key);
    let signers = Signers {
        log: Some(LogKey::parse(key).unwrap()),
        ..Signers::default()
    };
    let list = given["receipts"].as_array().unwrap();
    list.iter()
        .map(|one| {
            let text = |name: &str| one[name].as_str().unwrap().to_owned();
            let (field, leaf, proof) = (text("receipt"), text("leaf"), text("proof"));
            let receipt = Receipt {
                field: &field,
                leaf: leaf.as_bytes(),
                proof: &proof,
            };
            let shown = judge(&receipt, &signers).unwrap_or_else(|faults| panic!("{faults:?}"));
            assert!(shown.index < shown.size && shown.cosigned == Vec::<(String, u64)>::new());
            (field.clone(), serde_json::from_str(&leaf).unwrap())
        })
        .collect()
}

#[tokio::test]
async fn a_caller_gets_leaf_and_proof_of_its_exchange_once_a_checkpoint_covers_it() {
    let mut world = World::usual().await;
    let answer = world.consumer.get(PATH).send().await;
    answer.answered(200);
    let given = receipts(&world.consumer, answer.request_id()).await;
    world.consumer.stop().await;

    let judged = judged(&world.consumer, &given);
    let kinds: Vec<&str> = judged
        .iter()
        .map(|(_, leaf)| leaf["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["request-sent", "response-received"]);
    let (field, leaf) = &judged[1];
    assert_eq!(Some(field.as_str()), answer.field("bridge-receipt"));
    let peer = answer.field("bridge-peer-receipt").unwrap();
    assert_eq!(leaf["facts"]["peer_receipt"], peer);
    claims::receipt(&world.provider, peer, Kind::RequestReceived);
    claims::verifies(&world.consumer);
}

#[tokio::test]
async fn a_receipt_that_is_too_new_is_promised_and_not_given() {
    let world = World::usual().await;
    // A checkpoint may come between the two requests, but not between all pairs of them.
    wait_until("a receipt is asked for before its checkpoint", async || {
        let answer = world.consumer.get(PATH).send().await;
        let early = ask(&world.consumer, answer.request_id()).await;
        early.status == 202 && early.field("retry-after") == Some("1")
    })
    .await;
}

#[tokio::test]
async fn a_refusal_has_a_receipt_too() {
    let world = World::usual().await;
    let answer = world
        .consumer
        .get("/r1/AZ/GOV/1001/POPULATION/unknown")
        .send()
        .await;
    assert_eq!(answer.status, 403);
    let given = receipts(&world.consumer, answer.request_id()).await;
    let judged = judged(&world.consumer, &given);
    assert_eq!(judged.len(), 1);
    assert_eq!(judged[0].1["kind"], "refused");
    assert_eq!(Some(judged[0].0.as_str()), answer.field("bridge-receipt"));
}

#[tokio::test]
async fn what_belongs_to_others_is_as_unknown_as_what_does_not_exist() {
    let setup = World::with()
        .contract(usual())
        .consumer_settings(OTHER_CALLER);
    let world = setup.start().await;
    let answer = world.consumer.get(PATH).send().await;
    let id = answer.request_id();
    receipts(&world.consumer, id).await;
    let as_other = |target: String| {
        let ask = world.consumer.get(&target).certificate(None);
        ask.field("bridge-api-key", "other")
    };
    let others = as_other(format!("/receipts/{id}")).send().await;
    let unknown = as_other(format!("/receipts/{}", Uuid::new_v4()))
        .send()
        .await;
    let code = "server.clientproxy.not_found";
    let (others_told, unknown_told) = (
        others.refused(404, code).told(),
        unknown.refused(404, code).told(),
    );
    assert_eq!(others_told.message, unknown_told.message);
    let names = |answer: &Answer| -> Vec<String> {
        answer.fields.keys().map(ToString::to_string).collect()
    };
    assert_eq!(
        (names(&others), others.body.len()),
        (names(&unknown), unknown.body.len())
    );

    // Whoever is nobody hears no more than that; misspelt ids name nothing.
    let nobody = world
        .consumer
        .get(&format!("/receipts/{id}"))
        .certificate(None);
    assert_eq!(nobody.send().await.status, 401);
    let upper = id.to_string().to_uppercase();
    for target in [
        format!("/receipts/{upper}"),
        format!("/receipts/{id}?x=1"),
        "/receipts/".to_owned(),
    ] {
        world.consumer.get(&target).send().await.refused(404, code);
    }
    let posted = world.consumer.ask("POST", &format!("/receipts/{id}"));
    posted.send().await.refused(404, code);
    // A look is no exchange: nothing was journaled for it.
    assert_eq!(
        claims::kinds(&world.consumer, id),
        [Kind::RequestSent, Kind::ResponseReceived]
    );
}

#[tokio::test]
async fn the_provider_s_own_leaves_are_not_given_to_callers() {
    let world = World::usual().await;
    world.registry.always(Reaction::answer(200, &[], "x"));
    let answer = world.consumer.get(PATH).send().await;
    // The provider's node knows the exchange, as a provider.
    let found = world
        .provider
        .get(&format!("/receipts/{}", answer.request_id()));
    found
        .send()
        .await
        .refused(404, "server.clientproxy.not_found");
}

#[tokio::test]
async fn a_receipt_without_the_witnesses_asked_for_does_not_hold() {
    let world = World::usual().await;
    let answer = world.consumer.get(PATH).send().await;
    let given = receipts(&world.consumer, answer.request_id()).await;
    let one = &given["receipts"][0];
    let witness = "w.example+0b5f6a0e+BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    assert!(
        Cosigner::parse(witness).is_err(),
        "its id is not of its key"
    );
    let signers = Signers {
        log: Some(LogKey::parse(&world.consumer.entry.nodes[0].journal).unwrap()),
        witnesses: Vec::new(),
        quorum: 1,
    };
    let receipt = Receipt {
        field: one["receipt"].as_str().unwrap(),
        leaf: one["leaf"].as_str().unwrap().as_bytes(),
        proof: one["proof"].as_str().unwrap(),
    };
    let faults = judge(&receipt, &signers).unwrap_err();
    let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        ["cosignatures: 0 of the known witnesses cosigned the checkpoint, 1 are needed"]
    );
}
