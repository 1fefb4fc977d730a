//! The journal of a node: every message that was signed, received or refused, before anything comes of it.
//!
//! An append-only log that can't be changed unseen: its leaves are the leaves of a Merkle tree whose root is
//! signed every second. `FORMAT.md` beside this crate says what is in its folder, byte by byte, and is all
//! that an independent check needs.
//!
//! The nouns:
//!
//! - a *leaf* holds facts anybody may see; *evidence*, the signed message, lies beside it, encrypted under a
//!   *record secret* of its own, so that it can be made unreadable without touching the log;
//! - the *station* is the one thread that writes: it takes all entries that wait, and one sync makes them
//!   durable together. An entry whose [`Receipt`] was returned survives a cut of power;
//! - a *segment* is the file it writes to; a full one is *sealed*: it gets an *index run*, its tiles and a
//!   secrets file;
//! - a *checkpoint* is a signed statement of the tree's size and root.
//!
//! It is **not** a database: nothing is changed or deleted, and what is searched for is what a leaf says. It
//! doesn't decide what is recorded, doesn't check signatures, and isn't what proves a journal sound: that is
//! `bridge-verify`, which shares no code with it.
//!
//! What may be trusted: segments and checkpoints after their hashes and signatures were checked, as is done
//! from the newest checkpoint's segment on at every start. Whoever can write to the folder can destroy the
//! journal, or cut off what no checkpoint covers, but can't change what one covers without being found out,
//! and can't read evidence without the evidence key. The `cache` folder is believed in nothing.
//!
//! ```
//! use std::sync::Arc;
//!
//! use bridge_core::leaf::{Kind, Leaf, UnixMillis};
//! use bridge_journal::{Entry, Journal, JournalConfig, JournalKeys};
//! use bridge_signature::{Algorithm, FileSigner};
//! use zeroize::Zeroizing;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let new_key = || ring::signature::Ed25519KeyPair::generate_pkcs8(&ring::rand::SystemRandom::new());
//! # let (seal, checkpoints) = (new_key().expect("random"), new_key().expect("random"));
//! let mut config = JournalConfig::new(folder.path(), "exchange.example/AZ/GOV/1001/node-1/1");
//! config.segment_bytes = 1024 * 1024;
//! let keys = JournalKeys {
//!     checkpoint_pkcs8: Zeroizing::new(checkpoints.as_ref().to_vec()),
//!     evidence: Zeroizing::new([7; 32]),
//! };
//! let signer = FileSigner::from_pkcs8(Algorithm::Ed25519, seal.as_ref(), "node-1".to_owned())?;
//! let now = UnixMillis(1_700_000_000_000);
//! let on_fatal = Box::new(|error: &bridge_journal::JournalError| eprintln!("ending: {error}"));
//!
//! let (journal, opened) = Journal::open(config, keys, Arc::new(signer), now, on_fatal)?;
//! assert!(opened.first_start);
//! let receipt = journal.record(Entry::of(Leaf::new(Kind::Administration, now))).await?;
//! assert_eq!((receipt.index, journal.head().size), (0, 1));
//! journal.close().await?;
//! assert!(journal.log_file("checkpoint")?.is_some());
//! # Ok(())
//! # }
//! ```

mod config;
mod entry;
mod error;
mod journal;

mod answers;
mod begins;
mod catalogue;
mod compose;
mod concerned;
mod cosignature;
mod cursor;
mod disk;
mod evidence;
mod frame;
mod home;
mod index;
mod keeper;
mod keys;
mod log_file;
mod log_path;
mod mend;
mod note;
mod open_segment;
mod past;
mod proof;
mod reader;
mod recovery;
mod rests;
mod resume;
mod rewrap;
mod rows;
mod scan;
mod seal;
mod search;
mod segment;
mod shared;
mod stamps;
mod station;
mod tiles;
mod tree;
mod unfinished;

pub use answers::{Answer, PEER_RECEIPT};
pub use concerned::{Page, PageQuery};
pub use config::{
    CHECKPOINT_EVERY, EVIDENCE_BODY_BYTES, JournalConfig, JournalKeys, LARGEST_SEGMENT_BYTES,
    OnFatal, QUEUE, SEGMENT_BYTES, SMALLEST_SEGMENT_BYTES,
};
pub use cosignature::{Witness, WitnessKey};
pub use disk::{Disk, DiskPlace, FolderDisk, SegmentFile};
pub use entry::{
    Entry, Filter, Head, Hit, LinkField, Opened, Receipt, Shown, Signed, Tally, Unsigned,
};
pub use error::{
    CloseError, CosignedError, Damage, Fault, JournalError, Move, OpenError, ReadError,
    RecordError, RewrapError, UnfinishedError,
};
pub use evidence::{Evidence, SealError};
pub use journal::{Journal, Pending};
pub use note::{Checkpoint, NoteError, Verifier, empty_checkpoint, note_text, origin_of, vkey};
pub use past::Past;
pub use proof::{LogTile, Proof, ProofPlan};
pub use rewrap::rewrap;
pub use stamps::{KeptStamp, StampError, imprint};

#[cfg(test)]
mod tests;
