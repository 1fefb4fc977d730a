//! The catalogue of segments: a cache that spares reading every index at start.
//!
//! It is never trusted: a row counts only with a code under a key of this journal, and what it says of
//! an index is compared with the index before that is used. Losing it costs time at the next start.

use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ring::hmac;
use zeroize::Zeroizing;

use crate::begins::Begins;
use crate::cursor::Cursor;
use crate::tree::Hash;

/// What is known of a sealed segment without reading its index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CatalogueRow {
    pub(crate) first: u64,
    pub(crate) count: u64,
    pub(crate) from_ms: u64,
    pub(crate) to_ms: u64,
    pub(crate) digest: Hash,
}

/// Where rows are kept. Failing to keep one is no error.
pub(crate) trait Store: Send {
    fn read(&self, key: &[u8]) -> Option<Vec<u8>>;
    fn write(&self, key: &[u8], row: &[u8]);
}

/// Keeps nothing.
pub(crate) struct NoStore;

/// Keeps rows in sled.
pub(crate) struct SledStore {
    database: sled::Db,
}

/// The rows with their codes.
pub(crate) struct Catalogue {
    store: Mutex<Box<dyn Store>>,
    key: hmac::Key,
    origin: String,
}

const ROW_BYTES: usize = 4 * 8 + 32;

const CODE_BYTES: usize = 32;

/// How long a database that was just let go of may stay locked, and how often it is tried again.
const STILL_HELD: Duration = Duration::from_secs(5);
const HELD_PAUSE: Duration = Duration::from_millis(10);

/// sled's own cache: rows are 96 bytes.
const CACHE_BYTES: u64 = 4 * 1024 * 1024;

impl Catalogue {
    /// Uses a store; the key is derived from the node's evidence key.
    pub(crate) fn new(store: Box<dyn Store>, origin: &str, evidence: &Zeroizing<[u8; 32]>) -> Self {
        let parent = hmac::Key::new(hmac::HMAC_SHA256, evidence.as_ref());
        let derived = hmac::sign(&parent, b"bridge-catalogue-v1");
        let key = hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref());
        Self {
            store: Mutex::new(store),
            key,
            origin: origin.to_owned(),
        }
    }

    /// Returns the row of a segment, if there is one that this journal wrote.
    pub(crate) fn read(&self, first: u64) -> Option<CatalogueRow> {
        let bytes = self.store().read(&first.to_be_bytes())?;
        let (row, code) = bytes.split_at_checked(ROW_BYTES)?;
        hmac::verify(&self.key, &self.message(row), code).ok()?;
        CatalogueRow::parse(row).filter(|row| row.first == first)
    }

    /// Keeps the row of a segment.
    pub(crate) fn write(&self, row: &CatalogueRow) {
        let mut bytes = row.write();
        let code = hmac::sign(&self.key, &self.message(&bytes));
        bytes.extend_from_slice(code.as_ref());
        self.store().write(&row.first.to_be_bytes(), &bytes);
    }

    /// Returns what begins in a segment, if it was counted for this very segment.
    pub(crate) fn begins(&self, row: &CatalogueRow) -> Option<Begins> {
        let bytes = self.store().read(&begins_key(row.first))?;
        let (counts, code) = bytes.split_at_checked(bytes.len().checked_sub(CODE_BYTES)?)?;
        hmac::verify(&self.key, &self.begins_message(row, counts), code).ok()?;
        Begins::parse(counts)
    }

    /// Keeps what begins in a segment.
    pub(crate) fn write_begins(&self, row: &CatalogueRow, begins: &Begins) {
        let mut bytes = begins.write();
        let code = hmac::sign(&self.key, &self.begins_message(row, &bytes));
        bytes.extend_from_slice(code.as_ref());
        self.store().write(&begins_key(row.first), &bytes);
    }

    /// The digest is that of the index, which is made of the segment's leaves.
    fn begins_message(&self, row: &CatalogueRow, counts: &[u8]) -> Vec<u8> {
        let parts = [
            b"begins\n",
            self.origin.as_bytes(),
            b"\n",
            &row.write(),
            counts,
        ];
        parts.concat()
    }

    /// Lets the store go: readers of a closed journal must not keep its files open.
    pub(crate) fn release(&self) {
        *self.store() = Box::new(NoStore);
    }

    fn store(&self) -> MutexGuard<'_, Box<dyn Store>> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn message(&self, row: &[u8]) -> Vec<u8> {
        [self.origin.as_bytes(), b"\n", row].concat()
    }
}

/// Where the counts of a segment stand beside its row.
fn begins_key(first: u64) -> Vec<u8> {
    [b"begins", &first.to_be_bytes()[..]].concat()
}

impl CatalogueRow {
    fn write(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(ROW_BYTES);
        for number in [self.first, self.count, self.from_ms, self.to_ms] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        bytes.extend_from_slice(&self.digest);
        bytes
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut cursor = Cursor::new(bytes);
        Some(Self {
            first: cursor.u64()?,
            count: cursor.u64()?,
            from_ms: cursor.u64()?,
            to_ms: cursor.u64()?,
            digest: cursor.array()?,
        })
    }
}

impl Store for NoStore {
    fn read(&self, _key: &[u8]) -> Option<Vec<u8>> {
        None
    }

    fn write(&self, _key: &[u8], _row: &[u8]) {}
}

impl SledStore {
    /// Opens the folder; what can't be opened is moved aside and made anew, and if that fails too, there is
    /// no catalogue. What a journal closed a moment ago still holds is waited for.
    pub(crate) fn open(folder: &Path) -> Box<dyn Store> {
        let until = Instant::now() + STILL_HELD;
        let mut opened = Self::try_open(folder);
        while opened.as_ref().is_err_and(is_held) && Instant::now() < until {
            std::thread::sleep(HELD_PAUSE);
            opened = Self::try_open(folder);
        }
        let opened = opened.or_else(|error| {
            if is_held(&error) {
                return Err(error);
            }
            let aside = folder.with_extension("damaged");
            tracing::warn!(%error, aside = %aside.display(), "the journal's cache is damaged; it is moved aside and made anew");
            if let Err(error) = move_aside(folder, &aside) {
                tracing::debug!(%error, "the journal's cache can't be moved");
            }
            Self::try_open(folder)
        });
        match opened {
            Ok(store) => Box::new(store),
            Err(error) => {
                tracing::warn!(%error, "the journal works without its cache");
                Box::new(NoStore)
            }
        }
    }

    fn try_open(folder: &Path) -> Result<Self, sled::Error> {
        let config = sled::Config::new().path(folder).cache_capacity(CACHE_BYTES);
        let database = guarded(|| {
            let database = config.open()?;
            // What opens can be unreadable all the same.
            for row in database.iter() {
                row?;
            }
            Ok(database)
        })?;
        Ok(Self { database })
    }
}

/// Whether somebody has the database open. sled lets go of its lock some time after it was dropped.
fn is_held(error: &sled::Error) -> bool {
    matches!(error, sled::Error::Io(error) if error.to_string().contains("could not acquire lock"))
}

/// Keeps the newest damaged cache for whoever wants to know why.
fn move_aside(folder: &Path, aside: &Path) -> std::io::Result<()> {
    if aside.exists() {
        std::fs::remove_dir_all(aside)?;
    }
    std::fs::rename(folder, aside)
}

/// A database that was cut short or changed can make sled panic; a cache must not stop the node.
fn guarded<T>(work: impl FnOnce() -> Result<T, sled::Error>) -> Result<T, sled::Error> {
    std::panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_panic| {
        Err(sled::Error::Unsupported(
            "the database made sled panic".to_owned(),
        ))
    })
}

impl Store for SledStore {
    fn read(&self, key: &[u8]) -> Option<Vec<u8>> {
        guarded(|| self.database.get(key))
            .inspect_err(|error| tracing::warn!(%error, "the journal's cache can't be read"))
            .ok()
            .flatten()
            .map(|row| row.to_vec())
    }

    fn write(&self, key: &[u8], row: &[u8]) {
        // crash here: the row is lost or stays; the next start reads the index in its place.
        if let Err(error) = guarded(|| self.database.insert(key, row)) {
            tracing::warn!(%error, "the journal's cache can't be written");
        }
    }
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::{Catalogue, CatalogueRow, SledStore, is_held};

    const ROW: CatalogueRow = CatalogueRow {
        first: 5,
        count: 9,
        from_ms: 1,
        to_ms: 2,
        digest: [7; 32],
    };

    fn catalogue(folder: &std::path::Path, origin: &str, key: u8) -> Catalogue {
        Catalogue::new(SledStore::open(folder), origin, &Zeroizing::new([key; 32]))
    }

    #[test]
    fn a_row_counts_for_the_journal_that_wrote_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let ours = catalogue(folder.path(), "a", 1);
        ours.write(&ROW);
        assert_eq!(ours.read(5), Some(ROW));
        assert_eq!(ours.read(6), None);
        let forged = [&ROW.write()[..], &[0; 32]].concat();
        ours.store().write(&5_u64.to_be_bytes(), &forged);
        assert_eq!(ours.read(5), None);
        ours.write(&ROW);
        drop(ours);
        assert_eq!(catalogue(folder.path(), "b", 1).read(5), None);
        assert_eq!(catalogue(folder.path(), "a", 2).read(5), None);
        assert_eq!(catalogue(folder.path(), "a", 1).read(5), Some(ROW));
    }

    #[test]
    fn a_cache_that_is_still_held_is_waited_for_and_not_taken_for_damaged() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = folder.path().join("cache");
        let holder = sled::open(&place).expect("opened");
        holder.insert(b"key", b"row").expect("written");
        let opener = std::thread::spawn({
            let place = place.clone();
            move || SledStore::open(&place).read(b"key")
        });
        assert!(SledStore::try_open(&place).is_err_and(|error| is_held(&error)));
        drop(holder);
        assert_eq!(opener.join().expect("opened"), Some(b"row".to_vec()));
        assert!(!place.with_extension("damaged").exists());
    }

    #[test]
    fn a_broken_cache_is_made_anew() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = folder.path().join("cache");
        std::fs::create_dir(&place).expect("made");
        std::fs::write(place.join("conf"), b"not sled's").expect("written");
        std::fs::write(place.join("db"), [0xff; 5000]).expect("written");
        let ours = catalogue(&place, "a", 1);
        ours.write(&ROW);
        assert_eq!(ours.read(5), Some(ROW));
        assert!(place.with_extension("damaged").join("conf").exists());
    }
}
