//! Each change of a directory has its word in a review.

use super::*;
use crate::directory::witnessing::tests::witnessed;
use crate::directory::{Group, Member, Subsystem};

fn told(change: impl FnOnce(&mut Directory)) -> Vec<(Kind, String)> {
    let old = witnessed(2, 0);
    let mut new = old.clone();
    change(&mut new);
    let of = changes(&old, &new).into_iter();
    of.map(|change| (change.kind, change.name)).collect()
}

#[test]
fn every_field_that_changes_is_told() {
    const NODE: &str = "AZ/GOV/1001/NODE1";
    type Edit = fn(&mut Directory);
    let cases: [(Kind, &str, Edit); 17] = [
        (Kind::MemberName, "AZ/GOV/1001", |d| {
            d.members[0].name = "Other".into();
        }),
        (Kind::Suspended, "AZ/GOV/1001", |d| {
            d.members[0].suspended = true;
        }),
        (Kind::Member, "AZ/GOV/10%2F02", |d| {
            drop(d.members.remove(1));
        }),
        (Kind::Subsystem, "AZ/GOV/1001/TAX", |d| {
            d.members[0].subsystems.push(Subsystem {
                code: "TAX".into(),
                name: "Tax".into(),
            });
        }),
        (Kind::SubsystemName, "AZ/GOV/1001/POPULATION", |d| {
            d.members[0].subsystems[0].name = "Other".into();
        }),
        (Kind::HostName, NODE, |d| {
            d.members[0].nodes[0].name = "other.example".into();
        }),
        (Kind::Address, NODE, |d| {
            d.members[0].nodes[0].address = "other.example:1".into();
        }),
        (Kind::JournalKey, NODE, |d| {
            d.members[0].nodes[0].journal = "a+b+c".into();
        }),
        (Kind::Wire, NODE, |d| d.members[0].nodes[0].wire.push(2)),
        (Kind::Leaf, NODE, |d| d.members[0].nodes[0].leaf.push(2)),
        (Kind::Forms, NODE, |d| {
            d.members[0].nodes[0].forms.truncate(1);
        }),
        (Kind::WitnessKey, NODE, |d| {
            d.members[0].nodes[0].witness = Some("a+b+c".into());
        }),
        (Kind::Witnessing, NODE, |d| {
            d.members[0].nodes[0].witnessing = None;
        }),
        (Kind::Node, NODE, |d| d.members[0].nodes.clear()),
        (Kind::Group, "everyone", |d| d.groups.clear()),
        (
            Kind::GroupMember,
            "everyone: AZ/GOV/10%2F02/POPULATION",
            |d| d.groups[0].members.truncate(1),
        ),
        (Kind::WitnessAddress, "a.example/w+01234567+BAQID", |d| {
            d.witnesses[0].url = "https://b".into();
        }),
    ];
    for (kind, name, edit) in cases {
        assert_eq!(told(edit), [(kind, name.to_owned())], "{kind:?}");
    }
    let pin =
        |kind| move |told: Vec<(Kind, String)>| told.iter().filter(|one| one.0 == kind).count();
    assert_eq!(
        pin(Kind::TlsKey)(told(|d| drop(d.members[0].nodes[0].tls_pins.remove(0)))),
        1
    );
    let exchange = told(|d| d.members[0].nodes[0].exchange[0].pin = "x".into());
    assert_eq!(pin(Kind::ExchangeKey)(exchange), 2, "one goes, one comes");
    let certificate = told(|d| d.members[0].nodes[0].exchange[0].certificate = "AAAA".into());
    assert_eq!(pin(Kind::Certificate)(certificate), 1);
    assert_eq!(told(|d| d.witnesses.clear()).len(), 3);
    assert_eq!(told(|_| {}), []);
}

#[test]
fn of_a_new_member_each_key_is_told_and_of_one_that_goes_its_name() {
    let new = told(|d| {
        let mut member = Member {
            ..d.members[0].clone()
        };
        member.id = MemberId::new("AZ", "COM", "1").unwrap();
        d.members.push(member);
        d.groups.push(Group {
            code: "some".into(),
            members: vec![],
        });
    });
    let kinds: Vec<_> = new.iter().map(|one| one.0).collect();
    let of_member = [
        Kind::Member,
        Kind::Subsystem,
        Kind::Node,
        Kind::TlsKey,
        Kind::TlsKey,
        Kind::ExchangeKey,
        Kind::JournalKey,
        Kind::Witnessing,
    ];
    assert_eq!(kinds, [&of_member[..], &[Kind::Group]].concat());
}

#[test]
fn another_order_alone_is_told_too() {
    assert_eq!(
        told(|d| d.members.reverse()),
        [(Kind::Order, "AZ".to_owned())]
    );
}

/// Nodes are tried in the order in which they are listed.
#[test]
fn another_order_is_told_beside_other_changes() {
    let mut old = witnessed(2, 0);
    let mut second = old.members[0].nodes[0].clone();
    second.code = "NODE2".into();
    old.members[0].nodes.push(second);
    let mut new = old.clone();
    new.members[0].nodes.reverse();
    new.members[0].nodes[0].address = "other.example:1".into();
    new.members[0].name = "Other".into();
    let told = changes(&old, &new);
    let kinds: Vec<_> = told.iter().map(|one| one.kind).collect();
    assert_eq!(kinds, [Kind::MemberName, Kind::Address, Kind::Order]);
    let order = Change {
        kind: Kind::Order,
        name: "AZ/GOV/1001".into(),
        what: What::Changed {
            from: "AZ/GOV/1001/NODE1".into(),
            to: "AZ/GOV/1001/NODE2".into(),
        },
    };
    assert_eq!(told[2], order);
    // What goes moves nothing else.
    let mut new = old.clone();
    new.members[0].nodes.remove(0);
    let told = changes(&old, &new);
    assert_eq!(told.len(), 1, "{told:?}");
}

#[test]
fn two_exchange_keys_with_one_pin_are_told_apart() {
    let key = |certificate: &str| crate::directory::ExchangeKey {
        certificate: certificate.into(),
        ..witnessed(2, 0).members[0].nodes[0].exchange[0].clone()
    };
    let with = |certificates: &[&str]| {
        let mut directory = witnessed(2, 0);
        directory.members[0].nodes[0].exchange = certificates.iter().map(|one| key(one)).collect();
        directory
    };
    let told = |old: &[&str], new: &[&str]| -> Vec<_> {
        let told = changes(&with(old), &with(new)).into_iter();
        told.map(|one| (one.kind, one.what)).collect()
    };
    let id = |certificate: &str| key(certificate).key_id().unwrap();
    let changed = |from: &str, to: &str| What::Changed {
        from: id(from),
        to: id(to),
    };
    assert_eq!(
        told(&["AAAA"], &["BBBB", "AAAA"]),
        [
            (Kind::Certificate, changed("AAAA", "BBBB")),
            (Kind::ExchangeKey, What::Added(id("AAAA"))),
        ]
    );
    assert_eq!(
        told(&["AAAA", "BBBB"], &["CCCC", "BBBB"]),
        [(Kind::Certificate, changed("AAAA", "CCCC"))]
    );
    assert_eq!(
        told(&["AAAA", "BBBB"], &["BBBB"]),
        [
            (Kind::Certificate, changed("AAAA", "BBBB")),
            (Kind::ExchangeKey, What::Removed),
        ]
    );
}
