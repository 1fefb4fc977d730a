//! Opening what a node needs of its past: the journal, the time below which it never falls, what was seen.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bridge_certs::Trust;
use bridge_core::leaf::{Leaf, Side, UnixMillis};
use bridge_core::quota::Counters;
use bridge_directory::Client;
use bridge_journal::{Journal, JournalConfig, JournalKeys, Opened, ReadError, WitnessKey};
use bridge_signature::Signer;

use super::leaves::Written;
use super::parts::root_fault;
use super::{OpenError, Vouched};
use crate::clock::Clock;
use crate::effects::{Bounds, Effects, Marker};
use crate::epochs::{self, History};
use crate::replay::Replay;
use crate::settings::{Fault, Limits, Settings};
use crate::stamping::Stamping;
use crate::watch::Watch;
use crate::witness::Witness;

/// Signed messages are remembered for the freshness window: 60 s of life, 60 s after, 30 s of clocks that differ.
const TAIL_MS: u64 = 150_000;
const DAY_MS: u64 = 86_400_000;
/// Requests that may wait for the journal's station.
const STATION_QUEUE: usize = 4096;
pub(super) fn open_journal(
    settings: &Settings,
    (keys, disk): (JournalKeys, Option<Arc<dyn bridge_journal::Disk>>),
    signer: Arc<dyn Signer>,
    (now, on_fatal): (UnixMillis, bridge_journal::OnFatal),
    moved: bool,
) -> Result<(Journal, Opened), bridge_journal::OpenError> {
    let epoch = epochs::current(settings).map_err(|source| {
        let file = "origin".to_owned();
        bridge_journal::OpenError::Read { file, source }
    })?;
    let config = JournalConfig {
        moved,
        segment_bytes: settings.limits.segment_bytes,
        queue: STATION_QUEUE,
        ..JournalConfig::new(epochs::journal_folder(settings), settings.log_origin(epoch))
    };
    match disk {
        None => Journal::open(config, keys, signer, now, on_fatal),
        Some(disk) => Journal::open_on(disk, config, keys, signer, (now, on_fatal)),
    }
}

/// A fault of opening, where it lies and what helps.
pub(super) fn one(place: &str, error: &dyn std::error::Error, remedy: &str) -> OpenError {
    OpenError(vec![Fault::new(place, crate::chain(error), remedy)])
}

/// The folder in which bodies are spooled.
pub(super) fn create_spool(data: &Path) -> Result<PathBuf, OpenError> {
    let spool = data.join("spool");
    std::fs::create_dir_all(&spool).map_err(|error| {
        let place = format!("node.data_folder: {}", spool.display());
        one(
            &place,
            &error,
            "give a folder that the node's user may write to",
        )
    })?;
    Ok(spool)
}

/// The directory as it was read last.
pub(crate) fn open_watch(
    settings: &Settings,
    root: &[u8],
    trust: &Arc<Trust>,
    now_s: u64,
) -> Result<Arc<Watch>, OpenError> {
    let store = settings.data_folder.join("directory");
    let opened = Client::open(&store, root);
    let client = opened.map_err(|error| OpenError(vec![root_fault(&error)]))?;
    Ok(Arc::new(Watch::new(client, trust, &settings.limits, now_s)))
}

/// What this node's witness has kept.
pub(super) fn open_witness(
    settings: &Settings,
    key: Option<WitnessKey>,
) -> Result<Witness, OpenError> {
    let folder = settings.data_folder.join("witness");
    let opened = Witness::open(key, &folder, settings.limits.witness_requests_per_minute);
    opened.map_err(|error| one(&folder.display().to_string(), &error, WITNESS_REMEDY))
}

/// A witness that has forgotten would cosign a fork.
const WITNESS_REMEDY: &str =
    "make the folder readable to the node's user; never remove it: it says what was cosigned";

pub(super) fn journal_remedy(error: &bridge_journal::OpenError) -> &'static str {
    use bridge_journal::OpenError as E;
    match error {
        E::Locked { .. } => "stop the other node with this data folder, or give this one its own",
        E::OtherLog { .. } => {
            "a journal keeps its node.id, node.log_domain and journal.key; give a new one a new node.data_folder"
        }
        E::Moved(_) => {
            "if this folder is the newest and the node that wrote it is stopped for ever, start once with --moved; a backup is taken over by `bridge-node restore`"
        }
        E::Damaged(_) => {
            "keep a copy, restore this file from a backup or the disk's mirror, and start again: nothing was cut; see config/README.md, \"The journal does not open\""
        }
        E::Read { .. } | E::Write(_) => {
            "mend the disk (space, mount, permissions) and start again; it goes on after the last durable leaf"
        }
        E::SegmentBytes { .. } | E::NoQueue | E::Key(_) | E::Thread(_) => {
            "see config/README.md, \"The journal does not open\""
        }
    }
}

/// Time begins at the newest leaf, unless the operator vouches for a clock that says less; then by how much.
pub(super) fn floor(clock: &Clock, newest: UnixMillis, vouched: Vouched) -> Option<u64> {
    clock.not_before(newest);
    let behind_ms = clock.behind_ms().filter(|_| vouched.clock);
    if behind_ms.is_some() {
        clock.disbelieve(newest);
    }
    behind_ms
}

/// The newest stamp is as old as it was.
pub(super) fn resumed(
    stamping: Option<Box<Stamping>>,
    journal: &Journal,
    now: UnixMillis,
) -> Option<Box<Stamping>> {
    stamping.inspect(|stamping| stamping.resume(journal, now))
}

/// The memory of replays and quotas comes back from the journal's newest leaves.
pub(super) fn remembered(
    history: &History,
    now: UnixMillis,
) -> (Replay, [Counters; 2], Option<String>) {
    let mut counters = [Counters::new(Side::Consumer), Counters::new(Side::Provider)];
    let since = |ms: u64| UnixMillis(now.0.saturating_sub(ms));
    let counted = history.each_begun_since(since(DAY_MS), &mut |begun, at, many| {
        for counters in &mut counters {
            // A leaf of a clock that ran ahead counts now: in a window of its own time nothing would end before that time.
            counters.count_begun(begun, at.min(now), many);
        }
    });
    let replay = Replay::new(0);
    let mut written = Written::until(now);
    let mut remember = |leaf: &Leaf| replay.remember_leaf(leaf, written.of(leaf));
    let read = counted.and_then(|()| history.each_leaf_since(since(TAIL_MS), &mut remember));
    match read {
        Ok(()) => (replay, counters, None),
        Err(error) => {
            let error: &ReadError = &error;
            tracing::error!(error = %crate::chain(error), "the journal's tail cannot be read; messages created before this start are refused");
            let why = format!(
                "the journal's newest leaves cannot be read, quotas count from this start: {}",
                crate::chain(error)
            );
            (Replay::new(now.0 / 1000), counters, Some(why))
        }
    }
}

/// The Idempotency-Keys that count, and why they are not known, if so.
pub(super) fn keys_begun(
    history: &History,
    marker: Marker,
    limits: &Limits,
    now: UnixMillis,
) -> (Arc<Effects>, Option<String>) {
    let bounds = Bounds {
        age: limits.idempotency_age,
        keys: limits.idempotency_keys,
        of_client: limits.idempotency_keys_of_client,
    };
    let (effects, error) = Effects::read(history, marker, bounds, now);
    let why = error.map(|error| {
        tracing::error!(error = %crate::chain(&error), "what was begun under Idempotency-Keys cannot be read; none is begun");
        format!(
            "the journal cannot be searched for Idempotency-Keys, requests with one are refused: {}",
            crate::chain(&error)
        )
    });
    (effects, why)
}
