//! The load tool of the benchmark: the upstream, the client and the world of both pairs. See `README.md`.

use std::process::ExitCode;

mod client;
mod cold;
#[cfg(test)]
mod defaults;
mod options;
mod overload;
mod relay;
mod setup;
mod targets;
mod token;
mod upstream;

use options::Options;

const USAGE: &str = "\
usage: bridge-bench setup FOLDER [--plain] [--awaited] [--whole] [--evidence MODE] [--contracts N] [--peers N]
                          [--witnessed] [--relayed]
       bridge-bench upstream ADDRESS
       bridge-bench wait ADDRESS [TARGET]
       bridge-bench load ADDRESS TARGET [--seconds N] [--connections N] [--rate N] [--greet] [--field NAME:VALUE]...
       bridge-bench idle PID ADDRESS TARGET [--connections N] [--field NAME:VALUE]...
       bridge-bench overload ADDRESS TARGET --seconds N [--field NAME:VALUE]...
       bridge-bench cold ADDRESS TARGET [--field NAME:VALUE]... -- COMMAND...
       bridge-bench relay LISTEN TO MICROSECONDS
       bridge-bench token SETTINGS PER_SECOND

TARGET is a path that ends in the length of its answer, or @FILE with one a line, asked for in turn.

setup     makes authority, keys, directory, contracts and settings of the nodes, the certificates of
          the proxies, and FOLDER/bench.env with every address. Without options: two nodes, and one contract
          that keeps full evidence. --plain: the contract demands a signature of its own for each message;
          --awaited: it is not read-only, so that each step waits for its leaf; --whole: it lets whole answers through, else
          it names their fields, all of them, and answers are cut to these; --evidence: full, digest or none;
          --contracts: so many with the provider, each but one for a service of its own; --peers: so many
          providers; --witnessed: the two nodes cosign each other's journals; --relayed: the provider is found
          at RELAY_NODES
upstream  answers every request with 200 and a JSON text, as long as the last part of its path says, until
          it is killed
wait      waits until ADDRESS accepts a connection and, if TARGET is given, answers it with 200
load      asks for TARGET over kept connections, each waiting for its answer, and prints the figures;
          fails if any answer is not 200 of the upstream's length; with --rate it asks so many times a
          second, and each time counts from when the request was due; with --greet it first asks once on
          each connection, uncounted: a node keeps few of whom it does not know
idle      asks for TARGET once on each of many connections, keeps them open, and prints how much memory
          process PID has then
cold      starts COMMAND, asks for TARGET until the answer is good, prints how long that took from the start,
          and ends it by SIGTERM
relay     passes connections on, both ways, each byte half of MICROSECONDS after it came, until it is killed
overload  measures the most that ADDRESS answers, offers three times as much in an open loop, and prints
          how much of the most was still answered; fails if any answer is neither good nor a refusal
token     runs the node of a settings file with a key that makes so many signatures a second, until SIGTERM;
          then prints how many it made and how many messages they sign";

/// As in the program that is shipped: `token` runs nodes in here.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Length of the usual answer, bytes.
const ANSWER_BYTES: usize = 2048;

/// What goes wrong here ends the program with one sentence; nothing reacts to its kind.
type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            complain(&failure);
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Failure> {
    match Options::parse(std::env::args().skip(1))? {
        Options::Help => say(USAGE),
        Options::Setup { folder, shape } => setup::create(&folder, &shape)?,
        Options::Upstream { address } => runtime()?.block_on(upstream::serve(address))?,
        Options::Wait { address, target } => {
            runtime()?.block_on(client::wait(address, target.as_deref()))?;
        }
        Options::Token {
            settings,
            per_second,
        } => runtime()?.block_on(token::serve(&settings, per_second))?,
        Options::Load(plan) => say(runtime()?.block_on(client::load(plan))?),
        Options::Relay {
            listen,
            to,
            round_trip,
        } => relay::serve(listen, to, round_trip)?,
        Options::Cold { plan, command } => say(runtime()?.block_on(cold::cold(&plan, &command))?),
        Options::Overload(plan) => say(runtime()?.block_on(overload::overload(plan))?),
        Options::Idle { plan, pid } => say(runtime()?.block_on(client::idle(&plan, pid))?),
    }
    Ok(())
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
}

#[expect(clippy::print_stdout, reason = "the figures are the program's result")]
fn say(text: impl std::fmt::Display) {
    println!("{text}");
}

#[expect(
    clippy::print_stderr,
    reason = "a tool for the terminal has no other log"
)]
fn complain(failure: &Failure) {
    eprintln!("{failure}");
}
