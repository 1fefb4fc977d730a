//! `demo`: what it prints, what it keeps, how it ends.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::shell::{ended, program, run, signal};
use crate::world::{World, get};

const PERSON: &str = "/r1/AZ/GOV/1001/POPULATION/person/MBXEHTV";
const STATUS: &str = "/r1/AZ/GOV/1001/POPULATION/status/MBXEHTV";

#[test]
fn json_is_one_object_of_the_documented_shape_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let out = run(folder.path(), &["demo", "--once", "--json"]).good();
    assert_eq!(out.lines().count(), 1, "{out}");
    let shown: Value = serde_json::from_str(&out).unwrap();
    let mut keys: Vec<&String> = shown.as_object().unwrap().keys().collect();
    keys.sort();
    assert_eq!(keys, ["elapsed_ms", "exchanges", "journals", "refusals"]);
    assert_eq!(
        (&shown["exchanges"], &shown["refusals"]),
        (&json!(2), &json!(2))
    );
    assert!(shown["elapsed_ms"].as_u64().unwrap() > 0);
    let journals = shown["journals"].as_array().unwrap();
    let members: Vec<&Value> = journals.iter().map(|journal| &journal["member"]).collect();
    assert_eq!(members, ["AZ/GOV/1001", "AZ/GOV/2001", "AZ/LEA/3001"]);
    for journal in journals {
        assert_eq!(journal.as_object().unwrap().len(), 3, "{journal}");
        assert_eq!(journal["verified"], true);
        assert!(journal["leaves"].as_u64().unwrap() > 0);
    }
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        0,
        "nothing is left where it was started"
    );
}

#[test]
fn each_node_that_was_kept_starts_again_and_answers() {
    let world = World::new();
    let agencies = [world.population(), world.tax(), world.executive()];
    let keys = agencies.each_ref().map(crate::world::Agency::new_api_key);
    let nodes = agencies.each_ref().map(crate::world::Agency::start);
    let [population, tax, executive] = &agencies;
    let methods = population.ask(
        &keys[0],
        "/r1/AZ/GOV/1001/POPULATION/listMethods",
        ("x", "x"),
    );
    assert_eq!(methods.status, 200, "{methods:?}");
    assert!(methods.body.contains("\"person\""), "{methods:?}");
    let person = tax.ask(&keys[1], PERSON, ("tax-assessment", "tax-code-23"));
    assert_eq!(person.status, 200, "{person:?}");
    assert!(
        person.head.contains("\r\nbridge-peer-receipt: "),
        "{person:?}"
    );
    let status = executive.ask(&keys[2], STATUS, ("appeal-handling", "appeals-law-8"));
    assert_eq!(status.status, 200, "{status:?}");
    for node in nodes {
        node.stop();
    }
    for agency in &agencies {
        assert!(agency.verify().good().contains(": verified: "));
    }
}

#[test]
fn a_folder_that_holds_something_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("mine"), "mine").unwrap();
    let said = run(folder.path(), &["demo", "--once", "--json", "--dir", "."]);
    said.bad(1, &[". is not empty", "hint: give a new folder"]);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn json_needs_once() {
    run(Path::new("."), &["demo", "--json"]).bad(64, &["--once"]);
}

/// Starts the demonstration and reads what it tells until a line holds the text.
fn start_until(folder: &Path, text: &str) -> (Child, impl Iterator<Item = String> + use<>) {
    let mut child = program()
        .args(["demo", "--dir"])
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);
    assert!(
        lines.any(|line| line.contains(text)),
        "`{text}` was not told"
    );
    (child, lines)
}

/// Processes whose command line names the folder.
fn running_in(folder: &Path) -> Vec<String> {
    let name = folder.to_str().unwrap();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        // A process that is just ending has no command line any more.
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        if line.contains(name) && entry.file_name().to_string_lossy().parse::<u32>().is_ok() {
            found.push(line);
        }
    }
    found
}

#[test]
fn an_interrupt_stops_the_nodes_and_verifies_the_journals() {
    for ended_by in [Signal::INT, Signal::TERM] {
        let folder = tempfile::tempdir().unwrap();
        let (mut child, rest) = start_until(folder.path(), "until you press Ctrl-C");
        let agency = World::at(folder.path()).tax();
        let health = agency.setting("health_listen");
        assert_eq!(get(&health, "/ready", "").unwrap().status, 200);
        assert_eq!(
            running_in(folder.path()).len(),
            4,
            "three nodes and the demonstration"
        );
        signal(&child, ended_by);
        let told: Vec<String> = rest.collect();
        assert!(ended(&mut child).success(), "{told:#?}");
        assert!(
            told.iter()
                .any(|line| line.contains("The nodes are stopped")),
            "{told:#?}"
        );
        assert_eq!(running_in(folder.path()), Vec::<String>::new());
        assert!(get(&health, "/live", "").is_err());
    }
}

#[test]
fn an_interrupt_in_the_middle_leaves_no_node_behind() {
    let folder = tempfile::tempdir().unwrap();
    let (mut child, rest) = start_until(folder.path(), "1. Three agencies are at work");
    signal(&child, Signal::TERM);
    assert!(rest.count() < 100);
    let status = ended(&mut child);
    // It may have come to its end before the signal; then it waited, and was told to stop.
    assert!(matches!(status.code(), Some(0 | 1)), "{status}");
    assert_eq!(running_in(folder.path()), Vec::<String>::new());
}
