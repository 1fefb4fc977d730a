use http::{HeaderMap, HeaderName, HeaderValue};

use super::*;
use crate::message::{AnswerView, RequestView};

fn fields(lines: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut fields = HeaderMap::new();
    for (name, value) in lines {
        fields.append(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    fields
}

fn request(fields: &HeaderMap) -> RequestView<'_> {
    RequestView {
        method: "GET",
        target: "/p?a=1",
        authority: "A.example:443",
        scheme: "HTTPS",
        fields,
    }
}

fn base_of(fields: &HeaderMap, component: Component<'_>) -> Result<String, BaseError> {
    let message = Message::Request(request(fields));
    let base = signature_base(&message, &[component], &Params::default())?;
    Ok(String::from_utf8(base.into_bytes()).expect("text"))
}

fn first_line(fields: &HeaderMap, component: Component<'_>) -> Result<String, BaseError> {
    Ok(base_of(fields, component)?
        .lines()
        .next()
        .expect("a line")
        .to_owned())
}

#[test]
fn nothing_covered_is_the_parameters_alone() {
    let none = HeaderMap::new();
    let params = Params {
        created: Some(1),
        expires: Some(2),
        nonce: Some("n\"\\".to_owned()),
        alg: Some("ed25519".to_owned()),
        keyid: Some("k".to_owned()),
        tag: Some("t".to_owned()),
    };
    let base = signature_base(&Message::Request(request(&none)), &[], &params).expect("a base");
    let input = r#"();created=1;expires=2;nonce="n\"\\";alg="ed25519";keyid="k";tag="t""#;
    assert_eq!(base.input(), input);
    assert_eq!(
        base.bytes(),
        format!("\"@signature-params\": {input}").as_bytes()
    );
}

#[test]
fn parameters_that_can_not_be_written_are_refused() {
    let none = HeaderMap::new();
    let message = Message::Request(request(&none));
    let base = |params| signature_base(&message, &[], &params);
    let largest = Params {
        created: Some(999_999_999_999_999),
        ..Params::default()
    };
    assert!(base(largest).is_ok());
    let larger = Params {
        created: Some(1_000_000_000_000_000),
        ..Params::default()
    };
    assert_eq!(base(larger), Err(BaseError::Parameter("created")));
    for text in ["\n", "ə", "\u{7f}"] {
        let params = Params {
            tag: Some(text.to_owned()),
            ..Params::default()
        };
        assert_eq!(base(params), Err(BaseError::Parameter("tag")));
    }
}

#[test]
fn authority_is_normal() {
    let none = HeaderMap::new();
    for (scheme, authority, normal) in [
        ("https", "A.Example:443", "a.example"),
        ("https", "a.example:80", "a.example:80"),
        ("http", "a.example:80", "a.example"),
        ("ftp", "a.example:80", "a.example:80"),
        ("https", "[::1]:443", "[::1]"),
    ] {
        let view = RequestView {
            authority,
            scheme,
            ..request(&none)
        };
        let covered = [Component::new("@authority")];
        let base = signature_base(&Message::Request(view), &covered, &Params::default());
        let base = base.expect("a base").into_bytes();
        assert!(
            base.starts_with(format!("\"@authority\": {normal}\n").as_bytes()),
            "{authority}"
        );
    }
}

#[test]
fn targets_without_a_path_have_no_path() {
    let none = HeaderMap::new();
    for target in ["*", "https://a.example/", "a.example:443", ""] {
        let view = RequestView {
            target,
            ..request(&none)
        };
        for name in ["@path", "@query", "@target-uri"] {
            let covered = [Component::new(name)];
            let base = signature_base(&Message::Request(view), &covered, &Params::default());
            assert_eq!(base, Err(BaseError::NotOriginForm), "{name} of {target:?}");
        }
    }
}

#[test]
fn what_is_not_there_is_refused() {
    let none = HeaderMap::new();
    let dictionary = fields(&[("d", "a=1")]);
    for component in [Component::new("date"), Component::new("date").bytes()] {
        let text = component.to_string();
        assert_eq!(base_of(&none, component), Err(BaseError::Absent(text)));
    }
    let member = Component::new("d").with_key("b");
    assert_eq!(
        base_of(&dictionary, member),
        Err(BaseError::Absent("\"d\";key=\"b\"".to_owned()))
    );
    assert!(base_of(&dictionary, Component::new("d").with_key("a")).is_ok());
}

#[test]
fn names_that_name_nothing_are_refused() {
    let upper = fields(&[("date", "today")]);
    for name in [
        "@unknown",
        "@signature-params",
        "Date",
        "",
        "naïve",
        "da\nte",
    ] {
        assert_eq!(
            base_of(&upper, Component::new(name)),
            Err(BaseError::Name(name.to_owned()))
        );
    }
    // What has to be escaped is in no message.
    for (name, written) in [
        ("da\"te", r#""da\"te""#),
        ("a\": x", r#""a\": x""#),
        ("a\\", r#""a\\""#),
    ] {
        let absent = BaseError::Absent(written.to_owned());
        assert_eq!(base_of(&upper, Component::new(name)), Err(absent));
    }
    assert!(base_of(&upper, Component::new("date")).is_ok());
}

#[test]
fn parameters_that_do_not_fit_are_refused() {
    let fields = fields(&[("d", "a=1")]);
    for component in [
        Component::new("d").bytes().structured(),
        Component::new("d").bytes().with_key("a"),
        Component::new("d").with_query_name("a"),
        Component::new("@method").structured(),
        Component::new("@method").with_key("a"),
        Component::new("@path").with_query_name("a"),
        Component::new("@query-param"),
        Component::new("@query-param").with_query_name("a").bytes(),
    ] {
        let text = component.to_string();
        assert_eq!(
            base_of(&fields, component),
            Err(BaseError::Incompatible(text))
        );
    }
    assert!(base_of(&fields, Component::new("d").structured().with_key("a")).is_ok());
    assert!(base_of(&fields, Component::new("@query-param").with_query_name("a")).is_ok());
}

#[test]
fn requests_and_answers_have_their_own_components() {
    let none = HeaderMap::new();
    for component in [
        Component::new("@status"),
        Component::new("@method").of_request(),
    ] {
        let text = component.to_string();
        assert_eq!(base_of(&none, component), Err(BaseError::NotHere(text)));
    }
    let answer = Message::Answer(AnswerView {
        status: 404,
        fields: &none,
        request: request(&none),
    });
    let base = |component| signature_base(&answer, &[component], &Params::default());
    for component in [
        Component::new("@method"),
        Component::new("@status").of_request(),
    ] {
        let text = component.to_string();
        assert_eq!(base(component), Err(BaseError::NotHere(text)));
    }
    assert!(base(Component::new("@status")).is_ok());
    assert!(base(Component::new("@method").of_request()).is_ok());
}

#[test]
fn a_component_is_covered_once() {
    let fields = fields(&[("d", "a=1")]);
    let message = Message::Request(request(&fields));
    let one = Component::new("d").with_key("a").structured();
    let same = Component::new("d").structured().with_key("a");
    let twice = signature_base(&message, &[one, same.clone()], &Params::default());
    assert_eq!(twice, Err(BaseError::Twice(same.to_string())));
    let other = [same, Component::new("d"), Component::new("@method")];
    assert!(signature_base(&message, &other, &Params::default()).is_ok());
}

#[test]
fn values_are_printable_and_trimmed() {
    let plain = fields(&[("a", " \t x\ty  z \t"), ("empty", "")]);
    assert_eq!(
        first_line(&plain, Component::new("a")).as_deref(),
        Ok("\"a\": x\ty  z")
    );
    assert_eq!(
        first_line(&plain, Component::new("empty")).as_deref(),
        Ok("\"empty\": ")
    );

    let mut bytes = HeaderMap::new();
    bytes.insert("a", HeaderValue::from_bytes(b"\xc9\x99").expect("a value"));
    assert_eq!(
        base_of(&bytes, Component::new("a")),
        Err(BaseError::NotText("\"a\"".to_owned()))
    );
    assert!(base_of(&bytes, Component::new("a").bytes()).is_ok());

    let none = HeaderMap::new();
    for target in ["/a\nb", "/a\tb", "/ə", "/a "] {
        let view = RequestView {
            target,
            ..request(&none)
        };
        let covered = [Component::new("@request-target")];
        let base = signature_base(&Message::Request(view), &covered, &Params::default());
        assert_eq!(
            base,
            Err(BaseError::NotText("\"@request-target\"".to_owned())),
            "{target:?}"
        );
    }
}

#[test]
fn cookies_are_not_joined() {
    let one = fields(&[("set-cookie", "a=1, 2")]);
    let two = fields(&[("set-cookie", "a=1"), ("set-cookie", "2")]);
    let cookie = || Component::new("set-cookie");
    assert!(base_of(&one, cookie()).is_ok());
    assert_eq!(
        base_of(&two, cookie()),
        Err(BaseError::NotJoinable("\"set-cookie\"".to_owned()))
    );
    assert_ne!(
        base_of(&one, cookie().bytes()),
        base_of(&two, cookie().bytes())
    );
}

#[test]
fn a_field_that_is_no_structured_one_is_refused() {
    let fields = fields(&[("d", "a=1,"), ("e", "a, a")]);
    for component in [
        Component::new("d").structured(),
        Component::new("d").with_key("a"),
        Component::new("e").structured(),
    ] {
        let text = component.to_string();
        assert_eq!(
            base_of(&fields, component),
            Err(BaseError::NotStructured(text))
        );
    }
}

#[test]
fn limits_hold() {
    let none = HeaderMap::new();
    let message = Message::Request(request(&none));
    let many = |count| vec![Component::new("@method"); count];
    let base = |covered: &[Component<'_>]| signature_base(&message, covered, &Params::default());
    assert_eq!(
        base(&many(MAX_COMPONENTS + 1)),
        Err(BaseError::TooMany { count: 129 })
    );
    assert!(matches!(
        base(&many(MAX_COMPONENTS)),
        Err(BaseError::Twice(_))
    ));

    let mut large = HeaderMap::new();
    large.insert(
        "a",
        HeaderValue::try_from("x".repeat(MAX_BASE_BYTES - 64)).expect("a value"),
    );
    assert!(base_of(&large, Component::new("a")).is_ok());
    large.insert(
        "a",
        HeaderValue::try_from("x".repeat(MAX_BASE_BYTES)).expect("a value"),
    );
    assert_eq!(
        base_of(&large, Component::new("a")),
        Err(BaseError::TooLarge)
    );
}

#[test]
fn fields_carry_base_and_signature() {
    let none = HeaderMap::new();
    let covered = [Component::new("@method")];
    let params = Params {
        created: Some(7),
        ..Params::default()
    };
    let base = signature_base(&Message::Request(request(&none)), &covered, &params).expect("base");
    let (input, signature) = signature_fields("sig-1", &base, &[0, 1, 2]);
    assert_eq!(input, r#"sig-1=("@method");created=7"#);
    assert_eq!(signature, "sig-1=:AAEC:");
}

#[test]
fn other_parameters_change_nothing_but_the_last_line() {
    let mut fields = HeaderMap::new();
    fields.insert("date", HeaderValue::from_static("x) ;alg=\"a\""));
    let message = Message::Request(RequestView {
        method: "GET",
        target: "/",
        authority: "a.example",
        scheme: "https",
        fields: &fields,
    });
    let covered = [Component::new("@method"), Component::new("date")];
    let first = Params {
        alg: Some("ed25519".to_owned()),
        tag: Some("a)b".to_owned()),
        ..Params::default()
    };
    let second = Params {
        keyid: Some("k".to_owned()),
        ..Params::default()
    };
    let made = |params| signature_base(&message, &covered, params).expect("a base");
    assert_eq!(made(&first).with_params(&second), Ok(made(&second)));
    assert_eq!(made(&second).with_params(&first), Ok(made(&first)));
    let unwritable = Params {
        tag: Some("\n".to_owned()),
        ..Params::default()
    };
    let refused = made(&first).with_params(&unwritable);
    assert_eq!(refused, Err(BaseError::Parameter("tag")));
}
