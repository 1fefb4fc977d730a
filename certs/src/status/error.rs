//! Why a revocation list or an answer about a certificate is refused.

use der::asn1::ObjectIdentifier;

use crate::certificate::KeyAlgorithm;
use crate::error::CertificateError;
use crate::extensions::ExtensionFault;
use crate::moment::Moment;

/// A revocation list or an answer is refused.
#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    /// Not the distinguished encoding of a list or an answer.
    #[error("malformed: {0}")]
    Malformed(#[from] der::Error),
    /// A serial number that is below zero, not as short as can be, or longer than 20 bytes.
    #[error("a serial number is not written as it must be")]
    Serial,
    /// A version that is not taken.
    #[error("of another version than is taken")]
    Version,
    /// The signed algorithm is another than the one beside the signature.
    #[error("the algorithm inside is another than the one beside the signature")]
    AlgorithmDiffers,
    /// An algorithm that is not taken, or is not the key's.
    #[error("the signature algorithm {name} is not taken with a key of {key}")]
    Algorithm {
        /// Its object identifier.
        name: ObjectIdentifier,
        /// The kind of the signer's key.
        key: KeyAlgorithm,
    },
    /// The signature is not the authority's.
    #[error("the signature is wrong")]
    WrongSignature,
    /// Dated after the own clock.
    #[error("of {this_update}, which is later than now")]
    Early {
        /// When it was right by its own words.
        this_update: Moment,
    },
    /// A newer one must be there by now.
    #[error("a newer one was due at {next_update}")]
    Late {
        /// When the newer one was due.
        next_update: Moment,
    },
    /// Older than is tolerated.
    #[error("of {this_update}, older than is tolerated")]
    TooOld {
        /// When it was right.
        this_update: Moment,
    },
    /// The next update is before this one.
    #[error("the next update is before this one")]
    Backwards,
    /// Older than one that was taken before.
    #[error("older than one that was taken before")]
    GoesBack,
    /// An extension that stands twice.
    #[error("the extension {0} stands twice")]
    Repeated(ObjectIdentifier),
    /// A critical extension that is not known.
    #[error("the critical extension {0} is not known")]
    Critical(ObjectIdentifier),

    /// Of another authority.
    #[error("the list is of another authority")]
    OtherIssuer,
    /// The authority's certificate does not let its key sign lists.
    #[error("the authority's key usage lacks the signing of lists")]
    MayNotSignLists,
    /// A list that does not say when the next one comes.
    #[error("the list does not say when the next one comes")]
    NoNextUpdate,
    /// A list without a number.
    #[error("the list has no number")]
    NoNumber,
    /// Only what changed since another list.
    #[error("the list says only what has changed since another")]
    Delta,
    /// Other authorities' certificates too.
    #[error("the list speaks of other authorities' certificates")]
    Indirect,
    /// Only some of the authority's certificates, or some reasons.
    #[error("the list is about a part of the authority's certificates only")]
    Partial,
    /// A certificate that stands twice.
    #[error("a certificate stands twice in the list")]
    TwiceListed,

    /// The responder gives no answer.
    #[error("the responder gives no answer: {0}")]
    NoAnswer(&'static str),
    /// Not the one type of answer that there is.
    #[error("the answer is of type {0}")]
    AnswerType(ObjectIdentifier),
    /// More than is looked at.
    #[error("more certificates or answers than are looked at")]
    TooMany,
    /// Nobody in the answer is the responder that it names.
    #[error("the responder that signed is not known, and brought no certificate")]
    NoResponder,
    /// The responder's certificate does not hold.
    #[error("the responder's certificate does not hold")]
    Responder(#[source] Box<CertificateError>),
    /// The responder's certificate leaves open whether it has been revoked itself.
    #[error("the responder's certificate does not say that it needs no status itself")]
    ResponderUnchecked,
    /// Nothing about the certificate that was asked about.
    #[error("the answer is not about the certificate")]
    OtherCertificate,
    /// Several answers about one certificate.
    #[error("the answer says two things of the certificate")]
    Ambiguous,
    /// The number of the question is not that of the answer, or lacks in it.
    #[error("the answer is not to this question")]
    Nonce,
    /// Made before it was right, or in the future.
    #[error("the answer was made at {produced}, not between when it was right and now")]
    Produced {
        /// When it was made by its own words.
        produced: Moment,
    },
}

impl From<ExtensionFault> for StatusError {
    fn from(fault: ExtensionFault) -> Self {
        match fault {
            ExtensionFault::Malformed(error) => Self::Malformed(error),
            ExtensionFault::Repeated(name) => Self::Repeated(name),
            ExtensionFault::Critical(name) => Self::Critical(name),
            ExtensionFault::TooMany => Self::TooMany,
        }
    }
}
