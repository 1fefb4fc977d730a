use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use super::*;
use crate::client::{Client, DirectoryError};
use crate::directory::tests::sample;
use crate::source::FolderSource;

const NOW: u64 = 1_800_000_000;

struct World {
    folder: tempfile::TempDir,
    publisher: Publisher,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (keys, repository) = (folder.path().join("keys"), folder.path().join("repository"));
        let publisher = Publisher::create(&keys, &repository, NOW).unwrap();
        Self { folder, publisher }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn client(&self) -> Client {
        Client::open(&self.path("client"), &self.publisher.root().unwrap()).unwrap()
    }

    fn source(&self) -> FolderSource {
        FolderSource(self.path("repository"))
    }

    fn keys(&self, role: Role) -> Vec<PathBuf> {
        let all = fs::read_dir(self.path("keys"))
            .unwrap()
            .flatten()
            .map(|entry| entry.path());
        let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
        let mut keys: Vec<_> = all
            .filter(|path| name(path).starts_with(role.as_str()))
            .collect();
        keys.sort();
        keys
    }
}

#[test]
fn what_is_published_is_read_by_the_client() {
    let world = World::new();
    assert_eq!(world.publisher.publish(&sample(), NOW).unwrap(), 1);
    let mut client = world.client();
    let trusted = client.refresh(&world.source(), NOW).unwrap();
    assert_eq!(*trusted.directory, sample());
    assert_eq!(
        (trusted.version, trusted.expires_s),
        (1, NOW + TIMESTAMP_LIFE_S)
    );
    let mut changed = sample();
    changed.groups.clear();
    assert_eq!(world.publisher.publish(&changed, NOW + 1).unwrap(), 2);
    assert_eq!(
        *client.refresh(&world.source(), NOW + 1).unwrap().directory,
        changed
    );
}

#[test]
fn a_timestamp_is_renewed_alone_and_a_snapshot_past_half_its_life_with_it() {
    let world = World::new();
    let publisher = &world.publisher;
    let error = publisher.refresh_timestamp(NOW).unwrap_err();
    assert!(matches!(error, PublishError::NothingPublished), "{error}");
    publisher.publish(&sample(), NOW).unwrap();
    let mut client = world.client();
    client.refresh(&world.source(), NOW).unwrap();
    let mut now = NOW;
    for version in 2..=90 {
        now += DAY_S - 1;
        if let Ok(version_made) = publisher.refresh_timestamp(now) {
            assert_eq!(version_made, version);
        }
        match client.refresh(&world.source(), now) {
            Ok(trusted) => assert_eq!((trusted.version, trusted.is_current(now)), (1, true)),
            Err(DirectoryError::Expired { role, .. }) => {
                assert_eq!(role, Role::Targets, "only the offline role runs out");
                assert!(now >= NOW + TARGETS_LIFE_S);
            }
            Err(other) => panic!("{other}"),
        }
    }
    let snapshots = world.path("repository/metadata/30.snapshot.json");
    assert!(
        !snapshots.exists(),
        "snapshots are renewed twice a week, not daily"
    );
}

#[test]
fn each_role_can_be_given_new_keys() {
    let world = World::new();
    world.publisher.publish(&sample(), NOW).unwrap();
    let mut client = world.client();
    client.refresh(&world.source(), NOW).unwrap();
    for (done, role) in Role::ALL.into_iter().enumerate() {
        let before = world.keys(role);
        let version = world.publisher.rotate(role, NOW).unwrap();
        assert_eq!(version, u64::try_from(done).unwrap() + 2);
        let after = world.keys(role);
        assert_eq!(before.len(), after.len());
        assert!(
            before.iter().all(|key| !after.contains(key)),
            "{role}: the old keys are gone"
        );
        let trusted = client.refresh(&world.source(), NOW).unwrap();
        assert_eq!(*trusted.directory, sample(), "{role}");
        world.publisher.refresh_timestamp(NOW).unwrap();
        client.refresh(&world.source(), NOW).unwrap();
    }
    let fresh = Client::open(&world.path("fresh"), &first_root(&world)).unwrap();
    assert!(
        { fresh }.refresh(&world.source(), NOW).is_ok(),
        "from the very first root"
    );
}

fn first_root(world: &World) -> Vec<u8> {
    fs::read(world.path("repository/metadata/1.root.json")).unwrap()
}

#[test]
fn a_root_is_renewed_before_it_runs_out() {
    let world = World::new();
    world.publisher.publish(&sample(), NOW).unwrap();
    let mut client = world.client();
    let late = NOW + ROOT_LIFE_S;
    world.publisher.publish(&sample(), late).unwrap();
    let error = client.refresh(&world.source(), late).unwrap_err();
    assert!(
        matches!(
            error,
            DirectoryError::Expired {
                role: Role::Root,
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(world.publisher.renew_root(late).unwrap(), 2);
    client.refresh(&world.source(), late).unwrap();
}

#[test]
fn as_many_officers_as_the_threshold_says_must_be_there() {
    let world = World::new();
    let officers = world.keys(Role::Targets);
    fs::remove_file(&officers[0]).unwrap();
    world.publisher.publish(&sample(), NOW).unwrap();
    world.client().refresh(&world.source(), NOW).unwrap();
    fs::remove_file(&officers[1]).unwrap();
    let error = world.publisher.publish(&sample(), NOW).unwrap_err();
    assert!(
        matches!(
            error,
            PublishError::TooFewKeys {
                role: Role::Targets,
                have: 1,
                need: 2
            }
        ),
        "{error}"
    );
    world.publisher.refresh_timestamp(NOW).unwrap();
}

#[test]
fn keys_are_closed_and_open_ones_refused() {
    let world = World::new();
    for key in Role::ALL.into_iter().flat_map(|role| world.keys(role)) {
        assert_eq!(
            fs::metadata(&key).unwrap().permissions().mode() & 0o7777,
            0o600
        );
    }
    fs::set_permissions(
        &world.keys(Role::Targets)[1],
        fs::Permissions::from_mode(0o640),
    )
    .unwrap();
    let error = world.publisher.publish(&sample(), NOW).unwrap_err();
    assert!(
        matches!(error, PublishError::TooOpen { mode: 0o640, .. }),
        "{error}"
    );
    fs::set_permissions(
        &world.keys(Role::Targets)[1],
        fs::Permissions::from_mode(0o600),
    )
    .unwrap();
    fs::write(&world.keys(Role::Targets)[1], "no key").unwrap();
    let error = world.publisher.publish(&sample(), NOW).unwrap_err();
    assert!(matches!(error, PublishError::NotAKey { .. }), "{error}");
}

#[test]
fn published_files_may_be_read_by_a_web_server() {
    let world = World::new();
    world.publisher.publish(&sample(), NOW).unwrap();
    for path in [
        "metadata/1.root.json",
        "metadata/timestamp.json",
        "metadata/1.targets.json",
    ] {
        let path = world.path("repository").join(path);
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o644
        );
    }
}

#[test]
fn a_repository_is_made_once() {
    let world = World::new();
    let error = Publisher::create(&world.path("keys"), &world.path("repository"), NOW).unwrap_err();
    assert!(matches!(error, PublishError::Exists { .. }), "{error}");
}

#[test]
fn a_faulty_directory_is_not_published() {
    let world = World::new();
    let mut directory = sample();
    directory.members[0].nodes[0].name = "Upper.Case".into();
    let error = world.publisher.publish(&directory, NOW).unwrap_err();
    assert!(matches!(error, PublishError::Directory(_)), "{error}");
    assert!(!world.path("repository/metadata/timestamp.json").exists());
}

#[test]
fn a_crash_between_two_files_is_overtaken_by_the_next_publication() {
    let world = World::new();
    world.publisher.publish(&sample(), NOW).unwrap();
    let timestamp = world.path("repository/metadata/timestamp.json");
    let before = fs::read(&timestamp).unwrap();
    let mut changed = sample();
    changed.groups.clear();
    world.publisher.publish(&changed, NOW).unwrap();
    // As if the last write of that publication had not happened.
    fs::write(&timestamp, before).unwrap();
    let mut client = world.client();
    assert_eq!(
        *client.refresh(&world.source(), NOW).unwrap().directory,
        sample()
    );
    assert_eq!(world.publisher.publish(&changed, NOW).unwrap(), 3);
    assert_eq!(
        *client.refresh(&world.source(), NOW).unwrap().directory,
        changed
    );
}

#[test]
fn metadata_that_someone_else_wrote_is_not_built_upon() {
    let world = World::new();
    world.publisher.publish(&sample(), NOW).unwrap();
    let other = World::new();
    other.publisher.publish(&sample(), NOW).unwrap();
    let timestamp = "repository/metadata/timestamp.json";
    fs::copy(other.path(timestamp), world.path(timestamp)).unwrap();
    let error = world.publisher.refresh_timestamp(NOW).unwrap_err();
    assert!(matches!(error, PublishError::Metadata { .. }), "{error}");
}
