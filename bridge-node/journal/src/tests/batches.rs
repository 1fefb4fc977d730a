//! Messages that wait for the key together are signed together, and keep nobody else waiting.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use bridge_signature::{Algorithm, BatchValue, FileSigner, Form, SignError, Signer, VerifyingKey};
use ring::rand::SystemRandom;
use ring::signature::Ed25519KeyPair;
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::support::{Bench, answer, base, check};
use crate::disk::memory::MemoryDisk;
use crate::{Entry, Journal, Receipt, RecordError, Unsigned};

/// A key on a token: it counts, can be held, takes its time, and may refuse batches.
struct Token {
    key: FileSigner,
    asked: AtomicUsize,
    held: Mutex<bool>,
    freed: Condvar,
    takes: Duration,
    refuses_batches: bool,
}

impl Token {
    fn new(takes: Duration, refuses_batches: bool) -> Self {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("a key");
        let key = FileSigner::from_pkcs8(Algorithm::Ed25519, pkcs8.as_ref(), "token".to_owned());
        Self {
            key: key.expect("a key"),
            asked: AtomicUsize::new(0),
            held: Mutex::new(true),
            freed: Condvar::new(),
            takes,
            refuses_batches,
        }
    }

    fn free(&self) {
        *self.held.lock().expect("whole") = false;
        self.freed.notify_all();
    }

    fn verifying(&self) -> VerifyingKey {
        VerifyingKey::new(Algorithm::Ed25519, self.key.public_key()).expect("a key")
    }
}

impl Signer for Token {
    fn algorithm(&self) -> Algorithm {
        self.key.algorithm()
    }

    fn key_id(&self) -> &str {
        self.key.key_id()
    }

    fn sign(&self, base: &[u8]) -> Result<Vec<u8>, SignError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let held = self.held.lock().expect("whole");
        drop(self.freed.wait_while(held, |held| *held).expect("whole"));
        if self.refuses_batches && base.starts_with(b"bridge-batch-v1\n") {
            return Err(SignError::Failed("no batches".to_owned()));
        }
        std::thread::sleep(self.takes);
        self.key.sign(base)
    }
}

/// An answer that may be signed with others.
fn batched(exchange: u128) -> Entry {
    let sign = Unsigned {
        plain: base("plain", exchange),
        batch: Some(base("batch", exchange)),
        signer: None,
    };
    Entry {
        sign: Some(sign),
        ..answer(exchange, 10)
    }
}

/// Waits until something is so, or fails.
async fn wait_until(what: impl Fn() -> bool) {
    let patience = Instant::now() + Duration::from_secs(30);
    while !what() {
        assert!(Instant::now() < patience, "it does not come to it");
        tokio::task::yield_now().await;
    }
}

/// Records entries that all wait while the token makes the first one's signature.
async fn together(
    (journal, token): (&Journal, &Token),
    entries: Vec<Entry>,
) -> Vec<Result<Receipt, RecordError>> {
    let record = |entry| -> JoinHandle<Result<Receipt, RecordError>> {
        let journal = journal.clone();
        tokio::spawn(async move { journal.record(entry).await })
    };
    let mut entries = entries.into_iter();
    let mut tasks = vec![record(entries.next().expect("several"))];
    wait_until(|| token.asked.load(Ordering::SeqCst) == 1).await;
    tasks.extend(entries.map(record));
    wait_until(|| journal.tally().waiting == tasks.len() as u64).await;
    token.free();
    let mut receipts = Vec::new();
    for task in tasks {
        receipts.push(task.await.expect("no panic"));
    }
    receipts
}

fn open(token: Token) -> (Bench, Arc<Token>, Journal) {
    let token = Arc::new(token);
    let mut bench = Bench::new();
    bench.config.segment_bytes = 1 << 20;
    bench.signer = token.clone();
    let (journal, _) = bench.open(&MemoryDisk::default()).expect("opens");
    (bench, token, journal)
}

#[tokio::test]
async fn messages_that_wait_together_are_signed_once_and_a_lone_one_plainly() {
    let (_bench, token, journal) = open(Token::new(Duration::ZERO, false));
    let entries = (0..65).map(batched).collect();
    let receipts = together((&journal, &token), entries).await;
    assert_eq!(token.asked.load(Ordering::SeqCst), 2);
    let tally = journal.tally();
    assert_eq!((tally.signatures, tally.signed_messages), (2, 65));
    let receipts: Vec<Receipt> = receipts.into_iter().map(|r| r.expect("recorded")).collect();
    let key = token.verifying();
    for (exchange, receipt) in (0_u128..).zip(&receipts) {
        let made = receipt.signature.as_ref().expect("signed");
        let kept = journal.show(Uuid::from_u128(exchange)).expect("readable");
        let evidence = kept[0].evidence.as_ref().expect("kept");
        assert_eq!(evidence.signature, made.value);
        if exchange == 0 {
            assert_eq!(made.form, Form::Plain);
            assert_eq!(evidence.base, base("plain", exchange).into_bytes());
            assert_eq!(key.verify(&evidence.base, &made.value), Ok(()));
        } else {
            assert_eq!(made.form, Form::Batch);
            assert_eq!(made.input, base("batch", exchange).input());
            assert_eq!(evidence.base, base("batch", exchange).into_bytes());
            let value = BatchValue::parse(&made.value).expect("a value");
            assert_eq!(value.verify(&key, ("token", &evidence.base), None), Ok(()));
        }
    }
    check(&journal, &receipts);
}

#[tokio::test]
async fn what_must_be_plain_is_plain_among_others() {
    let (_bench, token, journal) = open(Token::new(Duration::ZERO, false));
    let entries = (0..9).map(|exchange| match exchange % 3 {
        1 => answer(exchange, 10),
        _ => batched(exchange),
    });
    let receipts = together((&journal, &token), entries.collect()).await;
    let forms: Vec<Form> = receipts
        .iter()
        .map(|receipt| receipt.as_ref().expect("recorded"))
        .map(|receipt| receipt.signature.as_ref().expect("signed").form)
        .collect();
    let (plain, batch) = (Form::Plain, Form::Batch);
    assert_eq!(
        forms,
        [
            plain, plain, batch, batch, plain, batch, batch, plain, batch
        ]
    );
    // The first, three that must be plain, and one for the other five.
    assert_eq!(token.asked.load(Ordering::SeqCst), 5);
}

#[tokio::test]
async fn messages_that_must_be_plain_keep_no_others_waiting_for_a_slow_key() {
    let (_bench, token, journal) = open(Token::new(Duration::from_millis(6), false));
    let plain = (1..=12).map(|exchange| answer(exchange, 10));
    let others = (13..=16).map(batched);
    let entries = std::iter::once(batched(0)).chain(plain).chain(others);
    let receipts = together((&journal, &token), entries.collect()).await;
    let indexes: Vec<u64> = receipts
        .into_iter()
        .map(|receipt| receipt.expect("recorded").index)
        .collect();
    // One plain message a turn; the four of the batch have waited for one signature besides their own.
    assert_eq!(indexes[..2], [0, 1]);
    assert_eq!(indexes[13..], [2, 3, 4, 5]);
    assert_eq!(indexes[2..13], [6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
    assert_eq!(token.asked.load(Ordering::SeqCst), 1 + 12 + 1);
}

#[tokio::test]
async fn nothing_is_forgotten_that_was_postponed_when_the_journal_closes() {
    let (_bench, token, journal) = open(Token::new(Duration::from_millis(6), false));
    let entries = (0..5).map(|exchange| answer(exchange, 10)).collect();
    let closing = {
        let journal = journal.clone();
        let asked = token.clone();
        tokio::spawn(async move {
            wait_until(|| asked.asked.load(Ordering::SeqCst) > 1).await;
            journal.close().await
        })
    };
    let receipts = together((&journal, &token), entries).await;
    assert!(receipts.iter().all(Result::is_ok));
    assert!(closing.await.expect("no panic").is_ok());
}

#[tokio::test]
async fn a_batch_that_cannot_be_signed_concerns_no_other_entry() {
    let (_bench, token, journal) = open(Token::new(Duration::ZERO, true));
    let entries = vec![answer(0, 10), batched(1), answer(2, 10), batched(3)];
    let receipts = together((&journal, &token), entries).await;
    assert!(receipts[0].is_ok() && receipts[2].is_ok());
    for refused in [&receipts[1], &receipts[3]] {
        assert!(matches!(refused, Err(RecordError::Sign(_))));
    }
    assert_eq!(journal.head().size, 2);
}
