use super::*;
use crate::directory::tests::sample;
use crate::directory::witnessing::tests::{vkey, witnessed};

#[test]
fn what_is_listed_is_found_and_nothing_else() {
    let directory = Indexed::new(sample());
    let first = MemberId::new("AZ", "GOV", "1001").unwrap();
    let second = MemberId::new("AZ", "GOV", "10/02").unwrap();
    let other = MemberId::new("AZ", "GOV", "1003").unwrap();
    assert_eq!(directory.member(&first).unwrap().name, "Agency 1001");
    assert_eq!(directory.member(&other), None);
    let population = second.subsystem("POPULATION").unwrap();
    assert!(directory.subsystem(&population).is_some());
    let lower = second.subsystem("population").unwrap();
    assert!(directory.subsystem(&lower).is_none());
    let counts = [&first, &other].map(|id| directory.nodes_of(id).len());
    assert_eq!(counts, [1, 0]);
    let id = first.node("NODE1").unwrap();
    let node = directory.node(&id).unwrap();
    assert_eq!(node.name, "node1.justice.example");
    assert!(directory.node(&second.node("NODE1").unwrap()).is_none());
    let origin = "bus.example/AZ/GOV/1001/NODE1/1";
    assert_eq!(directory.node_of_log(origin), Some((id.clone(), node)));
    assert_eq!(directory.node_of_log("bus.example/AZ"), None);
    assert!(directory.in_group("everyone", &population));
    assert!(!directory.in_group("everyone", &lower));
    assert!(!directory.in_group("nobody", &population));
    let key = &node.exchange[0];
    let key_id = key.key_id().unwrap();
    assert_eq!(directory.exchange_key(&key_id), Some((id, key)));
    assert_eq!(directory.exchange_key("other"), None);
    assert_eq!(directory.exchange_key_ids().collect::<Vec<_>>(), [key_id]);
}

#[test]
fn a_witness_is_found_by_its_name_and_by_whom_it_watches() {
    let mut directory = witnessed(2, 0);
    directory.members[0].nodes[0].witness = Some(vkey("node1.example/w"));
    directory.check().unwrap();
    let text = serde_json::to_vec(&directory).unwrap();
    assert_eq!(Directory::parse(&text).unwrap(), directory);
    let directory = Indexed::new(directory);
    let (place, key) = directory.witness("b.example/w").unwrap();
    assert!(matches!(place, WitnessPlace::Outside(one) if one.url == "https://b.example/w"));
    assert_eq!(key, vkey("b.example/w"));
    let (place, _) = directory.witness("node1.example/w").unwrap();
    assert!(matches!(place, WitnessPlace::Node(id, _) if id.code() == "NODE1"));
    assert_eq!(directory.witness("d.example/w"), None);
    assert_eq!(directory.witnessed_by("c.example/w").count(), 1);
    assert_eq!(directory.witnessed_by("node1.example/w").count(), 0);
}

/// A directory of so many members, each with a node, a subsystem and a place in the group of all.
fn large(members: usize) -> Directory {
    let one = sample();
    let mut directory = Directory {
        members: Vec::new(),
        ..one.clone()
    };
    directory.groups[0].members.clear();
    for number in 0..members {
        let mut member = one.members[0].clone();
        member.id = MemberId::new("AZ", "GOV", format!("{number}")).unwrap();
        let node = &mut member.nodes[0];
        node.name = format!("node1.m{number}.example");
        node.journal = format!("bus.example/{}/NODE1/1+0123abcd+AQID", member.id);
        node.exchange[0].certificate =
            crate::directory::base64url(format!("{number:06}").as_bytes());
        let subsystem = member.id.subsystem("POPULATION").unwrap();
        directory.groups[0].members.push(subsystem);
        directory.members.push(member);
    }
    directory
}

/// Everything beside what is looked for is a decoy of the same id and another name: who goes through the list meets one.
#[test]
fn a_look_goes_straight_to_its_place_however_many_members_there_are() {
    let count = 300;
    let directory = large(count);
    directory.check().unwrap();
    let indexed = Indexed::new(directory);
    for at in 0..count {
        let mut decoyed = indexed.clone();
        let wanted = indexed.directory.members[at].clone();
        let mut decoy = wanted.clone();
        decoy.name = "decoy".to_owned();
        decoy.nodes[0].name = "decoy.example".to_owned();
        decoy.subsystems.clear();
        decoyed.directory.members.fill(decoy);
        decoyed.directory.members[at] = wanted.clone();
        decoyed.directory.groups.clear();
        assert_eq!(decoyed.member(&wanted.id), Some(&wanted));
        assert_eq!(decoyed.nodes_of(&wanted.id), wanted.nodes);
        let node = wanted.id.node("NODE1").unwrap();
        assert_eq!(decoyed.node(&node), Some(&wanted.nodes[0]));
        let key = wanted.nodes[0].exchange[0].key_id().unwrap();
        let found = decoyed.exchange_key(&key);
        assert_eq!(found, Some((node, &wanted.nodes[0].exchange[0])));
        let population = wanted.id.subsystem("POPULATION").unwrap();
        assert_eq!(
            decoyed.subsystem(&population).is_some(),
            indexed.subsystem(&population).is_some()
        );
        assert!(decoyed.in_group("everyone", &population));
    }
}
