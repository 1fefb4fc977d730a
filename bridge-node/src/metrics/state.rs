//! The state of what a node needs, read when it is asked for: journal, directory, certificates, room, places, process.

use std::sync::atomic::{AtomicU64, Ordering};

use bridge_core::leaf::Side;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry, Unit};

use super::receipts::ReceiptState;
use super::status::StatusState;
use super::time::TimeState;
use super::{Labels, Limit, process};
use crate::listeners::own_reasons;
use crate::member_role;
use crate::node::Node;
use crate::registries::Troubles;

mod own;
mod witnesses;

use own::OwnState;
use witnesses::WitnessState;

/// Gauges and counters that are set when the text is asked for.
#[derive(Debug)]
pub(super) struct State {
    ready: Gauge,
    services_not_ready: Gauge,
    services_alarmed: Gauge,
    under_way: Family<Labels<1>, Gauge>,
    places: Family<Labels<1>, Gauge>,
    limits: Family<Labels<1>, Gauge>,
    connections: Gauge,
    spool: Gauge,
    journal: JournalState,
    receipts: ReceiptState,
    time: TimeState,
    status: StatusState,
    witnesses: WitnessState,
    directory_version: Gauge,
    directory_expires: Gauge,
    member_role_expires: Gauge,
    member_roles_failing: Gauge,
    own: OwnState,
    disk_free: Gauge,
    process: ProcessState,
}

/// The process's part.
#[derive(Debug)]
struct ProcessState {
    memory: Gauge,
    files: Gauge,
    cpu: Counter<f64, AtomicU64>,
}

/// The journal's part.
#[derive(Debug)]
struct JournalState {
    leaves: Gauge,
    checkpoint_leaves: Gauge,
    newest_leaf: Gauge<f64, AtomicU64>,
    failed: Gauge,
    waiting: Gauge,
    sealed: Gauge,
    commits: Counter,
    written: Counter,
    syncing: Counter<f64, AtomicU64>,
    signatures: Counter,
    signed: Counter,
}

/// Everything about a node, in the text form. Standard: OpenMetrics 1.0 §4.
///
/// # Errors
///
/// [`std::fmt::Error`] if a value cannot be written, which is a fault of this program.
pub async fn text(node: &Node) -> Result<String, std::fmt::Error> {
    let metrics = &node.house.metrics;
    metrics.state.read(node).await;
    let mut text = String::new();
    encode(&mut text, &metrics.registry)?;
    Ok(text)
}

// === impl ProcessState ===

impl ProcessState {
    fn register(place: &mut Place<'_>) -> Self {
        Self {
            memory: place.unit(
                "process_resident",
                "Memory of the process that is in use",
                Unit::Bytes,
            ),
            files: place.plain(
                "process_open_files",
                "Files and sockets that the process holds open",
            ),
            cpu: place.unit(
                "process_cpu",
                "Processor time of the process",
                Unit::Seconds,
            ),
        }
    }

    fn fill(&self) {
        self.memory.set(gauge(process::resident_bytes()));
        self.files.set(gauge(process::open_files()));
        set_seconds(&self.cpu, process::cpu_seconds());
    }
}

// === impl State ===

impl State {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let version = [
            ("version", env!("CARGO_PKG_VERSION").to_owned()),
            ("wire", crate::WIRE_VERSION.to_string()),
        ];
        registry.register("node", "The program of this node", Info::new(version));
        let mut place = Place(registry);
        Self {
            ready: place.plain("ready", "1 if the node is ready for new work"),
            services_not_ready: place.plain(
                "services_not_ready",
                "Services whose adapter says that it is not ready",
            ),
            services_alarmed: place.plain(
                "services_alarmed",
                "Services whose adapter answers, though somebody has to act",
            ),
            under_way: place.plain(
                "exchanges_under_way",
                "Exchanges that have begun and not ended",
            ),
            places: place.plain(
                "places",
                "Exchanges that may be under way now: fewer than the limit while the journal is too slow",
            ),
            limits: place.plain(
                "limit",
                "What the settings allow, in the unit that the key names",
            ),
            connections: place.plain("tasks", "Connections, exchanges and other work under way"),
            spool: place.unit("spool_used", "Spooled bodies, in memory and on disk, while they pass", Unit::Bytes),
            journal: JournalState::register(&mut place),
            receipts: ReceiptState::register(&mut place),
            time: TimeState::register(&mut place),
            status: StatusState::register(&mut place),
            witnesses: WitnessState::register(&mut place),
            directory_version: place.plain(
                "directory_version",
                "Version of the directory in force; 0 if there is none",
            ),
            directory_expires: place.unit(
                "directory_expiry_timestamp",
                "When the directory in force expires, since 1970",
                Unit::Seconds,
            ),
            member_role_expires: place.unit(
                "member_role_expiry_timestamp",
                "When what this node's member says of its own nodes expires, since 1970; 0 if it says nothing that counts",
                Unit::Seconds,
            ),
            member_roles_failing: place.plain(
                "member_roles_failing",
                "Members whose published word on their own nodes can't be used",
            ),
            own: OwnState::register(&mut place),
            disk_free: place.unit(
                "disk_free",
                "Space left to this node's user where the data folder is",
                Unit::Bytes,
            ),
            process: ProcessState::register(&mut place),
        }
    }

    pub(super) fn fill(&self) {
        self.time.fill();
        self.status.fill();
        for side in [Side::Consumer, Side::Provider] {
            drop(self.under_way.get_or_create(&[("side", side.as_str())]));
            drop(self.places.get_or_create(&[("side", side.as_str())]));
        }
        self.receipts.fill();
        for limit in Limit::ALL {
            drop(self.limits.get_or_create(&[("limit", limit.as_str())]));
        }
        self.own.fill();
    }

    async fn read(&self, node: &Node) {
        self.read_work(node).await;
        self.journal.read(node);
        self.receipts.read(node);
        self.witnesses.read(node);
        self.read_trust(node);
        if let Some(stamping) = &node.stamping {
            self.time.read(stamping);
        }
        let free = rustix::fs::statvfs(&node.settings.data_folder)
            .map_or(0, |disk| disk.f_bavail.saturating_mul(disk.f_frsize));
        self.disk_free.set(gauge(free));
        self.process.fill();
    }

    async fn read_work(&self, node: &Node) {
        // Asked once: each adapter may have to ask its registry.
        let Troubles { unready, alarmed } = node.registries.troubles().await;
        let ready = unready.is_empty() && own_reasons(node).is_empty();
        self.ready.set(i64::from(ready));
        self.services_not_ready.set(gauge(unready.len() as u64));
        self.services_alarmed.set(gauge(alarmed.len() as u64));
        let limits = &node.settings.limits;
        for side in [Side::Consumer, Side::Provider] {
            let (taken, places) = node.gate(side).usage();
            let labels = [("side", side.as_str())];
            self.under_way
                .get_or_create(&labels)
                .set(gauge(taken as u64));
            self.places.get_or_create(&labels).set(gauge(places as u64));
        }
        for limit in Limit::ALL {
            let labels = [("limit", limit.as_str())];
            self.limits
                .get_or_create(&labels)
                .set(gauge(limit.value(limits)));
        }
        self.connections.set(gauge(node.house.tasks.len() as u64));
        self.spool.set(gauge(node.room.used()));
    }

    fn read_trust(&self, node: &Node) {
        // An expired directory is shown as it is: that is when its date is looked at.
        if let Some(view) = node.watch.newest() {
            self.directory_version.set(gauge(view.version()));
            self.directory_expires.set(gauge(view.expires_s()));
            let end_s = member_role::end_s(&view, node.settings.node.member());
            self.member_role_expires.set(gauge(end_s.unwrap_or(0)));
            let failing = u64::try_from(view.failing_members());
            self.member_roles_failing
                .set(gauge(failing.unwrap_or(u64::MAX)));
        }
        self.own.read(node);
        if let Some(status) = &node.status {
            self.status.read(status, node.clock.now_s());
        }
    }
}

// === impl JournalState ===

impl JournalState {
    fn register(place: &mut Place<'_>) -> Self {
        Self {
            leaves: place.plain("journal_leaves", "Leaves in the journal, all durable"),
            checkpoint_leaves: place.plain(
                "journal_checkpoint_leaves",
                "Leaves under the newest checkpoint",
            ),
            newest_leaf: place.unit(
                "journal_newest_leaf_timestamp",
                "Time of the newest leaf, since 1970",
                Unit::Seconds,
            ),
            failed: place.plain(
                "journal_failed",
                "1 once the journal can no longer be written",
            ),
            waiting: place.plain("journal_waiting", "Entries that wait to be written"),
            sealed: place.plain("journal_sealed_segments", "Segments that are sealed"),
            commits: place.plain("journal_commits", "Batches made durable since the start"),
            written: place.unit("journal_written", "Bytes of those batches", Unit::Bytes),
            syncing: place.unit(
                "journal_sync",
                "Time spent making batches durable",
                Unit::Seconds,
            ),
            signatures: place.plain("signatures", "Signatures that the exchange key made"),
            signed: place.plain(
                "signed_messages",
                "Messages that those signatures sign, several each when several wait",
            ),
        }
    }

    fn read(&self, node: &Node) {
        let (head, tally) = (node.journal.head(), node.journal.tally());
        self.leaves.set(gauge(head.size));
        self.checkpoint_leaves.set(gauge(tally.checkpoint_leaves));
        let newest = std::time::Duration::from_millis(head.newest.0);
        self.newest_leaf.set(newest.as_secs_f64());
        self.failed
            .set(i64::from(node.journal_fault.get().is_some()));
        self.waiting.set(gauge(tally.waiting));
        self.sealed.set(gauge(tally.sealed_segments));
        self.commits.inner().store(tally.commits, Ordering::Relaxed);
        self.written
            .inner()
            .store(tally.written_bytes, Ordering::Relaxed);
        set_seconds(&self.syncing, tally.syncing.as_secs_f64());
        for (counter, count) in [
            (&self.signatures, tally.signatures),
            (&self.signed, tally.signed_messages),
        ] {
            counter.inner().store(count, Ordering::Relaxed);
        }
    }
}

/// Registers and hands out.
pub(super) struct Place<'a>(&'a mut Registry);

impl Place<'_> {
    pub(super) fn plain<M: Metric + Clone + Default>(&mut self, name: &str, help: &str) -> M {
        let metric = M::default();
        self.0.register(name, help, metric.clone());
        metric
    }

    pub(super) fn unit<M: Metric + Clone + Default>(
        &mut self,
        name: &str,
        help: &str,
        unit: Unit,
    ) -> M {
        let metric = M::default();
        self.0.register_with_unit(name, help, unit, metric.clone());
        metric
    }
}

pub(super) fn gauge(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn set_seconds(counter: &Counter<f64, AtomicU64>, seconds: f64) {
    counter.inner().store(seconds.to_bits(), Ordering::Relaxed);
}
