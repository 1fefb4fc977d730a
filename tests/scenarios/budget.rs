//! Budget and procurement disclosure: figures in CSV and XLSX files behind a node.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use bridge_adapter::Package;
use bridge_core::identity::SubsystemId;
use bridge_tests::package::{Trial, folder};
use bridge_tests::wait::wait_until;
use serde_json::Value;

const CONSUMER: &str = "AZ/NGO/5001/OFFICE";
/// Service, table of the generator, rows.
const EXPORTS: [(&str, &str, usize); 3] = [
    ("budget-execution", "execution", 165),
    ("procurement", "procurement", 400),
    ("grants-paid", "grants", 150),
];

/// Copies the sample files to where their owner would put them, and says the provider's settings.
fn files(package: &Package, provider: &SubsystemId, root: &Path) -> String {
    let files = root.join("files");
    fs::create_dir(&files).unwrap();
    for entry in fs::read_dir(package.folder.join("sample")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), files.join(entry.file_name())).unwrap();
    }
    format!(
        "[[services]]\nadapter = \"file\"\nsubsystem = \"{provider}\"\npublished = true\npackage = \"{}\"\nfiles = \"{}\"\n",
        package.folder.display(),
        files.display()
    )
}

/// What the generator says that a table holds.
fn generated(table: &str) -> Value {
    let mut python = Command::new("python3");
    python.arg("-B").arg(folder("budget").join("sample.py"));
    let output = python.args(["rows", table]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Puts a file there as its owner should: beside its place, then renamed.
fn put(file: &Path, text: &str) {
    let new = file.with_extension("new");
    fs::write(&new, text).unwrap();
    fs::rename(new, file).unwrap();
}

async fn export(trial: &Trial, service: &str) -> Value {
    let consumer = trial.consumer(CONSUMER);
    let answer = consumer.get(&trial.path(service, "")).send().await;
    answer.answered(200).json()
}

fn execution(trial: &Trial) -> PathBuf {
    trial.folder().join("files/budget-execution.csv")
}

#[tokio::test]
async fn figures_in_files_are_disclosed_over_two_nodes() {
    let trial = Trial::start_with("budget", files).await;
    trial.play().await;
    // Open data: all rows, as the generator made them, out of text and out of workbooks.
    for (service, table, rows) in EXPORTS {
        let all = export(&trial, service).await;
        assert_eq!(all.as_array().unwrap().len(), rows, "{service}");
        assert_eq!(all, generated(table), "{service}");
    }
    trial.verify();
}

#[tokio::test]
async fn a_new_quarter_is_served_and_a_broken_one_is_alarmed() {
    let trial = Trial::start_with("budget", files).await;
    let file = execution(&trial);
    let before = fs::read_to_string(&file).unwrap();
    let row = "2026;4;31.12.2026;04;Təhsil;1 000,00;999,99\r\n";
    put(&file, &format!("{before}{row}"));
    wait_until("the new quarter is disclosed", async || {
        export(&trial, "budget-execution")
            .await
            .as_array()
            .unwrap()
            .len()
            == 166
    })
    .await;
    let path = trial.path("budget-execution", "/2026/4/04");
    let quarter = trial.consumer(CONSUMER).get(&path).send().await;
    assert_eq!(quarter.answered(200).json()["spent_qepik"], 99_999);
    put(
        &file,
        &format!("{before}{}", row.replace("999,99", "999.99")),
    );
    let alarms = async || {
        let ready = trial.provider.health("/ready").await.unwrap();
        assert_eq!(ready.status, 200, "the one before goes on: {ready:?}");
        ready.json()["alarms"].to_string()
    };
    wait_until("the alarm", async || {
        alarms().await.contains("budget-execution.csv:167")
    })
    .await;
    let told = alarms().await;
    assert!(
        told.contains("column İcra edilib, manat") && !told.contains("999.99"),
        "{told}"
    );
    assert_eq!(
        export(&trial, "budget-execution")
            .await
            .as_array()
            .unwrap()
            .len(),
        166
    );
    put(&file, &before);
    wait_until("all is well", async || alarms().await == "null").await;
}
