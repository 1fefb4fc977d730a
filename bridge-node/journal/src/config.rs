//! What a journal is opened with.

use std::path::PathBuf;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::error::{JournalError, OpenError};

/// The default size of a segment: about 20,000 leaves with 3 KiB of evidence each.
pub const SEGMENT_BYTES: u64 = 64 * 1024 * 1024;

/// The smallest segment: header, one checkpoint under the longest origin, and room for leaves.
pub const SMALLEST_SEGMENT_BYTES: u64 = 64 * 1024;

/// The largest segment: it is read whole at start, and offsets in it are 32 bits.
pub const LARGEST_SEGMENT_BYTES: u64 = 1024 * 1024 * 1024;

/// The default time between checkpoints while anything is new.
pub const CHECKPOINT_EVERY: Duration = Duration::from_secs(1);

/// The default number of entries that may wait for the station.
pub const QUEUE: usize = 1024;

/// The largest body kept as evidence; with a larger one the leaf says `digest`.
pub const EVIDENCE_BODY_BYTES: usize = 1024 * 1024;

/// Where a journal is and how it works.
#[derive(Clone, Debug)]
pub struct JournalConfig {
    /// The journal folder; made if absent.
    pub folder: PathBuf,
    /// The log's name: `{domain}/{instance}/{class}/{member}/{node}/{epoch}`.
    pub origin: String,
    /// The size of a segment, [`SMALLEST_SEGMENT_BYTES`] to [`LARGEST_SEGMENT_BYTES`].
    pub segment_bytes: u64,
    /// The longest time that a leaf stays without a checkpoint over it.
    pub checkpoint_every: Duration,
    /// How many entries may wait for the station, at least one; further callers wait for a place.
    pub queue: usize,
    /// The operator's word that a folder which isn't where its journal was is the only one of it.
    pub moved: bool,
}

impl JournalConfig {
    /// Names folder and origin; all else is as the defaults say.
    pub fn new(folder: impl Into<PathBuf>, origin: impl Into<String>) -> Self {
        Self {
            folder: folder.into(),
            origin: origin.into(),
            segment_bytes: SEGMENT_BYTES,
            checkpoint_every: CHECKPOINT_EVERY,
            queue: QUEUE,
            moved: false,
        }
    }

    pub(crate) fn check(&self) -> Result<(), OpenError> {
        let bytes = self.segment_bytes;
        if !(SMALLEST_SEGMENT_BYTES..=LARGEST_SEGMENT_BYTES).contains(&bytes) {
            return Err(OpenError::SegmentBytes { bytes });
        }
        if self.queue == 0 {
            return Err(OpenError::NoQueue);
        }
        Ok(())
    }
}

/// The journal's own keys. The key that signs messages is a [`bridge_signature::Signer`].
pub struct JournalKeys {
    /// The Ed25519 key that signs checkpoints, PKCS#8.
    pub checkpoint_pkcs8: Zeroizing<Vec<u8>>,
    /// The key under which all evidence is encrypted, by way of segment keys and secrets files.
    pub evidence: Zeroizing<[u8; 32]>,
}

impl std::fmt::Debug for JournalKeys {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("JournalKeys([redacted])")
    }
}

/// Is called once, on the station's thread, when a write or sync failed: the process should end.
///
/// Those who wait get their error when it returns.
pub type OnFatal = Box<dyn Fn(&JournalError) + Send>;
