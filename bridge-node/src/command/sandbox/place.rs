//! Who takes part in a sandbox, and what their nodes are told.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use bridge_adapter::Package;
use bridge_adapter::scenario::Scenario;
use bridge_core::identity::SubsystemId;

use super::absolute;
use crate::command::open::{self, SAMPLE};
use crate::command::trial::world::{Agency, Plan, Signatures, World};
use crate::command::{Failure, hint};

/// What the person says of the registry.
pub(super) struct Given<'a> {
    /// The folder of a registry's files.
    pub(super) files: Option<&'a Path>,
    /// Lines for the service's settings.
    pub(super) settings: &'a [String],
}

/// The provider, and everybody who asks in the scenario: a node for each member.
pub(super) fn plans(scenario: &Scenario) -> Result<Vec<Plan>, Failure> {
    let clients = scenario.steps.iter().map(|step| &step.probe.client);
    let mut members: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for subsystem in [&scenario.provider].into_iter().chain(clients) {
        let own = members.entry(subsystem.member().to_string()).or_default();
        let code = subsystem.code().to_owned();
        if own.iter().all(|(known, _)| *known != code) {
            own.push((code.clone(), code));
        }
    }
    if members.len() < 2 {
        return Err(Failure::Failed(hint(
            "the scenario's steps all come from the provider's own member",
            "give its steps a `client` of another member: an exchange is between two",
        )));
    }
    let plan = |(member, subsystems): (String, Vec<(String, String)>)| Plan {
        short: member.replace('/', "-").to_lowercase(),
        name: member.clone(),
        member,
        subsystems,
    };
    Ok(members.into_iter().map(plan).collect())
}

/// Gives all nodes the contracts: both ends decide by them.
pub(super) fn contracts(world: &World, files: &[PathBuf]) -> Result<(), Failure> {
    for (number, file) in files.iter().enumerate() {
        let text = fs::read_to_string(file)
            .map_err(|error| Failure::failed(&file.display().to_string(), &error))?;
        for agency in &world.agencies {
            agency.write_contract(&format!("{number:02}.json"), &text)?;
        }
    }
    Ok(())
}

/// The agency whose member a subsystem belongs to.
pub(super) fn agency<'a>(world: &'a World, subsystem: &SubsystemId) -> Result<&'a Agency, Failure> {
    let member = subsystem.member().to_string();
    world
        .agencies
        .iter()
        .find(|agency| agency.member == member)
        .ok_or_else(|| Failure::Failed(format!("{member} takes no part")))
}

/// Writes all nodes' settings; the provider's serve the package.
pub(super) fn settings(
    world: &World,
    package: &Package,
    scenario: &Scenario,
    given: &Given<'_>,
) -> Result<(), Failure> {
    let provider = agency(world, &scenario.provider)?;
    let mut service = open::entry(package, &scenario.provider)? + "published = true\n";
    service.push_str(&given.registry(package, &provider.folder)?);
    for line in given.settings {
        service.push_str(line);
        service.push('\n');
    }
    for agency in &world.agencies {
        let services = if agency.member == provider.member {
            service.as_str()
        } else {
            ""
        };
        // What is tried is the package: nobody has agreed on its contracts yet.
        agency.write_settings(Signatures::Optional, services)?;
    }
    Ok(())
}

// === impl Given ===

impl Given<'_> {
    /// Where the registry is: what was said, else the package's sample in the provider's folder.
    fn registry(&self, package: &Package, provider: &Path) -> Result<String, Failure> {
        match package.adapter.as_str() {
            "sql" if !self.says("database") => database(package, provider),
            "file" if !self.says("files") => self.files(package, provider),
            "http" if !self.says("http") && !self.says("[services.http") => upstream(package),
            _ => Ok(String::new()),
        }
    }

    fn says(&self, key: &str) -> bool {
        let mut lines = self.settings.iter();
        lines.any(|line| line.trim_start().starts_with(key))
    }

    fn files(&self, package: &Package, provider: &Path) -> Result<String, Failure> {
        let files = if let Some(files) = self.files {
            absolute(files)?
        } else {
            let (sample, files) = (package.folder.join(SAMPLE), provider.join("files"));
            copy(&sample, &files).map_err(|error| {
                Failure::Usage(hint(
                    &format!("{}: {error}", sample.display()),
                    "name the folder of the registry's files with --files, or put sample files there",
                ))
            })?;
            files
        };
        Ok(format!("files = {:?}\n", files.display().to_string()))
    }
}

/// Builds the sample's database. A package that keeps effects keeps them there too.
fn database(package: &Package, provider: &Path) -> Result<String, Failure> {
    bridge_adapter_sql::sample::build(package, &provider.join("sample.db"))
        .map_err(|error| Failure::failed("the package's sample", &error))?;
    let operations = package.settings.get("operation");
    let mut operations = operations
        .and_then(toml::Value::as_array)
        .into_iter()
        .flatten();
    let stores =
        operations.any(|own| own.get("effect").and_then(toml::Value::as_str) == Some("stored"));
    let submissions = if stores {
        "submissions = \"sample.db\"\n"
    } else {
        ""
    };
    Ok(format!("database = \"sample.db\"\n{submissions}"))
}

/// There is no sample of a system that speaks HTTP: the package says where it is, or the person does.
fn upstream(package: &Package) -> Result<String, Failure> {
    if package.settings.contains_key("base_url") {
        return Ok(String::new());
    }
    Err(Failure::Usage(hint(
        &format!("{} does not say where its system is", package.name),
        "say so as a node's settings would, files by their whole path: \
         --setting 'http = { base_url = \"https://registry.test/api/{service}\", ca_certificates = \"…\" }'",
    )))
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(())
}
