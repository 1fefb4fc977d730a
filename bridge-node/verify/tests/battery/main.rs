//! Whole journals: written, altered in every way that has a name, and judged.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test that can't go on should stop where it stands"
)]

mod edits;
mod fields;
mod forger;
mod hostile;
mod model;
mod mutations;
mod own;
mod writer;
