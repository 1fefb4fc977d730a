//! `run`: opens a node, serves until told to stop, drains.

use std::path::Path;
use std::sync::Arc;

use bridge_directory::{Fetch, FolderSource};
use bridge_journal::JournalError;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::{Failure, hint};
use crate::clock::Clock;
use crate::fetch::HttpSource;
use crate::listeners::{ConsumerInterface, Health, NodeInterface};
use crate::node::{Node, Parts};
use crate::settings::{DirectorySource, Settings};
use crate::tls::{TlsIdentity, consumer_server, peer_server};
use crate::{admin, server};

/// Runs a node until SIGTERM, SIGINT or the loss of its journal.
///
/// # Errors
///
/// [`Failure::Settings`] with every fault; [`Failure::Failed`] if a listener cannot be bound or the journal is lost.
pub fn run(config: &Path) -> Result<(), Failure> {
    let settings = Settings::load(config).map_err(Failure::Settings)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed("the runtime cannot start", &error))?;
    runtime.block_on(serve(settings))
}

async fn serve(settings: Settings) -> Result<(), Failure> {
    let parts = Parts::read(&settings, Clock::default().now_s())
        .map_err(|error| Failure::Settings(error.0))?;
    let (lost, mut journal_lost) = mpsc::channel::<String>(1);
    let on_fatal = Box::new(move |error: &JournalError| {
        // The receiver is gone only when the node is ending anyway.
        drop(lost.try_send(crate::chain(error)));
    });
    let (node, opened) =
        Node::open(settings, parts, on_fatal).map_err(|error| Failure::Settings(error.0))?;
    node.close_unfinished(&opened)
        .await
        .map_err(|error| Failure::failed("the journal does not take `interrupted` leaves", &error))?;
    refresh_directory(&node).await;
    bind_all(&node).await?;
    tokio::spawn(keep_directory_fresh(Arc::clone(&node)));
    tracing::info!(node = %node.settings.node, unfinished = opened.unfinished.len(), "serving");
    let ended = tokio::select! {
        () = stop_signal() => Ok(()),
        lost = journal_lost.recv() => Err(lost.unwrap_or_default()),
    };
    if let Err(why) = ended {
        return Err(Failure::Failed(hint(
            &format!("the journal is lost, the node ends: {why}"),
            "mend the disk and start the node again; it goes on after the last durable leaf",
        )));
    }
    drain(&node).await
}

async fn bind_all(node: &Arc<Node>) -> Result<(), Failure> {
    let settings = &node.settings;
    let house = node.house.clone();
    let tls = |name: &str| {
        TlsIdentity::read(&settings.keys_folder, name)
            .map_err(|error| Failure::failed(&format!("TLS identity `{name}`"), &error))
    };
    let failed = |error: crate::tls::TlsError| Failure::failed("TLS", &error);
    let peer = peer_server(&tls("tls")?, Arc::clone(&node.trust)).map_err(failed)?;
    let listener = bind("peer.listen", settings.peer_listen).await?;
    let interface = Arc::new(NodeInterface(Arc::clone(node)));
    tokio::spawn(server::serve(listener, Some(Arc::new(peer)), house.clone(), interface));
    let interface = Arc::new(ConsumerInterface(Arc::clone(node)));
    if let Some(address) = settings.consumer_listen {
        let web = consumer_server(&tls("web")?).map_err(failed)?;
        let listener = bind("consumer.listen", address).await?;
        tokio::spawn(server::serve(listener, Some(Arc::new(web)), house.clone(), Arc::clone(&interface)));
    }
    if let Some(address) = settings.consumer_plain_listen {
        let listener = bind("consumer.plain_listen", address).await?;
        tokio::spawn(server::serve(listener, None, house.clone(), interface));
    }
    if let Some(address) = settings.health_listen {
        let listener = bind("admin.health_listen", address).await?;
        tokio::spawn(server::serve(listener, None, house, Arc::new(Health(Arc::clone(node)))));
    }
    let socket = admin::bind(&settings.admin_socket)
        .map_err(|error| Failure::failed(&settings.admin_socket.display().to_string(), &error))?;
    tokio::spawn(admin::serve(socket, Arc::clone(node)));
    Ok(())
}

async fn bind(place: &str, address: std::net::SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        Failure::Failed(hint(
            &format!("{place}: {address} cannot be listened on: {error}"),
            "free the port or choose another in the settings",
        ))
    })
}

async fn keep_directory_fresh(node: Arc<Node>) {
    loop {
        tokio::select! {
            () = node.house.draining.cancelled() => return,
            () = tokio::time::sleep(node.settings.directory_refresh) => {}
        }
        refresh_directory(&node).await;
    }
}

async fn refresh_directory(node: &Arc<Node>) {
    let source: Box<dyn Fetch> = match &node.settings.directory_source {
        DirectorySource::Folder(folder) => Box::new(FolderSource(folder.clone())),
        DirectorySource::Http(base) => Box::new(HttpSource::new(base.clone())),
    };
    let shared = Arc::clone(node);
    let refreshed = tokio::task::spawn_blocking(move || {
        shared.watch.refresh(source.as_ref(), shared.clock.now_s())
    });
    match refreshed.await {
        Ok(Ok(())) => tracing::debug!("directory is current"),
        Ok(Err(error)) => {
            tracing::error!(error = %crate::chain(&error), "the directory cannot be refreshed");
        }
        Err(error) => tracing::error!(%error, "the directory reader failed"),
    }
}

async fn stop_signal() {
    let (Ok(mut term), Ok(mut int)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::error!("signals cannot be received; only SIGKILL stops this node");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
}

/// Takes nothing new, waits for what is under way, closes the journal. What is still open then is written as
/// `interrupted` at the next start.
async fn drain(node: &Arc<Node>) -> Result<(), Failure> {
    tracing::info!("draining");
    node.house.draining.cancel();
    node.house.tasks.close();
    let limit = node.settings.limits.drain_timeout;
    if tokio::time::timeout(limit, node.house.tasks.wait()).await.is_err() {
        tracing::warn!(left = node.house.tasks.len(), "draining took too long");
    }
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
