//! Why nothing was published.

use std::io;
use std::path::PathBuf;

use crate::canonical::CanonicalError;
use crate::directory::DirectoryFault;
use crate::metadata::{MetadataError, Role};
use crate::source::FetchError;
use crate::store::StoreError;

/// A publication failed. What clients see is unchanged.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// A file or folder can't be read or made.
    #[error("{path} can't be read or made")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A file can't be written durably, or another publisher is at it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file of the repository can't be read.
    #[error(transparent)]
    Read(#[from] FetchError),
    /// A file of the repository is not UTF-8.
    #[error("{path} is not text")]
    NotText {
        /// The file.
        path: String,
    },
    /// A repository is already there.
    #[error("{path} holds a repository already")]
    Exists {
        /// The folder.
        path: PathBuf,
    },
    /// Nothing has been published yet.
    #[error("nothing has been published yet")]
    NothingPublished,
    /// A file that the metadata names is not there.
    #[error("{path} is missing in the repository")]
    Gone {
        /// The file.
        path: String,
    },
    /// Metadata of the repository does not verify: someone else wrote it.
    #[error("{path} does not verify")]
    Metadata {
        /// The file.
        path: String,
        /// Why not.
        #[source]
        source: MetadataError,
    },
    /// A root stands under the version of another.
    #[error("{path} holds root {found}")]
    RootVersion {
        /// The file.
        path: String,
        /// The version of the root in it.
        found: u64,
    },
    /// The directory is faulty.
    #[error("the directory is faulty")]
    Directory(#[source] DirectoryFault),
    /// The directory can't be written.
    #[error("the directory can't be written")]
    Shape(#[source] serde_json::Error),
    /// The root in the repository, or the one just made, is not of its shape.
    #[error("root metadata is not of its shape")]
    OwnRoot(#[source] serde_json::Error),
    /// Metadata without canonical form.
    #[error("the metadata can't be signed")]
    Canonical(#[from] CanonicalError),
    /// The folder of keys holds fewer keys of a role than must sign.
    #[error("{have} keys of role {role} are here, {need} must sign")]
    TooFewKeys {
        /// The role.
        role: Role,
        /// Keys found.
        have: usize,
        /// Its threshold.
        need: u32,
    },
    /// A key file that others may touch.
    #[error("{path}: mode {mode:04o} lets others in; set it to 0600 (chmod 600)")]
    TooOpen {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A key file that holds no Ed25519 key in PKCS#8 PEM.
    #[error("{path}: not an Ed25519 key in PKCS#8 PEM")]
    NotAKey {
        /// The file.
        path: PathBuf,
    },
    /// Metadata that no reader takes: nobody could read the directory any more.
    #[error("the {role} metadata would have {bytes} bytes; nobody reads more than {limit}")]
    TooLarge {
        /// Whose.
        role: Role,
        /// Its size.
        bytes: usize,
        /// The most that is read.
        limit: usize,
    },
    /// The system has no random numbers.
    #[error("no random numbers for a key")]
    NoRandom,
}
