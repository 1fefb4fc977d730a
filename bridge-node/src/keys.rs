//! The private keys of a node: files of its keys folder, in clear or encrypted under one passphrase, or on tokens that these
//! files name.
//!
//! The passphrase is read from the file that the settings name, or asked for at the terminal, once, when the first encrypted
//! file is opened; a token's PIN likewise, when the first key on it is.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bridge_certs::cms::{SealError, Sealer};
use bridge_certs::keyfile::Ask;
use bridge_certs::{
    KeyFileError, KeyText, OwnKey, RequestError, is_encrypted, key_elsewhere, open_key_file,
    open_key_text, open_secret_file, public_key_of, read_password_file, read_pem_certificates,
    write_key_file_under,
};
use bridge_signature::{Algorithm, FileSigner, SignError, Signer};
use bridge_token::TokenKey;
use zeroize::Zeroizing;

use crate::{terminal, token};

/// Where the private keys of a node are.
#[derive(Clone)]
pub struct Keys {
    folder: PathBuf,
    passphrase_file: Option<PathBuf>,
    /// Known once it was needed.
    passphrase: Arc<Mutex<Option<Zeroizing<Vec<u8>>>>>,
    /// The library by which tokens are reached.
    module: Option<PathBuf>,
}

/// A private key, wherever it lies.
pub enum PrivateKey {
    /// In memory, PKCS#8.
    Held(Zeroizing<Vec<u8>>),
    /// On a token.
    Token(TokenKey),
}

// === impl Keys ===

impl Keys {
    /// The keys of a folder, and the file with their passphrase.
    pub fn new(folder: PathBuf, passphrase_file: Option<PathBuf>) -> Self {
        Self {
            folder,
            passphrase_file,
            passphrase: Arc::default(),
            module: None,
        }
    }

    /// As they are, and by which library the tokens are reached that they name.
    #[must_use]
    pub fn with_module(self, module: Option<PathBuf>) -> Self {
        Self { module, ..self }
    }

    /// The library by which tokens are reached.
    pub fn module(&self) -> Option<&Path> {
        self.module.as_deref()
    }

    /// Where a file of the folder is.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Opens a private key.
    ///
    /// # Errors
    ///
    /// [`KeyFileError`]
    pub fn key(&self, name: &str) -> Result<PrivateKey, KeyFileError> {
        open(&self.path(name), self.module.as_deref(), &|| {
            self.passphrase()
        })
    }

    /// Reads a private key that has to lie in its file, PKCS#8.
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
        let path = self.path(name);
        let is_known = self.known().is_some();
        let passphrase = (is_known || self.passphrase_file.is_some() || self.any_is_encrypted())
            .then(|| self.passphrase())
            .transpose()
            .map_err(|why| KeyFileError::NoPassphrase {
                path: path.clone(),
                why,
            })?;
        let passphrase = passphrase.as_ref().map(|bytes| bytes.as_slice());
        write_key_file_under(&path, pkcs8, passphrase)
    }

    /// The key files of the folder, and whether each is encrypted, in words.
    pub fn words(&self) -> String {
        let kept = |name: &String| {
            let path = self.path(name);
            match (key_elsewhere(&path), is_encrypted(&path)) {
                (Ok(Some(uri)), _) => format!("{name} on {}", token::shown(&uri)),
                (Ok(None), Ok(true)) => format!("{name} encrypted"),
                (Ok(None), Ok(false)) => format!("{name} not encrypted"),
                (Err(_), _) | (_, Err(_)) => format!("{name} not readable"),
            }
        };
        let names = self.names();
        names.iter().map(kept).collect::<Vec<_>>().join(", ")
    }

    /// Has every key on a token make a signature, and holds it against its certificate.
    ///
    /// # Errors
    ///
    /// The first key that is of no use, why, and what would mend it.
    pub fn check_tokens(&self) -> Result<(), (String, String, &'static str)> {
        for name in self.names() {
            let told = |error: KeyFileError| {
                let remedy = error.remedy().unwrap_or("correct the file");
                (name.clone(), crate::chain(&error), remedy)
            };
            if key_elsewhere(&self.path(&name)).map_err(told)?.is_none() {
                continue;
            }
            let PrivateKey::Token(key) = self.key(&name).map_err(told)? else {
                continue;
            };
            let certificates = self.path(&name).with_extension("pem");
            if !certificates.exists() {
                continue;
            }
            let of = read_pem_certificates(&certificates).unwrap_or_default();
            let of = of.first().and_then(|own| public_key_of(own).ok());
            if of.is_none_or(|(_, public)| public != key.public_key()) {
                let what = format!("{key} is not the key of {}", certificates.display());
                let remedy = "name the token's key that the certificate was issued for, or import the certificate of this one";
                return Err((name, what, remedy));
            }
        }
        Ok(())
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

    fn known(&self) -> std::sync::MutexGuard<'_, Option<Zeroizing<Vec<u8>>>> {
        self.passphrase
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl PrivateKey ===

impl PrivateKey {
    /// What signs with it, and its public half. Only P-256 and Ed25519 keys do.
    ///
    /// # Errors
    ///
    /// [`SignError::Key`]
    pub fn signer(self, key_id: String) -> Result<(Arc<dyn Signer>, Vec<u8>), SignError> {
        match self {
            Self::Held(pkcs8) => {
                let read = |algorithm| FileSigner::from_pkcs8(algorithm, &pkcs8, key_id.clone());
                let key =
                    read(Algorithm::EcdsaP256Sha256).or_else(|_other| read(Algorithm::Ed25519))?;
                let public = key.public_key().to_vec();
                Ok((Arc::new(key), public))
            }
            Self::Token(key) => {
                let public = key.public_key().to_vec();
                Ok((Arc::new(key.with_key_id(key_id)), public))
            }
        }
    }

    /// The key as certificates know it.
    ///
    /// # Errors
    ///
    /// [`RequestError`]
    pub fn own(self) -> Result<OwnKey, RequestError> {
        match self {
            Self::Held(pkcs8) => OwnKey::read(&pkcs8),
            Self::Token(key) => Ok(OwnKey::remote(token::remote(key))),
        }
    }

    /// The key as a member's seal, by the certificates that go with it.
    ///
    /// # Errors
    ///
    /// [`SealError`]
    pub fn sealer(self, chain: Vec<Vec<u8>>) -> Result<Sealer, SealError> {
        match self {
            Self::Held(pkcs8) => Sealer::new(&pkcs8, chain),
            Self::Token(key) => Sealer::remote(token::remote(key), chain),
        }
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held(_) => f.write_str("Held([redacted])"),
            Self::Token(key) => write!(f, "Token({key})"),
        }
    }
}

/// Opens the key of a file, in the file or on the token that it names.
///
/// # Errors
///
/// [`KeyFileError`]
pub fn open(path: &Path, module: Option<&Path>, ask: Ask<'_>) -> Result<PrivateKey, KeyFileError> {
    match open_key_text(path, ask)? {
        KeyText::Held(pkcs8) => Ok(PrivateKey::Held(pkcs8)),
        KeyText::Elsewhere(uri) => token::open(path, &uri, module).map(PrivateKey::Token),
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
