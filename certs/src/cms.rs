//! Cryptographic Message Syntax: reads data signed by one signer, and verifies it.
//!
//! Only what is unambiguous is taken: distinguished encoding, one signer, signed attributes in their order and none twice,
//! nothing unsigned. Whether the signer's certificate is any good is [`Trust`](crate::Trust)'s to say.
//!
//! Standard: RFC 5652 §5.

use der::asn1::{ObjectIdentifier, OctetStringRef};
use der::{Tag, Tagged as _};
use ring::digest::digest;
use ring::signature::UnparsedPublicKey;

use crate::asn1::{SET, Value, Values, context, only, write};
use crate::certificate::{ReadError, Reading};

mod algorithm;
mod certificate;
mod seal;
mod stamped;

pub(crate) use algorithm::{ECDSA_SHA_256, Hash, SHA_256, signature_algorithm};
pub(crate) use certificate::Bearing;
pub use seal::{SealError, Sealed, Sealer, check_seal};
pub use stamped::{check_stamped_seal, seal_imprint, with_stamp};

/// The most certificates that signed data may bring along.
pub const CERTIFICATES_LIMIT: usize = 8;
/// The most attributes that a signer may sign.
pub const ATTRIBUTES_LIMIT: usize = 16;

/// Data and a signature on it, taken apart; nothing is verified yet.
#[derive(Debug)]
pub struct SignedData<'a> {
    /// What the content is.
    pub content_type: ObjectIdentifier,
    /// The content; `None` if the signature is detached from it.
    pub content: Option<&'a [u8]>,
    /// The certificates that came along.
    pub certificates: Vec<&'a [u8]>,
    signer: Signer<'a>,
}

/// What the one signer said.
#[derive(Debug)]
struct Signer<'a> {
    id: SignerId<'a>,
    hash: Hash,
    /// The content of the set that the signature is about.
    signed: &'a [u8],
    attributes: Vec<Attribute<'a>>,
    algorithm: ObjectIdentifier,
    signature: &'a [u8],
    /// A time-stamp over the signature, the one thing that may stand there unsigned.
    stamp: Option<&'a [u8]>,
}

/// How a signer names its certificate.
#[derive(Debug)]
enum SignerId<'a> {
    /// By its issuer and number, both as written.
    IssuerAndSerial(&'a [u8], &'a [u8]),
    /// By the identifier of its key.
    KeyIdentifier(&'a [u8]),
}

/// A signed attribute.
#[derive(Debug)]
struct Attribute<'a> {
    kind: ObjectIdentifier,
    value: Value<'a>,
}

/// Signed data can't be read, or isn't signed.
#[derive(Debug, thiserror::Error)]
pub enum CmsError {
    /// Not the distinguished encoding of signed data.
    #[error("the signed data is malformed: {0}")]
    Malformed(#[from] der::Error),
    /// Another type of content.
    #[error("the content is of type {0}, not signed data")]
    NotSignedData(ObjectIdentifier),
    /// None or several signers.
    #[error("{count} signers; exactly one may stand")]
    Signers {
        /// How many.
        count: usize,
    },
    /// More certificates than [`CERTIFICATES_LIMIT`], or attributes than [`ATTRIBUTES_LIMIT`].
    #[error("too many certificates or attributes")]
    TooMany,
    /// Something that is no X.509 certificate among the certificates.
    #[error("something that is no certificate stands among the certificates")]
    OtherCertificate,
    /// Attributes that nobody signed.
    #[error("there are unsigned attributes")]
    UnsignedAttributes,
    /// No signed attributes.
    #[error("there are no signed attributes")]
    NoAttributes,
    /// The attributes are not in the order of the distinguished encoding.
    #[error("the signed attributes are not in order")]
    Order,
    /// An attribute that stands twice, or has another number of values than one.
    #[error("the signed attribute {0} stands twice or has not one value")]
    Repeated(ObjectIdentifier),
    /// An attribute that must stand and does not.
    #[error("the signed attribute {0} lacks")]
    NoAttribute(ObjectIdentifier),
    /// The signed type of the content is another.
    #[error("the signed type of the content is {0}")]
    ContentType(ObjectIdentifier),
    /// The signed digest is not that of the content.
    #[error("the signed message digest is not that of the content")]
    MessageDigest,
    /// A digest algorithm that is not taken: SHA-256, SHA-384 and SHA-512 are.
    #[error("the digest algorithm {0} is not taken")]
    Digest(ObjectIdentifier),
    /// A signature algorithm that is not taken, or does not fit key or digest.
    #[error("the signature algorithm {0} is not taken, or does not fit the key or the digest")]
    Signature(ObjectIdentifier),
    /// The signer's certificate did not come along.
    #[error("the signer's certificate did not come along")]
    NoCertificate,
    /// The signer's certificate can't be read.
    #[error("the signer's certificate can't be used")]
    Certificate(#[source] ReadError),
    /// The signature is not by that key over these attributes.
    #[error("the signature is wrong")]
    WrongSignature,
}

// === impl SignedData ===

impl<'a> SignedData<'a> {
    /// Takes signed data apart.
    ///
    /// # Errors
    ///
    /// [`CmsError`] for whatever is malformed or ambiguous; nothing is verified yet.
    ///
    /// Standard: RFC 5652 §5.1.
    pub fn read(bytes: &'a [u8]) -> Result<Self, CmsError> {
        let read = Self::read_stamped(bytes)?;
        match read.signer.stamp {
            Some(_) => Err(CmsError::UnsignedAttributes),
            None => Ok(read),
        }
    }

    /// As [`SignedData::read`], of data whose signature may bear a time-stamp.
    ///
    /// # Errors
    ///
    /// As [`SignedData::read`].
    ///
    /// Standard: RFC 5126 §6.1.1.
    pub fn read_stamped(bytes: &'a [u8]) -> Result<Self, CmsError> {
        let mut outer = Values::of_sequence(bytes)?;
        let kind: ObjectIdentifier = outer.read()?;
        if kind != SIGNED_DATA {
            return Err(CmsError::NotSignedData(kind));
        }
        let explicit = Values::inside(outer.next()?, context(0, true));
        outer.end()?;
        let mut explicit = explicit?;
        let mut parts = explicit.sequence()?;
        explicit.end()?;
        parts.read::<u8>()?;
        Values::inside(parts.next()?, Tag::Set)?;
        let (content_type, content) = content(parts.sequence()?)?;
        let certificates = match parts.next_if(context(0, true))? {
            Some(set) => certificates(set)?,
            None => Vec::new(),
        };
        // Revocation lists that came along are not looked at: nobody signed that they belong here.
        parts.next_if(context(1, true))?;
        let signer = one_signer(parts.next()?)?;
        parts.end()?;
        Ok(Self {
            content_type,
            content,
            certificates,
            signer,
        })
    }

    /// The time-stamp token over the signature, if it bears one; nothing of it is verified.
    pub fn stamp(&self) -> Option<&'a [u8]> {
        self.signer.stamp
    }

    /// What a time-stamp over the signature is about: its SHA-256.
    pub fn signature_sha256(&self) -> [u8; 32] {
        crate::trust::sha256(self.signer.signature)
    }

    /// Returns the value of a signed attribute, if it stands.
    pub fn attribute(&self, kind: ObjectIdentifier) -> Option<Value<'a>> {
        let attributes = &self.signer.attributes;
        let found = attributes.iter().find(|attribute| attribute.kind == kind);
        found.map(|attribute| attribute.value)
    }

    /// Verifies that the holder of one of the certificates signed this content; returns that certificate.
    ///
    /// # Errors
    ///
    /// [`CmsError`] names what does not hold.
    ///
    /// Standard: RFC 5652 §5.4, §5.6.
    pub fn verify(&self, content: &[u8]) -> Result<&'a [u8], CmsError> {
        let signer = &self.signer;
        let told: ObjectIdentifier = self.demand(CONTENT_TYPE)?.decode_as()?;
        if told != self.content_type {
            return Err(CmsError::ContentType(told));
        }
        let told: &OctetStringRef = self.demand(MESSAGE_DIGEST)?.decode_as()?;
        if told.as_bytes() != digest(signer.hash.algorithm(), content).as_ref() {
            return Err(CmsError::MessageDigest);
        }
        let certificate = self.signer_certificate()?;
        let reading = Reading::of(certificate).map_err(CmsError::Certificate)?;
        let algorithm = signer
            .hash
            .signature(signer.algorithm, reading.algorithm)
            .ok_or(CmsError::Signature(signer.algorithm))?;
        // The signature is over the attributes as a set, whatever tag they stand under.
        let message = write(SET, &[signer.signed]);
        UnparsedPublicKey::new(algorithm, &reading.public_key)
            .verify(&message, signer.signature)
            .map_err(|_unspecified| CmsError::WrongSignature)?;
        Ok(certificate)
    }

    fn demand(&self, kind: ObjectIdentifier) -> Result<Value<'a>, CmsError> {
        self.attribute(kind).ok_or(CmsError::NoAttribute(kind))
    }

    fn signer_certificate(&self) -> Result<&'a [u8], CmsError> {
        let named = |der: &&&'a [u8]| {
            Bearing::of(der).is_some_and(|bearing| match self.signer.id {
                SignerId::IssuerAndSerial(issuer, serial) => {
                    bearing.issuer == issuer && bearing.serial == serial
                }
                SignerId::KeyIdentifier(id) => bearing.key_identifier == Some(id),
            })
        };
        let found = self.certificates.iter().find(named);
        found.copied().ok_or(CmsError::NoCertificate)
    }
}

fn content(mut parts: Values<'_>) -> Result<(ObjectIdentifier, Option<&[u8]>), CmsError> {
    let kind = parts.read()?;
    let Some(explicit) = parts.next_if(context(0, true))? else {
        parts.end()?;
        return Ok((kind, None));
    };
    parts.end()?;
    let mut explicit = Values::of(explicit.value())?;
    let content: &OctetStringRef = explicit.read()?;
    explicit.end()?;
    Ok((kind, Some(content.as_bytes())))
}

fn certificates(set: Value<'_>) -> Result<Vec<&[u8]>, CmsError> {
    let mut values = Values::of(set.value())?;
    let mut found = Vec::new();
    while !values.is_finished() {
        let certificate = values.next_bytes()?;
        if only(certificate)?.tag() != Tag::Sequence {
            return Err(CmsError::OtherCertificate);
        }
        found.push(certificate);
        if found.len() > CERTIFICATES_LIMIT {
            return Err(CmsError::TooMany);
        }
    }
    Ok(found)
}

fn one_signer(set: Value<'_>) -> Result<Signer<'_>, CmsError> {
    let mut values = Values::inside(set, Tag::Set)?;
    let mut signers = Vec::new();
    while !values.is_finished() {
        signers.push(values.next()?);
    }
    match signers.as_slice() {
        [one] => signer(Values::inside(*one, Tag::Sequence)?),
        several => Err(CmsError::Signers {
            count: several.len(),
        }),
    }
}

fn signer(mut parts: Values<'_>) -> Result<Signer<'_>, CmsError> {
    parts.read::<u8>()?;
    let id = if let Some(identifier) = parts.next_if(context(0, false))? {
        SignerId::KeyIdentifier(identifier.value())
    } else {
        let mut named = parts.sequence()?;
        let issuer = named.next_bytes()?;
        let serial = named.integer()?;
        named.end()?;
        SignerId::IssuerAndSerial(issuer, serial)
    };
    let hash = parts.algorithm()?;
    let hash = Hash::of(hash).ok_or(CmsError::Digest(hash))?;
    let signed = parts.next_if(context(0, true))?;
    let signed = signed.ok_or(CmsError::NoAttributes)?.value();
    let attributes = attributes(signed)?;
    let algorithm = parts.algorithm()?;
    let signature: &OctetStringRef = parts.read()?;
    let stamp = match parts.next_if(context(1, true))? {
        Some(unsigned) => Some(only_stamp(unsigned)?),
        None => None,
    };
    parts.end()?;
    Ok(Signer {
        id,
        hash,
        signed,
        attributes,
        algorithm,
        signature: signature.as_bytes(),
        stamp,
    })
}

/// The one time-stamp in what nobody signed; anything else there is refused.
fn only_stamp(unsigned: Value<'_>) -> Result<&[u8], CmsError> {
    let mut values = Values::of(unsigned.value())?;
    let mut parts = values.sequence()?;
    let kind: ObjectIdentifier = parts.read()?;
    if kind != SIGNATURE_TIME_STAMP || !values.is_finished() {
        return Err(CmsError::UnsignedAttributes);
    }
    let set = Values::inside(parts.next()?, Tag::Set);
    parts.end()?;
    let mut set = set?;
    let token = set.next_bytes()?;
    if !set.is_finished() {
        return Err(CmsError::Repeated(kind));
    }
    Ok(token)
}

fn attributes(signed: &[u8]) -> Result<Vec<Attribute<'_>>, CmsError> {
    let mut values = Values::of(signed)?;
    let mut found: Vec<Attribute<'_>> = Vec::new();
    let mut before: &[u8] = &[];
    while !values.is_finished() {
        let bytes = values.next_bytes()?;
        if bytes < before {
            return Err(CmsError::Order);
        }
        before = bytes;
        let mut parts = Values::of_sequence(bytes)?;
        let kind = parts.read()?;
        let set = Values::inside(parts.next()?, Tag::Set);
        parts.end()?;
        let mut set = set?;
        let value = set.next()?;
        if !set.is_finished() || found.iter().any(|other| other.kind == kind) {
            return Err(CmsError::Repeated(kind));
        }
        found.push(Attribute { kind, value });
        if found.len() > ATTRIBUTES_LIMIT {
            return Err(CmsError::TooMany);
        }
    }
    Ok(found)
}

/// Standard: RFC 5652 §5.1.
pub const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
/// Standard: RFC 5652 §11.1.
pub const CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
/// Standard: RFC 5652 §11.2.
pub const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
/// Standard: RFC 5126 §6.1.1.
pub(crate) const SIGNATURE_TIME_STAMP: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.14");
