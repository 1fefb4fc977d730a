//! `run`: serves until told to stop, then drains.

use std::path::Path;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{Failure, hint};
use crate::clock::Clock;
use crate::descriptors;
use crate::epochs::journal_folder;
use crate::node::{Parts, Vouched};
use crate::running::Running;

/// Runs a node until SIGTERM, SIGINT or the loss of its journal.
pub(super) fn run(config: &Path, vouched: Vouched) -> Result<(), Failure> {
    let (settings, mut parts) =
        Parts::load(config, Clock::default().now_s()).map_err(Failure::Settings)?;
    parts.vouched = vouched;
    descriptors::ask_for_all(&settings.limits);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed("the runtime cannot start", &error))?;
    runtime.block_on(async {
        let mut stop = Stop::listen()?;
        let mut running = tokio::select! {
            started = Running::open(settings, parts) => started?,
            // Nothing was taken yet, so nothing has to be finished.
            () = stop.asked() => return Ok(()),
        };
        let lost = tokio::select! {
            () = stop.asked() => None,
            why = running.journal_lost() => Some(why),
        };
        match lost {
            // Asked twice, it waits no longer.
            None => running.drain_until(stop.asked()).await,
            Some(why) => {
                tracing::error!(%why, "the journal is lost, the node ends");
                let folder = journal_folder(&running.node.settings);
                running.refuse_the_rest().await;
                Err(Failure::Failed(hint(
                    &format!("{}: the journal is lost, the node ends: {why}", folder.display()),
                    "mend the disk if that is what failed, and start the node again; it goes on after the last durable leaf, or begins a new epoch",
                )))
            }
        }
    })
}

/// SIGTERM and SIGINT, caught from the moment it is made.
#[derive(Debug)]
pub(super) struct Stop {
    term: Signal,
    int: Signal,
}

// === impl Stop ===

impl Stop {
    /// Begins to listen; needs a runtime.
    pub(super) fn listen() -> Result<Self, Failure> {
        let failed = |error: std::io::Error| Failure::failed("signals cannot be received", &error);
        Ok(Self {
            term: signal(SignalKind::terminate()).map_err(failed)?,
            int: signal(SignalKind::interrupt()).map_err(failed)?,
        })
    }

    /// Waits until somebody asks this process to stop.
    pub(super) async fn asked(&mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.int.recv() => {}
        }
    }
}
