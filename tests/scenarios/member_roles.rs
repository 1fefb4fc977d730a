//! Members change their own nodes by the roles that officers gave them, while they exchange.

use std::fs;
use std::path::PathBuf;

use bridge_certs::Profile;
use bridge_core::identity::{CertificateName, MemberId};
use bridge_directory::ceremony::{Base, Officer};
use bridge_directory::own_nodes::OwnFile;
use bridge_directory::{Node, Publisher};
use bridge_tests::agency::{exchange_key, issue};
use bridge_tests::puppet::{Puppet, reference};
use bridge_tests::registry::{Reaction, Registry};
use bridge_tests::terms::terms;
use bridge_tests::wait::now_s;
use bridge_tests::world::{PATH, PROVIDER, SERVICE, STRANGER, World, usual};

const HOUR_S: u64 = 3600;
const YEAR_S: u64 = 365 * 24 * HOUR_S;

/// Gives members a role each, and takes the officers' keys away from the machine that publishes.
fn give(world: &World, members: &[&MemberId]) -> Vec<Officer> {
    let keys = world.folder.path().join("directory-keys");
    let mut made = Vec::new();
    for member in members {
        let (key, _) = Officer::make(member.code(), b"an example, known to all").unwrap();
        let listed = [key.key().clone()];
        let given = world.publisher.delegate(member, (&listed, 1), now_s());
        given.unwrap();
        made.push(key);
    }
    let files = fs::read_dir(&keys)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let is_officers = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        ["root.", "targets."]
            .iter()
            .any(|role| name.starts_with(role))
    };
    let officers: Vec<_> = files.filter(is_officers).collect();
    assert_eq!(officers.len(), 6, "{officers:?}");
    for path in officers {
        fs::remove_file(path).unwrap();
    }
    made
}

/// The member says what its nodes are, as if it were `at_s`, and the publishing machine takes it.
fn say(world: &World, (member, key): (&MemberId, &Officer), nodes: Vec<Node>, at_s: u64) {
    let root = world.folder.path();
    let base = Base::read(&root.join("directory"), None).unwrap();
    let mut file = OwnFile::propose(&base, member, nodes, at_s).unwrap();
    let reviewed = file.review(&base, now_s()).unwrap();
    file.sign(key, &reviewed).unwrap();
    let publisher = Publisher::open(&root.join("directory-keys"), &root.join("directory"));
    publisher.unwrap().take(&file, now_s()).unwrap();
}

#[tokio::test]
async fn a_member_moves_its_node_and_replaces_its_exchange_key_without_the_officers() {
    // The consumer reads over HTTP, the provider from a folder.
    let web = Registry::start().await;
    let source = format!("http://{}/mirror", web.address);
    let setup = World::with().contract(usual()).consumer_source(&source);
    let world = setup.make().await;
    let folder = world.folder.path().join("directory");
    web.does(
        move |seen| match fs::read(folder.join(seen.target.trim_start_matches("/mirror/"))) {
            Ok(bytes) => Reaction::answer(200, &[], bytes),
            Err(_absent) => Reaction::answer(404, &[], ""),
        },
    );
    let mut world = world.run().await;
    world.consumer.get(PATH).send().await.answered(200);
    let member = world.provider.member.clone();
    let key = give(&world, &[&member]).remove(0);
    let before = world.provider.entry.nodes[0].clone();

    world.provider.stop().await;
    let name = Some(CertificateName::Node(world.provider.node()));
    let stem = world.provider.folder.join("keys/exchange");
    issue(&world.authority, Profile::Exchange, name, &stem, now_s());
    // Whoever is at its former place now is not the node.
    let former = tokio::net::TcpListener::bind(&before.address).await;
    let former = former.unwrap();
    world.provider.ports.peer.set_port(0);
    world.provider.start().await;
    let mut after = world.provider.entry.nodes[0].clone();
    assert_ne!(after.address, before.address);
    let certificate = world.provider.certificate("keys/exchange.pem");
    after.exchange = vec![exchange_key(&world.authority, &certificate, now_s())];
    world.refresh().await;
    let answer = world.consumer.get(PATH).send().await;
    assert_ne!(answer.status, 200, "its peers look for it where it was");
    drop(former);

    say(&world, (&member, &key), vec![after.clone()], now_s());
    world.refresh().await;
    world.consumer.get(PATH).send().await.answered(200);
    let view = world.consumer.live().node.watch.view(now_s()).unwrap();
    assert_eq!(view.directory().nodes_of(&member), [after]);
    let old = before.exchange[0].key_id().unwrap();
    assert!(
        view.exchange_key(&old).is_none(),
        "the former key is nobody's"
    );
}

#[tokio::test]
async fn a_node_that_its_member_takes_out_is_refused_at_once_on_an_open_connection() {
    let mut world = World::with().contract(usual()).make().await;
    // Who witnesses others' journals is not let go by itself.
    world.consumer.entry.nodes[0].witness = None;
    let world = world.run().await;
    world.consumer.get(PATH).send().await.answered(200);
    let asked = world.registry.seen().len();
    let member = world.consumer.member.clone();
    let key = give(&world, &[&member]).remove(0);
    say(&world, (&member, &key), Vec::new(), now_s());
    world.provider.refresh().await;
    let told = world.consumer.get(PATH).send().await;
    told.refused(502, "server.clientproxy.service_failed");
    assert_eq!(world.registry.seen().len(), asked, "nothing was served");
    say(
        &world,
        (&member, &key),
        world.consumer.entry.nodes.clone(),
        now_s(),
    );
    world.provider.refresh().await;
    world.consumer.get(PATH).send().await.answered(200);
}

#[tokio::test]
async fn s43_what_a_member_says_of_its_own_nodes_ends_for_that_member_alone() {
    let stranger = terms("stranger-registry", STRANGER, PROVIDER, SERVICE);
    let world = World::with()
        .contract(usual())
        .provider_contract(stranger)
        .start()
        .await;
    let puppet = Puppet::of(&world.stranger);
    let contract = reference(&world.provider, "stranger-registry");
    let ask = |at_s: u64| {
        let mut forged = puppet.request(&world.provider, PATH, &contract);
        forged.created(at_s);
        puppet.ask(&world.provider, forged)
    };
    let member = world.stranger.member.clone();
    let key = give(&world, &[&member]).remove(0);
    // It ends two hours from now.
    let nodes = world.stranger.entry.nodes.clone();
    say(
        &world,
        (&member, &key),
        nodes,
        now_s() + 2 * HOUR_S - YEAR_S,
    );
    world.refresh().await;
    ask(now_s()).await.answered(200);

    // The source is gone besides: the end comes all the same.
    let directory = world.folder.path().join("directory");
    let away = directory.with_extension("away");
    fs::rename(&directory, &away).unwrap();
    let later = now_s() + 2 * HOUR_S + 60;
    for agency in [&world.consumer, &world.provider] {
        agency.set_clock(later);
    }
    world.refresh().await;
    let refused = ask(later).await;
    refused.refused(403, "server.serverproxy.signature_verification");
    world.consumer.get(PATH).send().await.answered(200);
    fs::rename(&away, &directory).unwrap();
    world.refresh().await;
    ask(later)
        .await
        .refused(403, "server.serverproxy.signature_verification");
    let text = world.provider.health("/metrics").await.unwrap().body;
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(text.contains("\nbridge_member_roles_failing 1\n"), "{text}");
}

#[tokio::test]
async fn a_member_is_told_before_what_it_says_of_its_own_nodes_ends() {
    let world = World::usual().await;
    let member = world.consumer.member.clone();
    let key = give(&world, &[&member]).remove(0);
    let alarms = async || {
        let ready = world.consumer.health("/ready").await.unwrap().json();
        ready["alarms"].to_string()
    };
    let nodes = world.consumer.entry.nodes.clone();
    say(&world, (&member, &key), nodes.clone(), now_s());
    world.refresh().await;
    assert!(!alarms().await.contains("own nodes"), "a year is left");
    say(
        &world,
        (&member, &key),
        nodes,
        now_s() + 20 * 24 * HOUR_S - YEAR_S,
    );
    world.refresh().await;
    let told = alarms().await;
    assert!(told.contains("within 30 days: renew it"), "{told}");
    let text = world.consumer.health("/metrics").await.unwrap().body;
    let text = String::from_utf8_lossy(&text).into_owned();
    let metric = "\nbridge_member_role_expiry_timestamp_seconds ";
    let (_, value) = text.split_once(metric).unwrap();
    let end_s: u64 = value.lines().next().unwrap().parse().unwrap();
    assert!(end_s.abs_diff(now_s() + 20 * 24 * HOUR_S) < HOUR_S);
    world.consumer.get(PATH).send().await.answered(200);
}
