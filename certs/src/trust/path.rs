//! Path validation as `webpki` does it: what it is told, and what its answers mean.

use rustls_pki_types::SignatureVerificationAlgorithm;
use webpki::{ExtendedKeyUsageValidator, KeyPurposeIdIter};

use crate::certificate::Reading;
use crate::error::CertificateError;
use crate::moment::Moment;

/// Signature algorithms that issuers may use. No SHA-1; the strength of RSA keys is judged apart.
pub(super) const CHAIN_ALGORITHMS: &[&dyn SignatureVerificationAlgorithm] = &[
    webpki::ring::ECDSA_P256_SHA256,
    webpki::ring::ECDSA_P256_SHA384,
    webpki::ring::ECDSA_P384_SHA256,
    webpki::ring::ECDSA_P384_SHA384,
    webpki::ring::ED25519,
    webpki::ring::RSA_PKCS1_2048_8192_SHA256,
    webpki::ring::RSA_PKCS1_2048_8192_SHA384,
    webpki::ring::RSA_PKCS1_2048_8192_SHA512,
    webpki::ring::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
    webpki::ring::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
    webpki::ring::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
];

/// Sorts what path validation says into what the reader of the message can act on.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the enum is foreign and open"
)]
pub(super) fn chain_error(
    error: webpki::Error,
    leaf: &Reading,
    intermediates: &[Vec<u8>],
    now_s: u64,
) -> CertificateError {
    let now = Moment(now_s);
    match error {
        webpki::Error::UnknownIssuer => CertificateError::UnknownIssuer {
            issuer: leaf.issuer.to_string(),
        },
        webpki::Error::InvalidSignatureForPublicKey => CertificateError::BadSignature {
            issuer: leaf.issuer.to_string(),
        },
        webpki::Error::UnsupportedSignatureAlgorithmContext(_)
        | webpki::Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => {
            CertificateError::Algorithm {
                issuer: leaf.issuer.to_string(),
            }
        }
        webpki::Error::CertExpired { not_after, .. } => CertificateError::Expired {
            not_after: Moment(not_after.as_secs()),
            now,
        },
        webpki::Error::CertNotValidYet { not_before, .. } => CertificateError::NotYetValid {
            not_before: Moment(not_before.as_secs()),
            now,
        },
        webpki::Error::CaUsedAsEndEntity => CertificateError::AuthorityAsLeaf,
        webpki::Error::EndEntityUsedAsCa => CertificateError::LeafAsAuthority,
        webpki::Error::PathLenConstraintViolated | webpki::Error::MaximumPathDepthExceeded => {
            CertificateError::ChainTooLong
        }
        other => {
            // What one of the issuers says can be told more clearly by the reader.
            let mut issuers = intermediates.iter().map(|der| Reading::of(der));
            let unread = issuers.find_map(Result::err);
            unread.map_or(CertificateError::Chain(other), CertificateError::Issuer)
        }
    }
}

/// Lets path validation pass every extended usage: `check_rules` judges the leaf's, more strictly.
pub(super) struct PurposeIsJudgedLater;

impl ExtendedKeyUsageValidator for PurposeIsJudgedLater {
    fn validate(&self, _purposes: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        Ok(())
    }
}
