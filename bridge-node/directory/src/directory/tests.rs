use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use super::*;

/// A directory of two members, of which the first has a node.
pub(crate) fn sample() -> Directory {
    let node = Node {
        code: "NODE1".into(),
        name: "node1.justice.example".into(),
        address: "[::1]:5443".into(),
        tls_pins: vec![base64url(&[1; 32]), base64url(&[2; 32])],
        exchange: vec![exchange(3)],
        journal: "bus.example/AZ/GOV/1001/NODE1/1+0123abcd+AQID".into(),
        wire: vec![1],
        leaf: vec![1],
        forms: vec!["plain".into(), "batch".into()],
        witness: None,
        witnessing: None,
    };
    let member = |code: &str, nodes| Member {
        id: MemberId::new("AZ", "GOV", code).unwrap(),
        name: format!("Agency {code}"),
        subsystems: vec![Subsystem {
            code: "POPULATION".into(),
            name: "Population".into(),
        }],
        nodes,
        suspended: false,
    };
    let members = vec![member("1001", vec![node]), member("10/02", vec![])];
    let all = members
        .iter()
        .map(|member| member.id.subsystem("POPULATION").unwrap())
        .collect();
    let groups = vec![Group {
        code: "everyone".into(),
        members: all,
    }];
    Directory {
        instance: "AZ".into(),
        members,
        groups,
        witnesses: Vec::new(),
    }
}

fn exchange(fill: u8) -> ExchangeKey {
    ExchangeKey {
        certificate: STANDARD.encode([fill; 40]),
        pin: base64url(&[fill; 32]),
    }
}

fn node(directory: &mut Directory) -> &mut Node {
    &mut directory.members[0].nodes[0]
}

#[test]
fn a_directory_comes_back_as_written() {
    let directory = sample();
    let text = serde_json::to_string(&directory).unwrap();
    assert!(text.contains("\"AZ/GOV/10%2F02\""), "{text}");
    assert_eq!(Directory::parse(text.as_bytes()).unwrap(), directory);
}

#[test]
fn unknown_fields_are_refused() {
    let text = serde_json::to_string(&sample()).unwrap();
    for place in ["\"instance\"", "\"id\"", "\"code\"", "\"certificate\""] {
        let more = text.replacen(place, &format!("\"more\":1,{place}"), 1);
        assert!(matches!(
            Directory::parse(more.as_bytes()),
            Err(DirectoryFault::Shape(_))
        ));
    }
}

#[test]
fn nothing_is_listed_twice() {
    let twice = |change: &dyn Fn(&mut Directory), wanted: &str| {
        let mut directory = sample();
        change(&mut directory);
        match directory.check().unwrap_err() {
            DirectoryFault::Twice { what, .. } => assert_eq!(what, wanted),
            DirectoryFault::Shape(_)
            | DirectoryFault::OtherInstance { .. }
            | DirectoryFault::Value { .. }
            | DirectoryFault::UnknownSubsystem { .. } => panic!("{wanted}"),
        }
    };
    twice(&|d| d.members.push(d.members[0].clone()), "member");
    twice(&|d| d.groups.push(d.groups[0].clone()), "group");
    twice(
        &|d| d.groups[0].members.extend_from_within(..1),
        "subsystem of a group",
    );
    twice(
        &|d| d.members[1].subsystems.extend_from_within(..1),
        "subsystem",
    );
    let second = |d: &mut Directory| {
        let mut other = node(d).clone();
        other.name = "other.example".into();
        other.exchange = vec![exchange(9)];
        d.members[0].nodes.push(other);
    };
    twice(&second, "node");
    let same_name = |d: &mut Directory| {
        second(d);
        d.members[0].nodes[1].code = "NODE2".into();
        d.members[0].nodes[1].name = "node1.justice.example".into();
    };
    twice(&same_name, "node name");
    let same_key = |d: &mut Directory| {
        second(d);
        d.members[0].nodes[1].code = "NODE2".into();
        d.members[0].nodes[1].exchange = vec![exchange(3)];
    };
    twice(&same_key, "exchange key");
}

#[test]
fn references_and_the_instance_are_whole() {
    let mut directory = sample();
    directory.members[1].subsystems.clear();
    let error = directory.check().unwrap_err();
    assert!(
        matches!(error, DirectoryFault::UnknownSubsystem { .. }),
        "{error}"
    );
    let mut directory = sample();
    directory.instance = "EE".into();
    let error = directory.check().unwrap_err();
    assert!(
        matches!(error, DirectoryFault::OtherInstance { .. }),
        "{error}"
    );
}

#[test]
fn values_of_a_node_are_what_their_fields_are_for() {
    let refused = |what: &str, change: &dyn Fn(&mut Node)| {
        let mut directory = sample();
        change(node(&mut directory));
        let result = directory.check();
        assert!(
            matches!(result, Err(DirectoryFault::Value { .. })),
            "{what}: {result:?}"
        );
    };
    for name in [
        "",
        "Node1.example",
        "a..b",
        "-a.example",
        "a_b",
        "a.example.",
        "a b",
        "a:1",
    ] {
        refused(name, &|node| node.name = name.into());
    }
    for address in [
        "a", "a:", "a:0", "a:65536", "a:+1", ":1", "::1:1", "[::1]", "[x]:1", "A:1",
    ] {
        refused(address, &|node| node.address = address.into());
    }
    refused("no pin", &|node| node.tls_pins.clear());
    refused("pins", &|node| {
        node.tls_pins = (0..5).map(|fill| base64url(&[fill; 32])).collect();
    });
    refused("short pin", &|node| node.tls_pins[0] = base64url(&[1; 31]));
    refused("hex pin", &|node| node.tls_pins[0] = "01".repeat(32));
    refused("shared key", &|node| node.tls_pins[0] = base64url(&[3; 32]));
    refused("no exchange key", &|node| node.exchange.clear());
    refused("certificate", &|node| {
        node.exchange[0].certificate = "*".into();
    });
    refused("empty certificate", &|node| {
        node.exchange[0].certificate.clear();
    });
    refused("exchange pin", &|node| node.exchange[0].pin.clear());
    refused("journal", &|node| node.journal = "bus.example+0123".into());
    refused("wire", &|node| node.wire.clear());
    refused("leaf", &|node| node.leaf = vec![0]);
    refused("many wires", &|node| node.wire = vec![1; 33]);
    refused("many leaves", &|node| node.leaf = vec![1; 33]);
    refused("many forms", &|node| node.forms = vec!["plain".into(); 33]);
    refused("forms", &|node| node.forms = vec!["batch".into()]);
    refused("code", &|node| node.code = String::new());
}

#[test]
fn addresses_and_newer_versions_are_taken() {
    for address in [
        "a:1",
        "node1.justice.example:5443",
        "10.0.0.1:65535",
        "[2001:db8::1]:443",
    ] {
        let mut directory = sample();
        node(&mut directory).address = address.into();
        node(&mut directory).wire = vec![1, 2];
        node(&mut directory).forms = vec!["next".into(), "plain".into()];
        directory.check().unwrap();
    }
}

proptest! {
    #[test]
    fn strangers_bytes_never_panic(text in "\\PC{0,200}", bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Directory::parse(text.as_bytes()).is_err());
        prop_assert!(Directory::parse(&bytes).is_err());
    }
}
