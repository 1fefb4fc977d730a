//! `run`: serves until told to stop, then drains.

use std::path::Path;

use tokio::signal::unix::{SignalKind, signal};

use super::{Failure, hint};
use crate::running::Running;
use crate::settings::Settings;

/// Runs a node until SIGTERM, SIGINT or the loss of its journal.
pub(super) fn run(config: &Path) -> Result<(), Failure> {
    let settings = Settings::load(config).map_err(Failure::Settings)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed("the runtime cannot start", &error))?;
    runtime.block_on(async {
        let mut running = Running::start(settings).await?;
        let lost = tokio::select! {
            () = stop_signal() => None,
            why = running.journal_lost() => Some(why),
        };
        match lost {
            None => running.drain().await,
            Some(why) => Err(Failure::Failed(hint(
                &format!("the journal is lost, the node ends: {why}"),
                "mend the disk and start the node again; it goes on after the last durable leaf",
            ))),
        }
    })
}

async fn stop_signal() {
    let (Ok(mut term), Ok(mut int)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) else {
        tracing::error!("signals cannot be received; only SIGKILL stops this node");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
}
