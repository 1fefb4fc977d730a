//! The driver of the fault programs: two nodes under load, killed or cut from power, and every answer looked up. See
//! `README.md`.

use std::process::ExitCode;

mod chance;
mod claim;
mod client;
mod image;
mod kills;
mod leaves;
mod moment;
mod options;
mod powercuts;
mod process;
mod world;

use options::{Options, Program};

const USAGE: &str = "\
usage: bridge-faults kills|powercuts COUNT --world FOLDER --node FILE --faulty FILE --seed N [--effects]

kills      SIGKILL of either node at chosen moments, COUNT times
powercuts  a cut of power to both nodes, COUNT times; needs root and a mount namespace of its own
--effects  kills: each request has an effect, and the driver is the registry that counts them

Both first run a control with the faulty node, which must lose something.";

/// What goes wrong here ends the program with one sentence; nothing reacts to its kind.
type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            tell(format_args!("void: {failure}"));
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Failure> {
    let options = Options::parse(std::env::args().skip(1))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    // On this thread, because nodes die with the thread that started them.
    runtime.block_on(async {
        match options.program {
            Program::Kills => kills::run(&options).await,
            Program::PowerCuts => powercuts::run(&options).await,
        }
    })
}

#[expect(clippy::print_stdout, reason = "the figures are the program's result")]
fn say(text: impl std::fmt::Display) {
    println!("{text}");
}

#[expect(
    clippy::print_stderr,
    reason = "a tool for the terminal has no other log"
)]
fn tell(text: impl std::fmt::Display) {
    eprintln!("{text}");
}
