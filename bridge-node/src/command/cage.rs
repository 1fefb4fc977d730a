//! `cage`: runs a program so that it can harm neither the node nor its machine; the node's own way to start adapters.

use bridge_adapter_process::cage::{self, CageCommand};
use clap::Args;

use super::Failure;

/// What to run and how.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Say in words what this kernel gives, and run nothing.
    #[arg(long, conflicts_with_all = ["settings", "program"])]
    probe: bool,
    /// What the cage allows and demands, as JSON; by default all is demanded.
    #[arg(long, value_name = "JSON", default_value = "{}")]
    settings: String,
    #[arg(long, hide = true, conflicts_with = "settings")]
    inside: Option<String>,
    /// The program and its arguments.
    #[arg(last = true, required_unless_present_any = ["probe", "inside"])]
    program: Vec<String>,
}

/// Runs the cage; the exit code is the program's.
pub(super) fn run(options: Options) -> Result<(), Failure> {
    let probe = options.probe;
    let command = match options.inside {
        Some(inside) => CageCommand::Inside(inside, options.program),
        None if probe => CageCommand::Probe,
        None => CageCommand::Outside(options.settings, options.program),
    };
    match cage::run(command) {
        Ok(0) => Ok(()),
        Ok(code) => Err(Failure::Ended(code)),
        Err(error) => Err(Failure::failed("the cage", &error)),
    }
}
