//! What a certificate says of itself, held against the rules of a profile.

use crate::certificate::Reading;
use crate::error::CertificateError;
use crate::profile::{HostNames, Profile, Rules};

/// Holds a certificate against its profile, except for the identity.
pub(super) fn check_rules(
    reading: &Reading,
    rules: &Rules,
    profile: Profile,
) -> Result<(), CertificateError> {
    if reading.is_authority {
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
    if rules.names == HostNames::Required && reading.host_names == 0 {
        return Err(CertificateError::NoHostName { profile });
    }
    Ok(())
}
