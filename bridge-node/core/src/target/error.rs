//! What can be wrong with a request line.

use crate::identity::IdentityError;

/// Says why a request line is refused at the edge. Never repeats what the sender wrote.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Something else than three words with one space between them.
    #[error(
        "the request line must be a method, a target and a version with one space between them"
    )]
    Line,
    /// A version that is not spoken here.
    #[error("the version must be HTTP/1.1")]
    Version,
    /// Longer than the limit.
    #[error("the request line's target is longer than {limit_bytes} bytes")]
    TooLong {
        /// The limit.
        limit_bytes: usize,
    },
    /// Absolute, authority or asterisk form.
    #[error("the target must be an origin form: a path that begins with '/'")]
    NotOriginForm,
    /// A byte that no request line may hold.
    #[error(
        "the target holds a character that no request line may hold: outside visible ASCII, or a '#'"
    )]
    NotVisible,
    /// A path that is none of this interface's.
    #[error(
        "the path must be /r1/{{instance}}/{{class}}/{{member}}/{{subsystem}}/{{service}}, or /listClients"
    )]
    UnknownPath,
    /// Fewer than five identifier parts.
    #[error(
        "the path names {found} of the five identifier parts instance, class, member, subsystem, service"
    )]
    TooFewParts {
        /// How many there are.
        found: usize,
    },
    /// An identifier part that is not acceptable.
    #[error("in the path, {0}")]
    Identity(#[from] IdentityError),
    /// A segment behind the service that is not acceptable.
    #[error("segment {segment} after the service {fault}")]
    Segment {
        /// Which segment after the service, from 1.
        segment: usize,
        /// What is wrong with it.
        fault: SegmentFault,
    },
    /// More segments than the limit.
    #[error("the path has more than {limit} segments after the service")]
    TooManySegments {
        /// The limit.
        limit: usize,
    },
    /// A query that can't be decoded.
    #[error("parameter {parameter} of the query {fault}")]
    Query {
        /// Which parameter, from 1.
        parameter: usize,
        /// What is wrong with it.
        fault: QueryFault,
    },
    /// More query parameters than the limit.
    #[error("the query has more than {limit} parameters")]
    TooManyParameters {
        /// The limit.
        limit: usize,
    },
    /// A metadata call with a longer path or other parameters than it takes.
    #[error("the metadata call takes {takes}")]
    Metadata {
        /// What it takes.
        takes: MetadataForm,
    },
}

/// Says what a metadata call takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MetadataForm {
    /// `listMethods`, `allowedMethods`.
    #[error("neither a path nor a query")]
    Nothing,
    /// `getOpenAPI`.
    #[error("no path and one parameter, serviceCode")]
    ServiceCode,
    /// `listClients`.
    #[error("no parameter but xRoadInstance")]
    Instance,
    /// `whoHolds`.
    #[error("one parameter, attribute, written like person.address")]
    Attribute,
}

/// Says what is wrong with one path segment behind the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SegmentFault {
    /// Nothing stands between two separators, and it is not the last.
    #[error("is empty")]
    Empty,
    /// `.` or `..`, raw or encoded.
    #[error("is '.' or '..'")]
    Dots,
    /// A `%` without two hexadecimal digits.
    #[error("holds a '%' that is not followed by two hexadecimal digits")]
    Escape,
    /// The decoded bytes are not UTF-8, or an overlong form of it.
    #[error("is not valid UTF-8 after decoding")]
    NotUtf8,
    /// An escaped `/`, or a `\`, which some servers take for a separator.
    #[error("holds an encoded '/' or a '\\'")]
    Separator,
    /// A control character, NUL among them.
    #[error("holds a control character")]
    Control,
    /// Text that would decode once more.
    #[error("is percent-encoded twice")]
    EncodedTwice,
}

/// Says what is wrong with one query parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QueryFault {
    /// A `%` without two hexadecimal digits.
    #[error("holds a '%' that is not followed by two hexadecimal digits")]
    Escape,
    /// The decoded bytes are not UTF-8, or an overlong form of it.
    #[error("is not valid UTF-8 after decoding")]
    NotUtf8,
    /// A control character in a name, or NUL in a value.
    #[error("holds a control character")]
    Control,
    /// A raw `;`, which some servers take for a separator: a parameter could hide behind it.
    #[error("holds a raw ';' (write %3B)")]
    Semicolon,
}
