//! Refusals because of the registry behind the adapter.

use super::code::Code;
use super::explain::Explanation;

/// Says why the provider's own system gave no answer that may leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceFault {
    /// The registry can't be reached: it was not called.
    Unreachable,
    /// The adapter is not ready, or all its calls are in use.
    NotReady,
    /// No answer in time.
    TimedOut {
        /// How long was waited, in seconds.
        after_s: u64,
    },
    /// The answer ended early.
    Cut,
    /// The answer is larger than the limit.
    TooLarge {
        /// The limit.
        limit_bytes: u64,
    },
    /// The answer is not one that the adapter understands.
    NotUnderstood,
    /// The answer is not as the service's description says.
    NotAsDescribed,
    /// The request is not as the service's description says.
    BadRequest,
    /// The service has nothing under this path.
    NotFound,
    /// The answer can't be cut to the fields of the contract.
    FieldsNotEnforceable {
        /// Why, a clause without values.
        reason: &'static str,
    },
    /// The answer does not say whom it concerns where the endpoint declares that it must.
    SubjectsNotReadable,
}

const REGISTRY: &str = "the provider's operator of the registry";

/// After this time a registry that restarts is usually back.
const SERVICE_RETRY_S: u32 = 10;

impl ServiceFault {
    pub(super) fn status(&self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::NotFound => 404,
            Self::Unreachable | Self::NotReady | Self::TimedOut { .. } => 504,
            Self::Cut
            | Self::TooLarge { .. }
            | Self::NotUnderstood
            | Self::NotAsDescribed
            | Self::FieldsNotEnforceable { .. }
            | Self::SubjectsNotReadable => 502,
        }
    }

    pub(super) fn code(&self) -> Code {
        match self {
            Self::Unreachable | Self::NotReady => Code::ServiceNetworkError,
            Self::TimedOut { .. } | Self::Cut => Code::ServiceIoError,
            Self::TooLarge { .. } | Self::NotAsDescribed => Code::ServiceInvalidResponse,
            Self::NotUnderstood => Code::ServiceHttpError,
            Self::BadRequest => Code::ServiceBadRequest,
            Self::NotFound => Code::ServiceNotFound,
            Self::FieldsNotEnforceable { .. } => Code::FieldsNotEnforceable,
            Self::SubjectsNotReadable => Code::SubjectsNotReadable,
        }
    }

    pub(super) fn retry_after(&self) -> Option<u32> {
        matches!(self, Self::Unreachable | Self::NotReady).then_some(SERVICE_RETRY_S)
    }

    pub(super) fn explain(&self) -> Explanation {
        let (what, rule, help) = match self {
            Self::Unreachable => (
                "The registry can't be reached; it was not called.".to_owned(),
                "connection to the registry",
                "asking again later",
            ),
            Self::NotReady => (
                "The registry is not ready; it was not called.".to_owned(),
                "readiness of the registry",
                "asking again later",
            ),
            Self::TimedOut { after_s } => (
                format!(
                    "The registry did not answer within {after_s} seconds; \
                     whether the request had its effect is not known."
                ),
                "time for an answer",
                "asking again if the request only reads; else asking the provider",
            ),
            Self::Cut => (
                "The registry's answer ended early.".to_owned(),
                "complete answers",
                "telling the provider",
            ),
            Self::TooLarge { limit_bytes } => (
                format!("The registry's answer is larger than {limit_bytes} bytes."),
                "size of an answer",
                "asking for less",
            ),
            Self::NotUnderstood => (
                "The registry's answer is not understood.".to_owned(),
                "form of an answer",
                "telling the provider",
            ),
            Self::NotAsDescribed => (
                "The registry's answer is not as the service's description says.".to_owned(),
                "description of the service",
                "telling the provider",
            ),
            Self::BadRequest => (
                "The request is not as the service's description says.".to_owned(),
                "description of the service",
                "the description, which getOpenAPI gives",
            ),
            Self::NotFound => (
                "The service has nothing under this path.".to_owned(),
                "description of the service",
                "the description, which getOpenAPI gives",
            ),
            Self::FieldsNotEnforceable { reason } => (
                format!(
                    "The registry's answer can't be cut to the fields of the contract: {reason}."
                ),
                "fields of the contract",
                "an answer in plain JSON from the registry, or a contract for all fields",
            ),
            Self::SubjectsNotReadable => (
                "The registry's answer does not say whom it concerns.".to_owned(),
                "subjects of the contract",
                "a contract that declares subjects as the registry answers",
            ),
        };
        Explanation::new(what, rule, REGISTRY, help)
    }
}
