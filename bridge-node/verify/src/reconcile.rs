//! Holds the journals of two members against each other: every exchange has two ends, and both must tell of it.
//!
//! Each source is read once and verified as it is read. Its leaves go to files by a keyed hash of the request id, so that
//! memory is bounded by one such file, however long the journals are; then each file is judged alone. One that is too large
//! for that is spread over files again.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

mod classify;
mod ends;
mod fields;
mod parts;
mod source;

pub use classify::{Class, Exchange, FieldPair};

use classify::Judge;
use parts::Parts;
use source::{read, size_of};

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
    /// A source can't be read.
    #[error("{path}: {why}")]
    Unreadable {
        /// The source.
        path: String,
        /// What the system says.
        why: String,
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
    #[error(
        "one request id has more than {limit} leaves, or too many bytes of them: they were made to"
    )]
    Crowded {
        /// The most leaves that are taken.
        limit: usize,
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
    /// Leaves of the log that were read without a gap; 0 for a leaves file, which need not show all.
    pub size: u64,
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
        parts.groups(done, &mut |records| {
            if let Some(exchange) = judge.exchange(records) {
                summary.count(exchange.class);
                if exchange.class != Class::Matched {
                    each(&exchange);
                }
            }
        })?;
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
