//! The settings file as it is written: one struct a section, nothing checked yet.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Fault;

/// The whole file.
#[derive(Debug, Default)]
pub struct File {
    /// `[node]`
    pub node: Option<Node>,
    /// `[keys]`
    pub keys: Option<Keys>,
    /// `[token]`
    pub token: Option<Token>,
    /// `[trust]`
    pub trust: Option<Trust>,
    /// `[directory]`
    pub directory: Option<Directory>,
    /// `[consumer]`
    pub consumer: Option<Consumer>,
    /// `[peer]`
    pub peer: Option<Peer>,
    /// `[admin]`
    pub admin: Option<Admin>,
    /// `[contracts]`
    pub contracts: Option<Contracts>,
    /// `[time]`
    pub time: Option<Time>,
    /// `[status]`
    pub status: Option<Status>,
    /// `[acme]`
    pub acme: Option<Acme>,
    /// `[witnesses]`
    pub witnesses: Option<super::witnesses::RawWitnesses>,
    /// `[limits]`
    pub limits: Option<super::limits::RawLimits>,
    /// `[local_groups]`
    pub local_groups: Option<BTreeMap<String, Vec<String>>>,
    /// `[[callers]]`
    pub callers: Vec<Caller>,
    /// `[[officers]]`
    pub officers: Vec<Officer>,
    /// `[[services]]`
    pub services: Vec<Service>,
}

macro_rules! section {
    ($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Deserialize)]
        #[expect(missing_docs, reason = "each field is a key of the settings file, described in config/node.toml or config/README.md")]
        pub struct $name { $(pub $field: $type),* }
    };
}

section!(/// Who this node is.
    Node { id: String, data_folder: String, keys_folder: String, log_domain: String, language: Option<String> });
section!(/// How private keys are kept.
    Keys { passphrase_file: Option<String> });
section!(/// How tokens are reached.
    Token { module: String });
section!(/// Whose certificates count.
    Trust { anchors: String, foreign: Option<String> });
section!(/// The signed directory.
    Directory { root: String, source: String, refresh_seconds: Option<u64> });
section!(/// Listeners for information systems.
    Consumer {
    listen: Option<String>, plain_listen: Option<String>,
    error_types: Option<String>, status: Option<String>, request_hash: Option<bool>,
});
section!(/// Listener for other nodes.
    Peer { listen: String });
section!(/// For officers and operators.
    Admin { socket: Option<String>, health_listen: Option<String> });
section!(/// Contract files.
    Contracts { folder: String, signatures: Option<String> });
section!(/// Who stamps the journal.
Time {
    trust: String, authorities: Vec<TimeAuthority>, every_seconds: Option<u64>, tolerated_gap_seconds: Option<u64>,
    clock_alarm_seconds: Option<u64>, clock_refuse_seconds: Option<u64>, accuracy_seconds: Option<u64>,
});
section!(/// A time-stamping authority.
    TimeAuthority { url: String, policy: Option<String>, anchors: Option<String> });
section!(/// How revoked certificates are known.
    Status { authorities: Vec<StatusAuthority>, every_seconds: Option<u64>, tolerated_age_seconds: Option<u64> });
section!(/// An authority that says which of its certificates are revoked.
    StatusAuthority { certificate: String, crl: Option<Vec<String>>, ocsp: Option<Vec<String>>, nonce: Option<bool>,
    unchecked: Option<bool> });
section!(/// Who issues and renews this node's certificates.
Acme {
    directory: String, anchors: String, name: String, listen: String, contact: Option<Vec<String>>, uses: Option<Vec<String>>,
    external_account_id: Option<String>, external_account_key: Option<String>,
});
section!(/// An information system.
    Caller { name: String, subsystems: Vec<String>, certificate: Option<String>, api_key_sha256: Option<String> });
section!(/// An officer.
    Officer { name: String, public_key: String });
section!(/// A service, or a registry package with several.
Service {
    adapter: String, subsystem: String, published: Option<bool>, check: Option<bool>,
    package: Option<String>, database: Option<String>, password_file: Option<String>,
    submissions: Option<String>, submissions_password_file: Option<String>,
    code: Option<String>, title: Option<String>, base_url: Option<String>, certificate: Option<String>,
    openapi: Option<String>, timeout_seconds: Option<u64>, effect: Option<String>,
    http: Option<toml::Table>, files: Option<String>,
    registry: Option<String>, data: Option<String>, environment: Option<BTreeMap<String, String>>, cage: Option<super::process::RawCage>,
});

const SECTIONS: &str = "node, keys, token, trust, directory, consumer, peer, admin, contracts, time, status, acme, witnesses, limits, \
                        local_groups, callers, officers, services";

/// Reads the text; every unknown key, every missing and every wrongly typed section becomes a fault.
pub(super) fn read(text: &str, faults: &mut Vec<Fault>) -> Option<File> {
    let table: toml::Table = match text.parse() {
        Ok(table) => table,
        Err(error) => {
            faults.push(Fault::new(
                "file",
                error.to_string(),
                "write valid TOML 1.0",
            ));
            return None;
        }
    };
    let mut file = File::default();
    for (key, value) in table {
        match key.as_str() {
            "node" => file.node = section(&key, value, faults),
            "keys" => file.keys = section(&key, value, faults),
            "token" => file.token = section(&key, value, faults),
            "trust" => file.trust = section(&key, value, faults),
            "directory" => file.directory = section(&key, value, faults),
            "consumer" => file.consumer = section(&key, value, faults),
            "peer" => file.peer = section(&key, value, faults),
            "admin" => file.admin = section(&key, value, faults),
            "contracts" => file.contracts = section(&key, value, faults),
            "time" => file.time = section(&key, value, faults),
            "status" => file.status = section(&key, value, faults),
            "acme" => file.acme = section(&key, value, faults),
            "witnesses" => file.witnesses = section(&key, value, faults),
            "limits" => file.limits = section(&key, value, faults),
            "local_groups" => file.local_groups = section(&key, value, faults),
            "callers" => file.callers = list(&key, value, faults),
            "officers" => file.officers = list(&key, value, faults),
            "services" => file.services = list(&key, value, faults),
            _ => faults.push(Fault::new(
                key,
                "no such section",
                format!("use one of {SECTIONS}"),
            )),
        }
    }
    missing(&file, faults);
    Some(file)
}

/// Reads a file that has services alone.
pub(super) fn services(text: &str, faults: &mut Vec<Fault>) -> Vec<Service> {
    match text.parse::<toml::Table>() {
        Ok(mut table) => {
            let own = table.remove("services");
            if let Some(other) = table.keys().next() {
                let remedy = "give keys of a service, such as database or http";
                faults.push(Fault::new(other, "is not of a service", remedy));
            }
            own.map_or_else(Vec::new, |own| list("services", own, faults))
        }
        Err(error) => {
            faults.push(Fault::new(
                "setting",
                error.to_string(),
                "write valid TOML 1.0, a key and its value a line",
            ));
            Vec::new()
        }
    }
}

fn missing(file: &File, faults: &mut Vec<Fault>) {
    for (missing, name) in [
        (file.node.is_none(), "node"),
        (file.trust.is_none(), "trust"),
        (file.directory.is_none(), "directory"),
        (file.peer.is_none(), "peer"),
        (file.contracts.is_none(), "contracts"),
    ] {
        if missing && !faults.iter().any(|fault| fault.place == name) {
            faults.push(Fault::new(
                name,
                "section is missing",
                format!("add [{name}]"),
            ));
        }
    }
}

fn list<T: DeserializeOwned>(place: &str, value: toml::Value, faults: &mut Vec<Fault>) -> Vec<T> {
    let toml::Value::Array(items) = value else {
        faults.push(Fault::new(
            place,
            "is not a list",
            format!("write each entry under [[{place}]]"),
        ));
        return Vec::new();
    };
    items
        .into_iter()
        .enumerate()
        .filter_map(|(i, item)| section(&format!("{place}[{i}]"), item, faults))
        .collect()
}

fn section<T: DeserializeOwned>(
    place: &str,
    value: toml::Value,
    faults: &mut Vec<Fault>,
) -> Option<T> {
    let mut unknown = Vec::new();
    let read = serde_ignored::deserialize(value, |path| unknown.push(path.to_string()));
    for key in unknown {
        faults.push(Fault::new(
            format!("{place}.{key}"),
            "no such key",
            "remove it or correct its spelling",
        ));
    }
    match read {
        Ok(section) => Some(section),
        Err(error) => {
            let what = error.to_string().trim().replace('\n', " ");
            faults.push(Fault::new(
                place,
                what,
                "give every required key with a value of its type",
            ));
            None
        }
    }
}
