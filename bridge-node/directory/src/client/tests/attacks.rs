//! What a hostile mirror, and a thief of online keys, can try.

use super::*;

/// Refreshes once with the repository, changes it, and returns what the second refresh says.
fn second(
    change: impl FnOnce(&mut Repository),
    bend: impl FnOnce(&mut Files),
) -> (Reader, DirectoryError) {
    let mut repository = Repository::new();
    let mut reader = Reader::of(&repository);
    reader.refresh(&repository.files()).unwrap();
    change(&mut repository);
    let mut files = repository.files();
    bend(&mut files);
    let error = reader.refresh(&files).unwrap_err();
    assert_eq!(
        reader.trusted().unwrap(),
        FIRST,
        "the last complete directory stays: {error}"
    );
    (reader, error)
}

fn first(repository: &Repository, files: &Files) -> DirectoryError {
    Reader::of(repository).refresh(files).unwrap_err()
}

fn few_signatures(error: &DirectoryError) -> bool {
    matches!(
        error,
        DirectoryError::Metadata {
            source: MetadataError::TooFewSignatures { .. },
            ..
        }
    )
}

fn other_file(error: &DirectoryError) -> bool {
    matches!(
        error,
        DirectoryError::Metadata {
            source: MetadataError::OtherFile { .. },
            ..
        }
    )
}

// === root, §5.3 ===

#[test]
fn a_chain_of_roots_is_followed_to_its_end() {
    let mut repository = Repository::new();
    repository.expires.insert(Role::Root, NOW - DAY);
    repository.give_keys(Role::Root, &[4, 5, 6]);
    repository.add_root();
    repository.give_keys(Role::Root, &[7, 8, 9]);
    repository.give_keys(Role::Targets, &[14, 15]);
    repository.add_root();
    let error = first(&repository, &repository.files());
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
    repository.expires.insert(Role::Root, NOW + DAY);
    repository.add_root();
    assert_eq!(
        Reader::of(&repository)
            .refresh(&repository.files())
            .unwrap(),
        FIRST
    );
}

#[test]
fn a_root_needs_the_old_officers_and_the_new() {
    let mut repository = Repository::new();
    repository.give_keys(Role::Root, &[4, 5, 6]);
    let part = repository.root_part(2);
    let old: Vec<_> = [1, 2].map(Officer::new).into();
    let new: Vec<_> = [4, 5].map(Officer::new).into();
    let with = |signers: &[&[Officer]]| {
        let mut files = repository.files();
        files.put(
            "metadata/2.root.json",
            sign(&part, &signers.concat()).unwrap(),
        );
        Reader::of(&repository).refresh(&files)
    };
    assert!(with(&[&old, &new]).is_ok());
    for too_few in [
        [&old[..], &[]],
        [&[], &new[..]],
        [&old[..1], &new[..]],
        [&old[..], &new[..1]],
    ] {
        let error = with(&too_few).unwrap_err();
        assert!(few_signatures(&error), "{error}");
    }
}

#[test]
fn a_root_of_another_version_is_refused() {
    let repository = Repository::new();
    for found in [3, u64::MAX] {
        let mut files = repository.files();
        let part = repository.root_part(found);
        files.put("metadata/2.root.json", repository.signed(Role::Root, &part));
        let error = first(&repository, &files);
        assert!(
            matches!(error, DirectoryError::RootVersion { wanted: 2, .. }),
            "{error}"
        );
    }
}

#[test]
fn the_same_root_under_the_next_name_is_no_root() {
    let repository = Repository::new();
    let mut files = repository.files();
    files.put("metadata/2.root.json", repository.roots[0].clone());
    assert_eq!(Reader::of(&repository).refresh(&files).unwrap(), FIRST);
}

#[test]
fn endless_roots_are_followed_in_portions() {
    let mut repository = Repository::new();
    for _ in 0..=ROOTS_LIMIT {
        repository.add_root();
    }
    let mut reader = Reader::of(&repository);
    let files = repository.files();
    let error = reader.refresh(&files).unwrap_err();
    assert!(matches!(error, DirectoryError::TooManyRoots), "{error}");
    assert_eq!(files.asked().len(), ROOTS_LIMIT);
    assert_eq!(
        reader.refresh(&files).unwrap(),
        FIRST,
        "the next refresh goes on from there"
    );
}

// === timestamp, §5.4 ===

#[test]
fn a_timestamp_by_other_keys_is_refused() {
    for thief in [Officer::new(99), Officer::new(1), Officer::new(21)] {
        let (_, error) = second(Repository::publish_new, |files| {
            let bytes = files.files[TIMESTAMP].clone();
            let mut file: Value = serde_json::from_slice(&bytes).unwrap();
            file["signed"]["version"] = json!(9);
            files.put(
                TIMESTAMP,
                sign(&file["signed"], std::slice::from_ref(&thief)).unwrap(),
            );
        });
        assert!(few_signatures(&error), "{error}");
    }
}

#[test]
fn an_older_timestamp_is_refused() {
    let mut repository = Repository::new();
    let old = repository.files();
    repository.publish("New");
    let mut reader = Reader::of(&repository);
    reader.refresh(&repository.files()).unwrap();
    match reader.refresh(&old).unwrap_err() {
        DirectoryError::Rollback {
            file,
            trusted,
            found,
        } => {
            assert_eq!((file.as_str(), trusted, found), ("timestamp.json", 2, 1));
        }
        other => panic!("{other}"),
    }
    assert_eq!(reader.trusted().unwrap(), "New");
}

#[test]
fn a_timestamp_that_points_to_an_older_snapshot_is_refused() {
    let mut repository = Repository::new();
    repository.publish("New");
    let mut reader = Reader::of(&repository);
    reader.refresh(&repository.files()).unwrap();
    repository.versions.insert(Role::Snapshot, 1);
    repository.bump(Role::Timestamp);
    match reader.refresh(&repository.files()).unwrap_err() {
        DirectoryError::Rollback {
            file,
            trusted,
            found,
        } => {
            assert_eq!((file.as_str(), trusted, found), ("snapshot.json", 2, 1));
        }
        other => panic!("{other}"),
    }
}

#[test]
fn other_contents_under_a_known_timestamp_version_change_nothing() {
    let mut repository = Repository::new();
    let mut reader = Reader::of(&repository);
    reader.refresh(&repository.files()).unwrap();
    repository.publish("New");
    repository.versions.insert(Role::Timestamp, 1);
    assert_eq!(reader.refresh(&repository.files()).unwrap(), FIRST);
}

#[test]
fn a_mirror_that_stands_still_is_found_out() {
    let repository = Repository::new();
    let mut reader = Reader::of(&repository);
    let files = repository.files();
    reader.refresh(&files).unwrap();
    match reader.client.refresh(&files, NOW + DAY).unwrap_err() {
        DirectoryError::Expired { role, expires, now } => {
            assert_eq!(
                (role, expires.0, now.0),
                (Role::Timestamp, NOW + DAY, NOW + DAY)
            );
        }
        other => panic!("{other}"),
    }
}

#[test]
fn expired_metadata_is_never_kept() {
    for role in [Role::Timestamp, Role::Snapshot, Role::Targets] {
        let (mut reader, error) = second(
            |repository| {
                repository.publish("New");
                repository.expires.insert(role, NOW);
            },
            |_| {},
        );
        match error {
            DirectoryError::Expired { role: expired, .. } => assert_eq!(expired, role),
            other => panic!("{other}"),
        }
        let mut repository = Repository::new();
        repository.publish("Good");
        repository.publish("Good");
        assert_eq!(
            reader.refresh(&repository.files()).unwrap(),
            "Good",
            "{role}"
        );
    }
}

// === snapshot and targets, §5.5 and §5.6 ===

#[test]
fn a_snapshot_or_targets_other_than_announced_is_refused() {
    for role in [Role::Snapshot, Role::Targets] {
        let path = role.path(Some(2));
        let (_, error) = second(Repository::publish_new, |files| {
            let longer = [&files.files[&path][..], b" "].concat();
            files.put(&path, longer);
        });
        assert!(
            matches!(error, DirectoryError::TooLarge { .. }),
            "{role}: {error}"
        );
        let (_, error) = second(Repository::publish_new, |files| {
            let mut shorter = files.files[&path].clone();
            shorter.pop();
            files.put(&path, shorter);
        });
        assert!(other_file(&error), "{role}: {error}");
        let (_, error) = second(Repository::publish_new, |files| {
            let mut other = files.files[&path].clone();
            other.reverse();
            files.put(&path, other);
        });
        assert!(other_file(&error), "{role}: {error}");
        let (_, error) = second(Repository::publish_new, |files| files.remove(&path));
        assert!(
            matches!(error, DirectoryError::Missing { .. }),
            "{role}: {error}"
        );
    }
}

#[test]
fn a_mixture_of_versions_is_refused_without_digests_too() {
    for role in [Role::Snapshot, Role::Targets] {
        let mut repository = Repository::new();
        repository.announced = false;
        let old = repository.files();
        let mut reader = Reader::of(&repository);
        reader.refresh(&old).unwrap();
        repository.publish("New");
        let mut files = repository.files();
        files.put(&role.path(Some(2)), old.files[&role.path(Some(1))].clone());
        match reader.refresh(&files).unwrap_err() {
            DirectoryError::OtherVersion {
                role: mixed,
                announced: 2,
                found: 1,
            } => {
                assert_eq!(mixed, role);
            }
            other => panic!("{other}"),
        }
    }
}

#[test]
fn a_snapshot_never_lists_anything_older_or_less() {
    let repository = |version: Option<u64>, targets| {
        let mut repository = Repository::new();
        repository
            .meta
            .extend(version.map(|version| ("members.json".to_owned(), version)));
        repository.versions.insert(Role::Targets, targets);
        repository
    };
    let before = repository(Some(5), 7);
    for (after, wanted) in [
        (repository(Some(4), 7), "members.json"),
        (repository(None, 7), "members.json"),
        (repository(Some(5), 6), "targets.json"),
    ] {
        let mut reader = Reader::of(&before);
        reader.refresh(&before.files()).unwrap();
        let mut after = after;
        after.bump(Role::Snapshot);
        after.bump(Role::Timestamp);
        match reader.refresh(&after.files()).unwrap_err() {
            DirectoryError::Rollback { file, .. } | DirectoryError::Vanished { file } => {
                assert_eq!(file, wanted);
            }
            other => panic!("{other}"),
        }
    }
    let mut reader = Reader::of(&before);
    reader.refresh(&before.files()).unwrap();
    let mut after = repository(Some(6), 7);
    after.bump(Role::Snapshot);
    after.bump(Role::Timestamp);
    assert_eq!(reader.refresh(&after.files()).unwrap(), FIRST);
}

#[test]
fn one_officer_alone_publishes_nothing() {
    let mut repository = Repository::new();
    let mut reader = Reader::of(&repository);
    reader.refresh(&repository.files()).unwrap();
    repository.publish("New");
    // A thief of both online keys and one officer's key.
    let genuine = repository.officers(Role::Targets);
    repository
        .officers
        .get_mut(&Role::Targets)
        .unwrap()
        .0
        .truncate(1);
    let error = reader.refresh(&repository.files()).unwrap_err();
    assert!(few_signatures(&error), "{error}");
    assert_eq!(reader.trusted().unwrap(), FIRST);
    repository.officers.get_mut(&Role::Targets).unwrap().0 = genuine;
    repository.bump(Role::Snapshot);
    repository.bump(Role::Timestamp);
    assert_eq!(reader.refresh(&repository.files()).unwrap(), "New");
}

#[test]
fn metadata_of_another_role_is_refused_whoever_signed_it() {
    let mut repository = Repository::new();
    // One careless key for both online roles.
    repository.give_keys(Role::Timestamp, &[21]);
    repository.roots.clear();
    repository.add_root();
    let mut files = repository.files();
    let snapshot = files.files[&Role::Snapshot.path(Some(1))].clone();
    files.put(TIMESTAMP, snapshot);
    let error = first(&repository, &files);
    assert!(
        matches!(
            error,
            DirectoryError::Metadata {
                source: MetadataError::OtherRole { .. },
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn what_this_version_does_not_follow_is_refused() {
    let unsupported = |role, change: &dyn Fn(&mut Value)| {
        let repository = Repository::new();
        let files = repository.files_with(|at, part| {
            if at == role {
                change(part);
            }
        });
        let error = first(&repository, &files);
        assert!(
            matches!(error, DirectoryError::Metadata { .. }),
            "{role}: {error}"
        );
    };
    unsupported(Role::Timestamp, &|part| {
        part["meta"]["more.json"] = json!({"version": 1});
    });
    unsupported(Role::Targets, &|part| part["delegations"] = json!({}));
    unsupported(Role::Targets, &|part| {
        part["targets"]["catalogue.json"] = json!({"length": 2, "hashes": {"sha512": "00"}});
    });
    for role in [Role::Timestamp, Role::Snapshot, Role::Targets] {
        unsupported(role, &|part| part["spec_version"] = json!("2.0"));
        unsupported(role, &|part| part["version"] = json!(0));
    }
}

// === directory, §5.7 ===

#[test]
fn another_directory_than_named_is_refused() {
    let mut repository = Repository::new();
    repository.publish("New");
    let path = repository.directory_path();
    let (_, error) = second(Repository::publish_new, |files| {
        let bytes = files.files.get_mut(&path).unwrap();
        let at = bytes.len() / 2;
        bytes[at] ^= 1;
    });
    assert!(matches!(error, DirectoryError::OtherDirectory), "{error}");
    let (_, error) = second(Repository::publish_new, |files| {
        files.files.get_mut(&path).unwrap().push(b' ');
    });
    assert!(matches!(error, DirectoryError::TooLarge { .. }), "{error}");
    let (_, error) = second(Repository::publish_new, |files| files.remove(&path));
    assert!(matches!(error, DirectoryError::Missing { .. }), "{error}");
}

#[test]
fn a_well_signed_fault_is_refused_and_the_last_directory_stays() {
    let (_, error) = second(
        |repository| {
            repository.publish("New");
            repository.directory = b"{\"instance\":\"AZ\"}".to_vec();
        },
        |_| {},
    );
    assert!(matches!(error, DirectoryError::Directory(_)), "{error}");
    let repository = Repository::new();
    let files = repository.files_with(|role, part| {
        if role == Role::Targets {
            part["targets"] = json!({});
        }
    });
    assert!(matches!(
        first(&repository, &files),
        DirectoryError::NoDirectory
    ));
}

// === endless data ===

#[test]
fn no_file_is_taken_beyond_its_limit() {
    for (path, limit) in [
        ("metadata/2.root.json", ROOT_LIMIT_BYTES),
        (TIMESTAMP, TIMESTAMP_LIMIT_BYTES),
        ("metadata/2.snapshot.json", SNAPSHOT_LIMIT_BYTES),
        ("metadata/2.targets.json", TARGETS_LIMIT_BYTES),
    ] {
        let mut repository = Repository::new();
        repository.announced = false;
        repository.publish("New");
        let mut files = repository.files();
        files.put(path, vec![b' '; limit + 1]);
        match first(&repository, &files) {
            DirectoryError::TooLarge {
                path: at,
                limit: most,
            } => {
                assert_eq!((at.as_str(), most), (path, limit));
            }
            other => panic!("{path}: {other}"),
        }
    }
}

#[test]
fn an_announced_length_beyond_the_limit_is_not_asked_for() {
    for (role, name) in [
        (Role::Timestamp, "snapshot.json"),
        (Role::Snapshot, "targets.json"),
    ] {
        let repository = Repository::new();
        let files = repository.files_with(|at, part| {
            if at == role {
                part["meta"][name]["length"] = json!(u64::MAX);
            }
        });
        let error = first(&repository, &files);
        assert!(matches!(error, DirectoryError::TooLarge { .. }), "{error}");
        assert!(
            files.asked().iter().all(|path| !path.ends_with(name)),
            "{name}"
        );
    }
}

// === fast-forward, §5.3.11 ===

#[test]
fn fast_forward_is_undone_by_new_online_keys_and_by_nothing_else() {
    let mut stolen = Repository::new();
    let mut reader = Reader::of(&stolen);
    for role in [Role::Timestamp, Role::Snapshot] {
        stolen.versions.insert(role, u64::MAX);
    }
    assert_eq!(reader.refresh(&stolen.files()).unwrap(), FIRST);

    let mut recovered = Repository::new();
    recovered.publish("Recovered");
    recovered.give_keys(Role::Root, &[4, 5, 6]);
    recovered.add_root();
    let error = reader.refresh(&recovered.files()).unwrap_err();
    assert!(matches!(error, DirectoryError::Rollback { .. }), "{error}");

    recovered.give_keys(Role::Timestamp, &[32]);
    recovered.add_root();
    assert_eq!(reader.refresh(&recovered.files()).unwrap(), "Recovered");
    let error = reader.refresh(&stolen.files()).unwrap_err();
    assert!(few_signatures(&error), "{error}");
}

impl Repository {
    fn publish_new(&mut self) {
        self.publish("New");
    }
}
