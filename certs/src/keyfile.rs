//! Files that hold secrets: read only if nobody else can read them, written so that nobody else ever could.
//!
//! A symbolic link is followed, because mounted secrets are links; all checks are made on the opened file itself,
//! so that nothing can be exchanged between the check and the reading.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustix::fs::OFlags;
use rustix::process::geteuid;
use zeroize::Zeroizing;

use crate::pem::{self, PemError};

/// The largest file of a secret that is read, in bytes. An RSA key of 8192 bits takes 6.4 KiB.
pub const KEY_FILE_LIMIT_BYTES: u64 = 16 * 1024;

/// The length of a shared secret, in bytes.
pub const SECRET_BYTES: usize = 32;

/// A file of a secret can't be used or made.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The system refuses.
    #[error("{path}: can't be {attempt}")]
    Io {
        /// The file or its folder.
        path: PathBuf,
        /// What was tried: opened, read, made, written, made durable.
        attempt: &'static str,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A folder, pipe, socket or device.
    #[error("{path}: not a regular file")]
    NotAFile {
        /// The file.
        path: PathBuf,
    },
    /// Group or others have rights on it, or it is executable.
    #[error("{path}: mode {mode:04o} lets others in; set it to 0600 (chmod 600)")]
    TooOpen {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It belongs to another user than the one who runs this program.
    #[error("{path}: belongs to user {owner}; this program runs as user {user}")]
    OtherOwner {
        /// The file.
        path: PathBuf,
        /// Numeric id of its owner.
        owner: u32,
        /// Numeric id of the effective user.
        user: u32,
    },
    /// More bytes than [`KEY_FILE_LIMIT_BYTES`].
    #[error("{path}: {bytes} bytes; at most {KEY_FILE_LIMIT_BYTES} are read")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// Not one PKCS#8 private key in PEM.
    #[error("{path}: not one private key")]
    NotAKey {
        /// The file.
        path: PathBuf,
        /// What is wrong with the text.
        #[source]
        source: PemError,
    },
    /// Empty, or more than a line.
    #[error("{path}: not one line with a password")]
    NotAPassword {
        /// The file.
        path: PathBuf,
    },
    /// Not 32 bytes in base64.
    #[error(
        "{path}: not {SECRET_BYTES} bytes in base64 (make one: openssl rand -base64 {SECRET_BYTES})"
    )]
    NotASecret {
        /// The file.
        path: PathBuf,
    },
}

/// Reads a private key as PKCS#8 DER from a PEM file of mode 0600 or stricter.
///
/// # Errors
///
/// [`KeyFileError`]: about the file, its rights, or [`KeyFileError::NotAKey`] about its content.
pub fn read_key_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let text = read(path)?;
    pem::private_key(&text).map_err(|source| KeyFileError::NotAKey {
        path: path.to_path_buf(),
        source,
    })
}

/// Reads a shared secret of 32 bytes, in base64, from a file of mode 0600 or stricter.
///
/// # Errors
///
/// [`KeyFileError`]: about the file, its rights, or [`KeyFileError::NotASecret`] about its content.
pub fn read_secret_file(path: &Path) -> Result<Zeroizing<[u8; SECRET_BYTES]>, KeyFileError> {
    let text = read(path)?;
    let mut value = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut secret = Zeroizing::new([0; SECRET_BYTES]);
    match STANDARD.decode_vec(text.trim_ascii(), &mut value) {
        Ok(()) if value.len() == SECRET_BYTES => {
            secret.copy_from_slice(&value);
            Ok(secret)
        }
        _ => Err(KeyFileError::NotASecret {
            path: path.to_path_buf(),
        }),
    }
}

/// Reads a password, the one line of a file of mode 0600 or stricter.
///
/// # Errors
///
/// [`KeyFileError`]: about the file, its rights, or [`KeyFileError::NotAPassword`] about its content.
pub fn read_password_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let text = read(path)?;
    let line = text.strip_suffix(b"\n").unwrap_or(&text);
    if line.is_empty() || line.iter().any(u8::is_ascii_control) {
        return Err(KeyFileError::NotAPassword {
            path: path.to_path_buf(),
        });
    }
    Ok(Zeroizing::new(line.to_vec()))
}

/// Writes a PKCS#8 private key as a new PEM file of mode 0600; an existing file is left alone.
///
/// # Errors
///
/// [`KeyFileError::Io`], also when the file exists.
pub fn write_key_file(path: &Path, pkcs8: &[u8]) -> Result<(), KeyFileError> {
    write(path, pem::section("PRIVATE KEY", pkcs8).as_bytes())
}

/// Writes a shared secret in base64 as a new file of mode 0600; an existing file is left alone.
///
/// # Errors
///
/// [`KeyFileError::Io`], also when the file exists.
pub fn write_secret_file(path: &Path, secret: &[u8; SECRET_BYTES]) -> Result<(), KeyFileError> {
    let mut text = Zeroizing::new(String::with_capacity(SECRET_BYTES * 2));
    STANDARD.encode_string(secret, &mut text);
    text.push('\n');
    write(path, text.as_bytes())
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let io = |attempt| {
        move |source| KeyFileError::Io {
            path: path.to_path_buf(),
            attempt,
            source,
        }
    };
    // Without NONBLOCK a pipe in place of the file would hold the start for ever.
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0);
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)
        .map_err(io("opened"))?;
    let metadata = file.metadata().map_err(io("opened"))?;
    check(path, &metadata, geteuid().as_raw())?;
    let limit = KEY_FILE_LIMIT_BYTES.saturating_add(1);
    let mut text = Zeroizing::new(Vec::with_capacity(usize::try_from(limit).unwrap_or(0)));
    file.take(limit)
        .read_to_end(&mut text)
        .map_err(io("read"))?;
    let bytes = u64::try_from(text.len()).unwrap_or(u64::MAX);
    if bytes > KEY_FILE_LIMIT_BYTES {
        return Err(KeyFileError::TooLarge {
            path: path.to_path_buf(),
            bytes,
        });
    }
    Ok(text)
}

fn check(path: &Path, metadata: &Metadata, user: u32) -> Result<(), KeyFileError> {
    let path = path.to_path_buf();
    if !metadata.is_file() {
        return Err(KeyFileError::NotAFile { path });
    }
    let mode = metadata.mode() & ALL_RIGHTS;
    if mode & !OWNER_READS_AND_WRITES != 0 {
        return Err(KeyFileError::TooOpen { path, mode });
    }
    if metadata.uid() != user {
        return Err(KeyFileError::OtherOwner {
            path,
            owner: metadata.uid(),
            user,
        });
    }
    if metadata.len() > KEY_FILE_LIMIT_BYTES {
        return Err(KeyFileError::TooLarge {
            path,
            bytes: metadata.len(),
        });
    }
    Ok(())
}

fn write(path: &Path, text: &[u8]) -> Result<(), KeyFileError> {
    let io = |attempt| {
        move |source| KeyFileError::Io {
            path: path.to_path_buf(),
            attempt,
            source,
        }
    };
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(OWNER_READS_AND_WRITES)
        .open(path)
        .map_err(io("made"))?;
    file.write_all(text).map_err(io("written"))?;
    file.sync_all().map_err(io("made durable"))?;
    // Crash here: the file may be gone after a loss of power, but never half there under its name.
    let folder = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))
        .and_then(|folder| folder.sync_all())
        .map_err(io("made durable"))
}

/// Permission bits with set-id and sticky.
const ALL_RIGHTS: u32 = 0o7777;
const OWNER_READS_AND_WRITES: u32 = 0o600;

#[cfg(test)]
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "a test wants one variant and prints the rest"
)]
mod tests;
