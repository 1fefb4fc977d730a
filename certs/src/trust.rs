//! Judges certificates: chain, dates, profile, identity, key.

use std::mem;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use ring::digest::{SHA256, digest};
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, VerifiedPath};

use bridge_core::identity::CertificateName;

use crate::certificate::{KeyAlgorithm, Reading, check_size};
use crate::error::{CertificateError, TrustError};
use crate::foreign::{self, Foreign};
use crate::identity::identity;
use crate::moment::Moment;
use crate::pem::certificates;
use crate::profile::{Profile, Profiles, Rules};

mod above;
mod anchor;
mod path;
mod remembered;
mod rules;

use anchor::Anchor;
use path::{CHAIN_ALGORITHMS, PurposeIsJudgedLater, chain_error};
use remembered::{Remembered, Shown};
use rules::{check_issuer, check_key, check_rules};

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
    /// DNS names in lower case, and IP addresses: never an identity.
    pub host_names: Vec<String>,
    /// The certificate and the issuers between it and the trusted authority, in this order.
    pub chain: Vec<Issuance>,
    /// Seconds since the Unix epoch.
    pub not_before: u64,
    /// Seconds since the Unix epoch; the certificate is still valid in this second.
    pub not_after: u64,
    /// The seconds in which it and all authorities above it are valid: what held once, holds in each of them.
    pub holds_s: RangeInclusive<u64>,
}

/// The authorities that are trusted, and the profiles by which their certificates are judged.
#[derive(Clone, Debug)]
pub struct Trust {
    anchors: Vec<Anchor>,
    profiles: Profiles,
    foreign: Vec<Foreign>,
    remembered: Arc<Remembered>,
}

/// Under which anchor a certificate is, who issued what below it, and when all of them are valid.
type Issued<'a> = (&'a Anchor, Vec<Issuance>, RangeInclusive<u64>);

impl Trust {
    /// Reads trust anchors from PEM; every certificate in it becomes one.
    ///
    /// # Errors
    ///
    /// [`TrustError`] if there is none, too many, one that is no authority by its own words or has a weak key, or two of one authority.
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
            .collect::<Result<Vec<_>, _>>()?;
        check_distinct(&anchors)?;
        Ok(Self {
            anchors,
            profiles,
            foreign: Vec::new(),
            remembered: Arc::default(),
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
        self.remembered = Arc::default();
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
        for der in intermediates {
            check_size(der).map_err(CertificateError::Issuer)?;
        }
        let reading = Reading::of(leaf_der)?;
        let (anchor, chain, holds_s) =
            self.check_chain(leaf_der, &reading, intermediates, now_s)?;
        let rules = self.profiles.rules(profile);
        check_rules(&reading, rules, profile)?;
        Ok(Checked {
            name: self.name(anchor, &reading, rules, profile)?,
            der: leaf_der.to_vec(),
            sha256: sha256(leaf_der),
            spki_sha256: sha256(&reading.spki),
            public_key: reading.public_key,
            algorithm: reading.algorithm,
            host_names: reading.host_names,
            chain,
            not_before: reading.not_before,
            not_after: reading.not_after,
            holds_s,
        })
    }

    /// As [`Trust::check`], and remembers what held: the same certificates are not verified again within their dates. For
    /// connections, whose peers show the same ones each time.
    ///
    /// # Errors
    ///
    /// As [`Trust::check`].
    pub fn check_once(
        &self,
        leaf_der: &[u8],
        intermediates: &[Vec<u8>],
        profile: Profile,
        now_s: u64,
    ) -> Result<Arc<Checked>, CertificateError> {
        let shown = Shown::of(leaf_der, intermediates, profile);
        if let Some(known) = self.remembered.get(&shown)
            && known.holds_s.contains(&now_s)
        {
            return Ok(known);
        }
        let checked = Arc::new(self.check(leaf_der, intermediates, profile, now_s)?);
        self.remembered.keep(shown, &checked);
        Ok(checked)
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
                let attributes = reading.subject.attributes();
                authority.identity(&attributes, &reading.uris, rules.identity, profile)
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
    ) -> Result<Issued<'_>, CertificateError> {
        let der = CertificateDer::from(leaf_der);
        let refused = |error| chain_error(error, reading, intermediates, now_s);
        let leaf = EndEntityCert::try_from(&der).map_err(refused)?;
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
            .map_err(refused)?;
        self.check_issuers(&path, reading, now_s)
    }

    /// Judges what path validation leaves open: what issuers may do and how strong their keys are, and the anchor's own dates and
    /// path length. Returns the anchor, who issued what below it, and when all of
    /// them are valid.
    fn check_issuers(
        &self,
        path: &VerifiedPath<'_>,
        leaf: &Reading,
        now_s: u64,
    ) -> Result<Issued<'_>, CertificateError> {
        let mut chain = Vec::new();
        let (mut from_s, mut to_s) = (leaf.not_before, leaf.not_after);
        let mut issued = leaf.serial.clone();
        let mut key = leaf.issuer_key_identifier.clone();
        for issuer in path.intermediate_certificates() {
            let reading = Reading::of(&issuer.der()).map_err(CertificateError::Issuer)?;
            check_issuer(&reading, leaf)?;
            check_key(key.as_deref(), reading.key_identifier.as_deref())?;
            key = reading.issuer_key_identifier;
            from_s = from_s.max(reading.not_before);
            to_s = to_s.min(reading.not_after);
            chain.push(Issuance {
                issuer_spki_sha256: sha256(&reading.spki),
                serial: mem::replace(&mut issued, reading.serial),
            });
        }
        let used = self.anchors.iter().find(|known| {
            known.parts.subject == path.anchor().subject
                && known.parts.subject_public_key_info == path.anchor().subject_public_key_info
        });
        let Some(anchor) = used else {
            return Err(CertificateError::UnknownIssuer {
                issuer: String::new(),
            });
        };
        check_key(key.as_deref(), anchor.key_identifier.as_deref())?;
        if anchor
            .path_length
            .is_some_and(|most| chain.len() > usize::from(most))
        {
            return Err(CertificateError::ChainTooLong);
        }
        if !(anchor.not_before..=anchor.not_after).contains(&now_s) {
            return Err(CertificateError::AnchorOutOfDate {
                subject: anchor.subject.clone(),
                not_before: Moment(anchor.not_before),
                not_after: Moment(anchor.not_after),
                now: Moment(now_s),
            });
        }
        chain.push(Issuance {
            issuer_spki_sha256: anchor.spki_sha256,
            serial: issued,
        });
        let holds_s = from_s.max(anchor.not_before)..=to_s.min(anchor.not_after);
        Ok((anchor, chain, holds_s))
    }
}

/// Path validation says of an anchor its name and key only: of two that share them, either's dates and identity could be taken.
fn check_distinct(anchors: &[Anchor]) -> Result<(), TrustError> {
    for (place, one) in anchors.iter().enumerate() {
        let others = anchors.iter().skip(place + 1);
        if let Some(other) = others.into_iter().find(|other| one.is_ambiguous(other)) {
            return Err(TrustError::TwoOfOneAuthority {
                subject: one.subject.clone(),
                sha256: [one.sha256.clone(), other.sha256.clone()],
            });
        }
    }
    Ok(())
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut value = [0; 32];
    value.copy_from_slice(digest(&SHA256, bytes).as_ref());
    value
}

#[cfg(test)]
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "a test wants one variant and prints the rest"
)]
mod tests;
