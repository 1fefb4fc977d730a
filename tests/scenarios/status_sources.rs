//! Sources of certificate status: whom they are asked about, which of them count, and what one that fails does to the others.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bridge_certs::{Profile, read_pem_certificates};
use bridge_core::identity::CertificateName;
use bridge_node::lobby::Lobby;
use bridge_node::node::Parts;
use bridge_node::server::Connection;
use bridge_node::status::read_all;
use bridge_tests::agency::issue;
use bridge_tests::claims::{facts, metric, reached};
use bridge_tests::puppet::{Puppet, reference};
use bridge_tests::wait::{BOUND, now_s, wait_until};
use bridge_tests::world::{PATH, World, usual};
use tokio::net::TcpStream;

use crate::status::{NOT_KNOWN, made, ready, revoked, running, statuses, told_revoked, world};

#[tokio::test]
async fn strangers_do_not_choose_which_certificates_a_responder_is_asked_about() {
    let (world, authority) = world("", &[], &["ocsp"]).await;
    let contract = reference(&world.provider, usual().id());
    // Good certificates, of nodes that the directory lists, with keys that it does not.
    for number in 0..3 {
        let stem = world
            .stranger
            .folder
            .join(format!("keys/unlisted-{number}"));
        let name = Some(CertificateName::Node(world.stranger.node()));
        issue(&world.authority, Profile::Tls, name, &stem, now_s());
        let unlisted = Puppet {
            tls: stem.clone(),
            ..Puppet::of(&world.stranger)
        };
        let request = unlisted.request(&world.provider, PATH, &contract);
        let answer = unlisted.ask(&world.provider, request).await;
        answer.refused(403, "server.serverproxy.signature_verification");
        world.consumer.get(PATH).send().await.answered(200);
        assert_eq!(authority.asked_about(&stem.with_extension("pem")), 0);
    }
    let known = world.consumer.folder.join("keys/tls.pem");
    assert!(authority.asked_about(&known) >= 1);
}

#[tokio::test]
async fn a_known_node_is_no_stranger_before_the_first_word_about_its_certificate() {
    let setup = World::with().provider_limit("strangers = 1");
    let (world, authority) = running(setup, "", &[], &["ocsp"]).await;
    authority.hold(true);
    let asking = async {
        world.consumer.get(PATH).send().await.answered(200);
    };
    let crowding = async {
        let known = world.consumer.folder.join("keys/tls.pem");
        wait_until("it is asked about", async || {
            authority.asked_about(&known) >= 1
        })
        .await;
        let tasks = &world.provider.live().node.house.tasks;
        let before = tasks.len();
        let first = TcpStream::connect(world.provider.ports.peer).await.unwrap();
        wait_until("a stranger has come", async || tasks.len() > before).await;
        assert_eq!(reached(&world.provider, "strangers").await, 0);
        authority.hold(false);
        first
    };
    let ((), _stranger) = tokio::join!(asking, crowding);
    assert_eq!(reached(&world.provider, "strangers").await, 0);
}

/// A connection that shows the certificate in a PEM file and that nobody has judged.
async fn connection(path: &Path) -> Connection {
    let shown = read_pem_certificates(path).unwrap();
    let here = ([127, 0, 0, 1], 0).into();
    Connection {
        certificates: shown.into_iter().map(Into::into).collect(),
        remote: here,
        visitor: Lobby::new(1, 1).enter(here.ip()).await.into(),
        peer: OnceLock::new(),
    }
}

#[tokio::test]
async fn a_connection_of_an_unlisted_or_revoked_certificate_is_nobodys() {
    let (world, authority) = world("", &[], &["crl"]).await;
    let node = &world.provider.live().node;
    let view = node.watch.view(now_s()).unwrap();
    let keys = world.consumer.folder.join("keys");
    // A good certificate of that very node, whose key the directory does not pin.
    let name = Some(CertificateName::Node(world.consumer.node()));
    let unlisted = keys.join("unlisted");
    issue(&world.authority, Profile::Tls, name, &unlisted, now_s());
    let listed = connection(&keys.join("tls.pem")).await;
    let unlisted = connection(&unlisted.with_extension("pem")).await;
    let known = node.known_peer(&listed, &view);
    assert_eq!(known, Some(world.consumer.node()));
    assert_eq!(node.known_peer(&unlisted, &view), None);
    authority.revoke(&world.consumer, "tls");
    revoked(&world.provider, 1).await;
    assert_eq!(node.known_peer(&listed, &view), None);
}

#[tokio::test]
async fn the_first_word_about_a_new_peer_waits_for_no_round() {
    let setup = World::with().provider_limit("status_seconds = 30");
    let (world, authority) = running(setup, "", &[], &["ocsp"]).await;
    // The provider's round waits for the answer about one certificate, for longer than an exchange waits.
    let slow = world.stranger.folder.join("keys/exchange.pem");
    authority.hold_about(&slow);
    wait_until("a round waits", async || authority.held() == 1).await;
    let known = world.consumer.folder.join("keys/tls.pem");
    assert_eq!(authority.asked_about(&known), 0, "it has not connected");
    world.consumer.get(PATH).send().await.answered(200);
    assert_eq!(authority.asked_about(&known), 1);
    assert_eq!(authority.held(), 1, "no other round has begun");
}

#[tokio::test]
async fn a_connection_that_was_opened_without_a_directory_is_cut_off_too() {
    let (world, authority) = world("", &[], &["crl"]).await;
    let connection = connection(&world.consumer.folder.join("keys/tls.pem")).await;
    let node = &world.provider.live().node;
    let cut = node.until_revoked(&connection);
    tokio::pin!(cut);
    let early = tokio::select! {
        () = &mut cut => true,
        () = std::future::ready(()) => false,
    };
    assert!(!early, "it is not revoked");
    authority.revoke(&world.consumer, "tls");
    tokio::time::timeout(BOUND, cut).await.unwrap();
}

#[tokio::test]
async fn certificates_of_an_authority_without_a_source_are_refused_unless_the_settings_let_them_pass()
 {
    let (mut world, _authority) = made(World::with()).await;
    // The root has a source, and the authority that issued all certificates has none.
    let root = "\n[status]\n[[status.authorities]]\ncertificate = \"../authority/root.pem\"\ncrl = [\"none.crl\"]\n";
    world.consumer.add_settings(root);
    let mut world = world.run().await;
    let told = world.consumer.get(PATH).send().await;
    told.refused(503, NOT_KNOWN);
    assert!(told.message().contains("SHA-256 "), "{}", told.message());
    let (status, reasons) = ready(&world.consumer).await;
    assert_eq!(status, 503);
    assert!(reasons.contains("SHA-256 "), "{reasons}");

    world.consumer.stop().await;
    world.consumer.add_settings(
        "[[status.authorities]]\ncertificate = \"../status/issuing.pem\"\nunchecked = true\n",
    );
    world.consumer.start().await;
    world.consumer.get(PATH).send().await.answered(200);
}

#[tokio::test]
async fn an_authority_that_is_named_twice_stops_the_start() {
    let (mut world, authority) = made(World::with()).await;
    let folder = world.folder.path().join("status");
    fs::copy(folder.join("issuing.pem"), folder.join("copy.pem")).unwrap();
    let settings = authority.settings("", &["crl"]);
    let again = "[[status.authorities]]\ncertificate = \"../status/copy.pem\"\nunchecked = true\n";
    world.consumer.add_settings(&(settings + again));
    world.consumer.write_settings();
    let faults = Parts::load(&world.consumer.config(), now_s()).unwrap_err();
    let told: Vec<_> = faults.iter().map(ToString::to_string).collect();
    assert!(
        told.len() == 1
            && told[0].contains("copy.pem: an authority that another [[status.authorities]] names"),
        "{told:?}"
    );
}

#[tokio::test]
async fn a_silent_responder_is_told_by_ready_metrics_and_journal_as_a_silent_list_is() {
    let (world, authority) = world("tolerated_age_seconds = 3", &["ocsp"], &[]).await;
    let consumer = &world.consumer;
    world.consumer.get(PATH).send().await.answered(200);
    let until = "bridge_status_until_timestamp_seconds{source=\"answer\"}";
    assert!(metric(consumer, until).await >= now_s());
    assert_eq!(metric(consumer, "bridge_status_unknown").await, 0);
    authority.silence(true);
    wait_until("ready tells it", async || {
        ready(consumer).await.1.contains("status 503")
    })
    .await;
    let in_use = metric(consumer, "bridge_status_unknown").await;
    assert!(
        in_use >= 3,
        "both own certificates and the peer's: {in_use}"
    );
    assert!(metric(consumer, until).await <= now_s());
    world
        .consumer
        .get(PATH)
        .send()
        .await
        .refused(503, NOT_KNOWN);
    // A whole round of silence, so that it is noted.
    read_all(&consumer.live().node).await;
    authority.silence(false);
    wait_until("the journal says so", async || {
        !facts(consumer, "without_certificate_status_seconds").is_empty()
    })
    .await;
    assert_eq!(ready(consumer).await.0, 200);
}

#[tokio::test]
async fn a_certificate_that_nobody_answers_about_keeps_only_the_first_exchanges_waiting() {
    let (world, authority) = world("", &[], &["ocsp"]).await;
    // Of the consumer's TLS certificate the provider hears with its first connection.
    authority.silence(true);
    let known = world.consumer.folder.join("keys/tls.pem");
    assert_ne!(world.consumer.get(PATH).send().await.status, 200);
    assert!(authority.asked_about(&known) >= 1);
    // From here on nobody gives a responder's word at all.
    authority.hold(true);
    authority.silence(false);
    let first_word = tokio::time::sleep(Duration::from_secs(5));
    let asking = async {
        for _ in 0..3 {
            assert_ne!(world.consumer.get(PATH).send().await.status, 200);
        }
    };
    let refused = tokio::select! {
        () = asking => true,
        () = first_word => false,
    };
    assert!(refused, "each waits for the first word again");
    authority.hold(false);
    wait_until("the word has come", async || {
        world.consumer.get(PATH).send().await.status == 200
    })
    .await;
}

#[tokio::test]
async fn a_slow_responder_is_asked_about_several_certificates_at_a_time() {
    let (mut world, authority) = made(World::with()).await;
    world
        .consumer
        .add_settings(&authority.settings("", &["ocsp"]));
    authority.hold(true);
    let world = world.run().await;
    // Both of its own, and the exchange keys of two more nodes.
    wait_until("four wait at a time", async || authority.waiting() >= 4).await;
    authority.hold(false);
    wait_until("the node is ready", async || {
        ready(&world.consumer).await.0 == 200
    })
    .await;
}

#[tokio::test]
async fn an_authority_that_keeps_everybody_waiting_makes_no_other_authority_late() {
    let setup = World::with().consumer_limit("status_seconds = 30");
    let (mut world, authority) = made(setup).await;
    let agencies = [&*world.consumer];
    let slow = bridge_tests::status_authority::StatusAuthority::start(
        world.folder.path(),
        &world.authority,
        &agencies,
    )
    .await;
    slow.hold(true);
    let port = slow.address.port();
    let of_root = format!(
        "[[status.authorities]]\ncertificate = \"../authority/root.pem\"\ncrl = [\"http://127.0.0.1:{port}/root.crl\"]\n"
    );
    let settings = authority.settings("", &["crl"]) + &of_root;
    world.consumer.add_settings(&settings);
    let world = world.run().await;
    wait_until("the slow one is asked", async || slow.waiting() == 1).await;
    let asked = authority.asked();
    wait_until("the other one is read on and on", async || {
        authority.asked() > asked + 3
    })
    .await;
    assert_eq!((slow.asked(), slow.waiting()), (1, 1), "it still waits");
    world.consumer.get(PATH).send().await.answered(200);
}

#[tokio::test]
async fn a_list_is_read_from_a_file_when_the_address_before_it_gives_none() {
    let (mut world, authority) = made(World::with()).await;
    let port = authority.address.port();
    let settings = format!(
        "\n[status]\nevery_seconds = 1\n[[status.authorities]]\ncertificate = \"../status/issuing.pem\"\n\
         crl = [\"http://127.0.0.1:{port}/list.crl\", \"nodes.crl\"]\n"
    );
    world.consumer.add_settings(&settings);
    authority.silence(true);
    let world = world.run().await;
    let tally = statuses(&world.consumer).tally();
    let unanswered = || tally.unanswered.load(Ordering::Relaxed);
    wait_until("neither gives one", async || unanswered() >= 2).await;
    let (status, reasons) = ready(&world.consumer).await;
    assert_eq!(status, 503);
    assert!(
        reasons.contains("status 503") && reasons.contains("nodes.crl"),
        "both faults are told: {reasons}"
    );
    let file = world.consumer.folder.join("nodes.crl");
    fs::write(&file, authority.list()).unwrap();
    wait_until("the file is read", async || {
        ready(&world.consumer).await.0 == 200
    })
    .await;
    assert!(tally.taken.load(Ordering::Relaxed) >= 1);
    world.consumer.get(PATH).send().await.answered(200);
    // Whoever replaces the file does so in one step.
    authority.revoke(&world.provider, "exchange");
    let new = world.consumer.folder.join("new.crl");
    fs::write(&new, authority.list()).unwrap();
    fs::rename(&new, &file).unwrap();
    revoked(&world.consumer, 1).await;
    let told = world.consumer.get(PATH).send().await;
    told.refused(502, "server.clientproxy.cert_validation");
    fs::write(&new, vec![0; 5 * 1024 * 1024]).unwrap();
    fs::rename(&new, &file).unwrap();
    wait_until("a file that is too long is left and counted", async || {
        reached(&world.consumer, "status_bytes").await > 0
    })
    .await;
}

#[tokio::test]
async fn a_source_that_is_too_slow_is_left_and_counted() {
    let setup = World::with().consumer_limit("status_seconds = 1");
    let (world, authority) = running(setup, "", &["crl"], &[]).await;
    authority.hold(true);
    wait_until("the limit is reached", async || {
        reached(&world.consumer, "status_seconds").await > 0
    })
    .await;
    // What was read before counts for a day.
    world.consumer.get(PATH).send().await.answered(200);
}

#[tokio::test]
async fn a_consumer_whose_own_exchange_key_is_revoked_asks_nobody() {
    let (world, authority) = world("", &["crl"], &[]).await;
    world.consumer.get(PATH).send().await.answered(200);
    let asked = world.registry.seen().len();
    authority.revoke(&world.consumer, "exchange");
    revoked(&world.consumer, 1).await;
    let told = world.consumer.get(PATH).send().await;
    told.refused(503, "server.clientproxy.cert_validation");
    let (status, reasons) = ready(&world.consumer).await;
    assert_eq!(status, 503);
    assert!(reasons.contains("exchange key"), "{reasons}");
    assert_eq!(world.registry.seen().len(), asked, "nothing was asked");
    told_revoked(&world.consumer, "exchange of this node").await;
}
