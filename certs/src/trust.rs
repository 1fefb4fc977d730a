//! Judges certificates: chain, dates, profile, identity, key.

use std::mem;
use std::time::Duration;

use ring::digest::{SHA256, digest};
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, TrustAnchor, UnixTime};
use webpki::{
    EndEntityCert, ExtendedKeyUsageValidator, KeyPurposeIdIter, VerifiedPath,
    anchor_from_trusted_cert,
};

use bridge_core::identity::CertificateName;

use crate::certificate::{KeyAlgorithm, Reading};
use crate::error::{CertificateError, TrustError};
use crate::foreign::{self, Foreign};
use crate::identity::identity;
use crate::moment::Moment;
use crate::pem::certificates;
use crate::profile::{Profile, Profiles, Rules, Usage};

mod rules;

use rules::check_rules;

/// The most issuers a chain may bring along.
pub const INTERMEDIATES_LIMIT: usize = 4;

/// The most trust anchors one [`Trust`] holds.
pub const ANCHORS_LIMIT: usize = 64;

/// Who issued a certificate, and under which number: its status is asked for by this.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Issuance {
    /// SHA-256 of the issuer's subject public key info.
    pub issuer_spki_sha256: [u8; 32],
    /// The number as it is written, as short as can be.
    pub serial: Vec<u8>,
}

/// A certificate that passed [`Trust::check`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// Whom it names; `None` for callers and web servers.
    pub name: Option<CertificateName>,
    /// The certificate as received.
    pub der: Vec<u8>,
    /// SHA-256 of the certificate: the key id of messages is its base64url.
    pub sha256: [u8; 32],
    /// SHA-256 of the subject public key info: what the directory pins.
    pub spki_sha256: [u8; 32],
    /// Uncompressed point, 32 bytes of Ed25519, or PKCS#1 `RSAPublicKey`.
    pub public_key: Vec<u8>,
    /// Algorithm of the key.
    pub algorithm: KeyAlgorithm,
    /// The certificate and the issuers between it and the trusted authority, in this order.
    pub chain: Vec<Issuance>,
    /// Seconds since the Unix epoch.
    pub not_before: u64,
    /// Seconds since the Unix epoch; the certificate is still valid in this second.
    pub not_after: u64,
}

/// The authorities that are trusted, and the profiles by which their certificates are judged.
#[derive(Clone, Debug)]
pub struct Trust {
    anchors: Vec<Anchor>,
    profiles: Profiles,
    foreign: Vec<Foreign>,
}

/// A trusted authority, with the dates that path validation itself does not look at.
#[derive(Clone, Debug)]
struct Anchor {
    certificate: CertificateDer<'static>,
    parts: TrustAnchor<'static>,
    subject: String,
    spki_sha256: [u8; 32],
    sha256: String,
    not_before: u64,
    not_after: u64,
}

impl Trust {
    /// Reads trust anchors from PEM; every certificate in it becomes one.
    ///
    /// # Errors
    ///
    /// [`TrustError`] if there is none, too many, or one that is no authority by its own words or has a weak key.
    pub fn from_pem(pem: &[u8]) -> Result<Self, TrustError> {
        let profiles = Profiles::embedded()?;
        let found = certificates(pem).map_err(TrustError::Pem)?;
        if found.is_empty() {
            return Err(TrustError::NoAnchor);
        }
        if found.len() > ANCHORS_LIMIT {
            return Err(TrustError::TooManyAnchors { count: found.len() });
        }
        let anchors = found
            .into_iter()
            .map(Anchor::read)
            .collect::<Result<_, _>>()?;
        Ok(Self {
            anchors,
            profiles,
            foreign: Vec::new(),
        })
    }

    /// Adds a table of foreign authorities, TOML (see `certs/README.md`): each names an anchor, a subject attribute, and whom
    /// its values stand for.
    ///
    /// # Errors
    ///
    /// [`TrustError::Foreign`] if the text is malformed or names an authority that is not trusted.
    pub fn with_foreign(mut self, text: &str) -> Result<Self, TrustError> {
        self.foreign = foreign::read(text)?;
        for authority in &self.foreign {
            let known = |anchor: &Anchor| anchor.sha256 == authority.anchor_sha256;
            if !self.anchors.iter().any(known) {
                let what = format!("{} is no anchor", authority.anchor_sha256);
                return Err(TrustError::Foreign { what });
            }
        }
        Ok(self)
    }

    /// Returns the certificates of the trusted authorities.
    pub fn certificates(&self) -> impl Iterator<Item = &CertificateDer<'static>> {
        self.anchors.iter().map(|anchor| &anchor.certificate)
    }

    /// Returns the trusted authorities in the form that a TLS verifier takes.
    pub fn anchors(&self) -> impl Iterator<Item = &TrustAnchor<'static>> {
        self.anchors.iter().map(|anchor| &anchor.parts)
    }

    /// Returns the names of the trusted authorities whose keys (SHA-256) are none of these.
    pub fn authorities_but(&self, keys: &[[u8; 32]]) -> impl Iterator<Item = &str> {
        let others = self
            .anchors
            .iter()
            .filter(|anchor| !keys.contains(&anchor.spki_sha256));
        others.map(|anchor| anchor.subject.as_str())
    }

    /// Returns the span in which every anchor is valid, as seconds since the Unix epoch.
    pub fn dates(&self) -> (u64, u64) {
        let from = self
            .anchors
            .iter()
            .map(|anchor| anchor.not_before)
            .max()
            .unwrap_or(u64::MAX);
        let to = self
            .anchors
            .iter()
            .map(|anchor| anchor.not_after)
            .min()
            .unwrap_or(0);
        (from, to)
    }

    /// Judges a certificate for one use at one time, given the issuers that its bearer sent along.
    ///
    /// Revocation is not looked at. `now_s` is seconds since the Unix epoch.
    ///
    /// # Errors
    ///
    /// A variant of [`CertificateError`] for each way to fail; chain and dates are judged before what the
    /// certificate claims.
    ///
    /// Standard: RFC 5280 §6.1.
    pub fn check(
        &self,
        leaf_der: &[u8],
        intermediates: &[Vec<u8>],
        profile: Profile,
        now_s: u64,
    ) -> Result<Checked, CertificateError> {
        if profile.is_authority() {
            return Err(CertificateError::AuthorityProfile { profile });
        }
        if intermediates.len() > INTERMEDIATES_LIMIT {
            return Err(CertificateError::TooManyIssuers {
                count: intermediates.len(),
            });
        }
        let reading = Reading::of(leaf_der)?;
        let (anchor, chain) = self.check_chain(leaf_der, &reading, intermediates, now_s)?;
        let rules = self.profiles.rules(profile);
        check_rules(&reading, rules, profile)?;
        Ok(Checked {
            name: self.name(anchor, &reading, rules, profile)?,
            der: leaf_der.to_vec(),
            sha256: sha256(leaf_der),
            spki_sha256: sha256(&reading.spki),
            public_key: reading.public_key,
            algorithm: reading.algorithm,
            chain,
            not_before: reading.not_before,
            not_after: reading.not_after,
        })
    }

    /// The identity: by the URI of our own authorities, by the table for foreign ones.
    fn name(
        &self,
        anchor: &Anchor,
        reading: &Reading,
        rules: &Rules,
        profile: Profile,
    ) -> Result<Option<CertificateName>, CertificateError> {
        let foreign = self
            .foreign
            .iter()
            .find(|authority| authority.anchor_sha256 == anchor.sha256);
        match foreign {
            Some(authority) => {
                authority.identity(&reading.attributes, &reading.uris, rules.identity, profile)
            }
            None => identity(&reading.uris, rules.identity, profile),
        }
    }

    fn check_chain(
        &self,
        leaf_der: &[u8],
        reading: &Reading,
        intermediates: &[Vec<u8>],
        now_s: u64,
    ) -> Result<(&Anchor, Vec<Issuance>), CertificateError> {
        let der = CertificateDer::from(leaf_der);
        let leaf =
            EndEntityCert::try_from(&der).map_err(|error| chain_error(error, reading, now_s))?;
        let issuers: Vec<_> = intermediates
            .iter()
            .map(|der| CertificateDer::from(der.as_slice()))
            .collect();
        let anchors: Vec<_> = self.anchors().cloned().collect();
        let path = leaf
            .verify_for_usage(
                CHAIN_ALGORITHMS,
                &anchors,
                &issuers,
                UnixTime::since_unix_epoch(Duration::from_secs(now_s)),
                PurposeIsJudgedLater,
                None,
                None,
            )
            .map_err(|error| chain_error(error, reading, now_s))?;
        self.check_issuers(&path, &reading.serial, now_s)
    }

    /// Judges what path validation leaves open: usage and strength of issuing keys, and the anchor's own dates. Returns the
    /// anchor, and who issued what below it.
    fn check_issuers(
        &self,
        path: &VerifiedPath<'_>,
        serial: &[u8],
        now_s: u64,
    ) -> Result<(&Anchor, Vec<Issuance>), CertificateError> {
        let mut chain = Vec::new();
        let mut issued = serial.to_vec();
        for issuer in path.intermediate_certificates() {
            let reading = Reading::of(&issuer.der()).map_err(CertificateError::Issuer)?;
            if !reading.usages.contains(&Usage::CertSign) {
                return Err(CertificateError::IssuerMayNotSign {
                    subject: reading.subject,
                });
            }
            chain.push(Issuance {
                issuer_spki_sha256: sha256(&reading.spki),
                serial: mem::replace(&mut issued, reading.serial),
            });
        }
        let used = self.anchors.iter().find(|known| {
            known.parts.subject == path.anchor().subject
                && known.parts.subject_public_key_info == path.anchor().subject_public_key_info
        });
        match used {
            Some(anchor) if (anchor.not_before..=anchor.not_after).contains(&now_s) => {
                chain.push(Issuance {
                    issuer_spki_sha256: anchor.spki_sha256,
                    serial: issued,
                });
                Ok((anchor, chain))
            }
            Some(anchor) => Err(CertificateError::AnchorOutOfDate {
                subject: anchor.subject.clone(),
                not_before: Moment(anchor.not_before),
                not_after: Moment(anchor.not_after),
                now: Moment(now_s),
            }),
            None => Err(CertificateError::UnknownIssuer {
                issuer: String::new(),
            }),
        }
    }
}

impl Anchor {
    fn read(der: Vec<u8>) -> Result<Self, TrustError> {
        let reading = Reading::of(&der).map_err(TrustError::Unreadable)?;
        if !reading.is_authority || !reading.usages.contains(&Usage::CertSign) {
            return Err(TrustError::NotAnAuthority {
                subject: reading.subject,
            });
        }
        let certificate = CertificateDer::from(der);
        let parts = anchor_from_trusted_cert(&certificate)
            .map_err(|source| TrustError::Anchor {
                subject: reading.subject.clone(),
                source,
            })?
            .to_owned();
        Ok(Self {
            sha256: foreign::hexadecimal(&sha256(&certificate)),
            certificate,
            parts,
            spki_sha256: sha256(&reading.spki),
            subject: reading.subject,
            not_before: reading.not_before,
            not_after: reading.not_after,
        })
    }
}

/// Sorts what path validation says into what the reader of the message can act on.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the enum is foreign and open"
)]
fn chain_error(error: webpki::Error, leaf: &Reading, now_s: u64) -> CertificateError {
    let now = Moment(now_s);
    match error {
        webpki::Error::UnknownIssuer => CertificateError::UnknownIssuer {
            issuer: leaf.issuer.clone(),
        },
        webpki::Error::InvalidSignatureForPublicKey => CertificateError::BadSignature {
            issuer: leaf.issuer.clone(),
        },
        webpki::Error::CertExpired { not_after, .. } => CertificateError::Expired {
            not_after: Moment(not_after.as_secs()),
            now,
        },
        webpki::Error::CertNotValidYet { not_before, .. } => CertificateError::NotYetValid {
            not_before: Moment(not_before.as_secs()),
            now,
        },
        webpki::Error::CaUsedAsEndEntity => CertificateError::AuthorityAsLeaf,
        webpki::Error::EndEntityUsedAsCa => CertificateError::LeafAsAuthority,
        webpki::Error::PathLenConstraintViolated | webpki::Error::MaximumPathDepthExceeded => {
            CertificateError::ChainTooLong
        }
        other => CertificateError::Chain(other),
    }
}

/// Lets path validation pass every extended usage: [`check_rules`] judges the leaf's, more strictly.
struct PurposeIsJudgedLater;

impl ExtendedKeyUsageValidator for PurposeIsJudgedLater {
    fn validate(&self, _purposes: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        Ok(())
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut value = [0; 32];
    value.copy_from_slice(digest(&SHA256, bytes).as_ref());
    value
}

/// Signature algorithms that issuers may use. No SHA-1; the strength of RSA keys is judged apart.
const CHAIN_ALGORITHMS: &[&dyn SignatureVerificationAlgorithm] = &[
    webpki::ring::ECDSA_P256_SHA256,
    webpki::ring::ECDSA_P256_SHA384,
    webpki::ring::ECDSA_P384_SHA256,
    webpki::ring::ECDSA_P384_SHA384,
    webpki::ring::ED25519,
    webpki::ring::RSA_PKCS1_2048_8192_SHA256,
    webpki::ring::RSA_PKCS1_2048_8192_SHA384,
    webpki::ring::RSA_PKCS1_2048_8192_SHA512,
    webpki::ring::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
    webpki::ring::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
    webpki::ring::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
];

#[cfg(test)]
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "a test wants one variant and prints the rest"
)]
mod tests;
