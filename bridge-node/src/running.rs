//! A node at work: from settings to listeners, and back to nothing.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bridge_directory::{Fetch, FolderSource};
use bridge_journal::JournalError;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::clock::Clock;
use crate::command::{Failure, hint};
use crate::contracts::keep_delivering;
use crate::cosigning::keep_cosigned;
use crate::epochs::{Doubt, begin, close, examine, journal_folder, own_statement};
use crate::expiry::Expiry;
use crate::fetch::HttpSource;
use crate::listeners::{ConsumerInterface, Health, NodeInterface};
use crate::member_role::Alarms;
use crate::node::{Node, Parts};
use crate::own::{self, Use};
use crate::receipts::keep_checking;
use crate::server::House;
use crate::settings::{DirectorySource, Settings};
use crate::tls::{TlsIdentity, consumer_server, peer_server};
use crate::watch::Watch;
use crate::{acme, admin, server, stamping, status};

/// Refusals without a leaf of their own are counted by one leaf in this time.
const COUNT_EVERY: Duration = Duration::from_mins(1);

/// How long the answers that are ready may take to leave when draining has taken too long.
const LAST_ANSWERS: Duration = Duration::from_secs(1);
/// A node without a journal refuses for so long, lets answers go for as long again, and ends.
const REFUSING: Duration = Duration::from_secs(1);

/// Two heads of one log are never signed knowingly.
const DOUBTED: &str = "its witnesses hold another head of it, or another log of its epoch; the next start begins the next epoch or is refused";

/// A node that serves.
#[derive(Debug)]
pub struct Running {
    /// The node.
    pub node: Arc<Node>,
    /// Where it listens: what the settings say, with real ports where they say 0.
    pub addresses: Addresses,
    journal_lost: mpsc::Receiver<String>,
}

/// Bound addresses of a node.
#[derive(Debug, Clone, Copy)]
pub struct Addresses {
    /// Information systems, TLS.
    pub consumer: Option<SocketAddr>,
    /// Information systems, loopback without TLS.
    pub plain: Option<SocketAddr>,
    /// Other nodes.
    pub peer: SocketAddr,
    /// `live` and `ready`.
    pub health: Option<SocketAddr>,
}

// === impl Running ===

impl Running {
    /// Opens everything and starts to serve.
    ///
    /// # Errors
    ///
    /// [`Failure::Settings`] with every fault; [`Failure::Failed`] if a listener cannot be bound.
    pub async fn start(settings: Settings) -> Result<Self, Failure> {
        let parts = Parts::read(&settings, Clock::default().now_s())
            .map_err(|error| Failure::Settings(error.0))?;
        Self::open(settings, parts).await
    }

    /// Starts to serve with parts that were read before.
    ///
    /// # Errors
    ///
    /// [`Failure::Failed`] if the journal or the directory's store cannot be opened or a listener cannot be bound.
    pub async fn open(settings: Settings, mut parts: Parts) -> Result<Self, Failure> {
        let doubt = Box::pin(next_epoch(&settings, &mut parts)).await?;
        let identities = parts.identities();
        let (lost, journal_lost) = mpsc::channel::<String>(1);
        let journal_fault = Arc::new(OnceLock::new());
        let fault = Arc::clone(&journal_fault);
        let on_fatal = Box::new(move |error: &JournalError| {
            drop(fault.set(crate::chain(error)));
            // The receiver is gone only when the node is ending anyway.
            drop(lost.try_send(crate::chain(error)));
        });
        let (node, opened) = Node::open(settings, parts, (journal_fault, on_fatal))
            .map_err(|error| Failure::Failed(error.to_string()))?;
        begin(&node, doubt.as_ref())
            .await
            .map_err(|error| not_taken(&node, "the first leaf of its epoch", &*error))?;
        if let Some(statement) = own_statement(|filter| node.journal.search(filter)) {
            drop(node.epoch.set(statement.write()));
        }
        node.close_unfinished(&opened)
            .await
            .map_err(|error| not_taken(&node, "`interrupted` leaves", &*error))?;
        node.tell_clock()
            .await
            .map_err(|error| not_taken(&node, "a `state` leaf", &error))?;
        refresh_directory(&node).await;
        let addresses = bind_all(&node, identities).await?;
        tokio::spawn(keep_directory_fresh(Arc::clone(&node)));
        tokio::spawn(keep_count(Arc::clone(&node)));
        tokio::spawn(keep_checking(Arc::clone(&node)));
        tokio::spawn(stamping::keep(Arc::clone(&node)));
        tokio::spawn(status::keep(Arc::clone(&node)));
        tokio::spawn(keep_cosigned(Arc::clone(&node)));
        tokio::spawn(keep_delivering(Arc::clone(&node)));
        tokio::spawn(look_at_registries(Arc::clone(&node)));
        tokio::spawn(own::keep(Arc::clone(&node)));
        tokio::spawn(acme::keep(Arc::clone(&node)));
        tracing::info!(node = %node.settings.node, unfinished = opened.unfinished.len(), "serving");
        Ok(Self {
            node,
            addresses,
            journal_lost,
        })
    }

    /// Waits until the journal can no longer be written, or may not be; returns why.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost if the future is dropped.
    pub async fn journal_lost(&mut self) -> String {
        let lost = tokio::select! {
            lost = self.journal_lost.recv() => lost,
            () = self.node.doubted.cancelled() => Some(DOUBTED.to_owned()),
        };
        // Whoever would have said why is gone, so the journal's thread is.
        lost.unwrap_or_else(|| "its thread has ended".to_owned())
    }

    /// Refuses, for a moment, what comes and what is under way: callers and operators hear why before all ends.
    pub async fn refuse_the_rest(self) {
        let House {
            draining, tasks, ..
        } = &self.node.house;
        tasks.close();
        for moment in [REFUSING, REFUSING] {
            drop(tokio::time::timeout(moment, tasks.wait()).await);
            draining.cancel();
        }
    }

    /// Takes nothing new, waits for what is under way, closes the journal. What has not ended by then ends as
    /// `interrupted`.
    ///
    /// # Errors
    ///
    /// [`Failure::Failed`] if the journal cannot be closed.
    pub async fn drain(self) -> Result<(), Failure> {
        self.drain_until(std::future::pending()).await
    }

    /// As [`Running::drain`], and waits no longer when `hastened`.
    ///
    /// # Errors
    ///
    /// As [`Running::drain`].
    pub async fn drain_until(self, hastened: impl Future<Output = ()>) -> Result<(), Failure> {
        let node = self.node;
        tracing::info!("draining");
        node.house.draining.cancel();
        node.house.tasks.close();
        let too_long = tokio::select! {
            () = node.house.tasks.wait() => false,
            () = tokio::time::sleep(node.settings.limits.drain_timeout) => true,
            () = hastened => true,
        };
        if too_long {
            tracing::warn!(
                left = node.house.tasks.len(),
                "what has not ended is interrupted"
            );
            node.house.ended.cancel();
            // Answers that were ready are still sent; who does not read them is not waited for.
            drop(tokio::time::timeout(LAST_ANSWERS, node.house.tasks.wait()).await);
            let interrupted = node.close_open().await;
            interrupted.map_err(|error| {
                Failure::failed("the journal does not take `interrupted` leaves", &*error)
            })?;
        }
        node.registries.drain().await;
        node.sum_refusals().await;
        node.refill_log_lines();
        node.journal
            .close()
            .await
            .map_err(|error| Failure::failed("the journal cannot be closed", &error))?;
        if let Err(error) = std::fs::remove_file(&node.settings.admin_socket) {
            tracing::debug!(%error, "admin socket");
        }
        tracing::info!("stopped");
        Ok(())
    }
}

/// Why a node does not start whose journal does not take this. A journal that has failed says what did; whoever waited for it knows
/// only that it has.
fn not_taken(node: &Node, what: &str, error: &(dyn std::error::Error + 'static)) -> Failure {
    let folder = journal_folder(&node.settings);
    match node.journal_fault.get() {
        Some(why) => Failure::Failed(hint(
            &format!("{}: the journal is lost: {why}", folder.display()),
            "mend the disk (space, mount, permissions) and start again; it goes on after the last durable leaf",
        )),
        None => Failure::failed(&format!("the journal does not take {what}"), error),
    }
}

/// Closes the journal and has the next one begin, if it may not be gone on with.
async fn next_epoch(settings: &Settings, parts: &mut Parts) -> Result<Option<Doubt>, Failure> {
    // A journal on another disk than its folder is a program's that links this library, for itself.
    if parts.has_journal_disk() {
        return Ok(None);
    }
    let Some(doubt) = examine(settings, parts).await else {
        return Ok(None);
    };
    if let Doubt::Lost { witnessed } = doubt {
        return Err(Failure::Failed(hint(
            &format!(
                "witnesses hold {witnessed} leaves of this log, and the data folder has none of it"
            ),
            "start the node with its newest data folder; if that is lost, restore a backup with `bridge-node restore`",
        )));
    }
    if doubt == Doubt::Closed {
        return Err(Failure::Failed(hint(
            "the journal is closed: its witnesses watch a later one of this node, which is not in this data folder",
            "start the node with its newest data folder; if that is lost, restore this one with `bridge-node restore`, `--epoch` behind the latest",
        )));
    }
    tracing::warn!(
        code = "epoch_closed",
        why = doubt.as_str(),
        "the journal is closed and a new one begins"
    );
    let closed =
        close(settings).map_err(|error| Failure::failed("the journal cannot be closed", &error))?;
    let renewed = parts.renew_journal_key(settings);
    renewed.map_err(|why| Failure::Failed(format!("the key of epoch {closed}: {why}")))?;
    Ok(Some(doubt))
}

async fn bind_all(
    node: &Arc<Node>,
    (tls, web): (TlsIdentity, Option<TlsIdentity>),
) -> Result<Addresses, Failure> {
    let mut addresses = Addresses {
        consumer: None,
        plain: None,
        peer: node.settings.peer_listen,
        health: None,
    };
    let settings = &node.settings;
    let house = node.house.clone();
    let failed = |error: crate::tls::TlsError| Failure::failed("TLS", &error);
    let peer = peer_server(&tls, Arc::clone(&node.trust)).map_err(failed)?;
    let (listener, bound) = bind("peer.listen", settings.peer_listen).await?;
    addresses.peer = bound;
    let interface = Arc::new(NodeInterface(Arc::clone(node)));
    tokio::spawn(server::serve(
        listener,
        Some(node.own.listener(Use::Tls, peer)),
        house.clone(),
        interface,
    ));
    let interface = Arc::new(ConsumerInterface(Arc::clone(node)));
    if let Some((address, web)) = settings.consumer_listen.zip(web) {
        let config = consumer_server(&web).map_err(failed)?;
        node.own.shows_web(web);
        let (listener, bound) = bind("consumer.listen", address).await?;
        addresses.consumer = Some(bound);
        tokio::spawn(server::serve(
            listener,
            Some(node.own.listener(Use::Web, config)),
            house.clone(),
            Arc::clone(&interface),
        ));
    }
    if let Some(address) = settings.consumer_plain_listen {
        let (listener, bound) = bind("consumer.plain_listen", address).await?;
        addresses.plain = Some(bound);
        tokio::spawn(server::serve(listener, None, house.clone(), interface));
    }
    if let Some(address) = settings.health_listen {
        let (listener, bound) = bind("admin.health_listen", address).await?;
        addresses.health = Some(bound);
        tokio::spawn(server::serve(
            listener,
            None,
            house,
            Arc::new(Health(Arc::clone(node))),
        ));
    }
    let socket = admin::bind(&settings.admin_socket).map_err(|error| {
        Failure::Failed(hint(
            &format!("admin.socket: {}: {error}", settings.admin_socket.display()),
            "give a path in a folder that exists and that the node's user may write to",
        ))
    })?;
    tokio::spawn(admin::serve(socket, Arc::clone(node)));
    Ok(addresses)
}

async fn bind(place: &str, address: SocketAddr) -> Result<(TcpListener, SocketAddr), Failure> {
    let bound = async {
        let listener = TcpListener::bind(address).await?;
        let bound = listener.local_addr()?;
        Ok::<_, std::io::Error>((listener, bound))
    };
    bound.await.map_err(|error| {
        Failure::Failed(hint(
            &format!("{place}: {address} cannot be listened on: {error}"),
            "free the port or choose another in the settings",
        ))
    })
}

/// Starts the programs of adapters, and tells what would fail.
async fn look_at_registries(node: Arc<Node>) {
    let troubles = node.registries.troubles().await;
    for (service, reason) in troubles.unready {
        tracing::warn!(%service, %reason, "a service is not ready");
    }
    for (service, reason) in troubles.alarmed {
        tracing::warn!(%service, %reason, "a service needs somebody");
    }
}

async fn keep_count(node: Arc<Node>) {
    let (expiry, role) = (Expiry::default(), Alarms::default());
    loop {
        expiry.tell(&node.own.certificates(), node.clock.now_s());
        if let Some(view) = node.watch.newest() {
            role.tell(&view, node.settings.node.member(), node.clock.now_s());
        }
        tokio::select! {
            () = node.house.draining.cancelled() => return,
            () = tokio::time::sleep(COUNT_EVERY) => {
                node.sum_refusals().await;
                node.refill_log_lines();
            }
        }
    }
}

async fn keep_directory_fresh(node: Arc<Node>) {
    loop {
        tokio::select! {
            () = node.house.draining.cancelled() => return,
            () = tokio::time::sleep(node.settings.directory_refresh) => {}
        }
        node.peers.sweep();
        refresh_directory(&node).await;
    }
}

/// Reads the directory again, now. A failure is logged and shown by `ready`; the view in force stays until it expires.
pub async fn refresh_directory(node: &Arc<Node>) {
    read_directory(
        &node.watch,
        &node.settings.directory_source,
        node.clock.now_s(),
    )
    .await;
}

/// As [`refresh_directory`], of a watch that may have no node yet.
pub async fn read_directory(watch: &Arc<Watch>, source: &DirectorySource, now_s: u64) {
    let source: Box<dyn Fetch> = match source {
        DirectorySource::Folder(folder) => Box::new(FolderSource(folder.clone())),
        DirectorySource::Http(base) => Box::new(HttpSource::new(base.clone())),
    };
    let watch = Arc::clone(watch);
    let refreshed = tokio::task::spawn_blocking(move || watch.refresh(source.as_ref(), now_s));
    match refreshed.await {
        Ok(Ok(())) => tracing::debug!("directory is current"),
        Ok(Err(error)) => {
            tracing::error!(error = %crate::chain(&error), "the directory cannot be refreshed");
        }
        Err(error) => tracing::error!(%error, "the directory reader failed"),
    }
}
