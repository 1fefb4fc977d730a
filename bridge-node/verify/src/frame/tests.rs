use std::io::{Seek as _, SeekFrom, Write as _};

use proptest::prelude::*;

use super::{Commit, Frame, Frames, Rest, Suspect};
use crate::bytes::sha256;
use crate::segment::SegmentFault;

fn frames(bytes: &[u8], keep_evidence: bool) -> Frames {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    Frames::new(file, bytes.len() as u64, keep_evidence)
}

fn suspect(sizes: std::ops::RangeInclusive<u64>) -> Suspect {
    Suspect {
        sizes,
        ..Suspect::any()
    }
}

const LEAF: &[u8] = b"\x01\0\0\0\x0f\0\0\0\x02{}\0\0\0\0\0\x03abc";

#[test]
fn a_leaf_frame_gives_its_parts_and_is_hashed_whole() {
    for keep in [true, false] {
        let mut frames = frames(LEAF, keep);
        assert!(matches!(frames.next(), Ok(Frame::Leaf)));
        assert_eq!(
            (frames.leaf.as_slice(), frames.secret.len()),
            (b"{}".as_slice(), 0)
        );
        assert_eq!(frames.evidence, if keep { b"abc".as_slice() } else { b"" });
        assert_eq!(
            (frames.evidence_length, frames.offset()),
            (3, LEAF.len() as u64)
        );
        assert_eq!(frames.batch(), sha256(&[LEAF]));
        assert!(matches!(frames.next(), Ok(Frame::Nothing)));
    }
}

#[test]
fn a_commit_is_not_in_its_batch() {
    let commit = [[2, 0, 0, 0, 112].as_slice(), &[7; 112]].concat();
    let mut frames = frames(&[LEAF, &commit].concat(), false);
    assert!(matches!(frames.next(), Ok(Frame::Leaf)));
    let Ok(Frame::Commit(read)) = frames.next() else {
        panic!("a commit")
    };
    assert_eq!(read.hash, sha256(&[b"bridge-commit-v1\0", &[7; 112]]));
    assert_eq!((read.batch, read.root), ([7; 32], [7; 32]));
    assert_eq!(frames.batch(), sha256(&[LEAF]));
    assert!(Commit::parse(&[0; 112]).is_some());
}

#[test]
fn what_no_frame_is_has_a_name() {
    let fault = |bytes: &[u8]| frames(bytes, true).next().unwrap_err();
    assert_eq!(
        fault(&[9, 0, 0, 0, 0]),
        SegmentFault::UnknownFrame { kind: 9 }
    );
    assert_eq!(
        fault(&[1, 0xff, 0xff, 0xff, 0xff]),
        SegmentFault::Cut {
            needed: 0xffff_ffff,
            left: 0
        }
    );
    assert!(matches!(fault(&[1, 0]), SegmentFault::Cut { .. }));
    assert_eq!(fault(&[2, 0, 0, 0, 0]), SegmentFault::CommitLength);
    assert_eq!(
        fault(&[4, 0, 0, 0, 1, 0]),
        SegmentFault::SealedLength { length: 1 }
    );
    let long = [[3, 0, 0, 0x20, 1].as_slice(), &[b'x'; 8193]].concat();
    assert_eq!(
        fault(&long),
        SegmentFault::CheckpointLength { length: 8193 }
    );
    let mut secret = LEAF.to_vec();
    secret[12] = 1;
    assert!(matches!(fault(&secret), SegmentFault::LeafFrame(_)));
}

#[test]
fn a_commit_behind_anything_is_seen() {
    for before in [0, 1, 65_535, 65_536, 131_080] {
        let commit = [
            [2, 0, 0, 0, 112, 0, 0, 0, 0, 0, 0, 0, 5].as_slice(),
            &[7; 104],
        ]
        .concat();
        let bytes = [vec![0; before].as_slice(), &commit, &[0; 9]].concat();
        let at = Some(before as u64);
        let seen = frames(&bytes, false).rest(&suspect(5..=9)).unwrap();
        assert_eq!((seen.commit, seen.dirty), (at, at), "{before}");
        for none in [
            Suspect {
                not_after: Some([7; 32]),
                ..Suspect::any()
            },
            Suspect {
                from_ms: u64::MAX,
                ..Suspect::any()
            },
        ] {
            assert_eq!(frames(&bytes, false).rest(&none).unwrap().commit, None);
        }
        let seen = frames(&bytes, false).rest(&suspect(6..=9)).unwrap();
        assert_eq!(
            seen,
            Rest {
                from: 0,
                dirty: at,
                end: before as u64 + 117,
                commit: None
            }
        );
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(
        kind in 0..6_u8,
        length: u16,
        input in prop::collection::vec(any::<u8>(), 0..400),
        keep_evidence: bool,
    ) {
        let [high, low] = length.to_be_bytes();
        let bytes = [&[kind, 0, 0, high & 1, low], input.as_slice()].concat();
        let mut frames = frames(&bytes, keep_evidence);
        while let Ok(Frame::Leaf | Frame::Commit(_) | Frame::Checkpoint(_) | Frame::Sealed) = frames.next() {
            prop_assert!(frames.offset() <= bytes.len() as u64);
            prop_assert!(frames.leaf.len() + frames.evidence.len() <= bytes.len());
        }
        prop_assert!(frames.seek(0).is_ok());
        let rest = frames.rest(&Suspect::any()).unwrap();
        prop_assert!(rest.end <= bytes.len() as u64);
    }
}
