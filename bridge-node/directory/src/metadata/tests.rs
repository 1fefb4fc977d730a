use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::client::tests::{Officer, Repository};

fn read(role: Role, value: &Value) -> Result<Envelope, MetadataError> {
    Envelope::read(role, value.to_string().as_bytes())
}

fn timestamp() -> Value {
    json!({
        "signatures": [],
        "signed": {
            "_type": "timestamp", "spec_version": "1.0.30", "version": 1,
            "expires": "2030-01-01T00:00:00Z", "meta": {"snapshot.json": {"version": 1}}
        }
    })
}

#[test]
fn the_shape_is_checked_before_anything_else() {
    assert!(read(Role::Timestamp, &timestamp()).is_ok());
    let with = |field: &str, value: Value| {
        let mut file = timestamp();
        file["signed"][field] = value;
        read(Role::Timestamp, &file).unwrap_err()
    };
    assert!(matches!(
        with("_type", json!("root")),
        MetadataError::OtherRole { .. }
    ));
    assert!(matches!(
        with("_type", json!(1)),
        MetadataError::OtherRole { .. }
    ));
    let other = |spec| matches!(spec, MetadataError::OtherSpecification { .. });
    assert!(
        other(with("spec_version", json!("2.0.0"))) && other(with("spec_version", json!("10.0")))
    );
    assert!(matches!(
        with("version", json!(0)),
        MetadataError::VersionZero { .. }
    ));
    for version in [json!(-1), json!("1"), json!(1.0), json!(null)] {
        assert!(matches!(
            with("version", version),
            MetadataError::Shape { .. }
        ));
    }
    assert!(matches!(
        with("expires", json!("2030-01-01")),
        MetadataError::Shape { .. }
    ));
    assert!(matches!(
        with("more", json!(0.5)),
        MetadataError::Canonical { .. }
    ));
}

#[test]
fn unknown_fields_are_signed_and_ignored() {
    let mut file = timestamp();
    file["signed"]["more"] = json!({"x": [1]});
    let envelope = read(Role::Timestamp, &file).unwrap();
    assert!(String::from_utf8_lossy(&envelope.canonical).contains("\"more\":{\"x\":[1]}"));
    assert!(envelope.part::<Timestamp>().is_ok());
}

#[test]
fn a_timestamp_announces_one_file_with_a_version() {
    let with = |meta: Value| {
        let mut file = timestamp();
        file["signed"]["meta"] = meta;
        read(Role::Timestamp, &file)
            .unwrap()
            .part::<Timestamp>()
            .is_ok()
    };
    assert!(with(json!({"snapshot.json": {"version": 1}})));
    assert!(!with(json!({"snapshot.json": {"version": 0}})));
    assert!(!with(json!({"snapshot.json": {}})));
    assert!(!with(json!({})));
    assert!(!with(
        json!({"snapshot.json": {"version": 1}, "root.json": {"version": 1}})
    ));
}

#[test]
fn a_snapshot_lists_the_targets() {
    let with = |meta: Value| {
        let mut file = timestamp();
        file["signed"]["_type"] = json!("snapshot");
        file["signed"]["meta"] = meta;
        read(Role::Snapshot, &file)
            .unwrap()
            .part::<Snapshot>()
            .is_ok()
    };
    assert!(with(
        json!({"targets.json": {"version": 1}, "members.json": {"version": 2}})
    ));
    assert!(!with(json!({"members.json": {"version": 2}})));
    assert!(!with(
        json!({"targets.json": {"version": 1}, "members.json": {}})
    ));
}

#[test]
fn targets_have_length_and_digest_and_whole_delegations() {
    let with = |change: &dyn Fn(&mut Value)| {
        let mut file = timestamp();
        file["signed"]["_type"] = json!("targets");
        let info = FileInfo::of(None, b"x");
        file["signed"]["targets"] = json!({"directory.json": info});
        change(&mut file["signed"]);
        read(Role::Targets, &file)
            .unwrap()
            .part::<Targets>()
            .is_ok()
    };
    assert!(with(&|_| {}));
    assert!(with(
        &|signed| signed["targets"]["directory.json"]["hashes"]["sha512"] = json!("00")
    ));
    assert!(!with(&|signed| signed["delegations"] = json!({"keys": {}})));
    for info in [
        json!({"length": 1, "hashes": {}}),
        json!({"length": 1, "hashes": {"sha256": "00"}}),
        json!({"length": 1, "hashes": {"sha512": "00".repeat(64)}}),
        json!({"hashes": {"sha256": "00".repeat(32)}}),
    ] {
        assert!(
            !with(&|signed| signed["targets"]["directory.json"] = info.clone()),
            "{info}"
        );
    }
}

/// Changes the first root of a repository, signed anew, and reads it.
fn root(change: impl Fn(&mut Value)) -> Result<Root, MetadataError> {
    let mut signed = Repository::new().root_part(1);
    change(&mut signed);
    read(Role::Root, &json!({"signatures": [], "signed": signed}))?.part()
}

#[test]
fn a_root_is_whole_in_itself() {
    assert!(root(|_| {}).is_ok());
    let unsupported = |change: &dyn Fn(&mut Value)| {
        matches!(
            root(change),
            Err(MetadataError::Unsupported { .. } | MetadataError::Shape { .. })
        )
    };
    assert!(unsupported(
        &|signed| signed["consistent_snapshot"] = json!(false)
    ));
    assert!(unsupported(&|signed| {
        let role = signed["roles"]["root"].clone();
        signed["roles"]["mirrors"] = role;
    }));
    assert!(unsupported(&|signed| {
        signed["roles"].as_object_mut().unwrap().remove("targets");
    }));
    assert!(unsupported(
        &|signed| signed["roles"]["root"]["threshold"] = json!(0)
    ));
    assert!(unsupported(
        &|signed| signed["roles"]["root"]["threshold"] = json!(4)
    ));
    assert!(unsupported(
        &|signed| signed["roles"]["root"]["threshold"] = json!(-1)
    ));
    assert!(unsupported(&|signed| {
        let first = signed["roles"]["root"]["keyids"][0].clone();
        signed["roles"]["root"]["keyids"]
            .as_array_mut()
            .unwrap()
            .push(first);
    }));
    assert!(unsupported(
        &|signed| signed["roles"]["root"]["keyids"][0] = json!("00")
    ));
    assert!(unsupported(&|signed| {
        let id = signed["roles"]["root"]["keyids"][0]
            .as_str()
            .unwrap()
            .to_owned();
        signed["keys"][&id]["keyval"]["public"] = json!("00".repeat(32));
    }));
}

#[test]
fn keys_of_other_kinds_are_listed_and_never_count() {
    let other =
        json!({"keytype": "rsa", "scheme": "rsassa-pss-sha256", "keyval": {"public": "-----"}});
    let key: Key = serde_json::from_value(other).unwrap();
    let id = key.id().unwrap();
    let read = root(|signed| signed["keys"][&id] = json!(key)).unwrap();
    assert_eq!(read.key(&id).unwrap().ed25519(), None);
}

#[test]
fn a_key_id_is_the_digest_of_the_canonical_key() {
    // Key and id from the example of the specification, §4.3.
    let key = Key::from_ed25519(
        &unhex("72378e5bc588793e58f81c8533da64a2e8f1565c1fcc7f253496394ffc52542c").unwrap(),
    );
    let id = "1bf1c6e3cdd3d3a8420b19199e27511999850f4b376c4547b2f32fba7e80fca3";
    assert_eq!(key.id().unwrap(), id);
}

#[test]
fn officers_are_counted_by_key() {
    let repository = Repository::new();
    let root: Root = root(|_| {}).unwrap();
    let signed = repository.targets_part();
    let good = |signers: &[Officer]| {
        let bytes = sign(&signed, signers).unwrap();
        match Envelope::read(Role::Targets, &bytes).unwrap().verify(&root) {
            Ok(()) => 2,
            Err(MetadataError::TooFewSignatures {
                good, threshold: 2, ..
            }) => good,
            Err(other) => panic!("{other}"),
        }
    };
    let officers = repository.officers(Role::Targets);
    let [a, b, c] = officers.as_slice() else {
        panic!("three officers")
    };
    assert_eq!(good(&[a.clone(), b.clone()]), 2);
    assert_eq!(good(&[c.clone(), a.clone(), b.clone()]), 2);
    assert_eq!(good(std::slice::from_ref(a)), 1);
    assert_eq!(good(&[]), 0);
    let stranger = Officer::new(99);
    assert_eq!(good(&[a.clone(), stranger.clone()]), 1);
    assert_eq!(good(&repository.officers(Role::Root)), 0);
    // The stranger signs under the name of an officer.
    let impostor = Officer {
        key_id: b.key_id.clone(),
        ..stranger
    };
    assert_eq!(good(&[a.clone(), impostor]), 1);
}

#[test]
fn one_key_under_two_ids_is_one_officer() {
    let repository = Repository::new();
    let twin = &repository.officers(Role::Targets)[0];
    let mut listed = json!(Key::from_ed25519(&twin.public()));
    listed["note"] = json!("the same key, another id");
    let key: Key = serde_json::from_value(listed).unwrap();
    let id = key.id().unwrap();
    let root: Root = root(|signed| {
        signed["keys"][&id] = json!(key);
        signed["roles"]["targets"]["keyids"] = json!([twin.key_id, id]);
    })
    .unwrap();
    let both = [
        twin.clone(),
        Officer {
            key_id: id,
            ..twin.clone()
        },
    ];
    let bytes = sign(&repository.targets_part(), &both).unwrap();
    let error = Envelope::read(Role::Targets, &bytes)
        .unwrap()
        .verify(&root)
        .unwrap_err();
    assert!(matches!(
        error,
        MetadataError::TooFewSignatures {
            good: 1,
            threshold: 2,
            ..
        }
    ));
}

#[test]
fn two_signatures_of_one_key_id_are_refused() {
    let repository = Repository::new();
    let officer = &repository.officers(Role::Targets)[0];
    let bytes = sign(
        &repository.targets_part(),
        &[officer.clone(), officer.clone()],
    )
    .unwrap();
    let error = Envelope::read(Role::Targets, &bytes).unwrap_err();
    assert!(
        matches!(error, MetadataError::RepeatedSignature { .. }),
        "{error}"
    );
}

proptest! {
    #[test]
    fn hexadecimal_digits_come_back(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        prop_assert_eq!(unhex(&hex(&bytes)), Some(bytes.clone()));
        prop_assert_eq!(unhex(&hex(&bytes).to_uppercase()), Some(bytes));
    }

    #[test]
    fn strangers_bytes_never_panic(text in "\\PC{0,60}", bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        unhex(&text);
        for role in Role::ALL {
            prop_assert!(Envelope::read(role, &bytes).is_err());
            prop_assert!(Envelope::read(role, text.as_bytes()).is_err());
        }
    }

    #[test]
    fn strangers_json_never_panics(role in prop::sample::select(&Role::ALL[..]), meta in "\\{\"(snapshot|targets)\\.json\":\\{\"version\":[0-9]{1,30}(,\"length\":[0-9]{1,30})?\\}\\}") {
        let signed = format!("{{\"_type\":\"{role}\",\"spec_version\":\"1.0\",\"version\":1,\"expires\":\"2030-01-01T00:00:00Z\",\"meta\":{meta}}}");
        let file = format!("{{\"signatures\":[],\"signed\":{signed}}}");
        if let Ok(envelope) = Envelope::read(role, file.as_bytes()) {
            prop_assert!(envelope.part::<Root>().is_err());
            let _either = envelope.part::<Timestamp>().is_ok() | envelope.part::<Snapshot>().is_ok();
        }
    }
}
