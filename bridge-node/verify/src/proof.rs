//! Proofs of a transparency log, judged: a leaf under a checkpoint, a tree as the beginning of a later one.
//!
//! Standard: C2SP tlog-proof. Standard: RFC 9162 §2.1.3.2, §2.1.4.2.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::bytes::{Hash, decimal, node_hash};

/// A proof as its file holds it, not judged yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof<'a> {
    /// The leaf's index in the log.
    pub index: u64,
    /// Hashes from the leaf's sibling up to the root's child.
    pub hashes: Vec<[u8; 32]>,
    /// The checkpoint: a signed note.
    pub note: &'a str,
}

/// What keeps a text from being a proof.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}: it is not a `c2sp.org/tlog-proof@v1`")]
pub struct ProofFault(&'static str);

/// The first line.
const FORM: &str = "c2sp.org/tlog-proof@v1";

/// A tree of at most 2^63 leaves needs no more hashes.
const HASHES_LIMIT: usize = 64;

impl<'a> Proof<'a> {
    /// Reads a proof. The line `extra` is passed over: nothing vouches for it.
    ///
    /// # Errors
    ///
    /// [`ProofFault`] for anything but the one way to write it.
    pub fn parse(text: &'a str) -> Result<Self, ProofFault> {
        let (head, note) = text
            .split_once("\n\n")
            .ok_or(ProofFault("an empty line before the checkpoint is missing"))?;
        let mut lines = head.split('\n').peekable();
        if lines.next() != Some(FORM) {
            return Err(ProofFault("the first line is another"));
        }
        if let Some(extra) = lines.next_if(|line| line.starts_with("extra ")) {
            let value = extra.strip_prefix("extra ").unwrap_or_default();
            let fault = |_error| ProofFault("the line `extra` is not base64");
            STANDARD.decode(value).map_err(fault)?;
        }
        let index = lines
            .next()
            .and_then(|line| line.strip_prefix("index "))
            .and_then(|number| decimal(number.as_bytes()))
            .ok_or(ProofFault("the line `index` is missing or not a number"))?;
        let hashes = lines
            .map(|line| STANDARD.decode(line).ok()?.try_into().ok())
            .collect::<Option<Vec<Hash>>>()
            .filter(|hashes| hashes.len() <= HASHES_LIMIT)
            .ok_or(ProofFault("a line is not a hash, or there are too many"))?;
        Ok(Self {
            index,
            hashes,
            note,
        })
    }
}

/// The root of the tree of `size` leaves that has `leaf` at `index`, if `proof` shows that one does; `None` if the proof is not
/// of such a tree.
///
/// Standard: RFC 9162 §2.1.3.2.
pub fn root_of_inclusion(
    index: u64,
    size: u64,
    leaf: &[u8; 32],
    proof: &[[u8; 32]],
) -> Option<[u8; 32]> {
    if index >= size {
        return None;
    }
    let (mut node, mut last, mut root) = (index, size - 1, *leaf);
    for hash in proof {
        if last == 0 {
            return None;
        }
        if node & 1 == 1 || node == last {
            root = node_hash(hash, &root);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            root = node_hash(&root, hash);
        }
        node >>= 1;
        last >>= 1;
    }
    (last == 0).then_some(root)
}

/// Whether `proof` shows that the tree `old` (size, root) is the beginning of `new`. Nothing shows it of a tree without leaves.
///
/// Standard: RFC 9162 §2.1.4.2.
pub fn is_consistent(
    (old_size, old_root): (u64, &[u8; 32]),
    (new_size, new_root): (u64, &[u8; 32]),
    proof: &[[u8; 32]],
) -> bool {
    if old_size == new_size {
        return proof.is_empty() && old_root == new_root;
    }
    if old_size == 0 || old_size > new_size {
        return false;
    }
    let mut hashes = proof.iter();
    let first = if old_size.is_power_of_two() {
        Some(old_root)
    } else {
        hashes.next()
    };
    let Some(first) = first else { return false };
    let shift = (old_size - 1).trailing_ones();
    let shifted = |number: u64| number.checked_shr(shift).unwrap_or(0);
    let (mut node, mut last) = (shifted(old_size - 1), shifted(new_size - 1));
    let (mut old, mut new) = (*first, *first);
    for hash in hashes {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            old = node_hash(hash, &old);
            new = node_hash(hash, &new);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            new = node_hash(&new, hash);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && old == *old_root && new == *new_root
}

#[cfg(test)]
mod tests;
