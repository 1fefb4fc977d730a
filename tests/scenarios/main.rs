//! Scenarios over real TLS on loopback. A test named `sNN_…` shows line NN of the acceptance list; `acceptance.rs` holds the map.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::string_slice,
    clippy::indexing_slicing,
    reason = "a scenario that cannot go on has failed"
)]
#![expect(clippy::too_many_lines, reason = "a scenario reads from top to bottom")]

mod answers;
mod basic;
mod callers;
mod cutting;
mod directory;
mod edge;
mod faults;
mod metadata;
mod peers;
mod processes;
mod rights;
mod topology;
