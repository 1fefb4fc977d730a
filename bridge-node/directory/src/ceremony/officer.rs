//! An officer's key: made where it stays, kept under a passphrase, used after a review only.

use std::num::NonZeroU32;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::pbkdf2::{PBKDF2_HMAC_SHA256, derive};
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::review::Reviewed;
use super::{CeremonyError, Proposal, put_signature, signed_of};
use crate::canonical::canonical;
use crate::metadata::{Key, Role, hex};
use crate::publisher::PublishError;

/// The shortest passphrase, in bytes.
pub const PASSPHRASE_BYTES: usize = 12;

/// Rounds of PBKDF2 for a new key: half a second of guessing on one core, for each guess.
const ROUNDS: u32 = 600_000;

/// The most rounds that are worked off for a key file, so that a false one does not hold the machine.
const ROUNDS_LIMIT: u32 = 20_000_000;

const SALT_BYTES: usize = 16;

/// A key of the offline roles.
#[derive(Debug)]
pub struct Officer {
    pair: Ed25519KeyPair,
    key: Key,
}

/// A key file as it lies on the officer's medium.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed {
    key: Key,
    derivation: String,
    rounds: u32,
    salt: String,
    cipher: String,
    nonce: String,
    secret: String,
}

/// An officer's key can't be made or opened.
#[derive(Debug, thiserror::Error)]
pub enum OfficerError {
    /// A passphrase that could be guessed.
    #[error("the passphrase is shorter than {PASSPHRASE_BYTES} bytes")]
    Short,
    /// Not an officer's key file.
    #[error("this is not an officer's key file")]
    Form,
    /// Another passphrase, or a file that was changed.
    #[error("the passphrase does not open this key")]
    Passphrase,
    /// The system has no random numbers.
    #[error("no random numbers for a key")]
    NoRandom,
}

impl Officer {
    /// Makes a key with the name that is published with it. Returns it with its file, closed by a passphrase.
    ///
    /// # Errors
    ///
    /// [`OfficerError::Short`] or [`OfficerError::NoRandom`].
    pub fn make(name: &str, passphrase: &[u8]) -> Result<(Self, Vec<u8>), OfficerError> {
        if passphrase.len() < PASSPHRASE_BYTES {
            return Err(OfficerError::Short);
        }
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
            .map_err(|_unspecified| OfficerError::NoRandom)?;
        let officer = Self::from_pkcs8(pkcs8.as_ref(), |key| key.named(name))?;
        let file = officer.seal(pkcs8.as_ref(), passphrase)?;
        Ok((officer, file))
    }

    fn seal(&self, pkcs8: &[u8], passphrase: &[u8]) -> Result<Vec<u8>, OfficerError> {
        let (mut salt, mut nonce) = ([0; SALT_BYTES], [0; NONCE_LEN]);
        let random = SystemRandom::new();
        random
            .fill(&mut salt)
            .and_then(|()| random.fill(&mut nonce))
            .map_err(|_unspecified| OfficerError::NoRandom)?;
        let sealing = sealing_key(passphrase, &salt, ROUNDS)?;
        let mut sealed = pkcs8.to_vec();
        sealing
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                self.bound(),
                &mut sealed,
            )
            .map_err(|_unspecified| OfficerError::Form)?;
        let file = Sealed {
            key: self.key.clone(),
            derivation: DERIVATION.to_owned(),
            rounds: ROUNDS,
            salt: STANDARD.encode(salt),
            cipher: CIPHER.to_owned(),
            nonce: STANDARD.encode(nonce),
            secret: STANDARD.encode(sealed),
        };
        Ok(format!("{:#}\n", json!(file)).into_bytes())
    }

    /// Opens a key file.
    ///
    /// # Errors
    ///
    /// [`OfficerError::Form`] or [`OfficerError::Passphrase`].
    pub fn open(file: &[u8], passphrase: &[u8]) -> Result<Self, OfficerError> {
        let form = || OfficerError::Form;
        let file: Sealed = serde_json::from_slice(file).map_err(|_error| form())?;
        if file.derivation != DERIVATION || file.cipher != CIPHER || file.rounds > ROUNDS_LIMIT {
            return Err(OfficerError::Form);
        }
        let bytes = |text: &str| STANDARD.decode(text).map_err(|_error| form());
        let nonce: [u8; NONCE_LEN] = bytes(&file.nonce)?.try_into().map_err(|_error| form())?;
        let sealing = sealing_key(passphrase, &bytes(&file.salt)?, file.rounds)?;
        let mut sealed = zeroize::Zeroizing::new(bytes(&file.secret)?);
        let bound = Aad::from(canonical(&json!(file.key)).map_err(|_error| form())?);
        let pkcs8 = sealing
            .open_in_place(Nonce::assume_unique_for_key(nonce), bound, &mut sealed)
            .map_err(|_unspecified| OfficerError::Passphrase)?;
        let officer = Self::from_pkcs8(pkcs8, |_| file.key.clone())?;
        if officer.key.ed25519().as_ref().map(<[u8; 32]>::as_slice)
            != Some(officer.pair.public_key().as_ref())
        {
            return Err(OfficerError::Form);
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

    fn from_pkcs8(pkcs8: &[u8], key: impl FnOnce(Key) -> Key) -> Result<Self, OfficerError> {
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8).map_err(|_rejected| OfficerError::Form)?;
        let key = key(Key::from_ed25519(pair.public_key().as_ref()));
        Ok(Self { pair, key })
    }

    /// The public half, which the seal covers: nobody can put another name or key beside the secret.
    fn bound(&self) -> Aad<Vec<u8>> {
        Aad::from(canonical(&json!(self.key)).unwrap_or_default())
    }
}

fn sealing_key(passphrase: &[u8], salt: &[u8], rounds: u32) -> Result<LessSafeKey, OfficerError> {
    let mut bytes = zeroize::Zeroizing::new([0; 32]);
    let rounds = NonZeroU32::new(rounds).ok_or(OfficerError::Form)?;
    derive(PBKDF2_HMAC_SHA256, rounds, salt, passphrase, bytes.as_mut());
    let key =
        UnboundKey::new(&AES_256_GCM, bytes.as_ref()).map_err(|_unspecified| OfficerError::Form)?;
    Ok(LessSafeKey::new(key))
}

const DERIVATION: &str = "pbkdf2-hmac-sha256";
const CIPHER: &str = "aes-256-gcm";

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An officer whose key lies nowhere.
    pub(crate) fn officer(name: &str) -> Officer {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Officer::from_pkcs8(pkcs8.as_ref(), |key| key.named(name)).unwrap()
    }

    impl Officer {
        /// Signs anything, without a review.
        pub(crate) fn signature(&self, bytes: &[u8]) -> Vec<u8> {
            self.pair.sign(bytes).as_ref().to_vec()
        }
    }

    #[test]
    fn a_key_opens_by_its_passphrase_only_and_no_byte_of_its_file_can_be_changed() {
        let (made, file) = Officer::make("first", b"correct horse battery").unwrap();
        let opened = Officer::open(&file, b"correct horse battery").unwrap();
        assert_eq!(opened.key(), made.key());
        assert_eq!(opened.key().name(), "first");
        let error = Officer::open(&file, b"correct horse batterY").unwrap_err();
        assert!(matches!(error, OfficerError::Passphrase), "{error}");
        let error = Officer::make("first", b"short").unwrap_err();
        assert!(matches!(error, OfficerError::Short), "{error}");
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
