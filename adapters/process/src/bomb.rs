//! Programs that make ever more processes. A group bounds how many there are; each one that is refused costs the kernel work that no
//! group counts as the program's, and that everybody waits for. So who goes on asking is ended.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cage::{count_in, text};

/// How often the group's count is looked at: the length of a period of processor time.
const EVERY: Duration = Duration::from_millis(100);
/// So many are refused between two looks to a fork bomb, and not to a program that finds no room for its threads.
const REFUSED_LIMIT: u64 = 50;

/// What a program asks for, and how many processes and threads it may have.
#[derive(Debug)]
pub(crate) struct Processes {
    /// `pids.events` of its group.
    pub(crate) events: PathBuf,
    pub(crate) most: u64,
}

// === impl Processes ===

impl Processes {
    /// Waits until the program goes on asking for more than it may have, and says so.
    pub(crate) async fn exceeded(&self) -> String {
        let mut before = refused(&self.events);
        loop {
            tokio::time::sleep(EVERY).await;
            let now = refused(&self.events);
            if now.saturating_sub(before) >= REFUSED_LIMIT {
                return format!(
                    "it goes on asking for more than {} processes and threads: mend it, or raise cage.processes",
                    self.most
                );
            }
            before = now;
        }
    }
}

/// How often the kernel has refused the group a process.
fn refused(events: &Path) -> u64 {
    count_in(&text(events), "max")
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_program_is_ended_for_asking_on_and_not_for_having_asked() {
        let folder = tempfile::tempdir().unwrap();
        let processes = Processes {
            events: folder.path().join("pids.events"),
            most: 64,
        };
        let said = |count: u64| std::fs::write(&processes.events, format!("max {count}\n"));
        // The group was used before, and now and then a thread finds no room.
        said(1_000).unwrap();
        let exceeded = processes.exceeded();
        tokio::pin!(exceeded);
        for count in [1_000, 1_049, 1_049, 1_098] {
            timeout(EVERY, &mut exceeded).await.unwrap_err();
            said(count).unwrap();
        }
        said(1_148).unwrap();
        let words = timeout(EVERY * 2, exceeded).await.unwrap();
        assert!(words.contains("more than 64 processes"), "{words}");
        std::fs::remove_file(&processes.events).unwrap();
        timeout(EVERY * 5, processes.exceeded()).await.unwrap_err();
    }
}
