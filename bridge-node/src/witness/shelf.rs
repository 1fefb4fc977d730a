//! What a witness keeps of each log, durable before it is told: the newest cosigned note, and a fork if it met one.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use bridge_directory::metadata::hex;
use bridge_journal::{Checkpoint, Verifier};
use bytes::Bytes;
use ring::digest::{SHA256, digest};

use crate::durable::{Rights, make_folder, replace};

/// The folder of one log.
#[derive(Debug, Clone)]
pub struct Shelf {
    folder: PathBuf,
}

/// Two notes by one log that no one log can have signed, with what came with the second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fork {
    /// What was cosigned.
    pub held: Bytes,
    /// What was not.
    pub offered: Bytes,
    /// The whole submission.
    pub submission: Bytes,
    /// The key both are signed with.
    pub vkey: String,
}

/// A note that was cosigned, and what it says.
pub type Head = (Checkpoint, Bytes);

const HEAD: &str = "checkpoint";
const FORK: &str = "fork";
const EPOCH: &str = "epoch";
const PARTS: [&str; 4] = ["held", "offered", "submission", "vkey"];

// === impl Shelf ===

impl Shelf {
    /// Names the folder of a log.
    pub fn of(witness: &Path, origin: &str) -> Self {
        Self {
            folder: witness.join(origin_hash(origin)),
        }
    }

    /// Every log that something is kept of.
    ///
    /// # Errors
    ///
    /// Whatever the system says.
    pub fn all(witness: &Path) -> io::Result<Vec<Self>> {
        let mut shelves = Vec::new();
        for entry in absent_is_none(fs::read_dir(witness))?.into_iter().flatten() {
            shelves.push(Self {
                folder: entry?.path(),
            });
        }
        shelves.sort_by(|a, b| a.folder.cmp(&b.folder));
        Ok(shelves)
    }

    /// The newest note that was cosigned.
    ///
    /// # Errors
    ///
    /// Whatever the system says; [`ErrorKind::InvalidData`] if the note is not one of the log: then nothing may be
    /// cosigned, because what was is not known.
    pub fn head(&self, log: &Verifier) -> io::Result<Option<Head>> {
        let Some(note) = absent_is_none(fs::read(self.folder.join(HEAD)))? else {
            return Ok(None);
        };
        let checkpoint = log
            .open(&note)
            .map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
        Ok(Some((checkpoint, Bytes::from(note))))
    }

    /// Keeps the newest note, durably.
    ///
    /// # Errors
    ///
    /// Whatever the system says; then the one before may stand as well as this one.
    pub fn keep_head(&self, note: &[u8]) -> io::Result<()> {
        self.keep(HEAD, note)
    }

    /// The statement of the latest epoch, on the shelf of an origin without its number.
    ///
    /// # Errors
    ///
    /// Whatever the system says.
    pub fn epoch(&self) -> io::Result<Option<Vec<u8>>> {
        absent_is_none(fs::read(self.folder.join(EPOCH)))
    }

    /// Keeps it, durably.
    ///
    /// # Errors
    ///
    /// Whatever the system says.
    pub fn keep_epoch(&self, statement: &[u8]) -> io::Result<()> {
        self.keep(EPOCH, statement)
    }

    fn keep(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        make_folder(&self.folder)?;
        replace(&self.folder.join(name), bytes, Rights::Usual)
    }

    /// The fork that was met.
    ///
    /// # Errors
    ///
    /// Whatever the system says.
    pub fn fork(&self) -> io::Result<Option<Fork>> {
        let folder = self.folder.join(FORK);
        let mut parts = Vec::new();
        for part in PARTS {
            match absent_is_none(fs::read(folder.join(part)))? {
                Some(bytes) => parts.push(Bytes::from(bytes)),
                None => return Ok(None),
            }
        }
        let Ok([held, offered, submission, vkey]) = <[Bytes; 4]>::try_from(parts) else {
            return Ok(None);
        };
        let vkey = String::from_utf8_lossy(&vkey).trim_end().to_owned();
        Ok(Some(Fork {
            held,
            offered,
            submission,
            vkey,
        }))
    }

    /// Keeps a fork, durably. The first is enough to prove it: says whether this is the first.
    ///
    /// # Errors
    ///
    /// Whatever the system says.
    pub fn keep_fork(&self, fork: &Fork) -> io::Result<bool> {
        if self.fork()?.is_some() {
            return Ok(false);
        }
        let folder = self.folder.join(FORK);
        make_folder(&folder)?;
        for (part, bytes) in fork.parts() {
            replace(&folder.join(part), &bytes, Rights::Usual)?;
        }
        Ok(true)
    }
}

// === impl Fork ===

impl Fork {
    /// Its files by name.
    pub fn parts(&self) -> [(&'static str, Bytes); 4] {
        let [held, offered, submission, vkey] = PARTS;
        [
            (held, self.held.clone()),
            (offered, self.offered.clone()),
            (submission, self.submission.clone()),
            (vkey, Bytes::from(format!("{}\n", self.vkey))),
        ]
    }
}

/// SHA-256 of an origin in lower-case hexadecimal digits, as witnesses name logs.
pub fn origin_hash(origin: &str) -> String {
    hex(digest(&SHA256, origin.as_bytes()).as_ref())
}

fn absent_is_none<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}
