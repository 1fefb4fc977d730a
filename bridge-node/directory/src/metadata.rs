//! Metadata of the four roles and of members' own: read, checked for form, checked for signatures. No order, no clock.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use ring::digest::{SHA256, digest};
use ring::signature::{ED25519, UnparsedPublicKey};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::canonical::{CanonicalError, canonical};
use crate::moment::Moment;

mod delegations;
mod parts;

pub use delegations::{
    Delegations, MEMBER_KEYS_LIMIT, MEMBER_ROLES_LIMIT, MemberRole, ROLE_NAME_LIMIT_BYTES,
};
pub use parts::{
    FileInfo, Key, RoleKeys, Root, SNAPSHOT_FILE, Snapshot, TARGETS_FILE, Targets, Timestamp,
};

/// A role of the directory's metadata.
///
/// Standard: TUF 1.0 §2.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Says which keys every role has; offline, m of n.
    Root,
    /// Says which directory file is the current one; offline, m of n.
    Targets,
    /// Says which versions belong together; online.
    Snapshot,
    /// Says which snapshot is the newest; online, hourly.
    Timestamp,
}

impl Role {
    /// Every role, in the order in which they are trusted.
    pub const ALL: [Self; 4] = [Self::Root, Self::Timestamp, Self::Snapshot, Self::Targets];

    /// Returns the role's name in metadata and file names.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Targets => "targets",
            Self::Snapshot => "snapshot",
            Self::Timestamp => "timestamp",
        }
    }

    /// Returns the path of the role's metadata in a repository with consistent snapshots; the timestamp has no version in it.
    ///
    /// Standard: TUF 1.0 §6.2.
    pub fn path(self, version: Option<u64>) -> String {
        match version {
            Some(version) => format!("metadata/{version}.{self}.json"),
            None => format!("metadata/{self}.json"),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A metadata file is not what its role may say, or not signed by those who may say it.
#[derive(Debug, thiserror::Error)]
pub enum MetadataError {
    /// Not JSON of the shape that its role has.
    #[error("{role} metadata can't be read")]
    Shape {
        /// The role wanted.
        role: Role,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// A number without canonical form, so no signature can be checked.
    #[error("{role} metadata has no canonical form")]
    Canonical {
        /// The role wanted.
        role: Role,
        /// The number.
        #[source]
        source: CanonicalError,
    },
    /// Another role's metadata, however well signed.
    #[error("metadata of type {found:?} where {role} is wanted")]
    OtherRole {
        /// The role wanted.
        role: Role,
        /// What the metadata says of itself.
        found: String,
    },
    /// A version of the specification other than 1.
    #[error("{role} metadata follows specification {found:?}; version 1 is understood")]
    OtherSpecification {
        /// The role wanted.
        role: Role,
        /// The version it names.
        found: String,
    },
    /// Versions begin with 1.
    #[error("{role} metadata has version 0")]
    VersionZero {
        /// The role wanted.
        role: Role,
    },
    /// Something in it that this version can't check.
    #[error("{role} metadata: {what}")]
    Unsupported {
        /// The role wanted.
        role: Role,
        /// What it is.
        what: String,
    },
    /// Two signatures under one key id, which the standard forbids.
    #[error("{role} metadata has two signatures of key {key_id}")]
    RepeatedSignature {
        /// The role wanted.
        role: Role,
        /// The key id.
        key_id: String,
    },
    /// Too few good signatures by different keys of the role.
    #[error(
        "{role} metadata has {good} good signatures by keys of its role; {threshold} are needed"
    )]
    TooFewSignatures {
        /// The role wanted.
        role: Role,
        /// Keys of the role whose signatures are good.
        good: usize,
        /// How many are needed.
        threshold: u32,
    },
    /// Not the bytes that the role above named.
    #[error("{role} metadata is not the file that was announced: its {what} differs")]
    OtherFile {
        /// The role.
        role: Role,
        /// `length`, `hash` or `version`.
        what: &'static str,
    },
}

/// What every role's signed part says besides its own.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Common {
    /// Counts up by every publication.
    pub version: u64,
    /// The metadata is good before this second.
    pub expires: Moment,
    spec_version: String,
}

/// A metadata file taken apart, its signatures not yet checked.
#[derive(Clone, Debug)]
pub struct Envelope {
    signatures: Vec<Signature>,
    signed: Value,
    canonical: Vec<u8>,
    role: Role,
    /// Version and end.
    pub common: Common,
}

#[derive(Clone, Debug, Deserialize)]
struct File {
    signatures: Vec<Signature>,
    signed: Value,
}

#[derive(Clone, Debug, Deserialize)]
struct Signature {
    keyid: String,
    sig: String,
}

impl Envelope {
    /// Takes metadata of a role apart.
    ///
    /// # Errors
    ///
    /// [`MetadataError`] if it is not JSON, of another role or specification, or has two signatures of one key id.
    ///
    /// Standard: TUF 1.0 §4.2.
    pub fn read(role: Role, bytes: &[u8]) -> Result<Self, MetadataError> {
        let shape = |source| MetadataError::Shape { role, source };
        let File { signatures, signed } = serde_json::from_slice(bytes).map_err(shape)?;
        let found = signed
            .get("_type")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if found != role.as_str() {
            return Err(MetadataError::OtherRole {
                role,
                found: found.to_owned(),
            });
        }
        let common = Common::deserialize(&signed).map_err(shape)?;
        if !common.spec_version.starts_with("1.") {
            let found = common.spec_version;
            return Err(MetadataError::OtherSpecification { role, found });
        }
        if common.version == 0 {
            return Err(MetadataError::VersionZero { role });
        }
        let mut seen = BTreeSet::new();
        if let Some(twice) = signatures
            .iter()
            .find(|signature| !seen.insert(&signature.keyid))
        {
            let key_id = twice.keyid.clone();
            return Err(MetadataError::RepeatedSignature { role, key_id });
        }
        let canonical =
            canonical(&signed).map_err(|source| MetadataError::Canonical { role, source })?;
        Ok(Self {
            signatures,
            signed,
            canonical,
            role,
            common,
        })
    }

    /// Checks that a threshold of the role's keys, as a root lists them, signed this.
    ///
    /// # Errors
    ///
    /// [`MetadataError::TooFewSignatures`]; signatures by unknown keys and wrong ones are not counted.
    ///
    /// Standard: TUF 1.0 §5.3.4.
    pub fn verify(&self, root: &Root) -> Result<(), MetadataError> {
        self.verify_by(root.keys_of(self.role), |id| root.key(id))
    }

    /// As [`Envelope::verify`], by the keys that another role lists.
    pub(crate) fn verify_by<'a>(
        &self,
        role_keys: &RoleKeys,
        key: impl Fn(&str) -> Option<&'a Key>,
    ) -> Result<(), MetadataError> {
        // Counted by key, not by key id: two ids of one key are one officer.
        let good: BTreeSet<_> = role_keys
            .key_ids
            .iter()
            .filter_map(|key_id| Some((key_id, key(key_id)?)))
            .filter(|(key_id, key)| self.is_signed_by(key_id, key))
            .filter_map(|(_, key)| key.ed25519())
            .collect();
        if good.len() < usize::try_from(role_keys.threshold).unwrap_or(usize::MAX) {
            return Err(MetadataError::TooFewSignatures {
                role: self.role,
                good: good.len(),
                threshold: role_keys.threshold,
            });
        }
        Ok(())
    }

    /// Tells whether a key signed this under its id.
    pub(crate) fn is_signed_by(&self, key_id: &str, key: &Key) -> bool {
        let signature = self.signatures.iter().find(|one| one.keyid == key_id);
        let signature = signature.and_then(|one| unhex(&one.sig));
        signature
            .zip(key.ed25519())
            .is_some_and(|(signature, key)| {
                let verifier = UnparsedPublicKey::new(&ED25519, key);
                verifier.verify(&self.canonical, &signature).is_ok()
            })
    }

    /// Reads the signed part as its role's. Call [`Envelope::verify`] before believing it.
    ///
    /// # Errors
    ///
    /// [`MetadataError::Shape`] or [`MetadataError::Unsupported`].
    pub fn part<T: Part>(&self) -> Result<T, MetadataError> {
        let part = T::deserialize(&self.signed).map_err(|source| MetadataError::Shape {
            role: self.role,
            source,
        })?;
        part.check().map_err(|what| MetadataError::Unsupported {
            role: self.role,
            what,
        })?;
        Ok(part)
    }
}

/// The signed part of one role.
pub trait Part: serde::de::DeserializeOwned {
    /// Whose it is.
    const ROLE: Role;

    /// Checks what the shape alone can't say.
    ///
    /// # Errors
    ///
    /// A sentence on what is wrong or not understood.
    fn check(&self) -> Result<(), String>;
}

/// Something that signs metadata: a key in a file, a token, an officer far away.
pub trait MetadataSigner {
    /// Returns the key's id, as the root lists it.
    fn key_id(&self) -> &str;
    /// Signs the canonical form of metadata with Ed25519.
    fn sign(&self, canonical: &[u8]) -> Vec<u8>;
}

/// Signs a metadata object with each key, and returns the file. `signed` is the whole signed part.
///
/// # Errors
///
/// [`CanonicalError`] if `signed` has no canonical form.
pub fn sign<S: MetadataSigner>(signed: &Value, signers: &[S]) -> Result<Vec<u8>, CanonicalError> {
    let bytes = canonical(signed)?;
    let signatures: Vec<_> = signers
        .iter()
        .map(|signer| json!({"keyid": signer.key_id(), "sig": hex(&signer.sign(&bytes))}))
        .collect();
    let file = json!({"signatures": signatures, "signed": signed});
    Ok(file.to_string().into_bytes())
}

/// Returns the SHA-256 of some bytes.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut value = [0; 32];
    value.copy_from_slice(digest(&SHA256, bytes).as_ref());
    value
}

/// Writes bytes as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    use fmt::Write;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing to a string can't fail; the result is there for other writers.
            let _infallible = write!(text, "{byte:02x}");
            text
        })
}

/// Reads hexadecimal digits of either case.
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .map(|digit| {
            digit
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())
        })
        .collect();
    let (pairs, rest) = digits.as_deref()?.as_chunks::<2>();
    rest.is_empty()
        .then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

/// Tells whether two roots give a role different keys or another threshold.
pub fn rotated(old: &Root, new: &Root, role: Role) -> bool {
    old.keys_of(role) != new.keys_of(role)
}

pub(crate) type Map<T> = BTreeMap<String, T>;

#[cfg(test)]
mod tests;
