//! What a proposer's machine, or whoever carries the proposal, can try: every rule broken once.

use serde_json::{Value, json};

use super::*;
use crate::catalogue::{Catalogue, Services};
use crate::client::DIRECTORY_LIMIT_BYTES;

/// A hand on a proposal.
type Bend = Box<dyn FnOnce(&mut Value)>;

/// A proposal with root and targets, bent by a hand that also makes the targets name the enclosed directory again.
fn bent(world: &World, bend: impl FnOnce(&mut Value)) -> Result<Reviewed, CeremonyError> {
    let roster = Roster::of(&world.base());
    let proposal = Proposal::roles(&world.base(), &roster, NOW).unwrap();
    let mut value = serde_json::to_value(&proposal).unwrap();
    bend(&mut value);
    world.review(&Proposal::parse(value.to_string().as_bytes())?, NOW)
}

fn words(world: &World, bend: impl FnOnce(&mut Value)) -> String {
    let error = bent(world, bend).unwrap_err();
    let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
    format!("{error}{}", cause.unwrap_or_default())
}

/// Brings the directory to a size, and the targets to its digest.
fn padded(bytes: usize) -> Bend {
    Box::new(move |value| {
        let text = value["directory"].as_str().unwrap();
        let text = text.to_owned() + &" ".repeat(bytes - text.len());
        let info = crate::metadata::FileInfo::of(None, text.as_bytes());
        value["targets"]["signed"]["targets"]["directory.json"] = json!(info);
        value["directory"] = json!(text);
    })
}

/// Gives a key another name; its id changes with it, wherever it stands.
fn named(from: &'static str, to: impl Into<String>) -> Bend {
    let to = to.into();
    Box::new(move |value| {
        let root = &mut value["root"];
        let keys = root["signed"]["keys"].as_object().unwrap().clone();
        let mut keys = keys.into_iter();
        let (id, key) = keys.find(|(_, key)| key["x-bridge-name"] == from).unwrap();
        let key: Key = serde_json::from_value(key).unwrap();
        let key = key.named(&to);
        root["signed"]["keys"][&id] = json!(key);
        let text = root.to_string().replace(&id, &key.id().unwrap());
        *root = serde_json::from_str(&text).unwrap();
    })
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table: one row a rule")]
fn every_rule_of_a_proposal_is_kept_or_it_is_not_signed() {
    let world = World::published();
    bent(&world, |_| {}).unwrap();
    bent(&world, padded(DIRECTORY_LIMIT_BYTES)).unwrap();
    let late = |life_s: u64| Moment(NOW + life_s + 1).to_string();
    let set = |path: &'static str, to: Value| -> Bend {
        Box::new(move |value| *value.pointer_mut(&format!("/{path}")).unwrap() = to)
    };
    let cases: Vec<(&str, Bend)> = vec![
        ("this proposal has form 2", set("form", json!(2))),
        (
            "based on root 1, targets 1",
            set("based_on/targets", json!(1)),
        ),
        ("is based on nothing", set("based_on", Value::Null)),
        (
            "has version 4; 3 follows",
            set("targets/signed/version", json!(4)),
        ),
        (
            "has version 2; 3 follows",
            set("targets/signed/version", json!(2)),
        ),
        (
            "has version 3; 2 follows",
            set("root/signed/version", json!(3)),
        ),
        (
            "it may end at",
            set("root/signed/expires", json!(late(ROOT_LIFE_S))),
        ),
        (
            "it may end at",
            set("targets/signed/expires", json!(late(TARGETS_LIFE_S))),
        ),
        (
            "not before now",
            set("targets/signed/expires", json!(Moment(NOW).to_string())),
        ),
        (
            "metadata of type \"snapshot\"",
            set("targets/signed/_type", json!("snapshot")),
        ),
        (
            "1 officer could sign alone",
            set("root/signed/roles/root/threshold", json!(1)),
        ),
        (
            "1 officer could sign alone",
            set("root/signed/roles/targets/threshold", json!(1)),
        ),
        (
            "a threshold of 4 of 3 keys",
            set("root/signed/roles/root/threshold", json!(4)),
        ),
        (
            "consistent_snapshot is not true",
            set("root/signed/consistent_snapshot", json!(false)),
        ),
        (
            "does not name the enclosed directory",
            set("directory", json!("{}")),
        ),
        (
            "approved services alone are routed, and the catalogue names no ministry",
            Box::new(|value| {
                let none = Catalogue::default().with_rules(Services::ApprovedOnly, None);
                let info = crate::metadata::FileInfo::of(None, none.to_text().as_bytes());
                value["targets"]["signed"]["targets"]["catalogue.json"] = json!(info);
                value["catalogue"] = json!(none.to_text());
            }),
        ),
        (
            "the directory has 67108865 bytes; nobody reads more than 67108864",
            padded(DIRECTORY_LIMIT_BYTES + 1),
        ),
        (
            "does not name the enclosed directory",
            Box::new(|value| {
                let more = json!({"length": 1, "hashes": {"sha256": "0".repeat(64)}});
                value["targets"]["signed"]["targets"]["other.json"] = more;
            }),
        ),
        (
            "the targets metadata of the proposal is refused",
            Box::new(|value| value["targets"]["signed"]["delegations"] = json!({})),
        ),
        (
            "an officer's key is an online role's too",
            Box::new(|value| {
                let officer = value["root"]["signed"]["roles"]["root"]["keyids"][0].clone();
                value["root"]["signed"]["roles"]["timestamp"]["keyids"] = json!([officer]);
            }),
        ),
        ("\"\" is no name for a key", named("first", "")),
        ("is no name for a key", named("first", "x".repeat(65))),
        ("is no name for a key", named("first", "first\u{1b}[2J")),
        (
            "root: two keys have the name \"second\"",
            named("first", "second"),
        ),
        (
            "this is not a proposal",
            Box::new(|value| value["more"] = json!(1)),
        ),
    ];
    for (wanted, bend) in cases {
        let found = words(&world, bend);
        assert!(found.contains(wanted), "{wanted}: {found}");
    }
}

/// The same Ed25519 key under two names would be two officers.
#[test]
fn one_officer_under_two_names_is_refused() {
    let world = World::published();
    let mut roster = Roster::of(&world.base());
    let key = world.officers[0].key().clone();
    let keys = vec![key.clone().named("another"), key];
    roster.set(RoleChange {
        role: Role::Targets,
        keys,
        threshold: 2,
    });
    let proposal = Proposal::roles(&world.base(), &roster, NOW).unwrap();
    let error = world.review(&proposal, NOW).unwrap_err();
    assert_eq!(
        error.to_string(),
        "targets: a key is listed twice, or is no Ed25519 key"
    );
}

#[test]
fn no_changed_byte_of_a_signed_proposal_is_published_as_something_else() {
    let world = World::published();
    let mut proposal = world.propose(|directory| directory.groups.clear());
    world.sign(&mut proposal, &[0, 1]);
    let bytes = proposal.to_bytes();
    let mut wanted = sample();
    wanted.groups.clear();
    for at in (0..bytes.len()).step_by(7) {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        let Ok(changed) = Proposal::parse(&changed) else {
            continue;
        };
        if let Ok(reviewed) = world.review(&changed, NOW)
            && reviewed.check_signatures().is_ok()
        {
            assert_eq!(reviewed.directory, wanted, "byte {at}");
        }
    }
}

#[test]
fn a_proposal_that_lay_too_long_has_run_out() {
    let world = World::published();
    let proposal = world.propose(|directory| directory.groups.clear());
    assert!(
        world
            .review(&proposal, NOW + TARGETS_LIFE_S - DAY_S)
            .is_ok()
    );
    let error = world.review(&proposal, NOW + TARGETS_LIFE_S).unwrap_err();
    assert!(
        matches!(
            error,
            CeremonyError::Lifetime {
                role: Role::Targets,
                ..
            }
        ),
        "{error}"
    );
}
