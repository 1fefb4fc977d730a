//! Seals: detached signatures over a file in the name of a member, which common programs verify.
//!
//! A seal is signed data without the content, with four signed attributes: type, digest, time, and which certificate is meant.
//!
//! Standard: RFC 5652 §5. Standard: ETSI EN 319 122-1 §6.3 (level B-B).

use bridge_core::contract::{SealedBy, Seals, Signed, Statement};
use bridge_core::identity::CertificateName;
use bridge_signature::SignError;
use der::asn1::ObjectIdentifier;
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};

use super::{
    CONTENT_TYPE, CmsError, ECDSA_SHA_256, MESSAGE_DIGEST, SHA_256, SIGNED_DATA, SignedData,
};
use crate::asn1::{INTEGER, OCTET_STRING, SEQUENCE, SET, write, write_integer, write_oid};
use crate::certificate::{KeyAlgorithm, ReadError, Reading};
use crate::cms::Bearing;
use crate::error::CertificateError;
use crate::moment::Moment;
use crate::profile::Profile;
use crate::remote::RemoteKey;
use crate::trust::{Checked, Trust};

/// A member's key for seals, with its certificates.
#[derive(Debug)]
pub struct Sealer {
    pair: Pair,
    /// The seal's own first.
    chain: Vec<Vec<u8>>,
}

#[derive(Debug)]
enum Pair {
    Held(Box<EcdsaKeyPair>),
    Remote(RemoteKey),
}

/// Why a seal can't be made, or doesn't hold.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// There is no certificate.
    #[error("there is no certificate")]
    NoCertificate,
    /// The certificate can't be read.
    #[error("the certificate can't be used")]
    Certificate(#[from] ReadError),
    /// The key is not one of the curve P-256, or not that of the certificate.
    #[error("the key is not the P-256 key of the certificate")]
    Key,
    /// Signing failed.
    #[error("the seal can't be signed")]
    Sign(#[source] SignError),
    /// The time can't be written.
    #[error("the time {0} can't stand in a seal")]
    Time(Moment),
    /// The seal is malformed, or its signature is wrong.
    #[error(transparent)]
    Cms(#[from] CmsError),
    /// The signer did not say which certificate it meant, or meant another.
    #[error("the signer's certificate is not the one that was signed with it")]
    NotBound,
    /// No time stands in it.
    #[error("the seal says no time")]
    NoTime,
    /// The certificate is not to be trusted for seals at that time.
    #[error("the seal's certificate does not hold")]
    NotTrusted(#[source] CertificateError),
}

/// A seal that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Whose it is.
    pub name: Option<CertificateName>,
    /// When it was made by the sealer's own clock, RFC 3339.
    pub time: String,
    /// The same, Unix seconds.
    pub time_s: u64,
}

// === impl Sealer ===

impl Sealer {
    /// Takes a key and the certificates that go with it, the seal's own first.
    ///
    /// # Errors
    ///
    /// [`SealError`] if they do not belong together.
    pub fn new(pkcs8: &[u8], chain: Vec<Vec<u8>>) -> Result<Self, SealError> {
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8, &SystemRandom::new())
                .map_err(|_rejected| SealError::Key)?;
        check_key(&chain, pair.public_key().as_ref())?;
        let pair = Pair::Held(Box::new(pair));
        Ok(Self { pair, chain })
    }

    /// As [`Sealer::new`], by a key that signs where it lies.
    ///
    /// # Errors
    ///
    /// As [`Sealer::new`].
    pub fn remote(key: RemoteKey, chain: Vec<Vec<u8>>) -> Result<Self, SealError> {
        check_key(&chain, key.public_key())?;
        let pair = Pair::Remote(key);
        Ok(Self { pair, chain })
    }

    /// Its own certificate.
    pub fn certificate(&self) -> &[u8] {
        self.chain.first().map_or(&[], Vec::as_slice)
    }

    /// Puts this seal under what its member says of a contract.
    ///
    /// # Errors
    ///
    /// As [`Sealer::seal`].
    pub fn sign(&self, statement: Statement) -> Result<Signed, SealError> {
        let seal = self.seal(&statement.write(), statement.time_s)?;
        Ok(Signed { statement, seal })
    }

    /// Seals a content at a time, Unix seconds: a signature that stands apart from it.
    ///
    /// # Errors
    ///
    /// [`SealError::Sign`], [`SealError::Time`].
    pub fn seal(&self, content: &[u8], now_s: u64) -> Result<Vec<u8>, SealError> {
        let certificate = self.certificate();
        let bearing = Bearing::of(certificate).ok_or(SealError::NoCertificate)?;
        let mut attributes = [
            attribute(CONTENT_TYPE, &write_oid(DATA)),
            attribute(MESSAGE_DIGEST, &octets(digest(&SHA256, content).as_ref())),
            attribute(SIGNING_TIME, &utc_time(now_s)?),
            attribute(
                SIGNING_CERTIFICATE_V2,
                &certificate_id(certificate, &bearing),
            ),
        ];
        // The distinguished encoding of a set.
        attributes.sort();
        let content = attributes.concat();
        let signature = self.pair.sign(&write(SET, &[&content]));
        let signature = signature.map_err(SealError::Sign)?;
        let sha_256 = write(SEQUENCE, &[&write_oid(SHA_256)]);
        let signer = write(
            SEQUENCE,
            &[
                &write_integer(1),
                &write(
                    SEQUENCE,
                    &[bearing.issuer, &write(INTEGER, &[bearing.serial])],
                ),
                &sha_256,
                &write(CONTEXT_0, &[&content]),
                &write(SEQUENCE, &[&write_oid(ECDSA_SHA_256)]),
                &octets(&signature),
            ],
        );
        let mut certificates = self.chain.clone();
        certificates.sort();
        let data = write(
            SEQUENCE,
            &[
                &write_integer(1),
                &write(SET, &[&sha_256]),
                &write(SEQUENCE, &[&write_oid(DATA)]),
                &write(CONTEXT_0, &[&certificates.concat()]),
                &write(SET, &[&signer]),
            ],
        );
        Ok(write(
            SEQUENCE,
            &[&write_oid(SIGNED_DATA), &write(CONTEXT_0, &[&data])],
        ))
    }
}

impl Pair {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        match self {
            Self::Held(pair) => pair
                .sign(&SystemRandom::new(), message)
                .map(|signature| signature.as_ref().to_vec())
                .map_err(|unspecified| SignError::Failed(unspecified.to_string())),
            Self::Remote(key) => key.sign(message),
        }
    }
}

/// Holds the key against the seal's own certificate.
fn check_key(chain: &[Vec<u8>], public_key: &[u8]) -> Result<(), SealError> {
    let own = chain.first().ok_or(SealError::NoCertificate)?;
    let reading = Reading::of(own)?;
    if reading.algorithm != KeyAlgorithm::P256 || reading.public_key != public_key {
        return Err(SealError::Key);
    }
    Ok(())
}

/// Checks a seal over a content: its signature, the certificate that it means, and that certificate's right to seal at the
/// time that the seal says.
///
/// # Errors
///
/// [`SealError`] names what does not hold.
pub fn check_seal(trust: &Trust, seal: &[u8], content: &[u8]) -> Result<Sealed, SealError> {
    let signed = SignedData::read(seal)?;
    let certificate = signed.verify(content)?;
    let bearing = Bearing::of(certificate).ok_or(SealError::NotBound)?;
    let meant = signed.attribute(SIGNING_CERTIFICATE_V2);
    let id = certificate_id(certificate, &bearing);
    if meant.is_none_or(|value| write(SEQUENCE, &[value.value()]) != id) {
        return Err(SealError::NotBound);
    }
    let time: der::asn1::UtcTime = signed
        .attribute(SIGNING_TIME)
        .and_then(|value| value.decode_as().ok())
        .ok_or(SealError::NoTime)?;
    let at_s = time.to_unix_duration().as_secs();
    let issuers: Vec<Vec<u8>> = signed
        .certificates
        .iter()
        .filter(|der| **der != certificate)
        .map(|der| der.to_vec())
        .collect();
    let Checked { name, .. } = trust
        .check(certificate, &issuers, Profile::Seal, at_s)
        .map_err(SealError::NotTrusted)?;
    Ok(Sealed {
        name,
        time: Moment(at_s).to_string(),
        time_s: at_s,
    })
}

/// What a member says of a contract is sealed as its dossiers are.
impl Seals for Trust {
    fn check(&self, content: &[u8], seal: &[u8]) -> Result<SealedBy, String> {
        let sealed = check_seal(self, seal, content).map_err(|error| in_words(&error))?;
        let Some(CertificateName::Member(member)) = sealed.name else {
            return Err("its certificate names no member".to_owned());
        };
        Ok(SealedBy {
            member,
            time_s: sealed.time_s,
        })
    }
}

fn in_words(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", in_words(source)),
        None => error.to_string(),
    }
}

fn attribute(kind: ObjectIdentifier, value: &[u8]) -> Vec<u8> {
    write(SEQUENCE, &[&write_oid(kind), &write(SET, &[value])])
}

fn octets(bytes: &[u8]) -> Vec<u8> {
    write(OCTET_STRING, &[bytes])
}

/// Which certificate is meant: its SHA-256, issuer and number. Standard: RFC 5035 §3.
fn certificate_id(certificate: &[u8], bearing: &Bearing<'_>) -> Vec<u8> {
    let name = write(CONTEXT_4, &[bearing.issuer]);
    let issuer = write(
        SEQUENCE,
        &[
            &write(SEQUENCE, &[&name]),
            &write(INTEGER, &[bearing.serial]),
        ],
    );
    let hash = octets(digest(&SHA256, certificate).as_ref());
    let id = write(SEQUENCE, &[&hash, &issuer]);
    write(SEQUENCE, &[&write(SEQUENCE, &[&id])])
}

/// Standard: RFC 5652 §11.3.
fn utc_time(now_s: u64) -> Result<Vec<u8>, SealError> {
    let time = der::asn1::UtcTime::from_unix_duration(std::time::Duration::from_secs(now_s));
    let time = time.map_err(|_range| SealError::Time(Moment(now_s)))?;
    der::Encode::to_der(&time).map_err(|_range| SealError::Time(Moment(now_s)))
}

const CONTEXT_0: u8 = 0xa0;
const CONTEXT_4: u8 = 0xa4;
const DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");
const SIGNING_TIME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.5");
const SIGNING_CERTIFICATE_V2: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.47");

#[cfg(test)]
mod tests {
    use bridge_core::contract::Action;
    use bridge_core::identity::MemberId;

    use super::*;
    use crate::authority::{Authority, NewKey, Order};

    const NOW: u64 = 1_800_000_000;
    const CONTENT: &[u8] = b"what is sealed";

    fn order(profile: Profile) -> Order {
        let member = MemberId::new("AZ", "GOV", "1001").unwrap();
        let name = if profile == Profile::Seal {
            CertificateName::Member(member)
        } else {
            CertificateName::Node(member.node("NODE1").unwrap())
        };
        Order {
            profile,
            name: Some(name),
            common_name: "Seal".to_owned(),
            sans: Vec::new(),
            not_before: NOW - 10,
            not_after: NOW + 86_400,
        }
    }

    fn sealer(authority: &Authority, profile: Profile) -> Sealer {
        let issued = authority.issue_with(&order(profile), NewKey::P256).unwrap();
        let chain = vec![issued.certificate_der, authority.issuing_der().to_vec()];
        Sealer::new(&issued.key_pkcs8, chain).unwrap()
    }

    fn authority(folder: &tempfile::TempDir) -> (Authority, Trust) {
        let authority = Authority::create(&folder.path().join("a"), "Example", NOW - 100).unwrap();
        let trust = Trust::from_pem(authority.root_pem().as_bytes()).unwrap();
        (authority, trust)
    }

    #[test]
    fn a_seal_holds_for_its_content_and_its_member_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (authority, trust) = authority(&folder);
        let seal = sealer(&authority, Profile::Seal)
            .seal(CONTENT, NOW)
            .unwrap();
        let sealed = check_seal(&trust, &seal, CONTENT).unwrap();
        assert_eq!(sealed.name, order(Profile::Seal).name);
        assert_eq!(sealed.time, Moment(NOW).to_string());
        assert!(matches!(
            check_seal(&trust, &seal, b"something else"),
            Err(SealError::Cms(CmsError::MessageDigest))
        ));
        let other = tempfile::tempdir().unwrap();
        let (_, strangers) = self::authority(&other);
        assert!(matches!(
            check_seal(&strangers, &seal, CONTENT),
            Err(SealError::NotTrusted(_))
        ));
    }

    #[test]
    fn no_other_key_seals_and_no_seal_outlives_its_certificate() {
        let folder = tempfile::tempdir().unwrap();
        let (authority, trust) = authority(&folder);
        let exchange = sealer(&authority, Profile::Exchange)
            .seal(CONTENT, NOW)
            .unwrap();
        let late = sealer(&authority, Profile::Seal)
            .seal(CONTENT, NOW + 86_401)
            .unwrap();
        for seal in [exchange, late] {
            assert!(matches!(
                check_seal(&trust, &seal, CONTENT),
                Err(SealError::NotTrusted(_))
            ));
        }
        let one = authority
            .issue_with(&order(Profile::Seal), NewKey::P256)
            .unwrap();
        let two = authority
            .issue_with(&order(Profile::Seal), NewKey::P256)
            .unwrap();
        let mixed = Sealer::new(&one.key_pkcs8, vec![two.certificate_der]);
        assert!(matches!(mixed, Err(SealError::Key)));
    }

    #[test]
    fn a_statement_needs_the_seal_of_its_member() {
        let folder = tempfile::tempdir().unwrap();
        let (authority, trust) = authority(&folder);
        let statement = Statement {
            action: Action::Accepted,
            contract: "example@digest".to_owned(),
            member: MemberId::new("AZ", "GOV", "1001").unwrap(),
            time_s: NOW,
            reason: None,
        };
        let sign = |profile| {
            let signed = sealer(&authority, profile).sign(statement.clone()).unwrap();
            Seals::check(&trust, &statement.write(), &signed.seal)
        };
        let sealed = sign(Profile::Seal).unwrap();
        assert_eq!((&sealed.member, sealed.time_s), (&statement.member, NOW));
        // A key rotated is another certificate of the same member: each test of this one is a new key.
        assert_eq!(sign(Profile::Seal).unwrap(), sealed);
        // The node's keys are certified for other things, by the same authority.
        for profile in [Profile::Exchange, Profile::Tls] {
            let why = sign(profile).unwrap_err();
            assert!(why.contains("certificate does not hold"), "{why}");
        }
        let later = Statement {
            time_s: NOW + 1,
            ..statement.clone()
        };
        let signed = sealer(&authority, Profile::Seal).sign(later).unwrap();
        assert!(Seals::check(&trust, &statement.write(), &signed.seal).is_err());
    }

    #[test]
    fn every_altered_byte_breaks_a_seal_or_changes_nothing_that_it_says() {
        let folder = tempfile::tempdir().unwrap();
        let (authority, trust) = authority(&folder);
        let seal = sealer(&authority, Profile::Seal)
            .seal(CONTENT, NOW)
            .unwrap();
        let good = check_seal(&trust, &seal, CONTENT).unwrap();
        let mut refused = 0;
        for at in 0..seal.len() {
            let mut altered = seal.clone();
            altered[at] ^= 1;
            match check_seal(&trust, &altered, CONTENT) {
                Ok(sealed) => assert_eq!(sealed, good, "byte {at}"),
                Err(_) => refused += 1,
            }
        }
        // What nobody signed, such as the version and the names of digests, may differ and means nothing.
        assert!(refused > seal.len() * 9 / 10, "{refused} of {}", seal.len());
    }
}
