//! What is known of peers' logs, across starts: one small file, `receipts`, in the data folder.
//!
//! Nothing in it is believed beyond what its writer could do anyway: notes are opened with the directory's keys, and where
//! reading goes on only says what is looked at again.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::ledger::{Ledger, Log};
use crate::durable::{Rights, replace};

/// What is kept.
#[derive(Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    v: u32,
    /// This node's own log, whose leaves are counted below.
    origin: String,
    next: u64,
    told: u64,
    /// The newest checkpoint seen of each log.
    seen: BTreeMap<String, String>,
}

const VERSION: u32 = 1;
const FILE: &str = "receipts";

/// Reads it. A file that is missing or not readable is begun anew: every receipt is looked up again.
pub(super) fn read(folder: &Path, origin: &str, size: u64) -> Ledger {
    let path = folder.join(FILE);
    let read = std::fs::read(&path);
    let file = match read.as_deref().map(serde_json::from_slice::<File>) {
        Ok(Ok(file)) if file.v == VERSION => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ledger::default(),
        _ => {
            tracing::warn!(file = %path.display(), "what was known of peers' logs is lost; all receipts are looked up again");
            return Ledger::default();
        }
    };
    // A journal that begins anew has other leaves under the same indexes.
    let same = file.origin == origin && file.next <= size;
    let with_note = |(origin, note)| {
        let log = Log {
            seen: Some(note),
            ..Log::default()
        };
        (origin, log)
    };
    Ledger {
        next: if same { file.next } else { 0 },
        told: if same { file.told } else { 0 },
        logs: file.seen.into_iter().map(with_note).collect(),
    }
}

// === impl File ===

impl File {
    /// What of a ledger is kept.
    pub(super) fn of(origin: &str, ledger: &Ledger) -> Self {
        let seen = ledger.logs.iter();
        let seen = seen.filter_map(|(origin, log)| Some((origin.clone(), log.seen.clone()?)));
        Self {
            v: VERSION,
            origin: origin.to_owned(),
            next: ledger.unproven_from(),
            told: ledger.told,
            seen: seen.collect(),
        }
    }

    /// Writes it, whole or not at all, and waits for the disk: call it where blocking is allowed.
    pub(super) fn write(&self, folder: &Path) -> std::io::Result<()> {
        // crash here: the file before stands, and what it does not know is looked up again.
        let text = serde_json::to_vec(self)?;
        replace(&folder.join(FILE), &text, Rights::Usual)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_a_new_journal_begins_at_its_first_leaf() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        assert_eq!(read(folder, "own/1", 50).next, 0);
        let mut ledger = Ledger {
            next: 40,
            told: 30,
            ..Ledger::default()
        };
        let seen = Some("note".to_owned());
        ledger.logs.entry("peer/1".to_owned()).or_default().seen = seen.clone();
        File::of("own/1", &ledger).write(folder).unwrap();
        let again = read(folder, "own/1", 50);
        assert_eq!((again.next, again.told), (40, 30));
        assert_eq!(again.logs["peer/1"].seen, seen);
        for (origin, size) in [("own/2", 50), ("own/1", 39)] {
            let other = read(folder, origin, size);
            assert_eq!((other.next, other.told), (0, 0), "{origin} {size}");
            assert_eq!(other.logs["peer/1"].seen, seen, "what a peer signed stays");
        }
        std::fs::write(folder.join(FILE), "{").unwrap();
        assert_eq!(read(folder, "own/1", 50).next, 0);
    }
}
