//! One journal or leaves file: verified while it is read, its leaves spread over the files.

use std::io;
use std::path::Path;

use super::parts::Parts;
use super::{Plan, ReconcileError, Source, Step};
use crate::finding::Finding;
use crate::folder::{open, open_at};
use crate::leaves::{LeavesFault, read_leaves};
use crate::{Options, Progress, Seen, verify_each};

/// Reads one source into the files.
pub(super) fn read(
    plan: &Plan,
    (number, path): (usize, &Path),
    parts: &mut Parts,
    progress: &mut dyn FnMut(Step),
) -> Result<Source, ReconcileError> {
    let mut taking = Taking {
        plan,
        number,
        parts,
        origin: None,
        leaves: 0,
        times_ms: None,
        failed: None,
    };
    let mut step = |leaves| {
        progress(Step::Reading {
            source: number,
            leaves,
        });
    };
    let claimed = if path.is_dir() {
        let vkey = shown_vkey(path).and_then(|shown| wanted(&plan.vkeys, &shown));
        let options = Options {
            vkey,
            ..Options::default()
        };
        let mut at = |at: Progress| step(at.leaves);
        let read = verify_each(path, &options, &mut at, &mut |seen| taking.see(seen));
        read.map(|report| Claimed {
            size: report.leaves,
            times_ms: None,
        })
        .map_err(|findings| findings.iter().map(Finding::to_string).collect())
    } else {
        let mut read = 0;
        let mut see = |seen: Seen<'_>| {
            taking.see(seen);
            read += 1;
            if read % PROGRESS_LEAVES == 0 {
                step(read);
            }
        };
        let vkey = shown_vkey(path).and_then(|shown| wanted(&plan.vkeys, &shown));
        match read_leaves(path, vkey.as_deref(), &mut see) {
            Ok(log) => Ok(Claimed {
                size: 0,
                times_ms: Some((log.from_ms, log.to_ms)),
            }),
            Err(LeavesFault::Unreadable(why)) => {
                let path = path.display().to_string();
                return Err(ReconcileError::Unreadable { path, why });
            }
            Err(fault) => Err(vec![fault.to_string()]),
        }
    };
    taking.end(path, claimed)
}

/// The verifier key that a source shows.
fn shown_vkey(path: &Path) -> Option<String> {
    use io::BufRead as _;
    let (file, _) = if path.is_dir() {
        open(path, "origin").ok()?
    } else {
        open_at(path).ok()?
    };
    let limited = io::Read::take(file, 2 * 4096);
    // Line 2 in both.
    io::BufReader::new(limited).lines().nth(1)?.ok()
}

/// The key that was given for the log of a key shown.
fn wanted(vkeys: &[String], shown: &str) -> Option<String> {
    let name = |key: &str| key.split('+').next().unwrap_or_default().to_owned();
    vkeys.iter().find(|vkey| name(vkey) == name(shown)).cloned()
}

/// What a source that verifies says of itself.
#[derive(Default)]
struct Claimed {
    size: u64,
    times_ms: Option<(u64, u64)>,
}

/// What is taken of one source.
struct Taking<'a> {
    plan: &'a Plan,
    number: usize,
    parts: &'a mut Parts,
    origin: Option<String>,
    leaves: u64,
    times_ms: Option<(u64, u64)>,
    failed: Option<io::Error>,
}

impl Taking<'_> {
    fn see(&mut self, seen: Seen<'_>) {
        match seen {
            Seen::Log { origin, .. } => self.origin = Some(origin.to_owned()),
            Seen::Leaf { index, bytes, .. } => {
                if self.failed.is_none()
                    && let Err(error) = self.leaf(index, bytes)
                {
                    self.failed = Some(error);
                }
            }
        }
    }

    fn leaf(&mut self, index: u64, bytes: &[u8]) -> io::Result<()> {
        // What can't be read is a finding of the verifier.
        let Ok(leaf) = crate::leaf::Leaf::parse(bytes) else {
            return Ok(());
        };
        let (first, _) = self.times_ms.unwrap_or((leaf.time, leaf.time));
        self.times_ms = Some((first, leaf.time));
        let (Some(id), Some(_)) = (leaf.request_id, leaf.side) else {
            return Ok(());
        };
        let edge = self.plan.edge_ms;
        let early = |from: u64| leaf.time.saturating_add(edge) < from;
        let late =
            |to: u64| leaf.kind == crate::leaf::Kind::Start && leaf.time > to.saturating_add(edge);
        if self.plan.from_ms.is_some_and(early) || self.plan.to_ms.is_some_and(late) {
            return Ok(());
        }
        self.leaves = self.leaves.saturating_add(1);
        self.parts.add(&id, (self.number, index), bytes)
    }

    fn end(
        self,
        path: &Path,
        claimed: Result<Claimed, Vec<String>>,
    ) -> Result<Source, ReconcileError> {
        if let Some(error) = self.failed {
            return Err(error.into());
        }
        let unknown = || ReconcileError::Unknown {
            path: path.display().to_string(),
        };
        let origin = self.origin.ok_or_else(unknown)?;
        // {domain}/{instance}/{class}/{member}/{node}/{epoch}
        let names: Vec<&str> = origin.split('/').skip(1).take(3).collect();
        let seen = self.times_ms.unwrap_or_default();
        let (claimed, faults) = match claimed {
            Ok(claimed) => (claimed, Vec::new()),
            Err(faults) => (Claimed::default(), faults),
        };
        let (from_ms, to_ms) = claimed.times_ms.unwrap_or(seen);
        Ok(Source {
            path: path.to_owned(),
            member: names.join("/"),
            origin,
            leaves: self.leaves,
            size: claimed.size,
            from_ms,
            to_ms,
            faults,
        })
    }
}

/// About how many bytes of leaves a source has: too many is no harm.
pub(super) fn size_of(path: &Path) -> u64 {
    let length = |path: &Path| std::fs::metadata(path).map_or(0, |seen| seen.len());
    if !path.is_dir() {
        return length(path);
    }
    let entries = std::fs::read_dir(path.join("segments"));
    let entries = entries.into_iter().flatten().map_while(Result::ok);
    entries
        .filter(|entry| {
            entry
                .path()
                .extension()
                .is_some_and(|extension| extension == "segment")
        })
        .map(|entry| length(&entry.path()))
        .fold(0, u64::saturating_add)
}

/// How many leaves pass between two calls of the progress function.
const PROGRESS_LEAVES: u64 = 10_000;
