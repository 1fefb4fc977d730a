//! Certificate profiles: the rules of `profiles.toml`, read once and asked by name.

use std::collections::BTreeSet;
use std::fmt;

use serde::Deserialize;

/// The text of the profiles that this version was built with.
pub const PROFILES_TOML: &str = include_str!("../profiles.toml");

/// Names a certificate profile: what the key is for, and so what its certificate must say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Profile {
    /// Authority root, kept offline.
    Root,
    /// Issuing authority under the root.
    Issuing,
    /// A node towards other nodes, server and client.
    Tls,
    /// The key with which a node signs queries and answers.
    Exchange,
    /// The key with which a member signs contracts and dossiers.
    Seal,
    /// An information system towards its own member's node.
    Caller,
    /// The server certificate of the consumer interface.
    Web,
    /// The key with which an authority stamps the time.
    TimeStamping,
    /// The key with which a responder says whether certificates of its authority are revoked.
    Ocsp,
}

impl Profile {
    /// Every profile, in the order of the file.
    pub const ALL: [Self; 9] = [
        Self::Root,
        Self::Issuing,
        Self::Tls,
        Self::Exchange,
        Self::Seal,
        Self::Caller,
        Self::Web,
        Self::TimeStamping,
        Self::Ocsp,
    ];

    /// Returns the name of the profile in `profiles.toml`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Issuing => "issuing",
            Self::Tls => "tls",
            Self::Exchange => "exchange",
            Self::Seal => "seal",
            Self::Caller => "caller",
            Self::Web => "web",
            Self::TimeStamping => "time_stamping",
            Self::Ocsp => "ocsp",
        }
    }

    /// Tells whether the key signs certificates.
    pub const fn is_authority(self) -> bool {
        matches!(self, Self::Root | Self::Issuing)
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The kind of bridge identity that a certificate carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentityKind {
    /// `bridge://AZ/GOV/1001/NODE1`.
    Node,
    /// `bridge://AZ/GOV/1001`.
    Member,
    /// No `bridge://` name at all.
    None,
}

impl fmt::Display for IdentityKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Node => "a node",
            Self::Member => "a member",
            Self::None => "no identity",
        })
    }
}

/// What a profile says about DNS names and IP addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostNames {
    /// At least one must stand in the certificate.
    Required,
    /// They are never looked at.
    Optional,
}

/// A family of key algorithms that a profile may allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyFamily {
    /// ECDSA on NIST P-256.
    P256,
    /// ECDSA on NIST P-384.
    P384,
    /// Ed25519.
    Ed25519,
    /// RSA of at least 3072 bits.
    Rsa,
}

/// One bit of the key usage extension. The value is the bit's number.
///
/// Standard: RFC 5280 §4.2.1.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the standard's own")]
pub enum Usage {
    DigitalSignature,
    ContentCommitment,
    KeyEncipherment,
    DataEncipherment,
    KeyAgreement,
    CertSign,
    CrlSign,
    EncipherOnly,
    DecipherOnly,
}

/// One purpose of the extended key usage extension.
///
/// Standard: RFC 5280 §4.2.1.12.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the standard's own")]
pub enum Purpose {
    Any,
    ServerAuth,
    ClientAuth,
    CodeSigning,
    EmailProtection,
    TimeStamping,
    OcspSigning,
    /// Standard: RFC 9336 §3.1.
    DocumentSigning,
    /// A purpose without a name here, as a dotted object identifier. Never allowed by a profile.
    #[serde(skip)]
    Other(String),
}

// === impl Purpose ===

impl Purpose {
    /// The object identifier, dotted.
    pub(crate) fn oid(&self) -> &str {
        match self {
            Self::Any => "2.5.29.37.0",
            Self::ServerAuth => "1.3.6.1.5.5.7.3.1",
            Self::ClientAuth => "1.3.6.1.5.5.7.3.2",
            Self::CodeSigning => "1.3.6.1.5.5.7.3.3",
            Self::EmailProtection => "1.3.6.1.5.5.7.3.4",
            Self::TimeStamping => "1.3.6.1.5.5.7.3.8",
            Self::OcspSigning => "1.3.6.1.5.5.7.3.9",
            Self::DocumentSigning => "1.3.6.1.5.5.7.3.36",
            Self::Other(oid) => oid,
        }
    }
}

/// The rules of one profile. The fields are explained at the head of `profiles.toml`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// What the key is, in one line.
    pub title: String,
    /// Kind of the one `bridge://` name.
    pub identity: IdentityKind,
    /// Key algorithms allowed.
    pub keys: BTreeSet<KeyFamily>,
    /// Bits that must be set.
    pub key_usage: BTreeSet<Usage>,
    /// Bits that may be set besides.
    pub key_usage_may: BTreeSet<Usage>,
    /// Purposes that must stand.
    pub extended_key_usage: BTreeSet<Purpose>,
    /// Purposes that may stand besides.
    pub extended_key_usage_may: BTreeSet<Purpose>,
    /// Whether the purposes must be marked critical.
    #[serde(default)]
    pub extended_key_usage_critical: bool,
    /// Whether DNS names or IP addresses must stand.
    pub names: HostNames,
    /// Longest life that the authority issues, in days.
    pub max_days: u32,
}

/// The rules of every profile.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profiles {
    root: Rules,
    issuing: Rules,
    tls: Rules,
    exchange: Rules,
    seal: Rules,
    caller: Rules,
    web: Rules,
    time_stamping: Rules,
    ocsp: Rules,
}

impl Profiles {
    /// Reads the profiles that this version was built with.
    ///
    /// # Errors
    ///
    /// As [`Profiles::parse`]; a test holds that the built-in text never fails.
    pub fn embedded() -> Result<Self, ProfileError> {
        Self::parse(PROFILES_TOML)
    }

    /// Reads profiles from TOML; every profile must be there, unknown fields are refused.
    ///
    /// # Errors
    ///
    /// [`ProfileError`] names the line and what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, ProfileError> {
        toml::from_str(text).map_err(ProfileError)
    }

    /// Returns the rules of one profile.
    pub fn rules(&self, profile: Profile) -> &Rules {
        match profile {
            Profile::Root => &self.root,
            Profile::Issuing => &self.issuing,
            Profile::Tls => &self.tls,
            Profile::Exchange => &self.exchange,
            Profile::Seal => &self.seal,
            Profile::Caller => &self.caller,
            Profile::Web => &self.web,
            Profile::TimeStamping => &self.time_stamping,
            Profile::Ocsp => &self.ocsp,
        }
    }
}

/// The text of the profiles can't be read.
#[derive(Debug, thiserror::Error)]
#[error("the certificate profiles can't be read")]
pub struct ProfileError(#[source] toml::de::Error);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_profiles_are_complete() {
        let profiles = Profiles::embedded().unwrap();
        for profile in Profile::ALL {
            let rules = profiles.rules(profile);
            assert!(!rules.title.is_empty(), "{profile}");
            assert!(!rules.keys.is_empty(), "{profile}");
            assert!(
                rules.key_usage.is_disjoint(&rules.key_usage_may),
                "{profile}"
            );
            let signs = rules.key_usage.contains(&Usage::CertSign);
            assert_eq!(signs, profile.is_authority(), "{profile}");
            assert!(!rules.key_usage_may.contains(&Usage::CertSign), "{profile}");
        }
    }

    /// No certificate can satisfy two leaf profiles: each pair differs in a demand that excludes the other.
    #[test]
    fn one_key_has_one_purpose() {
        let profiles = Profiles::embedded().unwrap();
        let leaves = Profile::ALL.into_iter().filter(|p| !p.is_authority());
        for one in leaves.clone() {
            for other in leaves.clone().filter(|other| *other != one) {
                let (a, b) = (profiles.rules(one), profiles.rules(other));
                assert!(
                    excludes(a, b) || excludes(b, a) || a.identity != b.identity,
                    "{one} and {other} can be one certificate"
                );
            }
        }
    }

    fn excludes(a: &Rules, b: &Rules) -> bool {
        let usages = a
            .key_usage
            .iter()
            .any(|u| !b.key_usage.contains(u) && !b.key_usage_may.contains(u));
        let purposes = a
            .extended_key_usage
            .iter()
            .any(|p| !b.extended_key_usage.contains(p) && !b.extended_key_usage_may.contains(p));
        usages || purposes
    }

    #[test]
    fn an_unknown_field_or_a_missing_profile_is_refused() {
        assert!(Profiles::parse(&PROFILES_TOML.replacen("max_days =", "max_day =", 1)).is_err());
        assert!(Profiles::parse(&PROFILES_TOML.replace("[web]", "[wob]")).is_err());
        assert!(Profiles::parse(&PROFILES_TOML.replacen("\"p256\"", "\"p521\"", 1)).is_err());
    }
}
