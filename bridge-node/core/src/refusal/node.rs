//! Refusals because this node can't give evidence or trust now.

use super::code::Code;
use super::explain::{Explanation, clock};
use crate::identity::NodeId;

/// Says what this node lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeFault {
    /// The journal can't be written.
    Journal,
    /// The disk is kept free for refusals and closing checkpoints.
    DiskReserve,
    /// The directory has expired.
    DirectoryExpired {
        /// When, Unix seconds.
        expired_s: u64,
    },
    /// There is no directory yet.
    DirectoryMissing,
    /// The status of a certificate is not known, or too old.
    CertificateStatus,
    /// The last time-stamp is too old.
    TimeStamps,
    /// This node's clock can't be trusted.
    Clock,
    /// This node's TLS certificate is absent, expired or revoked.
    TlsIdentity,
    /// This node's exchange key or its certificate is absent, expired or revoked.
    ExchangeKey,
    /// The key store did not sign.
    Signing,
    /// An officer stopped this.
    Stopped {
        /// What was stopped.
        what: Stop,
        /// Its name.
        name: String,
        /// Since when, Unix seconds.
        since_s: u64,
        /// The node whose officer did it.
        by: Box<NodeId>,
    },
    /// The node is shutting down.
    Draining,
    /// The node, or the service, is in announced maintenance.
    Maintenance {
        /// When it ends, Unix seconds.
        until_s: u64,
        /// Seconds until then.
        retry_after_s: u32,
        /// What the operator announced.
        notice: Box<Notice>,
    },
    /// All places for exchanges are taken.
    Overloaded,
    /// The room that this node has for large bodies is taken.
    SpoolRoom,
    /// The part of that room that one client or peer may take is taken.
    SpoolShare,
    /// The node had to end before the exchange did: its outcome is not known.
    Interrupted,
    /// What was seen before the start is not known, so older messages are refused.
    ReplayMemory {
        /// When the node started, Unix seconds.
        started_s: u64,
    },
    /// The program is at fault.
    Internal,
}

/// Says what an officer stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// All exchange with a member.
    Member,
    /// All exchange under a contract.
    Contract,
    /// All calls of a service.
    Service,
}

/// An operator's own words to callers; empty where there are none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Notice {
    /// In English.
    pub en: String,
    /// In Azerbaijani.
    pub az: String,
}

impl Notice {
    /// The English words, or else those that there are.
    pub fn english(&self) -> &str {
        if self.en.is_empty() {
            &self.az
        } else {
            &self.en
        }
    }
}

const OPERATOR: &str = "the operator of this node";

/// After this time a node that drains has usually been followed by another.
const SHORT_RETRY_S: u32 = 5;
/// After this time something that is fetched again and again has usually been fetched.
const RETRY_S: u32 = 30;
/// After this time a person may have acted.
const LONG_RETRY_S: u32 = 300;

impl NodeFault {
    pub(super) fn status(&self) -> u16 {
        // A fault of the program is no promise that it will be gone after a while.
        if matches!(self, Self::Internal) {
            500
        } else {
            503
        }
    }

    pub(super) fn code(&self) -> Code {
        match self {
            Self::Journal | Self::DiskReserve => Code::LoggingFailed,
            Self::DirectoryExpired { .. } | Self::DirectoryMissing => Code::GlobalConfOutdated,
            Self::CertificateStatus => Code::OcspFailed,
            Self::TimeStamps => Code::TimestampingFailed,
            Self::Clock => Code::ClockNotTrusted,
            Self::TlsIdentity => Code::SslAuthenticationFailed,
            Self::ExchangeKey => Code::CertValidation,
            Self::Signing => Code::CannotCreateSignature,
            Self::Stopped { .. } => Code::ServiceDisabled,
            Self::Draining | Self::Maintenance { .. } => Code::MaintenanceMode,
            Self::Overloaded | Self::SpoolRoom | Self::SpoolShare => Code::Overloaded,
            Self::Interrupted => Code::IoError,
            Self::ReplayMemory { .. } => Code::NotFresh,
            Self::Internal => Code::InternalError,
        }
    }

    pub(super) fn retry_after(&self) -> Option<u32> {
        match self {
            Self::Draining | Self::Overloaded | Self::Interrupted => Some(SHORT_RETRY_S),
            Self::Journal
            | Self::DirectoryMissing
            | Self::CertificateStatus
            | Self::TimeStamps
            | Self::Signing
            | Self::SpoolRoom
            | Self::SpoolShare
            | Self::ReplayMemory { .. } => Some(RETRY_S),
            Self::DiskReserve
            | Self::DirectoryExpired { .. }
            | Self::Clock
            | Self::TlsIdentity
            | Self::ExchangeKey
            | Self::Stopped { .. } => Some(LONG_RETRY_S),
            Self::Maintenance { retry_after_s, .. } => Some(*retry_after_s),
            Self::Internal => None,
        }
    }

    pub(super) fn explain(&self) -> Explanation {
        let (rule, help) = self.rule_and_help();
        let who = if let Self::Stopped { by, .. } = self {
            format!("the security officer of {by}")
        } else {
            OPERATOR.to_owned()
        };
        Explanation::new(self.what(), rule, who, help)
    }

    fn what(&self) -> String {
        match self {
            Self::Journal => "The journal can't be written.",
            Self::DiskReserve => "The disk is too full to take new exchanges.",
            Self::DirectoryExpired { expired_s } => {
                return format!("The directory expired at {}.", clock(*expired_s));
            }
            Self::DirectoryMissing => "This node has no directory yet.",
            Self::CertificateStatus => "The status of a certificate is not known, or too old.",
            Self::TimeStamps => "The last time-stamp is too old.",
            Self::Clock => "This node's clock can't be trusted.",
            Self::TlsIdentity => "This node's TLS certificate is absent, expired or revoked.",
            Self::ExchangeKey => {
                "This node's exchange key or its certificate is absent, expired or revoked."
            }
            Self::Signing => "This node can't sign now.",
            Self::Stopped {
                what,
                name,
                since_s,
                ..
            } => {
                let what = match what {
                    Stop::Member => "Exchange with the member",
                    Stop::Contract => "Exchange under the contract",
                    Stop::Service => "Calls of the service",
                };
                return format!("{what} {name}: stopped since {}.", clock(*since_s));
            }
            Self::Draining => "This node is shutting down.",
            Self::Maintenance {
                until_s, notice, ..
            } => {
                let until = clock(*until_s);
                return match notice.english() {
                    "" => format!("In maintenance until {until}."),
                    words => format!("In maintenance until {until}. {words}"),
                };
            }
            Self::Overloaded => "All places for exchanges are taken.",
            Self::SpoolRoom => "The room for large bodies is taken.",
            Self::SpoolShare => {
                "The part of the room for large bodies that one client may take is taken."
            }
            Self::Interrupted => {
                "This node ended before the exchange did; whether the request had its effect is not known."
            }
            Self::ReplayMemory { started_s } => {
                let started = clock(*started_s);
                return format!(
                    "This node started at {started} and refuses messages created before."
                );
            }
            Self::Internal => "This node failed.",
        }
        .to_owned()
    }

    fn rule_and_help(&self) -> (&'static str, &'static str) {
        match self {
            Self::Journal => ("no journal, no exchange", "a disk that works"),
            Self::DiskReserve => ("space kept for closing the journal", "more space"),
            Self::DirectoryExpired { .. } | Self::DirectoryMissing => (
                "no valid directory, no exchange",
                "fetching the current directory",
            ),
            Self::CertificateStatus => (
                "no status, no exchange",
                "reaching the issuer's status service",
            ),
            Self::TimeStamps => ("no time, no exchange", "reaching a time-stamping authority"),
            Self::Clock => ("no time, no exchange", "setting the clock"),
            Self::TlsIdentity | Self::ExchangeKey => ("certificates", "a new certificate"),
            Self::Signing => ("every message is signed", "a key store that works"),
            Self::Stopped { .. } => ("stop", "asking the security officer why"),
            Self::Draining => (
                "a node that stops takes nothing new",
                "asking again in a few seconds",
            ),
            Self::Maintenance { .. } => ("maintenance", "asking again when it is over"),
            Self::Overloaded => (
                "places for exchanges",
                "asking again in a few seconds, and fewer requests at once",
            ),
            Self::SpoolRoom | Self::SpoolShare => (
                "room for large bodies",
                "asking again when other large bodies have passed",
            ),
            Self::Interrupted => (
                "time to finish before a stop",
                "asking again if the request only reads; else an Idempotency-Key, or asking the provider",
            ),
            Self::ReplayMemory { .. } => ("one message, one exchange", "sending it anew"),
            Self::Internal => (
                "no evidence, no exchange",
                "telling the operator the value of detail",
            ),
        }
    }
}
