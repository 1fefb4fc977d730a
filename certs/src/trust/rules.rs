//! What a certificate says of itself, held against the rules of a profile, and its issuers against it.

use crate::certificate::Reading;
use crate::error::CertificateError;
use crate::profile::{HostNames, Profile, Purpose, Rules, Usage};

/// Holds a certificate against its profile, except for the identity.
pub(super) fn check_rules(
    reading: &Reading,
    rules: &Rules,
    profile: Profile,
) -> Result<(), CertificateError> {
    if reading.constraints.is_authority {
        return Err(CertificateError::AuthorityAsLeaf);
    }
    if !rules.keys.contains(&reading.algorithm.family()) {
        return Err(CertificateError::KeyNotAllowed {
            found: reading.algorithm,
            profile,
        });
    }
    let missing = rules.key_usage.difference(&reading.usages).next();
    let extra = reading
        .usages
        .iter()
        .find(|usage| !rules.key_usage.contains(usage) && !rules.key_usage_may.contains(usage));
    if missing.is_some() || extra.is_some() {
        let (missing, extra) = (missing.copied(), extra.copied());
        return Err(CertificateError::KeyUsage {
            profile,
            missing,
            extra,
        });
    }
    let missing = rules
        .extended_key_usage
        .difference(&reading.purposes)
        .next();
    let extra = reading.purposes.iter().find(|purpose| {
        !rules.extended_key_usage.contains(purpose)
            && !rules.extended_key_usage_may.contains(purpose)
    });
    if missing.is_some() || extra.is_some() {
        let (missing, extra) = (missing.cloned(), extra.cloned());
        return Err(CertificateError::ExtendedKeyUsage {
            profile,
            missing,
            extra,
        });
    }
    if rules.extended_key_usage_critical && !reading.purposes_critical {
        return Err(CertificateError::ExtendedKeyUsageNotCritical { profile });
    }
    if rules.names == HostNames::Required && reading.host_names.is_empty() {
        return Err(CertificateError::NoHostName { profile });
    }
    Ok(())
}

/// Holds an issuer below the trusted authority to sign certificates, and certificates for such purposes.
///
/// Standard: RFC 5280 §4.2.1.3, §4.2.1.9, §4.2.1.12.
pub(super) fn check_issuer(issuer: &Reading, leaf: &Reading) -> Result<(), CertificateError> {
    let subject = || issuer.subject.to_string();
    if !issuer.usages.contains(&Usage::CertSign) {
        return Err(CertificateError::IssuerMayNotSign { subject: subject() });
    }
    if !issuer.constraints_critical {
        return Err(CertificateError::IssuerNotCritical { subject: subject() });
    }
    // An issuer that names purposes signs for those only. A certificate that names none is for any.
    if issuer.purposes.is_empty() || issuer.purposes.contains(&Purpose::Any) {
        return Ok(());
    }
    let any = leaf.purposes.is_empty().then_some(&Purpose::Any);
    let mut others = leaf.purposes.difference(&issuer.purposes);
    match any.or_else(|| others.next()) {
        Some(purpose) => Err(CertificateError::IssuerPurposes {
            subject: subject(),
            purpose: purpose.clone(),
        }),
        None => Ok(()),
    }
}

/// Holds what a certificate calls its issuer's key against what the issuer calls it, if both do.
///
/// Standard: RFC 5280 §4.2.1.1.
pub(super) fn check_key(named: Option<&[u8]>, own: Option<&[u8]>) -> Result<(), CertificateError> {
    match (named, own) {
        (Some(named), Some(own)) if named != own => Err(CertificateError::OtherIssuerKey),
        _ => Ok(()),
    }
}
