//! `audit`: what officers find, who may look, that looking leaves a trace, and that changed journals are told.

use std::fs;
use std::path::Path;

use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::shell::{Said, run};
use crate::world::{Agency, World, receipt_file};

const PERSON: &str = "AZ/GOV/1001/POPULATION/person";
const REFUSED: &str = "server.clientproxy.access_denied";

fn kinds(leaves: &[Value]) -> Vec<&str> {
    leaves
        .iter()
        .map(|leaf| leaf["kind"].as_str().unwrap())
        .collect()
}

fn as_officer(agency: &Agency, name: &str, key: &Path) -> Said {
    let arguments = [
        "audit",
        "search",
        "--socket",
        "data/admin.sock",
        "--officer",
        name,
        "--officer-key",
        key.to_str().unwrap(),
    ];
    run(&agency.folder, &arguments)
}

fn time_text(leaf: &Value, later_ms: u64) -> String {
    let ms = leaf["time"].as_u64().unwrap() + later_ms;
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000)
        .unwrap()
        .format(&Rfc3339)
        .unwrap()
}

#[test]
fn search_finds_by_client_service_outcome_id_and_time() {
    let world = World::new();
    let tax = world.tax();
    let _node = tax.start();
    let all = tax.search(&[]);
    let exchange: Vec<&Value> = all
        .iter()
        .filter(|leaf| leaf["client"] == "AZ/GOV/2001/TAX")
        .collect();
    assert_eq!(exchange.len(), 3, "sent, received, refused: {all:#?}");

    assert_eq!(tax.search(&["--client", "AZ/GOV/2001/TAX"]).len(), 3);
    assert_eq!(
        tax.search(&["--client", "AZ/LEA/3001/APPEALS"]),
        [Value::Null; 0]
    );
    assert_eq!(tax.search(&["--service", PERSON]).len(), 3);
    assert_eq!(
        tax.search(&["--service", "AZ/GOV/1001/POPULATION/status"]),
        [Value::Null; 0]
    );
    assert_eq!(
        kinds(&tax.search(&["--outcome", "ok"])),
        ["response-received"]
    );
    let refused = tax.search(&["--outcome", REFUSED]);
    assert_eq!(kinds(&refused), ["refused"], "{all:#?}");

    let id = tax.search(&["--outcome", "ok"])[0]["request_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut both = tax.search(&["--id", &id]);
    both.sort_by_key(|leaf| leaf["time"].as_u64());
    assert_eq!(kinds(&both), ["request-sent", "response-received"]);

    // Every leaf is on exactly one side of a moment.
    let (until, after) = (time_text(&both[1], 0), time_text(&both[1], 1));
    let (early, late) = (
        tax.search(&["--to", &until]),
        tax.search(&["--from", &after]),
    );
    assert_eq!(early.len() + late.len(), all.len(), "{early:#?} {late:#?}");
    assert!(early.contains(&both[0]) && early.contains(&both[1]) && late.contains(&refused[0]));
    assert_eq!(
        tax.search(&["--limit", "1", "--client", "AZ/GOV/2001/TAX"])
            .len(),
        1
    );
    // The demonstration's officer looked at this exchange too, and made a dossier of it.
    let table = tax.officer(&["search", "--id", &id]).good();
    assert!(table.ends_with("4 found\n"), "{table}");
    assert!(
        table.contains(&format!(
            "response-received  {id}  AZ/GOV/2001/TAX -> {PERSON}  ok"
        )),
        "{table}"
    );
}

#[test]
fn show_gives_all_that_is_known_and_every_look_is_a_leaf_with_the_officers_name() {
    let world = World::new();
    let tax = world.tax();
    let _node = tax.start();
    let id = tax.search(&["--outcome", "ok"])[0]["request_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let shown: Value = serde_json::from_str(&tax.officer(&["show", &id]).good()).unwrap();
    let records = shown["records"].as_array().unwrap();
    let received = records
        .iter()
        .find(|record| record["leaf"]["kind"] == "response-received")
        .unwrap();
    let body = received["evidence"]["body"]["text"].as_str().unwrap();
    assert!(body.contains("MBXEHTV"), "{shown:#}");
    assert!(
        received["evidence"]["signature_base"]
            .as_str()
            .unwrap()
            .contains("\"@status\": 200"),
        "{shown:#}"
    );
    assert!(
        received["receipt"]
            .as_str()
            .unwrap()
            .starts_with("journal.example/AZ/GOV/2001/NODE1/1#")
    );

    let looks = tax.officer(&["search", "--json"]).good();
    let facts: Vec<Value> = looks
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["leaf"].clone())
        .filter(|leaf| leaf["kind"] == "audit-read")
        .map(|leaf| leaf["facts"].clone())
        .collect();
    // The newest first: the search just made, the show, the search before it.
    let actions: Vec<&Value> = facts.iter().take(3).map(|facts| &facts["action"]).collect();
    assert_eq!(actions, ["search", "show", "search"]);
    assert!(
        facts.iter().all(|facts| facts["officer"] == "officer"),
        "{facts:#?}"
    );
}

#[test]
fn only_officers_of_the_settings_are_answered_and_a_refused_look_shows_nothing() {
    let world = World::new();
    let tax = world.tax();
    let node = tax.start();
    let own = tax.folder.join("officer.key");
    as_officer(&tax, "officer", &own).good();
    let told = [
        "not an officer of this node",
        "hint: sign with --officer-key",
    ];
    as_officer(
        &tax,
        "officer",
        &world.population().folder.join("officer.key"),
    )
    .bad(1, &told);
    as_officer(&tax, "nobody", &own).bad(1, &told);
    as_officer(&tax, "officer", Path::new("no.key")).bad(1, &["no.key: can't be opened"]);
    assert!(node.log().contains("unknown officer") && node.log().contains("wrong signature"));
    node.stop();
    as_officer(&tax, "officer", &own).bad(1, &["data/admin.sock", "hint: is the node running"]);
}

#[test]
fn wrong_filters_are_usage_errors_that_show_the_form() {
    let here = Path::new(".");
    let access = ["--socket", "s", "--officer", "o", "--officer-key", "k"];
    for (filter, value, told) in [
        (
            "--from",
            "yesterday",
            "write RFC 3339 with an offset, as 2026-11-21T09:30:00+04:00",
        ),
        ("--client", "AZ/GOV", "must have exactly 4 parts"),
        (
            "--service",
            "AZ/GOV/1001/POPULATION",
            "must have exactly 5 parts",
        ),
        ("--id", "17", "invalid value '17' for '--id"),
    ] {
        let all: Vec<&str> = ["audit", "search", filter, value]
            .iter()
            .chain(&access)
            .copied()
            .collect();
        run(here, &all).bad(64, &[told]);
    }
}

#[test]
fn verify_tells_a_whole_journal_from_one_with_one_flipped_byte() {
    let world = World::new();
    let tax = world.tax();
    let segment = tax
        .folder
        .join("data/journal/segments/00000000000000000000.segment");
    let whole = fs::read(&segment).unwrap();
    let find = |text: &str| {
        let mut windows = whole.windows(text.len());
        windows.position(|bytes| bytes == text.as_bytes())
    };
    // Sent, received, refused, and two looks of the officer; a log that is stamped while it is empty begins with a leaf of its
    // own. How many checkpoints there are is a matter of time.
    let leaves = 5 + usize::from(find("time_stamping").is_some());
    let told = tax.verify().good();
    let verified = format!(": verified: {leaves} leaves, ");
    assert!(told.contains(&verified), "{leaves}: {told}");
    // The request, the answer, and the question that was refused.
    assert!(told.contains(", 3 evidence records opened\n"), "{told}");
    let at = find("request-sent").unwrap();
    let mut flipped = whole.clone();
    flipped[at] ^= 1;
    fs::write(&segment, &flipped).unwrap();
    let told = tax.verify().bad(
        2,
        &[
            "data/journal: does not verify",
            "segments/00000000000000000000.segment, byte ",
        ],
    );
    assert!(told.lines().count() < 20, "{told}");
    fs::write(&segment, &whole).unwrap();
    tax.verify().good();
}

#[test]
fn verify_holds_the_journal_to_the_key_that_is_given() {
    let world = World::new();
    let (tax, population) = (world.tax(), world.population());
    let vkey = |agency: &Agency| {
        let origin = fs::read_to_string(agency.folder.join("data/journal/origin")).unwrap();
        origin.lines().nth(1).unwrap().to_owned()
    };
    let verify = |key: &str| {
        run(
            &tax.folder,
            &["audit", "verify", "data/journal", "--key", key],
        )
    };
    let good = verify(&vkey(&tax)).good();
    assert!(!good.contains("taken from the folder"), "{good}");
    assert!(
        tax.verify()
            .good()
            .contains("the verifier key was taken from the folder")
    );
    verify(&vkey(&population)).bad(
        2,
        &["origin: it shows another verifier key than the one given"],
    );
    verify("abc").bad(2, &["the given key: the verifier key is not of the form"]);
}

#[test]
fn verify_tells_a_wrong_path_or_key_file_from_a_forged_journal() {
    let world = World::new();
    let tax = world.tax();
    run(&tax.folder, &["audit", "verify", "nowhere"]).bad(
        1,
        &["nowhere: no such folder", "hint: give the journal's folder"],
    );
    run(&tax.folder, &["audit", "verify", "data"])
        .bad(2, &["data: does not verify", "origin: it is missing"]);
    let with = |key: &str| {
        run(
            &tax.folder,
            &["audit", "verify", "data/journal", "--evidence-key", key],
        )
    };
    with("nowhere").bad(1, &["nowhere: can't be opened"]);
    with("keys/journal.key").bad(1, &["keys/journal.key: not 32 bytes in base64"]);
    with("../population/keys/evidence.key").bad(2, &["can't be opened with the evidence key"]);
}

#[test]
fn receipt_verify_names_what_does_not_hold() {
    let world = World::new();
    let tax = world.tax();
    let key = receipt_file(&world.population(), &tax);
    let path = tax.folder.join("receipt.json");
    let good = fs::read_to_string(&path).unwrap();
    let file: Value = serde_json::from_str(&good).unwrap();
    let field = file["receipts"][1]["receipt"].as_str().unwrap();
    let verify = |more: &[&str]| {
        let arguments = [&["audit", "receipt", "verify", "receipt.json"], more].concat();
        run(&tax.folder, &arguments)
    };
    verify(&["--key", &key, "--receipt", field]).good();
    let told = verify(&[]).good();
    assert!(
        told.contains("taken from the file; compare it with the directory"),
        "{told}"
    );

    let other = field.replace('#', "#1");
    verify(&["--receipt", &other]).bad(2, &[&other, "the file has no such receipt"]);
    verify(&["--quorum", "1"]).bad(2, &["cosignatures: 0 of the known witnesses"]);
    verify(&["--key", "x"]).bad(64, &["--key"]);
    let origin = key.split('+').next().unwrap();
    let altered: [(&str, &str, &str); 6] = [
        ("request-sent", "request-went", "leaf: its hash is "),
        ("index ", "index 1", "proof: it is of leaf "),
        (&format!("\\u2014 {origin} "), "\\u2014 x ", "checkpoint: "),
        (
            "c2sp.org/tlog-proof@v1",
            "c2sp.org/tlog-proof@v2",
            "proof: ",
        ),
        (
            "\"request_id\":\"",
            "\"request_id\":\"0",
            "leaf: it is of another exchange",
        ),
        (
            &format!("{origin}#"),
            "other.example/AZ/GOV/1/N/1#",
            "receipt: it is of the log ",
        ),
    ];
    for (part, by, told) in altered {
        let part = part.replace("\\u2014", "\u{2014}");
        assert!(good.contains(&part), "{part}");
        fs::write(
            &path,
            good.replacen(&part, &by.replace("\\u2014", "\u{2014}"), 1),
        )
        .unwrap();
        verify(&["--key", &key]).bad(2, &["receipt.json: does not hold", told]);
    }
    fs::write(&path, "{}").unwrap();
    verify(&[]).bad(1, &["not a receipt file"]);
}
