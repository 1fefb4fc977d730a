//! The control of the fault programs: the node as it is, on a disk that does not keep its word. See `README.md`.
//!
//! It is a program of its own, in a package that nothing depends on: neither a setting, nor a feature, nor the environment makes
//! the shipped node into it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use bridge_journal::{Disk, FolderDisk};
use bridge_node::clock::Clock;
use bridge_node::node::Parts;
use bridge_node::running::Running;

mod hold;
mod late;
mod unsynced;

use hold::Hold;
use late::Late;
use unsynced::Unsynced;

const USAGE: &str = "\
usage: bridge-faulty-node hold|late|unsynced --config FILE

hold      stands still at the moment that the file `arm` in the data folder names: for kills at exactly that moment
late      says that bytes are written and durable a while before it writes them: for kills
unsynced  leaves out every fdatasync and fsync of the journal: for cuts of power";

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            complain(&failure);
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Failure> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let [manner, "--config", config] = words.as_slice() else {
        return Err(USAGE.into());
    };
    let config = PathBuf::from(config);
    let (settings, parts) = Parts::load(&config, Clock::default().now_s())
        .map_err(|faults| format!("{}: {faults:?}", config.display()))?;
    let disk = disk(manner, &settings.data_folder)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut stop = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        let parts = parts.with_journal_disk(disk);
        let running = Running::open(settings, parts)
            .await
            .map_err(|failure| told(&failure))?;
        stop.recv().await;
        running.drain().await.map_err(|failure| told(&failure))
    })
}

fn disk(manner: &str, data: &Path) -> Result<Arc<dyn Disk>, Failure> {
    let disk = FolderDisk::new(&data.join("journal"))?;
    match manner {
        "hold" => Ok(Arc::new(Hold::new(disk, data))),
        "late" => Ok(Arc::new(Late::new(disk)?)),
        "unsynced" => Ok(Arc::new(Unsynced(disk))),
        _ => Err(USAGE.into()),
    }
}

fn told(failure: &bridge_node::command::Failure) -> Failure {
    failure.lines().join("\n").into()
}

#[expect(
    clippy::print_stderr,
    reason = "a tool for the terminal has no other log"
)]
fn complain(failure: &Failure) {
    eprintln!("{failure}");
}
