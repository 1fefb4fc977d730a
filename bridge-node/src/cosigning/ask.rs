//! One witness is asked for one cosignature.
//!
//! Standard: C2SP tlog-witness.

use std::sync::Arc;

use bridge_journal::{Checkpoint, Journal, ReadError, Witness, note_text};
use bytes::Bytes;
use rustls::ClientConfig;

use super::transport::{Way, submit};
use crate::peers::Peers;
use crate::watch::View;
use crate::witness::{CLOSED, Submission, decimal};

/// A signature line and the size that it is over.
pub type Asked = (String, u64);

/// Why a witness did not cosign.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The directory does not say who it is.
    #[error("the directory does not list it with a key that can be read")]
    Unknown,
    /// It was not reached, or its answer was not HTTP.
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    /// It did not answer in time.
    #[error("it did not answer in time")]
    TimedOut,
    /// It has cosigned more leaves than this journal has.
    #[error("it has cosigned {witnessed} leaves, this journal has {held}")]
    Ahead {
        /// What it has cosigned.
        witnessed: u64,
        /// What is under this node's newest checkpoint.
        held: u64,
    },
    /// It holds another root.
    #[error("what it has cosigned is not the beginning of this journal")]
    Inconsistent,
    /// It watches a later log of this node.
    #[error("it has seen a later epoch of this node: this log is closed")]
    Closed,
    /// It answered with another status.
    #[error("it answered with status {0}")]
    Status(u16),
    /// Its answer is none of the specification.
    #[error("its answer is not a cosignature of its key")]
    NotGenuine,
    /// The proof for it cannot be made.
    #[error("no proof can be made for it")]
    Proof(#[source] ReadError),
}

// === impl AskError ===

impl AskError {
    /// Whether it holds another head of this journal.
    pub fn contradicts(&self) -> bool {
        matches!(self, Self::Ahead { .. } | Self::Inconsistent | Self::Closed)
    }
}

/// What asks witnesses, and for which log.
#[derive(Debug)]
pub struct Asker<L> {
    /// Connections to nodes.
    pub peers: Arc<Peers>,
    /// TLS towards witnesses at `https://` addresses.
    pub web: Option<Arc<ClientConfig>>,
    /// Who the witnesses are.
    pub view: Arc<View>,
    /// The log.
    pub log: L,
    /// The statement that the log follows another, for witnesses that don't know it yet.
    pub epoch: Option<Bytes>,
}

/// A log that can prove its growth.
pub trait Log: Clone + Send + Sync + 'static {
    /// Proves that the tree of `old` leaves is the beginning of that of `new`.
    ///
    /// # Errors
    ///
    /// [`ReadError`]
    fn consistency(&self, old: u64, new: u64) -> Result<Option<Vec<[u8; 32]>>, ReadError>;
}

impl Log for Journal {
    fn consistency(&self, old: u64, new: u64) -> Result<Option<Vec<[u8; 32]>>, ReadError> {
        Self::consistency(self, old, new)
    }
}

/// Asks a witness, which has cosigned `known` leaves as far as this node knows, for its cosignature.
///
/// # Errors
///
/// [`AskError`]
///
/// # Cancel safety
///
/// The witness may have cosigned and say so when it is asked next.
pub async fn ask<L: Log>(
    asker: &Asker<L>,
    name: &str,
    (checkpoint, signed): (Checkpoint, &Bytes),
    known: u64,
) -> Result<Asked, AskError> {
    let directory = asker.view.directory();
    let (place, vkey) = directory.witness(name).ok_or(AskError::Unknown)?;
    let witness = Witness::parse(vkey).map_err(|_not_one| AskError::Unknown)?;
    let way = Way::to(&asker.view, &place).ok_or(AskError::Unknown)?;
    let mut old = known.min(checkpoint.size);
    let (mut status, mut answer) = send(asker, &way, old, (checkpoint, signed)).await?;
    // Unknown to it, or known to it with another key: of two copies that begin one epoch the second finds out here.
    if matches!(status, NOT_FOUND | FORBIDDEN) && introduce(asker, &way).await? {
        (status, answer) = send(asker, &way, old, (checkpoint, signed)).await?;
    }
    if status == CONFLICT {
        let text = std::str::from_utf8(&answer).unwrap_or_default();
        let size = text.strip_suffix('\n').and_then(decimal);
        old = size.ok_or(AskError::NotGenuine)?;
        if old > checkpoint.size {
            let (witnessed, held) = (old, checkpoint.size);
            return Err(AskError::Ahead { witnessed, held });
        }
        (status, answer) = send(asker, &way, old, (checkpoint, signed)).await?;
    }
    match status {
        OK => {}
        UNPROCESSABLE => return Err(AskError::Inconsistent),
        NOT_FOUND if answer.starts_with(CLOSED.as_bytes()) => return Err(AskError::Closed),
        other => return Err(AskError::Status(other)),
    }
    let text = note_text(signed).map_err(|_form| AskError::NotGenuine)?;
    let lines = std::str::from_utf8(&answer).map_err(|_not_text| AskError::NotGenuine)?;
    let (line, _time) = witness.cosigned(text, lines).ok_or(AskError::NotGenuine)?;
    Ok((line.to_owned(), checkpoint.size))
}

/// Shows a witness that doesn't know the log, or not this key of it, which one it follows; says whether it knows it now.
async fn introduce<L: Log>(asker: &Asker<L>, way: &Way) -> Result<bool, AskError> {
    let (Some(statement), Way::Node(..)) = (&asker.epoch, way) else {
        return Ok(false);
    };
    let posted = submit(asker, way, ADD_EPOCH, statement.clone()).await;
    match posted.map_err(AskError::Unreachable)? {
        (OK, _) => Ok(true),
        // Another machine has begun this epoch, or a later one, with another key.
        (CONFLICT, _) => Err(AskError::Closed),
        (other, _) => Err(AskError::Status(other)),
    }
}

async fn send<L: Log>(
    asker: &Asker<L>,
    way: &Way,
    old: u64,
    (checkpoint, signed): (Checkpoint, &Bytes),
) -> Result<(u16, Bytes), AskError> {
    let proof = if old == 0 {
        Vec::new()
    } else {
        let log = asker.log.clone();
        let proving = tokio::task::spawn_blocking(move || log.consistency(old, checkpoint.size));
        let proved = proving.await.map_err(|_panicked| AskError::Inconsistent)?;
        let proof = proved.map_err(AskError::Proof)?;
        proof.ok_or(AskError::Inconsistent)?
    };
    let submission = Submission {
        old,
        proof,
        note: signed.clone(),
    };
    submit(asker, way, ADD_CHECKPOINT, submission.write())
        .await
        .map_err(AskError::Unreachable)
}

const ADD_CHECKPOINT: &str = "add-checkpoint";
const ADD_EPOCH: &str = "add-epoch";
const FORBIDDEN: u16 = 403;
const NOT_FOUND: u16 = 404;
const OK: u16 = 200;
const CONFLICT: u16 = 409;
const UNPROCESSABLE: u16 = 422;
