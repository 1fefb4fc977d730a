//! Which program serves the registry, and what it is allowed.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::ToSocketAddrs as _;
use std::path::PathBuf;
use std::time::Duration;

use bridge_adapter::section::Section;
use bridge_adapter::{Description, Effect, Endpoint, Fault, Package};
use http::Method;

use crate::answers_for::AnswersFor;
use crate::cage::CageSettings;
use crate::limits::{
    CONNECTIONS, DRAIN_TIMEOUT, REGISTRY_CONNECTIONS, START_TIMEOUT, TIMEOUT, WATCH_EVERY,
    WATCH_TIMEOUT,
};

/// Names in `environment` begin with none of these: they would change the cage or contradict it.
const RESERVED: [&str; 6] = ["BRIDGE_", "LD_", "MIMALLOC_", "RUST_", "HOME", "TMPDIR"];

/// The settings of a [`crate::ProcessAdapter`].
///
/// # Defaults
///
/// The constants of [`crate::limits`], no limit of the answer, no registry.
#[derive(Debug, Clone)]
pub struct ProcessConfig {
    /// The package's name.
    pub name: String,
    /// The package's folder: where the program runs.
    pub folder: PathBuf,
    /// The program and its arguments. A name without `/` is looked for in `PATH`.
    pub program: Vec<String>,
    /// Where the registry is, if the program speaks to one over a network.
    pub registry: Option<RegistryAddress>,
    /// What more the program finds in its environment.
    pub environment: BTreeMap<String, String>,
    /// What puts the program into a cage: this executable and its command `cage`. Without one it runs as it is, which is for
    /// tests of the protocol only.
    pub launcher: Option<Vec<OsString>>,
    /// What the cage allows and demands.
    pub cage: CageSettings,
    /// How long the program may take until it is ready.
    pub start_timeout: Duration,
    /// How long an answer may take to begin, from the last byte of the request.
    pub timeout: Duration,
    /// How long the program may take to end.
    pub drain_timeout: Duration,
    /// How often it is asked whether it is well.
    pub watch_every: Duration,
    /// How long it may take to say so.
    pub watch_timeout: Duration,
    /// The most bytes of an answer's body.
    pub answer_limit_bytes: Option<u64>,
    /// How many calls it serves at once.
    pub connections: usize,
    /// How many connections to its registry it may have at once.
    pub registry_connections: usize,
    /// Which answers must name the person who was asked about.
    pub answers_for: Vec<AnswersFor>,
    /// What the adapter says of itself; the program must say the same.
    pub description: Description,
}

/// Where a registry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegistryAddress {
    /// `host:port`.
    Tcp(String),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

impl std::str::FromStr for RegistryAddress {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.starts_with('/') {
            return Ok(Self::Unix(PathBuf::from(text)));
        }
        let (host, port) = text.rsplit_once(':').ok_or("has no port")?;
        if host.is_empty() || port.parse::<u16>().is_err() {
            return Err("is not host:port");
        }
        // Names are looked up at each connection; an address must be one now.
        if host.starts_with('[') && text.to_socket_addrs().is_err() {
            return Err("is not an address");
        }
        Ok(Self::Tcp(text.to_owned()))
    }
}

impl ProcessConfig {
    /// Reads a package's `[process]` table: `program`, `registry`, `start_timeout_ms`, `timeout_ms`, `drain_timeout_ms`, `watch_every_ms`, `watch_timeout_ms`,
    /// `answer_limit_bytes`, `connections`, `registry_connections`, and `operation` with `effect` and `answers_for`.
    ///
    /// # Errors
    ///
    /// All faults of the table at once.
    pub fn from_package(package: &Package) -> Result<Self, Vec<Fault>> {
        if package.adapter != "process" {
            let problem = format!("says {:?}", package.adapter);
            let remedy = "write adapter = \"process\", or serve the package by its own adapter";
            return Err(vec![Fault::new(
                "other-adapter",
                "manifest.toml adapter",
                problem,
                remedy,
            )]);
        }
        let mut faults = Vec::new();
        let mut section = Section::new(&package.settings, "manifest.toml process");
        let program = program(&mut section, &mut faults);
        let registry = registry(&mut section, &mut faults);
        let mut time = |section: &mut Section<'_>, key, usual| {
            let given = section.optional_count(key, &mut faults);
            given.map_or(usual, Duration::from_millis)
        };
        let start_timeout = time(&mut section, "start_timeout_ms", START_TIMEOUT);
        let timeout = time(&mut section, "timeout_ms", TIMEOUT);
        let drain_timeout = time(&mut section, "drain_timeout_ms", DRAIN_TIMEOUT);
        let watch_every = time(&mut section, "watch_every_ms", WATCH_EVERY);
        let watch_timeout = time(&mut section, "watch_timeout_ms", WATCH_TIMEOUT);
        let answer_limit_bytes = section.optional_count("answer_limit_bytes", &mut faults);
        let mut count = |section: &mut Section<'_>, key, usual| {
            let given = section.optional_count(key, &mut faults);
            given.map_or(usual, |n| usize::try_from(n).unwrap_or(usize::MAX))
        };
        let connections = count(&mut section, "connections", CONNECTIONS);
        let registry_connections =
            count(&mut section, "registry_connections", REGISTRY_CONNECTIONS);
        let mut description = package.describe("process");
        let answers_for = operations(&mut section, package, &mut description, &mut faults);
        section.finish(&mut faults);
        let folder = package.folder.canonicalize().map_err(|error| {
            let remedy = "give the folder of the package";
            vec![Fault::new(
                "folder",
                "manifest.toml",
                error.to_string(),
                remedy,
            )]
        })?;
        if !faults.is_empty() {
            return Err(package.locate(faults));
        }
        Ok(Self {
            name: package.name.clone(),
            cage: CageSettings {
                name: package.name.clone(),
                program_folder: folder.clone(),
                ..CageSettings::default()
            },
            folder,
            program,
            registry,
            environment: BTreeMap::new(),
            launcher: None,
            start_timeout,
            timeout,
            drain_timeout,
            watch_every,
            watch_timeout,
            answer_limit_bytes,
            connections,
            registry_connections,
            answers_for,
            description,
        })
    }

    /// Adds to the program's environment.
    ///
    /// # Errors
    ///
    /// A fault for each name that is not one, or that the node keeps for itself.
    pub fn set_environment(&mut self, given: &BTreeMap<String, String>) -> Result<(), Vec<Fault>> {
        let mut faults = Vec::new();
        for (name, value) in given {
            let plain = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
            let named = !name.is_empty() && name.bytes().all(plain) && !value.contains('\0');
            let reserved = RESERVED.iter().any(|own| name.starts_with(own));
            if named && !reserved {
                self.environment.insert(name.clone(), value.clone());
                continue;
            }
            faults.push(Fault::new(
                "environment",
                format!("environment.{name}"),
                "is not a name that a program may be given",
                format!(
                    "use capital letters, digits and _, and none that begins with {}",
                    RESERVED.join(", ")
                ),
            ));
        }
        if faults.is_empty() {
            Ok(())
        } else {
            Err(faults)
        }
    }
}

fn program(section: &mut Section<'_>, faults: &mut Vec<Fault>) -> Vec<String> {
    let place = section.place_of("program");
    let list = section.value("program").and_then(toml::Value::as_array);
    let words: Option<Vec<String>> = list.and_then(|list| {
        list.iter()
            .map(|word| word.as_str().map(str::to_owned))
            .collect()
    });
    match words {
        Some(words) if words.first().is_some_and(|name| !name.is_empty()) => words,
        _ => {
            let remedy =
                "write the program and its arguments: program = [\"python3\", \"main.py\"]";
            faults.push(Fault::new("wrong-value", place, "names no program", remedy));
            Vec::new()
        }
    }
}

fn registry(section: &mut Section<'_>, faults: &mut Vec<Fault>) -> Option<RegistryAddress> {
    let place = section.place_of("registry");
    let text = section.optional_text("registry", faults)?;
    match text.parse() {
        Ok(address) => Some(address),
        Err(problem) => {
            let remedy = "write host:port, or the path of a Unix socket";
            faults.push(Fault::new("wrong-value", place, problem, remedy));
            None
        }
    }
}

/// Reads what is said of single endpoints.
fn operations(
    section: &mut Section<'_>,
    package: &Package,
    description: &mut Description,
    faults: &mut Vec<Fault>,
) -> Vec<AnswersFor> {
    let mut all = Vec::new();
    for mut table in section.tables("operation", faults) {
        let service = table.text("service", faults);
        let method = table.text("method", faults);
        let path = table.text("path", faults);
        let method = method.and_then(|text| Method::from_bytes(text.as_bytes()).ok());
        let effect = method
            .as_ref()
            .and_then(|method| Effect::read(&mut table, method, faults));
        let source = AnswersFor::source(&mut table, faults);
        let place = table.place().to_owned();
        table.finish(faults);
        let (Some(service), Some(method), Some(path)) = (service, method, path) else {
            continue;
        };
        let known = package.openapi.endpoints(service);
        let same = |own: &&Endpoint| own.method == method && own.path.as_str() == path;
        let Some(found) = known.iter().find(same) else {
            faults.push(Fault::new(
                "operation-not-in-openapi",
                place,
                format!("{method} {path:?} of {service} is not in openapi.json"),
                "write service, method and path as they stand there",
            ));
            continue;
        };
        if let Some(effect) = effect {
            description.set_effect(service, &method, &found.path, effect);
        }
        if let Some((from, at)) = source {
            all.push(AnswersFor {
                service: service.to_owned(),
                method,
                path: found.path.clone(),
                from,
                at,
            });
        }
    }
    all
}
