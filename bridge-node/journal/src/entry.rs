//! What goes into the journal and what comes back.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bridge_core::identity::{ServiceId, SubsystemId};
use bridge_core::leaf::{EvidenceMode, Kind, Leaf, Side, UnixMillis};
use bridge_signature::{Base, Form, Signer};
use bytes::Bytes;
use uuid::Uuid;

use crate::evidence::Evidence;

/// What is to be recorded: a leaf, and the message it is about.
///
/// Evidence is of one message: the one signed here (`sign`), or the one received (`base`, `signature`).
#[derive(Clone, Debug)]
pub struct Entry {
    /// The facts. Time, link, mode, evidence and subjects are filled in by the journal.
    pub leaf: Leaf,
    /// The message to sign.
    pub sign: Option<Unsigned>,
    /// Which field of the leaf takes the link of the signature made.
    pub link_as: LinkField,
    /// The signature base of the message received.
    pub base: Option<Vec<u8>>,
    /// The signature of the message received.
    pub signature: Option<Vec<u8>>,
    /// The body of the message. Above [`EVIDENCE_BODY_BYTES`](crate::EVIDENCE_BODY_BYTES) the mode
    /// becomes `digest`.
    pub body: Option<Bytes>,
    /// The persons concerned: type and value.
    pub subjects: Vec<(String, String)>,
    /// How much evidence is kept.
    pub mode: EvidenceMode,
}

impl Entry {
    /// Makes an entry of a leaf alone, without message and evidence.
    pub fn of(leaf: Leaf) -> Self {
        Self {
            leaf,
            sign: None,
            link_as: LinkField::Link,
            base: None,
            signature: None,
            body: None,
            subjects: Vec::new(),
            mode: EvidenceMode::None,
        }
    }
}

/// A message to sign, in each form that its receiver takes.
#[derive(Clone)]
pub struct Unsigned {
    /// The base that is signed if the message is signed on its own.
    pub plain: Base,
    /// The base that is signed if the message is signed with others; `None` if it must not be.
    pub batch: Option<Base>,
    /// The key that the bases name, where it may be another than the one that the journal was opened with.
    pub signer: Option<Arc<dyn Signer>>,
}

impl fmt::Debug for Unsigned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unsigned")
            .field("plain", &self.plain)
            .field("batch", &self.batch)
            .finish_non_exhaustive()
    }
}

impl From<Base> for Unsigned {
    fn from(plain: Base) -> Self {
        Self {
            plain,
            batch: None,
            signer: None,
        }
    }
}

/// A signature made by the journal's station.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// Whether the message was signed on its own or with others.
    pub form: Form,
    /// What goes into `Signature-Input`.
    pub input: String,
    /// The signature's bytes.
    pub value: Vec<u8>,
}

/// The field of a leaf that takes the link of a signature made here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkField {
    /// `link`: the signature of a request.
    Link,
    /// `answer_link`: the signature of an answer.
    AnswerLink,
}

/// Says that an entry is durable, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The leaf's number in the log, from 0.
    pub index: u64,
    /// The leaf's hash in the tree.
    pub leaf_hash: [u8; 32],
    /// The signature made, if one was asked for.
    pub signature: Option<Signed>,
    /// The log's origin.
    pub origin: Arc<str>,
    /// The time in the leaf.
    pub time: UnixMillis,
}

impl Receipt {
    /// Returns `{origin}#{index}:{base64url of the leaf hash}`.
    pub fn text(&self) -> String {
        receipt_text(&self.origin, self.index, &self.leaf_hash)
    }
}

/// Writes `{origin}#{index}:{base64url of the leaf hash}`.
pub(crate) fn receipt_text(origin: &str, index: u64, leaf_hash: &[u8; 32]) -> String {
    let encoded = URL_SAFE_NO_PAD.encode(leaf_hash);
    [origin, "#", &index.to_string(), ":", &encoded].concat()
}

/// What was found when the journal was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// Exchanges that began and never ended, oldest first; the caller records `interrupted` for each.
    pub unfinished: Vec<(Uuid, Side, Leaf)>,
    /// Bytes of an unfinished, never acknowledged write that were cut off.
    pub cut_bytes: u64,
    /// Whether the journal is new.
    pub first_start: bool,
}

/// The state of the tree: everything in it is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Leaves in the tree.
    pub size: u64,
    /// Root of the tree.
    pub root: [u8; 32],
    /// Time of the newest leaf; 0 if there is none.
    pub newest: UnixMillis,
}

/// What the journal has done since it was opened, and what it holds: for a node's metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Batches made durable.
    pub commits: u64,
    /// Bytes written in them.
    pub written_bytes: u64,
    /// Time spent making them durable.
    pub syncing: Duration,
    /// Leaves under the newest checkpoint.
    pub checkpoint_leaves: u64,
    /// Segments that are sealed.
    pub sealed_segments: u64,
    /// Entries that wait for the station.
    pub waiting: u64,
    /// Signatures that the exchange key made.
    pub signatures: u64,
    /// Messages that they sign; more than signatures where messages were signed together.
    pub signed_messages: u64,
}

/// What to search for: leaves that fit all that is given.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// The earliest time, included.
    pub from: Option<UnixMillis>,
    /// The latest time, included.
    pub to: Option<UnixMillis>,
    /// Who asked.
    pub client: Option<SubsystemId>,
    /// What was asked for.
    pub service: Option<ServiceId>,
    /// The outcome's code.
    pub outcome: Option<String>,
    /// The exchange.
    pub request_id: Option<Uuid>,
    /// What the leaf records.
    pub kind: Option<Kind>,
    /// The most hits to return; the newest ones. `None` is all.
    pub limit: Option<usize>,
}

/// A leaf that was searched for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// The leaf's number in the log.
    pub index: u64,
    /// The leaf.
    pub leaf: Leaf,
}

/// A record with its evidence opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The leaf's number in the log.
    pub index: u64,
    /// The leaf.
    pub leaf: Leaf,
    /// The leaf exactly as it stands in the log.
    pub leaf_bytes: Vec<u8>,
    /// The leaf's hash in the tree.
    pub leaf_hash: [u8; 32],
    /// The message, checked against the leaf; `None` if none was kept or its secret was erased.
    pub evidence: Option<Evidence>,
}
