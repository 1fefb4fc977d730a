//! Why a message's signature is refused.

use bridge_signature::{
    Algorithm, BaseError, BatchError, ParseError, UnknownAlgorithm, VerifyError,
};
use thiserror::Error;

use super::{AHEAD_S, LIFETIME_S, Tag};

/// Why the signature of a message between nodes is refused.
#[derive(Debug, Error)]
pub enum EnvelopeError {
    /// The two signature fields can't be read.
    #[error("the message is not signed in the form of this protocol")]
    Form(#[from] ParseError),
    /// A parameter that every signature has is missing.
    #[error("the signature parameter {0} is missing")]
    MissingParameter(&'static str),
    /// A parameter is not base64url of its number of bytes.
    #[error("the signature parameter {name} is not base64url of {bytes} bytes")]
    ParameterForm {
        /// Which parameter.
        name: &'static str,
        /// How many bytes it must have.
        bytes: usize,
    },
    /// A tag of another protocol, or of a version or form that is not spoken here.
    #[error("the signature tag {0:?} is not known")]
    UnknownTag(String),
    /// A message of the batch form claims an algorithm.
    #[error("the signature has the batch form, which has no parameter alg")]
    BatchAlgorithm,
    /// A message of the batch form has a value of another form.
    #[error("the signature's value is not of the batch form")]
    BatchValue(#[from] BatchError),
    /// A request's tag on an answer, or an answer's on a request.
    #[error("the signature tag {} belongs to another kind of message", .0.as_str())]
    TagOfOtherMessage(Tag),
    /// An algorithm that is not spoken here.
    #[error("the signature algorithm is not known")]
    UnknownAlgorithm(#[from] UnknownAlgorithm),
    /// A lifetime other than the one of this protocol.
    #[error("the signature is to count from {created} to {expires}, not for {LIFETIME_S} s")]
    Lifetime {
        /// When it was signed, Unix seconds.
        created: u64,
        /// When it ends, Unix seconds.
        expires: u64,
    },
    /// A field of this protocol on several lines.
    #[error("the field {0} occurs more than once")]
    Repeated(String),
    /// Something that must be covered is not.
    #[error("the signature does not cover {0}")]
    NotCovered(String),
    /// Something is covered that the message doesn't have, or that is never covered.
    #[error("the signature covers {0}, which is not there to be covered")]
    CoversOther(String),
    /// No signature base can be made.
    #[error("the covered parts of the message can not be put together")]
    Base(#[from] BaseError),
    /// The algorithm claimed is not that of the key's record.
    #[error("the message claims the algorithm {claimed}, its key is recorded for {recorded}")]
    AlgorithmOfOtherKey {
        /// What the message says.
        claimed: Algorithm,
        /// What the directory says.
        recorded: Algorithm,
    },
    /// The signature is not one of that key over this message.
    #[error("the signature is not genuine")]
    NotGenuine(#[source] VerifyError),
    /// The message comes from the future.
    #[error(
        "the message was signed at {created} by its sender's clock, more than {AHEAD_S} s ahead of {now_s} by the clock \
         here (Unix seconds)"
    )]
    Early {
        /// The sender's clock when it signed, Unix seconds.
        created: u64,
        /// The clock here, Unix seconds.
        now_s: u64,
    },
    /// The message is too old.
    #[error(
        "the message was signed at {created} by its sender's clock and counted until {expires}; it is {now_s} by the clock \
         here (Unix seconds)"
    )]
    Late {
        /// The sender's clock when it signed, Unix seconds.
        created: u64,
        /// When the signature ended, Unix seconds.
        expires: u64,
        /// The clock here, Unix seconds.
        now_s: u64,
    },
}
