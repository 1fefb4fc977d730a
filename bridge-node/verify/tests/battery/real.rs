//! The judge against the node's own writer.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bridge_core::leaf::{EvidenceMode, Kind, Leaf, Side, UnixMillis};
use bridge_journal::{Entry, Journal, JournalConfig, JournalKeys, LinkField, OpenError, Unsigned};
use bridge_signature::{
    Algorithm, Base, Component, FileSigner, Message, Params, RequestView, signature_base,
};
use bridge_verify::{Options, verify};
use http::HeaderMap;
use ring::rand::SystemRandom;
use ring::signature::Ed25519KeyPair;
use zeroize::Zeroizing;

use crate::model::{b64url, hash};
use crate::mutations::battery;
use crate::writer::ORIGIN;

const EVIDENCE_KEY: [u8; 32] = [0x24; 32];

pub(crate) const START_MS: u64 = 1_770_000_000_000;

/// The keys of a node that is started several times.
pub(crate) struct Node {
    checkpoint: Vec<u8>,
    signer: Arc<FileSigner>,
}

impl Node {
    pub(crate) fn new() -> Self {
        let pkcs8 = || {
            Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
                .unwrap()
                .as_ref()
                .to_vec()
        };
        let signer = FileSigner::from_pkcs8(Algorithm::Ed25519, &pkcs8(), "k1".to_owned()).unwrap();
        Self {
            checkpoint: pkcs8(),
            signer: Arc::new(signer),
        }
    }

    pub(crate) fn open(&self, folder: &Path, now: u64) -> Journal {
        let mut config = JournalConfig::new(folder, ORIGIN);
        // Small, so that segments follow one another within a start too.
        config.segment_bytes = 128 << 10;
        config.checkpoint_every = Duration::from_millis(2);
        let keys = || JournalKeys {
            checkpoint_pkcs8: Zeroizing::new(self.checkpoint.clone()),
            evidence: Zeroizing::new(EVIDENCE_KEY),
        };
        // The one before may still be letting go of its lock.
        let patience = Instant::now() + Duration::from_secs(30);
        loop {
            let on_fatal = Box::new(|error: &_| panic!("{error:?}"));
            let now = UnixMillis(now);
            let (config, keys) = (config.clone(), keys());
            match Journal::open(config, keys, self.signer.clone(), now, on_fatal) {
                Ok((journal, _)) => return journal,
                Err(OpenError::Locked { .. }) if Instant::now() < patience => {
                    std::thread::yield_now();
                }
                Err(error) => panic!("{error:?}"),
            }
        }
    }
}

/// One half of an exchange, with every field that a leaf can have.
fn entry(number: u64) -> Entry {
    let is_answer = number % 2 == 1;
    let kind = if is_answer {
        Kind::ResponseReceived
    } else {
        Kind::RequestSent
    };
    let mut leaf = Leaf::new(kind, UnixMillis(START_MS + number));
    leaf.request_id = Some(uuid::Uuid::from_u128(u128::from(number / 2) + (7 << 100)));
    leaf.side = Some(Side::Consumer);
    leaf.client = Some(format!("AZ/GOV/1001/TAX%2F{}", number % 4).parse().unwrap());
    leaf.service = Some("AZ/GOV/1002/POP/person".parse().unwrap());
    leaf.endpoint = Some("GET /persons/*".to_owned());
    leaf.purpose = Some("p1".to_owned());
    leaf.basis = Some("law \"7\"".to_owned());
    leaf.contract = Some(format!("c1@{}", b64url(&hash(&[b"contract"]))));
    leaf.decision = Some(true);
    leaf.rules = ["r1".to_owned(), "r2".to_owned()].into();
    leaf.outcome = Some("ok".to_owned());
    leaf.status = Some(200);
    leaf.request_size = Some(256);
    leaf.answer_size = Some(1024);
    leaf.duration_ms = Some(50);
    leaf.keyid = Some("k1".to_owned());
    leaf.peer_keyid = Some("k2".to_owned());
    leaf.nonce = Some(bridge_core::leaf::nonce_mark(&[7; 16]));
    leaf.facts.insert("a".to_owned(), "1".to_owned());
    let body = format!("{{\"n\":{number}}}");
    let [plain, batch] =
        ["bridge-request-v1", "bridge-request-batch-v1"].map(|tag| base(&body, tag));
    let mut entry = Entry::of(leaf);
    entry.body = Some(body.into_bytes().into());
    entry.subjects = vec![("fin".to_owned(), "5AB".to_owned())];
    entry.mode = if number % 10 == 3 {
        EvidenceMode::Digest
    } else {
        EvidenceMode::Full
    };
    if is_answer {
        // Received: the links are the caller's to set.
        let signature = hash(&[&number.to_be_bytes()]).repeat(2);
        entry.leaf.link = Some(hash(&[b"bridge-link-v1", &[1; 64]]));
        entry.leaf.answer_link = Some(hash(&[b"bridge-link-v1", &signature]));
        (entry.base, entry.signature) = (Some(plain.into_bytes()), Some(signature));
    } else {
        entry.sign = Some(Unsigned {
            plain,
            batch: Some(batch),
            signer: None,
        });
        entry.link_as = LinkField::Link;
    }
    entry
}

/// The signature base of a request with that body.
fn base(body: &str, tag: &str) -> Base {
    let digest = STANDARD.encode(hash(&[body.as_bytes()]));
    let mut fields = HeaderMap::new();
    fields.insert(
        "content-digest",
        format!("sha-256=:{digest}:").parse().unwrap(),
    );
    let request = RequestView {
        method: "GET",
        target: "/",
        authority: "a.example",
        scheme: "https",
        fields: &fields,
    };
    let covered = ["@method", "content-digest"].map(Component::new);
    let params = Params {
        tag: Some(tag.to_owned()),
        ..Params::default()
    };
    signature_base(&Message::Request(request), &covered, &params).unwrap()
}

/// Records a run of entries, several at a time.
async fn record(journal: &Journal, numbers: std::ops::Range<u64>) {
    let mut number = numbers.start;
    while number < numbers.end {
        let together = (number % 5 + 1).min(numbers.end - number);
        let waiting: Vec<_> = (number..number + together)
            .map(|number| {
                let journal = journal.clone();
                // Every ninth leaf has no evidence and no secret.
                let entry = if number % 9 == 8 {
                    Entry::of(Leaf::new(Kind::AuditRead, UnixMillis(START_MS + number)))
                } else {
                    entry(number)
                };
                tokio::spawn(async move { journal.record(entry).await.unwrap() })
            })
            .collect();
        for receipt in waiting {
            receipt.await.unwrap();
        }
        number += together;
    }
}

fn options(journal: &Journal) -> Options {
    Options {
        evidence_key: Some(EVIDENCE_KEY),
        vkey: Some(journal.vkey().to_owned()),
        ..Options::default()
    }
}

/// A node that was started six times and stopped in order each time.
async fn good(folder: &Path) -> Options {
    let node = Node::new();
    let mut vkey = None;
    for start in 0..6 {
        let journal = node.open(folder, START_MS + start * 80);
        record(&journal, start * 80..start * 80 + 80).await;
        journal.close().await.unwrap();
        vkey = Some(options(&journal));
    }
    vkey.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundred_mutations_of_the_nodes_journal_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let options = good(folder.path()).await;
    let report = verify(folder.path(), &options, &mut |_| {}).unwrap();
    assert_eq!(report.signed_leaves, report.leaves);
    assert!(
        report.leaves > 480 && report.evidence_opened > 400,
        "{report:?}"
    );
    assert!(report.tiles > 0 && report.index_runs >= 6, "{report:?}");
    battery(folder.path(), &options);
}

/// A node that writes while it is judged is not accused of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_may_be_checked_while_it_grows() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Node::new().open(folder.path(), START_MS);
    record(&journal, 0..20).await;
    let (path, options) = (folder.path().to_owned(), options(&journal));
    let done = Arc::new(AtomicBool::new(false));
    let stop = done.clone();
    let judge = tokio::task::spawn_blocking(move || {
        let mut sizes = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            sizes.push(verify(&path, &options, &mut |_| {}).map(|report| report.leaves));
        }
        sizes
    });
    record(&journal, 20..400).await;
    done.store(true, Ordering::Relaxed);
    let sizes = judge.await.unwrap();
    journal.close().await.unwrap();
    assert!(!sizes.is_empty());
    let sizes: Vec<u64> = sizes
        .into_iter()
        .map(|size| size.unwrap_or_else(|found| panic!("{found:#?}")))
        .collect();
    assert!(sizes.is_sorted(), "{sizes:?}");
}

/// What a killed node leaves is whole up to its last commit, and so is what it makes of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_that_was_not_closed_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::new();
    let mut options = Options::default();
    for start in 0..4 {
        let journal = node.open(folder.path(), START_MS + start * 50);
        options = self::options(&journal);
        record(&journal, start * 50..start * 50 + 50).await;
        drop(journal);
        let report = verify(folder.path(), &options, &mut |_| {}).unwrap();
        assert!(report.leaves >= start * 50 + 50, "{report:?}");
    }
    node.open(folder.path(), START_MS + 200)
        .close()
        .await
        .unwrap();
    let report = verify(folder.path(), &options, &mut |_| {}).unwrap();
    assert_eq!(
        (report.leaves, report.uncommitted_bytes),
        (report.signed_leaves, 0)
    );
}
