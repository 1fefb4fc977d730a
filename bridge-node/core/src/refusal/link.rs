//! Refusals because of the way to the peer, or of the shape of its answer.

use super::code::Code;
use super::explain::{Explanation, Words, again_safely, clock, words};
use crate::leaf::Side;

/// Says why no usable answer came from the provider's node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkFault {
    /// No connection could be made: the request was never sent.
    Unreachable,
    /// The node at the other end is not the one that the directory pins.
    TlsIdentity,
    /// The certificate of the node at the other end is revoked.
    Revoked {
        /// Since when, Unix seconds.
        since_s: u64,
    },
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
    /// The peer says, without a signature, that it has no place for the request.
    PeerFull {
        /// Seconds after which trying again makes sense: what it says, within bounds.
        retry_after_s: u32,
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

/// After this time a peer that restarts is usually back.
const PEER_RETRY_S: u32 = 5;

/// The most seconds that a peer's word without a signature sends a caller away for.
const LONGEST_RETRY_S: u32 = 60;

impl LinkFault {
    pub(super) fn status(&self) -> u16 {
        match self {
            Self::Unreachable | Self::TimedOut { .. } => 504,
            Self::TlsIdentity
            | Self::Revoked { .. }
            | Self::Cut
            | Self::RefusedUnsigned { .. }
            | Self::PeerFull { .. }
            | Self::Malformed
            | Self::TooLarge { .. }
            | Self::Inconsistent { .. } => 502,
        }
    }

    pub(super) fn code(&self) -> Code {
        match self {
            Self::Unreachable => Code::NetworkError,
            Self::TlsIdentity | Self::Revoked { .. } => Code::SslAuthenticationFailed,
            Self::TimedOut { .. } | Self::Cut => Code::IoError,
            Self::RefusedUnsigned { .. } => Code::ServiceFailed,
            Self::PeerFull { .. } => Code::PeerOverloaded,
            Self::Malformed | Self::TooLarge { .. } => Code::InvalidResponse,
            Self::Inconsistent { .. } => Code::InconsistentResponse,
        }
    }

    pub(super) fn retry_after(&self) -> Option<u32> {
        if let Self::PeerFull { retry_after_s } = self {
            return Some(*retry_after_s);
        }
        matches!(self, Self::Unreachable | Self::RefusedUnsigned { .. }).then_some(PEER_RETRY_S)
    }

    /// What a peer's refusal without a signature comes to. Nothing of it is believed: whoever the connection belongs to may
    /// refuse in any way, and the words are this node's own. `said` is its error type, `retry_after` that field.
    pub fn unsigned(status: u16, said: Option<&str>, retry_after: Option<&str>) -> Self {
        let is_full = status == 503 && said == Some(Code::Overloaded.of(Side::Provider));
        if !is_full {
            return Self::RefusedUnsigned { status };
        }
        let seconds = retry_after.and_then(|text| text.parse().ok());
        Self::PeerFull {
            retry_after_s: seconds.unwrap_or(PEER_RETRY_S).clamp(1, LONGEST_RETRY_S),
        }
    }

    pub(super) fn explain(&self) -> Explanation {
        let (what, rule, help) = self.sentences();
        let who = words!(
            "the operator of the provider's node",
            "təchizatçının qovşağının operatoru"
        );
        Explanation::new(what, rule, who, help)
    }

    #[expect(clippy::too_many_lines, reason = "a table: one row a variant")]
    fn sentences(&self) -> (Words, Words, Words) {
        match self {
            Self::Unreachable => (
                words!(
                    "The provider's node can't be reached; the request was not sent.",
                    "Təchizatçının qovşağı ilə əlaqə yoxdur; sorğu göndərilməyib."
                ),
                words!("connection to the peer", "digər qovşaqla bağlantı"),
                words!(
                    "asking again in a few seconds",
                    "sorğunu bir neçə saniyədən sonra təkrar göndərmək"
                ),
            ),
            Self::TlsIdentity => (
                words!(
                    "The node that answered the connection is not the one that the directory names; \
                     the request was not sent.",
                    "Bağlantıya cavab verən qovşaq kataloqda göstərilən qovşaq deyil; sorğu \
                     göndərilməyib."
                ),
                words!("identity of the peer", "digər qovşağın kimliyi"),
                words!(
                    "a directory and a certificate that agree",
                    "kataloqla sertifikatın bir-birinə uyğun olmasını təmin etmək"
                ),
            ),
            Self::Revoked { since_s } => {
                let since = clock(*since_s);
                (
                    words!(
                        "The certificate of the provider's node was revoked at {since}; the request was \
                         not sent.",
                        "Təchizatçının qovşağının sertifikatı ləğv edilib: {since}; sorğu göndərilməyib."
                    ),
                    words!("certificates", "sertifikatlar"),
                    words!("a new certificate", "yeni sertifikat almaq"),
                )
            }
            Self::TimedOut { after_s } => (
                words!(
                    "The provider's node did not answer within {after_s} seconds; \
                     whether the request had its effect is not known.",
                    "Təchizatçının qovşağı {after_s} saniyə ərzində cavab vermədi; sorğunun icra \
                     olunub-olunmadığı məlum deyil."
                ),
                words!("time for an answer", "cavab üçün ayrılan vaxt"),
                again_safely(),
            ),
            Self::Cut => (
                words!(
                    "The connection to the provider's node broke before the answer was complete; \
                     whether the request had its effect is not known.",
                    "Təchizatçının qovşağı ilə bağlantı cavab tam alınmadan kəsildi; sorğunun icra \
                     olunub-olunmadığı məlum deyil."
                ),
                words!("complete answers", "cavabın tam olması"),
                again_safely(),
            ),
            Self::RefusedUnsigned { status } => (
                words!(
                    "The provider's node refused with status {status} and no signature.",
                    "Təchizatçının qovşağı sorğunu {status} status kodu ilə, imzasız rədd etdi."
                ),
                words!(
                    "only signed answers count",
                    "yalnız imzalı cavablar qəbul edilir"
                ),
                again_safely(),
            ),
            // That it was not carried out is said without proof, too.
            Self::PeerFull { .. } => (
                words!(
                    "The provider's node says, without a signature, that it has no place for the \
                     request now.",
                    "Təchizatçının qovşağı imzasız bildirir ki, hazırda bu sorğu üçün yeri yoxdur."
                ),
                words!(
                    "places for exchanges at the peer",
                    "digər qovşaqda mübadilələr üçün yerlər"
                ),
                again_safely(),
            ),
            Self::Malformed => (
                words!(
                    "The provider's node gave an answer that breaks the rules of the wire.",
                    "Təchizatçının qovşağının cavabı qovşaqlararası protokolun qaydalarını pozur."
                ),
                words!("form of an answer", "cavabın forması"),
                words!(
                    "the same version at both ends",
                    "hər iki qovşaqda eyni versiyadan istifadə etmək"
                ),
            ),
            Self::TooLarge { limit_bytes } => (
                words!(
                    "The answer is larger than {limit_bytes} bytes.",
                    "Cavab {limit_bytes} baytdan böyükdür."
                ),
                words!("size of an answer", "cavabın həcmi"),
                words!(
                    "asking for less, or a higher limit set by the operator of this node",
                    "daha az məlumat istəmək və ya bu qovşağın operatorundan limiti artırmağı xahiş \
                     etmək"
                ),
            ),
            Self::Inconsistent { field } => (
                words!(
                    "The answer's {field} is not the request's.",
                    "Cavabın {field} sahəsi sorğuya uyğun deyil."
                ),
                words!(
                    "an answer belongs to one request",
                    "hər cavab yalnız bir sorğuya aiddir"
                ),
                words!("telling the provider", "təchizatçıya xəbər vermək"),
            ),
        }
    }
}
