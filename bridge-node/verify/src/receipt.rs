//! Receipts: a leaf that a log gave out, its proof, and who signed the checkpoint above it. Needs no node.
//!
//! Standard: C2SP tlog-proof. Standard: C2SP tlog-cosignature.

use crate::bytes::{Hash, base64url, leaf_hash};
use crate::leaf::{Leaf, LeafFault};
use crate::note::{Cosigner, LogKey, NoteFault, open_cosigned};
use crate::proof::{Proof, ProofFault, root_of_inclusion};

/// A receipt, as a node hands it out.
#[derive(Debug, Clone, Copy)]
pub struct Receipt<'a> {
    /// `{origin}#{index}:{base64url leaf hash}`, as in `Bridge-Receipt`.
    pub field: &'a str,
    /// The leaf, byte by byte.
    pub leaf: &'a [u8],
    /// The proof.
    pub proof: &'a str,
}

/// Whose signatures are asked for.
#[derive(Debug, Clone, Default)]
pub struct Signers {
    /// The log's key.
    pub log: Option<LogKey>,
    /// Witnesses that are known.
    pub witnesses: Vec<Cosigner>,
    /// How many of them must have cosigned.
    pub quorum: usize,
}

/// What a receipt that holds shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The leaf's index in the log.
    pub index: u64,
    /// Time in the leaf, Unix milliseconds.
    pub time_ms: u64,
    /// Leaves under the checkpoint.
    pub size: u64,
    /// Witnesses that cosigned it, each with its time in Unix seconds.
    pub cosigned: Vec<(String, u64)>,
}

/// What is wrong with a receipt, each part by name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptFault {
    /// The field is not a receipt.
    #[error("receipt: it is not of the form `origin#index:base64url of 32 bytes`")]
    Field,
    /// The leaf has another hash than the field says.
    #[error("leaf: its hash is {found}, the receipt says {said}: one of the two was altered")]
    LeafHash {
        /// Of the leaf given.
        found: String,
        /// In the field.
        said: String,
    },
    /// The leaf is none.
    #[error("leaf: {0}")]
    Leaf(#[from] LeafFault),
    /// The proof is none.
    #[error("proof: {0}")]
    Proof(#[from] ProofFault),
    /// The proof is of another leaf.
    #[error("proof: it is of leaf {proved}, the receipt is of leaf {said}")]
    Index {
        /// In the proof.
        proved: u64,
        /// In the field.
        said: u64,
    },
    /// The field names another log than the key.
    #[error("receipt: it is of the log `{said}`, the key is of `{expected}`")]
    Origin {
        /// In the field.
        said: String,
        /// Of the key.
        expected: String,
    },
    /// The checkpoint is none of this log, or not signed by it.
    #[error("checkpoint: {0}")]
    Checkpoint(#[from] NoteFault),
    /// The proof does not lead from the leaf to the root.
    #[error("proof: it does not lead from the leaf to the root of the checkpoint")]
    Inclusion,
    /// Too few witnesses cosigned.
    #[error(
        "cosignatures: {found} of the known witnesses cosigned the checkpoint, {wanted} are needed"
    )]
    Cosignatures {
        /// Valid ones.
        found: usize,
        /// The quorum.
        wanted: usize,
    },
    /// There is no key to check the checkpoint with.
    #[error("checkpoint: no verifier key of this log is known")]
    NoKey,
}

/// The parts of a receipt field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field<'a> {
    /// The log.
    pub origin: &'a str,
    /// The leaf's index in it.
    pub index: u64,
    /// The leaf's hash.
    pub leaf_hash: [u8; 32],
}

impl<'a> Field<'a> {
    /// Reads `{origin}#{index}:{base64url leaf hash}`; `None` for any other text.
    pub fn parse(text: &'a str) -> Option<Self> {
        let (origin, rest) = text.rsplit_once('#')?;
        let (index, hash) = rest.split_once(':')?;
        let is_origin = !origin.is_empty() && origin.bytes().all(|byte| byte.is_ascii_graphic());
        is_origin.then_some(Self {
            origin,
            index: crate::bytes::decimal(index.as_bytes())?,
            leaf_hash: crate::bytes::from_base64url(hash.as_bytes())?,
        })
    }
}

/// Judges a receipt.
///
/// # Errors
///
/// Everything that is wrong.
pub fn judge(receipt: &Receipt<'_>, signers: &Signers) -> Result<Shown, Vec<ReceiptFault>> {
    let mut faults = Vec::new();
    let field = Field::parse(receipt.field);
    if field.is_none() {
        faults.push(ReceiptFault::Field);
    }
    let found = leaf_hash(receipt.leaf);
    if let Some(field) = field.as_ref().filter(|field| field.leaf_hash != found) {
        faults.push(ReceiptFault::LeafHash {
            found: base64url(&found),
            said: base64url(&field.leaf_hash),
        });
    }
    let time_ms = keep(&mut faults, Leaf::parse(receipt.leaf)).map(|leaf| leaf.time);
    let proved = keep(&mut faults, Proof::parse(receipt.proof))
        .map(|proof| judge_proof(&proof, (field.as_ref(), &found), signers, &mut faults));
    match (field, time_ms, proved) {
        (Some(field), Some(time_ms), Some((size, cosigned))) if faults.is_empty() => Ok(Shown {
            index: field.index,
            time_ms,
            size,
            cosigned,
        }),
        _ => Err(faults),
    }
}

fn judge_proof(
    proof: &Proof<'_>,
    (field, leaf): (Option<&Field<'_>>, &Hash),
    signers: &Signers,
    faults: &mut Vec<ReceiptFault>,
) -> (u64, Vec<(String, u64)>) {
    if let Some(field) = field.filter(|field| field.index != proof.index) {
        faults.push(ReceiptFault::Index {
            proved: proof.index,
            said: field.index,
        });
    }
    let Some(key) = &signers.log else {
        faults.push(ReceiptFault::NoKey);
        return (0, Vec::new());
    };
    if let Some(field) = field.filter(|field| field.origin != key.origin()) {
        faults.push(ReceiptFault::Origin {
            said: field.origin.to_owned(),
            expected: key.origin().to_owned(),
        });
    }
    let mut size = 0;
    if let Some(checkpoint) = keep(faults, open_cosigned(proof.note.as_bytes(), key)) {
        size = checkpoint.size;
        if root_of_inclusion(proof.index, size, leaf, &proof.hashes) != Some(checkpoint.root) {
            faults.push(ReceiptFault::Inclusion);
        }
    }
    let cosigned: Vec<(String, u64)> = signers
        .witnesses
        .iter()
        .filter_map(|witness| Some((witness.name().to_owned(), witness.time_on(proof.note)?)))
        .collect();
    if cosigned.len() < signers.quorum {
        faults.push(ReceiptFault::Cosignatures {
            found: cosigned.len(),
            wanted: signers.quorum,
        });
    }
    (size, cosigned)
}

fn keep<T, E: Into<ReceiptFault>>(
    faults: &mut Vec<ReceiptFault>,
    result: Result<T, E>,
) -> Option<T> {
    result.map_err(|fault| faults.push(fault.into())).ok()
}

#[cfg(test)]
mod tests;
