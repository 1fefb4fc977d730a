//! `check-config`, `adapter check`, `contract check`: the same loading as `run`, and a report.

use std::path::{Path, PathBuf};

use bridge_adapter::kit::{self, Battery, Verdict};
use bridge_adapter::package::Package;
use bridge_adapter::scenario::{self, Scenario, StepOutcome};
use bridge_adapter_sql::SqlAdapter;
use clap::Subcommand;

use super::{Failure, say};
use crate::clock::Clock;
use crate::node::Parts;
use crate::settings::Fault;

/// Commands about registry packages.
#[derive(Debug, Subcommand)]
pub(super) enum AdapterCommand {
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
pub(super) enum ContractCommand {
    /// Check contract files and print `{id}@{digest}` of each.
    #[command(after_help = "Example:\n  bridge-node contract check contracts/*.json")]
    Check {
        /// The files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
}

pub(super) fn config(path: &Path) -> Result<(), Failure> {
    let (settings, parts) =
        Parts::load(path, Clock::default().now_s()).map_err(Failure::Settings)?;
    let scratch =
        tempfile::tempdir().map_err(|error| Failure::failed("temporary folder", &error))?;
    parts
        .check_root(scratch.path())
        .map_err(|fault| Failure::Settings(vec![fault]))?;
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
                    place: f.at(),
                    what: f.problem,
                    remedy: f.remedy,
                })
                .collect(),
        )
    };
    let read = Package::load(&package).map_err(faults)?;
    let built = bridge_adapter_sql::sample::build_if_absent(&read, &database)
        .map_err(|error| Failure::failed(&database.display().to_string(), &error))?;
    if built {
        say(format_args!(
            "made {} from the package's sample",
            database.display()
        ));
    }
    let adapter = SqlAdapter::open(&read, &database, bridge_adapter_sql::SqlLimits::default())
        .map_err(faults)?;
    let scenario = Scenario::load(&read).map_err(faults)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed("the runtime cannot start", &error))?;
    let (steps, cases) = runtime.block_on(async {
        let steps = scenario::run(&adapter, &read, &scenario).await;
        let cases = match Battery::of_scenario(&scenario) {
            Some(battery) => kit::run(&adapter, &battery).await,
            None => Vec::new(),
        };
        (steps, cases)
    });
    let broken = report(&steps, &cases);
    if broken > 0 {
        return Err(Failure::Failed(format!(
            "{}: {broken} faults",
            package.display()
        )));
    }
    say(format_args!(
        "{}: good ({} services)",
        package.display(),
        read.services.len()
    ));
    Ok(())
}

/// Prints each step and case; returns how many failed.
fn report(steps: &[StepOutcome], cases: &[kit::Outcome]) -> usize {
    let mut broken = 0;
    for step in steps {
        let good = step.differences.is_empty();
        say(format_args!(
            "{} step: {}",
            if good { "ok  " } else { "FAIL" },
            step.title
        ));
        for difference in &step.differences {
            say(format_args!("       {difference}"));
        }
        broken += usize::from(!good);
    }
    for outcome in cases {
        match &outcome.verdict {
            Verdict::Held => say(format_args!("ok   kit: {:?}", outcome.case)),
            Verdict::NotTried => say(format_args!(
                "-    kit: {:?} (nothing to try it with)",
                outcome.case
            )),
            Verdict::Broken(why) => {
                say(format_args!("FAIL kit: {:?}: {why}", outcome.case));
                broken += 1;
            }
        }
    }
    broken
}

pub(super) fn contract(command: ContractCommand) -> Result<(), Failure> {
    let ContractCommand::Check { files } = command;
    let mut faults = Vec::new();
    for path in files {
        if let Some(contract) = crate::contracts::read(&path, &mut faults) {
            say(contract.reference());
        }
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(Failure::Settings(faults))
    }
}
