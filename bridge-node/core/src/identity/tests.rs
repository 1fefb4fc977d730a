use proptest::prelude::*;

use super::*;

fn member() -> MemberId {
    MemberId::new("AZ", "GOV", "1001").unwrap()
}

#[test]
fn each_identity_has_its_number_of_parts() {
    assert_eq!("AZ/GOV/1001".parse(), Ok(member()));
    assert_eq!("AZ/GOV/1001/POP".parse(), member().subsystem("POP"));
    assert_eq!("AZ/GOV/1001/N1".parse(), member().node("N1"));
    let service = member().subsystem("POP").unwrap().service("person");
    assert_eq!("AZ/GOV/1001/POP/person".parse(), service);
    assert_eq!(
        "AZ/GOV".parse::<MemberId>(),
        Err(IdentityError::Parts { expected: 3 })
    );
    assert_eq!(
        "AZ/GOV/1/2".parse::<MemberId>(),
        Err(IdentityError::Parts { expected: 3 })
    );
    assert_eq!(
        "AZ/GOV/1".parse::<SubsystemId>(),
        Err(IdentityError::Parts { expected: 4 })
    );
    assert_eq!(
        "AZ/GOV/1".parse::<NodeId>(),
        Err(IdentityError::Parts { expected: 4 })
    );
    assert_eq!(
        "a/b/c/d".parse::<ServiceId>(),
        Err(IdentityError::Parts { expected: 5 })
    );
    assert_eq!(
        "".parse::<MemberId>(),
        Err(IdentityError::Parts { expected: 3 })
    );
    assert_eq!(
        "/".repeat(100_000).parse::<MemberId>(),
        Err(IdentityError::Parts { expected: 3 })
    );
}

#[test]
fn many_spellings_are_read_and_one_is_written() {
    for text in ["AZ/GOV/10%2F01", "%41Z/GOV/10%2f01", "A%5a/G%4fV/1%30%2F01"] {
        let read: MemberId = text.parse().unwrap();
        assert_eq!(read.code(), "10/01");
        assert_eq!(read.to_string(), "AZ/GOV/10%2F01");
        assert_eq!(read.uri(), "bridge://AZ/GOV/10%2F01");
    }
    let odd = MemberId::new("a b", "ə'\"", "%41~-._").unwrap();
    assert_eq!(odd.to_string(), "a%20b/%C9%99%27%22/%2541~-._");
    assert_eq!(odd.to_string().parse(), Ok(odd));
}

#[test]
fn each_rule_of_a_part_refuses() {
    use PartFault::{Control, Dots, Empty, Escape, Hidden, NotEncoded, NotUtf8, TooLong};
    let long = "a".repeat(MAX_PART_BYTES + 1);
    let long_escaped = "%61".repeat(MAX_PART_BYTES + 1);
    let table: &[(&str, PartFault)] = &[
        ("", Empty),
        (".", Dots),
        ("..", Dots),
        ("%2E.", Dots),
        (&long, TooLong),
        (&long_escaped, TooLong),
        ("%", Escape),
        ("%4", Escape),
        ("%4g", Escape),
        ("%%41", Escape),
        ("%C0%AF", NotUtf8),
        ("%E0%80%AF", NotUtf8),
        ("%ED%A0%80", NotUtf8),
        ("%FF", NotUtf8),
        ("a b", NotEncoded),
        ("ə", NotEncoded),
        ("a?b", NotEncoded),
        ("a#b", NotEncoded),
        ("a\\b", NotEncoded),
        ("%00", Control),
        ("a%0A", Control),
        ("%7F", Control),
        ("%C2%9F", Control),
        ("a%E2%80%8Bb", Hidden),
        ("a%E2%80%AEb", Hidden),
        ("a%EF%BB%BFb", Hidden),
        ("a%C2%ADb", Hidden),
        ("a%F3%A0%81%81b", Hidden),
    ];
    for (part, fault) in table {
        let error = IdentityError::Part {
            part: PartRole::MemberClass,
            fault: *fault,
        };
        assert_eq!(
            format!("AZ/{part}/1001").parse::<MemberId>(),
            Err(error),
            "{part}"
        );
    }
    let longest = "%61".repeat(MAX_PART_BYTES);
    assert!(format!("AZ/{longest}/1001").parse::<MemberId>().is_ok());
}

#[test]
fn made_identities_follow_the_same_rules_as_read_ones() {
    let fail = |part, fault| Err(IdentityError::Part { part, fault });
    assert_eq!(
        MemberId::new("", "b", "c"),
        fail(PartRole::Instance, PartFault::Empty)
    );
    assert_eq!(
        MemberId::new("a", "\u{202E}", "c"),
        fail(PartRole::MemberClass, PartFault::Hidden)
    );
    assert_eq!(
        MemberId::new("a", "b", ".."),
        fail(PartRole::MemberCode, PartFault::Dots)
    );
    assert!(member().subsystem("\n").is_err());
    assert!(member().node("").is_err());
    assert!(
        member()
            .subsystem("POP")
            .unwrap()
            .service("x".repeat(256))
            .is_err()
    );
}

#[test]
fn hidden_characters_are_those_that_nobody_sees() {
    for hidden in [
        '\u{200B}', '\u{200D}', '\u{200F}', '\u{2066}', '\u{2069}', '\u{FEFF}', '\u{061C}',
    ] {
        assert!(is_hidden(hidden), "{:04X}", u32::from(hidden));
    }
    for seen in ['a', 'ə', 'İ', 'ğ', ' ', '\u{0301}', '中', 'م', '-'] {
        assert!(!is_hidden(seen), "{:04X}", u32::from(seen));
    }
}

#[test]
fn certificate_names_are_canonical_uris() {
    let node = CertificateName::Node(member().node("NODE1").unwrap());
    assert_eq!("bridge://AZ/GOV/1001/NODE1".parse(), Ok(node.clone()));
    assert_eq!(node.to_string(), "bridge://AZ/GOV/1001/NODE1");
    assert_eq!(node.member(), &member());
    let named = CertificateName::Member(member());
    assert_eq!("bridge://AZ/GOV/1001".parse(), Ok(named.clone()));
    assert_eq!(named.to_string(), member().uri());
    for text in [
        "BRIDGE://AZ/GOV/1001",
        "https://AZ/GOV/1001",
        "AZ/GOV/1001",
        "",
    ] {
        assert_eq!(
            text.parse::<CertificateName>(),
            Err(IdentityError::Scheme),
            "{text}"
        );
    }
    for text in [
        "bridge://%41Z/GOV/1001",
        "bridge://AZ/GOV/10%2f01/N1",
        "bridge://AZ/GOV/a@b",
    ] {
        assert_eq!(
            text.parse::<CertificateName>(),
            Err(IdentityError::NotCanonical),
            "{text}"
        );
    }
    for text in [
        "bridge://AZ/GOV",
        "bridge://AZ/GOV/1001/N1/x",
        "bridge://AZ/GOV/1001/",
    ] {
        assert!(text.parse::<CertificateName>().is_err(), "{text}");
    }
}

#[test]
fn identities_are_json_strings() {
    let service: ServiceId = "AZ/GOV/1001/POP/p%C9%99rson".parse().unwrap();
    let json = serde_json::to_string(&service).unwrap();
    assert_eq!(json, "\"AZ/GOV/1001/POP/p%C9%99rson\"");
    assert_eq!(serde_json::from_str::<ServiceId>(&json).unwrap(), service);
    assert!(serde_json::from_str::<ServiceId>("\"AZ/GOV\"").is_err());
    assert!(serde_json::from_str::<MemberId>("1").is_err());
}

/// Any text that is a valid part.
fn part() -> impl Strategy<Value = String> {
    "\\PC{1,40}".prop_filter("a valid part", |text| {
        check_part(text.clone(), PartRole::MemberCode).is_ok()
    })
}

proptest! {
    #[test]
    fn print_then_parse_is_the_identity(a in part(), b in part(), c in part(), d in part(), e in part()) {
        let member = MemberId::new(a.clone(), b.clone(), c.clone()).unwrap();
        let subsystem = member.subsystem(d.clone()).unwrap();
        let service = subsystem.service(e).unwrap();
        let node = member.node(d).unwrap();
        prop_assert_eq!((member.instance(), member.class(), member.code()), (&*a, &*b, &*c));
        prop_assert_eq!(member.to_string().parse::<MemberId>(), Ok(member.clone()));
        prop_assert_eq!(subsystem.to_string().parse::<SubsystemId>(), Ok(subsystem));
        prop_assert_eq!(service.to_string().parse::<ServiceId>(), Ok(service));
        prop_assert_eq!(node.uri().parse::<CertificateName>(), Ok(CertificateName::Node(node)));
        prop_assert_eq!(member.uri().parse::<CertificateName>(), Ok(CertificateName::Member(member)));
    }

    #[test]
    fn different_identities_are_written_differently(a in part(), b in part()) {
        let (x, y) = (member().subsystem(a.clone()).unwrap(), member().subsystem(b.clone()).unwrap());
        prop_assert_eq!(a == b, x.to_string() == y.to_string());
    }

    #[test]
    fn any_text_is_read_without_a_panic_and_reread_the_same(text in "\\PC{0,8}|[a-z%/0-9.:]{0,40}") {
        if let Ok(service) = text.parse::<ServiceId>() {
            prop_assert_eq!(service.to_string().parse::<ServiceId>(), Ok(service));
        }
        if let Ok(name) = format!("bridge://{text}").parse::<CertificateName>() {
            prop_assert_eq!(name.to_string(), format!("bridge://{text}"));
        }
    }
}
