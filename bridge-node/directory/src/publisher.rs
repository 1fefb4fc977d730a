//! The publisher: makes keys, signs metadata, writes a repository of static files.
//!
//! For development, tests and small instances: all keys lie in one folder of one machine. Officers who keep theirs apart take the
//! key files of their roles away; a publication then needs as many of them back as the role's threshold says.

use std::path::Path;

use serde_json::{Value, json};

use crate::catalogue::{CATALOGUE_FILE, Catalogue};
use crate::directory::{DIRECTORY_FILE, Directory};
use crate::metadata::{
    Delegations, FileInfo, Key, Map, Role, RoleKeys, Root, SNAPSHOT_FILE, Snapshot, TARGETS_FILE,
    Targets, Timestamp, hex, sha256,
};
use crate::store::Store;
use crate::verified::Verified;

mod error;
pub(crate) mod keys;
mod members;
mod parts;
pub(crate) mod repository;

pub use error::PublishError;
use keys::KeyFolder;
#[cfg(test)]
pub(crate) use parts::with_roles;
pub(crate) use parts::{check_size, common, root_part, targets_part, with};
use repository::Repository;

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
    repository: Repository,
}

impl Publisher {
    /// Makes keys for every role and the first root metadata. Nothing can be fetched before the first [`Publisher::publish`].
    ///
    /// # Errors
    ///
    /// [`PublishError::Exists`] if the repository has a root already; the rest about keys and files.
    pub fn create(keys: &Path, repository: &Path, now_s: u64) -> Result<Self, PublishError> {
        Repository::create(repository)?;
        let publisher = Self::open(keys, repository)?;
        if publisher
            .repository
            .read(&Role::Root.path(Some(1)))?
            .is_some()
        {
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
            repository: Repository::open(repository),
        })
    }

    /// Returns the newest root metadata: what is handed to each client by other means than this repository.
    ///
    /// # Errors
    ///
    /// [`PublishError`] if the repository has none that verifies.
    pub fn root(&self) -> Result<Vec<u8>, PublishError> {
        Ok(self.repository.newest_root()?.0.into_bytes())
    }

    /// Publishes a directory, beside the catalogue that is there, and returns the version of its targets metadata.
    ///
    /// # Errors
    ///
    /// [`PublishError::Directory`] if it is faulty, [`PublishError::TooFewKeys`] if a role can't sign; the rest about files.
    pub fn publish(&self, directory: &Directory, now_s: u64) -> Result<u64, PublishError> {
        directory.check().map_err(PublishError::Directory)?;
        let bytes = serde_json::to_vec(directory).map_err(PublishError::Shape)?;
        let _lock = self.lock()?;
        let (_, root) = self.repository.newest_root()?;
        let newest = self.repository.newest()?;
        let files = (&*bytes, newest.catalogue.as_deref());
        self.publish_bytes(&root.part, files, (newest.delegations, newest.meta), now_s)
    }

    /// Publishes a catalogue beside the directory that is there, and returns the version of its targets metadata.
    ///
    /// # Errors
    ///
    /// [`PublishError::NothingPublished`] before the first directory; the rest about keys and files.
    pub fn publish_catalogue(
        &self,
        catalogue: &Catalogue,
        now_s: u64,
    ) -> Result<u64, PublishError> {
        let _lock = self.lock()?;
        let (_, root) = self.repository.newest_root()?;
        let published = self.repository.published(&root.part)?;
        let published = published.ok_or(PublishError::NothingPublished)?;
        let catalogue = catalogue.to_text();
        let files = (&*published.bytes, Some(catalogue.as_bytes()));
        let members = (
            published.targets.part.delegations,
            published.snapshot.part.meta,
        );
        self.publish_bytes(&root.part, files, members, now_s)
    }

    /// Makes a key for each online role, and returns them as a root lists them.
    ///
    /// # Errors
    ///
    /// [`PublishError`] about the folder of keys.
    pub fn online_keys(keys: &Path) -> Result<Vec<(Role, Key)>, PublishError> {
        let folder = KeyFolder::open(keys)?;
        let mut listed = Vec::new();
        for role in [Role::Snapshot, Role::Timestamp] {
            let made = folder.make(role, 1)?;
            listed.extend(made.iter().map(|key| (role, key.listed())));
        }
        Ok(listed)
    }

    /// Signs a new timestamp, and a new snapshot when the old one is past half its life. Returns the timestamp's version.
    ///
    /// # Errors
    ///
    /// [`PublishError::NothingPublished`] before the first publication; the rest about keys and files.
    pub fn refresh_timestamp(&self, now_s: u64) -> Result<u64, PublishError> {
        let _lock = self.lock()?;
        let (_, root) = self.repository.newest_root()?;
        let timestamp = self
            .repository
            .newest_timestamp(&root.part)?
            .ok_or(PublishError::NothingPublished)?;
        let info = timestamp.part.snapshot();
        let snapshot: Verified<Snapshot> = self.repository.announced(info, &root.part)?;
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
        let (text, old) = self.repository.newest_root()?;
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
        if let Some(published) = self.repository.published(&old.part)? {
            let files = (&*published.bytes, published.catalogue.as_deref());
            let members = (
                published.targets.part.delegations,
                published.snapshot.part.meta,
            );
            self.publish_bytes(&new, files, members, now_s)?;
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
        let (text, old) = self.repository.newest_root()?;
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

    fn publish_bytes(
        &self,
        root: &Root,
        (directory, catalogue): (&[u8], Option<&[u8]>),
        (delegations, mut meta): (Option<Delegations>, Map<FileInfo>),
        now_s: u64,
    ) -> Result<u64, PublishError> {
        // Versions count from the newest timestamp of any key: after a rotation they must not go back.
        let (timestamp, snapshot, targets) = self.repository.newest_versions()?;
        let mut files = Map::new();
        for (name, bytes) in [
            (DIRECTORY_FILE, Some(directory)),
            (CATALOGUE_FILE, catalogue),
        ] {
            let Some(bytes) = bytes else { continue };
            let path = format!("targets/{}.{name}", hex(&sha256(bytes)));
            self.repository.write(&path, bytes)?;
            files.insert(name.to_owned(), FileInfo::of(None, bytes));
        }
        let part = common::<Targets>(after(targets), now_s, TARGETS_LIFE_S);
        let signed = targets_part(part, &files, delegations.as_ref());
        let info = self.write_signed(root, Role::Targets, &signed, after(targets))?;
        meta.insert(TARGETS_FILE.to_owned(), info);
        let info = self.write_snapshot(root, &json!(meta), after(snapshot), now_s)?;
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
        self.repository.write(&Role::Timestamp.path(None), &bytes)?;
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
        check_size(role, &bytes)?;
        self.repository.write(&role.path(Some(version)), &bytes)?;
        Ok(FileInfo::of(Some(version), &bytes))
    }

    /// Writes a root signed by the root keys of each of `by`: the old and the new one.
    fn write_root(&self, signed: &Value, version: u64, by: &[&Root]) -> Result<(), PublishError> {
        let bytes = self.keys.sign(signed, Role::Root, by)?;
        self.repository
            .write(&Role::Root.path(Some(version)), &bytes)
    }

    fn lock(&self) -> Result<crate::store::Lock, PublishError> {
        Ok(Store::open(self.keys.path())?.lock()?)
    }
}

/// Returns the next version. The last one is never reached by counting.
pub(crate) const fn after(version: u64) -> u64 {
    version.saturating_add(1)
}

fn parsed<T: serde::de::DeserializeOwned>(value: Value) -> Result<T, PublishError> {
    serde_json::from_value(value).map_err(PublishError::OwnRoot)
}

const DAY_S: u64 = 24 * 60 * 60;

#[cfg(test)]
mod tests;
