//! Requests for certificates: what a key asks an authority for, by profile, signed with that key.
//!
//! Standard: RFC 2986 §4.

use std::fmt;

use rcgen::string::Ia5String;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PublicKeyData, SanType};
use rustls_pki_types::PrivatePkcs8KeyDer;
use zeroize::Zeroizing;

use bridge_core::identity::CertificateName;

use crate::authority::{NewKey, usages};
use crate::certificate::key::read as read_key;
use crate::certificate::{KeyAlgorithm, ReadError};
use crate::error::CertificateError;
use crate::identity::identity;
use crate::pem::section;
use crate::profile::{HostNames, Profile, ProfileError, Profiles};
use crate::remote::RemoteKey;

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What the key is for.
    pub profile: Profile,
    /// Whom the certificate shall name, of the kind that the profile wants.
    pub name: Option<CertificateName>,
    /// Common name of the subject: for people, never judged.
    pub common_name: String,
    /// DNS names and IP addresses.
    pub sans: Vec<String>,
}

/// A private key whose certificate is asked for or held against it.
pub struct OwnKey {
    pair: Pair,
    algorithm: KeyAlgorithm,
    public_key: Vec<u8>,
}

enum Pair {
    Held(Box<KeyPair>),
    Remote(RemoteKey),
}

/// No request can be made.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The built-in profiles can't be read.
    #[error(transparent)]
    Profiles(#[from] ProfileError),
    /// Not a private key that can sign a request.
    #[error("the private key can't be used")]
    Key(#[source] rcgen::Error),
    /// Its public half is of no use to anyone.
    #[error(transparent)]
    Weak(#[from] ReadError),
    /// A good key, but not of an algorithm that the profile allows.
    #[error("a key of {found} is not allowed by profile {profile}")]
    KeyNotAllowed {
        /// The key's algorithm.
        found: KeyAlgorithm,
        /// The profile asked for.
        profile: Profile,
    },
    /// The name is not of the kind that the profile wants.
    #[error(transparent)]
    Name(Box<CertificateError>),
    /// A DNS name or an address must stand in it.
    #[error("profile {profile} needs a DNS name or an IP address")]
    NoHostName {
        /// The profile asked for.
        profile: Profile,
    },
    /// A name that can't be written, or the signature failed.
    #[error("the request can't be written")]
    Write(#[from] rcgen::Error),
}

impl fmt::Debug for OwnKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OwnKey({})", self.algorithm)
    }
}

// === impl OwnKey ===

impl OwnKey {
    /// Reads a private key, PKCS#8 in DER.
    ///
    /// # Errors
    ///
    /// [`RequestError::Key`], [`RequestError::Weak`].
    pub fn read(pkcs8: &[u8]) -> Result<Self, RequestError> {
        let pair =
            KeyPair::try_from(&PrivatePkcs8KeyDer::from(pkcs8)).map_err(RequestError::Key)?;
        let (algorithm, public_key) = read_key(&pair.subject_public_key_info())?;
        Ok(Self {
            pair: Pair::Held(Box::new(pair)),
            algorithm,
            public_key,
        })
    }

    /// Takes a key that signs where it lies.
    pub fn remote(key: RemoteKey) -> Self {
        Self {
            algorithm: key.algorithm(),
            public_key: key.public_key().to_vec(),
            pair: Pair::Remote(key),
        }
    }

    /// Makes a new private key of the kind that is usual for a profile, PKCS#8 in DER.
    ///
    /// # Errors
    ///
    /// [`RequestError::Key`].
    pub fn generate(profile: Profile) -> Result<Zeroizing<Vec<u8>>, RequestError> {
        let pair = KeyPair::generate_for(NewKey::usual(profile).algorithm());
        let pair = pair.map_err(RequestError::Key)?;
        Ok(Zeroizing::new(pair.serialize_der()))
    }

    /// The public half, as certificates carry it: an uncompressed point, 32 bytes of Ed25519, or PKCS#1 of RSA.
    pub fn public_key(&self) -> &[u8] {
        &self.public_key
    }

    /// Asks for a certificate, PKCS#10 in DER. Its signature proves that the key is there.
    ///
    /// # Errors
    ///
    /// [`RequestError`] if what is asked for does not fit the profile.
    pub fn request(&self, request: &Request) -> Result<Vec<u8>, RequestError> {
        let profile = request.profile;
        let profiles = Profiles::embedded()?;
        let rules = profiles.rules(profile);
        if !rules.keys.contains(&self.algorithm.family()) {
            let found = self.algorithm;
            return Err(RequestError::KeyNotAllowed { found, profile });
        }
        let uris: Vec<_> = request.name.iter().map(ToString::to_string).collect();
        identity(&uris, rules.identity, profile)
            .map_err(|error| RequestError::Name(Box::new(error)))?;
        if rules.names == HostNames::Required && request.sans.is_empty() {
            return Err(RequestError::NoHostName { profile });
        }
        let mut params = CertificateParams::new(request.sans.clone())?;
        for uri in uris {
            let uri = SanType::URI(Ia5String::try_from(uri)?);
            params.subject_alt_names.push(uri);
        }
        params.distinguished_name = DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::CommonName, &request.common_name);
        usages::apply(&mut params, rules);
        // That is the authority's to say.
        params.use_authority_key_identifier_extension = false;
        let request = match &self.pair {
            Pair::Held(pair) => params.serialize_request(&**pair)?,
            Pair::Remote(key) => params.serialize_request(key)?,
        };
        Ok(request.der().to_vec())
    }
}

/// Writes a request as PEM.
pub fn request_pem(der: &[u8]) -> String {
    section("CERTIFICATE REQUEST", der).to_string()
}

#[cfg(test)]
mod tests;
