//! What a certificate is called in signed data.

use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// The names of a certificate, as it writes them.
#[derive(Debug)]
pub(crate) struct Bearing<'a> {
    /// The issuer's name.
    pub(crate) issuer: &'a [u8],
    /// The subject's name.
    pub(crate) subject: &'a [u8],
    /// The number, without tag and length.
    pub(crate) serial: &'a [u8],
    /// The identifier of its key, if it says one.
    pub(crate) key_identifier: Option<&'a [u8]>,
}

// === impl Bearing ===

impl<'a> Bearing<'a> {
    /// Reads the names; `None` if this is no certificate.
    pub(crate) fn of(der: &'a [u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let tbs = certificate.tbs_certificate;
        let key_identifier = tbs.extensions().iter().find_map(|extension| {
            let ParsedExtension::SubjectKeyIdentifier(id) = extension.parsed_extension() else {
                return None;
            };
            Some(id.0)
        });
        Some(Self {
            issuer: tbs.issuer.as_raw(),
            subject: tbs.subject.as_raw(),
            serial: tbs.raw_serial(),
            key_identifier,
        })
    }
}
