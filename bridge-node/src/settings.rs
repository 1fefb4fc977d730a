//! The settings of a node: one TOML file, checked whole.
//!
//! `load` reads the file into the raw form ([`raw`]), turns every value into what the node works with, and reports *all*
//! faults at once, each with its place in the file and what would mend it. `check-config` and `run` load in the same way.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bridge_core::identity::{NodeId, SubsystemId};

use crate::keys::Keys;

mod acme;
mod database;
mod limits;
mod parts;
mod process;
pub mod raw;
pub mod staleness;
mod status;
mod time;
mod told;
mod upstream;
mod witnesses;

pub use acme::{Acme, AcmeBinding};
pub use limits::{Limits, RawLimits};
pub use process::{Process, RawCage};
pub use status::{CrlSource, Status, StatusAuthority};
pub use time::{Time, TimeAuthority};
pub use told::{ErrorStatus, ErrorTypes, Told};
pub use upstream::HttpSite;
pub use witnesses::{RawWitnesses, Witnesses};

/// Everything a node was told, checked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The node's own name in the directory.
    pub node: NodeId,
    /// First part of the journal's origin, a domain name that the agency holds.
    pub log_domain: String,
    /// Journal, directory store, admin socket.
    pub data_folder: PathBuf,
    /// Folder of `tls.pem`, `tls.key`, `exchange.pem`, `exchange.key`, `journal.key`, `evidence.key`, `witness.key`, `seal.pem`,
    /// `seal.key`, `web.pem`, `web.key`.
    pub keys: Keys,
    /// PEM file of the certificate authorities that issue node certificates.
    pub anchors: PathBuf,
    /// TOML table of foreign authorities, if any of the anchors is one.
    pub foreign: Option<PathBuf>,
    /// The pinned first `root.json` of the directory.
    pub directory_root: PathBuf,
    /// Where the directory is read from.
    pub directory_source: DirectorySource,
    /// How often the directory is read again.
    pub directory_refresh: Duration,
    /// Listener for information systems, TLS.
    pub consumer_listen: Option<SocketAddr>,
    /// Listener for information systems without TLS; loopback only.
    pub consumer_plain_listen: Option<SocketAddr>,
    /// How those who ask are told of refusals.
    pub told: Told,
    /// Listener for other nodes.
    pub peer_listen: SocketAddr,
    /// Unix socket for officers' commands.
    pub admin_socket: PathBuf,
    /// `live` and `ready`, loopback only.
    pub health_listen: Option<SocketAddr>,
    /// Information systems that may call.
    pub callers: Vec<Caller>,
    /// Officers: who may read the journal and give orders.
    pub officers: Vec<Officer>,
    /// Folder of contract files.
    pub contracts_folder: PathBuf,
    /// Only contracts that both members have signed count.
    pub demands_signatures: bool,
    /// What this node serves.
    pub services: Vec<Service>,
    /// Groups that only this node knows.
    pub local_groups: BTreeMap<String, BTreeSet<SubsystemId>>,
    /// Who stamps the journal; nobody if it is not given.
    pub time: Option<Box<Time>>,
    /// How revoked certificates are known; not at all if it is not given.
    pub status: Option<Box<Status>>,
    /// Who issues and renews this node's certificates; nobody if it is not given.
    pub acme: Option<Box<Acme>>,
    /// How checkpoints are cosigned.
    pub witnesses: Witnesses,
    /// Limits on everything a stranger can send.
    pub limits: Limits,
}

/// Where the directory's signed files come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DirectorySource {
    /// A folder on this machine.
    Folder(PathBuf),
    /// An `http://` address; the files are signed, so the channel needs no secrecy.
    Http(String),
}

/// An information system and what it may call as.
#[derive(Debug, Clone)]
pub struct Caller {
    /// A name for the log.
    pub name: String,
    /// The subsystems that these credentials own.
    pub subsystems: BTreeSet<SubsystemId>,
    /// How it proves itself.
    pub credential: Credential,
}

/// A caller's credential, as the node keeps it.
#[derive(Debug, Clone)]
pub enum Credential {
    /// A client certificate, pinned: its DER bytes.
    Certificate(Vec<u8>),
    /// SHA-256 of the API key.
    ApiKey([u8; 32]),
}

/// A person who may read the journal and give orders through the admin socket.
#[derive(Debug, Clone)]
pub struct Officer {
    /// A name for the leaves of what the officer reads and orders.
    pub name: String,
    /// Ed25519 public key, 32 bytes.
    pub public_key: Vec<u8>,
}

/// One entry of `[[services]]`.
#[derive(Debug, Clone)]
pub struct Service {
    /// Where it stands in the settings, as `services[1]`.
    pub place: String,
    /// The subsystem that provides it.
    pub subsystem: SubsystemId,
    /// Shown to callers who hold no contract yet; others get 404.
    pub published: bool,
    /// Requests and answers are checked against the service's OpenAPI text.
    pub check: bool,
    /// What answers.
    pub source: Source,
}

/// The adapter behind a service and its own settings.
#[derive(Debug, Clone)]
pub enum Source {
    /// A registry package served from an SQL database.
    Sql {
        /// Folder of the registry package.
        package: PathBuf,
        /// Its database, for queries and for submissions.
        access: bridge_adapter_sql::Access,
    },
    /// A registry that speaks HTTP.
    Http {
        /// Service code.
        code: String,
        /// Shown in `listMethods`.
        title: String,
        /// The rest of the path and the query are appended to it.
        base_url: String,
        /// PEM file of the one certificate accepted there.
        certificate: Option<PathBuf>,
        /// OpenAPI 3.1 JSON file.
        openapi: Option<PathBuf>,
        /// How long an answer may take.
        timeout: Duration,
        /// The site's own settings.
        site: HttpSite,
        /// What its unsafe methods leave behind, as a manifest would say it.
        effect: Option<String>,
    },
    /// A registry package served by a registry that speaks HTTP.
    HttpPackage {
        /// Folder of the registry package.
        package: PathBuf,
        /// The site's own settings.
        site: HttpSite,
    },
    /// A registry package served from files.
    File {
        /// Folder of the registry package.
        package: PathBuf,
        /// Folder of the files, or the one file.
        files: PathBuf,
    },
    /// A registry package served by a program in a process of its own.
    Process(Box<Process>),
}

/// One thing wrong in a settings file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Key path, as `callers[1].certificate`.
    pub place: String,
    /// What is wrong.
    pub what: String,
    /// What would mend it.
    pub remedy: String,
}

// === impl Fault ===

impl Fault {
    /// A kind of adapter that no registry is opened by.
    pub(crate) fn not_built_in(place: impl Into<String>, adapter: &str) -> Self {
        let what = format!("`{adapter}` is not built in");
        Self::new(place, what, "use sql, http, file or process")
    }

    pub(crate) fn new(
        place: impl Into<String>,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            place: place.into(),
            what: what.into(),
            remedy: remedy.into(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} (remedy: {})", self.place, self.what, self.remedy)
    }
}

// === impl Settings ===

impl Settings {
    /// Reads and checks a settings file. Relative paths count from the file's own folder.
    ///
    /// # Errors
    ///
    /// Every fault found, in the order of the file.
    pub fn load(path: &Path) -> Result<Self, Vec<Fault>> {
        sound(Self::read(path))
    }

    /// Reads a settings file as far as it goes: what could be understood, and every fault.
    pub fn read(path: &Path) -> (Option<Self>, Vec<Fault>) {
        match std::fs::read_to_string(path) {
            Ok(text) => {
                let folder = path.parent().map_or_else(PathBuf::new, Path::to_path_buf);
                read(&text, &folder)
            }
            Err(error) => {
                let fault = Fault::new(
                    path.display().to_string(),
                    format!("cannot be read: {error}"),
                    "give the path of a readable settings file",
                );
                (None, vec![fault])
            }
        }
    }

    /// Checks settings given as text; `folder` is where relative paths count from.
    ///
    /// # Errors
    ///
    /// Every fault found, in the order of the file.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, Vec<Fault>> {
        sound(read(text, folder))
    }

    /// The name of this node's witness key.
    pub fn witness_name(&self) -> String {
        format!("{}/{}/witness", self.log_domain, self.node)
    }

    /// The text before the epoch in the journal's origin.
    pub fn log_origin(&self, epoch: u64) -> String {
        format!("{}/{}/{epoch}", self.log_domain, self.node)
    }
}

fn read(text: &str, folder: &Path) -> (Option<Settings>, Vec<Fault>) {
    let mut faults = Vec::new();
    let raw = raw::read(text, &mut faults);
    let settings = raw.and_then(|raw| parts::check(raw, folder, &mut faults));
    (settings, faults)
}

/// Checks one entry of `[[services]]` without a node around it.
///
/// # Errors
///
/// Every fault found; `setting` stands in the place of the file's `services[0]`.
pub(crate) fn service(text: &str, folder: &Path) -> Result<Service, Vec<Fault>> {
    let mut faults = Vec::new();
    let services = raw::services(text, &mut faults);
    let services = parts::services(services, folder, &mut faults);
    for fault in &mut faults {
        fault.place = fault.place.replace("services[0]", "setting");
    }
    let mut services = services.into_iter();
    let service = services.next();
    if services.next().is_some() {
        let remedy = "give lines of one service";
        faults.push(Fault::new("setting", "names more than one service", remedy));
    }
    service.filter(|_| faults.is_empty()).ok_or(faults)
}

fn sound((settings, faults): (Option<Settings>, Vec<Fault>)) -> Result<Settings, Vec<Fault>> {
    settings.filter(|_| faults.is_empty()).ok_or(faults)
}

#[cfg(test)]
mod tests;
