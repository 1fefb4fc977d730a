//! The usages of a profile, as extensions of a certificate.

use std::collections::BTreeSet;

use der::asn1::ObjectIdentifier;
use rcgen::{CertificateParams, CustomExtension, ExtendedKeyUsagePurpose, KeyUsagePurpose};

use crate::asn1::{SEQUENCE, write, write_oid};
use crate::profile::{Purpose, Rules, Usage};

/// Writes what the profile demands, and nothing of what it merely allows.
pub(crate) fn apply(params: &mut CertificateParams, rules: &Rules) {
    params.use_authority_key_identifier_extension = true;
    params.key_usages = rules
        .key_usage
        .iter()
        .map(|usage| key_usage(*usage))
        .collect();
    let purposes = &rules.extended_key_usage;
    if rules.extended_key_usage_critical {
        params.custom_extensions.push(critical(purposes));
    } else {
        params.extended_key_usages = purposes.iter().map(extended).collect();
    }
}

/// Writes purposes as an extension that is marked critical. Standard: RFC 5280 §4.2.1.12.
fn critical(purposes: &BTreeSet<Purpose>) -> CustomExtension {
    let written: Vec<Vec<u8>> = purposes
        .iter()
        .filter_map(|purpose| ObjectIdentifier::new(purpose.oid()).ok())
        .map(write_oid)
        .collect();
    let parts: Vec<&[u8]> = written.iter().map(Vec::as_slice).collect();
    let mut extension =
        CustomExtension::from_oid_content(EXTENDED_KEY_USAGE, write(SEQUENCE, &parts));
    extension.set_criticality(true);
    extension
}

fn key_usage(usage: Usage) -> KeyUsagePurpose {
    match usage {
        Usage::DigitalSignature => KeyUsagePurpose::DigitalSignature,
        Usage::ContentCommitment => KeyUsagePurpose::ContentCommitment,
        Usage::KeyEncipherment => KeyUsagePurpose::KeyEncipherment,
        Usage::DataEncipherment => KeyUsagePurpose::DataEncipherment,
        Usage::KeyAgreement => KeyUsagePurpose::KeyAgreement,
        Usage::CertSign => KeyUsagePurpose::KeyCertSign,
        Usage::CrlSign => KeyUsagePurpose::CrlSign,
        Usage::EncipherOnly => KeyUsagePurpose::EncipherOnly,
        Usage::DecipherOnly => KeyUsagePurpose::DecipherOnly,
    }
}

fn extended(purpose: &Purpose) -> ExtendedKeyUsagePurpose {
    match purpose {
        Purpose::Any => ExtendedKeyUsagePurpose::Any,
        Purpose::ServerAuth => ExtendedKeyUsagePurpose::ServerAuth,
        Purpose::ClientAuth => ExtendedKeyUsagePurpose::ClientAuth,
        Purpose::CodeSigning => ExtendedKeyUsagePurpose::CodeSigning,
        Purpose::EmailProtection => ExtendedKeyUsagePurpose::EmailProtection,
        Purpose::TimeStamping => ExtendedKeyUsagePurpose::TimeStamping,
        Purpose::OcspSigning => ExtendedKeyUsagePurpose::OcspSigning,
        Purpose::DocumentSigning => {
            ExtendedKeyUsagePurpose::Other(vec![1, 3, 6, 1, 5, 5, 7, 3, 36])
        }
        Purpose::Other(oid) => ExtendedKeyUsagePurpose::Other(
            oid.split('.').filter_map(|arc| arc.parse().ok()).collect(),
        ),
    }
}

const EXTENDED_KEY_USAGE: &[u64] = &[2, 5, 29, 37];
