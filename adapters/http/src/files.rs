//! Files of the site: certificates, keys, secrets. What they hold stands in no message.

use std::fs::{File, Metadata};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::SystemTime;

use zeroize::Zeroizing;

/// The rights that a file with a secret must not give.
const OTHERS_RIGHTS: u32 = 0o077;
/// The most bytes of a key or a secret.
const SECRET_LIMIT_BYTES: u64 = 64 * 1024;

/// What tells one state of a file from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    /// The state of a file now; `None` if there is none that can be seen.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok()?;
        Some(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.len(),
            modified: metadata.modified().ok(),
        })
    }
}

/// Reads a file of at most `limit_bytes`.
pub(crate) fn read(path: &Path, limit_bytes: u64) -> Result<Vec<u8>, String> {
    opened(path).and_then(|(file, _)| bytes_of(file, path, limit_bytes))
}

/// Reads a file that nobody else may read.
pub(crate) fn read_private(path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    let (file, metadata) = opened(path)?;
    if metadata.mode() & OTHERS_RIGHTS != 0 {
        let shown = path.display();
        return Err(format!(
            "{shown} can be read by others; run chmod 600 {shown}"
        ));
    }
    bytes_of(file, path, SECRET_LIMIT_BYTES).map(Zeroizing::new)
}

fn opened(path: &Path) -> Result<(File, Metadata), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(format!("{} is not a file", path.display()));
    }
    Ok((file, metadata))
}

fn bytes_of(file: File, path: &Path, limit_bytes: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    file.take(limit_bytes.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|error| format!("{}: {error}", path.display()))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > limit_bytes {
        return Err(format!(
            "{} has more than {limit_bytes} bytes",
            path.display()
        ));
    }
    Ok(bytes)
}
