//! Where metadata and the directory come from. Nothing that comes from here is trusted.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

/// Brings files of a repository: `metadata/…` and `targets/…`.
pub trait Fetch: Send {
    /// Returns a file of at most `limit` bytes, or `None` if the repository does not have it.
    ///
    /// Blocks. An implementation stops reading after `limit` bytes and gives up after a time of its own.
    ///
    /// # Errors
    ///
    /// [`FetchError`]; a file that is not there is no error.
    fn fetch(&self, path: &str, limit: usize) -> Result<Option<Vec<u8>>, FetchError>;
}

/// A file can't be brought.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// More bytes than asked for: endless data.
    #[error("{path} has more than {limit} bytes")]
    TooLarge {
        /// The file.
        path: String,
        /// The most that was asked for.
        limit: usize,
    },
    /// Not a path below the repository.
    #[error("{path:?} is not a path of the repository")]
    BadPath {
        /// The path.
        path: String,
    },
    /// The source does not answer, or answers with an error.
    #[error("{path} can't be fetched")]
    Unavailable {
        /// The file.
        path: String,
        /// What happened.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// A repository in a folder of this machine.
#[derive(Clone, Debug)]
pub struct FolderSource(pub PathBuf);

impl Fetch for FolderSource {
    fn fetch(&self, path: &str, limit: usize) -> Result<Option<Vec<u8>>, FetchError> {
        let plain = |part| matches!(part, Component::Normal(_));
        if path.is_empty() || !Path::new(path).components().all(plain) {
            return Err(FetchError::BadPath {
                path: path.to_owned(),
            });
        }
        let unavailable = |source: io::Error| FetchError::Unavailable {
            path: path.to_owned(),
            source: Box::new(source),
        };
        let file = match File::open(self.0.join(path)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unavailable(error)),
        };
        let mut bytes = Vec::new();
        let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        file.take(most)
            .read_to_end(&mut bytes)
            .map_err(unavailable)?;
        if bytes.len() > limit {
            return Err(FetchError::TooLarge {
                path: path.to_owned(),
                limit,
            });
        }
        Ok(Some(bytes))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_folder_serves_its_files_and_nothing_above() {
        let folder = tempfile::tempdir().unwrap();
        let repository = folder.path().join("repository");
        fs::create_dir(&repository).unwrap();
        fs::write(repository.join("here"), "12345").unwrap();
        fs::write(folder.path().join("secret"), "x").unwrap();
        let source = FolderSource(repository.clone());
        assert_eq!(source.fetch("here", 5).unwrap().unwrap(), b"12345");
        assert!(source.fetch("absent", 5).unwrap().is_none());
        assert!(matches!(
            source.fetch("here", 4),
            Err(FetchError::TooLarge { limit: 4, .. })
        ));
        let absolute = repository.join("here").display().to_string();
        for path in ["../secret", "a/../../secret", "", ".", absolute.as_str()] {
            assert!(
                matches!(source.fetch(path, 5), Err(FetchError::BadPath { .. })),
                "{path}"
            );
        }
    }
}
