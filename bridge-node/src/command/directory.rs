//! `directory`: the officers' ceremony, offline and m of n, and the publication of what they signed as static files.

use std::path::{Path, PathBuf};

use bridge_directory::ceremony::{self, Base, CeremonyError, Proposal};
use bridge_directory::{PublishError, Publisher};
use clap::Subcommand;

use super::{Failure, hint, say};
use crate::clock::Clock;
use crate::durable;
pub(super) use words::plain;

mod dev;
mod members;
mod officer;
mod propose;
mod publish;
mod request;
mod show;
mod take;
mod words;

pub(super) use words::Language;

/// Keys under a passphrase, and what is trusted beside them.
pub(super) mod key {
    pub(in crate::command) use super::officer::{
        KeyOptions, is_confirmed, make_key, open_key, remember, trusted_base,
    };
}

/// Changes of nodes that a member may make itself, too.
pub(super) mod change {
    pub(in crate::command) use super::propose::OwnChange;
    pub(in crate::command) use super::propose::edit::own;
}

/// Commands about the directory.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make an officer's key in FOLDER, closed by a passphrase: officer.key stays there, officer.json is for the others.
    #[command(
        after_help = "Example:\n  bridge-node directory key officer-1 --name first-officer --passphrase-file passphrase\n\nThe name is published with the key: an office, not a person. Without --passphrase-file the terminal is asked."
    )]
    Key(officer::KeyOptions),
    /// Make the keys of snapshot and timestamp in FOLDER, for the machine that publishes.
    #[command(
        after_help = "Example:\n  bridge-node directory online-keys online\n\nonline/snapshot.json and online/timestamp.json are for `directory init`."
    )]
    OnlineKeys {
        /// The folder to make them in.
        folder: PathBuf,
    },
    /// Propose the first root and an empty directory.
    #[command(
        after_help = "Example:\n  bridge-node directory init first.proposal --instance AZ --officer officer-1/officer.json --officer officer-2/officer.json --officer officer-3/officer.json --threshold 2 --online online"
    )]
    Init(propose::InitOptions),
    /// Propose a change of what is published.
    #[command(
        after_help = "Examples:\n  bridge-node directory propose add.proposal --public public member add AZ/GOV/1001 --name \"Population register\"\n  bridge-node directory propose renew.proposal --public public renew"
    )]
    Propose(propose::Options),
    /// Tell in words what a node's request to join asks for, or what is wrong with it.
    #[command(
        after_help = "Example:\n  bridge-node directory request join.json --public public --anchors anchors.pem\n\nGrant it:\n  bridge-node directory propose join.proposal --public public join join.json --anchors anchors.pem\nRefuse it: `bridge-node directory refuse`."
    )]
    Request(request::ShowOptions),
    /// Refuse a node's request to join, with reasons: a signed answer that the node finds in the published folder.
    #[command(
        after_help = "Example:\n  bridge-node directory refuse join.json --public public --officer officer-1 --reason \"no agreement with the agency yet\" --passphrase-file passphrase\n\nOne officer is enough: a refusal changes nothing."
    )]
    Refuse(request::RefuseOptions),
    /// Tell in words what a proposal changes, and who has to sign.
    #[command(
        after_help = "Example:\n  bridge-node directory review add.proposal --public public --officer officer-1 --language az\n\nWith --officer, PUBLIC must begin with the root that this officer trusts, and be no older than what was seen before."
    )]
    Review(officer::ReviewOptions),
    /// Review a proposal, and sign it with an officer's key.
    #[command(
        after_help = "Example:\n  bridge-node directory sign add.proposal --public public --officer officer-1 --passphrase-file passphrase --yes\n  bridge-node directory sign join.proposal --public public --officer officer-2 --request join.json --anchors anchors.pem\n\nA new officer's folder needs root.json, a published root handed over by a colleague. The first proposal of all needs no --public."
    )]
    Sign(officer::SignOptions),
    /// Tell when what is published ends, and who has signed proposals.
    #[command(after_help = "Example:\n  bridge-node directory status add.proposal --public public")]
    Status {
        /// Copies of one proposal, signed in different places.
        proposals: Vec<PathBuf>,
        /// The published folder.
        #[arg(long)]
        public: PathBuf,
    },
    /// Write the directory as nodes read it, members' own nodes in it: for `audit verify --directory`.
    #[command(
        after_help = "Example:\n  bridge-node directory export directory.json --public public --root root.json"
    )]
    Export(show::ExportOptions),
    /// Publish what enough officers have signed.
    #[command(
        after_help = "Example:\n  bridge-node directory publish add.proposal --public public --keys online\n  bridge-node directory publish add.proposal --public public --keys online --socket data/admin.sock --officer officer-1 --officer-key officer.key\n\nSeveral copies of one proposal, signed in different places, are joined. With --socket, the authority's node journals the\npublication first; if it does not, nothing is published."
    )]
    Publish(publish::Options),
    /// Publish a member's own nodes, which its role has signed: no officer is needed.
    #[command(
        after_help = "Example:\n  bridge-node directory take move.own --public public --keys online\n\nSeveral copies of one file, signed in different places, are joined."
    )]
    Take(take::Options),
    /// Sign a new time-stamp: the directory stays valid for another 24 h. For a timer, every hour.
    #[command(
        after_help = "Example:\n  bridge-node directory refresh --keys online --public public"
    )]
    Refresh {
        /// Folder of the online keys.
        #[arg(long)]
        keys: PathBuf,
        /// Folder that a web server may serve.
        #[arg(long)]
        public: PathBuf,
    },
    /// Publish without a ceremony, for development: all role keys in one folder.
    Dev {
        #[command(subcommand)]
        command: dev::Command,
    },
}

pub(super) fn run(command: Command) -> Result<(), Failure> {
    let now_s = Clock::default().now_s();
    match command {
        Command::Key(options) => officer::key(&options),
        Command::OnlineKeys { folder } => officer::online_keys(&folder),
        Command::Init(options) => propose::init(&options, now_s),
        Command::Propose(options) => propose::propose(options, now_s),
        Command::Request(options) => request::show(&options, now_s),
        Command::Refuse(options) => request::refuse(&options, now_s),
        Command::Review(options) => officer::review(&options, now_s),
        Command::Sign(options) => officer::sign(&options, now_s),
        Command::Status { proposals, public } => show::status(&proposals, &public, now_s),
        Command::Export(options) => show::export(&options, now_s),
        Command::Publish(options) => publish::publish(&options, now_s),
        Command::Take(options) => take::take(&options, now_s),
        Command::Refresh { keys, public } => {
            let publisher = Publisher::open(&keys, &public).map_err(|error| failed(&error))?;
            let version = publisher.refresh_timestamp(now_s);
            version.map_err(|error| failed(&error))?;
            say("refreshed");
            Ok(())
        }
        Command::Dev { command } => dev::run(command),
    }
}

/// A fault of keys or published files.
fn failed(error: &PublishError) -> Failure {
    let what = format!("directory: {}", crate::chain(error));
    let remedy = if matches!(error, PublishError::Exists { .. }) {
        "change it with `directory dev publish` or `refresh`, or give new folders"
    } else if matches!(error, PublishError::TooFewKeys { .. }) {
        "--keys is the folder of the online keys"
    } else if matches!(error, PublishError::Gone { .. } | PublishError::Io { .. }) {
        "--public is the folder of what is published, --keys that of the online keys where one is asked for"
    } else {
        return Failure::Failed(what);
    };
    Failure::Failed(hint(&what, remedy))
}

/// What the rules of the ceremony refuse.
pub(super) fn refused(error: &CeremonyError) -> Failure {
    if let CeremonyError::Publish(error) = error {
        return failed(error);
    }
    let what = format!("proposal: {}", crate::chain(error));
    let remedy = if matches!(error, CeremonyError::OtherBase { .. }) {
        "propose the change anew on what is published now"
    } else if matches!(error, CeremonyError::TooFew { .. }) {
        "have them sign it with `directory sign`; copies signed apart are given together"
    } else if matches!(error, CeremonyError::NoMinistry) {
        "name one: `directory propose … services --ministry MEMBER`"
    } else if matches!(error, CeremonyError::MemberRole { .. }) {
        "`directory status` tells which members have a role, and what they published by it"
    } else if matches!(error, CeremonyError::Lifetime { .. }) {
        "look at the clocks of both machines, or propose it anew"
    } else if matches!(
        error,
        CeremonyError::OtherRoot | CeremonyError::OlderBase { .. }
    ) {
        "sign nothing: get the published files again, from another place, and compare"
    } else {
        return Failure::Failed(what);
    };
    Failure::Failed(hint(&what, remedy))
}

fn read_proposal(path: &Path) -> Result<Proposal, Failure> {
    let bytes = read(
        path,
        ceremony::PROPOSAL_LIMIT_BYTES,
        "a proposal is a file that `directory init` or `directory propose` wrote",
    )?;
    Proposal::parse(&bytes)
        .map_err(|error| Failure::Failed(format!("{}: {}", path.display(), crate::chain(&error))))
}

/// Joins copies of one proposal.
fn joined(paths: &[PathBuf]) -> Result<Proposal, Failure> {
    let mut proposals = paths.iter().map(|path| read_proposal(path));
    let missing = || {
        let remedy = "name its file; copies signed apart are given together";
        Failure::Usage(hint("no proposal is given", remedy))
    };
    let mut proposal = proposals.next().ok_or_else(missing)??;
    for copy in proposals {
        proposal.join(&copy?).map_err(|error| refused(&error))?;
    }
    Ok(proposal)
}

fn read_base(public: &Path, trusted: Option<&[u8]>) -> Result<Base, Failure> {
    Base::read(public, trusted).map_err(|error| refused(&error))
}

/// Reads a file that may hold so many bytes at most; `what` says what belongs there.
pub(super) fn read(path: &Path, limit: usize, what: &str) -> Result<Vec<u8>, Failure> {
    use std::io::Read as _;
    let failed = |error: std::io::Error| {
        Failure::Failed(hint(&format!("{}: {error}", path.display()), what))
    };
    let most = u64::try_from(limit).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(most.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() > limit {
        return Err(Failure::Failed(format!(
            "{}: more than {limit} bytes",
            path.display()
        )));
    }
    Ok(bytes)
}

/// Reads a file that need not be there. One that is there and can't be read is a failure, not a missing one.
fn read_if_there(path: &Path, limit: usize, what: &str) -> Result<Option<Vec<u8>>, Failure> {
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        _ => read(path, limit, what).map(Some),
    }
}

/// Replaces a file, whole.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    durable::replace(path, bytes, durable::OWNER)
        .map_err(|error| Failure::failed(&path.display().to_string(), &error))
}
