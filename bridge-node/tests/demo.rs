//! `demo`: what it prints, what it keeps, how it ends.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

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
    assert_eq!(
        keys,
        ["elapsed_ms", "exchanges", "journals", "refusals", "stamped"]
    );
    assert_eq!(shown["stamped"], true);
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
fn the_dossier_that_is_kept_says_when_the_exchange_was_stamped() {
    let folder = tempfile::tempdir().unwrap();
    let told = run(folder.path(), &["demo", "--once", "--dir", "."]).good();
    assert!(
        told.contains(" leaves are stamped, the newest stamp is of "),
        "{told}"
    );
    let verify = ["audit", "verify-dossier", "dossier.asice", "--trust"];
    let verify = |trust: &str| run(folder.path(), &[&verify[..], &[trust]].concat());
    let judged = verify("trust/anchors.pem").good();
    let of_time: Vec<&str> = judged
        .lines()
        .filter(|line| line.contains("as a time-stamping authority says"))
        .collect();
    assert_eq!(of_time.len(), 1, "{judged}");
    assert!(
        told.contains(of_time[0]),
        "the story tells the same: {told}"
    );
    let other = ["certs", "authority", "other"];
    run(folder.path(), &other).good();
    verify("other/root.pem").bad(2, &["stamps/time.tsr: "]);
    for agency in ["population", "tax", "executive"] {
        let journal = format!("{agency}/data/journal");
        let verify = ["audit", "verify", &journal, "--time-trust"];
        let verified = run(
            folder.path(),
            &[&verify[..], &["trust/anchors.pem"]].concat(),
        );
        assert!(
            verified
                .good()
                .contains(" time-stamps by trusted authorities"),
            "{agency}"
        );
        // The authority has ended with the demonstration: no settings ask for it.
        let settings: Vec<_> = fs::read_dir(folder.path().join(agency))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|ending| ending == "toml"))
            .collect();
        assert_eq!(settings, [folder.path().join(agency).join("node.toml")]);
        let text = fs::read_to_string(&settings[0]).unwrap();
        assert!(!text.contains("[time]"), "{text}");
    }
}

#[test]
fn without_openssl_it_says_that_no_time_is_stamped_and_the_rest_holds() {
    let folder = tempfile::tempdir().unwrap();
    let demo = |words: &[&str]| {
        let mut demo = program();
        demo.args(["demo", "--once"]).args(words);
        let output = demo.env("PATH", folder.path()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let told = demo(&[]);
    let about: Vec<&str> = told.lines().filter(|line| line.contains("stamp")).collect();
    assert_eq!(about.len(), 1, "{told}");
    assert!(
        about[0].contains("No time is stamped") && about[0].contains("`openssl`"),
        "{told}"
    );
    assert!(told.contains("sealed by AZ/GOV/2001 at "), "{told}");
    let shown: Value = serde_json::from_str(&demo(&["--json"])).unwrap();
    assert_eq!(shown["stamped"], false);
    // Each officer's look is a leaf: two at the tax service's node, one at the register's.
    let journals = shown["journals"].as_array().unwrap();
    let leaves: Vec<_> = journals.iter().map(|one| one["leaves"].as_u64()).collect();
    assert_eq!(leaves, [Some(5), Some(5), Some(3)]);
}

#[test]
fn a_demonstration_that_nobody_reads_ends_by_itself_and_leaves_no_node_behind() {
    let folder = tempfile::tempdir().unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut demo = program();
    demo.args(["demo", "--dir"]).arg(folder.path());
    demo.stdout(writer).stderr(Stdio::piped());
    let mut child = demo.spawn().unwrap();
    // The pipe's end that this process has goes with the command.
    drop(demo);
    assert!(ended(&mut child).success());
    let mut said = String::new();
    let mut stderr = child.stderr.take().unwrap();
    stderr.read_to_string(&mut said).unwrap();
    assert_eq!(said, "");
    assert_eq!(running_in(folder.path()), Vec::<String>::new());
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

#[test]
fn the_lines_to_try_work_as_they_are_printed() {
    let folder = tempfile::tempdir().unwrap();
    let (mut child, mut rest) = start_until(folder.path(), "until you press Ctrl-C");
    for _ in 0..3 {
        let line = rest.next().unwrap();
        assert!(line.trim().starts_with("curl "), "{line}");
        let line =
            format!("{line} --silent --show-error --output /dev/null --write-out '%{{http_code}}'");
        let output = Command::new("sh").args(["-c", &line]).output().unwrap();
        assert_eq!(
            String::from_utf8_lossy(&output.stdout),
            "200",
            "{line}: {output:?}"
        );
    }
    signal(&child, Signal::INT);
    assert!(rest.count() < 100);
    assert!(ended(&mut child).success());
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
