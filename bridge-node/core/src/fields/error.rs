//! What can be wrong with header fields.

use crate::identity::IdentityError;

/// Says why header fields are refused. Names the field and never repeats its value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// A line that is not a name, `:` and a value, or that does not end with CR LF.
    #[error("a line of the head is not a field name, ':' and a value, ended by CR LF")]
    Line,
    /// More fields than the limit.
    #[error("the message has more than {limit} header fields")]
    TooMany {
        /// The limit.
        limit: usize,
    },
    /// More bytes of names and values than the limit.
    #[error("the header fields have more than {limit_bytes} bytes")]
    TooLong {
        /// The limit.
        limit_bytes: usize,
    },
    /// One value is longer than its limit.
    #[error("the field {name} is longer than {limit_bytes} bytes")]
    ValueTooLong {
        /// The field.
        name: &'static str,
        /// The limit.
        limit_bytes: usize,
    },
    /// A field name with `_`, which some servers read as `-`.
    #[error("a field name holds '_', which some servers read as '-'")]
    Underscore,
    /// A field that may stand once stands more often.
    #[error("the field {name} occurs more than once; lines are never joined")]
    Repeated {
        /// The field, shortened.
        name: String,
    },
    /// A byte outside visible ASCII, space and tab.
    #[error("the value of the field {name} holds a byte outside visible ASCII, space and tab")]
    NotVisible {
        /// The field, shortened.
        name: String,
    },
    /// `Transfer-Encoding` with `Content-Length`.
    #[error("the message has both Transfer-Encoding and Content-Length")]
    BothFramings,
    /// A `Transfer-Encoding` other than `chunked`, or a `Content-Length` that is not one number.
    #[error("the body's length is not given as one Content-Length or as chunked")]
    Framing,
    /// `Connection` names something else than keep-alive, close, TE.
    #[error("the field Connection may name only keep-alive, close and TE")]
    Connection,
    /// The sender asks for another protocol.
    #[error("the field Upgrade is not accepted")]
    Upgrade,
    /// A mandatory field is absent.
    #[error("the field {name} is missing")]
    Missing {
        /// The field.
        name: &'static str,
    },
    /// An identifier field is not an identifier.
    #[error("in the field {name}, {fault}")]
    Identity {
        /// The field.
        name: &'static str,
        /// What is wrong with it.
        fault: IdentityError,
    },
    /// `Content-Digest` has no usable `sha-256`.
    #[error("the field Content-Digest holds no single, well-formed sha-256 digest")]
    ContentDigest,
    /// `Bridge-Secrets` does not say what the secret fields hold.
    #[error("the field Bridge-Secrets does not match the secret fields of the message")]
    Secrets,
}
