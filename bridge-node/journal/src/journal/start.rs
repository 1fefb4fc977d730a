//! From a folder and keys to a running station.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};

use bridge_core::leaf::{Leaf, Side, UnixMillis};
use bridge_signature::Signer;
use ring::rand::SystemRandom;
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::ending::Ending;
use super::{Inner, Journal};
use crate::catalogue::Store;
use crate::config::{JournalConfig, JournalKeys, OnFatal};
use crate::disk::Disk;
use crate::entry::Opened;
use crate::error::{JournalError, Move, OpenError, ReadError};
use crate::home;
use crate::keeper::Keeper;
use crate::note::NoteKey;
use crate::reader::leaves_at;
use crate::recovery::{Ground, Recovered, recover};
use crate::shared::Shared;
use crate::station::{Batch, Message, Station};

/// Recovers the journal, brings it up to date, and starts its threads.
pub(super) fn start(
    (disk, store): (Arc<dyn Disk>, &dyn Fn() -> Box<dyn Store>),
    config: JournalConfig,
    keys: JournalKeys,
    signer: Arc<dyn Signer>,
    (now, on_fatal): (UnixMillis, OnFatal),
) -> Result<(Journal, Opened), OpenError> {
    config.check()?;
    let JournalConfig {
        origin,
        segment_bytes,
        checkpoint_every,
        queue,
        moved,
        ..
    } = config;
    let note_key = NoteKey::new(&origin, &keys.checkpoint_pkcs8).map_err(OpenError::Key)?;
    let verifier = note_key.verifier().clone();
    let ground = Ground {
        disk,
        store,
        verifier,
        evidence: keys.evidence,
        segment_bytes,
        moved,
        now,
    };
    let recovered = recover(ground)?;
    let opened = found(&recovered)?;
    let (shared, progress) = (recovered.shared, recovered.progress);
    let keeper = Keeper::start(&shared, segment_bytes).map_err(OpenError::Thread)?;
    let mut station = Station {
        shared: shared.clone(),
        signer,
        note_key,
        segment_bytes,
        checkpoint_every,
        keeper,
        open: recovered.open,
        tree: progress.tree,
        last_commit: progress.last_commit,
        newest_ms: progress.newest_ms,
        unfinished: progress.unfinished,
        signed_size: recovered.signed_size,
        batch: Batch::default(),
        spare: None,
        sealing: false,
        showing: 0,
        due: None,
        random: SystemRandom::new(),
    };
    station.begin(&recovered.without_leaf, now)?;
    move_in(&mut station, recovered.moved, now)?;
    // One place more than entries can wait: closing takes a place like an entry and gives it back early.
    let (inbox, messages) = sync_channel(queue.saturating_add(1));
    let queue = queue.min(Semaphore::MAX_PERMITS);
    let places = Arc::new(Semaphore::new(queue));
    let ending = Ending {
        shared: shared.clone(),
        places: places.clone(),
        on_fatal,
        lock: recovered.lock,
    };
    spawn(ending, station, messages)?;
    Ok((
        Journal {
            inner: Arc::new(Inner {
                vkey: shared.verifier.vkey(),
                shared,
                inbox,
                places,
                queue,
            }),
        },
        opened,
    ))
}

/// What the opener is told.
fn found(recovered: &Recovered) -> Result<Opened, ReadError> {
    let begun = recovered.progress.unfinished.indexes();
    Ok(Opened {
        unfinished: unfinished(&recovered.shared, &begun)?,
        cut_bytes: recovered.cut_bytes,
        first_start: recovered.first_start,
    })
}

fn spawn(ending: Ending, station: Station, messages: Receiver<Message>) -> Result<(), OpenError> {
    let thread = std::thread::Builder::new().name("journal-station".to_owned());
    let spawned = thread.spawn(move || ending.run(station, &messages));
    spawned.map(|_detached| ()).map_err(OpenError::Thread)
}

/// Records that the folder was moved, and makes it the journal's home.
fn move_in(
    station: &mut Station,
    moved: Option<Move>,
    now: UnixMillis,
) -> Result<(), JournalError> {
    let Some(why) = moved else { return Ok(()) };
    tracing::warn!(%why, "the journal has a new home, as the operator says");
    station.record_move(why, now)?;
    // crash here: the move is recorded, and has to be said again.
    home::make(&*station.shared.disk)
}

/// Reads the leaves that began what never ended.
pub(crate) fn unfinished(
    shared: &Shared,
    indexes: &[u64],
) -> Result<Vec<(Uuid, Side, Leaf)>, ReadError> {
    let leaves = leaves_at(shared, &shared.snapshot(), indexes)?.into_iter();
    let begun = |leaf: Leaf| Some((leaf.request_id?, leaf.side?, leaf));
    Ok(leaves.filter_map(begun).collect())
}
