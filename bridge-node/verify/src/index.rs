//! Index runs: derived again from the leaves of their segment, then compared byte by byte.

use std::fmt::Write as _;

use crate::bytes::{Bytes, Hash, base64url, sha256};
use crate::json::write_string;
use crate::leaf::Leaf;

/// What is wrong with an index run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IndexFault {
    /// The file does not start as an index run does.
    #[error("it does not start with `bridge-index-v1` and a header: this is not an index run")]
    Magic,
    /// The header is not the one derived from the segment.
    #[error(
        "the header is not what the segment gives from here on: it was altered, or the segment was"
    )]
    Header,
    /// An offset is not that of the leaf.
    #[error(
        "the offset of leaf {index} is not where the segment has it: the run was altered, or leaves were moved"
    )]
    Offset {
        /// Index of the leaf in the log.
        index: u64,
    },
    /// A row is not the one derived from the leaves.
    #[error(
        "row {row} of the table `{table}` is not what the leaves give: a search by it would miss or invent a record"
    )]
    Row {
        /// The table.
        table: &'static str,
        /// Position of the row, from 0.
        row: usize,
    },
    /// The digest at the end is not that of the file.
    #[error("the digest at the end is not that of the bytes before: the file was altered")]
    Digest,
    /// The file has another length.
    #[error("it has {found} bytes, the segment gives {expected}: rows were added or removed")]
    Length {
        /// Bytes of the file.
        found: usize,
        /// Bytes it should have.
        expected: usize,
    },
    /// No leaf holds the digest of the file.
    #[error(
        "no leaf holds its digest, though two segments follow: the leaf was removed, or the file was put here"
    )]
    Unnamed,
    /// The segment is sealed, but has no index run.
    #[error(
        "it is missing, though its segment was sealed: searches would miss the segment's records"
    )]
    Missing,
}

/// The tables of a run, in the order of the file.
pub(crate) const TABLES: [&str; 4] = ["request_id", "client", "service", "outcome"];

/// Bytes of one row: key and ordinal.
const ROW_BYTES: usize = 20;

/// A row's key and the ordinal of its leaf.
type Row = ([u8; 16], u32);

/// The rows that one leaf gives.
pub(crate) type Keys = [Option<[u8; 16]>; 4];

/// The index run of a segment, as its leaves give it.
#[derive(Debug, Default)]
pub(crate) struct Run {
    first: u64,
    times_ms: Option<(u64, u64)>,
    offsets: Vec<u32>,
    tables: [Vec<Row>; 4],
}

/// The rows that a leaf gives.
pub(crate) fn keys(leaf: &Leaf<'_>) -> Keys {
    let digest = |text: &[u8]| {
        let hash = sha256(&[text]);
        hash.first_chunk::<16>().copied()
    };
    let text = |text: Option<crate::json::Text<'_>>| text.and_then(|text| digest(&text.decoded()));
    [
        leaf.request_id,
        text(leaf.client),
        text(leaf.service),
        text(leaf.outcome),
    ]
}

impl Run {
    pub(crate) fn new(first: u64) -> Self {
        Self {
            first,
            ..Self::default()
        }
    }

    /// Adds the next leaf of the segment.
    pub(crate) fn add(&mut self, offset: u64, time_ms: u64, keys: &Keys) {
        let ordinal = u32::try_from(self.offsets.len()).unwrap_or(u32::MAX);
        self.offsets.push(u32::try_from(offset).unwrap_or(u32::MAX));
        let (from, _) = self.times_ms.unwrap_or((time_ms, time_ms));
        self.times_ms = Some((from, time_ms));
        for (table, key) in self.tables.iter_mut().zip(keys) {
            table.extend(key.map(|key| (key, ordinal)));
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.offsets.len()
    }

    /// Writes the whole file as a node would.
    pub(crate) fn write(
        &mut self,
        origin: &str,
        edge: &[Vec<Hash>],
        unfinished: &[u64],
    ) -> Vec<u8> {
        let header = self.header(origin, edge, unfinished);
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(
            &u32::try_from(header.len())
                .unwrap_or(u32::MAX)
                .to_be_bytes(),
        );
        out.extend_from_slice(&header);
        for offset in &self.offsets {
            out.extend_from_slice(&offset.to_be_bytes());
        }
        for table in &mut self.tables {
            table.sort_unstable();
            for (key, ordinal) in table {
                out.extend_from_slice(key);
                out.extend_from_slice(&ordinal.to_be_bytes());
            }
        }
        let digest = sha256(&[&out]);
        out.extend_from_slice(&digest);
        out
    }

    fn header(&self, origin: &str, edge: &[Vec<Hash>], unfinished: &[u64]) -> Vec<u8> {
        let mut out = b"{\"origin\":".to_vec();
        write_string(&mut out, origin);
        let (from, to) = self.times_ms.unwrap_or_default();
        let mut rest = format!(
            ",\"first\":{},\"count\":{},\"from_ms\":{from},\"to_ms\":{to},\"rows\":{{",
            self.first,
            self.offsets.len()
        );
        let rows = TABLES
            .iter()
            .zip(&self.tables)
            .map(|(name, rows)| format!("\"{name}\":{}", rows.len()));
        rest.push_str(&rows.collect::<Vec<_>>().join(","));
        let tile = |hashes: &Vec<Hash>| {
            let hashes: Vec<String> = hashes
                .iter()
                .map(|h| format!("\"{}\"", base64url(h)))
                .collect();
            format!("[{}]", hashes.join(","))
        };
        let edge: Vec<String> = edge.iter().map(tile).collect();
        let unfinished: Vec<String> = unfinished.iter().map(u64::to_string).collect();
        // Writing to a String does not fail.
        let _infallible = write!(
            rest,
            "}},\"edge\":[{}],\"unfinished\":[{}]}}",
            edge.join(","),
            unfinished.join(",")
        );
        out.extend_from_slice(rest.as_bytes());
        out
    }

    /// Names the first difference between the file and what the leaves give; the offset in the file.
    pub(crate) fn compare(&self, found: &[u8], expected: &[u8]) -> Option<(usize, IndexFault)> {
        let same = found
            .iter()
            .zip(expected)
            .take_while(|(one, other)| one == other)
            .count();
        if same == found.len() && same == expected.len() {
            return None;
        }
        let header = expected
            .get(MAGIC.len()..)
            .and_then(|rest| Bytes(rest).u32())
            .unwrap_or(0);
        let offsets = MAGIC.len() + 4 + usize::try_from(header).unwrap_or(0);
        let rows = offsets + self.offsets.len() * 4;
        let mut end = rows;
        let fault = if same < MAGIC.len() {
            IndexFault::Magic
        } else if same < offsets {
            IndexFault::Header
        } else if same < rows {
            let ordinal = u64::try_from((same - offsets) / 4).unwrap_or(0);
            IndexFault::Offset {
                index: self.first.saturating_add(ordinal),
            }
        } else {
            let mut fault = None;
            for (table, rows) in TABLES.iter().zip(&self.tables) {
                let start = end;
                end += rows.len() * ROW_BYTES;
                if same < end {
                    fault = Some(IndexFault::Row {
                        table,
                        row: (same - start) / ROW_BYTES,
                    });
                    break;
                }
            }
            let (found, expected) = (found.len(), expected.len());
            let length = if found == expected {
                IndexFault::Digest
            } else {
                IndexFault::Length { found, expected }
            };
            fault.unwrap_or(length)
        };
        Some((same, fault))
    }
}

const MAGIC: &[u8] = b"bridge-index-v1\n";

#[cfg(test)]
mod tests {
    use super::{IndexFault, Run};
    use proptest::prelude::*;

    fn run() -> (Run, Vec<u8>) {
        let mut run = Run::new(5);
        run.add(
            4096,
            7,
            &[Some([9; 16]), Some([2; 16]), None, Some([1; 16])],
        );
        run.add(4300, 8, &[Some([1; 16]), Some([2; 16]), None, None]);
        let bytes = run.write("o", &[vec![[1; 32]], vec![]], &[5]);
        (run, bytes)
    }

    #[test]
    fn the_file_has_the_layout_of_the_format() {
        let (run, bytes) = run();
        let header = br#"{"origin":"o","first":5,"count":2,"from_ms":7,"to_ms":8,"rows":{"request_id":2,"client":2,"service":0,"outcome":1},"edge":[["AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE"],[]],"unfinished":[5]}"#;
        assert_eq!(&bytes[20..20 + header.len()], header);
        assert_eq!(bytes.len(), 20 + header.len() + 2 * 4 + 5 * 20 + 32);
        let rows = &bytes[20 + header.len() + 8..];
        assert_eq!(&rows[..20], [[1; 16].as_slice(), &[0, 0, 0, 1]].concat());
        assert_eq!(run.compare(&bytes, &bytes), None);
    }

    #[test]
    fn each_part_has_its_fault() {
        let (run, good) = run();
        let at = |position: usize| {
            let mut bytes = good.clone();
            bytes[position] ^= 1;
            let (found, fault) = run.compare(&bytes, &good).unwrap();
            assert_eq!(found, position);
            fault
        };
        let rows = good.len() - 32 - 100;
        assert_eq!(at(0), IndexFault::Magic);
        assert_eq!(at(17), IndexFault::Header);
        assert_eq!(at(30), IndexFault::Header);
        assert_eq!(at(rows - 1), IndexFault::Offset { index: 6 });
        assert_eq!(
            at(rows + 20),
            IndexFault::Row {
                table: "request_id",
                row: 1
            }
        );
        assert_eq!(
            at(rows + 99),
            IndexFault::Row {
                table: "outcome",
                row: 0
            }
        );
        assert_eq!(at(good.len() - 1), IndexFault::Digest);
    }

    proptest! {
        #[test]
        fn no_file_passes_but_the_good_one(found: Vec<u8>) {
            let (run, good) = run();
            prop_assert!(run.compare(&found, &good).is_some());
        }

        #[test]
        fn cut_and_longer_files_are_named(cut: prop::sample::Index) {
            let (run, good) = run();
            let cut = cut.index(good.len());
            prop_assert_eq!(run.compare(&good[..cut], &good).unwrap().0, cut);
            let longer = [good.as_slice(), &[0]].concat();
            let length = IndexFault::Length { found: longer.len(), expected: good.len() };
            prop_assert_eq!(run.compare(&longer, &good).unwrap().1, length);
        }
    }
}
