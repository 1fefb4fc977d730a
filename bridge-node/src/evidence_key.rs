//! Another evidence key: what lies encrypted in the journals is put under it while the node is stopped.

use std::path::{Path, PathBuf};
use std::{fs, io};

use bridge_certs::KeyFileError;
use bridge_journal::{Disk as _, FolderDisk, RewrapError, rewrap};
use ring::rand::{SecureRandom as _, SystemRandom};
use zeroize::Zeroizing;

use crate::durable::{folder_of, sync_folder};
use crate::effects::derived;
use crate::epochs::{closed, journal_folder};
use crate::settings::Settings;

/// Why the evidence key is not replaced, or not wholly.
#[derive(Debug, thiserror::Error)]
pub enum ReplaceError {
    /// It was replaced before, and what was begun under Idempotency-Keys then may still be repeated.
    #[error("{MARKS} is there from the replacement before")]
    Again,
    /// A key file.
    #[error("keys")]
    Key(#[from] KeyFileError),
    /// A log.
    #[error("the journal")]
    Journal(#[from] RewrapError),
    /// The system refuses.
    #[error("{0}")]
    Disk(String, #[source] io::Error),
    /// No random number.
    #[error("no random numbers")]
    NoRandom,
}

/// A key has been made that not all of the journals are under.
#[derive(Debug, thiserror::Error)]
#[error(
    "{NEXT} is there: the evidence key was not replaced wholly; run `bridge-node key evidence` again"
)]
struct HalfReplaced;

const CURRENT: &str = "evidence.key";
/// The new key, until all is under it.
const NEXT: &str = "evidence.next.key";
/// By this what was begun under Idempotency-Keys before is known again.
pub(crate) const MARKS: &str = "marks-before.key";

/// Replaces the evidence key of a node that is stopped; returns how many files were put under the new one. Stopped half-way, it goes on
/// when it is called again.
///
/// # Errors
///
/// [`ReplaceError`]; done again, it goes on.
pub fn replace(settings: &Settings) -> Result<u64, ReplaceError> {
    let keys = &settings.keys;
    let is_begun = keys.path(NEXT).exists();
    if !is_begun && keys.path(MARKS).exists() {
        return Err(ReplaceError::Again);
    }
    let folders = folders(settings)?;
    // Before anything is made that a start would stumble over.
    for folder in &folders {
        let locked = FolderDisk::new(folder).and_then(|disk| disk.lock());
        if locked.map_err(failed(folder))?.is_none() {
            return Err(RewrapError::Locked.into());
        }
    }
    let old = keys.secret(CURRENT)?;
    if !is_begun {
        let mut new = Zeroizing::new([0; 32]);
        let drawn = SystemRandom::new().fill(new.as_mut());
        drawn.map_err(|_unspecified| ReplaceError::NoRandom)?;
        keys.write_secret(NEXT, &new)?;
    }
    let new = keys.secret(NEXT)?;
    let mut count = 0;
    for folder in &folders {
        count += rewrap(folder, &old, &new)?;
        // What it holds has codes under the old key; it is made anew.
        match fs::remove_dir_all(folder.join("cache")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(failed(folder)(error));
            }
            _ => {}
        }
    }
    if !keys.path(MARKS).exists() {
        keys.write_secret(MARKS, &derived(&old))?;
    }
    // crash here: all is under the new key, which lies beside the old one still; done again, only this is left to do.
    let current = keys.path(CURRENT);
    fs::rename(keys.path(NEXT), &current)
        .and_then(|()| sync_folder(folder_of(&current)))
        .map_err(failed(&current))?;
    Ok(count)
}

/// The logs of a node: those that are closed, and the current one if it has begun.
fn folders(settings: &Settings) -> Result<Vec<PathBuf>, ReplaceError> {
    let data = &settings.data_folder;
    let past = closed(data).map_err(failed(data))?;
    let mut folders: Vec<_> = past.into_iter().map(|(_, folder)| folder).collect();
    folders.extend(Some(journal_folder(settings)).filter(|folder| folder.exists()));
    Ok(folders)
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> ReplaceError {
    let path = path.display().to_string();
    move |error| ReplaceError::Disk(path, error)
}

/// The key of the marks that were made before the evidence key was replaced, if it was.
///
/// # Errors
///
/// The fault of its file, and that of a replacement that was not finished.
pub(crate) fn marks_before(
    settings: &Settings,
) -> Result<Option<Zeroizing<[u8; 32]>>, Box<dyn std::error::Error + Send + Sync>> {
    if settings.keys.path(NEXT).exists() {
        return Err(Box::new(HalfReplaced));
    }
    if !settings.keys.path(MARKS).exists() {
        return Ok(None);
    }
    Ok(Some(settings.keys.secret(MARKS)?))
}
