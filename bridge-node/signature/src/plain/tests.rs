use proptest::prelude::*;
use sfv::{Dictionary, FieldType as _, ListEntry, Parser};

use super::*;

/// What the general reader says of a dictionary of one member, if it is strictly spelled.
fn general(text: &str) -> Option<ListEntry> {
    let dictionary: Dictionary = Parser::new(text).parse().ok()?;
    let is_strict = dictionary.serialize().as_deref() == Some(text) && dictionary.len() == 1;
    dictionary
        .into_iter()
        .next()
        .filter(|(key, _)| is_strict && key.as_str() == "sig")
        .map(|(_, entry)| entry)
}

/// Holds both readers against each other; says whether the plain one took the text.
fn agree(text: &str) -> bool {
    let value = value(text, "sig");
    if let Some(read) = value.and_then(bytes) {
        let Some(ListEntry::Item(item)) = general(text) else {
            panic!("{text}: no item");
        };
        assert!(item.params.is_empty());
        assert_eq!(item.bare_item.as_byte_sequence(), Some(read.as_slice()));
        return true;
    }
    let Some((covered, params)) = value.and_then(input) else {
        return false;
    };
    let Some(ListEntry::InnerList(list)) = general(text) else {
        panic!("{text}: no inner list");
    };
    let items: Vec<Component<'static>> = list
        .items
        .iter()
        .map(|item| Component::from_item(item).expect("a component"))
        .collect();
    assert_eq!(covered, items);
    for (one, other) in covered.iter().zip(&items) {
        assert_eq!(one.to_string(), other.to_string());
    }
    assert_eq!(params, Params::read(&list.params).expect("parameters"));
    true
}

#[test]
fn the_plain_spelling_is_read() {
    for text in [
        "sig=()",
        "sig=::",
        "sig=:AAEC:",
        r#"sig=("@method")"#,
        r#"sig=("@status" "a";req "b";req;key="sig" "b";key="c";req);created=0;expires=61"#,
        r#"sig=("");nonce="";alg="ed25519";keyid="k k";tag="bridge-request-v1";created=999999999999999"#,
    ] {
        assert!(agree(text), "{text}");
    }
}

#[test]
fn another_spelling_is_left_to_the_general_reader() {
    for text in [
        "",
        "sig",
        "sig=",
        "sig=(",
        "sig=:AAEC",
        "sig=:AAE:",
        "sig=:AAF=:",
        "sig=:AAEC:;a",
        "sig=:AAEC:, b",
        "sig=( )",
        r#"sig=("a"  "b")"#,
        r#"sig=("a""b")"#,
        r#"sig=("a" )"#,
        r#"sig=("\"")"#,
        r#"sig=("a";req=?1)"#,
        r#"sig=("a";req;req)"#,
        r#"sig=("a";request)"#,
        r#"sig=("a";req;reqkey="b")"#,
        r#"sig=("a";key="b";key="b")"#,
        r#"sig=("a";sf)"#,
        r#"sig=("a");created=01"#,
        r#"sig=("a");created=-1"#,
        r#"sig=("a");created="#,
        r#"sig=("a");created=1.0"#,
        r#"sig=("a");created=1000000000000000"#,
        r#"sig=("a");created=1;created=1"#,
        r#"sig=("a"); created=1"#,
        r#"sig=("a");other=1"#,
        r#"sig=("a");tag=t"#,
        r#"sig=("a") "#,
    ] {
        assert!(!agree(text), "{text}");
    }
    let many = |count| format!("sig=({})", vec!["\"a\""; count].join(" "));
    assert!(agree(&many(MAX_COMPONENTS)));
    assert!(!agree(&many(MAX_COMPONENTS + 1)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    /// Texts of the pieces of which signature fields are made, whole and broken.
    #[test]
    fn whatever_is_read_the_general_reader_reads_alike(pieces in prop::collection::vec(prop::sample::select(vec![
        "(", ")", " ", "\"a\"", "\"@method\"", "\"", ";req", ";key=\"b\"", ";key=", ";sf", "\\",
        ";created=1", ";created=", "0", "17", ";expires=9", ";nonce=\"n\"", ";alg=\"\"", ";keyid=\"k\"", ";tag=\"t\"",
        ":", "AAEC", "AA==", "=", ",", "?1", "é",
    ]), 0..10)) {
        agree(&format!("sig={}", pieces.concat()));
        agree(&format!("sig=({}", pieces.concat()));
        agree(&format!("sig=(\"a\"){}", pieces.concat()));
    }

    /// What this crate writes takes the plain way.
    #[test]
    fn what_is_written_is_plain(
        names in prop::collection::vec(("[a-z@-]{1,20}", any::<bool>(), prop::option::of("[a-z]{1,5}")), 0..20),
        created in prop::option::of(0u64..=999_999_999_999_999),
        texts in prop::collection::vec(prop::option::of("[ !#-\\[\\]-~]{0,40}"), 4),
    ) {
        let covered = names.iter().map(|(name, of_request, key)| {
            let mut component = Component::new(name.as_str());
            if *of_request {
                component = component.of_request();
            }
            match key {
                Some(key) => component.with_key(key.as_str()),
                None => component,
            }
        });
        let covered: Vec<String> = covered.map(|component| component.to_string()).collect();
        let mut text = format!("sig=({})", covered.join(" "));
        let params = Params {
            created,
            expires: created,
            nonce: texts[0].clone(),
            alg: texts[1].clone(),
            keyid: texts[2].clone(),
            tag: texts[3].clone(),
        };
        params.write(&mut text).expect("parameters");
        prop_assert!(agree(&text));
    }
}
