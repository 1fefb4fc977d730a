//! What lies beside a leaf: the record's secret, what it commits to, and what it encrypts.
//!
//! Nothing here says when a secret is destroyed; see `keys.rs` for where secrets stand.

use std::sync::LazyLock;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::digest::{Context, SHA256};
use ring::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use ring::rand::SecureRandom;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::cursor::Cursor;
use crate::tree::{Hash, sha256, to_hash};

/// The bytes AES-256-GCM adds.
pub(crate) const TAG_BYTES: usize = 16;

/// The signed message of a record: what proves that somebody said it.
#[derive(Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The signature base, exactly the bytes that were signed.
    pub base: Vec<u8>,
    /// The signature over the base.
    pub signature: Vec<u8>,
    /// The body; empty in mode `digest`, where only its digest in the base is kept.
    pub body: Vec<u8>,
}

/// Evidence about to be sealed, still where it came from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plain<'a> {
    pub(crate) base: &'a [u8],
    pub(crate) signature: &'a [u8],
    pub(crate) body: &'a [u8],
}

/// The 32 random bytes from which all keys and salts of one record come.
pub(crate) struct RecordSecret {
    bytes: Zeroizing<[u8; 32]>,
    prk: Prk,
}

/// Where a record stands: what its ciphertext is bound to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) origin: &'a str,
    pub(crate) index: u64,
}

/// Why sealed bytes can't be opened or made.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum SealError {
    /// The ciphertext, its place or its key was changed.
    #[error("the ciphertext does not belong to this place and key")]
    Open,
    /// The plaintext isn't evidence.
    #[error("the decrypted bytes are not evidence")]
    Form,
    /// The system gave no random bytes, or the cipher refused.
    #[error("no random bytes, or nothing to encrypt with")]
    Seal,
}

const EVIDENCE_LABEL: &[u8] = b"bridge-evidence-v1";
const SUBJECT_LABEL: &[u8] = b"bridge-subject-v1";

impl RecordSecret {
    /// Draws a new secret.
    pub(crate) fn draw(random: &dyn SecureRandom) -> Result<Self, SealError> {
        let mut bytes = Zeroizing::new([0; 32]);
        random
            .fill(bytes.as_mut())
            .map_err(|_unspecified| SealError::Seal)?;
        Ok(Self::new(bytes))
    }

    /// Takes a secret that was drawn before.
    pub(crate) fn new(bytes: Zeroizing<[u8; 32]>) -> Self {
        static NO_SALT: LazyLock<Salt> = LazyLock::new(|| Salt::new(HKDF_SHA256, &[]));
        let prk = NO_SALT.extract(bytes.as_ref());
        Self { bytes, prk }
    }

    /// Returns the bytes, to be wrapped.
    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    /// Commits to evidence.
    pub(crate) fn evidence_commitment(&self, plain: &Plain<'_>) -> Result<Hash, SealError> {
        let salt = self.derive(&[b"bridge-evidence-salt-v1"])?;
        let mut context = Context::new(&SHA256);
        context.update(EVIDENCE_LABEL);
        context.update(&[0]);
        context.update(salt.as_ref());
        plain.each_part(|part| context.update(part))?;
        Ok(to_hash(&context.finish()))
    }

    /// Commits to the subject at `position` in the leaf's list.
    pub(crate) fn subject_commitment(
        &self,
        position: usize,
        (kind, value): (&str, &str),
    ) -> Result<Hash, SealError> {
        let number = position.to_string();
        let salt = self.derive(&[b"bridge-subject-salt-v1/", number.as_bytes()])?;
        let subject = [kind.as_bytes(), b":", value.as_bytes()];
        let [kind, colon, value] = subject;
        Ok(sha256(&[
            SUBJECT_LABEL,
            &[0],
            salt.as_ref(),
            kind,
            colon,
            value,
        ]))
    }

    /// Seals evidence onto the end of `out`.
    pub(crate) fn seal(
        &self,
        plain: &Plain<'_>,
        place: Place<'_>,
        leaf_hash: &Hash,
        out: &mut Vec<u8>,
    ) -> Result<(), SealError> {
        let key = aead_key(&*self.derive(&[b"bridge-evidence-key-v1"])?)?;
        let start = out.len();
        plain.each_part(|part| out.extend_from_slice(part))?;
        let text = out.get_mut(start..).ok_or(SealError::Seal)?;
        // The key is used for this one ciphertext, so the nonce may be constant.
        let nonce = Nonce::assume_unique_for_key([0; NONCE_LEN]);
        let tag = key
            .seal_in_place_separate_tag(nonce, Aad::from(place.bound_to(leaf_hash)), text)
            .map_err(|_unspecified| SealError::Seal)?;
        out.extend_from_slice(tag.as_ref());
        Ok(())
    }

    /// Opens sealed evidence and checks it against the leaf's commitment.
    pub(crate) fn open(
        &self,
        sealed: &[u8],
        place: Place<'_>,
        leaf_hash: &Hash,
        commitment: &Hash,
    ) -> Result<Evidence, SealError> {
        let key = aead_key(&*self.derive(&[b"bridge-evidence-key-v1"])?)?;
        let mut text = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key([0; NONCE_LEN]);
        let plain = key
            .open_in_place(nonce, Aad::from(place.bound_to(leaf_hash)), &mut text)
            .map_err(|_unspecified| SealError::Open)?;
        let evidence = Plain::parse(plain).ok_or(SealError::Form)?;
        if self.evidence_commitment(&evidence)? != *commitment {
            return Err(SealError::Form);
        }
        Ok(evidence.to_owned())
    }

    fn derive(&self, info: &[&[u8]]) -> Result<Zeroizing<[u8; 32]>, SealError> {
        let mut out = Zeroizing::new([0; 32]);
        self.prk
            .expand(info, ThirtyTwo)
            .and_then(|okm| okm.fill(out.as_mut()))
            .map_err(|_unspecified| SealError::Seal)?;
        Ok(out)
    }
}

impl<'a> Plain<'a> {
    /// Returns how many bytes the sealed form takes.
    pub(crate) fn sealed_bytes(&self) -> usize {
        let lengths = 3 * 4 + self.base.len() + self.signature.len() + self.body.len();
        EVIDENCE_LABEL.len() + 1 + lengths + TAG_BYTES
    }

    /// Hands over the plaintext piece by piece, so that a body is copied once at most.
    fn each_part(&self, mut take: impl FnMut(&[u8])) -> Result<(), SealError> {
        take(EVIDENCE_LABEL);
        take(b"\n");
        for part in [self.base, self.signature, self.body] {
            let length = u32::try_from(part.len()).map_err(|_too_long| SealError::Seal)?;
            take(&length.to_be_bytes());
            take(part);
        }
        Ok(())
    }

    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(EVIDENCE_LABEL)?.strip_prefix(b"\n")?;
        let mut cursor = Cursor::new(rest);
        let plain = Self {
            base: cursor.long()?,
            signature: cursor.long()?,
            body: cursor.long()?,
        };
        cursor.is_empty().then_some(plain)
    }

    fn to_owned(self) -> Evidence {
        Evidence {
            base: self.base.to_vec(),
            signature: self.signature.to_vec(),
            body: self.body.to_vec(),
        }
    }
}

impl Place<'_> {
    /// Writes `origin ‖ 0x0A ‖ index`, which every ciphertext of a record is bound to.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.origin.as_bytes());
        out.push(b'\n');
        out.extend_from_slice(&self.index.to_be_bytes());
    }

    fn bound_to(&self, leaf_hash: &Hash) -> Vec<u8> {
        let mut aad = Vec::with_capacity(self.origin.len() + 41);
        self.write(&mut aad);
        aad.extend_from_slice(leaf_hash);
        aad
    }
}

/// Makes an AES-256-GCM key of 32 bytes.
pub(crate) fn aead_key(bytes: &[u8; 32]) -> Result<LessSafeKey, SealError> {
    let key = UnboundKey::new(&AES_256_GCM, bytes).map_err(|_unspecified| SealError::Seal)?;
    Ok(LessSafeKey::new(key))
}

/// The length of everything derived from a record secret.
struct ThirtyTwo;

impl KeyType for ThirtyTwo {
    fn len(&self) -> usize {
        32
    }
}

impl std::fmt::Debug for Evidence {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Evidence")
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for RecordSecret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("RecordSecret([redacted])")
    }
}

#[cfg(test)]
mod tests;
