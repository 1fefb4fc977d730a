//! Nodes as real processes: what they write down, how they end, and the demonstration.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use bridge_tests::claims;
use bridge_tests::process::{Process, program, reserve_ports};
use bridge_tests::registry::Reaction;
use bridge_tests::wait::wait_until;
use bridge_tests::world::{PATH, World, usual};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

/// A consumer and a provider as processes.
async fn processes(world: &mut World) -> [Process; 2] {
    world.settle();
    [
        Process::run(&world.provider).await,
        Process::run(&world.consumer).await,
    ]
}

const FIN: &str = "5XKQ7ZW";
const NAME: &str = "Ülkərxanım Zzyzxova";
const USER: &str = "AZ-QWXZ881";
const TOKEN: &str = "Bearer zq9Xw77SecretToken";

#[tokio::test]
async fn personal_data_and_keys_are_in_no_leaf_log_tile_index_or_plain_file() {
    let subjects = json!([{
        "method": "GET", "path": "/*", "query": ["q"], "semicolons": false,
        "subjects": [{ "in": "path", "segment": 0, "type": "fin" }, { "in": "answer", "pointer": "/fin", "type": "fin" }],
    }]);
    let mut world = World::with()
        .contract(usual().with("endpoints", subjects))
        .make()
        .await;
    world
        .registry
        .always(Reaction::json(200, &json!({ "fin": FIN, "name": NAME })));
    let mut nodes = processes(&mut world).await;
    let target = format!("{PATH}/{FIN}?q={FIN}");
    for _ in 0..3 {
        let ask = world
            .consumer
            .get(&target)
            .by_key()
            .field("x-road-userid", USER)
            .field("authorization", TOKEN);
        ask.field("x-road-id", NAME_IN_ID)
            .send()
            .await
            .answered(200);
    }
    // A refused query, a wrong key and a path outside the contract are in the logs too.
    world
        .consumer
        .get(&format!("{PATH}/{FIN}/more"))
        .by_key()
        .send()
        .await
        .refused(403, "server.clientproxy.access_denied");
    world
        .consumer
        .get(&format!("{PATH}/{FIN}/%zz"))
        .by_key()
        .send()
        .await
        .refused(400, "server.clientproxy.bad_request");
    let wrong = format!("{}x", world.consumer.api_key);
    world
        .consumer
        .get(&target)
        .certificate(None)
        .field("bridge-api-key", &wrong)
        .send()
        .await;
    world.registry.always(Reaction::Cut(NAME.into()));
    world.consumer.get(&target).by_key().send().await;
    for node in &mut nodes {
        node.terminate();
        assert_eq!(node.ended().await.code(), Some(0));
    }
    // A new start seals the segment: index runs and secrets files are made.
    for agency in [&world.consumer, &world.provider] {
        let mut node = Process::run(agency).await;
        node.terminate();
        assert_eq!(node.ended().await.code(), Some(0));
    }
    let key = world.consumer.api_key.clone();
    let mut searched = 0;
    for agency in [&world.consumer, &world.provider] {
        for file in ["node.log", "node.out"].map(|name| agency.folder.join(name)) {
            searched += absent(&file, &[FIN, NAME, USER, TOKEN, &key, NAME_IN_ID]);
        }
        searched += absent(
            &agency.folder.join("data"),
            &[FIN, NAME, USER, TOKEN, &key, NAME_IN_ID],
        );
        claims::verifies(agency);
    }
    assert!(searched >= 20, "only {searched} files were searched");
    for seen in world.registry.seen() {
        let text = format!("{:?}", seen.fields);
        assert!(!text.contains(&key), "the API key reached the registry");
        assert!(
            seen.target.contains(FIN),
            "the registry knows whom it was asked about"
        );
    }
}

const NAME_IN_ID: &str = "case-of-Zzyzxova";

/// Searches a file, or all files of a folder; returns how many.
fn absent(path: &Path, needles: &[&str]) -> usize {
    if path.is_dir() {
        return fs::read_dir(path)
            .unwrap()
            .map(|entry| absent(&entry.unwrap().path(), needles))
            .sum();
    }
    let Ok(bytes) = fs::read(path) else {
        // The admin socket, gone after draining.
        return 0;
    };
    for needle in needles {
        let found = bytes
            .windows(needle.len())
            .position(|window| window == needle.as_bytes());
        if let Some(at) = found {
            let from = at.saturating_sub(200);
            panic!(
                "{} holds `{needle}`: {}",
                path.display(),
                String::from_utf8_lossy(&bytes[from..at + needle.len()])
            );
        }
    }
    1
}

#[tokio::test]
async fn sigterm_lets_the_exchange_under_way_end_and_takes_nothing_new() {
    let mut world = World::with().contract(usual()).make().await;
    let gate = Arc::new(Semaphore::new(0));
    world
        .registry
        .always(Reaction::Held(Arc::clone(&gate), "late".into()));
    let [mut provider, mut consumer] = processes(&mut world).await;
    let ready = world.consumer.health("/ready").await.unwrap();
    assert_eq!(
        (ready.status, ready.json()),
        (
            200,
            json!({
                "ready": true,
                "reasons": [],
                "time_stamps": "nothing is stamped: the settings name no authority",
            })
        )
    );
    let under_way = world.consumer.get(PATH).send();
    let ending = async {
        wait_until("the registry was asked", async || {
            world.registry.seen().len() == 1
        })
        .await;
        provider.terminate();
        wait_until("the provider takes nothing new", async || {
            tokio::net::TcpStream::connect(world.provider.ports.peer)
                .await
                .is_err()
        })
        .await;
        let new = world.consumer.get(PATH).send().await;
        new.refused(504, "server.clientproxy.network_error");
        consumer.terminate();
        wait_until("the consumer takes nothing new", async || {
            tokio::net::TcpStream::connect(world.consumer.ports.consumer)
                .await
                .is_err()
        })
        .await;
        gate.add_permits(1);
    };
    let (answer, ()) = tokio::join!(under_way, ending);
    answer.answered(200);
    assert_eq!(answer.body, "late");
    for node in [&mut provider, &mut consumer] {
        assert_eq!(
            node.ended().await.code(),
            Some(0),
            "{}",
            fs::read_to_string(&node.log).unwrap()
        );
    }
    assert_eq!(world.registry.seen().len(), 1);
    for agency in [&world.consumer, &world.provider] {
        claims::verifies(agency);
    }
}

#[tokio::test]
async fn a_killed_node_closes_its_open_exchanges_at_the_next_start() {
    let mut world = World::with().contract(usual()).make().await;
    world
        .registry
        .always(Reaction::Held(Arc::new(Semaphore::new(0)), "never".into()));
    let [provider, mut consumer] = processes(&mut world).await;
    let under_way = world.consumer.get(PATH).send();
    let killing = async {
        wait_until("the registry was asked", async || {
            world.registry.seen().len() == 1
        })
        .await;
        drop(provider);
    };
    let (answer, ()) = tokio::join!(under_way, killing);
    answer.refused(502, "server.clientproxy.io_error");
    consumer.terminate();
    assert_eq!(consumer.ended().await.code(), Some(0));
    world.provider.ports = bridge_tests::agency::Ports::default();
    world.provider.start().await;
    let kinds = claims::kinds(&world.provider, answer.request_id());
    assert_eq!(
        kinds,
        [
            bridge_core::leaf::Kind::RequestReceived,
            bridge_core::leaf::Kind::Interrupted
        ]
    );
    claims::verifies(&world.provider);
}

#[tokio::test]
async fn settings_with_faults_end_the_start_with_code_64_and_all_faults() {
    let mut world = World::with().contract(usual()).make().await;
    world.provider.plan(bridge_tests::agency::Plan {
        more: "[wrong]\na = 1\n[limits2]\n".to_owned(),
        ..Default::default()
    });
    world.provider.write_settings();
    let config = world.provider.config();
    for command in ["run", "check-config"] {
        let output = Command::new(program())
            .args([command, "--config"])
            .arg(&config)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(64));
        let faults = String::from_utf8(output.stderr).unwrap();
        assert!(
            faults.contains("wrong: no such section")
                && faults.contains("limits2: no such section"),
            "{faults}"
        );
    }
}

#[tokio::test]
async fn the_demonstration_prints_one_object_and_leaves_nodes_that_start() {
    let output = Command::new(program())
        .args(["demo", "--once", "--json"])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let seen: Value =
        serde_json::from_slice(&output.stdout).expect("one JSON object and nothing else");
    assert!(seen.is_object());
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("kept");
    let output = Command::new(program())
        .args(["demo", "--once", "--dir"])
        .arg(&kept)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    for agency in ["population", "tax", "executive"] {
        let config = kept.join(agency).join("node.toml");
        let output = Command::new(program())
            .args(["check-config", "--config"])
            .arg(&config)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{agency}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let mut node = Process::run_config(&config, &kept).await;
        node.terminate();
        assert_eq!(node.ended().await.code(), Some(0), "{agency}");
    }
}

#[tokio::test]
async fn s58_an_officer_finds_an_exchange_by_its_id_and_the_reading_is_journaled() {
    let mut world = World::with().contract(usual()).make().await;
    let mut nodes = processes(&mut world).await;
    let answer = world
        .consumer
        .ask("POST", PATH)
        .by_key()
        .body("evidence of it")
        .send()
        .await;
    answer.answered(200);
    let id = answer.request_id().to_string();
    let audit = |words: &[&str], key: &str| {
        let mut command = Command::new(program());
        command
            .arg("audit")
            .args(words)
            .arg("--socket")
            .arg(world.consumer.folder.join("data/admin.sock"));
        command
            .args(["--officer", "officer-1", "--officer-key"])
            .arg(world.consumer.folder.join(key));
        let output = command.output().unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
        )
    };
    let (code, found) = audit(&["search", "--json", "--id", &id], "officer.key");
    assert_eq!((code, found.lines().count()), (Some(0), 2), "{found}");
    let (code, shown) = audit(&["show", &id], "officer.key");
    assert_eq!(code, Some(0));
    assert!(
        shown.contains("evidence of it") && shown.contains("@request-target"),
        "{shown}"
    );
    let (code, none) = audit(
        &[
            "search",
            "--json",
            "--id",
            "00000000-0000-4000-8000-000000000000",
        ],
        "officer.key",
    );
    assert_eq!((code, none.as_str()), (Some(0), ""));
    let (code, _) = audit(&["show", &id], "keys/journal.key");
    assert_eq!(code, Some(1), "another key is no officer's");
    let (code, reads) = audit(&["search", "--json"], "officer.key");
    assert_eq!(code, Some(0));
    assert!(reads.matches("audit-read").count() >= 3, "{reads}");
    for node in &mut nodes {
        node.terminate();
        assert_eq!(node.ended().await.code(), Some(0));
    }
}

#[tokio::test]
async fn s59_the_verifier_accepts_a_journal_and_names_any_flipped_byte() {
    let mut world = World::usual().await;
    for _ in 0..3 {
        world
            .consumer
            .ask("POST", PATH)
            .body("evidence")
            .send()
            .await
            .answered(200);
    }
    world.consumer.stop().await;
    let verify = |folder: &Path| {
        let key = world.consumer.folder.join("keys/evidence.key");
        let command = ["audit", "verify"].map(std::ffi::OsStr::new);
        let vkey = &world.consumer.entry.nodes[0].journal;
        let output = Command::new(program())
            .args(command)
            .arg(folder)
            .arg("--evidence-key")
            .arg(key)
            .args(["--key", vkey])
            .output();
        output.unwrap().status.code()
    };
    let journal = world.consumer.journal();
    assert_eq!(verify(&journal), Some(0));
    let segments: Vec<_> = fs::read_dir(journal.join("segments"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    for path in segments
        .iter()
        .filter(|path| fs::read(path).unwrap().iter().any(|byte| *byte != 0))
    {
        let good = fs::read(path).unwrap();
        let used = good.iter().rposition(|byte| *byte != 0).unwrap_or(0);
        for at in [used / 5, used / 3, used / 2, used * 4 / 5] {
            let mut bad = good.clone();
            bad[at] ^= 1;
            fs::write(path, &bad).unwrap();
            assert_eq!(
                verify(&journal),
                Some(2),
                "{} at {at} of {used}",
                path.display()
            );
        }
        fs::write(path, good).unwrap();
    }
    assert_eq!(verify(&journal), Some(0));
}

#[tokio::test]
async fn s56_a_full_disk_ends_the_node_before_any_answer_and_it_goes_on_after_a_restart() {
    let mut world = World::with().contract(usual()).make().await;
    let [mut provider, mut consumer] = processes(&mut world).await;
    world.consumer.get(PATH).send().await.answered(200);
    provider.fill_disk();
    let answer = world.consumer.get(PATH).send().await;
    assert_eq!(answer.status, 502, "{answer:?}");
    assert_eq!(
        world.registry.seen().len(),
        1,
        "no effect without a durable leaf"
    );
    assert_eq!(provider.ended().await.code(), Some(1));
    let mut provider = Process::run(&world.provider).await;
    world.consumer.get(PATH).send().await.answered(200);
    consumer.fill_disk();
    let answer = world.consumer.get(PATH).try_send().await;
    assert!(
        answer.is_err() || answer.is_ok_and(|answer| answer.status == 503),
        "an answer without a leaf"
    );
    assert_eq!(consumer.ended().await.code(), Some(1));
    assert_eq!(world.registry.seen().len(), 2);
    let mut consumer = Process::run(&world.consumer).await;
    world.consumer.get(PATH).send().await.answered(200);
    for node in [&mut provider, &mut consumer] {
        node.terminate();
        assert_eq!(node.ended().await.code(), Some(0));
    }
    for agency in [&world.consumer, &world.provider] {
        claims::verifies(agency);
    }
}

#[tokio::test]
async fn a_node_asks_for_all_open_files_it_may_have_and_says_when_they_are_few() {
    let mut world = World::with().make().await;
    for agency in [&mut world.provider, &mut world.consumer] {
        agency.ports = reserve_ports();
        agency.write_settings();
    }
    let few = Process::run_with(&world.provider, &[], &[("ULIMIT", Path::new("-Sn 256"))]).await;
    let (now, most) = few.allowed_files();
    assert!(now == most && now > 256, "{now} of {most}");

    let fewer = Process::run_with(&world.consumer, &[], &[("ULIMIT", Path::new("-n 512"))]).await;
    assert_eq!(fewer.allowed_files(), (512, 512));
    assert!(
        fs::read_to_string(&fewer.log)
            .unwrap()
            .contains("raise its limit (LimitNOFILE=")
    );
}
