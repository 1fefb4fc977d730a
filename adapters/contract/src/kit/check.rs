//! One check of the battery, and what came of it.

use std::pin::Pin;

use super::bench::Bench;

/// One thing that every adapter must do, and how it is tried.
#[derive(Debug, Clone, Copy)]
pub struct Check {
    /// Theme and name: `paths.trailing-slash`. Stable: reports and lists of exceptions name it.
    pub id: &'static str,
    /// What is claimed.
    pub claim: &'static str,
    /// What goes wrong in the field where it does not hold.
    pub why: &'static str,
    pub(super) run: Run,
}

/// How a check is tried.
#[derive(Debug, Clone, Copy)]
pub(super) enum Run {
    /// By looking at what came of the scenario's calls.
    Look(fn(&Bench) -> Judged),
    /// By further calls.
    Call(for<'a> fn(&'a Bench) -> Trial<'a>),
}

/// The future of a check.
pub(super) type Trial<'a> = Pin<Box<dyn Future<Output = Judged> + Send + 'a>>;

/// What a check finds; `Ok` if its claim held.
pub(super) type Judged = Result<(), Finding>;

/// Why a claim did not hold, or was not tried.
#[derive(Debug)]
pub(super) enum Finding {
    /// The adapter did otherwise.
    Broken(String),
    /// There is no occasion for it; goes on after "does not apply, because".
    Absent(String),
}

/// What came of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The claim held.
    Held,
    /// It did not; says what came instead.
    Broken(String),
    /// It was not tried; says why. Never counts as held.
    DoesNotApply(String),
}

/// A check and what came of it.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The check.
    pub check: &'static Check,
    /// What came of it.
    pub verdict: Verdict,
    /// How long it took.
    pub took: std::time::Duration,
}

impl Check {
    /// A check that looks at what came of the scenario's calls.
    pub(super) const fn look(
        id: &'static str,
        [claim, why]: [&'static str; 2],
        run: fn(&Bench) -> Judged,
    ) -> Self {
        Self {
            id,
            claim,
            why,
            run: Run::Look(run),
        }
    }

    /// A check that makes further calls.
    pub(super) const fn call(
        id: &'static str,
        [claim, why]: [&'static str; 2],
        run: for<'a> fn(&'a Bench) -> Trial<'a>,
    ) -> Self {
        Self {
            id,
            claim,
            why,
            run: Run::Call(run),
        }
    }

    /// The part of the id before the dot.
    pub fn theme(&self) -> &'static str {
        self.id.split('.').next().unwrap_or_default()
    }

    pub(super) async fn tried(&'static self, bench: &Bench) -> Outcome {
        let started = std::time::Instant::now();
        let judged = match self.run {
            Run::Look(look) => look(bench),
            Run::Call(call) => call(bench).await,
        };
        let verdict = match judged {
            Ok(()) => Verdict::Held,
            Err(Finding::Broken(what)) => Verdict::Broken(what),
            Err(Finding::Absent(why)) => Verdict::DoesNotApply(why),
        };
        Outcome {
            check: self,
            verdict,
            took: started.elapsed(),
        }
    }
}

/// The finding of a claim that does not hold.
pub(super) fn broken<T>(what: impl Into<String>) -> Result<T, Finding> {
    Err(Finding::Broken(what.into()))
}

/// The finding of a claim without occasion.
pub(super) fn absent(why: impl Into<String>) -> Finding {
    Finding::Absent(why.into())
}

/// Holds a claim to a condition.
pub(super) fn demand(holds: bool, what: impl FnOnce() -> String) -> Judged {
    if holds {
        Ok(())
    } else {
        Err(Finding::Broken(what()))
    }
}
