//! The keys folder: what lies where, and how it is written so that a crash leaves one or the other, never a half.

use std::path::{Path, PathBuf};
use std::{fs, io};

use bridge_certs::{OwnKey, certificate_pem, public_key_of, read_pem_certificates};

use super::{OwnError, Use};
use crate::durable::{Rights, folder_of, replace, sync_folder};
use crate::keys::Keys;

/// The keys folder of a node.
#[derive(Debug, Clone)]
pub struct Folder(Keys);

/// Which of a use's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// In force: `NAME.pem`, `NAME.key`.
    Current,
    /// To take over: `NAME.next.pem`, and `NAME.next.key` if it is for a new key.
    Next,
}

/// The names of files in the keys folder that belong together.
#[derive(Debug, Clone)]
pub struct OwnFiles {
    /// Certificates, leaf first.
    pub certificates: String,
    /// The key of the first.
    pub key: String,
}

/// Certificates are no secret.
const READABLE: Rights = Rights::Exactly(0o644);

// === impl Folder ===

impl Folder {
    /// The folder of these keys.
    pub fn new(keys: &Keys) -> Self {
        Self(keys.clone())
    }

    /// The file of a use's certificates.
    pub fn certificates_file(&self, usage: Use, slot: Slot) -> PathBuf {
        self.0.path(&certificates_name(usage, slot))
    }

    /// The file of a use's key.
    pub fn key_file(&self, usage: Use, slot: Slot) -> PathBuf {
        self.0.path(&key_name(usage, slot))
    }

    /// The certificates of a slot, leaf first.
    ///
    /// # Errors
    ///
    /// [`OwnError::Pem`], [`OwnError::None`].
    pub fn chain(&self, usage: Use, slot: Slot) -> Result<Vec<Vec<u8>>, OwnError> {
        let path = self.certificates_file(usage, slot);
        let chain = read_pem_certificates(&path)?;
        if chain.is_empty() {
            return Err(OwnError::None(path.display().to_string()));
        }
        Ok(chain)
    }

    /// A key, if its file is there.
    ///
    /// # Errors
    ///
    /// [`OwnError::KeyFile`], [`OwnError::Key`].
    pub fn key(&self, usage: Use, slot: Slot) -> Result<Option<OwnKey>, OwnError> {
        if !self.key_file(usage, slot).exists() {
            return Ok(None);
        }
        self.held(usage, slot).map(|(key, _)| Some(key))
    }

    /// The key that belongs to the certificate of a slot: of the next one, either the new key or the one in force. Returns
    /// also its file.
    ///
    /// # Errors
    ///
    /// As [`Folder::key`]; [`OwnError::KeyFile`] also if there is none.
    pub fn key_of(&self, usage: Use, slot: Slot) -> Result<(OwnKey, String), OwnError> {
        if slot == Slot::Next
            && let Some(key) = self.key(usage, Slot::Next)?
            && self.is_for(&key, usage)
        {
            let file = self.key_file(usage, Slot::Next).display().to_string();
            return Ok((key, file));
        }
        self.held(usage, Slot::Current)
    }

    /// The files of the next certificate, and of the key that belongs to it as [`Folder::key_of`] has it.
    ///
    /// # Errors
    ///
    /// As [`Folder::key`].
    pub fn next_files(&self, usage: Use) -> Result<OwnFiles, OwnError> {
        let new_key = self.key(usage, Slot::Next)?;
        let is_new = new_key.is_some_and(|key| self.is_for(&key, usage));
        let key = if is_new { Slot::Next } else { Slot::Current };
        Ok(OwnFiles {
            certificates: certificates_name(usage, Slot::Next),
            key: key_name(usage, key),
        })
    }

    /// The key of a slot, and its file.
    ///
    /// # Errors
    ///
    /// [`OwnError::KeyFile`], [`OwnError::Key`].
    pub fn held(&self, usage: Use, slot: Slot) -> Result<(OwnKey, String), OwnError> {
        let file = self.key_file(usage, slot).display().to_string();
        let key = self.0.key(&key_name(usage, slot))?;
        let unusable = |source| OwnError::Key {
            file: file.clone(),
            source,
        };
        Ok((key.own().map_err(unusable)?, file))
    }

    /// Makes a key.
    ///
    /// # Errors
    ///
    /// [`OwnError::KeyFile`], also if there is one already.
    pub fn make_key(&self, usage: Use, slot: Slot) -> Result<(), OwnError> {
        let path = self.key_file(usage, slot);
        let pkcs8 = OwnKey::generate(usage.profile());
        let file = path.display().to_string();
        let pkcs8 = pkcs8.map_err(|source| OwnError::Key { file, source })?;
        Ok(self.0.write_private(&key_name(usage, slot), &pkcs8)?)
    }

    /// Lays a chain down as the next one, in place of one that waits there.
    ///
    /// # Errors
    ///
    /// [`OwnError::Write`].
    pub fn lay_next(&self, usage: Use, chain: &[Vec<u8>]) -> Result<(), OwnError> {
        let path = self.certificates_file(usage, Slot::Next);
        let text: String = chain.iter().map(|der| certificate_pem(der)).collect();
        replace(&path, text.as_bytes(), READABLE).map_err(|source| written(&path, source))
    }

    /// Puts the next certificate, and its key if that is new, in the place of those in force.
    ///
    /// Done again after a crash anywhere in it, it ends in the same state: the key goes first, and while certificate and key
    /// in force do not fit, the next certificate is that of the key.
    ///
    /// # Errors
    ///
    /// [`OwnError::Write`], and those of reading.
    pub fn take_over(&self, usage: Use) -> Result<(), OwnError> {
        let rename = |from: PathBuf, to: PathBuf| {
            fs::rename(&from, &to)
                .and_then(|()| sync_folder(folder_of(&to)))
                .map_err(|source| written(&to, source))
        };
        if let Some(key) = self.key(usage, Slot::Next)?
            && self.is_for(&key, usage)
        {
            rename(
                self.key_file(usage, Slot::Next),
                self.key_file(usage, Slot::Current),
            )?;
            // Crash here: the certificate in force is of the old key, the next one of the new one.
        }
        rename(
            self.certificates_file(usage, Slot::Next),
            self.certificates_file(usage, Slot::Current),
        )
    }

    /// Whether the next certificate is for this key.
    fn is_for(&self, key: &OwnKey, usage: Use) -> bool {
        let chain = self.chain(usage, Slot::Next).unwrap_or_default();
        let leaf = chain.first().and_then(|der| public_key_of(der).ok());
        leaf.is_some_and(|(_, public_key)| public_key == key.public_key())
    }
}

// === impl OwnFiles ===

impl OwnFiles {
    /// Those in force.
    pub fn in_force(usage: Use) -> Self {
        Self {
            certificates: certificates_name(usage, Slot::Current),
            key: key_name(usage, Slot::Current),
        }
    }
}

// === impl Slot ===

impl Slot {
    /// What stands in the names of its files before their ending.
    fn infix(self) -> &'static str {
        match self {
            Self::Current => "",
            Self::Next => ".next",
        }
    }
}

fn certificates_name(usage: Use, slot: Slot) -> String {
    format!("{usage}{}.pem", slot.infix())
}

fn key_name(usage: Use, slot: Slot) -> String {
    format!("{usage}{}.key", slot.infix())
}

pub(super) fn written(path: &Path, source: io::Error) -> OwnError {
    let path = path.display().to_string();
    OwnError::Write { path, source }
}
