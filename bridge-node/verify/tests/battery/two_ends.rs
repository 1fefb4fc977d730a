//! Two members' journals, written by the node's own writer, for the tests of reconciliation.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bridge_core::leaf::{Kind, Leaf, Side, UnixMillis, nonce_mark};
use bridge_journal::{Entry, Journal, JournalConfig, JournalKeys};
use bridge_signature::{Algorithm, FileSigner};
use bridge_verify::{Exchange, Plan, Summary, reconcile};
use ring::rand::SystemRandom;
use ring::signature::Ed25519KeyPair;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::model::{b64url, hash};

pub(crate) const START_MS: u64 = 1_770_000_000_000;

/// From one exchange to the next.
pub(crate) const STEP_MS: u64 = 1000;

/// The four leaves of an exchange: what the consumer has and what the provider has.
pub(crate) type Leaves = (Vec<Leaf>, Vec<Leaf>);

pub(crate) fn request_id(number: u64) -> Uuid {
    let mark = hash(&[b"id", &number.to_be_bytes()]);
    uuid::Builder::from_random_bytes(mark[..16].try_into().unwrap()).into_uuid()
}

/// An exchange that went well.
pub(crate) fn exchange(number: u64) -> Leaves {
    let leaf = |kind, side, later: u64| {
        let mut leaf = Leaf::new(kind, UnixMillis(START_MS + number * STEP_MS + later));
        let mark = hash(&[b"mark", &number.to_be_bytes()]);
        let (ours, theirs) = (b64url(&hash(&[b"key 1"])), b64url(&hash(&[b"key 2"])));
        let is_end = matches!(kind, Kind::ResponseSigned | Kind::ResponseReceived);
        leaf.request_id = Some(request_id(number));
        leaf.side = Some(side);
        leaf.client = Some("AZ/GOV/2001/TAX".parse().unwrap());
        leaf.service = Some("AZ/GOV/1001/POPULATION/person".parse().unwrap());
        leaf.endpoint = Some("GET /*".to_owned());
        leaf.purpose = Some("tax-assessment".to_owned());
        leaf.basis = Some("law \"23\"".to_owned());
        leaf.contract = Some(format!("c1@{}", b64url(&hash(&[b"contract"]))));
        leaf.rules = ["at:1".to_owned()].into();
        leaf.request_size = Some(256);
        let (own, peer) = if side == Side::Consumer {
            (ours, theirs)
        } else {
            (theirs, ours)
        };
        leaf.keyid = Some(own);
        leaf.peer_keyid = (is_end || side == Side::Provider).then_some(peer);
        leaf.nonce = Some(nonce_mark(&mark[..16].try_into().unwrap()));
        leaf.link = Some(hash(&[b"request", &mark]));
        if is_end {
            leaf.outcome = Some("ok".to_owned());
            leaf.status = Some(200);
            leaf.answer_size = Some(1024);
            leaf.duration_ms = Some(5);
            leaf.answer_link = Some(hash(&[b"answer", &mark]));
        }
        leaf
    };
    (
        vec![
            leaf(Kind::RequestSent, Side::Consumer, 0),
            leaf(Kind::ResponseReceived, Side::Consumer, 9),
        ],
        vec![
            leaf(Kind::RequestReceived, Side::Provider, 3),
            leaf(Kind::ResponseSigned, Side::Provider, 6),
        ],
    )
}

/// A leaf of another kind about the same exchange, without an answer.
pub(crate) fn ending(of: &Leaf, kind: Kind, outcome: Option<&str>) -> Leaf {
    let mut leaf = of.clone();
    leaf.kind = kind;
    leaf.time.0 += 5;
    leaf.outcome = outcome.map(str::to_owned);
    (leaf.status, leaf.answer_size, leaf.answer_link) = (None, None, None);
    leaf
}

/// The journals of the two members.
pub(crate) struct Ends {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) vkeys: Vec<String>,
}

impl Ends {
    /// Writes `count` exchanges, each as `change` leaves it.
    pub(crate) fn write(count: u64, change: impl Fn(u64, &mut Leaves)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let exchanges: Vec<Leaves> = (0..count)
            .map(|number| {
                let mut leaves = exchange(number);
                change(number, &mut leaves);
                leaves
            })
            .collect();
        let (consumer, provider): (Vec<_>, Vec<_>) = exchanges.into_iter().unzip();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let vkeys = [("2001", consumer), ("1001", provider)].map(|(member, leaves)| {
            let leaves: Vec<Leaf> = leaves.into_iter().flatten().collect();
            runtime.block_on(write(&folder.path().join(member), member, leaves))
        });
        Self {
            folder,
            vkeys: vkeys.to_vec(),
        }
    }

    pub(crate) fn consumer(&self) -> PathBuf {
        self.folder.path().join("2001")
    }

    pub(crate) fn provider(&self) -> PathBuf {
        self.folder.path().join("1001")
    }

    pub(crate) fn plan(&self) -> Plan {
        Plan {
            sources: vec![self.consumer(), self.provider()],
            vkeys: self.vkeys.clone(),
            from_ms: None,
            to_ms: None,
            edge_ms: 0,
            work: self.folder.path().to_owned(),
        }
    }

    pub(crate) fn reconcile(&self) -> (Summary, Vec<Exchange>) {
        run(&self.plan())
    }
}

pub(crate) fn run(plan: &Plan) -> (Summary, Vec<Exchange>) {
    let mut told = Vec::new();
    let summary = reconcile(plan, &mut |_| {}, &mut |exchange| {
        told.push(exchange.clone());
    })
    .unwrap();
    (summary, told)
}

async fn write(folder: &Path, member: &str, leaves: Vec<Leaf>) -> String {
    let journal = open(folder, member);
    record(&journal, leaves).await;
    journal.close().await.unwrap();
    journal.vkey().to_owned()
}

pub(crate) fn open(folder: &Path, member: &str) -> Journal {
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    let keys = JournalKeys {
        checkpoint_pkcs8: Zeroizing::new(pkcs8.as_ref().to_vec()),
        evidence: Zeroizing::new([7; 32]),
    };
    let signer =
        FileSigner::from_pkcs8(Algorithm::Ed25519, pkcs8.as_ref(), "k".to_owned()).unwrap();
    let origin = format!("exchange.example/AZ/GOV/{member}/NODE1/1");
    let mut config = JournalConfig::new(folder, origin);
    // Small, so that there are several; large enough to be written fast.
    config.segment_bytes = 512 << 10;
    config.checkpoint_every = Duration::from_millis(5);
    let on_fatal = Box::new(|error: &_| panic!("{error:?}"));
    let now = UnixMillis(START_MS);
    let opened = Journal::open(config, keys, Arc::new(signer), now, on_fatal);
    opened.unwrap().0
}

pub(crate) async fn record(journal: &Journal, leaves: Vec<Leaf>) {
    for some in leaves.chunks(500) {
        let mut writing = tokio::task::JoinSet::new();
        for leaf in some.iter().cloned() {
            let journal = journal.clone();
            writing.spawn(async move { journal.record(Entry::of(leaf)).await.map(drop) });
        }
        for written in writing.join_all().await {
            written.unwrap();
        }
    }
}
