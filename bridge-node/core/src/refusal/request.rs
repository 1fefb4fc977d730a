//! Refusals of the caller's message, of the caller, and of what does not exist.

use uuid::Uuid;

use super::code::Code;
use super::explain::{Explanation, Words, words};
use super::node::operator;

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
    /// The first request with this Idempotency-Key was answered, and its answer is not kept whole.
    AnswerNotKept {
        /// The status of the answer.
        status: u16,
        /// The request id of the first exchange.
        exchange: Uuid,
    },
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

/// After this time a request with the same key has usually been answered.
const IN_FLIGHT_RETRY_S: u32 = 1;

impl RequestFault {
    pub(super) fn status(&self) -> u16 {
        match self {
            Self::Method | Self::BodyIncomplete | Self::DigestDiffers | Self::SecurityServer => 400,
            Self::IdempotencyKeyInFlight | Self::OutcomeUnknown | Self::AnswerNotKept { .. } => 409,
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
            Self::AnswerNotKept { .. } => Code::AnswerNotKept,
        }
    }

    pub(super) fn retry_after(&self) -> Option<u32> {
        matches!(self, Self::IdempotencyKeyInFlight).then_some(IN_FLIGHT_RETRY_S)
    }

    pub(super) fn explain(&self) -> Explanation {
        let (what, rule, help) = self.sentences();
        Explanation::new(what, rule, sender(), help)
    }

    #[expect(clippy::too_many_lines, reason = "a table: one row a variant")]
    fn sentences(&self) -> (Words, Words, Words) {
        match self {
            Self::Method => (
                words!(
                    "The method is not carried.",
                    "Bu metodla göndərilən sorğular ötürülmür."
                ),
                words!("methods", "metodlar"),
                words!(
                    "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT or TRACE",
                    "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT və ya TRACE metodundan istifadə \
                     etmək"
                ),
            ),
            Self::BodyTooLarge { limit_bytes } => (
                words!(
                    "The body is larger than {limit_bytes} bytes.",
                    "Sorğunun gövdəsi {limit_bytes} baytdan böyükdür."
                ),
                words!("size of a body", "gövdənin həcmi"),
                words!(
                    "a smaller body, or a higher limit set by the operator of this node",
                    "daha kiçik gövdə göndərmək və ya bu qovşağın operatorundan limiti artırmağı \
                     xahiş etmək"
                ),
            ),
            Self::HeadTooLarge { limit_bytes } => (
                words!(
                    "The request line and fields are larger than {limit_bytes} bytes.",
                    "Sorğu sətri və başlıq sahələri birlikdə {limit_bytes} baytdan böyükdür."
                ),
                words!("size of a head", "başlığın həcmi"),
                words!(
                    "fewer or shorter fields",
                    "daha az və ya daha qısa sahələr göndərmək"
                ),
            ),
            Self::BodyIncomplete => (
                words!(
                    "The body ended early or did not come in time.",
                    "Sorğunun gövdəsi yarımçıq qalıb və ya vaxtında gəlməyib."
                ),
                words!("complete bodies", "gövdənin tam olması"),
                words!(
                    "sending the whole body without a pause",
                    "bütün gövdəni fasiləsiz göndərmək"
                ),
            ),
            Self::MediaType { accepted } => (
                words!(
                    "The Content-Type can't be carried; accepted is {accepted}.",
                    "Content-Type sahəsində göstərilən məzmun növü ötürülmür; qəbul edilən növ: \
                     {accepted}."
                ),
                words!("media types", "məzmun növləri"),
                words!(
                    "another Content-Type",
                    "başqa məzmun növündən istifadə etmək"
                ),
            ),
            Self::DigestDiffers => (
                words!(
                    "The body is not the one that Content-Digest names.",
                    "Sorğunun gövdəsi Content-Digest sahəsindəki heş qiymətinə uyğun deyil."
                ),
                words!("digest of the body", "gövdənin heş qiyməti"),
                words!(
                    "sending the digest of the body as it is on the wire",
                    "məhz ötürülən gövdənin heş qiymətini göndərmək"
                ),
            ),
            Self::SecurityServer => (
                words!(
                    "The node named in X-Road-Security-Server does not serve this provider.",
                    "X-Road-Security-Server sahəsində göstərilən qovşaq bu təchizatçıya aid deyil."
                ),
                words!("nodes of the provider", "təchizatçının qovşaqları"),
                words!(
                    "leaving X-Road-Security-Server out",
                    "X-Road-Security-Server sahəsini göndərməmək"
                ),
            ),
            Self::IdempotencyKeyInFlight => (
                words!(
                    "A request with this Idempotency-Key is still being answered.",
                    "Bu Idempotency-Key açarı ilə göndərilmiş sorğu hələ icra olunur."
                ),
                one_effect(),
                words!(
                    "waiting, then sending the same request again",
                    "gözləmək, sonra eyni sorğunu təkrar göndərmək"
                ),
            ),
            Self::OutcomeUnknown => (
                words!(
                    "An earlier request with this Idempotency-Key may or may not have had its \
                     effect; it is never repeated.",
                    "Bu Idempotency-Key açarı ilə göndərilmiş əvvəlki sorğunun icra olunub-olunmadığı məlum \
                     deyil; həmin sorğu heç vaxt təkrarlanmır."
                ),
                one_effect(),
                words!(
                    "asking the registry what it holds, then a new key",
                    "reyestrdə nəyin qeydə alındığını soruşmaq, sonra yeni açardan istifadə etmək"
                ),
            ),
            Self::IdempotencyKeyReused => (
                words!(
                    "This Idempotency-Key was used with another content.",
                    "Bu Idempotency-Key açarı başqa məzmunla istifadə olunub."
                ),
                words!("one content for one key", "bir açar, bir məzmun"),
                words!(
                    "a new key for each new request",
                    "hər yeni sorğu üçün yeni açardan istifadə etmək"
                ),
            ),
            Self::AnswerNotKept { status, exchange } => (
                words!(
                    "The request with this Idempotency-Key was carried out in exchange {exchange} and \
                     answered with status {status}; the answer itself is not kept.",
                    "Bu Idempotency-Key açarı ilə göndərilmiş sorğu {exchange} mübadiləsində icra olunub və \
                     {status} status kodu ilə cavablandırılıb; cavabın özü saxlanılmayıb."
                ),
                one_effect(),
                words!(
                    "asking the registry what it holds",
                    "reyestrdə nəyin qeydə alındığını soruşmaq"
                ),
            ),
        }
    }
}

impl CallerFault {
    pub(super) fn explain(self) -> Explanation {
        match self {
            Self::NotAuthenticated => Explanation::Short(words!(
                "The caller is not authenticated.",
                "Sorğu göndərənin kimliyi təsdiqlənməyib."
            )),
            Self::NotOwner => Explanation::new(
                words!(
                    "The credentials are valid and do not own the subsystem in X-Road-Client.",
                    "Giriş məlumatları etibarlıdır, lakin X-Road-Client sahəsində göstərilən altsistem \
                     onların sahibinə aid deyil."
                ),
                words!("owner of the client", "müştərinin sahibi"),
                operator(),
                words!(
                    "naming a subsystem of your own, or having these credentials registered for it",
                    "öz altsisteminizi göstərmək və ya bu giriş məlumatlarını həmin altsistem üçün \
                     qeydiyyatdan keçirmək"
                ),
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

    #[expect(clippy::too_many_lines, reason = "a table: one row a variant")]
    pub(super) fn explain(self) -> Explanation {
        let (what, rule, who, help) = match self {
            Self::Member => (
                words!(
                    "The directory lists no such member.",
                    "Kataloqda belə üzv yoxdur."
                ),
                words!("members of the directory", "kataloqdakı üzvlər"),
                words!(
                    "the authority of the directory",
                    "kataloqu idarə edən qurum"
                ),
                words!(
                    "a member from /listClients",
                    "/listClients siyahısındakı üzvlərdən birini göstərmək"
                ),
            ),
            Self::Subsystem => (
                words!(
                    "The member has no such subsystem.",
                    "Üzvün belə altsistemi yoxdur."
                ),
                words!("members of the directory", "kataloqdakı üzvlər"),
                named_member(),
                words!(
                    "a subsystem from /listClients",
                    "/listClients siyahısındakı altsistemlərdən birini göstərmək"
                ),
            ),
            Self::Node => (
                words!(
                    "The member has no node in the directory.",
                    "Üzvün kataloqda qovşağı yoxdur."
                ),
                words!("nodes of the directory", "kataloqdakı qovşaqlar"),
                named_member(),
                words!(
                    "asking the member when its node will be listed",
                    "qovşağın kataloqa nə vaxt əlavə ediləcəyini üzvdən soruşmaq"
                ),
            ),
            // One text for both: nobody learns of a service that is not published to them.
            Self::Service | Self::Hidden => (
                words!(
                    "The subsystem has no such service.",
                    "Altsistemin belə xidməti yoxdur."
                ),
                words!("services of the provider", "təchizatçının xidmətləri"),
                named_member(),
                words!(
                    "a service from its listMethods",
                    "təchizatçının listMethods siyahısındakı xidmətlərdən birini göstərmək"
                ),
            ),
            Self::Description => (
                words!(
                    "The service has no OpenAPI description.",
                    "Xidmətin OpenAPI təsviri yoxdur."
                ),
                words!("descriptions of services", "xidmətlərin təsviri"),
                words!(
                    "the member that provides the service",
                    "xidmətin təchizatçısı"
                ),
                words!(
                    "asking the provider for a description",
                    "təchizatçıdan təsviri istəmək"
                ),
            ),
            Self::Exchange => (
                words!(
                    "This node has no exchange of yours with this id.",
                    "Bu qovşaqda sizin bu identifikatorlu mübadiləniz yoxdur."
                ),
                words!(
                    "receipts of the caller's own exchanges",
                    "sorğu göndərənin öz mübadilələrinin qəbzləri"
                ),
                words!("nobody", "heç kim"),
                words!(
                    "the value of X-Road-Request-Id in the answer you received",
                    "aldığınız cavabdakı X-Road-Request-Id sahəsinin qiymətini göstərmək"
                ),
            ),
        };
        Explanation::new(what, rule, who, help)
    }
}

/// Who writes the requests that enter here.
pub(super) fn sender() -> Words {
    words!(
        "the developer of the calling system",
        "sorğu göndərən sistemin tərtibatçısı"
    )
}

fn named_member() -> Words {
    words!("the member that was named", "göstərilən üzv")
}

fn one_effect() -> Words {
    words!("one effect for one key", "bir açar, bir icra")
}
