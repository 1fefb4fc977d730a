//! A journal for tests: keys, entries, and a check of everything that was acknowledged.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bridge_core::identity::MemberId;
use bridge_core::leaf::{EvidenceMode, Kind, Leaf, Side, UnixMillis};
use bridge_signature::{
    Algorithm, AnswerView, Base, Component, FileSigner, Message, Params, RequestView, Signer,
    signature_base,
};
use bytes::Bytes;
use http::HeaderMap;
use ring::rand::SystemRandom;
use ring::signature::Ed25519KeyPair;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::disk::Disk;
use crate::disk::memory::MemoryDisk;
use crate::tree::{Tree, leaf_hash};
use crate::{
    Entry, Journal, JournalConfig, JournalError, JournalKeys, LinkField, OpenError, Opened,
    Receipt, SMALLEST_SEGMENT_BYTES,
};

pub(super) const ORIGIN: &str = "exchange.example/AZ/GOV/1001/node-1/1";
pub(super) const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

/// Settings and keys that outlive one opening.
pub(super) struct Bench {
    pub(super) config: JournalConfig,
    checkpoint_pkcs8: Vec<u8>,
    evidence: [u8; 32],
    pub(super) signer: Arc<dyn Signer>,
    pub(super) fatal: Arc<AtomicUsize>,
    /// What the journal was doing when something failed.
    pub(super) doing: Arc<Mutex<BTreeSet<&'static str>>>,
}

impl Bench {
    /// Small segments, and a checkpoint after each batch.
    pub(super) fn new() -> Self {
        let random = SystemRandom::new();
        let key = || {
            Ed25519KeyPair::generate_pkcs8(&random)
                .expect("random")
                .as_ref()
                .to_vec()
        };
        let signer = FileSigner::from_pkcs8(Algorithm::Ed25519, &key(), "node-1-key".to_owned());
        let mut config = JournalConfig::new("", ORIGIN);
        config.segment_bytes = SMALLEST_SEGMENT_BYTES;
        config.checkpoint_every = Duration::ZERO;
        Self {
            config,
            checkpoint_pkcs8: key(),
            evidence: [7; 32],
            signer: Arc::new(signer.expect("a key")),
            fatal: Arc::default(),
            doing: Arc::default(),
        }
    }

    pub(super) fn keys(&self) -> JournalKeys {
        JournalKeys {
            checkpoint_pkcs8: Zeroizing::new(self.checkpoint_pkcs8.clone()),
            evidence: Zeroizing::new(self.evidence),
        }
    }

    /// The same journal with another evidence key.
    pub(super) fn with_evidence_key(mut self, byte: u8) -> Self {
        self.evidence = [byte; 32];
        self
    }

    pub(super) fn open(&self, disk: &MemoryDisk) -> Result<(Journal, Opened), OpenError> {
        self.open_on(Arc::new(disk.clone()))
    }

    pub(super) fn open_on(&self, disk: Arc<dyn Disk>) -> Result<(Journal, Opened), OpenError> {
        let signer = self.signer.clone();
        let opened = Journal::open_on(
            disk,
            self.config.clone(),
            self.keys(),
            signer,
            (NOW, self.on_fatal()),
        );
        opened.inspect_err(|error| {
            if let OpenError::Write(error) = error {
                note(&self.doing, error);
            }
        })
    }

    pub(super) fn open_folder(&self) -> Result<(Journal, Opened), OpenError> {
        let (config, keys) = (self.config.clone(), self.keys());
        Journal::open(config, keys, self.signer.clone(), NOW, self.on_fatal())
    }

    fn on_fatal(&self) -> crate::OnFatal {
        let (fatal, doing) = (self.fatal.clone(), self.doing.clone());
        Box::new(move |error| {
            note(&doing, error);
            fatal.fetch_add(1, Ordering::SeqCst);
        })
    }
}

fn note(doing: &Mutex<BTreeSet<&'static str>>, error: &JournalError) {
    if let JournalError::Disk { doing: what, .. } = error {
        doing
            .lock()
            .expect("nothing panics while it holds this")
            .insert(*what);
    }
}

/// The leaf that begins or ends an exchange.
pub(super) fn leaf(kind: Kind, exchange: u128) -> Leaf {
    let member = MemberId::new("AZ", "GOV", "1001").expect("an identifier");
    let client =
        MemberId::new("AZ", "GOV", format!("20{:02}", exchange % 4)).expect("an identifier");
    let mut leaf = Leaf::new(
        kind,
        UnixMillis(NOW.0 + u64::try_from(exchange).expect("small")),
    );
    leaf.request_id = Some(Uuid::from_u128(exchange));
    leaf.side = Some(Side::Provider);
    leaf.client = Some(client.subsystem("APP").expect("an identifier"));
    let registry = member.subsystem("POPULATION").expect("an identifier");
    leaf.service = Some(registry.service("person").expect("an identifier"));
    leaf
}

/// A received request with a body of this many bytes.
pub(super) fn request(exchange: u128, body_bytes: usize) -> Entry {
    Entry {
        leaf: leaf(Kind::RequestReceived, exchange),
        sign: None,
        link_as: LinkField::Link,
        base: Some(format!("\"@method\": GET\n{exchange}").into_bytes()),
        signature: Some(vec![1; 64]),
        body: Some(body(exchange, body_bytes)),
        subjects: vec![("fin".to_owned(), format!("FIN{exchange}"))],
        mode: EvidenceMode::Full,
    }
}

/// An answer to be signed.
pub(super) fn answer(exchange: u128, body_bytes: usize) -> Entry {
    Entry {
        leaf: leaf(Kind::ResponseSigned, exchange),
        sign: Some(base("plain", exchange).into()),
        link_as: LinkField::AnswerLink,
        base: None,
        signature: None,
        body: Some(body(exchange, body_bytes)),
        subjects: Vec::new(),
        mode: EvidenceMode::Full,
    }
}

/// The base of an answer, in the form that the tag says.
pub(super) fn base(tag: &str, exchange: u128) -> Base {
    let mut fields = HeaderMap::new();
    let number = exchange.to_string().parse().expect("a value");
    fields.insert("exchange", number);
    let request = RequestView {
        method: "GET",
        target: "/",
        authority: "a.example",
        scheme: "https",
        fields: &HeaderMap::new(),
    };
    let answer = AnswerView {
        status: 200,
        fields: &fields,
        request,
    };
    let covered = ["@status", "exchange"].map(Component::new);
    let params = Params {
        tag: Some(tag.to_owned()),
        ..Params::default()
    };
    signature_base(&Message::Answer(answer), &covered, &params).expect("a base")
}

pub(super) fn body(exchange: u128, bytes: usize) -> Bytes {
    let text = format!("{exchange};").into_bytes();
    text.iter()
        .copied()
        .cycle()
        .take(bytes)
        .collect::<Vec<u8>>()
        .into()
}

/// Checks that the log is whole and holds each receipt's leaf where the receipt says.
pub(super) fn check(journal: &Journal, receipts: &[Receipt]) {
    // The digest of a sealed segment's index may become a leaf at any moment: the tree is compared at the size it had before.
    let head = journal.head();
    let leaves = journal.leaves_since(UnixMillis(0)).expect("readable");
    let mut tree = Tree::default();
    for (number, (index, leaf)) in leaves.iter().enumerate() {
        assert_eq!(*index, number as u64);
        let mut bytes = Vec::new();
        leaf.write(&mut bytes).expect("a leaf");
        let hash = leaf_hash(&bytes);
        if tree.size() < head.size {
            tree.append(hash, |_, _| ());
        }
        for receipt in receipts.iter().filter(|receipt| receipt.index == *index) {
            assert_eq!(receipt.leaf_hash, hash);
        }
    }
    assert_eq!((head.size, head.root), (tree.size(), tree.root()));
    for receipt in receipts {
        assert!(receipt.index < head.size, "leaf {} is lost", receipt.index);
    }
}
