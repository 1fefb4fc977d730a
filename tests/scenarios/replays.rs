//! Messages that were genuine once, and keys that were.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bridge_certs::{Profile, Trust};
use bridge_core::envelope::Tag;
use bridge_core::identity::CertificateName;
use bridge_directory::ExchangeKey;
use bridge_tests::agency::issue;
use bridge_tests::claims;
use bridge_tests::puppet::server::{Behaviour, Got};
use bridge_tests::puppet::{Puppet, reference, signer};
use bridge_tests::terms::terms;
use bridge_tests::wait::now_s;
use bridge_tests::world::{PATH, PROVIDER, SERVICE, STRANGER, STRANGER_PATH, World, with_stranger};
use bytes::Bytes;

const REPLAYED: &str = "server.serverproxy.replayed";
const UNKNOWN_KEY: &str = "server.serverproxy.signature_verification";

async fn world() -> (World, Puppet, String) {
    let world = World::with()
        .contract(with_stranger())
        .provider_contract(terms("stranger-registry", STRANGER, PROVIDER, SERVICE))
        .start()
        .await;
    let puppet = Puppet::of(&world.stranger);
    let contract = reference(&world.provider, "stranger-registry");
    (world, puppet, contract)
}

#[tokio::test]
async fn a_recorded_request_is_refused_at_every_later_time() {
    let (world, puppet, contract) = world().await;
    let start = now_s();
    // Signed by a clock that is ahead, it counts longest.
    for ahead in [0, 25] {
        let mut forged = puppet.request(&world.provider, PATH, &contract);
        forged.created(start + ahead);
        let sent = puppet.sign(forged);
        puppet
            .send(&world.provider, sent.clone())
            .await
            .answered(200);
        let again = puppet.send(&world.provider, sent).await;
        again.refused(400, REPLAYED);
    }
    let mut forged = puppet.request(&world.provider, PATH, &contract);
    forged.created(start + 25);
    let sent = puppet.sign(forged);
    puppet
        .send(&world.provider, sent.clone())
        .await
        .answered(200);
    // The memory ends 60 s after the signature's life: from its end on, its age is what refuses it.
    for (later, word) in [
        (30, "replayed"),
        (80, "replayed"),
        (86, "not_fresh"),
        (144, "not_fresh"),
        (146, "not_fresh"),
        (3600, "not_fresh"),
    ] {
        world.provider.set_clock(start + later);
        let again = puppet.send(&world.provider, sent.clone()).await;
        again.refused(400, &format!("server.serverproxy.{word}"));
    }
    assert_eq!(world.registry.seen().len(), 3);
    claims::verifies(&world.provider);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_message_sent_many_times_at_once_is_served_once() {
    let (world, puppet, contract) = world().await;
    let sent = puppet.sign(puppet.request(&world.provider, PATH, &contract));
    let ask = || puppet.send(&world.provider, sent.clone());
    let (a, b, c, d) = tokio::join!(ask(), ask(), ask(), ask());
    let answers = [a, b, c, d];
    let answered = answers.iter().filter(|answer| answer.status == 200);
    assert_eq!(answered.count(), 1);
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        answer.refused(400, REPLAYED);
    }
    assert_eq!(world.registry.seen().len(), 1);
}

#[tokio::test]
async fn a_recorded_request_is_refused_by_every_other_node() {
    let (world, puppet, contract) = world().await;
    let sent = puppet.sign(puppet.request(&world.provider, PATH, &contract));
    puppet
        .send(&world.consumer, sent.clone())
        .await
        .refused(400, "server.serverproxy.unknown_host");
    puppet.send(&world.provider, sent).await.answered(200);
}

#[tokio::test]
async fn what_was_refused_once_stays_refused_after_a_restart() {
    let (mut world, puppet, contract) = world().await;
    let mut forged = puppet.request(&world.provider, PATH, &contract);
    forged.method = "POST".to_owned();
    forged.body = Bytes::from_static(b"body");
    let good = puppet.sign(forged);
    let mut bad = good.clone();
    bad.body = Bytes::from_static(b"else");
    puppet
        .send(&world.provider, bad)
        .await
        .refused(400, "server.serverproxy.invalid_signature_value");
    for _ in 0..2 {
        puppet
            .send(&world.provider, good.clone())
            .await
            .refused(400, REPLAYED);
        world.provider.stop().await;
        world.provider.start().await;
    }
    assert!(world.registry.seen().is_empty());
}

/// Gives the stranger a new exchange key in the directory and returns the puppet that has it.
async fn renew(world: &mut World) -> Puppet {
    let stem = world.stranger.folder.join("keys/renewed");
    let name = CertificateName::Node(world.stranger.node());
    issue(
        &world.authority,
        Profile::Exchange,
        Some(name),
        &stem,
        now_s(),
    );
    let der = world.stranger.certificate("keys/renewed.pem");
    let anchors = std::fs::read(world.folder.path().join("anchors.pem")).unwrap();
    let trust = Trust::from_pem(&anchors).unwrap();
    let checked = trust.check(&der, &[], Profile::Exchange, now_s()).unwrap();
    world.stranger.entry.nodes[0].exchange = vec![ExchangeKey {
        pin: URL_SAFE_NO_PAD.encode(checked.spki_sha256),
        certificate: STANDARD.encode(&der),
    }];
    world.publish(now_s());
    world.refresh().await;
    Puppet {
        signer: signer(&stem),
        ..Puppet::of(&world.stranger)
    }
}

#[tokio::test]
async fn a_key_that_left_the_directory_signs_nothing_more() {
    let (mut world, retired, contract) = world().await;
    let answering = |key: Puppet| {
        Behaviour::Answer(Arc::new(move |got: &Got| {
            key.sign_answer(key.answer(got, 200, "{}"))
        }))
    };
    let listening = retired.listen(answering(Puppet::of(&world.stranger))).await;
    world.stranger.entry.nodes[0].address = listening.address.to_string();
    world.publish(now_s());
    world.refresh().await;
    let ask = |puppet: &Puppet| puppet.sign(puppet.request(&world.provider, PATH, &contract));
    let recorded = ask(&retired);
    retired
        .send(&world.provider, ask(&retired))
        .await
        .answered(200);
    world.consumer.get(STRANGER_PATH).send().await.answered(200);
    let renewed = renew(&mut world).await;
    let ask = |puppet: &Puppet| puppet.sign(puppet.request(&world.provider, PATH, &contract));
    for sent in [recorded, ask(&retired)] {
        retired
            .send(&world.provider, sent)
            .await
            .refused(403, UNKNOWN_KEY);
    }
    renewed
        .send(&world.provider, ask(&renewed))
        .await
        .answered(200);
    let answer = world.consumer.get(STRANGER_PATH).send().await;
    let code = "server.clientproxy.signature_verification";
    answer.refused(502, code);
    claims::refused_leaf(&world.consumer, answer.request_id(), code);
    assert_eq!(world.registry.seen().len(), 2);
}

#[tokio::test]
async fn the_key_of_the_connection_signs_nothing() {
    let (world, puppet, contract) = world().await;
    let tls = Puppet {
        signer: signer(&world.stranger.folder.join("keys/tls")),
        ..Puppet::of(&world.stranger)
    };
    let forged = tls.request(&world.provider, PATH, &contract);
    let answer = tls.ask(&world.provider, forged).await;
    answer.refused(403, UNKNOWN_KEY);
    // Under the name of the exchange key.
    let mut forged = tls.request(&world.provider, PATH, &contract);
    forged.params = puppet.params(Tag::Request, now_s());
    let answer = tls.ask(&world.provider, forged).await;
    answer.refused(403, "server.serverproxy.invalid_signature_value");
    assert!(world.registry.seen().is_empty());
}
