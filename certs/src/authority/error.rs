//! Why an authority can't be made or opened, or refuses an order.

use std::io;
use std::path::PathBuf;

use crate::error::{CertificateError, TrustError};
use crate::keyfile::KeyFileError;
use crate::moment::Moment;
use crate::pem::PemError;
use crate::profile::{Profile, ProfileError};

/// An authority can't be made or opened, or refuses an order.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// A file or folder can't be made or read.
    #[error("{path} can't be made or read")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A key file can't be used or made.
    #[error("a key of the authority can't be used")]
    Key(#[from] KeyFileError),
    /// A certificate file can't be read.
    #[error("a certificate of the authority can't be read")]
    Pem(#[from] PemError),
    /// The root or issuing certificate is no authority's, or its key is weak.
    #[error("the authority's own certificate can't be used")]
    Own(#[from] TrustError),
    /// The built-in profiles can't be read.
    #[error(transparent)]
    Profiles(#[from] ProfileError),
    /// The system has no random numbers.
    #[error("no random numbers for a serial number")]
    NoRandom,
    /// The certificate can't be built.
    #[error("the certificate can't be made")]
    Make(#[from] rcgen::Error),
    /// An authority's profile in an order.
    #[error("profile {profile} can't be ordered")]
    NotIssued {
        /// The profile.
        profile: Profile,
    },
    /// The name in the order is not what the profile wants.
    #[error("the order's name does not fit its profile")]
    Name(#[source] Box<CertificateError>),
    /// No DNS name or IP address, and the profile wants one.
    #[error("profile {profile} needs a DNS name or an IP address")]
    NoHostName {
        /// The profile.
        profile: Profile,
    },
    /// The end lies before the start, or a date can't be written.
    #[error("from {not_before} to {not_after} is no span of time")]
    NoSpan {
        /// First second ordered.
        not_before: Moment,
        /// Last second ordered.
        not_after: Moment,
    },
    /// Longer than the profile allows.
    #[error("{days} days are more than the {most} of profile {profile}")]
    TooLong {
        /// The profile.
        profile: Profile,
        /// Days ordered, begun ones counted.
        days: u64,
        /// Days allowed.
        most: u32,
    },
    /// Not within the life of the issuing authority.
    #[error("the issuing authority itself is valid from {from} to {to} only")]
    Outlives {
        /// Its first second.
        from: Moment,
        /// Its last second.
        to: Moment,
    },
}
