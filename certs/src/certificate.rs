//! Reads what one certificate says about itself. Nothing here trusts it.
//!
//! One reader, of the distinguished encoding only, and each rule that a certificate breaks by itself has its own words.
//!
//! Standard: RFC 5280 §4.1, §4.2.

use std::collections::BTreeSet;
use std::fmt;

use der::Tagged as _;
use der::asn1::{BitStringRef, GeneralizedTime, ObjectIdentifier, UtcTime};

use crate::asn1::{Value, Values, context, only, positive};
use crate::extensions::{ExtensionFault, Extensions};
use crate::profile::{KeyFamily, Purpose, Usage};
use crate::trust::sha256;

pub(crate) mod key;
mod name;
mod usage;

pub(crate) use name::Name;

use name::AlternativeNames;
use usage::Constraints;

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
    /// An extension that stands twice.
    #[error("the extension {0} stands twice in the certificate")]
    Repeated(ObjectIdentifier),
    /// A critical extension that is not known.
    #[error("the critical extension {0} of the certificate is not known")]
    Critical(ObjectIdentifier),
    /// More extensions than are read.
    #[error("the certificate has more extensions than are read")]
    TooManyExtensions,
}

/// A certificate taken apart.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) subject: Name,
    pub(crate) issuer: Name,
    /// Its number as it is written: as short as can be.
    pub(crate) serial: Vec<u8>,
    pub(crate) not_before: u64,
    pub(crate) not_after: u64,
    pub(crate) constraints: Constraints,
    /// Whether basic constraints are marked critical.
    pub(crate) constraints_critical: bool,
    pub(crate) usages: BTreeSet<Usage>,
    pub(crate) purposes: BTreeSet<Purpose>,
    /// Whether the purposes are marked critical.
    pub(crate) purposes_critical: bool,
    pub(crate) uris: Vec<String>,
    /// DNS names in lower case, and addresses.
    pub(crate) host_names: Vec<String>,
    /// What its own key, and the key of its issuer, are called in it.
    pub(crate) key_identifier: Option<Vec<u8>>,
    pub(crate) issuer_key_identifier: Option<Vec<u8>>,
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

/// SHA-256 of the subject public key info in a DER certificate. Nothing is said of whether it is good for anything.
///
/// # Errors
///
/// [`ReadError`] if it can't be read.
pub fn spki_sha256_of(der: &[u8]) -> Result<[u8; 32], ReadError> {
    Reading::of(der).map(|reading| sha256(&reading.spki))
}

// === impl Reading ===

impl Reading {
    /// Takes a DER certificate apart and refuses keys that no profile could allow.
    pub(crate) fn of(der: &[u8]) -> Result<Self, ReadError> {
        check_size(der)?;
        let mut file = Values::of(der).part(NOT_DER)?;
        let mut outer = file.sequence().part(NOT_DER)?;
        file.end().part("bytes after its end")?;
        let body = outer.next_bytes().part(NOT_DER)?;
        let signed_with = outer.next_bytes().part("its signature")?;
        let signature: BitStringRef<'_> = outer.read().part("its signature")?;
        if signature.has_unused_bits() {
            return Err(ReadError::Malformed("its signature"));
        }
        outer.end().part("something after its signature")?;

        let mut parts = Values::of_sequence(body).part(NOT_DER)?;
        let version = parts.next_if(context(0, true)).part(NOT_DER)?;
        if version.map(der::AnyRef::value) != Some(&VERSION_3) {
            return Err(ReadError::Malformed("of another version than 3"));
        }
        let serial = serial(parts.integer().part("its serial number")?)?;
        if parts.next_bytes().part("its algorithm")? != signed_with {
            return Err(ReadError::Malformed(
                "the algorithm inside is another than the one beside the signature",
            ));
        }
        let issuer = Name::read(parts.next_bytes().part("a name")?)?;
        let (not_before, not_after) = dates(parts.sequence().part("its dates")?)?;
        let subject = Name::read(parts.next_bytes().part("a name")?)?;
        let spki = parts.next_bytes().part("its key")?;
        let (algorithm, public_key) = key::read(spki)?;
        let extensions = parts.next_if(context(3, true)).part("its extensions")?;
        parts.end().part("something beside its parts")?;
        let reading = Self {
            subject,
            issuer,
            serial: serial.to_vec(),
            not_before,
            not_after,
            constraints: Constraints::default(),
            constraints_critical: false,
            usages: BTreeSet::new(),
            purposes: BTreeSet::new(),
            purposes_critical: false,
            uris: Vec::new(),
            host_names: Vec::new(),
            key_identifier: None,
            issuer_key_identifier: None,
            spki: spki.to_vec(),
            public_key,
            algorithm,
        };
        reading.extended(extensions)
    }

    /// Adds what the extensions say.
    fn extended(mut self, explicit: Option<Value<'_>>) -> Result<Self, ReadError> {
        let sequence = explicit.map(|explicit| only(explicit.value()));
        let sequence = sequence.transpose().part("its extensions")?;
        if sequence.is_some_and(|sequence| sequence.value().is_empty()) {
            return Err(ReadError::Malformed("an empty list of extensions"));
        }
        let extensions = Extensions::read(sequence)?;
        extensions.check_critical(&MAY_BE_CRITICAL)?;
        if let Some(found) = extensions.get(BASIC_CONSTRAINTS) {
            self.constraints = usage::constraints(found.value)?;
            self.constraints_critical = found.critical;
        }
        if let Some(value) = extensions.value(KEY_USAGE) {
            self.usages = usage::usages(value)?;
        }
        if let Some(found) = extensions.get(EXTENDED_KEY_USAGE) {
            self.purposes = usage::purposes(found.value)?;
            self.purposes_critical = found.critical;
        }
        if let Some(value) = extensions.value(SUBJECT_KEY) {
            self.key_identifier = Some(usage::key_identifier(value)?);
        }
        if let Some(value) = extensions.value(AUTHORITY_KEY) {
            self.issuer_key_identifier = usage::issuer_key_identifier(value)?;
        }
        let names = extensions.get(ALTERNATIVE_NAMES);
        if let Some(found) = names {
            let names = AlternativeNames::read(found.value)?;
            (self.uris, self.host_names) = (names.uris, names.host_names);
        }
        let may_be_nameless = names.is_some_and(|names| names.critical);
        self.check_whose(may_be_nameless, extensions.get(NAME_CONSTRAINTS).is_some())?;
        Ok(self)
    }

    /// Somebody issued it to somebody, and only an authority says what names those below it may have.
    fn check_whose(&self, may_be_nameless: bool, constrains: bool) -> Result<(), ReadError> {
        if self.issuer.is_empty() {
            return Err(ReadError::Malformed("no name of its issuer"));
        }
        if self.subject.is_empty() && (self.constraints.is_authority || !may_be_nameless) {
            return Err(ReadError::Malformed("no name of its subject"));
        }
        if constrains && !self.constraints.is_authority {
            return Err(ReadError::Malformed(
                "name constraints of what is no authority",
            ));
        }
        Ok(())
    }
}

/// Holds a certificate to a size that is read.
pub(crate) fn check_size(der: &[u8]) -> Result<(), ReadError> {
    let bytes = der.len();
    if bytes > CERTIFICATE_LIMIT_BYTES {
        return Err(ReadError::TooLarge { bytes });
    }
    Ok(())
}

/// Says of a part of a certificate that it can't be read.
trait Part<T> {
    fn part(self, what: &'static str) -> Result<T, ReadError>;
}

impl<T> Part<T> for Result<T, der::Error> {
    fn part(self, what: &'static str) -> Result<T, ReadError> {
        self.map_err(|_error| ReadError::Malformed(what))
    }
}

impl From<ExtensionFault> for ReadError {
    fn from(fault: ExtensionFault) -> Self {
        match fault {
            ExtensionFault::Malformed(_error) => Self::Malformed("its extensions"),
            ExtensionFault::Repeated(name) => Self::Repeated(name),
            ExtensionFault::Critical(name) => Self::Critical(name),
            ExtensionFault::TooMany => Self::TooManyExtensions,
        }
    }
}

/// A positive number of at most twenty bytes, written as short as can be. Standard: RFC 5280 §4.1.2.2.
fn serial(written: &[u8]) -> Result<&[u8], ReadError> {
    let digits = positive(written).ok_or(ReadError::Malformed(
        "its serial number is not positive and as short as can be",
    ))?;
    if digits.len() > SERIAL_BYTES {
        return Err(ReadError::Malformed(
            "its serial number has more than 20 bytes",
        ));
    }
    Ok(written)
}

/// The first and the last second. Standard: RFC 5280 §4.1.2.5.
fn dates(mut parts: Values<'_>) -> Result<(u64, u64), ReadError> {
    let not_before = date(parts.next().part("its dates")?)?;
    let not_after = date(parts.next().part("its dates")?)?;
    parts.end().part("its dates")?;
    if not_before > not_after {
        return Err(ReadError::Malformed("it ends before it begins"));
    }
    Ok((not_before, not_after))
}

/// Years until 2049 are written in the short form, later ones in the long form: one time has one spelling.
fn date(value: Value<'_>) -> Result<u64, ReadError> {
    if value.tag() == der::Tag::UtcTime {
        let time: UtcTime = value.decode_as().part("its dates")?;
        return Ok(time.to_unix_duration().as_secs());
    }
    let time: GeneralizedTime = value.decode_as().part("its dates")?;
    let seconds = time.to_unix_duration().as_secs();
    if seconds < YEAR_2050_S {
        return Err(ReadError::Malformed(
            "a date before 2050 in the form of later ones",
        ));
    }
    Ok(seconds)
}

const NOT_DER: &str = "not a DER certificate";
const VERSION_3: [u8; 3] = [2, 1, 2];
const SERIAL_BYTES: usize = 20;
/// 2050-01-01T00:00:00Z.
const YEAR_2050_S: u64 = 2_524_608_000;
const SUBJECT_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.14");
const KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.15");
const ALTERNATIVE_NAMES: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");
const BASIC_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.19");
const NAME_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.30");
const AUTHORITY_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.35");
const EXTENDED_KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37");
/// What is looked at here and by path validation. Whoever marks another as critical wants it understood or the certificate
/// refused. Standard: RFC 5280 §4.2.
const MAY_BE_CRITICAL: [ObjectIdentifier; 5] = [
    KEY_USAGE,
    ALTERNATIVE_NAMES,
    BASIC_CONSTRAINTS,
    NAME_CONSTRAINTS,
    EXTENDED_KEY_USAGE,
];
