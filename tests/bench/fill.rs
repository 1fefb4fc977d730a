//! Fills a journal with the journal's own writer, and measures what its leaves cost and how fast it opens. See `README.md`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use bridge_certs::{read_key_file, read_secret_file};
use bridge_core::leaf::{Kind, Leaf, Side, UnixMillis, nonce_mark};
use bridge_journal::{Entry, Journal, JournalConfig, JournalKeys, RecordError};
use bridge_signature::{Algorithm, FileSigner};
use bytes::Bytes;
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::Ed25519KeyPair;
use zeroize::Zeroizing;

/// As the node's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const USAGE: &str = "\
usage: bridge-fill LEAVES FOLDER [--side consumer|provider] [--without N] [--evidence] [--kill] [--node KEYS]
       bridge-fill reopen FOLDER

fills FOLDER/journal, or adds to it, with LEAVES leaves of one end of exchanges, two each, and prints what they cost; the other end of the
same exchanges comes of --side. --without leaves one exchange out, counted from 0. Leaves have the fields of a
real exchange, about 700 bytes, and with --evidence a sealed message of 2 KiB beside each answer; nothing is signed but
checkpoints. --kill ends like a killed process. --node takes the keys of a node of the benchmark from its folder of keys, and its origin
from FOLDER/origin, so that it goes on with this journal. reopen says how long opening takes, and what a start counts and reads.";

/// What goes wrong here ends the program with one sentence; nothing reacts to its kind.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Entries under way at a time.
const TOGETHER: u64 = 512;
/// Milliseconds from one exchange to the next: five million a day.
const STEP_MS: u64 = 17;
const START_MS: u64 = 1_770_000_000_000;
/// The provider's clock is ahead.
const SKEW_MS: u64 = 1500;
const DAY_MS: u64 = 86_400_000;
/// How long a message is remembered.
const TAIL_MS: u64 = 150_000;
/// Length of a body, bytes.
const BODY_BYTES: usize = 2048;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            complain(&failure);
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Failure> {
    let mut words = std::env::args().skip(1);
    let first = words.next().ok_or(USAGE)?;
    let folder = PathBuf::from(words.next().ok_or(USAGE)?);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    if first == "reopen" {
        return runtime.block_on(reopen(&folder));
    }
    let mut plan = Plan {
        leaves: first.parse().map_err(|_not_a_number| USAGE)?,
        side: Side::Consumer,
        without: None,
        evidence: false,
        kill: false,
        node: None,
    };
    while let Some(word) = words.next() {
        match word.as_str() {
            "--side" => {
                plan.side = match words.next().as_deref() {
                    Some("consumer") => Side::Consumer,
                    Some("provider") => Side::Provider,
                    _ => return Err(USAGE.into()),
                };
            }
            "--without" => plan.without = Some(words.next().ok_or(USAGE)?.parse()?),
            "--evidence" => plan.evidence = true,
            "--kill" => plan.kill = true,
            "--node" => plan.node = Some(words.next().ok_or(USAGE)?.into()),
            _ => return Err(USAGE.into()),
        }
    }
    runtime.block_on(fill(&folder, &plan))
}

/// What a journal is filled with.
#[derive(Debug)]
struct Plan {
    leaves: u64,
    side: Side,
    without: Option<u64>,
    evidence: bool,
    kill: bool,
    /// The keys of the node that goes on with it.
    node: Option<PathBuf>,
}

async fn fill(folder: &Path, plan: &Plan) -> Result<(), Failure> {
    let keys = match &plan.node {
        Some(node) => Keys::of_node(folder, node)?,
        None => Keys::read(folder).or_else(|_absent| Keys::make(folder, plan.side))?,
    };
    let journal = keys.open(folder)?;
    // What it takes to make entries and wait for tasks is this program's own.
    let before = processor_us()?;
    each_entry(plan, |entry| async move {
        std::hint::black_box(entry);
        Ok(())
    })
    .await?;
    let own = processor_us()?.saturating_sub(before);
    let (began, before) = (Instant::now(), processor_us()?);
    each_entry(plan, |entry| {
        let journal = journal.clone();
        async move { journal.record(entry).await.map(|_receipt| ()) }
    })
    .await?;
    if !plan.kill {
        journal.close().await?;
    }
    let busy = processor_us()?.saturating_sub(before).saturating_sub(own);
    let bytes = size_of(&folder.join("journal"))?;
    let per_leaf = |total: u64| total.checked_div(plan.leaves).unwrap_or(0);
    say(format_args!(
        "{} leaves in {} ms: {} us of processor for four leaves, {} bytes on disk for two",
        plan.leaves,
        began.elapsed().as_millis(),
        per_leaf(busy * 4),
        per_leaf(bytes * 2),
    ));
    Ok(())
}

/// Hands over all entries, some of them at a time.
async fn each_entry<F>(plan: &Plan, take: impl Fn(Entry) -> F) -> Result<(), Failure>
where
    F: Future<Output = Result<(), RecordError>> + Send + 'static,
{
    let body = Bytes::from(vec![b'7'; BODY_BYTES]);
    let mut next = 0;
    while next < plan.leaves {
        let end = (next + TOGETHER).min(plan.leaves);
        let mut taking = tokio::task::JoinSet::new();
        for number in next..end {
            if plan.without != Some(number / 2) {
                taking.spawn(take(entry(number, plan, &body)?));
            }
        }
        while let Some(taken) = taking.join_next().await {
            taken??;
        }
        next = end;
    }
    Ok(())
}

async fn reopen(folder: &Path) -> Result<(), Failure> {
    let keys = Keys::read(folder)?;
    let began = Instant::now();
    let journal = keys.open(folder)?;
    let opened = began.elapsed();
    // What a node does for its quotas and its memory of replays.
    let began = Instant::now();
    let since = |ms: u64| UnixMillis(journal.head().newest.0.saturating_sub(ms));
    let mut counted = 0;
    let read = journal.each_begun_since(since(DAY_MS), &mut |_, _, many| counted += many)?;
    let mut seen = 0;
    journal.each_leaf_since(since(TAIL_MS), &mut |_, _| seen += 1)?;
    say(format_args!(
        "{} leaves opened in {} ms; {counted} exchanges of the last day counted and {} leaves read in {} ms",
        journal.head().size,
        opened.as_millis(),
        read + seen,
        began.elapsed().as_millis()
    ));
    journal.close().await?;
    Ok(())
}

/// One leaf of an exchange: even numbers begin, odd ones end.
fn entry(number: u64, plan: &Plan, body: &Bytes) -> Result<Entry, Failure> {
    let exchange = number / 2;
    let is_answer = number % 2 == 1;
    let (kind, skew) = match (plan.side, is_answer) {
        (Side::Consumer, false) => (Kind::RequestSent, 0),
        (Side::Consumer, true) => (Kind::ResponseReceived, 0),
        (Side::Provider, false) => (Kind::RequestReceived, SKEW_MS),
        (Side::Provider, true) => (Kind::ResponseSigned, SKEW_MS),
    };
    let mut leaf = Leaf::new(kind, UnixMillis(START_MS + exchange * STEP_MS + skew));
    let mark = hash(&[b"exchange".as_slice(), &exchange.to_be_bytes()].concat());
    let request_id = uuid::Builder::from_random_bytes(head(&mark)).into_uuid();
    leaf.request_id = Some(request_id);
    leaf.side = Some(plan.side);
    leaf.client = Some("AZ/GOV/2001/TAX".parse()?);
    leaf.service = Some("AZ/GOV/1001/POPULATION/person".parse()?);
    leaf.endpoint = Some("GET /*".to_owned());
    leaf.purpose = Some("tax-assessment".to_owned());
    leaf.basis = Some("tax-code-23".to_owned());
    leaf.contract = Some(format!(
        "population-person-tax@{}",
        base64url(&hash(b"contract"))
    ));
    leaf.decision = Some(true);
    leaf.rules = ["contract:population-person-tax".to_owned()].into();
    leaf.request_size = Some(256);
    let own = base64url(&hash(b"own key"));
    let other = base64url(&hash(b"other key"));
    let (own, other) = match plan.side {
        Side::Consumer => (own, other),
        Side::Provider => (other, own),
    };
    leaf.keyid = Some(own);
    leaf.peer_keyid = (is_answer || plan.side == Side::Provider).then_some(other);
    leaf.nonce = Some(nonce_mark(&head(&mark)));
    let signature = [mark, mark].concat();
    leaf.link = Some(bridge_core::envelope::link(&signature));
    if is_answer {
        leaf.outcome = Some("ok".to_owned());
        leaf.status = Some(200);
        leaf.answer_size = Some(2048);
        leaf.duration_ms = Some(5);
        leaf.answer_link = Some(hash(&mark));
    }
    let mut entry = Entry::of(leaf);
    if plan.evidence {
        entry.mode = bridge_core::leaf::EvidenceMode::Full;
        entry.base = Some(vec![b'b'; 700]);
        entry.signature = Some(signature);
        entry.body = is_answer.then(|| body.clone());
        entry.subjects = vec![("fin".to_owned(), "5AB".to_owned())];
    }
    Ok(entry)
}

/// What a journal is opened with again.
struct Keys {
    origin: String,
    checkpoint: Vec<u8>,
    evidence: [u8; 32],
}

// === impl Keys ===

impl Keys {
    fn make(folder: &Path, side: Side) -> Result<Self, Failure> {
        let member = match side {
            Side::Consumer => "2001",
            Side::Provider => "1001",
        };
        let new = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
            .map_err(|_unspecified| "no random numbers")?;
        let keys = Self {
            origin: format!("exchange.example/AZ/GOV/{member}/NODE1/1"),
            checkpoint: new.as_ref().to_vec(),
            evidence: [7; 32],
        };
        std::fs::create_dir_all(folder)?;
        std::fs::write(folder.join("origin"), &keys.origin)?;
        std::fs::write(folder.join("checkpoint.pk8"), &keys.checkpoint)?;
        Ok(keys)
    }

    fn read(folder: &Path) -> Result<Self, Failure> {
        Ok(Self {
            origin: std::fs::read_to_string(folder.join("origin"))?,
            checkpoint: std::fs::read(folder.join("checkpoint.pk8"))?,
            evidence: [7; 32],
        })
    }

    fn of_node(folder: &Path, keys: &Path) -> Result<Self, Failure> {
        Ok(Self {
            origin: std::fs::read_to_string(folder.join("origin"))?,
            checkpoint: read_key_file(&keys.join("journal.key"))?.to_vec(),
            evidence: *read_secret_file(&keys.join("evidence.key"))?,
        })
    }

    fn open(&self, folder: &Path) -> Result<Journal, Failure> {
        let keys = JournalKeys {
            checkpoint_pkcs8: Zeroizing::new(self.checkpoint.clone()),
            evidence: Zeroizing::new(self.evidence),
        };
        let config = JournalConfig::new(folder.join("journal"), &self.origin);
        let signer =
            FileSigner::from_pkcs8(Algorithm::Ed25519, &self.checkpoint, "key".to_owned())?;
        let on_fatal = Box::new(|error: &bridge_journal::JournalError| complain(error));
        let (journal, _opened) = Journal::open(
            config,
            keys,
            Arc::new(signer),
            UnixMillis(START_MS),
            on_fatal,
        )?;
        Ok(journal)
    }
}

/// User and system time of this process.
fn processor_us() -> Result<u64, Failure> {
    let text = std::fs::read_to_string("/proc/self/stat")?;
    let (_name, fields) = text
        .rsplit_once(')')
        .ok_or("/proc/self/stat has another form")?;
    // Fields 14 and 15 of the line, in hundredths of a second.
    let ticks = fields.split_ascii_whitespace().skip(11).take(2);
    let ticks: u64 = ticks
        .map(str::parse::<u64>)
        .sum::<Result<u64, std::num::ParseIntError>>()?;
    Ok(ticks * 10_000)
}

/// Bytes of all files under a folder, as they take room.
fn size_of(folder: &Path) -> Result<u64, Failure> {
    use std::os::unix::fs::MetadataExt as _;
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let seen = entry.metadata()?;
        bytes += if seen.is_dir() {
            size_of(&entry.path())?
        } else {
            seen.blocks() * 512
        };
    }
    Ok(bytes)
}

fn hash(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
    hash
}

fn head(hash: &[u8; 32]) -> [u8; 16] {
    let mut head = [0; 16];
    head.copy_from_slice(&hash[..16]);
    head
}

fn base64url(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

#[expect(clippy::print_stdout, reason = "the figures are the program's result")]
fn say(text: impl std::fmt::Display) {
    println!("{text}");
}

#[expect(
    clippy::print_stderr,
    reason = "a tool for the terminal has no other log"
)]
fn complain(failure: &impl std::fmt::Display) {
    eprintln!("{failure}");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes that say nothing are bounded: those of leaves, index, secrets, tiles and frames together.
    #[test]
    fn an_exchange_takes_its_evidence_and_less_than_three_kibibytes_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let plan = Plan {
            leaves: 8000,
            side: Side::Consumer,
            without: None,
            evidence: true,
            kill: false,
            node: None,
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(fill(folder.path(), &plan)).unwrap();
        let exchanges = plan.leaves / 2;
        // Bases, signatures and the answer's body, as they lie beside the two leaves.
        let evidence = u64::try_from(2 * (700 + 64) + BODY_BYTES).unwrap();
        let beside = (lengths(&folder.path().join("journal")) / exchanges)
            .saturating_sub(evidence * 11 / 10);
        assert!(beside > 1024, "the leaves are there: {beside} bytes");
        assert!(beside <= 3072, "{beside} bytes");
    }

    /// Bytes of the files that are sealed: the open segment and the next one are preallocated.
    fn lengths(folder: &Path) -> u64 {
        std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    return lengths(&path);
                }
                let is_open = path.ends_with("spare")
                    || (path.extension().is_some_and(|kind| kind == "segment")
                        && !path.with_extension("index").exists());
                if is_open {
                    return 0;
                }
                path.metadata().unwrap().len()
            })
            .sum()
    }
}
