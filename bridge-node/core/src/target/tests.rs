use std::fmt::Write;

use proptest::prelude::*;

use super::*;

const SERVICE: &str = "/r1/AZ/GOV/1001/POPULATION/person";

fn parse(text: &str) -> Result<Target, TargetError> {
    parse_target(text, &TargetLimits::default())
}

fn service(text: &str) -> ServiceTarget {
    match parse(text) {
        Ok(Target::Service(target)) => target,
        other => panic!("{text}: {other:?}"),
    }
}

/// Raw path behind the service → (segments, path written anew).
#[test]
fn paths_are_decoded_once_and_written_anew_once() {
    let table: &[(&str, &[&str], &str)] = &[
        ("", &[], ""),
        ("/", &[""], "/"),
        ("/a", &["a"], "/a"),
        ("/a/", &["a", ""], "/a/"),
        ("/%61/%7e", &["a", "~"], "/a/~"),
        ("/a%20b", &["a b"], "/a%20b"),
        ("/%C9%99", &["ə"], "/%C9%99"),
        ("/%c9%99", &["ə"], "/%C9%99"),
        (
            "/x=1,y:z@w!$&'()*+",
            &["x=1,y:z@w!$&'()*+"],
            "/x=1,y:z@w!$&'()*+",
        ),
        ("/%2B", &["+"], "/+"),
        ("/{id}|\"", &["{id}|\""], "/%7Bid%7D%7C%22"),
        ("/...", &["..."], "/..."),
        ("/.a/..a", &[".a", "..a"], "/.a/..a"),
        ("/100%25", &["100%"], "/100%25"),
        ("/%25zz", &["%zz"], "/%25zz"),
        ("/%253", &["%3"], "/%253"),
        ("/a;b", &["a;b"], "/a;b"),
        ("/a%3Bb", &["a;b"], "/a;b"),
        ("/%3F%23", &["?#"], "/%3F%23"),
    ];
    for (raw, segments, text) in table {
        let target = service(&format!("{SERVICE}{raw}"));
        assert_eq!(target.path.segments(), *segments, "{raw}");
        assert_eq!(target.path.as_str(), *text, "{raw}");
        assert_eq!(target.path.has_semicolon(), text.contains(';'), "{raw}");
        assert_eq!(target.path.is_empty(), raw.is_empty());
        assert_eq!(target.request_target(), format!("{SERVICE}{text}"));
    }
}

#[test]
fn paths_that_could_be_read_in_two_ways_are_refused() {
    use SegmentFault::{Control, Dots, Empty, EncodedTwice, Escape, NotUtf8, Separator};
    let table: &[(&str, usize, SegmentFault)] = &[
        ("/.", 1, Dots),
        ("/..", 1, Dots),
        ("/a/../b", 2, Dots),
        ("/%2e", 1, Dots),
        ("/%2E%2e/b", 1, Dots),
        ("/.%2e", 1, Dots),
        ("/a/./b", 2, Dots),
        ("/a%2Fb", 1, Separator),
        ("/a%2fb", 1, Separator),
        ("/..%2f..%2fetc", 1, Separator),
        ("/a%5Cb", 1, Separator),
        ("/a\\b", 1, Separator),
        ("/..%5c", 1, Separator),
        ("/a%00", 1, Control),
        ("/a%0d%0aX-Road-Client:%20x", 1, Control),
        ("/%09", 1, Control),
        ("/%7F", 1, Control),
        ("/%C2%85", 1, Control),
        ("/%252e%252e", 1, EncodedTwice),
        ("/%252f", 1, EncodedTwice),
        ("/%2541", 1, EncodedTwice),
        ("/%25%32%66", 1, EncodedTwice),
        ("/%C0%AE", 1, NotUtf8),
        ("/%C0%AF", 1, NotUtf8),
        ("/%E0%80%AF", 1, NotUtf8),
        ("/%F0%80%80%AF", 1, NotUtf8),
        ("/%ED%A0%80", 1, NotUtf8),
        ("/%F5%80%80%80", 1, NotUtf8),
        ("/%FF", 1, NotUtf8),
        ("/%C9", 1, NotUtf8),
        ("//", 1, Empty),
        ("/a//b", 2, Empty),
        ("//a", 1, Empty),
        ("/a//", 2, Empty),
        ("/%", 1, Escape),
        ("/%2", 1, Escape),
        ("/%zz", 1, Escape),
        ("/%u0041", 1, Escape),
        ("/%+1", 1, Escape),
    ];
    for (raw, segment, fault) in table {
        let expected = TargetError::Segment {
            segment: *segment,
            fault: *fault,
        };
        assert_eq!(parse(&format!("{SERVICE}{raw}")), Err(expected), "{raw}");
    }
}

#[test]
fn the_line_must_be_an_origin_form_of_this_interface() {
    let table: &[(&str, TargetError)] = &[
        ("", TargetError::NotOriginForm),
        ("*", TargetError::NotOriginForm),
        ("registry.example:443", TargetError::NotOriginForm),
        ("http://registry.example/r1/AZ", TargetError::NotOriginForm),
        (
            "/r1/AZ/GOV/1001/POPULATION/pers on",
            TargetError::NotVisible,
        ),
        (
            "/r1/AZ/GOV/1001/POPULATION/person#a",
            TargetError::NotVisible,
        ),
        ("/r1/AZ/GOV/1001/POPULATION/ə", TargetError::NotVisible),
        (
            "/r1/AZ/GOV/1001/POPULATION/person?\u{1}",
            TargetError::NotVisible,
        ),
        ("/", TargetError::UnknownPath),
        ("/r1", TargetError::UnknownPath),
        (
            "/r2/AZ/GOV/1001/POPULATION/person",
            TargetError::UnknownPath,
        ),
        (
            "/R1/AZ/GOV/1001/POPULATION/person",
            TargetError::UnknownPath,
        ),
        (
            "/%721/AZ/GOV/1001/POPULATION/person",
            TargetError::UnknownPath,
        ),
        (
            "//r1/AZ/GOV/1001/POPULATION/person",
            TargetError::UnknownPath,
        ),
        ("/listClients/", TargetError::UnknownPath),
        ("/r1/AZ", TargetError::TooFewParts { found: 1 }),
        (
            "/r1/AZ/GOV/1001/POPULATION",
            TargetError::TooFewParts { found: 4 },
        ),
    ];
    for (text, error) in table {
        assert_eq!(parse(text).as_ref(), Err(error), "{text}");
    }
}

#[test]
fn identifier_parts_keep_an_encoded_slash_as_data() {
    let target = service("/r1/AZ/GOV/10%2F01/POP%25/p%C9%99rson/x");
    assert_eq!(target.service.member().code(), "10/01");
    assert_eq!(target.service.subsystem().code(), "POP%");
    assert_eq!(target.service.code(), "pərson");
    assert_eq!(
        target.request_target(),
        "/r1/AZ/GOV/10%2F01/POP%25/p%C9%99rson/x"
    );
}

#[test]
fn identifier_parts_follow_the_rules_of_identities() {
    for part in [
        "",
        ".",
        "..",
        "%2e%2E",
        "%00",
        "%C0%AF",
        "%",
        "%E2%80%8B",
        "%E2%80%AE",
        "\"x\"",
    ] {
        for text in [
            format!("/r1/{part}/GOV/1001/POPULATION/person"),
            format!("/r1/AZ/GOV/{part}/POPULATION/person/x"),
            format!("/r1/AZ/GOV/1001/{part}/listMethods"),
            format!("/r1/AZ/GOV/1001/POPULATION/{part}"),
            format!("/r1/AZ/GOV/1001/POPULATION/{part}/"),
        ] {
            assert!(
                matches!(parse(&text), Err(TargetError::Identity(_))),
                "{text}"
            );
        }
    }
}

#[test]
fn the_query_is_kept_verbatim_and_decoded_beside() {
    let target = service(&format!(
        "{SERVICE}/7?at=2026%2D01&b=a+b%2B&&flag&at=&=x&[]|=%0A"
    ));
    assert_eq!(
        target.query.raw(),
        Some("at=2026%2D01&b=a+b%2B&&flag&at=&=x&[]|=%0A")
    );
    let pairs = [
        ("at", "2026-01"),
        ("b", "a b+"),
        ("flag", ""),
        ("at", ""),
        ("", "x"),
        ("[]|", "\n"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(target.query.pairs(), pairs);
    assert_eq!(
        target.query.names().collect::<Vec<_>>(),
        ["at", "b", "flag", "at", "", "[]|"]
    );
    assert!(
        target
            .request_target()
            .ends_with("/7?at=2026%2D01&b=a+b%2B&&flag&at=&=x&[]|=%0A")
    );
    // No query and an empty one are two things, and both travel as they came.
    assert_eq!(service(SERVICE).query.raw(), None);
    assert_eq!(
        service(&format!("{SERVICE}?")).request_target(),
        format!("{SERVICE}?")
    );
}

#[test]
fn queries_that_could_be_read_in_two_ways_are_refused() {
    let table: &[(&str, usize, QueryFault)] = &[
        ("a=1;fin=2", 1, QueryFault::Semicolon),
        ("a=1&b=%", 2, QueryFault::Escape),
        ("%4", 1, QueryFault::Escape),
        ("a=%C0%AF", 1, QueryFault::NotUtf8),
        ("a%00=1", 1, QueryFault::Control),
        ("a%0A=1", 1, QueryFault::Control),
        ("a=%00", 1, QueryFault::Control),
    ];
    for (query, parameter, fault) in table {
        let expected = TargetError::Query {
            parameter: *parameter,
            fault: *fault,
        };
        assert_eq!(
            parse(&format!("{SERVICE}?{query}")),
            Err(expected),
            "{query}"
        );
    }
    assert_eq!(
        service(&format!("{SERVICE}?a=1%3Bfin=2"))
            .query
            .names()
            .count(),
        1
    );
}

#[test]
fn limits_hold_at_their_edge() {
    let limits = TargetLimits {
        target_bytes: 80,
        segments: 2,
        parameters: 2,
    };
    let parse = |rest: &str| parse_target(&format!("{SERVICE}{rest}"), &limits);
    assert!(parse("/a/b").is_ok());
    assert_eq!(
        parse("/a/b/"),
        Err(TargetError::TooManySegments { limit: 2 })
    );
    assert!(parse("?a&b").is_ok());
    assert_eq!(
        parse("?a&b&c"),
        Err(TargetError::TooManyParameters { limit: 2 })
    );
    let room = 80 - SERVICE.len() - 1;
    assert!(parse(&format!("/{}", "a".repeat(room))).is_ok());
    let long = format!("/{}", "a".repeat(room + 1));
    assert_eq!(parse(&long), Err(TargetError::TooLong { limit_bytes: 80 }));
}

#[test]
fn metadata_calls_are_told_from_services() {
    let provider: SubsystemId = "AZ/GOV/1001/POPULATION".parse().unwrap();
    let table = [
        ("listMethods", MetadataCall::ListMethods),
        ("allowedMethods", MetadataCall::AllowedMethods),
        (
            "getOpenAPI?serviceCode=person",
            MetadataCall::GetOpenApi {
                service_code: "person".to_owned(),
            },
        ),
    ];
    for (rest, call) in table {
        let text = format!("/r1/AZ/GOV/1001/POPULATION/{rest}");
        let expected = Target::Metadata {
            provider: provider.clone(),
            call,
            text: text.clone(),
        };
        assert_eq!(parse(&text), Ok(expected));
    }
    // Another spelling of a metadata call is the same call, not a service of that name.
    let spelled = parse("/r1/AZ/GOV/1001/POPULATION/list%4Dethods").unwrap();
    assert!(matches!(spelled, Target::Metadata { ref text, .. } if text.ends_with("/listMethods")));
    assert!(matches!(
        parse("/r1/AZ/GOV/1001/POPULATION/getOpenAPI?serviceCode=a%2Fb"),
        Ok(Target::Metadata { text, .. }) if text.ends_with("?serviceCode=a%2Fb")
    ));
    for rest in [
        "listMethods/",
        "listMethods/x",
        "listMethods?x=1",
        "allowedMethods/x",
        "getOpenAPI",
        "getOpenAPI?serviceCode=a&serviceCode=b",
        "getOpenAPI?service=a",
        "getOpenAPI/?serviceCode=a",
    ] {
        let result = parse(&format!("/r1/AZ/GOV/1001/POPULATION/{rest}"));
        assert!(
            matches!(result, Err(TargetError::Metadata { .. })),
            "{rest}: {result:?}"
        );
    }
    assert!(matches!(
        parse("/r1/AZ/GOV/1001/POPULATION/getOpenAPI?serviceCode="),
        Err(TargetError::Identity(_))
    ));
}

#[test]
fn list_clients_takes_an_instance() {
    assert_eq!(
        parse("/listClients"),
        Ok(Target::ListClients { instance: None })
    );
    let instance = Some("FI".to_owned());
    assert_eq!(
        parse("/listClients?xRoadInstance=FI"),
        Ok(Target::ListClients { instance })
    );
    assert!(matches!(
        parse("/listClients?a=b"),
        Err(TargetError::Metadata { .. })
    ));
    assert!(matches!(
        parse("/listClients?xRoadInstance="),
        Err(TargetError::Identity(_))
    ));
}

/// Encodes every byte that is not a letter or digit, and some that are.
fn encode(text: &str, all: bool) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() && !all {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02x}").unwrap();
        }
    }
    out
}

proptest! {
    #[test]
    fn any_line_is_read_without_a_panic_and_written_as_a_fixed_point(text in "/r1/[ -~]{0,60}") {
        if let Ok(Target::Service(target)) = parse(&text) {
            let written = target.request_target();
            prop_assert_eq!(&service(&written), &target);
            prop_assert_eq!(service(&written).request_target(), written);
        }
    }

    #[test]
    fn any_escapes_are_read_without_a_panic_and_never_leave_a_second_reading(
        path in "(/(%[0-9a-fA-F]{2}|[a-z.%;\\\\]){0,6}){0,4}"
    ) {
        if let Ok(Target::Service(target)) = parse(&format!("{SERVICE}{path}")) {
            let text = target.path.as_str();
            prop_assert!(!text.contains("//") && !text.contains('\\'));
            for segment in target.path.segments() {
                prop_assert!(segment != "." && segment != "..");
                prop_assert!(!segment.contains(['/', '\\', '\0']));
            }
            let count = path.bytes().filter(|byte| *byte == b'/').count();
            prop_assert_eq!(target.path.segments().len(), count);
        }
    }

    #[test]
    fn spelling_does_not_change_what_is_read(
        segments in proptest::collection::vec("[a-zA-Z0-9əİ +=&?#.]{1,8}x", 0..4),
        all: bool,
    ) {
        let raw: Vec<String> = segments.iter().map(|text| encode(text, all)).collect();
        let slash = if raw.is_empty() { "" } else { "/" };
        let target = service(&format!("{SERVICE}{slash}{}", raw.join("/")));
        prop_assert_eq!(target.path.segments(), segments);
    }

    #[test]
    fn query_parameters_survive_encoding(
        pairs in proptest::collection::vec(("[^\\pC]{0,6}", "[^\\x00]{0,6}"), 1..5)
    ) {
        let raw: Vec<String> = pairs
            .iter()
            .map(|(name, value)| format!("{}={}", encode(name, false), encode(value, true)))
            .collect();
        let raw = raw.join("&");
        let query = CleanQuery::parse(Some(&raw), &TargetLimits::default()).unwrap();
        prop_assert_eq!(query.pairs(), pairs);
        prop_assert_eq!(query.raw(), Some(raw.as_str()));
    }
}

#[test]
fn who_holds_takes_one_attribute_and_nothing_else() {
    for attribute in ["person.address", "a.b", "tax-payer.debt2.total"] {
        let target = parse(&format!("/whoHolds?attribute={attribute}")).unwrap();
        let attribute = attribute.to_owned();
        assert_eq!(target, Target::WhoHolds { attribute });
    }
    let long = format!(
        "/whoHolds?attribute=a.{}",
        "b".repeat(ATTRIBUTE_LIMIT_BYTES)
    );
    for text in [
        "/whoHolds",
        "/whoHolds?attribute",
        "/whoHolds?attribute=address",
        "/whoHolds?attribute=Person.address",
        "/whoHolds?attribute=person..address",
        "/whoHolds?attribute=person.address&attribute=person.name",
        "/whoHolds?name=person.address",
        "/whoHolds?attribute=p%C9%99rson.address",
        &long,
    ] {
        let takes = MetadataForm::Attribute;
        assert_eq!(parse(text), Err(TargetError::Metadata { takes }), "{text}");
    }
}
