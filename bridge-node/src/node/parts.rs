//! What a node reads from files before it starts: keys, certificates, contracts, registry packages.

use std::path::Path;
use std::sync::Arc;

use bridge_certs::{Checked, Issuance, Trust};
use bridge_directory::{Client, DirectoryError};
use bridge_journal::{Checkpoint, Disk, JournalKeys, WitnessKey, empty_checkpoint};
use bridge_signature::Signer;
use bytes::Bytes;
use zeroize::Zeroizing;

use super::OpenError;
use super::own_keys::{Unusable, exchange_signer, journal_key, own_tls, remedy, witness_key};
use crate::chain;
use crate::clock::Clock;
use crate::contracts::{Contracts, Files};
use crate::epochs;
use crate::evidence_key;
use crate::own::{self, Folder, Judge, OwnFiles, Use};
use crate::registries::Registries;
use crate::settings::{Fault, Settings};
use crate::stamping::Stamping;
use crate::status::Statuses;
use crate::tls::{TlsIdentity, consumer_server};

/// The parts that files give: read by `check-config` and by `run` alike.
pub struct Parts {
    /// The exchange key, wherever it lies.
    pub signer: Arc<dyn Signer>,
    pub(super) trust: Arc<Trust>,
    pub(super) tls: TlsIdentity,
    /// None for a node without that listener.
    pub(super) web: Option<TlsIdentity>,
    pub(super) contracts: Files,
    pub(super) registries: Registries,
    pub(super) directory_root: Vec<u8>,
    pub(super) keys: JournalKeys,
    /// None for a node that witnesses nothing.
    pub(super) witness_key: Option<WitnessKey>,
    /// By this what was begun under Idempotency-Keys under an earlier evidence key is known again.
    pub(super) marks_before: Option<Zeroizing<[u8; 32]>>,
    pub(super) certificates: Vec<OwnCertificate>,
    pub(super) status: Option<Arc<Statuses>>,
    pub(super) stamping: Option<Box<Stamping>>,
    pub(super) journal_disk: Option<Arc<dyn Disk>>,
    /// Time.
    pub clock: Clock,
    /// What the operator vouches for at this start.
    pub vouched: Vouched,
}

/// A certificate of this node.
#[derive(Debug, Clone)]
pub struct OwnCertificate {
    /// `tls` or `exchange`.
    pub usage: &'static str,
    /// SHA-256 of the certificate.
    pub sha256: [u8; 32],
    /// Its last second, Unix.
    pub not_after: u64,
    /// Who issued it: by this its status is known.
    pub chain: Vec<Issuance>,
}

/// What a node can't know and an operator says, for one start.
#[derive(Debug, Clone, Copy, Default)]
pub struct Vouched {
    /// The data folder was moved, and no other node writes its journal.
    pub moved: bool,
    /// This machine's clock is right, although the newest leaf is of a later time.
    pub clock: bool,
    /// The journal goes on as another log under a new key.
    pub new_journal_key: bool,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Parts")
    }
}

// === impl OwnCertificate ===

impl OwnCertificate {
    pub(super) fn new(usage: &'static str, checked: Checked) -> Self {
        Self {
            usage,
            sha256: checked.sha256,
            not_after: checked.not_after,
            chain: checked.chain,
        }
    }
}

// === impl Parts ===

impl Parts {
    /// Reads a settings file and all that it names.
    ///
    /// # Errors
    ///
    /// Every fault found in either. A path that does not exist is told once.
    pub fn load(config: &Path, now_s: u64) -> Result<(Settings, Self), Vec<Fault>> {
        let (settings, mut faults) = Settings::read(config);
        let Some(settings) = settings else {
            return Err(faults);
        };
        match Self::read(&settings, now_s) {
            Ok(parts) if faults.is_empty() => return Ok((settings, parts)),
            Ok(_) => {}
            Err(OpenError(more)) => {
                let told = |fault: &Fault| faults.iter().any(|known| follows(fault, known));
                let new: Vec<_> = more.into_iter().filter(|fault| !told(fault)).collect();
                faults.extend(new);
            }
        }
        Err(faults)
    }

    /// Reads keys, certificates, contracts and registry packages.
    ///
    /// # Errors
    ///
    /// Every fault found.
    pub fn read(settings: &Settings, now_s: u64) -> Result<Self, OpenError> {
        let mut faults = Vec::new();
        let trust = keep(&mut faults, "trust.anchors", read_trust(settings)).map(Arc::new);
        let files = |usage| usable(settings, trust.as_deref(), usage, now_s);
        let (tls_files, exchange_files) = (files(Use::Tls), files(Use::Exchange));
        let tls = keep(
            &mut faults,
            "keys: tls",
            TlsIdentity::of(&settings.keys, &tls_files),
        );
        let web = settings.consumer_listen.and_then(|_listens| {
            let web = TlsIdentity::of(&settings.keys, &files(Use::Web));
            let web = web.and_then(|web| consumer_server(&web).map(|_config| web));
            keep(&mut faults, "keys: web", web)
        });
        let checkpoint = keep(&mut faults, "keys: journal.key", journal_key(settings));
        let evidence = settings.keys.secret("evidence.key");
        let evidence = keep(&mut faults, "keys: evidence.key", evidence);
        let marks_before = keep(&mut faults, "keys", evidence_key::marks_before(settings));
        let stamping = keep(&mut faults, "time", Stamping::open(settings));
        let status = keep(&mut faults, "status", Statuses::open(settings));
        let witness_key = keep(&mut faults, "keys: witness.key", witness_key(settings));
        let root = keep(
            &mut faults,
            "directory.root",
            std::fs::read(&settings.directory_root),
        );
        let contracts = trust.as_ref().and_then(|trust| {
            let read = Files::load(settings, trust.as_ref(), now_s);
            keep_all(&mut faults, read)
        });
        let registries = keep_all(
            &mut faults,
            Registries::open(&settings.services, &settings.limits),
        );
        let signer = trust.as_ref().and_then(|trust| {
            let signer = exchange_signer(settings, trust, &exchange_files, now_s);
            keep(&mut faults, "keys: exchange", signer)
        });
        let tls_own = trust.as_ref().zip(tls.as_ref()).and_then(|(trust, tls)| {
            let own = own_tls(settings, trust, (tls, &tls_files), now_s);
            keep(&mut faults, "keys: tls", own)
        });
        let complete = (|| {
            let (signer, exchange) = signer?;
            Some(Self {
                certificates: vec![tls_own?, exchange],
                status: status?,
                signer,
                trust: trust?,
                tls: tls?,
                web,
                contracts: contracts?,
                registries: registries?,
                directory_root: root?,
                stamping: stamping?,
                keys: JournalKeys {
                    checkpoint_pkcs8: checkpoint?,
                    evidence: evidence?,
                },
                witness_key: witness_key?,
                marks_before: marks_before?,
                journal_disk: None,
                clock: Clock::default(),
                vouched: Vouched::default(),
            })
        })();
        complete
            .filter(|_| faults.is_empty())
            .ok_or(OpenError(faults))
    }

    /// Lays the journal on another disk than its folder: for a program that links this library. No setting leads here.
    #[must_use]
    pub fn with_journal_disk(self, disk: Arc<dyn Disk>) -> Self {
        Self {
            journal_disk: Some(disk),
            ..self
        }
    }

    /// Takes the key of the epoch that has begun since the parts were read.
    ///
    /// # Errors
    ///
    /// The fault of its file.
    pub fn renew_journal_key(&mut self, settings: &Settings) -> Result<(), String> {
        self.keys.checkpoint_pkcs8 = journal_key(settings).map_err(|error| chain(&*error))?;
        Ok(())
    }

    /// The signed head of this log without a leaf.
    pub(crate) fn empty_checkpoint(&self, settings: &Settings) -> Option<(Checkpoint, Bytes)> {
        let origin = settings.log_origin(epochs::current(settings).ok()?);
        empty_checkpoint(&origin, &self.keys.checkpoint_pkcs8).ok()
    }

    pub(crate) fn evidence_key(&self) -> Zeroizing<[u8; 32]> {
        self.keys.evidence.clone()
    }

    /// What the listeners show: to other nodes, and to information systems.
    pub(crate) fn identities(&self) -> (TlsIdentity, Option<TlsIdentity>) {
        (self.tls.clone(), self.web.clone())
    }

    pub(crate) fn tls_identity(&self) -> TlsIdentity {
        self.tls.clone()
    }

    pub(crate) fn directory_root(&self) -> &[u8] {
        &self.directory_root
    }

    pub(crate) fn trust(&self) -> Arc<Trust> {
        Arc::clone(&self.trust)
    }

    /// What judges the certificates of others.
    pub(crate) fn judges(&self) -> (Arc<Trust>, Option<Arc<Statuses>>) {
        (self.trust(), self.status.clone())
    }

    pub(crate) fn has_journal_disk(&self) -> bool {
        self.journal_disk.is_some()
    }

    /// Holds the pinned root to its form, as a start would; `scratch` is an empty folder.
    ///
    /// # Errors
    ///
    /// The fault.
    pub fn check_root(&self, scratch: &Path) -> Result<(), Fault> {
        match Client::open(scratch, &self.directory_root) {
            Ok(_client) => Ok(()),
            Err(error) => Err(root_fault(&error)),
        }
    }

    /// How many contracts and services there are, for `check-config`.
    pub fn summary(&self) -> String {
        format!(
            "{} contracts, {} services",
            Contracts::of(&self.contracts).all().count(),
            self.registries.len()
        )
    }
}

pub(crate) fn read_trust(settings: &Settings) -> Result<Trust, String> {
    let path = &settings.anchors;
    let pem = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let trust =
        Trust::from_pem(&pem).map_err(|error| format!("{}: {}", path.display(), chain(&error)))?;
    let Some(path) = &settings.foreign else {
        return Ok(trust);
    };
    let table =
        std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    trust
        .with_foreign(&table)
        .map_err(|error| format!("{}: {}", path.display(), chain(&error)))
}

/// The pinned root or the store beside it cannot be used.
pub(super) fn root_fault(error: &DirectoryError) -> Fault {
    Fault::new(
        "directory.root",
        chain(error),
        "give the authority's root.json",
    )
}

/// Whether a fault of a file only repeats that the settings name a path that is not there.
fn follows(fault: &Fault, known: &Fault) -> bool {
    match known.place.as_str() {
        "node.keys_folder" => fault.place.starts_with("keys"),
        "contracts.folder" => known.what.starts_with(&fault.place),
        place => match place.split_once('.') {
            Some((entry, _)) if entry.starts_with("services[") => fault.place.starts_with(entry),
            _ => fault.place == place,
        },
    }
}

fn keep<T, E: Into<Unusable>>(
    faults: &mut Vec<Fault>,
    place: &str,
    result: Result<T, E>,
) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error) => {
            let error = error.into();
            let remedy = remedy(&*error);
            faults.push(Fault::new(
                place,
                chain(&*error),
                remedy.unwrap_or("correct the file, or issue it anew with `bridge-node certs`"),
            ));
            None
        }
    }
}

fn keep_all<T>(faults: &mut Vec<Fault>, result: Result<T, Vec<Fault>>) -> Option<T> {
    result.map_err(|list| faults.extend(list)).ok()
}

/// The files of this node's certificate that a start works with, and of its key.
fn usable(settings: &Settings, trust: Option<&Trust>, usage: Use, now_s: u64) -> OwnFiles {
    let (node, folder) = (&settings.node, Folder::new(&settings.keys));
    match trust {
        None => OwnFiles::in_force(usage),
        Some(trust) => own::usable(&folder, usage, &Judge { node, trust, now_s }),
    }
}
