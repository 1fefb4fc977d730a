//! Refusals of the caller's message, of the caller, and of what does not exist.

use std::fmt::Display;

use super::code::Code;
use super::explain::Explanation;
use crate::fields::FieldError;

/// Says what is wrong with the caller's message beyond its line and fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestFault {
    /// A method that is not carried, CONNECT among them.
    Method,
    /// The body is larger than the limit.
    BodyTooLarge {
        /// The limit.
        limit_bytes: u64,
    },
    /// The request line and fields are larger than the limit.
    HeadTooLarge {
        /// The limit.
        limit_bytes: u64,
    },
    /// The body ended before its announced length, or did not come in time.
    BodyIncomplete,
    /// A media type that can't be carried here.
    MediaType {
        /// What can be.
        accepted: &'static str,
    },
    /// The body is not the one that the caller's `Content-Digest` names.
    DigestDiffers,
    /// The node named by `X-Road-Security-Server` does not serve the provider.
    SecurityServer,
    /// A request with the same Idempotency-Key is still being answered.
    IdempotencyKeyInFlight,
    /// The first request with this Idempotency-Key ended without a known outcome.
    OutcomeUnknown,
    /// The Idempotency-Key was used with another content.
    IdempotencyKeyReused,
}

/// Says why the caller may not speak for the client it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallerFault {
    /// No valid credentials.
    NotAuthenticated,
    /// Valid credentials of somebody who does not own the subsystem in `X-Road-Client`.
    NotOwner,
}

/// Says what does not exist, as far as this caller may know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// No such member in the directory.
    Member,
    /// The member has no such subsystem.
    Subsystem,
    /// The member has no node.
    Node,
    /// The subsystem has no such service.
    Service,
    /// The service exists and is not published to this caller: told as [`Unknown::Service`].
    Hidden,
    /// The service has no description.
    Description,
    /// No exchange of this caller has this id.
    Exchange,
}

const SENDER: &str = "the developer of the calling system";

/// After this time a request with the same key has usually been answered.
const IN_FLIGHT_RETRY_S: u32 = 1;

impl RequestFault {
    pub(super) fn status(&self) -> u16 {
        match self {
            Self::Method | Self::BodyIncomplete | Self::DigestDiffers | Self::SecurityServer => 400,
            Self::IdempotencyKeyInFlight | Self::OutcomeUnknown => 409,
            Self::BodyTooLarge { .. } => 413,
            Self::MediaType { .. } => 415,
            Self::IdempotencyKeyReused => 422,
            Self::HeadTooLarge { .. } => 431,
        }
    }

    pub(super) fn code(&self) -> Code {
        match self {
            Self::Method => Code::InvalidHttpMethod,
            Self::BodyTooLarge { .. } | Self::BodyIncomplete | Self::DigestDiffers => {
                Code::InvalidBody
            }
            Self::HeadTooLarge { .. } => Code::BadRequest,
            Self::MediaType { .. } => Code::InvalidContentType,
            Self::SecurityServer => Code::InvalidSecurityServer,
            Self::IdempotencyKeyInFlight => Code::IdempotencyKeyInFlight,
            Self::OutcomeUnknown => Code::OutcomeUnknown,
            Self::IdempotencyKeyReused => Code::IdempotencyKeyReused,
        }
    }

    pub(super) fn retry_after(&self) -> Option<u32> {
        matches!(self, Self::IdempotencyKeyInFlight).then_some(IN_FLIGHT_RETRY_S)
    }

    pub(super) fn explain(&self) -> Explanation {
        let (what, rule, help) = match self {
            Self::Method => (
                "The method is not carried.".to_owned(),
                "methods",
                "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT or TRACE",
            ),
            Self::BodyTooLarge { limit_bytes } => (
                format!("The body is larger than {limit_bytes} bytes."),
                "size of a body",
                "a smaller body, or a higher limit set by the operator of this node",
            ),
            Self::HeadTooLarge { limit_bytes } => (
                format!("The request line and fields are larger than {limit_bytes} bytes."),
                "size of a head",
                "fewer or shorter fields",
            ),
            Self::BodyIncomplete => (
                "The body ended early or did not come in time.".to_owned(),
                "complete bodies",
                "sending the whole body without a pause",
            ),
            Self::MediaType { accepted } => (
                format!("The Content-Type can't be carried; accepted is {accepted}."),
                "media types",
                "another Content-Type",
            ),
            Self::DigestDiffers => (
                "The body is not the one that Content-Digest names.".to_owned(),
                "digest of the body",
                "sending the digest of the body as it is on the wire",
            ),
            Self::SecurityServer => (
                "The node named in X-Road-Security-Server does not serve this provider.".to_owned(),
                "nodes of the provider",
                "leaving X-Road-Security-Server out",
            ),
            Self::IdempotencyKeyInFlight => (
                "A request with this Idempotency-Key is still being answered.".to_owned(),
                "one effect for one key",
                "waiting, then sending the same request again",
            ),
            Self::OutcomeUnknown => (
                "An earlier request with this Idempotency-Key may or may not have had its effect; \
                 it is never repeated."
                    .to_owned(),
                "one effect for one key",
                "asking the registry what it holds, then a new key",
            ),
            Self::IdempotencyKeyReused => (
                "This Idempotency-Key was used with another content.".to_owned(),
                "one content for one key",
                "a new key for each new request",
            ),
        };
        Explanation::new(what, rule, SENDER, help)
    }
}

impl CallerFault {
    pub(super) fn explain(self) -> Explanation {
        match self {
            Self::NotAuthenticated => Explanation::Short("The caller is not authenticated."),
            Self::NotOwner => Explanation::new(
                "The credentials are valid and do not own the subsystem in X-Road-Client.",
                "owner of the client",
                "the operator of this node",
                "naming a subsystem of your own, or having these credentials registered for it",
            ),
        }
    }
}

impl Unknown {
    pub(super) fn code(self) -> Code {
        match self {
            Self::Member | Self::Subsystem => Code::UnknownMember,
            Self::Node => Code::UnknownHost,
            Self::Service | Self::Hidden => Code::UnknownService,
            Self::Description | Self::Exchange => Code::NotFound,
        }
    }

    pub(super) fn explain(self) -> Explanation {
        let (what, rule, who, help) = match self {
            Self::Member => (
                "The directory lists no such member.",
                "members of the directory",
                "the authority of the directory",
                "a member from /listClients",
            ),
            Self::Subsystem => (
                "The member has no such subsystem.",
                "members of the directory",
                "the member that was named",
                "a subsystem from /listClients",
            ),
            Self::Node => (
                "The member has no node in the directory.",
                "nodes of the directory",
                "the member that was named",
                "asking the member when its node will be listed",
            ),
            // One text for both: nobody learns of a service that is not published to them.
            Self::Service | Self::Hidden => (
                "The subsystem has no such service.",
                "services of the provider",
                "the member that was named",
                "a service from its listMethods",
            ),
            Self::Description => (
                "The service has no OpenAPI description.",
                "descriptions of services",
                "the member that provides the service",
                "asking the provider for a description",
            ),
            Self::Exchange => (
                "This node has no exchange of yours with this id.",
                "receipts of the caller's own exchanges",
                "nobody",
                "the value of X-Road-Request-Id in the answer you received",
            ),
        };
        Explanation::new(what, rule, who, help)
    }
}

/// Names a field fault.
pub(super) fn field_code(error: &FieldError) -> Code {
    match error {
        FieldError::Missing { .. } => Code::MissingHeaderField,
        FieldError::Repeated { .. } => Code::DuplicateHeaderField,
        FieldError::Identity {
            name: "X-Road-Client",
            ..
        } => Code::InvalidClientIdentifier,
        FieldError::Identity {
            name: "X-Road-Security-Server",
            ..
        } => Code::InvalidSecurityServer,
        FieldError::Line
        | FieldError::TooMany { .. }
        | FieldError::TooLong { .. }
        | FieldError::ValueTooLong { .. }
        | FieldError::Underscore
        | FieldError::NotVisible { .. }
        | FieldError::BothFramings
        | FieldError::Framing
        | FieldError::Connection
        | FieldError::Upgrade
        | FieldError::Identity { .. }
        | FieldError::ContentDigest
        | FieldError::Secrets => Code::BadRequest,
    }
}

/// Explains a fault of the request line or of a field.
pub(super) fn explain_edge(error: &impl Display) -> Explanation {
    Explanation::new(
        format!("The request is malformed: {error}."),
        "what may enter a node",
        SENDER,
        "sending the request as the message protocol says",
    )
}
