//! What must outlive a restart, and what someone at the folder can't do.

use super::*;

#[test]
fn versions_never_go_back_after_a_restart() {
    let mut repository = Repository::new();
    let old = repository.files();
    repository.publish("New");
    let mut reader = Reader::of(&repository);
    reader.refresh(&repository.files()).unwrap();
    reader.restart(&repository);
    assert_eq!(reader.trusted().unwrap(), "New");
    let error = reader.refresh(&old).unwrap_err();
    assert!(matches!(error, DirectoryError::Rollback { .. }), "{error}");
    assert_eq!(reader.trusted().unwrap(), "New");
}

#[test]
fn what_was_seen_in_a_refresh_that_failed_counts_after_a_restart() {
    let mut repository = Repository::new();
    let first = repository.files();
    let mut reader = Reader::of(&repository);
    reader.refresh(&first).unwrap();
    repository.publish("New");
    let directory = repository.directory_path();
    for missing in [
        Role::Snapshot.path(Some(2)),
        Role::Targets.path(Some(2)),
        directory,
    ] {
        let mut files = repository.files();
        files.remove(&missing);
        let error = reader.refresh(&files).unwrap_err();
        assert!(matches!(error, DirectoryError::Missing { .. }), "{error}");
        reader.restart(&repository);
        assert_eq!(
            reader.trusted().unwrap(),
            FIRST,
            "the last complete directory is still there"
        );
        let error = reader.refresh(&first).unwrap_err();
        assert!(matches!(error, DirectoryError::Rollback { .. }), "{error}");
    }
    assert_eq!(reader.refresh(&repository.files()).unwrap(), "New");
}

#[test]
fn a_new_root_counts_after_a_restart() {
    let mut repository = Repository::new();
    let mut reader = Reader::of(&repository);
    reader.refresh(&repository.files()).unwrap();
    let stolen = repository.clone();
    repository.give_keys(Role::Targets, &[14, 15, 16]);
    repository.add_root();
    repository.publish("New");
    let mut files = repository.files();
    files.remove(TIMESTAMP);
    reader.refresh(&files).unwrap_err();
    reader.restart(&repository);
    // The complete set was signed by officers who were replaced: it is good no more.
    let error = reader.trusted().unwrap_err();
    assert!(
        matches!(
            error,
            DirectoryError::Stored {
                role: Role::Targets,
                ..
            }
        ),
        "{error}"
    );
    let mut forged = stolen;
    forged.publish("Forged");
    let error = reader.refresh(&forged.files()).unwrap_err();
    assert!(matches!(error, DirectoryError::Metadata { .. }), "{error}");
    repository.publish("New");
    repository.publish("New");
    assert_eq!(reader.refresh(&repository.files()).unwrap(), "New");
}

#[test]
fn a_client_may_be_handed_any_root_of_the_chain_it_knows() {
    let mut repository = Repository::new();
    let mut reader = Reader::of(&repository);
    repository.add_root();
    repository.add_root();
    reader.refresh(&repository.files()).unwrap();
    for root in &repository.roots {
        let client = Client::open(reader.folder.path(), root).unwrap();
        assert_eq!(name(&client.trusted(NOW).unwrap()), FIRST);
    }
    repository.add_root();
    let newer = Client::open(reader.folder.path(), &repository.roots[3]).unwrap();
    assert_eq!(name(&newer.trusted(NOW).unwrap()), FIRST);
}

#[test]
fn a_root_of_another_instance_is_refused() {
    let repository = Repository::new();
    let mut reader = Reader::of(&repository);
    reader.refresh(&repository.files()).unwrap();
    let mut other = Repository::new();
    other.give_keys(Role::Root, &[51, 52]);
    other.roots.clear();
    other.add_root();
    let error = Client::open(reader.folder.path(), &other.roots[0]).unwrap_err();
    assert!(
        matches!(
            error,
            DirectoryError::OtherRoot {
                pinned: 1,
                known: 1
            }
        ),
        "{error}"
    );
}

#[test]
fn a_pinned_root_that_is_none_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let repository = Repository::new();
    let unsigned = json!({"signatures": [], "signed": repository.root_part(1)}).to_string();
    for root in [
        b"{}".as_slice(),
        b"",
        unsigned.as_bytes(),
        &repository.files().files[TIMESTAMP],
    ] {
        let error = Client::open(folder.path(), root).unwrap_err();
        assert!(matches!(error, DirectoryError::Pinned(_)), "{error}");
    }
    let error = Client::open(folder.path(), &[0xff]).unwrap_err();
    assert!(matches!(error, DirectoryError::NotText { .. }), "{error}");
}

#[test]
fn someone_at_the_folder_forges_nothing() {
    let repository = Repository::new();
    let mut forger = Repository::new();
    for role in Role::ALL {
        forger.give_keys(role, &[61, 62, 63]);
    }
    forger.roots.clear();
    forger.add_root();
    forger.publish("Forged");
    let mut theirs = Reader::of(&forger);
    theirs.refresh(&forger.files()).unwrap();
    let copy = |from: &Reader, to: &Reader| {
        for entry in std::fs::read_dir(from.folder.path()).unwrap().flatten() {
            std::fs::copy(entry.path(), to.folder.path().join(entry.file_name())).unwrap();
        }
    };
    let mut reader = Reader::of(&repository);
    reader.refresh(&repository.files()).unwrap();
    copy(&theirs, &reader);
    let error = reader.trusted().unwrap_err();
    assert!(matches!(error, DirectoryError::OtherRoot { .. }), "{error}");

    // The same with the genuine root in front of the forged metadata.
    let state = reader.folder.path().join("state.json");
    let mut value: Value = serde_json::from_slice(&std::fs::read(&state).unwrap()).unwrap();
    let forged_root = value["roots"][0].clone();
    value["roots"] = json!([String::from_utf8_lossy(&repository.roots[0])]);
    std::fs::write(&state, value.to_string()).unwrap();
    let error = reader.trusted().unwrap_err();
    assert!(
        matches!(
            error,
            DirectoryError::Stored {
                role: Role::Timestamp,
                ..
            }
        ),
        "{error}"
    );
    let error = reader.refresh(&repository.files()).unwrap_err();
    assert!(matches!(error, DirectoryError::Stored { .. }), "{error}");
    value["roots"].as_array_mut().unwrap().push(forged_root);
    std::fs::write(&state, value.to_string()).unwrap();
    let error = reader.trusted().unwrap_err();
    assert!(
        matches!(
            error,
            DirectoryError::Stored {
                role: Role::Root,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn a_damaged_or_missing_directory_file_is_said_and_fetched_again() {
    let repository = Repository::new();
    let mut reader = Reader::of(&repository);
    reader.refresh(&repository.files()).unwrap();
    let file = format!("{}.directory.json", hex(&sha256(&repository.directory)));
    let path = reader.folder.path().join(file);
    std::fs::write(&path, b"{}").unwrap();
    assert!(matches!(
        reader.trusted(),
        Err(DirectoryError::OtherDirectory)
    ));
    assert_eq!(reader.refresh(&repository.files()).unwrap(), FIRST);
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(
        reader.trusted(),
        Err(DirectoryError::DirectoryGone)
    ));
    assert_eq!(reader.refresh(&repository.files()).unwrap(), FIRST);
}

#[test]
fn one_process_at_a_time_refreshes() {
    let repository = Repository::new();
    let mut reader = Reader::of(&repository);
    let lock = reader.client.store.lock().unwrap();
    let error = reader.refresh(&repository.files()).unwrap_err();
    assert!(
        matches!(error, DirectoryError::Store(StoreError::Busy { .. })),
        "{error}"
    );
    drop(lock);
    reader.refresh(&repository.files()).unwrap();
}
