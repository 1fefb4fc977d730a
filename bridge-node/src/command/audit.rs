//! `audit`: verify a journal's files without the node; search and show through the running node.

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bridge_core::identity::{ServiceId, SubsystemId};
use clap::{Args, Subcommand};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use super::officer::Access;
use super::{Failure, hint, say};

pub(super) use dossier::keep_dossier;

mod dossier;
mod fetch;
mod leaves;
mod mirror;
mod receipt;
mod reconcile;
mod replay;
mod stamps;
mod verify;

/// Commands about journals.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Re-derive a journal from its files, and the closed ones beside it: every leaf, tree, checkpoint and, with the key,
    /// every evidence.
    #[command(
        after_help = "Examples:\n  bridge-node audit verify data/journal\n  bridge-node audit verify data/journal --evidence-key keys/evidence.key --time-trust trust/time.pem\n  bridge-node audit verify data/journal --directory directory.json\n  bridge-node audit verify https://log.example.az/1001 --ca authorities.pem --key VKEY\n\nA mirror (an address or a folder with tile/entries) has leaves, tiles and a checkpoint: all of them are checked.\nExit code 2: the journal does not verify; each finding is one line."
    )]
    Verify(Box<verify::Verify>),
    #[command(after_help = "Example:\n  bridge-node audit mirror data/journal /srv/www/log")]
    Mirror(mirror::Mirror),
    #[command(
        after_help = "Example:\n  bridge-node audit fetch AZ/GOV/1001/NODE1 --out theirs.leaves --socket data/admin.sock --officer officer-1 --officer-key officer.key"
    )]
    Fetch(Box<fetch::Fetch>),
    #[command(
        after_help = "Examples:\n  bridge-node audit reconcile data/journal theirs.leaves\n  bridge-node audit reconcile --peer AZ/GOV/1001/NODE1 --config node.toml --officer officer-1 --officer-key officer.key\n  bridge-node audit reconcile data/journal copy-of-their-journal --from 2026-11-01T00:00:00+04:00 --to 2026-12-01T00:00:00+04:00 --json\n\nExit code 2: something is missing or differs, or a journal does not verify."
    )]
    Reconcile(Box<reconcile::Reconcile>),
    #[command(
        after_help = "Example:\n  bridge-node audit leaves data/journal --member AZ/GOV/2001 --out for-2001.leaves"
    )]
    Leaves(Box<leaves::Leaves>),
    /// Re-decide the decisions of a journal, from leaf, evidence and the contract version that the leaf names.
    ///
    /// With the evidence key each leaf is held against the request that was kept, and the contract decides that request again,
    /// allowed or refused. Without it, and where nothing was kept, an allowed decision is made from its leaf (endpoint, method,
    /// purpose), and a refused one is counted as not re-decidable, by why. Uses of the quota and groups are taken as recorded.
    #[command(
        after_help = "Examples:\n  bridge-node audit replay data/journal --contracts contracts --contracts data/contracts\n  bridge-node audit replay data/journal --contracts contracts --evidence-key keys/evidence.key\n\nExit code 2: a decision is not the contract's, a leaf is not of the request beside it, or the journal does not verify; each finding is one line, of such decisions the first 1,000."
    )]
    Replay(Box<replay::Replay>),
    /// Check what nodes gave to callers as proof.
    Receipt {
        #[command(subcommand)]
        command: receipt::Command,
    },
    /// Find exchanges.
    #[command(
        after_help = "Example:\n  bridge-node audit search --socket data/admin.sock --officer officer-1 --officer-key officer.key --client AZ/GOV/2001/TAX --from 2026-11-21T00:00:00+04:00"
    )]
    Search(Box<Search>),
    /// Put all that proves one exchange into one file, sealed by the member, for those who have no node.
    #[command(
        after_help = "Example:\n  bridge-node audit export 6f1c0b7e-8d5f-4a53-9a43-0d9be5e6a1b2 --out dossier.asice --socket data/admin.sock --officer officer-1 --officer-key officer.key\n\nThe file holds personal data by its purpose; only its owner may read it. The keys folder needs the member's seal.pem and seal.key."
    )]
    Export(dossier::Export),
    /// Check a dossier without any node: seal, signatures, certificates, receipts, time-stamp.
    #[command(
        after_help = "Example:\n  bridge-node audit verify-dossier dossier.asice --trust anchors.pem\n\nExit code 2: it does not hold; each part that fails is one line."
    )]
    VerifyDossier(dossier::Verify),
    /// Show all that is known of one exchange, with its evidence.
    #[command(
        after_help = "Example:\n  bridge-node audit show 6f1c0b7e-8d5f-4a53-9a43-0d9be5e6a1b2 --socket data/admin.sock --officer officer-1 --officer-key officer.key"
    )]
    Show {
        /// X-Road-Request-Id.
        id: Uuid,
        #[command(flatten)]
        access: Access,
    },
    /// Show the journals that this node's witness has seen fork, and write the proofs.
    #[command(
        after_help = "Example:\n  bridge-node audit forks data/witness --to proofs\n\nA proof is two notes signed by the log's key, the submission that brought the second, and the verifier key."
    )]
    Forks {
        /// The witness's folder, live or a copy.
        folder: PathBuf,
        /// Write each proof into a folder of its own below this one.
        #[arg(long, value_name = "FOLDER")]
        to: Option<PathBuf>,
    },
}

/// What to find.
#[derive(Debug, Args)]
pub(super) struct Search {
    #[command(flatten)]
    access: Access,
    /// From this time on, RFC 3339.
    #[arg(long)]
    from: Option<String>,
    /// Until this time, RFC 3339.
    #[arg(long)]
    to: Option<String>,
    /// Consumer subsystem.
    #[arg(long)]
    client: Option<SubsystemId>,
    /// Service, five parts.
    #[arg(long)]
    service: Option<ServiceId>,
    /// `ok`, `interrupted`, or an error type.
    #[arg(long)]
    outcome: Option<String>,
    /// X-Road-Request-Id.
    #[arg(long)]
    id: Option<Uuid>,
    /// At most so many.
    #[arg(long)]
    limit: Option<u32>,
    /// One JSON object a line instead of a table.
    #[arg(long)]
    json: bool,
}

const PROGRESS_EVERY: Duration = Duration::from_millis(500);

pub(super) fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Verify(verify) => verify.run(),
        Command::Mirror(mirror) => mirror.run(),
        Command::Fetch(fetch) => fetch.run(),
        Command::Reconcile(reconcile) => reconcile.run(),
        Command::Leaves(leaves) => leaves.run(),
        Command::Replay(replay) => replay.run(),
        Command::Receipt { command } => receipt::run(&command),
        Command::Search(search) => search.run(),
        Command::Export(export) => export.run(),
        Command::VerifyDossier(verify) => verify.run(),
        Command::Forks { folder, to } => super::forks::run(&folder, to.as_deref()),
        Command::Show { id, access } => {
            let value = access.ask(&format!("/show/{id}"))?;
            say(format_args!("{value:#}"));
            Ok(())
        }
    }
}

// === impl Search ===

impl Search {
    fn run(self) -> Result<(), Failure> {
        let millis = |place, text: Option<String>| {
            let moment = text.map(|text| moment(place, &text)).transpose();
            moment.map(|moment| moment.map(|ms| ms.to_string()))
        };
        let filters = [
            ("from", millis("--from", self.from)?),
            ("to", millis("--to", self.to)?),
            ("client", self.client.map(|client| client.to_string())),
            ("service", self.service.map(|service| service.to_string())),
            ("outcome", self.outcome),
            ("id", self.id.map(|id| id.to_string())),
            ("limit", self.limit.map(|limit| limit.to_string())),
        ];
        let query: Vec<String> = filters
            .into_iter()
            .filter_map(|(name, value)| {
                value.map(|v| format!("{name}={}", utf8_percent_encode(&v, NON_ALPHANUMERIC)))
            })
            .collect();
        let found = self.access.ask(&format!("/search?{}", query.join("&")))?;
        print_hits(&found, self.json);
        Ok(())
    }
}

/// Each finding is one line.
fn not_genuine(folder: &Path, findings: &[bridge_verify::Finding]) -> Failure {
    let mut lines = vec![format!("{}: does not verify", folder.display())];
    lines.extend(findings.iter().map(ToString::to_string));
    Failure::NotGenuine(lines)
}

fn journal_folder(folder: &Path) -> Result<(), Failure> {
    if folder.is_dir() {
        return Ok(());
    }
    Err(Failure::Failed(hint(
        &format!("{}: no such folder", folder.display()),
        "give the journal's folder: `journal` in the node's data folder, or a copy of it",
    )))
}

/// How far a reading is, told on a terminal now and then.
struct Progress {
    shown: Instant,
    is_terminal: bool,
}

impl Progress {
    fn new() -> Self {
        Self {
            shown: Instant::now(),
            is_terminal: std::io::stderr().is_terminal(),
        }
    }

    fn leaves(&mut self, leaves: u64) {
        if self.is_terminal && self.shown.elapsed() >= PROGRESS_EVERY {
            self.shown = Instant::now();
            // Progress is a courtesy: a closed terminal is no reason to stop.
            drop(write!(std::io::stderr().lock(), "\r{leaves} leaves"));
        }
    }
}

fn print_hits(value: &Value, json: bool) {
    let none = Vec::new();
    let hits = value.get("hits").and_then(Value::as_array).unwrap_or(&none);
    for hit in hits {
        if json {
            say(hit);
            continue;
        }
        let leaf = hit.get("leaf").unwrap_or(&Value::Null);
        let text = |name: &str| {
            leaf.get(name)
                .and_then(Value::as_str)
                .unwrap_or("-")
                .to_owned()
        };
        say(format_args!(
            "{:>10}  {}  {:<17}  {}  {} -> {}  {}",
            hit.get("index").and_then(Value::as_u64).unwrap_or_default(),
            time_text(leaf.get("time").and_then(Value::as_u64).unwrap_or_default()),
            text("kind"),
            text("request_id"),
            text("client"),
            text("service"),
            text("outcome"),
        ));
    }
    if !json {
        say(format_args!("{} found", hits.len()));
    }
}

fn time_text(unix_ms: u64) -> String {
    let nanos = i128::from(unix_ms) * 1_000_000;
    OffsetDateTime::from_unix_timestamp_nanos(nanos)
        .ok()
        .and_then(|time| time.format(&Rfc3339).ok())
        .unwrap_or_else(|| unix_ms.to_string())
}

fn moment(place: &str, text: &str) -> Result<u64, Failure> {
    OffsetDateTime::parse(text, &Rfc3339)
        .ok()
        .and_then(|time| u64::try_from(time.unix_timestamp_nanos() / 1_000_000).ok())
        .ok_or_else(|| {
            Failure::Usage(hint(
                &format!("{place}: `{text}` is not a time"),
                "write RFC 3339 with an offset, as 2026-11-21T09:30:00+04:00",
            ))
        })
}
