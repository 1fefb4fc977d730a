use proptest::prelude::*;

use super::{Kind, Leaf, LeafFault, Mode, Side};

const FULL: &str = r#"{"v":1,"kind":"request-sent","time":1700000000000,"request_id":"0f8fad5b-d9cb-469f-a165-70867728950e","side":"consumer","client":"AZ/GOV/1001/TAX%2FOFFICE","service":"AZ/GOV/1002/POP/person","endpoint":"GET /persons/*","purpose":"p1","basis":"law \"7\"","contract":"c@1@AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","decision":"allow","rules":["r1","r2"],"outcome":"ok","status":200,"request_size":256,"answer_size":1024,"duration_ms":50,"keyid":"k","peer_keyid":"p","nonce":"AAAAAAAAAAAAAAAAAAAAAA","link":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","answer_link":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","mode":"full","evidence":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","subjects":["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"],"facts":{"a":"1","b":"2"}}"#;

fn fault(from: &str, to: &str) -> LeafFault {
    assert!(FULL.contains(from), "{from}");
    Leaf::parse(FULL.replacen(from, to, 1).as_bytes()).unwrap_err()
}

#[test]
fn a_full_leaf_is_read() {
    let leaf = Leaf::parse(FULL.as_bytes()).unwrap();
    assert_eq!((leaf.kind, leaf.time), (Kind::Start, 1_700_000_000_000));
    assert_eq!(leaf.side, Some(Side::Consumer));
    assert_eq!(leaf.request_id.unwrap()[..2], [0x0f, 0x8f]);
    assert_eq!(
        (leaf.mode, leaf.subjects, leaf.facts.len()),
        (Some(Mode::Full), 1, 2)
    );
    assert_eq!(leaf.evidence, Some([0; 32]));
}

#[test]
fn the_shortest_leaf_is_read() {
    let leaf = Leaf::parse(br#"{"v":1,"kind":"state","time":0}"#).unwrap();
    assert_eq!(
        (leaf.kind, leaf.time, leaf.request_id),
        (Kind::State, 0, None)
    );
}

#[test]
fn each_value_out_of_form_is_named() {
    for (from, to, field) in [
        ("request-sent", "request-lost", "kind"),
        ("0f8fad5b", "0F8FAD5B", "request_id"),
        ("0f8fad5b-", "0f8fad5b0", "request_id"),
        ("\"consumer\"", "\"witness\"", "side"),
        ("TAX%2FOFFICE", "TAX%2fOFFICE", "client"),
        ("TAX%2FOFFICE", "TAX/OFFICE", "client"),
        ("TAX%2FOFFICE", "TAX%41", "client"),
        ("TAX%2FOFFICE", "TAX@", "client"),
        ("POP/person", "POP", "service"),
        ("POP/person", "/person", "service"),
        ("c@1@", "@", "contract"),
        ("\"allow\"", "\"perhaps\"", "decision"),
        ("[\"r1\",\"r2\"]", "[]", "rules"),
        (":200,", ":42,", "status"),
        (":256,", ":255,", "request_size"),
        (":1024,", ":128,", "answer_size"),
        (":50,", ":40,", "duration_ms"),
        (":50,", ":0,", "duration_ms"),
        ("nonce\":\"A", "nonce\":\"", "nonce"),
        ("\"link\":\"A", "\"link\":\"=", "link"),
        ("\"answer_link\":\"AA", "\"answer_link\":\"A", "answer_link"),
        ("\"full\"", "\"some\"", "mode"),
        ("\"evidence\":\"A", "\"evidence\":\"+", "evidence"),
        ("\"subjects\":[\"A", "\"subjects\":[\"", "subjects"),
        ("\"a\":\"1\"", "\"c\":\"1\"", "facts"),
        ("\"a\":\"1\"", "\"b\":\"1\"", "facts"),
    ] {
        let fault = fault(from, to);
        let LeafFault::Value { field: named, .. } = fault else {
            panic!("{from} -> {to}: {fault}")
        };
        assert_eq!(named, field, "{from} -> {to}");
    }
}

#[test]
fn each_breach_of_the_spelling_is_named() {
    for (from, to) in [
        ("{\"v\"", " {\"v\""),
        (",\"kind\"", ", \"kind\""),
        ("\"v\":1", "\"v\":01"),
        ("1700000000000", "1.7e12"),
        ("1700000000000", "-1"),
        ("1700000000000", "9007199254740992"),
        ("law \\\"7\\\"", "law \\u00227"),
        ("\"b\":\"2\"}}", "\"b\":\"2\"}"),
        ("\"b\":\"2\"}}", "\"b\":\"2\"}},"),
        ("\"b\":\"2\"", "\"b\":2"),
        ("{\"a\":\"1\",\"b\":\"2\"}", "{}"),
    ] {
        assert!(
            matches!(fault(from, to), LeafFault::Syntax(_)),
            "{from} -> {to}"
        );
    }
    assert!(matches!(
        fault("\"v\":1", "\"v\":2"),
        LeafFault::Version { version: 2 }
    ));
    assert!(matches!(
        fault("\"keyid\"", "\"keyId\""),
        LeafFault::UnknownField { .. }
    ));
    let twice = fault("\"keyid\":\"k\"", "\"keyid\":\"k\",\"keyid\":\"k\"");
    assert_eq!(
        twice,
        LeafFault::Order {
            field: "keyid",
            after: "keyid"
        }
    );
    let swapped = fault(
        "\"keyid\":\"k\",\"peer_keyid\":\"p\"",
        "\"peer_keyid\":\"p\",\"keyid\":\"k\"",
    );
    assert_eq!(
        swapped,
        LeafFault::Order {
            field: "keyid",
            after: "peer_keyid"
        }
    );
    let kindless = fault("\"kind\":\"request-sent\",", "");
    assert_eq!(kindless, LeafFault::Missing { field: "kind" });
    let timeless = Leaf::parse(br#"{"v":1,"kind":"state"}"#).unwrap_err();
    assert_eq!(timeless, LeafFault::Missing { field: "time" });
    assert!(matches!(
        Leaf::parse(b"{\"v\":1,\xff"),
        Err(LeafFault::NotText { at: 7 })
    ));
    let long = vec![b' '; 65_536];
    assert_eq!(
        Leaf::parse(&long).unwrap_err(),
        LeafFault::TooLong { length: 65_536 }
    );
}

proptest! {
    #[test]
    fn no_bytes_panic(input: Vec<u8>) {
        prop_assert!(Leaf::parse(&input).is_err());
    }

    #[test]
    fn no_altered_leaf_panics(position: prop::sample::Index, byte: u8, cut: prop::sample::Index) {
        let mut bytes = FULL.as_bytes().to_vec();
        let position = position.index(bytes.len());
        bytes[position] = byte;
        let _parsed = Leaf::parse(&bytes);
        bytes.truncate(cut.index(bytes.len()));
        prop_assert!(Leaf::parse(&bytes).is_err());
    }

    /// What is accepted is valid JSON for a reader that is not ours, with the same facts.
    #[test]
    fn what_is_read_is_json(position: prop::sample::Index, byte: u8) {
        let mut bytes = FULL.as_bytes().to_vec();
        let position = position.index(bytes.len());
        bytes[position] = byte;
        if let Ok(leaf) = Leaf::parse(&bytes) {
            let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
            prop_assert_eq!(value["time"].as_u64(), Some(leaf.time));
            let outcome = leaf.outcome.unwrap().decoded().into_owned();
            prop_assert_eq!(value["outcome"].as_str().unwrap().as_bytes(), outcome.as_slice());
        }
    }
}
