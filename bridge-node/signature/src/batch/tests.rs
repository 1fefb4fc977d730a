use proptest::prelude::*;
use ring::rand::SystemRandom;
use ring::signature::Ed25519KeyPair;
use std::cell::RefCell;
use std::collections::HashSet;

use super::*;
use crate::algorithm::Algorithm;
use crate::key::FileSigner;

const KEY_ID: &str = "key-1";

fn signer() -> FileSigner {
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("a key");
    FileSigner::from_pkcs8(Algorithm::Ed25519, pkcs8.as_ref(), KEY_ID.to_owned()).expect("a signer")
}

fn key(signer: &FileSigner) -> VerifyingKey {
    VerifyingKey::new(Algorithm::Ed25519, signer.public_key()).expect("a key")
}

fn bases(count: usize) -> Vec<Vec<u8>> {
    (0..count)
        .map(|i| format!("base {i}").into_bytes())
        .collect()
}

fn signed(signer: &FileSigner, bases: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let bases: Vec<&[u8]> = bases.iter().map(Vec::as_slice).collect();
    sign_batch(signer, &bases).expect("signed")
}

fn holds(key: &VerifyingKey, base: &[u8], value: &[u8]) -> bool {
    let Ok(value) = BatchValue::parse(value) else {
        return false;
    };
    value.verify(key, (KEY_ID, base), None).is_ok()
}

/// The tree by its definition, not level by level. Standard: RFC 6962 §2.1.
fn defined_root(leaves: &[Hash]) -> Hash {
    if let [leaf] = leaves {
        return *leaf;
    }
    let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
    node_hash(&defined_root(left), &defined_root(right))
}

/// The path by its definition. Standard: RFC 6962 §2.1.1.
fn defined_path(index: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let half = leaves.len().next_power_of_two() / 2;
    let (left, right) = leaves.split_at(half);
    let (mut path, sibling) = if index < half {
        (defined_path(index, left), defined_root(right))
    } else {
        (defined_path(index - half, right), defined_root(left))
    };
    path.push(sibling);
    path
}

#[test]
fn every_message_of_every_small_batch_verifies_and_has_the_path_of_the_standard() {
    let signer = signer();
    let key = key(&signer);
    for count in 2..=40 {
        let bases = bases(count);
        let leaves: Vec<Hash> = bases.iter().map(|base| leaf_hash(base)).collect();
        for (index, (base, value)) in bases.iter().zip(signed(&signer, &bases)).enumerate() {
            let parsed = BatchValue::parse(&value).expect("a value");
            assert_eq!(
                parsed.path,
                defined_path(index, &leaves),
                "{index} of {count}"
            );
            assert_eq!(parsed.root(leaf_hash(base)), defined_root(&leaves));
            assert!(holds(&key, base, &value), "{index} of {count}");
        }
    }
}

#[test]
fn the_largest_batch_is_signed_once_and_a_larger_one_not_at_all() {
    let signer = signer();
    let all = bases(4096);
    let values = signed(&signer, &all);
    let key = key(&signer);
    for index in [0, 1, 2047, 2048, 4094, 4095] {
        assert_eq!(values[index].len(), 9 + 12 * 32 + 64);
        assert!(holds(&key, &all[index], &values[index]));
    }
    for count in [0, 1, 4097] {
        let all = bases(count);
        let all: Vec<&[u8]> = all.iter().map(Vec::as_slice).collect();
        assert_eq!(sign_batch(&signer, &all), Err(SignError::Count(count)));
    }
}

#[test]
fn the_text_that_is_signed_is_the_one_of_the_protocol() {
    let text = text(KEY_ID, 2, &[0; 32]);
    let expected = "bridge-batch-v1\nkey-1\n2\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
    assert_eq!(text, expected.as_bytes());
}

fn value(version: u8, count: u32, index: u32, rest: usize) -> Vec<u8> {
    let mut value = vec![version];
    value.extend_from_slice(&count.to_be_bytes());
    value.extend_from_slice(&index.to_be_bytes());
    value.resize(9 + rest, 7);
    value
}

#[test]
fn values_of_any_other_form_are_refused() {
    let read = |value: &[u8]| BatchValue::parse(value).map(|_| ());
    assert_eq!(read(&value(1, 8, 3, 3 * 32 + 64)), Ok(()));
    let whole = value(1, 8, 3, 3 * 32 + 64);
    for length in 0..9 {
        assert_eq!(read(&whole[..length]), Err(BatchError::Short), "{length}");
    }
    for version in [0, 2, 255] {
        let refused = read(&value(version, 8, 3, 160));
        assert_eq!(refused, Err(BatchError::Version(version)));
    }
    for count in [0, 1, 4097, u32::MAX] {
        let refused = read(&value(1, count, 0, 64));
        assert_eq!(refused, Err(BatchError::Count(count)));
    }
    for index in [8, 9, u32::MAX] {
        let refused = read(&value(1, 8, index, 160));
        assert_eq!(refused, Err(BatchError::Index { index, count: 8 }));
    }
    for found in [0, 1, 63, 64, 96, 128, 159, 161, 192, 224] {
        let refused = read(&value(1, 8, 3, found));
        let expected = BatchError::Length {
            found,
            expected: 160,
        };
        assert_eq!(refused, Err(expected));
    }
    // The last of three goes up a level without a sibling.
    assert_eq!(read(&value(1, 3, 2, 32 + 64)), Ok(()));
    assert!(read(&value(1, 3, 2, 64 + 64)).is_err());
}

/// Counts what it is asked to learn.
#[derive(Default)]
struct Known {
    marks: RefCell<HashSet<Hash>>,
    learnt: RefCell<usize>,
}

impl KnownBatches for Known {
    fn knows(&self, mark: &Hash) -> bool {
        self.marks.borrow().contains(mark)
    }

    fn learn(&self, mark: Hash) {
        self.marks.borrow_mut().insert(mark);
        *self.learnt.borrow_mut() += 1;
    }
}

#[test]
fn a_batch_that_is_known_is_verified_once() {
    let (signer, known) = (signer(), Known::default());
    let (key, bases) = (key(&signer), bases(9));
    for (base, value) in bases.iter().zip(signed(&signer, &bases)) {
        let value = BatchValue::parse(&value).expect("a value");
        assert_eq!(value.verify(&key, (KEY_ID, base), Some(&known)), Ok(()));
    }
    assert_eq!(*known.learnt.borrow(), 1);
}

#[test]
fn a_known_batch_carries_no_false_signature_and_no_other_message() {
    let (signer, known) = (signer(), Known::default());
    let (key, bases) = (key(&signer), bases(5));
    let values = signed(&signer, &bases);
    let judge = |value: &[u8], key_id: &str, base: &[u8]| {
        let value = BatchValue::parse(value).expect("a value");
        value.verify(&key, (key_id, base), Some(&known))
    };
    assert_eq!(judge(&values[0], KEY_ID, &bases[0]), Ok(()));
    let mut spoilt = values[1].clone();
    *spoilt.last_mut().expect("not empty") ^= 1;
    assert_eq!(
        judge(&spoilt, KEY_ID, &bases[1]),
        Err(VerifyError::Mismatch)
    );
    assert_eq!(
        judge(&values[1], "key-2", &bases[1]),
        Err(VerifyError::Mismatch)
    );
    assert_eq!(
        judge(&values[1], KEY_ID, &bases[2]),
        Err(VerifyError::Mismatch)
    );
    assert_eq!(
        judge(&values[2], KEY_ID, b"another"),
        Err(VerifyError::Mismatch)
    );
    assert_eq!(*known.learnt.borrow(), 1, "nothing false is learnt");
}

#[test]
fn a_node_of_the_tree_passes_for_no_message() {
    let signer = signer();
    let bases = bases(4);
    let values = signed(&signer, &bases);
    let leaves: Vec<Hash> = bases.iter().map(|base| leaf_hash(base)).collect();
    // The two leaves below a node, taken for a message of a batch of two.
    let inner = [leaves[0], leaves[1]].concat();
    let mut forged = value(1, 2, 0, 0);
    forged.extend_from_slice(&node_hash(&leaves[2], &leaves[3]));
    forged.extend_from_slice(&values[0][values[0].len() - 64..]);
    assert!(!holds(&key(&signer), &inner, &forged));
    let with_prefix = [&[1][..], &inner].concat();
    assert!(!holds(&key(&signer), &with_prefix, &forged));
}

proptest! {
    #[test]
    fn any_changed_bit_fails(count in 2_usize..70, which: prop::sample::Index, bit: prop::sample::Index) {
        let signer = signer();
        let (key, bases) = (key(&signer), bases(count));
        let index = which.index(count);
        let mut value = signed(&signer, &bases).swap_remove(index);
        prop_assert!(holds(&key, &bases[index], &value));
        let bit = bit.index(value.len() * 8);
        value[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(!holds(&key, &bases[index], &value));
    }

    #[test]
    fn no_bytes_panic_and_what_is_read_has_the_length_it_must(input: Vec<u8>, count in 0_u32..5000, index in 0_u32..5000) {
        let mut bytes = value(1, count, index, 0);
        bytes.extend_from_slice(&input);
        for bytes in [&bytes, &input] {
            if let Ok(value) = BatchValue::parse(bytes) {
                prop_assert_eq!(9 + value.path.len() * 32 + 64, bytes.len());
                prop_assert!(value.index < value.count && value.path.len() <= 12);
            }
        }
    }

    #[test]
    fn every_place_has_a_path_of_the_length_of_the_standard(count in 2_u32..=4096, which: prop::sample::Index) {
        let index = which.index(usize::try_from(count).expect("small"));
        let leaves: Vec<Hash> = (0..count).map(|i| leaf_hash(&i.to_be_bytes())).collect();
        let expected = defined_path(index, &leaves).len();
        prop_assert_eq!(path_length(count, u32::try_from(index).expect("small")), expected);
    }
}
