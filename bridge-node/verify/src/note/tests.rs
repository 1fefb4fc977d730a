use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use ring::signature::{Ed25519KeyPair, KeyPair as _};

use super::{Checkpoint, KeyFault, LogKey, NoteFault, open};
use crate::bytes::sha256;

const ORIGIN: &str = "example.az/AZ/GOV/1001/NODE1/1";

fn pair() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[9; 32]).unwrap()
}

fn id(origin: &str) -> [u8; 4] {
    let public = pair().public_key().as_ref().to_vec();
    sha256(&[origin.as_bytes(), b"\n\x01", &public])[..4]
        .try_into()
        .unwrap()
}

fn vkey(origin: &str) -> String {
    let mut key = vec![1];
    key.extend_from_slice(pair().public_key().as_ref());
    let [a, b, c, d] = id(origin);
    format!(
        "{origin}+{a:02x}{b:02x}{c:02x}{d:02x}+{}",
        STANDARD.encode(key)
    )
}

fn note(size: u64) -> String {
    let text = format!("{ORIGIN}\n{size}\n{}\n", STANDARD.encode([5; 32]));
    let mut value = id(ORIGIN).to_vec();
    value.extend_from_slice(pair().sign(text.as_bytes()).as_ref());
    format!("{text}\n— {ORIGIN} {}\n", STANDARD.encode(value))
}

#[test]
fn a_good_note_opens() {
    let key = LogKey::parse(&vkey(ORIGIN)).unwrap();
    assert_eq!(key.origin(), ORIGIN);
    assert_eq!(
        open(note(7).as_bytes(), &key),
        Ok(Checkpoint {
            size: 7,
            root: [5; 32]
        })
    );
}

#[test]
fn each_alteration_of_a_note_has_its_name() {
    let key = LogKey::parse(&vkey(ORIGIN)).unwrap();
    let good = note(7);
    let fault = |text: String| open(text.as_bytes(), &key).unwrap_err();
    assert_eq!(
        fault(good.replacen("\n7\n", "\n8\n", 1)),
        NoteFault::Signature
    );
    assert!(matches!(
        fault(good.replacen("\n7\n", "\n07\n", 1)),
        NoteFault::Form(_)
    ));
    assert!(matches!(
        fault(good.replacen("/1\n", "/2\n", 1)),
        NoteFault::Origin { .. }
    ));
    assert!(matches!(
        fault(good.replace("— example", "— exemple")),
        NoteFault::Signer { .. }
    ));
    assert!(matches!(fault(format!("{good}\n")), NoteFault::Form(_)));
    assert!(matches!(fault("x".repeat(9000)), NoteFault::Form(_)));
}

#[test]
fn each_alteration_of_a_key_has_its_name() {
    let good = vkey(ORIGIN);
    assert!(matches!(LogKey::parse("a+b"), Err(KeyFault::Form)));
    assert!(matches!(
        LogKey::parse(&good.replacen("NODE1", "NODE2", 1)),
        Err(KeyFault::Id)
    ));
    assert!(matches!(
        LogKey::parse(&vkey("a/b/c/d/e/0")),
        Err(KeyFault::Origin(_))
    ));
    assert!(matches!(
        LogKey::parse(&vkey("a/b/c/d/1")),
        Err(KeyFault::Origin(_))
    ));
    let (name, key) = good.rsplit_once('+').unwrap();
    let mut key = STANDARD.decode(key).unwrap();
    key[0] = 4;
    let other = format!("{name}+{}", STANDARD.encode(key));
    assert!(matches!(LogKey::parse(&other), Err(KeyFault::Algorithm)));
}

proptest! {
    #[test]
    fn no_bytes_panic(input: Vec<u8>) {
        let key = LogKey::parse(&vkey(ORIGIN)).unwrap();
        prop_assert!(open(&input, &key).is_err());
        let _opened = LogKey::parse(&String::from_utf8_lossy(&input));
    }

    #[test]
    fn no_flipped_bit_opens(position: prop::sample::Index, bit in 0..8_u8) {
        let key = LogKey::parse(&vkey(ORIGIN)).unwrap();
        let mut bytes = note(7).into_bytes();
        let position = position.index(bytes.len());
        bytes[position] ^= 1 << bit;
        prop_assert!(open(&bytes, &key).is_err());
    }
}
