//! Keys on PKCS#11 tokens: nodes as processes, with SoftHSM behind them.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use bridge_tests::agency::Agency;
use bridge_tests::claims;
use bridge_tests::process::{Process, program};
use bridge_tests::softhsm::{MODULE, SoftHsm};
use bridge_tests::wait::wait_until;
use bridge_tests::world::{PATH, World, usual};

const PROVIDERS: &str = "agency-a";
const CONSUMERS: &str = "agency-b";
/// For how long a node waits for a token.
const WAIT: Duration = Duration::from_secs(5);

/// Two agencies whose keys lie on two tokens of one module; their nodes do not run yet.
async fn world() -> (World, SoftHsm) {
    let mut world = World::with().contract(usual()).make().await;
    let hsm = SoftHsm::new(&world.folder.path().join("hsm"), &[PROVIDERS, CONSUMERS]);
    hsm.take(&mut world.provider, PROVIDERS, &["exchange", "tls"]);
    hsm.take(&mut world.consumer, CONSUMERS, &["exchange", "tls", "seal"]);
    world.settle();
    (world, hsm)
}

async fn run(agency: &Agency, hsm: &SoftHsm) -> Process {
    let settings = hsm.settings();
    Process::run_with(agency, &[], &[("SOFTHSM2_CONF", &settings)]).await
}

async fn both(world: &World, hsm: &SoftHsm) -> [Process; 2] {
    [
        run(&world.provider, hsm).await,
        run(&world.consumer, hsm).await,
    ]
}

/// A command about an agency's settings; its exit code and all that it said.
fn say(agency: &Agency, hsm: &SoftHsm, arguments: &[&str]) -> (i32, String) {
    let output = Command::new(program())
        .args(arguments)
        .current_dir(&agency.folder)
        .env("SOFTHSM2_CONF", hsm.settings())
        .env("MOODY", agency.folder.join("moods"))
        .env("MOODY_MODULE", MODULE)
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.code().unwrap(),
        String::from_utf8(said).unwrap(),
    )
}

#[tokio::test]
async fn two_nodes_exchange_by_keys_on_two_tokens() {
    let (world, hsm) = world().await;
    for agency in [&world.provider, &world.consumer] {
        let (code, said) = say(agency, &hsm, &["check-config", "--config", "node.toml"]);
        assert_eq!(code, 0, "{said}");
        for name in ["exchange", "tls"] {
            let named = format!("{name}.key on pkcs11:token=agency-");
            assert!(said.contains(&named), "{said}");
            let file = agency.folder.join(format!("keys/{name}.key"));
            assert!(!fs::read_to_string(file).unwrap().contains("PRIVATE KEY"));
        }
    }
    for _ in 0..2 {
        let mut nodes = both(&world, &hsm).await;
        for _ in 0..3 {
            let answer = world.consumer.get(PATH).by_key().send().await;
            answer.answered(200);
        }
        // A dossier is sealed by the running node.
        let answer = world.consumer.get(PATH).by_key().send().await;
        let id = answer.request_id().to_string();
        let name = format!("{id}.asice");
        wait_until("the dossier is made", async || {
            let export = ["audit", "export", &id, "--out", &name];
            world.consumer.officer(&export).await.code == 0
        })
        .await;
        let verify = [
            "audit",
            "verify-dossier",
            &name,
            "--trust",
            "../anchors.pem",
        ];
        let logs = [&world.consumer, &world.provider];
        let keys = logs.map(|agency| ["--key", &agency.entry.nodes[0].journal]);
        let verify = [&verify[..], &keys.concat()].concat();
        let (code, said) = say(&world.consumer, &hsm, &verify);
        assert_eq!(code, 0, "{said}");
        for node in &mut nodes {
            node.terminate();
            assert_eq!(node.ended().await.code(), Some(0));
        }
    }
    claims::verifies(&world.provider);
    claims::verifies(&world.consumer);
}

async fn reasons(agency: &Agency) -> String {
    let ready = agency.health("/ready").await.unwrap();
    format!("{} {}", ready.status, ready.json())
}

#[tokio::test]
async fn a_token_that_vanishes_is_refused_in_words_and_healed_without_a_restart() {
    let (world, hsm) = world().await;
    let nodes = both(&world, &hsm).await;
    let ask = async || world.consumer.get(PATH).by_key().send().await;
    ask().await.answered(200);

    // The consumer's own token is gone.
    hsm.take_away(CONSUMERS);
    for _ in 0..2 {
        let refused = ask().await;
        refused.refused(503, "server.clientproxy.cannot_create_signature");
        assert!(refused.message().contains("This node can't sign now."));
        assert!(refused.field("retry-after").is_some());
    }
    let told = reasons(&world.consumer).await;
    assert!(told.starts_with("503 "), "{told}");
    assert!(
        told.contains("the exchange key of this node: token agency-b"),
        "{told}"
    );
    assert_eq!(away(&world.consumer).await, [1, 1, 0]);
    hsm.put_back(CONSUMERS);
    healed(&world.consumer).await;
    assert_eq!(away(&world.consumer).await, [0; 3]);
    ask().await.answered(200);

    // The provider's is: what could not be answered in its name is not begun.
    let served = world.registry.seen().len();
    hsm.take_away(PROVIDERS);
    for turn in 0..3 {
        let refused = ask().await;
        assert!(refused.status >= 500, "{refused:?}");
        // The first notices it when it signs its answer.
        assert!(world.registry.seen().len() <= served + 1, "turn {turn}");
    }
    let told = reasons(&world.provider).await;
    assert!(
        told.contains("the exchange key of this node: token agency-a"),
        "{told}"
    );
    hsm.put_back(PROVIDERS);
    healed(&world.provider).await;
    ask().await.answered(200);

    for (node, agency) in nodes.iter().zip([&world.provider, &world.consumer]) {
        let log = fs::read_to_string(&node.log).unwrap();
        for code in ["token_away", "token_back"] {
            assert_eq!(log.matches(code).count(), 1, "{code}: {:?}", agency.folder);
        }
        assert!(!log.contains(bridge_tests::softhsm::PIN));
    }
}

/// The metrics of the keys between nodes, and of the consumer interface's.
async fn away(agency: &Agency) -> [u64; 3] {
    let mut told = [0; 3];
    for (told, name) in told.iter_mut().zip(["exchange", "tls", "web"]) {
        *told = claims::metric(agency, &format!("bridge_key_away{{use=\"{name}\"}}")).await;
    }
    told
}

async fn healed(agency: &Agency) {
    wait_until("the node works again", async || {
        reasons(agency).await.starts_with("200 ")
    })
    .await;
}

#[tokio::test]
async fn a_handshake_that_the_token_can_not_sign_is_this_nodes_fault_and_healed() {
    let mut world = World::with().contract(usual()).make().await;
    let hsm = SoftHsm::new(&world.folder.path().join("hsm"), &[CONSUMERS]);
    hsm.take(&mut world.consumer, CONSUMERS, &["tls"]);
    world.settle();
    let provider = Process::run(&world.provider).await;
    let _consumer = run(&world.consumer, &hsm).await;
    hsm.take_away(CONSUMERS);
    let ask = async || world.consumer.get(PATH).by_key().send().await;
    for _ in 0..2 {
        let refused = ask().await;
        refused.refused(503, "server.clientproxy.cannot_create_signature");
    }
    hsm.put_back(CONSUMERS);
    healed(&world.consumer).await;
    ask().await.answered(200);
    drop(provider);
}

#[tokio::test]
async fn a_consumer_interface_whose_key_is_away_is_told_and_healed() {
    let mut world = World::with().contract(usual()).make().await;
    let hsm = SoftHsm::new(&world.folder.path().join("hsm"), &[CONSUMERS]);
    hsm.take(&mut world.consumer, CONSUMERS, &["web"]);
    world.settle();
    let _consumer = run(&world.consumer, &hsm).await;
    let agency = &world.consumer;
    agency.tls(None).await.unwrap();
    hsm.take_away(CONSUMERS);
    agency.tls(None).await.unwrap_err();
    let told = reasons(agency).await;
    assert!(told.starts_with("503 "), "{told}");
    assert!(
        told.contains("the web key of this node: token agency-b"),
        "{told}"
    );
    assert_eq!(away(agency).await, [0, 0, 1]);
    hsm.put_back(CONSUMERS);
    healed(agency).await;
    agency.tls(None).await.unwrap();
    assert_eq!(away(agency).await, [0; 3]);
}

#[tokio::test]
async fn a_token_that_hangs_holds_neither_the_node_nor_who_asks_next() {
    let (world, hsm) = world().await;
    let agency = &world.consumer;
    let moods = moody(agency);
    let _provider = run(&world.provider, &hsm).await;
    let env = [
        ("SOFTHSM2_CONF", hsm.settings()),
        ("MOODY", moods.clone()),
        ("MOODY_MODULE", MODULE.into()),
    ];
    let env = env.each_ref().map(|(name, value)| (*name, value.as_path()));
    let consumer = Process::run_with(agency, &[], &env).await;
    let ask = async || agency.get(PATH).by_key().send().await;
    let hang = moods.join("hang");
    fs::write(&hang, "").unwrap();
    let first = async {
        let refused = ask().await;
        refused.refused(503, "server.clientproxy.cannot_create_signature");
    };
    let beside = async {
        // One wait for the token takes as long as all of these may.
        let began = Instant::now();
        for _ in 0..20 {
            assert_eq!(agency.health("/live").await.unwrap().status, 200);
        }
        assert!(began.elapsed() < WAIT, "{:?}", began.elapsed());
    };
    tokio::join!(first, beside);
    let began = Instant::now();
    ask()
        .await
        .refused(503, "server.clientproxy.cannot_create_signature");
    assert!(began.elapsed() < WAIT, "{:?}", began.elapsed());
    assert!(reasons(agency).await.contains("has not answered for 5 s"));
    fs::remove_file(&hang).unwrap();
    healed(agency).await;
    ask().await.answered(200);
    let log = fs::read_to_string(&consumer.log).unwrap();
    for code in ["token_away", "token_back"] {
        assert_eq!(log.matches(code).count(), 1, "{code}");
    }
}

#[tokio::test]
async fn a_wrong_pin_at_start_is_told_and_tried_once() {
    let (world, hsm) = world().await;
    let agency = &world.consumer;
    moody(agency);
    hsm.write_pin(agency, CONSUMERS, "000000");
    let tries = || fs::read(agency.folder.join("moods/logins")).map_or(0, |noted| noted.len());
    let list = || say(agency, &hsm, &["key", "list", "--token-module", MODULE]).1;
    let of_token = |list: &str| {
        let mut lines = list.lines();
        let line = lines.find(|line| line.contains("token=agency-b;"));
        line.unwrap().to_owned()
    };
    assert!(of_token(&list()).ends_with("  PIN good"), "{}", list());
    // Two keys lie on it, and several steps of a start open them.
    for starts in 1..=2 {
        let (code, said) = say(agency, &hsm, &["run", "--config", "node.toml"]);
        assert_eq!(code, 64, "{said}");
        assert!(said.contains("token agency-b: refuses the PIN"), "{said}");
        assert!(
            said.contains("every start with a wrong one costs the token a try"),
            "{said}"
        );
        assert!(!said.contains("000000"), "{said}");
        assert_eq!(tries(), starts);
        assert!(of_token(&list()).ends_with("  a wrong PIN was tried"));
    }
    // One try is left: the token says so, and the node leaves it.
    let (code, said) = say(agency, &hsm, &["run", "--config", "node.toml"]);
    assert_eq!(code, 64, "{said}");
    assert!(
        said.contains("token agency-b: grants one more try"),
        "{said}"
    );
    assert_eq!(tries(), 2);
    hsm.write_pin(agency, CONSUMERS, bridge_tests::softhsm::PIN);
    let (_, said) = say(agency, &hsm, &["check-config", "--config", "node.toml"]);
    assert!(said.contains("log in once by hand"), "{said}");
    fs::remove_file(agency.folder.join("moods/wrong")).unwrap();
    let (code, said) = say(agency, &hsm, &["check-config", "--config", "node.toml"]);
    assert_eq!(code, 0, "{said}");
    assert!(of_token(&list()).ends_with("  PIN good"), "{}", list());
}

#[tokio::test]
async fn a_locked_pin_is_told_by_name_with_its_remedy() {
    let (world, hsm) = world().await;
    let agency = &world.provider;
    fs::write(moody(agency).join("wrong"), "xxx").unwrap();
    for command in ["run", "check-config"] {
        let (code, said) = say(agency, &hsm, &[command, "--config", "node.toml"]);
        assert_eq!(code, 64, "{said}");
        assert!(said.contains("token agency-a: its PIN is locked"), "{said}");
        assert!(
            said.contains("have the token's security officer unlock it"),
            "{said}"
        );
    }
    assert!(!agency.folder.join("moods/logins").exists());
}

/// Puts a module with moods before an agency's token; returns the folder that says which.
fn moody(agency: &Agency) -> PathBuf {
    let (moods, module) = (agency.folder.join("moods"), agency.folder.join("moody.so"));
    fs::create_dir_all(&moods).unwrap();
    let source = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../certs/token/tests/token/moody.c"
    );
    let made = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-w", "-o"])
        .arg(&module)
        .arg(source)
        .status()
        .unwrap();
    assert!(made.success());
    let settings = fs::read_to_string(agency.config()).unwrap();
    let settings = settings.replace(MODULE, "moody.so");
    fs::write(agency.config(), settings).unwrap();
    moods
}
