//! Contracts: what a provider allows a consumer.
//!
//! A contract is a file. It is refused as a whole if it holds anything this version can't enforce, so that
//! no promise of a contract is silently dropped: unknown fields, other versions, `consent`, `user_token`
//! and `sealed` that are true. Under `signatures` stands what its two members have said of it, each word under
//! that member's seal ([`Agreement`]); [`load`] takes a file that nobody has signed, and no other.

use std::fmt;
use std::sync::Arc;

use crate::identity::{ServiceId, SubsystemId};
use crate::leaf::{EvidenceMode, UnixMillis};

pub mod agreement;
mod document;
pub mod fault;
mod form;
pub mod hours;
pub mod locator;
pub mod mask;
pub mod pattern;
pub mod statement;

pub use agreement::{Agreement, SealedBy, Seals, Signed, State};
pub(crate) use document::READING_METHODS;
pub use document::{CONTRACT_LIMIT_BYTES, METHODS, SIGNED_LIMIT_BYTES, load, terms};
pub use fault::{ContractFault, Fault};
pub use statement::{Action, SEAL_LIMIT_BYTES, Statement, StatementFault};

use hours::Hours;
use locator::Locator;
use mask::FieldMask;
use pattern::Pattern;

/// A contract that was loaded without faults. Only [`load`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contract {
    id: String,
    title: String,
    consumer: Party,
    provider: SubsystemId,
    service: ServiceId,
    endpoints: Vec<Arc<Endpoint>>,
    purposes: Grounds,
    legal_basis: Grounds,
    fields: Option<FieldMask>,
    quota: Quota,
    hours: Option<Hours>,
    evidence: EvidenceMode,
    is_read_only: bool,
    demands_plain_signatures: bool,
    start: UnixMillis,
    end: UnixMillis,
    contact: String,
    canonical: Vec<u8>,
    digest: [u8; 32],
    reference: String,
}

/// Whom a contract allows something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Party {
    /// One subsystem.
    Subsystem(SubsystemId),
    /// Every subsystem of a group of the directory.
    GlobalGroup(String),
    /// Every subsystem of a group the provider keeps itself.
    LocalGroup(String),
}

/// One kind of request a contract allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    method: String,
    path: Pattern,
    query: Vec<String>,
    allows_semicolons: bool,
    subjects: Vec<Locator>,
}

/// The purposes, or the legal bases, a request must name one of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grounds {
    /// The contract does not ask. What a request says is then not recorded either.
    Any,
    /// One of these must be named; the list is never empty.
    Listed(Vec<Ground>),
}

/// A purpose or a legal basis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ground {
    /// What a request writes.
    pub code: String,
    /// What people read.
    pub title: String,
}

/// How many exchanges each consuming subsystem may have, by calendar hour and day in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Exchanges an hour, at least 1.
    pub per_hour: u64,
    /// Exchanges a day, at least 1.
    pub per_day: u64,
}

impl Contract {
    /// Returns the id. Its two members share it: others may use the same one for their own contracts.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Tells whether both may be versions of one contract: the same id between the same two members. Who is in a group
    /// is not known here, so a group's contract may be with anybody.
    pub fn is_version_of(&self, other: &Self) -> bool {
        let is_pair = match (&self.consumer, &other.consumer) {
            (Party::Subsystem(own), Party::Subsystem(others)) => own.member() == others.member(),
            _ => true,
        };
        self.id == other.id && self.provider.member() == other.provider.member() && is_pair
    }

    /// Returns the title people read.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Returns whom the contract allows something.
    pub fn consumer(&self) -> &Party {
        &self.consumer
    }

    /// Returns the providing subsystem.
    pub fn provider(&self) -> &SubsystemId {
        &self.provider
    }

    /// Returns the service, with its provider.
    pub fn service(&self) -> &ServiceId {
        &self.service
    }

    /// Returns the code of the service.
    pub fn service_code(&self) -> &str {
        self.service.code()
    }

    /// Returns the endpoints, in the contract's order.
    pub fn endpoints(&self) -> &[Arc<Endpoint>] {
        &self.endpoints
    }

    /// Returns the purposes a request may have.
    pub fn purposes(&self) -> &Grounds {
        &self.purposes
    }

    /// Returns the legal bases a request may have.
    pub fn legal_basis(&self) -> &Grounds {
        &self.legal_basis
    }

    /// Returns the fields that may leave, or none if whole answers may leave.
    pub fn fields(&self) -> Option<&FieldMask> {
        self.fields.as_ref()
    }

    /// Returns how many exchanges each consumer may have.
    pub fn quota(&self) -> &Quota {
        &self.quota
    }

    /// Returns the weekly hours, or none if all hours are allowed.
    pub fn hours(&self) -> Option<&Hours> {
        self.hours.as_ref()
    }

    /// Returns how much of each exchange is kept as evidence.
    pub fn evidence_mode(&self) -> EvidenceMode {
        self.evidence
    }

    /// Tells whether only GET, HEAD and OPTIONS are allowed, whatever an endpoint says.
    pub fn is_read_only(&self) -> bool {
        self.is_read_only
    }

    /// Tells whether each request and answer must be signed on its own, as RFC 9421 says, and none in a batch.
    pub fn demands_plain_signatures(&self) -> bool {
        self.demands_plain_signatures
    }

    /// Returns the first moment at which the contract allows anything.
    pub fn start(&self) -> UnixMillis {
        self.start
    }

    /// Returns the first moment at which it no longer does.
    pub fn end(&self) -> UnixMillis {
        self.end
    }

    /// Returns whom to ask about the contract.
    pub fn contact(&self) -> &str {
        &self.contact
    }

    /// Returns the contract's canonical bytes, which [`Self::digest`] digests.
    ///
    /// Standard: RFC 8785 §3.
    pub fn canonical(&self) -> &[u8] {
        &self.canonical
    }

    /// Returns the SHA-256 of the canonical bytes: the version of the contract.
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// Returns `{id}@{base64url digest}`, as it stands in `Bridge-Contract` and in leaves.
    pub fn reference(&self) -> &str {
        &self.reference
    }
}

impl Endpoint {
    /// Returns the method, or `*` for all that are carried.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// Returns the pattern of the path behind the service.
    pub fn path(&self) -> &Pattern {
        &self.path
    }

    /// Returns the query names a request may use.
    pub fn query(&self) -> &[String] {
        &self.query
    }

    /// Tells whether the path may hold `;`; even then no segment may be `..` up to its first `;`.
    pub fn allows_semicolons(&self) -> bool {
        self.allows_semicolons
    }

    /// Returns where the exchange names its subjects; empty if the contract says there are none.
    pub fn subjects(&self) -> &[Locator] {
        &self.subjects
    }

    /// Tells whether the endpoint allows the method.
    pub fn allows_method(&self, method: &str) -> bool {
        self.method == method || (self.method == "*" && METHODS.contains(&method))
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Subsystem(id) => write!(f, "subsystem:{id}"),
            Self::GlobalGroup(code) => write!(f, "global_group:{code}"),
            Self::LocalGroup(code) => write!(f, "local_group:{code}"),
        }
    }
}

impl Grounds {
    /// Returns the listed one of that code.
    pub fn find(&self, code: &str) -> Option<&Ground> {
        match self {
            Self::Any => None,
            Self::Listed(grounds) => grounds.iter().find(|ground| ground.code == code),
        }
    }
}

#[cfg(test)]
mod tests;
