//! Whether a certificate has been revoked: lists that an authority signs, and its answers about one certificate.
//!
//! What is read here is signed by the authority of the certificate, or (answers only) by a responder to which that very
//! authority gave a certificate for nothing else. Reading says what a list or an answer claims and that it is genuine; how
//! old it may be, and that it is not older than one known before, is asked of it apart, because what is kept on a disk is
//! read again when it has become old.
//!
//! Standard: RFC 5280 §5. Standard: RFC 6960 §4.

use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

use crate::certificate::{KeyAlgorithm, Reading};
use crate::cms::Bearing;
use crate::error::TrustError;
use crate::moment::Moment;
use crate::pem::certificates;
use crate::profile::Usage;
use crate::trust::{Trust, sha256};

mod answer;
mod error;
mod list;
mod signed;

pub use answer::{Answer, Query};
pub use error::StatusError;
pub use list::RevocationList;

/// How far in the future a list or an answer may be dated: clocks differ.
pub const CLOCK_SKEW_S: u64 = 60;

/// What is known of one certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Issued and not revoked, as far as the authority knows.
    Good,
    /// Not to be used any more; a certificate on hold is not to be used either.
    Revoked {
        /// Since when, Unix seconds.
        since_s: u64,
    },
    /// The authority does not know it.
    Unknown,
}

/// From when to when a list or an answer counts, Unix seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// When it was right.
    pub this_update_s: u64,
    /// When there will be a newer one; an answer need not say it.
    pub next_update_s: Option<u64>,
}

/// An authority, as the signer of what is said of its certificates.
#[derive(Debug)]
pub struct Issuer {
    reading: Reading,
    subject: String,
    name: Vec<u8>,
    spki_sha256: [u8; 32],
    /// Judges the certificates of its responders.
    trust: Trust,
}

// === impl Window ===

impl Window {
    /// The last second in which it counts, if it is tolerated for so long after it was right.
    pub fn until_s(&self, tolerated_s: u64) -> u64 {
        let tolerated = self.this_update_s.saturating_add(tolerated_s);
        self.next_update_s.unwrap_or(u64::MAX).min(tolerated)
    }

    /// Whether it counts now.
    ///
    /// # Errors
    ///
    /// [`StatusError::Early`], [`StatusError::Late`], [`StatusError::TooOld`].
    pub fn check(&self, tolerated_s: u64, now_s: u64) -> Result<(), StatusError> {
        if self.this_update_s > now_s.saturating_add(CLOCK_SKEW_S) {
            let this_update = Moment(self.this_update_s);
            return Err(StatusError::Early { this_update });
        }
        if let Some(next_update_s) = self.next_update_s
            && now_s > next_update_s
        {
            let next_update = Moment(next_update_s);
            return Err(StatusError::Late { next_update });
        }
        if now_s > self.until_s(tolerated_s) {
            let this_update = Moment(self.this_update_s);
            return Err(StatusError::TooOld { this_update });
        }
        Ok(())
    }

    fn new(this_update_s: u64, next_update_s: Option<u64>) -> Result<Self, StatusError> {
        if next_update_s.is_some_and(|next_s| next_s < this_update_s) {
            return Err(StatusError::Backwards);
        }
        Ok(Self {
            this_update_s,
            next_update_s,
        })
    }
}

// === impl Issuer ===

impl Issuer {
    /// Reads the one certificate of an authority, PEM.
    ///
    /// # Errors
    ///
    /// [`TrustError`] if it is not exactly one, or none of an authority.
    pub fn from_pem(pem: &[u8]) -> Result<Self, TrustError> {
        let trust = Trust::from_pem(pem)?;
        let mut found = certificates(pem).map_err(TrustError::Pem)?;
        let count = found.len();
        let (Some(der), true) = (found.pop(), count == 1) else {
            return Err(TrustError::TooManyAnchors { count });
        };
        let reading = Reading::of(&der).map_err(TrustError::Unreadable)?;
        let name = Bearing::of(&der).map(|bearing| bearing.subject.to_vec());
        Ok(Self {
            spki_sha256: sha256(&reading.spki),
            name: name.unwrap_or_default(),
            subject: reading.subject.to_string(),
            reading,
            trust,
        })
    }

    /// SHA-256 of its public key, by which [`Issuance`](crate::trust::Issuance) names it.
    pub fn spki_sha256(&self) -> [u8; 32] {
        self.spki_sha256
    }

    /// Its name, for people.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    fn signs_lists(&self) -> bool {
        self.reading.usages.contains(&Usage::CrlSign)
    }

    fn key(&self) -> (KeyAlgorithm, &[u8]) {
        (self.reading.algorithm, &self.reading.public_key)
    }
}

/// What names and keys are called by in questions and answers; nothing rests on its strength.
///
/// Standard: RFC 6960 §4.1.1.
fn sha1(bytes: &[u8]) -> Vec<u8> {
    digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes).as_ref().to_vec()
}

#[cfg(test)]
mod tests;
