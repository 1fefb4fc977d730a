//! The list of attacks on members' roles: each refused for its own reason, at the cost of that member alone, and accepted when it is
//! left out.
//!
//! Standard: TUF 1.0 §1.5.2.

use super::own_files::{address, moved, standing, with_own};
use super::*;
use crate::directory::Node;
use crate::own_nodes::{OWN_METADATA_LIMIT_BYTES, OwnStanding};

/// A change of a delegation, and why it is refused.
type Bend = (fn(&mut Value), &'static str);

/// What is published, changed before or after it is signed, and when it is read.
struct Attack {
    hostile: Files,
    hostile_s: u64,
}

/// An attack's name, how it is made, and why the member's file is refused.
type Row = (&'static str, fn() -> Attack, &'static str);

/// The state that readers have seen: the member has moved its node once.
fn before() -> Repository {
    with_own()
}

/// It has moved its node again.
fn next() -> Repository {
    let mut repository = before();
    moved(&mut repository, 5502);
    repository
}

fn attack(hostile: Files) -> Attack {
    Attack {
        hostile,
        hostile_s: NOW,
    }
}

fn changed(change: impl FnOnce(&mut Repository)) -> Attack {
    let mut repository = next();
    change(&mut repository);
    attack(repository.files())
}

/// As signed by the member, with its metadata changed before.
fn with_part(change: impl FnOnce(&mut Value)) -> Attack {
    let mut repository = next();
    repository.announced = false;
    let own = &repository.own[0];
    let mut part = own.part();
    change(&mut part);
    let (path, bytes) = (own.metadata_path(), sign(&part, &own.signers).unwrap());
    attack(repository.files()).with(&path, bytes)
}

fn with_nodes(change: impl FnOnce(&mut Value)) -> Attack {
    changed(|next| change(&mut next.own[0].nodes))
}

/// The second member has a node as well.
fn beside() -> (Repository, Node) {
    let mut repository = next();
    let mut directory = sample();
    let mut theirs = directory.members[0].nodes[0].clone();
    theirs.name = "node.other.example".into();
    theirs.journal = "bus.example/AZ/GOV/10%2F02/NODE1/1+0123abcd+AQID".into();
    theirs.exchange[0].certificate = "AAAA".into();
    directory.members[1].nodes.push(theirs.clone());
    repository.directory = serde_json::to_vec(&directory).unwrap();
    (repository, theirs)
}

/// The member's node, of which one thing is the other's.
fn claiming(change: impl FnOnce(&mut Value, &Value)) -> Attack {
    let (mut repository, theirs) = beside();
    change(&mut repository.own[0].nodes["nodes"][0], &json!(theirs));
    attack(repository.files())
}

/// A new node of the member, whose journal is the other's by its name.
fn going_on(journal: &str) -> Attack {
    let (mut repository, mut new) = beside();
    new.code = "NODE2".into();
    new.name = "node2.example".into();
    new.exchange[0].certificate = "AAAB".into();
    new.journal = journal.into();
    let nodes = repository.own[0].nodes["nodes"].as_array_mut().unwrap();
    nodes.push(json!(new));
    attack(repository.files())
}

impl Attack {
    fn with(mut self, path: &str, bytes: Vec<u8>) -> Self {
        self.hostile.put(path, bytes);
        self
    }

    fn at(mut self, now_s: u64) -> Self {
        self.hostile_s = now_s;
        self
    }
}

fn old(path: impl Fn(&OwnRole) -> String) -> Vec<u8> {
    let before = before();
    before.files().files[&path(&before.own[0])].clone()
}

fn metadata_path() -> String {
    next().own[0].metadata_path()
}

const LIST: [Row; 22] = [
    (
        "rollback",
        || {
            let mut repository = next();
            repository.announced = false;
            attack(repository.files()).with(&metadata_path(), old(OwnRole::metadata_path))
        },
        "the metadata of the role AZ,GOV,1001 is version 1, wanted was 2",
    ),
    (
        "freeze",
        || {
            let mut repository = next();
            repository.own[0].expires = NOW + 10;
            attack(repository.files()).at(NOW + 10)
        },
        "it expired at 2027-01-15T08:00:10Z",
    ),
    (
        "mix and match",
        || attack(next().files()).with(&metadata_path(), old(OwnRole::metadata_path)),
        "the metadata of the role AZ,GOV,1001 is refused: targets metadata is not the file that was announced: its hash differs",
    ),
    (
        "mix and match of the nodes",
        || attack(next().files()).with(&next().own[0].nodes_path(), old(OwnRole::nodes_path)),
        "members/AZ/GOV/1001/nodes.json is not the file that its metadata names",
    ),
    (
        "leaving out",
        || {
            let mut files = next().files();
            files.remove(&metadata_path());
            attack(files)
        },
        "metadata/2.AZ,GOV,1001.json is missing at the source",
    ),
    (
        "endless data",
        || {
            let mut repository = next();
            repository.announced = false;
            attack(repository.files())
                .with(&metadata_path(), vec![b' '; OWN_METADATA_LIMIT_BYTES + 1])
        },
        "metadata/2.AZ,GOV,1001.json is larger than the 16384 bytes allowed or announced",
    ),
    (
        "endless data in the nodes",
        || {
            let own = next().own[0].clone();
            let bytes = [own.nodes.to_string().as_bytes(), b" "].concat();
            attack(next().files()).with(&own.nodes_path(), bytes)
        },
        "nodes.json is larger than the 534 bytes allowed or announced",
    ),
    (
        "below threshold",
        || {
            changed(|next| {
                next.own[0].listed.push(Officer::new(72));
                next.own[0].threshold = 2;
            })
        },
        "the metadata of the role AZ,GOV,1001 is refused: targets metadata has 1 good signatures by keys of its role; 2 are needed",
    ),
    (
        "replaced delegation",
        || changed(|next| next.own[0].signers = vec![Officer::new(51)]),
        "the metadata of the role AZ,GOV,1001 is refused: targets metadata has 0 good signatures by keys of its role; 1 are needed",
    ),
    (
        "replaced delegation, by officers' keys",
        || changed(|next| next.own[0].signers = next.officers(Role::Targets)),
        "the metadata of the role AZ,GOV,1001 is refused: targets metadata has 0 good signatures by keys of its role; 1 are needed",
    ),
    (
        "delegation handed on",
        || {
            with_part(|part| {
                part["delegations"] = json!({"keys": {}, "roles": []});
            })
        },
        "it speaks for other roles, and may speak for members/AZ/GOV/1001/nodes.json alone",
    ),
    (
        "wrong path",
        || {
            with_part(|part| {
                let info = part["targets"]["members/AZ/GOV/1001/nodes.json"].take();
                part["targets"] = json!({"members/AZ/GOV/10=2F02/nodes.json": info});
            })
        },
        "it speaks for members/AZ/GOV/10=2F02/nodes.json, and may speak for members/AZ/GOV/1001/nodes.json alone",
    ),
    (
        "wrong path, the directory",
        || {
            with_part(|part| {
                part["targets"][DIRECTORY_FILE] = json!(FileInfo::of(None, b"{}"));
            })
        },
        "it speaks for directory.json, and may speak for members/AZ/GOV/1001/nodes.json alone",
    ),
    (
        "another member's nodes",
        || with_nodes(|own| own["member"] = json!("AZ/GOV/10%2F02")),
        "it is of AZ/GOV/10%2F02, and not of AZ/GOV/1001",
    ),
    (
        "more than nodes",
        || with_nodes(|own| own["suspended"] = json!(false)),
        "the nodes' file can't be read: unknown field `suspended`, expected one of `member`, `based_on`, `nodes` at line 1 column 545",
    ),
    (
        "another member's node name",
        || claiming(|own, theirs| own["name"] = theirs["name"].clone()),
        "the node name node.other.example is listed already, and may be listed once",
    ),
    (
        "another member's exchange key",
        || claiming(|own, theirs| own["exchange"] = theirs["exchange"].clone()),
        "the exchange key cJ6AyISHokEeHuTfufIqhhSS0gxHZRUMDHlKvXD4FHw is listed already, and may be listed once",
    ),
    (
        "another journal",
        || claiming(|own, theirs| own["journal"] = theirs["journal"].clone()),
        "AZ/GOV/1001/NODE1: another journal key: officers alone change that",
    ),
    (
        "another member's journal, in a later epoch",
        || going_on("bus.example/AZ/GOV/10%2F02/NODE1/9+0123abcd+AQID"),
        "the journal bus.example/AZ/GOV/10%2F02/NODE1 is listed already, and may be listed once",
    ),
    (
        "another member's journal, by a key that is none",
        || going_on("bus.example/AZ/GOV/10%2F02/NODE1/9+x+y"),
        "the journal bus.example/AZ/GOV/10%2F02/NODE1 is listed already, and may be listed once",
    ),
    (
        "its own journal under another node's code",
        || {
            claiming(|own, _| {
                own["code"] = json!("NODE2");
                own["journal"] = json!("bus.example/AZ/GOV/1001/NODE1/2+0123abcd+AQID");
            })
        },
        "AZ/GOV/1001/NODE2: the journal of another node: officers alone change that",
    ),
    (
        "a journal that nobody witnesses",
        || {
            let mut repository = next();
            let directory = crate::directory::witnessing::tests::witnessed(2, 0);
            repository.directory = serde_json::to_vec(&directory).unwrap();
            let digest = crate::own_nodes::entry_digest(&directory.members[0]);
            repository.own[0].nodes["based_on"] = json!(digest);
            attack(repository.files())
        },
        "AZ/GOV/1001/NODE1: other witnesses of its journal: officers alone change that",
    ),
];

#[test]
fn every_attack_on_a_members_role_costs_that_member_and_its_twin_counts() {
    for (what, make, wanted) in LIST {
        let Attack { hostile, hostile_s } = make();
        // Whoever comes new has nothing of before.
        for has_seen in [true, false] {
            let mut reader = Reader::of(&before());
            if has_seen {
                reader.refresh(&before().files()).unwrap();
            }
            let read = reader.client.refresh(&hostile, hostile_s);
            let read = read.unwrap_or_else(|error| panic!("{what}: {error}"));
            let fault = standing(&read).fault().map(str::to_owned);
            let fault = fault.unwrap_or_else(|| panic!("{what}: {:?}", standing(&read)));
            assert!(fault.ends_with(wanted), "{what}: {fault}");
            let is_former = matches!(standing(&read), OwnStanding::Former { .. });
            let known = [Some("[::1]:5501".to_owned()), None];
            assert!(known.contains(&address(&read)), "{what}");
            assert_eq!(address(&read).is_some(), is_former, "{what}");
            assert!(has_seen || !is_former, "{what}");
            assert_eq!(read.directory.members.len(), 2, "{what}: the others stay");
            let anew = reader.client.trusted(hostile_s).unwrap();
            assert_eq!(anew.directory, read.directory, "{what}");
        }
        let mut reader = Reader::of(&before());
        reader.refresh(&before().files()).unwrap();
        let read = reader.client.refresh(&next().files(), NOW).unwrap();
        assert!(
            matches!(standing(&read), OwnStanding::InForce { .. }),
            "{what}"
        );
        assert_eq!(address(&read).as_deref(), Some("[::1]:5502"), "{what}");
    }
}

/// What only the snapshot's key could do is refused with the snapshot, for all.
#[test]
fn a_members_version_that_goes_back_or_vanishes_is_refused_with_its_snapshot() {
    let file = "AZ,GOV,1001.json";
    let mut back = next();
    back.meta.insert(file.into(), 1);
    let mut ahead = next();
    moved(&mut ahead, 5503);
    let mut gone = ahead.clone();
    gone.own[0].version = 0;
    for (hostile, wanted) in [
        (&back, format!("{file} goes back from version 2 to 1")),
        (&gone, format!("{file} vanished from the snapshot")),
    ] {
        let mut reader = Reader::of(&next());
        reader.refresh(&next().files()).unwrap();
        let mut hostile = hostile.clone();
        hostile.bump(Role::Snapshot);
        hostile.bump(Role::Timestamp);
        let error = reader.refresh(&hostile.files()).unwrap_err();
        assert_eq!(error.to_string(), wanted);
        let kept = reader.client.trusted(NOW).unwrap();
        assert_eq!(address(&kept).as_deref(), Some("[::1]:5502"));
    }
}

/// Officers' metadata with a delegation that is no member's own is no directory.
#[test]
fn delegations_that_are_no_members_own_are_refused_with_the_targets() {
    let bend: [Bend; 6] = [
        (
            |role| role["name"] = json!("members"),
            "the role \"members\" is no member's",
        ),
        (
            |role| role["paths"] = json!(["members/AZ/GOV/10=2F02/*"]),
            "the role AZ,GOV,1001 is for other paths than its own",
        ),
        (
            |role| role["paths"] = json!(["members/AZ/GOV/1001/*", "directory.json"]),
            "the role AZ,GOV,1001 is for other paths than its own",
        ),
        (
            |role| role["terminating"] = json!(false),
            "the role AZ,GOV,1001 does not end the search",
        ),
        (
            |role| role["threshold"] = json!(0),
            "a threshold of 0 of 1 keys for the role AZ,GOV,1001; 1 to 8 different keys can be listed",
        ),
        (
            |role| role["keyids"] = json!(["00"]),
            "key 00 of the role AZ,GOV,1001 is not listed",
        ),
    ];
    for (change, wanted) in bend {
        let repository = next();
        let hostile = repository.files_with(|role, part| {
            if role == Role::Targets {
                change(&mut part["delegations"]["roles"][0]);
            }
        });
        let mut reader = Reader::of(&repository);
        let error = reader.client.refresh(&hostile, NOW).unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert_eq!(cause, format!("targets metadata: {wanted}"));
    }
}

/// A thief of a member's key and the snapshot's runs the member's version forward; new keys for both bring every client back.
#[test]
fn a_members_version_run_forward_is_forgotten_when_the_keys_are_replaced() {
    let mut reader = Reader::of(&before());
    reader.refresh(&before().files()).unwrap();
    let mut stolen = next();
    stolen.own[0].version = u64::MAX;
    let read = reader.client.refresh(&stolen.files(), NOW).unwrap();
    assert_eq!(address(&read).as_deref(), Some("[::1]:5502"));

    let mut genuine = next();
    moved(&mut genuine, 5503);
    genuine.own[0].version = 2;
    let error = reader.refresh(&genuine.files()).unwrap_err();
    let wanted = format!("AZ,GOV,1001.json goes back from version {} to 2", u64::MAX);
    assert_eq!(error.to_string(), wanted);

    genuine.give_keys(Role::Snapshot, &[44]);
    genuine.add_root();
    genuine.own[0].listed = vec![Officer::new(73)];
    genuine.own[0].signers = vec![Officer::new(73)];
    let read = reader.client.refresh(&genuine.files(), NOW).unwrap();
    assert_eq!(address(&read).as_deref(), Some("[::1]:5503"));
    assert!(reader.refresh(&stolen.files()).is_err());
}
