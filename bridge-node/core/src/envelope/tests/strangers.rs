//! Messages that a Python library signed by this profile (`tests/referees/rfc9421/sign.py`) open here.

use std::path::Path;

use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::*;

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).expect("a text")
}

fn fields(value: &Value) -> HeaderMap {
    let lines = value
        .get("fields")
        .and_then(Value::as_array)
        .expect("fields");
    let line = |line: &Value| {
        let part = |at: usize| {
            line.get(at)
                .and_then(Value::as_str)
                .expect("a text")
                .to_owned()
        };
        (
            HeaderName::try_from(part(0)).expect("a name"),
            HeaderValue::try_from(part(1)).expect("a value"),
        )
    };
    let mut fields = HeaderMap::new();
    lines.iter().map(line).for_each(|(name, value)| {
        fields.append(name, value);
    });
    fields
}

fn exchange(case: &Value) -> Exchange {
    let request = case.get("request").unwrap_or(case);
    let status = case.get("status").and_then(Value::as_u64);
    Exchange {
        method: text(request, "method").to_owned(),
        target: text(request, "target").to_owned(),
        authority: text(request, "authority").to_owned(),
        request: fields(request),
        answer: status.map(|status| (u16::try_from(status).expect("a status"), fields(case))),
    }
}

#[test]
fn what_a_stranger_signed_by_this_profile_opens() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../signature/testdata/strangers");
    let mut opened = 0;
    for entry in std::fs::read_dir(folder).expect("the cases are readable") {
        let file = std::fs::read(entry.expect("an entry").path()).expect("a file");
        let case: Value = serde_json::from_slice(&file).expect("JSON");
        let algorithm = text(&case, "algorithm").parse().expect("an algorithm");
        let raw = STANDARD.decode(text(&case, "public_key")).expect("base64");
        let key = VerifyingKey::new(algorithm, &raw).expect("a key");
        let genuine = exchange(&case)
            .open()
            .and_then(|envelope| envelope.verify(&key))
            .is_ok();
        // The envelope does not see the content: only its digest is covered.
        let expected =
            text(&case, "expect") == "valid" || text(&case, "case").ends_with("-content");
        assert_eq!(genuine, expected, "{}", text(&case, "case"));
        opened += usize::from(genuine);
    }
    assert_eq!(opened, 8);
}
