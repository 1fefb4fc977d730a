//! `audit export` and `audit verify-dossier`: the file that proves an exchange, made by a running node and checked without any.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bridge_certs::Trust;
use clap::Args;
use serde_json::Value;
use uuid::Uuid;

use crate::command::officer::Access;
use crate::command::{Failure, hint, say};
use crate::dossier;
use crate::durable::{folder_of, sync_folder};

/// Which exchange, and where to.
#[derive(Debug, Args)]
pub(in crate::command) struct Export {
    /// X-Road-Request-Id.
    id: Uuid,
    /// The new file; `{id}.asice` if it is not given.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    access: Access,
}

/// What to check, and whom to trust.
#[derive(Debug, Args)]
pub(in crate::command) struct Verify {
    /// The dossier.
    file: PathBuf,
    /// PEM file of the authorities that are trusted: for members and nodes, and for time-stamps.
    #[arg(long, value_name = "FILE")]
    trust: PathBuf,
    /// The verifier key of a log, as the directory gives it; may be given several times. Else those in the dossier are used and told.
    #[arg(long, value_name = "VKEY")]
    key: Vec<String>,
    /// The revocation list of an authority (DER), newer than what it is to tell; may be given several times. With any, those of all
    /// authorities that issued its certificates are needed, and what a revoked key signed counts only under a time-stamp of before.
    #[arg(long, value_name = "FILE")]
    crl: Vec<PathBuf>,
}

// === impl Export ===

impl Export {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let path = match &self.out {
            Some(path) => path.clone(),
            None => PathBuf::from(format!("{}.asice", self.id)),
        };
        let answer = self.access.ask(&format!("/export/{}", self.id))?;
        let bytes = keep_dossier(&answer, &path)?;
        say(format_args!("{}: {bytes} bytes", path.display()));
        Ok(())
    }
}

/// Keeps the dossier that a node has answered with; returns its length.
pub(in crate::command) fn keep_dossier(answer: &Value, path: &Path) -> Result<usize, Failure> {
    let bytes = answer
        .get("dossier")
        .and_then(Value::as_str)
        .and_then(|text| STANDARD.decode(text).ok())
        .ok_or_else(|| Failure::Failed("the node gave no dossier".to_owned()))?;
    write(path, &bytes).map_err(|error| {
        Failure::Failed(hint(
            &format!("{}: {error}", path.display()),
            "give the name of a file that does not exist yet",
        ))
    })?;
    Ok(bytes.len())
}

/// Writes a new file that its owner alone may read.
fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    sync_folder(folder_of(path))
}

// === impl Verify ===

impl Verify {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let read = |path: &Path| {
            std::fs::read(path)
                .map_err(|error| Failure::failed(&path.display().to_string(), &error))
        };
        let bytes = read(&self.file)?;
        let trust = Trust::from_pem(&read(&self.trust)?)
            .map_err(|error| Failure::failed(&self.trust.display().to_string(), &error))?;
        let lists = self.crl.iter().map(|path| read(path));
        let lists: Vec<Vec<u8>> = lists.collect::<Result<_, _>>()?;
        match dossier::judge(&bytes, &trust, &self.key, &lists) {
            Ok(lines) => {
                for line in lines {
                    say(line);
                }
                say(format_args!("{}: holds", self.file.display()));
                if self.key.is_empty() {
                    say(
                        "the logs' verifier keys were taken from the dossier; compare them with the directory or give --key",
                    );
                }
                if self.crl.is_empty() {
                    say(
                        "whether a key was revoked was not looked at; give the authorities' revocation lists with --crl",
                    );
                }
                Ok(())
            }
            Err(faults) => {
                let mut lines = vec![format!("{}: does not hold", self.file.display())];
                lines.extend(faults);
                Err(Failure::NotGenuine(lines))
            }
        }
    }
}
