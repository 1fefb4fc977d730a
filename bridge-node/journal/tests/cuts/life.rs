//! A journal's lives: what it is given, what it promised, and whether that is there.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bridge_core::leaf::{EvidenceMode, Kind, Leaf, Side, UnixMillis};
use bridge_journal::{
    Entry, Journal, JournalConfig, JournalKeys, LinkField, OpenError, Receipt,
    SMALLEST_SEGMENT_BYTES,
};
use bridge_signature::{
    Algorithm, Base, Component, FileSigner, Message, Params, RequestView, Signer, signature_base,
};
use bridge_verify::{Options, Report, verify};
use http::HeaderMap;
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::Ed25519KeyPair;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::chance::Chance;
use crate::recording::{Image, Recording};

const ORIGIN: &str = "exchange.example/AZ/GOV/1001/node-1/1";
const START_MS: u64 = 1_770_000_000_000;
const EVIDENCE_KEY: [u8; 32] = [0x24; 32];

/// The keys of a node, the same in all its lives.
pub(crate) struct Keys {
    checkpoint: Vec<u8>,
    signer: Arc<dyn Signer>,
}

/// A leaf that somebody was told is durable.
#[derive(Clone)]
pub(crate) struct Told {
    pub(crate) receipt: Receipt,
    /// How many steps the disk had done when it was told.
    pub(crate) at: usize,
    /// The exchange it is of.
    number: u64,
    body: Vec<u8>,
}

/// What a node was told in all its lives so far.
#[derive(Default)]
pub(crate) struct Past {
    pub(crate) told: Vec<Told>,
    next: u64,
}

impl Keys {
    pub(crate) fn new() -> Self {
        let pkcs8 = || {
            let made = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new());
            made.unwrap().as_ref().to_vec()
        };
        let signer = FileSigner::from_pkcs8(Algorithm::Ed25519, &pkcs8(), "k1".to_owned());
        Self {
            checkpoint: pkcs8(),
            signer: Arc::new(signer.unwrap()),
        }
    }

    pub(crate) fn open(&self, disk: &Recording, chance: &mut Chance) -> Result<Journal, OpenError> {
        let mut config = JournalConfig::new("", ORIGIN);
        config.segment_bytes = SMALLEST_SEGMENT_BYTES;
        config.checkpoint_every = match chance.below(3) {
            0 => Duration::ZERO,
            1 => Duration::from_millis(1),
            _ => Duration::from_hours(1),
        };
        let keys = JournalKeys {
            checkpoint_pkcs8: Zeroizing::new(self.checkpoint.clone()),
            evidence: Zeroizing::new(EVIDENCE_KEY),
        };
        let now = UnixMillis(START_MS);
        let on_fatal = Box::new(|_error: &_| ());
        let disk = Arc::new(disk.clone());
        Journal::open_on(disk, config, keys, self.signer.clone(), (now, on_fatal))
            .map(|(journal, _)| journal)
    }
}

impl Past {
    /// Several tasks record entries of mixed sizes; what they are told is kept.
    pub(crate) async fn record(
        &mut self,
        journal: &Journal,
        disk: &Recording,
        chance: &mut Chance,
    ) {
        let tasks = 1 + chance.below(4);
        let mut running = Vec::new();
        for _ in 0..tasks {
            let mut entries = Vec::new();
            for _ in 0..=chance.below(4) {
                let bytes = match chance.below(5) {
                    0 => 4_000 + chance.below(30_000),
                    1 => chance.below(2_000),
                    _ => chance.below(200),
                };
                entries.push((self.next, bytes));
                self.next += 1;
            }
            let (journal, disk) = (journal.clone(), disk.clone());
            running.push(tokio::spawn(async move {
                let mut told = Vec::new();
                for (number, bytes) in entries {
                    let body = body(number, bytes);
                    let receipt = journal.record(entry(number, &body)).await.unwrap();
                    let at = disk.now();
                    told.push(Told {
                        receipt,
                        at,
                        number,
                        body,
                    });
                }
                told
            }));
        }
        for task in running {
            self.told.extend(task.await.unwrap());
        }
    }

    /// Forgets what was told after the power had gone.
    pub(crate) fn until(&mut self, cut: usize) {
        self.told.retain(|told| told.at <= cut);
        // What is left was durable before the power comes again.
        self.told.iter_mut().for_each(|told| told.at = 0);
    }

    /// Says which promise is broken, if one is.
    pub(crate) fn check(&self, journal: &Journal, chance: &mut Chance) -> Result<(), String> {
        let leaves = journal.leaves_since(UnixMillis(0));
        let leaves = leaves.map_err(|error| format!("the leaves can't be read: {error:?}"))?;
        let mut hashes = Vec::new();
        for (number, (index, leaf)) in leaves.iter().enumerate() {
            if *index != number as u64 {
                return Err(format!("leaf {index} stands at {number}"));
            }
            let mut bytes = vec![0];
            leaf.write(&mut bytes).unwrap();
            hashes.push(digest(&SHA256, &bytes));
        }
        for told in &self.told {
            let index = told.receipt.index;
            match usize::try_from(index).ok().and_then(|at| hashes.get(at)) {
                Some(hash) if hash.as_ref() == told.receipt.leaf_hash => {}
                Some(_) => return Err(format!("leaf {index} is another one")),
                None => return Err(format!("leaf {index} is lost")),
            }
        }
        for _ in 0..3 {
            if !self.told.is_empty() {
                self.told[chance.below(self.told.len())].shown(journal)?;
            }
        }
        Ok(())
    }
}

impl Told {
    /// Opens the evidence and compares it with what was given.
    fn shown(&self, journal: &Journal) -> Result<(), String> {
        let shown = journal.show(Uuid::from_u128(u128::from(self.number)));
        let shown = shown.map_err(|error| format!("exchange {}: {error:?}", self.number))?;
        let ours = shown.iter().find(|one| one.index == self.receipt.index);
        let evidence = ours.and_then(|one| one.evidence.as_ref());
        let evidence =
            evidence.ok_or_else(|| format!("exchange {} has no evidence", self.number))?;
        if evidence.body[..] == self.body[..] {
            Ok(())
        } else {
            Err(format!("exchange {} has other evidence", self.number))
        }
    }
}

/// Has a journal's folder judged by the program that shares no code with the node.
pub(crate) fn judge(seen: &Image, journal: &Journal) -> Result<Report, String> {
    let folder = scratch();
    seen.write_to(folder.path());
    let options = Options {
        evidence_key: Some(EVIDENCE_KEY),
        vkey: Some(journal.vkey().to_owned()),
        ..Options::default()
    };
    verify(folder.path(), &options, &mut |_| {}).map_err(|findings| {
        let findings: Vec<String> = findings.iter().map(ToString::to_string).collect();
        format!("the verifier says: {}", findings.join("; "))
    })
}

/// A folder in memory where the system has one.
pub(crate) fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_absent| tempfile::tempdir().unwrap())
}

fn body(number: u64, bytes: usize) -> Vec<u8> {
    let text = format!("{number};").into_bytes();
    text.into_iter().cycle().take(bytes).collect()
}

/// What is signed of a message with this body.
fn base(body: &[u8]) -> Base {
    let content = STANDARD.encode(digest(&SHA256, body));
    let mut fields = HeaderMap::new();
    let digest = format!("sha-256=:{content}:");
    fields.insert("content-digest", digest.parse().unwrap());
    let request = RequestView {
        method: "GET",
        target: "/",
        authority: "node-1.example",
        scheme: "https",
        fields: &fields,
    };
    let covered = ["@method", "content-digest"].map(Component::new);
    signature_base(&Message::Request(request), &covered, &Params::default()).unwrap()
}

fn entry(number: u64, body: &[u8]) -> Entry {
    let mut leaf = Leaf::new(Kind::RequestSent, UnixMillis(START_MS + number));
    leaf.request_id = Some(Uuid::from_u128(u128::from(number)));
    leaf.side = Some(Side::Consumer);
    leaf.client = Some("AZ/GOV/2001/TAX".parse().unwrap());
    leaf.service = Some("AZ/GOV/1001/POPULATION/person".parse().unwrap());
    let mut entry = Entry::of(leaf);
    entry.body = Some(body.to_vec().into());
    entry.subjects = vec![("fin".to_owned(), format!("FIN{number}"))];
    entry.mode = EvidenceMode::Full;
    (entry.sign, entry.link_as) = (Some(base(body).into()), LinkField::Link);
    entry
}
