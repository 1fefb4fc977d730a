//! What others hold of a log: cosignatures, and the joints of the logs of a node.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bridge_core::leaf::{Kind, Leaf, UnixMillis};
use bridge_journal::{Entry, Journal, JournalConfig, JournalKeys};
use bridge_signature::{Algorithm, FileSigner, Signer as _};
use bridge_verify::{Cosigner, ExchangeKey, Follows, Options, Report, verify};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use tempfile::TempDir;
use zeroize::Zeroizing;

use crate::edits::copy;
use crate::model::hash;
use crate::real::START_MS;

fn pkcs8() -> Vec<u8> {
    let new = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    new.as_ref().to_vec()
}

/// A log of a node, each time with a folder of its own.
struct Log {
    folder: TempDir,
    key: Vec<u8>,
    exchange: Vec<u8>,
    origin: String,
}

impl Log {
    fn new(epoch: u64, exchange: &[u8]) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            key: pkcs8(),
            exchange: exchange.to_vec(),
            origin: format!("log.example.az/AZ/GOV/1001/NODE1/{epoch}"),
        }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn vkey(&self) -> String {
        let text = fs::read_to_string(self.path().join("origin")).unwrap();
        text.lines().nth(1).unwrap().to_owned()
    }

    fn signer(&self) -> FileSigner {
        FileSigner::from_pkcs8(Algorithm::Ed25519, &self.exchange, "k1".to_owned()).unwrap()
    }

    /// Writes leaves and closes the log, so that a checkpoint stands over all of them.
    async fn write(&self, leaves: Vec<Leaf>) {
        let mut config = JournalConfig::new(self.path(), &self.origin);
        config.checkpoint_every = Duration::from_millis(2);
        let keys = JournalKeys {
            checkpoint_pkcs8: Zeroizing::new(self.key.clone()),
            evidence: Zeroizing::new([7; 32]),
        };
        let fatal = Box::new(|error: &_| panic!("{error:?}"));
        let now = UnixMillis(START_MS);
        let opened = Journal::open(config, keys, Arc::new(self.signer()), now, fatal);
        let (journal, _) = opened.unwrap();
        for leaf in leaves {
            journal.record(Entry::of(leaf)).await.unwrap();
        }
        journal.close().await.unwrap();
    }

    fn checkpoint(&self) -> String {
        fs::read_to_string(self.path().join("checkpoint")).unwrap()
    }
}

fn plain(number: u64) -> Leaf {
    let mut leaf = Leaf::new(Kind::State, UnixMillis(START_MS + number));
    leaf.facts.insert("n".to_owned(), number.to_string());
    leaf
}

/// The first leaf of a log that follows another, as a node writes it.
async fn beginning(log: &Log, before: &Log) -> Leaf {
    // The file with the key comes with the first opening.
    log.write(vec![]).await;
    let checkpoint = before.checkpoint();
    let lines: Vec<&str> = checkpoint.lines().collect();
    let (key, previous) = (log.vkey(), before.vkey());
    let text = format!(
        "bridge-epoch-v1\n{key}\n{previous}\n{}\n{}\n",
        lines[1], lines[2]
    );
    let signature = log.signer().sign(text.as_bytes()).unwrap();
    let mut leaf = plain(0);
    leaf.outcome = Some("epoch".to_owned());
    leaf.keyid = Some("k1".to_owned());
    leaf.facts = BTreeMap::from(
        [
            ("epoch_key", key),
            ("epoch_previous", previous),
            ("epoch_previous_size", lines[1].to_owned()),
            ("epoch_previous_root", lines[2].to_owned()),
            ("epoch_signature", STANDARD.encode(signature)),
            ("epoch_reason", "moved".to_owned()),
        ]
        .map(|(name, text)| (name.to_owned(), text)),
    );
    leaf
}

fn judge(folder: &Path, options: &Options) -> Result<Report, Vec<String>> {
    let findings = verify(folder, options, &mut |_| {});
    findings.map_err(|findings| findings.iter().map(ToString::to_string).collect())
}

fn exchange_key(exchange: &[u8]) -> ExchangeKey {
    let pair = Ed25519KeyPair::from_pkcs8(exchange).unwrap();
    ExchangeKey::Ed25519(pair.public_key().as_ref().to_vec())
}

/// Two logs of a node, the second of which follows the first.
async fn two(exchange: &[u8]) -> (Log, Log) {
    let (first, second) = (Log::new(1, exchange), Log::new(3, exchange));
    first.write((0..5).map(plain).collect()).await;
    let begins = beginning(&second, &first).await;
    second.write(vec![begins, plain(9)]).await;
    (first, second)
}

fn follows(second: &Log) -> Follows {
    let options = Options {
        exchange_keys: vec![exchange_key(&second.exchange)],
        is_later: true,
        ..Options::default()
    };
    let report = judge(second.path(), &options).unwrap();
    report.follows.unwrap()
}

fn before(follows: &Follows) -> Options {
    Options {
        vkey: Some(follows.previous.clone()),
        followed_by: Some(follows.clone()),
        ..Options::default()
    }
}

#[tokio::test]
async fn a_log_holds_what_the_next_one_says_that_it_ended_with() {
    let exchange = pkcs8();
    let (first, second) = two(&exchange).await;
    let said = follows(&second);
    assert_eq!((said.last.size, said.key_id.as_str()), (5, "k1"));
    assert_eq!(said.previous, first.vkey());
    judge(first.path(), &before(&said)).unwrap();
    // What was written behind that end is the log's own affair: it was closed before its newest checkpoint was known.
    first.write(vec![plain(6)]).await;
    judge(first.path(), &before(&said)).unwrap();
    // A log that followed one without any leaf asks for nothing.
    let mut nothing = said.clone();
    nothing.last.size = 0;
    judge(first.path(), &before(&nothing)).unwrap();
}

#[tokio::test]
async fn a_log_that_was_cut_or_written_anew_does_not_hold_its_end() {
    let exchange = pkcs8();
    let (first, second) = (Log::new(1, &exchange), Log::new(2, &exchange));
    first.write((0..3).map(plain).collect()).await;
    let cut = tempfile::tempdir().unwrap();
    copy(first.path(), cut.path());
    first.write((3..5).map(plain).collect()).await;
    let begins = beginning(&second, &first).await;
    second.write(vec![begins]).await;
    let said = follows(&second);
    judge(first.path(), &before(&said)).unwrap();
    // By itself each of the false ones verifies.
    let anew = Log {
        folder: tempfile::tempdir().unwrap(),
        key: first.key.clone(),
        exchange: exchange.clone(),
        origin: first.origin.clone(),
    };
    anew.write((10..15).map(plain).collect()).await;
    for folder in [cut.path(), anew.path()] {
        judge(folder, &Options::default()).unwrap();
        let found = judge(folder, &before(&said)).unwrap_err();
        assert!(
            matches!(&found[..], [one] if one.starts_with("the joint of two logs: the next log says")),
            "{found:?}"
        );
    }
    // Another log in its place has another key.
    let other = Log::new(1, &exchange);
    other.write((0..5).map(plain).collect()).await;
    let found = judge(other.path(), &before(&said)).unwrap_err();
    assert!(
        found
            .iter()
            .any(|one| one.contains("another verifier key than the one given")),
        "{found:?}"
    );
}

type Change = Box<dyn Fn(&mut Leaf)>;

#[tokio::test]
async fn every_alteration_of_a_logs_beginning_is_found() {
    let exchange = pkcs8();
    let first = Log::new(2, &exchange);
    first.write((0..5).map(plain).collect()).await;
    let foreign = Log {
        origin: "log.example.az/AZ/GOV/1001/NODE2/1".to_owned(),
        ..Log::new(1, &exchange)
    };
    let later = Log::new(4, &exchange);
    for log in [&foreign, &later] {
        log.write(vec![plain(0)]).await;
    }
    let set = |name: &'static str, text: String| -> Change {
        Box::new(move |leaf| {
            leaf.facts.insert(name.to_owned(), text.clone());
        })
    };
    let without =
        |name: &'static str| -> Change { Box::new(move |leaf| drop(leaf.facts.remove(name))) };
    let root = STANDARD.encode([9; 32]);
    let (form, signer) = (
        "which log this one follows",
        "none of the given exchange keys",
    );
    let cases: [(&str, Change); 13] = [
        ("with another key", set("epoch_key", first.vkey())),
        (
            "another node, or not earlier",
            set("epoch_previous", foreign.vkey()),
        ),
        (
            "another node, or not earlier",
            set("epoch_previous", later.vkey()),
        ),
        (form, set("epoch_previous", "nothing".to_owned())),
        (form, set("epoch_previous_size", "05".to_owned())),
        (form, set("epoch_previous_root", "AAAA".to_owned())),
        (form, without("epoch_key")),
        (form, without("epoch_signature")),
        (form, Box::new(|leaf| leaf.keyid = None)),
        (signer, set("epoch_previous_size", "4".to_owned())),
        (signer, set("epoch_previous_root", root)),
        (signer, set("epoch_signature", STANDARD.encode([9; 64]))),
        (
            "does not say which log it follows",
            Box::new(|leaf| leaf.outcome = None),
        ),
    ];
    let options = Options {
        exchange_keys: vec![exchange_key(&exchange)],
        is_later: true,
        ..Options::default()
    };
    for (wanted, change) in cases {
        let log = Log::new(3, &exchange);
        let mut leaf = beginning(&log, &first).await;
        change(&mut leaf);
        log.write(vec![leaf]).await;
        let found = judge(log.path(), &options).unwrap_err();
        assert!(
            found.iter().any(|one| one.contains(wanted)),
            "{wanted}: {found:?}"
        );
    }
    let log = Log::new(3, &exchange);
    let leaf = beginning(&log, &first).await;
    log.write(vec![plain(0), leaf]).await;
    let found = judge(log.path(), &Options::default()).unwrap_err();
    assert!(
        matches!(&found[..], [one] if one.contains("leaf 1: it is the beginning of a log, and not its first leaf")),
        "{found:?}"
    );
}

/// A witness: its key and how it cosigns.
struct Witness {
    name: String,
    pair: Ed25519KeyPair,
}

impl Witness {
    fn new(name: &str) -> Self {
        let pair = Ed25519KeyPair::from_pkcs8(&pkcs8()).unwrap();
        Self {
            name: name.to_owned(),
            pair,
        }
    }

    fn key(&self) -> Vec<u8> {
        [&[4][..], self.pair.public_key().as_ref()].concat()
    }

    fn id(&self) -> [u8; 4] {
        let digest = hash(&[self.name.as_bytes(), b"\n", &self.key()]);
        digest[..4].try_into().unwrap()
    }

    fn cosigner(&self) -> Cosigner {
        let id = u32::from_be_bytes(self.id());
        let key = STANDARD.encode(self.key());
        Cosigner::parse(&format!("{}+{id:08x}+{key}", self.name)).unwrap()
    }

    fn line(&self, note: &str, time_s: u64) -> String {
        let (text, _) = note.split_once("\n\n").unwrap();
        let signed = format!("cosignature/v1\ntime {time_s}\n{text}\n");
        let signature = self.pair.sign(signed.as_bytes());
        let value = [&self.id()[..], &time_s.to_be_bytes(), signature.as_ref()].concat();
        format!("— {} {}\n", self.name, STANDARD.encode(value))
    }
}

#[tokio::test]
async fn cosignatures_count_as_those_of_the_known_witnesses_under_a_checkpoint_of_the_log() {
    let log = Log::new(1, &pkcs8());
    log.write((0..3).map(plain).collect()).await;
    let old = log.checkpoint();
    log.write((3..5).map(plain).collect()).await;
    let note = log.checkpoint();
    let witnesses = ["w1.example", "w2.example", "w3.example"].map(Witness::new);
    let options = |quorum: usize| Options {
        witnesses: witnesses.iter().map(Witness::cosigner).collect(),
        quorum,
        ..Options::default()
    };
    let file = log.path().join("cosigned");
    let missing = judge(log.path(), &options(2)).unwrap_err();
    assert!(
        matches!(&missing[..], [one] if one.starts_with("cosigned: it is missing")),
        "{missing:?}"
    );
    judge(log.path(), &options(0)).unwrap();

    // An older checkpoint is what witnesses may have signed last.
    let [one, two, three] = &witnesses;
    let size = |note: &str| -> u64 { note.lines().nth(1).unwrap().parse().unwrap() };
    assert!(size(&old) < size(&note));
    for note in [&old, &note] {
        fs::write(
            &file,
            format!("{note}{}{}", one.line(note, 77), three.line(note, 78)),
        )
        .unwrap();
        let report = judge(log.path(), &options(2)).unwrap();
        let names = [("w1.example".to_owned(), 77), ("w3.example".to_owned(), 78)];
        assert_eq!(
            (report.cosigned_leaves, &report.cosigned[..]),
            (size(note), &names[..])
        );
    }
    let few = "of the known witnesses cosigned the checkpoint, 2 are needed";
    let stranger = Witness::new("w9.example");
    let forked = Log {
        folder: tempfile::tempdir().unwrap(),
        key: log.key.clone(),
        exchange: log.exchange.clone(),
        origin: log.origin.clone(),
    };
    forked.write((20..25).map(plain).collect()).await;
    let fork = forked.checkpoint();
    let cases = [
        (few, format!("{note}{}", one.line(&note, 77))),
        (
            few,
            format!("{note}{}{}", one.line(&note, 77), one.line(&note, 78)),
        ),
        (
            few,
            format!("{note}{}{}", one.line(&note, 77), stranger.line(&note, 78)),
        ),
        (
            few,
            format!("{note}{}{}", one.line(&note, 77), two.line(&old, 79)),
        ),
        (
            "no segment holds this checkpoint of 5 leaves",
            format!("{fork}{}{}", one.line(&fork, 77), two.line(&fork, 78)),
        ),
        (
            "the signature does not hold",
            note.replacen(
                &format!(
                    "
{}
",
                    size(&note)
                ),
                "
4
",
                1,
            ),
        ),
        ("the note is not a checkpoint", "cosigned\n".to_owned()),
    ];
    for (wanted, text) in cases {
        fs::write(&file, &text).unwrap();
        let found = judge(log.path(), &options(2)).unwrap_err();
        assert!(
            found
                .iter()
                .any(|one| one.contains(wanted) && one.starts_with("cosigned")),
            "{wanted}: {found:?}"
        );
    }
}
