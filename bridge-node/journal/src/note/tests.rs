//! Notes: the published example's shape, and every bit of ours.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use ring::rand::SystemRandom;
use ring::signature::Ed25519KeyPair;

use super::{Checkpoint, NoteError, NoteKey};
use crate::tree::leaf_hash;

const ORIGIN: &str = "exchange.example/AZ/GOV/1001/node-1/1";

fn key(origin: &str) -> NoteKey {
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("random");
    NoteKey::new(origin, pkcs8.as_ref()).expect("a key")
}

fn checkpoint() -> Checkpoint {
    Checkpoint {
        size: 20_852_163,
        root: leaf_hash(b"a leaf"),
    }
}

#[test]
fn a_note_has_the_lines_of_the_specification() {
    let key = key(ORIGIN);
    let note = key.sign(&checkpoint());
    let lines: Vec<&str> = note.split('\n').collect();
    assert_eq!(lines[0], ORIGIN);
    assert_eq!(lines[1], "20852163");
    assert_eq!(
        STANDARD.decode(lines[2]).expect("base64"),
        leaf_hash(b"a leaf")
    );
    assert_eq!(lines[3], "");
    let signature = lines[4]
        .strip_prefix(&format!("\u{2014} {ORIGIN} "))
        .expect("a signature line");
    assert_eq!(STANDARD.decode(signature).expect("base64").len(), 68);
    assert_eq!(&lines[5..], [""]);
    assert_eq!(key.verifier().open(note.as_bytes()), Ok(checkpoint()));
}

#[test]
fn the_verifier_key_names_the_key_as_the_signature_does() {
    let key = key(ORIGIN);
    let vkey = key.verifier().vkey();
    let parts: Vec<&str> = vkey.split('+').collect();
    assert_eq!(parts[0], ORIGIN);
    assert_eq!(parts[1].len(), 8);
    let public = STANDARD
        .decode(vkey.splitn(3, '+').nth(2).expect("a key"))
        .expect("base64");
    assert_eq!((public.len(), public[0]), (33, 1));
    let note = key.sign(&checkpoint());
    let signature = note.rsplit(' ').next().expect("a signature").trim();
    let id = STANDARD.decode(signature).expect("base64");
    let id = u32::from_be_bytes(id[..4].try_into().expect("4 bytes"));
    assert_eq!(parts[1], format!("{id:08x}"));
}

#[test]
fn the_key_id_is_that_of_the_published_example() {
    // PeterNeumann is the example key of the signed note packages of the Go project.
    let public = STANDARD
        .decode("ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
        .expect("base64");
    let public: [u8; 32] = public[1..].try_into().expect("32 bytes");
    let id = super::key_id("PeterNeumann", super::ED25519_TYPE, &public);
    assert_eq!(u32::from_be_bytes(id), 0xc74f_20a3);
}

#[test]
fn a_note_of_another_log_or_key_is_refused() {
    let ours = key(ORIGIN);
    let elsewhere = key("exchange.example/AZ/GOV/1001/node-1/2");
    let note = elsewhere.sign(&checkpoint());
    let other = NoteError::OtherOrigin("exchange.example/AZ/GOV/1001/node-1/2".to_owned());
    assert_eq!(ours.verifier().open(note.as_bytes()), Err(other));
    let note = key(ORIGIN).sign(&checkpoint());
    assert_eq!(
        ours.verifier().open(note.as_bytes()),
        Err(NoteError::Signature)
    );
}

#[test]
fn further_signatures_are_not_in_the_way() {
    let key = key(ORIGIN);
    let note = key.sign(&checkpoint()) + "\u{2014} witness.example AAAAAA==\n";
    assert_eq!(key.verifier().open(note.as_bytes()), Ok(checkpoint()));
}

#[test]
fn other_spellings_are_refused() {
    let key = key(ORIGIN);
    let good = key.sign(&checkpoint());
    for (from, to) in [
        ("\n20852163\n", "\n020852163\n"),
        ("\n\n", "\n"),
        ("\n\n", "\nextension\n\n"),
    ] {
        let bad = good.replacen(from, to, 1);
        assert_eq!(
            key.verifier().open(bad.as_bytes()),
            Err(NoteError::Form),
            "{to:?}"
        );
    }
    assert_eq!(key.verifier().open(&[]), Err(NoteError::Form));
    assert_eq!(
        key.verifier().open(&vec![0xff; 70_000]),
        Err(NoteError::Form)
    );
}

#[test]
fn names_that_no_key_can_bear_are_refused() {
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("random");
    for origin in ["", "a b", "a+b", "ə", "a\nb", &"a".repeat(2049)] {
        let refused = NoteKey::new(origin, pkcs8.as_ref()).expect_err(origin);
        assert_eq!(refused, NoteError::Origin(origin.to_owned()));
    }
    assert_eq!(
        NoteKey::new("a", &[1, 2, 3]).expect_err("no key"),
        NoteError::Key
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_flipped_bit_fails(position in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let key = key(ORIGIN);
        let mut note = key.sign(&checkpoint()).into_bytes();
        let at = position.index(note.len());
        note[at] ^= 1 << bit;
        prop_assert!(key.verifier().open(&note).is_err());
    }

    #[test]
    fn strangers_notes_do_no_harm(note in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(key(ORIGIN).verifier().open(&note).is_err());
    }
}
