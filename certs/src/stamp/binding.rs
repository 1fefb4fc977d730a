//! Which certificate a signer meant: without this, a token could be laid to another certificate of the same key.

use der::asn1::{ObjectIdentifier, OctetStringRef};
use der::{Tag, Tagged as _};
use ring::digest::{Algorithm, SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};

use super::StampError;
use crate::asn1::{Value, Values, context};
use crate::cms::{Bearing, Hash, SignedData};

/// Checks that the signer bound this certificate to what it signed, by its digest and, if told, its issuer and number.
///
/// Standard: RFC 5035 §3. Standard: RFC 2634 §5.4.
pub(super) fn check(signed: &SignedData<'_>, certificate: &[u8]) -> Result<(), StampError> {
    let new = signed.attribute(SIGNING_CERTIFICATE_V2);
    let old = signed.attribute(SIGNING_CERTIFICATE);
    if new.is_none() && old.is_none() {
        return Err(StampError::NotBound);
    }
    if let Some(value) = new {
        let mut id = first(value)?;
        // SHA-256 is left out because it is the default.
        let algorithm = match id.next_if(Tag::Sequence)? {
            Some(named) => named_hash(Values::of(named.value())?)?,
            None => &SHA256,
        };
        one(id, algorithm, certificate)?;
    }
    if let Some(value) = old {
        // The digest is SHA-1 there. It only tells certificates apart that trusted authorities issued.
        one(first(value)?, &SHA1_FOR_LEGACY_USE_ONLY, certificate)?;
    }
    Ok(())
}

/// The first certificate of the list is the signer's; what follows are issuers and policies.
fn first(value: Value<'_>) -> Result<Values<'_>, StampError> {
    let mut parts = Values::inside(value, Tag::Sequence)?;
    let mut list = parts.sequence()?;
    Ok(list.sequence()?)
}

fn one(
    mut id: Values<'_>,
    algorithm: &'static Algorithm,
    certificate: &[u8],
) -> Result<(), StampError> {
    let told: &OctetStringRef = id.read()?;
    let digest = digest(algorithm, certificate);
    if told.as_bytes() != digest.as_ref() {
        return Err(StampError::OtherCertificate);
    }
    if id.is_finished() {
        return Ok(());
    }
    let named = issuer_and_serial(id.sequence()?)?;
    id.end()?;
    let bearing = Bearing::of(certificate).ok_or(StampError::OtherCertificate)?;
    if named == (bearing.issuer, bearing.serial) {
        Ok(())
    } else {
        Err(StampError::OtherCertificate)
    }
}

fn named_hash(mut parts: Values<'_>) -> Result<&'static Algorithm, StampError> {
    let name = parts.read()?;
    if !parts.is_finished() {
        parts.next()?;
    }
    parts.end()?;
    let hash = Hash::of(name).ok_or(StampError::OtherCertificate)?;
    Ok(hash.algorithm())
}

/// The issuer stands in a list of names, of which it is the only one.
fn issuer_and_serial(mut parts: Values<'_>) -> Result<(&[u8], &[u8]), StampError> {
    let mut names = parts.sequence()?;
    let name = names.next()?;
    let serial = parts.integer()?;
    if !names.is_finished() || name.tag() != context(4, true) {
        return Err(StampError::OtherCertificate);
    }
    parts.end()?;
    Ok((name.value(), serial))
}

/// Standard: RFC 5035 §3.
pub(super) const SIGNING_CERTIFICATE_V2: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.47");
/// Standard: RFC 2634 §5.4.
pub(super) const SIGNING_CERTIFICATE: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.12");
