//! Contracts between running nodes: proposed, accepted, renewed and withdrawn, delivered without a centre.

use std::fs;

use bridge_certs::cms::Sealer;
use bridge_certs::{read_key_file, read_pem_certificates};
use bridge_core::contract::{Action, Agreement, State, Statement, load};
use bridge_core::leaf::{Kind, Leaf};
use bridge_journal::Filter;
use bridge_tests::agency::{Agency, exchange_key, issue};
use bridge_tests::answer::Answer;
use bridge_tests::claims::{both_ends_agree, kinds, metric, reached};

use bridge_tests::puppet::{Puppet, Sent};
use bridge_tests::terms::Terms;
use bridge_tests::wait::{now_s, wait_until};
use bridge_tests::world::{PATH, World, usual, with_stranger};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};

fn draft(terms: &Terms) -> Agreement {
    Agreement::new(load(&terms.file()).unwrap())
}

/// A member says something of a contract, under the seal in its keys folder.
fn sign(agency: &Agency, agreement: &mut Agreement, action: Action) {
    sign_at(agency, agreement, action, now_s());
}

/// As [`sign`], at a time that the member writes into it.
fn sign_at(agency: &Agency, agreement: &mut Agreement, action: Action, time_s: u64) {
    let keys = agency.folder.join("keys");
    let chain = read_pem_certificates(&keys.join("seal.pem")).unwrap();
    let key = read_key_file(&keys.join("seal.key")).unwrap();
    let statement = Statement {
        action,
        contract: agreement.contract().reference().to_owned(),
        member: agency.member.clone(),
        time_s,
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

/// Which of the two ends said no: the consumer's own node before it sent anything, or the provider's node.
fn refused_at(world: &World, refused: &Answer, end: &Agency) {
    let ends = [&world.consumer, &world.provider].map(|one| kinds(one, refused.request_id()));
    let is_own = end.member == world.consumer.member;
    let expected: [&[Kind]; 2] = if is_own {
        [&[Kind::Refused], &[]]
    } else {
        // The refusal is an answer that the provider signed.
        [
            &[Kind::RequestSent, Kind::ResponseReceived],
            &[Kind::Refused],
        ]
    };
    assert_eq!(ends, expected);
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
    refused_at(&world, &refused, &world.consumer);
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
    // The provider's node cannot reach the consumer's, which goes on as before.
    let there = world.consumer.entry.nodes[0].address.clone();
    let gate = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    world.consumer.entry.nodes[0].address = gate.local_addr().unwrap().to_string();
    world.publish(now_s());
    world.refresh().await;
    sign(&world.provider, &mut contract, Action::Withdrawn);
    give(&world.provider, &contract).await;
    let refused = ask(&world).await;
    assert_eq!(refused.status, 403);
    refused_at(&world, &refused, &world.provider);
    assert_eq!(
        state(&world.consumer, &world, &contract),
        Some(State::Agreed)
    );
    world.consumer.entry.nodes[0].address = there;
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

#[tokio::test]
async fn an_exchange_that_was_allowed_and_is_not_yet_sent_ends_with_its_contract() {
    for ending in [Action::Withdrawn, Action::Refused] {
        let mut world = World::with().start().await;
        let mut contract = agreed(&world, &usual()).await;
        sign(&world.consumer, &mut contract, ending);
        let message = ended_before_it_is_sent(&mut world, &contract).await;
        assert!(
            message.contains("AZ/GOV/2001 withdrew from it at "),
            "{message}"
        );
    }
}

#[tokio::test]
async fn an_exchange_under_an_unsigned_file_that_is_not_yet_sent_ends_with_a_no_to_it() {
    let mut world = World::with().contract(usual()).start().await;
    let mut contract = draft(&usual());
    sign(&world.consumer, &mut contract, Action::Withdrawn);
    let message = ended_before_it_is_sent(&mut world, &contract).await;
    assert_eq!(message, ask(&world).await.message(), "as by no contract");
}

/// Asks, and gives this to the consumer's node when the exchange is allowed and not yet sent; what it is refused with.
async fn ended_before_it_is_sent(world: &mut World, contract: &Agreement) -> String {
    let refused = ask_while(world, async |world| {
        drop(give(&world.consumer, contract).await);
    })
    .await;
    refused.refused(403, "server.clientproxy.access_denied");
    let at = |agency| kinds(agency, refused.request_id());
    assert_eq!(at(&world.consumer), [Kind::RequestSent, Kind::Refused]);
    assert_eq!(at(&world.provider), []);
    assert_eq!(world.registry.seen().len(), 0);
    refused.message()
}

#[tokio::test]
async fn an_exchange_that_was_allowed_before_a_renewal_takes_over_is_carried_out() {
    let mut world = World::with().start().await;
    agreed(&world, &usual()).await;
    let start_s = now_s() + 10;
    let renewed = usual().with("start", json!(bridge_certs::Moment(start_s).to_string()));
    agreed(&world, &renewed).await;
    let answer = ask_while(&mut world, async |world| {
        world.consumer.set_clock(start_s + 1);
    })
    .await;
    answer.answered(200);
}

/// Asks, and does something when the exchange is allowed and not yet sent.
async fn ask_while(world: &mut World, meanwhile: impl AsyncFnOnce(&World)) -> Answer {
    let there = world.provider.ports.peer;
    let gate = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    world.provider.entry.nodes[0].address = gate.local_addr().unwrap().to_string();
    world.publish(now_s());
    world.refresh().await;
    let world = &*world;
    let ended = async {
        // A connection is opened for what a contract has allowed.
        let (mut from, _) = gate.accept().await.unwrap();
        meanwhile(world).await;
        let mut to = TcpStream::connect(there).await.unwrap();
        drop(tokio::io::copy_bidirectional(&mut from, &mut to).await);
        // A connection that is kept outlives its answer, and one that is not ends before it.
        std::future::pending().await
    };
    tokio::select! {
        answer = ask(world) => answer,
        never = ended => never,
    }
}

#[tokio::test]
async fn a_node_that_answers_nothing_keeps_no_other_node_from_hearing() {
    let mut world = World::with().start().await;
    let gate = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    world.stranger.entry.nodes[0].address = gate.local_addr().unwrap().to_string();
    world.publish(now_s());
    world.refresh().await;
    let mut silent = draft(&with_stranger());
    sign(&world.consumer, &mut silent, Action::Proposed);
    give(&world.consumer, &silent).await;
    let (held, _) = gate.accept().await.unwrap();
    // While that node says nothing, the other one hears what is new to it.
    let mut contract = draft(&usual());
    sign(&world.consumer, &mut contract, Action::Proposed);
    give(&world.consumer, &contract).await;
    let by = world.consumer.member.clone();
    arrives(&world.provider, &world, &contract, &State::Proposed { by }).await;
    let mut first = [0; 16 * 1024];
    held.readable().await.unwrap();
    assert!(held.try_read(&mut first).unwrap() > 0, "a greeting");
    let more = held.try_read(&mut first).unwrap_err();
    assert_eq!(
        more.kind(),
        std::io::ErrorKind::WouldBlock,
        "it waits still"
    );
}

#[tokio::test]
async fn a_node_starts_on_the_largest_contract_file_that_it_takes() {
    let mut world = World::with().start().await;
    let group = usual().with("consumer", json!({ "local_group": "many" }));
    let mut contract = draft(&group);
    sign(&world.provider, &mut contract, Action::Proposed);
    let anchors = fs::read(world.folder.path().join("anchors.pem")).unwrap();
    let trust = bridge_certs::Trust::from_pem(&anchors).unwrap();
    // Long seals: certificates that no chain needs travel in them, as many as are looked at.
    let padding = vec![world.authority.issuing_der().to_vec(); 4];
    let mut taken = contract.clone();
    let mut number = 0;
    let status = loop {
        let member = format!("AZ/GOV/7{number:03}").parse().unwrap();
        let stem = world.folder.path().join("crowd");
        let name = bridge_core::identity::CertificateName::Member(member);
        let profile = bridge_certs::Profile::Seal;
        issue(
            &world.authority,
            profile,
            Some(name.clone()),
            &stem,
            now_s(),
        );
        let mut chain = read_pem_certificates(&stem.with_extension("pem")).unwrap();
        chain.extend(padding.iter().take(5 - chain.len()).cloned());
        let key = read_key_file(&stem.with_extension("key")).unwrap();
        let statement = Statement {
            action: Action::Accepted,
            contract: contract.contract().reference().to_owned(),
            member: name.member().clone(),
            time_s: now_s(),
            reason: Some("ə".repeat(500)),
        };
        let signed = Sealer::new(&key, chain).unwrap().sign(statement).unwrap();
        contract.add(signed, &trust, now_s()).unwrap();
        number += 1;
        if contract.write_with_room().is_some() {
            taken = contract.clone();
            continue;
        }
        give(&world.provider, &taken).await;
        fs::write(world.provider.folder.join("signed.json"), contract.write()).unwrap();
        let said = world
            .provider
            .officer(&["contract", "send", "signed.json"])
            .await;
        break said;
    };
    assert!(status.code != 0 && status.err.contains("has no room for more signatures"));
    assert!(taken.write().len() > 512 * 1024, "{}", taken.write().len());
    // Its provider has room for its last word.
    sign(&world.provider, &mut taken, Action::Withdrawn);
    give(&world.provider, &taken).await;
    world.provider.stop().await;
    world.provider.start().await;
    let kept = held(&world.provider, &taken).unwrap();
    assert_eq!(kept.signed().len(), taken.signed().len());
}

#[tokio::test]
async fn a_new_exchange_key_needs_no_approval_and_both_ends_keep_the_digest() {
    let mut world = World::with().start().await;
    let contract = agreed(&world, &usual()).await;
    let before = ask(&world).await;
    before.answered(200);
    let signed = [&world.consumer, &world.provider].map(|end| signed_leaves(end).len());
    let name = bridge_core::identity::CertificateName::Node(world.consumer.node());
    let stem = world.consumer.folder.join("keys/exchange");
    let profile = bridge_certs::Profile::Exchange;
    issue(&world.authority, profile, Some(name), &stem, now_s());
    let der = world.consumer.certificate("keys/exchange.pem");
    let next = exchange_key(&world.authority, &der, now_s());
    let old = std::mem::replace(&mut world.consumer.entry.nodes[0].exchange, vec![next]);
    assert_ne!(old[0].pin, world.consumer.entry.nodes[0].exchange[0].pin);
    world.publish(now_s());
    world.consumer.stop().await;
    world.consumer.start().await;
    world.publish(now_s());
    world.refresh().await;
    let after = ask(&world).await;
    after.answered(200);
    both_ends_agree(&world, &after);
    for (end, signed) in [&world.consumer, &world.provider].into_iter().zip(signed) {
        assert_eq!(state(end, &world, &contract), Some(State::Agreed));
        assert_eq!(signed_leaves(end).len(), signed, "nothing was signed anew");
        for answer in [&before, &after] {
            let leaves = bridge_tests::claims::leaves(end, answer.request_id());
            let reference = Some(contract.contract().reference());
            assert_eq!(leaves[0].contract.as_deref(), reference);
        }
    }
}

/// The seal keys of both members are replaced one after the other, and the old ones are revoked since long before anything was said.
#[tokio::test]
async fn a_new_seal_key_needs_no_approval_and_what_a_revoked_one_says_later_is_not_taken() {
    let setup = World::with();
    let (mut world, authority) = crate::status::running(setup, "", &["crl"], &["crl"]).await;
    let contract = agreed(&world, &usual()).await;
    let before = ask(&world).await;
    before.answered(200);
    let signed = [&world.consumer, &world.provider].map(|end| signed_leaves(end).len());
    let mut stolen = Vec::new();
    for agency in [&world.consumer, &world.provider] {
        let stem = agency.folder.join("keys/seal");
        stolen.push(["pem", "key"].map(|end| fs::read(stem.with_extension(end)).unwrap()));
        authority.revoke(agency, "seal");
        let name = bridge_core::identity::CertificateName::Member(agency.member.clone());
        fs::remove_file(stem.with_extension("key")).unwrap();
        let profile = bridge_certs::Profile::Seal;
        issue(&world.authority, profile, Some(name), &stem, now_s());
    }
    for agency in [&world.consumer, &world.provider] {
        wait_until("the revocations are known", async || {
            metric(agency, "bridge_status_listed").await == 2
        })
        .await;
    }
    // What both had signed stays, also over a start, and nobody has to say it again.
    for agency in [&mut world.consumer, &mut world.provider] {
        agency.stop().await;
        agency.start().await;
    }
    world.publish(now_s());
    world.refresh().await;
    let after = ask(&world).await;
    after.answered(200);
    both_ends_agree(&world, &after);
    for (end, signed) in [&world.consumer, &world.provider].into_iter().zip(signed) {
        assert_eq!(state(end, &world, &contract), Some(State::Agreed));
        assert_eq!(signed_leaves(end).len(), signed, "nothing was signed anew");
        for answer in [&before, &after] {
            let leaves = bridge_tests::claims::leaves(end, answer.request_id());
            let reference = Some(contract.contract().reference());
            assert_eq!(leaves[0].contract.as_deref(), reference);
        }
    }
    // A thief with the old key of the consumer says that it withdrew half an hour ago.
    let keys = world.consumer.folder.join("keys");
    let next = ["pem", "key"].map(|end| fs::read(keys.join(format!("seal.{end}"))).unwrap());
    let put = |files: &[Vec<u8>; 2]| {
        for (end, bytes) in ["pem", "key"].into_iter().zip(files) {
            fs::write(keys.join(format!("seal.{end}")), bytes).unwrap();
        }
    };
    put(&stolen[0]);
    let mut forged = contract.clone();
    let earlier = now_s() - 1800;
    sign_at(&world.consumer, &mut forged, Action::Withdrawn, earlier);
    put(&next);
    let brought = Puppet::of(&world.consumer);
    let answer = brought
        .send(&world.provider, sent(&world.provider, forged.write()))
        .await;
    assert_eq!(answer.status, 403);
    let words = String::from_utf8(answer.body.to_vec()).unwrap();
    assert!(
        words.contains("the seal of AZ/GOV/2001 under `withdrawn` is revoked since 2026-01-01"),
        "{words}"
    );
    let agreed = Some(State::Agreed);
    assert_eq!(state(&world.provider, &world, &contract), agreed);
    // The member itself, under its next key, does withdraw.
    let mut genuine = contract.clone();
    sign(&world.consumer, &mut genuine, Action::Withdrawn);
    give(&world.consumer, &genuine).await;
    let gone = State::Withdrawn {
        by: world.consumer.member.clone(),
        at_s: genuine.signed()[2].statement.time_s,
    };
    arrives(&world.provider, &world, &contract, &gone).await;
}

#[tokio::test]
async fn what_was_signed_is_in_a_backup_and_counts_after_it_is_restored() {
    let mut world = World::with().start().await;
    let mut contract = agreed(&world, &usual()).await;
    sign(&world.provider, &mut contract, Action::Withdrawn);
    give(&world.provider, &contract).await;
    let (config, backup) = (world.provider.config(), world.folder.path().join("backup"));
    let run = |word: &str| {
        let mut command = std::process::Command::new(bridge_tests::process::program());
        command.arg(word).arg(&backup).arg("--config").arg(&config);
        let output = command.output().unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.code(), said)
    };
    let (code, said) = run("backup");
    assert!(
        code == Some(0) && said.contains("1 contract files checked"),
        "{said}"
    );
    world.provider.stop().await;
    world.consumer.stop().await;
    fs::remove_dir_all(world.provider.folder.join("data")).unwrap();
    fs::remove_file(world.provider.folder.join("keys/journal.key")).unwrap();
    fs::remove_file(world.provider.folder.join("keys/witness.key")).unwrap();
    // A file that is not what it was is no backup of it.
    let name = format!("contracts/{}.json", contract.contract().reference());
    let kept = fs::read(backup.join(&name)).unwrap();
    fs::write(backup.join(&name), &kept[1..]).unwrap();
    let (code, said) = run("restore");
    assert!(code != Some(0) && said.contains(&name), "{said}");
    fs::write(backup.join(&name), &kept).unwrap();
    let (code, said) = run("restore");
    assert!(
        code == Some(0) && said.contains(" and 1 contract files"),
        "{said}"
    );
    world.provider.start().await;
    let by = world.provider.member.clone();
    let at_s = contract.signed()[2].statement.time_s;
    let gone = State::Withdrawn { by, at_s };
    assert_eq!(state(&world.provider, &world, &contract), Some(gone));
}

#[tokio::test]
async fn what_cannot_be_kept_is_not_in_force_and_is_taken_when_it_is_brought_again() {
    let world = World::with().start().await;
    let mut contract = draft(&usual());
    sign(&world.provider, &mut contract, Action::Proposed);
    let folder = world.provider.folder.join("data/contracts");
    fs::write(&folder, "not a folder").unwrap();
    let file = world.provider.folder.join("signed.json");
    fs::write(&file, contract.write()).unwrap();
    let words = ["contract", "send", "signed.json"];
    let said = world.provider.officer(&words).await;
    assert!(
        said.code == 1 && said.err.contains("it cannot be kept"),
        "{}",
        said.err
    );
    assert_eq!(state(&world.provider, &world, &contract), None);
    fs::remove_file(&folder).unwrap();
    let told = give(&world.provider, &contract).await;
    assert!(told.contains("proposed by AZ/GOV/1001"), "{told}");
    let by = world.provider.member.clone();
    let proposed = Some(State::Proposed { by });
    assert_eq!(state(&world.provider, &world, &contract), proposed);
    assert_eq!(signed_leaves(&world.provider).len(), 2);
}
