//! Files that hold secrets: read only if nobody else can read them, written so that nobody else ever could.
//!
//! A symbolic link is followed, because mounted secrets are links; all checks are made on the opened file itself,
//! so that nothing can be exchanged between the check and the reading. Whatever a file says in clear may be put under a
//! passphrase ([`sealed`]); who opens it is asked for the passphrase only then.

use std::ffi::OsString;
use std::fmt;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustix::fs::OFlags;
use rustix::process::geteuid;
use zeroize::Zeroizing;

use self::sealed::{Sealed, SealedError};
use crate::pem;

mod error;
pub mod sealed;

pub use error::KeyFileError;

/// The largest file of a secret that is read, in bytes. An RSA key of 8192 bits takes 6.4 KiB.
pub const KEY_FILE_LIMIT_BYTES: u64 = 16 * 1024;

/// The length of a shared secret, in bytes.
pub const SECRET_BYTES: usize = 32;

/// Gives the passphrase of encrypted files, or says why there is none.
pub type Ask<'a> = &'a dyn Fn() -> Result<Zeroizing<Vec<u8>>, String>;

/// Reads a private key as PKCS#8 DER from a PEM file of mode 0600 or stricter.
///
/// # Errors
///
/// [`KeyFileError`]: about the file, its rights, or [`KeyFileError::NotAKey`] about its content.
pub fn read_key_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    open_key_file(path, &none)
}

/// As [`read_key_file`], and asks for the passphrase if the file is encrypted.
///
/// # Errors
///
/// As [`read_key_file`]; [`KeyFileError::NoPassphrase`], [`KeyFileError::Sealed`].
pub fn open_key_file(path: &Path, ask: Ask<'_>) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    match open_key_text(path, ask)? {
        KeyText::Held(pkcs8) => Ok(pkcs8),
        KeyText::Elsewhere(_) => Err(KeyFileError::Elsewhere {
            path: path.to_path_buf(),
        }),
    }
}

/// What the file of a private key holds.
pub enum KeyText {
    /// The key, PKCS#8 in DER.
    Held(Zeroizing<Vec<u8>>),
    /// Where it lies: a URI with this scheme, such as that of a token.
    Elsewhere(String),
}

impl fmt::Debug for KeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held(_) => f.write_str("Held([redacted])"),
            Self::Elsewhere(uri) => write!(f, "Elsewhere({uri:?})"),
        }
    }
}

/// As [`open_key_file`], also for a key that lies elsewhere.
///
/// # Errors
///
/// As [`open_key_file`].
///
/// Standard: RFC 7512 §2.3.
pub fn open_key_text(path: &Path, ask: Ask<'_>) -> Result<KeyText, KeyFileError> {
    let text = open(path, ask)?;
    if let Some(uri) = uri_of(&text) {
        return Ok(KeyText::Elsewhere(uri.to_owned()));
    }
    key_of(path, &text).map(KeyText::Held)
}

/// Where the key of a file lies, if not in the file; its rights are checked as for reading.
///
/// # Errors
///
/// [`KeyFileError`] about the file and its rights.
pub fn key_elsewhere(path: &Path) -> Result<Option<String>, KeyFileError> {
    Ok(uri_of(&read(path)?).map(str::to_owned))
}

/// Writes a new key file that says where the key lies.
///
/// # Errors
///
/// As [`write_key_file`].
pub fn write_key_elsewhere(path: &Path, uri: &str) -> Result<(), KeyFileError> {
    write_text(path, &format!("{uri}\n"), None)
}

/// Reads a shared secret of 32 bytes, in base64, from a file of mode 0600 or stricter.
///
/// # Errors
///
/// [`KeyFileError`]: about the file, its rights, or [`KeyFileError::NotASecret`] about its content.
pub fn read_secret_file(path: &Path) -> Result<Zeroizing<[u8; SECRET_BYTES]>, KeyFileError> {
    open_secret_file(path, &none)
}

/// As [`read_secret_file`], and asks for the passphrase if the file is encrypted.
///
/// # Errors
///
/// As [`read_secret_file`]; [`KeyFileError::NoPassphrase`], [`KeyFileError::Sealed`].
pub fn open_secret_file(
    path: &Path,
    ask: Ask<'_>,
) -> Result<Zeroizing<[u8; SECRET_BYTES]>, KeyFileError> {
    let text = open(path, ask)?;
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
/// [`KeyFileError::Io`], also when the file exists; [`KeyFileError::TooLarge`] if it could not be read again.
pub fn write_key_file(path: &Path, pkcs8: &[u8]) -> Result<(), KeyFileError> {
    write_key_file_under(path, pkcs8, None)
}

/// As [`write_key_file`], encrypted if there is a passphrase: no clear text of the key comes on the disk.
///
/// # Errors
///
/// As [`write_key_file`]; [`KeyFileError::Sealed`].
pub fn write_key_file_under(
    path: &Path,
    pkcs8: &[u8],
    passphrase: Option<&[u8]>,
) -> Result<(), KeyFileError> {
    write_text(path, &pem::section("PRIVATE KEY", pkcs8), passphrase)
}

/// Writes a shared secret in base64 as a new file of mode 0600; an existing file is left alone.
///
/// # Errors
///
/// [`KeyFileError::Io`], also when the file exists.
pub fn write_secret_file(path: &Path, secret: &[u8; SECRET_BYTES]) -> Result<(), KeyFileError> {
    write_secret_file_under(path, secret, None)
}

/// As [`write_secret_file`], encrypted if there is a passphrase.
///
/// # Errors
///
/// As [`write_secret_file`]; [`KeyFileError::Sealed`].
pub fn write_secret_file_under(
    path: &Path,
    secret: &[u8; SECRET_BYTES],
    passphrase: Option<&[u8]>,
) -> Result<(), KeyFileError> {
    let mut text = Zeroizing::new(String::with_capacity(SECRET_BYTES * 2));
    STANDARD.encode_string(secret, &mut text);
    text.push('\n');
    write_text(path, &text, passphrase)
}

/// Whether a file is encrypted; its rights are checked as for reading.
///
/// # Errors
///
/// [`KeyFileError`] about the file and its rights.
pub fn is_encrypted(path: &Path) -> Result<bool, KeyFileError> {
    Ok(looks_sealed(&read(path)?))
}

/// Puts a file under a passphrase, or under another: `old` is asked for if it is encrypted. The file is replaced whole.
///
/// # Errors
///
/// [`KeyFileError`]; then the file is as it was.
pub fn change_passphrase(path: &Path, old: Ask<'_>, new: &[u8]) -> Result<(), KeyFileError> {
    let text = open(path, old)?;
    let sealed = close(path, &text, new)?;
    // A link stays a link: what it names is replaced.
    let whole = path.canonicalize().map_err(io_error(path, "opened"))?;
    let mut beside = OsString::from(".");
    beside.push(whole.file_name().unwrap_or_default());
    beside.push(".new");
    let beside = whole.with_file_name(beside);
    // What a crash has left of an attempt before never took effect; one that stays is told by the next line.
    drop(std::fs::remove_file(&beside));
    write(&beside, sealed.as_bytes())?;
    // crash here: the file is as it was; what lies beside it the next attempt removes.
    std::fs::rename(&beside, &whole)
        .and_then(|()| sync_folder(&whole))
        .map_err(io_error(path, "replaced"))
}

fn write_text(path: &Path, text: &str, passphrase: Option<&[u8]>) -> Result<(), KeyFileError> {
    let Some(passphrase) = passphrase else {
        check_size(path, text.len())?;
        return write(path, text.as_bytes());
    };
    write(path, close(path, text.as_bytes(), passphrase)?.as_bytes())
}

fn close(path: &Path, text: &[u8], passphrase: &[u8]) -> Result<String, KeyFileError> {
    let key = serde_json::json!({ "holds": HOLDS });
    let sealed = Sealed::close(text, passphrase, (key, HOLDS.as_bytes()));
    let sealed = sealed.map_err(|source| KeyFileError::Sealed {
        path: path.to_path_buf(),
        source,
    })?;
    let text = sealed.text();
    // What is encrypted is longer than it was, and what is not read again is lost.
    check_size(path, text.len())?;
    Ok(text)
}

/// The text of a file in clear.
fn open(path: &Path, ask: Ask<'_>) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let text = read(path)?;
    if !looks_sealed(&text) {
        return Ok(text);
    }
    let wrong = |source| KeyFileError::Sealed {
        path: path.to_path_buf(),
        source,
    };
    let sealed = Sealed::read(&text).map_err(wrong)?;
    if sealed.key != serde_json::json!({ "holds": HOLDS }) {
        return Err(wrong(SealedError::Form));
    }
    let passphrase = ask().map_err(|why| KeyFileError::NoPassphrase {
        path: path.to_path_buf(),
        why,
    })?;
    sealed.open(&passphrase, HOLDS.as_bytes()).map_err(wrong)
}

fn key_of(path: &Path, text: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    pem::private_key(text).map_err(|source| KeyFileError::NotAKey {
        path: path.to_path_buf(),
        source,
    })
}

/// The one line that says where a key lies.
fn uri_of(text: &[u8]) -> Option<&str> {
    let line = std::str::from_utf8(text).ok()?.trim();
    (line.starts_with(TOKEN_SCHEME) && !line.contains(char::is_whitespace)).then_some(line)
}

/// Neither PEM nor base64 begins so.
fn looks_sealed(text: &[u8]) -> bool {
    text.trim_ascii_start().starts_with(b"{")
}

fn none() -> Result<Zeroizing<Vec<u8>>, String> {
    Err("this file is read without one".to_owned())
}

fn io_error(path: &Path, attempt: &'static str) -> impl Fn(io::Error) -> KeyFileError {
    move |source| KeyFileError::Io {
        path: path.to_path_buf(),
        attempt,
        source,
    }
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let io = |attempt| io_error(path, attempt);
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
    check_size(path, text.len())?;
    Ok(text)
}

fn check_size(path: &Path, bytes: usize) -> Result<(), KeyFileError> {
    let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
    if bytes > KEY_FILE_LIMIT_BYTES {
        return Err(KeyFileError::TooLarge {
            path: path.to_path_buf(),
            bytes,
        });
    }
    Ok(())
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
    let io = |attempt| io_error(path, attempt);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(OWNER_READS_AND_WRITES)
        .open(path)
        .map_err(io("made"))?;
    file.write_all(text).map_err(io("written"))?;
    file.sync_all().map_err(io("made durable"))?;
    // Crash here: the file may be gone after a loss of power, but never half there under its name.
    sync_folder(path).map_err(io("made durable"))
}

fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// What an encrypted file of a node holds: the text that the file would have in clear.
const HOLDS: &str = "key file";
/// With what the URI of a key on a token begins.
const TOKEN_SCHEME: &str = "pkcs11:";
/// Permission bits with set-id and sticky.
const ALL_RIGHTS: u32 = 0o7777;
const OWNER_READS_AND_WRITES: u32 = 0o600;

#[cfg(test)]
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "a test wants one variant and prints the rest"
)]
mod tests;
