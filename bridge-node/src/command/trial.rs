//! Agencies on this machine for a trial: throw-away keys and certificates, a signed directory, a node process each.

pub(super) mod client;
pub(super) mod contracts;
pub(super) mod nodes;
pub(super) mod time_authority;
pub(super) mod world;
