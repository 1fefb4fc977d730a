//! `contract`: a file is proposed, accepted, refused, withdrawn under a member's seal, and shown in words.
//!
//! No node is needed to sign: the seal's key may lie where none runs. The signed file is given to the running node, which
//! has it in force at once and brings it to the other member's nodes.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use bridge_certs::{Moment, Trust};
use bridge_core::accept::Language;
use bridge_core::contract::{Action, Agreement, SealedBy, Seals, State, Statement, StatementFault};
use clap::{Args, Subcommand};
use serde_json::Value;

use super::officer::Access;
use super::seal::Speaker;
use super::{Failure, hint, say};
use crate::clock::Clock;
use crate::contracts::read;
use crate::durable::{self, Rights};

mod words;

/// Commands about contracts.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Check contract files and print `{id}@{digest}` of each.
    #[command(
        after_help = "Examples:\n  bridge-node contract check contracts/*.json\n  bridge-node contract check contracts/*.json --trust anchors.pem"
    )]
    Check {
        /// The files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// PEM file of the authorities whose seals count: files with signatures need it.
        #[arg(long, value_name = "FILE")]
        trust: Option<PathBuf>,
    },
    /// Sign a contract first, as either of its two members.
    #[command(
        after_help = "Example:\n  bridge-node contract propose tax-person.json --member AZ/GOV/1001 --seal seal.pem --seal-key seal.key --trust anchors.pem\n\nA renewal is a new version of the same id: it takes over at its start once both have signed it."
    )]
    Propose(Said),
    /// Sign what the other member proposed: from now on it counts.
    #[command(
        after_help = "Example:\n  bridge-node contract accept tax-person.json --member AZ/GOV/2001 --seal seal.pem --seal-key seal.key --trust anchors.pem"
    )]
    Accept(Said),
    /// Say no to what the other member proposed, for good.
    #[command(
        after_help = "Example:\n  bridge-node contract refuse tax-person.json --reason \"no legal basis\" --member AZ/GOV/2001 --seal seal.pem --seal-key seal.key --trust anchors.pem"
    )]
    Refuse(Said),
    /// Take the own word back, for good.
    #[command(
        after_help = "Example:\n  bridge-node contract withdraw tax-person.json --reason \"the law has changed\" --member AZ/GOV/2001 --seal seal.pem --seal-key seal.key --trust anchors.pem"
    )]
    Withdraw(Said),
    /// Give a signed file to the running node: in force at once, and brought to the other member's nodes.
    #[command(
        after_help = "Example:\n  bridge-node contract send tax-person.json --socket data/admin.sock --officer officer-1 --officer-key officer.key\n\nWhat is not delivered is offered again until it is. What others bring lies in contracts/ of the data folder."
    )]
    Send {
        /// The file.
        file: PathBuf,
        #[command(flatten)]
        access: Access,
    },
    /// Show how it stands with contracts, a line each.
    #[command(
        after_help = "Example:\n  bridge-node contract list contracts/*.json --trust anchors.pem"
    )]
    List {
        /// The files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// PEM file of the authorities whose seals count.
        #[arg(long, value_name = "FILE")]
        trust: PathBuf,
    },
    /// Show a contract in words, and who has signed it.
    #[command(
        after_help = "Examples:\n  bridge-node contract show tax-person.json --trust anchors.pem\n  bridge-node contract show tax-person.json --trust anchors.pem --language az"
    )]
    Show {
        /// The file.
        file: PathBuf,
        /// PEM file of the authorities whose seals count.
        #[arg(long, value_name = "FILE")]
        trust: PathBuf,
        /// `en` or `az`.
        #[arg(long, value_name = "LANGUAGE", default_value = "en", value_parser = ["en", "az"])]
        language: String,
    },
}

/// Who says it, of which file, under which seal.
#[derive(Debug, Args)]
pub(super) struct Said {
    /// The contract file; the signature is added to it.
    file: PathBuf,
    #[command(flatten)]
    speaker: Speaker,
    /// PEM file of the authorities whose seals count.
    #[arg(long, value_name = "FILE")]
    trust: PathBuf,
    /// Why: signed, and shown to the other member.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

pub(super) fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Check { files, trust } => check(&files, trust.as_deref()),
        Command::Propose(said) => said.sign(Action::Proposed),
        Command::Accept(said) => said.sign(Action::Accepted),
        Command::Refuse(said) => said.sign(Action::Refused),
        Command::Withdraw(said) => said.sign(Action::Withdrawn),
        Command::Send { file, access } => send(&file, &access),
        Command::List { files, trust } => list(&files, &read_trust(&trust)?),
        Command::Show {
            file,
            trust,
            language,
        } => {
            let shown = one(&file, &read_trust(&trust)?)?;
            let language = match language.as_str() {
                "az" => Language::Azerbaijani,
                _ => Language::English,
            };
            for line in words::contract(&shown, language, now_s()) {
                say(line);
            }
            Ok(())
        }
    }
}

// === impl Said ===

impl Said {
    /// Adds the member's word to the file; whoever has said it before has said it.
    fn sign(&self, action: Action) -> Result<(), Failure> {
        let trust = read_trust(&self.trust)?;
        let mut agreement = one(&self.file, &trust)?;
        if agreement.has(&self.speaker.member, action) {
            say(format_args!(
                "{}: {} has {action} it already",
                agreement.contract().reference(),
                self.speaker.member
            ));
            return Ok(());
        }
        let sealer = self.speaker.sealer()?;
        let now_s = now_s();
        let statement = Statement {
            action,
            contract: agreement.contract().reference().to_owned(),
            member: self.speaker.member.clone(),
            time_s: now_s,
            reason: self.reason.clone(),
        };
        // As a reader will take it: a text that no reader takes is not signed.
        let bytes = statement.write();
        let form = bridge_core::json::read(&bytes)
            .map_err(|_malformed| StatementFault::Form("reason"))
            .and_then(|value| Statement::read(&value));
        form.map_err(|fault| Failure::Usage(fault.to_string()))?;
        let signed = sealer
            .sign(statement)
            .map_err(|error| Failure::failed("seal", &error))?;
        agreement.add(signed, &trust, now_s).map_err(|fault| {
            Failure::Failed(hint(
                &format!("{}: {fault}", self.file.display()),
                "nothing was signed; `bridge-node contract show` says who has signed what",
            ))
        })?;
        let Some(file) = agreement.write_with_room() else {
            return Err(Failure::Failed(hint(
                &format!(
                    "{}: the file has no room for more signatures",
                    self.file.display()
                ),
                "nothing was signed; sign a copy that holds fewer members' words, or propose the contract anew",
            )));
        };
        replace(&self.file, &file)?;
        say(format_args!(
            "{}: {action} by {}",
            agreement.contract().reference(),
            self.speaker.member
        ));
        for next in next(&agreement, &self.file) {
            say(next);
        }
        Ok(())
    }
}

/// What happens next, with each consuming member.
fn next(agreement: &Agreement, file: &Path) -> Vec<String> {
    let file = file.display();
    let both = format!("give {file} to the running node with `bridge-node contract send`");
    let provider = agreement.contract().provider().member();
    let mut told: Vec<String> = agreement
        .consumers()
        .iter()
        .map(|consumer| match agreement.state(consumer) {
            State::Agreed => format!("next: {both}; {provider} and {consumer} have agreed"),
            State::Proposed { by } => {
                let other = if by == *provider { consumer } else { provider };
                format!("next: send {file} to {other}, which accepts or refuses it")
            }
            State::Refused { .. } => {
                format!("next: send {file} to the other member; propose another version")
            }
            State::Withdrawn { .. } => format!(
                "next: {both}; it allows nothing between {provider} and {consumer} any more"
            ),
            State::Unsigned => format!("next: {provider} or {consumer} proposes it"),
        })
        .collect();
    if told.is_empty() {
        told.push(format!(
            "next: send {file} to the members of the group; each accepts for itself"
        ));
    }
    told
}

fn send(file: &Path, access: &Access) -> Result<(), Failure> {
    let bytes = std::fs::read(file)
        .map_err(|error| Failure::failed(&file.display().to_string(), &error))?;
    let told = access.contract(bytes)?;
    let contract = told
        .get("contract")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let new = told.get("new").and_then(Value::as_array);
    let new = new.map_or(&[][..], Vec::as_slice);
    for one in new {
        let text = |name: &str| one.get(name).and_then(Value::as_str).unwrap_or_default();
        say(format_args!(
            "{contract}: {} by {}",
            text("action"),
            text("member")
        ));
    }
    say(if new.is_empty() {
        format!("{contract}: nothing new, the node knows it")
    } else {
        "next: the node brings it to the other member's nodes by itself".to_owned()
    });
    Ok(())
}

fn check(files: &[PathBuf], trust: Option<&Path>) -> Result<(), Failure> {
    let seals: Box<dyn Seals> = match trust {
        Some(path) => Box::new(read_trust(path)?),
        None => Box::new(NoTrust),
    };
    let mut faults = Vec::new();
    for path in files {
        if let Some(agreement) = read(path, (&*seals, now_s()), &mut faults) {
            say(agreement.contract().reference());
        }
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(Failure::Settings(faults))
    }
}

fn list(files: &[PathBuf], trust: &Trust) -> Result<(), Failure> {
    let mut faults = Vec::new();
    for path in files {
        let Some(agreement) = read(path, (trust, now_s()), &mut faults) else {
            continue;
        };
        for (consumer, state) in words::states(&agreement, Language::English, now_s()) {
            let contract = agreement.contract();
            say(format_args!(
                "{}  {} -> {}  until {}  {}",
                contract.reference(),
                consumer,
                contract.service(),
                Moment(contract.end().seconds()),
                state,
            ));
        }
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(Failure::Settings(faults))
    }
}

fn one(path: &Path, trust: &Trust) -> Result<Agreement, Failure> {
    let mut faults = Vec::new();
    read(path, (trust, now_s()), &mut faults).ok_or(Failure::Settings(faults))
}

fn now_s() -> u64 {
    Clock::default().now_s()
}

/// Where nobody is trusted no seal holds.
struct NoTrust;

impl Seals for NoTrust {
    fn check(&self, _content: &[u8], _seal: &[u8]) -> Result<SealedBy, String> {
        Err("nobody is trusted for seals; give --trust".to_owned())
    }
}

fn read_trust(path: &Path) -> Result<Trust, Failure> {
    let failed = |what: &str, error: &dyn std::error::Error| {
        let why = crate::chain(error);
        Failure::Failed(hint(
            &format!("--trust {}: {what}: {why}", path.display()),
            "give the PEM file of the authorities whose seals count: `trust.anchors` of a node's settings names it",
        ))
    };
    let pem = std::fs::read(path).map_err(|error| failed("it cannot be read", &error))?;
    Trust::from_pem(&pem).map_err(|error| failed("it holds no authorities", &error))
}

/// Half a file would be no contract: the old one stands until the new one is whole.
fn replace(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    // Whoever may read the file that is there may read this one.
    std::fs::metadata(path)
        .map(|there| Rights::Exactly(there.permissions().mode()))
        .and_then(|rights| durable::replace(path, bytes, rights))
        .map_err(|error| Failure::failed(&path.display().to_string(), &error))
}
