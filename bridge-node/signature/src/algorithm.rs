//! The signature algorithms that are spoken.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// Names a signature algorithm of the HTTP Signature Algorithms registry.
///
/// Standard: RFC 9421 §3.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// ECDSA over P-256 with SHA-256; signatures are r and s, 32 bytes each. Standard: RFC 9421 §3.3.4.
    EcdsaP256Sha256,
    /// Ed25519; signatures are 64 bytes. Standard: RFC 9421 §3.3.6.
    Ed25519,
}

/// Says that a name is not one of the algorithms spoken here.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("signature algorithm {0:?} is not spoken here")]
pub struct UnknownAlgorithm(pub String);

impl Algorithm {
    /// Returns the registered name, as in the parameter `alg`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EcdsaP256Sha256 => "ecdsa-p256-sha256",
            Self::Ed25519 => "ed25519",
        }
    }

    /// Returns the length in bytes of every signature of this algorithm.
    pub const fn signature_length(self) -> usize {
        match self {
            Self::EcdsaP256Sha256 | Self::Ed25519 => 64,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    fn from_str(name: &str) -> Result<Self, UnknownAlgorithm> {
        match name {
            "ecdsa-p256-sha256" => Ok(Self::EcdsaP256Sha256),
            "ed25519" => Ok(Self::Ed25519),
            other => Err(UnknownAlgorithm(other.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for algorithm in [Algorithm::EcdsaP256Sha256, Algorithm::Ed25519] {
            assert_eq!(algorithm.as_str().parse(), Ok(algorithm));
        }
    }

    #[test]
    fn other_names_are_refused() {
        for name in ["", "ED25519", "hmac-sha256", "rsa-pss-sha512", "ed25519 "] {
            assert_eq!(
                name.parse::<Algorithm>(),
                Err(UnknownAlgorithm(name.to_owned()))
            );
        }
    }
}
