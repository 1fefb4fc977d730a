//! Nodes whose journals stand still at the moment that a scenario names (`tests/faults/faulty/hold.rs`).

use std::fs;
use std::path::Path;

use bridge_tests::agency::Agency;
use bridge_tests::process::Process;

/// Runs the agency's node on a disk that stands still where it is told.
pub(crate) async fn start(agency: &Agency) -> Process {
    let control = Path::new(env!("CARGO_BIN_EXE_bridge-faulty-node"));
    Process::run_faulty(agency, control, "hold").await
}

/// The next time that this moment comes, as `request-sent syncing`, nothing is written until [`let_go`].
pub(crate) fn hold(agency: &Agency, moment: &str) {
    let data = agency.folder.join("data");
    fs::write(data.join("arm.new"), moment).unwrap();
    fs::rename(data.join("arm.new"), data.join("arm")).unwrap();
}

/// Whether the moment has come.
pub(crate) fn is_held(agency: &Agency) -> bool {
    agency.folder.join("data/held").exists()
}

/// It goes on.
pub(crate) fn let_go(agency: &Agency) {
    fs::remove_file(agency.folder.join("data/held")).unwrap();
}
