//! The leaf: one line of the journal, made of facts that anybody may see.
//!
//! Written by a fixed-order writer and read back by a strict reader: whatever is accepted is equal,
//! byte for byte, to what this crate would have written. Sizes and durations are coarse, so that a
//! leaf does not tell which record was read; the writer refuses exact ones.
//!
//! Never in a leaf: a path, a query, a body, a person's name or code, a stranger's free text.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::identity::{ServiceId, SubsystemId};

mod coarse;
mod kind;
mod read;
mod write;

pub use coarse::{
    LARGEST_DURATION_MS, LARGEST_SIZE, SMALLEST_SIZE, coarse_duration_ms, coarse_size, nonce_mark,
};
pub use kind::{EvidenceMode, Kind, Side};

/// The version of the leaf format that this crate writes and reads.
pub const LEAF_VERSION: u32 = 1;

/// The longest leaf, in bytes: its length must fit the two-byte length of a tlog entry bundle.
///
/// Standard: C2SP tlog-tiles §Log Entries.
pub const MAX_LEAF_BYTES: usize = 65_535;

/// The largest integer in a leaf: above 2^53 − 1 readers that keep numbers as doubles lose digits.
pub const MAX_NUMBER: u64 = (1 << 53) - 1;

/// Counts milliseconds since the Unix epoch.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct UnixMillis(pub u64);

impl UnixMillis {
    /// Returns whole seconds since the Unix epoch, rounded down.
    pub fn seconds(self) -> u64 {
        self.0 / 1000
    }
}

impl fmt::Display for UnixMillis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Holds the facts of one leaf. The fields stand in the order in which they are written; absent
/// ones (`None` or empty) are left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// What happened.
    pub kind: Kind,
    /// When, never lower than in the leaf before.
    pub time: UnixMillis,
    /// The X-Road-Request-Id.
    pub request_id: Option<Uuid>,
    /// Which end of the exchange this journal is.
    pub side: Option<Side>,
    /// Who asked.
    pub client: Option<SubsystemId>,
    /// What was asked for.
    pub service: Option<ServiceId>,
    /// The contract's pattern text of the endpoint, such as `GET /*`; never the path itself.
    pub endpoint: Option<String>,
    /// The purpose's code.
    pub purpose: Option<String>,
    /// The legal basis' code.
    pub basis: Option<String>,
    /// `{id}@{base64url SHA-256}` of the contract.
    pub contract: Option<String>,
    /// Whether the decision was to allow.
    pub decision: Option<bool>,
    /// The rules that made the decision.
    pub rules: Arc<[String]>,
    /// The outcome's code, such as a refusal's type.
    pub outcome: Option<String>,
    /// The HTTP status, 100 to 999.
    pub status: Option<u16>,
    /// Bytes of the request's body as [`coarse_size`] says.
    pub request_size: Option<u64>,
    /// Bytes of the answer's body as [`coarse_size`] says.
    pub answer_size: Option<u64>,
    /// Milliseconds as [`coarse_duration_ms`] says.
    pub duration_ms: Option<u64>,
    /// The key id this node signed with.
    pub keyid: Option<String>,
    /// The key id the peer signed with.
    pub peer_keyid: Option<String>,
    /// The [`nonce_mark`] of the request's nonce.
    pub nonce: Option<String>,
    /// The link of the request's signature: the same in both ends' journals.
    pub link: Option<[u8; 32]>,
    /// The link of the answer's signature.
    pub answer_link: Option<[u8; 32]>,
    /// How much evidence lies beside the leaf.
    pub mode: Option<EvidenceMode>,
    /// The commitment to the evidence.
    pub evidence: Option<[u8; 32]>,
    /// The commitments to the persons concerned.
    pub subjects: Vec<[u8; 32]>,
    /// Facts of leaves that are not about an exchange.
    pub facts: BTreeMap<String, String>,
}

impl Leaf {
    /// Makes a leaf that says only what happened and when.
    pub fn new(kind: Kind, time: UnixMillis) -> Self {
        Self {
            kind,
            time,
            request_id: None,
            side: None,
            client: None,
            service: None,
            endpoint: None,
            purpose: None,
            basis: None,
            contract: None,
            decision: None,
            rules: Arc::default(),
            outcome: None,
            status: None,
            request_size: None,
            answer_size: None,
            duration_ms: None,
            keyid: None,
            peer_keyid: None,
            nonce: None,
            link: None,
            answer_link: None,
            mode: None,
            evidence: None,
            subjects: Vec::new(),
            facts: BTreeMap::new(),
        }
    }

    /// Appends the leaf's bytes to `out`. On an error `out` is as it was.
    ///
    /// # Errors
    ///
    /// [`LeafError::TooLong`] above [`MAX_LEAF_BYTES`]; [`LeafError::NotCoarse`] for an exact size or
    /// duration; [`LeafError::OutOfRange`] for a number no reader may trust.
    pub fn write(&self, out: &mut Vec<u8>) -> Result<(), LeafError> {
        let start = out.len();
        let written = self.check().and_then(|()| write::write(self, out));
        let length = out.len().saturating_sub(start);
        let result = match written {
            Ok(()) if length > MAX_LEAF_BYTES => Err(LeafError::TooLong { length }),
            other => other,
        };
        if result.is_err() {
            out.truncate(start);
        }
        result
    }

    /// Reads a leaf and accepts nothing that [`Leaf::write`] would not have written.
    ///
    /// # Errors
    ///
    /// [`LeafError::TooLong`]; [`LeafError::UnknownVersion`] for a leaf of another version;
    /// [`LeafError::Malformed`] for anything that is not a leaf; [`LeafError::NotCanonical`] for a leaf
    /// in another spelling (order, spaces, escapes); [`LeafError::NotCoarse`] and
    /// [`LeafError::OutOfRange`] as in [`Leaf::write`].
    pub fn parse(bytes: &[u8]) -> Result<Self, LeafError> {
        if bytes.len() > MAX_LEAF_BYTES {
            return Err(LeafError::TooLong {
                length: bytes.len(),
            });
        }
        let leaf = read::read(bytes)?;
        let mut again = Vec::with_capacity(bytes.len());
        leaf.write(&mut again)?;
        if again == bytes {
            Ok(leaf)
        } else {
            Err(LeafError::NotCanonical)
        }
    }

    fn check(&self) -> Result<(), LeafError> {
        if self.time.0 > MAX_NUMBER {
            return Err(LeafError::OutOfRange { field: "time" });
        }
        if self
            .status
            .is_some_and(|status| !(100..=999).contains(&status))
        {
            return Err(LeafError::OutOfRange { field: "status" });
        }
        let sizes = [
            ("request_size", self.request_size),
            ("answer_size", self.answer_size),
        ];
        for (field, size) in sizes {
            if size.is_some_and(|size| coarse_size(size) != size) {
                return Err(LeafError::NotCoarse { field });
            }
        }
        if self
            .duration_ms
            .is_some_and(|duration| coarse_duration_ms(duration) != duration)
        {
            return Err(LeafError::NotCoarse {
                field: "duration_ms",
            });
        }
        Ok(())
    }
}

/// Says why bytes are not a leaf, or why a leaf can't be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LeafError {
    /// Longer than [`MAX_LEAF_BYTES`].
    #[error("the leaf has {length} bytes, more than {MAX_LEAF_BYTES}")]
    TooLong {
        /// How long it is.
        length: usize,
    },
    /// A version that this program does not know.
    #[error("the leaf is of version {found}; this program reads version {LEAF_VERSION}")]
    UnknownVersion {
        /// The version found.
        found: u64,
    },
    /// Not a JSON object with the fields of a leaf.
    #[error("the bytes are not a leaf: {reason}")]
    Malformed {
        /// What the JSON reader says.
        reason: String,
    },
    /// A leaf, but not as this program writes it.
    #[error("the leaf is not written in its only spelling")]
    NotCanonical,
    /// An exact size or duration, which would tell more than a leaf may.
    #[error("the leaf's {field} is exact, not coarse")]
    NotCoarse {
        /// The field's name.
        field: &'static str,
    },
    /// A number that not every reader can keep.
    #[error("the leaf's {field} is out of range")]
    OutOfRange {
        /// The field's name.
        field: &'static str,
    },
}

#[cfg(test)]
mod tests;
