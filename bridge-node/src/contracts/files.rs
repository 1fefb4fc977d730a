//! The contract files of a node, loaded whole or not at all.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bridge_certs::cms::Sealer;
use bridge_certs::{read_key_file, read_pem_certificates};
use bridge_core::contract::{Agreement, Contract, ContractFault, SIGNED_LIMIT_BYTES, Seals};

use crate::keys::PrivateKey;
use crate::settings::{Fault, Settings};

/// All that contract files say.
#[derive(Debug, Clone, Default)]
pub struct Files {
    /// Contracts that nobody has signed.
    pub unsigned: Vec<Arc<Contract>>,
    /// Those that somebody has, by digest.
    pub agreements: BTreeMap<[u8; 32], Agreement>,
}

/// Where a node keeps what was signed while it ran, in its data folder.
const KEPT: &str = "contracts";
const SIGN_IT: &str = "have both members sign it (`bridge-node contract propose`), or set contracts.signatures = \"optional\"";

// === impl Files ===

impl Files {
    /// Loads every `*.json` of the contracts folder, and of what was signed while the node ran.
    ///
    /// # Errors
    ///
    /// All faults of all files; one bad contract stops the load, so that a right is never missing by accident, and no
    /// withdrawal overlooked.
    pub fn load(settings: &Settings, seals: &dyn Seals, now_s: u64) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        let mut files = Self::default();
        let kept = kept_folder(&settings.data_folder);
        // Then there is no data folder, and the start says what is in its place.
        let is_file = std::fs::metadata(&settings.data_folder).is_ok_and(|found| !found.is_dir());
        for folder in [&settings.contracts_folder, &kept] {
            match json_files(folder) {
                Ok(paths) => {
                    for path in paths {
                        files.add(&path, (seals, now_s), &mut faults);
                    }
                }
                // Nothing was signed while the node ran. Any other error may hide a withdrawal.
                Err(error)
                    if *folder == kept && (is_file || error.kind() == ErrorKind::NotFound) => {}
                Err(error) => faults.push(Fault::new(
                    folder.display().to_string(),
                    format!("cannot be read: {error}"),
                    "create the folder and let the node's user read it",
                )),
            }
        }
        if settings.demands_signatures {
            for contract in &files.unsigned {
                let id = contract.id();
                let place = settings.contracts_folder.display().to_string();
                faults.push(Fault::new(
                    place,
                    format!("nobody has signed contract `{id}`"),
                    SIGN_IT,
                ));
            }
        }
        if faults.is_empty() {
            Ok(files)
        } else {
            Err(faults)
        }
    }

    fn add(&mut self, path: &Path, seals: (&dyn Seals, u64), faults: &mut Vec<Fault>) {
        let Some(agreement) = read(path, seals, faults) else {
            return;
        };
        if !agreement.signed().is_empty() {
            self.merge(agreement);
            return;
        }
        let contract = agreement.contract();
        if self.unsigned.iter().any(|one| one.is_version_of(contract)) {
            faults.push(Fault::new(
                path.display().to_string(),
                format!(
                    "contract id `{}` is used by another file of the same members too",
                    contract.id()
                ),
                "keep one version of an unsigned contract in the folder",
            ));
        }
        self.unsigned.push(Arc::clone(contract));
    }

    fn merge(&mut self, agreement: Agreement) {
        let digest = agreement.contract().digest();
        if let Some(held) = self.agreements.get_mut(&digest) {
            held.merge(&agreement);
        } else {
            self.agreements.insert(digest, agreement);
        }
    }
}

/// Where a node keeps what was signed while it ran.
pub fn kept_folder(data_folder: &Path) -> PathBuf {
    data_folder.join(KEPT)
}

/// Reads a member's seal: its certificate, those of its issuers behind it, and its key.
///
/// # Errors
///
/// Why it cannot be used, in words.
pub fn sealer(certificate: &Path, key: &Path) -> Result<Sealer, String> {
    let key = read_key_file(key).map_err(|error| crate::chain(&error))?;
    sealer_of(certificate, PrivateKey::Held(key))
}

/// As [`sealer`], by a key that was opened.
///
/// # Errors
///
/// As [`sealer`].
pub fn sealer_of(certificate: &Path, key: PrivateKey) -> Result<Sealer, String> {
    let words = |error: &dyn std::error::Error| crate::chain(error);
    let chain = read_pem_certificates(certificate).map_err(|error| words(&error))?;
    key.sealer(chain).map_err(|error| words(&error))
}

/// The `*.json` of a folder, in the order of their names.
///
/// # Errors
///
/// The folder cannot be listed whole.
pub fn json_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        paths.push(entry?.path());
    }
    paths.retain(|path| path.extension().is_some_and(|ext| ext == "json"));
    paths.sort();
    Ok(paths)
}

/// Reads one contract file with its signatures; its faults are added to the list.
pub fn read(
    path: &Path,
    (seals, now_s): (&dyn Seals, u64),
    faults: &mut Vec<Fault>,
) -> Option<Agreement> {
    let read = bytes(path).map(|bytes| Agreement::read(&bytes, seals, now_s));
    match read {
        Ok(Ok(agreement)) => return Some(agreement),
        Ok(Err(list)) => faults.extend(list.iter().map(|fault| told(path, fault))),
        Err(error) => faults.push(Fault::new(
            path.display().to_string(),
            error.to_string(),
            "give a readable contract file",
        )),
    }
    None
}

/// The bytes of a contract file.
///
/// # Errors
///
/// It cannot be read, or is longer than a contract file may be.
pub fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    let length = std::fs::metadata(path)?.len();
    match usize::try_from(length) {
        Ok(length) if length <= SIGNED_LIMIT_BYTES => std::fs::read(path),
        _ => Err(io::Error::other(format!(
            "longer than {SIGNED_LIMIT_BYTES} bytes"
        ))),
    }
}

fn told(path: &Path, fault: &ContractFault) -> Fault {
    let place = match fault.place.as_str() {
        "" => path.display().to_string(),
        within => format!("{}: {within}", path.display()),
    };
    Fault::new(place, fault.fault.to_string(), fault.remedy)
}
