//! Members' roles: given by officers, used by members without them.

use super::*;
use crate::directory::Node;
use crate::metadata::{Delegations, MemberRole};
use crate::own_nodes::{OwnFile, OwnNodesError, OwnStanding, lay_over};
use crate::publisher::Publisher;
use bridge_core::identity::MemberId;

/// A world in which the sample's first member has a role.
fn given() -> (World, Officer, MemberId) {
    let world = World::published();
    let key = officer::tests::officer("agency-1001");
    let member = sample().members[0].id.clone();
    give(&world, &member, &[&key], 1);
    (world, key, member)
}

/// A proposal that changes members' roles.
fn proposed(world: &World, change: impl FnOnce(&mut Delegations, &Base)) -> Proposal {
    let base = world.base();
    let mut delegations = base.delegations();
    change(&mut delegations, &base);
    let directory = base.directory.clone().unwrap();
    Proposal::directory_and_roles(&base, &directory, &delegations, NOW).unwrap()
}

fn give(world: &World, member: &MemberId, keys: &[&Officer], threshold: u32) {
    let keys: Vec<Key> = keys.iter().map(|key| key.key().clone()).collect();
    let mut proposal = proposed(world, |delegations, base| {
        delegations.set(member, (&keys, threshold), base.own_version(member));
    });
    world.sign(&mut proposal, &[0, 1]);
    world.publish(&proposal, NOW).unwrap();
}

/// What the member would say to move its node to another port.
fn moved(world: &World, member: &MemberId, port: u16) -> OwnFile {
    changed(world, member, |nodes| {
        nodes[0].address = format!("[::1]:{port}");
    })
}

/// As nodes read it.
fn read_at(base: &Base, now_s: u64) -> Directory {
    let mut directory = base.directory.clone().unwrap();
    lay_over(&mut directory, &base.own_at(now_s));
    directory
}

fn changed(world: &World, member: &MemberId, change: impl FnOnce(&mut Vec<Node>)) -> OwnFile {
    let base = world.base();
    let now = read_at(&base, NOW);
    let entry = now.members.iter().find(|one| one.id == *member).unwrap();
    let mut nodes = entry.nodes.clone();
    change(&mut nodes);
    OwnFile::propose(&base, member, nodes, NOW).unwrap()
}

fn sign(world: &World, file: &mut OwnFile, key: &Officer) {
    let reviewed = file.review(&world.base(), NOW).unwrap();
    file.sign(key, &reviewed).unwrap();
}

/// Publishes a member's file by the machine that has the online keys alone.
fn take(world: &World, file: &OwnFile) -> Result<u64, OwnNodesError> {
    let publisher = Publisher::open(&world.online(), &world.public()).unwrap();
    publisher.take(file, NOW)
}

fn trusted(world: &World) -> std::sync::Arc<crate::Trusted> {
    let folder = tempfile::tempdir().unwrap();
    let root = fs::read(world.public().join("metadata/1.root.json")).unwrap();
    let mut client = Client::open(folder.path(), &root).unwrap();
    client.refresh(&FolderSource(world.public()), NOW).unwrap()
}

fn address(world: &World) -> String {
    trusted(world).directory.members[0].nodes[0].address.clone()
}

#[test]
fn a_member_changes_its_own_nodes_by_its_role_without_the_officers() {
    let (mut world, key, member) = given();
    world.officers.clear();
    let mut file = moved(&world, &member, 5501);
    let reviewed = file.review(&world.base(), NOW).unwrap();
    let words: Vec<_> = reviewed
        .changes
        .iter()
        .map(|one| (one.kind, &*one.name))
        .collect();
    assert_eq!(words, [(Kind::Address, "AZ/GOV/1001/NODE1")]);
    assert_eq!((reviewed.version, reviewed.threshold), (1, 1));
    assert!(file.sign(&key, &reviewed).unwrap());
    let file = OwnFile::parse(&file.to_bytes()).unwrap();
    assert_eq!(take(&world, &file).unwrap(), 1);
    assert_eq!(address(&world), "[::1]:5501");
    // The next change begins from this one.
    let mut file = changed(&world, &member, Vec::clear);
    sign(&world, &mut file, &key);
    assert_eq!(take(&world, &file).unwrap(), 2);
    assert_eq!(trusted(&world).directory.nodes_of(&member), []);
    let officers = world.base().directory.unwrap();
    assert_eq!(officers, sample(), "the officers' directory is untouched");
}

#[test]
fn what_a_member_may_not_say_is_not_taken() {
    let (world, key, member) = given();
    let before = fs::read(world.public().join("metadata/timestamp.json")).unwrap();
    let refused = |file: &OwnFile, wanted: &str| {
        let error = take(&world, file).unwrap_err();
        let error = crate::own_nodes::chain(&error);
        assert!(error.contains(wanted), "{wanted}: {error}");
    };
    let mut good = moved(&world, &member, 5501);
    let words = format!("0 of 1 signatures; still to sign: {}", key.key().shown());
    refused(&good, &words);
    let reviewed = good.review(&world.base(), NOW).unwrap();
    let error = good.sign(&world.officers[0], &reviewed).unwrap_err();
    assert_eq!(error.to_string(), "first is no key of this member's role");
    sign(&world, &mut good, &key);
    // One value bent after it was signed.
    let bent = |from: &str, to: &str| {
        let text = String::from_utf8(good.to_bytes()).unwrap();
        assert!(text.contains(from), "{from} in {text}");
        OwnFile::parse(text.replace(from, to).as_bytes())
    };
    let nodes = bent(":5501", ":5502").unwrap();
    refused(&nodes, "is not the file that its metadata names");
    // Signatures of nobody's keys, put in on the way: no reader would take so long a file.
    let stuffed = format!(
        "\"signatures\":[{{\"keyid\":\"{}\",\"sig\":\"\"}},",
        "0".repeat(16 * 1024)
    );
    let stuffed = bent("\"signatures\":[", &stuffed).unwrap();
    refused(
        &stuffed,
        "metadata/1.AZ,GOV,1001.json is larger than the 16384 bytes",
    );
    let version = bent("\"version\":1}", "\"version\":2}").unwrap();
    refused(&version, "is version 2, wanted was 1");
    let forever = bent("\"expires\":\"2028", "\"expires\":\"2029").unwrap();
    refused(&forever, "it may end at 2028-01-15T08:00:00Z at the latest");
    let form = bent("\"form\":1", "\"form\":2").unwrap_err();
    assert_eq!(
        form.to_string(),
        "this file has form 2; this version reads form 1"
    );
    let journal = changed(&world, &member, |nodes| {
        nodes[0].journal = "other+0123abcd+AQID".to_owned();
    });
    refused(&journal, "another journal key: officers alone change that");
    let faulty = changed(&world, &member, |nodes| {
        nodes[0].address = "here".to_owned();
    });
    refused(&faulty, "\"here\" is not host:port");
    let error = OwnFile::propose(&world.base(), &sample().members[1].id, Vec::new(), NOW);
    assert!(matches!(error, Err(OwnNodesError::NoRole)));
    let after = fs::read(world.public().join("metadata/timestamp.json")).unwrap();
    assert_eq!(before, after, "nothing was published");
    assert_eq!(take(&world, &good).unwrap(), 1);
    refused(&good, "is version 1, wanted was 2");
}

#[test]
fn as_many_keys_of_a_member_as_its_role_says_must_sign() {
    let world = World::published();
    let member = sample().members[0].id.clone();
    let keys = ["one", "two", "three"].map(officer::tests::officer);
    give(&world, &member, &keys.each_ref(), 2);
    let mut first = moved(&world, &member, 5501);
    let mut second = OwnFile::parse(&first.to_bytes()).unwrap();
    sign(&world, &mut first, &keys[0]);
    sign(&world, &mut second, &keys[2]);
    assert!(matches!(
        take(&world, &first),
        Err(OwnNodesError::TooFew {
            good: 1,
            needed: 2,
            ..
        })
    ));
    first.join(&second).unwrap();
    assert_eq!(take(&world, &first).unwrap(), 1);
    let other = moved(&world, &member, 5502);
    assert!(matches!(first.join(&other), Err(OwnNodesError::OtherFile)));
}

#[test]
fn a_file_that_claims_what_another_member_has_is_not_taken() {
    let (world, key, member) = given();
    let other = sample().members[1].id.clone();
    let their_key = officer::tests::officer("agency-1002");
    give(&world, &other, &[&their_key], 1);
    let node = |name: &str| {
        let mut node = sample().members[0].nodes[0].clone();
        node.name = name.to_owned();
        node.journal = "bus.example/other+0123abcd+AQID".to_owned();
        node.exchange[0].certificate = "AAAA".to_owned();
        node
    };
    let mut file = changed(&world, &other, |nodes| nodes.push(node("x.example")));
    sign(&world, &mut file, &their_key);
    take(&world, &file).unwrap();
    // The first member's role comes before the other's; it takes nothing from it all the same.
    let mut claims = changed(&world, &member, |nodes| {
        nodes[0].name = "x.example".to_owned();
    });
    let error = claims.review(&world.base(), NOW).unwrap_err().to_string();
    let words = "the node name x.example is listed already, and may be listed once";
    assert!(error.ends_with(words), "{error}");
    claims = moved(&world, &member, 5501);
    sign(&world, &mut claims, &key);
    take(&world, &claims).unwrap();
    let own = trusted(&world).own.clone();
    let in_force = |standing: &OwnStanding| matches!(standing, OwnStanding::InForce { .. });
    assert!(own.iter().all(|one| in_force(&one.standing)), "{own:?}");
}

#[test]
fn officers_see_whom_they_give_a_role_and_what_becomes_of_the_nodes_that_count() {
    let (world, key, member) = given();
    let mut file = moved(&world, &member, 5501);
    sign(&world, &mut file, &key);
    take(&world, &file).unwrap();
    // Another key: the directory's own entry counts until the member signs anew.
    let new = officer::tests::officer("agency-1001-second");
    let keys = [new.key().clone()];
    let mut proposal = proposed(&world, |delegations, base| {
        delegations.set(&member, (&keys, 1), base.own_version(&member));
    });
    let reviewed = world.review(&proposal, NOW).unwrap();
    assert_eq!(reviewed.changes, []);
    let difference = &reviewed.member_roles[0];
    assert_eq!(difference.member, member);
    assert_eq!(difference.added, [new.key().shown()]);
    assert_eq!(difference.removed, [key.key().shown()]);
    assert!(difference.begins_anew);
    let what = What::Changed {
        from: "[::1]:5501".to_owned(),
        to: "[::1]:5443".to_owned(),
    };
    assert_eq!(reviewed.in_force.unwrap()[0].what, what);
    world.sign(&mut proposal, &[0, 2]);
    world.publish(&proposal, NOW).unwrap();
    assert_eq!(address(&world), "[::1]:5443");
    let mut file = moved(&world, &member, 5502);
    sign(&world, &mut file, &new);
    assert_eq!(take(&world, &file).unwrap(), 2);
    assert_eq!(address(&world), "[::1]:5502");
    // Officers change the same node: theirs counts, and the member begins anew from it.
    let mut proposal = world.propose(|directory| {
        directory.members[0].nodes[0].address = "[::1]:5999".to_owned();
    });
    world.sign(&mut proposal, &[0, 1]);
    world.publish(&proposal, NOW).unwrap();
    assert_eq!(address(&world), "[::1]:5999");
    let mut file = moved(&world, &member, 5503);
    sign(&world, &mut file, &new);
    take(&world, &file).unwrap();
    assert_eq!(address(&world), "[::1]:5503");
    // A change of officers begins with what counts, and leaves alone whom it does not concern.
    let base = world.base();
    let mut directory = base.start().unwrap();
    assert_eq!(directory.members[0].nodes[0].address, "[::1]:5503");
    directory.members[1].name = "Other".to_owned();
    base.settle(&mut directory);
    assert_eq!(directory.members[0].nodes[0].address, "[::1]:5999");
    let mut directory = base.start().unwrap();
    directory.members[0].nodes[0].wire = vec![1, 2];
    base.settle(&mut directory);
    assert_eq!(directory.members[0].nodes[0].address, "[::1]:5503");
    // No role any more.
    let mut proposal = proposed(&world, |delegations, _| {
        assert!(delegations.remove(&member));
    });
    let reviewed = world.review(&proposal, NOW).unwrap();
    assert_eq!(reviewed.member_roles[0].quorum, ((1, 1), (0, 0)));
    world.sign(&mut proposal, &[0, 1]);
    world.publish(&proposal, NOW).unwrap();
    assert_eq!(address(&world), "[::1]:5999");
    assert_eq!(trusted(&world).own, []);
}

#[test]
fn a_role_that_mixes_what_is_kept_apart_is_not_signed() {
    let (world, key, member) = given();
    let online = KeyFolder::open(&world.online()).unwrap();
    let online = online.make(Role::Snapshot, 1).unwrap()[0].listed();
    let refused = |keys: &[Key], member: &MemberId, above: u64, wanted: &str| {
        let proposal = proposed(&world, |delegations, _| {
            delegations.set(member, (keys, 1), above);
        });
        let error = world.review(&proposal, NOW).unwrap_err().to_string();
        assert!(error.contains(wanted), "{wanted}: {error}");
    };
    let officers = [world.officers[2].key().clone()];
    refused(
        &officers,
        &member,
        0,
        "an officer's or an online role's too",
    );
    let named = [Key::from_ed25519(&[7; 32]).named("\u{202e}agency")];
    refused(&named, &member, 0, "the name of a key of it is none");
    let absent = MemberId::new("AZ", "GOV", "9").unwrap();
    refused(&[online], &absent, 0, "the member is not in the directory");
    let other = [officer::tests::officer("other").key().clone()];
    refused(
        &other,
        &member,
        7,
        "another version is published than the proposal ends",
    );
    refused(
        &[key.key().clone()],
        &member,
        1,
        "another version is published",
    );
    // Between proposing and publishing, the old key publishes once more: it would be believed no more, and nothing in its place.
    let mut proposal = proposed(&world, |delegations, _| {
        delegations.set(&member, (&other, 1), 0);
    });
    world.sign(&mut proposal, &[0, 1]);
    let mut file = moved(&world, &member, 5501);
    sign(&world, &mut file, &key);
    take(&world, &file).unwrap();
    let error = world.publish(&proposal, NOW).unwrap_err();
    assert!(matches!(error, CeremonyError::MemberRole { .. }), "{error}");
}

#[test]
fn officers_who_bring_their_entry_of_before_back_do_not_bring_back_what_they_overruled() {
    let (world, key, member) = given();
    let mut file = moved(&world, &member, 5501);
    sign(&world, &mut file, &key);
    take(&world, &file).unwrap();
    let mut proposal = world.propose(|directory| {
        directory.members[0].nodes[0].address = "[::1]:5999".to_owned();
    });
    world.sign(&mut proposal, &[0, 1]);
    world.publish(&proposal, NOW).unwrap();
    let back = |world: &World| {
        world.propose(|directory| directory.members[0].nodes = sample().members[0].nodes.clone())
    };
    let error = world.review(&back(&world), NOW).unwrap_err();
    let words = "the role of AZ/GOV/1001: what it signed before officers changed its entry would count again";
    assert!(error.to_string().starts_with(words), "{error}");
    assert_eq!(address(&world), "[::1]:5999");
    // Without the role, and with the same key again, it begins anew.
    let mut proposal = proposed(&world, |delegations, _| {
        assert!(delegations.remove(&member));
    });
    world.sign(&mut proposal, &[0, 1]);
    world.publish(&proposal, NOW).unwrap();
    give(&world, &member, &[&key], 1);
    let mut proposal = back(&world);
    world.sign(&mut proposal, &[0, 1]);
    world.publish(&proposal, NOW).unwrap();
    assert_eq!(address(&world), "[::1]:5443");
}

#[test]
fn an_officers_new_key_is_no_members_key_either() {
    let (world, key, _) = given();
    let base = world.base();
    let mut roster = Roster::of(&base);
    for role in [Role::Root, Role::Targets] {
        let mut keys = world.keys();
        keys.push(key.key().clone());
        roster.set(RoleChange {
            role,
            keys,
            threshold: 2,
        });
    }
    let proposal = Proposal::roles(&base, &roster, NOW).unwrap();
    let error = world.review(&proposal, NOW).unwrap_err().to_string();
    let words = "a key of it is an officer's or an online role's too";
    assert_eq!(error, format!("the role of AZ/GOV/1001: {words}"));
}

/// The first member witnesses the other's journal, and says nothing that can be used any more.
#[test]
fn what_is_exported_can_be_read_whatever_became_of_members_words() {
    let (world, key, member) = given();
    let mut proposal = world.propose(|directory| {
        directory.members[0].nodes[0].witness = Some("first.example/w+01234567+BAQID".to_owned());
        let mut node = sample().members[0].nodes[0].clone();
        node.name = "other.example".to_owned();
        node.exchange[0].certificate = "AAAA".to_owned();
        node.witnessing = Some(crate::directory::Witnessing {
            by: vec!["first.example/w".to_owned()],
            needed: 1,
            faulty: 0,
        });
        directory.members[1].nodes.push(node);
    });
    world.sign(&mut proposal, &[0, 1]);
    world.publish(&proposal, NOW).unwrap();
    let mut file = moved(&world, &member, 5501);
    sign(&world, &mut file, &key);
    take(&world, &file).unwrap();
    let base = world.base();
    let now = base.exported(NOW).unwrap();
    assert_eq!(*trusted(&world).directory, now);
    assert_eq!(now.members[0].nodes[0].address, "[::1]:5501");
    let later_s = NOW + 366 * DAY_S;
    let read = read_at(&base, later_s);
    assert!(read.check().is_err(), "a witness that is not listed");
    let exported = base.exported(later_s).unwrap();
    let text = serde_json::to_vec(&exported).unwrap();
    let exported = crate::Indexed::new(Directory::parse(&text).unwrap());
    let read = crate::Indexed::new(read);
    for id in read.members.iter().map(|entry| &entry.id) {
        assert_eq!(exported.nodes_of(id), read.nodes_of(id), "{id}");
    }
    assert!(exported.witness("first.example/w").is_none());
    assert!(exported.members[0].suspended);
}

#[test]
fn publications_of_others_leave_members_files_where_they_are() {
    let (world, key, member) = given();
    let mut file = moved(&world, &member, 5501);
    sign(&world, &mut file, &key);
    take(&world, &file).unwrap();
    let mut proposal = world.propose(|directory| directory.members[1].name = "Other".into());
    world.sign(&mut proposal, &[0, 1]);
    world.publish(&proposal, NOW).unwrap();
    assert_eq!(address(&world), "[::1]:5501");
    renew(&world);
    assert_eq!(address(&world), "[::1]:5501");
    let publisher = Publisher::open(&world.online(), &world.public()).unwrap();
    publisher.refresh_timestamp(NOW + 5 * DAY_S).unwrap();
    let name = MemberRole::name_of(&member);
    assert!(world.base().meta.contains_key(&format!("{name}.json")));
}

#[test]
fn all_keys_in_one_folder_serve_members_too() {
    let folder = tempfile::tempdir().unwrap();
    let (keys, public) = (folder.path().join("keys"), folder.path().join("public"));
    let publisher = Publisher::create(&keys, &public, NOW).unwrap();
    publisher.publish(&sample(), NOW).unwrap();
    let member = sample().members[0].id.clone();
    let key = officer::tests::officer("agency");
    let listed = [key.key().clone()];
    publisher.delegate(&member, (&listed, 1), NOW).unwrap();
    let base = Base::read(&public, None).unwrap();
    let mut nodes = sample().members[0].nodes.clone();
    nodes[0].address = "[::1]:5501".to_owned();
    let mut file = OwnFile::propose(&base, &member, nodes, NOW).unwrap();
    let reviewed = file.review(&base, NOW).unwrap();
    file.sign(&key, &reviewed).unwrap();
    publisher.take(&file, NOW).unwrap();
    for step in 0..3 {
        match step {
            0 => drop(publisher.publish(&sample(), NOW).unwrap()),
            1 => drop(publisher.rotate(Role::Snapshot, NOW).unwrap()),
            _ => drop(publisher.publish_catalogue(&crate::catalogue::Catalogue::default(), NOW)),
        }
        let mut client = Client::open(
            &folder.path().join(step.to_string()),
            &publisher.root().unwrap(),
        )
        .unwrap();
        let trusted = client.refresh(&FolderSource(public.clone()), NOW).unwrap();
        assert_eq!(
            trusted.directory.members[0].nodes[0].address, "[::1]:5501",
            "{step}"
        );
    }
}

#[test]
fn roles_of_which_nobody_could_read_the_metadata_are_not_published() {
    let world = World::published();
    let base = world.base();
    let mut directory = base.directory.clone().unwrap();
    let keys = (0..8).map(|number| Key::from_ed25519(&[number; 32]));
    let keys: std::collections::BTreeMap<String, Key> =
        keys.map(|key| (key.id().unwrap(), key)).collect();
    let mut roles = Vec::new();
    for number in 0..7_000 {
        let mut member = directory.members[1].clone();
        let code = format!("{}{number}", "9".repeat(150));
        member.id = MemberId::new("AZ", "GOV", code).unwrap();
        let ids: Vec<_> = keys.keys().collect();
        roles.push(serde_json::json!({
            "name": MemberRole::name_of(&member.id), "threshold": 1, "terminating": true,
            "keyids": ids, "paths": [format!("members/{}/*", member.id)],
        }));
        directory.members.push(member);
    }
    let delegations = serde_json::json!({ "keys": keys, "roles": roles });
    let delegations: Delegations = serde_json::from_value(delegations).unwrap();
    directory.groups.clear();
    let mut proposal = Proposal::directory_and_roles(&base, &directory, &delegations, NOW).unwrap();
    world.sign(&mut proposal, &[0, 1]);
    let before = fs::read(world.public().join("metadata/timestamp.json")).unwrap();
    let error = world.publish(&proposal, NOW).unwrap_err().to_string();
    assert!(
        error.starts_with("the targets metadata would have "),
        "{error}"
    );
    assert!(
        error.ends_with(" bytes; nobody reads more than 5000000"),
        "{error}"
    );
    let after = fs::read(world.public().join("metadata/timestamp.json")).unwrap();
    assert_eq!(before, after);
}
