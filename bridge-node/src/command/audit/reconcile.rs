//! `audit reconcile`: the journals of two members held against each other.

use std::fs;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Instant;

use bridge_core::identity::NodeId;
use bridge_verify::{Class, EDGE_MS, Exchange, Plan, ReconcileError, Step, Summary};
use clap::Args;
use serde_json::json;
use tempfile::TempDir;

use super::super::officer::Access;
use super::super::{Failure, hint, say};
use super::fetch::Fetch;
use super::{PROGRESS_EVERY, moment, time_text};
use crate::epochs::{closed, journal_folder};
use crate::settings::Settings;

/// Hold the journals of two members against each other: every exchange has two ends.
#[derive(Debug, Args)]
pub(in crate::command) struct Reconcile {
    /// Journal folders and leaves files of two members, live or copies; all logs that each of them wrote in that time.
    #[arg(required_unless_present = "peer", value_name = "JOURNAL")]
    sources: Vec<PathBuf>,
    /// Fetch the leaves of this running node, INSTANCE/CLASS/MEMBER/NODE, and hold the own node's journals against them; may be given several times.
    #[arg(long, value_name = "NODE", requires_all = ["config", "officer", "officer_key"])]
    peer: Vec<NodeId>,
    /// The settings of the own node, which asks the other one.
    #[arg(long, value_name = "FILE", requires = "peer")]
    config: Option<PathBuf>,
    /// The officer's name in the settings.
    #[arg(long, requires = "peer")]
    officer: Option<String>,
    /// The officer's key file.
    #[arg(long, value_name = "FILE", requires = "peer")]
    officer_key: Option<PathBuf>,
    /// A log's verifier key, as the directory gives it; else the one that the log shows is used and printed.
    #[arg(long = "key", value_name = "VKEY")]
    keys: Vec<String>,
    /// Exchanges from this time on, RFC 3339; the journals count as complete from then on.
    #[arg(long)]
    from: Option<String>,
    /// Exchanges until this time, RFC 3339; the journals count as complete until then.
    #[arg(long)]
    to: Option<String>,
    /// How long an exchange may be under way where a journal ends, clocks that differ included.
    #[arg(long, value_name = "SECONDS", default_value_t = EDGE_MS / 1000)]
    edge_seconds: u64,
    /// Where files for sorting are made, as large as the leaves of both; they go when it ends.
    #[arg(long, value_name = "FOLDER")]
    work: Option<PathBuf>,
    /// List what is explained or open too, not only what is missing or differs.
    #[arg(long)]
    explained: bool,
    /// One JSON object a line instead of a table.
    #[arg(long)]
    json: bool,
}

// === impl Reconcile ===

impl Reconcile {
    pub(super) fn run(mut self) -> Result<(), Failure> {
        let at = |place, text: &Option<String>| {
            text.as_deref().map(|text| moment(place, text)).transpose()
        };
        let mut plan = Plan {
            from_ms: at("--from", &self.from)?,
            to_ms: at("--to", &self.to)?,
            sources: Vec::new(),
            vkeys: Vec::new(),
            edge_ms: self.edge_seconds.saturating_mul(1000),
            work: self.work.clone().unwrap_or_else(std::env::temp_dir),
        };
        if self.peer.is_empty() && self.sources.len() < 2 {
            return Err(Failure::Usage(hint(
                "one journal has nothing to be held against",
                "give those of both members, or --peer with the other member's node",
            )));
        }
        // What is fetched lies there while it is read.
        let fetched = self.fetch(&plan)?;
        plan.sources.clone_from(&self.sources);
        plan.vkeys.clone_from(&self.keys);
        let mut progress = self.progress();
        let summary = bridge_verify::reconcile(&plan, &mut progress, &mut |exchange| {
            self.tell(exchange);
        });
        let summary = summary.map_err(|error| {
            let is_source = matches!(
                error,
                ReconcileError::Unreadable { .. } | ReconcileError::Unknown { .. }
            );
            if !is_source {
                return Failure::failed("audit reconcile", &error);
            }
            Failure::Failed(hint(
                &format!("audit reconcile: {error}"),
                "give a journal's folder (`data/journal` or a copy), or a file that `audit fetch` or `audit leaves` wrote",
            ))
        })?;
        drop(fetched);
        self.sum_up(&summary);
        if summary.is_clean() {
            return Ok(());
        }
        let mut lines = Vec::new();
        for source in &summary.sources {
            let faults = source.faults.iter();
            lines.extend(faults.map(|fault| format!("{}: {fault}", source.path.display())));
        }
        let findings = summary.missing.saturating_add(summary.differs);
        if findings > 0 {
            lines.push(format!("{findings} exchanges do not reconcile"));
        }
        Err(Failure::NotGenuine(lines))
    }

    /// Fetches the leaves of each running peer, and puts them and the own journals to what is read. Returns the folder of
    /// what was fetched.
    fn fetch(&mut self, plan: &Plan) -> Result<Option<TempDir>, Failure> {
        let (Some(config), Some(officer), Some(key)) =
            (&self.config, &self.officer, &self.officer_key)
        else {
            return Ok(None);
        };
        let settings = Settings::load(config).map_err(Failure::Settings)?;
        let failed = |path: &Path, error: std::io::Error| {
            Failure::failed(&path.display().to_string(), &error)
        };
        let folder = TempDir::new_in(&plan.work).map_err(|error| failed(&plan.work, error))?;
        let since_ms = plan.from_ms.unwrap_or(0).saturating_sub(plan.edge_ms);
        for (number, peer) in self.peer.iter().enumerate() {
            let out = folder.path().join(number.to_string());
            let (socket, key) = (settings.admin_socket.clone(), key.clone());
            let access = Access::new(socket, officer.clone(), key);
            let log = Fetch::new(peer.clone(), out.clone(), access).fetch(since_ms)?;
            self.sources.push(out);
            self.keys.push(log.vkey);
        }
        let closed = closed(&settings.data_folder);
        let closed = closed.map_err(|error| failed(&settings.data_folder, error))?;
        let own = closed.into_iter().map(|(_, folder)| folder);
        for journal in own.chain([journal_folder(&settings)]) {
            let origin = journal.join("origin");
            let text = fs::read_to_string(&origin).map_err(|error| failed(&origin, error))?;
            // The journal of the own node is known by its own file.
            self.keys.extend(text.lines().nth(1).map(str::to_owned));
            self.sources.push(journal);
        }
        Ok(Some(folder))
    }

    /// Tells how far it is, on a terminal.
    fn progress(&self) -> impl FnMut(Step) + use<> {
        let mut shown = Instant::now();
        let names: Vec<String> = self
            .sources
            .iter()
            .map(|source| source.display().to_string())
            .collect();
        let tty = std::io::stderr().is_terminal();
        move |step| {
            if !tty || shown.elapsed() < PROGRESS_EVERY {
                return;
            }
            shown = Instant::now();
            let text = match step {
                Step::Reading { source, leaves } => {
                    let name = names.get(source).map_or("", String::as_str);
                    format!("{name}: {leaves} leaves")
                }
                Step::Comparing { done, all } => format!("comparing: {done} of {all}"),
            };
            // Progress is a courtesy: a closed terminal is no reason to stop.
            drop(write!(std::io::stderr().lock(), "\r{text:<78}"));
        }
    }

    fn tell(&self, exchange: &Exchange) {
        let listed = matches!(exchange.class, Class::Missing | Class::Differs);
        if self.json {
            say(to_json(exchange));
        } else if listed || self.explained {
            let differs = exchange.differs.iter();
            let differs = differs.map(|pair| {
                format!(
                    "; {}: consumer `{}`, provider `{}`",
                    pair.field, pair.consumer, pair.provider
                )
            });
            say(format_args!(
                "{:<19}  {}  {}  {} -> {}  {}{}  [{}]",
                class_text(exchange),
                time_text(exchange.time_ms),
                exchange.request_id,
                exchange.client,
                exchange.service,
                exchange.why,
                differs.collect::<String>(),
                exchange.leaves.join(" "),
            ));
        }
    }

    fn sum_up(&self, summary: &Summary) {
        if self.json {
            say(summary_json(summary));
            return;
        }
        for source in &summary.sources {
            let verified = if source.faults.is_empty() {
                "verified"
            } else {
                "DOES NOT VERIFY"
            };
            say(format_args!(
                "{}: {} leaves of exchanges, {} to {}: {verified}",
                source.origin,
                source.leaves,
                time_text(source.from_ms),
                time_text(source.to_ms),
            ));
        }
        // The name of a verifier key is that of its log.
        let is_given = |origin: &str| {
            let names = self.keys.iter().filter_map(|key| key.split('+').next());
            names.into_iter().any(|name| name == origin)
        };
        if !summary
            .sources
            .iter()
            .all(|source| is_given(&source.origin))
        {
            say(
                "verifier keys were taken from the journals; compare them with the directory or give --key",
            );
        }
        say(format_args!(
            "{} matched, {} explained, {} open, {} missing, {} differ",
            summary.matched, summary.explained, summary.open, summary.missing, summary.differs
        ));
    }
}

fn class_text(exchange: &Exchange) -> String {
    let class = class_name(exchange.class);
    match exchange.missing_at {
        Some(side) => format!("{class} at {side}"),
        None => class.to_owned(),
    }
}

fn class_name(class: Class) -> &'static str {
    match class {
        Class::Matched => "matched",
        Class::Explained => "explained",
        Class::Open => "open",
        Class::Missing => "missing",
        Class::Differs => "differs",
    }
}

fn to_json(exchange: &Exchange) -> serde_json::Value {
    let differs: Vec<serde_json::Value> = exchange
        .differs
        .iter()
        .map(|pair| json!({ "field": pair.field, "consumer": pair.consumer, "provider": pair.provider }))
        .collect();
    json!({
        "class": class_name(exchange.class),
        "request_id": exchange.request_id,
        "time": time_text(exchange.time_ms),
        "client": exchange.client,
        "service": exchange.service,
        "why": exchange.why,
        "missing_at": exchange.missing_at,
        "differs": differs,
        "leaves": exchange.leaves,
    })
}

fn summary_json(summary: &Summary) -> serde_json::Value {
    let sources: Vec<serde_json::Value> = summary
        .sources
        .iter()
        .map(|source| {
            json!({
                "origin": source.origin,
                "leaves": source.leaves,
                "from": time_text(source.from_ms),
                "to": time_text(source.to_ms),
                "verified": source.faults.is_empty(),
                "findings": source.faults,
            })
        })
        .collect();
    json!({
        "matched": summary.matched,
        "explained": summary.explained,
        "open": summary.open,
        "missing": summary.missing,
        "differ": summary.differs,
        "journals": sources,
    })
}
