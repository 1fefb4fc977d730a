//! What can go wrong, by who meets it.

use std::io;

use bridge_core::leaf::LeafError;
use bridge_signature::SignError;
use thiserror::Error;

use crate::evidence::SealError;
use crate::note::NoteError;

/// Why the journal isn't opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The size of a segment is out of range.
    #[error("a segment of {bytes} bytes is not between 64 KiB and 1 GiB")]
    SegmentBytes {
        /// What was asked for.
        bytes: u64,
    },
    /// No entry could ever wait for the station.
    #[error("a queue needs at least one place")]
    NoQueue,
    /// The checkpoint key or the origin can't be used.
    #[error("the checkpoint key can't be used")]
    Key(#[source] NoteError),
    /// Another process has the folder.
    #[error("the journal is in use by process {process}")]
    Locked {
        /// Its number, as it has written it.
        process: String,
    },
    /// The folder isn't where the journal was.
    #[error(
        "the journal is not where it was: {0}; if another node still writes it, there would be two logs of one name"
    )]
    Moved(Move),
    /// The folder holds another log, or this log under another key.
    #[error("the folder is the journal {found:?}, not {expected:?}")]
    OtherLog {
        /// The verifier key in the folder.
        found: String,
        /// The verifier key of the origin and key given.
        expected: String,
    },
    /// The files aren't what this journal has written.
    #[error("the journal is damaged")]
    Damaged(#[from] Damage),
    /// A file can't be read.
    #[error("{file} can't be read")]
    Read {
        /// Its path in the folder.
        file: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// Something can't be written or encrypted.
    #[error("the journal can't be made ready")]
    Write(#[from] JournalError),
    /// No thread can be started.
    #[error("no thread for the journal")]
    Thread(#[source] io::Error),
}

/// How it shows that a folder isn't where its journal was.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Move {
    /// The machine is another one.
    #[error("this is another machine")]
    OtherMachine,
    /// The machine is the same, the file another one.
    #[error("this is a copy of its folder")]
    Copied,
    /// The file that would say it is missing or damaged.
    #[error("the file `home` is missing or damaged")]
    NoHome,
}

/// A write, sync or encryption that failed: from then on nothing is accepted.
#[derive(Debug, Error)]
pub enum JournalError {
    /// The outcome of a write is unknown.
    #[error("{doing}, {file}: failed")]
    Disk {
        /// What was being done.
        doing: &'static str,
        /// The path in the folder.
        file: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// No random bytes, or the cipher refused.
    #[error("{doing}: nothing can be encrypted")]
    Seal {
        /// What was being done.
        doing: &'static str,
        /// What the cipher says.
        #[source]
        source: SealError,
    },
    /// A thread of the journal has ended by a fault of this program.
    #[error("the journal's {thread} has ended unexpectedly")]
    Ended {
        /// Which thread.
        thread: &'static str,
    },
}

/// Why a log can't be put under another evidence key.
#[derive(Debug, Error)]
pub enum RewrapError {
    /// The system refuses.
    #[error("{file}")]
    Disk {
        /// The file.
        file: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A process writes the log.
    #[error("the journal is in use by another process")]
    Locked,
    /// Neither the old key nor the new one opens a file.
    #[error("{file}: neither the old evidence key nor the new one opens it")]
    NotOpened {
        /// The file.
        file: String,
    },
    /// A key can't be used.
    #[error("an evidence key can't be used")]
    Key,
}

/// Why an entry isn't in the journal, or may not be.
#[derive(Debug, Error)]
pub enum RecordError {
    /// The journal is closed or has failed: the entry was not accepted.
    #[error("the journal accepts nothing any more")]
    Stopped,
    /// The journal failed with the entry in its hands: whether it is recorded, the next start will say.
    #[error("the journal has failed; whether the entry is recorded is unknown")]
    Unknown,
    /// The leaf can't be written.
    #[error("the leaf can't be written")]
    Leaf(#[source] LeafError),
    /// The message can't be signed.
    #[error("the message can't be signed")]
    Sign(#[source] SignError),
    /// The record doesn't fit a segment.
    #[error("a record of {needed} bytes doesn't fit a segment with room for {room}")]
    TooLarge {
        /// Bytes of the record's frame.
        needed: usize,
        /// Bytes an empty segment has for frames.
        room: usize,
    },
    /// Both a base to sign and a received message were given: evidence is of one message.
    #[error("an entry holds either a message to sign or a received one")]
    TwoMessages,
    /// Evidence is to be kept, but there is no message.
    #[error("an entry with evidence needs a signature base and a signature")]
    NoMessage,
    /// The secrets or the ciphertext of the record can't be made.
    #[error("the record can't be encrypted")]
    Seal(#[source] SealError),
}

/// Why something can't be read back.
#[derive(Debug, Error)]
pub enum ReadError {
    /// What was read isn't what was written.
    #[error("the journal is damaged")]
    Damaged(#[from] Damage),
    /// A file can't be read.
    #[error("{file} can't be read")]
    Disk {
        /// Its path in the folder.
        file: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

/// The journal could not be closed in order; the next start recovers it.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the journal has failed before it was closed")]
pub struct CloseError;

/// Why a cosigned checkpoint isn't kept. The journal goes on.
#[derive(Debug, Error)]
pub enum CosignedError {
    /// It isn't a checkpoint of this log.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The file can't be written.
    #[error("the cosigned checkpoint can't be written")]
    Write(#[source] io::Error),
}

/// Why it can't be said which exchanges have not ended.
#[derive(Debug, Error)]
pub enum UnfinishedError {
    /// The journal has ended.
    #[error("the journal has ended")]
    Ended,
    /// The leaves that began them can't be read.
    #[error(transparent)]
    Read(ReadError),
}

/// A place in a file that isn't as the journal writes it.
#[derive(Debug, Error)]
#[error("{file}{}: {fault}", offset.map(|at| format!(" at byte {at}")).unwrap_or_default())]
pub struct Damage {
    /// The path in the folder.
    pub file: String,
    /// Where in the file, if that is known.
    pub offset: Option<u64>,
    /// What is wrong there.
    pub fault: Fault,
}

/// What is wrong with a file.
#[derive(Debug, Error)]
pub enum Fault {
    /// The file isn't there.
    #[error("the file is missing")]
    Missing,
    /// A file that is there would have to follow `origin`, which isn't.
    #[error("the file `origin` is missing beside segments")]
    NoOrigin,
    /// The segment's header isn't one, or is of another log or place.
    #[error("the header is not that of this segment")]
    Header,
    /// The segment doesn't begin where the one before ends.
    #[error("the segment does not continue the one before: leaf {expected} would be first")]
    Gap {
        /// The leaf it should begin with.
        expected: u64,
    },
    /// The segment names another last commit than the segment before has.
    #[error("the segment does not continue the commit before")]
    Chain,
    /// A segment that others follow has bytes that no commit covers.
    #[error("bytes that no commit covers, in a segment that is not the last")]
    NotSealed,
    /// A commit stands behind bytes that are not the frames it needs before it.
    #[error("a later commit, at byte {commit}, stands behind changed or lost bytes")]
    LostBeforeCommit {
        /// Where the later commit begins.
        commit: u64,
    },
    /// Something stands behind the seal.
    #[error("bytes behind the seal")]
    BehindSeal,
    /// A segment without leaves is sealed.
    #[error("a segment without leaves is sealed")]
    SealedEmpty,
    /// A batch mixes what stands alone.
    #[error("a checkpoint or seal stands in a batch with others")]
    Mixed,
    /// Bytes under a commit aren't a leaf.
    #[error("not a leaf: {0}")]
    Leaf(#[source] LeafError),
    /// A leaf is older than the one before.
    #[error("a leaf is older than the one before")]
    TimeWentBack,
    /// A checkpoint isn't one of this log.
    #[error("not a checkpoint: {0}")]
    Note(#[source] NoteError),
    /// A checkpoint has another root than the tree of that size.
    #[error("the checkpoint of size {size} does not fit the tree")]
    CheckpointRoot {
        /// The size it states.
        size: u64,
    },
    /// The tree is smaller than a signed checkpoint.
    #[error("the checkpoint has {checkpoint} leaves, the tree only {tree}")]
    Rollback {
        /// Leaves in the checkpoint.
        checkpoint: u64,
        /// Leaves in the tree.
        tree: u64,
    },
    /// The index isn't whole, or not of this segment.
    #[error("the index is not that of its segment")]
    Index,
    /// The index isn't the one whose digest is a leaf.
    #[error("the index has another digest than its leaf states")]
    IndexDigest,
    /// The key of a segment that isn't sealed yet is missing.
    #[error("the segment's key is missing")]
    NoKey,
    /// The file's key or a secret can't be opened with this evidence key.
    #[error("can't be opened with this evidence key: {0}")]
    Secret(#[source] SealError),
    /// The leaves don't give the hash that the tree has.
    #[error(
        "the leaves under this tile give another hash than the tree has: a segment is changed or lost"
    )]
    Leaves,
    /// The tile isn't whole.
    #[error("the tile is not whole")]
    Tile,
    /// A leaf isn't the one in the tree.
    #[error("leaf {index} is not the one in the tree")]
    LeafHash {
        /// The leaf's index.
        index: u64,
    },
    /// Evidence isn't what the leaf commits to.
    #[error("the evidence of leaf {index} is not what the leaf commits to: {source}")]
    Evidence {
        /// The leaf's index.
        index: u64,
        /// What the cipher or the commitment says.
        #[source]
        source: SealError,
    },
}

impl Damage {
    pub(crate) fn new(file: impl Into<String>, fault: Fault) -> Self {
        Self {
            file: file.into(),
            offset: None,
            fault,
        }
    }

    pub(crate) fn at(file: impl Into<String>, offset: usize, fault: Fault) -> Self {
        Self {
            file: file.into(),
            offset: Some(offset as u64),
            fault,
        }
    }
}

impl JournalError {
    /// Makes the error of a failed write: `.map_err(JournalError::disk("…", &path))`.
    pub(crate) fn disk(doing: &'static str, file: &str) -> impl FnOnce(io::Error) -> Self {
        let file = file.to_owned();
        move |source| Self::Disk {
            doing,
            file,
            source,
        }
    }
}

impl ReadError {
    /// Makes the error of a failed read.
    pub(crate) fn disk(file: &str) -> impl FnOnce(io::Error) -> Self {
        let file = file.to_owned();
        move |source| Self::Disk { file, source }
    }
}

impl OpenError {
    /// Makes the error of a failed read at start.
    pub(crate) fn read(file: &str) -> impl FnOnce(io::Error) -> Self {
        let file = file.to_owned();
        move |source| Self::Read { file, source }
    }
}

impl From<ReadError> for OpenError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Damaged(damage) => Self::Damaged(damage),
            ReadError::Disk { file, source } => Self::Read { file, source },
        }
    }
}
