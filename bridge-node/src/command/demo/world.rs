//! The demonstration's three agencies: the population register, the tax service, a local executive authority.

use std::path::Path;

use crate::command::Failure;
use crate::command::trial::contracts::sign_contract;
use crate::command::trial::world::{Agency, Plan, Signatures, World, write};

const PLAN: [(&str, &str, &str, &str, &str); 3] = [
    (
        "population",
        "Əhali Reyestri (population register)",
        "AZ/GOV/1001",
        "POPULATION",
        "Population register",
    ),
    (
        "tax",
        "Vergi Xidməti (tax service)",
        "AZ/GOV/2001",
        "TAX",
        "Tax administration",
    ),
    (
        "executive",
        "Yerli İcra Hakimiyyəti (local executive authority)",
        "AZ/LEA/3001",
        "APPEALS",
        "Citizens' appeals",
    ),
];
/// The one member of the group.
const AUTHORITY: &str = "AZ/LEA/3001/APPEALS";
const SERVICES: &str = "\n[[services]]\nadapter = \"sql\"\nsubsystem = \"AZ/GOV/1001/POPULATION\"\npublished = true\n\
                        package = \"registry\"\ndatabase = \"population.db\"\n";
const REGISTRY: [(&str, &str); 5] = [
    (
        "manifest.toml",
        include_str!("../../../../adapters/registries/population/manifest.toml"),
    ),
    (
        "openapi.json",
        include_str!("../../../../adapters/registries/population/openapi.json"),
    ),
    (
        "schema.sql",
        include_str!("../../../../adapters/registries/population/schema.sql"),
    ),
    (
        "sample.sql",
        include_str!("../../../../adapters/registries/population/sample.sql"),
    ),
    (
        "scenario.toml",
        include_str!("../../../../adapters/registries/population/scenario.toml"),
    ),
];
const CONTRACTS: [(&str, &str); 2] = [
    (
        "tax-person.json",
        include_str!("../../../../adapters/registries/population/policy/tax-person.json"),
    ),
    (
        "executive-status.json",
        include_str!("../../../../adapters/registries/population/policy/executive-status.json"),
    ),
];
/// The group of local executive authorities.
const GROUP: &str = "local-executive-authorities";

/// Makes everything in an empty or new folder.
pub(super) fn create(folder: &Path, now_s: u64) -> Result<World, Failure> {
    let plans = PLAN.map(|(short, name, member, subsystem, subsystem_name)| Plan {
        short: short.to_owned(),
        name: name.to_owned(),
        member: member.to_owned(),
        subsystems: vec![(subsystem.to_owned(), subsystem_name.to_owned())],
    });
    let authority = AUTHORITY
        .parse()
        .map_err(|e| Failure::Failed(format!("group: {e}")))?;
    let groups = [(GROUP.to_owned(), vec![authority])];
    let world = World::create(folder, &plans, &groups, now_s)?;
    let [population, tax, executive] = three(&world)?;
    for ((file, text), consumer) in CONTRACTS.into_iter().zip([tax, executive]) {
        let signed = sign_contract(&world, text, [population, consumer], now_s)?;
        for agency in [population, tax, executive] {
            agency.write_contract(file, &signed)?;
        }
    }
    population.write_settings(Signatures::Required, SERVICES)?;
    tax.write_settings(Signatures::Required, "")?;
    executive.write_settings(Signatures::Required, "")?;
    build_register(&population.folder)?;
    Ok(world)
}

/// The agencies by name.
pub(super) fn three(world: &World) -> Result<[&Agency; 3], Failure> {
    let all: Vec<&Agency> = world.agencies.iter().collect();
    all.try_into()
        .map_err(|_count| Failure::Failed("three agencies".to_owned()))
}

fn build_register(folder: &Path) -> Result<(), Failure> {
    let package = folder.join("registry");
    for (file, text) in REGISTRY {
        write(&package.join(file), text.as_bytes())?;
    }
    let package = bridge_adapter::Package::load(&package).map_err(|faults| {
        Failure::Failed(
            faults
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("\n"),
        )
    })?;
    bridge_adapter_sql::sample::build(&package, &folder.join("population.db"))
        .map_err(|error| Failure::failed("population.db", &error))
}
