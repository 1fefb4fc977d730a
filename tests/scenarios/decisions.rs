//! `audit replay`: ten thousand allowed decisions re-decided from leaves and contracts, and each that no contract makes is named.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use bridge_core::contract::{Contract, load};
use bridge_core::decision::{Allowed, Facts, Groups, decide};
use bridge_core::identity::SubsystemId;
use bridge_core::leaf::{Kind, Leaf, Side, UnixMillis};
use bridge_core::quota::{Account, Counters};
use bridge_core::target::{Target, TargetLimits, parse_target};
use bridge_journal::{Entry, Journal, JournalConfig, JournalKeys};
use bridge_signature::{Algorithm, FileSigner};
use bridge_tests::process::program;
use bridge_tests::terms::endpoint;
use bridge_tests::world::{CONSUMER, PATH, PROVIDER, World, usual};
use ring::rand::SystemRandom;
use ring::signature::Ed25519KeyPair;
use serde_json::json;
use uuid::Uuid;
use zeroize::Zeroizing;

const DECISIONS: usize = 10_000;
/// Entries under way at a time.
const TOGETHER: usize = 500;
/// A Wednesday in working hours.
const START_MS: u64 = 1_795_154_400_000;
const METHODS: [&str; 3] = ["GET", "HEAD", "POST"];
const TARGETS: [&str; 3] = ["1?q=x", "2/3", "4;v?r=y&q=z"];

struct NoGroups;

impl Groups for NoGroups {
    fn global(&self, _group: &str, _subsystem: &SubsystemId) -> bool {
        false
    }

    fn local(&self, _group: &str, _subsystem: &SubsystemId) -> bool {
        false
    }
}

/// Three versions of one contract, of which the last is in force now; each has its own conditions.
fn versions() -> Vec<(Vec<u8>, Arc<Contract>)> {
    let purposes = |codes: &[&str]| {
        let listed = codes
            .iter()
            .map(|code| json!({ "code": code, "title": code }));
        json!(listed.collect::<Vec<_>>())
    };
    let mut open = endpoint("*", "/**");
    open["semicolons"] = json!(true);
    [
        usual(),
        usual()
            .with("purposes", purposes(&["audit", "tax"]))
            .with("endpoints", json!([open])),
        usual()
            .with("purposes", purposes(&["tax"]))
            .with("quota", json!({ "per_hour": 2000, "per_day": 2500 })),
    ]
    .map(|terms| (terms.file(), Arc::new(load(&terms.file()).unwrap())))
    .into()
}

/// When the request of this number is decided.
fn at(number: usize) -> UnixMillis {
    UnixMillis(START_MS + u64::try_from(number).unwrap() * 300)
}

/// Decides the request of this number under one version.
fn decided(contract: &Arc<Contract>, counters: &mut Counters, number: usize) -> Option<Leaf> {
    let text = format!("/r1/{}/{}", contract.service(), TARGETS[number / 3 % 3]);
    let Ok(Target::Service(target)) = parse_target(&text, &TargetLimits::default()) else {
        panic!("{text}");
    };
    let client: SubsystemId = CONSUMER.parse().unwrap();
    let now = at(number);
    let facts = Facts {
        client: &client,
        service: contract.service(),
        is_published: true,
        method: METHODS[number / 9 % 3],
        path: &target.path,
        query: &target.query,
        purpose: [Some("tax"), Some("audit"), None][number / 27 % 3],
        legal_basis: None,
        groups: &NoGroups,
    };
    let allowed = decide(std::slice::from_ref(contract), &facts, counters, now).ok()?;
    counters.count(&Account::of(contract, &client), now);
    Some(leaf(&allowed, &client, now))
}

fn leaf(allowed: &Allowed, client: &SubsystemId, now: UnixMillis) -> Leaf {
    let mut leaf = Leaf::new(Kind::RequestReceived, now);
    leaf.request_id = Some(Uuid::new_v4());
    leaf.side = Some(Side::Provider);
    leaf.client = Some(client.clone());
    leaf.service = Some(allowed.contract.service().clone());
    leaf.endpoint = Some(allowed.matched().to_string());
    leaf.contract = Some(allowed.contract.reference().to_owned());
    leaf.decision = Some(true);
    leaf.purpose.clone_from(&allowed.purpose);
    leaf.basis.clone_from(&allowed.basis);
    leaf.rules.clone_from(&allowed.rules);
    leaf
}

fn refused(now: UnixMillis) -> Leaf {
    let mut leaf = Leaf::new(Kind::Refused, now);
    leaf.request_id = Some(Uuid::new_v4());
    leaf.side = Some(Side::Provider);
    leaf.decision = Some(false);
    leaf.outcome = Some("server.serverproxy.access_denied".to_owned());
    leaf
}

/// Makes decisions until so many were allowed: their leaves, refusals among them.
fn decisions(versions: &[(Vec<u8>, Arc<Contract>)]) -> (Vec<Leaf>, usize) {
    let mut counters = Counters::new(Side::Provider);
    let (mut leaves, mut denied, mut number) = (Vec::new(), 0, 0);
    while leaves.len() < DECISIONS + denied {
        let (_, contract) = &versions[number % 3];
        if let Some(leaf) = decided(contract, &mut counters, number) {
            leaves.push(leaf);
        } else {
            denied += 1;
            leaves.push(refused(at(number)));
        }
        number += 1;
    }
    (leaves, denied)
}

/// Writes a journal of these leaves.
async fn write(folder: &Path, leaves: Vec<Leaf>) {
    let key = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    let keys = JournalKeys {
        checkpoint_pkcs8: Zeroizing::new(key.as_ref().to_vec()),
        evidence: Zeroizing::new([7; 32]),
    };
    let signer =
        FileSigner::from_pkcs8(Algorithm::Ed25519, key.as_ref(), "key".to_owned()).unwrap();
    let config = JournalConfig::new(
        folder.join("journal"),
        "exchange.example/AZ/GOV/1001/NODE1/1",
    );
    let failed = Box::new(|error: &bridge_journal::JournalError| panic!("{error}"));
    let (journal, _opened) =
        Journal::open(config, keys, Arc::new(signer), UnixMillis(START_MS), failed).unwrap();
    let mut leaves = leaves.into_iter().peekable();
    while leaves.peek().is_some() {
        let mut writing = tokio::task::JoinSet::new();
        for leaf in leaves.by_ref().take(TOGETHER) {
            let journal = journal.clone();
            writing.spawn(async move { journal.record(Entry::of(leaf)).await });
        }
        while let Some(written) = writing.join_next().await {
            written.unwrap().unwrap();
        }
    }
    journal.close().await.unwrap();
}

/// Exit code, standard output and standard error of a replay of the journal at this place in a folder.
fn replay(folder: &Path, journal: &str) -> (i32, String, String) {
    let output = Command::new(program())
        .args(["audit", "replay", journal, "--contracts", "contracts"])
        .current_dir(folder)
        .output()
        .unwrap();
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

fn keep(folder: &Path, versions: &[(Vec<u8>, Arc<Contract>)]) {
    fs::create_dir(folder.join("contracts")).unwrap();
    for (number, (file, _)) in versions.iter().enumerate() {
        fs::write(folder.join(format!("contracts/{number}.json")), file).unwrap();
    }
}

#[tokio::test]
async fn ten_thousand_allowed_decisions_are_re_decided_also_under_superseded_contracts() {
    let folder = tempfile::tempdir().unwrap();
    let versions = versions();
    keep(folder.path(), &versions);
    let (leaves, denied) = decisions(&versions);
    assert!(denied > 1000, "{denied}");
    write(folder.path(), leaves).await;
    let (code, told, error) = replay(folder.path(), "journal");
    assert_eq!((code, error.as_str()), (0, ""), "{told}");
    for line in [
        format!("{DECISIONS} allowed decisions agree, 0 disagree\n"),
        format!(
            "{denied} refused, not re-decidable: a leaf of a refusal holds too little of the request, "
        ),
    ] {
        assert!(told.contains(&line), "{told}");
    }
    for (_, contract) in &versions {
        assert!(told.contains(contract.reference()), "{told}");
    }
}

#[tokio::test]
async fn what_two_nodes_recorded_of_exchanges_is_re_decided_at_both_ends() {
    let world = World::usual().await;
    for _exchange in 0..2 {
        world.consumer.get(PATH).send().await.answered(200);
    }
    let metadata = format!("/r1/{PROVIDER}/listMethods");
    world.consumer.get(&metadata).send().await.answered(200);
    let refused = world.consumer.get(&format!("{PATH}?other=1")).send().await;
    refused.refused(403, "server.clientproxy.access_denied");
    for (agency, refused) in [(&world.consumer, 1), (&world.provider, 0)] {
        let (code, told, error) = replay(&agency.folder, "data/journal");
        assert_eq!((code, error.as_str()), (0, ""), "{told}");
        for line in [
            "2 allowed decisions agree, 0 disagree\n".to_owned(),
            "1 allowed calls for metadata: no contract decides them\n".to_owned(),
            format!("{refused} refused, not re-decidable: "),
        ] {
            assert!(told.contains(&line), "{told}");
        }
    }
}

#[tokio::test]
async fn each_allowed_decision_that_no_contract_makes_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let versions = versions();
    keep(folder.path(), &versions);
    let (mut leaves, _denied) = decisions(&versions);
    leaves.truncate(2000);
    let under = |leaves: &[Leaf], version: usize, from: usize| {
        let reference = versions[version].1.reference();
        let named = |leaf: &Leaf| leaf.contract.as_deref() == Some(reference);
        from + leaves[from..].iter().position(named).unwrap()
    };
    let allowed = leaves
        .iter()
        .filter(|leaf| leaf.kind == Kind::RequestReceived)
        .count();
    // Eight lies, one behind the other.
    let at: Vec<usize> = (0..8).map(|lie| under(&leaves, 2, lie * 240)).collect();
    leaves[at[0]].purpose = Some("audit".to_owned());
    leaves[at[1]].contract = Some(versions[0].1.reference().to_owned());
    leaves[at[2]].contract = Some(format!("tax-registry@{}", "A".repeat(43)));
    leaves[at[3]].endpoint = Some("GET /secrets".to_owned());
    let quota = |rule: &mut String| {
        if rule.starts_with("quota:day ") {
            "quota:day 2501/2500".clone_into(rule);
        }
    };
    Arc::make_mut(&mut leaves[at[4]].rules)
        .iter_mut()
        .for_each(quota);
    leaves[at[5]].client = Some("AZ/GOV/2001/OTHER".parse().unwrap());
    leaves[at[6]].rules = ["metadata".to_owned()].into();
    leaves[at[7]].decision = None;
    let ids: Vec<Uuid> = at
        .iter()
        .map(|at| leaves[*at].request_id.unwrap())
        .collect();
    write(folder.path(), leaves).await;
    let (code, told, error) = replay(folder.path(), "journal");
    assert_eq!(code, 2, "{error}");
    assert!(
        told.contains(" allowed decisions agree, 8 disagree\n"),
        "{told}"
    );
    assert_eq!(error.lines().count(), 8, "{error}");
    for ((line, id), why) in error.lines().zip(&ids).zip([
        "refuses it by its rule on purposes",
        "the recorded rules are not those of the contract",
        "no contract file has the version tax-registry@AAAA",
        "no endpoint of the contract allows what is recorded",
        "refuses it by its rule on quota",
        "does not name the client and service of the leaf",
        "the rule `quota:hour` is missing or malformed",
        "the leaf records no allowed request",
    ]) {
        assert!(
            line.contains(&id.to_string()) && line.contains(why),
            "{line}"
        );
    }
    // With no contract at all each is one more: the first thousand are named.
    for number in 0..versions.len() {
        fs::remove_file(folder.path().join(format!("contracts/{number}.json"))).unwrap();
    }
    let (code, told, error) = replay(folder.path(), "journal");
    assert_eq!(code, 2);
    let count = format!("0 allowed decisions agree, {allowed} disagree\n");
    assert!(told.contains(&count), "{told}");
    assert!(allowed > 1000, "{allowed}");
    assert_eq!(error.lines().count(), 1001);
    let last = error.lines().next_back().unwrap();
    assert!(
        last.ends_with(&format!("and {} more", allowed - 1000)),
        "{last}"
    );
}
