//! Proofs against the definition in RFC 6962, and every way to change one.

use proptest::prelude::*;

use super::{Hash, is_consistent, split};
use crate::tree::leaf_hash;
use crate::tree::tests::naive_root;

fn leaves(count: usize) -> Vec<Hash> {
    (0..count)
        .map(|index| leaf_hash(index.to_string().as_bytes()))
        .collect()
}

/// The definition, word for word.
fn naive_proof(old: usize, leaves: &[Hash], whole: bool) -> Vec<Hash> {
    if old == leaves.len() {
        return if whole {
            Vec::new()
        } else {
            vec![naive_root(leaves)]
        };
    }
    let middle = usize::try_from(split(leaves.len() as u64)).expect("small");
    let (left, right) = leaves.split_at(middle);
    let mut proof;
    if old <= middle {
        proof = naive_proof(old, left, whole);
        proof.push(naive_root(right));
    } else {
        proof = naive_proof(old - middle, right, false);
        proof.push(naive_root(left));
    }
    proof
}

#[test]
fn every_beginning_of_small_trees_is_proved_and_no_other() {
    let leaves = leaves(40);
    for new in 1..=leaves.len() {
        let new_root = naive_root(&leaves[..new]);
        for old in 1..=new {
            let old_root = naive_root(&leaves[..old]);
            let proof = naive_proof(old, &leaves[..new], true);
            let holds = |old_root: &Hash, proof: &[Hash]| {
                is_consistent((old as u64, old_root), (new as u64, &new_root), proof)
            };
            assert!(holds(&old_root, &proof), "{old} of {new}");
            assert!(!holds(&leaf_hash(b"another"), &proof), "{old} of {new}");
            let longer = [proof.clone(), vec![old_root]].concat();
            assert!(!holds(&old_root, &longer), "{old} of {new}");
            if let Some((_last, shorter)) = proof.split_last() {
                assert!(!holds(&old_root, shorter), "{old} of {new}");
            }
        }
    }
}

#[test]
fn the_empty_tree_is_the_beginning_of_any_without_a_proof() {
    let root = leaf_hash(b"any");
    assert!(is_consistent((0, &root), (7, &root), &[]));
    assert!(!is_consistent((0, &root), (7, &root), &[root]));
    assert!(!is_consistent((7, &root), (6, &root), &[]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_changed_hash_fails(old in 1_usize..600, more in 1_usize..600, place in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let leaves = leaves(old + more);
        let (small, large) = (naive_root(&leaves[..old]), naive_root(&leaves));
        let mut proof = naive_proof(old, &leaves, true);
        let (old, new) = ((old as u64, &small), (leaves.len() as u64, &large));
        prop_assert!(is_consistent(old, new, &proof));
        let at = place.index(proof.len() * 32);
        proof[at / 32][at % 32] ^= 1 << bit;
        prop_assert!(!is_consistent(old, new, &proof));
    }

    #[test]
    fn strangers_proofs_do_no_harm(old: u64, new: u64, proof in prop::collection::vec(any::<[u8; 32]>(), 0..70)) {
        let root = leaf_hash(b"any");
        is_consistent((old, &root), (new, &root), &proof);
    }
}
