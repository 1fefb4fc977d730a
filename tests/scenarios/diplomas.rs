//! The higher-education information system: an HTTP upstream behind a client certificate and access tokens.

use bridge_tests::package::Trial;
use bridge_tests::university::{STUDENTS, Student, University, is_signed, students};
use serde_json::Value;

use crate::registries::checked_by;

const ADMISSION: &str = "AZ/EDU/6002/ADMISSION";

async fn trial() -> (tempfile::TempDir, University, Trial) {
    let folder = tempfile::tempdir().unwrap();
    let university = University::start(folder.path()).await;
    let settings = university.clone();
    let trial = Trial::start_with("diplomas", move |package, provider, _| {
        settings.settings(&package.folder, &provider.to_string())
    })
    .await;
    (folder, university, trial)
}

async fn transcript(trial: &Trial, fin: &str) -> Value {
    let path = trial.path("transcript", &format!("/{fin}"));
    let ask = trial.consumer(ADMISSION).get(&path);
    let ask = ask.field("bridge-purpose", "admission");
    let answer = ask
        .field("bridge-legal-basis", "education-law-14")
        .send()
        .await;
    answer.answered(200).json()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_upstream_is_examined_by_the_lines_of_a_nodes_settings() {
    let folder = tempfile::tempdir().unwrap();
    let university = University::start(folder.path()).await;
    checked_by("diplomas", &university.settings(folder.path(), "-"));
}

#[tokio::test]
async fn diplomas_are_checked_at_an_upstream_that_knows_its_callers() {
    let (_folder, university, trial) = trial().await;
    trial.play().await;
    let (given, asked) = university.counts();
    assert_eq!(given, 1, "one token for all exchanges");
    assert!(asked >= 8, "{asked}");
    assert_eq!(university.strangers(), 0);
    trial.verify();
}

#[tokio::test]
async fn a_transcript_arrives_with_the_upstreams_own_signature() {
    let (_folder, _university, trial) = trial().await;
    let student = Student::of(4);
    let arrived = transcript(&trial, &student.fin).await;
    assert_eq!(arrived, student.transcript());
    assert!(is_signed(&arrived), "{arrived}");
    let mut forged = arrived;
    forged["record"]["credits"] = 999.into();
    assert!(!is_signed(&forged));
}

#[tokio::test]
async fn a_revoked_token_is_replaced_without_a_consumer_noticing() {
    let (_folder, university, trial) = trial().await;
    let student = Student::of(9);
    let before = transcript(&trial, &student.fin).await;
    university.revoke();
    assert_eq!(transcript(&trial, &student.fin).await, before);
    assert_eq!(university.counts().0, 2);
    trial.verify();
}

#[test]
fn the_students_are_many_and_each_has_a_code_of_their_own() {
    let codes: std::collections::BTreeSet<String> = students().map(|own| own.fin).collect();
    assert_eq!(codes.len(), STUDENTS);
}

#[test]
fn what_the_scenario_expects_is_what_the_sample_holds() {
    let text = include_str!("../../adapters/registries/diplomas/scenario.toml");
    let student = Student::of(4);
    for expected in [
        student.transcript(),
        Student::checked(&student.diploma().unwrap(), &student.fin),
        Student::of(5).tuition(2026),
    ] {
        assert!(text.contains(&expected.to_string()), "{expected}");
    }
}
