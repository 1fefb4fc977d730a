//! `filings.toml`: what an agency writes of the things that it files. A registry package brings one for its services.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bridge_adapter::Package;
use bridge_core::identity::{ServiceId, SubsystemId};
use bridge_core::jcs;
use bridge_directory::catalogue::{EntryKind, Filing, Operation, Told};
use clap::Args;
use ring::digest::{SHA256, digest};
use serde::Deserialize;
use serde_json::Value;

use super::super::directory::read;
use super::super::{Failure, hint};
use crate::exchange::neutral;

/// The largest file, in bytes.
const FILE_LIMIT: usize = 1024 * 1024;
const FILINGS: &str = "filings.toml";

/// Where it is written what is filed.
#[derive(Debug, Args)]
pub(in crate::command) struct Source {
    /// A registry package with its filings.toml: version and digest of the description come from its OpenAPI document.
    #[arg(long, value_name = "FOLDER")]
    package: Option<PathBuf>,
    /// The file that tells what is filed; filings.toml of the package if it is not given.
    #[arg(long, value_name = "FILE", required_unless_present = "package")]
    filings: Option<PathBuf>,
    /// The subsystem that it belongs to.
    #[arg(long)]
    subsystem: SubsystemId,
    /// Its code; that of the service, if it is one.
    #[arg(long)]
    code: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Filings {
    legal_basis: String,
    contact: String,
    operation: Operation,
    entry: Vec<Written>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    kind: EntryKind,
    code: String,
    version: Option<String>,
    title: Told,
    description: Told,
    legal_basis: Option<String>,
    contact: Option<String>,
    operation: Option<Operation>,
    personal_data: bool,
    #[serde(default)]
    holds: Vec<String>,
    #[serde(default)]
    source_of: Vec<String>,
    #[serde(default)]
    asks: Vec<String>,
    terms: Option<Told>,
}

impl Source {
    /// Reads the filing and its name.
    pub(super) fn read(&self) -> Result<(ServiceId, Filing), Failure> {
        let id = self.subsystem.service(self.code.as_str());
        let id = id.map_err(|error| Failure::Usage(format!("--code: {error}")))?;
        let path = match (&self.filings, &self.package) {
            (Some(file), _) => file.clone(),
            (None, Some(package)) => package.join(FILINGS),
            (None, None) => PathBuf::from(FILINGS),
        };
        let filings = parse(&path)?;
        let mut entries = filings.entry.into_iter();
        let Some(written) = entries.find(|one| one.code == self.code) else {
            let what = format!("{}: there is no [[entry]] of {}", path.display(), self.code);
            return Err(Failure::Failed(hint(&what, "--code names one of the file")));
        };
        let described = match (&self.package, written.kind) {
            (Some(folder), EntryKind::Service) => Some(description(folder, &self.code)?),
            _ => None,
        };
        let (version, openapi) = described.unzip();
        let version = written.version.or(version).ok_or_else(|| {
            let what = format!("{}: `version` of {} is missing", path.display(), self.code);
            Failure::Failed(hint(&what, "write version = \"1.0.0\", or give --package"))
        })?;
        let filing = Filing {
            kind: written.kind,
            version,
            title: written.title,
            description: written.description,
            legal_basis: written.legal_basis.unwrap_or(filings.legal_basis),
            holds: written.holds,
            source_of: written.source_of,
            asks: written.asks,
            personal_data: written.personal_data,
            operation: written.operation.unwrap_or(filings.operation),
            contact: written.contact.unwrap_or(filings.contact),
            terms: written.terms,
            openapi,
        };
        Ok((id, filing))
    }
}

fn parse(path: &Path) -> Result<Filings, Failure> {
    let made =
        "config/README.md tells how a filing is written; a registry package has filings.toml";
    let bytes = read(path, FILE_LIMIT, made)?;
    let failed =
        |error: &dyn std::error::Error| Failure::failed(&path.display().to_string(), error);
    let text = std::str::from_utf8(&bytes).map_err(|error| failed(&error))?;
    toml::from_str(text).map_err(|error| failed(&error))
}

/// The version of a package's description, and the digest of one service's part of it, as `getOpenAPI` answers it.
fn description(folder: &Path, code: &str) -> Result<(String, String), Failure> {
    let package = Package::load(folder).map_err(|faults| {
        let lines: Vec<_> = faults.iter().map(ToString::to_string).collect();
        Failure::Failed(lines.join("\n"))
    })?;
    if package.services.iter().all(|service| service.code != code) {
        let what = format!("{code} is no service of the package {}", package.name);
        return Err(Failure::Failed(hint(
            &what,
            "--code names one of its manifest",
        )));
    }
    let document = neutral(package.openapi.service_document(code));
    let version = document.pointer("/info/version").and_then(Value::as_str);
    let version = version.unwrap_or_default().to_owned();
    let text =
        jcs::canonical(&document).map_err(|error| Failure::failed("openapi.json", &error))?;
    let digest = URL_SAFE_NO_PAD.encode(digest(&SHA256, &text));
    Ok((version, digest))
}
