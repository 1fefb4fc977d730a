//! The seal under which a member speaks.

use std::path::{Path, PathBuf};

use bridge_certs::cms::Sealer;
use bridge_core::identity::MemberId;
use clap::Args;

use super::passphrase::asked;
use super::{Failure, hint};
use crate::contracts::sealer_of;
use crate::keys;

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
    /// The PKCS#11 module of the token that the seal's key file names.
    #[arg(long, value_name = "FILE")]
    token_module: Option<PathBuf>,
}

impl Speaker {
    pub(super) fn sealer(&self) -> Result<Sealer, Failure> {
        let passphrase_file = self.passphrase_file.as_deref();
        let module = self.token_module.as_deref();
        open(&self.seal, &self.seal_key, passphrase_file, module)
    }
}

/// Opens a seal; an encrypted key file by the passphrase of the file, or of the terminal; one on a token by its module.
pub(super) fn open(
    certificate: &Path,
    key: &Path,
    passphrase_file: Option<&Path>,
    module: Option<&Path>,
) -> Result<Sealer, Failure> {
    let key = keys::open(key, module, &|| asked(passphrase_file));
    let key = key.map_err(|error| match error.remedy() {
        Some(remedy) => Failure::Failed(hint(&format!("seal: {}", crate::chain(&error)), remedy)),
        None => Failure::failed("seal", &error),
    })?;
    sealer_of(certificate, key).map_err(|why| Failure::Failed(format!("seal: {why}")))
}
