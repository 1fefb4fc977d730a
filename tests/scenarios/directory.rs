//! The directory: from files and over HTTP, fresh without a restart, never believed when it is old or tampered with.

use std::fs;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bridge_certs::{Profile, Trust};
use bridge_core::identity::CertificateName;
use bridge_directory::Group;
use bridge_tests::agency::issue;
use bridge_tests::puppet::server::{Behaviour, Got};
use bridge_tests::puppet::{Puppet, reference};
use bridge_tests::registry::{Reaction, Registry};
use bridge_tests::relay::Relay;
use bridge_tests::terms::terms;
use bridge_tests::wait::{now_s, wait_until};
use bridge_tests::world::{
    CONSUMER, PATH, PROVIDER, SERVICE, STRANGER, STRANGER_PATH, World, usual, with_stranger,
};
use serde_json::json;

const OUTDATED: &str = "server.clientproxy.global_conf_outdated";
const DAY_S: u64 = 86_400;

#[tokio::test]
async fn s43_an_expired_directory_stops_both_roles_until_one_refresh() {
    let stranger = terms("stranger-registry", STRANGER, PROVIDER, SERVICE);
    let world = World::with()
        .contract(usual())
        .provider_contract(stranger)
        .start()
        .await;
    let puppet = Puppet::of(&world.stranger);
    let contract = reference(&world.provider, "stranger-registry");
    let later = now_s() + DAY_S + 60;
    for agency in [&world.consumer, &world.provider] {
        agency.set_clock(later);
    }
    // The consumer's role, and the provider's role, each by itself.
    let answer = world.consumer.get(PATH).send().await;
    answer.refused(503, OUTDATED);
    assert!(answer.field("retry-after").is_some());
    let ask = || {
        let mut forged = puppet.request(&world.provider, PATH, &contract);
        forged.created(later);
        puppet.ask(&world.provider, forged)
    };
    let refused = ask().await;
    refused.refused(503, "server.serverproxy.global_conf_outdated");
    assert!(
        !refused.fields.contains_key("signature"),
        "a node without trust proves nothing"
    );
    let ready = world.provider.health("/ready").await.unwrap();
    assert_eq!(
        (ready.status, ready.json()["ready"].as_bool()),
        (503, Some(false))
    );
    assert!(
        ready.json()["reasons"][0]
            .as_str()
            .unwrap()
            .contains("directory"),
        "{:?}",
        ready.body
    );
    // Reading the same old files again does not help; a new signature does, at once.
    world.refresh().await;
    world.consumer.get(PATH).send().await.refused(503, OUTDATED);
    assert!(world.registry.seen().is_empty());
    world.publisher.refresh_timestamp(later).unwrap();
    world.refresh().await;
    world.consumer.get(PATH).send().await.answered(200);
    ask().await.answered(200);
    assert_eq!(world.provider.health("/ready").await.unwrap().status, 200);
}

#[tokio::test]
async fn s43_a_node_without_any_directory_refuses_and_recovers_by_itself() {
    let mut world = World::with()
        .contract(usual())
        .refresh_every(1)
        .make()
        .await;
    world.provider.start().await;
    world.consumer.start().await;
    world.consumer.get(PATH).send().await.refused(503, OUTDATED);
    assert_eq!(world.consumer.health("/ready").await.unwrap().status, 503);
    assert_eq!(world.consumer.health("/live").await.unwrap().status, 200);
    world.publish(now_s());
    wait_until(
        "both nodes have read the directory by themselves",
        async || world.consumer.get(PATH).send().await.status == 200,
    )
    .await;
}

#[tokio::test]
async fn s44_a_directory_that_was_tampered_with_is_not_believed() {
    let mut world = World::usual().await;
    let metadata = world.folder.path().join("directory/metadata");
    world.groups.push(Group {
        code: "new".to_owned(),
        members: Vec::new(),
    });
    world.publish(now_s());
    let newest = |ending: &str| {
        let mut versions: Vec<u64> = fs::read_dir(&metadata)
            .unwrap()
            .filter_map(|entry| {
                entry
                    .unwrap()
                    .file_name()
                    .to_str()?
                    .strip_suffix(ending)?
                    .parse()
                    .ok()
            })
            .collect();
        versions.sort_unstable();
        metadata.join(format!("{}{ending}", versions.last().unwrap()))
    };
    let target = find(
        &world.folder.path().join("directory/targets"),
        &fs::read_to_string(newest(".targets.json")).unwrap(),
    );
    let files = [
        metadata.join("timestamp.json"),
        newest(".snapshot.json"),
        newest(".targets.json"),
        target,
    ];
    for path in files {
        let good = fs::read_to_string(&path).unwrap();
        let version = world
            .consumer
            .live()
            .node
            .watch
            .view(now_s())
            .unwrap()
            .version();
        let bad = if good.contains("\"_type\"") {
            good.replacen("\"version\":", "\"version\": 9", 1)
        } else {
            good.replace("AZ", "EE")
        };
        assert_ne!(bad, good, "{}", path.display());
        for broken in [Some(bad.as_str()), Some(&good[..good.len() / 2]), None] {
            match broken {
                Some(text) => fs::write(&path, text).unwrap(),
                None => fs::remove_file(&path).unwrap(),
            }
            world.consumer.refresh().await;
            assert!(
                world.consumer.live().node.watch.fault().is_some(),
                "{} was believed",
                path.display()
            );
            assert_eq!(
                world
                    .consumer
                    .live()
                    .node
                    .watch
                    .view(now_s())
                    .unwrap()
                    .version(),
                version
            );
            // The view in force stays: what was good an hour ago is good until it expires.
            world.consumer.get(PATH).send().await.answered(200);
        }
        fs::write(&path, good).unwrap();
    }
    world.consumer.refresh().await;
    assert_eq!(world.consumer.live().node.watch.fault(), None);
}

/// The published directory file: its name carries the digest that the targets metadata names.
fn find(folder: &Path, targets: &str) -> std::path::PathBuf {
    let named = |path: &Path| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        targets.contains(name.split('.').next().unwrap())
    };
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| named(path))
        .unwrap()
}

#[tokio::test]
async fn over_http_and_over_files_the_directory_is_the_same_and_changes_without_a_restart() {
    let web = Registry::start().await;
    let global = usual().with("consumer", json!({ "global_group": "tax-offices" }));
    let setup = World::with()
        .contract(global)
        .consumer_source(&format!("http://{}/mirror", web.address));
    let world = setup.make().await;
    let folder = world.folder.path().join("directory");
    web.does(
        move |seen| match fs::read(folder.join(seen.target.trim_start_matches("/mirror/"))) {
            Ok(bytes) => Reaction::answer(200, &[], bytes),
            Err(_absent) => Reaction::answer(404, &[], ""),
        },
    );
    let mut world = world.run().await;
    assert!(
        web.seen()
            .iter()
            .any(|seen| seen.target.contains("timestamp.json"))
    );
    world
        .consumer
        .get(PATH)
        .send()
        .await
        .refused(403, "server.clientproxy.access_denied");
    world.groups.push(Group {
        code: "tax-offices".to_owned(),
        members: vec![CONSUMER.parse().unwrap()],
    });
    world.publish(now_s());
    world.refresh().await;
    world.consumer.get(PATH).send().await.answered(200);
    world.groups.clear();
    world.publish(now_s());
    world.refresh().await;
    world
        .consumer
        .get(PATH)
        .send()
        .await
        .refused(403, "server.clientproxy.access_denied");
    // A mirror that is gone or full of nonsense changes nothing.
    let version = world
        .consumer
        .live()
        .node
        .watch
        .view(now_s())
        .unwrap()
        .version();
    for nonsense in [
        Reaction::answer(500, &[], ""),
        Reaction::answer(200, &[], "<html>"),
        Reaction::Close,
        Reaction::Cut("{".into()),
    ] {
        web.always(nonsense);
        world.consumer.refresh().await;
        assert_eq!(
            world
                .consumer
                .live()
                .node
                .watch
                .view(now_s())
                .unwrap()
                .version(),
            version
        );
    }
}

#[tokio::test]
async fn a_member_removed_from_the_directory_is_unknown_at_once_in_both_roles() {
    let stranger = terms("stranger-registry", STRANGER, PROVIDER, SERVICE);
    let mut world = World::with()
        .contract(with_stranger())
        .provider_contract(stranger)
        .start()
        .await;
    let puppet = Puppet::of(&world.stranger);
    let contract = reference(&world.provider, "stranger-registry");
    puppet
        .ask(
            &world.provider,
            puppet.request(&world.provider, PATH, &contract),
        )
        .await
        .answered(200);
    world.stranger.entry.nodes.clear();
    world.stranger.entry.subsystems.clear();
    world.publish(now_s());
    world.refresh().await;
    world
        .stranger
        .entry
        .nodes
        .push(world.consumer.entry.nodes[0].clone());
    let answer = puppet
        .ask(
            &world.provider,
            puppet.request(&world.provider, PATH, &contract),
        )
        .await;
    answer.refused(403, "server.serverproxy.signature_verification");
    world
        .consumer
        .get(STRANGER_PATH)
        .send()
        .await
        .refused(404, "server.clientproxy.unknown_member");
}

/// Officers suspend a member: each node heeds it as soon as it has read the directory, on connections that stand already too.
#[tokio::test]
async fn a_suspended_member_is_refused_on_an_open_connection_in_both_roles_until_it_is_resumed() {
    let mut world = World::usual().await;
    let relay = Relay::to(world.provider.ports.peer).await;
    world.provider.entry.nodes[0].address = relay.address.to_string();
    world.publish(now_s());
    world.refresh().await;
    world.consumer.get(PATH).send().await.answered(200);
    let asked = world.registry.seen().len();
    // Only the provider has read of it: the consumer goes on as before.
    world.consumer.entry.suspended = true;
    world.publish(now_s());
    world.provider.refresh().await;
    let told = world.consumer.get(PATH).send().await;
    told.refused(502, "server.clientproxy.service_failed");
    assert_eq!(world.registry.seen().len(), asked, "nothing was served");
    assert_eq!(relay.opened(), 1, "refused on the connection that stood");
    world.consumer.entry.suspended = false;
    world.publish(now_s());
    world.provider.refresh().await;
    world.consumer.get(PATH).send().await.answered(200);
    // And the other way round: its open connection is used no more.
    world.provider.entry.suspended = true;
    world.publish(now_s());
    world.consumer.refresh().await;
    let told = world.consumer.get(PATH).send().await;
    told.refused(404, "server.clientproxy.unknown_host");
    world.provider.entry.suspended = false;
    world.publish(now_s());
    world.consumer.refresh().await;
    world.consumer.get(PATH).send().await.answered(200);
    assert_eq!(world.registry.seen().len(), asked + 2);
}

#[tokio::test]
async fn a_changed_pin_ends_the_use_of_a_connection() {
    let mut world = World::with().contract(with_stranger()).start().await;
    let puppet = Puppet::of(&world.stranger);
    let answering = Puppet::of(&world.stranger);
    let behaviour = Behaviour::Answer(std::sync::Arc::new(move |got: &Got| {
        answering.sign_answer(answering.answer(got, 200, "{}"))
    }));
    let listening = puppet.listen(behaviour).await;
    world.stranger.entry.nodes[0].address = listening.address.to_string();
    world.publish(now_s());
    world.refresh().await;
    for _ in 0..3 {
        world.consumer.get(STRANGER_PATH).send().await.answered(200);
    }
    assert_eq!(listening.connections(), 1, "a connection is used again");
    // A next key beside the current one: the connection is judged anew and holds.
    let stem = world.stranger.folder.join("keys/next");
    issue(
        &world.authority,
        Profile::Tls,
        Some(CertificateName::Node(world.stranger.node())),
        &stem,
        now_s(),
    );
    let anchors = fs::read(world.folder.path().join("anchors.pem")).unwrap();
    let der = world.stranger.certificate("keys/next.pem");
    let checked = Trust::from_pem(&anchors)
        .unwrap()
        .check(&der, &[], Profile::Tls, now_s())
        .unwrap();
    let next = URL_SAFE_NO_PAD.encode(checked.spki_sha256);
    world.stranger.entry.nodes[0].tls_pins.push(next);
    world.publish(now_s());
    world.refresh().await;
    world.consumer.get(STRANGER_PATH).send().await.answered(200);
    assert_eq!(listening.connections(), 2);
    // Only the next key: the old connection is not used, and the node that still shows the old key is nobody.
    world.stranger.entry.nodes[0].tls_pins.remove(0);
    world.publish(now_s());
    world.refresh().await;
    world
        .consumer
        .get(STRANGER_PATH)
        .send()
        .await
        .refused(502, "server.clientproxy.ssl_authentication_failed");
}

#[tokio::test]
async fn a_connection_is_not_used_beyond_its_age() {
    let mut world = World::usual().await;
    let relay = Relay::to(world.provider.ports.peer).await;
    world.provider.entry.nodes[0].address = relay.address.to_string();
    world.publish(now_s());
    world.refresh().await;
    for _ in 0..2 {
        world.consumer.get(PATH).send().await.answered(200);
    }
    assert_eq!((relay.opened(), relay.closed()), (1, 0));
    tokio::time::pause();
    tokio::time::advance(bridge_node::server::CONNECTION_AGE + Duration::from_secs(1)).await;
    tokio::time::resume();
    wait_until("the provider has closed the old connection", async || {
        relay.closed() == 1
    })
    .await;
    world.consumer.get(PATH).send().await.answered(200);
    assert_eq!(relay.opened(), 2);
}
