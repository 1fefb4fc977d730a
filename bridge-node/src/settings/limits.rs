//! Limits on everything a stranger can send, each a setting with a default and its reason.

use std::time::Duration;

use bridge_core::head::HeadRules;

use super::Fault;
use crate::concerned::{LEAST_PAGE_BYTES, LEAST_PAGE_LEAVES};
use crate::pace::Slowest;

mod raw;

pub use raw::RawLimits;

/// The limits of a node.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bodies above it are spooled, bytes.
    pub body_memory_bytes: usize,
    /// Largest body either way, bytes.
    pub body_bytes: u64,
    /// All spooled bodies of the node together, bytes.
    pub spool_node_bytes: u64,
    /// Spooled bodies of one peer or caller, bytes.
    pub spool_peer_bytes: u64,
    /// Of all spooled bodies, what stays in memory, bytes.
    pub spool_memory_bytes: u64,
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
    /// How long the other side may take, or send of a body, nothing at all.
    pub stall: Duration,
    /// Bytes of a body or an answer that must move in a second while the other side is waited for.
    pub slowest_bytes_per_second: u64,
    /// Connections at one listener that have not proved whose they are.
    pub strangers: usize,
    /// Connections at one listener that have; no party gets more than are free.
    pub connections: usize,
    /// Exchanges under way at a time, each direction; no party gets more than are free.
    pub exchanges: usize,
    /// Places for exchanges shrink while writes to the journal wait longer than this on average.
    pub journal_wait: Duration,
    /// Log lines about strangers, and about faults of this node's own, in a minute; more are counted.
    pub log_lines_per_minute: u64,
    /// Batches of one peer's key whose signature is not verified again.
    pub known_batches: usize,
    /// Refusals of one member that get leaves of their own in a minute; more are summed.
    pub refusals_per_minute: u64,
    /// After how many bytes a page of leaves for another member ends.
    pub audit_page_bytes: usize,
    /// How many leaves are looked at for a page.
    pub audit_page_leaves: u64,
    /// Pages that one member may ask for in a minute; more are refused.
    pub audit_pages_per_minute: u64,
    /// How often other nodes' receipts are looked up in their logs.
    pub receipt_check: Duration,
    /// A receipt has to be under a checkpoint of its log in this time.
    pub receipt_within: Duration,
    /// Receipts of other nodes that wait to be proven; more are read when some are.
    pub receipts_pending: usize,
    /// How long an Idempotency-Key counts.
    pub idempotency_age: Duration,
    /// Idempotency-Keys remembered at a time.
    pub idempotency_keys: usize,
    /// Of these, keys of one client.
    pub idempotency_keys_of_client: usize,
    /// Largest answer of a time-stamping authority, bytes.
    pub stamp_bytes: usize,
    /// How long a time-stamping authority may take to answer.
    pub stamp_timeout: Duration,
    /// Largest revocation list, or answer about one certificate, bytes.
    pub status_bytes: usize,
    /// How long a source of either may take to answer.
    pub status_timeout: Duration,
    /// Largest answer of an ACME server, bytes.
    pub acme_bytes: usize,
    /// How long an ACME server may take to answer.
    pub acme_timeout: Duration,
    /// How long a certificate may take to be issued.
    pub acme_order_timeout: Duration,
    /// The largest submission to this node's witness, bytes.
    pub witness_request_bytes: usize,
    /// Submissions of one member that this node's witness looks at in a minute.
    pub witness_requests_per_minute: u64,
    /// The largest contract file that another node may bring, bytes.
    pub contract_bytes: usize,
    /// Contract files of one member that are looked at in a minute.
    pub contract_files_per_minute: u64,
    /// Contracts that one member has signed and this one has not answered.
    pub contracts_waiting: usize,
    /// How long draining waits for exchanges.
    pub drain_timeout: Duration,
    /// Preallocated size of a journal segment, bytes.
    pub segment_bytes: u64,
}

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const GIB: u64 = 1024 * MIB;
const TIB: u64 = 1024 * GIB;
const MANY: u64 = 1_000_000;
const MOST_FIELDS: u64 = bridge_core::fields::MAX_FIELDS as u64;

// === impl Limits ===

impl Default for Limits {
    fn default() -> Self {
        Self::check(&RawLimits::default(), &mut Vec::new())
    }
}

impl Limits {
    /// What is asked of a head at a listener.
    pub fn head_rules(&self, http_10: bool) -> HeadRules {
        HeadRules {
            bytes: self.head_bytes,
            fields: self.fields,
            http_10,
        }
    }

    /// The slowest that the other side of a connection may be.
    pub fn slowest(&self) -> Slowest {
        Slowest {
            stall: self.stall,
            bytes_per_second: self.slowest_bytes_per_second,
        }
    }

    /// Each default stands beside the smallest and largest value that makes sense.
    #[expect(clippy::too_many_lines, reason = "a table: one row a limit")]
    pub(super) fn check(raw: &RawLimits, faults: &mut Vec<Fault>) -> Self {
        let mut limit = |key: &str, given: Option<u64>, (low, default, high): (u64, u64, u64)| {
            let value = given.unwrap_or(default);
            if value < low || value > high {
                faults.push(out_of_range(key, value, (low, default, high)));
            }
            value
        };
        let seconds = Duration::from_secs;
        // A full segment's index is sorted, hashed and written in one piece: milliseconds at this size, sixteen times as long at the
        // largest.
        let segment_bytes = limit(
            "segment_bytes",
            raw.segment_bytes,
            (64 * KIB, 64 * MIB, GIB),
        );
        Self {
            // The journal keeps bodies up to 1 MiB whole; what it keeps is in memory anyway.
            body_memory_bytes: size(limit(
                "body_memory_bytes",
                raw.body_memory_bytes,
                (4 * KIB, MIB, 16 * MIB),
            )),
            // Statistical datasets of 1 GB and more have to pass.
            body_bytes: limit("body_bytes", raw.body_bytes, (4 * KIB, 4 * GIB, TIB)),
            // Four of the largest bodies at a time.
            spool_node_bytes: limit(
                "spool_node_bytes",
                raw.spool_node_bytes,
                (MIB, 16 * GIB, TIB),
            ),
            // One peer may not take more than half of the node's room.
            spool_peer_bytes: limit(
                "spool_peer_bytes",
                raw.spool_peer_bytes,
                (MIB, 8 * GIB, TIB),
            ),
            // Six bodies of 10 MB: what is in memory is neither sealed nor written.
            spool_memory_bytes: limit(
                "spool_memory_bytes",
                raw.spool_memory_bytes,
                (0, 64 * MIB, 16 * GIB),
            ),
            // The next segment and the sealing of the last two take up to three segments; the rest is for an operator's first
            // steps.
            disk_reserve_bytes: limit(
                "disk_reserve_bytes",
                raw.disk_reserve_bytes,
                (3 * segment_bytes, (512 * MIB).max(4 * segment_bytes), TIB),
            ),
            // 1 GiB within two hours and a quarter: a line of 1 Mbit/s can carry it, and nobody holds a place for days.
            body_bytes_per_second: limit(
                "body_bytes_per_second",
                raw.body_bytes_per_second,
                (1, 128 * KIB, GIB),
            ),
            // What nodes take of each other is the protocol's, the same at each; a node may take less, and more would be refused behind
            // these limits.
            head_bytes: size(limit(
                "head_bytes",
                raw.head_bytes,
                (8 * KIB, 64 * KIB, 64 * KIB),
            )),
            fields: size(limit("fields", raw.fields, (16, MOST_FIELDS, MOST_FIELDS))),
            // A head is usually a few packets: seconds even where some are lost. Who takes longer only holds a place.
            head_timeout: seconds(limit("head_seconds", raw.head_seconds, (1, 10, 120))),
            // Milliseconds, and a few seconds where packets are lost: a stranger holds one of few places meanwhile.
            handshake_timeout: seconds(limit(
                "handshake_seconds",
                raw.handshake_seconds,
                (1, 10, 120),
            )),
            // Signatures expire after 60 s; an exchange that takes longer can't be told from a lost one.
            exchange_timeout: seconds(limit(
                "exchange_seconds",
                raw.exchange_seconds,
                (1, 60, 3600),
            )),
            // Longer than the pauses of a bad line, shorter than an exchange.
            stall: seconds(limit("stall_seconds", raw.stall_seconds, (1, 20, 3600))),
            // A modem is faster.
            slowest_bytes_per_second: limit(
                "slowest_bytes_per_second",
                raw.slowest_bytes_per_second,
                (1, 4 * KIB, GIB),
            ),
            // A handshake takes milliseconds: so many at once are a flood.
            strangers: size(limit("strangers", raw.strangers, (1, 512, 100_000))),
            // So that one party can hold five thousand. The node asks the system for the open files.
            connections: size(limit("connections", raw.connections, (1, 10_000, 100_000))),
            // Three thousand a second of a third of a second each. A slow machine offers fewer by itself: see `journal_wait`.
            exchanges: size(limit("exchanges", raw.exchanges, (1, 1024, 100_000))),
            // More than a good disk needs, less than a caller notices: an exchange has four such waits.
            journal_wait: Duration::from_millis(limit(
                "journal_wait_milliseconds",
                raw.journal_wait_milliseconds,
                (10, 50, 10_000),
            )),
            // As many as a member's refusals get.
            log_lines_per_minute: limit(
                "log_lines_per_minute",
                raw.log_lines_per_minute,
                (1, 600, MANY),
            ),
            // A busy peer signs some hundred batches a second, and the messages of one arrive within that time.
            known_batches: size(limit(
                "known_batches",
                raw.known_batches,
                (2, 1024, 100_000),
            )),
            // Ten a second tell what is wrong; a loop that retries needs no more evidence than that.
            refusals_per_minute: limit(
                "refusals_per_minute",
                raw.refusals_per_minute,
                (1, 600, MANY),
            ),
            // A page is put together in memory, and a hundred and twenty a minute are half a gibibyte.
            audit_page_bytes: size(limit(
                "audit_page_bytes",
                raw.audit_page_bytes,
                (LEAST_PAGE_BYTES, 4 * MIB, 64 * MIB),
            )),
            // Some tenths of a second of one thread.
            audit_page_leaves: limit(
                "audit_page_leaves",
                raw.audit_page_leaves,
                (LEAST_PAGE_LEAVES, 65_536, 1_048_576),
            ),
            // Eight million leaves, or half a gibibyte of those shown; who needs more waits for the next minute.
            audit_pages_per_minute: limit(
                "audit_pages_per_minute",
                raw.audit_pages_per_minute,
                (1, 120, MANY),
            ),
            // One look costs a peer two or three requests.
            receipt_check: seconds(limit(
                "receipt_check_seconds",
                raw.receipt_check_seconds,
                (1, 30, 3600),
            )),
            // A peer's restart takes less, and a lie is not older than this when it is found out.
            receipt_within: seconds(limit(
                "receipt_seconds",
                raw.receipt_seconds,
                (1, 600, 86_400),
            )),
            // About 15 MB, a hundred and sixty exchanges a second of peers that cannot be asked.
            receipts_pending: size(limit(
                "receipts_pending",
                raw.receipts_pending,
                (16, 100_000, MANY),
            )),
            // Whoever repeats after a month asks for something else.
            idempotency_age: seconds(
                86_400 * limit("idempotency_days", raw.idempotency_days, (1, 30, 365)),
            ),
            // About 60 MB; keys of registries that keep them do not count.
            idempotency_keys: size(limit(
                "idempotency_keys",
                raw.idempotency_keys,
                (16, 300_000, 10 * MANY),
            )),
            // A third: no client alone can keep others from using keys.
            idempotency_keys_of_client: size(limit(
                "idempotency_keys_of_client",
                raw.idempotency_keys_of_client,
                (1, 100_000, 10 * MANY),
            )),
            // A token with the certificates of its chain has 2 to 8 KiB.
            stamp_bytes: size(limit(
                "stamp_bytes",
                raw.stamp_bytes,
                (4 * KIB, 64 * KIB, MIB),
            )),
            // Authorities answer within a second; the next one is asked after this.
            stamp_timeout: seconds(limit("stamp_seconds", raw.stamp_seconds, (1, 10, 120))),
            // A hundred thousand revoked certificates.
            status_bytes: size(limit(
                "status_bytes",
                raw.status_bytes,
                (4 * KIB, 4 * MIB, 64 * MIB),
            )),
            // Sources answer within a second; the next one is asked after this.
            status_timeout: seconds(limit("status_seconds", raw.status_seconds, (1, 5, 30))),
            // A chain of four certificates in PEM, each of the largest size that is looked at, has 88 KiB.
            acme_bytes: size(limit(
                "acme_bytes",
                raw.acme_bytes,
                (4 * KIB, 128 * KIB, MIB),
            )),
            // Servers that sign while they are asked take some seconds.
            acme_timeout: seconds(limit("acme_seconds", raw.acme_seconds, (1, 20, 120))),
            // Some authorities have a person look first: those want a request by hand.
            acme_order_timeout: seconds(limit(
                "acme_order_seconds",
                raw.acme_order_seconds,
                (5, 300, 3600),
            )),
            // 63 hashes, a note under the longest origin, and cosignatures of 32 witnesses.
            witness_request_bytes: size(limit(
                "witness_request_bytes",
                raw.witness_request_bytes,
                (4 * KIB, 16 * KIB, MIB),
            )),
            // Ten nodes of a member that submit each second.
            witness_requests_per_minute: limit(
                "witness_requests_per_minute",
                raw.witness_requests_per_minute,
                (1, 600, MANY),
            ),
            // The longest contract, and the seals of two members with their chains.
            contract_bytes: size(limit(
                "contract_bytes",
                raw.contract_bytes,
                (64 * KIB, 512 * KIB, MIB),
            )),
            // After a start a node offers all that it has signed: some thousand take an hour.
            contract_files_per_minute: limit(
                "contract_files_per_minute",
                raw.contract_files_per_minute,
                (1, 60, MANY),
            ),
            // More than an officer reads in a week.
            contracts_waiting: size(limit(
                "contracts_waiting",
                raw.contracts_waiting,
                (1, 100, 10_000),
            )),
            // Half of `exchange_seconds`: what takes longer gets `interrupted` leaves rather than hold up a stop.
            drain_timeout: seconds(limit("drain_seconds", raw.drain_seconds, (0, 30, 3600))),
            segment_bytes,
        }
    }
}

fn out_of_range(key: &str, value: u64, (low, default, high): (u64, u64, u64)) -> Fault {
    Fault::new(
        format!("limits.{key}"),
        format!("{value} is out of range"),
        format!("give {low} to {high} (default {default})"),
    )
}

fn size(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}
