//! Why a call has no answer.

use std::error::Error;

use crate::BodyError;

/// Says why a call has no answer. No variant carries a value of the call or of the registry, so that
/// its text may be logged.
#[derive(Debug, thiserror::Error)]
pub enum AdapterError {
    /// The registry could not be reached.
    #[error("the registry cannot be reached")]
    Unreachable {
        /// What the operating system or TLS said.
        #[source]
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// The registry did not answer before the deadline.
    #[error("the registry did not answer in time")]
    TimedOut,
    /// The call was cancelled: nobody waits for the answer.
    #[error("the call was cancelled")]
    Cancelled,
    /// The registry closed the connection before its answer began.
    #[error("the registry closed the connection before it answered")]
    Cut {
        /// What the connection said.
        #[source]
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// A named limit was exceeded.
    #[error("more than {limit}")]
    TooLarge {
        /// The limit.
        limit: Limit,
    },
    /// All connections to the registry are in use, and so are the places to wait.
    #[error("the registry has no free connection")]
    Busy,
    /// The registry's answer does not have the form that its package says.
    #[error("the registry's answer is not understood: {reason}")]
    NotUnderstood {
        /// Which rule it breaks; names statement and column, never a value.
        reason: String,
    },
    /// The registry failed while it worked on the call.
    #[error("the registry failed: {reason}")]
    Failed {
        /// The registry's own code; never a value.
        reason: String,
    },
    /// The request does not have the form that the service asks for.
    #[error("{place}: expected {expected}")]
    BadRequest {
        /// The place: `path segment fin`, `query at`, `body /fin`.
        place: String,
        /// What belongs there.
        expected: String,
    },
    /// The request body ended before its end.
    #[error("the request body is not whole")]
    RequestBody(#[source] BodyError),
    /// The Idempotency-Key was kept with another content. Only from endpoints that are [`crate::Effect::Stored`].
    #[error("the idempotency key was used with another content")]
    KeyReused,
    /// The first call with the Idempotency-Key has not ended. Only from endpoints that are [`crate::Effect::Stored`].
    #[error("a call with the idempotency key is still being worked on")]
    KeyInFlight,
    /// The service has no such path.
    #[error("the service has no such path")]
    NotFound,
    /// The service has the path, but not for this method.
    #[error("the path does not take this method, it takes {}", allowed.join(", "))]
    MethodNotAllowed {
        /// The methods that it takes.
        allowed: Vec<String>,
    },
}

/// A limit of an adapter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Bytes of a request body.
    RequestBytes(u64),
    /// Bytes of an answer's body.
    AnswerBytes(u64),
    /// Rows of one statement.
    Rows(u64),
}

impl std::fmt::Display for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::RequestBytes(limit) => write!(f, "{limit} bytes in the request"),
            Self::AnswerBytes(limit) => write!(f, "{limit} bytes in the answer"),
            Self::Rows(limit) => write!(f, "{limit} rows in the answer"),
        }
    }
}

/// Says on whose side the reason of an [`AdapterError`] lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AtFault {
    /// The caller asked for something that the service cannot take: a 4xx.
    Caller,
    /// The registry is away, too slow or too busy: a 503 or 504.
    RegistryAway,
    /// The registry's answer cannot be used: a 502.
    RegistryAnswer,
}

impl AdapterError {
    /// A stable word for the kind of error: `timed-out`. For logs, metrics and scenarios.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "unreachable",
            Self::TimedOut => "timed-out",
            Self::Cancelled => "cancelled",
            Self::Cut { .. } => "cut",
            Self::TooLarge { .. } => "too-large",
            Self::Busy => "busy",
            Self::NotUnderstood { .. } => "not-understood",
            Self::Failed { .. } => "failed",
            Self::BadRequest { .. } => "bad-request",
            Self::RequestBody(_) => "request-body",
            Self::KeyReused => "key-reused",
            Self::KeyInFlight => "key-in-flight",
            Self::NotFound => "not-found",
            Self::MethodNotAllowed { .. } => "method-not-allowed",
        }
    }

    /// Says on whose side the reason lies.
    pub fn at_fault(&self) -> AtFault {
        match self {
            Self::BadRequest { .. }
            | Self::RequestBody(_)
            | Self::KeyReused
            | Self::KeyInFlight
            | Self::NotFound
            | Self::MethodNotAllowed { .. }
            | Self::Cancelled
            | Self::TooLarge {
                limit: Limit::RequestBytes(_),
            } => AtFault::Caller,
            Self::Unreachable { .. } | Self::TimedOut | Self::Busy => AtFault::RegistryAway,
            Self::Cut { .. }
            | Self::NotUnderstood { .. }
            | Self::Failed { .. }
            | Self::TooLarge {
                limit: Limit::AnswerBytes(_) | Limit::Rows(_),
            } => AtFault::RegistryAnswer,
        }
    }

    /// Whether it is sure that this call had no effect: the registry was never asked, or refused the request as it stood.
    /// An adapter must not return one of these after the registry may have begun to work.
    pub fn is_without_effect(&self) -> bool {
        match self {
            Self::Unreachable { .. }
            | Self::Busy
            | Self::BadRequest { .. }
            | Self::KeyReused
            | Self::KeyInFlight
            | Self::NotFound
            | Self::MethodNotAllowed { .. }
            | Self::TooLarge {
                limit: Limit::RequestBytes(_),
            } => true,
            Self::TimedOut
            | Self::Cancelled
            | Self::Cut { .. }
            | Self::NotUnderstood { .. }
            | Self::Failed { .. }
            | Self::RequestBody(_)
            | Self::TooLarge {
                limit: Limit::AnswerBytes(_) | Limit::Rows(_),
            } => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ended_while_the_registry_worked_is_never_sure_to_be_without_effect() {
        let limit = Limit::AnswerBytes(1);
        for error in [
            AdapterError::TimedOut,
            AdapterError::Cancelled,
            AdapterError::Cut { source: None },
            AdapterError::TooLarge { limit },
            AdapterError::RequestBody(BodyError::cut()),
        ] {
            assert!(!error.is_without_effect(), "{error}");
        }
        let limit = Limit::RequestBytes(1);
        for error in [
            AdapterError::Unreachable { source: None },
            AdapterError::Busy,
            AdapterError::KeyReused,
            AdapterError::TooLarge { limit },
        ] {
            assert!(error.is_without_effect(), "{error}");
        }
    }

    #[test]
    fn a_large_request_is_the_callers_fault_and_a_large_answer_the_registrys() {
        let request = AdapterError::TooLarge {
            limit: Limit::RequestBytes(10),
        };
        let answer = AdapterError::TooLarge {
            limit: Limit::Rows(10),
        };
        assert_eq!(request.at_fault(), AtFault::Caller);
        assert_eq!(answer.at_fault(), AtFault::RegistryAnswer);
        assert_eq!(answer.to_string(), "more than 10 rows in the answer");
    }
}
