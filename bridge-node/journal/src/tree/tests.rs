//! The growing tree against the definition in RFC 6962, and against its vectors.

use proptest::prelude::*;

use super::{FULL_TILE, Hash, Tree, leaf_hash, node_hash, sha256};
use crate::tiles::Tiles;

/// The definition, word for word: split at the largest power of two below the size.
pub(crate) fn naive_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => sha256(&[]),
        [one] => *one,
        _ => {
            let split = leaves.len().next_power_of_two() / 2;
            node_hash(&naive_root(&leaves[..split]), &naive_root(&leaves[split..]))
        }
    }
}

fn leaves(count: usize) -> Vec<Hash> {
    (0..count)
        .map(|index| leaf_hash(index.to_string().as_bytes()))
        .collect()
}

fn grown(leaves: &[Hash]) -> (Tree, Tiles) {
    let mut tree = Tree::default();
    let mut tiles = Tiles::default();
    for leaf in leaves {
        tree.append(*leaf, |level, hash| tiles.push(level, hash));
    }
    (tree, tiles)
}

fn hex(hash: &Hash) -> String {
    hash.iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

#[test]
fn roots_are_those_of_the_known_vectors() {
    // The inputs and roots that certificate transparency implementations share.
    let inputs: [&[u8]; 8] = [
        b"",
        &[0x00],
        &[0x10],
        &[0x20, 0x21],
        &[0x30, 0x31],
        &[0x40, 0x41, 0x42, 0x43],
        &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
        &[
            0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d,
            0x6e, 0x6f,
        ],
    ];
    let mut tree = Tree::default();
    assert_eq!(
        hex(&tree.root()),
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
    let mut roots = Vec::new();
    for input in inputs {
        tree.append(leaf_hash(input), |_, _| ());
        roots.push(hex(&tree.root()));
    }
    assert_eq!(
        roots[0],
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    );
    assert_eq!(
        roots[2],
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"
    );
    assert_eq!(
        roots[7],
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
    );
}

#[test]
fn an_edge_of_the_wrong_shape_is_refused() {
    let (_, tiles) = grown(&leaves(300));
    let edge = tiles.edge(300);
    assert!(Tree::from_edge(300, &edge).is_some());
    assert!(Tree::from_edge(301, &edge).is_none());
    assert!(Tree::from_edge(44, &edge).is_none());
    assert!(Tree::from_edge(300, &edge[..1]).is_none());
}

#[test]
fn a_tile_holds_the_roots_of_the_tiles_below() {
    let all = leaves(70_000);
    let (tree, tiles) = grown(&all);
    assert_eq!(tree.root(), naive_root(&all));
    let bottom = tiles.hashes(0, 256, 256).expect("in memory");
    assert_eq!(bottom, &all[256..512]);
    let middle = tiles.hashes(1, 0, 256).expect("in memory");
    assert_eq!(middle[1], naive_root(bottom));
    let top = tiles.hashes(2, 0, 1).expect("in memory");
    assert_eq!(top[0], naive_root(middle));
    assert_eq!(tiles.hashes(2, 0, 2), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn roots_are_those_of_the_definition(count in 0_usize..1_200) {
        let all = leaves(count);
        let (tree, _) = grown(&all);
        prop_assert_eq!(tree.size(), count as u64);
        prop_assert_eq!(tree.root(), naive_root(&all));
    }

    #[test]
    fn a_tree_goes_on_from_its_edge(before in 0_usize..1_200, after in 0_usize..300) {
        let all = leaves(before + after);
        let (tree, mut tiles) = grown(&all[..before]);
        let edge = tiles.edge(before as u64);
        let mut again = Tree::from_edge(before as u64, &edge).expect("edge of this size");
        prop_assert_eq!(&again, &tree);
        let mut fresh = Tiles::from_edge(before as u64, edge);
        tiles.forget(before as u64);
        for leaf in &all[before..] {
            again.append(*leaf, |level, hash| {
                fresh.push(level, hash);
                tiles.push(level, hash);
            });
        }
        prop_assert_eq!(again.root(), naive_root(&all));
        let size = (before + after) as u64;
        prop_assert_eq!(fresh.edge(size), tiles.edge(size));
        let start = before / FULL_TILE * FULL_TILE;
        let width = all.len() - start;
        prop_assert_eq!(fresh.hashes(0, start as u64, width), Some(&all[start..]));
    }
}
