use std::fs;
use std::path::PathBuf;

use super::*;
use crate::client::Client;
use crate::directory::Directory;
use crate::directory::tests::sample;
use crate::metadata::Key;
use crate::publisher::keys::KeyFolder;
use crate::publisher::{PublishError, ROOT_LIFE_S, TARGETS_LIFE_S};
use crate::source::FolderSource;

mod battery;
mod catalogue;
mod changes;
mod members;

pub(crate) const NOW: u64 = 1_800_000_000;
const DAY_S: u64 = 86_400;

/// Three officers, a publishing machine, and what it publishes.
pub(crate) struct World {
    folder: tempfile::TempDir,
    pub(crate) officers: Vec<Officer>,
}

impl World {
    /// Nothing is published yet.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Sealed under a passphrase only where that is what is tested: it takes half a second each.
        let officers = ["first", "second", "third"].map(officer::tests::officer);
        Self {
            folder,
            officers: officers.into(),
        }
    }

    /// With the sample directory published by the first two.
    pub(crate) fn published() -> Self {
        let world = Self::new();
        let mut first = world.first();
        world.sign(&mut first, &[0, 1]);
        world.publish(&first, NOW).unwrap();
        let mut second = world.propose(|directory| *directory = sample());
        world.sign(&mut second, &[0, 1]);
        world.publish(&second, NOW).unwrap();
        world
    }

    pub(crate) fn public(&self) -> PathBuf {
        self.folder.path().join("public")
    }

    pub(crate) fn online(&self) -> PathBuf {
        self.folder.path().join("online")
    }

    fn keys(&self) -> Vec<Key> {
        self.officers.iter().map(|one| one.key().clone()).collect()
    }

    fn roster(&self) -> Roster {
        let online = KeyFolder::open(&self.online()).unwrap();
        let mut roster = Roster::empty();
        for role in [Role::Root, Role::Targets] {
            let (keys, threshold) = (self.keys(), 2);
            roster.set(RoleChange {
                role,
                keys,
                threshold,
            });
        }
        for role in [Role::Snapshot, Role::Timestamp] {
            let made = online.make(role, 1).unwrap();
            let keys = made
                .iter()
                .map(crate::publisher::keys::RoleKey::listed)
                .collect();
            let threshold = 1;
            roster.set(RoleChange {
                role,
                keys,
                threshold,
            });
        }
        roster
    }

    fn first(&self) -> Proposal {
        Proposal::first("AZ", &self.roster(), NOW).unwrap()
    }

    pub(crate) fn base(&self) -> Base {
        Base::read(&self.public(), None).unwrap()
    }

    pub(crate) fn propose(&self, change: impl FnOnce(&mut Directory)) -> Proposal {
        let base = self.base();
        let mut directory = base.directory.clone().unwrap();
        change(&mut directory);
        Proposal::directory(&base, &directory, NOW).unwrap()
    }

    fn review(&self, proposal: &Proposal, now_s: u64) -> Result<Reviewed, CeremonyError> {
        let base = self.public().join("metadata/1.root.json").exists();
        let base = base.then(|| self.base());
        proposal.review(base.as_ref(), now_s)
    }

    pub(crate) fn sign(&self, proposal: &mut Proposal, officers: &[usize]) {
        for officer in officers {
            let reviewed = self.review(proposal, NOW).unwrap();
            self.officers[*officer].sign(proposal, &reviewed).unwrap();
        }
    }

    pub(crate) fn publish(
        &self,
        proposal: &Proposal,
        now_s: u64,
    ) -> Result<Standing, CeremonyError> {
        Publication::prepare(proposal, &self.public(), &self.online(), now_s)?.write()
    }

    /// What a client reads, beginning with the first root.
    fn read(&self) -> Directory {
        let folder = tempfile::tempdir().unwrap();
        let root = fs::read(self.public().join("metadata/1.root.json")).unwrap();
        let mut client = Client::open(folder.path(), &root).unwrap();
        let trusted = client.refresh(&FolderSource(self.public()), NOW).unwrap();
        Directory::clone(&trusted.directory)
    }
}

#[test]
fn what_two_of_three_officers_sign_is_published_and_read() {
    let world = World::published();
    assert_eq!(world.read(), sample());
    let base = world.base();
    assert_eq!((base.standing.root, base.standing.targets), (1, 2));
    let roles: Vec<_> = base.ends.iter().map(|(role, _, _)| *role).collect();
    assert_eq!(roles, Role::ALL);
}

#[test]
fn one_officer_alone_publishes_nothing_and_the_refusal_names_who_is_missing() {
    let world = World::published();
    let before = fs::read(world.public().join("metadata/timestamp.json")).unwrap();
    let mut proposal = world.propose(|directory| directory.groups.clear());
    world.sign(&mut proposal, &[1]);
    world.sign(&mut proposal, &[1]);
    let error = world.publish(&proposal, NOW).unwrap_err();
    let shown = |at: usize| world.officers[at].key().shown();
    let words = format!(
        "targets metadata: 1 of 2 signatures; still to sign: {}, {}",
        shown(0),
        shown(2)
    );
    assert_eq!(error.to_string(), words);
    let after = fs::read(world.public().join("metadata/timestamp.json")).unwrap();
    assert_eq!(before, after);
    assert!(!world.public().join("metadata/3.targets.json").exists());
}

#[test]
fn copies_signed_apart_are_joined_and_copies_of_another_proposal_are_not() {
    let world = World::published();
    let mut one = world.propose(|directory| directory.groups.clear());
    let mut two = Proposal::parse(&one.to_bytes()).unwrap();
    world.sign(&mut one, &[0]);
    world.sign(&mut two, &[2]);
    one.join(&two).unwrap();
    assert_eq!(world.publish(&one, NOW).unwrap().targets, 3);
    let other = world.propose(|directory| directory.members.clear());
    let error = one.join(&other).unwrap_err();
    assert!(matches!(error, CeremonyError::OtherProposal), "{error}");
}

#[test]
fn a_proposal_holds_for_what_was_published_when_it_was_made() {
    let world = World::published();
    let mut late = world.propose(|directory| directory.groups.clear());
    world.sign(&mut late, &[0, 1]);
    let mut early = world.propose(|directory| directory.members[0].name = "Other".into());
    world.sign(&mut early, &[0, 1]);
    world.publish(&early, NOW).unwrap();
    let error = world.publish(&late, NOW).unwrap_err();
    assert!(matches!(error, CeremonyError::OtherBase { .. }), "{error}");
    assert!(error.to_string().contains("targets 2"), "{error}");
}

#[test]
fn an_older_copy_of_what_is_published_is_refused_by_who_has_seen_a_newer_one() {
    let world = World::published();
    let old = world.base();
    let mut proposal = world.propose(|directory| directory.groups.clear());
    world.sign(&mut proposal, &[0, 1]);
    let seen = world.publish(&proposal, NOW).unwrap();
    old.check_not_older(&old.standing).unwrap();
    world.base().check_not_older(&seen).unwrap();
    world.base().check_not_older(&old.standing).unwrap();
    let error = old.check_not_older(&seen).unwrap_err();
    assert!(matches!(error, CeremonyError::OlderBase { .. }), "{error}");
    let mut other = seen.clone();
    other.directory = "0".repeat(64);
    let error = world.base().check_not_older(&other).unwrap_err();
    assert!(matches!(error, CeremonyError::OlderBase { .. }), "{error}");
}

#[test]
fn files_of_another_authority_are_no_base() {
    let (ours, theirs) = (World::published(), World::published());
    let root = fs::read(ours.public().join("metadata/1.root.json")).unwrap();
    Base::read(&ours.public(), Some(&root)).unwrap();
    let error = Base::read(&theirs.public(), Some(&root)).unwrap_err();
    assert!(matches!(error, CeremonyError::OtherRoot), "{error}");
}

/// Signs the root anew for another year, by the first two officers.
pub(crate) fn renew(world: &World) {
    let base = world.base();
    let mut proposal = Proposal::roles(&base, &Roster::of(&base), NOW).unwrap();
    world.sign(&mut proposal, &[0, 1]);
    world.publish(&proposal, NOW).unwrap();
}

/// The file of a root, signed by the first two officers of a world as if it had another version.
pub(crate) fn of_version(world: &World, version: u64) -> Vec<u8> {
    let mut proposal = world.first();
    let mut root = proposal.root.take().unwrap();
    root["signed"]["version"] = version.into();
    let bytes = crate::canonical::canonical(&root["signed"]).unwrap();
    for officer in &world.officers[..2] {
        let id = officer.key().id().unwrap();
        let sig = crate::metadata::hex(&officer.signature(&bytes));
        put_signature(&mut root, serde_json::json!({ "keyid": id, "sig": sig }));
    }
    root.to_string().into_bytes()
}

#[test]
fn a_false_first_root_beside_the_trusted_one_gives_no_base() {
    let (ours, theirs) = (World::published(), World::published());
    renew(&ours);
    renew(&theirs);
    let path = |world: &World, name: &str| world.public().join("metadata").join(name);
    let trusted = fs::read(path(&ours, "2.root.json")).unwrap();
    Base::read(&ours.public(), Some(&trusted)).unwrap();
    // All of another authority, its first root under a version as if the trusted one were behind it.
    fs::copy(path(&ours, "2.root.json"), path(&theirs, "2.root.json")).unwrap();
    fs::write(path(&theirs, "1.root.json"), of_version(&theirs, 2)).unwrap();
    let error = Base::read(&theirs.public(), Some(&trusted)).unwrap_err();
    let words = "metadata/timestamp.json does not verify";
    assert_eq!(error.to_string(), words);
    // Without a trusted root the first one is believed, and only as the first.
    let error = Base::read(&theirs.public(), None).unwrap_err();
    assert_eq!(error.to_string(), "metadata/1.root.json holds root 2");
}

#[test]
fn a_gap_between_roots_hides_no_newer_one_and_is_no_step_over_one() {
    let world = World::published();
    renew(&world);
    renew(&world);
    let path = |version: u32| world.public().join(format!("metadata/{version}.root.json"));
    let (second, third) = (fs::read(path(2)).unwrap(), fs::read(path(3)).unwrap());
    fs::remove_file(path(2)).unwrap();
    let base = Base::read(&world.public(), Some(&third)).unwrap();
    assert_eq!(base.standing.root, 3);
    let error = Base::read(&world.public(), Some(&second)).unwrap_err();
    assert!(matches!(error, CeremonyError::OtherRoot), "{error}");
    // The third in the place of the second.
    fs::rename(path(3), path(2)).unwrap();
    let error = Base::read(&world.public(), None).unwrap_err();
    assert_eq!(error.to_string(), "metadata/2.root.json holds root 3");
}

#[test]
fn a_root_of_the_last_version_has_no_successor() {
    let world = World::published();
    let last = of_version(&world, u64::MAX);
    let path = Role::Root.path(Some(u64::MAX));
    fs::write(world.public().join(path), &last).unwrap();
    let error = Base::read(&world.public(), Some(&last)).unwrap_err();
    assert_eq!(error.to_string(), "metadata/timestamp.json does not verify");
    fs::write(world.public().join("metadata/1.root.json"), &last).unwrap();
    let error = Base::read(&world.public(), None).unwrap_err();
    let words = format!("metadata/1.root.json holds root {}", u64::MAX);
    assert_eq!(error.to_string(), words);
}

#[test]
fn older_files_of_the_same_keys_under_the_names_of_newer_ones_are_no_base() {
    let world = World::published();
    let path = |name: &str| world.public().join("metadata").join(name);
    let refusal = || {
        let error = Base::read(&world.public(), None).unwrap_err();
        let CeremonyError::Publish(PublishError::Metadata { path, source }) = error else {
            panic!("{error}");
        };
        format!("{path}: {source}")
    };
    for name in ["snapshot", "targets"] {
        let (old, new) = (format!("1.{name}.json"), format!("2.{name}.json"));
        let kept = fs::read(path(&new)).unwrap();
        fs::copy(path(&old), path(&new)).unwrap();
        let words = format!("metadata/{new}: {name} metadata is not the file that was announced");
        assert!(refusal().starts_with(&words), "{}", refusal());
        fs::write(path(&new), kept).unwrap();
    }
    // A time-stamp may announce a version alone.
    let root = world.base().root.part;
    let files = serde_json::json!({"snapshot.json": {"version": 2}});
    let part = crate::publisher::common::<crate::metadata::Timestamp>(3, NOW, DAY_S);
    let part = crate::publisher::with(part, "meta", files);
    let keys = KeyFolder::open(&world.online()).unwrap();
    let timestamp = keys.sign(&part, Role::Timestamp, &[&root]).unwrap();
    fs::write(path("timestamp.json"), timestamp).unwrap();
    assert_eq!(world.base().standing.targets, 2);
    fs::copy(path("1.snapshot.json"), path("2.snapshot.json")).unwrap();
    let words = "metadata/2.snapshot.json: snapshot metadata is not the file that was announced: its version differs";
    assert_eq!(refusal(), words);
}

#[test]
fn roles_change_by_officers_before_and_after_and_a_lost_key_is_replaced() {
    let mut world = World::published();
    world.officers.push(officer::tests::officer("fourth"));
    // The third officer's key is lost; the fourth takes the place.
    let keys: Vec<_> = [0, 1, 3]
        .map(|at: usize| world.officers[at].key().clone())
        .into();
    let mut roster = Roster::of(&world.base());
    for role in [Role::Root, Role::Targets] {
        let (keys, threshold) = (keys.clone(), 2);
        roster.set(RoleChange {
            role,
            keys,
            threshold,
        });
    }
    let mut proposal = Proposal::roles(&world.base(), &roster, NOW).unwrap();
    let reviewed = world.review(&proposal, NOW).unwrap();
    assert_eq!(reviewed.changes, []);
    let difference = &reviewed.roles[0];
    assert_eq!(
        (difference.role, &difference.added[..]),
        (Role::Root, &[world.officers[3].key().shown()][..])
    );
    let third = world.officers[2].key();
    let digits: String = third.id().unwrap().chars().take(16).collect();
    let words = format!("third ({digits})");
    assert_eq!(difference.removed, [words]);
    // The new one counts for the new root, not for the former.
    world.sign(&mut proposal, &[0, 3]);
    let error = world.publish(&proposal, NOW).unwrap_err();
    assert!(
        error.to_string().starts_with("root metadata: 1 of 2"),
        "{error}"
    );
    world.sign(&mut proposal, &[1]);
    assert_eq!(world.publish(&proposal, NOW).unwrap().root, 2);
    assert_eq!(world.read(), sample());
    let mut next = world.propose(|directory| directory.groups.clear());
    let reviewed = world.review(&next, NOW).unwrap();
    let error = world.officers[2].sign(&mut next, &reviewed).unwrap_err();
    assert_eq!(
        error.to_string(),
        "third is no officer of what this proposal changes"
    );
    world.sign(&mut next, &[1, 3]);
    world.publish(&next, NOW).unwrap();
}

#[test]
fn a_publication_that_was_cut_short_behind_the_root_is_published_again() {
    let world = World::published();
    let timestamp = world.public().join("metadata/timestamp.json");
    let before = fs::read(&timestamp).unwrap();
    let mut roster = Roster::of(&world.base());
    let online = KeyFolder::open(&world.online()).unwrap();
    let keys = vec![online.make(Role::Timestamp, 1).unwrap()[0].listed()];
    roster.set(RoleChange {
        role: Role::Timestamp,
        keys,
        threshold: 1,
    });
    let mut proposal = Proposal::roles(&world.base(), &roster, NOW).unwrap();
    world.sign(&mut proposal, &[0, 2]);
    world.publish(&proposal, NOW).unwrap();
    // As if the machine had died before its last file.
    fs::write(&timestamp, before).unwrap();
    assert_eq!(world.base().standing.root, 2);
    world.publish(&proposal, NOW).unwrap();
    assert_eq!(world.read(), sample());
}

#[test]
fn without_the_online_keys_nothing_is_written() {
    let world = World::new();
    let mut proposal = world.first();
    world.sign(&mut proposal, &[0, 1]);
    fs::remove_dir_all(world.online()).unwrap();
    let error = world.publish(&proposal, NOW).unwrap_err();
    let few = |error: &CeremonyError| {
        matches!(
            error,
            CeremonyError::Publish(PublishError::TooFewKeys { .. })
        )
    };
    assert!(few(&error), "{error}");
    assert!(!world.public().join("metadata/1.root.json").exists());
}
