//! One refusal of every kind, for tables and tests.

use super::{
    CallerFault, ContractName, Denial, LinkFault, NodeFault, NotCut, Notice, PeerFault, Refusal,
    RequestFault, ServiceFault, Stop, Unknown,
};
use crate::fields::FieldError;
use crate::identity::{IdentityError, NodeId, PartFault, PartRole, SubsystemId};
use crate::quota::Window;
use crate::target::{MetadataForm, QueryFault, SegmentFault, TargetError};

impl Refusal {
    /// Returns at least one refusal of every variant, in order of declaration. A test holds the list
    /// against the source, so a new variant without a sample does not pass.
    pub fn samples() -> Vec<Self> {
        let mut samples = Vec::new();
        samples.extend(target_errors().into_iter().map(Self::Malformed));
        samples.extend(field_errors().into_iter().map(Self::Field));
        samples.extend(request_faults().into_iter().map(Self::Request));
        samples.extend(
            [CallerFault::NotAuthenticated, CallerFault::NotOwner]
                .into_iter()
                .map(Self::Caller),
        );
        samples.extend(unknowns().into_iter().map(Self::Unknown));
        samples.extend(provider().map(|provider| Self::NoContract { provider }));
        samples.extend([provider(), None].map(|provider| Self::NotApproved {
            is_retired: provider.is_none(),
            ministry: provider.map(|provider| provider.member().clone()),
        }));
        samples.extend(denials().into_iter().map(|rule| Self::Denied {
            rule,
            contract: contract(),
        }));
        samples.extend([Window::Hour, Window::Day].map(|per| Self::Quota {
            contract: contract(),
            per,
            limit: 1000,
            retry_after_s: 754,
        }));
        let theirs = "C-2026-17@qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqo";
        let ours = "C-2026-17@u7u7u7u7u7u7u7u7u7u7u7u7u7u7u7u7u7u7u7u7u7s";
        samples.extend(
            [Some(ours.to_owned()), None].map(|ours| Self::ContractVersions {
                ours,
                theirs: theirs.to_owned(),
            }),
        );
        samples.extend(peer_faults().into_iter().map(Self::PeerRequest));
        samples.extend(peer_faults().into_iter().map(Self::PeerAnswer));
        samples.extend(link_faults().into_iter().map(Self::Link));
        samples.extend(service_faults().into_iter().map(Self::Service));
        samples.extend(node_faults().into_iter().map(Self::Node));
        samples
    }
}

const MOMENT_S: u64 = 1_795_300_000;

fn contract() -> ContractName {
    ContractName {
        id: "C-2026-17".to_owned(),
        reference: "C-2026-17@digest".to_owned(),
        contact: "registry@population.example".to_owned(),
    }
}

fn provider() -> Option<SubsystemId> {
    "AZ/GOV/1001/POPULATION".parse().ok()
}

fn target_errors() -> Vec<TargetError> {
    let mut errors = vec![
        TargetError::Line,
        TargetError::Version,
        TargetError::TooLong { limit_bytes: 8192 },
        TargetError::NotOriginForm,
        TargetError::NotVisible,
        TargetError::UnknownPath,
        TargetError::TooFewParts { found: 3 },
        TargetError::Identity(IdentityError::Parts { expected: 5 }),
        TargetError::Identity(IdentityError::Scheme),
        TargetError::Identity(IdentityError::NotCanonical),
    ];
    let part = |part, fault| TargetError::Identity(IdentityError::Part { part, fault });
    errors.extend(part_faults().map(|fault| part(PartRole::MemberCode, fault)));
    errors.extend(part_roles().map(|role| part(role, PartFault::Empty)));
    let faults = [
        SegmentFault::Empty,
        SegmentFault::Dots,
        SegmentFault::Escape,
        SegmentFault::NotUtf8,
        SegmentFault::Separator,
        SegmentFault::Control,
        SegmentFault::EncodedTwice,
    ];
    errors.extend(faults.map(|fault| TargetError::Segment { segment: 2, fault }));
    errors.push(TargetError::TooManySegments { limit: 64 });
    let faults = [
        QueryFault::Escape,
        QueryFault::NotUtf8,
        QueryFault::Control,
        QueryFault::Semicolon,
    ];
    errors.extend(faults.map(|fault| TargetError::Query {
        parameter: 1,
        fault,
    }));
    errors.push(TargetError::TooManyParameters { limit: 100 });
    let forms = [
        MetadataForm::Nothing,
        MetadataForm::ServiceCode,
        MetadataForm::Instance,
        MetadataForm::Attribute,
    ];
    errors.extend(forms.map(|takes| TargetError::Metadata { takes }));
    errors
}

fn part_faults() -> [PartFault; 8] {
    [
        PartFault::Empty,
        PartFault::TooLong,
        PartFault::Escape,
        PartFault::NotUtf8,
        PartFault::NotEncoded,
        PartFault::Dots,
        PartFault::Control,
        PartFault::Hidden,
    ]
}

fn part_roles() -> [PartRole; 9] {
    [
        PartRole::Instance,
        PartRole::MemberClass,
        PartRole::MemberCode,
        PartRole::SubsystemCode,
        PartRole::ServiceCode,
        PartRole::NodeCode,
        PartRole::GroupCode,
        PartRole::PartyClass,
        PartRole::PartyCode,
    ]
}

fn field_errors() -> Vec<FieldError> {
    let identity = |name| FieldError::Identity {
        name,
        fault: IdentityError::Parts { expected: 4 },
    };
    vec![
        FieldError::Line,
        FieldError::TooMany { limit: 100 },
        FieldError::TooLong {
            limit_bytes: 32_768,
        },
        FieldError::ValueTooLong {
            name: "X-Road-Id",
            limit_bytes: 255,
        },
        FieldError::Underscore,
        FieldError::Repeated {
            name: "x-road-client".to_owned(),
        },
        FieldError::NotVisible {
            name: "x-road-issue".to_owned(),
        },
        FieldError::BothFramings,
        FieldError::Framing,
        FieldError::Connection,
        FieldError::Upgrade,
        FieldError::Missing {
            name: "X-Road-Client",
        },
        identity("X-Road-Client"),
        identity("X-Road-Security-Server"),
        identity("X-Road-Represented-Party"),
        FieldError::ContentDigest,
        FieldError::Secrets,
    ]
}

fn request_faults() -> Vec<RequestFault> {
    vec![
        RequestFault::Method,
        RequestFault::BodyTooLarge {
            limit_bytes: 10_485_760,
        },
        RequestFault::HeadTooLarge {
            limit_bytes: 65_536,
        },
        RequestFault::BodyIncomplete,
        RequestFault::MediaType {
            accepted: "text/xml",
        },
        RequestFault::DigestDiffers,
        RequestFault::SecurityServer,
        RequestFault::IdempotencyKeyInFlight,
        RequestFault::OutcomeUnknown,
        RequestFault::IdempotencyKeyReused,
        RequestFault::AnswerNotKept {
            status: 201,
            exchange: uuid::Uuid::from_u128(1),
        },
    ]
}

fn unknowns() -> Vec<Unknown> {
    vec![
        Unknown::Member,
        Unknown::Subsystem,
        Unknown::Node,
        Unknown::Service,
        Unknown::Hidden,
        Unknown::Description,
        Unknown::Exchange,
    ]
}

fn denials() -> Vec<Denial> {
    let codes = || vec!["BENEFITS".to_owned(), "INSPECTION".to_owned()];
    let mut denials = vec![
        Denial::Endpoint,
        Denial::QueryName {
            allowed: vec!["at".to_owned()],
        },
        Denial::QueryName {
            allowed: Vec::new(),
        },
        Denial::Semicolon,
        Denial::PurposeMissing { allowed: codes() },
        Denial::PurposeNotAllowed { allowed: codes() },
        Denial::LegalBasisMissing { allowed: codes() },
        Denial::LegalBasisNotAllowed { allowed: codes() },
        Denial::OutsideHours {
            hours: "mon-fri 08:00-18:00 +04:00".to_owned(),
        },
        Denial::NotStarted {
            start: "2027-01-01T00:00:00+04:00".to_owned(),
        },
        Denial::Ended {
            end: "2026-01-01T00:00:00+04:00".to_owned(),
        },
        Denial::ReadOnly,
        Denial::Subject,
    ];
    if let Ok(by) = "AZ/GOV/1002".parse() {
        let at = "2026-11-22T13:30:00Z".to_owned();
        denials.push(Denial::Withdrawn { by, at });
    }
    denials
}

fn peer_faults() -> Vec<PeerFault> {
    vec![
        PeerFault::SignatureMissing,
        PeerFault::SignatureMalformed,
        PeerFault::Form,
        PeerFault::Coverage,
        PeerFault::Algorithm,
        PeerFault::KeyUnknown,
        PeerFault::KeyNotValid,
        PeerFault::KeyRevoked { since_s: MOMENT_S },
        PeerFault::SignatureInvalid,
        PeerFault::BodyDigest,
        PeerFault::NotFresh {
            created_s: MOMENT_S,
            expires_s: MOMENT_S + 60,
            now_s: MOMENT_S + 61,
        },
        PeerFault::Replayed,
        PeerFault::Version { spoken: vec![1, 2] },
        PeerFault::Authority,
        PeerFault::TieOfConnection,
        PeerFault::TieOfClient,
        PeerFault::TieOfProvider,
    ]
}

fn link_faults() -> Vec<LinkFault> {
    vec![
        LinkFault::Unreachable,
        LinkFault::TlsIdentity,
        LinkFault::Revoked { since_s: MOMENT_S },
        LinkFault::TimedOut { after_s: 60 },
        LinkFault::Cut,
        LinkFault::RefusedUnsigned { status: 503 },
        LinkFault::PeerFull { retry_after_s: 1 },
        LinkFault::Malformed,
        LinkFault::TooLarge {
            limit_bytes: 10_485_760,
        },
        LinkFault::Inconsistent {
            field: "X-Road-Service",
        },
    ]
}

fn service_faults() -> Vec<ServiceFault> {
    let mut faults = vec![
        ServiceFault::Unreachable,
        ServiceFault::NotReady,
        ServiceFault::TimedOut { after_s: 30 },
        ServiceFault::Cut,
        ServiceFault::TooLarge {
            limit_bytes: 10_485_760,
        },
        ServiceFault::NotUnderstood,
        ServiceFault::NotAsDescribed,
        ServiceFault::BadRequest,
        ServiceFault::NotFound,
        ServiceFault::SubjectsNotReadable,
    ];
    let reasons = [
        NotCut::TooLarge,
        NotCut::Status,
        NotCut::Partial,
        NotCut::Coded,
        NotCut::Untyped,
        NotCut::Ambiguous,
        NotCut::NoFields,
        NotCut::OtherType,
    ];
    faults.extend(reasons.map(|reason| ServiceFault::FieldsNotEnforceable { reason }));
    faults
}

fn node_faults() -> Vec<NodeFault> {
    let mut faults = vec![
        NodeFault::Journal,
        NodeFault::DiskReserve,
        NodeFault::DirectoryExpired {
            expired_s: MOMENT_S,
        },
        NodeFault::DirectoryMissing,
        NodeFault::CertificateStatus {
            authority: "CN=CA1".to_owned(),
            until_s: None,
        },
        NodeFault::CertificateStatus {
            authority: "CN=CA1".to_owned(),
            until_s: Some(MOMENT_S),
        },
        NodeFault::TimeStamps,
        NodeFault::Unwitnessed { since_s: MOMENT_S },
        NodeFault::Clock,
        NodeFault::TlsIdentity,
        NodeFault::ExchangeKey,
        NodeFault::Signing,
    ];
    faults.extend(stops());
    faults.push(NodeFault::Draining);
    faults.extend(
        [
            Notice::default(),
            Notice {
                en: "The register moves to new machines.".to_owned(),
                az: "Reyestr yeni maşınlara köçürülür.".to_owned(),
            },
        ]
        .map(|notice| NodeFault::Maintenance {
            until_s: MOMENT_S + 3600,
            retry_after_s: 3600,
            notice: Box::new(notice),
        }),
    );
    faults.extend([
        NodeFault::Overloaded,
        NodeFault::SpoolRoom,
        NodeFault::SpoolShare,
        NodeFault::IdempotencyKeys,
        NodeFault::Interrupted,
        NodeFault::ReplayMemory {
            started_s: MOMENT_S,
        },
        NodeFault::Internal,
    ]);
    faults
}

fn stops() -> Vec<NodeFault> {
    let Ok(by) = "AZ/GOV/1001/NODE1".parse::<NodeId>() else {
        return Vec::new();
    };
    [
        (Stop::Member, "AZ/GOV/2001"),
        (Stop::Contract, "C-2026-17"),
        (Stop::Service, "AZ/GOV/1001/POPULATION/person"),
    ]
    .into_iter()
    .map(|(what, name)| NodeFault::Stopped {
        what,
        name: name.to_owned(),
        since_s: MOMENT_S,
        by: Box::new(by.clone()),
    })
    .collect()
}
