//! Refusals because this node can't give evidence or trust now.

use super::code::Code;
use super::explain::{Explanation, Words, again_safely, clock, words};
use super::order::{Notice, Stop};
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
    CertificateStatus {
        /// The authority whose word lacks.
        authority: String,
        /// Until when its last word counted, Unix seconds; none if there was none.
        until_s: Option<u64>,
    },
    /// The last time-stamp is too old.
    TimeStamps,
    /// Too few witnesses have cosigned the journal for too long.
    Unwitnessed {
        /// Since when, Unix seconds.
        since_s: u64,
    },
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
    /// No further Idempotency-Key can be remembered: the node's room for them, or one client's part, is taken.
    IdempotencyKeys,
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
            Self::Journal | Self::DiskReserve | Self::Unwitnessed { .. } => Code::LoggingFailed,
            Self::DirectoryExpired { .. } | Self::DirectoryMissing => Code::GlobalConfOutdated,
            Self::CertificateStatus { .. } => Code::OcspFailed,
            Self::TimeStamps => Code::TimestampingFailed,
            Self::Clock => Code::ClockNotTrusted,
            Self::TlsIdentity => Code::SslAuthenticationFailed,
            Self::ExchangeKey => Code::CertValidation,
            Self::Signing => Code::CannotCreateSignature,
            Self::Stopped { .. } => Code::ServiceDisabled,
            Self::Draining | Self::Maintenance { .. } => Code::MaintenanceMode,
            Self::Overloaded | Self::SpoolRoom | Self::SpoolShare | Self::IdempotencyKeys => {
                Code::Overloaded
            }
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
            | Self::CertificateStatus { .. }
            | Self::TimeStamps
            | Self::Unwitnessed { .. }
            | Self::Signing
            | Self::SpoolRoom
            | Self::SpoolShare
            | Self::ReplayMemory { .. } => Some(RETRY_S),
            Self::DiskReserve
            | Self::IdempotencyKeys
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
            words!(
                "the security officer of {by}",
                "{by} qovşağının təhlükəsizlik üzrə məsul şəxsi"
            )
        } else {
            operator()
        };
        Explanation::new(self.what(), rule, who, help)
    }

    #[expect(clippy::too_many_lines, reason = "a table: one row a variant")]
    fn what(&self) -> Words {
        match self {
            Self::Journal => words!(
                "The journal can't be written.",
                "Jurnala yazmaq mümkün deyil."
            ),
            Self::DiskReserve => words!(
                "The disk is too full to take new exchanges.",
                "Diskdə yeni mübadilələr üçün yer qalmayıb."
            ),
            Self::DirectoryExpired { expired_s } => {
                let at = clock(*expired_s);
                words!(
                    "The directory expired at {at}.",
                    "Kataloqun etibarlılıq müddəti bitib: {at}."
                )
            }
            Self::DirectoryMissing => words!(
                "This node has no directory yet.",
                "Bu qovşaqda hələ kataloq yoxdur."
            ),
            Self::CertificateStatus { authority, until_s } => match until_s.map(clock) {
                None => words!(
                    "The status of a certificate of {authority} is not known.",
                    "{authority} tərəfindən verilmiş sertifikatın statusu məlum deyil."
                ),
                Some(until) => words!(
                    "The status of the certificates of {authority} was known until {until} and is too old now.",
                    "{authority} tərəfindən verilmiş sertifikatların statusu {until} tarixinədək məlum idi və artıq köhnəlib."
                ),
            },
            Self::TimeStamps => words!(
                "The last time-stamp is too old.",
                "Sonuncu vaxt möhürü çox köhnədir."
            ),
            Self::Unwitnessed { since_s } => {
                let since = clock(*since_s);
                words!(
                    "Too few witnesses have confirmed this node's journal since {since}.",
                    "{since} tarixindən bəri bu qovşağın jurnalını kifayət qədər şahid təsdiq etməyib."
                )
            }
            Self::Clock => words!(
                "This node's clock can't be trusted.",
                "Bu qovşağın saatına etibar etmək olmaz."
            ),
            Self::TlsIdentity => words!(
                "This node's TLS certificate is absent, expired or revoked.",
                "Bu qovşağın TLS sertifikatı yoxdur, müddəti bitib və ya ləğv edilib."
            ),
            Self::ExchangeKey => words!(
                "This node's exchange key or its certificate is absent, expired or revoked.",
                "Bu qovşağın mübadilə açarı və ya onun sertifikatı yoxdur, müddəti bitib və ya ləğv \
                 edilib."
            ),
            Self::Signing => words!(
                "This node can't sign now.",
                "Bu qovşaq hazırda mesajları imzalaya bilmir."
            ),
            Self::Stopped {
                what,
                name,
                since_s,
                ..
            } => what.stopped(name, &clock(*since_s)),
            Self::Draining => words!("This node is shutting down.", "Bu qovşaq işini dayandırır."),
            Self::Maintenance {
                until_s, notice, ..
            } => notice.after(&clock(*until_s)),
            Self::Overloaded => words!(
                "All places for exchanges are taken.",
                "Mübadilələr üçün bütün yerlər tutulub."
            ),
            Self::SpoolRoom => words!(
                "The room for large bodies is taken.",
                "Böyük mesajlar üçün ayrılmış yer tutulub."
            ),
            Self::SpoolShare => words!(
                "The part of the room for large bodies that one client may take is taken.",
                "Böyük mesajlar üçün yerin bir müştəriyə ayrılan hissəsi tutulub."
            ),
            Self::IdempotencyKeys => words!(
                "The room for Idempotency-Keys, or the part of it that one client may take, is taken.",
                "Idempotency-Key açarları üçün yer və ya onun bir müştəriyə ayrılan hissəsi tutulub."
            ),
            Self::Interrupted => words!(
                "This node ended before the exchange did; whether the request had its effect is not known.",
                "Bu qovşaq mübadilə bitməmiş işini dayandırıb; sorğunun icra olunub-olunmadığı məlum deyil."
            ),
            Self::ReplayMemory { started_s } => {
                let started = clock(*started_s);
                words!(
                    "This node started at {started} and refuses messages created before.",
                    "Bu qovşaq işə düşdüyü andan ({started}) əvvəl yaradılmış mesajları rədd edir."
                )
            }
            Self::Internal => words!("This node failed.", "Bu qovşaqda xəta baş verib."),
        }
    }

    #[expect(clippy::too_many_lines, reason = "a table: one row a variant")]
    fn rule_and_help(&self) -> (Words, Words) {
        match self {
            Self::Journal => (
                words!("no journal, no exchange", "jurnalsız mübadilə yoxdur"),
                words!("a disk that works", "diskin işini bərpa etmək"),
            ),
            Self::DiskReserve => (
                words!(
                    "space kept for closing the journal",
                    "jurnalın bağlanması üçün saxlanılan yer"
                ),
                words!("more space", "diskdə yer boşaltmaq"),
            ),
            Self::DirectoryExpired { .. } | Self::DirectoryMissing => (
                words!(
                    "no valid directory, no exchange",
                    "etibarlı kataloq olmadan mübadilə yoxdur"
                ),
                words!("fetching the current directory", "cari kataloqu yükləmək"),
            ),
            Self::CertificateStatus { .. } => (
                words!(
                    "no status, no exchange",
                    "sertifikatın statusu bilinmədən mübadilə yoxdur"
                ),
                words!(
                    "reaching the issuer's status service",
                    "sertifikatı verən qurumun status xidməti ilə əlaqəni bərpa etmək"
                ),
            ),
            Self::TimeStamps => (
                no_time(),
                words!(
                    "reaching a time-stamping authority",
                    "vaxt möhürü xidməti ilə əlaqəni bərpa etmək"
                ),
            ),
            Self::Unwitnessed { .. } => (
                words!(
                    "no witnesses, no exchange",
                    "şahidlər olmadan mübadilə yoxdur"
                ),
                words!(
                    "reaching the witnesses that the directory assigns",
                    "kataloqda təyin edilmiş şahidlərlə əlaqəni bərpa etmək"
                ),
            ),
            Self::Clock => (
                no_time(),
                words!("setting the clock", "saatı düzgün qurmaq"),
            ),
            Self::TlsIdentity | Self::ExchangeKey => (
                words!("certificates", "sertifikatlar"),
                words!("a new certificate", "yeni sertifikat almaq"),
            ),
            Self::Signing => (
                words!("every message is signed", "hər mesaj imzalanır"),
                words!("a key store that works", "açar anbarının işini bərpa etmək"),
            ),
            Self::Stopped { .. } => (
                words!("stop", "fəaliyyətin dayandırılması"),
                words!(
                    "asking the security officer why",
                    "səbəbini təhlükəsizlik üzrə məsul şəxsdən soruşmaq"
                ),
            ),
            Self::Draining => (
                words!(
                    "a node that stops takes nothing new",
                    "işini dayandıran qovşaq yeni sorğu qəbul etmir"
                ),
                words!(
                    "asking again in a few seconds",
                    "sorğunu bir neçə saniyədən sonra təkrar göndərmək"
                ),
            ),
            Self::Maintenance { .. } => (
                words!("maintenance", "texniki işlər"),
                words!(
                    "asking again when it is over",
                    "texniki işlər bitdikdən sonra sorğunu təkrar göndərmək"
                ),
            ),
            Self::Overloaded => (
                words!("places for exchanges", "mübadilələr üçün yerlər"),
                words!(
                    "asking again in a few seconds, and fewer requests at once",
                    "sorğunu bir neçə saniyədən sonra təkrar göndərmək və eyni vaxtda daha az sorğu \
                     göndərmək"
                ),
            ),
            Self::ReplayMemory { .. } => (
                words!("one message, one exchange", "bir mesaj, bir mübadilə"),
                words!("sending it anew", "mesajı yenidən yaradıb göndərmək"),
            ),
            Self::SpoolRoom | Self::SpoolShare => (
                words!("room for large bodies", "böyük mesajlar üçün yer"),
                words!(
                    "asking again when other large bodies have passed",
                    "digər böyük mesajların göndərilməsi bitdikdən sonra sorğunu təkrar göndərmək"
                ),
            ),
            Self::IdempotencyKeys => (
                words!("room for keys", "açarlar üçün yer"),
                words!(
                    "asking again when older keys have run out, or a higher limit set by the operator",
                    "köhnə açarların müddəti bitdikdən sonra sorğunu təkrar göndərmək və ya operatordan \
                     limiti artırmağı xahiş etmək"
                ),
            ),
            Self::Interrupted => (
                words!(
                    "time to finish before a stop",
                    "dayandırılmadan əvvəl bitirmək üçün vaxt"
                ),
                again_safely(),
            ),
            Self::Internal => (
                words!("no evidence, no exchange", "sübutsuz mübadilə yoxdur"),
                words!(
                    "telling the operator the value of detail",
                    "detail sahəsinin qiymətini operatora bildirmək"
                ),
            ),
        }
    }
}

pub(super) fn operator() -> Words {
    words!("the operator of this node", "bu qovşağın operatoru")
}

fn no_time() -> Words {
    words!("no time, no exchange", "dəqiq vaxt olmadan mübadilə yoxdur")
}
