use proptest::prelude::*;

use super::*;

/// A leaf with every field.
fn full() -> Leaf {
    Leaf {
        kind: Kind::ResponseReceived,
        time: UnixMillis(1_795_300_000_123),
        request_id: "c0a1b2c3-0000-4000-8000-00000000000f".parse().ok(),
        side: Some(Side::Consumer),
        client: "AZ/GOV/1001/P%C9%99".parse().ok(),
        service: "AZ/GOV/1002/POPULATION/person".parse().ok(),
        endpoint: Some("GET /*".to_owned()),
        purpose: Some("BENEFITS".to_owned()),
        basis: Some("LAW-12".to_owned()),
        contract: Some("C-1@qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqo".to_owned()),
        decision: Some(true),
        rules: ["endpoints".to_owned(), "hours \"any\"\n".to_owned()].into(),
        outcome: Some("ok".to_owned()),
        status: Some(200),
        request_size: Some(256),
        answer_size: Some(4096),
        duration_ms: Some(20),
        keyid: Some("key".to_owned()),
        peer_keyid: Some("peer".to_owned()),
        nonce: Some(nonce_mark(&[0; 16])),
        link: Some([1; 32]),
        answer_link: Some([2; 32]),
        mode: Some(EvidenceMode::Full),
        evidence: Some([3; 32]),
        subjects: vec![[4; 32], [5; 32]],
        facts: [("b", "ə"), ("a", "\u{1}\u{7f}")]
            .map(|(k, v)| (k.into(), v.into()))
            .into(),
    }
}

fn written(leaf: &Leaf) -> Vec<u8> {
    let mut out = Vec::new();
    leaf.write(&mut out).unwrap();
    out
}

fn text(leaf: &Leaf) -> String {
    String::from_utf8(written(leaf)).unwrap()
}

#[test]
fn a_leaf_is_written_in_the_order_of_the_format() {
    let expected = concat!(
        r#"{"v":1,"kind":"response-received","time":1795300000123,"#,
        r#""request_id":"c0a1b2c3-0000-4000-8000-00000000000f","side":"consumer","#,
        r#""client":"AZ/GOV/1001/P%C9%99","service":"AZ/GOV/1002/POPULATION/person","#,
        r#""endpoint":"GET /*","purpose":"BENEFITS","basis":"LAW-12","#,
        r#""contract":"C-1@qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqo","decision":"allow","#,
        r#""rules":["endpoints","hours \"any\"\n"],"outcome":"ok","status":200,"#,
        r#""request_size":256,"answer_size":4096,"duration_ms":20,"#,
        r#""keyid":"key","peer_keyid":"peer","nonce":"AhEeFmDdnfuMepay_9T0Dg","#,
        r#""link":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE","#,
        r#""answer_link":"AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI","mode":"full","#,
        r#""evidence":"AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM","#,
        r#""subjects":["BAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQ","#,
        r#""BQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQU"],"#,
        r#""facts":{"a":"\u0001"#,
        "\u{7f}",
        r#"","b":"ə"}}"#,
    );
    assert_eq!(text(&full()), expected);
    let least = Leaf::new(Kind::State, UnixMillis(7));
    assert_eq!(text(&least), r#"{"v":1,"kind":"state","time":7}"#);
}

#[test]
fn what_is_written_is_read_back() {
    for leaf in [full(), Leaf::new(Kind::Administration, UnixMillis(0))] {
        assert_eq!(Leaf::parse(&written(&leaf)), Ok(leaf));
    }
    let mut out = b"before".to_vec();
    full().write(&mut out).unwrap();
    assert!(out.starts_with(b"before{"));
}

/// Each field, changed alone.
fn mutated() -> Vec<(&'static str, Leaf)> {
    let mut leaves = Vec::new();
    macro_rules! change {
        ($($field:ident = $value:expr),+ $(,)?) => {$(
            leaves.push((stringify!($field), Leaf { $field: $value, ..full() }));
        )+};
    }
    change! {
        kind = Kind::Refused, time = UnixMillis(8), request_id = None, side = Some(Side::Provider),
        client = None, service = None, endpoint = Some("x".into()), purpose = Some(String::new()),
        basis = None, contract = Some("c".into()), decision = Some(false), rules = Arc::default(),
        outcome = Some("late".into()), status = Some(404), request_size = Some(512),
        answer_size = Some(256), duration_ms = Some(50), keyid = None, peer_keyid = None,
        nonce = None, link = Some([9; 32]), answer_link = None, mode = Some(EvidenceMode::Digest),
        evidence = None, subjects = vec![[4; 32]], facts = BTreeMap::new(),
    }
    leaves
}

#[test]
fn no_field_is_lost() {
    let leaves = mutated();
    let declared = include_str!("../leaf.rs")
        .split_once("pub struct Leaf {")
        .unwrap()
        .1;
    let declared = declared.split_once("\n}").unwrap().0;
    let names: Vec<&str> = declared
        .lines()
        .filter_map(|line| line.trim().strip_prefix("pub "))
        .filter_map(|line| line.split_once(':'))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(
        leaves.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
        names
    );
    let original = written(&full());
    for (name, leaf) in leaves {
        let bytes = written(&leaf);
        assert_ne!(bytes, original, "{name}");
        assert_eq!(Leaf::parse(&bytes), Ok(leaf), "{name}");
    }
}

#[test]
fn another_spelling_is_refused() {
    let leaf = text(&full());
    let replace = |from: &str, to: &str| {
        assert!(leaf.contains(from), "{from}");
        leaf.replacen(from, to, 1)
    };
    let table = [
        format!("{leaf} "),
        format!(" {leaf}"),
        format!("{leaf}\n"),
        replace(":1795300000123", ": 1795300000123"),
        replace("1795300000123", "1795300000123.0"),
        replace("1795300000123", "01795300000123"),
        replace(
            "\"time\":1795300000123,",
            "\"time\":1795300000123,\"time\":1795300000123,",
        ),
        replace(
            "\"v\":1,\"kind\":\"response-received\"",
            "\"kind\":\"response-received\",\"v\":1",
        ),
        replace("c0a1b2c3-0000", "C0A1B2C3-0000"),
        replace(
            "c0a1b2c3-0000-4000-8000-00000000000f",
            "c0a1b2c300004000800000000000000f",
        ),
        replace("P%C9%99", "P%c9%99"),
        replace("AZ/GOV/1001", "%41Z/GOV/1001"),
        replace("\"ok\"", "\"o\\u006b\""),
        replace("GET /*", "GET \\/*"),
        replace("\\u0001", "\\u001"),
        replace("\"ə\"", "\"\\u0259\""),
        replace("\"side\":\"consumer\"", "\"side\":\"Consumer\""),
        replace("\"side\":\"consumer\"", "\"side\":null"),
        replace("\"purpose\":\"BENEFITS\"", "\"purpose\":null"),
        replace("\"decision\":\"allow\"", "\"decision\":true"),
        replace("response-received", "response-lost"),
        replace("\"mode\":\"full\"", "\"mode\":\"half\""),
        replace("AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE", "AQEB"),
        replace(
            "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE",
            "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQF",
        ),
        replace(
            "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE",
            "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=",
        ),
        replace("\"mode\":\"full\"", "\"mode\":\"full\",\"more\":1"),
        replace(",\"facts\":{", ",\"facts\":{\"z\":\"\","),
        replace("\"b\":\"ə\"", "\"b\":1"),
        r#"{"v":1,"kind":"state","time":7,"rules":[]}"#.to_owned(),
        r#"{"v":1,"kind":"state","time":7,"facts":{}}"#.to_owned(),
        r#"{"v":1,"kind":"state","time":7,"subjects":[]}"#.to_owned(),
        r#"{"v":1,"kind":"state","time":-7}"#.to_owned(),
        r#"{"v":1,"kind":"state"}"#.to_owned(),
        r#"{"v":1,"time":7}"#.to_owned(),
        r#"{"v":1.0,"kind":"state","time":7}"#.to_owned(),
        r#"{"v":01,"kind":"state","time":7}"#.to_owned(),
        r#"{"v":true,"kind":"state","time":7}"#.to_owned(),
        "[]".to_owned(),
        "{}".to_owned(),
        String::new(),
    ];
    for spelling in table {
        let result = Leaf::parse(spelling.as_bytes());
        let refused = matches!(
            result,
            Err(LeafError::Malformed { .. } | LeafError::NotCanonical)
        );
        assert!(refused, "{spelling}: {result:?}");
    }
}

#[test]
fn another_version_is_refused_by_name() {
    let later = br#"{"v":2,"kind":"dream","colour":"blue"}"#;
    let error = Leaf::parse(later).unwrap_err();
    assert_eq!(error, LeafError::UnknownVersion { found: 2 });
    assert_eq!(
        error.to_string(),
        "the leaf is of version 2; this program reads version 1"
    );
}

#[test]
fn exact_numbers_are_refused_both_ways() {
    let table = [
        (
            "request_size",
            "\"request_size\":256",
            "\"request_size\":255",
        ),
        ("request_size", "\"request_size\":256", "\"request_size\":0"),
        (
            "answer_size",
            "\"answer_size\":4096",
            "\"answer_size\":4097",
        ),
        ("duration_ms", "\"duration_ms\":20", "\"duration_ms\":21"),
        ("duration_ms", "\"duration_ms\":20", "\"duration_ms\":0"),
    ];
    for (field, from, to) in table {
        let bytes = text(&full()).replacen(from, to, 1);
        assert_eq!(
            Leaf::parse(bytes.as_bytes()),
            Err(LeafError::NotCoarse { field }),
            "{to}"
        );
    }
    let mut out = b"kept".to_vec();
    let exact = Leaf {
        request_size: Some(300),
        ..full()
    };
    assert_eq!(
        exact.write(&mut out),
        Err(LeafError::NotCoarse {
            field: "request_size"
        })
    );
    assert_eq!(out, b"kept");
}

#[test]
fn limits_hold_at_their_edge() {
    let mut leaf = Leaf::new(Kind::State, UnixMillis(MAX_NUMBER));
    assert_eq!(Leaf::parse(&written(&leaf)), Ok(leaf.clone()));
    leaf.time = UnixMillis(MAX_NUMBER + 1);
    assert_eq!(
        leaf.write(&mut Vec::new()),
        Err(LeafError::OutOfRange { field: "time" })
    );

    let mut leaf = Leaf::new(Kind::State, UnixMillis(0));
    leaf.outcome = Some(String::new());
    let room = MAX_LEAF_BYTES - written(&leaf).len();
    leaf.outcome = Some("a".repeat(room));
    assert_eq!(written(&leaf).len(), MAX_LEAF_BYTES);
    assert_eq!(Leaf::parse(&written(&leaf)), Ok(leaf.clone()));
    leaf.outcome = Some("a".repeat(room + 1));
    let mut out = b"kept".to_vec();
    let error = LeafError::TooLong {
        length: MAX_LEAF_BYTES + 1,
    };
    assert_eq!(leaf.write(&mut out), Err(error.clone()));
    assert_eq!(out, b"kept");
    assert_eq!(Leaf::parse(&vec![b'a'; MAX_LEAF_BYTES + 1]), Err(error));

    for (status, good) in [(99, false), (100, true), (999, true), (1000, false)] {
        let leaf = Leaf {
            status: Some(status),
            ..full()
        };
        assert_eq!(leaf.write(&mut Vec::new()).is_ok(), good, "{status}");
    }
}

#[test]
fn sizes_and_durations_are_coarse() {
    let sizes = [
        (0, 256),
        (256, 256),
        (257, 512),
        (512, 512),
        (1_000_000, 1 << 20),
    ];
    for (bytes, coarse) in sizes {
        assert_eq!(coarse_size(bytes), coarse);
    }
    assert_eq!(coarse_size(u64::MAX), LARGEST_SIZE);
    let durations = [
        (0, 1),
        (1, 1),
        (2, 2),
        (3, 5),
        (5, 5),
        (6, 10),
        (11, 20),
        (21, 50),
        (501, 1000),
    ];
    for (exact, coarse) in durations {
        assert_eq!(coarse_duration_ms(exact), coarse);
    }
    assert_eq!(coarse_duration_ms(u64::MAX), LARGEST_DURATION_MS);
    assert_eq!(coarse_duration_ms(LARGEST_DURATION_MS), LARGEST_DURATION_MS);
}

#[test]
fn words_are_read_as_they_are_written() {
    for kind in Kind::ALL {
        assert_eq!(Kind::from_word(kind.as_str()), Some(*kind));
    }
    assert_eq!(Kind::ALL.len(), 10);
    assert_eq!(Side::from_word("provider"), Some(Side::Provider));
    assert_eq!(EvidenceMode::from_word("Full"), None);
    assert_eq!(UnixMillis(1999).seconds(), 1);
}

proptest! {
    #[test]
    fn coarse_numbers_are_fixed_points_and_never_smaller(number in 0..LARGEST_DURATION_MS) {
        prop_assert!(coarse_size(number) >= number);
        prop_assert_eq!(coarse_size(coarse_size(number)), coarse_size(number));
        prop_assert!(coarse_duration_ms(number) >= number);
        prop_assert_eq!(coarse_duration_ms(coarse_duration_ms(number)), coarse_duration_ms(number));
    }

    #[test]
    fn any_text_survives(
        purpose in "\\PC{0,20}|[\\x00-\\x1f\"\\\\]{0,9}",
        rules in proptest::collection::vec("(?s).{0,9}", 0..4),
        facts in proptest::collection::btree_map("(?s).{0,9}", "(?s).{0,9}", 0..4),
        time in 0..=MAX_NUMBER,
    ) {
        let leaf = Leaf {
            purpose: Some(purpose),
            rules: rules.into(),
            facts,
            ..Leaf::new(Kind::Delivery, UnixMillis(time))
        };
        let bytes = written(&leaf);
        prop_assert!(!bytes.contains(&b'\n'));
        prop_assert_eq!(Leaf::parse(&bytes), Ok(leaf));
    }

    #[test]
    fn a_changed_byte_is_another_leaf_or_none(at in 0usize..900, to: u8) {
        let mut bytes = written(&full());
        let at = at % bytes.len();
        prop_assume!(bytes[at] != to);
        bytes[at] = to;
        if let Ok(leaf) = Leaf::parse(&bytes) {
            prop_assert_ne!(&leaf, &full());
            prop_assert_eq!(written(&leaf), bytes);
        }
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Leaf::parse(&bytes).is_err());
    }
}
