//! The officers' ceremony over files, as the operators' guide tells it: each officer with a folder of their own.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::shell::{Said, run, words};
use crate::world::World;

/// The guide's commands, in its order.
pub(crate) const COMMANDS: [&str; 15] = [
    "bridge-node directory key officer-1 --name first-officer --passphrase-file passphrase",
    "bridge-node directory key officer-2 --name second-officer --passphrase-file passphrase",
    "bridge-node directory key officer-3 --name third-officer --passphrase-file passphrase",
    "bridge-node directory online-keys online",
    "bridge-node directory init first.proposal --instance AZ --officer officer-1/officer.json --officer officer-2/officer.json --officer officer-3/officer.json --threshold 2 --online online",
    "bridge-node directory sign first.proposal --officer officer-1 --passphrase-file passphrase --yes",
    "bridge-node directory sign first.proposal --officer officer-2 --passphrase-file passphrase --yes",
    "bridge-node directory publish first.proposal --public public --keys online",
    "bridge-node directory propose add.proposal --public public member add AZ/GOV/1001 --name \"Population register\"",
    "bridge-node directory review add.proposal --public public --officer officer-2 --language az",
    "bridge-node directory sign add.proposal --public public --officer officer-1 --passphrase-file passphrase --yes",
    "bridge-node directory sign add.proposal --public public --officer officer-2 --passphrase-file passphrase --yes",
    "bridge-node directory status add.proposal --public public",
    "bridge-node directory publish add.proposal --public public --keys online",
    "bridge-node directory refresh --public public --keys online",
];

pub(crate) fn say(folder: &Path, line: &str) -> Said {
    run(
        folder,
        &words(line.strip_prefix("bridge-node ").unwrap_or(line)),
    )
}

fn propose(folder: &Path, change: &str) -> Said {
    drop(fs::remove_file(folder.join("next.proposal")));
    say(
        folder,
        &format!("directory propose next.proposal --public public {change}"),
    )
}

pub(crate) fn sign(folder: &Path, proposal: &str, officer: u8) -> Said {
    let line = format!(
        "directory sign {proposal} --public public --officer officer-{officer} --passphrase-file passphrase --yes"
    );
    say(folder, &line)
}

/// Officers' keys as they are shown: each with the first digits that `directory key` told.
fn shown(folder: &Path, officers: &[&str]) -> String {
    let of = |officer: &&str| {
        let number = match *officer {
            "first-officer" => 1,
            "second-officer" => 2,
            _ => 3,
        };
        let file = fs::read(folder.join(format!("officer-{number}/officer.json"))).unwrap();
        let key: bridge_directory::metadata::Key = serde_json::from_slice(&file).unwrap();
        let digits: String = key.id().unwrap().chars().take(16).collect();
        format!("{officer} ({digits})")
    };
    officers.iter().map(of).collect::<Vec<_>>().join(", ")
}

/// Refused after its words were told.
#[track_caller]
fn refused(said: &Said, why: &str) {
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.err.contains(why), "{said:?}");
}

/// Two officers sign a change, and it is published.
fn carry_out(folder: &Path, change: &str) -> String {
    let told = propose(folder, change).good();
    sign(folder, "next.proposal", 1).good();
    sign(folder, "next.proposal", 2).good();
    say(
        folder,
        "directory publish next.proposal --public public --keys online",
    )
    .good();
    told
}

/// Finds the leaves of publications.
const PUBLISHED: &[&str] = &["--outcome", "directory-published"];

/// The directory that is published now.
fn published(folder: &Path) -> serde_json::Value {
    let newest = |folder: &Path| {
        let files = fs::read_dir(folder)
            .unwrap()
            .flatten()
            .map(|entry| entry.path());
        let changed = |path: &std::path::PathBuf| fs::metadata(path).unwrap().modified().unwrap();
        files.max_by_key(changed).unwrap()
    };
    serde_json::from_slice(&fs::read(newest(&folder.join("public/targets"))).unwrap()).unwrap()
}

pub(crate) fn passphrase(file: &Path, text: &str) {
    fs::write(file, text).unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
}

/// After the guide's commands; with what each of them said.
fn world() -> (tempfile::TempDir, Vec<String>) {
    after(&COMMANDS)
}

/// What the guide's ceremony leaves, for those who go on from there.
pub(crate) fn carried_out() -> (tempfile::TempDir, Vec<String>) {
    world()
}

/// After the first of the guide's commands.
fn after(commands: &[&str]) -> (tempfile::TempDir, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    passphrase(
        &folder.path().join("passphrase"),
        "correct horse battery staple\n",
    );
    let said = commands.iter().map(|line| say(folder.path(), line).good());
    let said = said.collect();
    (folder, said)
}

#[test]
fn the_guides_ceremony_publishes_what_two_of_three_officers_signed() {
    let (folder, said) = world();
    let here = folder.path();
    let review = &said[9];
    assert!(
        review.contains("əlavə olunur: üzv AZ/GOV/1001: Population register"),
        "{review}"
    );
    let status = &said[12];
    let (good, missing) = (
        shown(here, &["first-officer", "second-officer"]),
        shown(here, &["third-officer"]),
    );
    let signed = format!("targets: signed 2/2: {good}; still to sign: {missing}");
    assert!(status.contains(&signed), "{status}");
    assert!(
        status.contains("  root 1: ") && status.contains("days left"),
        "{status}"
    );
    assert!(
        said[13].starts_with("published root 1, targets 2, directory "),
        "{}",
        said[13]
    );
    assert_eq!(published(here)["members"][0]["id"], "AZ/GOV/1001");
    let mode = fs::metadata(here.join("officer-1/officer.key"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o7777, 0o600);
    let key = fs::read_to_string(here.join("officer-1/officer.key")).unwrap();
    assert!(
        !key.contains("PRIVATE KEY") && key.contains("pbkdf2"),
        "{key}"
    );
}

/// Changes in an order in which each can follow, with the words that tell it.
const CHANGES: [(&str, &str); 18] = [
    (
        "subsystem add AZ/GOV/1001/POPULATION --name Population",
        "added: subsystem AZ/GOV/1001/POPULATION: Population",
    ),
    (
        "subsystem rename AZ/GOV/1001/POPULATION --name Residents",
        "changed: name of subsystem AZ/GOV/1001/POPULATION: Population → Residents",
    ),
    (
        "member rename AZ/GOV/1001 --name \"State register\"",
        "changed: name of member AZ/GOV/1001: Population register → State register",
    ),
    (
        "member rename AZ/GOV/1001 --name \"Population register\"",
        "State register → Population register",
    ),
    (
        "node add AZ/GOV/1001 --record node.json",
        "added: node AZ/GOV/1001/NODE1: node1.example, node1.example:5443",
    ),
    (
        "node address AZ/GOV/1001/NODE1 other.example:5443",
        "changed: address of node AZ/GOV/1001/NODE1: node1.example:5443 → other.example:5443",
    ),
    (
        "node address AZ/GOV/1001/NODE1 node1.example:5443",
        "other.example:5443 → node1.example:5443",
    ),
    (
        "member add AZ/GOV/2001 --name Tax",
        "added: member AZ/GOV/2001: Tax",
    ),
    (
        "node owner AZ/GOV/1001/NODE1 AZ/GOV/2001 --record owned.json",
        "removed: node AZ/GOV/1001/NODE1",
    ),
    (
        "node keys AZ/GOV/2001/NODE9 --tls keys/tls.pem --exchange keys/exchange.pem --anchors anchors.pem",
        "added: exchange key of node AZ/GOV/2001/NODE9",
    ),
    (
        "node keys AZ/GOV/2001/NODE9 --journal a+b+d",
        "changed: journal key of node AZ/GOV/2001/NODE9: a+b+c → a+b+d",
    ),
    (
        "node keys AZ/GOV/2001/NODE9 --witness w.example+0123abcd+AQID",
        "witness key of node AZ/GOV/2001/NODE9",
    ),
    (
        "member suspend AZ/GOV/2001",
        "changed: suspension of member AZ/GOV/2001: no → yes",
    ),
    (
        "member resume AZ/GOV/2001",
        "changed: suspension of member AZ/GOV/2001: yes → no",
    ),
    (
        "node remove AZ/GOV/2001/NODE9",
        "removed: node AZ/GOV/2001/NODE9",
    ),
    (
        "subsystem remove AZ/GOV/1001/POPULATION",
        "removed: subsystem AZ/GOV/1001/POPULATION",
    ),
    ("member remove AZ/GOV/2001", "removed: member AZ/GOV/2001"),
    ("renew --root", "Changes of the directory:\n  none"),
];

#[test]
fn s64_each_kind_of_change_is_one_command_and_is_told_in_words() {
    let (folder, _) = world();
    let here = folder.path();
    let mut node = serde_json::json!({
        "code": "NODE1", "name": "node1.example", "address": "node1.example:5443",
        "tls_pins": ["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"],
        "exchange": [{"certificate": "AAAA", "pin": "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE"}],
        "journal": "a+b+c", "wire": [1], "leaf": [1], "forms": ["plain"],
    });
    fs::write(here.join("node.json"), node.to_string()).unwrap();
    node["code"] = "NODE9".into();
    fs::write(here.join("owned.json"), node.to_string()).unwrap();
    say(here, "certs authority authority").good();
    for (profile, node) in [
        ("tls", "AZ/GOV/2001/NODE9"),
        ("exchange", "AZ/GOV/2001/NODE9"),
    ] {
        let line =
            format!("certs issue --authority authority --profile {profile} --id {node} --out keys");
        say(here, &line).good();
    }
    let anchors = fs::read_to_string(here.join("authority/root.pem")).unwrap()
        + &fs::read_to_string(here.join("authority/issuing.pem")).unwrap();
    fs::write(here.join("anchors.pem"), anchors).unwrap();
    for (change, told) in CHANGES {
        let said = carry_out(here, change);
        assert!(said.contains(told), "{change}: {said}");
    }
    let members = published(here)["members"].clone();
    assert_eq!(
        members,
        serde_json::json!([{"id": "AZ/GOV/1001", "name": "Population register", "subsystems": [], "nodes": []}])
    );
    let roles = "roles --officer officer-1/officer.json --officer officer-3/officer.json --threshold 2 --online online";
    let said = propose(here, roles).good();
    assert!(
        said.contains(&format!(
            "root: 2/2 must sign (before 2/3); removed: {}",
            shown(here, &["second-officer"])
        )),
        "{said}"
    );
}

#[test]
fn what_must_not_be_signed_or_published_is_refused_in_words() {
    let (folder, _) = world();
    let here = folder.path();
    propose(here, "member add AZ/GOV/2001 --name Tax").good();
    fs::rename(here.join("next.proposal"), here.join("late.proposal")).unwrap();
    // The third officer signs for the first time, with the root that a colleague handed over.
    fs::copy(
        here.join("officer-1/root.json"),
        here.join("officer-3/root.json"),
    )
    .unwrap();
    sign(here, "late.proposal", 3).good();
    let publish = "directory publish late.proposal --public public --keys online";
    let missing = shown(here, &["first-officer", "second-officer"]);
    say(here, publish).bad(
        1,
        &[
            &format!("1 of 2 signatures; still to sign: {missing}"),
            "\nhint: ",
        ],
    );
    let before = say(here, "directory status --public public").good();
    carry_out(here, "renew");
    let after = say(here, "directory status --public public").good();
    assert_ne!(before, after);
    say(here, publish).bad(
        1,
        &[
            "is based on root 1, targets 2",
            "published is root 1, targets 3",
            "\nhint: ",
        ],
    );
    sign(here, "late.proposal", 1).bad(1, &["is based on root 1, targets 2"]);

    // An officer who has seen targets 3 is shown targets 2 as the newest.
    propose(here, "member add AZ/GOV/2001 --name Tax").good();
    sign(here, "next.proposal", 1).good();
    say(
        here,
        "directory key stranger --name stranger --passphrase-file passphrase",
    )
    .good();
    let line = "directory sign next.proposal --public public --officer stranger --passphrase-file passphrase --yes";
    say(here, line).bad(1, &["no root is trusted yet", "\nhint: "]);
    fs::copy(
        here.join("officer-1/root.json"),
        here.join("stranger/root.json"),
    )
    .unwrap();
    refused(
        &say(here, line),
        "stranger is no officer of what this proposal changes",
    );
    fs::write(
        here.join("officer-1/seen.json"),
        "{\"root\":1,\"targets\":9,\"directory\":\"\"}",
    )
    .unwrap();
    sign(here, "next.proposal", 1)
        .bad(1, &["are older (root 1, targets 3", "\nhint: sign nothing"]);

    passphrase(&here.join("other"), "another passphrase of mine\n");
    let line = "directory sign next.proposal --public public --officer officer-2 --passphrase-file other --yes";
    let why = "officer-2/officer.key: the passphrase does not open this key\nhint: try the passphrase again";
    refused(&say(here, line), why);
    say(
        here,
        "directory sign next.proposal --officer officer-2 --passphrase-file passphrase --yes",
    )
    .bad(64, &["--public is missing", "\nhint: "]);
    propose(here, "member remove AZ/GOV/9999").bad(1, &["AZ/GOV/9999 is not in the directory"]);
    propose(here, "member add AZ/GOV/1001 --name Twice")
        .bad(1, &["AZ/GOV/1001 is a member already"]);
}

#[test]
fn what_an_officer_has_seen_and_cannot_read_is_not_taken_for_nothing_seen() {
    let (folder, _) = world();
    let here = folder.path();
    propose(here, "renew").good();
    for name in ["seen.json", "root.json"] {
        let path = here.join("officer-1").join(name);
        let kept = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink(name, &path).unwrap();
        let why = format!("officer-1/{name}: Too many levels of symbolic links");
        sign(here, "next.proposal", 1).bad(1, &[&why, "\nhint: "]);
        fs::remove_file(&path).unwrap();
        fs::write(&path, kept).unwrap();
    }
    sign(here, "next.proposal", 1).good();
}

#[test]
fn the_first_officer_reviews_the_first_proposal_again_after_the_second_has_signed() {
    let (folder, _) = after(&COMMANDS[..7]);
    let here = folder.path();
    let review = "directory review first.proposal --officer officer-1";
    let told = say(here, review).good();
    assert!(
        told.contains("root, by its own officers: signed 2/2"),
        "{told}"
    );
    let told = say(here, COMMANDS[5]).good();
    assert!(
        told.ends_with("first-officer has signed first.proposal already\n"),
        "{told}"
    );
    // Another first root than the one this officer has signed.
    let other = COMMANDS[4].replace("first.proposal", "other.proposal");
    say(
        here,
        &other.replace(" --officer officer-3/officer.json", ""),
    )
    .good();
    say(
        here,
        &COMMANDS[5].replace("first.proposal", "other.proposal"),
    )
    .bad(64, &["--public is missing"]);
}

#[test]
fn a_missing_file_is_named_with_what_belongs_there() {
    let (folder, _) = world();
    let here = folder.path();
    fs::create_dir(here.join("empty")).unwrap();
    propose(here, "renew").good();
    for (line, named, remedy) in [
        (
            "review gone.proposal --public public",
            "gone.proposal: No such file",
            "a proposal is a file that `directory init` or `directory propose` wrote",
        ),
        (
            "status --public gone",
            "gone is no folder",
            "what `directory publish` wrote",
        ),
        (
            "review next.proposal --public empty",
            "1.root.json is missing",
            "--public",
        ),
        (
            "refresh --keys online --public empty",
            "1.root.json is missing",
            "--public is the folder of what is published",
        ),
        (
            "init other.proposal --instance AZ --officer gone.json --threshold 2 --online online",
            "gone.json: No such file",
            "officer.json is made by `directory key`",
        ),
        (
            "sign next.proposal --public public --officer officer-2 --passphrase-file gone --yes",
            "passphrase",
            "",
        ),
    ] {
        let said = say(here, &format!("directory {line}"));
        assert_eq!(said.code, 1, "{line}: {said:?}");
        assert!(said.err.contains(named), "{line}: {said:?}");
        assert!(said.err.contains(remedy), "{line}: {said:?}");
    }
    fs::remove_file(here.join("officer-2/officer.key")).unwrap();
    refused(
        &sign(here, "next.proposal", 2),
        "officer-2/officer.key: No such file or directory (os error 2)\nhint: --officer is the folder that `directory key` made",
    );
}

#[test]
fn signing_twice_says_so_and_changes_nothing_and_each_signature_tells_what_comes_next() {
    let (folder, _) = world();
    let here = folder.path();
    propose(here, "renew --root").good();
    let told = sign(here, "next.proposal", 1).good();
    assert!(
        told.contains("first-officer signed root and targets in next.proposal\n")
            && told.ends_with("next: have the others sign it with `directory sign`\n"),
        "{told}"
    );
    let once = fs::read(here.join("next.proposal")).unwrap();
    let told = sign(here, "next.proposal", 1).good();
    assert!(
        told.ends_with("first-officer has signed next.proposal already\n"),
        "{told}"
    );
    assert_eq!(fs::read(here.join("next.proposal")).unwrap(), once);
    let told = sign(here, "next.proposal", 2).good();
    assert!(
        told.ends_with("next: publish it with `directory publish`\n"),
        "{told}"
    );
}

#[test]
fn a_proposal_that_has_run_out_is_not_signed_and_the_remedy_is_told() {
    let (folder, _) = world();
    let here = folder.path();
    propose(here, "renew").good();
    let file = here.join("next.proposal");
    let mut proposal: serde_json::Value =
        serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    proposal["targets"]["signed"]["expires"] = "2020-01-01T00:00:00Z".into();
    fs::write(&file, proposal.to_string()).unwrap();
    sign(here, "next.proposal", 1).bad(
        1,
        &[
            "the targets metadata ends at 2020-01-01T00:00:00Z",
            "propose it anew",
        ],
    );
}

/// The authority's node journals what is published before it goes out; without its word nothing does.
#[test]
fn a_publication_is_a_leaf_of_the_authoritys_journal_before_it_goes_out() {
    let (folder, _) = world();
    let here = folder.path();
    let agencies = World::new();
    let authority = agencies.population();
    let at = authority.folder.display();
    propose(here, "member add AZ/GOV/2001 --name Tax").good();
    sign(here, "next.proposal", 1).good();
    let publish = format!(
        "directory publish next.proposal --public public --keys online --socket {at}/data/admin.sock --officer officer --officer-key {at}/officer.key"
    );
    let node = authority.start();
    // What too few have signed is told to nobody.
    say(here, &publish).bad(1, &["1 of 2 signatures"]);
    assert_eq!(authority.search(PUBLISHED), Vec::<serde_json::Value>::new());
    sign(here, "next.proposal", 2).good();
    let told = say(here, &publish).good();
    let leaves = authority.search(PUBLISHED);
    assert_eq!(leaves.len(), 1, "{leaves:?}");
    let facts = &leaves[0]["facts"];
    let (root, targets) = (&facts["root"], &facts["targets"]);
    assert_eq!((root, targets), (&"1".into(), &"3".into()), "{facts}");
    assert_eq!(facts["officer"], "officer");
    let directory = facts["directory"].as_str().unwrap();
    let file = format!("public/targets/{directory}.directory.json");
    assert!(here.join(file).exists(), "{directory}");
    assert_eq!(published(here)["members"][1]["id"], "AZ/GOV/2001");
    assert!(
        told.starts_with("journaled as leaf ") && told.contains("\npublished root 1, targets 3"),
        "{told}"
    );
    node.stop();

    propose(here, "member remove AZ/GOV/2001").good();
    sign(here, "next.proposal", 1).good();
    sign(here, "next.proposal", 2).good();
    let timestamp = || fs::read(here.join("public/metadata/timestamp.json")).unwrap();
    let before = timestamp();
    say(here, &publish).bad(1, &["is the node running"]);
    assert_eq!(
        timestamp(),
        before,
        "what is not journaled is not published"
    );
    authority.verify().good();
}
