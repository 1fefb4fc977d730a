//! `key`: keys without certificates, one per purpose, in files that only their owner may read.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bridge_certs::keyfile::Ask;
use bridge_certs::{
    KeyFileError, change_passphrase, is_encrypted, write_key_file_under, write_secret_file_under,
};
use clap::Subcommand;
use ring::error::Unspecified;
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{Ed25519KeyPair, KeyPair as _};

use bridge_journal::RewrapError;

use super::passphrase::{Encryption, new_passphrase, passphrase};
use super::{Failure, hint, say, tokens};
use crate::evidence_key::{self, ReplaceError};
use crate::settings::Settings;

/// Commands about keys.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make the journal's signing key (Ed25519) as FOLDER/journal.key and its evidence key as FOLDER/evidence.key.
    #[command(
        after_help = "Examples:\n  bridge-node key journal keys\n  bridge-node key journal keys --encrypt --passphrase-file passphrase"
    )]
    Journal {
        /// The node's keys folder.
        folder: PathBuf,
        #[command(flatten)]
        encryption: Encryption,
    },
    /// Make the key by which the node witnesses other journals as FOLDER/witness.key, and print its verifier key.
    #[command(
        after_help = "Example:\n  bridge-node key witness keys --name agency.example/AZ/GOV/1001/NODE1/witness\n\nThe name is {node.log_domain}/{node.id}/witness; the verifier key goes into the directory."
    )]
    Witness {
        /// The node's keys folder.
        folder: PathBuf,
        /// The key's name.
        #[arg(long)]
        name: String,
        #[command(flatten)]
        encryption: Encryption,
    },
    /// Encrypt key files of a node in their places; all of one node are under one passphrase.
    #[command(
        after_help = "Example:\n  bridge-node key encrypt keys/tls.key keys/exchange.key --passphrase-file passphrase\n\nThe settings name the same file as keys.passphrase_file; without it `run` asks the terminal. What the clear file left on the disk is not wiped: encrypt before the key is used, or make it with --encrypt."
    )]
    Encrypt {
        /// The key files: tls.key, exchange.key, journal.key, evidence.key, witness.key, seal.key, web.key.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// A file of mode 0600 with the passphrase; without it the terminal asks.
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
    },
    /// Put encrypted key files under another passphrase.
    #[command(
        after_help = "Example:\n  bridge-node key change-passphrase keys/tls.key keys/exchange.key --passphrase-file passphrase --new-passphrase-file next-passphrase"
    )]
    ChangePassphrase {
        /// The key files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// A file of mode 0600 with the passphrase of now; without it the terminal asks.
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
        /// A file of mode 0600 with the next passphrase; without it the terminal asks.
        #[arg(long, value_name = "FILE")]
        new_passphrase_file: Option<PathBuf>,
    },
    /// Show the PKCS#11 tokens that a module reaches, what each says of its PIN, and the private keys of one.
    #[command(
        after_help = "Examples:\n  bridge-node key list --token-module /usr/lib/softhsm/libsofthsm2.so\n  bridge-node key list --token-module /usr/lib/softhsm/libsofthsm2.so \"pkcs11:token=agency-a?pin-source=file:keys/agency-a.pin\""
    )]
    List(tokens::List),
    /// Make a key file that names a key on a PKCS#11 token; with --make the key too.
    #[command(
        after_help = "Examples:\n  bridge-node key token keys/exchange.key \"pkcs11:token=agency-a;object=exchange?pin-source=file:agency-a.pin\" --token-module /usr/lib/softhsm/libsofthsm2.so --make p256\n  bridge-node key token keys/seal.key \"pkcs11:token=agency-a;object=seal?pin-source=file:agency-a.pin\" --token-module /usr/lib/softhsm/libsofthsm2.so --make p256 --seal-of AZ/GOV/1001 --csr seal.csr\n\nThe settings name the module as token.module. Next, ask for its certificate with `bridge-node certs csr`."
    )]
    Token(tokens::Name),
    /// Replace the evidence key of a node that is stopped: its journals are put under a new one.
    #[command(
        after_help = "Example:\n  bridge-node key evidence --config node.toml\n\nStopped half-way, run it again: it goes on. Backups of before open with the key of before only: keep it with them, and make a new backup."
    )]
    Evidence {
        /// The settings file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Make an officer's key and print its public half for [[officers]].
    #[command(after_help = "Example:\n  bridge-node key officer officer.key")]
    Officer {
        /// The key file to make.
        file: PathBuf,
    },
    /// Print a new API key, once, and its digest for [[callers]].
    Api,
}

pub(super) fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Journal { folder, encryption } => {
            let passphrase = encryption.passphrase()?;
            let passphrase = passphrase.as_ref().map(|bytes| bytes.as_slice());
            std::fs::create_dir_all(&folder)
                .map_err(|error| Failure::failed(&folder.display().to_string(), &error))?;
            ed25519(&folder.join("journal.key"), passphrase)?;
            let secret = random()?;
            let path = folder.join("evidence.key");
            write_secret_file_under(&path, &secret, passphrase)
                .map_err(|error| not_made(&error))?;
            say(format_args!(
                "made {} and {}",
                folder.join("journal.key").display(),
                path.display()
            ));
        }
        Command::Witness {
            folder,
            name,
            encryption,
        } => {
            let passphrase = encryption.passphrase()?;
            let passphrase = passphrase.as_ref().map(|bytes| bytes.as_slice());
            std::fs::create_dir_all(&folder)
                .map_err(|error| Failure::failed(&folder.display().to_string(), &error))?;
            say(witness(&folder, &name, passphrase)?);
        }
        Command::Encrypt {
            files,
            passphrase_file,
        } => encrypt(&files, passphrase_file.as_deref())?,
        Command::ChangePassphrase {
            files,
            passphrase_file,
            new_passphrase_file,
        } => {
            let old = passphrase(passphrase_file.as_deref())?;
            let new = new_passphrase(new_passphrase_file.as_deref())?;
            for file in &files {
                put_under(file, &|| Ok(old.clone()), &new)?;
            }
        }
        Command::List(asked) => tokens::list(&asked)?,
        Command::Token(asked) => tokens::name(&asked)?,
        Command::Evidence { config } => evidence(&config)?,
        Command::Officer { file } => {
            let public = ed25519(&file, None)?;
            say(format_args!("public_key = \"{}\"", STANDARD.encode(public)));
        }
        Command::Api => {
            let key = URL_SAFE_NO_PAD.encode(random::<32>()?);
            say(format_args!("Bridge-Api-Key: {key}"));
            say(format_args!(
                "api_key_sha256 = \"{}\"",
                crate::callers::api_key_digest(&key)
            ));
        }
    }
    Ok(())
}

fn evidence(config: &Path) -> Result<(), Failure> {
    let settings = Settings::load(config).map_err(Failure::Settings)?;
    let replaced = evidence_key::replace(&settings).map_err(|error| {
        let remedy = match &error {
            ReplaceError::Again => {
                "remove it once `limits.idempotency_days` have passed since then, and run this again"
            }
            ReplaceError::Journal(RewrapError::Locked) => "stop the node, and run this again",
            ReplaceError::Key(_)
            | ReplaceError::Journal(_)
            | ReplaceError::Disk(..)
            | ReplaceError::NoRandom => {
                "mend that, and run this again: it goes on where it was left"
            }
        };
        Failure::Failed(hint(&crate::chain(&error), remedy))
    })?;
    let [path, marks] = ["evidence.key", evidence_key::MARKS].map(|name| settings.keys.path(name));
    say(format_args!(
        "{} is new; {replaced} files of the journals are under it",
        path.display()
    ));
    say(format_args!(
        "{} knows Idempotency-Keys of before again: remove it in {} days; before that this key is not replaced again",
        marks.display(),
        settings.limits.idempotency_age.as_secs() / 86_400
    ));
    Ok(())
}

fn encrypt(files: &[PathBuf], passphrase_file: Option<&Path>) -> Result<(), Failure> {
    // All are looked at before one is changed.
    for file in files {
        if is_encrypted(file).map_err(|error| not_changed(&error))? {
            return Err(Failure::Failed(hint(
                &format!("{}: is encrypted already", file.display()),
                "leave it out, or use `bridge-node key change-passphrase`",
            )));
        }
    }
    let passphrase = new_passphrase(passphrase_file)?;
    for file in files {
        put_under(
            file,
            &|| Err("it was not encrypted".to_owned()),
            &passphrase,
        )?;
    }
    Ok(())
}

fn put_under(file: &Path, old: Ask<'_>, new: &[u8]) -> Result<(), Failure> {
    change_passphrase(file, old, new).map_err(|error| not_changed(&error))?;
    say(format_args!("encrypted {}", file.display()));
    Ok(())
}

fn not_changed(error: &KeyFileError) -> Failure {
    let what = format!("key file: {}", crate::chain(error));
    let remedy = "the file is as it was; give a key file of yours, its passphrase, and a new one of at least 12 bytes";
    Failure::Failed(hint(&what, remedy))
}

/// Makes the key file of a witness and returns its verifier key.
pub(super) fn witness(
    folder: &Path,
    name: &str,
    passphrase: Option<&[u8]>,
) -> Result<String, Failure> {
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(no_random)?;
    let key = bridge_journal::WitnessKey::new(name, pkcs8.as_ref())
        .map_err(|error| Failure::Usage(format!("--name: {}", crate::chain(&error))))?;
    write_key_file_under(&folder.join("witness.key"), pkcs8.as_ref(), passphrase)
        .map_err(|error| not_made(&error))?;
    Ok(key.public().vkey())
}

/// Makes an Ed25519 key file and returns the public key.
pub(super) fn ed25519(path: &Path, passphrase: Option<&[u8]>) -> Result<Vec<u8>, Failure> {
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(no_random)?;
    let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref())
        .map_err(|error| Failure::failed("new key", &error))?;
    write_key_file_under(path, pkcs8.as_ref(), passphrase).map_err(|error| not_made(&error))?;
    Ok(pair.public_key().as_ref().to_vec())
}

/// A key file was not written; most often because one is there.
pub(super) fn not_made(error: &KeyFileError) -> Failure {
    let what = format!("key file: {}", crate::chain(error));
    let there = matches!(error, KeyFileError::Io { source, .. } if source.kind() == ErrorKind::AlreadyExists);
    let remedy = if there {
        "a key is never overwritten: move the file away, or write to another folder"
    } else {
        "give a place in a folder that exists and that you may write to"
    };
    Failure::Failed(hint(&what, remedy))
}

/// Random bytes.
pub(super) fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(no_random)?;
    Ok(bytes)
}

fn no_random(_: Unspecified) -> Failure {
    Failure::Failed(hint(
        "no random numbers",
        "the system gives them by getrandom: may this process call it?",
    ))
}
