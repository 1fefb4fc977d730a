//! Keys of the roles, one file each: `{role}.{first digits of the key id}.key`, PKCS#8 in PEM, mode 0600.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::Value;

use super::PublishError;
use crate::metadata::{Key, MetadataSigner, Role, Root, sign};
use crate::store::Store;

/// The largest key file that is read, in bytes.
const KEY_FILE_LIMIT_BYTES: u64 = 4096;

/// A folder of keys.
#[derive(Clone, Debug)]
pub(crate) struct KeyFolder {
    path: PathBuf,
}

/// A key of a role.
pub(crate) struct RoleKey {
    pub(crate) key_id: String,
    pair: Ed25519KeyPair,
}

impl RoleKey {
    fn read(path: &Path, pkcs8: &[u8]) -> Result<Self, PublishError> {
        let not_a_key = || PublishError::NotAKey {
            path: path.to_path_buf(),
        };
        // Keys made by OpenSSL have the older form without the public key.
        let pair =
            Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8).map_err(|_error| not_a_key())?;
        let key_id = Key::from_ed25519(pair.public_key().as_ref())
            .id()
            .ok_or_else(not_a_key)?;
        Ok(Self { key_id, pair })
    }

    /// Returns the public key as root metadata lists it.
    pub(crate) fn listed(&self) -> Key {
        Key::from_ed25519(self.pair.public_key().as_ref())
    }
}

impl MetadataSigner for RoleKey {
    fn key_id(&self) -> &str {
        &self.key_id
    }

    fn sign(&self, canonical: &[u8]) -> Vec<u8> {
        self.pair.sign(canonical).as_ref().to_vec()
    }
}

impl KeyFolder {
    pub(crate) fn open(path: &Path) -> Result<Self, PublishError> {
        Store::open(path)?;
        Ok(Self {
            path: path.to_path_buf(),
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes new keys of a role beside those that are there.
    pub(crate) fn make(&self, role: Role, count: u32) -> Result<Vec<RoleKey>, PublishError> {
        (0..count).map(|_| self.make_one(role)).collect()
    }

    fn make_one(&self, role: Role) -> Result<RoleKey, PublishError> {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
            .map_err(|_error| PublishError::NoRandom)?;
        let key = RoleKey::read(&self.path, pkcs8.as_ref())?;
        let path = self.file(role, &key.key_id);
        let text = format!("{BEGIN}\n{}\n{END}\n", STANDARD.encode(pkcs8.as_ref()));
        let write = || {
            let mut file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&path)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            File::open(&self.path)?.sync_all()
        };
        write().map_err(|source| PublishError::Io {
            path: path.clone(),
            source,
        })?;
        Ok(key)
    }

    /// Signs metadata with every key of the role that the roots list and this folder holds.
    pub(crate) fn sign(
        &self,
        signed: &Value,
        role: Role,
        roots: &[&Root],
    ) -> Result<Vec<u8>, PublishError> {
        let mut signers: Vec<RoleKey> = Vec::new();
        for root in roots {
            let keys = root.keys_of(role);
            let here = self.load(role, &keys.key_ids)?;
            let have = here.len();
            if have < usize::try_from(keys.threshold).unwrap_or(usize::MAX) {
                return Err(PublishError::TooFewKeys {
                    role,
                    have,
                    need: keys.threshold,
                });
            }
            let known: BTreeSet<_> = signers.iter().map(|key| key.key_id.clone()).collect();
            signers.extend(here.into_iter().filter(|key| !known.contains(&key.key_id)));
        }
        Ok(sign(signed, &signers)?)
    }

    fn load(&self, role: Role, key_ids: &BTreeSet<String>) -> Result<Vec<RoleKey>, PublishError> {
        let mut found = Vec::new();
        for key_id in key_ids {
            let path = self.file(role, key_id);
            match open(&path) {
                Ok(file) => found.push(read(&path, file)?),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(PublishError::Io { path, source }),
            }
        }
        Ok(found)
    }

    /// Removes keys that no root lists any more.
    pub(crate) fn remove(
        &self,
        role: Role,
        key_ids: &BTreeSet<String>,
    ) -> Result<(), PublishError> {
        for path in key_ids.iter().map(|key_id| self.file(role, key_id)) {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(PublishError::Io {
                        path,
                        source: error,
                    });
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn file(&self, role: Role, key_id: &str) -> PathBuf {
        let digits: String = key_id
            .chars()
            .filter(char::is_ascii_hexdigit)
            .take(16)
            .collect();
        self.path.join(format!("{role}.{digits}.key"))
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).open(path)
}

fn read(path: &Path, file: File) -> Result<RoleKey, PublishError> {
    let io = |source| PublishError::Io {
        path: path.to_path_buf(),
        source,
    };
    let mode = file.metadata().map_err(io)?.mode() & 0o7777;
    if mode & !0o600 != 0 {
        return Err(PublishError::TooOpen {
            path: path.to_path_buf(),
            mode,
        });
    }
    let mut text = String::new();
    file.take(KEY_FILE_LIMIT_BYTES)
        .read_to_string(&mut text)
        .map_err(io)?;
    let body = text
        .trim()
        .strip_prefix(BEGIN)
        .and_then(|text| text.strip_suffix(END));
    let body: Option<String> = body.map(|body| body.split_whitespace().collect());
    let pkcs8 = body.and_then(|body| STANDARD.decode(body).ok());
    RoleKey::read(
        path,
        &pkcs8.ok_or_else(|| PublishError::NotAKey {
            path: path.to_path_buf(),
        })?,
    )
}

const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";
