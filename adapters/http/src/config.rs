//! Where the registry is and how long it may take.

use std::time::Duration;

use bridge_adapter::section::Section;
use bridge_adapter::{Effects, Fault, Package, ServiceDescription};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

/// How long a connection may take to be made: a registry stands in the same network.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long the registry may take until its answer begins, from the last byte of the request.
pub const TIMEOUT: Duration = Duration::from_secs(30);
/// How long a call waits for a connection that is free: who waited longer would have too little time left for the registry.
pub const CONNECTION_WAIT: Duration = Duration::from_secs(5);
/// How many connections may be open at once; more would queue inside most registries.
pub const CONNECTIONS: usize = 64;
/// How old a connection may grow: a change of addresses or certificates takes effect within it.
pub const CONNECTION_AGE: Duration = Duration::from_mins(5);
/// How long a connection may stay unused: below what servers and firewalls usually allow.
pub const CONNECTION_IDLE: Duration = Duration::from_secs(20);
/// The most bytes of a certificate file.
const CERTIFICATE_LIMIT_BYTES: u64 = 64 * 1024;

/// The settings of a [`crate::HttpAdapter`].
///
/// # Defaults
///
/// [`CONNECT_TIMEOUT`], [`TIMEOUT`], no limit of the answer, [`PoolConfig::default`].
#[derive(Debug, Clone)]
pub struct HttpConfig {
    /// `http://host:port/path`; `{service}` in the path stands for the service code.
    pub base_url: String,
    /// How long a connection may take to be made.
    pub connect_timeout: Duration,
    /// How long the registry may take from the last byte of the request until its answer begins. All
    /// else is bounded by the call's deadline.
    pub timeout: Duration,
    /// The most bytes of an answer's body.
    pub answer_limit_bytes: Option<u64>,
    /// The registry's certificate in DER, demanded by `https`: no other one is accepted. Its own
    /// dates and names are not judged.
    pub pinned_certificate: Option<Vec<u8>>,
    /// The connections.
    pub pool: PoolConfig,
    /// What the adapter says of its services.
    pub services: Vec<ServiceDescription>,
}

/// How many connections there are and how long they live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolConfig {
    /// How many may be open at once.
    pub connections: usize,
    /// How long further calls wait for one of them.
    pub wait: Duration,
    /// How old one may grow before it is no longer used.
    pub age: Duration,
    /// How long one may stay unused.
    pub idle: Duration,
}

impl Default for PoolConfig {
    fn default() -> Self {
        Self {
            connections: CONNECTIONS,
            wait: CONNECTION_WAIT,
            age: CONNECTION_AGE,
            idle: CONNECTION_IDLE,
        }
    }
}

impl HttpConfig {
    /// Makes the settings for a base URL, all else as it is by default.
    pub fn new(base_url: impl Into<String>) -> Self {
        Self {
            base_url: base_url.into(),
            connect_timeout: CONNECT_TIMEOUT,
            timeout: TIMEOUT,
            answer_limit_bytes: None,
            pinned_certificate: None,
            pool: PoolConfig::default(),
            services: Vec::new(),
        }
    }

    /// Reads a package's `[http]` table: `base_url`, `connect_timeout_ms`, `timeout_ms`,
    /// `answer_limit_bytes`, `pinned_certificate` (a PEM file of the package), `connections`,
    /// `connection_age_ms`, and `operation`, see [`Effects`].
    ///
    /// # Errors
    ///
    /// All faults of the table at once.
    pub fn from_package(package: &Package) -> Result<Self, Vec<Fault>> {
        if package.adapter != "http" {
            let problem = format!("says {:?}", package.adapter);
            let remedy = "write adapter = \"http\", or serve the package by its own adapter";
            return Err(vec![Fault::new(
                "other-adapter",
                "manifest.toml adapter",
                problem,
                remedy,
            )]);
        }
        let mut faults = Vec::new();
        let mut section = Section::new(&package.settings, "manifest.toml http");
        let mut config = Self::new(section.text("base_url", &mut faults).unwrap_or_default());
        let mut time = |section: &mut Section<'_>, key, usual| {
            section
                .optional_count(key, &mut faults)
                .map_or(usual, Duration::from_millis)
        };
        config.connect_timeout = time(&mut section, "connect_timeout_ms", CONNECT_TIMEOUT);
        config.timeout = time(&mut section, "timeout_ms", TIMEOUT);
        config.pool.age = time(&mut section, "connection_age_ms", CONNECTION_AGE);
        config.answer_limit_bytes = section.optional_count("answer_limit_bytes", &mut faults);
        let connections = section.optional_count("connections", &mut faults);
        if let Some(connections) = connections {
            config.pool.connections = usize::try_from(connections).unwrap_or(usize::MAX);
        }
        if let Some(file) = section.optional_text("pinned_certificate", &mut faults) {
            match read_certificate(package, file) {
                Ok(der) => config.pinned_certificate = Some(der),
                Err(fault) => faults.push(fault),
            }
        }
        let effects = Effects::read(&mut section, &package.openapi, &mut faults);
        section.finish(&mut faults);
        let mut description = package.describe("http");
        effects.describe(&mut description);
        config.services = description.services;
        if faults.is_empty() {
            Ok(config)
        } else {
            Err(package.locate(faults))
        }
    }
}

fn read_certificate(package: &Package, file: &str) -> Result<Vec<u8>, Fault> {
    let text = package.text(file, CERTIFICATE_LIMIT_BYTES)?;
    let mut found = CertificateDer::pem_slice_iter(text.as_bytes());
    match (found.next(), found.next()) {
        (Some(Ok(certificate)), None) => Ok(certificate.to_vec()),
        _ => Err(Fault::new(
            "certificate",
            file,
            "does not hold exactly one certificate in PEM",
            "put the registry's own certificate there, without its issuers",
        )),
    }
}
