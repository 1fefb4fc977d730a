//! Cosignatures: their form, and what makes one false.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::Ed25519KeyPair;

use super::{Witness, WitnessKey};
use crate::note::{NoteError, Verifier};

const TEXT: &str =
    "exchange.example/AZ/GOV/1001/node-1/1\n8\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
const NAME: &str = "witness.example/w1";

fn key() -> WitnessKey {
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("random");
    WitnessKey::new(NAME, pkcs8.as_ref()).expect("a key")
}

#[test]
fn a_cosignature_has_the_form_of_the_specification() {
    let key = key();
    let line = key.cosign(TEXT, 1_679_315_147);
    let value = line
        .strip_prefix("\u{2014} witness.example/w1 ")
        .expect("a line");
    let value = STANDARD.decode(value.trim_end()).expect("base64");
    assert_eq!(value.len(), 4 + 8 + 64);
    assert_eq!(value[4..12], 1_679_315_147_u64.to_be_bytes());
    let vkey = key.public().vkey();
    let parts: Vec<&str> = vkey.splitn(3, '+').collect();
    assert_eq!(parts[0], NAME);
    let id = u32::from_be_bytes(value[..4].try_into().expect("4 bytes"));
    assert_eq!(parts[1], format!("{id:08x}"));
    assert_eq!(STANDARD.decode(parts[2]).expect("base64")[0], 4);
    assert_eq!(Witness::parse(&vkey).as_ref(), Ok(key.public()));
}

#[test]
fn it_is_found_among_others_and_holds_for_its_text_time_and_key_only() {
    let (key, other) = (key(), key());
    let own = key.cosign(TEXT, 1_679_315_147);
    let lines = format!("\u{2014} {NAME} AAAA\n{}{own}", other.cosign(TEXT, 5));
    assert_eq!(
        key.public().cosigned(TEXT, &lines),
        Some((own.as_str(), 1_679_315_147))
    );
    let note = format!("{TEXT}\n{lines}");
    assert_eq!(
        key.public().has_cosigned(note.as_bytes()),
        Some(1_679_315_147)
    );
    assert_eq!(other.public().has_cosigned(note.as_bytes()), Some(5));
    let elsewhere = note.replacen("\n8\n", "\n9\n", 1);
    assert_eq!(key.public().has_cosigned(elsewhere.as_bytes()), None);
    let value = STANDARD.decode(own.trim_end().rsplit(' ').next().expect("base64"));
    let mut value = value.expect("base64");
    value[11] ^= 1;
    let moved = format!("{TEXT}\n\u{2014} {NAME} {}\n", STANDARD.encode(&value));
    assert_eq!(key.public().has_cosigned(moved.as_bytes()), None);
}

#[test]
fn a_cosignature_without_a_time_does_not_count() {
    let key = key();
    for time in [0, u64::MAX] {
        let line = key.cosign(TEXT, time);
        assert_eq!(key.public().cosigned(TEXT, &line), None);
    }
}

#[test]
fn verifier_keys_of_logs_and_changed_ones_are_refused() {
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("random");
    let of_a_log = crate::vkey(NAME, pkcs8.as_ref()).expect("a key");
    let of_a_witness = key().public().vkey();
    let changed = of_a_witness.replacen("w1", "w2", 1);
    assert!(Verifier::parse(&of_a_log).is_ok_and(|key| key.vkey() == of_a_log));
    for bad in ["", "a", "a+b", "a+00000000+AAAA", &changed, &of_a_log] {
        assert_eq!(Witness::parse(bad), Err(NoteError::Vkey), "{bad}");
    }
    for bad in ["", "a+00000000+AAAA", &changed, &of_a_witness] {
        assert_eq!(Verifier::parse(bad), Err(NoteError::Vkey), "{bad}");
    }
}
