//! A trusted authority.

use rustls_pki_types::{CertificateDer, TrustAnchor};
use webpki::anchor_from_trusted_cert;

use super::sha256;
use crate::certificate::Reading;
use crate::error::TrustError;
use crate::foreign;
use crate::profile::Usage;

/// A trusted authority, with the dates that path validation itself does not look at.
#[derive(Clone, Debug)]
pub(super) struct Anchor {
    pub(super) certificate: CertificateDer<'static>,
    pub(super) parts: TrustAnchor<'static>,
    pub(super) subject: String,
    pub(super) spki_sha256: [u8; 32],
    pub(super) sha256: String,
    pub(super) key_identifier: Option<Vec<u8>>,
    pub(super) path_length: Option<u8>,
    pub(super) not_before: u64,
    pub(super) not_after: u64,
}

// === impl Anchor ===

impl Anchor {
    pub(super) fn read(der: Vec<u8>) -> Result<Self, TrustError> {
        let reading = Reading::of(&der).map_err(TrustError::Unreadable)?;
        let subject = reading.subject.to_string();
        if !reading.constraints.is_authority || !reading.usages.contains(&Usage::CertSign) {
            return Err(TrustError::NotAnAuthority { subject });
        }
        let certificate = CertificateDer::from(der);
        let parts = anchor_from_trusted_cert(&certificate)
            .map_err(|source| TrustError::Anchor {
                subject: subject.clone(),
                source,
            })?
            .to_owned();
        Ok(Self {
            sha256: foreign::hexadecimal(&sha256(&certificate)),
            certificate,
            parts,
            spki_sha256: sha256(&reading.spki),
            subject,
            key_identifier: reading.key_identifier,
            path_length: reading.constraints.path_length,
            not_before: reading.not_before,
            not_after: reading.not_after,
        })
    }

    /// Whether both are of one authority and its one key, and do not say the same.
    pub(super) fn is_ambiguous(&self, other: &Self) -> bool {
        self.parts.subject == other.parts.subject
            && self.parts.subject_public_key_info == other.parts.subject_public_key_info
            && self.sha256 != other.sha256
    }
}
