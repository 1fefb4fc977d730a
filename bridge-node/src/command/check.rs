//! `check-config`, `adapter check`, `contract check`: the same loading as `run`, and a report.

use std::path::{Path, PathBuf};

use bridge_adapter::package::Package;
use bridge_adapter_sql::SqlAdapter;
use clap::Subcommand;

use super::{Failure, say};
use crate::clock::Clock;
use crate::node::Parts;
use crate::settings::{Fault, Settings};

/// Commands about registry packages.
#[derive(Debug, Subcommand)]
pub enum AdapterCommand {
    /// Check the manifest, the OpenAPI text and every statement of a registry package.
    #[command(
        after_help = "Example:\n  bridge-node adapter check adapters/registries/population --database population.db"
    )]
    Check {
        /// Folder of the registry package.
        package: PathBuf,
        /// The SQLite file.
        #[arg(long, value_name = "FILE")]
        database: PathBuf,
    },
}

/// Commands about contracts.
#[derive(Debug, Subcommand)]
pub enum ContractCommand {
    /// Check contract files and print `{id}@{digest}` of each.
    #[command(after_help = "Example:\n  bridge-node contract check contracts/*.json")]
    Check {
        /// The files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
}

pub(super) fn config(path: &Path) -> Result<(), Failure> {
    let settings = Settings::load(path).map_err(Failure::Settings)?;
    let parts = Parts::read(&settings, Clock::default().now_s())
        .map_err(|error| Failure::Settings(error.0))?;
    say(format_args!(
        "{}: good ({}, {})",
        path.display(),
        settings.node,
        parts.summary()
    ));
    Ok(())
}

pub(super) fn adapter(command: AdapterCommand) -> Result<(), Failure> {
    let AdapterCommand::Check { package, database } = command;
    let faults = |list: Vec<bridge_adapter::Fault>| {
        Failure::Settings(
            list.into_iter()
                .map(|f| Fault {
                    place: f.place,
                    what: f.problem,
                    remedy: f.remedy,
                })
                .collect(),
        )
    };
    let read = Package::load(&package).map_err(faults)?;
    SqlAdapter::open(&read, &database, bridge_adapter_sql::SqlLimits::default()).map_err(faults)?;
    say(format_args!(
        "{}: good ({} services)",
        package.display(),
        read.services.len()
    ));
    Ok(())
}

pub(super) fn contract(command: ContractCommand) -> Result<(), Failure> {
    let ContractCommand::Check { files } = command;
    let mut faults = Vec::new();
    for path in files {
        match crate::contracts::read(&path, &mut faults) {
            Some(contract) => say(contract.reference()),
            None => continue,
        }
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(Failure::Settings(faults))
    }
}
