//! The program: arguments, log, exit code.

use std::io::Write as _;
use std::process::ExitCode;

use bridge_node::command::Cli;
use clap::Parser as _;
use tracing_subscriber::EnvFilter;

/// An exchange makes several hundred short-lived allocations: the system's allocator takes a fifth of its time (D21).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const USAGE: u8 = 64;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let code = if error.use_stderr() { USAGE } else { 0 };
            return match error.print() {
                Ok(()) => ExitCode::from(code),
                Err(_closed) => ExitCode::FAILURE,
            };
        }
    };
    if cli.is_server() {
        // Structured, to standard error; RUST_LOG raises the level.
        let filter =
            EnvFilter::try_from_default_env().unwrap_or_else(|_unset| EnvFilter::new("info"));
        tracing_subscriber::fmt()
            .json()
            .flatten_event(true)
            .with_env_filter(filter)
            // A log that cannot be written (a full disk, a closed pipe) must not end the thread that speaks.
            .log_internal_errors(false)
            .with_writer(std::io::stderr)
            .init();
    }
    match cli.execute() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let mut out = std::io::stderr().lock();
            for line in failure.lines() {
                // Nowhere left to complain if standard error is gone; the exit code still tells.
                drop(writeln!(out, "{line}"));
            }
            ExitCode::from(failure.exit_code())
        }
    }
}
