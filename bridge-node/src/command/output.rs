//! Results of commands on standard output. Whoever reads them may leave before the end: then the rest is told to nobody.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write as _};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

use super::Failure;

static IS_CLOSED: AtomicBool = AtomicBool::new(false);
static CLOSED: Notify = Notify::const_new();
/// Why results could not be written although somebody may wait for them.
static LOST: OnceLock<io::Error> = OnceLock::new();

/// Prints a line of the command's result.
pub(crate) fn say(line: impl Display) {
    if IS_CLOSED.load(Ordering::Relaxed) {
        return;
    }
    let Err(error) = writeln!(io::stdout().lock(), "{line}") else {
        return;
    };
    IS_CLOSED.store(true, Ordering::Relaxed);
    CLOSED.notify_one();
    if error.kind() != ErrorKind::BrokenPipe {
        // The first one tells why; there is no other: nothing is written after it.
        drop(LOST.set(error));
    }
}

/// Waits until nobody can read results any more, for a command that else goes on until it is told to stop.
pub(super) async fn closed() {
    CLOSED.notified().await;
}

/// A result that is not on the disk where it should be is a failure; that a reader has left is none.
pub(super) fn check() -> Result<(), Failure> {
    LOST.get().map_or(Ok(()), |error| {
        Err(Failure::failed("standard output", error))
    })
}
