//! The registry package: a folder of data that tells an adapter what to do.
//!
//! ```text
//! population/
//!   manifest.toml    what the package is, its services, and the table of its adapter: [sql], [http]
//!   openapi.json     what each service takes and answers (OpenAPI 3.1)
//!   scenario.toml    requests and the answers that must come
//!   …                what the adapter names: schema.sql, sample.sql
//!   policy/*.json    examples of contracts
//! ```

use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::Table;

use crate::lines::{Lines, line_at};
use crate::openapi::{Checker, DOCUMENT_LIMIT_BYTES};
use crate::section::Section;
use crate::{Description, Fault, ServiceDescription};

/// The manifest's name in the folder.
pub const MANIFEST: &str = "manifest.toml";
/// The version of the manifest that is read here.
pub const MANIFEST_VERSION: u64 = 1;
/// The most bytes that a TOML file of a package may have.
pub const TOML_LIMIT_BYTES: u64 = 1024 * 1024;

/// A registry package whose manifest and OpenAPI document are sound and agree.
#[derive(Debug, Clone)]
pub struct Package {
    /// The folder it was read from.
    pub folder: PathBuf,
    /// Its name: lower-case letters, digits and `-`.
    pub name: String,
    /// A line for people.
    pub title: String,
    /// The kind of adapter that serves it: `sql`, `http`.
    pub adapter: String,
    /// The services, in the order of the manifest.
    pub services: Vec<PackageService>,
    /// The adapter's own table, as it stands in the manifest.
    pub settings: Table,
    /// The checker of the OpenAPI document.
    pub openapi: Arc<Checker>,
    lines: Lines,
}

/// A service that a package offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageService {
    /// The service code.
    pub code: String,
    /// A line for people.
    pub title: String,
}

impl Package {
    /// Reads the package in a folder.
    ///
    /// # Errors
    ///
    /// All faults of manifest and OpenAPI document at once. The adapter's own table is checked by
    /// the adapter.
    pub fn load(folder: &Path) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        let (table, lines) = match read_table(folder, MANIFEST) {
            Ok(read) => read,
            Err(fault) => return Err(vec![fault]),
        };
        let head = Head::read(&table, &mut faults);
        let openapi = match read_openapi(folder) {
            Ok(checker) => Some(checker),
            Err(found) => {
                faults.extend(found);
                None
            }
        };
        if let (Some(head), Some(openapi)) = (&head, &openapi) {
            check_services(&head.services, openapi, &mut faults);
        }
        match (head, openapi) {
            (Some(head), Some(openapi)) if faults.is_empty() => Ok(Self {
                folder: folder.to_owned(),
                name: head.name,
                title: head.title,
                adapter: head.adapter,
                services: head.services,
                settings: head.settings,
                openapi: Arc::new(openapi),
                lines,
            }),
            _ => Err(lines.locate(faults)),
        }
    }

    /// Describes the package's services as an adapter of the given kind serves them.
    pub fn describe(&self, adapter: &'static str) -> Description {
        let services = self.services.iter().map(|service| ServiceDescription {
            code: service.code.clone(),
            title: service.title.clone(),
            endpoints: self.openapi.endpoints(&service.code),
            openapi: Some(Arc::new(self.openapi.service_document(&service.code))),
        });
        Description {
            adapter,
            services: services.collect(),
        }
    }

    /// Gives faults of the manifest their lines. An adapter that finds faults hands them through here.
    #[must_use]
    pub fn locate(&self, faults: Vec<Fault>) -> Vec<Fault> {
        self.lines.locate(faults)
    }

    /// Reads a text file of the package.
    ///
    /// # Errors
    ///
    /// A fault if `name` leads out of the folder, or the file cannot be read, is not UTF-8 or has
    /// more than `limit_bytes`.
    pub fn text(&self, name: &str, limit_bytes: u64) -> Result<String, Fault> {
        read_text(&self.folder, name, limit_bytes)
    }

    /// Reads a TOML file of the package, and where its keys stand.
    ///
    /// # Errors
    ///
    /// As [`Package::text`], and a fault if it is not TOML.
    pub fn table(&self, name: &str) -> Result<(Table, Lines), Fault> {
        read_table(&self.folder, name)
    }
}

struct Head {
    name: String,
    title: String,
    adapter: String,
    services: Vec<PackageService>,
    settings: Table,
}

impl Head {
    fn read(table: &Table, faults: &mut Vec<Fault>) -> Option<Self> {
        let mut section = Section::new(table, MANIFEST);
        let version = section.optional_count("version", faults);
        if version != Some(MANIFEST_VERSION) {
            let remedy = format!("write version = {MANIFEST_VERSION}");
            let place = section.place_of("version");
            faults.push(Fault::new(
                "manifest-version",
                place,
                "is not a version that is known",
                remedy,
            ));
        }
        let name = section.text("name", faults);
        if let Some(name) = name.filter(|name| !is_name(name)) {
            let problem = format!("{name:?} is not a name");
            let remedy = "use 1 to 64 lower-case letters, digits and -";
            faults.push(Fault::new(
                "wrong-value",
                section.place_of("name"),
                problem,
                remedy,
            ));
        }
        let title = section.text("title", faults);
        let adapter = section.text("adapter", faults);
        let services = read_services(&mut section, faults);
        // The adapter's table has the adapter's name; it is judged by the adapter.
        let settings = adapter.and_then(|kind| match kind {
            "sql" => section.table("sql", faults),
            "http" => section.table("http", faults),
            "process" => section.table("process", faults),
            "file" => section.table("file", faults),
            _ => {
                let place = section.place_of("adapter");
                let remedy = "write one of: sql, http, file, process";
                faults.push(Fault::new(
                    "unknown-adapter",
                    place,
                    "is not a known kind",
                    remedy,
                ));
                None
            }
        });
        section.finish(faults);
        Some(Self {
            name: name?.to_owned(),
            title: title?.to_owned(),
            adapter: adapter?.to_owned(),
            services,
            settings: settings?.clone(),
        })
    }
}

fn read_services(section: &mut Section<'_>, faults: &mut Vec<Fault>) -> Vec<PackageService> {
    let mut services: Vec<PackageService> = Vec::new();
    for mut entry in section.tables("service", faults) {
        let code = entry.text("code", faults);
        let title = entry.text("title", faults);
        if let (Some(code), Some(title)) = (code, title) {
            if services.iter().any(|other| other.code == code) {
                let problem = format!("{code:?} stands twice");
                let remedy = "give each service its own code";
                faults.push(Fault::new(
                    "repeated-service",
                    entry.place_of("code"),
                    problem,
                    remedy,
                ));
            }
            services.push(PackageService {
                code: code.to_owned(),
                title: title.to_owned(),
            });
        }
        entry.finish(faults);
    }
    if services.is_empty() {
        let remedy = "add a table [[service]] with code and title";
        faults.push(Fault::new(
            "no-service",
            section.place_of("service"),
            "names no service",
            remedy,
        ));
    }
    services
}

fn check_services(services: &[PackageService], openapi: &Checker, faults: &mut Vec<Fault>) {
    let described = openapi.services();
    for (index, service) in services.iter().enumerate() {
        if !described.contains(&service.code.as_str()) {
            faults.push(Fault::new(
                "service-without-openapi-path",
                format!("{MANIFEST} service[{}]", index.saturating_add(1)),
                format!("{} has no path in openapi.json", service.code),
                format!(
                    "describe it there as a path that begins with /{}",
                    service.code
                ),
            ));
        }
    }
    for code in described
        .into_iter()
        .filter(|code| services.iter().all(|s| s.code != *code))
    {
        faults.push(Fault::new(
            "openapi-path-without-service",
            format!("openapi.json /paths/~1{code}"),
            format!("{code} is no service of the manifest"),
            "add a table [[service]] to manifest.toml, or remove the path",
        ));
    }
}

fn read_openapi(folder: &Path) -> Result<Checker, Vec<Fault>> {
    let text =
        read_text(folder, "openapi.json", DOCUMENT_LIMIT_BYTES).map_err(|fault| vec![fault])?;
    let document = serde_json::from_str(&text).map_err(|error| {
        let line = u64::try_from(error.line()).unwrap_or(u64::MAX);
        let fault = Fault::new(
            "not-json",
            "openapi.json",
            error.to_string(),
            "correct the syntax",
        );
        vec![fault.on_line(line)]
    })?;
    Checker::from_value(document)
}

fn read_table(folder: &Path, name: &str) -> Result<(Table, Lines), Fault> {
    let text = read_text(folder, name, TOML_LIMIT_BYTES)?;
    let table = text.parse::<Table>().map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        Fault::new("not-toml", name, error.message(), "correct the syntax")
            .on_line(line_at(&text, offset))
    })?;
    Ok((table, Lines::of(name, &text)))
}

fn read_text(folder: &Path, name: &str, limit_bytes: u64) -> Result<String, Fault> {
    let plain = |part: std::path::Component<'_>| matches!(part, std::path::Component::Normal(_));
    let remedy = "name a file inside the package";
    if name.is_empty() {
        let problem = "names a file without a name";
        return Err(Fault::new("file-outside", MANIFEST, problem, remedy));
    }
    if !Path::new(name).components().all(plain) {
        return Err(Fault::new(
            "file-outside",
            name,
            "leads out of the package",
            remedy,
        ));
    }
    let path = folder.join(name);
    let failed = |error: std::io::Error| {
        let remedy = format!("put a readable file at {}", path.display());
        Fault::new("file", name, error.to_string(), remedy)
    };
    let length = std::fs::metadata(&path).map_err(failed)?.len();
    if length > limit_bytes {
        let problem = format!("has {length} bytes, more than {limit_bytes}");
        return Err(Fault::new(
            "file-too-large",
            name,
            problem,
            "make it smaller",
        ));
    }
    std::fs::read_to_string(&path).map_err(failed)
}

fn is_name(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=64).contains(&text.len()) && text.bytes().all(fits)
}

#[cfg(test)]
mod tests;
