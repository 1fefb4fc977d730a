//! The program as its user meets it: commands, documents, messages, exit codes, restarts. Every node is a real process.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test that can't go on should stop where it stands"
)]

mod audit;
mod catalogue;
mod ceremony;
mod contracts;
mod demo;
mod documents;
mod encrypted_keys;
mod guide;
mod integrator;
mod join;
mod keys;
mod nodes;
mod output;
mod own;
mod reconcile;
mod restart;
mod settings;
mod shell;
mod tokens;
mod world;
