//! Several nodes of one member, versions of the wire, keys of the directory, and room for exchanges.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bridge_certs::certificate::KeyAlgorithm;
use bridge_certs::{Profile, Trust};
use bridge_core::identity::CertificateName;
use bridge_core::leaf::EvidenceMode;
use bridge_directory::metadata::Role;
use bridge_directory::{ExchangeKey, Node};
use bridge_node::node::Parts;
use bridge_node::settings::Settings;
use bridge_tests::agency::issue;
use bridge_tests::claims;
use bridge_tests::puppet::{Puppet, reference};
use bridge_tests::registry::Reaction;
use bridge_tests::terms::terms;
use bridge_tests::wait::{now_s, wait_until};
use bridge_tests::world::{PATH, PROVIDER, SERVICE, STRANGER, World, usual};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

#[tokio::test]
async fn s15_the_security_server_field_picks_a_node_of_the_provider_and_no_other() {
    let world = World::usual().await;
    let ask = |node: &str| {
        world
            .consumer
            .get(PATH)
            .field("x-road-security-server", node)
            .send()
    };
    ask("AZ/GOV/1001/NODE1").await.answered(200);
    for other in [
        "AZ/GOV/1001/NODE9",
        "AZ/GOV/2001/NODE1",
        "AZ/LEA/3001/NODE1",
    ] {
        ask(other)
            .await
            .refused(400, "server.clientproxy.invalid_security_server");
    }
    ask("AZ/GOV/1001")
        .await
        .refused(400, "server.clientproxy.invalid_security_server");
    assert_eq!(world.registry.seen().len(), 1);
}

/// What the other scenarios rest on: between their two nodes both algorithms of the wire are spoken.
#[tokio::test]
async fn each_end_signs_by_its_own_algorithm() {
    let world = World::usual().await;
    let anchors = fs::read(world.folder.path().join("anchors.pem")).unwrap();
    let trust = Trust::from_pem(&anchors).unwrap();
    for (agency, algorithm) in [
        (&world.provider, KeyAlgorithm::P256),
        (&world.consumer, KeyAlgorithm::Ed25519),
    ] {
        let der = agency.certificate("keys/exchange.pem");
        let checked = trust.check(&der, &[], Profile::Exchange, now_s()).unwrap();
        assert_eq!(checked.algorithm, algorithm);
    }
    world.consumer.get(PATH).send().await.answered(200);
}

/// A second node of the provider that cannot be reached.
fn second(world: &World, address: &str) -> Node {
    let id = world.provider.member.node("NODE2").unwrap();
    let stem = world.provider.folder.join("keys/second");
    issue(
        &world.authority,
        Profile::Exchange,
        Some(CertificateName::Node(id)),
        &stem,
        now_s(),
    );
    let der = world.provider.certificate("keys/second.pem");
    let anchors = fs::read(world.folder.path().join("anchors.pem")).unwrap();
    let checked = Trust::from_pem(&anchors)
        .unwrap()
        .check(&der, &[], Profile::Exchange, now_s())
        .unwrap();
    let pin = URL_SAFE_NO_PAD.encode(checked.spki_sha256);
    let first = &world.provider.entry.nodes[0];
    Node {
        code: "NODE2".to_owned(),
        name: "node2.1001.az".to_owned(),
        address: address.to_owned(),
        exchange: vec![ExchangeKey {
            pin,
            certificate: STANDARD.encode(&der),
        }],
        witness: None,
        witnessing: None,
        ..first.clone()
    }
}

#[tokio::test]
async fn s16_s40_the_node_that_can_be_reached_is_asked_and_none_is_a_network_error() {
    let mut world = World::usual().await;
    let first = world.provider.entry.nodes[0].clone();
    for gone in ["nowhere.invalid:5500", "127.0.0.1:1"] {
        world.provider.entry.nodes = vec![second(&world, gone), first.clone()];
        world.publish(now_s());
        world.refresh().await;
        world.consumer.get(PATH).send().await.answered(200);
        let forced = world
            .consumer
            .get(PATH)
            .field("x-road-security-server", "AZ/GOV/1001/NODE2")
            .send()
            .await;
        forced.refused(504, "server.clientproxy.network_error");
        world.provider.entry.nodes = vec![first.clone()];
    }
    world.provider.entry.nodes = vec![
        second(&world, "127.0.0.1:1"),
        Node {
            address: "nowhere.invalid:1".to_owned(),
            ..first
        },
    ];
    world.publish(now_s());
    world.refresh().await;
    world
        .consumer
        .get(PATH)
        .send()
        .await
        .refused(504, "server.clientproxy.network_error");
}

#[tokio::test]
async fn s16_a_node_that_failed_a_moment_ago_is_tried_last() {
    let mut world = World::usual().await;
    // Takes connections and closes them: what is counted there is time lost.
    let dead = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = dead.local_addr().unwrap().to_string();
    let tried = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&tried);
    tokio::spawn(async move {
        while dead.accept().await.is_ok() {
            counting.fetch_add(1, Ordering::SeqCst);
        }
    });
    let first = world.provider.entry.nodes[0].clone();
    world.provider.entry.nodes = vec![second(&world, &address), first];
    world.publish(now_s());
    world.refresh().await;
    for _ in 0..6 {
        world.consumer.get(PATH).send().await.answered(200);
    }
    assert_eq!(tried.load(Ordering::SeqCst), 1);
    // It is not given up: with the other one gone it is asked again.
    world.provider.stop().await;
    let answer = world.consumer.get(PATH).send().await;
    answer.refused(504, "server.clientproxy.network_error");
    assert_eq!(tried.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn s34_a_node_that_speaks_no_common_version_is_not_asked() {
    let mut world = World::usual().await;
    world.provider.entry.nodes[0].wire = vec![2, 3];
    world.publish(now_s());
    world.refresh().await;
    world
        .consumer
        .get(PATH)
        .send()
        .await
        .refused(404, "server.clientproxy.unknown_host");
    world.provider.entry.nodes[0].wire = vec![1, 2];
    world.publish(now_s());
    world.refresh().await;
    world.consumer.get(PATH).send().await.answered(200);
}

#[tokio::test]
async fn s45_keys_of_the_directory_change_without_a_new_pinned_root() {
    let world = World::usual().await;
    for role in [Role::Timestamp, Role::Snapshot, Role::Targets, Role::Root] {
        let before = world
            .consumer
            .live()
            .node
            .watch
            .view(now_s())
            .unwrap()
            .version();
        world.publisher.rotate(role, now_s()).unwrap();
        world.publish(now_s());
        world.refresh().await;
        assert_eq!(world.consumer.live().node.watch.fault(), None, "{role:?}");
        let after = world
            .consumer
            .live()
            .node
            .watch
            .view(now_s())
            .unwrap()
            .version();
        assert!(after > before, "{role:?}: the new directory is in force");
        world.consumer.get(PATH).send().await.answered(200);
    }
}

#[tokio::test]
async fn s47_without_the_directorys_server_traffic_runs_for_a_day_and_stops() {
    let world = World::usual().await;
    let (folder, away) = (
        world.folder.path().join("directory"),
        world.folder.path().join("away"),
    );
    fs::rename(&folder, &away).unwrap();
    let start = now_s();
    for (later, status) in [(0, 200), (23 * 3600, 200), (24 * 3600 + 60, 503)] {
        for agency in [&world.consumer, &world.provider] {
            agency.set_clock(start + later);
        }
        world.refresh().await;
        assert_eq!(
            world.consumer.get(PATH).send().await.status,
            status,
            "after {later} s"
        );
    }
    fs::rename(&away, &folder).unwrap();
    world
        .publisher
        .refresh_timestamp(start + 24 * 3600 + 60)
        .unwrap();
    world.refresh().await;
    world.consumer.get(PATH).send().await.answered(200);
}

#[tokio::test]
async fn s49_keys_and_certificates_that_do_not_fit_end_the_start() {
    let world = World::with().make().await;
    world.consumer.write_settings();
    let settings = Settings::load(&world.consumer.config()).unwrap();
    assert!(Parts::read(&settings, now_s()).is_ok());
    let keys = world.consumer.folder.join("keys");
    let with = |changes: &[(&str, &std::path::Path)]| {
        let kept: Vec<_> = changes
            .iter()
            .map(|(file, _)| (keys.join(file), fs::read(keys.join(file)).unwrap()))
            .collect();
        for (file, from) in changes {
            fs::write(keys.join(file), fs::read(from).unwrap()).unwrap();
        }
        let read = Parts::read(&settings, now_s());
        for (path, bytes) in kept {
            fs::write(path, bytes).unwrap();
        }
        read.unwrap_err().to_string()
    };
    let other = world.provider.folder.join("keys");
    // Another certificate's key; another member's certificate and key; a certificate for another purpose.
    assert!(with(&[("exchange.key", &keys.join("tls.key"))]).contains("exchange"));
    assert!(
        with(&[
            ("exchange.pem", &other.join("exchange.pem")),
            ("exchange.key", &other.join("exchange.key"))
        ])
        .contains("does not name")
    );
    assert!(
        with(&[
            ("tls.pem", &other.join("tls.pem")),
            ("tls.key", &other.join("tls.key"))
        ])
        .contains("does not name")
    );
    assert!(
        with(&[
            ("exchange.pem", &keys.join("tls.pem")),
            ("exchange.key", &keys.join("tls.key"))
        ])
        .contains("exchange.pem")
    );
    let late = Parts::read(&settings, now_s() + 301 * 86_400)
        .unwrap_err()
        .to_string();
    assert!(
        late.contains("exchange.pem") && late.contains("tls.pem"),
        "expired: {late}"
    );
}

#[tokio::test]
async fn s60_a_contract_says_how_much_evidence_is_kept() {
    for (mode, kept) in [
        ("full", EvidenceMode::Full),
        ("digest", EvidenceMode::Digest),
        ("none", EvidenceMode::None),
    ] {
        let world = World::with()
            .contract(usual().with("evidence", json!(mode)))
            .start()
            .await;
        let answer = world
            .consumer
            .ask("POST", PATH)
            .body("a body to keep")
            .send()
            .await;
        answer.answered(200);
        claims::both_ends_agree(&world, &answer);
        for agency in [&world.consumer, &world.provider] {
            for shown in claims::shown(agency, answer.request_id()) {
                assert_eq!(shown.leaf.mode, (mode != "none").then_some(kept));
                let evidence = shown.evidence;
                let has_body = evidence
                    .as_ref()
                    .is_some_and(|evidence| evidence.body == b"a body to keep".as_slice());
                assert_eq!(
                    (has_body, evidence.is_some()),
                    (mode == "full", mode != "none"),
                    "{mode}"
                );
            }
            claims::verifies(agency);
        }
    }
}

#[tokio::test]
async fn s78_ready_says_what_is_wrong_and_live_only_that_it_lives() {
    let world = World::usual().await;
    let ready = async |agency: &bridge_tests::agency::Agency| {
        let answer = agency.health("/ready").await.unwrap();
        let reasons = answer.json()["reasons"]
            .as_array()
            .unwrap()
            .iter()
            .map(ToString::to_string)
            .collect::<String>();
        (answer.status, reasons)
    };
    assert_eq!(ready(&world.provider).await, (200, String::new()));
    world.provider.set_clock(now_s() + 2 * 86_400);
    let (status, reasons) = ready(&world.provider).await;
    assert!(status == 503 && reasons.contains("directory"), "{reasons}");
    assert_eq!(world.provider.health("/live").await.unwrap().status, 200);
    assert_eq!(world.provider.health("/other").await.unwrap().status, 404);
    assert_eq!(ready(&world.consumer).await, (200, String::new()));
}

#[tokio::test]
async fn s82_strangers_who_fill_one_direction_leave_the_other_free() {
    let stranger = terms("stranger-registry", STRANGER, PROVIDER, SERVICE);
    let setup = World::with()
        .contract(usual())
        .provider_contract(stranger)
        .limit("exchanges = 2");
    let world = setup.start().await;
    let gate = Arc::new(Semaphore::new(0));
    world
        .registry
        .always(Reaction::Held(Arc::clone(&gate), "late".into()));
    let puppet = Puppet::of(&world.stranger);
    let contract = reference(&world.provider, "stranger-registry");
    let ask = || {
        puppet.ask(
            &world.provider,
            puppet.request(&world.provider, PATH, &contract),
        )
    };
    let flood = async { tokio::join!(ask(), ask()) };
    let meanwhile = async {
        wait_until("both places are taken", async || {
            world.registry.seen().len() == 2
        })
        .await;
        let third = ask().await;
        third.refused(503, "server.serverproxy.overloaded");
        assert!(third.field("retry-after").is_some());
        // The provider's own systems still ask others.
        let own = world.provider.get("/r1/AZ/GOV/9999/X/y").send().await;
        own.refused(404, "server.clientproxy.unknown_member");
        gate.add_permits(2);
    };
    let ((first, second), ()) = tokio::join!(flood, meanwhile);
    first.answered(200);
    second.answered(200);
}
