//! Why a member's own nodes are not taken.

use bridge_core::identity::MemberId;

use crate::canonical::CanonicalError;
use crate::ceremony::CeremonyError;
use crate::directory::DirectoryFault;
use crate::metadata::MetadataError;
use crate::moment::Moment;
use crate::publisher::PublishError;
use crate::source::FetchError;

/// A member's file does not count.
#[derive(Debug, thiserror::Error)]
pub enum OwnNodesError {
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
    /// Many files are new, or the source is slow: the next refresh goes on.
    #[error("it was not fetched yet: the next reading of the directory goes on")]
    NotYet,
    /// Its metadata is malformed, another one than announced, or not signed as it must be.
    #[error("the metadata of the role {role} is refused")]
    Metadata {
        /// The role's name.
        role: String,
        /// Why.
        #[source]
        source: MetadataError,
    },
    /// Another version than announced, or than the one that comes next: a mixture.
    #[error("the metadata of the role {role} is version {found}, wanted was {wanted}")]
    OtherVersion {
        /// The role's name.
        role: String,
        /// The version wanted.
        wanted: u64,
        /// The version in the file.
        found: u64,
    },
    /// It names a file that is not the member's, or hands the role on.
    #[error("it speaks for {found}, and may speak for {path} alone")]
    OtherTargets {
        /// The one file that it may name.
        path: String,
        /// What it names.
        found: String,
    },
    /// It does not name the nodes.
    #[error("it does not name {path}")]
    NoNodes {
        /// The file that it must name.
        path: String,
    },
    /// The nodes' file is not the one that its metadata names.
    #[error("{path} is not the file that its metadata names")]
    OtherNodes {
        /// The file.
        path: String,
    },
    /// Not JSON of its shape.
    #[error("the nodes' file can't be read")]
    Shape(#[source] serde_json::Error),
    /// Of a later form.
    #[error("this file has form {found}; this version reads form {form}")]
    OtherForm {
        /// Its form.
        found: u32,
        /// The form that is read.
        form: u32,
    },
    /// Another member's nodes.
    #[error("it is of {found}, and not of {member}")]
    OtherMember {
        /// Whose role it is.
        member: MemberId,
        /// Whose nodes the file holds.
        found: MemberId,
    },
    /// A node that no directory could list.
    #[error("the nodes are faulty")]
    Nodes(#[source] DirectoryFault),
    /// Something that officers alone change.
    #[error("{node}: {what}: officers alone change that")]
    Officers {
        /// The node.
        node: String,
        /// What is wrong.
        what: &'static str,
    },
    /// Something that another member has, or that is listed twice.
    #[error("the {what} {name} is listed already, and may be listed once")]
    Taken {
        /// Node name, exchange key or journal.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// Out of time.
    #[error("it expired at {expires}")]
    Expired {
        /// Its end.
        expires: Moment,
    },
    /// Good for longer than it may be, or for no time at all.
    #[error("it ends at {expires}; it may end at {latest} at the latest, and not before now")]
    Lifetime {
        /// Its end.
        expires: Moment,
        /// The latest end that is allowed now.
        latest: Moment,
    },
    /// Made for another entry of the officers than the published one.
    #[error("it is based on another entry of {member} than officers have published since")]
    OtherEntry {
        /// The member.
        member: MemberId,
    },
    /// It claims what another member has, or takes away what another needs.
    #[error("it can't stand beside the rest of the directory: {what}")]
    NotBeside {
        /// What is wrong.
        what: String,
    },
    /// Officers have given this member no role.
    #[error("officers have given this member no role")]
    NoRole,
    /// The member is not in the directory.
    #[error("{member} is not in the directory")]
    NotListed {
        /// The member.
        member: MemberId,
    },
    /// A key without a part in this.
    #[error("{name} is no key of this member's role")]
    NotAKey {
        /// The key's name.
        name: String,
    },
    /// Too few keys have signed.
    #[error("{good} of {needed} signatures; still to sign: {missing}")]
    TooFew {
        /// Keys that have signed.
        good: usize,
        /// How many must.
        needed: u32,
        /// Those that can.
        missing: String,
    },
    /// Copies of different files.
    #[error("these are different files; only copies of one can be joined")]
    OtherFile,
    /// Metadata without canonical form.
    #[error("the metadata can't be signed")]
    Canonical(#[from] CanonicalError),
    /// Files can't be read, signed by the online keys, or written.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// What is published can't be used.
    #[error(transparent)]
    Base(#[from] Box<CeremonyError>),
}
