//! The signed directory of a bus: who is on it, where their nodes are, which keys are theirs.
//!
//! The directory is one JSON file. Around it stands the metadata of The Update Framework 1.0, so that the files may lie
//! on any web server: whoever owns that server can hold news back until the timestamp runs out, a day, and nothing else.
//!
//! The nouns:
//!
//! - a [`Directory`] lists members, subsystems, nodes, keys and groups; [`Indexed`] answers questions about it;
//! - a [`Client`] brings the newest one from a [`Fetch`] source and remembers what it saw, so that nothing older is ever taken;
//! - [`Trusted`] is a directory that passed every check, with the second from which it may not be used;
//! - a [`catalogue`] lists resources, systems and services, and which of them are approved;
//! - a [`ceremony`] is how officers change the directory, each with a key of their own;
//! - [`own_nodes`] is how a member changes its own nodes without them, by the role that they gave it;
//! - [`join`] is how a node asks them to be listed, and how they say no;
//! - a [`Publisher`] signs and writes a repository, for development and small instances.
//!
//! This crate is **not** an HTTP client (the node brings one as a [`Fetch`]), keeps no time of its own, and does not look into
//! certificates: it hands out their bytes and pins.
//!
//! It follows the specification's client workflow (§5) in its order, with consistent snapshots, Ed25519 keys, the four top-level
//! roles, and a terminating delegation to each member that asks for one. Other keys never count; other delegations and roles are
//! refused by name.
//!
//! Departs: TUF 1.0 §5.3.12, because a repository without consistent snapshots can be caught between two files; it is refused.
//!
//! ```
//! use bridge_directory::{Client, Directory, FolderSource, Publisher};
//!
//! let folder = tempfile::tempdir()?;
//! let (keys, repository) = (folder.path().join("keys"), folder.path().join("repository"));
//! let now = 1_800_000_000;
//! let publisher = Publisher::create(&keys, &repository, now)?;
//! let directory = Directory { instance: "AZ".into(), members: vec![], groups: vec![], witnesses: vec![] };
//! publisher.publish(&directory, now)?;
//!
//! let pinned = publisher.root()?;
//! let mut client = Client::open(&folder.path().join("client"), &pinned)?;
//! let trusted = client.refresh(&FolderSource(repository), now)?;
//! assert_eq!(*trusted.directory, directory);
//! assert!(client.trusted(trusted.expires_s).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod canonical;
pub mod catalogue;
pub mod ceremony;
pub mod client;
pub mod directory;
mod indexed;
pub mod join;
pub mod metadata;
pub mod moment;
pub mod own_nodes;
pub mod publisher;
pub mod source;
mod store;
mod trusted;
mod verified;

pub use client::{Client, DirectoryError};
pub use directory::{
    DIRECTORY_FILE, Directory, DirectoryFault, ExchangeKey, Group, Member, Node, OutsideWitness,
    Subsystem, WitnessPlace, Witnessing,
};
pub use indexed::Indexed;
pub use moment::Moment;
pub use publisher::{PublishError, Publisher};
pub use source::{Fetch, FetchError, FolderSource};
pub use store::StoreError;
pub use trusted::Trusted;
