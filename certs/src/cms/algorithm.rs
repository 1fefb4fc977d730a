//! The algorithms of signed data, and what they are called.

use der::asn1::ObjectIdentifier;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA384_ASN1, ECDSA_P384_SHA256_ASN1, ECDSA_P384_SHA384_ASN1,
    ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    VerificationAlgorithm,
};

use crate::certificate::KeyAlgorithm;

/// A digest algorithm that is taken. No SHA-1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

// === impl Hash ===

impl Hash {
    /// The digest algorithm of a name, if it is taken. Standard: RFC 5754 §2.
    pub(crate) fn of(name: ObjectIdentifier) -> Option<Self> {
        match name {
            SHA_256 => Some(Self::Sha256),
            SHA_384 => Some(Self::Sha384),
            SHA_512 => Some(Self::Sha512),
            _ => None,
        }
    }

    /// The algorithm itself.
    pub(crate) fn algorithm(self) -> &'static ring::digest::Algorithm {
        match self {
            Self::Sha256 => &ring::digest::SHA256,
            Self::Sha384 => &ring::digest::SHA384,
            Self::Sha512 => &ring::digest::SHA512,
        }
    }

    /// What verifies a signature of this name, by a key of this kind, over attributes that were digested so.
    ///
    /// Standard: RFC 5754 §3. Standard: RFC 8419 §3.
    pub(crate) fn signature(
        self,
        name: ObjectIdentifier,
        key: KeyAlgorithm,
    ) -> Option<&'static dyn VerificationAlgorithm> {
        match (key, self, name) {
            (KeyAlgorithm::P256, Self::Sha256, ECDSA_SHA_256) => Some(&ECDSA_P256_SHA256_ASN1),
            (KeyAlgorithm::P256, Self::Sha384, ECDSA_SHA_384) => Some(&ECDSA_P256_SHA384_ASN1),
            (KeyAlgorithm::P384, Self::Sha256, ECDSA_SHA_256) => Some(&ECDSA_P384_SHA256_ASN1),
            (KeyAlgorithm::P384, Self::Sha384, ECDSA_SHA_384) => Some(&ECDSA_P384_SHA384_ASN1),
            (KeyAlgorithm::Ed25519, Self::Sha512, EDWARDS) => Some(&ED25519),
            (KeyAlgorithm::Rsa { .. }, Self::Sha256, RSA | RSA_SHA_256) => {
                Some(&RSA_PKCS1_2048_8192_SHA256)
            }
            (KeyAlgorithm::Rsa { .. }, Self::Sha384, RSA | RSA_SHA_384) => {
                Some(&RSA_PKCS1_2048_8192_SHA384)
            }
            (KeyAlgorithm::Rsa { .. }, Self::Sha512, RSA | RSA_SHA_512) => {
                Some(&RSA_PKCS1_2048_8192_SHA512)
            }
            _ => None,
        }
    }
}

/// What verifies a signature of this name, which says the digest too, by a key of this kind.
///
/// Standard: RFC 5280 §4.1.1.2.
pub(crate) fn signature_algorithm(
    name: ObjectIdentifier,
    key: KeyAlgorithm,
) -> Option<&'static dyn VerificationAlgorithm> {
    // This name says nothing of a digest.
    if name == RSA {
        return None;
    }
    let hashes = [Hash::Sha256, Hash::Sha384, Hash::Sha512];
    hashes
        .into_iter()
        .find_map(|hash| hash.signature(name, key))
}

pub(crate) const SHA_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
const SHA_384: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2");
const SHA_512: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3");
pub(crate) const ECDSA_SHA_256: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const ECDSA_SHA_384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3");
const EDWARDS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const RSA_SHA_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
const RSA_SHA_384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.12");
const RSA_SHA_512: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.13");
