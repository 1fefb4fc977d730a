use proptest::prelude::*;
use serde_json::Value;

use super::write_string;
use super::{Json, JsonError, NESTING_LIMIT, read};

fn rewritten(text: &str) -> String {
    let mut out = Vec::new();
    read(text.as_bytes()).expect("JSON").write(&mut out);
    String::from_utf8(out).expect("UTF-8")
}

#[test]
fn numerals_and_order_stay_as_written() {
    let text = r#" { "b" : 1.10, "a" : [ 1E400 , -0, 12345678901234567890123 ] } "#;
    assert_eq!(
        rewritten(text),
        r#"{"b":1.10,"a":[1E400,-0,12345678901234567890123]}"#
    );
}

#[test]
fn escapes_are_decoded_and_written_shortest() {
    let text = r#""\u0041\/\ud83d\ude00\n\u0001\"\\\u00e9""#;
    assert_eq!(rewritten(text), "\"A/😀\\n\\u0001\\\"\\\\é\"");
}

#[test]
fn equal_names_are_refused_in_small_and_large_objects() {
    let repeated = |count: usize, name: &str| {
        let members: Vec<String> = (0..count).map(|index| format!("\"n{index}\":0")).collect();
        format!("{{{},\"{name}\":1}}", members.join(","))
    };
    for count in [1, 7, 8, 9, 40] {
        // An escaped spelling of the same name is the same name.
        for name in ["n0", "\\u006e0"] {
            let text = repeated(count, name);
            assert!(
                matches!(read(text.as_bytes()), Err(JsonError::RepeatedName { .. })),
                "{text}"
            );
        }
        assert!(read(repeated(count, "N0").as_bytes()).is_ok());
    }
    assert!(matches!(
        read(br#"[{"deep":{"a":1,"a":2}}]"#),
        Err(JsonError::RepeatedName { .. })
    ));
}

#[test]
fn nesting_stops_at_the_limit() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(read(nested(NESTING_LIMIT).as_bytes()).is_ok());
    assert_eq!(
        read(nested(NESTING_LIMIT + 1).as_bytes()),
        Err(JsonError::TooDeep { at: NESTING_LIMIT })
    );
    // Depth counts what is open, not what was.
    let wide = format!("[{}[]]", "[],".repeat(1_000));
    assert!(read(wide.as_bytes()).is_ok());
}

#[test]
fn what_is_not_json_is_refused_with_its_place() {
    let cases: [(&[u8], JsonError); 20] = [
        (b"", JsonError::Ended),
        (b"\xef\xbb\xbf{}", JsonError::Unexpected { at: 0 }),
        (b"\xff", JsonError::NotUtf8 { at: 0 }),
        (b"{} x", JsonError::Trailing { at: 3 }),
        (b"[1,]", JsonError::Unexpected { at: 3 }),
        (b"{\"a\":1,}", JsonError::Unexpected { at: 7 }),
        (b"{a:1}", JsonError::Unexpected { at: 1 }),
        (b"'a'", JsonError::Unexpected { at: 0 }),
        (b"01", JsonError::Trailing { at: 1 }),
        (b"+1", JsonError::Unexpected { at: 0 }),
        (b".5", JsonError::Unexpected { at: 0 }),
        (b"1.", JsonError::Ended),
        (b"1e+", JsonError::Ended),
        (b"NaN", JsonError::Unexpected { at: 0 }),
        (b"tru", JsonError::Ended),
        (b"\"a", JsonError::Ended),
        (b"\"\n\"", JsonError::Control { at: 1 }),
        (b"\"\\x\"", JsonError::Escape { at: 1 }),
        (b"\"\\ud800\"", JsonError::Escape { at: 1 }),
        (b"\"\\u+123\"", JsonError::Escape { at: 1 }),
    ];
    for (bytes, error) in cases {
        assert_eq!(
            read(bytes),
            Err(error),
            "{}",
            String::from_utf8_lossy(bytes)
        );
    }
}

#[test]
fn values_tell_what_they_are() {
    let value = read(br#"{"a":"x","n":1,"l":[true,null]}"#).expect("JSON");
    assert_eq!(value.member("a").and_then(Json::as_str), Some("x"));
    assert_eq!(value.member("n").and_then(Json::as_numeral), Some("1"));
    assert_eq!(
        value.member("l").and_then(Json::as_array).map(<[_]>::len),
        Some(2)
    );
    assert_eq!(value.member("absent"), None);
    assert_eq!(
        (value.as_str(), value.as_numeral(), value.as_array()),
        (None, None, None)
    );
}

/// Texts that are JSON or nearly so.
fn json_like() -> impl Strategy<Value = String> {
    const PARTS: [&str; 21] = [
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\"a\"",
        "\"b\"",
        "\"\\u0061\"",
        "1",
        "-0.5e3",
        "true",
        "null",
        " ",
        "\\",
        "é",
        "0",
        "\"",
        "[]",
        "{\"a\":",
        "\"x\"}",
    ];
    proptest::collection::vec(proptest::sample::select(&PARTS[..]), 0..24)
        .prop_map(|parts| parts.concat())
}

/// A text that is JSON with one character left out.
fn nearly_json() -> impl Strategy<Value = String> {
    (any_value(), any::<proptest::sample::Index>()).prop_map(|(value, index)| {
        let text = value.to_string();
        let left_out = index.index(text.chars().count());
        let kept = text
            .chars()
            .enumerate()
            .filter(|(place, _)| *place != left_out);
        kept.map(|(_, character)| character).collect()
    })
}

/// Values as another implementation makes them.
pub(crate) fn any_value() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-1_000_000_i64..1_000_000).prop_map(Value::from),
        "[a-cə\"\\\\\n/~*]{0,4}".prop_map(Value::from),
    ];
    scalar.prop_recursive(5, 60, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::btree_map("[a-d*]{1,2}", inner, 0..10)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn a_string_is_written_as_another_writer_writes_it(text in any::<String>(), control in "[\\x00-\\x1f\"\\\\\\x7f]{0,3}") {
        let text = text + &control;
        let mut out = Vec::new();
        write_string(&text, &mut out);
        prop_assert_eq!(out, serde_json::to_vec(&text).expect("JSON"));
    }

    #[test]
    fn agrees_with_another_reader(text in prop_oneof![json_like(), nearly_json()]) {
        // The other reader takes repeated names; apart from those, both take the same texts.
        match read(text.as_bytes()) {
            Ok(value) => {
                let mut out = Vec::new();
                value.write(&mut out);
                let ours: Value = serde_json::from_slice(&out).expect("written JSON");
                prop_assert_eq!(serde_json::from_str::<Value>(&text).expect("JSON"), ours);
            }
            Err(JsonError::RepeatedName { .. }) => {}
            Err(_) => prop_assert!(serde_json::from_str::<Value>(&text).is_err()),
        }
    }

    #[test]
    fn writes_what_it_read(value in any_value()) {
        let text = value.to_string();
        prop_assert_eq!(rewritten(&text), text);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(value) = read(&bytes) {
            let mut out = Vec::new();
            value.write(&mut out);
            prop_assert_eq!(read(&out).expect("JSON"), value);
        }
    }
}
