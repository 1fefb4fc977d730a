//! The Update Framework's list of attacks, each on every role (members' own: `own_attacks.rs`): refused for its own reason, and accepted when it is left out.
//!
//! Standard: TUF 1.0 §1.5.2.

use super::*;

/// An attack on a reader who has seen the `before` state.
struct Attack {
    before: Repository,
    hostile: Files,
    hostile_s: u64,
    /// The same without the attack.
    twin: Files,
    twin_s: u64,
}

/// An attack's name, whose metadata it touches, how it is made, and why it is refused.
type Row = (&'static str, &'static str, fn() -> Attack, &'static str);

/// Two roots and the second directory.
fn before() -> Repository {
    let mut repository = Repository::new();
    repository.meta.insert(DELEGATED.into(), 5);
    repository.add_root();
    repository.publish("New");
    repository
}

fn next() -> Repository {
    let mut repository = before();
    repository.publish("Next");
    repository
}

fn attack(hostile: Files) -> Attack {
    Attack {
        before: before(),
        hostile,
        hostile_s: NOW,
        twin: next().files(),
        twin_s: NOW,
    }
}

/// The next state with one thing changed before it is signed.
fn changed(change: impl FnOnce(&mut Repository)) -> Attack {
    let mut repository = next();
    change(&mut repository);
    attack(repository.files())
}

/// The next state with one file replaced.
fn replaced(path: &str, bytes: Vec<u8>) -> Attack {
    let mut files = next().files();
    files.put(path, bytes);
    attack(files)
}

/// As [`replaced`], where no length or digest is announced: only what the file says itself can tell.
fn replaced_unannounced(path: &str, bytes: Vec<u8>) -> Attack {
    changed(|repository| {
        repository.announced = false;
    })
    .with(path, bytes)
}

impl Attack {
    fn with(mut self, path: &str, bytes: Vec<u8>) -> Self {
        self.hostile.put(path, bytes);
        self
    }
}

fn file(repository: &Repository, path: &str) -> Vec<u8> {
    repository.files().files[path].clone()
}

fn frozen(role: Role) -> Attack {
    let mut repository = Repository::new();
    repository.expires.insert(role, NOW + 10);
    repository.roots.clear();
    repository.add_root();
    Attack {
        hostile: repository.files(),
        hostile_s: NOW + 10,
        twin: repository.files(),
        twin_s: NOW + 9,
        before: repository,
    }
}

/// The next state with a version of old in it.
fn listed(role: Role, version: u64) -> Attack {
    changed(|next| {
        next.versions.insert(role, version);
    })
}

/// One officer too few.
fn below(role: Role) -> Attack {
    changed(|repository| {
        let (officers, threshold) = repository.officers.get_mut(&role).unwrap();
        officers.truncate(usize::try_from(*threshold).unwrap() - 1);
    })
}

/// Keys that no root gave the role.
fn others(role: Role) -> Attack {
    changed(|repository| repository.give_keys(role, &[51, 52, 53]))
}

fn endless(path: &str, limit: usize) -> Attack {
    replaced_unannounced(path, vec![b' '; limit + 1])
}

/// Root 3, changed and signed by whom the attack has.
fn root_3(change: impl FnOnce(&mut Value), signers: &[u8]) -> Attack {
    let mut part = next().root_part(3);
    change(&mut part);
    let signers: Vec<_> = signers.iter().map(|seed| Officer::new(*seed)).collect();
    replaced(ROOT, sign(&part, &signers).unwrap())
}

fn targets_with(change: impl Fn(&mut Value)) -> Attack {
    let hostile = next().files_with(|role, part| {
        if role == Role::Targets {
            change(part);
        }
    });
    attack(hostile)
}

/// Targets that delegate the members' folder.
fn delegating(part: &mut Value) {
    let thief = Officer::new(51);
    part["delegations"] = json!({
        "keys": {thief.key_id.clone(): Key::from_ed25519(&thief.public())},
        "roles": [{"name": "members", "keyids": [thief.key_id], "threshold": 1,
                   "terminating": true, "paths": ["members/*"]}],
    });
}

const ROOT: &str = "metadata/3.root.json";
const SNAPSHOT: &str = "metadata/3.snapshot.json";
const TARGETS: &str = "metadata/3.targets.json";
const DELEGATED: &str = "members.json";

const LIST: [Row; 38] = [
    (
        "rollback",
        "root",
        || replaced(ROOT, before().roots[0].clone()),
        "root 3 says it is version 1",
    ),
    (
        "rollback",
        "timestamp",
        || replaced(TIMESTAMP, file(&Repository::new(), TIMESTAMP)),
        "timestamp.json goes back from version 2 to 1",
    ),
    (
        "rollback",
        "snapshot",
        || listed(Role::Snapshot, 1),
        "snapshot.json goes back from version 2 to 1",
    ),
    (
        "rollback",
        "targets",
        || listed(Role::Targets, 1),
        "targets.json goes back from version 2 to 1",
    ),
    (
        "rollback",
        "delegated",
        || changed(|next| next.meta = BTreeMap::from([(DELEGATED.into(), 4)])),
        "members.json goes back from version 5 to 4",
    ),
    (
        "rollback by leaving out",
        "delegated",
        || changed(|next| next.meta.clear()),
        "members.json vanished from the snapshot",
    ),
    (
        "freeze",
        "root",
        || frozen(Role::Root),
        "root metadata expired at 2027-01-15T08:00:10Z; it is 2027-01-15T08:00:10Z",
    ),
    (
        "freeze",
        "timestamp",
        || frozen(Role::Timestamp),
        "timestamp metadata expired at 2027-01-15T08:00:10Z; it is 2027-01-15T08:00:10Z",
    ),
    (
        "freeze",
        "snapshot",
        || frozen(Role::Snapshot),
        "snapshot metadata expired at 2027-01-15T08:00:10Z; it is 2027-01-15T08:00:10Z",
    ),
    (
        "freeze",
        "targets",
        || frozen(Role::Targets),
        "targets metadata expired at 2027-01-15T08:00:10Z; it is 2027-01-15T08:00:10Z",
    ),
    (
        "mix and match",
        "root",
        || root_3(|_| {}, &[51, 52, 53]),
        "metadata/3.root.json is refused: root metadata has 0 good signatures by keys of its role; 2 are needed",
    ),
    (
        "mix and match",
        "timestamp",
        || attack(before().files()).with(TIMESTAMP, file(&next(), TIMESTAMP)),
        "metadata/3.snapshot.json is missing at the source",
    ),
    (
        "mix and match",
        "snapshot",
        || replaced(SNAPSHOT, file(&before(), "metadata/2.snapshot.json")),
        "metadata/3.snapshot.json is refused: snapshot metadata is not the file that was announced: its hash differs",
    ),
    (
        "mix and match without digests",
        "snapshot",
        || replaced_unannounced(SNAPSHOT, file(&before(), "metadata/2.snapshot.json")),
        "snapshot metadata is version 2, announced was 3",
    ),
    (
        "mix and match",
        "targets",
        || replaced(TARGETS, file(&before(), "metadata/2.targets.json")),
        "metadata/3.targets.json is refused: targets metadata is not the file that was announced: its hash differs",
    ),
    (
        "mix and match without digests",
        "targets",
        || replaced_unannounced(TARGETS, file(&before(), "metadata/2.targets.json")),
        "targets metadata is version 2, announced was 3",
    ),
    (
        "mix and match",
        "directory",
        || replaced(&next().directory_path(), before().directory),
        "the directory is not the file that its metadata names",
    ),
    (
        "endless data",
        "root",
        || endless(ROOT, ROOT_LIMIT_BYTES),
        "metadata/3.root.json is larger than the 524288 bytes allowed or announced",
    ),
    (
        "endless data",
        "timestamp",
        || endless(TIMESTAMP, TIMESTAMP_LIMIT_BYTES),
        "metadata/timestamp.json is larger than the 16384 bytes allowed or announced",
    ),
    (
        "endless data",
        "snapshot",
        || endless(SNAPSHOT, SNAPSHOT_LIMIT_BYTES),
        "metadata/3.snapshot.json is larger than the 2000000 bytes allowed or announced",
    ),
    (
        "endless data",
        "targets",
        || endless(TARGETS, TARGETS_LIMIT_BYTES),
        "metadata/3.targets.json is larger than the 5000000 bytes allowed or announced",
    ),
    (
        "endless data",
        "directory",
        || {
            replaced(
                &next().directory_path(),
                [next().directory, vec![b' ']].concat(),
            )
        },
        "targets/8bea58e88a99e65953e5735c7dfdf245ca071e9e247ac1591cc509a06cc9fbb6.directory.json is larger than the 763 bytes allowed or announced",
    ),
    (
        "below threshold",
        "root",
        || root_3(|_| {}, &[1]),
        "metadata/3.root.json is refused: root metadata has 1 good signatures by keys of its role; 2 are needed",
    ),
    (
        "below threshold",
        "timestamp",
        || below(Role::Timestamp),
        "metadata/timestamp.json is refused: timestamp metadata has 0 good signatures by keys of its role; 1 are needed",
    ),
    (
        "below threshold",
        "snapshot",
        || below(Role::Snapshot),
        "metadata/3.snapshot.json is refused: snapshot metadata has 0 good signatures by keys of its role; 1 are needed",
    ),
    (
        "below threshold",
        "targets",
        || below(Role::Targets),
        "metadata/3.targets.json is refused: targets metadata has 1 good signatures by keys of its role; 2 are needed",
    ),
    (
        "replaced delegation",
        "root",
        || root_3(|_| {}, &[11, 12, 13]),
        "metadata/3.root.json is refused: root metadata has 0 good signatures by keys of its role; 2 are needed",
    ),
    (
        "replaced delegation",
        "timestamp",
        || others(Role::Timestamp),
        "metadata/timestamp.json is refused: timestamp metadata has 0 good signatures by keys of its role; 1 are needed",
    ),
    (
        "replaced delegation",
        "snapshot",
        || others(Role::Snapshot),
        "metadata/3.snapshot.json is refused: snapshot metadata has 0 good signatures by keys of its role; 1 are needed",
    ),
    (
        "replaced delegation",
        "targets",
        || others(Role::Targets),
        "metadata/3.targets.json is refused: targets metadata has 0 good signatures by keys of its role; 2 are needed",
    ),
    (
        "replaced delegation",
        "delegated",
        || targets_with(delegating),
        "metadata/3.targets.json is refused: targets metadata: the role \"members\" is no member's",
    ),
    (
        "wrong path",
        "root",
        || replaced(ROOT, file(&next(), TIMESTAMP)),
        "metadata/3.root.json is refused: metadata of type \"timestamp\" where root is wanted",
    ),
    (
        "wrong path",
        "timestamp",
        || replaced(TIMESTAMP, file(&next(), SNAPSHOT)),
        "metadata/timestamp.json is refused: metadata of type \"snapshot\" where timestamp is wanted",
    ),
    (
        "wrong path",
        "snapshot",
        || replaced_unannounced(SNAPSHOT, file(&next(), TARGETS)),
        "metadata/3.snapshot.json is refused: metadata of type \"targets\" where snapshot is wanted",
    ),
    (
        "wrong path",
        "targets",
        || replaced_unannounced(TARGETS, file(&next(), SNAPSHOT)),
        "metadata/3.targets.json is refused: metadata of type \"snapshot\" where targets is wanted",
    ),
    (
        "wrong path",
        "delegated",
        || {
            targets_with(|part| {
                let info = part["targets"][DIRECTORY_FILE].take();
                part["targets"] = json!({"members/AZ/GOV/1001/directory.json": info});
            })
        },
        "the metadata names no directory",
    ),
    (
        "fast-forward",
        "root",
        || root_3(|part| part["version"] = json!(u64::MAX), &[1, 2]),
        "root 3 says it is version 18446744073709551615",
    ),
    (
        "role that nobody knows",
        "root",
        || {
            root_3(
                |part| part["roles"]["members"] = part["roles"]["targets"].clone(),
                &[1, 2],
            )
        },
        "metadata/3.root.json is refused: root metadata can't be read: unknown field `members`, expected one of `root`, `targets`, `snapshot`, `timestamp`",
    ),
];

#[test]
fn every_attack_of_the_list_is_refused_for_its_reason_and_its_twin_is_read() {
    for (name, whose, make, wanted) in LIST {
        let what = format!("{name}, {whose}");
        let Attack {
            before,
            hostile,
            hostile_s,
            twin,
            twin_s,
        } = make();
        let mut reader = Reader::of(&before);
        let known = reader.refresh(&before.files()).unwrap();
        let error = reader.client.refresh(&hostile, hostile_s).expect_err(&what);
        assert_eq!(chain(&error), wanted, "{what}");
        assert_eq!(
            reader.trusted().unwrap(),
            known,
            "{what}: what was read stays"
        );
        let mut reader = Reader::of(&before);
        reader.refresh(&before.files()).unwrap();
        let read = reader.client.refresh(&twin, twin_s);
        assert!(read.is_ok(), "{what}: {read:?}");
    }
}

/// Nothing that lies in the name of a role that officers gave nobody is read, so none of the attacks comes in by it.
#[test]
fn metadata_of_a_role_that_nobody_has_is_never_asked_for() {
    let mut files = next().files();
    files.put("metadata/5.members.json", vec![b' '; TARGETS_LIMIT_BYTES]);
    let mut reader = Reader::of(&before());
    assert_eq!(reader.refresh(&files).unwrap(), "Next");
    let asked = files.asked();
    assert_eq!(asked.len(), 6, "{asked:?}");
    assert!(asked.iter().all(|path| !path.contains("members")));
}

/// A thief of a role's keys runs its version forward; new keys for the roles named bring every client back.
#[test]
fn a_version_run_forward_is_forgotten_when_the_keys_are_replaced() {
    let back = |file: &str| format!("{file} goes back from version {} to 3", u64::MAX);
    for (forward, wanted, rotated) in [
        (
            Role::Timestamp,
            back("timestamp.json"),
            &[Role::Timestamp][..],
        ),
        (Role::Snapshot, back("snapshot.json"), &[Role::Snapshot]),
        // Its version stands in the snapshot: whoever runs it forward has that key too.
        (
            Role::Targets,
            back("targets.json"),
            &[Role::Targets, Role::Snapshot],
        ),
    ] {
        let mut reader = Reader::of(&before());
        let mut stolen = before();
        stolen.bump(Role::Timestamp);
        stolen.bump(Role::Snapshot);
        stolen.versions.insert(forward, u64::MAX);
        assert_eq!(reader.refresh(&stolen.files()).unwrap(), "New", "{forward}");

        let mut genuine = next();
        if forward != Role::Timestamp {
            genuine.bump(Role::Timestamp);
        }
        if forward == Role::Targets {
            genuine.bump(Role::Snapshot);
        }
        let error = reader.refresh(&genuine.files()).unwrap_err();
        assert_eq!(chain(&error), wanted);

        for role in rotated {
            let new: &[u8] = if *role == Role::Targets {
                &[14, 15, 16]
            } else {
                &[44]
            };
            genuine.give_keys(*role, new);
        }
        genuine.add_root();
        assert_eq!(
            reader.refresh(&genuine.files()).unwrap(),
            "Next",
            "{forward}"
        );
        assert!(reader.refresh(&stolen.files()).is_err(), "{forward}");
    }
}

/// An error with its causes.
fn chain(error: &DirectoryError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}
