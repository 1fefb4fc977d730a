//! The limits whose reaching is counted, under the names that the settings give them.

use bridge_core::fields::FieldError;
use bridge_core::refusal::{LinkFault, NodeFault, Refusal, RequestFault, ServiceFault};
use bridge_core::target::TargetError;

use crate::settings::Limits;

/// A limit of the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// A body was longer than any may be.
    BodyBytes,
    /// A head was longer than any may be.
    HeadBytes,
    /// A head had more fields than any may have.
    Fields,
    /// A head was not there in time.
    HeadSeconds,
    /// A TLS handshake was not done in time.
    HandshakeSeconds,
    /// An exchange was not done in time.
    ExchangeSeconds,
    /// The other side moved too little of a body or an answer in too much time.
    Pace,
    /// A stranger's connection had to leave for a newer one.
    Strangers,
    /// A party wanted more connections than its share.
    Connections,
    /// All places for exchanges were taken, or a party's share of them.
    Exchanges,
    /// Room for spooled bodies was used up: the node's, or its owner's part.
    Spool,
    /// The disk was down to its reserve.
    DiskReserve,
    /// Log lines of a minute were left out.
    LogLinesPerMinute,
    /// An authority's answer was longer than any may be.
    StampBytes,
    /// An authority did not answer in time.
    StampSeconds,
    /// A revocation list, or an answer about a certificate.
    StatusBytes,
    /// A source of either took too long.
    StatusSeconds,
    /// A member got more refusals in a minute than have leaves of their own.
    RefusalsPerMinute,
    /// A member asked for more pages of leaves in a minute than it may.
    AuditPagesPerMinute,
    /// So many receipts of other nodes waited to be proven that no more were read.
    ReceiptsPending,
    /// No further Idempotency-Key could be remembered, of one client or at all.
    IdempotencyKeys,
    /// A submission to the witness was longer than any may be.
    WitnessRequestBytes,
    /// A member sent the witness more submissions in a minute than are looked at.
    WitnessRequestsPerMinute,
    /// A contract file from another node was longer than any may be.
    ContractBytes,
    /// A member brought more contract files in a minute than are looked at.
    ContractFilesPerMinute,
    /// A member proposes more than waits for an answer already.
    ContractsWaiting,
}

// === impl Limit ===

impl Limit {
    /// All of them.
    pub const ALL: [Self; 26] = [
        Self::BodyBytes,
        Self::HeadBytes,
        Self::Fields,
        Self::HeadSeconds,
        Self::HandshakeSeconds,
        Self::ExchangeSeconds,
        Self::Pace,
        Self::Strangers,
        Self::Connections,
        Self::Exchanges,
        Self::Spool,
        Self::DiskReserve,
        Self::LogLinesPerMinute,
        Self::StampBytes,
        Self::StampSeconds,
        Self::StatusBytes,
        Self::StatusSeconds,
        Self::RefusalsPerMinute,
        Self::AuditPagesPerMinute,
        Self::ReceiptsPending,
        Self::IdempotencyKeys,
        Self::WitnessRequestBytes,
        Self::WitnessRequestsPerMinute,
        Self::ContractBytes,
        Self::ContractFilesPerMinute,
        Self::ContractsWaiting,
    ];

    /// The key under `[limits]`; `spool` and `idempotency_keys` stand for both of their keys, `stall_seconds` also for the
    /// slowest rate.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BodyBytes => "body_bytes",
            Self::HeadBytes => "head_bytes",
            Self::Fields => "fields",
            Self::HeadSeconds => "head_seconds",
            Self::HandshakeSeconds => "handshake_seconds",
            Self::ExchangeSeconds => "exchange_seconds",
            Self::Pace => "stall_seconds",
            Self::Strangers => "strangers",
            Self::Connections => "connections",
            Self::Exchanges => "exchanges",
            Self::Spool => "spool",
            Self::DiskReserve => "disk_reserve_bytes",
            Self::LogLinesPerMinute => "log_lines_per_minute",
            Self::StampBytes => "stamp_bytes",
            Self::StampSeconds => "stamp_seconds",
            Self::StatusBytes => "status_bytes",
            Self::StatusSeconds => "status_seconds",
            Self::RefusalsPerMinute => "refusals_per_minute",
            Self::AuditPagesPerMinute => "audit_pages_per_minute",
            Self::ReceiptsPending => "receipts_pending",
            Self::IdempotencyKeys => "idempotency_keys",
            Self::WitnessRequestBytes => "witness_request_bytes",
            Self::WitnessRequestsPerMinute => "witness_requests_per_minute",
            Self::ContractBytes => "contract_bytes",
            Self::ContractFilesPerMinute => "contract_files_per_minute",
            Self::ContractsWaiting => "contracts_waiting",
        }
    }

    /// What the settings allow.
    pub(super) fn value(self, limits: &Limits) -> u64 {
        match self {
            Self::BodyBytes => limits.body_bytes,
            Self::HeadBytes => limits.head_bytes as u64,
            Self::Fields => limits.fields as u64,
            Self::HeadSeconds => limits.head_timeout.as_secs(),
            Self::HandshakeSeconds => limits.handshake_timeout.as_secs(),
            Self::ExchangeSeconds => limits.exchange_timeout.as_secs(),
            Self::Pace => limits.stall.as_secs(),
            Self::Strangers => limits.strangers as u64,
            Self::Connections => limits.connections as u64,
            Self::Exchanges => limits.exchanges as u64,
            Self::Spool => limits.spool_node_bytes,
            Self::DiskReserve => limits.disk_reserve_bytes,
            Self::LogLinesPerMinute => limits.log_lines_per_minute,
            Self::StampBytes => limits.stamp_bytes as u64,
            Self::StampSeconds => limits.stamp_timeout.as_secs(),
            Self::StatusBytes => limits.status_bytes as u64,
            Self::StatusSeconds => limits.status_timeout.as_secs(),
            Self::RefusalsPerMinute => limits.refusals_per_minute,
            Self::AuditPagesPerMinute => limits.audit_pages_per_minute,
            Self::ReceiptsPending => limits.receipts_pending as u64,
            Self::IdempotencyKeys => limits.idempotency_keys as u64,
            Self::WitnessRequestBytes => limits.witness_request_bytes as u64,
            Self::WitnessRequestsPerMinute => limits.witness_requests_per_minute,
            Self::ContractBytes => limits.contract_bytes as u64,
            Self::ContractFilesPerMinute => limits.contract_files_per_minute,
            Self::ContractsWaiting => limits.contracts_waiting as u64,
        }
    }

    /// The limit that a refusal tells of.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "most refusals are of no limit; a test names those that are"
    )]
    pub(super) fn of(refusal: &Refusal) -> Option<Self> {
        match refusal {
            Refusal::Request(RequestFault::HeadTooLarge { .. })
            | Refusal::Malformed(TargetError::TooLong { .. })
            | Refusal::Field(FieldError::TooLong { .. }) => Some(Self::HeadBytes),
            Refusal::Field(FieldError::TooMany { .. }) => Some(Self::Fields),
            Refusal::Request(RequestFault::BodyTooLarge { .. })
            | Refusal::Link(LinkFault::TooLarge { .. })
            | Refusal::Service(ServiceFault::TooLarge { .. }) => Some(Self::BodyBytes),
            Refusal::Link(LinkFault::TimedOut { .. }) => Some(Self::ExchangeSeconds),
            Refusal::Node(NodeFault::Overloaded) => Some(Self::Exchanges),
            Refusal::Node(NodeFault::SpoolRoom | NodeFault::SpoolShare) => Some(Self::Spool),
            Refusal::Node(NodeFault::IdempotencyKeys) => Some(Self::IdempotencyKeys),
            Refusal::Node(NodeFault::DiskReserve) => Some(Self::DiskReserve),
            _ => None,
        }
    }
}
