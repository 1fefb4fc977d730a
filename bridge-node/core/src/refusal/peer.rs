//! Refusals of a message that another node signed, or should have.

use super::code::Code;
use super::explain::{Explanation, Words, clock, words};

/// Says why a peer's request or answer is not taken for what it claims to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeerFault {
    /// No signature.
    SignatureMissing,
    /// The signature fields are not of our profile.
    SignatureMalformed,
    /// The signature has a form that this node does not take.
    Form,
    /// The signature covers less, or more, than it must.
    Coverage,
    /// An algorithm that is not known, or not the key's.
    Algorithm,
    /// The directory has no exchange key of this id.
    KeyUnknown,
    /// The key's certificate is expired, revoked, or not of its profile.
    KeyNotValid,
    /// The certificate of the key, or of its connection, is revoked.
    KeyRevoked {
        /// Since when, Unix seconds.
        since_s: u64,
    },
    /// The signature is not the key's over this message.
    SignatureInvalid,
    /// The body is not the one that was signed.
    BodyDigest,
    /// Created too early or too late for this node's clock.
    NotFresh {
        /// When the peer created the message, Unix seconds.
        created_s: u64,
        /// When it expires, Unix seconds.
        expires_s: u64,
        /// This node's clock, Unix seconds.
        now_s: u64,
    },
    /// A request id or nonce that this node has seen.
    Replayed,
    /// A version of the wire that this node does not speak.
    Version {
        /// The versions it speaks.
        spoken: Vec<u32>,
    },
    /// The message is for another node.
    Authority,
    /// The node of the connection and the node of the key are not of one member.
    TieOfConnection,
    /// The member of the key and the member of `X-Road-Client` are not the same.
    TieOfClient,
    /// The member of the key and the member that provides the service are not the same.
    TieOfProvider,
}

impl PeerFault {
    /// Returns the status of a refused request; a refused answer is always 502.
    pub(super) fn status(&self) -> u16 {
        match self {
            Self::SignatureMissing
            | Self::SignatureMalformed
            | Self::Form
            | Self::Coverage
            | Self::Algorithm
            | Self::BodyDigest
            | Self::NotFresh { .. }
            | Self::Replayed
            | Self::Version { .. }
            | Self::Authority => 400,
            Self::KeyUnknown
            | Self::KeyNotValid
            | Self::KeyRevoked { .. }
            | Self::SignatureInvalid
            | Self::TieOfConnection
            | Self::TieOfClient
            | Self::TieOfProvider => 403,
        }
    }

    pub(super) fn code(&self) -> Code {
        match self {
            Self::SignatureMissing => Code::MissingSignature,
            Self::SignatureMalformed | Self::Coverage => Code::MalformedSignature,
            Self::Form => Code::UnsupportedSignatureForm,
            Self::Algorithm => Code::UnsupportedAlgorithm,
            Self::KeyUnknown => Code::SignatureVerification,
            Self::KeyNotValid | Self::KeyRevoked { .. } => Code::CertValidation,
            Self::SignatureInvalid | Self::BodyDigest => Code::InvalidSignatureValue,
            Self::NotFresh { .. } => Code::NotFresh,
            Self::Replayed => Code::Replayed,
            Self::Version { .. } => Code::InvalidProtocolVersion,
            Self::Authority => Code::UnknownHost,
            Self::TieOfConnection | Self::TieOfClient | Self::TieOfProvider => {
                Code::SslAuthenticationFailed
            }
        }
    }

    /// Explains the refusal of a peer's request.
    pub(super) fn explain_request(&self) -> Explanation {
        let Words { en, az } = self.what();
        self.explain(words!(
            "The other node's request is refused: {en}.",
            "Digər qovşağın sorğusu rədd edilib: {az}."
        ))
    }

    /// Explains the refusal of a peer's answer.
    pub(super) fn explain_answer(&self) -> Explanation {
        let Words { en, az } = self.what();
        self.explain(words!(
            "The other node's answer is refused: {en}.",
            "Digər qovşağın cavabı rədd edilib: {az}."
        ))
    }

    fn explain(&self, what: Words) -> Explanation {
        let (rule, help) = self.rule_and_help();
        Explanation::new(what, rule, both_operators(), help)
    }

    #[expect(clippy::too_many_lines, reason = "a table: one row a variant")]
    fn what(&self) -> Words {
        match self {
            Self::SignatureMissing => words!("it is not signed", "imza yoxdur"),
            Self::SignatureMalformed => words!(
                "its signature fields are malformed",
                "imza sahələri düzgün tərtib olunmayıb"
            ),
            Self::Form => words!(
                "its signature has the batch form, which is not taken here",
                "imza toplu formadadır, burada isə həmin forma qəbul edilmir"
            ),
            Self::Coverage => words!(
                "its signature does not cover exactly what it must",
                "imza əhatə etməli olduğu sahələri dəqiq əhatə etmir"
            ),
            Self::Algorithm => words!(
                "its algorithm is not the one recorded for the key",
                "imzanın alqoritmi açar üçün qeydə alınmış alqoritm deyil"
            ),
            Self::KeyUnknown => words!(
                "the directory does not list the key that signed it",
                "imzanın açarı kataloqda yoxdur"
            ),
            Self::KeyNotValid => words!(
                "the certificate of its key is expired, revoked or not of its profile",
                "açarın sertifikatının müddəti bitib, sertifikat ləğv edilib və ya öz profilinə uyğun \
                 deyil"
            ),
            Self::KeyRevoked { since_s } => {
                let since = clock(*since_s);
                words!(
                    "the certificate of its key was revoked at {since}",
                    "açarın sertifikatı ləğv edilib: {since}"
                )
            }
            Self::SignatureInvalid => {
                words!("the signature does not verify", "imza təsdiqlənmir")
            }
            Self::BodyDigest => words!(
                "the body is not the one that was signed",
                "gövdə imzalanmış gövdədən fərqlidir"
            ),
            Self::NotFresh {
                created_s,
                expires_s,
                now_s,
            } => {
                let [created, expires, now] = [created_s, expires_s, now_s].map(|at| clock(*at));
                words!(
                    "it was created at {created} and expires at {expires} by the sender's clock, and \
                     it is {now} by the receiver's",
                    "göndərənin saatı ilə yaradılma anı {created}, etibarlılığın son anı {expires}, \
                     qəbul edənin saatı ilə isə indi {now}"
                )
            }
            Self::Replayed => words!(
                "its request id or nonce was seen before",
                "sorğunun identifikatoru və ya birdəfəlik kodu artıq istifadə olunub"
            ),
            Self::Version { spoken } => {
                let spoken: Vec<String> = spoken.iter().map(u32::to_string).collect();
                let spoken = spoken.join(", ");
                words!(
                    "its Bridge-Version is none of: {spoken}",
                    "Bridge-Version sahəsində bu versiyalardan heç biri göstərilməyib: {spoken}"
                )
            }
            Self::Authority => words!(
                "it is addressed to another node",
                "başqa qovşağa ünvanlanıb"
            ),
            Self::TieOfConnection => words!(
                "the connection and the signature belong to different members",
                "bağlantı və imza müxtəlif üzvlərə aiddir"
            ),
            Self::TieOfClient => words!(
                "it is signed by another member than the one named in X-Road-Client",
                "imza X-Road-Client sahəsində göstərilən üzvə deyil, başqa üzvə aiddir"
            ),
            Self::TieOfProvider => words!(
                "it is signed by another member than the one that provides the service",
                "imza xidmətin təchizatçısına deyil, başqa üzvə aiddir"
            ),
        }
    }

    #[expect(clippy::too_many_lines, reason = "a table: one row a variant")]
    fn rule_and_help(&self) -> (Words, Words) {
        match self {
            Self::SignatureMissing => (
                words!("every message is signed", "hər mesaj imzalanır"),
                words!("a node that signs", "imzalayan qovşaqdan istifadə etmək"),
            ),
            Self::SignatureMalformed => (
                words!("the signature profile", "imzanın profili"),
                words!(
                    "a node of the current version",
                    "qovşağın cari versiyasından istifadə etmək"
                ),
            ),
            Self::Form => (
                words!(
                    "forms of signatures in the directory and in the contract",
                    "kataloqda və müqavilədə göstərilən imza formaları"
                ),
                words!("the plain form", "adi formadan istifadə etmək"),
            ),
            Self::Coverage => (
                words!(
                    "nothing unsigned, nothing absent",
                    "imzasız və çatışmayan sahə olmamalıdır"
                ),
                words!(
                    "nothing on the way that adds or removes fields",
                    "yolda sahələrin əlavə edilməsinə və silinməsinə yol verməmək"
                ),
            ),
            Self::Algorithm => (
                words!("algorithms", "alqoritmlər"),
                words!(
                    "a correct record in the directory",
                    "kataloqdakı qeydi düzəltmək"
                ),
            ),
            Self::KeyUnknown => (
                words!(
                    "exchange keys of the directory",
                    "kataloqdakı mübadilə açarları"
                ),
                words!(
                    "publishing the key, or waiting until the new directory has arrived",
                    "açarı dərc etmək və ya yeni kataloqun gəlməsini gözləmək"
                ),
            ),
            Self::KeyNotValid | Self::KeyRevoked { .. } => (
                words!("certificates", "sertifikatlar"),
                words!("a new certificate", "yeni sertifikat almaq"),
            ),
            Self::SignatureInvalid | Self::BodyDigest => (
                words!("signatures", "imzalar"),
                words!(
                    "finding out what changed the message on its way",
                    "mesajı yolda nəyin dəyişdirdiyini araşdırmaq"
                ),
            ),
            Self::NotFresh { .. } => (
                words!("freshness", "mesajın vaxtında gəlməsi"),
                words!(
                    "setting the clock that is wrong",
                    "səhv göstərən saatı düzgün qurmaq"
                ),
            ),
            Self::Replayed => (
                words!("one message, one exchange", "bir mesaj, bir mübadilə"),
                words!(
                    "sending it anew with a new id",
                    "mesajı yeni identifikatorla yenidən göndərmək"
                ),
            ),
            Self::Version { .. } => (
                words!(
                    "versions of the wire",
                    "qovşaqlararası protokolun versiyaları"
                ),
                words!(
                    "the same version at both ends",
                    "hər iki qovşaqda eyni versiyadan istifadə etmək"
                ),
            ),
            Self::Authority => (
                words!(
                    "a message is for one node",
                    "mesaj yalnız bir qovşaq üçündür"
                ),
                words!(
                    "the node's name as the directory has it",
                    "qovşağın kataloqdakı adını yazmaq"
                ),
            ),
            Self::TieOfConnection => (
                tie(),
                words!(
                    "certificates of one member for both",
                    "hər ikisi üçün eyni üzvün sertifikatlarından istifadə etmək"
                ),
            ),
            Self::TieOfClient => (
                tie(),
                words!(
                    "a client of the member that signs",
                    "imzalayan üzvün öz altsistemini göstərmək"
                ),
            ),
            Self::TieOfProvider => (
                tie(),
                words!(
                    "a key of the provider",
                    "təchizatçının açarından istifadə etmək"
                ),
            ),
        }
    }
}

pub(super) fn both_operators() -> Words {
    words!(
        "the operators of the two nodes",
        "hər iki qovşağın operatorları"
    )
}

fn tie() -> Words {
    words!("tie of identities", "kimliklərin uyğunluğu")
}
