//! A member's role over files, as the operators' guide tells it: officers give it, and are not needed after that.

use std::fs;
use std::path::Path;

use crate::ceremony::{carried_out, say, sign};
use crate::shell::Said;

/// The guide's commands, in its order.
pub(crate) const COMMANDS: [&str; 5] = [
    "bridge-node member-role key role --name population-register --passphrase-file passphrase",
    "bridge-node directory propose role.proposal --public public member role AZ/GOV/1001 --key role/role.json",
    "bridge-node member-role propose move.own AZ/GOV/1001 --public public --role role node address AZ/GOV/1001/NODE1 node1.population.example:5543",
    "bridge-node member-role sign move.own --public public --role role --passphrase-file passphrase --yes",
    "bridge-node directory take move.own --public public --keys online",
];

/// Two officers sign, and it is published.
fn carry_out(here: &Path, proposal: &str) {
    for officer in [1, 2] {
        sign(here, proposal, officer).good();
    }
    let line = format!("directory publish {proposal} --public public --keys online");
    say(here, &line).good();
}

/// A member with a node, and a role whose key was told to officers; they have gone home since.
fn world() -> (tempfile::TempDir, String) {
    let (folder, _) = carried_out();
    let here = folder.path();
    let node = serde_json::json!({
        "code": "NODE1", "name": "node1.example", "address": "node1.example:5443",
        "tls_pins": ["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"],
        "exchange": [{"certificate": "AAAA", "pin": "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE"}],
        "journal": "a+b+c", "wire": [1], "leaf": [1], "forms": ["plain"],
    });
    fs::write(here.join("node.json"), node.to_string()).unwrap();
    let line =
        "directory propose node.proposal --public public node add AZ/GOV/1001 --record node.json";
    say(here, line).good();
    carry_out(here, "node.proposal");
    say(here, COMMANDS[0]).good();
    let told = say(here, COMMANDS[1]).good();
    carry_out(here, "role.proposal");
    fs::copy(
        here.join("officer-1/root.json"),
        here.join("role/root.json"),
    )
    .unwrap();
    for officer in 1..=3 {
        fs::rename(
            here.join(format!("officer-{officer}")),
            here.join(format!("home-{officer}")),
        )
        .unwrap();
    }
    (folder, told)
}

/// The member proposes a change, signs it, and the publishing machine takes it. Returns the words of the review.
fn change(here: &Path, what: &str) -> String {
    drop(fs::remove_file(here.join("next.own")));
    let told = propose(here, what).good();
    say(here, &COMMANDS[3].replace("move.own", "next.own")).good();
    say(here, &COMMANDS[4].replace("move.own", "next.own")).good();
    told
}

fn propose(here: &Path, what: &str) -> Said {
    let line = "member-role propose next.own AZ/GOV/1001 --public public --role role";
    say(here, &format!("{line} {what}"))
}

#[test]
fn the_guides_member_moves_its_node_by_its_role_and_officers_are_at_home() {
    let (folder, told) = world();
    let here = folder.path();
    assert!(
        told.contains("AZ/GOV/1001: 1/1 must sign for its own nodes"),
        "{told}"
    );
    assert!(told.contains("added: population-register ("), "{told}");
    let told = say(here, COMMANDS[2]).good();
    let words = "changed: address of node AZ/GOV/1001/NODE1: node1.example:5443 → node1.population.example:5543";
    assert!(told.contains(words), "{told}");
    // Not signed yet.
    let still = [
        "0 of 1 signatures; still to sign: population-register (",
        "\nhint: ",
    ];
    let refused = say(here, COMMANDS[4]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(
        still.iter().all(|words| refused.err.contains(words)),
        "{refused:?}"
    );
    let signed = say(here, COMMANDS[3]).good();
    assert!(
        signed.contains(words) && signed.contains("population-register signed"),
        "{signed}"
    );
    let azerbaijani = "member-role review move.own --public public --role role --language az";
    let review = say(here, azerbaijani).good();
    assert!(
        review.contains("dəyişdirilir: qovşağın ünvanı AZ/GOV/1001/NODE1"),
        "{review}"
    );
    let taken = say(here, COMMANDS[4]).good();
    assert!(
        taken.ends_with("published the own nodes of AZ/GOV/1001, version 1\n"),
        "{taken}"
    );
    say(here, COMMANDS[4]).bad(1, &["is version 1, wanted was 2", "\nhint: "]);
    // What nodes read is there for who audits a journal.
    let line = "directory export directory.json --public public --root role/root.json";
    say(here, line).good();
    let exported = fs::read_to_string(here.join("directory.json")).unwrap();
    assert!(
        exported.contains("node1.population.example:5543"),
        "{exported}"
    );
    let status = say(here, "directory status --public public").good();
    assert!(
        status.contains("role of AZ/GOV/1001 1: its own nodes count until "),
        "{status}"
    );
}

#[test]
fn each_kind_of_change_of_own_nodes_is_one_command() {
    let (folder, _) = world();
    let here = folder.path();
    say(here, "certs authority authority").good();
    for profile in ["tls", "exchange"] {
        let line = format!(
            "certs issue --authority authority --profile {profile} --id AZ/GOV/1001/NODE2 --out keys"
        );
        say(here, &line).good();
    }
    let anchors = fs::read_to_string(here.join("authority/root.pem")).unwrap()
        + &fs::read_to_string(here.join("authority/issuing.pem")).unwrap();
    fs::write(here.join("anchors.pem"), anchors).unwrap();
    let node = fs::read_to_string(here.join("node.json")).unwrap();
    let node = node
        .replace("NODE1", "NODE2")
        .replace("node1.example", "node2.example");
    let node = node
        .replace("\"AAAA\"", "\"AAAB\"")
        .replace("a+b+c", "d+e+f");
    fs::write(here.join("node2.json"), node).unwrap();
    for (what, words) in [
        (
            "node add AZ/GOV/1001 --record node2.json",
            "added: node AZ/GOV/1001/NODE2",
        ),
        (
            "node keys AZ/GOV/1001/NODE2 --tls keys/tls.pem --exchange keys/exchange.pem --anchors anchors.pem",
            "added: exchange key of node AZ/GOV/1001/NODE2",
        ),
        (
            "node address AZ/GOV/1001/NODE2 other.example:5443",
            "changed: address of node AZ/GOV/1001/NODE2: node2.example:5443 → other.example:5443",
        ),
        (
            "node remove AZ/GOV/1001/NODE1",
            "removed: node AZ/GOV/1001/NODE1",
        ),
        ("renew", "none"),
    ] {
        let told = change(here, what);
        assert!(told.contains(words), "{what}: {told}");
    }
    let status = say(here, "directory status --public public").good();
    assert!(
        status.contains("role of AZ/GOV/1001 5: its own nodes count until "),
        "{status}"
    );
}

#[test]
fn officers_change_what_counts_and_the_member_begins_anew_from_theirs() {
    let (folder, _) = world();
    let here = folder.path();
    change(here, "node address AZ/GOV/1001/NODE1 moved.example:5443");
    for officer in 1..=2 {
        let home = here.join(format!("home-{officer}"));
        fs::rename(home, here.join(format!("officer-{officer}"))).unwrap();
    }
    // Another name leaves the member's nodes alone; a key of its node is changed on what counts now.
    let line =
        "directory propose name.proposal --public public member rename AZ/GOV/1001 --name Register";
    let told = say(here, line).good();
    assert!(!told.contains("moved.example"), "{told}");
    carry_out(here, "name.proposal");
    let status = || say(here, "directory status --public public").good();
    assert!(status().contains("its own nodes count until "));
    let line = "directory propose move.proposal --public public node address AZ/GOV/1001/NODE1 officers.example:5443";
    let told = say(here, line).good();
    let words =
        "changed: address of node AZ/GOV/1001/NODE1: node1.example:5443 → officers.example:5443";
    assert!(told.contains(words), "{told}");
    let words = "Changes as nodes will read them, members' own nodes among them:\n  changed: address of node AZ/GOV/1001/NODE1: moved.example:5443 → officers.example:5443";
    assert!(told.contains(words), "{told}");
    propose(here, "renew").bad(1, &["is there already"]);
    fs::rename(here.join("next.own"), here.join("late.own")).unwrap();
    propose(here, "node address AZ/GOV/1001/NODE1 late.example:5443").good();
    carry_out(here, "move.proposal");
    assert!(status().contains("set aside: officers have changed its entry since"));
    let late = COMMANDS[3].replace("move.own", "next.own");
    say(here, &late).bad(1, &["is based on another entry of AZ/GOV/1001", "\nhint: "]);
    let told = change(here, "node address AZ/GOV/1001/NODE1 again.example:5443");
    assert!(
        told.contains("officers.example:5443 → again.example:5443"),
        "{told}"
    );
    // The key is lost: what it has said goes into the directory, and nothing changes for nodes.
    let line = "directory propose anew.proposal --public public member no-role AZ/GOV/1001 --adopt";
    let told = say(here, line).good();
    let words = "officers.example:5443 → again.example:5443";
    assert!(told.contains(words), "{told}");
    let words = "members' own nodes among them:\n  none\n";
    assert!(told.contains(words), "{told}");
    assert!(
        told.contains("AZ/GOV/1001: no role any more (before 1/1); removed: "),
        "{told}"
    );
    carry_out(here, "anew.proposal");
    assert!(!status().contains("role of"));
    propose(here, "renew").bad(1, &["officers have given this member no role", "\nhint: "]);
}

#[test]
fn an_officers_change_that_would_leave_the_members_word_in_force_is_not_proposed() {
    let (folder, _) = world();
    let here = folder.path();
    change(here, "node address AZ/GOV/1001/NODE1 moved.example:5443");
    let line = "directory propose back.proposal --public public node address AZ/GOV/1001/NODE1 node1.example:5443";
    let words = [
        "this is the entry on which the member's own word stands",
        "\nhint: other keys (`member role`)",
    ];
    say(here, line).bad(1, &words);
    assert!(!here.join("back.proposal").exists());
}

#[test]
fn what_a_members_file_says_moves_no_cursor_where_it_is_refused() {
    let (folder, _) = world();
    let here = folder.path();
    let hostile = r#"{"form": 1, "\u001b[2J\u202eanything": 1}"#;
    fs::write(here.join("move.own"), hostile).unwrap();
    let refused = say(here, COMMANDS[4]);
    refused.bad(1, &["unknown field `\\u{1b}[2J\\u{202e}anything`"]);
}
