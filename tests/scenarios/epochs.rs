//! Epochs: data that may be old is never gone on with, and nothing of what was is lost.

use std::fs;
use std::path::Path;
use std::process::Command;

use bridge_core::leaf::{Kind, Leaf, Side, UnixMillis};
use bridge_directory::Directory;
use bridge_journal::{Entry, Filter, Verifier};
use bridge_node::epochs::{Statement, StatementFault, current, number_of};
use bridge_node::settings::Settings;
use bridge_tests::agency::Agency;
use bridge_tests::claims;
use bridge_tests::wait::now_s;
use bridge_tests::world::{PATH, World, usual};

/// Copies a folder as it is.
fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp")
        .arg("-a")
        .args([from, to])
        .status()
        .unwrap();
    assert!(copied.success());
}

/// Puts the contents of a folder's files back where they were, without making new files: a snapshot that nobody
/// can tell from the original by looking at it.
fn roll_back(data: &Path, snapshot: &Path) {
    let script = "cd \"$1\" && find . -type f | while read -r f; do \
                  if [ -e \"$2/$f\" ]; then cat \"$2/$f\" > \"$f\"; else rm \"$f\"; fi; done; \
                  cd \"$2\" && find . -type f | while read -r f; do [ -e \"$1/$f\" ] || cp -a \"$f\" \"$1/$f\"; done";
    let run = Command::new("sh")
        .args(["-c", script, "sh"])
        .args([data, snapshot])
        .status();
    assert!(run.unwrap().success());
}

/// Runs a command of the program with a node's settings; returns its exit code and what it said.
fn program(config: &Path, words: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(bridge_tests::process::program());
    let command = command.args(words).arg("--config").arg(config);
    let output = command.output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    (output.status.code(), said)
}

/// Changes one byte in the midst of a log's first segment; done twice, it is as before.
fn spoil(journal: &Path) {
    let segments = fs::read_dir(journal.join("segments")).unwrap();
    let paths = segments.map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|end| end == "segment"))
        .collect();
    paths.sort();
    let mut bytes = fs::read(&paths[0]).unwrap();
    bytes[300] ^= 1;
    fs::write(&paths[0], bytes).unwrap();
}

fn epoch(agency: &Agency) -> u64 {
    number_of(agency.live().node.journal.origin()).unwrap()
}

/// Three agencies, all running, each journal witnessed by the two others.
async fn witnessed() -> World {
    let slow = "[witnesses]\nevery_seconds = 3600\nstart_seconds = 3\n";
    let setup = World::with().contract(usual()).witnessed(2, 1);
    let mut world = setup
        .provider_settings(slow)
        .consumer_settings(slow)
        .start()
        .await;
    world.stranger.start().await;
    world.publish(now_s());
    world.refresh().await;
    world.stranger.refresh().await;
    world
}

/// Tells everybody where the nodes are now.
async fn tell(world: &World) {
    world.publish(now_s());
    world.refresh().await;
    world.stranger.refresh().await;
}

/// Verifies a journal by what a directory says.
fn verify(world: &World, journal: &Path, directory: &Directory) -> (Option<i32>, String) {
    let file = world.folder.path().join("directory.json");
    fs::write(&file, serde_json::to_vec(directory).unwrap()).unwrap();
    let mut command = Command::new(bridge_tests::process::program());
    let command = command.args(["audit", "verify"]).arg(journal);
    let output = command.arg("--directory").arg(&file).output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    (output.status.code(), said)
}

#[tokio::test]
async fn data_that_was_rolled_back_begins_a_new_epoch_and_forks_nothing() {
    let mut world = witnessed().await;
    let first = world.consumer.get(PATH).by_key().send().await.request_id();
    claims::cosign(&world.consumer).await;
    world.consumer.stop().await;
    let data = world.consumer.folder.join("data/journal");
    let snapshot = world.folder.path().join("snapshot");
    copy(&data, &snapshot);

    // It goes on with the same log as long as its witnesses hold what it holds.
    world.consumer.start().await;
    tell(&world).await;
    assert_eq!(epoch(&world.consumer), 1);
    world.consumer.get(PATH).by_key().send().await.answered(200);
    claims::cosign(&world.consumer).await;
    let (last, _) = world.consumer.live().node.journal.cosigned().unwrap();
    world.consumer.stop().await;

    roll_back(&data, &snapshot);
    world.consumer.start().await;
    tell(&world).await;
    assert_eq!(epoch(&world.consumer), 2);
    let node = world.consumer.live().node.clone();
    let leaves = node.journal.leaves_since(UnixMillis(0)).unwrap();
    let leaf = &leaves[0].1;
    assert_eq!(
        (leaf.kind, leaf.outcome.as_deref()),
        (Kind::State, Some("epoch"))
    );
    assert_eq!(leaf.facts["epoch_reason"], "contradicted");
    assert_eq!(
        leaf.facts["epoch_previous"],
        world.consumer.entry.nodes[0].journal
    );
    // Exchanges go on, and the new log is cosigned by the witnesses, who were shown which log it follows.
    let second = world.consumer.get(PATH).by_key().send().await;
    second.answered(200);
    claims::cosign(&world.consumer).await;
    // Its witnesses hold one head of the old log, and it is the true one.
    let old = Verifier::parse(&world.consumer.entry.nodes[0].journal).unwrap();
    for witness in [&world.provider, &world.stranger] {
        let head = witness.live().node.witness.head(&old).unwrap().unwrap();
        assert_eq!(head.0, last);
        assert!(witness.live().node.witness.forked().is_empty());
    }
    // What was journaled before is found, shown and verified, in the folder where it is kept now.
    let found = node.history.search(&Filter {
        request_id: Some(first),
        ..Filter::default()
    });
    let found = found.unwrap();
    assert!(!found.is_empty() && found.iter().all(|(origin, _)| origin.ends_with("/1")));
    assert!(
        node.history
            .show(first)
            .unwrap()
            .iter()
            .any(|(_, shown)| shown.evidence.is_some())
    );
    let found = node.history.show(second.request_id()).unwrap();
    assert!(!found.is_empty() && found.iter().all(|(origin, _)| origin.ends_with("/2")));
    let key = node.journal.vkey().to_owned();
    world.consumer.stop().await;
    claims::verifies_folder(
        &world.consumer,
        "data/epochs/1",
        &world.consumer.entry.nodes[0].journal,
    );
    claims::verifies_folder(&world.consumer, "data/journal", &key);
    // An auditor who has the directory alone is told who cosigned, and that one log follows the other.
    let said = verify(&world, &data, &world.directory());
    let all = said.1.clone();
    assert_eq!(said.0, Some(0), "{all}");
    assert_eq!(all.matches(" leaves cosigned by ").count(), 4, "{all}");
    assert!(
        all.contains("/2: verified: ") && all.contains("/1: verified: "),
        "{all}"
    );
    assert!(all.contains(&format!("follows {}", old.origin())), "{all}");
    // Neither another node's keys in the directory, nor an end of the old log that was cut off, are taken for good.
    let mut other = world.directory();
    let mut nodes = other
        .members
        .iter_mut()
        .flat_map(|member| &mut member.nodes);
    let (one, two) = (nodes.next().unwrap(), nodes.next().unwrap());
    assert!([&one.journal, &two.journal].contains(&&old.vkey()));
    std::mem::swap(&mut one.exchange, &mut two.exchange);
    let (code, said) = verify(&world, &data, &other);
    assert!(
        code == Some(2) && said.contains("none of the given exchange keys signed"),
        "{said}"
    );
    let before = world.consumer.folder.join("data/epochs/1");
    fs::rename(&before, world.folder.path().join("gone")).unwrap();
    let (code, said) = verify(&world, &data, &world.directory());
    assert!(
        code == Some(2) && said.contains("none of its logs is the one"),
        "{said}"
    );
    fs::rename(world.folder.path().join("gone"), &before).unwrap();
    // It stays there at the next start.
    world.consumer.start().await;
    assert_eq!(epoch(&world.consumer), 2);
}

#[tokio::test]
async fn a_receipt_of_an_earlier_epoch_still_verifies_by_that_epochs_key_and_by_no_other() {
    let mut world = witnessed().await;
    let answer = world.consumer.get(PATH).by_key().send().await;
    answer.answered(200);
    claims::cosign(&world.consumer).await;
    let target = format!("/receipts/{}", answer.request_id());
    let given = world.consumer.get(&target).by_key().send().await;
    let file = world.folder.path().join("receipt.json");
    fs::write(&file, &given.answered(200).body).unwrap();
    let old = world.consumer.entry.nodes[0].journal.clone();

    // The folder is moved: its log is closed, and another begins.
    world.consumer.stop().await;
    let data = world.consumer.folder.join("data");
    let moved = world.folder.path().join("moved");
    copy(&data, &moved);
    fs::remove_dir_all(&data).unwrap();
    fs::rename(&moved, &data).unwrap();
    world.consumer.vouched.moved = true;
    world.consumer.start().await;
    tell(&world).await;
    assert_eq!(epoch(&world.consumer), 2);
    let again = world.consumer.get(PATH).by_key().send().await;
    again.answered(200);
    claims::cosign(&world.consumer).await;
    let new = world.consumer.live().node.journal.vkey().to_owned();
    // The node proves exchanges of its log in force only: who wants a receipt keeps it.
    assert_eq!(
        world.consumer.get(&target).by_key().send().await.status,
        404
    );
    world.consumer.stop().await;

    let witness = world.provider.live().node.witness.vkey().unwrap();
    let verify = |key: &str| {
        let mut command = Command::new(bridge_tests::process::program());
        let command = command.args(["audit", "receipt", "verify"]).arg(&file);
        let command = command.args(["--receipt", answer.field("bridge-receipt").unwrap()]);
        let command = command.args(["--witness", &witness, "--key", key]);
        let output = command.output().unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.code(), said)
    };
    let (code, said) = verify(&old);
    assert_eq!(
        (code, said.matches(": holds: ").count()),
        (Some(0), 2),
        "{said}"
    );
    let (code, said) = verify(&new);
    assert!(code == Some(2) && !said.contains(": holds: "), "{said}");
}

#[tokio::test]
async fn a_folder_that_was_moved_begins_a_new_epoch_and_the_other_is_closed() {
    let mut world = witnessed().await;
    world.consumer.get(PATH).by_key().send().await.answered(200);
    claims::cosign(&world.consumer).await;
    world.consumer.stop().await;
    let (data, original) = (
        world.consumer.folder.join("data"),
        world.folder.path().join("original"),
    );
    copy(&data, &original);
    // The copy is started as if it were all there is.
    let moved = world.folder.path().join("moved");
    copy(&data, &moved);
    fs::remove_dir_all(&data).unwrap();
    fs::rename(&moved, &data).unwrap();
    world.consumer.vouched.moved = true;
    world.consumer.start().await;
    world.consumer.vouched.moved = false;
    tell(&world).await;
    assert_eq!(epoch(&world.consumer), 2);
    world.consumer.get(PATH).by_key().send().await.answered(200);
    claims::cosign(&world.consumer).await;
    world.consumer.stop().await;

    // The other copy of the same folder: whoever starts it is told that it is closed.
    fs::rename(&data, world.folder.path().join("second")).unwrap();
    fs::rename(&original, &data).unwrap();
    let refused = world.consumer.try_start().await.unwrap_err();
    assert!(refused.contains("the journal is closed"), "{refused}");
    assert!(refused.contains("bridge-node restore"), "{refused}");
    claims::verifies_folder(
        &world.consumer,
        "data/journal",
        &world.consumer.entry.nodes[0].journal,
    );
}

#[tokio::test]
async fn of_two_copies_that_are_both_vouched_for_the_second_finds_out_and_is_closed() {
    let mut world = witnessed().await;
    world.consumer.get(PATH).by_key().send().await.answered(200);
    claims::cosign(&world.consumer).await;
    world.consumer.stop().await;
    let folder = world.consumer.folder.clone();
    let (data, key) = (folder.join("data"), folder.join("keys/journal-2.key"));
    let copied = world.folder.path().join("copied");
    copy(&data, &copied);
    world.consumer.vouched.moved = true;
    world.consumer.start().await;
    tell(&world).await;
    claims::cosign(&world.consumer).await;
    let first = world.consumer.live().node.journal.vkey().to_owned();
    world.consumer.stop().await;

    // The other copy, on a machine that knows nothing of this one.
    fs::rename(&data, world.folder.path().join("first")).unwrap();
    fs::rename(&copied, &data).unwrap();
    fs::rename(&key, world.folder.path().join("journal-2.key")).unwrap();
    world.consumer.start().await;
    world.consumer.vouched.moved = false;
    tell(&world).await;
    let node = world.consumer.live().node.clone();
    assert_eq!(epoch(&world.consumer), 2);
    assert_ne!(node.journal.vkey(), first);
    claims::cosign(&world.consumer).await;
    assert!(node.journal.cosigned().is_none());
    assert_eq!(node.cosigning.contradicting().len(), 2);
    assert!(node.doubted.is_cancelled());
    // Nothing more is signed into it until the process has ended.
    let refused = world.consumer.get(PATH).by_key().send().await;
    refused.refused(503, "server.clientproxy.logging_failed");
    world.consumer.stop().await;
    let refused = world.consumer.try_start().await.unwrap_err();
    assert!(refused.contains("the journal is closed"), "{refused}");
}

#[tokio::test]
async fn a_node_whose_closed_log_cannot_be_read_does_not_start_without_its_stops() {
    let mut world = witnessed().await;
    let stop = ["stop", "member", "AZ/LEA/3001", "--reason", "keys lost"];
    world.consumer.officer(&stop).await.good();
    claims::cosign(&world.consumer).await;
    world.consumer.stop().await;
    world.consumer.vouched.moved = true;
    world.consumer.start().await;
    world.consumer.vouched.moved = false;
    tell(&world).await;
    claims::cosign(&world.consumer).await;
    world.consumer.stop().await;
    let closed = world.consumer.folder.join("data/epochs/1");
    spoil(&closed);
    let refused = world.consumer.try_start().await.unwrap_err();
    for said in [
        "data/epochs/1: the closed log can't be read",
        "audit verify",
    ] {
        assert!(refused.contains(said), "{refused}");
    }
    spoil(&closed);
    world.consumer.start().await;
    let node = &world.consumer.live().node;
    assert_eq!(node.orders.standing().stops().count(), 1);
}

#[tokio::test]
async fn an_exchange_that_a_closed_log_left_open_is_interrupted_once_in_the_next() {
    let mut world = witnessed().await;
    world.consumer.get(PATH).by_key().send().await.answered(200);
    // One that is under way when the process ends.
    let request_id = uuid::Uuid::from_u128(7);
    let node = world.consumer.live().node.clone();
    let mut leaf = Leaf::new(Kind::RequestSent, node.clock.now());
    leaf.request_id = Some(request_id);
    leaf.side = Some(Side::Consumer);
    node.journal.record(Entry::of(leaf)).await.unwrap();
    claims::cosign(&world.consumer).await;
    world.consumer.stop().await;
    world.consumer.vouched.moved = true;
    world.consumer.start().await;
    world.consumer.vouched.moved = false;
    tell(&world).await;
    claims::cosign(&world.consumer).await;
    for _ in 0..2 {
        assert_eq!(epoch(&world.consumer), 2);
        let history = &world.consumer.live().node.history;
        let found = history.search(&Filter {
            request_id: Some(request_id),
            ..Filter::default()
        });
        let found = found.unwrap();
        let kinds: Vec<Kind> = found.iter().map(|(_, hit)| hit.leaf.kind).collect();
        assert_eq!(kinds, [Kind::Interrupted, Kind::RequestSent]);
        assert!(found[0].0.ends_with("/2") && found[1].0.ends_with("/1"));
        world.consumer.stop().await;
        world.consumer.start().await;
    }
}

#[tokio::test]
async fn a_journal_that_nobody_confirms_is_gone_on_with_only_until_the_machine_was_started_anew() {
    let mut world = witnessed().await;
    world.consumer.get(PATH).by_key().send().await.answered(200);
    claims::cosign(&world.consumer).await;
    for agency in [
        &mut world.consumer,
        &mut world.provider,
        &mut world.stranger,
    ] {
        agency.stop().await;
    }
    world.consumer.start().await;
    assert_eq!(epoch(&world.consumer), 1);
    world.consumer.stop().await;
    // The same file, so that nothing was copied; only the boot is another one.
    let path = world.consumer.journal().join("home");
    let home = fs::read_to_string(&path).unwrap();
    let (before, rest) = home.split_once("\"boot\":\"").unwrap();
    let (_boot, after) = rest.split_once('"').unwrap();
    fs::write(&path, format!("{before}\"boot\":\"another\"{after}")).unwrap();
    world.consumer.start().await;
    assert_eq!(epoch(&world.consumer), 2);
    let journal = &world.consumer.live().node.journal;
    let leaves = journal.leaves_since(UnixMillis(0)).unwrap();
    assert_eq!(leaves[0].1.facts["epoch_reason"], "unconfirmed");
}

#[tokio::test]
async fn a_journal_that_is_lost_is_not_begun_anew_under_the_key_it_had() {
    let mut world = witnessed().await;
    world.consumer.get(PATH).by_key().send().await.answered(200);
    claims::cosign(&world.consumer).await;
    let held = world.consumer.live().node.journal.head().size;
    world.consumer.stop().await;
    let journal = world.consumer.journal();
    let away = world.folder.path().join("away");
    fs::rename(&journal, &away).unwrap();
    // Lost, then emptied.
    for _ in 0..2 {
        let refused = world.consumer.try_start().await.unwrap_err();
        let said = format!("witnesses hold {held} leaves of this log");
        assert!(refused.contains(&said), "{refused}");
        assert!(refused.contains("bridge-node restore"), "{refused}");
        assert!(!journal.join("origin").exists());
        fs::create_dir_all(&journal).unwrap();
    }
    fs::remove_dir_all(&journal).unwrap();
    fs::rename(&away, &journal).unwrap();
    world.consumer.start().await;
    assert_eq!(epoch(&world.consumer), 1);
}

#[tokio::test]
async fn a_backup_is_whole_or_not_there_and_is_restored_whole_or_not_at_all() {
    let mut world = World::with().contract(usual()).start().await;
    world.consumer.get(PATH).by_key().send().await.answered(200);
    world.consumer.stop().await;
    let (config, folder) = (world.consumer.config(), world.consumer.folder.clone());
    let data = folder.join("data");
    fs::remove_file(folder.join("keys/witness.key")).unwrap();
    let backups = world.folder.path().to_owned();
    let run = |word: &str, name: &str| {
        let backup = backups.join(name);
        program(&config, &[word, backup.to_str().unwrap()])
    };
    let good = |(code, said): (Option<i32>, String)| assert_eq!(code, Some(0), "{said}");
    good(run("backup", "one"));
    fs::remove_dir_all(&data).unwrap();
    good(run("restore", "one"));
    world.consumer.start().await;
    world.publish(now_s());
    world.refresh().await;
    world.consumer.get(PATH).by_key().send().await.answered(200);
    world.consumer.stop().await;
    good(run("backup", "two"));

    // A closed log that does not verify makes no backup, and one in a backup no node.
    spoil(&data.join("epochs/1"));
    let (code, said) = run("backup", "three");
    assert!(
        code == Some(2) && said.contains("does not verify"),
        "{said}"
    );
    assert!(!backups.join("three").exists());
    fs::remove_dir_all(&data).unwrap();
    let closed = backups.join("two/epochs/1");
    spoil(&closed);
    let (code, said) = run("restore", "two");
    assert!(
        code == Some(2) && said.contains("does not verify"),
        "{said}"
    );
    assert!(!data.join("epochs").exists() && !data.join("journal").exists());
    spoil(&closed);
    good(run("restore", "two"));
    assert!(data.join("epochs/1").is_dir() && data.join("epochs/2").is_dir());
    assert!(!data.join("restoring").exists());

    // The number of the log that follows is what is written, or the node does not start.
    let settings = Settings::load(&config).unwrap();
    assert_eq!(current(&settings).unwrap(), 3);
    let next = data.join("epochs/next");
    for unreadable in ["", "three\n", "-3\n"] {
        fs::write(&next, unreadable).unwrap();
        assert!(current(&settings).is_err(), "{unreadable:?}");
    }
    fs::remove_file(&next).unwrap();
    assert_eq!(current(&settings).unwrap(), 3);
    fs::create_dir(&next).unwrap();
    assert!(current(&settings).is_err());
}

#[tokio::test]
async fn a_witnessed_journal_that_was_moved_is_not_gone_on_with_while_there_is_no_directory() {
    let mut world = witnessed().await;
    world.consumer.get(PATH).by_key().send().await.answered(200);
    claims::cosign(&world.consumer).await;
    world.consumer.stop().await;
    let (source, away) = (
        world.folder.path().join("directory"),
        world.folder.path().join("away"),
    );
    fs::rename(&source, &away).unwrap();
    fs::create_dir(&source).unwrap();
    fs::remove_dir_all(world.consumer.folder.join("data/directory")).unwrap();
    world.consumer.vouched.moved = true;
    world.consumer.start().await;
    assert_eq!(epoch(&world.consumer), 2);
    let unasked = world.consumer.get(PATH).by_key().send().await;
    assert_eq!(unasked.status, 503);
    // It goes on by itself once the directory is there.
    fs::remove_dir(&source).unwrap();
    fs::rename(&away, &source).unwrap();
    tell(&world).await;
    world.consumer.get(PATH).by_key().send().await.answered(200);
}

#[tokio::test]
async fn a_statement_is_taken_from_the_nodes_exchange_key_only_and_once_an_epoch() {
    let mut world = witnessed().await;
    world.consumer.get(PATH).by_key().send().await.answered(200);
    claims::cosign(&world.consumer).await;
    world.consumer.stop().await;
    world.consumer.vouched.moved = true;
    world.consumer.start().await;
    tell(&world).await;
    let node = world.consumer.live().node.clone();
    let statement = Statement::parse(node.epoch.get().unwrap()).unwrap();
    let view = world.provider.live().node.watch.view(now_s()).unwrap();
    let (owner, log) = statement.check(&view, now_s()).unwrap();
    assert_eq!(
        (&owner, log.vkey().as_str()),
        (&world.consumer.node(), node.journal.vkey())
    );
    let listed = Verifier::parse(&world.consumer.entry.nodes[0].journal).unwrap();
    let witness = &world.provider.live().node.witness;
    assert!(witness.begin(&listed, &log, &statement).unwrap());
    assert!(
        witness.begin(&listed, &log, &statement).unwrap(),
        "the same again"
    );
    assert_eq!(witness.latest(listed.clone()).unwrap(), log);
    // Another node of the bus, with a key that the directory lists, signs it for this one.
    let neighbour = world.provider.live().node.own.signer();
    let mut borrowed = Statement {
        key_id: neighbour.key_id().to_owned(),
        ..statement.clone()
    };
    borrowed.signature = neighbour.sign(borrowed.text().as_bytes()).unwrap();
    let refused = borrowed.check(&view, now_s()).unwrap_err();
    assert_eq!(refused, StatementFault::Signer);
    // The same epoch with another key, and an epoch before.
    let other = bridge_tests::agency::vkey_of_new_key(log.origin());
    let changed = Statement {
        key: other,
        ..statement.clone()
    };
    assert!(
        changed.check(&view, now_s()).is_err(),
        "not what was signed"
    );
    let forged = Verifier::parse(&changed.key).unwrap();
    assert!(!witness.begin(&listed, &forged, &changed).unwrap());
    assert!(
        !witness
            .begin(
                &listed,
                &listed,
                &Statement {
                    key: listed.vkey(),
                    ..statement.clone()
                }
            )
            .unwrap()
    );
    for change in [
        Statement {
            previous: statement.key.clone(),
            ..statement.clone()
        },
        Statement {
            key_id: "unknown".to_owned(),
            ..statement.clone()
        },
        Statement {
            signature: vec![0; 64],
            ..statement.clone()
        },
    ] {
        assert!(change.check(&view, now_s()).is_err(), "{change:?}");
    }
}

#[tokio::test]
async fn a_backup_of_a_running_node_is_restored_after_its_machine_is_lost_with_its_stops_and_its_past()
 {
    let mut world = witnessed().await;
    let kept = world.consumer.get(PATH).by_key().send().await.request_id();
    let stop = ["stop", "member", "AZ/LEA/3001", "--reason", "keys lost"];
    world.consumer.officer(&stop).await.good();
    let stops = world.consumer.live().node.orders.standing().stops().count();
    assert_eq!(stops, 1);
    claims::cosign(&world.consumer).await;
    let backup = world.folder.path().join("backup");
    let config = world.consumer.config();
    let program = |words: &[&str]| program(&config, words);
    let (code, said) = program(&["backup", backup.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("leaves verified"), "{said}");
    assert_eq!(
        program(&["backup", backup.to_str().unwrap()]).0,
        Some(1),
        "not written over"
    );
    assert!(!backup.join("journal/home").exists());
    // What comes after the backup is lost with the machine, and so is the journal key.
    world.consumer.get(PATH).by_key().send().await.answered(200);
    claims::cosign(&world.consumer).await;
    let refused = program(&["restore", backup.to_str().unwrap()]);
    assert!(
        refused.0 == Some(1) && refused.1.contains("has a journal"),
        "{refused:?}"
    );
    world.consumer.stop().await;
    fs::remove_dir_all(world.consumer.folder.join("data")).unwrap();
    fs::remove_file(world.consumer.folder.join("keys/journal.key")).unwrap();
    // What its witness has cosigned is lost too: with its key it would begin anew.
    let witness = world.consumer.folder.join("keys/witness.key");
    let refused = program(&["restore", backup.to_str().unwrap()]);
    assert!(
        refused.0 == Some(1) && refused.1.contains("make a new witness key"),
        "{refused:?}"
    );
    fs::remove_file(witness).unwrap();

    let (code, said) = program(&["restore", backup.to_str().unwrap()]);
    assert!(code == Some(0) && said.contains("begins epoch 2"), "{said}");
    world.consumer.start().await;
    tell(&world).await;
    assert_eq!(epoch(&world.consumer), 2);
    let node = world.consumer.live().node.clone();
    assert!(!node.history.show(kept).unwrap().is_empty());
    assert_eq!(
        node.orders.standing().stops().count(),
        1,
        "a stop stands until it is lifted"
    );
    world.consumer.get(PATH).by_key().send().await.answered(200);
    claims::cosign(&world.consumer).await;
    world.consumer.stop().await;
    claims::verifies_folder(
        &world.consumer,
        "data/epochs/1",
        &world.consumer.entry.nodes[0].journal,
    );
    let mut verify = Command::new(bridge_tests::process::program());
    let verify = verify
        .args(["audit", "verify"])
        .arg(world.consumer.journal())
        .output()
        .unwrap();
    let said = String::from_utf8(verify.stdout).unwrap();
    assert!(verify.status.success(), "{said}");
    let logs: Vec<&str> = said
        .lines()
        .filter(|line| line.contains(": verified: "))
        .collect();
    assert!(
        matches!(logs[..], [new, old] if new.contains("/2: ") && old.contains("/1: ")),
        "{said}"
    );
}
