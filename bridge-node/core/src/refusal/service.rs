//! Refusals because of the registry behind the adapter.

use super::code::Code;
use super::explain::{Explanation, Words, again_safely, words};

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
        /// Why.
        reason: NotCut,
    },
    /// The answer does not say whom it concerns where the endpoint declares that it must.
    SubjectsNotReadable,
}

/// Says why an answer can't be cut to the fields of a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotCut {
    /// It is too large to be read.
    TooLarge,
    /// Its status is no HTTP status.
    Status,
    /// It is a part of something.
    Partial,
    /// It has a content coding.
    Coded,
    /// It has no media type, or several.
    Untyped,
    /// It is not JSON that is read in one way only.
    Ambiguous,
    /// It holds none of the fields.
    NoFields,
    /// It is not JSON.
    OtherType,
}

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
        let (what, rule, help) = self.sentences();
        let who = words!(
            "the provider's operator of the registry",
            "təchizatçının reyestrinin operatoru"
        );
        Explanation::new(what, rule, who, help)
    }

    #[expect(clippy::too_many_lines, reason = "a table: one row a variant")]
    fn sentences(&self) -> (Words, Words, Words) {
        match self {
            Self::Unreachable => (
                words!(
                    "The registry can't be reached; it was not called.",
                    "Reyestrlə əlaqə yoxdur; ona müraciət edilməyib."
                ),
                words!("connection to the registry", "reyestrlə bağlantı"),
                words!(
                    "asking again later",
                    "sorğunu bir qədər sonra təkrar göndərmək"
                ),
            ),
            Self::NotReady => (
                words!(
                    "The registry is not ready; it was not called.",
                    "Reyestr hazır deyil; ona müraciət edilməyib."
                ),
                words!("readiness of the registry", "reyestrin hazır olması"),
                words!(
                    "asking again later",
                    "sorğunu bir qədər sonra təkrar göndərmək"
                ),
            ),
            Self::TimedOut { after_s } => (
                words!(
                    "The registry did not answer within {after_s} seconds; \
                     whether the request had its effect is not known.",
                    "Reyestr {after_s} saniyə ərzində cavab vermədi; sorğunun icra \
                     olunub-olunmadığı məlum deyil."
                ),
                words!("time for an answer", "cavab üçün ayrılan vaxt"),
                again_safely(),
            ),
            Self::Cut => (
                words!(
                    "The registry's answer ended early; whether the request had its effect is not known.",
                    "Reyestrin cavabı yarımçıq qalıb; sorğunun icra olunub-olunmadığı məlum deyil."
                ),
                words!("complete answers", "cavabın tam olması"),
                again_safely(),
            ),
            Self::TooLarge { limit_bytes } => (
                words!(
                    "The registry's answer is larger than {limit_bytes} bytes.",
                    "Reyestrin cavabı {limit_bytes} baytdan böyükdür."
                ),
                words!("size of an answer", "cavabın həcmi"),
                words!("asking for less", "daha az məlumat istəmək"),
            ),
            Self::NotUnderstood => (
                words!(
                    "The registry's answer is not understood.",
                    "Reyestrin cavabı anlaşılmır."
                ),
                words!("form of an answer", "cavabın forması"),
                tell_the_provider(),
            ),
            Self::NotAsDescribed => (
                words!(
                    "The registry's answer is not as the service's description says.",
                    "Reyestrin cavabı xidmətin təsvirinə uyğun deyil."
                ),
                description(),
                tell_the_provider(),
            ),
            Self::BadRequest => (
                words!(
                    "The request is not as the service's description says.",
                    "Sorğu xidmətin təsvirinə uyğun deyil."
                ),
                description(),
                read_the_description(),
            ),
            Self::NotFound => (
                words!(
                    "The service has nothing under this path.",
                    "Xidmətdə bu yol üzrə heç nə yoxdur."
                ),
                description(),
                read_the_description(),
            ),
            Self::FieldsNotEnforceable { reason } => {
                let Words { en, az } = reason.words();
                (
                    words!(
                        "The registry's answer can't be cut to the fields of the contract: {en}.",
                        "Reyestrin cavabını müqavilədəki sahələrlə məhdudlaşdırmaq mümkün deyil: {az}."
                    ),
                    words!("fields of the contract", "müqavilədəki sahələr"),
                    words!(
                        "an answer in plain JSON from the registry, or a contract for all fields",
                        "reyestrin sadə JSON ilə cavab verməsini təmin etmək və ya bütün sahələr üçün \
                         müqavilə bağlamaq"
                    ),
                )
            }
            Self::SubjectsNotReadable => (
                words!(
                    "The registry's answer does not say whom it concerns.",
                    "Reyestrin cavabında məlumatın kimə aid olduğu göstərilməyib."
                ),
                words!(
                    "subjects of the contract",
                    "müqavilədəki məlumat subyektləri"
                ),
                words!(
                    "a contract that declares subjects as the registry answers",
                    "məlumat subyektlərini reyestrin cavabına uyğun müəyyən edən müqavilə bağlamaq"
                ),
            ),
        }
    }
}

impl NotCut {
    fn words(self) -> Words {
        match self {
            Self::TooLarge => words!(
                "the answer is too large to be read",
                "cavab oxunmaq üçün həddindən artıq böyükdür"
            ),
            Self::Status => words!("the status is not one", "cavabın status kodu düzgün deyil"),
            Self::Partial => words!("the answer is partial", "cavab natamamdır"),
            Self::Coded => words!("the answer is coded", "cavab kodlanıb"),
            Self::Untyped => words!(
                "the answer has no single media type",
                "cavabın məzmun növü birmənalı göstərilməyib"
            ),
            Self::Ambiguous => words!(
                "the answer is not unambiguous JSON",
                "cavab birmənalı JSON deyil"
            ),
            Self::NoFields => words!(
                "the answer holds none of the contract's fields",
                "cavabda müqavilədəki sahələrin heç biri yoxdur"
            ),
            Self::OtherType => words!("the answer is not JSON", "cavab JSON deyil"),
        }
    }
}

fn description() -> Words {
    words!("description of the service", "xidmətin təsviri")
}

fn read_the_description() -> Words {
    words!(
        "the description, which getOpenAPI gives",
        "getOpenAPI ilə alınan təsvirə baxmaq"
    )
}

fn tell_the_provider() -> Words {
    words!("telling the provider", "təchizatçıya xəbər vermək")
}
