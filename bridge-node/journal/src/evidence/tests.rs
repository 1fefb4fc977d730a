//! Evidence: computed anew from FORMAT.md by other means, and every changed bit refused.

use proptest::prelude::*;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hmac;
use zeroize::Zeroizing;

use super::{Evidence, Place, Plain, RecordSecret, SealError};
use crate::tree::{Hash, leaf_hash, sha256};

const PLAIN: Plain<'_> = Plain {
    base: b"base",
    signature: b"signature",
    body: b"{\"fin\":\"5ZJ0YRT\"}",
};
const PLACE: Place<'_> = Place {
    origin: "exchange.example/AZ/GOV/1001/node-1/1",
    index: 7,
};

fn secret() -> RecordSecret {
    RecordSecret::new(Zeroizing::new([9; 32]))
}

/// HKDF with HMAC alone: extract with an empty salt, one block of expand.
fn derive(secret: &[u8], info: &[u8]) -> [u8; 32] {
    let prk = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &[0; 32]), secret);
    let block = hmac::sign(
        &hmac::Key::new(hmac::HMAC_SHA256, prk.as_ref()),
        &[info, &[1]].concat(),
    );
    block.as_ref().try_into().expect("32 bytes")
}

fn plaintext() -> Vec<u8> {
    let mut text = b"bridge-evidence-v1\n".to_vec();
    for part in [PLAIN.base, PLAIN.signature, PLAIN.body] {
        text.extend(u32::try_from(part.len()).expect("short").to_be_bytes());
        text.extend(part);
    }
    text
}

fn sealed(hash: &Hash) -> Vec<u8> {
    let mut out = b"before".to_vec();
    secret()
        .seal(&PLAIN, PLACE, hash, &mut out)
        .expect("sealed");
    out.split_off(6)
}

#[test]
fn commitments_are_those_of_the_format() {
    let salt = derive(&[9; 32], b"bridge-evidence-salt-v1");
    let expected = sha256(&[b"bridge-evidence-v1\0", &salt, &plaintext()]);
    assert_eq!(secret().evidence_commitment(&PLAIN), Ok(expected));
    let salt = derive(&[9; 32], b"bridge-subject-salt-v1/11");
    let expected = sha256(&[b"bridge-subject-v1\0", &salt, b"fin:5ZJ0YRT"]);
    assert_eq!(
        secret().subject_commitment(11, ("fin", "5ZJ0YRT")),
        Ok(expected)
    );
}

#[test]
fn the_ciphertext_is_that_of_the_format() {
    let hash = leaf_hash(b"leaf");
    let key = derive(&[9; 32], b"bridge-evidence-key-v1");
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key).expect("a key"));
    let aad = [PLACE.origin.as_bytes(), b"\n", &7_u64.to_be_bytes(), &hash].concat();
    let mut text = sealed(&hash);
    assert_eq!(text.len(), PLAIN.sealed_bytes());
    let nonce = Nonce::assume_unique_for_key([0; 12]);
    let plain = key
        .open_in_place(nonce, Aad::from(aad), &mut text)
        .expect("opens");
    assert_eq!(plain, plaintext());
}

#[test]
fn evidence_opens_only_in_its_place() {
    let hash = leaf_hash(b"leaf");
    let commitment = secret().evidence_commitment(&PLAIN).expect("commitment");
    let open = |place, hash: &Hash, commitment: &Hash| {
        secret().open(&sealed(&leaf_hash(b"leaf")), place, hash, commitment)
    };
    let evidence = Evidence {
        base: PLAIN.base.to_vec(),
        signature: PLAIN.signature.to_vec(),
        body: PLAIN.body.to_vec(),
    };
    assert_eq!(open(PLACE, &hash, &commitment), Ok(evidence));
    let elsewhere = Place { index: 8, ..PLACE };
    assert_eq!(open(elsewhere, &hash, &commitment), Err(SealError::Open));
    let other_log = Place {
        origin: "other",
        ..PLACE
    };
    assert_eq!(open(other_log, &hash, &commitment), Err(SealError::Open));
    assert_eq!(
        open(PLACE, &leaf_hash(b"other"), &commitment),
        Err(SealError::Open)
    );
    assert_eq!(open(PLACE, &hash, &[0; 32]), Err(SealError::Form));
}

proptest! {
    #[test]
    fn any_flipped_bit_fails(position in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let hash = leaf_hash(b"leaf");
        let commitment = secret().evidence_commitment(&PLAIN).expect("commitment");
        let mut sealed = sealed(&hash);
        let at = position.index(sealed.len());
        sealed[at] ^= 1 << bit;
        prop_assert_eq!(secret().open(&sealed, PLACE, &hash, &commitment), Err(SealError::Open));
    }

    #[test]
    fn parsing_what_was_written_gives_it_back(bytes in prop::collection::vec(any::<u8>(), 0..90)) {
        prop_assert!(Plain::parse(&bytes).is_none());
        let plain = Plain { base: &bytes, signature: b"s", body: &[] };
        let mut text = Vec::new();
        plain.each_part(|part| text.extend_from_slice(part)).expect("written");
        let again = Plain::parse(&text).expect("parsed");
        prop_assert_eq!(again.base, &bytes[..]);
        text.push(0);
        prop_assert!(Plain::parse(&text).is_none());
    }
}
