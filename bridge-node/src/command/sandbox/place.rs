//! Who takes part in a sandbox, and what their nodes are told.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use bridge_adapter::Package;
use bridge_adapter::scenario::Scenario;
use bridge_core::identity::SubsystemId;

use super::absolute;
use crate::command::Failure;
use crate::command::trial::world::{Agency, Plan, World};

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
        return Err(Failure::Failed(crate::command::hint(
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
    more: &[String],
) -> Result<(), Failure> {
    let provider = agency(world, &scenario.provider)?;
    let folder = absolute(&package.folder)?;
    let mut service = format!(
        "\n[[services]]\nadapter = {:?}\nsubsystem = \"{}\"\npublished = true\npackage = {:?}\n",
        package.adapter,
        scenario.provider,
        folder.display().to_string()
    );
    for line in more {
        service.push_str(line);
        service.push('\n');
    }
    let named = more
        .iter()
        .any(|line| line.trim_start().starts_with("database"));
    if package.adapter == "sql" && !named {
        let database = provider.folder.join("sample.db");
        bridge_adapter_sql::sample::build(package, &database)
            .map_err(|error| Failure::failed("the package's sample", &error))?;
        service.push_str("database = \"sample.db\"\n");
    }
    for agency in &world.agencies {
        let services = if agency.member == provider.member {
            service.as_str()
        } else {
            ""
        };
        agency.write_settings(services)?;
    }
    Ok(())
}
