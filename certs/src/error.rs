//! Why a certificate or a set of trust anchors is refused.

use std::fmt;

use bridge_core::identity::{CertificateName, IdentityError};

use crate::certificate::{KeyAlgorithm, ReadError};
use crate::moment::Moment;
use crate::pem::PemError;
use crate::profile::{IdentityKind, Profile, ProfileError, Purpose, Usage};
use crate::trust::{ANCHORS_LIMIT, INTERMEDIATES_LIMIT};

/// A set of trust anchors can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The table of foreign authorities can't be used.
    #[error("the table of foreign authorities: {what}")]
    Foreign {
        /// What is wrong with it.
        what: String,
    },
    /// The built-in profiles can't be read.
    #[error(transparent)]
    Profiles(#[from] ProfileError),
    /// The text is not PEM.
    #[error("the trust anchors can't be read")]
    Pem(#[source] PemError),
    /// There is no certificate in the text.
    #[error("there is no certificate among the trust anchors")]
    NoAnchor,
    /// More anchors than [`ANCHORS_LIMIT`].
    #[error("{count} trust anchors; at most {ANCHORS_LIMIT} are taken")]
    TooManyAnchors {
        /// How many there are.
        count: usize,
    },
    /// One is malformed or has a key that no profile allows.
    #[error("a trust anchor can't be used")]
    Unreadable(#[source] ReadError),
    /// One says of itself that it signs no certificates.
    #[error(
        "{subject} is no authority: it lacks CA in basic constraints or cert sign in key usage"
    )]
    NotAnAuthority {
        /// Its subject.
        subject: String,
    },
    /// Two certificates of one authority with one key, as after a renewal: which one's dates count would be chance.
    #[error(
        "two trust anchors are of {subject} with the same key (SHA-256 {} and {}): keep the newer one alone",
        sha256[0], sha256[1]
    )]
    TwoOfOneAuthority {
        /// Their subject.
        subject: String,
        /// SHA-256 of each, in hexadecimal digits, as they stand in the file.
        sha256: [String; 2],
    },
    /// Path validation can't use one.
    #[error("{subject} can't be a trust anchor")]
    Anchor {
        /// Its subject.
        subject: String,
        /// What path validation says.
        #[source]
        source: webpki::Error,
    },
}

/// A certificate is refused.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// It is malformed, or its key is weak or unknown.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// One of its issuers is malformed, or has a weak or unknown key.
    #[error("an issuer of the certificate can't be used")]
    Issuer(#[source] ReadError),
    /// It brings more issuers along than [`INTERMEDIATES_LIMIT`].
    #[error("{count} issuers sent along; at most {INTERMEDIATES_LIMIT} are looked at")]
    TooManyIssuers {
        /// How many.
        count: usize,
    },
    /// No chain to a trusted authority.
    #[error("issued by an unknown authority: {issuer}")]
    UnknownIssuer {
        /// The issuer that the certificate names.
        issuer: String,
    },
    /// An issuer of that name exists, but its key did not sign this.
    #[error("the signature on the certificate or on one of its issuers is wrong (issuer {issuer})")]
    BadSignature {
        /// The issuer that the certificate names.
        issuer: String,
    },
    /// It or one of its issuers is signed with an algorithm that is weak or unknown, or not of the issuer's key.
    #[error(
        "signed with an algorithm that is not taken, or not with the issuer's key (issuer {issuer})"
    )]
    Algorithm {
        /// The issuer that the certificate names.
        issuer: String,
    },
    /// It or one of its issuers is past its end.
    #[error("expired: the certificate or its issuer was valid until {not_after}, it is {now}")]
    Expired {
        /// Its last second.
        not_after: Moment,
        /// The time of the check.
        now: Moment,
    },
    /// It or one of its issuers is before its start.
    #[error("not yet valid: the certificate or its issuer is valid from {not_before}, it is {now}")]
    NotYetValid {
        /// Its first second.
        not_before: Moment,
        /// The time of the check.
        now: Moment,
    },
    /// The trusted authority itself is out of its dates.
    #[error("the authority {subject} is valid from {not_before} to {not_after}, it is {now}")]
    AnchorOutOfDate {
        /// Its subject.
        subject: String,
        /// Its first second.
        not_before: Moment,
        /// Its last second.
        not_after: Moment,
        /// The time of the check.
        now: Moment,
    },
    /// An authority's certificate where a leaf is wanted.
    #[error("an authority's certificate can't be used for anything but issuing")]
    AuthorityAsLeaf,
    /// An issuer that is no authority.
    #[error("the certificate was issued with a key that is no authority's")]
    LeafAsAuthority,
    /// An issuer whose key usage lacks the signing of certificates.
    #[error("the issuer {subject} lacks cert sign in its key usage")]
    IssuerMayNotSign {
        /// Its subject.
        subject: String,
    },
    /// An issuer whose basic constraints are not marked critical.
    #[error("the basic constraints of the issuer {subject} are not marked critical")]
    IssuerNotCritical {
        /// Its subject.
        subject: String,
    },
    /// An issuer that names purposes, and not one of the certificate's.
    #[error("the issuer {subject} may not sign for {purpose:?}")]
    IssuerPurposes {
        /// Its subject.
        subject: String,
        /// The purpose.
        purpose: Purpose,
    },
    /// A certificate that calls its issuer's key otherwise than the issuer does.
    #[error("the identifier of the issuer's key is not the issuer's")]
    OtherIssuerKey,
    /// More steps than an issuer allows.
    #[error("the chain is longer than one of its authorities allows")]
    ChainTooLong,
    /// Any other fault of the chain.
    #[error("the chain of the certificate can't be validated")]
    Chain(#[source] webpki::Error),
    /// Asked to check for a profile that only authorities have.
    #[error("profile {profile} is an authority's and can't be asked of a leaf")]
    AuthorityProfile {
        /// The profile.
        profile: Profile,
    },
    /// A good key, but not of an algorithm that the profile allows.
    #[error("a key of {found} is not allowed by profile {profile}")]
    KeyNotAllowed {
        /// The key's algorithm.
        found: KeyAlgorithm,
        /// The profile asked for.
        profile: Profile,
    },
    /// The key usage is not the profile's.
    #[error(
        "key usage does not fit profile {profile}: {}",
        Difference(missing, extra)
    )]
    KeyUsage {
        /// The profile asked for.
        profile: Profile,
        /// A bit that must be set and is not.
        missing: Option<Usage>,
        /// A bit that is set and may not be.
        extra: Option<Usage>,
    },
    /// The extended key usage is not the profile's.
    #[error(
        "extended key usage does not fit profile {profile}: {}",
        Difference(missing, extra)
    )]
    ExtendedKeyUsage {
        /// The profile asked for.
        profile: Profile,
        /// A purpose that must stand and does not.
        missing: Option<Purpose>,
        /// A purpose that stands and may not.
        extra: Option<Purpose>,
    },
    /// The extended key usage is the profile's, and not marked critical.
    #[error("extended key usage must be marked critical for profile {profile}")]
    ExtendedKeyUsageNotCritical {
        /// The profile asked for.
        profile: Profile,
    },
    /// No DNS name or address where one must stand.
    #[error("profile {profile} needs a DNS name or an IP address, and there is none")]
    NoHostName {
        /// The profile asked for.
        profile: Profile,
    },
    /// No URI name where the identity must stand.
    #[error(
        "the certificate carries no identity; profile {profile} wants {wanted} as its only URI name"
    )]
    NoIdentity {
        /// The profile asked for.
        profile: Profile,
        /// What it wants.
        wanted: IdentityKind,
    },
    /// More than one URI name.
    #[error("the certificate carries {count} URI names; exactly one may stand")]
    SeveralIdentities {
        /// How many.
        count: usize,
    },
    /// The URI name is not an identity of this bus, or not in its canonical spelling.
    #[error("the URI name {text:?} is not an identity in its canonical spelling")]
    NotAnIdentity {
        /// The name.
        text: String,
        /// What is wrong with it.
        #[source]
        source: IdentityError,
    },
    /// A good identity of the wrong kind.
    #[error("the certificate names {found}; profile {profile} wants {wanted}")]
    WrongIdentity {
        /// The identity in the certificate.
        found: CertificateName,
        /// The profile asked for.
        profile: Profile,
        /// What it wants.
        wanted: IdentityKind,
    },
}

/// Prints what lacks and what is too much.
struct Difference<'a, T>(&'a Option<T>, &'a Option<T>);

impl<T: fmt::Debug> fmt::Display for Difference<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0, self.1) {
            (Some(missing), Some(extra)) => write!(f, "{missing:?} lacks, {extra:?} is too much"),
            (Some(missing), None) => write!(f, "{missing:?} lacks"),
            (None, Some(extra)) => write!(f, "{extra:?} is too much"),
            (None, None) => f.write_str("no difference"),
        }
    }
}
