//! The publisher: makes keys, signs metadata, writes a repository of static files.
//!
//! For development, tests and small instances: all keys lie in one folder of one machine. Officers who keep theirs apart take the
//! key files of their roles away; a publication then needs as many of them back as the role's threshold says.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::client::ROOT_LIMIT_BYTES;
use crate::directory::{DIRECTORY_FILE, Directory};
use crate::metadata::{
    FileInfo, Map, Part, Role, RoleKeys, Root, SNAPSHOT_FILE, Snapshot, TARGETS_FILE, Targets,
    Timestamp, hex, sha256,
};
use crate::moment::Moment;
use crate::source::{Fetch, FolderSource};
use crate::store::{Store, replace};
use crate::verified::{Verified, first_root, next_root};

mod error;
mod keys;

pub use error::PublishError;
use keys::KeyFolder;

/// How long root metadata is good.
pub const ROOT_LIFE_S: u64 = 365 * DAY_S;

/// How long targets metadata is good.
pub const TARGETS_LIFE_S: u64 = 90 * DAY_S;

/// How long snapshot metadata is good.
pub const SNAPSHOT_LIFE_S: u64 = 7 * DAY_S;

/// How long timestamp metadata is good: so long can a mirror hold back what is new.
pub const TIMESTAMP_LIFE_S: u64 = DAY_S;

/// How many keys each role gets, and how many of them must sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quorum {
    /// Keys that must sign.
    pub threshold: u32,
    /// Keys made.
    pub keys: u32,
}

impl Quorum {
    /// Two of three officers for what is signed offline, one key for what a machine signs.
    pub const fn of(role: Role) -> Self {
        match role {
            Role::Root | Role::Targets => Self {
                threshold: 2,
                keys: 3,
            },
            Role::Snapshot | Role::Timestamp => Self {
                threshold: 1,
                keys: 1,
            },
        }
    }
}

/// Publishes directories into a folder that any web server may serve.
///
/// Files appear in an order in which a client that comes between two of them sees the old state, whole.
#[derive(Clone, Debug)]
pub struct Publisher {
    keys: KeyFolder,
    repository: PathBuf,
}

impl Publisher {
    /// Makes keys for every role and the first root metadata. Nothing can be fetched before the first [`Publisher::publish`].
    ///
    /// # Errors
    ///
    /// [`PublishError::Exists`] if the repository has a root already; the rest about keys and files.
    pub fn create(keys: &Path, repository: &Path, now_s: u64) -> Result<Self, PublishError> {
        for folder in [repository.join("metadata"), repository.join("targets")] {
            let made = DirBuilder::new()
                .recursive(true)
                .mode(0o755)
                .create(&folder);
            made.map_err(|source| PublishError::Io {
                path: folder,
                source,
            })?;
        }
        let publisher = Self::open(keys, repository)?;
        if publisher.read(&Role::Root.path(Some(1)))?.is_some() {
            return Err(PublishError::Exists {
                path: repository.to_path_buf(),
            });
        }
        let mut listed = Map::new();
        let mut roles = Map::new();
        for role in Role::ALL {
            let quorum = Quorum::of(role);
            let made = publisher.keys.make(role, quorum.keys)?;
            let key_ids = made.iter().map(|key| key.key_id.clone()).collect();
            listed.extend(
                made.into_iter()
                    .map(|key| (key.key_id.clone(), key.listed())),
            );
            roles.insert(
                role.to_string(),
                RoleKeys {
                    key_ids,
                    threshold: quorum.threshold,
                },
            );
        }
        let signed = root_part(1, now_s, &json!(listed), &json!(roles));
        let root: Root = serde_json::from_value(signed.clone()).map_err(PublishError::OwnRoot)?;
        publisher.write_root(&signed, 1, &[&root])?;
        Ok(publisher)
    }

    /// Opens a publisher. Keys are read when they are needed.
    ///
    /// # Errors
    ///
    /// [`PublishError`] about the folder of keys.
    pub fn open(keys: &Path, repository: &Path) -> Result<Self, PublishError> {
        Ok(Self {
            keys: KeyFolder::open(keys)?,
            repository: repository.to_path_buf(),
        })
    }

    /// Returns the newest root metadata: what is handed to each client by other means than this repository.
    ///
    /// # Errors
    ///
    /// [`PublishError`] if the repository has none that verifies.
    pub fn root(&self) -> Result<Vec<u8>, PublishError> {
        Ok(self.newest_root()?.0.into_bytes())
    }

    /// Publishes a directory and returns the version of its targets metadata.
    ///
    /// # Errors
    ///
    /// [`PublishError::Directory`] if it is faulty, [`PublishError::TooFewKeys`] if a role can't sign; the rest about files.
    pub fn publish(&self, directory: &Directory, now_s: u64) -> Result<u64, PublishError> {
        directory.check().map_err(PublishError::Directory)?;
        let bytes = serde_json::to_vec(directory).map_err(PublishError::Shape)?;
        let _lock = self.lock()?;
        let (_, root) = self.newest_root()?;
        self.publish_bytes(&root.part, &bytes, now_s)
    }

    /// Signs a new timestamp, and a new snapshot when the old one is past half its life. Returns the timestamp's version.
    ///
    /// # Errors
    ///
    /// [`PublishError::NothingPublished`] before the first publication; the rest about keys and files.
    pub fn refresh_timestamp(&self, now_s: u64) -> Result<u64, PublishError> {
        let _lock = self.lock()?;
        let (_, root) = self.newest_root()?;
        let timestamp = self
            .newest_timestamp(&root.part)?
            .ok_or(PublishError::NothingPublished)?;
        let info = timestamp.part.snapshot();
        let path = Role::Snapshot.path(info.version);
        let text = self
            .read(&path)?
            .ok_or_else(|| PublishError::Gone { path: path.clone() })?;
        let snapshot: Verified<Snapshot> = verify(&path, &text, &root.part)?;
        if snapshot.expires.0 > now_s.saturating_add(SNAPSHOT_LIFE_S / 2) {
            return self.write_timestamp(&root.part, info, after(timestamp.version), now_s);
        }
        let meta = json!(snapshot.part.meta);
        let info = self.write_snapshot(&root.part, &meta, after(snapshot.version), now_s)?;
        self.write_timestamp(&root.part, &info, after(timestamp.version), now_s)
    }

    /// Gives a role new keys by a new root, signed by old and new root keys, and signs what is published anew.
    /// The old keys are removed. Returns the root's version.
    ///
    /// # Errors
    ///
    /// [`PublishError::TooFewKeys`] if the root can't sign; the rest about keys and files.
    pub fn rotate(&self, role: Role, now_s: u64) -> Result<u64, PublishError> {
        let _lock = self.lock()?;
        let (text, old) = self.newest_root()?;
        let quorum = Quorum::of(role);
        let made = self.keys.make(role, quorum.keys)?;
        let signed: Value = serde_json::from_str(&text).map_err(PublishError::OwnRoot)?;
        let part = |name: &str| signed.pointer(&format!("/signed/{name}")).cloned();
        let mut listed: Map<Value> = part("keys").map(parsed).transpose()?.unwrap_or_default();
        let mut roles: Map<RoleKeys> = part("roles").map(parsed).transpose()?.unwrap_or_default();
        let gone = old.part.keys_of(role).key_ids.clone();
        listed.retain(|id, _| !gone.contains(id));
        listed.extend(
            made.iter()
                .map(|key| (key.key_id.clone(), json!(key.listed()))),
        );
        let key_ids = made.iter().map(|key| key.key_id.clone()).collect();
        roles.insert(
            role.to_string(),
            RoleKeys {
                key_ids,
                threshold: quorum.threshold,
            },
        );
        let version = after(old.version);
        let signed = root_part(version, now_s, &json!(listed), &json!(roles));
        let new: Root = parsed(signed.clone())?;
        self.write_root(&signed, version, &[&old.part, &new])?;
        // Crash here: the old keys lie there still, unused; what follows is done by the next publication.
        if let Some(bytes) = self.published(&old.part)? {
            self.publish_bytes(&new, &bytes, now_s)?;
        }
        self.keys.remove(role, &gone)?;
        Ok(version)
    }

    /// Signs the root anew for another year, with the same keys for every role. Returns its version.
    ///
    /// # Errors
    ///
    /// [`PublishError::TooFewKeys`] if the root can't sign; the rest about keys and files.
    pub fn renew_root(&self, now_s: u64) -> Result<u64, PublishError> {
        let _lock = self.lock()?;
        let (text, old) = self.newest_root()?;
        let mut signed: Value = serde_json::from_str(&text).map_err(PublishError::OwnRoot)?;
        let mut part = |name: &str| {
            signed
                .pointer_mut(&format!("/signed/{name}"))
                .map(Value::take)
        };
        let (keys, roles) = (part("keys"), part("roles"));
        let version = after(old.version);
        let signed = root_part(version, now_s, &json!(keys), &json!(roles));
        self.write_root(&signed, version, &[&old.part])?;
        Ok(version)
    }

    fn publish_bytes(&self, root: &Root, bytes: &[u8], now_s: u64) -> Result<u64, PublishError> {
        // Versions count from the newest timestamp of any key: after a rotation they must not go back.
        let (timestamp, snapshot, targets) = self.newest_versions()?;
        let info = FileInfo::of(None, bytes);
        self.write(
            &format!("targets/{}.{DIRECTORY_FILE}", hex(&sha256(bytes))),
            bytes,
        )?;
        let part = common::<Targets>(after(targets), now_s, TARGETS_LIFE_S);
        let signed = with(part, "targets", json!({DIRECTORY_FILE: info}));
        let info = self.write_signed(root, Role::Targets, &signed, after(targets))?;
        let meta = json!({TARGETS_FILE: info});
        let info = self.write_snapshot(root, &meta, after(snapshot), now_s)?;
        // Crash before the next line: the files written are named by no timestamp, and written again next time.
        self.write_timestamp(root, &info, after(timestamp), now_s)?;
        Ok(after(targets))
    }

    fn write_snapshot(
        &self,
        root: &Root,
        meta: &Value,
        version: u64,
        now_s: u64,
    ) -> Result<FileInfo, PublishError> {
        let part = common::<Snapshot>(version, now_s, SNAPSHOT_LIFE_S);
        self.write_signed(
            root,
            Role::Snapshot,
            &with(part, "meta", meta.clone()),
            version,
        )
    }

    fn write_timestamp(
        &self,
        root: &Root,
        snapshot: &FileInfo,
        version: u64,
        now_s: u64,
    ) -> Result<u64, PublishError> {
        let part = common::<Timestamp>(version, now_s, TIMESTAMP_LIFE_S);
        let signed = with(part, "meta", json!({SNAPSHOT_FILE: snapshot}));
        let bytes = self.keys.sign(&signed, Role::Timestamp, &[root])?;
        self.write(&Role::Timestamp.path(None), &bytes)?;
        Ok(version)
    }

    fn write_signed(
        &self,
        root: &Root,
        role: Role,
        signed: &Value,
        version: u64,
    ) -> Result<FileInfo, PublishError> {
        let bytes = self.keys.sign(signed, role, &[root])?;
        self.write(&role.path(Some(version)), &bytes)?;
        Ok(FileInfo::of(Some(version), &bytes))
    }

    /// Writes a root signed by the root keys of each of `by`: the old and the new one.
    fn write_root(&self, signed: &Value, version: u64, by: &[&Root]) -> Result<(), PublishError> {
        let bytes = self.keys.sign(signed, Role::Root, by)?;
        self.write(&Role::Root.path(Some(version)), &bytes)
    }

    fn newest_root(&self) -> Result<(String, Verified<Root>), PublishError> {
        let path = Role::Root.path(Some(1));
        let refused = |path: &str| {
            let path = path.to_owned();
            move |source| PublishError::Metadata { path, source }
        };
        let mut text = self
            .read(&path)?
            .ok_or_else(|| PublishError::Gone { path: path.clone() })?;
        let mut root = first_root(&text).map_err(refused(&path))?;
        loop {
            let path = Role::Root.path(Some(after(root.version)));
            let Some(next) = self.read(&path)? else {
                return Ok((text, root));
            };
            root = next_root(&root.part, &next).map_err(refused(&path))?;
            text = next;
        }
    }

    fn newest_timestamp(&self, root: &Root) -> Result<Option<Verified<Timestamp>>, PublishError> {
        let path = Role::Timestamp.path(None);
        self.read(&path)?
            .map(|text| verify(&path, &text, root))
            .transpose()
    }

    /// Returns the newest versions of timestamp, snapshot and targets in the folder; 0 for what was never published.
    fn newest_versions(&self) -> Result<(u64, u64, u64), PublishError> {
        let timestamp = match self.read(&Role::Timestamp.path(None))? {
            Some(text) => keys::version(&text)?,
            None => 0,
        };
        let newest = |role: Role| {
            let suffix = format!(".{role}.json");
            let folder = self.repository.join("metadata");
            let list = fs::read_dir(&folder).map_err(|source| PublishError::Io {
                path: folder.clone(),
                source,
            })?;
            let names = list
                .flatten()
                .filter_map(|entry| entry.file_name().into_string().ok());
            let version = |name: String| name.strip_suffix(&suffix)?.parse::<u64>().ok();
            Ok::<_, PublishError>(names.filter_map(version).max().unwrap_or(0))
        };
        Ok((timestamp, newest(Role::Snapshot)?, newest(Role::Targets)?))
    }

    /// Returns the directory that is published now, if any.
    fn published(&self, root: &Root) -> Result<Option<Vec<u8>>, PublishError> {
        let Some(timestamp) = self.newest_timestamp(root)? else {
            return Ok(None);
        };
        let gone = |path: &str| PublishError::Gone {
            path: path.to_owned(),
        };
        let path = Role::Snapshot.path(timestamp.part.snapshot().version);
        let text = self.read(&path)?.ok_or_else(|| gone(&path))?;
        let snapshot: Verified<Snapshot> = verify(&path, &text, root)?;
        let path = Role::Targets.path(snapshot.part.targets().and_then(|info| info.version));
        let text = self.read(&path)?.ok_or_else(|| gone(&path))?;
        let targets: Verified<Targets> = verify(&path, &text, root)?;
        let info = targets
            .part
            .targets
            .get(DIRECTORY_FILE)
            .and_then(FileInfo::sha256);
        let digest = info.ok_or_else(|| gone(DIRECTORY_FILE))?;
        let path = self
            .repository
            .join(format!("targets/{}.{DIRECTORY_FILE}", hex(&digest)));
        let bytes = fs::read(&path).map_err(|source| PublishError::Io { path, source })?;
        Ok((sha256(&bytes) == digest).then_some(bytes))
    }

    fn read(&self, path: &str) -> Result<Option<String>, PublishError> {
        let source = FolderSource(self.repository.clone());
        let bytes = source.fetch(path, ROOT_LIMIT_BYTES)?;
        let text = bytes.map(String::from_utf8).transpose();
        text.map_err(|_error| PublishError::NotText {
            path: path.to_owned(),
        })
    }

    fn write(&self, path: &str, bytes: &[u8]) -> Result<(), PublishError> {
        Ok(replace(&self.repository.join(path), bytes, PUBLIC)?)
    }

    fn lock(&self) -> Result<crate::store::Lock, PublishError> {
        Ok(Store::open(self.keys.path())?.lock()?)
    }
}

fn verify<T: Part>(path: &str, text: &str, root: &Root) -> Result<Verified<T>, PublishError> {
    let refused = |source| PublishError::Metadata {
        path: path.to_owned(),
        source,
    };
    Verified::read(text, root).map_err(refused)
}

/// Returns the next version. The last one is never reached by counting.
const fn after(version: u64) -> u64 {
    version.saturating_add(1)
}

fn parsed<T: serde::de::DeserializeOwned>(value: Value) -> Result<T, PublishError> {
    serde_json::from_value(value).map_err(PublishError::OwnRoot)
}

fn root_part(version: u64, now_s: u64, keys: &Value, roles: &Value) -> Value {
    let part = common::<Root>(version, now_s, ROOT_LIFE_S);
    let part = with(with(part, "keys", keys.clone()), "roles", roles.clone());
    with(part, "consistent_snapshot", json!(true))
}

fn common<T: Part>(version: u64, now_s: u64, life_s: u64) -> Value {
    json!({
        "_type": T::ROLE,
        "spec_version": SPECIFICATION,
        "version": version,
        "expires": Moment(now_s.saturating_add(life_s)),
    })
}

fn with(mut part: Value, name: &str, value: Value) -> Value {
    if let Value::Object(fields) = &mut part {
        fields.insert(name.to_owned(), value);
    }
    part
}

/// The version of The Update Framework's specification that metadata is written by.
const SPECIFICATION: &str = "1.0.30";
/// Mode of published files: a web server reads them.
const PUBLIC: u32 = 0o644;
const DAY_S: u64 = 24 * 60 * 60;

#[cfg(test)]
mod tests;
