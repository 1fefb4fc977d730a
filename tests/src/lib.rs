//! Two agencies on loopback, and everything a scenario needs to see them work or to make them fail.
//!
//! The nouns: a [`world::World`] is an authority, a directory and agencies on disk; an [`agency::Agency`] has keys, settings and
//! a running node; a [`registry::Registry`] answers behind a node as it is told; a [`puppet::Puppet`] holds a member's real keys
//! and says whatever a scenario wants. It is **not** shipped: nothing depends on it.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a broken harness must stop the test at once"
)]

pub mod act;
pub mod agency;
pub mod ahead;
pub mod answer;
pub mod ask;
pub mod claims;
pub mod container;
pub mod forger;
pub mod fuzz;
pub mod golden;
pub mod hostile;
pub mod kept;
pub mod large;
pub mod message;
pub mod outside_witness;
pub mod package;
pub mod postgres;
pub mod process;
pub mod puppet;
pub mod records;
pub mod registry;
pub mod relay;
pub mod softhsm;
pub mod status_authority;
pub mod terms;
pub mod time_authority;
pub mod token;
pub mod university;
pub mod wait;
pub mod world;
