//! What a client remembers between runs. One file, replaced whole, so that no version ever goes back.
//!
//! `state.json` holds the metadata as received; every start verifies it anew from the pinned root. The directory itself lies
//! beside it under the name of its digest, members' files in a folder of their own.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use crate::metadata::hex;

/// What has been verified so far. Texts are metadata files as received.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct State {
    /// Every root from the one that was pinned first, each the successor of the one before.
    pub(crate) roots: Vec<String>,
    /// The newest timestamp seen: none older is taken.
    pub(crate) timestamp: Option<String>,
    /// The newest snapshot seen: none that lists anything older is taken.
    pub(crate) snapshot: Option<String>,
    /// The newest set of which every part, the directory too, was there.
    pub(crate) complete: Option<Complete>,
    /// Members' roles whose announced file was not to be had, and the second until which the one before counts: the end of the last
    /// timestamp that vouched for it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) late: BTreeMap<String, u64>,
}

/// A member's file as received: its metadata and its nodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OwnTexts {
    pub(crate) metadata: String,
    pub(crate) nodes: String,
}

/// Metadata that belongs together, with a directory beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Complete {
    pub(crate) timestamp: String,
    pub(crate) snapshot: String,
    pub(crate) targets: String,
}

/// The folder of a client can't be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The system refuses.
    #[error("{path}: can't be {attempt}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried: made, read, written, locked.
        attempt: &'static str,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// Another process is at it.
    #[error("{path}: another process is refreshing this directory")]
    Busy {
        /// The lock.
        path: PathBuf,
    },
    /// It is not what this program wrote. Nothing is repaired by itself, because versions could go back.
    #[error("{path}: damaged; restore it, or remove the folder to begin anew from the pinned root")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
}

/// A client's folder.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    folder: PathBuf,
}

/// Held while the state may change.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Store {
    pub(crate) fn open(folder: &Path) -> Result<Self, StoreError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(io(folder, "made"))?;
        Ok(Self {
            folder: folder.to_path_buf(),
        })
    }

    /// Keeps every other process from changing the state.
    pub(crate) fn lock(&self) -> Result<Lock, StoreError> {
        let path = self.folder.join(LOCK);
        let open = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path);
        let file = open.map_err(io(&path, "made"))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Lock { _file: file }),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(StoreError::Busy { path }),
            Err(errno) => Err(io(&path, "locked")(errno.into())),
        }
    }

    /// Returns the state; none if this folder is new.
    pub(crate) fn load(&self) -> Result<Option<State>, StoreError> {
        let path = self.folder.join(STATE);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io(&path, "read")(error)),
        };
        let state = serde_json::from_slice(&text);
        state
            .map(Some)
            .map_err(|source| StoreError::Damaged { path, source })
    }

    /// Replaces the state.
    pub(crate) fn save(&self, _lock: &Lock, state: &State) -> Result<(), StoreError> {
        let path = self.folder.join(STATE);
        let text = serde_json::to_vec(state).map_err(|source| StoreError::Damaged {
            path: path.clone(),
            source,
        })?;
        replace(&path, &text, PRIVATE)
    }

    /// Returns the target file of a name and digest, as far as it is there. The caller checks it.
    pub(crate) fn target(
        &self,
        name: &str,
        sha256: &[u8; 32],
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.target_path(name, sha256);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io(&path, "read")(error)),
        }
    }

    /// Keeps a target file. The state names it only afterwards.
    pub(crate) fn save_target(
        &self,
        _lock: &Lock,
        (name, sha256): (&str, &[u8; 32]),
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        replace(&self.target_path(name, sha256), bytes, PRIVATE)
    }

    /// Removes target files of a name with other digests, as far as it can: the rest is tried again at the next refresh.
    pub(crate) fn remove_other_targets(&self, _lock: &Lock, name: &str, sha256: Option<&[u8; 32]>) {
        let kept = sha256.map(|sha256| self.target_path(name, sha256));
        let suffix = format!(".{name}");
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = path
                .file_name()
                .and_then(|name| name.to_str())
                .unwrap_or_default();
            if name.ends_with(&suffix)
                && kept.as_ref() != Some(&path)
                && fs::remove_file(&path).is_err()
            {
                break;
            }
        }
    }

    /// Returns what is kept of a member's role, as far as it can be read. The caller checks it.
    pub(crate) fn own(&self, role: &str) -> Option<OwnTexts> {
        let text = fs::read(self.own_path(role)).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Keeps a member's file. It is whole or not there, and not synced: what a crash takes away is fetched again.
    pub(crate) fn save_own(
        &self,
        _lock: &Lock,
        role: &str,
        texts: &OwnTexts,
    ) -> Result<(), StoreError> {
        let path = self.own_path(role);
        let write = || {
            let folder = self.folder.join(OWN);
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&folder)?;
            let mut builder = tempfile::Builder::new();
            let mut file = builder
                .permissions(Permissions::from_mode(PRIVATE))
                .tempfile_in(&folder)?;
            file.write_all(&serde_json::to_vec(texts)?)?;
            file.persist(&path).map_err(|error| error.error)
        };
        write().map(drop).map_err(io(&path, "written"))
    }

    /// Removes the files of all other roles, as far as it can.
    pub(crate) fn remove_other_own(&self, _lock: &Lock, roles: &BTreeSet<&str>) {
        let entries = fs::read_dir(self.folder.join(OWN)).into_iter().flatten();
        for path in entries.flatten().map(|entry| entry.path()) {
            let name = path.file_name().and_then(|name| name.to_str());
            let role = name.and_then(|name| name.strip_suffix(".json"));
            if role.is_none_or(|role| !roles.contains(role)) && fs::remove_file(&path).is_err() {
                break;
            }
        }
    }

    fn own_path(&self, role: &str) -> PathBuf {
        self.folder.join(OWN).join(format!("{role}.json"))
    }

    fn target_path(&self, name: &str, sha256: &[u8; 32]) -> PathBuf {
        self.folder.join(format!("{}.{name}", hex(sha256)))
    }
}

/// Replaces a file so that after any crash either the old or the new one is there, whole.
pub(crate) fn replace(path: &Path, bytes: &[u8], mode: u32) -> Result<(), StoreError> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let write = || {
        let mut builder = tempfile::Builder::new();
        let mut file = builder
            .permissions(Permissions::from_mode(mode))
            .tempfile_in(folder)?;
        file.write_all(bytes)?;
        // Crash here: the old file stands; the half one has another name and is never read.
        file.as_file().sync_all()?;
        file.persist(path)?;
        // Crash here: old or new, as the system had it. Nobody has been told of the new one yet.
        File::open(folder)?.sync_all()
    };
    write().map_err(io(path, "written"))
}

fn io(path: &Path, attempt: &'static str) -> impl FnOnce(io::Error) -> StoreError {
    move |source| StoreError::Io {
        path: path.to_path_buf(),
        attempt,
        source,
    }
}

/// Mode of files that only this program reads.
const PRIVATE: u32 = 0o600;

const STATE: &str = "state.json";
const LOCK: &str = "lock";
/// The folder of members' files.
const OWN: &str = "members";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_comes_back_as_saved_and_replaces_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        assert_eq!(store.load().unwrap(), None);
        let lock = store.lock().unwrap();
        let mut state = State {
            roots: vec!["{}".into()],
            ..State::default()
        };
        store.save(&lock, &state).unwrap();
        state.timestamp = Some("{\"é\":\"\\u0000\"}".into());
        store.save(&lock, &state).unwrap();
        assert_eq!(store.load().unwrap(), Some(state));
        let names: Vec<_> = fs::read_dir(folder.path().join("store")).unwrap().collect();
        assert_eq!(
            names.len(),
            2,
            "the state and the lock, nothing half written: {names:?}"
        );
    }

    #[test]
    fn one_process_at_a_time_changes_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let lock = store.lock().unwrap();
        assert!(matches!(store.lock(), Err(StoreError::Busy { .. })));
        drop(lock);
        assert!(store.lock().is_ok());
    }

    #[test]
    fn damage_is_said_and_never_repaired_by_forgetting() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        for damage in ["", "{", "{\"roots\":[]}x", "{\"roots\":[],\"more\":1}"] {
            fs::write(folder.path().join(STATE), damage).unwrap();
            assert!(
                matches!(store.load(), Err(StoreError::Damaged { .. })),
                "{damage}"
            );
        }
    }

    #[test]
    fn a_failed_write_leaves_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("absent").join(STATE);
        let error = replace(&path, b"x", PRIVATE).unwrap_err();
        assert!(
            matches!(
                error,
                StoreError::Io {
                    attempt: "written",
                    ..
                }
            ),
            "{error}"
        );
    }

    #[test]
    fn only_the_named_directory_file_stays() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let lock = store.lock().unwrap();
        let (file, other) = ("directory.json", "catalogue.json");
        for (name, digest) in [(file, &[1; 32]), (file, &[2; 32]), (other, &[1; 32])] {
            store
                .save_target(&lock, (name, digest), name.as_bytes())
                .unwrap();
        }
        store.remove_other_targets(&lock, file, Some(&[2; 32]));
        assert_eq!(store.target(file, &[1; 32]).unwrap(), None);
        assert_eq!(
            store.target(file, &[2; 32]).unwrap().unwrap(),
            file.as_bytes()
        );
        assert_eq!(
            store.target(other, &[1; 32]).unwrap().unwrap(),
            other.as_bytes()
        );
        store.remove_other_targets(&lock, other, None);
        assert_eq!(store.target(other, &[1; 32]).unwrap(), None);
    }
}
