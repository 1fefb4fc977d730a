//! Messages that wait for the key together are signed together, and taken only where that is wanted.

use std::sync::Arc;

use bridge_certs::Profile;
use bridge_core::envelope::Tag;
use bridge_core::identity::CertificateName;
use bridge_signature::{KnownBatches as _, Signer as _};
use bridge_tests::agency::{Agency, exchange_key, issue};
use bridge_tests::answer::Answer;
use bridge_tests::claims;
use bridge_tests::container::{content, replace};
use bridge_tests::message::{Message, Start, Wire};
use bridge_tests::puppet::server::{Behaviour, Got};
use bridge_tests::puppet::{Puppet, reference};
use bridge_tests::registry::Reaction;
use bridge_tests::terms::{Terms, terms};
use bridge_tests::token::Token;
use bridge_tests::wait::{now_s, wait_until};
use bridge_tests::world::{
    PATH, PROVIDER, SERVICE, STRANGER, STRANGER_PATH, World, usual, with_stranger,
};
use serde_json::json;
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::dossier::{export, verify};

/// Callers at a time.
const CALLERS: usize = 64;

/// A world whose two keys lie on tokens; `forms` are what the directory says of both nodes.
async fn world_with_tokens(terms: Terms, forms: &[&str]) -> (World, [Arc<Token>; 2]) {
    // Held tokens keep the journals waiting: that shall not shrink the places.
    let setup = World::with().contract(terms);
    let mut world = setup
        .limit("journal_wait_milliseconds = 10000")
        .make()
        .await;
    let tokens = [(); 2].map(|()| Token::of_rate(100));
    for (agency, token) in [&mut world.consumer, &mut world.provider]
        .into_iter()
        .zip(&tokens)
    {
        agency.token = Some(Arc::clone(token));
        agency.entry.nodes[0].forms = forms.iter().map(|&form| form.to_owned()).collect();
    }
    (world.run().await, tokens)
}

/// As many callers as there are ask at once; all their requests wait for one token together, then all answers for the other.
async fn all_at_once(world: &World, [consumer, provider]: &[Arc<Token>; 2]) -> Vec<Answer> {
    let gate = Arc::new(Semaphore::new(0));
    let held = Reaction::Held(Arc::clone(&gate), "{}".into());
    world.registry.always(held);
    for token in [consumer, provider] {
        token.hold();
    }
    let caller = world.consumer.caller();
    let asking = tokio::spawn(async move { caller.closed_loop(CALLERS, PATH, |_| false).await });
    wait_until("all requests wait", async || {
        waiting(&world.consumer) == CALLERS as u64
    })
    .await;
    consumer.let_go();
    wait_until("all are served", async || {
        world.registry.seen().len() == CALLERS
    })
    .await;
    gate.add_permits(CALLERS);
    wait_until("all answers wait", async || {
        waiting(&world.provider) == CALLERS as u64
    })
    .await;
    provider.let_go();
    let tally = asking.await.unwrap();
    assert_eq!(tally.lost, 0);
    let answers: Vec<Answer> = tally
        .answers
        .into_iter()
        .map(|(answer, _)| answer)
        .collect();
    assert!(answers.iter().all(|answer| answer.status == 200));
    answers
}

fn waiting(agency: &Agency) -> u64 {
    agency.live().node.journal.tally().waiting
}

/// How many of the messages that an agency signed have each tag.
fn tags(agency: &Agency, answers: &[Answer], tag: &str) -> usize {
    let ends_so = |answer: &&Answer| {
        let shown = claims::shown(agency, answer.request_id());
        let own = usize::from(agency.subsystem.to_string() == PROVIDER);
        let base = &shown[own].evidence.as_ref().unwrap().base;
        base.ends_with(format!(";tag=\"{tag}\"").as_bytes())
    };
    answers.iter().filter(ends_so).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s48_messages_of_parallel_callers_are_signed_together_at_both_ends() {
    let (world, tokens) = world_with_tokens(usual(), &["plain", "batch"]).await;
    let answers = all_at_once(&world, &tokens).await;
    let ends = [
        (&world.consumer, &tokens[0], Tag::Request),
        (&world.provider, &tokens[1], Tag::Answer),
    ];
    for (agency, token, tag) in ends {
        // Who came first was alone, or with the few who came at the same moment; all others share the next signature.
        let tally = agency.live().node.journal.tally();
        assert_eq!(tally.signatures, token.asked());
        assert_eq!(tally.signed_messages, CALLERS as u64);
        assert!(tally.signatures <= 2, "{}", tally.signatures);
        let plain = tags(agency, &answers, tag.as_str());
        let batch = tags(agency, &answers, tag.batch_str().unwrap());
        assert!(plain <= 1 && plain + batch == CALLERS, "{plain} + {batch}");
    }
    for answer in &answers {
        claims::both_ends_agree(&world, answer);
    }
    claims::verifies(&world.consumer);
    claims::verifies(&world.provider);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s59_a_dossier_of_messages_that_were_signed_together_holds() {
    let (world, tokens) = world_with_tokens(usual(), &["plain", "batch"]).await;
    let answers = all_at_once(&world, &tokens).await;
    // One of each direction may have been signed alone.
    let in_batches = answers.iter().find(|answer| {
        let one = std::slice::from_ref(*answer);
        tags(&world.consumer, one, "bridge-request-batch-v1") == 1
            && tags(&world.provider, one, "bridge-answer-batch-v1") == 1
    });
    let id = in_batches.unwrap().request_id();
    let path = export(&world.consumer, id, "dossier.asice", "receipts/peer.json").await;
    let said = verify(&world, &path);
    assert_eq!(said.code, 0, "{said:?}");
    // The same value over another base proves nothing.
    let mut dossier = std::fs::read(&path).unwrap();
    let base = String::from_utf8(content(&dossier, "answer/base.txt").to_vec()).unwrap();
    let other = base.replace("\"@status\": 200", "\"@status\": 201");
    replace(&mut dossier, "answer/base.txt", other.as_bytes());
    std::fs::write(&path, dossier).unwrap();
    let said = verify(&world, &path);
    let words = "answer/signature.bin: it is not the signature of this key over this base";
    assert!(said.code == 2 && said.err.contains(words), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s48_lone_messages_are_plain() {
    let world = World::usual().await;
    let mut answers = Vec::new();
    for _ in 0..3 {
        let answer = world.consumer.get(PATH).send().await;
        answer.answered(200);
        answers.push(answer);
    }
    assert_eq!(tags(&world.consumer, &answers, "bridge-request-v1"), 3);
    assert_eq!(tags(&world.provider, &answers, "bridge-answer-v1"), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s48_who_takes_plain_messages_only_gets_no_others() {
    let (world, tokens) = world_with_tokens(usual(), &["plain"]).await;
    let answers = all_at_once(&world, &tokens).await;
    let all = CALLERS as u64;
    assert_eq!(tokens.each_ref().map(|token| token.asked()), [all, all]);
    assert_eq!(
        tags(&world.consumer, &answers, "bridge-request-v1"),
        CALLERS
    );
    assert_eq!(tags(&world.provider, &answers, "bridge-answer-v1"), CALLERS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s48_a_contract_that_demands_plain_signatures_gets_no_others() {
    let plain = usual().with("plain_signatures", json!(true));
    let (world, tokens) = world_with_tokens(plain, &["plain", "batch"]).await;
    let answers = all_at_once(&world, &tokens).await;
    let all = CALLERS as u64;
    assert_eq!(tokens.each_ref().map(|token| token.asked()), [all, all]);
    assert_eq!(
        tags(&world.consumer, &answers, "bridge-request-v1"),
        CALLERS
    );
    assert_eq!(tags(&world.provider, &answers, "bridge-answer-v1"), CALLERS);
}

/// A good request of the stranger in the batch form, unsigned yet.
fn request(world: &World, puppet: &Puppet, contract: &str) -> Message {
    let params = puppet.params(Tag::Request, now_s());
    let start = Start::Request("GET".to_owned(), PATH.to_owned());
    let mut message = Message::new(start, &params);
    for (name, value) in [
        ("host", world.provider.authority()),
        ("x-road-client", STRANGER),
        ("x-road-id", "message-1"),
        ("x-road-request-id", &Uuid::new_v4().to_string()),
        ("bridge-contract", &reference(&world.provider, contract)),
        ("bridge-version", "1"),
    ] {
        message.set(name, value);
    }
    message.digest_of(b"");
    message.batch_params("bridge-request-batch-v1");
    message
}

const FORM: &str = "server.serverproxy.unsupported_signature_form";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s48_a_batch_is_refused_where_directory_or_contract_want_plain_messages() {
    let own = |id| terms(id, STRANGER, PROVIDER, SERVICE);
    let mut world = World::with()
        .provider_contract(own("any"))
        .provider_contract(own("strict").with("plain_signatures", json!(true)))
        .start()
        .await;
    let puppet = Puppet::of(&world.stranger);
    let mut wire = Wire::new(&puppet, world.provider.ports.peer);
    let in_batch = |world: &World, contract| {
        let mut message = request(world, &puppet, contract);
        message.sign_in_batch(&puppet.signer, (3, 2));
        message
    };
    let is_signed = |answer: &Answer| answer.fields.contains_key("signature");

    wire.ask(in_batch(&world, "any"))
        .await
        .unwrap()
        .answered(200);
    let strict = in_batch(&world, "strict");
    let id = strict.line("x-road-request-id").unwrap().parse().unwrap();
    let refused = wire.ask(strict).await.unwrap();
    refused.refused(400, FORM);
    assert!(
        is_signed(&refused),
        "the contract is a matter between two who know each other"
    );
    claims::refused_leaf(&world.provider, id, FORM);

    world.provider.entry.nodes[0].forms = vec!["plain".to_owned()];
    world.publish(now_s());
    world.provider.refresh().await;
    let refused = wire.ask(in_batch(&world, "any")).await.unwrap();
    refused.refused(400, FORM);
    assert!(!is_signed(&refused), "its signature was not looked at");
    assert_eq!(world.registry.seen().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s48_an_answer_of_a_batch_is_refused_under_a_contract_that_wants_plain_ones() {
    let strict = with_stranger().with("plain_signatures", json!(true));
    let mut world = World::with().contract(strict).start().await;
    let puppet = Puppet::of(&world.stranger);
    let writing = move |got: &Got| {
        let mut answer = Message::answer_to(got, &puppet, (Tag::Answer, 200), "{}");
        answer.batch_params("bridge-answer-batch-v1");
        answer.sign_in_batch(&puppet.signer, (2, 1));
        answer.bytes()
    };
    let puppet = Puppet::of(&world.stranger);
    let listening = puppet.listen(Behaviour::Written(Arc::new(writing))).await;
    world.stranger.entry.nodes[0].address = listening.address.to_string();
    world.publish(now_s());
    world.refresh().await;
    let refused = world.consumer.get(STRANGER_PATH).send().await;
    refused.refused(502, "server.clientproxy.unsupported_signature_form");
}

/// Whether the provider's node remembers the signature of the stranger's batch.
fn knows(world: &World, puppet: &Puppet, message: &Message) -> bool {
    let view = world.provider.live().node.watch.newest().unwrap();
    let key = bridge_signature::Signer::key_id(&puppet.signer);
    let known = view
        .exchange_key(key)
        .map(|key| key.batches.knows(&message.mark(&puppet.signer)));
    known.unwrap_or(false)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s48_a_verified_batch_is_remembered_until_the_directory_changes_and_carries_nothing_false()
{
    let mut world = World::with()
        .provider_contract(terms("any", STRANGER, PROVIDER, SERVICE))
        .start()
        .await;
    let puppet = Puppet::of(&world.stranger);
    let mut wire = Wire::new(&puppet, world.provider.ports.peer);
    let mut messages = [(); 4].map(|()| request(&world, &puppet, "any"));
    Message::sign_together(&mut messages, &puppet.signer);
    let [first, second, third, fourth] = messages;

    assert!(!knows(&world, &puppet, &first));
    wire.ask(first.clone()).await.unwrap().answered(200);
    assert!(knows(&world, &puppet, &first) && knows(&world, &puppet, &second));
    wire.ask(second).await.unwrap().answered(200);
    // The root is known and the path is right: the signature counts all the same.
    let mut spoilt = third.clone();
    *spoilt.signature.as_mut().unwrap().last_mut().unwrap() ^= 1;
    let refused = wire.ask(spoilt).await.unwrap();
    refused.refused(403, "server.serverproxy.invalid_signature_value");
    // One of the batch cannot stand for another, nor come twice.
    let mut other = fourth.clone();
    other.signature.clone_from(&third.signature);
    let refused = wire.ask(other).await.unwrap();
    refused.refused(403, "server.serverproxy.invalid_signature_value");
    let refused = wire.ask(first).await.unwrap();
    refused.refused(400, "server.serverproxy.replayed");

    world.publish(now_s());
    world.provider.refresh().await;
    assert!(
        !knows(&world, &puppet, &third),
        "a new version of the directory begins anew"
    );
    wire.ask(third).await.unwrap().answered(200);

    // The key is taken off the directory: what it signed before, and was taken, counts no longer.
    let stem = world.stranger.folder.join("keys/next");
    let name = CertificateName::Node(world.stranger.node());
    issue(
        &world.authority,
        Profile::Exchange,
        Some(name),
        &stem,
        now_s(),
    );
    let next = world.stranger.certificate("keys/next.pem");
    let next = exchange_key(&world.authority, &next, now_s());
    world.stranger.entry.nodes[0].exchange = vec![next];
    world.publish(now_s());
    world.provider.refresh().await;
    let refused = wire.ask(fourth).await.unwrap();
    refused.refused(403, "server.serverproxy.signature_verification");
    claims::verifies(&world.provider);
}

#[tokio::test]
async fn keys_that_were_read_and_their_batches_outlast_a_directory_that_only_renews_its_date() {
    let mut world = World::usual().await;
    world.consumer.get(PATH).send().await.answered(200);
    let watch = Arc::clone(&world.provider.live().node.watch);
    let key_id = Puppet::of(&world.consumer).signer.key_id().to_owned();
    let mark = [7; 32];
    let before = watch.newest().unwrap();
    let key = before.exchange_key(&key_id).unwrap();
    key.batches.learn(mark);
    world.publish(now_s());
    world.refresh().await;
    let renewed = watch.newest().unwrap();
    assert!(!Arc::ptr_eq(&before, &renewed), "another version");
    let same = renewed.exchange_key(&key_id).unwrap();
    assert!(std::ptr::eq(key, same), "the key is not read again");
    assert!(same.batches.knows(&mark));
    // The directory says another thing of the key: nothing that was read before counts.
    let pin = world.consumer.entry.nodes[0].exchange[0].pin.clone();
    world.consumer.entry.nodes[0].exchange[0].pin =
        world.provider.entry.nodes[0].exchange[0].pin.clone();
    world.publish(now_s());
    world.refresh().await;
    assert!(watch.newest().unwrap().exchange_key(&key_id).is_none());
    world.consumer.entry.nodes[0].exchange[0].pin = pin;
    world.publish(now_s());
    world.refresh().await;
    let again = watch.newest().unwrap();
    let again = again.exchange_key(&key_id).unwrap();
    assert!(!again.batches.knows(&mark));
    world.consumer.get(PATH).send().await.answered(200);
}
