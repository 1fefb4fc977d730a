//! When a node is struck: spread over all that it does.

use std::fmt;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use crate::Failure;
use crate::chance::Chance;

/// What the node is at when it is struck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// Anything.
    Work,
    /// It begins a segment or seals the one before.
    SegmentChange,
    /// It shows a checkpoint.
    Checkpoint,
    /// It starts, after it was struck before.
    StartUp,
}

/// Moments to come, each once in four: in a short run too, most strike a node that answers.
#[derive(Debug, Default)]
pub(crate) struct Deal(Vec<Moment>);

/// How often each was chosen.
#[derive(Debug, Default)]
pub(crate) struct Moments([u32; 4]);

/// So long a node works at most before it is struck, or its folder is watched.
const LONGEST_WORK: Duration = Duration::from_millis(1200);
/// A change of the folder takes a few of these from its first step to its last.
const STEPS: Duration = Duration::from_millis(4);
/// Some changes follow each other in no time; the watch looks this often.
const LOOK_EVERY: Duration = Duration::from_micros(100);
/// A node under load shows a checkpoint every second.
const WATCH_BOUND: Duration = Duration::from_secs(20);

// === impl Moment ===

impl Moment {
    const ALL: [Self; 4] = [
        Self::Work,
        Self::SegmentChange,
        Self::Checkpoint,
        Self::StartUp,
    ];

    /// Each equally often in the long run.
    pub(crate) fn choose(chance: &mut Chance) -> Self {
        match chance.below(4) {
            0 => Self::Work,
            1 => Self::SegmentChange,
            2 => Self::Checkpoint,
            _ => Self::StartUp,
        }
    }

    /// Waits until the moment has come for a node whose journal this is. `start_up` is how long it takes to start.
    pub(crate) async fn come(
        self,
        journal: &Path,
        chance: &mut Chance,
        start_up: Duration,
    ) -> Result<(), Failure> {
        let changing = match self {
            Self::Work => None,
            Self::SegmentChange => Some(journal.join("segments")),
            Self::Checkpoint => Some(journal.to_owned()),
            Self::StartUp => {
                tokio::time::sleep(chance.within(start_up)).await;
                return Ok(());
            }
        };
        tokio::time::sleep(chance.within(LONGEST_WORK)).await;
        if let Some(folder) = changing {
            let after = chance.within(STEPS);
            tokio::task::spawn_blocking(move || watch(&folder, after)).await??;
        }
        Ok(())
    }
}

/// Waits until a file of the folder comes, goes or is renamed, and a little longer.
fn watch(folder: &Path, after: Duration) -> Result<(), Failure> {
    let changed = || -> Result<SystemTime, Failure> { Ok(fs::metadata(folder)?.modified()?) };
    let (before, begun) = (changed()?, Instant::now());
    while changed()? == before {
        if begun.elapsed() > WATCH_BOUND {
            return Err(format!("nothing changes in {}", folder.display()).into());
        }
        std::thread::sleep(LOOK_EVERY);
    }
    std::thread::sleep(after);
    Ok(())
}

// === impl Deal ===

impl Deal {
    pub(crate) fn next(&mut self, chance: &mut Chance) -> Moment {
        if self.0.is_empty() {
            self.0.extend(Moment::ALL);
        }
        let drawn = usize::try_from(chance.below(self.0.len() as u64)).unwrap_or(0);
        self.0.swap_remove(drawn)
    }
}

// === impl Moments ===

impl Moments {
    pub(crate) fn count(&mut self, moment: Moment) {
        for (counted, of) in self.0.iter_mut().zip(Moment::ALL) {
            *counted += u32::from(of == moment);
        }
    }
}

impl fmt::Display for Moments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [work, segment, checkpoint, start] = self.0;
        write!(
            f,
            "{work} at work, {segment} at a segment change, {checkpoint} at a checkpoint, {start} at start-up"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{Chance, Deal, Moment};

    #[test]
    fn each_moment_is_dealt_once_in_four_in_changing_order() {
        let (mut chance, mut deal) = (Chance::new(1), Deal::default());
        let mut rounds = Vec::new();
        for _ in 0..20 {
            let round = [(); 4].map(|()| deal.next(&mut chance));
            for moment in Moment::ALL {
                assert!(round.contains(&moment), "{moment:?} is not in {round:?}");
            }
            rounds.push(round);
        }
        assert!(rounds.iter().any(|round| round != &rounds[0]));
    }
}
