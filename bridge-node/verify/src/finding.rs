//! What a check found: where, what is wrong, and what that means.

use crate::epoch::JointFault;
use crate::evidence::EvidenceFault;
use crate::folder::FolderFault;
use crate::index::IndexFault;
use crate::leaf::LeafFault;
use crate::note::{KeyFault, NoteFault};
use crate::secrets::SecretsFault;
use crate::segment::SegmentFault;
use crate::stamp::StampFault;
use crate::tile::TileFault;

/// One thing that is wrong in a journal folder; its text is one sentence for an auditor.
///
/// Files are named relative to the journal folder; offsets are bytes from the start of the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Finding {
    /// A file or folder as a whole.
    #[error("{file}: {fault}")]
    Folder {
        /// The file or folder.
        file: String,
        /// What is wrong.
        fault: FolderFault,
    },
    /// The verifier key.
    #[error("{file}: {fault}")]
    Key {
        /// The file, or `the given key`.
        file: String,
        /// What is wrong.
        fault: KeyFault,
    },
    /// The header or a frame of a segment.
    #[error("{file}, byte {offset}: {fault}")]
    Segment {
        /// The segment.
        file: String,
        /// Where the frame starts.
        offset: u64,
        /// What is wrong.
        fault: SegmentFault,
    },
    /// A leaf.
    #[error("{file}, byte {offset}, leaf {index}: {fault}")]
    Leaf {
        /// The segment.
        file: String,
        /// Where the leaf's frame starts.
        offset: u64,
        /// The leaf's index in the log.
        index: u64,
        /// What is wrong.
        fault: LeafFault,
    },
    /// What lies encrypted beside a leaf.
    #[error("{file}, byte {offset}, leaf {index}: {fault}")]
    Evidence {
        /// The segment.
        file: String,
        /// Where the leaf's frame starts.
        offset: u64,
        /// The leaf's index in the log.
        index: u64,
        /// What is wrong.
        fault: EvidenceFault,
    },
    /// A checkpoint, in a segment or in the file `checkpoint`.
    #[error("{file}, byte {offset}: {fault}")]
    Checkpoint {
        /// The file.
        file: String,
        /// Where its frame starts; 0 in the file `checkpoint`.
        offset: u64,
        /// What is wrong.
        fault: NoteFault,
    },
    /// What stands between this log and the one before, or the next.
    #[error("the joint of two logs: {0}")]
    Joint(JointFault),
    /// A time-stamp, or the checkpoint beside it.
    #[error("{file}: {fault}")]
    Stamp {
        /// The file.
        file: String,
        /// What is wrong.
        fault: StampFault,
    },
    /// A tile on disk.
    #[error("{file}: {fault}")]
    Tile {
        /// The tile.
        file: String,
        /// What is wrong.
        fault: TileFault,
    },
    /// An index run.
    #[error("{file}, byte {offset}: {fault}")]
    Index {
        /// The index run.
        file: String,
        /// The first wrong byte.
        offset: u64,
        /// What is wrong.
        fault: IndexFault,
    },
    /// A segment key file or a secrets file.
    #[error("{file}, byte {offset}: {fault}")]
    Secrets {
        /// The file.
        file: String,
        /// The first wrong byte.
        offset: u64,
        /// What is wrong.
        fault: SecretsFault,
    },
    /// There is more that is wrong than is listed.
    #[error("and {left_out} more findings that are not listed")]
    More {
        /// How many were left out.
        left_out: u64,
    },
}

/// The findings so far; their number is bounded.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    list: Vec<Finding>,
    left_out: u64,
}

/// A state of the list to go back to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    listed: usize,
    left_out: u64,
}

impl Findings {
    pub(crate) fn push(&mut self, finding: Finding) {
        if self.list.len() < FINDINGS_LIMIT {
            self.list.push(finding);
        } else {
            self.left_out = self.left_out.saturating_add(1);
        }
    }

    pub(crate) fn mark(&self) -> Mark {
        Mark {
            listed: self.list.len(),
            left_out: self.left_out,
        }
    }

    /// Forgets what was found since the mark.
    pub(crate) fn back_to(&mut self, mark: Mark) {
        self.list.truncate(mark.listed);
        self.left_out = mark.left_out;
    }

    pub(crate) fn finish(mut self) -> Vec<Finding> {
        if self.left_out > 0 {
            self.list.push(Finding::More {
                left_out: self.left_out,
            });
        }
        self.list
    }
}

/// How many findings are listed one by one.
pub const FINDINGS_LIMIT: usize = 1000;
