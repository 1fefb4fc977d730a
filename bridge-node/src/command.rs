//! The commands of the program, one module each.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::node::Vouched;
use crate::settings::Fault;

mod audit;
mod backup;
mod cage;
mod catalogue;
mod certs;
mod check;
mod conformance;
mod contract;
mod demo;
mod directory;
mod forks;
mod join;
mod keys;
mod maintenance;
mod member_role;
mod officer;
mod open;
mod output;
mod passphrase;
mod probe;
mod resource;
mod run;
mod sandbox;
mod scaffold;
mod seal;
mod stop;
mod tokens;
mod trial;

pub(crate) use output::say;
pub use trial::time_authority::OpenSslAuthority;

/// An inter-agency data-exchange node: mutual TLS, signed queries, contracts, a tamper-evident journal.
#[derive(Debug, Parser)]
#[command(name = "bridge-node", version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a node until SIGTERM or SIGINT.
    #[command(after_help = "Example:\n  bridge-node run --config /etc/bridge-node/node.toml")]
    Run {
        /// The settings file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// For one start: the data folder was moved or restored, and no other node writes its journal.
        #[arg(long)]
        moved: bool,
        /// For one start: this machine's clock is right, although the journal's newest leaf is of a later time.
        #[arg(long)]
        trust_clock: bool,
        /// For one start: close the journal's log, and go on with another under a new key.
        #[arg(long)]
        new_journal_key: bool,
    },
    /// Check a settings file and all it names, as `run` would; reports every fault.
    #[command(
        after_help = "Example:\n  bridge-node check-config --config /etc/bridge-node/node.toml"
    )]
    CheckConfig {
        /// The settings file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Copy the journals of a node, running or stopped, and its signed contracts, without any key.
    #[command(after_help = "Example:\n  bridge-node backup backups/today --config node.toml")]
    Backup {
        /// The folder to make.
        folder: PathBuf,
        /// The settings file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Take over the journals and contracts of a backup into an empty data folder; the next start begins a new epoch.
    #[command(after_help = "Example:\n  bridge-node restore backups/today --config node.toml")]
    Restore {
        /// The backup's folder.
        folder: PathBuf,
        /// The settings file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// At least this number for the new epoch, if later ones than the backup's were begun and lost.
        #[arg(long, value_name = "NUMBER")]
        epoch: Option<u64>,
    },
    /// Start three agencies on this machine and show what the bus does.
    #[command(
        after_help = "Examples:\n  bridge-node demo\n  bridge-node demo --once --json\n  bridge-node demo --once --dir demo-data"
    )]
    Demo(demo::Options),
    /// Get the node's certificates from an authority; make a development authority and issue certificates.
    Certs {
        #[command(subcommand)]
        command: certs::Command,
    },
    /// Ask the directory's officers to list this node, and learn what they said.
    #[command(after_help = join::EXAMPLES)]
    Join(join::Options),
    /// Change and publish the signed directory: the officers' ceremony.
    Directory {
        #[command(subcommand)]
        command: directory::Command,
    },
    /// Change a member's own nodes by the role that the directory's officers gave it.
    MemberRole {
        #[command(subcommand)]
        command: member_role::Command,
    },
    /// Verify, search, compare and re-decide journals; export dossiers and mirrors, and check these and receipts.
    Audit {
        #[command(subcommand)]
        command: audit::Command,
    },
    /// Stop a member, a contract or a service at once.
    Stop {
        #[command(subcommand)]
        command: stop::Command,
    },
    /// Announce maintenance to callers.
    Maintenance {
        #[command(subcommand)]
        command: maintenance::Command,
    },
    /// Tell what works between this node and another, and what does not.
    #[command(
        after_help = "Examples:\n  bridge-node probe --socket data/admin.sock --officer officer-1 --officer-key officer.key\n  bridge-node probe AZ/GOV/1001/NODE1 --socket data/admin.sock --officer officer-1 --officer-key officer.key\n\nThe running node looks, with its own keys, directory and contracts; the signed question is journaled like any exchange. Exit code 1: something fails."
    )]
    Probe(probe::Options),
    /// Make registry packages, and check them with the adapters that serve them.
    Adapter {
        #[command(subcommand)]
        command: check::AdapterCommand,
    },
    /// Run a program in a cage, as the node does with adapters, so that it cannot harm the node or the machine.
    #[command(
        after_help = "Examples:\n  bridge-node cage --probe\n  bridge-node cage --settings '{\"folder\": \"/mnt\", \"program_folder\": \"/srv/referrals\"}' -- /usr/bin/python3 main.py\n\nExit code: the program's; 78 if less is given than the settings demand."
    )]
    Cage(cage::Options),
    /// Try a registry package: behind a real node, with agencies that ask, each exchange shown.
    #[command(
        after_help = "Examples:\n  bridge-node sandbox adapters/registries/population\n  bridge-node sandbox adapters/registries/population --once\n  bridge-node sandbox adapters/registries/population --policy policy/narrow.json --show-bodies"
    )]
    Sandbox(sandbox::Options),
    /// Check contracts, sign them under a member's seal, show them in words.
    Contract {
        #[command(subcommand)]
        command: contract::Command,
    },
    /// File resources, systems and services for the catalogue, and judge what is filed.
    Resource {
        #[command(subcommand)]
        command: resource::Command,
    },
    /// Search the catalogue of resources, systems and services, ask who holds an attribute, report who asks twice.
    #[command(
        after_help = "Examples:\n  bridge-node catalogue ünvan --public public\n  bridge-node catalogue --public public --root root.json --member AZ/GOV/1001 --json\n  bridge-node catalogue --who-holds person.address --public public\n  bridge-node catalogue --once-only --csv --public public\n\nPUBLIC is a copy of what the directory's officers publish; no node is needed. ASCII words find every letter that looks\nalike (unvan finds ünvan); words with letters of their own find these only."
    )]
    Catalogue(catalogue::Options),
    /// Make, encrypt, replace and list keys: journal, evidence, witness, officer, API key, keys on tokens.
    Key {
        #[command(subcommand)]
        command: keys::Command,
    },
}

/// Why a command did not succeed. Each has its exit code.
#[derive(Debug)]
pub enum Failure {
    /// Something failed: exit code 1.
    Failed(String),
    /// It can't be had now; the same may be asked again: exit code 1.
    Busy(String),
    /// An argument is wrong: exit code 64.
    Usage(String),
    /// Evidence does not verify: exit code 2.
    NotGenuine(Vec<String>),
    /// The settings are wrong: exit code 64.
    Settings(Vec<Fault>),
    /// A program that was run for the caller ended with this exit code.
    Ended(u8),
}

// === impl Failure ===

impl Failure {
    /// A failure with its cause.
    pub fn failed(what: &str, error: &dyn std::error::Error) -> Self {
        Self::Failed(format!("{what}: {}", crate::chain(error)))
    }

    /// 1 failed, 2 evidence does not verify, 64 usage or settings; a program's own where one was run.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Failed(_) | Self::Busy(_) => 1,
            Self::NotGenuine(_) => 2,
            Self::Usage(_) | Self::Settings(_) => 64,
            Self::Ended(code) => *code,
        }
    }

    /// Lines for standard error. They may quote a stranger's file, which moves no cursor by it.
    pub fn lines(&self) -> Vec<String> {
        let plain = |line: &str| directory::plain(line);
        match self {
            Self::Failed(what) | Self::Busy(what) | Self::Usage(what) => {
                what.lines().map(plain).collect()
            }
            Self::NotGenuine(findings) => findings.iter().map(|one| plain(one)).collect(),
            Self::Settings(faults) => faults.iter().map(|one| plain(&one.to_string())).collect(),
            Self::Ended(_) => Vec::new(),
        }
    }
}

// === impl Cli ===

impl Cli {
    /// Whether the command is a server, whose log goes to standard error as JSON.
    pub fn is_server(&self) -> bool {
        matches!(self.command, Command::Run { .. })
    }

    /// Carries the command out.
    ///
    /// # Errors
    ///
    /// [`Failure`], with what to print and the exit code.
    pub fn execute(self) -> Result<(), Failure> {
        self.carry_out().and_then(|()| output::check())
    }

    fn carry_out(self) -> Result<(), Failure> {
        match self.command {
            Command::Run {
                config,
                moved,
                trust_clock,
                new_journal_key,
            } => run::run(
                &config,
                Vouched {
                    moved,
                    clock: trust_clock,
                    new_journal_key,
                },
            ),
            Command::CheckConfig { config } => check::config(&config),
            Command::Backup { folder, config } => backup::backup(&config, &folder),
            Command::Restore {
                folder,
                config,
                epoch,
            } => backup::restore(&config, &folder, epoch),
            Command::Demo(options) => demo::run(&options),
            Command::Certs { command } => certs::run(command),
            Command::Join(options) => join::run(&options),
            Command::Directory { command } => directory::run(command),
            Command::MemberRole { command } => member_role::run(command),
            Command::Audit { command } => audit::run(command),
            Command::Stop { command } => stop::run(command),
            Command::Maintenance { command } => maintenance::run(command),
            Command::Probe(options) => probe::run(&options),
            Command::Adapter { command } => check::adapter(command),
            Command::Cage(options) => cage::run(options),
            Command::Sandbox(options) => sandbox::run(&options),
            Command::Contract { command } => contract::run(command),
            Command::Resource { command } => resource::run(command),
            Command::Catalogue(options) => catalogue::run(&options),
            Command::Key { command } => keys::run(command),
        }
    }
}

/// A sentence and what to do about it.
pub(crate) fn hint(what: &str, remedy: &str) -> String {
    format!("{what}\nhint: {remedy}")
}
