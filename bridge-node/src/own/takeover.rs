//! The running node goes over to certificates that were laid beside those in force, or in force where nothing good was.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bridge_certs::{Checked, Moment};
use ring::digest::{SHA256, digest};

use super::{Folder, Judge, OwnError, OwnFiles, Slot, Use};
use crate::node::{Node, exchange_signer, own_tls};
use crate::tls::{TlsIdentity, consumer_server, peer_server};

/// Peers read the directory about as often as this node does; when this many of its rounds have passed, they know it too.
const ROUNDS: u32 = 2;
/// How often the keys folder is looked at: a few names of files.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Looks for next certificates until the node drains.
pub async fn keep(node: Arc<Node>) {
    loop {
        let looking = Arc::clone(&node);
        let looked = tokio::task::spawn_blocking(move || look(&looking)).await;
        if let Err(error) = looked {
            tracing::error!(%error, "the keys folder cannot be looked at");
        }
        tokio::select! {
            () = node.house.draining.cancelled() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

/// Goes over to every next certificate that may be used now, and works with what was put in force.
fn look(node: &Node) {
    let folder = Folder::new(&node.settings.keys);
    for usage in Use::of(&node.settings) {
        let waits = folder.certificates_file(usage, Slot::Next).exists();
        let went = if waits {
            go_over(node, &folder, usage).map(Some)
        } else {
            catch_up(node, &folder, usage)
        };
        match went {
            Ok(None) => {
                node.own.note(usage, None);
            }
            Ok(Some(checked)) => {
                node.own.note(usage, None);
                tracing::info!(
                    code = "certificate_renewed", %usage, until = %Moment(checked.not_after),
                    "another certificate of this node is in force"
                );
            }
            Err(why) => {
                let words = if waits {
                    format!("the next {usage} certificate of this node waits: {why}")
                } else {
                    format!("the {usage} certificate in the keys folder is not in use: {why}")
                };
                if node.own.note(usage, Some(words)) {
                    tracing::warn!(code = "certificate_waits", %usage, why, "another certificate does not take over yet");
                }
            }
        }
    }
}

fn judge(node: &Node) -> Judge<'_> {
    Judge {
        node: &node.settings.node,
        trust: &node.trust,
        now_s: node.clock.now_s(),
    }
}

/// Works with the certificate that lies in force, if it is another than the one that is worked with: it came when nothing
/// good was in force, or the node could not go over to it before.
fn catch_up(node: &Node, folder: &Folder, usage: Use) -> Result<Option<Checked>, String> {
    let told = |error: OwnError| crate::chain(&error);
    let chain = folder.chain(usage, Slot::Current).map_err(told)?;
    let leaf = chain.first().map(|leaf| digest(&SHA256, leaf));
    if leaf.is_some_and(|leaf| node.own.works_with(usage, leaf.as_ref())) {
        return Ok(None);
    }
    let checked = judge(node).slot(folder, usage, Slot::Current);
    let checked = checked.map_err(told)?;
    install(node, usage)?;
    Ok(Some(checked))
}

fn go_over(node: &Node, folder: &Folder, usage: Use) -> Result<Checked, String> {
    let judge = judge(node);
    // Its key is opened last: under a passphrase that takes a while.
    let next = folder.chain(usage, Slot::Next);
    let next = next.and_then(|chain| judge.certificate(usage, &chain));
    let next = next.map_err(|error| crate::chain(&error))?;
    if let Some(status) = node.status.as_ref().filter(|_| usage != Use::Web) {
        status.want(&next.chain, || format!("next {usage} of this node"));
        let usable = status.check(&next.chain, node.clock.now_s());
        usable.map_err(|_unusable| "its status is not known to be good".to_owned())?;
    }
    // A start takes the next one where nothing good is in force.
    let in_use = node.own.works_with(usage, &next.sha256);
    if !in_use && !needs_no_listing(folder, usage, (&next, &judge)) {
        if !is_listed(node, usage, &next) {
            node.own.unlisted(usage);
            return Err("the directory does not list it yet".to_owned());
        }
        let settled = node.settings.directory_refresh.saturating_mul(ROUNDS);
        if node.own.listed_for(usage, next.sha256) < settled {
            return Err("the directory lists it; the other nodes get to know it".to_owned());
        }
    }
    judge
        .slot(folder, usage, Slot::Next)
        .map_err(|error| crate::chain(&error))?;
    folder
        .take_over(usage)
        .map_err(|error| crate::chain(&error))?;
    install(node, usage)?;
    Ok(next)
}

/// Whether peers know it as they know the one in force: the directory pins keys of connections, not their certificates, and
/// nothing of the consumer interface. Nothing is lost where the one in force has ended.
fn needs_no_listing(folder: &Folder, usage: Use, (next, judge): (&Checked, &Judge<'_>)) -> bool {
    let current = folder.chain(usage, Slot::Current);
    let current = current.and_then(|chain| judge.certificate(usage, &chain));
    match (usage, current) {
        (Use::Web, _) | (_, Err(OwnError::Refused { .. })) => true,
        (Use::Tls, Ok(current)) => current.spki_sha256 == next.spki_sha256,
        (Use::Tls | Use::Exchange, _) => false,
    }
}

/// Whether the directory in force has its pin, or the very certificate where messages name it.
fn is_listed(node: &Node, usage: Use, next: &Checked) -> bool {
    let own = &node.settings.node;
    node.watch.newest().is_some_and(|view| match usage {
        Use::Web => true,
        Use::Tls => view.tls_belongs(next).as_ref() == Some(own),
        Use::Exchange => {
            let key = view.exchange_key(&URL_SAFE_NO_PAD.encode(next.sha256));
            key.is_some_and(|key| key.node == *own)
        }
    })
}

/// Works with what lies in force in the keys folder from now on.
fn install(node: &Node, usage: Use) -> Result<(), String> {
    let (settings, trust, now_s) = (&node.settings, &node.trust, node.clock.now_s());
    let files = OwnFiles::in_force(usage);
    let identity = || TlsIdentity::of(&settings.keys, &files).map_err(|error| crate::chain(&error));
    match usage {
        Use::Tls => {
            let identity = identity()?;
            let own = own_tls(settings, trust, (&identity, &files), now_s)?;
            let server = peer_server(&identity, Arc::clone(trust));
            node.own
                .show(usage, server.map_err(|error| crate::chain(&error))?);
            node.peers.show(identity);
            node.own.follow(&own);
        }
        Use::Exchange => {
            let read = exchange_signer(settings, trust, &files, now_s);
            let (signer, own) = read.map_err(|error| crate::chain(&*error))?;
            node.own.sign_with(signer);
            node.own.follow(&own);
        }
        Use::Web => {
            let identity = identity()?;
            let server = consumer_server(&identity);
            node.own
                .show(usage, server.map_err(|error| crate::chain(&error))?);
            node.own.shows_web(identity);
        }
    }
    Ok(())
}
