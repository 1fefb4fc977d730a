use proptest::prelude::*;
use serde_json::Value;

use super::FieldMask;
use crate::contract::locator::{Pointer, Token};
use crate::json;
use crate::json::tests::any_value;

fn mask(pointers: &[&str]) -> FieldMask {
    FieldMask::new(
        pointers
            .iter()
            .map(|text| Pointer::parse(text).expect("pointer"))
            .collect(),
    )
}

fn allowed(pointers: &[&str], text: &str) -> Option<String> {
    let value = json::read(text.as_bytes()).expect("JSON");
    let mut out = Vec::new();
    let is_kept = mask(pointers).write_allowed(&value, &mut out);
    assert_eq!(is_kept, !out.is_empty());
    is_kept.then(|| String::from_utf8(out).expect("UTF-8"))
}

#[test]
fn a_mask_lets_pass_what_it_names() {
    let text = r#"{"fin":"1","name":{"first":"A","last":{"now":"B"}},"income":9.50,"children":[{"fin":"2","x":1},{"x":2},"s",[{"fin":"3"}]]}"#;
    let cases: [(&[&str], &str); 8] = [
        (&["/fin"], r#"{"fin":"1"}"#),
        (&["/name/*"], r#"{"name":{"first":"A","last":{"now":"B"}}}"#),
        (&["/name"], r#"{"name":{"first":"A","last":{"now":"B"}}}"#),
        (&["/name/last/now"], r#"{"name":{"last":{"now":"B"}}}"#),
        (&["/children/*/fin"], r#"{"children":[{"fin":"2"},{},[]]}"#),
        (
            &["/children/*/*/fin"],
            r#"{"children":[{},{},[{"fin":"3"}]]}"#,
        ),
        (&["/income", "/fin"], r#"{"fin":"1","income":9.50}"#),
        (&["/absent"], "{}"),
    ];
    for (pointers, expected) in cases {
        let written = allowed(pointers, text).expect("an object");
        assert_eq!(written, expected, "{pointers:?}");
    }
}

#[test]
fn lists_and_bare_values() {
    assert_eq!(
        allowed(&["/*/a"], r#"[{"a":1,"b":2},{"b":3},4]"#).as_deref(),
        Some(r#"[{"a":1},{}]"#)
    );
    assert_eq!(allowed(&["/a"], r#"[{"a":1}]"#).as_deref(), Some("[]"));
    for bare in ["\"text\"", "1", "true", "null"] {
        assert_eq!(allowed(&["/*"], bare), None);
    }
    assert_eq!(allowed(&[], r#"{"a":1}"#).as_deref(), Some("{}"));
}

/// Every scalar and empty container of a value with the way to it, by names and indexes.
fn ends(value: &Value, way: &mut Vec<String>, out: &mut Vec<(Vec<String>, Value)>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(index, item)| (format!("#{index}"), item))
            .collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, item)| (name.clone(), item))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    };
    if children.is_empty() {
        out.push((way.clone(), value.clone()));
    }
    for (step, child) in children {
        way.push(step);
        ends(child, way, out);
        way.pop();
    }
}

/// Says in the plainest way whether a pointer names this way or something above it.
fn is_named(pointer: &Pointer, way: &[String]) -> bool {
    pointer.tokens().len() <= way.len()
        && pointer
            .tokens()
            .iter()
            .zip(way)
            .all(|(token, step)| match token {
                Token::Every => true,
                Token::Name(name) => !step.starts_with('#') && name == step,
            })
}

/// Tells whether `part` is `whole` with members and elements left out.
fn is_sub_tree(part: &Value, whole: &Value) -> bool {
    match (part, whole) {
        (Value::Object(part), Value::Object(whole)) => part.iter().all(|(name, value)| {
            whole
                .get(name)
                .is_some_and(|known| is_sub_tree(value, known))
        }),
        (Value::Array(part), Value::Array(whole)) => {
            let mut rest = whole.iter();
            part.iter()
                .all(|value| rest.any(|known| is_sub_tree(value, known)))
        }
        (part, whole) => part == whole,
    }
}

fn pointers() -> impl Strategy<Value = Vec<String>> {
    let step = prop_oneof![Just("*".to_owned()), "[a-d]{1,2}"];
    let pointer =
        proptest::collection::vec(step, 1..4).prop_map(|steps| format!("/{}", steps.join("/")));
    proptest::collection::vec(pointer, 0..4)
}

fn cut(pointers: &[String], value: &Value) -> Option<Value> {
    let texts: Vec<&str> = pointers.iter().map(String::as_str).collect();
    allowed(&texts, &value.to_string()).map(|text| serde_json::from_str(&text).expect("JSON"))
}

proptest! {
    #[test]
    fn what_passes_is_a_sub_tree_of_named_values(pointers in pointers(), value in any_value()) {
        let Some(part) = cut(&pointers, &value) else {
            prop_assert!(!value.is_object() && !value.is_array());
            return Ok(());
        };
        prop_assert!(is_sub_tree(&part, &value), "{} of {}", part, value);
        let mask = mask(&pointers.iter().map(String::as_str).collect::<Vec<_>>());
        let mut left = Vec::new();
        ends(&part, &mut Vec::new(), &mut left);
        for (way, end) in left.iter().filter(|(_, end)| !end.is_object() && !end.is_array()) {
            let named = mask.pointers().iter().any(|pointer| is_named(pointer, way));
            prop_assert!(named, "{:?} {} {:?}", way, end, pointers);
        }
        // And nothing that is named is lost.
        let mut all = Vec::new();
        ends(&value, &mut Vec::new(), &mut all);
        let is_scalar = |end: &Value| !end.is_object() && !end.is_array();
        let named = all.iter().filter(|(way, end)| {
            is_scalar(end) && mask.pointers().iter().any(|pointer| is_named(pointer, way))
        });
        prop_assert_eq!(named.count(), left.iter().filter(|(_, end)| is_scalar(end)).count());
    }

    #[test]
    fn a_pointer_less_never_lets_more_pass(
        pointers in pointers(),
        left_out in any::<proptest::sample::Index>(),
        value in any_value(),
    ) {
        prop_assume!(!pointers.is_empty());
        let mut fewer = pointers.clone();
        fewer.remove(left_out.index(pointers.len()));
        match (cut(&fewer, &value), cut(&pointers, &value)) {
            (Some(less), Some(more)) => prop_assert!(is_sub_tree(&less, &more)),
            (less, more) => prop_assert_eq!(less, more),
        }
    }
}
