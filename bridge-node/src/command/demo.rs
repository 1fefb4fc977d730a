//! `demo`: three agencies as three processes on this machine, real queries, and every claim checked.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use serde_json::json;

use super::run::Stop;
use super::trial::nodes::Nodes;
use super::{Failure, say};
use crate::clock::Clock;

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
    let mut world = world::create(&folder, Clock::default().now_s())?;
    world.release_ports();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed("the runtime cannot start", &error))?;
    let mut tally = runtime.block_on(async {
        // Listened to from the first node on: whoever stops the demonstration stops its nodes.
        let mut stop = Stop::listen()?;
        let mut nodes = Nodes::start(&world)?;
        let tally = tokio::select! {
            () = stop.asked() => Err(Failure::Failed("stopped before the end".to_owned())),
            told = async {
                nodes.ready(&world).await?;
                story::tell(teller, &world).await
            } => told,
        }?;
        if !options.once {
            story::invite(teller, &world)?;
            stop.asked().await;
        }
        nodes.stop()?;
        Ok::<_, Failure>(tally)
    })?;
    story::verify(teller, &world, &mut tally)?;
    if let Some(folder) = &options.dir {
        teller.tell(&format!(
            "Everything is kept in {0}. Start a node again with: bridge-node run --config {0}/population/node.toml",
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
