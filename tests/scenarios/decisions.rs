//! `audit replay`: ten thousand decisions re-decided from leaf, evidence and contract, and each that no contract makes is named.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use bridge_core::leaf::{Kind, Leaf, Side};
use bridge_tests::process::program;
use bridge_tests::puppet::{Puppet, reference};
use bridge_tests::world::{PATH, PROVIDER, World, usual};
use serde_json::json;
use uuid::Uuid;

use kept::{Kept, Keys};
use made::{DECISIONS, Logged, Version, decisions, versions};

mod forged;
mod kept;
mod made;

/// Exit code, standard output and standard error of a replay of the journal at this place in a folder.
fn replay(folder: &Path, journal: &str, evidence_key: Option<&str>) -> (i32, String, String) {
    let mut command = Command::new(program());
    command.args(["audit", "replay", journal, "--contracts", "contracts"]);
    if let Some(key) = evidence_key {
        command.args(["--evidence-key", key]);
    }
    let output = command.current_dir(folder).output().unwrap();
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

fn keep(folder: &Path, versions: &[Version]) {
    fs::create_dir(folder.join("contracts")).unwrap();
    for (number, (file, _)) in versions.iter().enumerate() {
        fs::write(folder.join(format!("contracts/{number}.json")), file).unwrap();
    }
}

fn count(logged: &[Logged], is: impl Fn(&Leaf) -> bool) -> usize {
    logged.iter().filter(|one| is(&one.leaf)).count()
}

fn is_refusal(leaf: &Leaf) -> bool {
    leaf.kind == Kind::Refused
}

#[tokio::test]
async fn ten_thousand_decisions_allowed_and_refused_are_re_decided_also_under_superseded_contracts()
{
    let folder = tempfile::tempdir().unwrap();
    let (versions, keys) = (versions(), Keys::new());
    keep(folder.path(), &versions);
    let logged = decisions(&versions, &keys, DECISIONS);
    let refused = count(&logged, is_refusal);
    let alone = logged
        .iter()
        .filter(|one| matches!(one.kept, Kept::Nothing))
        .count();
    // Every rule that a contract of these has refuses some, at either end.
    for side in [Side::Consumer, Side::Provider] {
        for rule in [
            "endpoints",
            "semicolons",
            "query names",
            "purposes",
            "quota",
        ] {
            let rule = format!("denied:{rule}");
            let own = |leaf: &Leaf| leaf.side == Some(side) && leaf.rules.contains(&rule);
            assert!(count(&logged, own) > 0, "{side:?} {rule}");
        }
    }
    let allowed = DECISIONS - refused;
    assert!(refused > 1000 && allowed > 1000, "{refused} {allowed}");
    keys.write(folder.path(), logged).await;
    let (code, told, error) = replay(folder.path(), "journal", Some("evidence.key"));
    assert_eq!((code, error.as_str()), (0, ""), "{told}");
    for line in [
        format!("{allowed} allowed decisions agree, 0 disagree\n"),
        format!(
            "  {} from the signed request, the leaf and the contract\n",
            allowed - alone
        ),
        format!("  {alone} from leaf and contract alone: the contract keeps no evidence\n"),
        format!("{refused} refused decisions agree, 0 disagree\n"),
    ] {
        assert!(told.contains(&line), "{told}");
    }
    assert!(!told.contains("not re-decidable"), "{told}");
    for (_, contract) in &versions {
        assert!(told.contains(contract.reference()), "{told}");
    }
    // Without the key the allowed ones are decided from their leaves, and the others are told.
    let (code, told, error) = replay(folder.path(), "journal", None);
    assert_eq!((code, error.as_str()), (0, ""), "{told}");
    for line in [
        format!("{allowed} allowed decisions agree, 0 disagree\n"),
        "0 refused decisions agree, 0 disagree\n".to_owned(),
        format!("{refused} refused, not re-decidable: no evidence key was given\n"),
    ] {
        assert!(told.contains(&line), "{told}");
    }
}

#[tokio::test]
async fn what_two_nodes_recorded_of_exchanges_is_re_decided_at_both_ends() {
    let listed = json!([{ "code": "tax", "title": "Tax" }]);
    let terms = usual().with("purposes", listed);
    let world = World::with().contract(terms).start().await;
    for _exchange in 0..2 {
        let asked = world.consumer.get(PATH).field("bridge-purpose", "tax");
        asked.send().await.answered(200);
    }
    let metadata = format!("/r1/{PROVIDER}/listMethods");
    world.consumer.get(&metadata).send().await.answered(200);
    // Refused by the own node: a query name, a purpose that is not listed, none; and a service that nobody has.
    let mine = |query: &str, purpose: Option<&str>| {
        let asked = world.consumer.get(&format!("{PATH}{query}"));
        match purpose {
            Some(purpose) => asked.field("bridge-purpose", purpose),
            None => asked,
        }
    };
    for (query, purpose) in [
        ("?other=1", Some("tax")),
        ("", Some("curiosity")),
        ("", None),
    ] {
        let refused = mine(query, purpose).send().await;
        refused.refused(403, "server.clientproxy.access_denied");
    }
    // Refused by the provider's: a node that does not hold its own callers to the contract.
    let puppet = Puppet::of(&world.consumer);
    let contract = reference(&world.provider, "tax-registry");
    for (query, purpose) in [("?other=1", "tax"), ("", "curiosity")] {
        let mut forged = puppet.request(&world.provider, &format!("{PATH}{query}"), &contract);
        forged.set("bridge-purpose", purpose);
        let refused = puppet.ask(&world.provider, forged).await;
        refused.refused(403, "server.serverproxy.access_denied");
    }
    let none = puppet.request(&world.provider, PATH, &contract);
    let refused = puppet.ask(&world.provider, none).await;
    refused.refused(403, "server.serverproxy.access_denied");
    let strange = contract.replace("tax", "xat");
    let strange = puppet.request(&world.provider, PATH, &strange);
    let versions = "server.serverproxy.contract_versions_differ";
    let refused = puppet.ask(&world.provider, strange).await;
    refused.refused(409, versions);
    for (agency, others) in [
        (&world.consumer, Vec::new()),
        (
            &world.provider,
            vec![format!(
                "1 refused, not re-decidable: {versions}: no rule of a contract decided it\n"
            )],
        ),
    ] {
        let key = Some("keys/evidence.key");
        let (code, told, error) = replay(&agency.folder, "data/journal", key);
        assert_eq!((code, error.as_str()), (0, ""), "{told}");
        let lines = [
            "2 allowed decisions agree, 0 disagree\n  2 from the signed request, ".to_owned(),
            "1 allowed calls for metadata: no contract decides them\n".to_owned(),
            "3 refused decisions agree, 0 disagree\n".to_owned(),
        ];
        for line in lines.iter().chain(&others) {
            assert!(told.contains(line), "{told}");
        }
        assert_eq!(
            told.matches("not re-decidable").count(),
            others.len(),
            "{told}"
        );
    }
}

#[tokio::test]
async fn each_allowed_decision_that_no_contract_makes_is_named_from_its_leaf_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (versions, keys) = (versions(), Keys::new());
    keep(folder.path(), &versions);
    let mut logged = decisions(&versions, &keys, 4000);
    let reference = versions[2].1.reference().to_owned();
    let under = |logged: &[Logged], from: usize| {
        let named = |one: &Logged| {
            one.leaf.kind == Kind::RequestReceived
                && one.leaf.contract.as_deref() == Some(&reference)
        };
        from + logged[from..].iter().position(named).unwrap()
    };
    let allowed = count(&logged, |leaf| !is_refusal(leaf));
    // Eight lies, one behind the other.
    let at: Vec<usize> = (0..8).map(|lie| under(&logged, lie * 240)).collect();
    logged[at[0]].leaf.purpose = Some("audit".to_owned());
    logged[at[1]].leaf.contract = Some(versions[1].1.reference().to_owned());
    logged[at[2]].leaf.contract = Some(format!("tax-registry@{}", "A".repeat(43)));
    logged[at[3]].leaf.endpoint = Some("GET /secrets".to_owned());
    let quota = |rule: &mut String| {
        if rule.starts_with("quota:day ") {
            "quota:day 2501/2500".clone_into(rule);
        }
    };
    Arc::make_mut(&mut logged[at[4]].leaf.rules)
        .iter_mut()
        .for_each(quota);
    logged[at[5]].leaf.client = Some("AZ/GOV/2001/OTHER".parse().unwrap());
    logged[at[6]].leaf.rules = ["metadata".to_owned()].into();
    logged[at[7]].leaf.decision = None;
    let ids: Vec<Uuid> = at
        .iter()
        .map(|at| logged[*at].leaf.request_id.unwrap())
        .collect();
    keys.write(folder.path(), logged).await;
    let (code, told, error) = replay(folder.path(), "journal", None);
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
    let (code, told, error) = replay(folder.path(), "journal", None);
    assert_eq!(code, 2);
    let line = format!("0 allowed decisions agree, {allowed} disagree\n");
    assert!(told.contains(&line), "{told}");
    assert!(allowed > 1000, "{allowed}");
    assert_eq!(error.lines().count(), 1001);
    let last = error.lines().next_back().unwrap();
    assert!(
        last.ends_with(&format!("and {} more", allowed - 1000)),
        "{last}"
    );
}
