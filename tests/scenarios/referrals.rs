//! The register of referrals: a program in Python, in its cage, behind a node.

use std::collections::BTreeSet;
use std::path::Path;

use bridge_adapter::Package;
use bridge_core::identity::SubsystemId;
use bridge_tests::package::{Trial, with_library};
use bridge_tests::process::program;
use bridge_tests::wait::all_at_once;

const SENDER: &str = "AZ/GOV/5001/INTERNAL-CONTROL";
const PERSON: &str = "AZ/GOV/8001/MYGOV";
const CALLERS: usize = 64;

/// The service's settings; the cage is made by the program, not by this test.
fn service(package: &Package, provider: &SubsystemId, folder: &Path) -> String {
    let package = with_library(&package.name, folder);
    format!(
        "[[services]]\nadapter = \"process\"\nsubsystem = \"{provider}\"\npublished = true\npackage = \"{}\"\n\
         cage = {{ executable = \"{}\" }}\n",
        package.display(),
        program().display()
    )
}

fn referral(case: usize) -> String {
    format!(
        r#"{{"case":"IC-2026-{case}","subject":"9QQ1W2E","kind":"bribery","summary":"Əlavə ödəniş tələb olunub.","order":{{"id":"DO-2026/900","not_before":"2031-01-01"}}}}"#
    )
}

#[tokio::test]
async fn referrals_are_entered_once_and_hidden_from_the_person_by_order() {
    let trial = Trial::start_with("referrals", service).await;
    trial.play().await;
    let (sender, person) = (trial.consumer(SENDER), trial.consumer(PERSON));
    let view = || {
        person
            .get(&trial.path("subject-view", "/9QQ1W2E"))
            .field("bridge-purpose", "data-access")
            .field("bridge-legal-basis", "personal-data-law-7")
            .send()
    };
    let before = view().await.answered(200).json();

    // One referral under one key and a referral each under keys of their own, all at once.
    let target = trial.path("referral-send", "");
    let send = |case: usize, key: String| {
        sender
            .ask("POST", &target)
            .field("bridge-purpose", "anti-corruption")
            .field("bridge-legal-basis", "anti-corruption-law-12")
            .field("content-type", "application/json")
            .field("idempotency-key", &key)
            .body(referral(case))
            .send()
    };
    let same = (0..CALLERS).map(|_| send(7000, "same".to_owned()));
    let own = (0..CALLERS).map(|number| send(7100 + number, format!("own-{number}")));
    let (same, own) = tokio::join!(all_at_once(same), all_at_once(own));
    let mut ids = BTreeSet::new();
    for answer in &own {
        ids.insert(answer.answered(201).json()["id"].to_string());
    }
    assert_eq!(ids.len(), CALLERS);
    // While the first is under way the node says so; whoever was answered was told of one and the same entry.
    let entered: Vec<_> = same.iter().filter(|answer| answer.status == 201).collect();
    let told: BTreeSet<String> = entered
        .iter()
        .map(|answer| answer.json().to_string())
        .collect();
    assert_eq!(told.len(), 1, "{told:?}");
    for answer in same.iter().filter(|answer| answer.status != 201) {
        answer.refused(409, "server.serverproxy.idempotency_key_in_flight");
    }

    // The person's view is what it was: an order leaves no trace.
    assert_eq!(view().await.answered(200).json(), before);
    // The register's list holds each case once, so the sender can compare.
    let list = trial.path("referral-status", "?from=2026-11-01");
    let list = sender
        .get(&list)
        .field("bridge-purpose", "anti-corruption")
        .field("bridge-legal-basis", "anti-corruption-law-12");
    let list = list.send().await.answered(200).json();
    let cases = list["referrals"].as_array().unwrap().iter();
    let cases: Vec<String> = cases.map(|entry| entry["case"].to_string()).collect();
    let ours = |case: &&String| case.starts_with("\"IC-2026-7");
    assert_eq!(cases.iter().filter(ours).count(), CALLERS + 1, "{cases:?}");
    assert_eq!(cases.iter().collect::<BTreeSet<_>>().len(), cases.len());
    trial.verify();
}
