//! Checkpoints as signed notes, and the keys that make and check them.
//!
//! Standard: C2SP signed-note. Standard: C2SP tlog-checkpoint.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use thiserror::Error;

use crate::tree::{Hash, sha256};

/// The key that signs checkpoints, under the name of its origin.
#[derive(Debug)]
pub(crate) struct NoteKey {
    pair: Ed25519KeyPair,
    verifier: Verifier,
}

/// What checks a log's checkpoints: its origin and its public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verifier {
    origin: Arc<str>,
    public: [u8; 32],
    id: [u8; 4],
}

/// A statement about the tree: this many leaves, this root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Leaves of the tree.
    pub size: u64,
    /// Its root.
    pub root: Hash,
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
    /// No signature line is by the log's key, or one that claims to be does not verify.
    #[error("the note has no valid signature of this log's key")]
    Signature,
    /// The text isn't a verifier key of the kind asked for.
    #[error(
        "the verifier key is not `name+8 hex digits+base64` of an Ed25519 key for this purpose"
    )]
    Vkey,
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
        check_name(origin)?;
        // A key without the public half inside is as good: ring derives it.
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8)
            .map_err(|_rejected| NoteError::Key)?;
        let public: [u8; 32] = pair
            .public_key()
            .as_ref()
            .try_into()
            .map_err(|_length| NoteError::Key)?;
        let id = key_id(origin, ED25519_TYPE, &public);
        let verifier = Verifier {
            origin: origin.into(),
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
    /// Reads a log's verifier key.
    ///
    /// # Errors
    ///
    /// [`NoteError::Vkey`] if it isn't one of a log.
    pub fn parse(vkey: &str) -> Result<Self, NoteError> {
        let (origin, public) = named_key(vkey, ED25519_TYPE)?;
        Ok(Self {
            origin: origin.into(),
            public,
            id: key_id(origin, ED25519_TYPE, &public),
        })
    }

    /// Returns the origin, which is the key's name too.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Returns the origin for something that outlives this.
    pub(crate) fn shared_origin(&self) -> Arc<str> {
        self.origin.clone()
    }

    /// Writes the verifier key: `origin+id+base64(type and public key)`.
    pub fn vkey(&self) -> String {
        let mut key = vec![ED25519_TYPE];
        key.extend_from_slice(&self.public);
        let id = u32::from_be_bytes(self.id);
        format!("{}+{id:08x}+{}", self.origin, STANDARD.encode(key))
    }

    /// Reads a note and checks the log's signature on it.
    ///
    /// Further signatures, of witnesses, are not looked at.
    ///
    /// # Errors
    ///
    /// [`NoteError::Form`], [`NoteError::OtherOrigin`] or [`NoteError::Signature`], whichever is met first.
    pub fn open(&self, note: &[u8]) -> Result<Checkpoint, NoteError> {
        let (text, signatures) = split(note)?;
        let checkpoint = self.parse_text(text)?;
        let mut ours = self.own_lines(signatures).peekable();
        let key = UnparsedPublicKey::new(&ED25519, self.public);
        let holds = |line: &str| {
            SignatureLine::parse(line)
                .is_some_and(|line| key.verify(text.as_bytes(), &line.signature).is_ok())
        };
        if ours.peek().is_some() && ours.all(holds) {
            return Ok(checkpoint);
        }
        Err(NoteError::Signature)
    }

    /// Returns the note with the log's own signature lines alone, ended by a newline.
    ///
    /// # Errors
    ///
    /// [`NoteError::Form`] if it isn't a note.
    pub fn alone(&self, note: &[u8]) -> Result<String, NoteError> {
        let (text, signatures) = split(note)?;
        let ours = self.own_lines(signatures);
        Ok(ours.fold(format!("{text}\n"), |note, line| note + line + "\n"))
    }

    fn own_lines<'a>(&'a self, signatures: &'a str) -> impl Iterator<Item = &'a str> {
        let own = |line: &SignatureLine<'_>| line.is_by(&self.origin, self.id);
        signatures
            .lines()
            .filter(move |line| SignatureLine::parse(line).as_ref().is_some_and(own))
    }

    fn parse_text(&self, text: &str) -> Result<Checkpoint, NoteError> {
        let mut lines = text.lines();
        let (Some(origin), Some(size), Some(root), None) =
            (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(NoteError::Form);
        };
        if *origin != *self.origin {
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

/// A signature line: `— name base64(key id and signature)`.
pub(crate) struct SignatureLine<'a> {
    name: &'a str,
    id: [u8; 4],
    pub(crate) signature: Vec<u8>,
}

impl<'a> SignatureLine<'a> {
    pub(crate) fn parse(line: &'a str) -> Option<Self> {
        let (name, value) = line.strip_prefix("\u{2014} ")?.split_once(' ')?;
        let value = STANDARD.decode(value).ok()?;
        let (id, signature) = value.split_first_chunk::<4>()?;
        Some(Self {
            name,
            id: *id,
            signature: signature.to_vec(),
        })
    }

    pub(crate) fn is_by(&self, name: &str, id: [u8; 4]) -> bool {
        self.name == name && self.id == id
    }
}

/// Splits a note into the text that is signed, with its last newline, and the signature lines.
pub(crate) fn split(note: &[u8]) -> Result<(&str, &str), NoteError> {
    if note.len() > NOTE_LIMIT {
        return Err(NoteError::Form);
    }
    let note = std::str::from_utf8(note).map_err(|_not_text| NoteError::Form)?;
    let middle = note.rfind("\n\n").ok_or(NoteError::Form)?;
    let text = note.get(..=middle).ok_or(NoteError::Form)?;
    let signatures = note.get(middle + 2..).ok_or(NoteError::Form)?;
    let ended = signatures.ends_with('\n');
    ended.then_some((text, signatures)).ok_or(NoteError::Form)
}

/// Signs the checkpoint of a log without leaves, the beginning of whatever the log becomes.
///
/// # Errors
///
/// [`NoteError`] if the origin or the key can't be used.
pub fn empty_checkpoint(origin: &str, pkcs8: &[u8]) -> Result<(Checkpoint, Bytes), NoteError> {
    let checkpoint = Checkpoint {
        size: 0,
        root: sha256(&[]),
    };
    let note = NoteKey::new(origin, pkcs8)?.sign(&checkpoint);
    Ok((checkpoint, Bytes::from(note)))
}

/// Reads the origin of a note, whoever signed it.
///
/// # Errors
///
/// [`NoteError::Form`] if it isn't a note.
pub fn origin_of(note: &[u8]) -> Result<&str, NoteError> {
    note_text(note)?.lines().next().ok_or(NoteError::Form)
}

/// Returns the text of a note that is signed, with its last newline. Its first line is the origin.
///
/// # Errors
///
/// [`NoteError::Form`] if it isn't a note.
pub fn note_text(note: &[u8]) -> Result<&str, NoteError> {
    split(note).map(|(text, _signatures)| text)
}

/// Reads a verifier key of one type: its name and its public key.
pub(crate) fn named_key(vkey: &str, kind: u8) -> Result<(&str, [u8; 32]), NoteError> {
    let mut parts = vkey.splitn(3, '+');
    let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(NoteError::Vkey);
    };
    check_name(name).map_err(|_name| NoteError::Vkey)?;
    let key = STANDARD
        .decode(key)
        .map_err(|_not_base64| NoteError::Vkey)?;
    let Some((found, public)) = key.split_first() else {
        return Err(NoteError::Vkey);
    };
    let public: [u8; 32] = public.try_into().map_err(|_length| NoteError::Vkey)?;
    let expected = u32::from_be_bytes(key_id(name, kind, &public));
    if *found != kind || id != format!("{expected:08x}") {
        return Err(NoteError::Vkey);
    }
    Ok((name, public))
}

/// Holds a key's name to the form of origins.
pub(crate) fn check_name(name: &str) -> Result<(), NoteError> {
    let visible = name
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'+');
    if name.is_empty() || name.len() > ORIGIN_LIMIT || !visible {
        return Err(NoteError::Origin(name.to_owned()));
    }
    Ok(())
}

/// Returns the first four bytes of the hash that names a key in signature lines.
pub(crate) fn key_id(name: &str, kind: u8, public: &[u8; 32]) -> [u8; 4] {
    let hash = sha256(&[name.as_bytes(), b"\n", &[kind], public]);
    let [a, b, c, d, ..] = hash;
    [a, b, c, d]
}

#[cfg(test)]
mod tests;
