//! Epochs of a journal: one log follows another where the first may not be gone on with.
//!
//! A log of which an older or another head may exist elsewhere is closed for ever; a new one with a new name and a new
//! key begins, so that no two heads are ever signed under one name, and exchanges go on. `data/journal` is the current
//! log, `data/epochs/N` are those before it.

use std::collections::BTreeSet;
use std::fs;
use std::io::{
    self,
    ErrorKind::{InvalidData, NotADirectory, NotFound},
};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bridge_certs::KeyFileError;
use bridge_core::leaf::{Kind, Leaf, Side, UnixMillis};
use bridge_core::quota::Begun;
use bridge_journal::{Disk as _, Filter, FolderDisk, Hit, Journal, Past, ReadError, Shown};
use ring::rand::SystemRandom;
use ring::signature::Ed25519KeyPair;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::durable::{Rights, make_folder, replace, sync_folder};
use crate::settings::Settings;
use crate::witness::decimal;

mod begin;
mod examine;
mod statement;

pub use begin::{EPOCH, begin, own_statement};
pub use examine::{Doubt, examine};
pub use statement::{Statement, StatementFault, number_of, prefix_of};

/// All that was journaled, over every epoch that is here.
#[derive(Debug, Clone)]
pub struct History {
    /// Closed logs, oldest first.
    pub past: Arc<[Past]>,
    /// The current one.
    pub journal: Journal,
}

/// Why a log cannot be closed and the next begun.
#[derive(Debug, thiserror::Error)]
pub enum EpochError {
    /// The system refuses.
    #[error("{0}")]
    Io(String, #[source] io::Error),
    /// Another process writes the journal.
    #[error("the journal is in use by another process")]
    Locked,
    /// A closed log can't be read.
    #[error("{0}: the closed log can't be read")]
    Unreadable(String, #[source] bridge_journal::OpenError),
    /// No key can be made.
    #[error("the key of the next epoch can't be made")]
    Key(#[source] Option<KeyFileError>),
}

const JOURNAL: &str = "journal";
const EPOCHS: &str = "epochs";
/// The file beside the closed logs with the number of the log that follows them.
const NEXT: &str = "next";

/// The folder of the current log.
pub fn journal_folder(settings: &Settings) -> PathBuf {
    settings.data_folder.join(JOURNAL)
}

/// The folder of the closed logs.
pub fn epochs_folder(data: &Path) -> PathBuf {
    data.join(EPOCHS)
}

/// The number of the current log: that of the folder, or the one after the last that was closed, or 1.
///
/// # Errors
///
/// Whatever the system says.
pub fn current(settings: &Settings) -> io::Result<u64> {
    if let Some(number) = number_in(&journal_folder(settings))? {
        return Ok(number);
    }
    let path = epochs_folder(&settings.data_folder).join(NEXT);
    match fs::read_to_string(&path) {
        Ok(text) => return decimal(text.trim_end()).ok_or_else(|| no_number(&path)),
        Err(error) if matches!(error.kind(), NotFound | NotADirectory) => {}
        // A guess could be the number of a log that has begun already.
        Err(error) => return Err(error),
    }
    let closed = closed(&settings.data_folder)?;
    let last = closed.last();
    Ok(last.map_or(1, |(number, _)| number.saturating_add(1)))
}

/// The logs that were closed, oldest first.
///
/// # Errors
///
/// Whatever the system says.
pub fn closed(data: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let entries = match fs::read_dir(epochs_folder(data)) {
        // Where there is no data folder yet, or something else in its place, there are no closed logs.
        Err(error) if matches!(error.kind(), NotFound | NotADirectory) => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut list = Vec::new();
    for entry in entries {
        let entry = entry?;
        if let Some(number) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        {
            list.push((number, entry.path()));
        }
    }
    list.sort();
    Ok(list)
}

fn no_number(path: &Path) -> io::Error {
    let why = format!("{}: not the number of an epoch", path.display());
    io::Error::new(InvalidData, why)
}

/// Opens the closed logs, oldest first: stops, quotas and replays stand in them, so none may be left out.
///
/// # Errors
///
/// [`EpochError::Io`], [`EpochError::Unreadable`]
pub fn open_closed(data: &Path, evidence: &Zeroizing<[u8; 32]>) -> Result<Arc<[Past]>, EpochError> {
    let list = closed(data)
        .map_err(|error| EpochError::Io(epochs_folder(data).display().to_string(), error))?;
    let open = |(_, folder): (u64, PathBuf)| {
        let opened = Past::open(&folder, evidence.clone());
        opened.map_err(|error| EpochError::Unreadable(folder.display().to_string(), error))
    };
    list.into_iter().map(open).collect()
}

/// The file, in the keys folder, of the key that signs a log's checkpoints.
pub fn key_file(epoch: u64) -> String {
    match epoch {
        0 | 1 => "journal.key".to_owned(),
        later => format!("journal-{later}.key"),
    }
}

/// Closes the current log for ever: its folder goes to the others, and the next one has a key. Returns its number.
///
/// # Errors
///
/// [`EpochError`]; then the log is as it was.
pub fn close(settings: &Settings) -> Result<u64, EpochError> {
    let folder = journal_folder(settings);
    let failed = |path: &Path| {
        let path = path.display().to_string();
        move |error| EpochError::Io(path, error)
    };
    let number = current(settings).map_err(failed(&folder))?;
    let disk = FolderDisk::new(&folder).map_err(failed(&folder))?;
    let _lock = disk
        .lock()
        .map_err(failed(&folder))?
        .ok_or(EpochError::Locked)?;
    let data = &settings.data_folder;
    let epochs = epochs_folder(data);
    let next = next_key(settings, number.saturating_add(1), &epochs)?;
    let target = epochs.join(number.to_string());
    // crash here: the log is where it was, and a key is there that nothing uses yet.
    let moved = fs::rename(&folder, &target);
    // crash here: the log is closed or not; the next start finds out and goes on.
    let durable = moved.and_then(|()| sync_folder(&epochs));
    let durable = durable.and_then(|()| sync_folder(data));
    durable.map_err(failed(&target))?;
    Ok(next)
}

/// Makes the key of an epoch, at least of this number; returns its number, which a log without a folder has once
/// `epochs` is the folder of the closed ones. A key that is there may have signed a log that is lost: it is never used
/// again.
///
/// # Errors
///
/// [`EpochError`]
pub fn next_key(settings: &Settings, at_least: u64, epochs: &Path) -> Result<u64, EpochError> {
    let free = |number: &u64| !settings.keys.path(&key_file(*number)).exists();
    let number = (at_least..u64::MAX).find(free).unwrap_or(u64::MAX);
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
        .map_err(|_unspecified| EpochError::Key(None))?;
    settings
        .keys
        .write_private(&key_file(number), pkcs8.as_ref())
        .map_err(|error| EpochError::Key(Some(error)))?;
    // crash here: the log is where it was; a number is left out when the next is closed.
    let (path, text) = (epochs.join(NEXT), format!("{number}\n"));
    make_folder(epochs)
        .and_then(|()| replace(&path, text.as_bytes(), Rights::Usual))
        .map_err(|error| EpochError::Io(path.display().to_string(), error))?;
    Ok(number)
}

/// The epoch of the log in a folder, as its file `origin` says. A folder without segments has no log yet: power may have failed
/// in its first start, before the file was durable.
fn number_in(folder: &Path) -> io::Result<Option<u64>> {
    let origin = folder.join("origin");
    let missing = match fs::read_to_string(&origin) {
        Ok(text) => return Ok(text.lines().next().and_then(number_of)),
        Err(error) => error,
    };
    let segments = match fs::read_dir(folder.join("segments")) {
        Ok(segments) => segments,
        // What is there instead of a journal, its opening will say.
        Err(error) if matches!(error.kind(), NotFound | NotADirectory) => return Ok(None),
        Err(error) => return Err(error),
    };
    for entry in segments {
        if Path::new(&entry?.file_name()).extension() == Some("segment".as_ref()) {
            let what = format!("{}: {missing}", origin.display());
            return Err(io::Error::new(missing.kind(), what));
        }
    }
    Ok(None)
}

// === impl History ===

impl History {
    /// Puts the current log behind the closed ones.
    pub fn new(past: Arc<[Past]>, journal: &Journal) -> Self {
        let journal = journal.clone();
        Self { past, journal }
    }

    /// Finds leaves, newest first, each with the name of its log.
    ///
    /// # Errors
    ///
    /// [`ReadError`]
    pub fn search(&self, filter: &Filter) -> Result<Vec<(String, Hit)>, ReadError> {
        let named = |origin: &str, hits: Vec<Hit>| {
            let origin = origin.to_owned();
            hits.into_iter().map(move |hit| (origin.clone(), hit))
        };
        let journal = &self.journal;
        let mut hits: Vec<_> = named(journal.origin(), journal.search(filter)?).collect();
        for past in self.past.iter().rev() {
            hits.extend(named(past.origin(), past.search(filter)?));
        }
        hits.truncate(filter.limit.unwrap_or(usize::MAX));
        Ok(hits)
    }

    /// Shows the leaves that fit, newest first, whatever their number.
    ///
    /// # Errors
    ///
    /// [`ReadError`]
    pub fn each_hit(&self, filter: &Filter, see: &mut dyn FnMut(Hit)) -> Result<(), ReadError> {
        self.journal.each_hit(filter, see)?;
        let mut past = self.past.iter().rev();
        past.try_for_each(|past| past.each_hit(filter, see))
    }

    /// Shows the records of an exchange, oldest first, each with the name of its log.
    ///
    /// # Errors
    ///
    /// [`ReadError`]
    pub fn show(&self, request_id: Uuid) -> Result<Vec<(String, Shown)>, ReadError> {
        let mut shown = Vec::new();
        for past in self.past.iter() {
            let records = past.show(request_id)?.into_iter();
            shown.extend(records.map(|record| (past.origin().to_owned(), record)));
        }
        let records = self.journal.show(request_id)?.into_iter();
        shown.extend(records.map(|record| (self.journal.origin().to_owned(), record)));
        Ok(shown)
    }

    /// Shows the leaves not older than a time, oldest first.
    ///
    /// # Errors
    ///
    /// [`ReadError`]
    pub fn each_leaf_since(
        &self,
        since: UnixMillis,
        see: &mut dyn FnMut(&Leaf),
    ) -> Result<(), ReadError> {
        for past in self.past.iter() {
            past.each_leaf_since(since, &mut |_, leaf| see(leaf))?;
        }
        self.journal
            .each_leaf_since(since, &mut |_, leaf| see(leaf))
    }

    /// Tells of the allowed exchanges that began since the full hour of a time.
    ///
    /// # Errors
    ///
    /// [`ReadError`]
    pub fn each_begun_since(
        &self,
        since: UnixMillis,
        tell: &mut dyn FnMut(&Begun<'_>, UnixMillis, u64),
    ) -> Result<(), ReadError> {
        for past in self.past.iter() {
            past.each_begun_since(since, tell)?;
        }
        self.journal.each_begun_since(since, tell).map(drop)
    }

    /// Exchanges that began in the log before, and that neither it nor the current one has ended.
    ///
    /// # Errors
    ///
    /// [`ReadError`]
    pub fn left_open(&self) -> Result<Vec<(Uuid, Side, Leaf)>, ReadError> {
        let Some(past) = self.past.last() else {
            return Ok(Vec::new());
        };
        let mut open = past.unfinished()?;
        if open.is_empty() {
            return Ok(open);
        }
        // The last start may have ended some.
        let ended = self.journal.search(&Filter {
            kind: Some(Kind::Interrupted),
            ..Filter::default()
        })?;
        let ended: BTreeSet<_> = ended
            .iter()
            .map(|hit| (hit.leaf.request_id, hit.leaf.side))
            .collect();
        open.retain(|(id, side, _)| !ended.contains(&(Some(*id), Some(*side))));
        Ok(open)
    }

    /// The time of the newest leaf of all logs.
    pub fn newest(&self) -> UnixMillis {
        let past = self.past.iter().map(|past| past.head().newest);
        past.fold(self.journal.head().newest, UnixMillis::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn power_that_fails_in_the_first_start_leaves_a_folder_without_a_log() {
        let folder = tempfile::tempdir().unwrap();
        let segments = folder.path().join("segments");
        assert_eq!(number_in(folder.path()).unwrap(), None);
        fs::create_dir(&segments).unwrap();
        fs::write(segments.join("spare"), [0; 8]).unwrap();
        assert_eq!(number_in(folder.path()).unwrap(), None);
        fs::write(segments.join("00000000000000000000.segment"), [0; 8]).unwrap();
        let error = number_in(folder.path()).unwrap_err().to_string();
        assert!(error.contains("origin: No such file"), "{error}");
    }
}
