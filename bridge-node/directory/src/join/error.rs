//! Why a request is none, or must not be granted.

use bridge_core::identity::{MemberId, NodeId};
use bridge_signature::SignError;

use super::{Purpose, REQUEST_LIFE_S, REQUEST_LIMIT_BYTES};
use crate::directory::DirectoryFault;
use crate::moment::Moment;

/// A request to join, or its refusal, can't be made or must not be granted.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// More than is read.
    #[error("the request is larger than {REQUEST_LIMIT_BYTES} bytes")]
    TooLarge,
    /// Not a file of a request's form.
    #[error("this is not a request to join")]
    Form(#[source] serde_json::Error),
    /// Of another form.
    #[error("the request has form {found:?}; this version reads {:?}", super::FORM)]
    OtherForm {
        /// Its form.
        found: String,
    },
    /// The pinned root is no root.
    #[error("the pinned root can't be read")]
    Root,
    /// For another instance, or another directory of the same name.
    #[error("the request is for another directory: its node has pinned another root")]
    OtherDirectory,
    /// Made too long ago: whoever made it may want something else by now.
    #[error("the request was made at {made}, more than {} days before {now}", REQUEST_LIFE_S / 86_400)]
    Stale {
        /// When.
        made: Moment,
        /// The time of the check.
        now: Moment,
    },
    /// Made in the future.
    #[error("the request was made at {made}, and it is {now}: one of the two clocks is wrong")]
    Early {
        /// When.
        made: Moment,
        /// The time of the check.
        now: Moment,
    },
    /// No code of a node.
    #[error("the node's code can't be one: {0}")]
    NodeCode(String),
    /// A key that can't be read, or of a kind that is not proved here.
    #[error(
        "the {purpose} key can't be read: P-256 or Ed25519 is wanted, of journal and witness Ed25519"
    )]
    Key {
        /// What it is for.
        purpose: Purpose,
    },
    /// One key for two purposes.
    #[error("one key is for both {one} and {other}")]
    OneKey {
        /// A purpose.
        one: Purpose,
        /// Another.
        other: Purpose,
    },
    /// A key that has not signed.
    #[error("the {purpose} key has not signed the request")]
    Missing {
        /// What it is for.
        purpose: Purpose,
    },
    /// A signature that is not of the key over this request.
    #[error(
        "the signature by the {purpose} key is not over this request: whoever made it does not hold the key, or it was altered"
    )]
    Proof {
        /// What it is for.
        purpose: Purpose,
    },
    /// A signature by a key that is not asked for.
    #[error("the request is signed by a {purpose} key that it does not name")]
    NoKey {
        /// What it is for.
        purpose: Purpose,
    },
    /// A key could not sign.
    #[error("the {purpose} key can't sign")]
    Sign {
        /// What it is for.
        purpose: Purpose,
        /// Why not.
        #[source]
        source: SignError,
    },
    /// The member is listed.
    #[error("{0} is a member already")]
    MemberThere(MemberId),
    /// The member is not listed, and the request does not ask for it to be.
    #[error("{0} is not a member, and the request does not give its name to become one")]
    MemberUnknown(MemberId),
    /// The node is listed.
    #[error("{0} is listed already")]
    NodeThere(NodeId),
    /// Another node has the name.
    #[error("the name {name} is that of {by}")]
    NameTaken {
        /// The name.
        name: String,
        /// Who has it.
        by: String,
    },
    /// Another node has one of the keys.
    #[error("a key of the request is one of {by}")]
    KeyTaken {
        /// Who has it.
        by: String,
    },
    /// The exchange key has no certificate yet.
    #[error("the request has no certificate of its exchange key")]
    NoCertificate,
    /// The exchange key has a certificate, and another was given.
    #[error("the request has a certificate of its exchange key already")]
    TwoCertificates,
    /// Listed so, the directory would be faulty.
    #[error("it can't be listed so")]
    Directory(#[source] DirectoryFault),
    /// Not a file of a refusal's form, or of another request.
    #[error("the refusal at the source is none of this request")]
    NotARefusal,
    /// Not signed by an officer.
    #[error("the refusal at the source is not signed by an officer of the directory")]
    NotByAnOfficer,
    /// A key that may not answer requests.
    #[error("{name} is no officer of this directory")]
    NotAnOfficer {
        /// The key's name.
        name: String,
    },
    /// A reason that can't be shown.
    #[error(
        "a reason has 1 to {} bytes and no control characters",
        crate::directory::TEXT_LIMIT_BYTES
    )]
    Reason,
}
