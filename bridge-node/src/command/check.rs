//! `check-config`, `adapter check`, `contract check`: the same loading as `run`, and a report.

use std::path::{Path, PathBuf};

use bridge_adapter::kit::{self, Battery, Verdict};
use bridge_adapter::package::Package;
use bridge_adapter::scenario::{self, Scenario, StepOutcome};
use clap::Subcommand;

use super::{Failure, open, say, scaffold};
use crate::clock::Clock;
use crate::node::Parts;

/// Commands about registry packages.
#[derive(Debug, Subcommand)]
pub(super) enum AdapterCommand {
    /// Check a registry package: its manifest, its OpenAPI text, its scenario and the conformance kit.
    #[command(
        after_help = "Examples:\n  bridge-node adapter check adapters/registries/population --database population.db\n  bridge-node adapter check adapters/registries/referrals"
    )]
    Check {
        /// Folder of the registry package.
        package: PathBuf,
        /// The SQLite file, for a package of the kind `sql`.
        #[arg(long, value_name = "FILE")]
        database: Option<PathBuf>,
    },
    /// Make a registry package with a program that works, its test, a scenario and a contract.
    #[command(after_help = "Example:\n  bridge-node adapter new referrals --lang python")]
    New(scaffold::Options),
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
    let (package, database) = match command {
        AdapterCommand::Check { package, database } => (package, database),
        AdapterCommand::New(options) => return scaffold::run(&options),
    };
    let written = open::Written::keep();
    let read = Package::load(&package).map_err(open::faults)?;
    let adapter = open::open(&read, database.as_deref())?;
    let scenario = Scenario::load(&read).map_err(open::faults)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed("the runtime cannot start", &error))?;
    let (steps, cases) = runtime.block_on(async {
        open::ready(adapter.as_ref(), &written).await?;
        let steps = scenario::run(adapter.as_ref(), &read, &scenario).await;
        let cases = match Battery::of_scenario(&scenario) {
            Some(battery) => kit::run(adapter.as_ref(), &battery).await,
            None => Vec::new(),
        };
        adapter.drain().await;
        Ok::<_, Failure>((steps, cases))
    })?;
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
