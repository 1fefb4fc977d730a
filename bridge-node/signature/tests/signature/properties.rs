//! Properties: no input makes a reader panic, what is printed is read back, and no changed bit passes.

use std::sync::LazyLock;

use bridge_signature::{
    Algorithm, Component, Message, Params, RequestView, parse_content_digest, parse_signature,
    signature_base, signature_fields,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::cases::Case;
use crate::made;

static SIGNED: LazyLock<Vec<Case>> = LazyLock::new(|| {
    let cases = [Algorithm::Ed25519, Algorithm::EcdsaP256Sha256]
        .into_iter()
        .flat_map(|algorithm| made::cases(algorithm).expect("cases"));
    cases.filter(|case| case.expect == "valid").collect()
});

proptest! {
    #[test]
    fn no_bytes_make_a_reader_panic(input in vec(any::<u8>(), 0..200), signature in vec(any::<u8>(), 0..200)) {
        read(&input, &signature);
    }

    #[test]
    fn nothing_that_looks_right_makes_a_reader_panic(
        input in r#"(bridge|b)=\(("[@a-z-]{0,8}"(;(req|sf|bs|tr|key="[a-z]?"|name="x"))* ?){0,4}\)(;(created|expires|alg|tag|x)(=(-?[0-9]{1,16}|"[a-z]{0,4}"|:[A-Z]*:|\?1))?){0,4}"#,
        signature in r"(bridge|b)=:[A-Za-z0-9+/]{0,12}={0,2}:",
    ) {
        read(input.as_bytes(), signature.as_bytes());
    }

    #[test]
    fn what_is_signed_is_read_back(
        names in vec("[a-z][a-z-]{0,6}[a-z]", 0..6),
        values in vec("[ -~]{0,20}", 6),
        created in proptest::option::of(0_u64..1_000_000_000_000_000),
        expires in proptest::option::of(0_u64..1_000_000_000_000_000),
        texts in vec(proptest::option::of("[ -~]{0,12}"), 4),
        signature in vec(any::<u8>(), 0..80),
    ) {
        let mut names = names;
        names.sort();
        names.dedup();
        let mut fields = HeaderMap::new();
        for (name, value) in names.iter().zip(&values) {
            fields.insert(HeaderName::try_from(name)?, HeaderValue::from_str(value)?);
        }
        let mut covered: Vec<Component<'_>> = names.iter().map(|name| Component::new(name.as_str())).collect();
        covered.push(Component::new("@method"));
        let [nonce, alg, keyid, tag] = <[Option<String>; 4]>::try_from(texts).expect("four");
        let params = Params { created, expires, nonce, alg, keyid, tag };

        let view = |fields| Message::Request(RequestView {
            method: "GET", target: "/", authority: "a.example", scheme: "https", fields,
        });
        let base = signature_base(&view(&fields), &covered, &params)?;
        let (input, value) = signature_fields("bridge", &base, &signature);
        let mut sent = fields.clone();
        sent.insert("signature-input", input);
        sent.insert("signature", value);

        let received = parse_signature(&sent, "bridge")?;
        prop_assert_eq!(&received.covered, &covered);
        prop_assert_eq!(&received.params, &params);
        prop_assert_eq!(&received.signature, &signature);
        prop_assert_eq!(received.input(), base.input());
        prop_assert_eq!(received.base(&view(&sent))?, base);
    }

    #[test]
    fn a_changed_bit_of_any_part_fails(case in 0_usize..4, part in any::<prop::sample::Index>(), bit in any::<prop::sample::Index>()) {
        let mut case = SIGNED[case].clone();
        prop_assert!(case.verify().is_ok());
        if flip(&mut case, part, bit) {
            prop_assert!(case.verify().is_err(), "{:?}", case.request.fields);
        }
    }
}

/// Feeds every reader of strangers' fields, and makes a base of whatever comes out.
fn read(input: &[u8], signature: &[u8]) {
    let mut fields = HeaderMap::new();
    for (name, value) in [
        ("signature-input", input),
        ("signature", signature),
        ("content-digest", input),
    ] {
        if let Ok(value) = HeaderValue::from_bytes(value) {
            fields.insert(name, value);
        }
    }
    let request = RequestView {
        method: "GET",
        target: "/a?x=%zz&x",
        authority: "a.example:443",
        scheme: "https",
        fields: &fields,
    };
    if let Ok(received) = parse_signature(&fields, "bridge") {
        let _made_or_refused = received.base(&Message::Request(request)).is_ok();
    }
    let _read_or_refused = parse_content_digest(&fields).is_ok();
}

/// Flips one bit of one part of the message. Says no where the change can't be sent (no field value has that byte) or
/// changes nothing (the case of a host name; which whitespace surrounds a value).
fn flip(case: &mut Case, part: prop::sample::Index, bit: prop::sample::Index) -> bool {
    let names: Vec<HeaderName> = case.message().fields().keys().cloned().collect();
    let is_answer = case.answer.is_some();
    match part.index(names.len() + 4) {
        0 => flip_text(&mut case.request.method, bit),
        1 => flip_text(&mut case.request.target, bit),
        2 => {
            let before = case.request.authority.to_ascii_lowercase();
            flip_text(&mut case.request.authority, bit)
                && case.request.authority.to_ascii_lowercase() != before
        }
        3 => {
            let body = case
                .answer
                .as_mut()
                .map_or(&mut case.request.body, |answer| &mut answer.body);
            let bit = bit.index(body.len() * 8);
            body[bit / 8] ^= 1 << (bit % 8);
            true
        }
        other => {
            let name = &names[other - 4];
            let fields = case.fields_mut();
            let mut value = fields[name].as_bytes().to_vec();
            if value.is_empty() {
                return false;
            }
            let bit = bit.index(value.len() * 8);
            value[bit / 8] ^= 1 << (bit % 8);
            let trimmed = value.trim_ascii() == value;
            match HeaderValue::from_bytes(&value) {
                Ok(value) if trimmed => {
                    fields.insert(name, value);
                    !(is_answer && name == "host")
                }
                Ok(_) | Err(_) => false,
            }
        }
    }
}

fn flip_text(text: &mut String, bit: prop::sample::Index) -> bool {
    let mut bytes = text.clone().into_bytes();
    let bit = bit.index(bytes.len() * 8);
    bytes[bit / 8] ^= 1 << (bit % 8);
    match String::from_utf8(bytes) {
        Ok(changed) => {
            *text = changed;
            true
        }
        Err(_) => false,
    }
}
