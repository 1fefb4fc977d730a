//! What can be wrong with a leaf.

use crate::json::SyntaxFault;

/// What is wrong with the bytes of a leaf.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LeafFault {
    /// The leaf is longer than the format allows.
    #[error("the leaf has {length} bytes, the format allows 65535")]
    TooLong {
        /// Bytes of the leaf.
        length: usize,
    },
    /// The leaf is not text.
    #[error("the leaf is not UTF-8 from its byte {at} on: it was not written by a node")]
    NotText {
        /// Bytes before the first wrong one.
        at: usize,
    },
    /// The leaf is not JSON in the one spelling of the format.
    #[error("{0}: the leaf is not in the format's one spelling, so it was not written by a node")]
    Syntax(#[from] SyntaxFault),
    /// The leaf has a field that version 1 does not have.
    #[error("the leaf has the field `{name}`, which version 1 does not have")]
    UnknownField {
        /// Name of the field, cut to 64 characters.
        name: String,
    },
    /// A field stands after one that should follow it, or twice.
    #[error("the field `{field}` stands after `{after}`: the order of a leaf's fields is fixed")]
    Order {
        /// The field at the wrong place.
        field: &'static str,
        /// The field before it.
        after: &'static str,
    },
    /// A field that every leaf has is not there.
    #[error("the leaf has no `{field}`")]
    Missing {
        /// The absent field.
        field: &'static str,
    },
    /// A field's value is not one that the format allows.
    #[error("the value of `{field}` is not {expected}")]
    Value {
        /// The field.
        field: &'static str,
        /// What the format allows.
        expected: &'static str,
    },
    /// The leaf is of another version.
    #[error("the leaf is of version {version}; this program knows version 1")]
    Version {
        /// The version it states.
        version: u64,
    },
    /// The beginning of a log is not written as one.
    #[error("it does not say which log this one follows as the format writes it")]
    EpochForm,
    /// The beginning is that of another log.
    #[error(
        "it is the beginning of a log with another key than this one's: it was taken from elsewhere"
    )]
    EpochKey,
    /// The log that is named as the one before can't be it.
    #[error("it names a log before this one that is of another node, or not earlier")]
    EpochOrder,
    /// A log begins in its middle.
    #[error("it is the beginning of a log, and not its first leaf")]
    EpochPlace,
    /// The leaf's time is before that of the leaf before.
    #[error(
        "its time {time} ms is before {before} ms of the leaf before it: leaves stand out of order"
    )]
    TimeBack {
        /// The leaf's time.
        time: u64,
        /// The time of the leaf before.
        before: u64,
    },
    /// Evidence lies beside a leaf that does not commit to it.
    #[error("evidence lies beside the leaf, which has no commitment to it: it was put there later")]
    EvidenceUncommitted,
    /// The leaf commits to evidence that is not there.
    #[error("the leaf commits to evidence, which is not beside it: it was taken away")]
    EvidenceGone,
    /// The leaf's evidence and its mode disagree.
    #[error(
        "the leaf's mode and its evidence disagree: `full` and `digest` have evidence, else there is none"
    )]
    EvidenceMode,
    /// The leaf has commitments, but no secret lies beside it.
    #[error(
        "the leaf has commitments, but no record secret lies beside it: they can never be opened"
    )]
    SecretGone,
    /// A secret lies beside a leaf that has nothing to open with it.
    #[error(
        "a record secret lies beside the leaf, which has no commitments: it was put there later"
    )]
    SecretExtra,
    /// The leaf names an index run that can't be.
    #[error(
        "the leaf names the index run of {named}, which no earlier segment has: it does not belong here"
    )]
    IndexUnknown {
        /// What it names, cut to 64 characters.
        named: String,
    },
    /// The leaf's digest of an index run is not that of the file.
    #[error(
        "the leaf has another digest of segments/{first:020}.index than the file: the file was \
         replaced after the leaf was written"
    )]
    IndexDigest {
        /// The segment of the run.
        first: u64,
    },
}
