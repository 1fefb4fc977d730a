//! Answers that say no, and explain themselves.
//!
//! Every refusal has an X-Road 7.8 type, a fitting HTTP status, the party at fault, sometimes a time
//! after which to try again, and a sentence for the caller: what was refused, by which rule, who can
//! change that, what would help. None repeats a value of a body, a path, a query or a person's code;
//! `401` says nothing more than that; a hidden service is refused exactly like an unknown one.
//!
//! ```
//! use bridge_core::accept::Language;
//! use bridge_core::leaf::Side;
//! use bridge_core::refusal::{Refusal, Unknown};
//!
//! let refusal = Refusal::Unknown(Unknown::Hidden);
//! assert_eq!(refusal.status(), 404);
//! assert_eq!(refusal.code(Side::Provider), "server.serverproxy.unknown_service");
//! for language in Language::ALL {
//!     assert_eq!(refusal.message(language), Refusal::Unknown(Unknown::Service).message(language));
//! }
//! ```
//!
//! # Words
//!
//! One word for one thing, in both languages: node qovşaq · member üzv · subsystem altsistem · service xidmət · provider
//! təchizatçı · client müştəri · registry reyestr · contract müqavilə · purpose məqsəd · legal basis hüquqi əsas · request
//! sorğu · answer cavab · message mesaj · field sahə · body gövdə · path yol · exchange mübadilə · journal jurnal · evidence
//! sübut · receipt qəbz · directory kataloq · catalogue vahid siyahı · signature imza · key açar · certificate sertifikat · credentials giriş məlumatları
//! · operator operator · security officer təhlükəsizlik üzrə məsul şəxs · to refuse rədd etmək. Names of fields, methods and calls
//! stay as they are on the wire, with a noun behind them that takes the suffix: `X-Road-Client sahəsində`.

use std::fmt;

use crate::accept::Language;
use crate::fields::FieldError;
use crate::identity::{MemberId, SubsystemId};
use crate::leaf::Side;
use crate::quota::Window;
use crate::target::TargetError;

mod body;
mod code;
mod edge;
mod explain;
mod link;
mod node;
mod order;
mod peer;
mod policy;
mod request;
mod samples;
mod service;

use code::Code;
use explain::Explanation;

pub use body::{ErrorBody, camel_case, x_road_status};
pub use link::LinkFault;
pub use node::NodeFault;
pub use order::{Notice, Stop};
pub use peer::PeerFault;
pub use policy::{ContractName, Denial};
pub use request::{CallerFault, RequestFault, Unknown};
pub use service::{NotCut, ServiceFault};

/// Says no to an exchange, and why. Grouped by what was judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The request line breaks the rules of the edge.
    Malformed(TargetError),
    /// A header field breaks the rules of the edge.
    Field(FieldError),
    /// Something else about the caller's message.
    Request(RequestFault),
    /// The caller is not who may ask.
    Caller(CallerFault),
    /// What was asked for does not exist, or not for this caller.
    Unknown(Unknown),
    /// No contract between the caller and the provider of a published service.
    NoContract {
        /// Whom to ask for one.
        provider: SubsystemId,
    },
    /// The directory demands that services are approved, and this one is not.
    NotApproved {
        /// Whether it was, and has been retired since.
        is_retired: bool,
        /// Who approves, if the directory names anybody.
        ministry: Option<MemberId>,
    },
    /// A contract exists and does not allow this.
    Denied {
        /// The rule that says no.
        rule: Denial,
        /// The contract the rule stands in; the caller is a party to it.
        contract: ContractName,
    },
    /// The contract's quota is used up.
    Quota {
        /// The contract the quota stands in.
        contract: ContractName,
        /// The window in which requests are counted.
        per: Window,
        /// Requests allowed in that time.
        limit: u64,
        /// Seconds until the next request is allowed.
        retry_after_s: u32,
    },
    /// The two ends hold different versions of the contract.
    ContractVersions {
        /// `{id}@{digest}` as this node holds it, if it holds any.
        ours: Option<String>,
        /// `{id}@{digest}` as the request names it.
        theirs: String,
    },
    /// A peer's request is not genuine, not fresh, or not the peer's to make.
    PeerRequest(PeerFault),
    /// A peer's answer is not genuine, not fresh, or not the peer's to make.
    PeerAnswer(PeerFault),
    /// The way to the peer, or the shape of what came back.
    Link(LinkFault),
    /// The registry behind the adapter.
    Service(ServiceFault),
    /// This node can't give evidence or trust now.
    Node(NodeFault),
}

/// Says whose doing a refusal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fault {
    /// Whoever sent the request: it must be changed.
    Caller,
    /// Nobody: the rules say no.
    Policy,
    /// The other node, or the way to it.
    Peer,
    /// The registry behind the provider's adapter.
    Service,
    /// This node.
    Node,
}

impl Fault {
    /// Returns the fault as a lower-case word, for metrics and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Policy => "policy",
            Self::Peer => "peer",
            Self::Service => "service",
            Self::Node => "node",
        }
    }
}

impl Refusal {
    /// The contract that refuses; `None` if none does.
    pub fn contract(&self) -> Option<&ContractName> {
        if let Self::Denied { contract, .. } | Self::Quota { contract, .. } = self {
            Some(contract)
        } else {
            None
        }
    }

    /// Returns the error type, also the value of `X-Road-Error`: `server.clientproxy.*` where the
    /// consumer's node refuses, `server.serverproxy.*` where the provider's does.
    pub fn code(&self, side: Side) -> &'static str {
        self.kind().of(side)
    }

    /// Returns the HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            Self::Malformed(TargetError::TooLong { .. })
            | Self::Field(FieldError::TooMany { .. } | FieldError::TooLong { .. }) => 431,
            Self::Malformed(_) | Self::Field(_) => 400,
            Self::Request(fault) => fault.status(),
            Self::Caller(CallerFault::NotAuthenticated) => 401,
            Self::Caller(CallerFault::NotOwner)
            | Self::NoContract { .. }
            | Self::NotApproved { .. }
            | Self::Denied { .. } => 403,
            Self::Unknown(_) => 404,
            Self::ContractVersions { .. } => 409,
            Self::Quota { .. } => 429,
            Self::PeerRequest(fault) => fault.status(),
            Self::PeerAnswer(_) => 502,
            Self::Link(fault) => fault.status(),
            Self::Service(fault) => fault.status(),
            Self::Node(fault) => fault.status(),
        }
    }

    /// Returns whose doing it is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::NoContract { .. }
            | Self::NotApproved { .. }
            | Self::Denied { .. }
            | Self::Quota { .. }
            | Self::ContractVersions { .. }
            | Self::Unknown(Unknown::Hidden)
            | Self::Node(NodeFault::Stopped { .. } | NodeFault::Maintenance { .. }) => {
                Fault::Policy
            }
            Self::Malformed(_)
            | Self::Field(_)
            | Self::Request(_)
            | Self::Caller(_)
            | Self::Unknown(_)
            | Self::Service(ServiceFault::BadRequest | ServiceFault::NotFound) => Fault::Caller,
            Self::PeerRequest(_) | Self::PeerAnswer(_) | Self::Link(_) => Fault::Peer,
            Self::Service(_) => Fault::Service,
            Self::Node(_) => Fault::Node,
        }
    }

    /// Says whether the message broke the rules of the edge: then nobody can be sure where it ends, and what follows it on its
    /// connection must not be read as a request.
    pub fn ends_connection(&self) -> bool {
        matches!(self, Self::Malformed(_) | Self::Field(_))
    }

    /// Returns the seconds after which trying again makes sense: the value of `Retry-After`.
    pub fn retry_after(&self) -> Option<u32> {
        match self {
            Self::Quota { retry_after_s, .. } => Some(*retry_after_s),
            Self::Request(fault) => fault.retry_after(),
            Self::Link(fault) => fault.retry_after(),
            Self::Service(fault) => fault.retry_after(),
            Self::Node(fault) => fault.retry_after(),
            Self::Malformed(_)
            | Self::Field(_)
            | Self::Caller(_)
            | Self::Unknown(_)
            | Self::NoContract { .. }
            | Self::NotApproved { .. }
            | Self::Denied { .. }
            | Self::ContractVersions { .. }
            | Self::PeerRequest(_)
            | Self::PeerAnswer(_) => None,
        }
    }

    /// Returns the public explanation: what was refused, the rule, who can change it, what would help.
    pub fn message(&self, language: Language) -> String {
        self.explain().told(language)
    }

    fn kind(&self) -> Code {
        match self {
            Self::Malformed(_) => Code::BadRequest,
            Self::Field(error) => edge::field_code(error),
            Self::Request(fault) => fault.code(),
            Self::Caller(_) => Code::SslAuthenticationFailed,
            Self::Unknown(unknown) => unknown.code(),
            Self::NoContract { .. } | Self::Denied { .. } => Code::AccessDenied,
            Self::NotApproved { .. } => Code::ServiceNotApproved,
            Self::Quota { .. } => Code::QuotaExceeded,
            Self::ContractVersions { .. } => Code::ContractVersionsDiffer,
            Self::PeerRequest(fault) | Self::PeerAnswer(fault) => fault.code(),
            Self::Link(fault) => fault.code(),
            Self::Service(fault) => fault.code(),
            Self::Node(fault) => fault.code(),
        }
    }

    fn explain(&self) -> Explanation {
        match self {
            Self::Malformed(error) => edge::explain_target(error),
            Self::Field(error) => edge::explain_field(error),
            Self::Request(fault) => fault.explain(),
            Self::Caller(fault) => fault.explain(),
            Self::Unknown(unknown) => unknown.explain(),
            Self::NoContract { provider } => policy::explain_no_contract(provider),
            Self::NotApproved {
                is_retired,
                ministry,
            } => policy::explain_not_approved(*is_retired, ministry.as_ref()),
            Self::Denied { rule, contract } => rule.explain(contract),
            Self::Quota {
                contract,
                per,
                limit,
                retry_after_s,
            } => policy::explain_quota(contract, *per, *limit, *retry_after_s),
            Self::ContractVersions { ours, theirs } => {
                policy::explain_versions(ours.as_deref(), theirs)
            }
            Self::PeerRequest(fault) => fault.explain_request(),
            Self::PeerAnswer(fault) => fault.explain_answer(),
            Self::Link(fault) => fault.explain(),
            Self::Service(fault) => fault.explain(),
            Self::Node(fault) => fault.explain(),
        }
    }
}

impl fmt::Display for Refusal {
    /// Writes the explanation in the language of the log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message(Language::English))
    }
}

impl std::error::Error for Refusal {}

impl From<TargetError> for Refusal {
    fn from(error: TargetError) -> Self {
        Self::Malformed(error)
    }
}

impl From<FieldError> for Refusal {
    fn from(error: FieldError) -> Self {
        Self::Field(error)
    }
}

#[cfg(test)]
mod tests;
