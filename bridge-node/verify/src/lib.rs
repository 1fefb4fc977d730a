//! Re-derives a whole journal folder from its files and names everything that is wrong.
//!
//! A journal's *leaves* stand in *segments*; *commits* chain them, *checkpoints* sign the root of the
//! tree over them. This crate reads a folder as `bridge-node/journal/FORMAT.md` describes it and holds
//! every byte that anything depends on against something else: frames and batches against the chain of
//! commits, leaves against their one spelling, roots against the leaves, checkpoints against the key,
//! tiles and index runs against what the leaves give, and, with the evidence key, what lies encrypted
//! beside the leaves against the leaves' commitments. Each difference is a [`Finding`].
//!
//! It is *not* a part of the node: it depends on none of the node's packages, so that a fault of the
//! writer is not repeated here. It repairs nothing, writes nothing and needs no running node. It does
//! not judge the signatures in the evidence, for which certificates are needed, and it can't know
//! whether leaves after the newest checkpoint were rewritten by a holder of the disk.
//!
//! A journal is read once from start to end. Memory does not grow with the journal's length, but with
//! its longest segment. Folders made by an enemy cost time, never a crash.
//!
//! ```
//! let folder = std::path::Path::new("/nowhere");
//! let options = bridge_verify::Options::default();
//! let findings = bridge_verify::verify(folder, &options, &mut |_progress| {}).unwrap_err();
//! assert!(findings[0].to_string().starts_with("origin: it is missing"));
//! ```

use std::path::Path;

mod bytes;
mod epoch;
mod evidence;
mod finding;
mod folder;
mod frame;
mod index;
mod json;
mod leaf;
mod leaves;
mod mirror;
mod note;
mod proof;
mod receipt;
mod reconcile;
mod secrets;
mod segment;
mod stamp;
mod tile;
mod tree;
mod walk;

pub use epoch::{ExchangeKey, Follows, JointFault};
pub use evidence::{EvidenceFault, Opened};
pub use finding::{FINDINGS_LIMIT, Finding};
pub use folder::FolderFault;
pub use index::IndexFault;
pub use json::SyntaxFault;
pub use leaf::LeafFault;
pub use leaves::{Chosen, LeavesFault, LeavesLog, LeavesWriter, read_leaves};
pub use mirror::{Fetch, MirrorError, MirrorFault, MirrorReport, MirrorWriter, verify_mirror};
pub use note::{Checkpoint, Cosigner, KeyFault, LogKey, NoteFault, open_cosigned, open_own};
pub use proof::{Proof, ProofFault, is_consistent, root_of_inclusion};
pub use receipt::{Field, Receipt, ReceiptFault, Shown, Signers, judge};
pub use reconcile::{
    Class, EDGE_MS, Exchange, FieldPair, Plan, ReconcileError, Source, Step, Summary, reconcile,
};
pub use secrets::SecretsFault;
pub use segment::SegmentFault;
pub use stamp::StampFault;
pub use tile::TileFault;

/// What is known of the journal from elsewhere.
#[derive(Clone, Default)]
pub struct Options {
    /// The evidence key; without it evidence stays closed and is only counted.
    pub evidence_key: Option<[u8; 32]>,
    /// The verifier key as the directory lists it. Without it the key in the file `origin` is believed,
    /// which whoever writes the folder can exchange.
    pub vkey: Option<String>,
    /// The witnesses that are known, and how many of them must have cosigned; none of them if nobody is known.
    pub witnesses: Vec<Cosigner>,
    /// How many of them must have cosigned the newest checkpoint that the folder shows as cosigned.
    pub quorum: usize,
    /// The exchange keys of the node; without any, the signature of what the first leaf says of the log before is not checked.
    pub exchange_keys: Vec<ExchangeKey>,
    /// What the first leaf of the next log says of this one.
    pub followed_by: Option<Follows>,
    /// Whether a log lies before this one: then its first leaf must say so.
    pub is_later: bool,
}

impl std::fmt::Debug for Options {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let evidence_key = self.evidence_key.map(|_| "[redacted]");
        formatter
            .debug_struct("Options")
            .field("evidence_key", &evidence_key)
            .field("vkey", &self.vkey)
            .field("witnesses", &self.witnesses)
            .field("quorum", &self.quorum)
            .field("exchange_keys", &self.exchange_keys)
            .field("followed_by", &self.followed_by)
            .field("is_later", &self.is_later)
            .finish()
    }
}

/// What a journal holds that was found to be whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The log's name.
    pub origin: String,
    /// The key by which it was checked.
    pub vkey: String,
    /// Leaves under a commit.
    pub leaves: u64,
    /// Root of the tree over all of them.
    pub root: [u8; 32],
    /// Time of the newest leaf, in Unix milliseconds.
    pub newest_ms: u64,
    /// Segments read.
    pub segments: u64,
    /// Commits in the chain.
    pub commits: u64,
    /// Signed checkpoints in the segments.
    pub checkpoints: u64,
    /// Leaves under the newest of them; the rest is only as safe as the disk.
    pub signed_leaves: u64,
    /// Leaves under the newest checkpoint that is shown as cosigned, in the file `cosigned`.
    pub cosigned_leaves: u64,
    /// Which of the known witnesses cosigned it, each with its time in Unix seconds.
    pub cosigned: Vec<(String, u64)>,
    /// What its first leaf says of the log before, if it follows another.
    pub follows: Option<Follows>,
    /// Time-stamps over those checkpoints whose imprint is right; whether their authorities may be believed is judged elsewhere.
    pub stamps: u64,
    /// Leaves under the newest stamped checkpoint.
    pub stamped_leaves: u64,
    /// Tile files that were compared.
    pub tiles: u64,
    /// Index runs that were derived again and compared.
    pub index_runs: u64,
    /// Records whose evidence was opened and held against its leaf.
    pub evidence_opened: u64,
    /// Records whose evidence was not opened, for want of the evidence key.
    pub evidence_closed: u64,
    /// Records whose secret was erased, as a leaf says.
    pub erased: u64,
    /// Bytes after the last commit that an interrupted write left; the node cuts them at its next start.
    pub uncommitted_bytes: u64,
}

/// What a reader of the leaves is shown, in this order.
#[derive(Debug, Clone, Copy)]
pub enum Seen<'a> {
    /// The log, before its leaves.
    Log {
        /// Its name.
        origin: &'a str,
        /// The key by which it is checked.
        vkey: &'a str,
        /// The published checkpoint, a signed note, and how many leaves it covers.
        published: Option<(&'a [u8], u64)>,
    },
    /// A leaf under a commit.
    Leaf {
        /// Its number in the log.
        index: u64,
        /// Its bytes.
        bytes: &'a [u8],
        /// Its hash in the tree.
        hash: &'a [u8; 32],
        /// Its evidence, if the evidence key was given and opened it; not where it is larger than any node writes.
        evidence: Option<&'a Opened>,
    },
}

/// How far the reading is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Leaves read so far.
    pub leaves: u64,
    /// Bytes of the segments read so far.
    pub bytes: u64,
    /// Bytes of all segments.
    pub bytes_total: u64,
}

/// Re-derives the journal in `folder` and compares everything in it.
///
/// `progress` is called every few megabytes. A folder that a node is writing to may be checked; what the
/// node adds during the check may or may not be seen.
///
/// # Errors
///
/// Everything that is wrong, in the order of the files, at most [`FINDINGS_LIMIT`] and a
/// [`Finding::More`]. Damage that hides where frames start stops the checks of the tree; what follows it
/// is then checked only within itself.
///
/// Standard: RFC 6962 §2.1. Standard: C2SP tlog-tiles. Standard: C2SP signed-note.
pub fn verify(
    folder: &Path,
    options: &Options,
    progress: &mut dyn FnMut(Progress),
) -> Result<Report, Vec<Finding>> {
    walk::run(folder, options, progress, None)
}

/// As [`verify`], and shows each leaf once its commit has been read.
///
/// What is shown was judged as far as it was read: whether the whole journal holds is known only at the end.
///
/// # Errors
///
/// As [`verify`]; after damage not all leaves were shown.
pub fn verify_each(
    folder: &Path,
    options: &Options,
    progress: &mut dyn FnMut(Progress),
    each: &mut dyn FnMut(Seen<'_>),
) -> Result<Report, Vec<Finding>> {
    walk::run(folder, options, progress, Some(each))
}
