//! The faults that a hook is enough for, by theme.

mod answers;
mod bodies;
mod description;
mod errors;
mod further_answers;
mod further_bodies;
mod further_errors;
mod further_requests;
mod paths;
mod query;

use crate::fault::Fault;

/// All of them.
pub(crate) fn all() -> impl Iterator<Item = Fault> {
    let themes = [
        description::FAULTS,
        answers::FAULTS,
        paths::FAULTS,
        query::FAULTS,
        bodies::FAULTS,
        errors::FAULTS,
    ];
    themes.into_iter().flatten().copied()
}

/// Those that break a further part of a claim, with the part.
pub(crate) fn further() -> impl Iterator<Item = (&'static str, Fault)> {
    let themes = [
        further_answers::FAULTS,
        further_requests::FAULTS,
        further_bodies::FAULTS,
        further_errors::FAULTS,
    ];
    themes.into_iter().flatten().copied()
}
