//! Proofs that a smaller tree is the beginning of a larger one.
//!
//! Standard: RFC 6962 §2.1.2.

use crate::error::ReadError;
use crate::shared::Shared;
use crate::tiles::TileId;
use crate::tree::{Hash, TILE_HEIGHT, TILE_WIDTH, node_hash, subtree_root};

/// No proof of a tree with at most 2^63 leaves is longer.
pub const PROOF_LIMIT: usize = 63;

/// Returns the proof that the tree of `old` leaves is the beginning of that of `new`; `None` if the journal has not
/// so many leaves, or `old` is not between 1 and `new`.
pub(crate) fn consistency(
    shared: &Shared,
    old: u64,
    new: u64,
) -> Result<Option<Vec<Hash>>, ReadError> {
    if old == 0 || old > new || new > shared.state().head.size {
        return Ok(None);
    }
    let mut proof = Vec::new();
    let (mut from, mut to, mut whole) = (0, new, true);
    let mut behind = Vec::new();
    while old != to {
        let middle = from + split(to - from);
        if old <= middle {
            behind.push((middle, to));
            to = middle;
        } else {
            behind.push((from, middle));
            from = middle;
            whole = false;
        }
    }
    if !whole {
        behind.push((from, to));
    }
    for (from, to) in behind.into_iter().rev() {
        let Some(hash) = range(shared, from, to)? else {
            return Ok(None);
        };
        proof.push(hash);
    }
    Ok(Some(proof))
}

/// Says whether `proof` shows that the tree `old` (size, root) is the beginning of `new`.
///
/// A tree of no leaf is the beginning of any, without a proof.
///
/// Standard: RFC 9162 §2.1.4.2.
pub fn is_consistent(old: (u64, &Hash), new: (u64, &Hash), proof: &[Hash]) -> bool {
    let ((old_size, old_root), (new_size, new_root)) = (old, new);
    if old_size == 0 {
        return proof.is_empty();
    }
    if old_size == new_size {
        return proof.is_empty() && old_root == new_root;
    }
    if old_size > new_size || proof.len() > PROOF_LIMIT + 1 {
        return false;
    }
    let mut path = proof.iter();
    let first = if old_size.is_power_of_two() {
        Some(old_root)
    } else {
        path.next()
    };
    let Some(first) = first else { return false };
    let (mut node, mut last) = (old_size - 1, new_size - 1);
    let shift = node.trailing_ones();
    node = node.checked_shr(shift).unwrap_or(0);
    last = last.checked_shr(shift).unwrap_or(0);
    let (mut small, mut large) = (*first, *first);
    for hash in path {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            small = node_hash(hash, &small);
            large = node_hash(hash, &large);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            large = node_hash(&large, hash);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && small == *old_root && large == *new_root
}

/// Hashes the leaves from `from` up to `to` into the root of their own tree.
fn range(shared: &Shared, from: u64, to: u64) -> Result<Option<Hash>, ReadError> {
    let mut at = from;
    let mut peaks = Vec::new();
    while at < to {
        // The largest complete subtree that begins here and fits.
        let part = 1 << (to - at).ilog2();
        let Some(hash) = subtree(shared, at, part)? else {
            return Ok(None);
        };
        peaks.push(hash);
        at += part;
    }
    let mut peaks = peaks.iter().rev();
    let last = peaks.next().copied();
    Ok(last.map(|last| peaks.fold(last, |right, left| node_hash(left, &right))))
}

/// Returns the root of `leaves`, a power of two, from leaf `from`, a multiple of it.
fn subtree(shared: &Shared, from: u64, leaves: u64) -> Result<Option<Hash>, ReadError> {
    let height = leaves.ilog2();
    let (level, within) = (height / TILE_HEIGHT, height % TILE_HEIGHT);
    let first = from >> (TILE_HEIGHT * level);
    let id = TileId {
        level: level as usize,
        number: first / TILE_WIDTH,
    };
    let begin = usize::try_from(first % TILE_WIDTH).unwrap_or(0);
    let end = begin + (1 << within);
    let Some(tile) = shared.tile(id, end)? else {
        return Ok(None);
    };
    let (hashes, _rest) = tile.as_chunks::<32>();
    Ok(hashes.get(begin..end).and_then(subtree_root))
}

/// Returns the largest power of two below `size`, which is at least 2.
fn split(size: u64) -> u64 {
    1 << size.saturating_sub(1).ilog2()
}

#[cfg(test)]
mod tests;
