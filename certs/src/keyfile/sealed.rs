//! A secret under a passphrase: one form for officers' keys and for every key file of a node.

use std::num::NonZeroU32;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, MAX_TAG_LEN, NONCE_LEN, Nonce, UnboundKey};
use ring::pbkdf2::{PBKDF2_HMAC_SHA256, derive};
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use zeroize::Zeroizing;

/// The shortest passphrase of a new file, in bytes.
pub const PASSPHRASE_BYTES: usize = 12;

/// Rounds of PBKDF2 for a new file: half a second of guessing on one core, for each guess.
const ROUNDS: u32 = 600_000;

/// The most rounds that are worked off for a file, so that a false one does not hold the machine.
const ROUNDS_LIMIT: u32 = 20_000_000;

const SALT_BYTES: usize = 16;

/// A file with a secret under a passphrase.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sealed {
    /// What anybody may know of the key. The seal covers it.
    pub key: Value,
    derivation: String,
    rounds: u32,
    salt: String,
    cipher: String,
    nonce: String,
    secret: String,
}

/// A secret can't be put under a passphrase, or taken from under it.
#[derive(Debug, thiserror::Error)]
pub enum SealedError {
    /// A passphrase that could be guessed.
    #[error("the passphrase is shorter than {PASSPHRASE_BYTES} bytes")]
    Short,
    /// Not such a file.
    #[error("this is not a key under a passphrase")]
    Form,
    /// Another passphrase, or a file that was changed.
    #[error("the passphrase does not open this key")]
    Passphrase,
    /// The system has no random numbers.
    #[error("no random numbers for a key")]
    NoRandom,
}

// === impl Sealed ===

impl Sealed {
    /// Puts a secret under a passphrase. `bound` are the bytes of `key` as the opener will give them.
    ///
    /// # Errors
    ///
    /// [`SealedError::Short`] or [`SealedError::NoRandom`].
    pub fn close(
        secret: &[u8],
        passphrase: &[u8],
        (key, bound): (Value, &[u8]),
    ) -> Result<Self, SealedError> {
        if passphrase.len() < PASSPHRASE_BYTES {
            return Err(SealedError::Short);
        }
        let (mut salt, mut nonce) = ([0; SALT_BYTES], [0; NONCE_LEN]);
        let random = SystemRandom::new();
        random
            .fill(&mut salt)
            .and_then(|()| random.fill(&mut nonce))
            .map_err(|_unspecified| SealedError::NoRandom)?;
        let sealing = sealing_key(passphrase, &salt, ROUNDS)?;
        // Room for all at once: bytes that grew would leave copies of a key behind.
        let mut sealed = Zeroizing::new(Vec::with_capacity(secret.len() + MAX_TAG_LEN));
        sealed.extend_from_slice(secret);
        sealing
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(bound),
                &mut *sealed,
            )
            .map_err(|_unspecified| SealedError::Form)?;
        Ok(Self {
            key,
            derivation: DERIVATION.to_owned(),
            rounds: ROUNDS,
            salt: STANDARD.encode(salt),
            cipher: CIPHER.to_owned(),
            nonce: STANDARD.encode(nonce),
            secret: STANDARD.encode(&*sealed),
        })
    }

    /// Reads the text of a file; nothing is opened yet.
    ///
    /// # Errors
    ///
    /// [`SealedError::Form`]
    pub fn read(text: &[u8]) -> Result<Self, SealedError> {
        let file: Self = serde_json::from_slice(text).map_err(|_error| SealedError::Form)?;
        if file.derivation != DERIVATION || file.cipher != CIPHER || file.rounds > ROUNDS_LIMIT {
            return Err(SealedError::Form);
        }
        Ok(file)
    }

    /// Takes the secret from under the passphrase. `bound` are the bytes of `key`, as when it was closed.
    ///
    /// # Errors
    ///
    /// [`SealedError::Form`] or [`SealedError::Passphrase`].
    pub fn open(&self, passphrase: &[u8], bound: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealedError> {
        let bytes = |text: &str| STANDARD.decode(text).map_err(|_error| SealedError::Form);
        let nonce = bytes(&self.nonce)?.try_into();
        let nonce: [u8; NONCE_LEN] = nonce.map_err(|_error| SealedError::Form)?;
        let sealing = sealing_key(passphrase, &bytes(&self.salt)?, self.rounds)?;
        let mut sealed = Zeroizing::new(bytes(&self.secret)?);
        let length = sealing
            .open_in_place(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(bound),
                &mut sealed,
            )
            .map_err(|_unspecified| SealedError::Passphrase)?
            .len();
        sealed.truncate(length);
        Ok(sealed)
    }

    /// The text of the file.
    pub fn text(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }
}

fn sealing_key(passphrase: &[u8], salt: &[u8], rounds: u32) -> Result<LessSafeKey, SealedError> {
    let mut bytes = Zeroizing::new([0; 32]);
    let rounds = NonZeroU32::new(rounds).ok_or(SealedError::Form)?;
    derive(PBKDF2_HMAC_SHA256, rounds, salt, passphrase, bytes.as_mut());
    let key =
        UnboundKey::new(&AES_256_GCM, bytes.as_ref()).map_err(|_unspecified| SealedError::Form)?;
    Ok(LessSafeKey::new(key))
}

const DERIVATION: &str = "pbkdf2-hmac-sha256";
const CIPHER: &str = "aes-256-gcm";
