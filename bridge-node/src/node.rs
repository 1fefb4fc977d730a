//! A node: everything an exchange needs, opened once.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use arc_swap::ArcSwap;
use bridge_certs::{Checked, Trust};
use bridge_core::identity::{NodeId, ServiceId};
use bridge_core::leaf::{Kind, Leaf, Side};
use bridge_core::quota::Counters;
use bridge_core::refusal::{PeerFault, Refusal};
use bridge_journal::{Entry, Journal, Opened, RecordError};
use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::callers::Callers;
use crate::clock::Clock;
use crate::concerned::PageShares;
use crate::contracts::{Contracts, Live};
use crate::cosigning::Cosigning;
use crate::disk::Disk;
use crate::effects::{Effects, Marker};
use crate::epochs::{self, History};
use crate::exchange::Overload;
use crate::gate::Gate;
use crate::log_share::LogShare;
use crate::metrics::Limit;
use crate::orders::Orders;
use crate::own::Standing;
use crate::payload::{Bounds, Room, RoomLimits};
use crate::peers::Peers;
use crate::receipts::Receipts;
use crate::refusals::Refusals;
use crate::registries::Registries;
use crate::replay::Replay;
use crate::server::{Connection, House};
use crate::settings::{Fault, Settings};
use crate::shares::Shares;
use crate::stamping::Stamping;
use crate::status::Statuses;
use crate::tls::peer_of;
use crate::watch::{View, Watch};
use crate::witness::Witness;

mod admission;
mod leaves;
mod opening;
mod own_keys;
mod parts;

pub(crate) use own_keys::{exchange_signer, own_tls};
pub(crate) use parts::read_trust;
pub use parts::{OwnCertificate, Parts, Vouched};

pub(crate) use opening::open_watch;
use opening::{
    create_spool, floor, journal_remedy, keys_begun, one, open_journal, open_witness, remembered,
    resumed,
};

/// One running node.
pub struct Node {
    /// What it was told.
    pub settings: Settings,
    /// Time.
    pub clock: Clock,
    /// The journal's station.
    pub journal: Journal,
    /// The journal and the closed logs before it.
    pub history: History,
    /// Cancelled when more witnesses than may lie hold another head of the journal: it may not be gone on with.
    pub doubted: CancellationToken,
    /// The statement that the journal follows another, as witnesses are shown it.
    pub epoch: OnceLock<Bytes>,
    /// Its own certificates and keys towards others.
    pub own: Standing,
    /// Certificate authorities.
    pub trust: Arc<Trust>,
    /// The directory in force.
    pub watch: Arc<Watch>,
    /// What officers ordered.
    pub orders: Orders,
    /// All that members have signed.
    pub agreements: Live,
    /// Contracts in force.
    pub contracts: ArcSwap<Contracts>,
    /// Services and adapters.
    pub registries: Registries,
    /// Information systems.
    pub callers: Callers,
    /// Connections to other nodes.
    pub peers: Arc<Peers>,
    /// What was seen within the freshness window.
    pub replay: Replay,
    /// What was begun under Idempotency-Keys.
    pub effects: Arc<Effects>,
    /// Room for spooled bodies.
    pub room: Room,
    /// Listeners, tasks, draining.
    pub house: House,
    /// Why the journal can no longer be written, once that is so.
    pub journal_fault: Arc<OnceLock<String>>,
    /// What could not be rebuilt from the journal's tail at this start, if anything.
    pub forgotten: Option<String>,
    /// How far the newest leaf was ahead of the clock when the operator vouched for the clock.
    pub overruled_ms: Option<u64>,
    /// Time from outside, if the settings name who stamps.
    pub stamping: Option<Box<Stamping>>,
    /// The disk of the journal.
    pub disk: Disk,
    /// This node as a witness of others' journals.
    pub witness: Witness,
    /// How far its own journal is cosigned.
    pub cosigning: Cosigning,
    /// Places for answers that are waited for after their callers were told that none came.
    pub late: Arc<Semaphore>,
    /// Refusals that leave no leaf of their own.
    pub refusals: Refusals,
    /// Pages of leaves that other members ask for.
    pub page_shares: PageShares,
    /// How it stands with the receipts that other nodes gave.
    pub receipts: Receipts,
    /// Log lines about faults of this node's own.
    pub fault_lines: LogShare,
    /// Which certificates are revoked, if the settings name who says it.
    pub status: Option<Arc<Statuses>>,
    /// Places for exchanges, each direction its own: a flood of one leaves the other alive.
    gates: [Arc<Gate>; 2],
    /// What those are told who find none.
    pub overload: Overload,
    /// How the parties of a direction share its places.
    shares: [Shares; 2],
    counters: [Mutex<Counters>; 2],
}

/// Why a node cannot be opened. Every fault that could be found is in it.
#[derive(Debug, thiserror::Error)]
#[error("the node cannot start:\n{}", list(.0))]
pub struct OpenError(pub Vec<Fault>);

fn list(faults: &[Fault]) -> String {
    faults
        .iter()
        .map(|fault| format!("  {fault}"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Late answers that are waited for at a time.
const LATE_ANSWERS: usize = 256;
/// A node that does not know what is stopped would serve it.
const ORDERS_REMEDY: &str =
    "run `bridge-node audit verify` on the journal's folder and restore what it names";

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node")
            .field("node", &self.settings.node)
            .finish_non_exhaustive()
    }
}

// === impl Node ===

impl Node {
    /// Opens the journal and puts the parts together. `on_fatal` is called once if the journal can no longer be
    /// written; it sets `journal_fault`.
    ///
    /// # Errors
    ///
    /// [`OpenError`] names the journal's or the directory store's fault.
    #[expect(clippy::too_many_lines, reason = "a table: one row a part")]
    pub fn open(
        settings: Settings,
        parts: Parts,
        (journal_fault, on_fatal): (Arc<OnceLock<String>>, bridge_journal::OnFatal),
    ) -> Result<(Arc<Self>, Opened), OpenError> {
        let (judges, clock, vouched) = (parts.judges(), parts.clock, parts.vouched);
        let spool = create_spool(&settings.data_folder)?;
        let root = &parts.directory_root;
        let watch = open_watch(&settings, root, &parts.trust, clock.now_s())?;
        let folder = epochs::journal_folder(&settings).display().to_string();
        let before = parts.marks_before.as_deref();
        let marker = Marker::new(&parts.keys.evidence).knowing(before);
        // Before the current log is written to.
        let past = epochs::open_closed(&settings.data_folder, &parts.keys.evidence);
        let past = past.map_err(|error| one("node.data_folder", &error, ORDERS_REMEDY))?;
        let (journal, opened) = open_journal(
            &settings,
            (parts.keys, parts.journal_disk),
            Arc::clone(&parts.signer),
            (clock.now(), on_fatal),
            vouched.moved,
        )
        .map_err(|error| one(&folder, &error, journal_remedy(&error)))?;
        let history = History::new(past, &journal);
        let overruled_ms = floor(&clock, history.newest(), vouched);
        let orders = Orders::read(&history, clock.now())
            .map_err(|error| one(&folder, &error, ORDERS_REMEDY))?;
        let cosigning = Cosigning::new(settings.witnesses.tolerated);
        cosigning
            .resume(&journal)
            .map_err(|error| one(&folder, &error, ORDERS_REMEDY))?;
        let (replay, counters, forgotten) = remembered(&history, clock.now());
        let (effects, unread) = keys_begun(&history, marker, &settings.limits, clock.now());
        let limits = &settings.limits;
        let stranger_lines = Arc::new(LogShare::new("strangers", limits.log_lines_per_minute));
        let node = Self {
            callers: Callers::new(&settings.callers, Arc::clone(&stranger_lines)),
            peers: Arc::new(Peers::new(parts.tls, judges, limits)),
            room: Room::new(
                spool,
                RoomLimits {
                    node: limits.spool_node_bytes,
                    owner: limits.spool_peer_bytes,
                    memory: limits.spool_memory_bytes,
                },
                limits.disk_reserve_bytes,
            ),
            house: House::new(limits.clone(), Arc::clone(&stranger_lines)),
            gates: Gate::both(limits),
            overload: Overload::default(),
            shares: [(); 2].map(|()| Shares::new(limits.exchanges)),
            disk: Disk::new(settings.data_folder.clone(), limits.disk_reserve_bytes),
            fault_lines: LogShare::new("faults of this node", limits.log_lines_per_minute),
            receipts: Receipts::default(),
            refusals: Refusals::new(limits.refusals_per_minute),
            page_shares: PageShares::new(limits.audit_pages_per_minute),
            cosigning,
            witness: open_witness(&settings, parts.witness_key)?,
            late: Arc::new(Semaphore::new(LATE_ANSWERS)),
            contracts: ArcSwap::from_pointee(Contracts::of(&parts.contracts)),
            agreements: Live::new(parts.contracts, &settings),
            registries: parts.registries,
            own: Standing::new(parts.signer, parts.certificates),
            trust: parts.trust,
            stamping: resumed(parts.stamping, &journal, clock.now()),
            status: parts.status,
            counters: counters.map(Mutex::new),
            journal_fault,
            forgotten: forgotten.or(unread),
            effects,
            overruled_ms,
            clock,
            doubted: CancellationToken::new(),
            epoch: OnceLock::new(),
            history,
            journal,
            orders,
            watch,
            replay,
            settings,
        };
        Ok((Arc::new(node), opened))
    }

    /// Writes an `interrupted` leaf for every exchange that an earlier run began and did not end, in this log or in the
    /// one before.
    ///
    /// # Errors
    ///
    /// Those of the journals.
    pub async fn close_unfinished(
        &self,
        opened: &Opened,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        for (id, side, started) in self.history.left_open()?.iter().chain(&opened.unfinished) {
            self.interrupt(*id, *side, started).await?;
        }
        Ok(())
    }

    /// Writes an `interrupted` leaf for every exchange that this run began and did not end. None may be under way any more.
    ///
    /// # Errors
    ///
    /// Those of the journal.
    pub async fn close_open(&self) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        for (id, side, started) in self.journal.unfinished().await? {
            self.interrupt(id, side, &started).await?;
        }
        Ok(())
    }

    async fn interrupt(&self, id: Uuid, side: Side, started: &Leaf) -> Result<(), RecordError> {
        let mut leaf = Leaf::new(Kind::Interrupted, self.clock.now());
        leaf.request_id = Some(id);
        leaf.side = Some(side);
        leaf.client.clone_from(&started.client);
        leaf.service.clone_from(&started.service);
        leaf.contract.clone_from(&started.contract);
        leaf.link = started.link;
        leaf.outcome = Some("interrupted".to_owned());
        self.journal
            .record(Entry::of(leaf))
            .await
            .map(|_receipt| ())
    }

    /// Begins a new minute of log lines.
    pub fn refill_log_lines(&self) {
        self.replay.tell_full();
        self.witness.submitted.refill();
        self.agreements.brought.refill();
        for lines in [&*self.house.stranger_lines, &self.fault_lines] {
            if lines.refill() {
                self.house.metrics.reached(Limit::LogLinesPerMinute);
            }
        }
    }

    /// How much the body of a request, or of an answer, may take.
    pub fn bounds(&self, of_request: bool) -> Bounds {
        let limits = &self.settings.limits;
        Bounds {
            memory: limits.body_memory_bytes,
            total: limits.body_bytes,
            rate: limits.body_bytes_per_second,
            of_request,
        }
    }

    /// The quota counters of one end: a node that asks itself counts at both.
    pub fn counters(&self, side: Side) -> MutexGuard<'_, Counters> {
        let [consumer, provider] = &self.counters;
        let counters = match side {
            Side::Consumer => consumer,
            Side::Provider => provider,
        };
        counters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the service is one of this node's own.
    pub fn serves(&self, service: &ServiceId) -> bool {
        service.member() == self.settings.node.member()
    }

    /// What the certificate of a connection says, judged once.
    fn judged<'a>(&self, connection: &'a Connection) -> Option<&'a Checked> {
        let judge = || peer_of(&self.trust, &connection.certificates, self.clock.now_s()).ok();
        connection.peer.get_or_init(judge).as_deref()
    }

    /// The node at the other end of a connection: its certificate holds now and its key is pinned in the directory.
    ///
    /// # Errors
    ///
    /// [`PeerFault::KeyUnknown`], [`PeerFault::KeyNotValid`], [`PeerFault::KeyRevoked`], or that its status is not known.
    pub fn peer_of(&self, connection: &Connection, view: &View) -> Result<NodeId, Refusal> {
        let (node, checked) = self
            .pinned(connection, view)
            .map_err(Refusal::PeerRequest)?;
        if let Some(status) = &self.status {
            let usable = status.check(&checked.chain, self.clock.now_s());
            usable.map_err(|unusable| unusable.refusal(Refusal::PeerRequest))?;
        }
        Ok(node)
    }

    /// As [`Node::peer_of`], whatever the status of its certificate.
    fn pinned<'a>(
        &self,
        connection: &'a Connection,
        view: &View,
    ) -> Result<(NodeId, &'a Checked), PeerFault> {
        let now_s = self.clock.now_s();
        let checked = self
            .judged(connection)
            .filter(|checked| checked.holds_s.contains(&now_s))
            .ok_or(PeerFault::KeyNotValid)?;
        let node = view.tls_belongs(checked).ok_or(PeerFault::KeyUnknown)?;
        Ok((node, checked))
    }
}

/// What the node has judged of a connection's certificate, once.
pub type Judged = OnceLock<Option<Arc<Checked>>>;
