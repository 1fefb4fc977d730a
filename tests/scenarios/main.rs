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
mod backdated;
mod basic;
mod batches;
mod battery;
mod budget;
mod caged;
mod callers;
mod catalogue;
mod clocks;
mod contracts;
mod copies;
mod cutting;
mod decisions;
mod diplomas;
mod directory;
mod disk;
mod disks;
mod dossier;
mod drain;
mod durable;
mod edge;
mod effects;
mod epochs;
mod faults;
mod held;
mod hops;
mod hostile;
mod hostile_answers;
mod hostile_requests;
mod hours;
mod large;
mod maintenance;
mod member_roles;
mod metadata;
mod metrics;
mod overlap;
mod overload;
mod own_certificates;
mod payments;
mod peer_receipts;
mod peers;
mod probe;
mod processes;
mod receipts;
mod referrals;
mod registries;
mod registries_written;
mod replays;
mod rights;
mod rotation;
mod status;
mod status_sources;
mod stops;
mod time;
mod tokens;
mod topology;
mod upstream;
mod witnesses;
mod words;
