//! Finds the one bridge identity of a certificate.

use bridge_core::identity::CertificateName;

use crate::error::CertificateError;
use crate::profile::{IdentityKind, Profile};

/// Returns the identity that the profile wants, from all URI names of the certificate.
pub(crate) fn identity(
    uris: &[String],
    wanted: IdentityKind,
    profile: Profile,
) -> Result<Option<CertificateName>, CertificateError> {
    let text = match (uris, wanted) {
        ([], IdentityKind::None) => return Ok(None),
        ([], _) => return Err(CertificateError::NoIdentity { profile, wanted }),
        ([text], _) => text,
        (several, _) => {
            return Err(CertificateError::SeveralIdentities {
                count: several.len(),
            });
        }
    };
    // Only the canonical spelling is read: two spellings could be told apart by one program and not by the next.
    let found: CertificateName =
        text.parse()
            .map_err(|source| CertificateError::NotAnIdentity {
                text: text.clone(),
                source,
            })?;
    match (&found, wanted) {
        (CertificateName::Node(_), IdentityKind::Node)
        | (CertificateName::Member(_), IdentityKind::Member) => Ok(Some(found)),
        _ => Err(CertificateError::WrongIdentity {
            found,
            profile,
            wanted,
        }),
    }
}
