//! The faults that a hook is enough for, by theme.

mod answers;
mod bodies;
mod description;
mod errors;
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
