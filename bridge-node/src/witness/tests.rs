//! What the witness answers, and what it has kept when it does.

use std::path::Path;
use std::sync::Barrier;

use bridge_journal::{Verifier, WitnessKey, vkey};
use bytes::Bytes;
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair as _};

use super::{EMPTY, Shelf, Statement, Submission, Verdict, Witness};

const ORIGIN: &str = "journal.example/AZ/GOV/1001/NODE1/1";
const NOW_S: u64 = 1_700_000_000;

/// A log whose leaves are told apart by a seed: two seeds are two histories under one key.
struct Log {
    pkcs8: Vec<u8>,
}

type Hash = [u8; 32];

fn sha256(parts: &[&[u8]]) -> Hash {
    digest(&SHA256, &parts.concat())
        .as_ref()
        .try_into()
        .unwrap()
}

fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => sha256(&[]),
        [one] => *one,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            sha256(&[&[1], &root(left), &root(right)])
        }
    }
}

/// RFC 6962 §2.1.2, word for word.
fn proof(old: usize, leaves: &[Hash], whole: bool) -> Vec<Hash> {
    if old == leaves.len() {
        return if whole { vec![] } else { vec![root(leaves)] };
    }
    let middle = leaves.len().next_power_of_two() / 2;
    let (left, right) = leaves.split_at(middle);
    let (mut path, other) = if old <= middle {
        (proof(old, left, whole), right)
    } else {
        (proof(old - middle, right, false), left)
    };
    path.push(root(other));
    path
}

fn leaves(count: usize, seed: u8) -> Vec<Hash> {
    (0..count)
        .map(|index| sha256(&[&[0, seed], &index.to_be_bytes()]))
        .collect()
}

impl Log {
    fn new() -> Self {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let pkcs8 = pkcs8.as_ref().to_vec();
        Self { pkcs8 }
    }

    fn verifier(&self) -> Verifier {
        Verifier::parse(&vkey(ORIGIN, &self.pkcs8).unwrap()).unwrap()
    }

    fn note(&self, leaves: &[Hash]) -> Bytes {
        use base64::Engine as _;
        let base64 = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
        let text = format!("{ORIGIN}\n{}\n{}\n", leaves.len(), base64(&root(leaves)));
        let pair = Ed25519KeyPair::from_pkcs8(&self.pkcs8).unwrap();
        let public = pair.public_key().as_ref();
        let id = &sha256(&[ORIGIN.as_bytes(), b"\n", &[1], public])[..4];
        let line = base64(&[id, pair.sign(text.as_bytes()).as_ref()].concat());
        Bytes::from(format!("{text}\n\u{2014} {ORIGIN} {line}\n"))
    }

    fn submission(&self, old: usize, new: &[Hash]) -> Submission {
        let proof = if old == 0 || old > new.len() {
            vec![]
        } else {
            proof(old, new, true)
        };
        Submission {
            old: old as u64,
            proof,
            note: self.note(new),
        }
    }
}

fn witness(folder: &Path) -> Witness {
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    let key = WitnessKey::new("witness.example/w", pkcs8.as_ref()).unwrap();
    Witness::open(Some(key), folder, 10).unwrap()
}

#[test]
fn a_log_that_grows_is_cosigned_and_every_other_submission_has_its_status() {
    let folder = tempfile::tempdir().unwrap();
    let (log, witness) = (Log::new(), witness(folder.path()));
    let judge = |submission: &Submission| {
        let (verdict, fork) = witness
            .judge(&log.verifier(), submission, (NOW_S, false))
            .unwrap();
        assert_eq!(fork, None);
        verdict
    };
    let all = leaves(50, 1);
    let cosigned = |verdict: Verdict| matches!(verdict, Verdict::Cosigned(line) if line.starts_with("\u{2014} witness.example/w "));

    // Nothing is known of the log yet.
    assert_eq!(judge(&log.submission(3, &all[..7])), Verdict::Conflict(0));
    let with_proof = Submission {
        proof: vec![[1; 32]],
        ..log.submission(0, &all[..3])
    };
    assert_eq!(judge(&with_proof), Verdict::Inconsistent);
    for (old, new) in [(0, 3), (3, 7), (7, 7), (7, 32), (32, 50)] {
        assert!(
            cosigned(judge(&log.submission(old, &all[..new]))),
            "{old} to {new}"
        );
    }
    // An old size that is not the newest, and one above the new size.
    assert_eq!(judge(&log.submission(0, &all[..7])), Verdict::Conflict(50));
    assert_eq!(judge(&log.submission(32, &all)), Verdict::Conflict(50));
    assert_eq!(judge(&log.submission(51, &all)), Verdict::Malformed);
    // A wrong proof from somebody who is not the log proves nothing against the log.
    let more = leaves(60, 1);
    let mut changed = log.submission(50, &more);
    changed.proof[0][0] ^= 1;
    assert_eq!(judge(&changed), Verdict::Inconsistent);
    // Another key under the same name.
    let forged = Log::new().submission(50, &more);
    assert_eq!(judge(&forged), Verdict::NotSigned);
    // One false signature beside a true one.
    let note = [
        &log.note(&more)[..],
        forged.note.rsplit(|byte| *byte == b'\n').nth(1).unwrap(),
        b"\n",
    ];
    let own_id_false = Submission {
        note: Bytes::from(note.concat()),
        ..log.submission(50, &more)
    };
    assert!(
        cosigned(judge(&own_id_false)),
        "a key of another id is ignored"
    );
    assert_eq!((witness.cosigned(), witness.forked().len()), (6, 0));
}

#[test]
fn an_empty_log_has_the_root_of_no_leaves() {
    let folder = tempfile::tempdir().unwrap();
    let (log, witness) = (Log::new(), witness(folder.path()));
    let judge = |submission: &Submission| {
        let judged = witness.judge(&log.verifier(), submission, (NOW_S, true));
        judged.unwrap().0
    };
    assert!(matches!(
        judge(&log.submission(0, &[])),
        Verdict::Cosigned(_)
    ));
    assert!(matches!(
        judge(&log.submission(0, &leaves(2, 1))),
        Verdict::Cosigned(_)
    ));
}

#[test]
fn what_was_cosigned_is_durable_and_outlives_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::new();
    let all = leaves(9, 1);
    let first = witness(folder.path());
    let body = log.submission(0, &all[..4]);
    let (verdict, _) = first.judge(&log.verifier(), &body, (NOW_S, true)).unwrap();
    let Verdict::Cosigned(line) = verdict else {
        panic!("{verdict:?}")
    };
    // It is on disk at the moment it is told, with the log's signature and this witness's.
    let (head, note) = Shelf::of(folder.path(), ORIGIN)
        .head(&log.verifier())
        .unwrap()
        .unwrap();
    assert_eq!((head.size, head.root), (4, root(&all[..4])));
    assert_eq!(
        note,
        Bytes::from([&log.note(&all[..4])[..], line.as_bytes()].concat())
    );
    drop(first);

    let second = witness(folder.path());
    let again = log.submission(0, &all);
    let (verdict, _) = second
        .judge(&log.verifier(), &again, (NOW_S, true))
        .unwrap();
    assert_eq!(verdict, Verdict::Conflict(4));
    // What was cosigned is not known any more: nothing is.
    let path = folder
        .path()
        .join(super::origin_hash(ORIGIN))
        .join("checkpoint");
    std::fs::write(&path, "of another log").unwrap();
    let third = witness(folder.path());
    let next = log.submission(4, &all);
    assert!(third.judge(&log.verifier(), &next, (NOW_S, true)).is_err());
}

#[test]
fn two_heads_of_one_size_are_a_fork_whoever_sends_the_second_and_the_first_is_kept_as_proof() {
    let folder = tempfile::tempdir().unwrap();
    let (log, witness) = (Log::new(), witness(folder.path()));
    let verifier = log.verifier();
    let judge = |submission: &Submission, own| {
        let judged = witness.judge(&verifier, submission, (NOW_S, own));
        judged.unwrap()
    };
    let (history, other) = (leaves(6, 1), leaves(6, 2));
    judge(&log.submission(0, &history), true);
    let offered = log.submission(0, &other);
    let (verdict, fork) = judge(&offered, false);
    assert_eq!(verdict, Verdict::Conflict(6));
    let fork = fork.expect("a fork");
    assert_eq!(verifier.open(&fork.held).unwrap().root, root(&history));
    assert_eq!(verifier.open(&fork.offered).unwrap().root, root(&other));
    assert_eq!(fork.submission, offered.write());
    // It is told once, and the log may go on with the head that was cosigned.
    assert_eq!(judge(&offered, false), (Verdict::Conflict(6), None));
    assert_eq!(
        judge(&log.submission(6, &other), true),
        (Verdict::Inconsistent, None)
    );
    assert!(matches!(
        judge(&log.submission(6, &leaves(9, 1)), true).0,
        Verdict::Cosigned(_)
    ));
    assert_eq!(Shelf::of(folder.path(), ORIGIN).fork().unwrap(), Some(fork));
    let again = self::witness(folder.path());
    assert_eq!(again.forked(), [ORIGIN]);
}

#[test]
fn a_log_that_cannot_prove_its_own_growth_has_forked() {
    let folder = tempfile::tempdir().unwrap();
    let (log, witness) = (Log::new(), witness(folder.path()));
    let verifier = log.verifier();
    let body = log.submission(0, &leaves(6, 1));
    witness.judge(&verifier, &body, (NOW_S, true)).unwrap();
    let body = log.submission(6, &leaves(11, 2));
    let (verdict, fork) = witness.judge(&verifier, &body, (NOW_S, false)).unwrap();
    assert_eq!((verdict, fork), (Verdict::Inconsistent, None));
    let (verdict, fork) = witness.judge(&verifier, &body, (NOW_S, true)).unwrap();
    assert_eq!(verdict, Verdict::Inconsistent);
    assert!(fork.is_some());
}

#[test]
fn a_member_has_its_share_of_submissions_in_each_minute() {
    let folder = tempfile::tempdir().unwrap();
    let witness = witness(folder.path());
    let member = "AZ/GOV/1001".parse().unwrap();
    let other = "AZ/GOV/2001".parse().unwrap();
    assert_eq!(
        (0..30)
            .filter(|_| witness.submitted.admits(&member))
            .count(),
        10
    );
    assert!(witness.submitted.admits(&other));
    witness.submitted.refill();
    assert!(witness.submitted.admits(&member));
}

#[test]
fn of_two_keys_that_begin_one_epoch_at_once_one_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let witness = witness(folder.path());
    let listed = Log::new().verifier();
    for epoch in 2..34 {
        let origin = ORIGIN.replace("/NODE1/1", &format!("/NODE1/{epoch}"));
        let statement = || {
            let key = vkey(&origin, &Log::new().pkcs8).unwrap();
            Statement {
                key,
                previous: listed.vkey(),
                last: EMPTY,
                key_id: "exchange".to_owned(),
                signature: vec![],
            }
        };
        let both = [statement(), statement()];
        let together = Barrier::new(2);
        let begin = |statement: &Statement| {
            let log = Verifier::parse(&statement.key).unwrap();
            together.wait();
            witness.begin(&listed, &log, statement).unwrap()
        };
        let taken = std::thread::scope(|scope| {
            let threads = both.each_ref().map(|one| scope.spawn(|| begin(one)));
            threads.map(|thread| thread.join().unwrap())
        });
        let [first, second] = taken;
        assert!(first != second, "epoch {epoch}: {taken:?}");
        // What the first was told counts, here and after a start.
        let [one, other] = &both;
        let key = if first { &one.key } else { &other.key };
        for witness in [&witness, &self::witness(folder.path())] {
            assert_eq!(&witness.latest(listed.clone()).unwrap().vkey(), key);
        }
    }
}
