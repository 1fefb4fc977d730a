//! `check-config`: the same loading as `run`, and a report; and the commands about adapters.

use std::path::Path;

use clap::Subcommand;

use super::{Failure, conformance, say, scaffold};
use crate::clock::Clock;
use crate::node::Parts;
use crate::settings::Fault;

/// Commands about registry packages.
#[derive(Debug, Subcommand)]
pub(super) enum AdapterCommand {
    /// Examine a registry package and the adapter that serves it: a battery of conformance checks.
    #[command(after_help = conformance::EXAMPLES)]
    Check(conformance::Options),
    /// Make a registry package with a program that works, its test, a scenario and a contract.
    #[command(after_help = "Example:\n  bridge-node adapter new referrals --lang python")]
    New(scaffold::Options),
    /// Put the Python library of this version into a package, in place of an older one.
    #[command(after_help = "Example:\n  bridge-node adapter library adapters/registries/referrals")]
    Library(scaffold::Given),
}

pub(super) fn config(path: &Path) -> Result<(), Failure> {
    let (settings, parts) =
        Parts::load(path, Clock::default().now_s()).map_err(Failure::Settings)?;
    let scratch =
        tempfile::tempdir().map_err(|error| Failure::failed("temporary folder", &error))?;
    parts
        .check_root(scratch.path())
        .map_err(|fault| Failure::Settings(vec![fault]))?;
    settings
        .keys
        .check_tokens()
        .map_err(|(name, what, remedy)| {
            Failure::Settings(vec![Fault::new(format!("keys: {name}"), what, remedy)])
        })?;
    say(format_args!("private keys: {}", settings.keys.words()));
    say(format_args!(
        "{}: good ({}, {})",
        path.display(),
        settings.node,
        parts.summary()
    ));
    Ok(())
}

pub(super) fn adapter(command: AdapterCommand) -> Result<(), Failure> {
    match command {
        AdapterCommand::Check(options) => conformance::run(&options),
        AdapterCommand::New(options) => scaffold::run(&options),
        AdapterCommand::Library(given) => scaffold::library(&given),
    }
}
