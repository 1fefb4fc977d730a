//! Witnesses: every journal cosigned by others, and what becomes of a journal that forks.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bridge_core::leaf::{Kind, UnixMillis};
use bridge_directory::{Indexed, OutsideWitness, Witnessing};
use bridge_journal::{Verifier, Witness, WitnessKey};
use bridge_node::witness::{Submission, origin_hash};
use bridge_tests::agency::Agency;
use bridge_tests::answer::Answer;
use bridge_tests::claims::{self, metric};
use bridge_tests::outside_witness::SecureWitness;
use bridge_tests::process::program;
use bridge_tests::puppet::{Puppet, Sent};
use bridge_tests::wait::{now_s, wait_until};
use bridge_tests::world::{PATH, Setup, World, usual};
use bytes::Bytes;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use tokio::io::AsyncWriteExt as _;
use tokio::net::unix::pipe;

/// Three agencies, all running, each witnessed by the two others.
async fn witnessed(setup: Setup, needed: u32, faulty: u32) -> World {
    let mut world = setup
        .contract(usual())
        .witnessed(needed, faulty)
        .start()
        .await;
    world.stranger.start().await;
    world.publish(now_s());
    world.refresh().await;
    world.stranger.refresh().await;
    world
}

/// The verifier keys of an agency's witnesses.
fn witnesses_of(world: &World, agency: &Agency) -> Vec<Witness> {
    let directory = Indexed::new(world.directory());
    let own = agency.entry.nodes[0].witnessing.as_ref().unwrap();
    let keys = own.by.iter().map(|name| directory.witness(name).unwrap().1);
    keys.map(|vkey| Witness::parse(vkey).unwrap()).collect()
}

fn sent(to: &Agency, method: &str, target: &str, body: impl Into<Bytes>) -> Sent {
    Sent {
        method: method.to_owned(),
        target: target.to_owned(),
        host: to.authority().to_owned(),
        fields: http::HeaderMap::new(),
        body: body.into(),
    }
}

async fn submit(from: &Agency, to: &Agency, body: impl Into<Bytes>) -> Answer {
    let sent = sent(to, "POST", "/witness/add-checkpoint", body);
    Puppet::of(from).send(to, sent).await
}

fn cosigned_size(agency: &Agency) -> u64 {
    let cosigned = agency.live().node.journal.cosigned();
    cosigned.map_or(0, |(checkpoint, _)| checkpoint.size)
}

/// A note of an agency's log with any root, signed with its key: what a holder of the key can make.
fn forged(agency: &Agency, size: u64, root: [u8; 32]) -> Bytes {
    let vkey = &agency.entry.nodes[0].journal;
    let origin = vkey.split('+').next().unwrap();
    let text = format!("{origin}\n{size}\n{}\n", STANDARD.encode(root));
    let pkcs8 = bridge_certs::read_key_file(&agency.folder.join("keys/journal.key")).unwrap();
    let pair = Ed25519KeyPair::from_pkcs8(&pkcs8).unwrap();
    let named = [origin.as_bytes(), b"\n", &[1], pair.public_key().as_ref()].concat();
    let id = &ring::digest::digest(&ring::digest::SHA256, &named).as_ref()[..4].to_vec();
    let line = STANDARD.encode([id, pair.sign(text.as_bytes()).as_ref()].concat());
    Bytes::from(format!("{text}\n\u{2014} {origin} {line}\n"))
}

#[tokio::test]
async fn every_journal_is_cosigned_by_the_others_and_serves_it() {
    let setup = World::with().provider_settings("[witnesses]\nevery_seconds = 1\n");
    let world = Box::pin(witnessed(setup, 2, 1)).await;
    let answer = world.consumer.get(PATH).by_key().send().await;
    answer.answered(200);
    // The node's own job does it, without being asked.
    let journal = world.provider.live().node.journal.clone();
    wait_until("the provider's journal is cosigned", async || {
        cosigned_size(&world.provider) == journal.head().size
    })
    .await;
    let file = sent(&world.provider, "GET", "/log/checkpoint", "");
    let served = Puppet::of(&world.consumer)
        .send(&world.provider, file)
        .await;
    let log = Verifier::parse(&world.provider.entry.nodes[0].journal).unwrap();
    let checkpoint = log.open(&served.body).unwrap();
    assert_eq!(checkpoint.size, journal.head().size);
    let witnesses = witnesses_of(&world, &world.provider);
    assert_eq!(witnesses.len(), 2);
    for witness in &witnesses {
        let time_s = witness.has_cosigned(&served.body).expect("a cosignature");
        assert!(time_s <= now_s() && time_s + 60 > now_s(), "{time_s}");
    }
    let on_disk = std::fs::read(world.provider.journal().join("cosigned")).unwrap();
    assert!(log.open(&on_disk).is_ok());
    // Its tiles are there, and the receipt's leaf is under it.
    let size = checkpoint.size;
    let tile = sent(
        &world.provider,
        "GET",
        &format!("/log/tile/0/000.p/{size}"),
        "",
    );
    let tile = Puppet::of(&world.consumer)
        .send(&world.provider, tile)
        .await;
    assert_eq!((tile.status, tile.body.len() as u64), (200, size * 32));
    // Each witness shows what it cosigned.
    let path = format!("/witness/{}/checkpoint", origin_hash(log.origin()));
    for witness in [&world.consumer, &world.stranger] {
        let kept = Puppet::of(&world.provider)
            .send(witness, sent(witness, "GET", &path, ""))
            .await;
        assert_eq!(
            (kept.status, log.open(&kept.body).unwrap().size),
            (200, size)
        );
    }
    assert_eq!(
        metric(&world.provider, "bridge_journal_cosigned_leaves").await,
        size
    );
    assert_eq!(metric(&world.provider, "bridge_witnesses_silent").await, 0);
    assert!(metric(&world.consumer, "bridge_witness_cosignatures_total").await > 0);
    // The whole of it holds for a verifier that knows the witnesses.
    claims::verifies(&world.provider);
}

#[tokio::test]
async fn witnesses_that_are_away_stop_nothing_within_the_tolerated_time_and_all_goes_on_when_they_are_back()
 {
    let setup = World::with()
        .provider_settings("[witnesses]\nevery_seconds = 3600\n")
        .consumer_settings("[witnesses]\nevery_seconds = 3600\n");
    let mut world = Box::pin(witnessed(setup, 2, 1)).await;
    world.consumer.get(PATH).by_key().send().await.answered(200);
    claims::cosign(&world.provider).await;
    let before = cosigned_size(&world.provider);
    assert!(before > 0);

    world.stranger.stop().await;
    world.consumer.get(PATH).by_key().send().await.answered(200);
    claims::cosign(&world.provider).await;
    claims::cosign(&world.consumer).await;
    assert_eq!(cosigned_size(&world.provider), before);
    assert_eq!(metric(&world.provider, "bridge_witnesses_silent").await, 1);
    assert!(
        metric(
            &world.provider,
            "bridge_journal_uncosigned_since_timestamp_seconds"
        )
        .await
            > 0
    );
    assert_eq!(world.provider.health("/ready").await.unwrap().status, 200);
    world.consumer.get(PATH).by_key().send().await.answered(200);

    let late = now_s() + 4 * 3600 + 60;
    world.publish(late);
    for agency in [&world.provider, &world.consumer] {
        agency.set_clock(late);
        agency.refresh().await;
    }
    let refused = world.consumer.get(PATH).by_key().send().await;
    refused.refused(503, "server.clientproxy.logging_failed");
    assert!(
        refused.message().contains("Too few witnesses"),
        "{}",
        refused.message()
    );
    let ready = world.provider.health("/ready").await.unwrap();
    assert_eq!(ready.status, 503);
    assert!(
        ready.json()["reasons"][0]
            .as_str()
            .unwrap()
            .contains("Too few witnesses")
    );

    world.stranger.set_clock(late);
    world.stranger.start().await;
    world.publish(late);
    for agency in [&world.provider, &world.consumer, &world.stranger] {
        agency.refresh().await;
    }
    // The provider's own journal still waits; as a witness it answered.
    claims::cosign(&world.consumer).await;
    let refused = world.consumer.get(PATH).by_key().send().await;
    refused.refused(502, "server.clientproxy.service_failed");
    claims::cosign(&world.provider).await;
    assert!(cosigned_size(&world.provider) > before);
    assert_eq!(metric(&world.provider, "bridge_witnesses_silent").await, 0);
    world.consumer.get(PATH).by_key().send().await.answered(200);
}

#[tokio::test]
async fn a_witness_answers_strangers_as_the_specification_says_and_within_its_limits() {
    let setup = World::with()
        .provider_limit("witness_requests_per_minute = 12")
        .provider_settings("[witnesses]\nevery_seconds = 3600\n")
        .consumer_settings("[witnesses]\nevery_seconds = 3600\n");
    let mut world = Box::pin(witnessed(setup, 2, 1)).await;
    world.consumer.get(PATH).by_key().send().await.answered(200);
    let journal = world.consumer.live().node.journal.clone();
    wait_until("a checkpoint", async || journal.signed().is_some()).await;
    let (checkpoint, note) = journal.signed().unwrap();
    let first = Submission {
        old: 0,
        proof: vec![],
        note,
    };
    let of = |old, proof: Vec<[u8; 32]>| {
        Submission {
            old,
            proof,
            note: first.note.clone(),
        }
        .write()
    };
    let (from, to) = (&world.consumer, &world.provider);

    let unknown = String::from_utf8(first.write().to_vec())
        .unwrap()
        .replace("journal.example", "elsewhere.example");
    assert_eq!(submit(from, to, unknown).await.status, 404);
    assert_eq!(submit(from, to, "old 0\n").await.status, 400);
    assert_eq!(
        submit(from, to, of(checkpoint.size + 1, vec![]))
            .await
            .status,
        400
    );
    let mut spoiled = first.write().to_vec();
    let last = spoiled.len() - 10;
    spoiled[last] = if spoiled[last] == b'A' { b'B' } else { b'A' };
    assert_eq!(submit(from, to, spoiled).await.status, 403);
    assert_eq!(submit(from, to, of(0, vec![[7; 32]])).await.status, 422);
    let cosigned = submit(from, to, first.write()).await;
    assert_eq!(cosigned.status, 200);
    let lines = String::from_utf8(cosigned.body.to_vec()).unwrap();
    let key = Witness::parse(to.entry.nodes[0].witness.as_ref().unwrap()).unwrap();
    let text = bridge_journal::note_text(&first.note).unwrap();
    assert!(key.cosigned(text, &lines).is_some(), "{lines}");
    let conflict = submit(from, to, first.write()).await;
    assert_eq!(
        (conflict.status, conflict.field("content-type")),
        (409, Some("text/x.tlog.size"))
    );
    assert_eq!(conflict.body, format!("{}\n", checkpoint.size));
    // The directory assigns the provider's journal to others, not to itself.
    let own = forged(&world.provider, 3, [1; 32]);
    let own = Submission {
        old: 0,
        proof: vec![],
        note: own,
    }
    .write();
    assert_eq!(submit(from, to, own).await.status, 404);
    let other = Puppet::of(from);
    for (method, path, status) in [
        ("GET", "/witness/add-checkpoint", 404),
        ("POST", "/witness/add-checkpoint?x=1", 404),
        ("POST", "/witness/", 404),
        ("GET", "/witness/0123/checkpoint", 404),
    ] {
        let answer = other.send(to, sent(to, method, path, "")).await;
        assert_eq!(answer.status, status, "{method} {path}");
    }
    // Nothing of this is a fork.
    assert!(to.live().node.witness.forked().is_empty());

    let large = vec![b'a'; 16 * 1024 + 1];
    assert_eq!(submit(from, to, large).await.status, 413);
    assert_eq!(claims::reached(to, "witness_request_bytes").await, 1);
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(submit(from, to, "old 0\n").await.status);
    }
    assert!(
        statuses.starts_with(&[400]) && statuses.ends_with(&[429]),
        "{statuses:?}"
    );
    assert!(claims::reached(to, "witness_requests_per_minute").await > 0);
    // Another member's share is its own; who is in no directory has none.
    assert_eq!(submit(&world.stranger, to, "old 0\n").await.status, 400);
    world.stranger.entry.nodes[0].tls_pins = world.consumer.entry.nodes[0].tls_pins.clone();
    world.publish(now_s());
    world.provider.refresh().await;
    assert_eq!(
        submit(&world.stranger, &world.provider, "old 0\n")
            .await
            .status,
        403
    );
}

#[tokio::test]
async fn a_fork_is_not_cosigned_is_kept_told_and_exported() {
    let world = Box::pin(witnessed(World::with(), 2, 1)).await;
    world.consumer.get(PATH).by_key().send().await.answered(200);
    claims::cosign(&world.consumer).await;
    let size = cosigned_size(&world.consumer);
    // Somebody with the consumer's journal key shows the provider another history of the same size.
    let offered = forged(&world.consumer, size, [9; 32]);
    let submission = Submission {
        old: size,
        proof: vec![],
        note: offered.clone(),
    };
    let refused = submit(&world.stranger, &world.provider, submission.write()).await;
    assert_eq!(refused.status, 422);
    let origin = world.consumer.live().node.journal.origin().to_owned();
    assert_eq!(
        world.provider.live().node.witness.forked(),
        [origin.as_str()]
    );

    assert_eq!(
        metric(&world.provider, "bridge_witness_forked_logs").await,
        1
    );
    let ready = world.provider.health("/ready").await.unwrap();
    assert_eq!(
        (ready.status, ready.json()["forked_logs"][0].as_str()),
        (200, Some(origin.as_str()))
    );
    let leaves = world
        .provider
        .live()
        .node
        .journal
        .leaves_since(UnixMillis(0))
        .unwrap();
    let told: Vec<_> = leaves
        .iter()
        .filter(|(_, leaf)| leaf.facts.contains_key("fork"))
        .collect();
    assert_eq!(told.len(), 1);
    let leaf = &told[0].1;
    assert_eq!((leaf.kind, &leaf.facts["fork"]), (Kind::State, &origin));
    assert!(leaf.facts["fork_held"].starts_with(&format!("{size} ")));
    assert!(
        leaf.facts["fork_offered"].starts_with(&format!("{size} {}", STANDARD.encode([9; 32])))
    );

    let (data, to) = (
        world.provider.folder.join("data/witness"),
        world.folder.path().join("proofs"),
    );
    let output = std::process::Command::new(program())
        .args(["audit", "forks"])
        .arg(&data)
        .arg("--to")
        .arg(&to)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success() && said.contains(&format!("{origin}: forked")),
        "{said}"
    );
    assert!(
        said.contains("this alone proves the fork") && said.ends_with("1 forked\n"),
        "{said}"
    );
    let proof = to.join(origin_hash(&origin));
    let log = Verifier::parse(std::fs::read_to_string(proof.join("vkey")).unwrap().trim()).unwrap();
    let read = |name: &str| log.open(&std::fs::read(proof.join(name)).unwrap()).unwrap();
    let (held, other) = (read("held"), read("offered"));
    assert_eq!((held.size, other.size), (size, size));
    assert_ne!(held.root, other.root);
    // Twice the same head is none, whoever signed it.
    let kept = data.join(origin_hash(&origin)).join("fork");
    std::fs::copy(kept.join("held"), kept.join("offered")).unwrap();
    let mut again = std::process::Command::new(program());
    let output = again.args(["audit", "forks"]).arg(&data).output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(
        output.status.code() == Some(2) && said.contains("this is no fork"),
        "{said}"
    );
    // The true log goes on; the other never gets enough cosignatures.
    world.consumer.get(PATH).by_key().send().await.answered(200);
    claims::cosign(&world.consumer).await;
    assert!(cosigned_size(&world.consumer) > size);
}

#[tokio::test]
async fn a_fork_is_told_also_if_its_submitter_hangs_up() {
    let mut world = Box::pin(witnessed(World::with(), 2, 1)).await;
    world.consumer.get(PATH).by_key().send().await.answered(200);
    claims::cosign(&world.consumer).await;
    let size = cosigned_size(&world.consumer);
    let origin = world.consumer.live().node.journal.origin().to_owned();
    // Nobody else submits; what the witness holds comes to it by a pipe, so that it judges for as long as the test wants.
    for agency in [
        &mut world.consumer,
        &mut world.stranger,
        &mut world.provider,
    ] {
        agency.stop().await;
    }
    let shelves = world.provider.folder.join("data/witness");
    let checkpoint = shelves.join(origin_hash(&origin)).join("checkpoint");
    let cosigned = std::fs::read(&checkpoint).unwrap();
    std::fs::remove_file(&checkpoint).unwrap();
    let made = std::process::Command::new("mkfifo")
        .arg(&checkpoint)
        .status();
    assert!(made.unwrap().success());
    world.provider.start().await;

    let submission = Submission {
        old: size,
        proof: vec![],
        note: forged(&world.consumer, size, [9; 32]),
    };
    let body = submission.write();
    let head = format!(
        "POST /witness/add-checkpoint HTTP/1.1\r\nhost: {}\r\ncontent-length: {}\r\n\r\n",
        world.provider.authority(),
        body.len()
    );
    let puppet = Puppet::of(&world.stranger);
    let mut submitter = puppet.connect(world.provider.ports.peer).await.unwrap();
    let request = [head.as_bytes(), &body].concat();
    submitter.write_all(&request).await.unwrap();
    submitter.flush().await.unwrap();
    let mut pipe = None;
    wait_until("the witness reads what it holds", async || {
        pipe = pipe::OpenOptions::new().open_sender(&checkpoint).ok();
        pipe.is_some()
    })
    .await;
    let node = &world.provider.live().node;
    let under_way = node.house.tasks.len();
    drop(submitter);
    wait_until("the connection has ended", async || {
        node.house.tasks.len() < under_way
    })
    .await;
    let mut pipe = pipe.unwrap();
    pipe.write_all(&cosigned).await.unwrap();
    drop(pipe);
    wait_until("the fork is told", async || {
        claims::facts(&world.provider, "fork") == [origin.as_str()]
    })
    .await;
    assert_eq!(node.witness.forked(), [origin.as_str()]);
}

#[tokio::test]
async fn a_node_whose_witnesses_hold_another_head_says_so_ends_and_begins_a_new_epoch() {
    let setup = World::with().consumer_settings("[witnesses]\nevery_seconds = 3600\n");
    let mut world = Box::pin(witnessed(setup, 2, 1)).await;
    world.consumer.get(PATH).by_key().send().await.answered(200);
    // Another holder of the key was first at both witnesses.
    for witness in [&world.provider, &world.stranger] {
        let note = forged(&world.consumer, 1000, [9; 32]);
        let submission = Submission {
            old: 0,
            proof: vec![],
            note,
        };
        assert_eq!(
            submit(&world.stranger, witness, submission.write())
                .await
                .status,
            200
        );
    }
    claims::cosign(&world.consumer).await;
    assert_eq!(cosigned_size(&world.consumer), 0);
    assert_eq!(
        metric(&world.consumer, "bridge_witnesses_contradicting").await,
        2
    );
    let ready = world.consumer.health("/ready").await.unwrap();
    assert_eq!(ready.status, 503);
    let reasons = ready.json()["reasons"].to_string();
    assert!(
        reasons.contains("hold another head of this journal"),
        "{reasons}"
    );
    // The process ends as without a journal; the next start begins a new epoch.
    let running = world.consumer.running.as_mut().unwrap();
    let why = tokio::time::timeout(std::time::Duration::from_mins(1), running.journal_lost()).await;
    assert!(why.unwrap().contains("begins the next epoch"));
    world.consumer.stop().await;
    world.consumer.start().await;
    assert!(world.consumer.live().node.journal.origin().ends_with("/2"));
}

#[tokio::test]
async fn a_journal_whose_witnesses_were_withdrawn_proves_under_its_own_checkpoints_again() {
    let setup = World::with().consumer_settings("[witnesses]\nevery_seconds = 3600\n");
    let mut world = Box::pin(witnessed(setup, 2, 1)).await;
    world.consumer.get(PATH).by_key().send().await.answered(200);
    claims::cosign(&world.consumer).await;
    let node = world.consumer.live().node.clone();
    let before = cosigned_size(&world.consumer);
    assert!(before > 0);
    world.consumer.get(PATH).by_key().send().await.answered(200);
    let last = node.journal.head().size - 1;
    assert_eq!(node.journal.prove(last).unwrap(), None);

    world.consumer.entry.nodes[0].witnessing = None;
    world.publish(now_s());
    world.refresh().await;
    claims::cosign(&world.consumer).await;
    assert!(node.journal.prove(last).unwrap().is_some());
    assert!(!world.consumer.journal().join("cosigned").exists());
    claims::verifies(&world.consumer);
}

#[tokio::test]
async fn a_witness_that_hangs_is_seen_although_enough_others_cosign() {
    let setup =
        World::with().consumer_settings("[witnesses]\nevery_seconds = 3600\nanswer_seconds = 1\n");
    let mut world = Box::pin(witnessed(setup, 2, 1)).await;
    // It takes connections and says nothing.
    let hanging = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&ring::rand::SystemRandom::new()).unwrap();
    let key = WitnessKey::new("outside.example/w", pkcs8.as_ref()).unwrap();
    world.witnesses.push(OutsideWitness {
        vkey: key.public().vkey(),
        url: format!("http://{}", hanging.local_addr().unwrap()),
    });
    let witnessing = world.consumer.entry.nodes[0].witnessing.as_mut().unwrap();
    witnessing.by.push("outside.example/w".to_owned());
    witnessing.faulty = 0;
    world.publish(now_s());
    world.refresh().await;
    world.consumer.get(PATH).by_key().send().await.answered(200);
    claims::cosign(&world.consumer).await;
    let node = world.consumer.live().node.clone();
    assert_eq!(cosigned_size(&world.consumer), node.journal.head().size);
    wait_until("the third is seen as silent", async || {
        metric(&world.consumer, "bridge_witnesses_silent").await == 1
    })
    .await;
}

#[tokio::test]
async fn an_outside_witness_is_reached_over_https_by_its_name_and_anchors_only() {
    let anchors = "[witnesses]\nevery_seconds = 3600\nanchors = \"../anchors.pem\"\n";
    let setup = World::with().contract(usual()).consumer_settings(anchors);
    let mut world = setup.start().await;
    let folder = world.folder.path().to_owned();
    let start = async |host, name: &str, authority: &bridge_certs::Authority| {
        SecureWitness::start(host, &folder.join(name), authority, now_s()).await
    };
    let stranger = bridge_certs::Authority::create(&folder.join("ca"), "Other", now_s() - 864_000);
    // The certificate of the second is for another name, that of the third by nobody who is known.
    let good = start("localhost", "good", &world.authority).await;
    let elsewhere = start("127.0.0.2", "elsewhere", &world.authority).await;
    let other = start("localhost", "other", &stranger.unwrap()).await;
    world.consumer.entry.nodes[0].witnessing = Some(Witnessing {
        by: vec!["outside.example/w".to_owned()],
        needed: 1,
        faulty: 0,
    });
    let head = |world: &World| world.consumer.live().node.journal.head().size;
    for (witness, is_trusted) in [(&elsewhere, false), (&other, false), (&good, true)] {
        let url = &witness.entry.url;
        world.witnesses = vec![witness.entry.clone()];
        world.publish(now_s());
        world.refresh().await;
        world.consumer.get(PATH).by_key().send().await.answered(200);
        claims::cosign(&world.consumer).await;
        let is_cosigned = cosigned_size(&world.consumer) == head(&world);
        assert_eq!(
            (is_cosigned, witness.asked() > 0),
            (is_trusted, is_trusted),
            "{url}"
        );
    }
}

#[tokio::test]
async fn the_tolerated_time_goes_on_over_a_restart() {
    let setup = World::with().consumer_settings("[witnesses]\nevery_seconds = 3600\n");
    let mut world = Box::pin(witnessed(setup, 2, 1)).await;
    world.consumer.get(PATH).by_key().send().await.answered(200);
    claims::cosign(&world.consumer).await;
    let cosigned = cosigned_size(&world.consumer);
    world.stranger.stop().await;
    world.consumer.get(PATH).by_key().send().await.answered(200);
    claims::cosign(&world.consumer).await;
    assert_eq!(cosigned_size(&world.consumer), cosigned);
    let leaves = world
        .consumer
        .live()
        .node
        .journal
        .leaves_since(UnixMillis(0));
    let first = leaves.unwrap()[usize::try_from(cosigned).unwrap()].1.time;
    world.consumer.stop().await;
    world.consumer.set_clock(now_s() + 3 * 3600);
    world.consumer.start().await;
    let node = world.consumer.live().node.clone();
    assert_eq!(node.cosigning.waiting_since(), Some(first));
    let hours = |hours: u64| UnixMillis(first.0 + hours * 3_600_000 + 1000);
    assert!(node.cosigning.check(hours(3)).is_ok());
    assert!(node.cosigning.check(hours(4)).is_err());
}
