//! What was taken of an authority, kept on disk: a node that starts while no source answers knows what it knew.

use std::fs;
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use bridge_directory::metadata::{hex, unhex};

use crate::durable::{Rights, make_folder, replace};

/// The files of one authority.
#[derive(Debug)]
pub(super) struct Cache {
    folder: PathBuf,
    /// How the names of its files begin.
    stem: String,
}

// === impl Cache ===

impl Cache {
    pub(super) fn of(folder: &Path, key: &[u8; 32]) -> Self {
        Self {
            folder: folder.to_owned(),
            stem: hex(key),
        }
    }

    /// The list that was kept.
    pub(super) fn list(&self) -> Option<Vec<u8>> {
        self.read(&format!("{}.crl", self.stem))
    }

    /// The certificates about which answers were kept, and the answers.
    pub(super) fn answers(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let Ok(entries) = fs::read_dir(&self.folder) else {
            return Vec::new();
        };
        let begin = format!("{}-", self.stem);
        let names = entries
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok());
        let kept = names.filter_map(|name| {
            let serial = name.strip_prefix(&begin)?.strip_suffix(".ocsp")?;
            Some((unhex(serial)?, self.read(&name)?))
        });
        kept.take(super::wanted::LIMIT).collect()
    }

    pub(super) fn keep_list(&self, der: &[u8]) {
        self.keep(&format!("{}.crl", self.stem), der);
    }

    pub(super) fn keep_answer(&self, serial: &[u8], der: &[u8]) {
        self.keep(&self.answer_name(serial), der);
    }

    /// Removes the answers about these certificates. One that stays is judged at the next start as it would be now.
    pub(super) fn drop_answers(&self, serials: &[Vec<u8>]) {
        for serial in serials {
            let path = self.folder.join(self.answer_name(serial));
            if let Err(error) = fs::remove_file(path)
                && error.kind() != ErrorKind::NotFound
            {
                tracing::debug!(%error, "a kept status cannot be removed");
            }
        }
    }

    fn answer_name(&self, serial: &[u8]) -> String {
        format!("{}-{}.ocsp", self.stem, hex(serial))
    }

    fn read(&self, name: &str) -> Option<Vec<u8>> {
        match fs::read(self.folder.join(name)) {
            Ok(bytes) => Some(bytes),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => {
                tracing::error!(code = "status_not_read", name, %error, "a kept status cannot be read");
                None
            }
        }
    }

    /// What cannot be kept is in force all the same, until the next start.
    fn keep(&self, name: &str, der: &[u8]) {
        let path = self.folder.join(name);
        let kept = make_folder(&self.folder).and_then(|()| replace(&path, der, Rights::Usual));
        if let Err(error) = kept {
            tracing::error!(code = "status_not_kept", name, %error, "a status cannot be kept");
        }
    }
}

/// Why a file that somebody else replaces is not read.
#[derive(Debug, thiserror::Error)]
pub(super) enum FileFault {
    /// It cannot be.
    #[error("{0}")]
    Unreadable(#[from] io::Error),
    /// A folder or the like.
    #[error("not a file")]
    NoFile,
    /// It has more bytes than are read.
    #[error("longer than limits.status_bytes")]
    TooLong,
}

/// Reads a file that somebody else replaces, if it is one and no larger than this.
pub(super) fn read_file(path: &Path, limit: usize) -> Result<Vec<u8>, FileFault> {
    let file = fs::File::open(path)?;
    if !file.metadata()?.is_file() {
        return Err(FileFault::NoFile);
    }
    let mut bytes = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    file.take(most).read_to_end(&mut bytes)?;
    if bytes.len() > limit {
        return Err(FileFault::TooLong);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_from_a_file_of_at_most_the_limit_and_from_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nodes.crl");
        let why = |path: &Path| read_file(path, 4).unwrap_err().to_string();
        assert!(why(&path).contains("No such file"));
        assert_eq!(why(folder.path()), "not a file");
        fs::write(&path, [7; 4]).unwrap();
        assert_eq!(read_file(&path, 4).unwrap(), [7; 4]);
        fs::write(&path, [7; 5]).unwrap();
        assert_eq!(why(&path), "longer than limits.status_bytes");
    }

    #[test]
    fn what_is_kept_is_there_again_and_what_is_dropped_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let [cache, other] = [[1; 32], [2; 32]].map(|key| Cache::of(folder.path(), &key));
        assert_eq!((cache.list(), cache.answers().len()), (None, 0));
        cache.keep_list(b"list");
        for serial in [&[1][..], &[0, 0x80]] {
            cache.keep_answer(serial, b"answer");
        }
        other.keep_answer(&[1], b"other");
        cache.drop_answers(&[vec![1], vec![9]]);
        assert_eq!(cache.list().as_deref(), Some(&b"list"[..]));
        assert_eq!(cache.answers(), [(vec![0, 0x80], b"answer".to_vec())]);
        assert_eq!(other.answers(), [(vec![1], b"other".to_vec())]);
    }
}
