//! Refusals because of the way to the peer, or of the shape of its answer.

use super::code::Code;
use super::explain::Explanation;

/// Says why no usable answer came from the provider's node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkFault {
    /// No connection could be made: the request was never sent.
    Unreachable,
    /// The node at the other end is not the one that the directory pins.
    TlsIdentity,
    /// No answer in time: the outcome is not known.
    TimedOut {
        /// How long was waited, in seconds.
        after_s: u64,
    },
    /// The connection broke after the request was sent.
    Cut,
    /// The peer refused without a signature.
    RefusedUnsigned {
        /// The status it gave.
        status: u16,
    },
    /// The answer breaks the rules of the wire.
    Malformed,
    /// The answer is larger than this node takes.
    TooLarge {
        /// The limit.
        limit_bytes: u64,
    },
    /// The answer names another client, service, id or hash than the request.
    Inconsistent {
        /// The field that differs.
        field: &'static str,
    },
}

const PEER: &str = "the operator of the provider's node";
const READ_ONLY_AGAIN: &str =
    "asking again if the request only reads; else an Idempotency-Key, or asking the provider";

/// After this time a peer that restarts is usually back.
const PEER_RETRY_S: u32 = 5;

impl LinkFault {
    pub(super) fn status(&self) -> u16 {
        match self {
            Self::Unreachable | Self::TimedOut { .. } => 504,
            Self::TlsIdentity
            | Self::Cut
            | Self::RefusedUnsigned { .. }
            | Self::Malformed
            | Self::TooLarge { .. }
            | Self::Inconsistent { .. } => 502,
        }
    }

    pub(super) fn code(&self) -> Code {
        match self {
            Self::Unreachable => Code::NetworkError,
            Self::TlsIdentity => Code::SslAuthenticationFailed,
            Self::TimedOut { .. } | Self::Cut => Code::IoError,
            Self::RefusedUnsigned { .. } => Code::ServiceFailed,
            Self::Malformed | Self::TooLarge { .. } => Code::InvalidResponse,
            Self::Inconsistent { .. } => Code::InconsistentResponse,
        }
    }

    pub(super) fn retry_after(&self) -> Option<u32> {
        matches!(self, Self::Unreachable | Self::RefusedUnsigned { .. }).then_some(PEER_RETRY_S)
    }

    pub(super) fn explain(&self) -> Explanation {
        let (what, rule, help) = match self {
            Self::Unreachable => (
                "The provider's node can't be reached; the request was not sent.".to_owned(),
                "connection to the peer",
                "asking again in a few seconds",
            ),
            Self::TlsIdentity => (
                "The node that answered the connection is not the one that the directory names; \
                 the request was not sent."
                    .to_owned(),
                "identity of the peer",
                "a directory and a certificate that agree",
            ),
            Self::TimedOut { after_s } => (
                format!(
                    "The provider's node did not answer within {after_s} seconds; \
                     whether the request had its effect is not known."
                ),
                "time for an answer",
                READ_ONLY_AGAIN,
            ),
            Self::Cut => (
                "The connection to the provider's node broke before the answer was complete; \
                 whether the request had its effect is not known."
                    .to_owned(),
                "complete answers",
                READ_ONLY_AGAIN,
            ),
            Self::RefusedUnsigned { status } => (
                format!("The provider's node refused with status {status} and no signature."),
                "only signed answers count",
                READ_ONLY_AGAIN,
            ),
            Self::Malformed => (
                "The provider's node gave an answer that breaks the rules of the wire.".to_owned(),
                "form of an answer",
                "the same version at both ends",
            ),
            Self::TooLarge { limit_bytes } => (
                format!("The answer is larger than {limit_bytes} bytes."),
                "size of an answer",
                "asking for less, or a higher limit set by the operator of this node",
            ),
            Self::Inconsistent { field } => (
                format!("The answer's {field} is not the request's."),
                "an answer belongs to one request",
                "telling the provider",
            ),
        };
        Explanation::new(what, rule, PEER, help)
    }
}
