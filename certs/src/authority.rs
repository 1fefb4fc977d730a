//! A development authority: a root, an issuing authority under it, and certificates by profile.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, IsCa, Issuer,
    KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, SanType, SerialNumber, SignatureAlgorithm,
};
use ring::rand::{SecureRandom, SystemRandom};
use rustls_pki_types::PrivatePkcs8KeyDer;
use time::OffsetDateTime;
use zeroize::Zeroizing;

use bridge_core::identity::CertificateName;

use crate::asn1::NULL;
use crate::error::TrustError;
use crate::identity::identity;
use crate::keyfile::{read_key_file, write_key_file};
use crate::moment::Moment;
use crate::pem::{certificates, read_text, section};
use crate::profile::{HostNames, Profile, Profiles, Rules};
use crate::trust::Trust;

mod error;
pub(crate) mod usages;

use usages::apply;

pub use error::AuthorityError;

/// What a certificate shall say. The authority makes the key together with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// What the key is for.
    pub profile: Profile,
    /// Whom it names, of the kind that the profile wants.
    pub name: Option<CertificateName>,
    /// Common name of the subject: for people, never judged.
    pub common_name: String,
    /// DNS names and IP addresses.
    pub sans: Vec<String>,
    /// First second of its life, since the Unix epoch.
    pub not_before: u64,
    /// Last second of its life, since the Unix epoch.
    pub not_after: u64,
}

/// What kind of key is made together with a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewKey {
    /// ECDSA on NIST P-256.
    P256,
    /// Ed25519.
    Ed25519,
}

/// A certificate just made, and its key.
#[derive(Debug)]
pub struct Issued {
    /// The certificate.
    pub certificate_der: Vec<u8>,
    /// The certificate and its issuing authority, without the root.
    pub chain_pem: String,
    /// The key, as DER.
    pub key_pkcs8: Zeroizing<Vec<u8>>,
    /// The key, as PEM.
    pub key_pem: Zeroizing<String>,
}

/// An authority in a folder: `root.pem`, `root.key`, `issuing.pem`, `issuing.key`.
///
/// For development, tests and small instances: all its keys lie in files of one machine.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    issuing_pem: String,
    issuing_der: Vec<u8>,
    root_pem: String,
    not_before: u64,
    not_after: u64,
    profiles: Profiles,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority")
            .field("not_before", &Moment(self.not_before))
            .field("not_after", &Moment(self.not_after))
            .finish_non_exhaustive()
    }
}

impl Authority {
    /// Makes a root and an issuing authority, valid from `now_s` on, in a new folder or one without their files.
    ///
    /// # Errors
    ///
    /// [`AuthorityError::Io`] and [`AuthorityError::Key`], also when one of the four files exists.
    pub fn create(folder: &Path, name: &str, now_s: u64) -> Result<Self, AuthorityError> {
        let profiles = Profiles::embedded()?;
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|source| AuthorityError::Io {
                path: folder.to_path_buf(),
                source,
            })?;
        let (root, root_key) = authority_params(&profiles, Profile::Root, name, now_s)?;
        let root_certificate = root.self_signed(&root_key)?;
        let root_issuer = Issuer::new(root, root_key);
        let (issuing, issuing_key) = authority_params(&profiles, Profile::Issuing, name, now_s)?;
        let issuing_certificate = issuing.signed_by(&issuing_key, &root_issuer)?;
        // Keys first: crash between two files, and the next attempt is refused instead of mixing two authorities.
        write_key_file(&folder.join(ROOT_KEY), root_issuer.key().serialized_der())?;
        write_key_file(&folder.join(ISSUING_KEY), issuing_key.serialized_der())?;
        write_new(
            &folder.join(ROOT),
            &section("CERTIFICATE", root_certificate.der()),
        )?;
        write_new(
            &folder.join(ISSUING),
            &section("CERTIFICATE", issuing_certificate.der()),
        )?;
        Self::open(folder)
    }

    /// Opens an authority for issuing. The root's key is not touched and may lie elsewhere.
    ///
    /// # Errors
    ///
    /// [`AuthorityError`] about the file that is missing, too open or wrong.
    pub fn open(folder: &Path) -> Result<Self, AuthorityError> {
        let root_pem = read_text(&folder.join(ROOT))?;
        let issuing_pem = read_text(&folder.join(ISSUING))?;
        Trust::from_pem(&root_pem)?;
        let (not_before, not_after) = Trust::from_pem(&issuing_pem)?.dates();
        let certificate = certificates(&issuing_pem)?
            .into_iter()
            .next()
            .ok_or(TrustError::NoAnchor)?;
        let pkcs8 = read_key_file(&folder.join(ISSUING_KEY))?;
        let key = KeyPair::from_pkcs8_der_and_sign_algo(
            &PrivatePkcs8KeyDer::from(pkcs8.as_slice()),
            &PKCS_ECDSA_P256_SHA256,
        )?;
        let issuer = Issuer::from_ca_cert_der(&certificate.as_slice().into(), key)?;
        let profiles = Profiles::embedded()?;
        Ok(Self {
            issuer,
            issuing_der: certificate,
            issuing_pem: String::from_utf8_lossy(&issuing_pem).into_owned(),
            root_pem: String::from_utf8_lossy(&root_pem).into_owned(),
            not_before,
            not_after,
            profiles,
        })
    }

    /// Returns the root certificate as PEM: what [`Trust::from_pem`] takes.
    pub fn root_pem(&self) -> &str {
        &self.root_pem
    }

    /// Returns the issuing authority's certificate as PEM.
    pub fn issuing_pem(&self) -> &str {
        &self.issuing_pem
    }

    /// Returns the issuing authority's certificate as DER, as a peer sends it along.
    pub fn issuing_der(&self) -> &[u8] {
        &self.issuing_der
    }

    /// Makes a key of the profile's usual kind and a certificate for it.
    ///
    /// # Errors
    ///
    /// [`AuthorityError`] if the order does not fit its profile or outlives the authority.
    pub fn issue(&self, order: &Order) -> Result<Issued, AuthorityError> {
        self.issue_with(order, NewKey::usual(order.profile))
    }

    /// Makes a key of that kind and a certificate for it.
    ///
    /// # Errors
    ///
    /// As [`Authority::issue`].
    pub fn issue_with(&self, order: &Order, key: NewKey) -> Result<Issued, AuthorityError> {
        let rules = self.profiles.rules(order.profile);
        self.check(order, rules)?;
        let key = KeyPair::generate_for(key.algorithm())?;
        let mut params = CertificateParams::new(order.sans.clone())?;
        if let Some(name) = &order.name {
            params
                .subject_alt_names
                .push(SanType::URI(Ia5String::try_from(name.to_string())?));
        }
        params.distinguished_name = subject(&order.common_name);
        params.not_before = date(order, order.not_before)?;
        params.not_after = date(order, order.not_after)?;
        params.is_ca = IsCa::ExplicitNoCa;
        params.serial_number = Some(serial()?);
        apply(&mut params, rules);
        if order.profile == Profile::Ocsp {
            params.custom_extensions = vec![no_check()];
        }
        let certificate = params.signed_by(&key, &self.issuer)?;
        let chain = section("CERTIFICATE", certificate.der());
        let key_pkcs8 = Zeroizing::new(key.serialize_der());
        Ok(Issued {
            certificate_der: certificate.der().to_vec(),
            chain_pem: format!("{}{}", *chain, self.issuing_pem),
            key_pem: section("PRIVATE KEY", &key_pkcs8),
            key_pkcs8,
        })
    }

    fn check(&self, order: &Order, rules: &Rules) -> Result<(), AuthorityError> {
        let profile = order.profile;
        if profile.is_authority() {
            return Err(AuthorityError::NotIssued { profile });
        }
        let uris: Vec<_> = order.name.iter().map(ToString::to_string).collect();
        identity(&uris, rules.identity, profile)
            .map_err(|error| AuthorityError::Name(Box::new(error)))?;
        if rules.names == HostNames::Required && order.sans.is_empty() {
            return Err(AuthorityError::NoHostName { profile });
        }
        let seconds = order
            .not_after
            .checked_sub(order.not_before)
            .ok_or_else(|| no_span(order))?;
        let days = seconds.div_ceil(DAY_S);
        if days > u64::from(rules.max_days) {
            return Err(AuthorityError::TooLong {
                profile,
                days,
                most: rules.max_days,
            });
        }
        if order.not_before < self.not_before || order.not_after > self.not_after {
            let (from, to) = (Moment(self.not_before), Moment(self.not_after));
            return Err(AuthorityError::Outlives { from, to });
        }
        Ok(())
    }
}

impl NewKey {
    /// Exchange keys sign and verify every message, where Ed25519 costs least (D22); browsers and foreign TLS stacks know
    /// P-256.
    pub(crate) fn usual(profile: Profile) -> Self {
        match profile {
            Profile::Exchange => Self::Ed25519,
            Profile::Root
            | Profile::Issuing
            | Profile::Tls
            | Profile::Seal
            | Profile::Caller
            | Profile::Web
            | Profile::TimeStamping
            | Profile::Ocsp => Self::P256,
        }
    }

    pub(crate) fn algorithm(self) -> &'static SignatureAlgorithm {
        match self {
            Self::P256 => &PKCS_ECDSA_P256_SHA256,
            Self::Ed25519 => &PKCS_ED25519,
        }
    }
}

fn authority_params(
    profiles: &Profiles,
    profile: Profile,
    name: &str,
    now_s: u64,
) -> Result<(CertificateParams, KeyPair), AuthorityError> {
    let rules = profiles.rules(profile);
    let order = Order {
        profile,
        name: None,
        common_name: format!("{name} {profile}"),
        sans: Vec::new(),
        not_before: now_s,
        not_after: now_s.saturating_add(u64::from(rules.max_days).saturating_mul(DAY_S)),
    };
    let mut params = CertificateParams::default();
    params.distinguished_name = subject(&order.common_name);
    params.not_before = date(&order, order.not_before)?;
    params.not_after = date(&order, order.not_after)?;
    let authorities_below = u8::from(profile == Profile::Root);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(authorities_below));
    params.serial_number = Some(serial()?);
    apply(&mut params, rules);
    Ok((params, KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?))
}

/// Says that nobody need ask for the status of a responder's own certificate. Standard: RFC 6960 §4.2.2.2.1.
fn no_check() -> CustomExtension {
    CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 48, 1, 5], vec![NULL, 0])
}

/// Sixteen random bytes, of which the first bit is clear: serial numbers are positive and never foreseen.
fn serial() -> Result<SerialNumber, AuthorityError> {
    let mut bytes = [0_u8; 16];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_error| AuthorityError::NoRandom)?;
    let [first, ..] = &mut bytes;
    *first = *first & 0x7f | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}

fn subject(common_name: &str) -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, common_name);
    subject
}

fn date(order: &Order, seconds: u64) -> Result<OffsetDateTime, AuthorityError> {
    i64::try_from(seconds)
        .ok()
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
        .ok_or_else(|| no_span(order))
}

fn no_span(order: &Order) -> AuthorityError {
    AuthorityError::NoSpan {
        not_before: Moment(order.not_before),
        not_after: Moment(order.not_after),
    }
}

fn write_new(path: &Path, text: &str) -> Result<(), AuthorityError> {
    use io::Write;
    fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .and_then(|mut file| {
            file.write_all(text.as_bytes())
                .and_then(|()| file.sync_all())
        })
        .map_err(|source| AuthorityError::Io {
            path: path.to_path_buf(),
            source,
        })
}

const ROOT: &str = "root.pem";
const ROOT_KEY: &str = "root.key";
const ISSUING: &str = "issuing.pem";
const ISSUING_KEY: &str = "issuing.key";
const DAY_S: u64 = 24 * 60 * 60;

#[cfg(test)]
mod tests;
