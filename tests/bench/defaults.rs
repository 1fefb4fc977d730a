//! Measured is what is shipped: the settings and the contract of the benchmark say only what has no default.
//!
//! The test needs no list of defaults: what has one can be left out and the file stays valid, so each key of the
//! benchmark's files is left out in turn, and the file must become invalid.

use std::path::Path;
use std::time::Duration;

use bridge_core::leaf::EvidenceMode;
use bridge_node::settings::Settings;
use toml::{Table, Value};

use crate::setup::texts::{self, Party};
use crate::setup::{NodeAddresses, Shape};

/// Listeners that exist only if they are named; without them there is nothing to measure, or to wait for.
const LISTENERS: [&str; 2] = ["consumer.plain_listen", "admin.health_listen"];

fn addresses() -> NodeAddresses {
    let address = |port: u16| ([127, 0, 0, 1], port).into();
    NodeAddresses {
        plain: address(1),
        peer: address(2),
        health: address(3),
        listed: address(2),
    }
}

/// A folder in which every path of the settings exists.
fn world() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("folder");
    for made in ["trust", "directory", "node/keys", "node/contracts"] {
        std::fs::create_dir_all(folder.path().join(made)).expect("folder");
    }
    for made in ["trust/anchors.pem", "trust/root.json"] {
        std::fs::write(folder.path().join(made), "").expect("file");
    }
    folder
}

/// Keys that can be left out of the file, listeners apart.
fn needless(text: &str, folder: &Path) -> Vec<String> {
    let table: Table = text.parse().expect("TOML");
    let load = |text: &str| Settings::parse(text, folder);
    load(text).expect("the whole file is valid");
    let mut needless = Vec::new();
    for (section, value) in &table {
        let entries = match value {
            Value::Table(_) => vec![value],
            Value::Array(list) => list.iter().collect(),
            Value::String(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::Boolean(_)
            | Value::Datetime(_) => panic!("{section} is no section"),
        };
        for (i, entry) in entries.iter().enumerate() {
            for key in entry.as_table().expect("section").keys() {
                let place = format!("{section}.{key}");
                let mut shorter = table.clone();
                let cut = &mut shorter[section];
                let cut = if cut.is_array() { &mut cut[i] } else { cut };
                cut.as_table_mut().expect("section").remove(key);
                if load(&shorter.to_string()).is_ok() && !LISTENERS.contains(&place.as_str()) {
                    needless.push(place);
                }
            }
        }
    }
    needless
}

#[test]
fn the_nodes_are_told_only_what_has_no_default() {
    let world = world();
    let folder = world.path().join("node");
    let consumer = texts::consumer(&addresses(), "key");
    let provider = texts::provider(
        &Party::provider(0),
        &addresses(),
        ([127, 0, 0, 1], 4).into(),
    );
    for text in [consumer, provider] {
        assert_eq!(needless(&text, &folder), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn a_tuned_node_is_noticed() {
    let world = world();
    let folder = world.path().join("node");
    let provider = texts::provider(
        &Party::provider(0),
        &addresses(),
        ([127, 0, 0, 1], 4).into(),
    );
    for (tuned, place) in [
        ("check = false\n", "services.check"),
        ("timeout_seconds = 5\n", "services.timeout_seconds"),
        ("[limits]\nexchanges = 64\n", "limits.exchanges"),
        (
            "[limits]\nsegment_bytes = 67108864\n",
            "limits.segment_bytes",
        ),
    ] {
        assert_eq!(needless(&format!("{provider}{tuned}"), &folder), [place]);
    }
}

/// What a contract and a node's clock decide has no key that could be left out: it is named here.
#[test]
fn the_exchange_that_is_measured_keeps_all_cuts_fields_and_is_under_a_checkpoint_each_second() {
    let text = texts::contract(&Shape::default(), &Party::provider(0), 0);
    let contract = bridge_core::contract::load(text.as_bytes()).expect("the contract is valid");
    assert_eq!(contract.evidence_mode(), EvidenceMode::Full);
    assert!(contract.fields().is_some(), "{text}");
    assert!(!contract.demands_plain_signatures(), "{text}");
    assert_eq!(bridge_journal::CHECKPOINT_EVERY, Duration::from_secs(1));
}

#[test]
fn the_contract_says_only_what_has_no_default() {
    let text = texts::contract(&Shape::default(), &Party::provider(0), 0);
    bridge_core::contract::load(text.as_bytes()).expect("the whole contract is valid");
    let file: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    for pointer in ["/contract", "/contract/endpoints/0"] {
        for key in file
            .pointer(pointer)
            .and_then(|v| v.as_object())
            .expect("object")
            .keys()
            // What a contract of queries says of itself: it changes what a node does, and no default says it.
            .filter(|key| *key != "read_only")
        {
            let mut shorter = file.clone();
            shorter
                .pointer_mut(pointer)
                .and_then(|v| v.as_object_mut())
                .expect("object")
                .remove(key);
            let shorter = serde_json::to_vec(&shorter).expect("JSON");
            assert!(
                bridge_core::contract::load(&shorter).is_err(),
                "{pointer}/{key} is needless"
            );
        }
    }
}
