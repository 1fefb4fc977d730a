//! Why a time-stamp is not taken.

use der::asn1::ObjectIdentifier;

use super::response::Failure;
use crate::cms::CmsError;
use crate::error::CertificateError;

/// An authority's answer is not a time-stamp that can be taken.
#[derive(Debug, thiserror::Error)]
pub enum StampError {
    /// Not the distinguished encoding of an answer.
    #[error("the answer is malformed: {0}")]
    Malformed(#[from] der::Error),
    /// The authority did not stamp.
    #[error("the authority refused: status {status}{}", Failure::words(*.failure))]
    Refused {
        /// What it says.
        status: u8,
        /// Why, if it says so.
        failure: Option<Failure>,
    },
    /// It says that it stamped and sends no token.
    #[error("the answer holds no token")]
    NoToken,
    /// The token is not signed as it must be.
    #[error("the token's signature does not hold")]
    Signature(#[from] CmsError),
    /// The signature is detached from what it is about.
    #[error("the token is signed without what was stamped")]
    NoContent,
    /// The token holds something else.
    #[error("the token holds content of type {0}, not a time-stamp")]
    ContentType(ObjectIdentifier),
    /// Another version than 1.
    #[error("the time-stamp is of version {0}")]
    Version(u8),
    /// The imprint is made with another algorithm than SHA-256.
    #[error("the imprint is made with {0}, not SHA-256")]
    ImprintAlgorithm(ObjectIdentifier),
    /// Something else was stamped.
    #[error("the imprint is not of what was to be stamped")]
    Imprint,
    /// Another question was answered.
    #[error("the nonce is not that of the question")]
    Nonce,
    /// Stamped under another policy.
    #[error("stamped under policy {0}, which was not asked for")]
    Policy(ObjectIdentifier),
    /// An extension that must be understood, and is not.
    #[error("the time-stamp has the critical extension {0}, which is not known")]
    Extension(ObjectIdentifier),
    /// The stamped time is not written as it must be.
    #[error("the stamped time is malformed")]
    Time,
    /// Less accurate than is of use.
    #[error("the stamped time is accurate to {accuracy_ms} ms only")]
    Accuracy {
        /// What the authority says.
        accuracy_ms: u64,
    },
    /// The signer did not bind its certificate to the token.
    #[error("the signer's certificate is not bound to the token")]
    NotBound,
    /// The signer bound another certificate to the token.
    #[error("another certificate than the signer's is bound to the token")]
    OtherCertificate,
    /// The certificate of the signer is not trusted for this.
    #[error("the authority's certificate is not trusted")]
    Certificate(#[from] CertificateError),
    /// The token names another authority than its certificate.
    #[error("the token names another authority than its certificate does")]
    Authority,
    /// The stamped time is too far from the own clock. All else holds.
    #[error("the stamped time is {ahead_ms} ms ahead of this clock")]
    TimeFar {
        /// By how much; below zero it is behind.
        ahead_ms: i64,
    },
}
