//! Reads what one certificate says about itself. Nothing here trusts it.

use std::collections::BTreeSet;
use std::fmt;

use x509_parser::extensions::{ExtendedKeyUsage, GeneralName};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use crate::asn1::shortest;
use crate::profile::{KeyFamily, Purpose, Usage};

/// The largest certificate that is looked at, in bytes.
pub const CERTIFICATE_LIMIT_BYTES: usize = 16 * 1024;

/// The shortest RSA modulus that counts as strong, in bits (NIST SP 800-57: 128 bits of security).
pub const RSA_FLOOR_BITS: usize = 3072;

/// The longest RSA modulus that is worth verifying with, in bits.
pub const RSA_CEILING_BITS: usize = 8192;

/// The algorithm and size of a public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyAlgorithm {
    /// ECDSA on NIST P-256.
    P256,
    /// ECDSA on NIST P-384.
    P384,
    /// Ed25519.
    Ed25519,
    /// RSA with a modulus of so many bits.
    Rsa {
        /// Length of the modulus.
        bits: usize,
    },
}

impl KeyAlgorithm {
    /// Returns the family that profiles speak of.
    pub const fn family(self) -> KeyFamily {
        match self {
            Self::P256 => KeyFamily::P256,
            Self::P384 => KeyFamily::P384,
            Self::Ed25519 => KeyFamily::Ed25519,
            Self::Rsa { .. } => KeyFamily::Rsa,
        }
    }
}

impl fmt::Display for KeyAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::P256 => f.write_str("P-256"),
            Self::P384 => f.write_str("P-384"),
            Self::Ed25519 => f.write_str("Ed25519"),
            Self::Rsa { bits } => write!(f, "RSA of {bits} bits"),
        }
    }
}

/// A certificate can't be read, or its key is of no use to anyone.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// More bytes than [`CERTIFICATE_LIMIT_BYTES`].
    #[error("the certificate has {bytes} bytes; at most {CERTIFICATE_LIMIT_BYTES} are read")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// Not a DER certificate, or an extension that is not what its type says.
    #[error("the certificate is malformed: {0}")]
    Malformed(&'static str),
    /// RSA below [`RSA_FLOOR_BITS`].
    #[error("the RSA key has {bits} bits; at least {RSA_FLOOR_BITS} are required")]
    RsaTooShort {
        /// Length of its modulus.
        bits: usize,
    },
    /// RSA above [`RSA_CEILING_BITS`].
    #[error("the RSA key has {bits} bits; at most {RSA_CEILING_BITS} are verified")]
    RsaTooLong {
        /// Length of its modulus.
        bits: usize,
    },
    /// Neither P-256, P-384, Ed25519 nor RSA; the value is the algorithm's or curve's object identifier.
    #[error("the key is of algorithm or curve {0}; P-256, P-384, Ed25519 and RSA are supported")]
    UnknownKey(String),
}

/// A certificate taken apart.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) subject: String,
    pub(crate) issuer: String,
    /// Its number as it is written, without zeros that need not stand in front.
    pub(crate) serial: Vec<u8>,
    pub(crate) not_before: u64,
    pub(crate) not_after: u64,
    pub(crate) is_authority: bool,
    pub(crate) usages: BTreeSet<Usage>,
    pub(crate) purposes: BTreeSet<Purpose>,
    /// Whether the purposes are marked critical.
    pub(crate) purposes_critical: bool,
    pub(crate) uris: Vec<String>,
    /// Subject attributes: object identifier and text.
    pub(crate) attributes: Vec<(String, String)>,
    pub(crate) host_names: usize,
    pub(crate) spki: Vec<u8>,
    pub(crate) public_key: Vec<u8>,
    pub(crate) algorithm: KeyAlgorithm,
}

/// The public key in a DER certificate, and its algorithm. Nothing is said of whether the certificate is good for anything.
///
/// # Errors
///
/// [`ReadError`] if it can't be read.
pub fn public_key_of(der: &[u8]) -> Result<(KeyAlgorithm, Vec<u8>), ReadError> {
    Reading::of(der).map(|reading| (reading.algorithm, reading.public_key))
}

impl Reading {
    /// Takes a DER certificate apart and refuses keys that no profile could allow.
    pub(crate) fn of(der: &[u8]) -> Result<Self, ReadError> {
        if der.len() > CERTIFICATE_LIMIT_BYTES {
            return Err(ReadError::TooLarge { bytes: der.len() });
        }
        let (rest, certificate) = X509Certificate::from_der(der)
            .map_err(|_error| ReadError::Malformed("not a DER certificate"))?;
        if !rest.is_empty() {
            return Err(ReadError::Malformed("bytes after its end"));
        }
        let (uris, host_names) = names(&certificate)?;
        let (algorithm, public_key) = key(certificate.public_key())?;
        let (purposes, purposes_critical) = purposes(&certificate)?;
        Ok(Self {
            subject: certificate.subject().to_string(),
            issuer: certificate.issuer().to_string(),
            serial: shortest(certificate.raw_serial()).to_vec(),
            not_before: seconds(certificate.validity().not_before.timestamp()),
            not_after: seconds(certificate.validity().not_after.timestamp()),
            is_authority: is_authority(&certificate)?,
            usages: usages(&certificate)?,
            purposes,
            purposes_critical,
            uris,
            attributes: attributes(&certificate),
            host_names,
            spki: certificate.public_key().raw.to_vec(),
            public_key,
            algorithm,
        })
    }
}

/// An attribute whose value is no text names nobody.
fn attributes(certificate: &X509Certificate<'_>) -> Vec<(String, String)> {
    certificate
        .subject()
        .iter_attributes()
        .filter_map(|part| {
            Some((
                part.attr_type().to_id_string(),
                part.as_str().ok()?.to_owned(),
            ))
        })
        .collect()
}

/// Dates before 1970 count as 1970: nothing that old is valid or will be.
fn seconds(timestamp: i64) -> u64 {
    u64::try_from(timestamp).unwrap_or(0)
}

fn is_authority(certificate: &X509Certificate<'_>) -> Result<bool, ReadError> {
    let extension = certificate
        .basic_constraints()
        .map_err(|_error| ReadError::Malformed("basic constraints"))?;
    Ok(extension.is_some_and(|extension| extension.value.ca))
}

fn usages(certificate: &X509Certificate<'_>) -> Result<BTreeSet<Usage>, ReadError> {
    const BITS: [Usage; 9] = [
        Usage::DigitalSignature,
        Usage::ContentCommitment,
        Usage::KeyEncipherment,
        Usage::DataEncipherment,
        Usage::KeyAgreement,
        Usage::CertSign,
        Usage::CrlSign,
        Usage::EncipherOnly,
        Usage::DecipherOnly,
    ];
    let extension = certificate
        .key_usage()
        .map_err(|_error| ReadError::Malformed("key usage"))?;
    let flags = extension.map_or(0, |extension| extension.value.flags);
    Ok(BITS
        .into_iter()
        .enumerate()
        .filter(|(bit, _)| flags >> bit & 1 == 1)
        .map(|(_, u)| u)
        .collect())
}

/// Returns the purposes, and whether they are marked critical.
fn purposes(certificate: &X509Certificate<'_>) -> Result<(BTreeSet<Purpose>, bool), ReadError> {
    let extension = certificate
        .extended_key_usage()
        .map_err(|_error| ReadError::Malformed("extended key usage"))?;
    let Some(extension) = extension else {
        return Ok((BTreeSet::new(), false));
    };
    let ExtendedKeyUsage {
        any,
        server_auth,
        client_auth,
        code_signing,
        email_protection,
        time_stamping,
        ocsp_signing,
        other,
    } = extension.value;
    let known = [
        (*any, Purpose::Any),
        (*server_auth, Purpose::ServerAuth),
        (*client_auth, Purpose::ClientAuth),
        (*code_signing, Purpose::CodeSigning),
        (*email_protection, Purpose::EmailProtection),
        (*time_stamping, Purpose::TimeStamping),
        (*ocsp_signing, Purpose::OcspSigning),
    ];
    let known = known
        .into_iter()
        .filter(|(stands, _)| *stands)
        .map(|(_, purpose)| purpose);
    let other = other.iter().map(|oid| match oid.to_id_string() {
        text if text == DOCUMENT_SIGNING => Purpose::DocumentSigning,
        text => Purpose::Other(text),
    });
    Ok((known.chain(other).collect(), extension.critical))
}

/// Returns all URI names, and how many DNS names and addresses stand beside them.
fn names(certificate: &X509Certificate<'_>) -> Result<(Vec<String>, usize), ReadError> {
    let extension = certificate
        .subject_alternative_name()
        .map_err(|_error| ReadError::Malformed("subject alternative name"))?;
    let mut uris = Vec::new();
    let mut host_names = 0_usize;
    for name in extension
        .iter()
        .flat_map(|extension| &extension.value.general_names)
    {
        match name {
            GeneralName::URI(uri) => uris.push((*uri).to_owned()),
            GeneralName::DNSName(_) | GeneralName::IPAddress(_) => host_names += 1,
            // Might be a second identity that this reader can't see and another one can.
            GeneralName::Invalid(..) => return Err(ReadError::Malformed("an alternative name")),
            GeneralName::OtherName(..)
            | GeneralName::RFC822Name(_)
            | GeneralName::X400Address(_)
            | GeneralName::DirectoryName(_)
            | GeneralName::EDIPartyName(_)
            | GeneralName::RegisteredID(_) => {}
        }
    }
    Ok((uris, host_names))
}

/// Names the algorithm and returns the raw key: an uncompressed point, 32 bytes of Ed25519, or PKCS#1 of RSA.
fn key(spki: &SubjectPublicKeyInfo<'_>) -> Result<(KeyAlgorithm, Vec<u8>), ReadError> {
    let raw = spki.subject_public_key.data.to_vec();
    let algorithm = spki.algorithm.algorithm.to_id_string();
    match algorithm.as_str() {
        EC_PUBLIC_KEY => {
            let curve = spki
                .algorithm
                .parameters
                .as_ref()
                .and_then(|parameters| parameters.as_oid().ok())
                .ok_or(ReadError::Malformed(
                    "an elliptic key without a named curve",
                ))?;
            point(&curve.to_id_string(), raw)
        }
        ED25519 if raw.len() == ED25519_KEY_BYTES => Ok((KeyAlgorithm::Ed25519, raw)),
        ED25519 => Err(ReadError::Malformed(
            "an Ed25519 key of another length than 32 bytes",
        )),
        RSA => {
            let bits = rsa_bits(spki)?;
            match bits {
                _ if bits < RSA_FLOOR_BITS => Err(ReadError::RsaTooShort { bits }),
                _ if bits > RSA_CEILING_BITS => Err(ReadError::RsaTooLong { bits }),
                _ => Ok((KeyAlgorithm::Rsa { bits }, raw)),
            }
        }
        other => Err(ReadError::UnknownKey(other.to_owned())),
    }
}

fn point(curve: &str, raw: Vec<u8>) -> Result<(KeyAlgorithm, Vec<u8>), ReadError> {
    let (algorithm, length) = match curve {
        SECP256R1 => (KeyAlgorithm::P256, 65),
        SECP384R1 => (KeyAlgorithm::P384, 97),
        other => return Err(ReadError::UnknownKey(other.to_owned())),
    };
    match raw.first() {
        Some(&UNCOMPRESSED) if raw.len() == length => Ok((algorithm, raw)),
        _ => Err(ReadError::Malformed(
            "an elliptic key that is not an uncompressed point",
        )),
    }
}

fn rsa_bits(spki: &SubjectPublicKeyInfo<'_>) -> Result<usize, ReadError> {
    let malformed = ReadError::Malformed("an RSA key that is not PKCS#1");
    let Ok(PublicKey::RSA(key)) = spki.parsed() else {
        return Err(malformed);
    };
    let mut modulus = key.modulus.iter().skip_while(|byte| **byte == 0);
    let Some(first) = modulus.next() else {
        return Err(malformed);
    };
    let unused = usize::try_from(first.leading_zeros()).unwrap_or(0);
    Ok((modulus.count() + 1) * 8 - unused)
}

const EC_PUBLIC_KEY: &str = "1.2.840.10045.2.1";
const SECP256R1: &str = "1.2.840.10045.3.1.7";
const SECP384R1: &str = "1.3.132.0.34";
const ED25519: &str = "1.3.101.112";
const ED25519_KEY_BYTES: usize = 32;
const RSA: &str = "1.2.840.113549.1.1.1";
const DOCUMENT_SIGNING: &str = "1.3.6.1.5.5.7.3.36";
/// First byte of an uncompressed point. Standard: SEC 1 §2.3.3.
const UNCOMPRESSED: u8 = 4;
