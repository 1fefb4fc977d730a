//! `demo`: three agencies as three processes on this machine, real queries, and every claim checked.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use serde_json::json;

use super::run::Stop;
use super::trial::nodes::Nodes;
use super::{Failure, output, say};
use crate::clock::Clock;

mod proof;
mod story;
mod world;

/// Options of the demonstration.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Do everything once and end; exit code 0 only if every claim held.
    #[arg(long)]
    once: bool,
    /// Keep all that is made (settings, keys, data) in this new folder.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// With --once: print one JSON object and nothing else.
    #[arg(long, requires = "once")]
    json: bool,
}

/// Where the story is told: to a person, or nowhere.
#[derive(Debug, Clone, Copy)]
struct Teller {
    silent: bool,
}

/// What was seen, for `--json`.
#[derive(Debug, Default)]
struct Tally {
    exchanges: u64,
    refusals: u64,
    /// Whether the dossier holds a time-stamp.
    stamped: bool,
    journals: Vec<Verified>,
}

/// One journal after `audit verify`.
#[derive(Debug)]
struct Verified {
    member: String,
    leaves: u64,
}

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let started = Instant::now();
    let teller = Teller {
        silent: options.json,
    };
    // Removed when it is dropped, unless the person wants to keep it.
    let (folder, _temporary) = if let Some(folder) = &options.dir {
        (folder.clone(), None)
    } else {
        let temporary =
            tempfile::tempdir().map_err(|error| Failure::failed("temporary folder", &error))?;
        (temporary.path().to_owned(), Some(temporary))
    };
    teller.tell("Making three agencies: keys, certificates, a signed directory, contracts, a register of 10,000 invented people …");
    let now_s = Clock::default().now_s();
    let mut world = world::create(&folder, now_s)?;
    world.release_ports();
    // The authority that stamps answers from a thread of its own, also while this one waits for a node to end.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| Failure::failed("the runtime cannot start", &error))?;
    let (settings, mut tally) = runtime.block_on(async {
        // Listened to from the first node on: whoever stops the demonstration stops its nodes.
        let mut stop = Stop::listen()?;
        let settings = proof::begin(&world, now_s).await?;
        let mut nodes = Nodes::start(&world, settings)?;
        let tally = tokio::select! {
            () = stop.asked() => Err(Failure::Failed("stopped before the end".to_owned())),
            told = async {
                nodes.ready(&world).await?;
                let (tally, shown) = story::tell(teller, &world).await?;
                proof::export(teller, &world, &shown, settings).await?;
                Ok(tally)
            } => told,
        }?;
        if !options.once {
            story::invite(teller, &world)?;
            tokio::select! {
                () = stop.asked() => {}
                () = output::closed() => {}
            }
        }
        nodes.stop()?;
        Ok::<_, Failure>((settings, tally))
    })?;
    proof::end(&world, settings)?;
    story::verify(teller, &world, &mut tally)?;
    proof::judge(teller, &world, settings, &mut tally)?;
    if let Some(folder) = &options.dir {
        teller.tell(&format!(
            "\nEverything is kept in {0}. Start a node again, or judge the dossier, with:\n   \
             bridge-node run --config {0}/population/node.toml\n   \
             bridge-node audit verify-dossier {0}/dossier.asice --trust {0}/trust/anchors.pem",
            folder.display()
        ));
    }
    if options.json {
        let journals: Vec<_> = tally
            .journals
            .iter()
            .map(|journal| json!({ "member": journal.member, "leaves": journal.leaves, "verified": true }))
            .collect();
        say(json!({
            "exchanges": tally.exchanges,
            "refusals": tally.refusals,
            "journals": journals,
            "stamped": tally.stamped,
            "elapsed_ms": u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        }));
    }
    Ok(())
}

// === impl Teller ===

impl Teller {
    fn tell(self, line: &str) {
        if !self.silent {
            say(line);
        }
    }
}

/// A claim that has to hold; the demonstration ends where one does not.
fn claim(holds: bool, what: &str) -> Result<(), Failure> {
    if holds {
        Ok(())
    } else {
        Err(Failure::Failed(format!("claim does not hold: {what}")))
    }
}
