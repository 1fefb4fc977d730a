//! Contracts between running nodes: proposed, accepted, renewed and withdrawn, delivered without a centre.

use std::fs;

use bridge_certs::cms::Sealer;
use bridge_certs::{read_key_file, read_pem_certificates};
use bridge_core::contract::{Action, Agreement, State, Statement, load};
use bridge_core::leaf::{Kind, Leaf};
use bridge_journal::Filter;
use bridge_tests::agency::{Agency, issue};
use bridge_tests::answer::Answer;
use bridge_tests::claims::{both_ends_agree, reached};

use bridge_tests::puppet::{Puppet, Sent};
use bridge_tests::terms::Terms;
use bridge_tests::wait::{now_s, wait_until};
use bridge_tests::world::{PATH, World, usual};
use serde_json::json;

fn draft(terms: &Terms) -> Agreement {
    Agreement::new(load(&terms.file()).unwrap())
}

/// A member says something of a contract, under the seal in its keys folder.
fn sign(agency: &Agency, agreement: &mut Agreement, action: Action) {
    let keys = agency.folder.join("keys");
    let chain = read_pem_certificates(&keys.join("seal.pem")).unwrap();
    let key = read_key_file(&keys.join("seal.key")).unwrap();
    let statement = Statement {
        action,
        contract: agreement.contract().reference().to_owned(),
        member: agency.member.clone(),
        time_s: now_s(),
        reason: None,
    };
    let signed = Sealer::new(&key, chain).unwrap().sign(statement).unwrap();
    let anchors = fs::read(agency.folder.parent().unwrap().join("anchors.pem")).unwrap();
    let trust = bridge_certs::Trust::from_pem(&anchors).unwrap();
    agreement.add(signed, &trust, now_s()).unwrap();
}

/// An officer gives a signed file to the own node.
async fn give(agency: &Agency, agreement: &Agreement) -> String {
    fs::write(agency.folder.join("signed.json"), agreement.write()).unwrap();
    let said = agency.officer(&["contract", "send", "signed.json"]).await;
    said.good()
}

/// What a node holds of a version.
fn held(agency: &Agency, agreement: &Agreement) -> Option<Agreement> {
    let all = agency.live().node.agreements.agreements();
    all.into_iter()
        .find(|one| one.contract().digest() == agreement.contract().digest())
}

fn state(agency: &Agency, world: &World, agreement: &Agreement) -> Option<State> {
    held(agency, agreement).map(|held| held.state(&world.consumer.member))
}

async fn arrives(agency: &Agency, world: &World, agreement: &Agreement, expected: &State) {
    wait_until("the statement has arrived", async || {
        state(agency, world, agreement).as_ref() == Some(expected)
    })
    .await;
}

fn signed_leaves(agency: &Agency) -> Vec<Leaf> {
    let filter = Filter {
        outcome: Some("contract-signed".to_owned()),
        kind: Some(Kind::Administration),
        ..Filter::default()
    };
    let hits = agency.live().node.journal.search(&filter).unwrap();
    hits.into_iter().rev().map(|hit| hit.leaf).collect()
}

/// A version of the usual contract that both nodes hold, signed by both members.
async fn agreed(world: &World, terms: &Terms) -> Agreement {
    let mut agreement = draft(terms);
    sign(&world.provider, &mut agreement, Action::Proposed);
    give(&world.provider, &agreement).await;
    let by = world.provider.member.clone();
    arrives(&world.consumer, world, &agreement, &State::Proposed { by }).await;
    let mut proposal = held(&world.consumer, &agreement).unwrap();
    sign(&world.consumer, &mut proposal, Action::Accepted);
    give(&world.consumer, &proposal).await;
    arrives(&world.provider, world, &agreement, &State::Agreed).await;
    proposal
}

async fn ask(world: &World) -> Answer {
    world.consumer.get(PATH).send().await
}

#[tokio::test]
async fn a_contract_goes_from_node_to_node_and_allows_only_while_both_consent() {
    let world = World::with().start().await;
    assert_eq!(ask(&world).await.status, 403);
    let mut contract = draft(&usual());
    sign(&world.provider, &mut contract, Action::Proposed);
    give(&world.provider, &contract).await;
    let by = world.provider.member.clone();
    arrives(&world.consumer, &world, &contract, &State::Proposed { by }).await;
    assert_eq!(ask(&world).await.status, 403, "a proposal allows nothing");
    // The consumer's officer finds what came as a file, and signs it.
    let name = format!("data/contracts/{}.json", contract.contract().reference());
    let file = fs::read(world.consumer.folder.join(name)).unwrap();
    assert_eq!(file, contract.write());
    sign(&world.consumer, &mut contract, Action::Accepted);
    let told = give(&world.consumer, &contract).await;
    assert!(told.contains("accepted by AZ/GOV/2001"), "{told}");
    arrives(&world.provider, &world, &contract, &State::Agreed).await;
    let answer = ask(&world).await;
    answer.answered(200);
    both_ends_agree(&world, &answer);
    // Given again, nothing is new, and no leaf is written.
    let told = give(&world.consumer, &contract).await;
    assert!(told.contains("nothing new"), "{told}");
    for agency in [&world.consumer, &world.provider] {
        let leaves = signed_leaves(agency);
        let actions: Vec<&str> = leaves.iter().map(|leaf| &*leaf.facts["action"]).collect();
        assert_eq!(actions, ["proposed", "accepted"]);
        let reference = contract.contract().reference();
        assert!(
            leaves
                .iter()
                .all(|leaf| leaf.contract.as_deref() == Some(reference))
        );
    }
    let brought = |agency: &Agency| {
        let leaves = signed_leaves(agency);
        leaves
            .iter()
            .map(|leaf| leaf.facts.contains_key("peer"))
            .collect::<Vec<_>>()
    };
    assert_eq!(brought(&world.consumer), [true, false]);
    assert_eq!(brought(&world.provider), [false, true]);

    sign(&world.consumer, &mut contract, Action::Withdrawn);
    give(&world.consumer, &contract).await;
    let refused = ask(&world).await;
    refused.refused(403, "server.clientproxy.access_denied");
    let message = refused.message();
    assert!(
        message.contains("AZ/GOV/2001 withdrew from it at "),
        "{message}"
    );
    let gone = State::Withdrawn {
        by: world.consumer.member.clone(),
        at_s: contract.signed()[2].statement.time_s,
    };
    arrives(&world.provider, &world, &contract, &gone).await;
    assert_eq!(world.registry.seen().len(), 1);
}

#[tokio::test]
async fn what_the_provider_withdraws_is_refused_at_once_whatever_the_consumer_knows() {
    let mut world = World::with().start().await;
    let mut contract = agreed(&world, &usual()).await;
    ask(&world).await.answered(200);
    sign(&world.provider, &mut contract, Action::Withdrawn);
    give(&world.provider, &contract).await;
    let refused = ask(&world).await;
    assert_eq!(refused.status, 403);
    assert!(
        refused
            .message()
            .contains("AZ/GOV/1001 withdrew from it at ")
    );
    assert_eq!(world.registry.seen().len(), 1);
    // It stands after a start, of either.
    for agency in [&mut world.provider, &mut world.consumer] {
        agency.stop().await;
        agency.start().await;
    }
    world.publish(now_s());
    world.refresh().await;
    let refused = ask(&world).await;
    assert_eq!(refused.status, 403);
    assert!(
        refused
            .message()
            .contains("AZ/GOV/1001 withdrew from it at ")
    );
    assert_eq!(world.registry.seen().len(), 1);
}

#[tokio::test]
async fn a_node_that_was_away_hears_what_was_signed_when_it_is_back() {
    let mut world = World::with().start().await;
    world.consumer.stop().await;
    let mut contract = draft(&usual());
    sign(&world.provider, &mut contract, Action::Proposed);
    give(&world.provider, &contract).await;
    world.consumer.start().await;
    world.publish(now_s());
    world.refresh().await;
    let by = world.provider.member.clone();
    arrives(&world.consumer, &world, &contract, &State::Proposed { by }).await;
}

#[tokio::test]
async fn a_renewal_takes_over_and_a_new_seal_key_needs_no_new_approval() {
    let world = World::with().start().await;
    let first = agreed(&world, &usual()).await;
    ask(&world).await.answered(200);
    // The consumer's seal is another key from now on.
    let name = bridge_core::identity::CertificateName::Member(world.consumer.member.clone());
    let stem = world.consumer.folder.join("keys/seal");
    let old = fs::read(stem.with_extension("pem")).unwrap();
    issue(
        &world.authority,
        bridge_certs::Profile::Seal,
        Some(name),
        &stem,
        now_s(),
    );
    assert_ne!(fs::read(stem.with_extension("pem")).unwrap(), old);
    ask(&world).await.answered(200);
    let renewed = usual()
        .with("start", json!("2026-02-01T00:00:00+04:00"))
        .with("title", json!("The second year"));
    let second = agreed(&world, &renewed).await;
    assert_eq!(second.contract().id(), first.contract().id());
    let answer = ask(&world).await;
    answer.answered(200);
    let leaves = bridge_tests::claims::leaves(&world.provider, answer.request_id());
    assert_eq!(
        leaves[0].contract.as_deref(),
        Some(second.contract().reference())
    );
}

fn sent(to: &Agency, body: impl Into<bytes::Bytes>) -> Sent {
    Sent {
        method: "POST".to_owned(),
        target: "/contracts".to_owned(),
        host: to.authority().to_owned(),
        fields: http::HeaderMap::new(),
        body: body.into(),
    }
}

#[tokio::test]
async fn a_node_takes_no_contract_from_others_nor_more_than_its_limits() {
    let world = World::with()
        .provider_limit("contracts_waiting = 2\ncontract_files_per_minute = 9")
        .provider_limit("contract_bytes = 65536")
        .start()
        .await;
    let to = &world.provider;
    let from = Puppet::of(&world.consumer);
    let proposed = |title: &str| {
        let mut draft = draft(&usual().with("title", json!(title)));
        sign(&world.consumer, &mut draft, Action::Proposed);
        draft.write()
    };
    // A third member brings a good file that is none of its business.
    let stranger = Puppet::of(&world.stranger);
    let brought = stranger.send(to, sent(to, proposed("one"))).await;
    assert_eq!(brought.status, 403);
    for (body, status) in [
        (b"{}".to_vec(), 400),
        (draft(&usual()).write(), 400),
        (vec![b' '; 65_537], 413),
        (proposed("one"), 200),
        (proposed("two"), 200),
        (proposed("three"), 429),
    ] {
        let answer = from.send(to, sent(to, body)).await;
        assert_eq!(answer.status, status, "{:?}", answer.body);
    }
    assert_eq!(reached(to, "contracts_waiting").await, 1);
    assert_eq!(reached(to, "contract_bytes").await, 1);
    assert_eq!(to.live().node.agreements.agreements().len(), 2);
    let mut last = 0;
    for _ in 0..4 {
        last = from.send(to, sent(to, b"{}".to_vec())).await.status;
    }
    assert_eq!(last, 429);
    assert_eq!(reached(to, "contract_files_per_minute").await, 1);
}
