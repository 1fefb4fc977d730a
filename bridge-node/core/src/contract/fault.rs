//! What can be wrong with a contract file, each fault with its place and what to do.

use crate::contract::hours::HoursError;
use crate::contract::locator::PointerError;
use crate::contract::pattern::PatternError;
use crate::contract::statement::StatementFault;
use crate::identity::IdentityError;
use crate::json::JsonError;

/// One fault of a contract file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {fault}; {remedy}", if place.is_empty() { "the file" } else { place })]
pub struct ContractFault {
    /// Where it is, as a JSON pointer from the root of the file; empty for the file as a whole.
    pub place: String,
    /// What is wrong.
    #[source]
    pub fault: Fault,
    /// What to do about it: the expected form, or the other way to say it.
    pub remedy: &'static str,
}

/// What is wrong at one place of a contract file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The file is longer than contracts may be.
    #[error("{length} bytes are more than the {limit} a contract may have")]
    TooLarge {
        /// The file's length in bytes.
        length: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The file is not JSON, or two readers could read it differently.
    #[error("{0}")]
    NotJson(JsonError),
    /// A field that every contract has is missing.
    #[error("it is missing")]
    Absent,
    /// This version knows no such field, so it can't keep what the field promises.
    #[error("the field is unknown")]
    Unknown,
    /// The value has the wrong form.
    #[error("{found} stands there")]
    Form {
        /// What was found, in words.
        found: &'static str,
    },
    /// A list or text is empty where that would allow nothing or mean two things.
    #[error("it is empty")]
    Empty,
    /// A text or list is longer than allowed.
    #[error("it is longer than {limit}")]
    TooLong {
        /// The limit, in characters or entries.
        limit: usize,
    },
    /// A text holds characters that can't stand there.
    #[error("it holds characters that can't stand there")]
    Characters,
    /// An entry stands twice.
    #[error("`{0}` stands twice")]
    Repeated(String),
    /// The contract's version is not known here.
    #[error("version {0} is unknown to this node, which reads version 1")]
    Version(String),
    /// The contract asks for something this version can't check.
    #[error("this node can't enforce it")]
    NotEnforceable,
    /// A name of a member, subsystem or group is malformed.
    #[error("{0}")]
    Identity(IdentityError),
    /// A path pattern is malformed.
    #[error("{0}")]
    Pattern(PatternError),
    /// A JSON pointer is malformed.
    #[error("{0}")]
    Pointer(PointerError),
    /// Weekly hours are malformed.
    #[error("{0}")]
    Hours(HoursError),
    /// A time is not written as RFC 3339 says, or lies before 1970.
    #[error("`{0}` is not a time")]
    Time(String),
    /// The contract ends before or when it starts.
    #[error("the contract ends before it starts")]
    EndBeforeStart,
    /// The method is not carried.
    #[error("`{0}` is not a method that is carried")]
    Method(String),
    /// A read-only contract lists a method that may write.
    #[error("`{0}` may write, and the contract is read-only")]
    Writes(String),
    /// A subject stands in a path segment that the pattern does not leave open at a fixed place.
    #[error("segment {0} of the path is not a * at a fixed place")]
    Segment(u64),
    /// A subject stands in a query name the endpoint does not list.
    #[error("the endpoint lists no query name `{0}`")]
    QueryName(String),
    /// The contract has no canonical form.
    #[error("it has no canonical form")]
    NotCanonical,
    /// Signatures stand there, and whoever reads the file here checks none.
    #[error("signatures are not checked here")]
    Unchecked,
    /// A signature is not what it says.
    #[error("{0}")]
    Statement(StatementFault),
}
