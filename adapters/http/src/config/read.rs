//! Reads `[http]` of a manifest, and over it the table of the node's own settings.
//!
//! A package travels between agencies; what belongs to one site (its address, certificates, secrets)
//! stands in the node's settings, with the same keys, and wins.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bridge_adapter::section::Section;
use bridge_adapter::{Effects, Fault, Package};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use toml::Table;

use super::{ClientAuthentication, ClientFiles, HttpConfig, OauthConfig, TlsConfig};

/// The most bytes of a certificate file.
const CERTIFICATE_LIMIT_BYTES: u64 = 256 * 1024;
/// The node's own table of settings for an HTTP registry.
#[derive(Debug)]
pub struct Site<'a> {
    /// The table.
    pub table: &'a Table,
    /// Where files are looked for that it names without a full path.
    pub folder: &'a Path,
}

/// Where a table stands, which decides on the files that it may name.
enum Origin<'a> {
    Package(&'a Package),
    Site(&'a Path),
}

impl HttpConfig {
    /// Reads a package's `[http]` table, then the node's own over it.
    ///
    /// # Errors
    ///
    /// All faults of both tables at once.
    pub fn from_package(package: &Package, site: Option<&Site<'_>>) -> Result<Self, Vec<Fault>> {
        if package.adapter != "http" {
            let problem = format!("says {:?}", package.adapter);
            let remedy = "write adapter = \"http\", or serve the package by its own adapter";
            let fault = Fault::new("other-adapter", "manifest.toml adapter", problem, remedy);
            return Err(package.locate(vec![fault]));
        }
        let mut faults = Vec::new();
        let mut config = Self::new("");
        let section = Section::new(&package.settings, "manifest.toml http");
        config.read(section, &Origin::Package(package), &mut faults);
        if let Some(site) = site {
            config.read_site(site, &mut faults);
        }
        if config.base_url.is_empty() {
            let remedy = "add base_url = \"https://host:port/path\" here or in the node's settings";
            let place = "manifest.toml http.base_url";
            faults.push(Fault::new("missing-key", place, "is missing", remedy));
        }
        if faults.is_empty() {
            Ok(config)
        } else {
            Err(package.locate(faults))
        }
    }

    /// Reads the node's own table over these settings.
    ///
    /// # Errors
    ///
    /// All faults of the table at once.
    pub fn with_site(mut self, site: &Site<'_>) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        self.read_site(site, &mut faults);
        if faults.is_empty() {
            Ok(self)
        } else {
            Err(faults)
        }
    }

    fn read_site(&mut self, site: &Site<'_>, faults: &mut Vec<Fault>) {
        let section = Section::new(site.table, "settings http");
        self.read(section, &Origin::Site(site.folder), faults);
    }

    fn read(&mut self, mut section: Section<'_>, origin: &Origin<'_>, faults: &mut Vec<Fault>) {
        if let Some(url) = section.optional_text("base_url", faults) {
            url.clone_into(&mut self.base_url);
        }
        let mut time = |key, value: &mut Duration| {
            if let Some(ms) = section.optional_count(key, faults) {
                *value = Duration::from_millis(ms);
            }
        };
        time("connect_timeout_ms", &mut self.connect_timeout);
        time("timeout_ms", &mut self.timeout);
        time("connection_age_ms", &mut self.pool.age);
        time("retry_pause_ms", &mut self.retry.pause);
        time("circuit_pause_ms", &mut self.circuit.pause);
        if let Some(limit) = section.optional_count("answer_limit_bytes", faults) {
            self.answer_limit_bytes = Some(limit);
        }
        if let Some(count) = section.optional_count("connections", faults) {
            self.pool.connections = usize::try_from(count).unwrap_or(usize::MAX);
        }
        let mut number = |key, value: &mut u32| {
            if let Some(count) = section.optional_count(key, faults) {
                *value = u32::try_from(count).unwrap_or(u32::MAX);
            }
        };
        number("attempts", &mut self.retry.attempts);
        number("circuit_failures", &mut self.circuit.failures);
        read_tls(&mut self.tls, &mut section, origin, faults);
        let place = section.place_of("oauth");
        if let Some(table) = section.optional_table("oauth", faults) {
            self.oauth = read_oauth((table, place), (&self.tls, origin), faults);
        }
        if let Origin::Package(package) = origin {
            let effects = Effects::read(&mut section, &package.openapi, faults);
            let mut description = package.describe("http");
            effects.describe(&mut description);
            self.services = description.services;
        }
        section.finish(faults);
    }
}

fn read_tls(
    tls: &mut TlsConfig,
    section: &mut Section<'_>,
    origin: &Origin<'_>,
    faults: &mut Vec<Fault>,
) {
    let pin = section.optional_text("pinned_certificate", faults);
    let authorities = section.optional_text("ca_certificates", faults);
    if pin.is_some() && authorities.is_some() {
        faults.push(Fault::new(
            "two-trusts",
            section.place_of("ca_certificates"),
            "stands beside pinned_certificate",
            "keep one of them",
        ));
    }
    // The nearer table says whom to trust; it adds nobody to those of the other.
    if pin.is_some() || authorities.is_some() {
        (tls.pinned_certificate, tls.ca_certificates) = (None, Vec::new());
    }
    if let Some(file) = pin {
        let place = section.place_of("pinned_certificate");
        match read_certificates(origin, (file, &place), faults) {
            Some(mut list) if list.len() == 1 => tls.pinned_certificate = list.pop(),
            Some(_) => faults.push(Fault::new(
                "certificate",
                place,
                "does not hold exactly one certificate in PEM",
                "put the registry's own certificate there, without its issuers",
            )),
            None => {}
        }
    }
    if let Some(file) = authorities {
        let place = section.place_of("ca_certificates");
        let read = read_certificates(origin, (file, &place), faults);
        tls.ca_certificates = read.unwrap_or_default();
    }
    let certificate = own_file(section, "client_certificate", origin, faults);
    let key = own_file(section, "client_key", origin, faults);
    match (certificate, key) {
        (Some(certificate), Some(key)) => tls.client = Some(ClientFiles { certificate, key }),
        (None, None) => {}
        (Some(_), None) | (None, Some(_)) => faults.push(Fault::new(
            "half-a-certificate",
            section.place_of("client_key"),
            "one of client_certificate and client_key is missing",
            "give both, or neither",
        )),
    }
}

fn read_oauth(
    (table, place): (&Table, String),
    (registry, origin): (&TlsConfig, &Origin<'_>),
    faults: &mut Vec<Fault>,
) -> Option<OauthConfig> {
    let mut section = Section::new(table, place);
    let url = section.text("token_url", faults);
    let id = section.text("client_id", faults);
    let scope = section.optional_text("scope", faults).map(str::to_owned);
    let words = [("basic", true), ("tls", false)];
    let basic = section
        .optional_word("authentication", &words, faults)
        .unwrap_or(true);
    let secret = own_file(&mut section, "client_secret_file", origin, faults);
    let mut tls = registry.clone();
    read_tls(&mut tls, &mut section, origin, faults);
    let place = section.place_of("authentication");
    section.finish(faults);
    let fault = |problem: &str, remedy: &str| Fault::new("authentication", &place, problem, remedy);
    let authentication = match (basic, secret) {
        (true, Some(secret_file)) => Some(ClientAuthentication::Basic { secret_file }),
        (false, None) if tls.client.is_some() => Some(ClientAuthentication::Tls),
        (true, None) => {
            let remedy = "add client_secret_file, or write authentication = \"tls\"";
            faults.push(fault("is \"basic\" without a secret", remedy));
            None
        }
        (false, _) => {
            let remedy = "add client_certificate and client_key, and no client_secret_file";
            faults.push(fault("is \"tls\", which takes a certificate alone", remedy));
            None
        }
    };
    Some(OauthConfig {
        token_url: url?.to_owned(),
        client_id: id?.to_owned(),
        authentication: authentication?,
        scope,
        tls,
    })
}

/// A file with a key, a secret or the node's own certificate: never part of a package.
fn own_file(
    section: &mut Section<'_>,
    key: &'static str,
    origin: &Origin<'_>,
    faults: &mut Vec<Fault>,
) -> Option<PathBuf> {
    let file = section.optional_text(key, faults)?;
    match origin {
        Origin::Site(folder) => Some(folder.join(file)),
        Origin::Package(_) => {
            faults.push(Fault::new(
                "own-file-in-package",
                section.place_of(key),
                "names a file of one site in a package that others get",
                "move it to the node's settings, into the table http of the service",
            ));
            None
        }
    }
}

/// Reads the certificates in a file that is named at a place.
fn read_certificates(
    origin: &Origin<'_>,
    (file, place): (&str, &str),
    faults: &mut Vec<Fault>,
) -> Option<Vec<Vec<u8>>> {
    if file.is_empty() {
        let remedy = "name a file with certificates in PEM, or leave the key out";
        faults.push(Fault::new("certificate", place, "names no file", remedy));
        return None;
    }
    let text = match origin {
        Origin::Package(package) => package.text(file, CERTIFICATE_LIMIT_BYTES),
        Origin::Site(folder) => crate::files::read(&folder.join(file), CERTIFICATE_LIMIT_BYTES)
            .and_then(|bytes| String::from_utf8(bytes).map_err(|_cause| "is not text".to_owned()))
            .map_err(|problem| Fault::new("file", file, problem, "put a readable file there")),
    };
    let text = text.map_err(|fault| faults.push(fault)).ok()?;
    let list: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    match list {
        Ok(list) if !list.is_empty() => Some(list.into_iter().map(|one| one.to_vec()).collect()),
        Ok(_) | Err(_) => {
            faults.push(Fault::new(
                "certificate",
                file,
                "does not hold certificates in PEM",
                "put there what begins with -----BEGIN CERTIFICATE-----",
            ));
            None
        }
    }
}
