use proptest::prelude::*;

use super::{Proof, is_consistent, root_of_inclusion};
use crate::bytes::{Hash, leaf_hash, node_hash};

/// The definition of RFC 6962 §2.1.
fn root(leaves: &[Hash]) -> Hash {
    if let [one] = leaves {
        return *one;
    }
    let (left, right) = halves(leaves);
    node_hash(&root(left), &root(right))
}

fn halves(leaves: &[Hash]) -> (&[Hash], &[Hash]) {
    leaves.split_at(leaves.len().next_power_of_two() / 2)
}

/// PATH of RFC 6962 §2.1.1.
fn path(index: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let (left, right) = halves(leaves);
    if index < left.len() {
        [path(index, left), vec![root(right)]].concat()
    } else {
        [path(index - left.len(), right), vec![root(left)]].concat()
    }
}

/// SUBPROOF of RFC 6962 §2.1.2.
fn subproof(old: usize, leaves: &[Hash], is_whole: bool) -> Vec<Hash> {
    if old == leaves.len() {
        return if is_whole {
            Vec::new()
        } else {
            vec![root(leaves)]
        };
    }
    let (left, right) = halves(leaves);
    if old <= left.len() {
        [subproof(old, left, is_whole), vec![root(right)]].concat()
    } else {
        [subproof(old - left.len(), right, false), vec![root(left)]].concat()
    }
}

fn leaves(count: usize) -> Vec<Hash> {
    (0..count as u64)
        .map(|n| leaf_hash(&n.to_be_bytes()))
        .collect()
}

#[test]
fn each_leaf_of_small_trees_is_proved_and_no_altered_proof_proves_it() {
    for size in 1..=40 {
        let leaves = leaves(size);
        let root = root(&leaves);
        for index in 0..size {
            let proof = path(index, &leaves);
            let judge = |index: usize, size: usize, leaf: &Hash, proof: &[Hash]| {
                root_of_inclusion(index as u64, size as u64, leaf, proof) == Some(root)
            };
            assert!(
                judge(index, size, &leaves[index], &proof),
                "{index} of {size}"
            );
            assert!(!judge(index, size, &[7; 32], &proof));
            let longer = [proof.clone(), vec![[0; 32]]].concat();
            assert!(!judge(index, size, &leaves[index], &longer));
            assert!(!judge(size, size, &leaves[index], &proof));
            for at in 0..proof.len() {
                let mut altered = proof.clone();
                altered[at][0] ^= 1;
                assert!(!judge(index, size, &leaves[index], &altered));
                altered.remove(at);
                assert!(!judge(index, size, &leaves[index], &altered));
            }
        }
    }
}

#[test]
fn each_beginning_of_small_trees_is_proved_and_no_other_tree_is() {
    for size in 1..=40 {
        let leaves = leaves(size);
        let new = (size as u64, &root(&leaves));
        for old in 1..=size {
            let proof = subproof(old, &leaves, true);
            let old_root = root(&leaves[..old]);
            assert!(
                is_consistent((old as u64, &old_root), new, &proof),
                "{old} of {size}"
            );
            assert!(!is_consistent((old as u64, &[7; 32]), new, &proof));
            assert!(!is_consistent(
                (old as u64, &old_root),
                (new.0, &[7; 32]),
                &proof
            ));
            for at in 0..proof.len() {
                let mut altered = proof.clone();
                altered[at][31] ^= 1;
                assert!(!is_consistent((old as u64, &old_root), new, &altered));
                altered.remove(at);
                assert!(!is_consistent((old as u64, &old_root), new, &altered));
            }
            let longer = [proof.clone(), vec![[0; 32]]].concat();
            assert!(!is_consistent((old as u64, &old_root), new, &longer));
        }
        assert!(!is_consistent((0, &[0; 32]), new, &[]));
        assert!(!is_consistent((size as u64 + 1, new.1), new, &[]));
    }
}

const EXAMPLE: &str = "c2sp.org/tlog-proof@v1\nextra aGk=\nindex 3\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\norigin\n4\nroot\n\n\u{2014} a b\n";

#[test]
fn a_proof_is_read_in_its_one_spelling() {
    let proof = Proof::parse(EXAMPLE).unwrap();
    assert_eq!((proof.index, proof.hashes.as_slice()), (3, &[[0; 32]][..]));
    assert_eq!(proof.note, "origin\n4\nroot\n\n\u{2014} a b\n");
    for (part, other) in [
        ("@v1", "@v2"),
        ("extra aGk=", "extra aGk"),
        ("extra aGk=\n", "extra aGk=\nextra aGk=\n"),
        ("index 3", "index 03"),
        ("index 3\n", ""),
        ("AAA=\n", "AAA=\r\n"),
        ("AAA=\n", "AA=\n"),
        ("\n\n", "\n"),
    ] {
        let altered = EXAMPLE.replace(part, other);
        assert!(Proof::parse(&altered).is_err(), "{altered}");
    }
}

proptest! {
    #[test]
    fn strangers_numbers_and_texts_do_no_harm(
        index: u64, size: u64, old: u64, count in 0_usize..70, text in "\\PC{0,200}"
    ) {
        let proof = vec![[1; 32]; count];
        prop_assert_ne!(root_of_inclusion(index, size, &[0; 32], &proof), Some([2; 32]));
        prop_assert!(!is_consistent((old, &[0; 32]), (size, &[2; 32]), &proof));
        drop(Proof::parse(&text));
    }
}
