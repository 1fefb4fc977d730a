//! Why there is no directory.

use crate::catalogue::CatalogueFault;
use crate::directory::DirectoryFault;
use crate::join::JoinError;
use crate::metadata::{MetadataError, Role};
use crate::moment::Moment;
use crate::source::FetchError;
use crate::store::StoreError;

/// No directory can be had, or not the newest.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// The root that was handed over is no root.
    #[error("the pinned root can't be used")]
    Pinned(#[source] MetadataError),
    /// The folder knows this version of the root or a newer one, and the pinned one is not among them.
    #[error(
        "the pinned root (version {pinned}) is not one of those this folder began with (up to version {known})"
    )]
    OtherRoot {
        /// Version of the pinned root.
        pinned: u64,
        /// Newest version in the folder.
        known: u64,
    },
    /// The folder can't be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Metadata in the folder no longer verifies: its signers were replaced, or someone was at the folder.
    #[error("stored {role} metadata does not verify")]
    Stored {
        /// Whose.
        role: Role,
        /// Why not.
        #[source]
        source: MetadataError,
    },
    /// The source failed.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// A file that must be there is not.
    #[error("{path} is missing at the source")]
    Missing {
        /// The file.
        path: String,
    },
    /// More bytes than allowed or announced: endless data.
    #[error("{path} is larger than the {limit} bytes allowed or announced")]
    TooLarge {
        /// The file.
        path: String,
        /// The most that is taken.
        limit: usize,
    },
    /// Not UTF-8.
    #[error("{path} is not text")]
    NotText {
        /// The file.
        path: String,
    },
    /// A metadata file is malformed, another one than announced, or not signed as it must be.
    #[error("{path} is refused")]
    Metadata {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: MetadataError,
    },
    /// A root of another version than its file name says.
    #[error("root {wanted} says it is version {found}")]
    RootVersion {
        /// The successor's version.
        wanted: u64,
        /// The version in the file.
        found: u64,
    },
    /// More than [`super::ROOTS_LIMIT`] new roots. The next refresh goes on from here.
    #[error("more than {} new roots at once", super::ROOTS_LIMIT)]
    TooManyRoots,
    /// Out of time: the source stands still, or this machine's clock is wrong.
    #[error("{role} metadata expired at {expires}; it is {now}")]
    Expired {
        /// Whose.
        role: Role,
        /// Its end.
        expires: Moment,
        /// The time of the check.
        now: Moment,
    },
    /// An older version than one seen before.
    #[error("{file} goes back from version {trusted} to {found}")]
    Rollback {
        /// The metadata file that goes back.
        file: String,
        /// The version seen before.
        trusted: u64,
        /// The version offered.
        found: u64,
    },
    /// A metadata file that was listed before is listed no more.
    #[error("{file} vanished from the snapshot")]
    Vanished {
        /// The file.
        file: String,
    },
    /// Another version than the role above announced: a mixture.
    #[error("{role} metadata is version {found}, announced was {announced}")]
    OtherVersion {
        /// Whose.
        role: Role,
        /// The version announced.
        announced: u64,
        /// The version in the file.
        found: u64,
    },
    /// The targets metadata names no directory.
    #[error("the metadata names no directory")]
    NoDirectory,
    /// The directory file is not the one that the metadata names.
    #[error("the directory is not the file that its metadata names")]
    OtherDirectory,
    /// The directory file vanished from the folder; a refresh brings it back.
    #[error("the directory file is missing in its folder; refresh it")]
    DirectoryGone,
    /// Well signed, and still not a directory that can be used.
    #[error("the directory is faulty")]
    Directory(#[source] DirectoryFault),
    /// A refusal of a request to join that nobody should believe.
    #[error("the answer to the request is not believed")]
    Refusal(#[source] JoinError),
    /// The catalogue file is not the one that the metadata names.
    #[error("the catalogue is not the file that its metadata names")]
    OtherCatalogue,
    /// The catalogue file vanished from the folder; a refresh brings it back.
    #[error("the catalogue file is missing in its folder; refresh it")]
    CatalogueGone,
    /// Well signed, and still not a catalogue that can be used.
    #[error("the catalogue is faulty")]
    Catalogue(#[source] CatalogueFault),
    /// No refresh has been complete yet.
    #[error("no directory has been fetched yet")]
    NothingYet,
}
