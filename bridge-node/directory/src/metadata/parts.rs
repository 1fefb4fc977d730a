//! The signed part of each role.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Delegations, Map, MetadataError, Part, Role, hex, sha256, unhex};
use crate::canonical::canonical;

/// The name of the snapshot in timestamp metadata.
pub const SNAPSHOT_FILE: &str = "snapshot.json";

/// The name of the targets metadata in snapshot metadata.
pub const TARGETS_FILE: &str = "targets.json";

/// A public key as metadata lists it. Kept whole: its id is the digest of all that it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Key(Value);

impl Key {
    /// Writes an Ed25519 key.
    pub fn from_ed25519(public: &[u8]) -> Self {
        Self(json!({"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": hex(public)}}))
    }

    /// Returns the key's id: the SHA-256 of its canonical form, or nothing if it has none.
    ///
    /// Standard: TUF 1.0 §4.2.
    pub fn id(&self) -> Option<String> {
        canonical(&self.0).ok().map(|bytes| hex(&sha256(&bytes)))
    }

    /// Adds a field of our own.
    pub(crate) fn with_field(mut self, name: &str, text: &str) -> Self {
        if let Value::Object(fields) = &mut self.0 {
            fields.insert(name.to_owned(), json!(text));
        }
        self
    }

    /// Returns a field of our own.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    /// Returns the raw key if it is an Ed25519 key. Keys of other kinds are listed and never count.
    pub fn ed25519(&self) -> Option<[u8; 32]> {
        let text = |name: &str| self.0.get(name).and_then(Value::as_str);
        if text("keytype") != Some("ed25519") || text("scheme") != Some("ed25519") {
            return None;
        }
        let public = self.0.get("keyval")?.get("public")?.as_str()?;
        unhex(public)?.try_into().ok()
    }
}

/// The keys of one role, and how many of them must sign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleKeys {
    /// Ids of the keys, none twice.
    #[serde(rename = "keyids", deserialize_with = "distinct")]
    pub key_ids: BTreeSet<String>,
    /// At least 1, at most the number of keys.
    pub threshold: u32,
}

/// Signed part of the root role.
///
/// Standard: TUF 1.0 §4.3.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Root {
    keys: Map<Key>,
    roles: Roles,
    #[serde(default)]
    consistent_snapshot: bool,
}

/// Exactly the four roles: a role that nobody here knows could change what the others mean.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Roles {
    root: RoleKeys,
    targets: RoleKeys,
    snapshot: RoleKeys,
    timestamp: RoleKeys,
}

impl Root {
    /// Returns the keys of a role.
    pub fn keys_of(&self, role: Role) -> &RoleKeys {
        match role {
            Role::Root => &self.roles.root,
            Role::Targets => &self.roles.targets,
            Role::Snapshot => &self.roles.snapshot,
            Role::Timestamp => &self.roles.timestamp,
        }
    }

    /// Returns all keys by their ids.
    pub(crate) fn keys(&self) -> &Map<Key> {
        &self.keys
    }

    /// Returns a key by its id.
    pub fn key(&self, key_id: &str) -> Option<&Key> {
        self.keys.get(key_id)
    }
}

impl Part for Root {
    const ROLE: Role = Role::Root;

    fn check(&self) -> Result<(), String> {
        if !self.consistent_snapshot {
            return Err(
                "consistent_snapshot is not true; no other kind of repository is read".into(),
            );
        }
        for (id, key) in &self.keys {
            if key.id().as_ref() != Some(id) {
                return Err(format!("the id {id} is not the digest of its key"));
            }
        }
        for role in Role::ALL {
            let RoleKeys { key_ids, threshold } = self.keys_of(role);
            let count = u32::try_from(key_ids.len()).unwrap_or(u32::MAX);
            if *threshold == 0 || *threshold > count {
                return Err(format!(
                    "a threshold of {threshold} of {count} keys for {role}"
                ));
            }
            if let Some(absent) = key_ids.iter().find(|id| !self.keys.contains_key(*id)) {
                return Err(format!("key {absent} of {role} is not listed"));
            }
        }
        Ok(())
    }
}

/// A file that a role announces.
///
/// Standard: TUF 1.0 §4.4.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileInfo {
    /// Version of metadata; absent for target files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// Length in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<u64>,
    /// Digests by algorithm, in hexadecimal digits. Only `sha256` is looked at.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub hashes: Map<String>,
}

impl FileInfo {
    /// Announces a file as it is.
    pub fn of(version: Option<u64>, bytes: &[u8]) -> Self {
        Self {
            version,
            length: u64::try_from(bytes.len()).ok(),
            hashes: Map::from([(SHA256.to_owned(), hex(&sha256(bytes)))]),
        }
    }

    /// Returns the SHA-256 announced.
    pub fn sha256(&self) -> Option<[u8; 32]> {
        unhex(self.hashes.get(SHA256)?)?.try_into().ok()
    }

    /// Checks a file against length and hash, as far as they are announced.
    ///
    /// # Errors
    ///
    /// [`MetadataError::OtherFile`] with what differs.
    pub fn check(&self, role: Role, bytes: &[u8]) -> Result<(), MetadataError> {
        let differs = |what| Err(MetadataError::OtherFile { role, what });
        if self
            .length
            .is_some_and(|length| u64::try_from(bytes.len()).ok() != Some(length))
        {
            return differs("length");
        }
        if !self.hashes.is_empty() && self.sha256() != Some(sha256(bytes)) {
            return differs("hash");
        }
        Ok(())
    }

    /// Returns the version, which [`Part::check`] has made sure of.
    pub(crate) fn known_version(&self) -> u64 {
        self.version.unwrap_or(0)
    }
}

/// Signed part of the timestamp role.
///
/// Standard: TUF 1.0 §4.6.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Timestamp {
    meta: TimestampFiles,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct TimestampFiles {
    #[serde(rename = "snapshot.json")]
    snapshot: FileInfo,
}

impl Timestamp {
    /// Returns what is announced as the newest snapshot.
    pub fn snapshot(&self) -> &FileInfo {
        &self.meta.snapshot
    }
}

impl Part for Timestamp {
    const ROLE: Role = Role::Timestamp;

    fn check(&self) -> Result<(), String> {
        versioned(SNAPSHOT_FILE, self.snapshot())
    }
}

/// Signed part of the snapshot role.
///
/// Standard: TUF 1.0 §4.4.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Snapshot {
    /// All targets metadata, delegated ones too.
    pub meta: Map<FileInfo>,
}

impl Snapshot {
    /// Returns what is announced as the current targets metadata, which [`Part::check`] has made sure of.
    pub fn targets(&self) -> Option<&FileInfo> {
        self.meta.get(TARGETS_FILE)
    }
}

impl Part for Snapshot {
    const ROLE: Role = Role::Snapshot;

    fn check(&self) -> Result<(), String> {
        if self.targets().is_none() {
            return Err(format!("{TARGETS_FILE} is not listed"));
        }
        self.meta
            .iter()
            .try_for_each(|(name, info)| versioned(name, info))
    }
}

/// Signed part of the targets role.
///
/// Standard: TUF 1.0 §4.5.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Targets {
    /// Files by name.
    pub targets: Map<FileInfo>,
    /// Members' roles, where there are any.
    pub delegations: Option<Delegations>,
}

impl Part for Targets {
    const ROLE: Role = Role::Targets;

    fn check(&self) -> Result<(), String> {
        if let Some(delegations) = &self.delegations {
            delegations.check()?;
        }
        let bad = |info: &&FileInfo| info.length.is_none() || info.sha256().is_none();
        match self.targets.iter().find(|(_, info)| bad(info)) {
            Some((name, _)) => Err(format!("{name} lacks its length or its sha256")),
            None => Ok(()),
        }
    }
}

fn versioned(name: &str, info: &FileInfo) -> Result<(), String> {
    match info.version {
        None | Some(0) => Err(format!("{name} is listed without a version")),
        Some(_) => Ok(()),
    }
}

/// Refuses a key id that is listed twice, instead of dropping one.
pub(super) fn distinct<'de, D: serde::Deserializer<'de>>(
    input: D,
) -> Result<BTreeSet<String>, D::Error> {
    let listed = Vec::<String>::deserialize(input)?;
    let count = listed.len();
    let distinct: BTreeSet<_> = listed.into_iter().collect();
    if distinct.len() == count {
        Ok(distinct)
    } else {
        Err(serde::de::Error::custom("a key id is listed twice"))
    }
}

const SHA256: &str = "sha256";
