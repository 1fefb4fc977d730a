//! The private keys of a node: files of its keys folder, in clear or encrypted under one passphrase.
//!
//! The passphrase is read from the file that the settings name, or asked for at the terminal, once, when the first encrypted
//! file is opened.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bridge_certs::{
    KeyFileError, is_encrypted, open_key_file, open_secret_file, read_password_file,
    write_key_file_under, write_secret_file_under,
};
use zeroize::Zeroizing;

use crate::terminal;

/// Where the private keys of a node are.
#[derive(Clone)]
pub struct Keys {
    folder: PathBuf,
    passphrase_file: Option<PathBuf>,
    /// Known once it was needed.
    passphrase: Arc<Mutex<Passphrase>>,
}

type Passphrase = Option<Zeroizing<Vec<u8>>>;

// === impl Keys ===

impl Keys {
    /// The keys of a folder, and the file with their passphrase.
    pub fn new(folder: PathBuf, passphrase_file: Option<PathBuf>) -> Self {
        Self {
            folder,
            passphrase_file,
            passphrase: Arc::default(),
        }
    }

    /// Where a file of the folder is.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Reads a private key, PKCS#8.
    ///
    /// # Errors
    ///
    /// [`KeyFileError`]
    pub fn private(&self, name: &str) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
        open_key_file(&self.path(name), &|| self.passphrase())
    }

    /// Reads a secret of 32 bytes.
    ///
    /// # Errors
    ///
    /// [`KeyFileError`]
    pub fn secret(&self, name: &str) -> Result<Zeroizing<[u8; 32]>, KeyFileError> {
        open_secret_file(&self.path(name), &|| self.passphrase())
    }

    /// Writes a new private key: encrypted, if there is a passphrase for the others or one of them is encrypted.
    ///
    /// # Errors
    ///
    /// [`KeyFileError`], also if the file exists.
    pub fn write_private(&self, name: &str, pkcs8: &[u8]) -> Result<(), KeyFileError> {
        let (path, passphrase) = self.new_file(name)?;
        let passphrase = passphrase.as_ref().map(|bytes| bytes.as_slice());
        write_key_file_under(&path, pkcs8, passphrase)
    }

    /// As [`Keys::write_private`], a secret of 32 bytes.
    ///
    /// # Errors
    ///
    /// [`KeyFileError`], also if the file exists.
    pub fn write_secret(&self, name: &str, secret: &[u8; 32]) -> Result<(), KeyFileError> {
        let (path, passphrase) = self.new_file(name)?;
        let passphrase = passphrase.as_ref().map(|bytes| bytes.as_slice());
        write_secret_file_under(&path, secret, passphrase)
    }

    /// Where a new file goes, and the passphrase that it is written under, if there is one.
    fn new_file(&self, name: &str) -> Result<(PathBuf, Passphrase), KeyFileError> {
        let path = self.path(name);
        let is_known = self.known().is_some();
        let passphrase = (is_known || self.passphrase_file.is_some() || self.any_is_encrypted())
            .then(|| self.passphrase())
            .transpose()
            .map_err(|why| KeyFileError::NoPassphrase {
                path: path.clone(),
                why,
            })?;
        Ok((path, passphrase))
    }

    /// The key files of the folder, and whether each is encrypted, in words.
    pub fn words(&self) -> String {
        let kept = |name: &String| match is_encrypted(&self.path(name)) {
            Ok(true) => format!("{name} encrypted"),
            Ok(false) => format!("{name} not encrypted"),
            Err(_) => format!("{name} not readable"),
        };
        let names = self.names();
        names.iter().map(kept).collect::<Vec<_>>().join(", ")
    }

    fn any_is_encrypted(&self) -> bool {
        let mut names = self.names().into_iter();
        names.any(|name| is_encrypted(&self.path(&name)).unwrap_or(false))
    }

    /// The key files of the folder.
    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.folder).into_iter().flatten();
        let mut names: Vec<String> = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| Path::new(name).extension() == Some("key".as_ref()))
            .collect();
        names.sort();
        names
    }

    fn passphrase(&self) -> Result<Zeroizing<Vec<u8>>, String> {
        let mut known = self.known();
        if let Some(passphrase) = &*known {
            return Ok(passphrase.clone());
        }
        let passphrase = match &self.passphrase_file {
            Some(path) => read_passphrase(path)?,
            None => terminal::ask("Passphrase of the node's keys: ", true).map_err(|error| {
                format!("keys.passphrase_file is not set, and no terminal can be asked: {error}")
            })?,
        };
        Ok(known.insert(passphrase).clone())
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Passphrase> {
        self.passphrase
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys")
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

fn read_passphrase(path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    read_password_file(path).map_err(|error| crate::chain(&error))
}
