//! This node as a witness of other nodes' journals: it cosigns a checkpoint only if it continues the one before.
//!
//! The size and root of each log are durable before a cosignature over them leaves. Two checkpoints of one log that
//! can't be of one tree are kept as proof.
//!
//! Standard: C2SP tlog-witness.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bridge_journal::{Checkpoint, Verifier, WitnessKey, note_text};
use bridge_verify::is_consistent;
use bytes::Bytes;
use ring::digest::{SHA256, digest};

use crate::epochs::{Statement, number_of, prefix_of};
use crate::per_minute::PerMinute;

mod answer;
mod shelf;
mod submission;

pub use answer::{CLOSED, answer};
pub use shelf::{Fork, Head, Shelf, origin_hash};
pub use submission::{Submission, decimal};

/// The witness of a node.
#[derive(Debug)]
pub struct Witness {
    /// None if the node has no witness key: then it witnesses nothing.
    key: Option<WitnessKey>,
    folder: PathBuf,
    /// What was cosigned last, by origin; read from the shelf when it is first asked for.
    logs: Mutex<HashMap<String, Arc<Mutex<Option<Head>>>>>,
    forked: Mutex<BTreeSet<String>>,
    /// The latest epoch of each node that was told here, by the origin without its number; read when it is asked for.
    epochs: Mutex<Epochs>,
    /// Submissions of members.
    pub submitted: PerMinute,
    cosigned: AtomicU64,
}

type Epochs = HashMap<String, Option<Statement>>;

/// What becomes of a submission.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The signature line.
    Cosigned(String),
    /// It is not written as it should be.
    Malformed,
    /// No key of the log has signed it.
    NotSigned,
    /// It doesn't continue what was cosigned last, whose size this is.
    Conflict(u64),
    /// Its proof or root can't be.
    Inconsistent,
}

// === impl Witness ===

impl Witness {
    /// Reads which forks were met. `per_minute` submissions of one member are looked at.
    ///
    /// # Errors
    ///
    /// Whatever the system says.
    pub fn open(key: Option<WitnessKey>, folder: &Path, per_minute: u64) -> io::Result<Self> {
        let mut forked = BTreeSet::new();
        for shelf in Shelf::all(folder)? {
            if let Some(fork) = shelf.fork()?
                && let Ok(log) = Verifier::parse(&fork.vkey)
            {
                forked.insert(log.origin().to_owned());
            }
        }
        Ok(Self {
            key,
            folder: folder.to_owned(),
            logs: Mutex::default(),
            forked: Mutex::new(forked),
            epochs: Mutex::default(),
            submitted: PerMinute::new(per_minute),
            cosigned: AtomicU64::new(0),
        })
    }

    /// The verifier key of its cosignatures.
    pub fn vkey(&self) -> Option<String> {
        self.key.as_ref().map(|key| key.public().vkey())
    }

    /// The logs that it saw fork.
    pub fn forked(&self) -> Vec<String> {
        lock(&self.forked).iter().cloned().collect()
    }

    /// Cosignatures given since the start.
    pub fn cosigned(&self) -> u64 {
        self.cosigned.load(Ordering::Relaxed)
    }

    /// Judges a submission of a log, and keeps what it says if it is cosigned. Returns a fork if it shows one for the
    /// first time. `own` says that the log's own node sent it: only its proofs can be held against it.
    ///
    /// It writes files: call it where blocking is allowed.
    ///
    /// # Errors
    ///
    /// Whatever the system says: nothing is cosigned then.
    pub fn judge(
        &self,
        log: &Verifier,
        submission: &Submission,
        (now_s, own): (u64, bool),
    ) -> io::Result<(Verdict, Option<Fork>)> {
        let Some(key) = &self.key else {
            return Ok((Verdict::Malformed, None));
        };
        let checkpoint = match log.open(&submission.note) {
            Ok(checkpoint) => checkpoint,
            Err(bridge_journal::NoteError::Signature) => return Ok((Verdict::NotSigned, None)),
            Err(_) => return Ok((Verdict::Malformed, None)),
        };
        if submission.old > checkpoint.size {
            return Ok((Verdict::Malformed, None));
        }
        let kept = Shelf::of(&self.folder, log.origin());
        let place = Arc::clone(lock(&self.logs).entry(log.origin().to_owned()).or_default());
        // Nothing else of this log is looked at until this is durable.
        let mut held = lock(&place);
        if held.is_none() {
            *held = kept.head(log)?;
        }
        let before = held.as_ref().map_or(EMPTY, |(checkpoint, _)| *checkpoint);
        let verdict = against(&before, submission, &checkpoint);
        let two_roots = before.size == checkpoint.size && before.root != checkpoint.root;
        let forks =
            before.size > 0 && (two_roots || (own && verdict == Some(Verdict::Inconsistent)));
        if let Some((_, held)) = held.as_ref().filter(|_| forks) {
            let fork = Fork {
                held: held.clone(),
                offered: submission.note.clone(),
                submission: submission.write(),
                vkey: log.vkey(),
            };
            let first = kept.keep_fork(&fork)?;
            lock(&self.forked).insert(log.origin().to_owned());
            let verdict = verdict.unwrap_or(Verdict::Inconsistent);
            return Ok((verdict, first.then_some(fork)));
        }
        if let Some(verdict) = verdict {
            return Ok((verdict, None));
        }
        let invalid = |error| io::Error::new(io::ErrorKind::InvalidData, error);
        let line = key.cosign(note_text(&submission.note).map_err(invalid)?, now_s);
        let note = log.alone(&submission.note).map_err(invalid)? + &line;
        kept.keep_head(note.as_bytes())?;
        *held = Some((checkpoint, Bytes::from(note)));
        self.cosigned.fetch_add(1, Ordering::Relaxed);
        Ok((Verdict::Cosigned(line), None))
    }

    /// The newest cosigned checkpoint of a log, as a note with both signatures.
    ///
    /// # Errors
    ///
    /// Whatever the system says.
    pub fn head(&self, log: &Verifier) -> io::Result<Option<Head>> {
        Shelf::of(&self.folder, log.origin()).head(log)
    }
}

impl Witness {
    /// The latest log of a node: the one that the directory lists, or a later one that was told here.
    ///
    /// # Errors
    ///
    /// Whatever the system says.
    pub fn latest(&self, listed: Verifier) -> io::Result<Verifier> {
        let told = self.told(&mut lock(&self.epochs), prefix_of(listed.origin()))?;
        let told = told.and_then(|statement| Verifier::parse(&statement.key).ok());
        let later = |told: &Verifier| number_of(told.origin()) > number_of(listed.origin());
        Ok(told.filter(later).unwrap_or(listed))
    }

    /// Takes a statement that was held against the directory, unless another of the same or a later epoch was taken;
    /// durable when it returns. Says whether this is the one that counts now.
    ///
    /// # Errors
    ///
    /// Whatever the system says.
    pub fn begin(
        &self,
        listed: &Verifier,
        log: &Verifier,
        statement: &Statement,
    ) -> io::Result<bool> {
        let prefix = prefix_of(log.origin());
        // Of two that come at once one is second.
        let mut epochs = lock(&self.epochs);
        let told = self.told(&mut epochs, prefix)?;
        if told.as_ref().is_some_and(|told| told.key == statement.key) {
            return Ok(true);
        }
        let number = number_of(log.origin());
        let told = told.and_then(|told| Verifier::parse(&told.key).ok());
        let before = [told.as_ref(), Some(listed)].into_iter().flatten();
        if before.map(|log| number_of(log.origin())).max() >= Some(number) {
            return Ok(false);
        }
        Shelf::of(&self.folder, prefix).keep_epoch(&statement.write())?;
        epochs.insert(prefix.to_owned(), Some(statement.clone()));
        Ok(true)
    }

    fn told(&self, epochs: &mut Epochs, prefix: &str) -> io::Result<Option<Statement>> {
        if let Some(told) = epochs.get(prefix) {
            return Ok(told.clone());
        }
        let kept = Shelf::of(&self.folder, prefix).epoch()?;
        let invalid = |error| io::Error::new(io::ErrorKind::InvalidData, error);
        let told = kept.map(|bytes| Statement::parse(&bytes).map_err(invalid));
        let told = told.transpose()?;
        epochs.insert(prefix.to_owned(), told.clone());
        Ok(told)
    }
}

/// What is wrong with a checkpoint after the one before; `None` if it is to be cosigned.
fn against(before: &Checkpoint, submission: &Submission, new: &Checkpoint) -> Option<Verdict> {
    if submission.old != before.size {
        return Some(Verdict::Conflict(before.size));
    }
    let empty = digest(&SHA256, &[]);
    let (old, proof) = ((before.size, &before.root), &submission.proof);
    if before.size == 0 {
        // A tree without leaves is the beginning of any, without a proof.
        let possible = new.size > 0 || new.root == empty.as_ref();
        return (!possible || !proof.is_empty()).then_some(Verdict::Inconsistent);
    }
    let continues = is_consistent(old, (new.size, &new.root), proof);
    (!continues).then_some(Verdict::Inconsistent)
}

/// Nothing was cosigned yet.
const EMPTY: Checkpoint = Checkpoint {
    size: 0,
    root: [0; 32],
};

/// What is behind each lock is whole between any two statements.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
