//! Limits on everything a stranger can send, each a setting with a default and its reason.

use std::time::Duration;

use serde::Deserialize;

use super::Fault;

/// The limits of a node.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bodies above it are spooled to disk, bytes.
    pub body_memory_bytes: usize,
    /// Largest body either way, bytes.
    pub body_bytes: u64,
    /// All spooled bodies of the node together, bytes.
    pub spool_node_bytes: u64,
    /// Spooled bodies of one peer or caller, bytes.
    pub spool_peer_bytes: u64,
    /// What stays free on the disks of journal and spool, bytes: nothing new begins below it.
    pub disk_reserve_bytes: u64,
    /// A body that comes at this rate or faster, bytes a second, takes nothing of its exchange's time.
    pub body_bytes_per_second: u64,
    /// Request line and fields together, bytes.
    pub head_bytes: usize,
    /// Number of fields.
    pub fields: usize,
    /// How long a head may take to arrive.
    pub head_timeout: Duration,
    /// How long a TLS handshake may take.
    pub handshake_timeout: Duration,
    /// How long an exchange may take at the consumer's node.
    pub exchange_timeout: Duration,
    /// Connections accepted at one listener at a time.
    pub connections: usize,
    /// Exchanges under way at a time, each direction.
    pub exchanges: usize,
    /// Places for exchanges shrink while writes to the journal wait longer than this on average.
    pub journal_wait: Duration,
    /// Refusals of one member that get leaves of their own in a minute; more are summed.
    pub refusals_per_minute: u64,
    /// How long draining waits for exchanges.
    pub drain_timeout: Duration,
    /// Preallocated size of a journal segment, bytes.
    pub segment_bytes: u64,
}

/// `[limits]` as written.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct RawLimits {
    body_memory_bytes: Option<u64>,
    body_bytes: Option<u64>,
    spool_node_bytes: Option<u64>,
    spool_peer_bytes: Option<u64>,
    disk_reserve_bytes: Option<u64>,
    body_bytes_per_second: Option<u64>,
    head_bytes: Option<u64>,
    fields: Option<u64>,
    head_seconds: Option<u64>,
    handshake_seconds: Option<u64>,
    exchange_seconds: Option<u64>,
    connections: Option<u64>,
    exchanges: Option<u64>,
    journal_wait_milliseconds: Option<u64>,
    refusals_per_minute: Option<u64>,
    drain_seconds: Option<u64>,
    segment_bytes: Option<u64>,
}

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const GIB: u64 = 1024 * MIB;

// === impl Limits ===

impl Default for Limits {
    fn default() -> Self {
        Self::check(&RawLimits::default(), &mut Vec::new())
    }
}

impl Limits {
    /// Each default stands beside the smallest and largest value that makes sense.
    pub(super) fn check(raw: &RawLimits, faults: &mut Vec<Fault>) -> Self {
        let mut limit = |key: &str, given: Option<u64>, (low, default, high): (u64, u64, u64)| {
            let value = given.unwrap_or(default);
            if value < low || value > high {
                faults.push(Fault::new(
                    format!("limits.{key}"),
                    format!("{value} is out of range"),
                    format!("give {low} to {high} (default {default})"),
                ));
            }
            value
        };
        // The journal keeps bodies up to 1 MiB whole; what it keeps is in memory anyway.
        let body_memory = limit(
            "body_memory_bytes",
            raw.body_memory_bytes,
            (4 * KIB, MIB, 16 * MIB),
        );
        // Statistical datasets of 1 GB and more have to pass.
        let body = limit("body_bytes", raw.body_bytes, (4 * KIB, 4 * GIB, 1024 * GIB));
        let spool_node = limit(
            "spool_node_bytes",
            raw.spool_node_bytes,
            (MIB, 16 * GIB, 1024 * GIB),
        );
        // One peer may not take more than half of the node's room.
        let spool_peer = limit(
            "spool_peer_bytes",
            raw.spool_peer_bytes,
            (MIB, 8 * GIB, 1024 * GIB),
        );
        let head_bytes = limit("head_bytes", raw.head_bytes, (8 * KIB, 64 * KIB, MIB));
        let fields = limit("fields", raw.fields, (16, 100, 1000));
        let head_seconds = limit("head_seconds", raw.head_seconds, (1, 10, 120));
        let handshake_s = limit("handshake_seconds", raw.handshake_seconds, (1, 10, 120));
        // Signatures expire after 60 s; an exchange that takes longer can't be told from a lost one.
        let time_limit = limit("exchange_seconds", raw.exchange_seconds, (1, 60, 3600));
        let connections = limit("connections", raw.connections, (1, 5000, 100_000));
        let exchanges = limit("exchanges", raw.exchanges, (1, 1024, 100_000));
        // Ten a second tell what is wrong; a loop that retries needs no more evidence than that.
        let refusals = limit(
            "refusals_per_minute",
            raw.refusals_per_minute,
            (1, 600, 1_000_000),
        );
        let drain_s = limit("drain_seconds", raw.drain_seconds, (0, 30, 3600));
        let segment = limit(
            "segment_bytes",
            raw.segment_bytes,
            (64 * KIB, 64 * MIB, GIB),
        );
        let [disk_reserve, body_rate, journal_wait_ms] = check_load(raw, segment, &mut limit);
        Self {
            body_memory_bytes: size(body_memory),
            body_bytes: body,
            spool_node_bytes: spool_node,
            spool_peer_bytes: spool_peer,
            disk_reserve_bytes: disk_reserve,
            body_bytes_per_second: body_rate,
            head_bytes: size(head_bytes),
            fields: size(fields),
            head_timeout: Duration::from_secs(head_seconds),
            handshake_timeout: Duration::from_secs(handshake_s),
            exchange_timeout: Duration::from_secs(time_limit),
            connections: size(connections),
            exchanges: size(exchanges),
            journal_wait: Duration::from_millis(journal_wait_ms),
            refusals_per_minute: refusals,
            drain_timeout: Duration::from_secs(drain_s),
            segment_bytes: segment,
        }
    }
}

/// What keeps a node whole that is offered too much.
fn check_load(
    raw: &RawLimits,
    segment: u64,
    limit: &mut impl FnMut(&str, Option<u64>, (u64, u64, u64)) -> u64,
) -> [u64; 3] {
    // The next segment and the sealing of the last two take up to three segments; the rest is for an operator's first steps.
    let disk_reserve = limit(
        "disk_reserve_bytes",
        raw.disk_reserve_bytes,
        (3 * segment, (512 * MIB).max(4 * segment), 1024 * GIB),
    );
    // 1 GiB within two hours and a quarter: a line of 1 Mbit/s can carry it, and nobody holds a place for days.
    let body_rate = limit(
        "body_bytes_per_second",
        raw.body_bytes_per_second,
        (1, 128 * KIB, GIB),
    );
    // More than a good disk needs, less than a caller notices: an exchange has four such waits.
    let journal_wait_ms = limit(
        "journal_wait_milliseconds",
        raw.journal_wait_milliseconds,
        (10, 50, 10_000),
    );
    [disk_reserve, body_rate, journal_wait_ms]
}

fn size(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}
