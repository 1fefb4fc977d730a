//! The watch over other nodes' receipts: from time to time, what is not proven yet is looked up in the logs that gave it.
//!
//! One checkpoint and a tile for up to 256 receipts are read of each log, so many exchanges cost a few requests.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bridge_journal::LogTile;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::alarm::{Alarm, Raised, raise};
use super::ledger::{Ledger, Log, Pending};
use super::peer_log::{PeerLog, Unread};
use super::{kept, ledger};
use crate::metrics::Limit;
use crate::node::Node;

/// How often new answers are taken, so that no more of them pile up than the journal keeps in memory.
const TAKE_EVERY: Duration = Duration::from_secs(1);
/// Logs that are read at a time.
const LOGS: usize = 8;

/// What a look at one log found.
struct Examined {
    origin: String,
    log: Log,
    proven: usize,
    /// Other leaves stand in their places.
    missing: Vec<Pending>,
    /// Two checkpoints that contradict each other, or one whose tiles do.
    forked: Option<(String, String)>,
    unread: Option<Unread>,
}

/// Looks until the node drains.
pub async fn keep_checking(node: Arc<Node>) {
    let folder = node.settings.data_folder.clone();
    let mut ledger = kept::read(&folder, node.journal.origin(), node.journal.head().size);
    let looks = async {
        let mut kept = state(&ledger);
        loop {
            let due = Instant::now() + node.settings.limits.receipt_check;
            while Instant::now() < due {
                tokio::time::sleep_until(due.min(Instant::now() + TAKE_EVERY)).await;
                take_new(&node, &mut ledger);
            }
            look(&node, &mut ledger, (&folder, &mut kept)).await;
        }
    };
    tokio::select! {
        () = node.house.draining.cancelled() => {}
        () = looks => {}
    }
}

/// What has to be kept when it changes.
fn state(ledger: &Ledger) -> (u64, u64) {
    (ledger.unproven_from(), ledger.told)
}

async fn look(node: &Arc<Node>, ledger: &mut Ledger, (folder, kept): (&Path, &mut (u64, u64))) {
    read_new(node, ledger).await;
    let (mut raised, mut proven, mut unread) = (Vec::new(), 0, BTreeMap::new());
    for examined in examine_all(node, ledger).await {
        let origin = examined.origin;
        proven += examined.proven as u64;
        if let Some(notes) = examined.forked {
            raised.push(forked(&origin, ledger, examined.log, notes));
            continue;
        }
        if !examined.missing.is_empty() {
            raised.push(Raised {
                alarm: Alarm::Missing,
                origin: origin.clone(),
                receipts: examined.missing,
                notes: None,
            });
        }
        if let Some(why) = examined.unread {
            unread.insert(origin.clone(), why);
        }
        ledger.logs.insert(origin, examined.log);
    }
    ledger.forget();
    raised.extend(overdue(node, ledger));
    for (origin, why) in unread {
        tracing::debug!(origin, %why, "a peer's log cannot be judged now");
    }
    tell(node, ledger, proven, &raised).await;
    let before = std::mem::replace(kept, state(ledger));
    if before != *kept || proven > 0 || !raised.is_empty() {
        // crash before: what was found out is found out again.
        let file = kept::File::of(node.journal.origin(), ledger);
        let folder = folder.to_owned();
        let written = tokio::task::spawn_blocking(move || file.write(&folder)).await;
        if let Ok(Err(error)) = written {
            tracing::error!(%error, "what is known of peers' logs cannot be kept");
        }
    }
}

/// Takes what answers since the last time say, as far as it is in memory and there is room.
fn take_new(node: &Node, ledger: &mut Ledger) {
    let most = node.settings.limits.receipts_pending;
    let room = most.saturating_sub(ledger.pending());
    if room > 0
        && let Some(page) = ledger::take(&node.journal, ledger.next, room)
    {
        ledger.take_in(page);
    }
}

/// Reads what this node's own leaves say since the last look, as far as there is room.
async fn read_new(node: &Arc<Node>, ledger: &mut Ledger) {
    let most = node.settings.limits.receipts_pending;
    loop {
        let mut room = most.saturating_sub(ledger.pending());
        if room == 0 {
            room = ledger.let_go();
            node.house.metrics.reached(Limit::ReceiptsPending);
        }
        if let Some(page) = ledger::take(&node.journal, ledger.next, room) {
            return ledger.take_in(page);
        }
        let (journal, next) = (node.journal.clone(), ledger.next);
        let read = tokio::task::spawn_blocking(move || ledger::read(&journal, next, room)).await;
        match read {
            Ok(Ok(page)) => {
                let more = page.more;
                ledger.take_in(page);
                if !more {
                    return;
                }
            }
            Ok(Err(error)) => {
                tracing::error!(error = %crate::chain(&error), "own leaves cannot be read for receipts");
                return;
            }
            Err(_panicked) => return,
        }
    }
}

/// Looks into every log that has something to prove.
async fn examine_all(node: &Arc<Node>, ledger: &mut Ledger) -> Vec<Examined> {
    let places = Arc::new(Semaphore::new(LOGS));
    let mut looks = JoinSet::new();
    for (origin, log) in &mut ledger.logs {
        if log.pending.is_empty() {
            continue;
        }
        let log = Log {
            pending: std::mem::take(&mut log.pending),
            seen: log.seen.clone(),
            let_go: log.let_go,
        };
        let (node, origin, places) = (Arc::clone(node), origin.clone(), Arc::clone(&places));
        let within = node.settings.limits.exchange_timeout;
        looks.spawn(async move {
            let _place = places.acquire().await;
            let mut examined = Examined {
                origin,
                log,
                proven: 0,
                missing: Vec::new(),
                forked: None,
                unread: None,
            };
            // However slowly a peer gives its tiles, the others' turn comes; what was proven by then is.
            let looked = tokio::time::timeout(within, examine(&node, &mut examined)).await;
            let looked = looked.map_err(|_elapsed| Unread::NotReached("too slow".to_owned()));
            examined.unread = looked.and_then(|looked| looked).err();
            examined
        });
    }
    looks.join_all().await
}

async fn examine(node: &Node, found: &mut Examined) -> Result<(), Unread> {
    let view = node.watch.view(node.clock.now_s());
    let view = view.map_err(|refusal| Unread::NotReached(refusal.to_string()))?;
    let mut peer = PeerLog::find(node, &view, &found.origin)?;
    let (newer, signed) = peer.open(&peer.checkpoint().await?)?;
    let mut newest = true;
    let mut before = String::new();
    if let Some(kept) = &found.log.seen {
        let seen;
        (seen, before) = peer.open(kept)?;
        if !peer.agree(seen, newer).await? {
            found.forked = Some((before, signed));
            return Ok(());
        }
        newest = seen.size <= newer.size;
    }
    let log = &mut found.log;
    while let Some((&(first, _), _)) = log.pending.range(..(newer.size, 0)).next() {
        let Some(hashes) = peer.leaves_beside(first, newer).await? else {
            found.forked = Some((before, signed));
            return Ok(());
        };
        let end = (first / 256 + 1).saturating_mul(256).min(newer.size);
        let later = log.pending.split_off(&(end, 0));
        for pending in std::mem::replace(&mut log.pending, later).into_values() {
            if LogTile::leaf_hash(&hashes, pending.index) == Some(pending.leaf_hash) {
                found.proven += 1;
                log.let_go = false;
            } else {
                found.missing.push(pending);
            }
        }
        if newest {
            log.seen = Some(signed.clone());
        }
    }
    if newest {
        log.seen = Some(signed);
    }
    Ok(())
}

/// Nothing that a log with two histories gave can be proven: all of it is told. What was seen first stays what is compared.
fn forked(origin: &str, ledger: &mut Ledger, log: Log, notes: (String, String)) -> Raised {
    let known = ledger.logs.entry(origin.to_owned()).or_default();
    known.seen = log.seen;
    Raised {
        alarm: Alarm::Forked,
        origin: origin.to_owned(),
        receipts: log.pending.into_values().collect(),
        notes: Some(notes),
    }
}

/// What has waited too long, and was not told yet.
fn overdue(node: &Node, ledger: &mut Ledger) -> Vec<Raised> {
    let within = node.settings.limits.receipt_within;
    let within_ms = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
    let now = node.clock.now();
    let mut raised = Vec::new();
    for (origin, log) in &mut ledger.logs {
        let late = log.pending.values_mut();
        let late = late.filter(|one| !one.told && now.0.saturating_sub(one.time.0) > within_ms);
        let receipts: Vec<Pending> = late
            .map(|one| {
                one.told = true;
                ledger.told = ledger.told.max(one.own_index + 1);
                one.clone()
            })
            .collect();
        if !receipts.is_empty() {
            raised.push(Raised {
                alarm: Alarm::Overdue,
                origin: origin.clone(),
                receipts,
                notes: None,
            });
        }
    }
    raised
}

/// Tells what was found: leaves first, then what metrics and `ready` show.
async fn tell(node: &Node, ledger: &Ledger, proven: u64, raised: &[Raised]) {
    let known = node.receipts.standing().faults;
    for one in raised {
        let is_new = known.get(&one.origin) < Some(&one.alarm);
        raise(node, one, is_new).await;
    }
    let mut standing = node.receipts.lock();
    standing.proven += proven;
    standing.pending = ledger.pending() as u64;
    for one in raised {
        *standing.alarms.entry(one.alarm).or_default() += one.receipts.len() as u64;
        let fault = standing
            .faults
            .entry(one.origin.clone())
            .or_insert(one.alarm);
        *fault = one.alarm.max(*fault);
    }
    // A log that can be read again is as good as before; one that lied is not.
    let ended =
        |origin: &String, alarm: &Alarm| *alarm == Alarm::Overdue && !ledger.is_late(origin);
    standing.faults.retain(|origin, alarm| {
        if ended(origin, alarm) {
            tracing::info!(
                code = "peer_receipts",
                origin,
                "its receipts are proven again"
            );
        }
        !ended(origin, alarm)
    });
}
