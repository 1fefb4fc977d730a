//! A node whose exchange key makes as few signatures a second as a hardware token does.

use std::path::Path;

use bridge_node::clock::Clock;
use bridge_node::node::Parts;
use bridge_node::running::Running;
use bridge_node::settings::Settings;
use bridge_tests::token::Token;
use tokio::signal::unix::{SignalKind, signal};

use crate::{Failure, say};

/// Runs the node of a settings file until SIGTERM, and drains it then.
pub(crate) async fn serve(settings: &Path, per_second: u32) -> Result<(), Failure> {
    let mut told = signal(SignalKind::terminate())?;
    let settings = Settings::load(settings).map_err(|faults| format!("{faults:?}"))?;
    let mut parts = Parts::read(&settings, Clock::default().now_s())?;
    parts.signer = Token::of_rate(per_second).around(parts.signer);
    let lines = |failure: bridge_node::command::Failure| failure.lines().join("\n");
    let running = Running::open(settings, parts).await.map_err(lines)?;
    told.recv().await;
    let tally = running.node.journal.tally();
    running.drain().await.map_err(lines)?;
    say(format_args!(
        "signatures={} signed_messages={}",
        tally.signatures, tally.signed_messages
    ));
    Ok(())
}
