//! `key`: keys without certificates, one per purpose, in files that only their owner may read.

use std::io::ErrorKind;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bridge_certs::{KeyFileError, write_key_file, write_secret_file};
use clap::Subcommand;
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{Ed25519KeyPair, KeyPair as _};

use super::{Failure, hint, say};

/// Commands about keys.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make the journal's signing key (Ed25519) as FOLDER/journal.key and its evidence key as FOLDER/evidence.key.
    #[command(after_help = "Example:\n  bridge-node key journal keys")]
    Journal {
        /// The node's keys folder.
        folder: PathBuf,
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
        Command::Journal { folder } => {
            std::fs::create_dir_all(&folder)
                .map_err(|error| Failure::failed(&folder.display().to_string(), &error))?;
            ed25519(&folder.join("journal.key"))?;
            let secret = random()?;
            let path = folder.join("evidence.key");
            write_secret_file(&path, &secret).map_err(|error| not_made(&error))?;
            say(format_args!(
                "made {} and {}",
                folder.join("journal.key").display(),
                path.display()
            ));
        }
        Command::Witness { folder, name } => {
            std::fs::create_dir_all(&folder)
                .map_err(|error| Failure::failed(&folder.display().to_string(), &error))?;
            say(witness(&folder, &name)?);
        }
        Command::Officer { file } => {
            let public = ed25519(&file)?;
            say(format_args!("public_key = \"{}\"", STANDARD.encode(public)));
        }
        Command::Api => {
            let key = URL_SAFE_NO_PAD.encode(random()?);
            say(format_args!("Bridge-Api-Key: {key}"));
            say(format_args!(
                "api_key_sha256 = \"{}\"",
                crate::callers::api_key_digest(&key)
            ));
        }
    }
    Ok(())
}

/// Makes the key file of a witness and returns its verifier key.
pub(super) fn witness(folder: &std::path::Path, name: &str) -> Result<String, Failure> {
    let failed = || Failure::Failed("no random numbers".to_owned());
    let pkcs8 =
        Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_unspecified| failed())?;
    let key = bridge_journal::WitnessKey::new(name, pkcs8.as_ref())
        .map_err(|error| Failure::Usage(format!("--name: {}", crate::chain(&error))))?;
    write_key_file(&folder.join("witness.key"), pkcs8.as_ref())
        .map_err(|error| not_made(&error))?;
    Ok(key.public().vkey())
}

/// Makes an Ed25519 key file and returns the public key.
pub(super) fn ed25519(path: &std::path::Path) -> Result<Vec<u8>, Failure> {
    let failed = || Failure::Failed("no random numbers".to_owned());
    let pkcs8 =
        Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_unspecified| failed())?;
    let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).map_err(|_rejected| failed())?;
    write_key_file(path, pkcs8.as_ref()).map_err(|error| not_made(&error))?;
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

/// 32 random bytes.
pub(super) fn random() -> Result<[u8; 32], Failure> {
    let mut bytes = [0; 32];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_unspecified| Failure::Failed("no random numbers".to_owned()))?;
    Ok(bytes)
}
