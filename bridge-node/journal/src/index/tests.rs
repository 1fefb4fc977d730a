//! Index files: what is found in them is what the rows say, and changed ones are refused.

use std::sync::Arc;

use bridge_core::leaf::{Kind, Leaf, UnixMillis};
use proptest::prelude::*;
use uuid::Uuid;

use super::{Index, Summary, partition, write_index};
use crate::disk::memory::MemoryDisk;
use crate::disk::{Disk as _, SegmentFile};
use crate::rests::Rests;
use crate::rows::{Row, Rows, Table, text_key};

const ORIGIN: &str = "exchange.example/AZ/GOV/1001/node-1/1";

fn rows(outcomes: &[Option<u8>]) -> Rows {
    let mut rows = Rows::default();
    for (number, outcome) in (0_u32..).zip(outcomes) {
        let mut leaf = Leaf::new(Kind::Refused, UnixMillis(5));
        leaf.outcome = outcome.map(|outcome| outcome.to_string());
        leaf.request_id = Some(Uuid::from_u128(u128::from(number) / 2));
        rows.push(Row::new(&leaf, number * 100));
    }
    rows
}

fn summary() -> Summary {
    Summary {
        first: 1000,
        from_ms: 5,
        to_ms: 9,
        edge: vec![vec![[1; 32], [2; 32]], vec![[3; 32]]],
        unfinished: vec![998, 1001],
    }
}

fn as_file(bytes: &[u8]) -> Arc<dyn SegmentFile> {
    let file = MemoryDisk::default().create("file").expect("a file");
    file.write_at(bytes, 0).expect("written");
    file
}

#[test]
fn an_index_is_read_as_it_was_written() {
    let bytes = write_index(
        ORIGIN,
        &summary(),
        &rows(&[Some(1), None, Some(1)]),
        &mut Rests::none(),
    )
    .expect("bytes");
    let index = Index::parse(&bytes, ORIGIN).expect("an index");
    assert_eq!(index.summary, summary());
    assert_eq!(index.layout.count, 3);
    assert_eq!(index.digest, bytes[bytes.len() - 32..]);
    assert!(Index::parse(&bytes, "another").is_none());
    let file = as_file(&bytes);
    assert_eq!(index.layout.offset(&*file, 2).expect("an offset"), 200);
    assert!(index.layout.offset(&*file, 3).is_err());
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.contains(
        "{\"origin\":\"exchange.example/AZ/GOV/1001/node-1/1\",\"first\":1000,\"count\":3,\
         \"from_ms\":5,\"to_ms\":9,\"rows\":{\"request_id\":3,\"client\":0,\"service\":0,\"outcome\":2},\
         \"edge\":[["
    ));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn every_key_is_found_where_it_is(
        outcomes in prop::collection::vec(prop::option::of(0_u8..5), 0..1_200),
    ) {
        let bytes = write_index(ORIGIN, &summary(), &rows(&outcomes), &mut Rests::none()).expect("bytes");
        let index = Index::parse(&bytes, ORIGIN).expect("an index");
        let file = as_file(&bytes);
        for outcome in 0..6_u8 {
            let key = text_key(&outcome.to_string());
            let range = index.layout.range(&*file, Table::Outcome, &key).expect("a range");
            let found: Vec<u32> = range
                .map(|row| index.layout.ordinal(&*file, Table::Outcome, row).expect("a row"))
                .collect();
            let expected: Vec<u32> = (0..).zip(&outcomes)
                .filter(|(_, stored)| **stored == Some(outcome))
                .map(|(ordinal, _)| ordinal)
                .collect();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn any_flipped_bit_is_refused(position in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let mut bytes = write_index(ORIGIN, &summary(), &rows(&[Some(1), None]), &mut Rests::none()).expect("bytes");
        let at = position.index(bytes.len());
        bytes[at] ^= 1 << bit;
        prop_assert!(Index::parse(&bytes, ORIGIN).is_none());
    }

    #[test]
    fn any_bytes_are_refused_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
        prop_assert!(Index::parse(&bytes, ORIGIN).is_none());
    }

    #[test]
    fn the_border_is_found(count in 0_u64..50, border in 0_u64..50) {
        let found = partition(count, |place| Ok::<_, ()>(place < border)).expect("no error");
        prop_assert_eq!(found, border.min(count));
    }
}
