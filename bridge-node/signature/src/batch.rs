//! The batch form: one signature for many messages, by way of a hash tree.
//!
//! Each base is a leaf of an RFC 6962 tree, SHA-256(0x00 ‖ base). The key signs the text
//! `bridge-batch-v1\n{keyid}\n{n}\n{base64 root}\n`. A message's value is 0x01 ‖ n u32 ‖ i u32 ‖ its path ‖ the signature, so it
//! proves itself without the other messages and tells nothing of them that could be guessed: each base has a secret nonce.
//! Departs: RFC 9421 §3.3, because a key that makes a hundred signatures a second could not carry thousands of messages.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{Context, SHA256};
use thiserror::Error;

use crate::key::{SignError, Signer, VerifyError, VerifyingKey};
use crate::limits::MAX_BATCH;

/// The first byte of every value.
const VERSION: u8 = 1;

/// Length in bytes of a signature by either algorithm.
const SIGNATURE_BYTES: usize = 64;

type Hash = [u8; 32];

/// Says whether a message was signed on its own or in a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// On its own, as RFC 9421 says.
    Plain,
    /// With others, as a leaf of a tree.
    Batch,
}

// === impl Form ===

impl Form {
    /// Returns its name, as a receiver says that it takes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Batch => "batch",
        }
    }
}

/// Holds a value of the batch form, its parts of the right lengths. Proves nothing yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchValue<'a> {
    count: u32,
    index: u32,
    path: &'a [Hash],
    signature: &'a [u8; SIGNATURE_BYTES],
}

/// Why bytes are not a value of the batch form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BatchError {
    /// It ends before its numbers do.
    #[error("the value ends before its numbers do")]
    Short,
    /// It is of another version.
    #[error("the value is of the version {0}, not {VERSION}")]
    Version(u8),
    /// The batch has too few or too many messages.
    #[error("a batch of {0} messages, not of 2 to {MAX_BATCH}")]
    Count(u32),
    /// The message's number is not in the batch.
    #[error("message {index} of a batch of {count}")]
    Index {
        /// The message's number.
        index: u32,
        /// How many messages there are.
        count: u32,
    },
    /// What follows the numbers is not the path and the signature, or is more.
    #[error("{found} bytes of path and signature, not {expected}")]
    Length {
        /// How many there are.
        found: usize,
        /// How many such a message has.
        expected: usize,
    },
}

/// Remembers batches whose signature held, so that it is verified once and not for each message.
///
/// Whoever keeps one bounds it, and forgets it when the key's record changes.
pub trait KnownBatches {
    /// Says whether the signature with this mark held before.
    fn knows(&self, mark: &[u8; 32]) -> bool;
    /// Remembers that it held.
    fn learn(&self, mark: [u8; 32]);
}

// === impl BatchValue ===

impl<'a> BatchValue<'a> {
    /// Reads a value; nothing may follow it.
    ///
    /// # Errors
    /// A [`BatchError`] for each rule.
    pub fn parse(value: &'a [u8]) -> Result<Self, BatchError> {
        let (&version, rest) = value.split_first().ok_or(BatchError::Short)?;
        if version != VERSION {
            return Err(BatchError::Version(version));
        }
        let (count, rest) = rest.split_first_chunk().ok_or(BatchError::Short)?;
        let (index, rest) = rest.split_first_chunk().ok_or(BatchError::Short)?;
        let (count, index) = (u32::from_be_bytes(*count), u32::from_be_bytes(*index));
        if !(2..=MAX_BATCH).contains(&count) {
            return Err(BatchError::Count(count));
        }
        if index >= count {
            return Err(BatchError::Index { index, count });
        }
        let wrong = BatchError::Length {
            found: rest.len(),
            expected: path_length(count, index) * 32 + SIGNATURE_BYTES,
        };
        let (path, signature) = rest.split_last_chunk().ok_or(wrong)?;
        let (path, left) = path.as_chunks();
        if path.len() != path_length(count, index) || !left.is_empty() {
            return Err(wrong);
        }
        Ok(Self {
            count,
            index,
            path,
            signature,
        })
    }

    /// Returns the text that the key must have signed if this base is in the batch.
    pub fn text(&self, key_id: &str, base: &[u8]) -> Vec<u8> {
        text(key_id, self.count, &self.root(leaf_hash(base)))
    }

    /// Returns the key's signature over [`Self::text`].
    pub fn signature(&self) -> &[u8] {
        self.signature
    }

    /// Verifies that the key of that name has signed a batch with this base in it.
    ///
    /// A signature that is known is not verified again. It is known by text **and** signature: beside a right path and a
    /// false signature nothing may be taken, because whoever judges the evidence later knows no batches.
    ///
    /// # Errors
    /// [`VerifyError`] when the signature is not one of this key over this batch.
    pub fn verify(
        &self,
        key: &VerifyingKey,
        (key_id, base): (&str, &[u8]),
        known: Option<&dyn KnownBatches>,
    ) -> Result<(), VerifyError> {
        let text = self.text(key_id, base);
        let Some(known) = known else {
            return key.verify(&text, self.signature);
        };
        let mark = sha256(&[&text, self.signature]);
        if known.knows(&mark) {
            return Ok(());
        }
        key.verify(&text, self.signature)?;
        known.learn(mark);
        Ok(())
    }

    /// Climbs from a leaf to the root. Standard: RFC 9162 §2.1.3.2.
    fn root(&self, leaf: Hash) -> Hash {
        let inner = inner_length(self.count, self.index);
        let climb = |hash: Hash, (level, sibling): (usize, &Hash)| {
            // Beyond the inner levels every sibling is a whole tree on the left.
            if level >= inner || self.index >> level & 1 == 1 {
                node_hash(sibling, &hash)
            } else {
                node_hash(&hash, sibling)
            }
        };
        self.path.iter().enumerate().fold(leaf, climb)
    }
}

/// Signs bases as one batch; returns the value of each, in their order.
///
/// # Errors
/// [`SignError::Count`] for fewer than 2 or more than [`MAX_BATCH`]; what the signer says, which concerns all.
pub fn sign_batch(signer: &dyn Signer, bases: &[&[u8]]) -> Result<Vec<Vec<u8>>, SignError> {
    let wrong = SignError::Count(bases.len());
    let count = u32::try_from(bases.len()).or(Err(wrong.clone()))?;
    if !(2..=MAX_BATCH).contains(&count) {
        return Err(wrong);
    }
    let levels = levels(bases.iter().map(|base| leaf_hash(base)).collect());
    let root = levels.last().and_then(|top| top.first()).ok_or(wrong)?;
    let signature = signer.sign(&text(signer.key_id(), count, root))?;
    let value = |index: u32| {
        let mut value = Vec::with_capacity(9 + 12 * 32 + SIGNATURE_BYTES);
        value.push(VERSION);
        value.extend_from_slice(&count.to_be_bytes());
        value.extend_from_slice(&index.to_be_bytes());
        for (height, level) in levels.iter().enumerate() {
            // The last node of a level may have no sibling: it goes up as it is.
            let sibling = usize::try_from(index >> height ^ 1).ok();
            if let Some(sibling) = sibling.and_then(|sibling| level.get(sibling)) {
                value.extend_from_slice(sibling);
            }
        }
        value.extend_from_slice(&signature);
        value
    };
    Ok((0..count).map(value).collect())
}

/// Makes all levels of a tree, the leaves first, the root last. Standard: RFC 6962 §2.1.
fn levels(leaves: Vec<Hash>) -> Vec<Vec<Hash>> {
    let mut levels = vec![leaves];
    while let Some(below) = levels.last().filter(|level| level.len() > 1) {
        let pair = |pair: &[Hash]| match pair {
            [left, right] => node_hash(left, right),
            [one, ..] => *one,
            [] => Hash::default(),
        };
        levels.push(below.chunks(2).map(pair).collect());
    }
    levels
}

/// Returns how many hashes the path of a leaf has. Standard: RFC 6962 §2.1.1.
fn path_length(count: u32, index: u32) -> usize {
    let inner = inner_length(count, index);
    let above = index.checked_shr(u32::try_from(inner).unwrap_or(u32::BITS));
    inner + usize::try_from(above.unwrap_or(0).count_ones()).unwrap_or(0)
}

/// Returns on how many levels the path runs inside of the smallest tree that holds both the leaf and the last one.
fn inner_length(count: u32, index: u32) -> usize {
    let differing = index ^ count.saturating_sub(1);
    usize::try_from(u32::BITS - differing.leading_zeros()).unwrap_or(0)
}

fn text(key_id: &str, count: u32, root: &Hash) -> Vec<u8> {
    format!(
        "bridge-batch-v1\n{key_id}\n{count}\n{}\n",
        STANDARD.encode(root)
    )
    .into_bytes()
}

fn leaf_hash(base: &[u8]) -> Hash {
    sha256(&[&[0], base])
}

fn node_hash(left: &Hash, right: &Hash) -> Hash {
    sha256(&[&[1], left, right])
}

fn sha256(parts: &[&[u8]]) -> Hash {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(part);
    }
    let mut hash = Hash::default();
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

#[cfg(test)]
mod tests;
