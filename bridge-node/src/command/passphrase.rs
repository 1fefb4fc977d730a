//! Passphrases that commands are given: from a file, or at the terminal.

use std::path::{Path, PathBuf};

use bridge_certs::read_password_file;
use clap::Args;
use zeroize::Zeroizing;

use super::{Failure, hint};
use crate::terminal;

/// Whether a new key file is encrypted.
#[derive(Debug, Args)]
pub(super) struct Encryption {
    /// Encrypt the key file under a passphrase.
    #[arg(long)]
    encrypt: bool,
    /// A file of mode 0600 with the passphrase; without it the terminal asks.
    #[arg(long, value_name = "FILE", requires = "encrypt")]
    passphrase_file: Option<PathBuf>,
}

// === impl Encryption ===

impl Encryption {
    /// The passphrase for a new key file, if it is to be encrypted.
    pub(super) fn passphrase(&self) -> Result<Option<Zeroizing<Vec<u8>>>, Failure> {
        let wanted = self.encrypt.then_some(self.passphrase_file.as_deref());
        wanted.map(new_passphrase).transpose()
    }
}

/// A passphrase that opens something.
pub(super) fn passphrase(file: Option<&Path>) -> Result<Zeroizing<Vec<u8>>, Failure> {
    match file {
        Some(file) => {
            read_password_file(file).map_err(|error| Failure::failed("passphrase", &error))
        }
        None => ask("Passphrase: ", true),
    }
}

/// A passphrase under which something is put: typed twice, because what was mistyped opens nothing.
pub(super) fn new_passphrase(file: Option<&Path>) -> Result<Zeroizing<Vec<u8>>, Failure> {
    if file.is_some() {
        return passphrase(file);
    }
    let given = ask("New passphrase: ", true)?;
    if *given != *ask("The same once more: ", true)? {
        return Err(Failure::Failed(hint(
            "the passphrases are not the same",
            "try again, or give --passphrase-file",
        )));
    }
    Ok(given)
}

/// Asks the terminal, not standard input: what is piped in is nobody's word.
pub(super) fn ask(question: &str, is_secret: bool) -> Result<Zeroizing<Vec<u8>>, Failure> {
    terminal::ask(question, is_secret).map_err(|error| {
        Failure::Failed(hint(
            &format!("no terminal to ask: {error}"),
            "give --passphrase-file, and --yes after a review",
        ))
    })
}

/// The passphrase of a key file that turns out to be encrypted.
pub(super) fn asked(file: Option<&Path>) -> Result<Zeroizing<Vec<u8>>, String> {
    passphrase(file).map_err(|failure| failure.lines().join("; "))
}
