//! Certificates of a bridge: what they must say, whether they are trusted, and where keys lie.
//!
//! The nouns:
//!
//! - a [`Profile`] is what a key is for; `profiles.toml` holds the rules of each, and one key has one;
//! - [`Trust`] is a set of authorities that judges a certificate for one profile at one time;
//! - an [`Authority`] issues certificates by the same profiles, for development and small instances;
//! - a [`Request`] is what a key asks an authority for;
//! - a [`Stamp`] is an authority's word on when something was there;
//! - an [`Issuer`](status::Issuer) says by [lists](status::RevocationList) and [answers](status::Answer) what it has revoked;
//! - a key file is read only if nobody else can read it ([`read_key_file`]), and may lie under a passphrase ([`sealed`]),
//!   or say where else the key lies: a [`RemoteKey`] signs there.
//!
//! This crate is **not** a TLS stack: it hands out trust anchors, and the node builds its verifiers around
//! [`Trust::check`]. It takes time as an argument and fetches nothing; [`Trust::check`] does
//! not look at revocation.
//!
//! ```
//! use bridge_certs::{Authority, Order, Profile, Trust};
//! use bridge_core::identity::{CertificateName, MemberId};
//!
//! let folder = tempfile::tempdir()?;
//! let now = 1_800_000_000;
//! let authority = Authority::create(&folder.path().join("authority"), "Example", now)?;
//! let node = MemberId::new("AZ", "GOV", "1001")?.node("NODE1")?;
//! let issued = authority.issue(&Order {
//!     profile: Profile::Tls,
//!     name: Some(CertificateName::Node(node.clone())),
//!     common_name: "First node of agency 1001".to_owned(),
//!     sans: Vec::new(),
//!     not_before: now,
//!     not_after: now + 30 * 86_400,
//! })?;
//!
//! let trust = Trust::from_pem(authority.root_pem().as_bytes())?;
//! let issuers = [authority.issuing_der().to_vec()];
//! let checked = trust.check(&issued.certificate_der, &issuers, Profile::Tls, now)?;
//! assert_eq!(checked.name, Some(CertificateName::Node(node)));
//! assert!(trust.check(&issued.certificate_der, &issuers, Profile::Exchange, now).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod asn1;
pub mod authority;
pub mod certificate;
pub mod cms;
pub mod error;
mod extensions;
mod foreign;
#[cfg(test)]
mod forge;
mod identity;
pub mod keyfile;
pub mod moment;
pub mod pem;
pub mod profile;
mod remote;
pub mod request;
pub mod stamp;
pub mod status;
pub mod trust;

pub use authority::{Authority, AuthorityError, Issued, NewKey, Order};
pub use certificate::{KeyAlgorithm, ReadError, public_key_of, spki_sha256_of};
pub use error::{CertificateError, TrustError};
pub use keyfile::sealed;
pub use keyfile::{
    KeyFileError, KeyText, change_passphrase, is_encrypted, key_elsewhere, open_key_file,
    open_key_text, open_secret_file, read_key_file, read_password_file, read_secret_file,
    write_key_elsewhere, write_key_file, write_key_file_under, write_secret_file,
    write_secret_file_under,
};
pub use moment::Moment;
pub use pem::{PemError, certificate_pem, certificates, read_pem_certificates};
pub use profile::{IdentityKind, Profile, Profiles};
pub use remote::RemoteKey;
pub use request::{OwnKey, Request, RequestError, request_pem};
pub use stamp::{Stamp, StampError};
pub use trust::{Checked, Issuance, Trust};
