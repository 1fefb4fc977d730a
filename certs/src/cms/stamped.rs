//! Seals with a time-stamp over their signature: when they were made at the latest, whatever the sealer's clock said.
//!
//! A seal's own time is its sealer's word, and whoever steals the key may write another one. The time-stamp is an authority's word,
//! and shows years later that the seal is older than the revocation of its key.
//!
//! Standard: ETSI EN 319 122-1 §6.3 (level B-T). Standard: RFC 5126 §6.1.1.

use super::seal::{CONTEXT_0, attribute, check_read};
use super::{CmsError, SIGNATURE_TIME_STAMP, SealError, Sealed, SignedData};
use crate::asn1::{SEQUENCE, SET, Values, context, only, write};
use crate::stamp::{Expected, Stamp};
use crate::trust::Trust;

/// What an authority is to stamp of a seal.
///
/// # Errors
///
/// [`SealError::Cms`] if it is none.
pub fn seal_imprint(seal: &[u8]) -> Result<[u8; 32], SealError> {
    Ok(SignedData::read(seal)?.signature_sha256())
}

/// Puts a time-stamp token into a seal; nothing that was signed changes.
///
/// # Errors
///
/// [`SealError::Cms`] if the seal can't be read, or bears one already.
pub fn with_stamp(seal: &[u8], token: &[u8]) -> Result<Vec<u8>, SealError> {
    SignedData::read(seal)?;
    let stamp = attribute(SIGNATURE_TIME_STAMP, token);
    rebuilt(seal, &stamp).map_err(|error| SealError::Cms(CmsError::Malformed(error)))
}

/// The same signed data with these attributes that nobody signed.
fn rebuilt(seal: &[u8], unsigned: &[u8]) -> Result<Vec<u8>, der::Error> {
    let mut outer = Values::of_sequence(seal)?;
    let kind = outer.next_bytes()?;
    let mut explicit = Values::inside(outer.next()?, context(0, true))?;
    let mut parts = explicit.sequence()?;
    let mut kept = Vec::new();
    while !parts.is_finished() {
        kept.push(parts.next_bytes()?);
    }
    // The signers stand last.
    let signers = kept.pop().unwrap_or_default();
    let signer = only(only(signers)?.value())?.value();
    let unsigned = write(CONTEXT_1, &[unsigned]);
    let signer = write(SEQUENCE, &[signer, &unsigned]);
    let data = write(SEQUENCE, &[&kept.concat(), &write(SET, &[&signer])]);
    Ok(write(SEQUENCE, &[kind, &write(CONTEXT_0, &[&data])]))
}

/// As [`check_seal`](super::check_seal), of a seal that may bear a time-stamp, which is checked then: returns what it proves.
///
/// # Errors
///
/// [`SealError`] names what does not hold; a time-stamp that does not hold is a fault, not none.
pub fn check_stamped_seal(
    trust: &Trust,
    seal: &[u8],
    content: &[u8],
    accuracy_ms: u64,
) -> Result<(Sealed, Option<Stamp>), SealError> {
    let signed = SignedData::read_stamped(seal)?;
    let sealed = check_read(trust, &signed, content)?;
    let Some(token) = signed.stamp() else {
        return Ok((sealed, None));
    };
    let expected = Expected {
        imprint: signed.signature_sha256(),
        nonce: None,
        policy: None,
        clock: None,
        accuracy_ms,
    };
    let stamp = Stamp::check_token(trust, token, &expected);
    let stamp = stamp.map_err(|error| SealError::Stamp(Box::new(error)))?;
    Ok((sealed, Some(stamp)))
}

const CONTEXT_1: u8 = 0xa1;

#[cfg(test)]
mod tests {
    use bridge_core::identity::{CertificateName, MemberId};
    use der::asn1::ObjectIdentifier;

    use super::super::{Sealer, check_seal};
    use super::*;
    use crate::authority::{Authority, NewKey, Order};
    use crate::profile::Profile;
    use crate::stamp::StampError;

    const NOW: u64 = 1_800_000_000;
    const CONTENT: &[u8] = b"what is sealed";
    /// Something else that a signer may be told without having signed it.
    const COUNTERSIGNATURE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.6");

    /// A seal over [`CONTENT`], and who trusts it.
    fn seal(folder: &tempfile::TempDir) -> (Trust, Vec<u8>) {
        let authority = Authority::create(&folder.path().join("a"), "Example", NOW - 100).unwrap();
        let member = MemberId::new("AZ", "GOV", "1001").unwrap();
        let order = Order {
            profile: Profile::Seal,
            name: Some(CertificateName::Member(member)),
            common_name: "Seal".to_owned(),
            sans: Vec::new(),
            not_before: NOW - 10,
            not_after: NOW + 86_400,
        };
        let issued = authority.issue_with(&order, NewKey::P256).unwrap();
        let chain = vec![issued.certificate_der, authority.issuing_der().to_vec()];
        let sealer = Sealer::new(&issued.key_pkcs8, chain).unwrap();
        let trust = Trust::from_pem(authority.root_pem().as_bytes()).unwrap();
        (trust, sealer.seal(CONTENT, NOW).unwrap())
    }

    #[test]
    fn a_seal_bears_one_time_stamp_and_nothing_else_unsigned() {
        let folder = tempfile::tempdir().unwrap();
        let (trust, seal) = seal(&folder);
        let (sealed, stamp) = check_stamped_seal(&trust, &seal, CONTENT, 0).unwrap();
        assert_eq!(sealed, check_seal(&trust, &seal, CONTENT).unwrap());
        assert_eq!(stamp, None);
        // Whatever stands in the place of a time-stamp is taken for one, and no token is taken unseen.
        let nothing = write(SEQUENCE, &[]);
        let stamped = with_stamp(&seal, &nothing).unwrap();
        let read = SignedData::read_stamped(&stamped).unwrap();
        assert_eq!(read.stamp(), Some(&*nothing));
        assert_eq!(read.signature_sha256(), seal_imprint(&seal).unwrap());
        let refused = check_stamped_seal(&trust, &stamped, CONTENT, 0);
        assert!(
            matches!(refused, Err(SealError::Stamp(why)) if matches!(*why, StampError::Signature(_)))
        );
        // Where no time-stamp belongs, none is taken; a second one is not added.
        let is_unsigned =
            |error: &SealError| matches!(error, SealError::Cms(CmsError::UnsignedAttributes));
        assert!(is_unsigned(
            &check_seal(&trust, &stamped, CONTENT).unwrap_err()
        ));
        assert!(is_unsigned(&with_stamp(&stamped, &nothing).unwrap_err()));
        let stamp = attribute(SIGNATURE_TIME_STAMP, &nothing);
        let other = attribute(COUNTERSIGNATURE, &nothing);
        for unsigned in [
            other.clone(),
            [stamp.clone(), other].concat(),
            [stamp.clone(), stamp].concat(),
        ] {
            let bent = rebuilt(&seal, &unsigned).unwrap();
            let refused = check_stamped_seal(&trust, &bent, CONTENT, 0);
            assert!(is_unsigned(&refused.unwrap_err()));
        }
    }
}
