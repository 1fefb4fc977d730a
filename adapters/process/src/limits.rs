//! What a program may take and say. The bounds of what it says on a connection stand in [`bridge_adapter::connection`]; what it may take of the machine stands in [`crate::cage::CageSettings`].

use std::time::Duration;

/// How long a program may take until it is ready: an interpreter loads its libraries.
pub const START_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an answer may take to begin, from the last byte of the request.
pub const TIMEOUT: Duration = Duration::from_secs(30);
/// How long a program may take to end.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
/// How many calls a program serves at once.
pub const CONNECTIONS: usize = 16;
/// How many calls may wait for a connection.
pub const WAITING_CALLS: usize = 256;
/// How long a call waits for one: who waited longer would have too little time left.
pub const CONNECTION_WAIT: Duration = Duration::from_secs(5);
/// The most bytes of a request or an answer that is compared.
pub const COMPARED_LIMIT_BYTES: u64 = 1024 * 1024;
/// How many connections to its registry a program may have at once.
pub const REGISTRY_CONNECTIONS: usize = 16;
/// How long the registry may take to accept: it stands in the same network.
pub const REGISTRY_CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How often a program is asked whether it is well.
pub const WATCH_EVERY: Duration = Duration::from_secs(5);
/// How long it may take to say so.
pub const WATCH_TIMEOUT: Duration = Duration::from_secs(5);
/// After so many questions without an answer a program counts as hung.
pub const WATCH_MISSES: u32 = 3;
/// How deep folders may lie in what a program keeps: each level is an open file of the node's while it is weighed.
pub const DATA_LEVELS: usize = 64;
/// The most bytes that a program may say of itself.
pub const DESCRIPTION_LIMIT_BYTES: usize = 1024 * 1024;
/// The most bytes of a line; the rest of it is left out.
pub const LINE_LIMIT_BYTES: usize = 1024;
/// The most lines in a minute; the others are counted.
pub const LINES_A_MINUTE: u64 = 120;
