//! Holds the journals of two members against each other: every exchange has two ends, and both must tell of it.
//!
//! Each source is read once and verified as it is read. Its leaves go to files by a keyed hash of the request id, so that
//! memory is bounded by one such file, however long the journals are; then each file is judged alone.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use crate::finding::Finding;
use crate::leaves::{LeavesFault, read_leaves};
use crate::{Options, Progress, Seen, verify_each};

mod classify;
mod fields;
mod parts;

pub use classify::{Class, Exchange, FieldPair};

use classify::Judge;
use parts::Parts;

/// What is reconciled.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Journal folders and leaves files of two members.
    pub sources: Vec<PathBuf>,
    /// Verifier keys as the directory lists them; a log without one is checked by the key it shows.
    pub vkeys: Vec<String>,
    /// Only exchanges that began at this time or later, Unix milliseconds. Both ends count as complete from here on.
    pub from_ms: Option<u64>,
    /// Only exchanges that began up to this time. Both ends count as complete up to here.
    pub to_ms: Option<u64>,
    /// How long before the end of a journal an exchange may still be under way, and clocks may differ.
    pub edge_ms: u64,
    /// Where the files for sorting are made, for this run only.
    pub work: PathBuf,
}

/// By default a minute for an exchange, one for a late answer, and one for clocks that differ.
pub const EDGE_MS: u64 = 180_000;

/// Why two journals can't be reconciled.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The sources are not those of two members.
    #[error("journals of two members are needed, these are of {}: {}", .members.len(), .members.join(", "))]
    Members {
        /// The members found.
        members: Vec<String>,
    },
    /// A source can't be read far enough to know its log.
    #[error("{path}: its log can't be known")]
    Unknown {
        /// The source.
        path: String,
    },
    /// A log was given twice.
    #[error("{path}: the log {origin} is given twice")]
    Twice {
        /// The source.
        path: String,
        /// The log.
        origin: String,
    },
    /// The files for sorting can't be written or read.
    #[error("the files for sorting")]
    Work(#[from] io::Error),
    /// More leaves have one request id than any exchange can have.
    #[error("more than {limit} bytes of leaves fall together: they were made to")]
    Crowded {
        /// The most that is taken.
        limit: u64,
    },
}

/// One journal or leaves file, as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Where it lies.
    pub path: PathBuf,
    /// The log's name.
    pub origin: String,
    /// The member whose log it is.
    pub member: String,
    /// Leaves of exchanges that were taken.
    pub leaves: u64,
    /// Time of the first leaf, Unix milliseconds.
    pub from_ms: u64,
    /// Time of the newest leaf.
    pub to_ms: u64,
    /// Why it does not verify; empty if it does.
    pub faults: Vec<String>,
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// What was read.
    pub sources: Vec<Source>,
    /// Both ends tell the same.
    pub matched: u64,
    /// The ends differ, and a leaf says why.
    pub explained: u64,
    /// An end may still be under way, or the other journal does not reach that far.
    pub open: u64,
    /// A leaf is missing.
    pub missing: u64,
    /// The ends contradict each other.
    pub differs: u64,
}

impl Summary {
    /// Whether there is nothing to answer for.
    pub fn is_clean(&self) -> bool {
        self.missing == 0
            && self.differs == 0
            && self.sources.iter().all(|source| source.faults.is_empty())
    }

    fn count(&mut self, class: Class) {
        let counter = match class {
            Class::Matched => &mut self.matched,
            Class::Explained => &mut self.explained,
            Class::Open => &mut self.open,
            Class::Missing => &mut self.missing,
            Class::Differs => &mut self.differs,
        };
        *counter = counter.saturating_add(1);
    }
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Leaves read of the source with this number, from 0.
    Reading {
        /// Which source.
        source: usize,
        /// Its leaves so far.
        leaves: u64,
    },
    /// Of the files by request id, so many of all were judged.
    Comparing {
        /// So many.
        done: usize,
        /// Of so many.
        all: usize,
    },
}

/// Reconciles and shows every exchange that is not matched.
///
/// # Errors
///
/// [`ReconcileError`]. A journal that does not verify is no error: [`Source::faults`] says so.
pub fn reconcile(
    plan: &Plan,
    progress: &mut dyn FnMut(Step),
    each: &mut dyn FnMut(&Exchange),
) -> Result<Summary, ReconcileError> {
    let bytes = plan.sources.iter().map(|path| size_of(path)).sum();
    let mut parts = Parts::create(&plan.work, bytes)?;
    let mut sources = Vec::new();
    for (number, path) in plan.sources.iter().enumerate() {
        let source = read(plan, (number, path), &mut parts, progress)?;
        let known = |other: &Source| other.origin == source.origin;
        if sources.iter().any(known) {
            let (path, origin) = (path.display().to_string(), source.origin);
            return Err(ReconcileError::Twice { path, origin });
        }
        sources.push(source);
    }
    let judge = Judge::new(plan, &sources, coverage(plan, &sources)?);
    let mut summary = Summary {
        sources: sources.clone(),
        ..Summary::default()
    };
    let all = parts.count();
    for done in 0..all {
        progress(Step::Comparing { done, all });
        for records in parts.groups(done)? {
            if let Some(exchange) = judge.exchange(&records) {
                summary.count(exchange.class);
                if exchange.class != Class::Matched {
                    each(&exchange);
                }
            }
        }
    }
    Ok(summary)
}

/// From when to when each of the two members' logs tell everything.
fn coverage(
    plan: &Plan,
    sources: &[Source],
) -> Result<BTreeMap<String, (u64, u64)>, ReconcileError> {
    let mut covered: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for source in sources {
        let entry = covered
            .entry(source.member.clone())
            .or_insert((u64::MAX, 0));
        *entry = (entry.0.min(source.from_ms), entry.1.max(source.to_ms));
    }
    if covered.len() != 2 {
        let members = covered.into_keys().collect();
        return Err(ReconcileError::Members { members });
    }
    for (from, to) in covered.values_mut() {
        *from = plan
            .from_ms
            .map_or(*from, |said| said.saturating_sub(plan.edge_ms).min(*from));
        *to = plan
            .to_ms
            .map_or(*to, |said| said.saturating_add(plan.edge_ms).max(*to));
    }
    Ok(covered)
}

/// Reads one source into the files.
fn read(
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
            evidence_key: None,
        };
        let mut at = |at: Progress| step(at.leaves);
        let read = verify_each(path, &options, &mut at, &mut |seen| taking.see(seen));
        read.map(|_report| None)
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
            Ok(log) => Ok(Some((log.from_ms, log.to_ms))),
            Err(LeavesFault::Unreadable(why)) => {
                return Err(ReconcileError::Work(io::Error::other(format!(
                    "{}: {why}",
                    path.display()
                ))));
            }
            Err(fault) => Err(vec![fault.to_string()]),
        }
    };
    taking.end(path, claimed)
}

/// The verifier key that a source shows.
fn shown_vkey(path: &Path) -> Option<String> {
    use io::BufRead as _;
    let file = if path.is_dir() {
        path.join("origin")
    } else {
        path.to_owned()
    };
    let file = std::fs::File::open(file).ok()?;
    let limited = io::Read::take(file, 2 * 4096);
    // Line 2 in both.
    io::BufReader::new(limited).lines().nth(1)?.ok()
}

/// The key that was given for the log of a key shown.
fn wanted(vkeys: &[String], shown: &str) -> Option<String> {
    let name = |key: &str| key.split('+').next().unwrap_or_default().to_owned();
    vkeys.iter().find(|vkey| name(vkey) == name(shown)).cloned()
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
        claimed: Result<Option<(u64, u64)>, Vec<String>>,
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
            Err(faults) => (None, faults),
        };
        let (from_ms, to_ms) = claimed.unwrap_or(seen);
        Ok(Source {
            path: path.to_owned(),
            member: names.join("/"),
            origin,
            leaves: self.leaves,
            from_ms,
            to_ms,
            faults,
        })
    }
}

/// About how many bytes of leaves a source has: too many is no harm.
fn size_of(path: &Path) -> u64 {
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
