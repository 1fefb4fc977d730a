//! Every key of a node, of its member and of the directory is replaced between exchanges; nothing is approved again, and what was
//! proved before stays proved.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bridge_certs::{Profile, spki_sha256_of, write_key_file};
use bridge_core::contract::State;
use bridge_core::identity::CertificateName;
use bridge_directory::Directory;
use bridge_directory::metadata::Role;
use bridge_journal::WitnessKey;
use bridge_node::epochs::number_of;
use bridge_tests::agency::{Agency, exchange_key, issue, witness_name};
use bridge_tests::claims;
use bridge_tests::time_authority::TimeAuthority;
use bridge_tests::wait::now_s;
use bridge_tests::world::{PATH, World, usual};
use ring::rand::SystemRandom;
use ring::signature::Ed25519KeyPair;

use crate::dossier::{export, verify};

/// Three agencies, all running, each journal witnessed by the two others; the consumer's is time-stamped besides.
async fn witnessed() -> World {
    let slow = "[witnesses]\nevery_seconds = 3600\nstart_seconds = 3\n";
    let setup = World::with().contract(usual()).witnessed(2, 1);
    let setup = setup.provider_settings(slow).consumer_settings(slow);
    let mut world = setup.make().await;
    let folder = world.folder.path().join("time");
    let authority = TimeAuthority::start(&folder, &world.authority, now_s()).await;
    let time = "\n[time]\ntrust = \"../anchors.pem\"\nevery_seconds = 1\n";
    world
        .consumer
        .add_settings(&format!("{time}{}", authority.entry()));
    let mut world = world.run().await;
    world.stranger.start().await;
    tell(&world).await;
    world
}

/// Everybody reads the directory as it is now.
async fn tell(world: &World) {
    world.publish(now_s());
    world.refresh().await;
    world.stranger.refresh().await;
}

async fn restart(world: &mut World) {
    world.consumer.stop().await;
    world.consumer.start().await;
    tell(world).await;
}

/// An exchange, by certificate and by API key, cosigned, and its dossier.
async fn exchange(world: &World, name: &str) -> PathBuf {
    world.consumer.get(PATH).by_key().send().await.answered(200);
    let answer = world.consumer.get(PATH).send().await;
    answer.answered(200);
    claims::both_ends_agree(world, &answer);
    for agency in [&world.consumer, &world.provider] {
        claims::cosign(agency).await;
    }
    let id = answer.request_id();
    export(&world.consumer, id, name, "stamps/time.tsr").await
}

/// Audits all logs of a node by the directory of some time.
fn audit(world: &World, agency: &Agency, directory: &Directory) -> (Option<i32>, String) {
    let file = world.folder.path().join("directory.json");
    fs::write(&file, serde_json::to_vec(directory).unwrap()).unwrap();
    let mut command = Command::new(bridge_tests::process::program());
    let command = command.args(["audit", "verify"]).arg(agency.journal());
    let output = command.arg("--directory").arg(&file).output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    (output.status.code(), said)
}

/// A new key in the old file, with its certificate.
fn replace(world: &World, stem: &Path, profile: Profile, name: Option<CertificateName>) {
    let key = stem.with_extension("key");
    let old = fs::read(&key).unwrap();
    fs::remove_file(&key).unwrap();
    issue(&world.authority, profile, name, stem, now_s());
    assert_ne!(fs::read(&key).unwrap(), old);
}

/// A new witness key under the old name, in the keys folder and in the entry for the directory.
fn replace_witness_key(agency: &mut Agency) {
    let path = agency.folder.join("keys/witness.key");
    fs::remove_file(&path).unwrap();
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    write_key_file(&path, pkcs8.as_ref()).unwrap();
    let key = WitnessKey::new(&witness_name(&agency.member), pkcs8.as_ref());
    let new = Some(key.unwrap().public().vkey());
    let entry = &mut agency.entry.nodes[0];
    assert_ne!(entry.witness, new);
    entry.witness = new;
}

#[tokio::test]
async fn all_keys_of_a_node_and_its_member_are_replaced_and_evidence_of_before_stays_good() {
    let mut world = witnessed().await;
    let before = exchange(&world, "before.asice").await;
    let contracts = |world: &World| {
        let live = &world.provider.live().node;
        live.contracts.load().all().count()
    };
    let (agreed, then) = (contracts(&world), world.directory());

    // The exchange and the TLS key, the keys of the consumer interface and of the information systems, and the member's seal.
    let node = CertificateName::Node(world.consumer.node());
    let member = CertificateName::Member(world.consumer.member.clone());
    let keys = world.consumer.folder.join("keys");
    for (usage, profile, name) in [
        ("tls", Profile::Tls, Some(&node)),
        ("exchange", Profile::Exchange, Some(&node)),
        ("web", Profile::Web, None),
        ("seal", Profile::Seal, Some(&member)),
    ] {
        replace(&world, &keys.join(usage), profile, name.cloned());
    }
    let system = world.consumer.folder.join("callers/system");
    replace(&world, &system, Profile::Caller, None);
    world.consumer.api_key = URL_SAFE_NO_PAD.encode([7; 32]);
    let leaf = |file: &str| world.consumer.certificate(file);
    let pin = URL_SAFE_NO_PAD.encode(spki_sha256_of(&leaf("keys/tls.pem")).unwrap());
    let exchange_entry = exchange_key(&world.authority, &leaf("keys/exchange.pem"), now_s());
    let entry = &mut world.consumer.entry.nodes[0];
    (entry.tls_pins, entry.exchange) = (vec![pin], vec![exchange_entry]);
    // The key by which it witnesses others, and by which others witness it.
    replace_witness_key(&mut world.consumer);
    replace_witness_key(&mut world.provider);
    world.provider.stop().await;
    world.provider.start().await;
    restart(&mut world).await;
    let between = exchange(&world, "between.asice").await;

    // The journal's key, at the operator's word: another log follows, and the directory lists it.
    world.consumer.vouched.new_journal_key = true;
    restart(&mut world).await;
    world.consumer.vouched.new_journal_key = false;
    let journal = &world.consumer.live().node.journal;
    assert_eq!(number_of(journal.origin()), Some(2));
    let (old, new) = (then_key(&then, &world.consumer), journal.vkey().to_owned());
    assert_ne!(old, new);
    world.consumer.entry.nodes[0].journal.clone_from(&new);
    tell(&world).await;
    let after = exchange(&world, "after.asice").await;
    // It stays there at the next start.
    restart(&mut world).await;
    let journal = &world.consumer.live().node.journal;
    assert_eq!(journal.vkey(), new);

    // Nothing had to be agreed again.
    assert_eq!(contracts(&world), agreed);
    let agreements = world.provider.live().node.agreements.agreements();
    let consents =
        |one: &bridge_core::contract::Agreement| one.state(&world.consumer.member) == State::Agreed;
    assert!(agreements.iter().all(consents));
    // An auditor verifies both logs by the directory of now, and finds that the second follows the first.
    world.consumer.stop().await;
    let (code, said) = audit(&world, &world.consumer, &world.directory());
    assert_eq!(code, Some(0), "{said}");
    for words in ["/1: verified: ", "/2: verified: "] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(said.contains("follows journal.example"), "{said}");
    // Each dossier is judged by the keys and at the time of its making.
    for dossier in [&before, &between, &after] {
        let said = verify(&world, dossier);
        assert_eq!(said.code, 0, "{said:?}");
        assert!(said.out.contains("stamped at"), "{said:?}");
    }
}

/// The key of an agency's journal in a directory.
fn then_key(directory: &Directory, agency: &Agency) -> String {
    let mut members = directory.members.iter();
    let member = members.find(|one| one.id == agency.member).unwrap();
    member.nodes[0].journal.clone()
}

#[tokio::test]
async fn a_running_node_follows_new_keys_of_every_role_of_the_directory() {
    let world = World::usual().await;
    world.consumer.get(PATH).send().await.answered(200);
    let version = |agency: &Agency| {
        let view = agency.live().node.watch.view(now_s()).unwrap();
        view.version()
    };
    // The root last: whoever pins the first one follows all that came after it.
    for role in [Role::Timestamp, Role::Snapshot, Role::Targets, Role::Root] {
        let before = version(&world.consumer);
        let root = world.publisher.rotate(role, now_s()).unwrap();
        assert!(root > 1);
        world.publish(now_s());
        world.refresh().await;
        for agency in [&world.consumer, &world.provider] {
            assert_eq!(agency.live().node.watch.fault(), None, "{role}");
            assert!(version(agency) > before, "{role}");
        }
        world.consumer.get(PATH).send().await.answered(200);
    }
    // A node that knows nothing but the first root is led to the newest.
    let pinned = fs::read(world.folder.path().join("root.json")).unwrap();
    let store = tempfile::tempdir().unwrap();
    let mut client = bridge_directory::Client::open(store.path(), &pinned).unwrap();
    let source = bridge_directory::FolderSource(world.folder.path().join("directory"));
    let trusted = client.refresh(&source, now_s()).unwrap();
    assert_eq!(trusted.version, version(&world.consumer));
}
