//! PEM texts: certificates and private keys.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::pem::{PemObject, SectionKind};
use zeroize::{Zeroize, Zeroizing};

/// The largest file of certificates that is read, in bytes.
pub const CERTIFICATES_LIMIT_BYTES: u64 = 1024 * 1024;

/// The most sections that one PEM text may hold.
pub const SECTIONS_LIMIT: usize = 256;

/// A PEM text can't be read.
#[derive(Debug, thiserror::Error)]
pub enum PemError {
    /// The file can't be read.
    #[error("{path} can't be read")]
    Io {
        /// Its path.
        path: String,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// More bytes than [`CERTIFICATES_LIMIT_BYTES`].
    #[error("{path} has more than {CERTIFICATES_LIMIT_BYTES} bytes")]
    TooLarge {
        /// Its path.
        path: String,
    },
    /// Framing or base64 is wrong.
    #[error("the text is not PEM: {0}")]
    NotPem(rustls_pki_types::pem::Error),
    /// More sections than [`SECTIONS_LIMIT`].
    #[error("the text has more than {SECTIONS_LIMIT} sections")]
    TooManySections,
    /// A private key lies among certificates.
    #[error("a private key lies among the certificates")]
    KeyAmongCertificates,
    /// No private key where one is wanted.
    #[error("there is no private key in the text")]
    NoKey,
    /// More than one section where one private key is wanted.
    #[error("there is more than one section beside the private key")]
    NotOnlyOneKey,
    /// A private key in another form than PKCS#8.
    #[error("the private key is not plain PKCS#8; convert it: openssl pkcs8 -topk8 -nocrypt")]
    NotPkcs8,
}

/// Reads all certificates of a PEM file, in order, as DER.
///
/// # Errors
///
/// [`PemError::Io`] and [`PemError::TooLarge`] about the file, the rest about its text.
pub fn read_pem_certificates(path: &Path) -> Result<Vec<Vec<u8>>, PemError> {
    certificates(&read_text(path)?)
}

/// Reads a file of certificates, up to [`CERTIFICATES_LIMIT_BYTES`].
///
/// # Errors
///
/// [`PemError::Io`], [`PemError::TooLarge`].
pub fn read_text(path: &Path) -> Result<Vec<u8>, PemError> {
    let shown = || path.display().to_string();
    let io = |source| PemError::Io {
        path: shown(),
        source,
    };
    let mut text = Vec::new();
    let file = File::open(path).map_err(io)?;
    let mut limited = file.take(CERTIFICATES_LIMIT_BYTES.saturating_add(1));
    let length = limited.read_to_end(&mut text).map_err(io)?;
    if u64::try_from(length).unwrap_or(u64::MAX) > CERTIFICATES_LIMIT_BYTES {
        return Err(PemError::TooLarge { path: shown() });
    }
    Ok(text)
}

/// Returns all certificates of a PEM text, in order, as DER.
///
/// # Errors
///
/// [`PemError`] if it is not PEM text.
pub fn certificates(text: &[u8]) -> Result<Vec<Vec<u8>>, PemError> {
    let mut found = Vec::new();
    for section in sections(text) {
        let (kind, der) = section?;
        if kind == SectionKind::Certificate {
            found.push(der);
        } else if kind == SectionKind::PrivateKey || OTHER_KEYS.contains(&kind) {
            return Err(PemError::KeyAmongCertificates);
        }
        if found.len() > SECTIONS_LIMIT {
            return Err(PemError::TooManySections);
        }
    }
    Ok(found)
}

/// Returns the one PKCS#8 private key of a PEM text, as DER.
pub(crate) fn private_key(text: &[u8]) -> Result<Zeroizing<Vec<u8>>, PemError> {
    let mut key = None;
    for section in sections(text) {
        let (kind, mut der) = section?;
        if kind != SectionKind::PrivateKey {
            der.zeroize();
            let not_pkcs8 = OTHER_KEYS.contains(&kind);
            return Err(if not_pkcs8 {
                PemError::NotPkcs8
            } else {
                PemError::NotOnlyOneKey
            });
        }
        if key.replace(Zeroizing::new(der)).is_some() {
            return Err(PemError::NotOnlyOneKey);
        }
    }
    let encrypted = || {
        text.windows(ENCRYPTED.len())
            .any(|window| window == ENCRYPTED)
    };
    key.ok_or_else(|| {
        if encrypted() {
            PemError::NotPkcs8
        } else {
            PemError::NoKey
        }
    })
}

/// Writes DER as one PEM section with lines of 64 characters.
///
/// Standard: RFC 7468 §2.
pub(crate) fn section(label: &str, der: &[u8]) -> Zeroizing<String> {
    let body = Zeroizing::new(STANDARD.encode(der));
    let lines = body.len() / LINE + 3;
    // Room for all at once: a string that grew would leave copies of a key behind.
    let mut text = Zeroizing::new(String::with_capacity(
        body.len() + lines + 2 * (label.len() + 20),
    ));
    text.push_str("-----BEGIN ");
    text.push_str(label);
    text.push_str("-----\n");
    let mut rest = body.as_str();
    while let Some((line, tail)) = rest.split_at_checked(LINE) {
        text.push_str(line);
        text.push('\n');
        rest = tail;
    }
    if !rest.is_empty() {
        text.push_str(rest);
        text.push('\n');
    }
    text.push_str("-----END ");
    text.push_str(label);
    text.push_str("-----\n");
    text
}

/// Writes a certificate as PEM.
pub fn certificate_pem(der: &[u8]) -> String {
    section("CERTIFICATE", der).to_string()
}

fn sections(text: &[u8]) -> impl Iterator<Item = Result<(SectionKind, Vec<u8>), PemError>> {
    <(SectionKind, Vec<u8>) as PemObject>::pem_slice_iter(text)
        .map(|section| section.map_err(PemError::NotPem))
}

const LINE: usize = 64;
/// Keys that PKCS#8 replaces.
const OTHER_KEYS: [SectionKind; 2] = [SectionKind::RsaPrivateKey, SectionKind::EcPrivateKey];
const ENCRYPTED: &[u8] = b"-----BEGIN ENCRYPTED PRIVATE KEY-----";
