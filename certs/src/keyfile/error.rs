//! Why a file of a secret can't be used or made.

use std::io;
use std::path::PathBuf;

use super::sealed::SealedError;
use super::{KEY_FILE_LIMIT_BYTES, SECRET_BYTES};
use crate::pem::PemError;

/// A file of a secret can't be used or made.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The system refuses.
    #[error("{path}: can't be {attempt}")]
    Io {
        /// The file or its folder.
        path: PathBuf,
        /// What was tried: opened, read, made, written, made durable.
        attempt: &'static str,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A folder, pipe, socket or device.
    #[error("{path}: not a regular file")]
    NotAFile {
        /// The file.
        path: PathBuf,
    },
    /// Group or others have rights on it, or it is executable.
    #[error("{path}: mode {mode:04o} lets others in; set it to 0600 (chmod 600)")]
    TooOpen {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It belongs to another user than the one who runs this program.
    #[error("{path}: belongs to user {owner}; this program runs as user {user}")]
    OtherOwner {
        /// The file.
        path: PathBuf,
        /// Numeric id of its owner.
        owner: u32,
        /// Numeric id of the effective user.
        user: u32,
    },
    /// More bytes than [`KEY_FILE_LIMIT_BYTES`].
    #[error("{path}: {bytes} bytes; at most {KEY_FILE_LIMIT_BYTES} are read")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// The key lies on a token, and here it would have to lie in the file.
    #[error("{path}: names a key on a token, and this key must lie in its file")]
    Elsewhere {
        /// The file.
        path: PathBuf,
    },
    /// The key lies on a token, and can't be used.
    #[error("{path}")]
    Token {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
        /// What would mend it.
        remedy: &'static str,
    },
    /// Not one PKCS#8 private key in PEM.
    #[error("{path}: not one private key")]
    NotAKey {
        /// The file.
        path: PathBuf,
        /// What is wrong with the text.
        #[source]
        source: PemError,
    },
    /// Empty, or more than a line.
    #[error("{path}: not one line with a password")]
    NotAPassword {
        /// The file.
        path: PathBuf,
    },
    /// Not 32 bytes in base64.
    #[error(
        "{path}: not {SECRET_BYTES} bytes in base64 (make one: openssl rand -base64 {SECRET_BYTES})"
    )]
    NotASecret {
        /// The file.
        path: PathBuf,
    },
    /// The file is encrypted, and there is no passphrase.
    #[error("{path}: is encrypted, and there is no passphrase: {why}")]
    NoPassphrase {
        /// The file.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// The file is encrypted, and does not open; or it can't be encrypted.
    #[error("{path}")]
    Sealed {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: SealedError,
    },
}

// === impl KeyFileError ===

impl KeyFileError {
    /// What would mend it, where that is not to put another file in its place.
    pub fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::NoPassphrase { .. } => Some(
                "name a file of mode 0600 that holds the passphrase as keys.passphrase_file, or start from a terminal, which asks",
            ),
            Self::Sealed {
                source: SealedError::Passphrase,
                ..
            } => Some(
                "give the passphrase under which this file lies (keys.passphrase_file, or the terminal); if it is that one, the file was changed: take its copy",
            ),
            Self::Sealed { .. } => Some("take the file's copy, or make a new key"),
            Self::Token { remedy, .. } => Some(remedy),
            Self::Elsewhere { .. } => Some(
                "keys on tokens are tls.key, exchange.key, web.key and seal.key: make the others with `bridge-node key`",
            ),
            Self::TooOpen { .. } | Self::OtherOwner { .. } => {
                Some("let the node's user own the file, mode 0600")
            }
            Self::Io { .. }
            | Self::NotAFile { .. }
            | Self::TooLarge { .. }
            | Self::NotAKey { .. }
            | Self::NotAPassword { .. }
            | Self::NotASecret { .. } => None,
        }
    }
}
