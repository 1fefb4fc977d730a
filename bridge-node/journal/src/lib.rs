//! The journal of a node: an append-only log of leaves, with encrypted evidence beside them.

mod config;
mod entry;
mod error;
mod journal;

mod catalogue;
mod compose;
mod cursor;
mod disk;
mod evidence;
mod frame;
mod index;
mod keeper;
mod keys;
mod log_file;
mod log_path;
mod note;
mod open_segment;
mod reader;
mod recovery;
mod resume;
mod rows;
mod scan;
mod seal;
mod search;
mod segment;
mod shared;
mod station;
mod tiles;
mod tree;
mod unfinished;

pub use config::{
    CHECKPOINT_EVERY, EVIDENCE_BODY_BYTES, JournalConfig, JournalKeys, LARGEST_SEGMENT_BYTES,
    OnFatal, QUEUE, SEGMENT_BYTES, SMALLEST_SEGMENT_BYTES,
};
pub use disk::{Disk, FolderDisk, SegmentFile};
pub use entry::{Entry, Filter, Head, Hit, LinkField, Opened, Receipt, Shown};
pub use error::{CloseError, Damage, Fault, JournalError, OpenError, ReadError, RecordError};
pub use evidence::{Evidence, SealError};
pub use journal::Journal;
pub use note::{NoteError, vkey};

#[cfg(test)]
mod tests;
