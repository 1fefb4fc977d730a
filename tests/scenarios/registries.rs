//! Registry packages over two nodes: each scenario played by real clients, both journals verified.

use std::process::Command;

use bridge_tests::package::{folder, run_package};
use bridge_tests::process::program;

/// `adapter check` finds a package good, against a sample database that it makes.
#[track_caller]
fn checked(name: &str) {
    let place = tempfile::tempdir().unwrap();
    let mut command = Command::new(program());
    command.args(["adapter", "check"]).arg(folder(name));
    command
        .arg("--database")
        .arg(place.path().join("sample.db"));
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let wrong = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{wrong}");
}

#[tokio::test]
async fn population_answers_over_two_nodes() {
    checked("population");
    run_package("population").await;
}
