//! An officer's key: made where it stays, kept under a passphrase, used after a review only.

use bridge_certs::sealed::{Sealed, SealedError};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::json;

use super::review::Reviewed;
use super::{CeremonyError, Proposal, put_signature, signed_of};
use crate::canonical::canonical;
use crate::metadata::{Key, Role, hex};
use crate::publisher::PublishError;

/// A key of the offline roles.
#[derive(Debug)]
pub struct Officer {
    pair: Ed25519KeyPair,
    key: Key,
}

impl Officer {
    /// Makes a key with the name that is published with it. Returns it with its file, closed by a passphrase.
    ///
    /// # Errors
    ///
    /// [`SealedError::Short`] or [`SealedError::NoRandom`].
    pub fn make(name: &str, passphrase: &[u8]) -> Result<(Self, Vec<u8>), SealedError> {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
            .map_err(|_unspecified| SealedError::NoRandom)?;
        let officer = Self::from_pkcs8(pkcs8.as_ref(), |key| key.named(name))?;
        let key = (json!(officer.key), &*bound(&officer.key)?);
        let file = Sealed::close(pkcs8.as_ref(), passphrase, key)?;
        Ok((officer, file.text().into_bytes()))
    }

    /// Opens a key file.
    ///
    /// # Errors
    ///
    /// [`SealedError::Form`] or [`SealedError::Passphrase`].
    pub fn open(file: &[u8], passphrase: &[u8]) -> Result<Self, SealedError> {
        let file = Sealed::read(file)?;
        let key = serde_json::from_value(file.key.clone()).map_err(|_error| SealedError::Form)?;
        let pkcs8 = file.open(passphrase, &bound(&key)?)?;
        let officer = Self::from_pkcs8(&pkcs8, |_| key)?;
        if officer.key.ed25519().as_ref().map(<[u8; 32]>::as_slice)
            != Some(officer.pair.public_key().as_ref())
        {
            return Err(SealedError::Form);
        }
        Ok(officer)
    }

    /// Returns the public key: what a root lists.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Signs what a review has shown, wherever this key has a part and has not signed. Returns the roles it signed: none if it has
    /// signed all of its part before.
    ///
    /// # Errors
    ///
    /// [`CeremonyError::NotAnOfficer`] if it has none.
    pub fn sign(
        &self,
        proposal: &mut Proposal,
        reviewed: &Reviewed,
    ) -> Result<Vec<Role>, CeremonyError> {
        let id = self.key.id().unwrap_or_default();
        let name = self.key.name();
        let parts: Vec<_> = reviewed
            .signatures
            .iter()
            .filter(|one| one.ids.contains(&id))
            .collect();
        if parts.is_empty() {
            return Err(CeremonyError::NotAnOfficer { name });
        }
        let mut signed = Vec::new();
        let files = [
            (Role::Root, proposal.root.as_mut()),
            (Role::Targets, Some(&mut proposal.targets)),
        ];
        for (role, file) in files {
            let mut of_role = parts.iter().filter(|one| one.role == role);
            let lacks_it = of_role.any(|one| !one.good_ids.contains(&id));
            let Some(file) = file.filter(|_| lacks_it) else {
                continue;
            };
            let bytes = canonical(&signed_of(file)).map_err(PublishError::Canonical)?;
            let sig = hex(self.pair.sign(&bytes).as_ref());
            put_signature(file, json!({ "keyid": id, "sig": sig }));
            signed.push(role);
        }
        Ok(signed)
    }

    /// Signs what is neither root nor targets: a refusal, whose form no metadata has, or a member's metadata with its role's key.
    pub(crate) fn sign_bytes(&self, bytes: &[u8]) -> Vec<u8> {
        self.pair.sign(bytes).as_ref().to_vec()
    }

    fn from_pkcs8(pkcs8: &[u8], key: impl FnOnce(Key) -> Key) -> Result<Self, SealedError> {
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8).map_err(|_rejected| SealedError::Form)?;
        let key = key(Key::from_ed25519(pair.public_key().as_ref()));
        Ok(Self { pair, key })
    }
}

/// The public half, which the seal covers: nobody can put another name or key beside the secret.
fn bound(key: &Key) -> Result<Vec<u8>, SealedError> {
    canonical(&json!(key)).map_err(|_error| SealedError::Form)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An officer whose key lies nowhere.
    pub(crate) fn officer(name: &str) -> Officer {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Officer::from_pkcs8(pkcs8.as_ref(), |key| key.named(name)).unwrap()
    }

    impl Officer {
        /// Signs anything, without a review.
        pub(crate) fn signature(&self, bytes: &[u8]) -> Vec<u8> {
            self.sign_bytes(bytes)
        }
    }

    #[test]
    fn a_key_opens_by_its_passphrase_only_and_no_byte_of_its_file_can_be_changed() {
        let (made, file) = Officer::make("first", b"correct horse battery").unwrap();
        let opened = Officer::open(&file, b"correct horse battery").unwrap();
        assert_eq!(opened.key(), made.key());
        assert_eq!(opened.key().name(), "first");
        let error = Officer::open(&file, b"correct horse batterY").unwrap_err();
        assert!(matches!(error, SealedError::Passphrase), "{error}");
        let error = Officer::make("first", b"short").unwrap_err();
        assert!(matches!(error, SealedError::Short), "{error}");
        let text = String::from_utf8(file).unwrap();
        for (from, to) in [
            ("\"first\"", "\"other\""),
            ("\"rounds\": 600000", "\"rounds\": 1000"),
            ("\"rounds\": 600000", "\"rounds\": 4000000000"),
            ("\"rounds\": 600000", "\"rounds\": 0"),
        ] {
            let changed = text.replace(from, to);
            assert_ne!(changed, text);
            assert!(Officer::open(changed.as_bytes(), b"correct horse battery").is_err());
        }
    }
}
