//! From the raw file to checked [`Settings`]: every section is checked even when another is wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bridge_core::identity::{NodeId, SubsystemId};

use super::raw::File;
use super::told::choose;
use super::{
    Caller, Credential, DirectorySource, Fault, Limits, Officer, Service, Settings, Told,
    Witnesses, raw,
};
use crate::keys::Keys;

/// The directory is read again this often by default: a frozen mirror is noticed within its 24 h.
pub(super) const DEFAULT_REFRESH_S: u64 = 60;
/// The system's limit on a Unix socket's path, without its final zero.
const MAX_SOCKET_PATH_BYTES: usize = 107;
/// Standard: RFC 1035 §2.3.4.
const MAX_DOMAIN_BYTES: usize = 253;

pub(super) struct Check<'a> {
    pub(super) folder: &'a Path,
    pub(super) faults: &'a mut Vec<Fault>,
}

pub(super) fn check(file: File, folder: &Path, faults: &mut Vec<Fault>) -> Option<Settings> {
    let limits = Limits::check(&file.limits.unwrap_or_default(), faults);
    let witnesses = Witnesses::check(&file.witnesses.unwrap_or_default(), folder, faults);
    let told = Told::check(file.node.as_ref(), file.consumer.as_ref(), faults);
    let mut check = Check { folder, faults };
    let node = file.node.as_ref();
    let node = node.and_then(|n| check.parse::<NodeId>("node.id", &n.id, NODE_FORM));
    let mut services = check.services(file.services);
    let callers = check.callers(file.callers);
    let officers = check.officers(&file.officers);
    let local_groups = check.groups(file.local_groups.unwrap_or_default());
    let consumer = file.consumer.as_ref();
    let consumer_listen = consumer.and_then(|c| c.listen.as_deref());
    let consumer_listen = check.address("consumer.listen", consumer_listen);
    let plain = check.loopback(
        "consumer.plain_listen",
        consumer.and_then(|c| c.plain_listen.as_deref()),
    );
    let peer_listen = check.address("peer.listen", file.peer.as_ref().map(|p| p.listen.as_str()));
    let admin = file.admin.as_ref();
    let health = admin.and_then(|a| a.health_listen.as_deref());
    let health = check.loopback("admin.health_listen", health);
    let directory = file.directory.and_then(|d| check.directory(&d));
    let trust = file.trust.map(|t| check.trust(t));
    let contracts = file.contracts.map(|c| check.contracts(&c));
    let time = file.time.map(|raw| Box::new(check.time(&raw)));
    let status = file.status.map(|raw| Box::new(check.status(&raw)));
    let has_web = consumer_listen.is_some();
    let acme = file.acme.and_then(|raw| check.acme(&raw, has_web));
    let passphrase_file = check.passphrase_file(file.keys);
    let module = check.module(file.token);
    let node_section = file.node?;
    check.log_domain(&node_section.log_domain);
    let (directory_root, directory_source, directory_refresh) = directory?;
    let (anchors, foreign) = trust?;
    let (contracts_folder, demands_signatures) = contracts?;
    let data_folder = folder.join(&node_section.data_folder);
    check.programs(&mut services, (&data_folder, &node_section.keys_folder));
    let admin_socket = check.admin_socket(&data_folder, admin);
    Some(Settings {
        node: node?,
        log_domain: node_section.log_domain,
        keys: Keys::new(
            check.existing("node.keys_folder", &node_section.keys_folder),
            passphrase_file,
        )
        .with_module(module),
        anchors,
        foreign,
        directory_root,
        directory_source,
        directory_refresh,
        consumer_listen,
        consumer_plain_listen: plain,
        told,
        peer_listen: peer_listen?,
        admin_socket,
        data_folder,
        health_listen: health,
        callers,
        officers,
        contracts_folder,
        demands_signatures,
        services,
        local_groups,
        time,
        status,
        acme: acme.map(Box::new),
        witnesses,
        limits,
    })
}

/// Checks services without a node around them: their programs are those of the folder.
pub(super) fn services(
    raw: Vec<raw::Service>,
    folder: &Path,
    faults: &mut Vec<Fault>,
) -> Vec<Service> {
    let mut check = Check { folder, faults };
    let mut services = check.services(raw);
    check.programs(&mut services, (folder, ""));
    services
}

const NODE_FORM: &str = "write INSTANCE/CLASS/MEMBER/NODE, each part percent-encoded";
const SUBSYSTEM_FORM: &str = "write INSTANCE/CLASS/MEMBER/SUBSYSTEM, each part percent-encoded";

// === impl Check ===

impl Check<'_> {
    /// The folder, and whether a contract counts only once both members have signed it.
    fn contracts(&mut self, raw: &raw::Contracts) -> (PathBuf, bool) {
        let signatures = raw.signatures.as_deref();
        let words = [("required", true), ("optional", false)];
        (
            self.existing("contracts.folder", &raw.folder),
            choose("contracts.signatures", signatures, words, self.faults),
        )
    }

    pub(super) fn fault(&mut self, place: &str, what: impl Into<String>, remedy: &str) {
        self.faults.push(Fault::new(place, what, remedy));
    }

    pub(super) fn parse<T: FromStr>(&mut self, place: &str, text: &str, form: &str) -> Option<T>
    where
        T::Err: std::fmt::Display,
    {
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.fault(place, format!("`{text}`: {error}"), form);
                None
            }
        }
    }

    pub(super) fn existing(&mut self, place: &str, path: &str) -> PathBuf {
        let full = self.folder.join(path);
        if !full.exists() {
            self.fault(
                place,
                format!("{} does not exist", full.display()),
                "create it or correct the path",
            );
        }
        full
    }

    /// The name goes into the journal's origin, which is the name of its key.
    fn log_domain(&mut self, text: &str) {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
        if text.is_empty() || text.len() > MAX_DOMAIN_BYTES || !text.bytes().all(fits) {
            self.fault(
                "node.log_domain",
                format!("`{text}` is not a domain name"),
                "write a domain that the agency holds: letters, digits, hyphens, dots",
            );
        }
    }

    fn admin_socket(&mut self, data_folder: &Path, admin: Option<&raw::Admin>) -> PathBuf {
        let given = admin.and_then(|admin| admin.socket.as_deref());
        let path = given.map_or_else(
            || data_folder.join("admin.sock"),
            |path| self.folder.join(path),
        );
        self.socket_path(&path);
        path
    }

    fn socket_path(&mut self, path: &Path) {
        let length = path.as_os_str().len();
        if length > MAX_SOCKET_PATH_BYTES {
            self.fault(
                "admin.socket",
                format!("{} is {length} bytes long", path.display()),
                "give a path of at most 107 bytes, or start the node with a shorter one",
            );
        }
    }

    pub(super) fn address(&mut self, place: &str, text: Option<&str>) -> Option<SocketAddr> {
        self.parse(
            place,
            text?,
            "write ADDRESS:PORT, as 127.0.0.1:8443 or [::1]:8443",
        )
    }

    fn trust(&mut self, raw: raw::Trust) -> (PathBuf, Option<PathBuf>) {
        let anchors = self.existing("trust.anchors", &raw.anchors);
        let foreign = raw.foreign;
        let foreign = foreign.map(|path| self.existing("trust.foreign", &path));
        (anchors, foreign)
    }

    fn passphrase_file(&mut self, raw: Option<raw::Keys>) -> Option<PathBuf> {
        let path = raw?.passphrase_file?;
        Some(self.existing("keys.passphrase_file", &path))
    }

    /// The library by which tokens are reached.
    fn module(&mut self, raw: Option<raw::Token>) -> Option<PathBuf> {
        Some(self.existing("token.module", &raw?.module))
    }

    fn loopback(&mut self, place: &str, text: Option<&str>) -> Option<SocketAddr> {
        let address = self.address(place, text)?;
        if !address.ip().is_loopback() {
            let remedy = "plain HTTP is served on loopback only";
            self.fault(place, "is not a loopback address", remedy);
        }
        Some(address)
    }

    fn directory(&mut self, raw: &raw::Directory) -> Option<(PathBuf, DirectorySource, Duration)> {
        let root = self.existing("directory.root", &raw.root);
        let refresh = raw.refresh_seconds.unwrap_or(DEFAULT_REFRESH_S);
        if !(1..=86_400).contains(&refresh) {
            self.fault(
                "directory.refresh_seconds",
                format!("{refresh} is out of range"),
                "give 1 to 86400",
            );
        }
        let source = if raw.source.starts_with("http://") {
            DirectorySource::Http(raw.source.trim_end_matches('/').to_owned())
        } else if raw.source.contains("://") {
            self.fault(
                "directory.source",
                "is neither a folder nor an http:// address",
                "the files are signed: serve them over plain http or give a folder",
            );
            return None;
        } else {
            DirectorySource::Folder(self.existing("directory.source", &raw.source))
        };
        Some((root, source, Duration::from_secs(refresh)))
    }

    fn callers(&mut self, raw: Vec<raw::Caller>) -> Vec<Caller> {
        let mut callers = Vec::new();
        for (i, caller) in raw.into_iter().enumerate() {
            let place = format!("callers[{i}]");
            let subsystems = self.subsystems(&format!("{place}.subsystems"), &caller.subsystems);
            let credential = match (&caller.certificate, &caller.api_key_sha256) {
                (Some(path), None) => self.certificate(&format!("{place}.certificate"), path),
                (None, Some(hash)) => self.api_key(&format!("{place}.api_key_sha256"), hash),
                _ => {
                    self.fault(
                        &place,
                        "needs exactly one credential",
                        "give certificate or api_key_sha256",
                    );
                    None
                }
            };
            if let Some(credential) = credential {
                callers.push(Caller {
                    name: caller.name,
                    subsystems,
                    credential,
                });
            }
        }
        callers
    }

    fn certificate(&mut self, place: &str, path: &str) -> Option<Credential> {
        // A file may hold the chain as it was issued; the first certificate is the system's own, and it alone is pinned.
        let what = match bridge_certs::read_pem_certificates(&self.folder.join(path)) {
            Ok(list) => match list.into_iter().next() {
                Some(certificate) => return Some(Credential::Certificate(certificate)),
                None => "holds no certificate".to_owned(),
            },
            Err(error) => crate::chain(&error),
        };
        self.fault(place, what, "give a PEM file with the client certificate");
        None
    }

    fn api_key(&mut self, place: &str, text: &str) -> Option<Credential> {
        let form = "write the 64 hexadecimal digits that `bridge-node key api` prints";
        if let Some(hash) = decode_hex(text) {
            Some(Credential::ApiKey(hash))
        } else {
            self.fault(place, "is not a SHA-256 in hexadecimal", form);
            None
        }
    }

    fn officers(&mut self, raw: &[raw::Officer]) -> Vec<Officer> {
        let mut officers = Vec::new();
        for (i, officer) in raw.iter().enumerate() {
            match STANDARD.decode(&officer.public_key) {
                Ok(key) if key.len() == 32 => {
                    officers.push(Officer {
                        name: officer.name.clone(),
                        public_key: key,
                    });
                }
                _ => self.fault(
                    &format!("officers[{i}].public_key"),
                    "is not an Ed25519 public key",
                    "write the base64 of 32 bytes that `bridge-node key officer FILE` prints",
                ),
            }
        }
        officers
    }

    fn groups(
        &mut self,
        raw: BTreeMap<String, Vec<String>>,
    ) -> BTreeMap<String, BTreeSet<SubsystemId>> {
        raw.into_iter()
            .map(|(name, list)| {
                let members = self.subsystems(&format!("local_groups.{name}"), &list);
                (name, members)
            })
            .collect()
    }

    fn subsystems(&mut self, place: &str, list: &[String]) -> BTreeSet<SubsystemId> {
        list.iter()
            .enumerate()
            .filter_map(|(i, text)| self.parse(&format!("{place}[{i}]"), text, SUBSYSTEM_FORM))
            .collect()
    }

    fn services(&mut self, raw: Vec<raw::Service>) -> Vec<Service> {
        let mut services = Vec::new();
        for (i, service) in raw.into_iter().enumerate() {
            let place = format!("services[{i}]");
            let subsystem = self.parse(
                &format!("{place}.subsystem"),
                &service.subsystem,
                SUBSYSTEM_FORM,
            );
            let source = match service.adapter.as_str() {
                "sql" => self.sql(&place, &service),
                "http" => self.http(&place, &service),
                "file" => self.file(&place, &service),
                "process" => self.process(&place, &service),
                other => {
                    let place = format!("{place}.adapter");
                    self.faults.push(Fault::not_built_in(place, other));
                    None
                }
            };
            if let (Some(subsystem), Some(source)) = (subsystem, source) {
                services.push(Service {
                    place,
                    subsystem,
                    published: service.published.unwrap_or(false),
                    check: service.check.unwrap_or(true),
                    source,
                });
            }
        }
        services
    }
}

fn decode_hex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    let mut out = [0; 32];
    for (i, byte) in out.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * i..2 * i + 2)?, 16).ok()?;
    }
    Some(out)
}
