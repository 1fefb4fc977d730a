//! Scenarios over real TLS on loopback. A test named `sNN_…` shows line NN of the acceptance list; `acceptance.rs` holds the map.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a scenario that cannot go on has failed"
)]

mod answers;
mod basic;
mod callers;
mod cutting;
mod edge;
mod faults;
mod peers;
mod rights;
