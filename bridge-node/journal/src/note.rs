//! Checkpoints as signed notes, and the keys that make and check them.
//!
//! Standard: C2SP signed-note. Standard: C2SP tlog-checkpoint.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use thiserror::Error;

use crate::tree::{Hash, sha256};

/// The key that signs checkpoints, under the name of its origin.
#[derive(Debug)]
pub(crate) struct NoteKey {
    pair: Ed25519KeyPair,
    verifier: Verifier,
}

/// What checks a checkpoint: the origin and the public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verifier {
    origin: String,
    public: [u8; 32],
    id: [u8; 4],
}

/// A statement about the tree: this many leaves, this root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    pub(crate) size: u64,
    pub(crate) root: Hash,
}

/// Why a key, a name or a note can't be used.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum NoteError {
    /// The checkpoint key isn't a PKCS#8 Ed25519 key.
    #[error("the checkpoint key is not an Ed25519 key in PKCS#8 form")]
    Key,
    /// The origin can't be the name of a key.
    #[error(
        "the origin {0:?} is empty, longer than {ORIGIN_LIMIT} bytes, or not plain ASCII without space and plus"
    )]
    Origin(String),
    /// The note isn't written as a checkpoint.
    #[error("the note is not a checkpoint")]
    Form,
    /// The note is of another log.
    #[error("the note is of the log {0:?}")]
    OtherOrigin(String),
    /// No signature line of ours verifies.
    #[error("the note has no valid signature of this log's key")]
    Signature,
}

/// The longest origin: it has to fit a segment's header with room to spare.
pub(crate) const ORIGIN_LIMIT: usize = 2048;

/// A longer file is no checkpoint: origin, number, root and some cosignatures.
const NOTE_LIMIT: usize = 64 * 1024;

/// The signature type of Ed25519 in signed notes.
const ED25519_TYPE: u8 = 1;

impl NoteKey {
    /// Reads a key in PKCS#8 form and names it by the origin.
    ///
    /// # Errors
    ///
    /// [`NoteError::Key`] if it isn't an Ed25519 key, [`NoteError::Origin`] if no key can bear the name.
    pub(crate) fn new(origin: &str, pkcs8: &[u8]) -> Result<Self, NoteError> {
        let visible = origin
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'+');
        if origin.is_empty() || origin.len() > ORIGIN_LIMIT || !visible {
            return Err(NoteError::Origin(origin.to_owned()));
        }
        // A key without the public half inside is as good: ring derives it.
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8)
            .map_err(|_rejected| NoteError::Key)?;
        let public: [u8; 32] = pair
            .public_key()
            .as_ref()
            .try_into()
            .map_err(|_length| NoteError::Key)?;
        let id = key_id(origin, &public);
        let verifier = Verifier {
            origin: origin.to_owned(),
            public,
            id,
        };
        Ok(Self { pair, verifier })
    }

    /// Writes and signs the note of a checkpoint.
    pub(crate) fn sign(&self, checkpoint: &Checkpoint) -> String {
        let text = checkpoint.text(&self.verifier.origin);
        let mut signature = self.verifier.id.to_vec();
        signature.extend_from_slice(self.pair.sign(text.as_bytes()).as_ref());
        format!(
            "{text}\n\u{2014} {} {}\n",
            self.verifier.origin,
            STANDARD.encode(signature)
        )
    }

    /// Returns what checks this key's notes.
    pub(crate) fn verifier(&self) -> &Verifier {
        &self.verifier
    }
}

impl Verifier {
    /// Returns the origin, which is the key's name too.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// Writes the verifier key: `origin+id+base64(type and public key)`.
    pub(crate) fn vkey(&self) -> String {
        let mut key = vec![ED25519_TYPE];
        key.extend_from_slice(&self.public);
        let id = u32::from_be_bytes(self.id);
        format!("{}+{id:08x}+{}", self.origin, STANDARD.encode(key))
    }

    /// Reads a note and checks our signature on it.
    ///
    /// Further signatures, of witnesses, are not looked at.
    ///
    /// # Errors
    ///
    /// [`NoteError::Form`], [`NoteError::OtherOrigin`] or [`NoteError::Signature`], whichever is met first.
    pub(crate) fn open(&self, note: &[u8]) -> Result<Checkpoint, NoteError> {
        if note.len() > NOTE_LIMIT {
            return Err(NoteError::Form);
        }
        let note = std::str::from_utf8(note).map_err(|_not_text| NoteError::Form)?;
        let split = note.rfind("\n\n").ok_or(NoteError::Form)?;
        let text = note.get(..=split).ok_or(NoteError::Form)?;
        let signatures = note.get(split + 2..).ok_or(NoteError::Form)?;
        if !signatures.ends_with('\n') {
            return Err(NoteError::Form);
        }
        let checkpoint = self.parse_text(text)?;
        if signatures.lines().any(|line| self.verifies(line, text)) {
            return Ok(checkpoint);
        }
        Err(NoteError::Signature)
    }

    fn parse_text(&self, text: &str) -> Result<Checkpoint, NoteError> {
        let mut lines = text.lines();
        let (Some(origin), Some(size), Some(root), None) =
            (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(NoteError::Form);
        };
        if origin != self.origin {
            return Err(NoteError::OtherOrigin(origin.to_owned()));
        }
        let size = size.parse().map_err(|_not_number| NoteError::Form)?;
        let root = STANDARD
            .decode(root)
            .map_err(|_not_base64| NoteError::Form)?;
        let root = root.try_into().map_err(|_length| NoteError::Form)?;
        let checkpoint = Checkpoint { size, root };
        // Leading zeros, other line ends: whatever we wouldn't write is not ours.
        if checkpoint.text(origin) == text {
            Ok(checkpoint)
        } else {
            Err(NoteError::Form)
        }
    }

    fn verifies(&self, line: &str, text: &str) -> bool {
        let signature = line
            .strip_prefix("\u{2014} ")
            .and_then(|rest| rest.strip_prefix(self.origin.as_str()))
            .and_then(|rest| rest.strip_prefix(' '))
            .and_then(|encoded| STANDARD.decode(encoded).ok());
        let Some((id, signature)) = signature.as_deref().and_then(|all| all.split_at_checked(4))
        else {
            return false;
        };
        let key = UnparsedPublicKey::new(&ED25519, self.public);
        id == self.id && key.verify(text.as_bytes(), signature).is_ok()
    }
}

impl Checkpoint {
    fn text(&self, origin: &str) -> String {
        format!("{origin}\n{}\n{}\n", self.size, STANDARD.encode(self.root))
    }
}

/// Returns the verifier key of an origin whose checkpoints are signed with this Ed25519 key, given as
/// PKCS#8: what a directory lists.
///
/// # Errors
///
/// [`NoteError`] if the key or the origin cannot be used.
///
/// Standard: C2SP signed-note.
pub fn vkey(origin: &str, pkcs8: &[u8]) -> Result<String, NoteError> {
    NoteKey::new(origin, pkcs8).map(|key| key.verifier().vkey())
}

/// Returns the first four bytes of the hash that names a key in signature lines.
fn key_id(origin: &str, public: &[u8; 32]) -> [u8; 4] {
    let hash = sha256(&[origin.as_bytes(), b"\n", &[ED25519_TYPE], public]);
    let [a, b, c, d, ..] = hash;
    [a, b, c, d]
}

#[cfg(test)]
mod tests;
