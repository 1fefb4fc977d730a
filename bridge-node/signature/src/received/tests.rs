use http::HeaderValue;

use super::*;
use crate::message::RequestView;

const INPUT: &str = r#"bridge=("@method" "date";req;key="a");created=1;keyid="k""#;
const SIG: &str = "bridge=:AAEC:";

fn parse(input: &str, signature: &str) -> Result<Received<'static>, ParseError> {
    // What is read borrows from the fields; a test's may live for ever.
    let fields = Box::leak(Box::new(HeaderMap::new()));
    fields.insert(
        SIGNATURE_INPUT,
        HeaderValue::from_str(input).expect("a value"),
    );
    fields.insert(
        SIGNATURE,
        HeaderValue::from_str(signature).expect("a value"),
    );
    parse_signature(fields, "bridge")
}

#[test]
fn a_signature_is_read() {
    let received = parse(INPUT, SIG).expect("a signature");
    let date = Component::new("date").of_request().with_key("a");
    assert_eq!(received.covered, [Component::new("@method"), date]);
    let params = Params {
        created: Some(1),
        keyid: Some("k".to_owned()),
        ..Params::default()
    };
    assert_eq!(received.params, params);
    assert_eq!(received.signature, [0, 1, 2]);
    assert_eq!(format!("bridge={}", received.input()), INPUT);
}

#[test]
fn the_received_order_of_parameters_is_what_was_signed() {
    let text = r#"("@method");tag="t";created=1"#;
    let received = parse(&format!("bridge={text}"), SIG).expect("a signature");
    let none = HeaderMap::new();
    let view = RequestView {
        method: "GET",
        target: "/",
        authority: "a",
        scheme: "https",
        fields: &none,
    };
    let base = received.base(&Message::Request(view)).expect("a base");
    assert_eq!(
        base.bytes(),
        format!("\"@method\": GET\n\"@signature-params\": {text}").as_bytes()
    );
}

#[test]
fn missing_and_doubled_fields_are_refused() {
    for field in [SIGNATURE_INPUT, SIGNATURE] {
        let mut fields = HeaderMap::new();
        fields.insert(SIGNATURE_INPUT, HeaderValue::from_static(INPUT));
        fields.insert(SIGNATURE, HeaderValue::from_static(SIG));
        assert!(parse_signature(&fields, "bridge").is_ok());
        let value = fields.get(field).cloned().expect("present");
        fields.append(field, value);
        let doubled = parse_signature(&fields, "bridge");
        assert!(matches!(doubled, Err(ParseError::Repeated(name)) if name == field));
        fields.remove(field);
        let missing = parse_signature(&fields, "bridge");
        assert!(matches!(missing, Err(ParseError::Missing(name)) if name == field));
    }
}

#[test]
fn other_labels_are_refused() {
    for (input, signature) in [
        (r#"sig=("@method")"#, SIG),
        (INPUT, "sig=:AAEC:"),
        (r#"bridge=("@method"), sig=("@method")"#, SIG),
        (INPUT, "bridge=:AAEC:, sig=:AAEC:"),
        (r#"bridg=("@method")"#, SIG),
        (r#"bridge2=("@method")"#, SIG),
    ] {
        let refused = parse(input, signature);
        assert!(
            matches!(refused, Err(ParseError::Label { .. })),
            "{input} {signature}"
        );
    }
    assert!(matches!(parse("", SIG), Err(ParseError::NotStrict(_))));
}

#[test]
fn members_of_other_types_are_refused() {
    for input in ["bridge=1", "bridge", "bridge=\"@method\"", "bridge=:AAEC:"] {
        let refused = parse(input, SIG);
        assert!(matches!(
            refused,
            Err(ParseError::MemberType(SIGNATURE_INPUT) | ParseError::Label { .. })
        ));
    }
    for signature in [
        "bridge=(:AAEC:)",
        "bridge=1",
        "bridge=\"AAEC\"",
        "bridge=:AAEC:;a=1",
    ] {
        assert!(matches!(
            parse(INPUT, signature),
            Err(ParseError::MemberType(SIGNATURE))
        ));
    }
}

#[test]
fn a_signature_has_one_spelling() {
    for (input, signature) in [
        (r#"bridge=( "@method")"#, SIG),
        (r#"bridge=("@method"  "date")"#, SIG),
        (r#"bridge=("@method"); created=1"#, SIG),
        (r#"bridge=("@method");created=01"#, SIG),
        (r#"bridge=("@method";req=?1)"#, SIG),
        (r#"bridge=("@method");created=1;created=1"#, SIG),
        (r#"bridge=("@method"), bridge=("@method")"#, SIG),
        (INPUT, "bridge=:AAEC:, bridge=:AAEC:"),
        (INPUT, "bridge=:AAE:"),
        (INPUT, "bridge=:AAF=:"),
        (INPUT, "bridge=:AAEC: "),
    ] {
        assert!(
            matches!(parse(input, signature), Err(ParseError::NotStrict(_))),
            "{input} {signature}"
        );
    }
}

#[test]
fn what_is_no_dictionary_is_refused() {
    for input in [
        "bridge=(",
        "bridge=(\"@method\"",
        "=",
        "bridge=()x",
        "BRIDGE=()",
        "\"",
    ] {
        assert!(
            matches!(parse(input, SIG), Err(ParseError::NotDictionary { .. })),
            "{input}"
        );
    }
    let mut fields = HeaderMap::new();
    fields.insert(
        SIGNATURE_INPUT,
        HeaderValue::from_bytes(b"bridge=\xff").expect("a value"),
    );
    assert!(matches!(
        parse_signature(&fields, "bridge"),
        Err(ParseError::NotText(_))
    ));
}

#[test]
fn parameters_not_understood_are_refused() {
    for input in [
        "bridge=();x=1",
        "bridge=();created=1;extra",
        "bridge=();Created",
    ] {
        let refused = parse(input, SIG);
        assert!(matches!(
            refused,
            Err(ParseError::UnknownParameter(_) | ParseError::NotDictionary { .. })
        ));
    }
    for input in [
        "bridge=();created=-1",
        "bridge=();created=1.5",
        "bridge=();created=\"1\"",
        "bridge=();expires",
        "bridge=();nonce=:AAEC:",
        "bridge=();alg=ed25519",
        "bridge=();keyid=1",
        "bridge=();tag=?0",
    ] {
        assert!(
            matches!(parse(input, SIG), Err(ParseError::ParameterType(_))),
            "{input}"
        );
    }
}

#[test]
fn components_not_understood_are_refused() {
    for item in [
        "\"a\";tr",
        "\"a\";x=1",
        "\"a\";req=1",
        "\"a\";sf=?0",
        "\"a\";key=a",
        "\"a\";name",
    ] {
        let refused = parse(&format!("bridge=({item})"), SIG);
        assert!(
            matches!(refused, Err(ParseError::ComponentParameter { .. })),
            "{item}"
        );
    }
    for item in ["a", "1", ":AAEC:", "?1"] {
        let refused = parse(&format!("bridge=({item})"), SIG);
        assert!(
            matches!(refused, Err(ParseError::ComponentNotText)),
            "{item}"
        );
    }
    let itself = parse(r#"bridge=("@signature-params")"#, SIG);
    assert!(matches!(itself, Err(ParseError::CoversItself)));
}

#[test]
fn a_component_covered_twice_makes_no_base() {
    let received = parse(r#"bridge=("@method" "@method")"#, SIG).expect("a signature");
    let none = HeaderMap::new();
    let view = RequestView {
        method: "GET",
        target: "/",
        authority: "a",
        scheme: "https",
        fields: &none,
    };
    let base = received.base(&Message::Request(view));
    assert_eq!(base, Err(BaseError::Twice("\"@method\"".to_owned())));
}

#[test]
fn limits_hold() {
    let items = |count| vec!["\"a\""; count].join(" ");
    assert!(parse(&format!("bridge=({})", items(MAX_COMPONENTS)), SIG).is_ok());
    let many = parse(&format!("bridge=({})", items(MAX_COMPONENTS + 1)), SIG);
    assert!(matches!(many, Err(ParseError::TooMany { count: 129 })));

    let text = |length| format!("bridge=();tag=\"{}\"", "x".repeat(length));
    let room = MAX_INPUT_BYTES - text(0).len();
    assert!(parse(&text(room), SIG).is_ok());
    assert!(matches!(
        parse(&text(room + 1), SIG),
        Err(ParseError::TooLong {
            field: SIGNATURE_INPUT,
            ..
        })
    ));

    let signature = |length| format!("bridge=:{}:", "A".repeat(length));
    assert!(parse(INPUT, &signature(1012)).is_ok());
    assert!(matches!(
        parse(INPUT, &signature(1016)),
        Err(ParseError::TooLong {
            field: SIGNATURE,
            ..
        })
    ));
}
