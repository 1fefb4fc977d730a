//! Whole journals: written, altered in every way that has a name, and judged.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test that can't go on should stop where it stands"
)]
#![expect(
    clippy::too_many_lines,
    reason = "a list of cases is as long as it has cases"
)]

mod beside;
mod edits;
mod fields;
mod forger;
mod frames;
mod hostile;
mod index_run;
mod joints;
mod mirrors;
mod model;
mod mutations;
mod notes;
mod own;
mod real;
mod reconciling;
mod segments;
mod stamps;
mod two_ends;
mod writer;
