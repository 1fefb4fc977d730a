//! The seal under which a member speaks.

use std::path::{Path, PathBuf};

use bridge_certs::cms::Sealer;
use bridge_certs::open_key_file;
use bridge_core::identity::MemberId;
use clap::Args;

use super::Failure;
use super::passphrase::asked;
use crate::contracts::sealer_of;

/// Who speaks, and under which seal.
#[derive(Debug, Args)]
pub(super) struct Speaker {
    /// The member that speaks, INSTANCE/CLASS/MEMBER.
    #[arg(long)]
    pub(super) member: MemberId,
    /// PEM file of the seal's certificate, its issuers behind it.
    #[arg(long, value_name = "FILE")]
    seal: PathBuf,
    /// The seal's key file.
    #[arg(long, value_name = "FILE")]
    seal_key: PathBuf,
    /// A file of mode 0600 with the passphrase of an encrypted key file; without it the terminal asks.
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

impl Speaker {
    pub(super) fn sealer(&self) -> Result<Sealer, Failure> {
        open(&self.seal, &self.seal_key, self.passphrase_file.as_deref())
    }
}

/// Opens a seal; an encrypted key file by the passphrase of the file, or of the terminal.
pub(super) fn open(
    certificate: &Path,
    key: &Path,
    passphrase_file: Option<&Path>,
) -> Result<Sealer, Failure> {
    let key = open_key_file(key, &|| asked(passphrase_file));
    let key = key.map_err(|error| Failure::failed("seal", &error))?;
    sealer_of(certificate, &key).map_err(|why| Failure::Failed(format!("seal: {why}")))
}
