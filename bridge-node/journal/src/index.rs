//! Index runs: for each sealed segment one sorted file, never changed, its digest a leaf.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::cursor::Cursor;
use crate::disk::{SegmentFile, read_exactly};
use crate::rests::Rests;
use crate::rows::{Key, Rows, TABLES, Table};
use crate::tree::{Hash, sha256};

/// What an index says of its segment, beside the rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) first: u64,
    pub(crate) from_ms: u64,
    pub(crate) to_ms: u64,
    /// The incomplete tiles after the segment's last leaf.
    pub(crate) edge: Vec<Vec<Hash>>,
    /// Indexes of the leaves that began an exchange nothing has ended yet.
    pub(crate) unfinished: Vec<u64>,
}

/// Where the parts of an index file stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) count: u64,
    offsets_at: u64,
    tables: [Run; 4],
    end: u64,
}

/// One table: where its rows begin, and how many there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Run {
    at: u64,
    rows: u64,
}

/// An index that was read whole.
#[derive(Clone, Debug)]
pub(crate) struct Index {
    pub(crate) summary: Summary,
    pub(crate) layout: Layout,
    pub(crate) digest: Hash,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    origin: String,
    first: u64,
    count: u64,
    from_ms: u64,
    to_ms: u64,
    rows: RowCounts,
    edge: Vec<Vec<String>>,
    unfinished: Vec<u64>,
}

#[derive(Clone, Copy, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RowCounts {
    request_id: u64,
    client: u64,
    service: u64,
    outcome: u64,
}

const LABEL: &[u8] = b"bridge-index-v1\n";
const KEY_BYTES: usize = 16;
const ROW_BYTES: usize = KEY_BYTES + 4;
const DIGEST_BYTES: usize = 32;

/// Writes an index file.
///
/// # Errors
///
/// `InvalidData` if the segment has more leaves than an ordinal can count.
pub(crate) fn write_index(
    origin: &str,
    summary: &Summary,
    rows: &Rows,
    rests: &mut Rests,
) -> io::Result<Vec<u8>> {
    let tables = TABLES.map(|table| {
        rests.take();
        sorted(rows, table)
    });
    rests.take();
    let [request_id, client, service, outcome] = tables.each_ref().map(|rows| rows.len() as u64);
    let header = Header {
        origin: origin.to_owned(),
        first: summary.first,
        count: rows.len() as u64,
        from_ms: summary.from_ms,
        to_ms: summary.to_ms,
        rows: RowCounts {
            request_id,
            client,
            service,
            outcome,
        },
        edge: encode_edge(&summary.edge),
        unfinished: summary.unfinished.clone(),
    };
    let header = serde_json::to_vec(&header).map_err(io::Error::other)?;
    let header_length = u32::try_from(header.len()).map_err(io::Error::other)?;
    let mut file = LABEL.to_vec();
    file.extend_from_slice(&header_length.to_be_bytes());
    file.extend_from_slice(&header);
    for row in rows.iter() {
        file.extend_from_slice(&row.offset.to_be_bytes());
    }
    for (key, ordinal) in tables.into_iter().flatten() {
        file.extend_from_slice(&key);
        file.extend_from_slice(&ordinal.to_be_bytes());
    }
    let digest = sha256(&[&file]);
    file.extend_from_slice(&digest);
    Ok(file)
}

impl Index {
    /// Reads an index file that was made for this origin; `None` if anything of it is not as written.
    pub(crate) fn parse(file: &[u8], origin: &str) -> Option<Self> {
        let (body, trailer) = file.split_at_checked(file.len().checked_sub(DIGEST_BYTES)?)?;
        let digest: Hash = trailer.try_into().ok()?;
        if sha256(&[body]) != digest {
            return None;
        }
        let mut cursor = Cursor::new(body.strip_prefix(LABEL)?);
        let header_bytes = cursor.long()?;
        let header: Header = serde_json::from_slice(header_bytes).ok()?;
        let layout = Layout::new(&header, header_bytes.len())?;
        if header.origin != origin || layout.end != body.len() as u64 {
            return None;
        }
        let summary = Summary {
            first: header.first,
            from_ms: header.from_ms,
            to_ms: header.to_ms,
            edge: decode_edge(&header.edge)?,
            unfinished: header.unfinished,
        };
        Some(Self {
            summary,
            layout,
            digest,
        })
    }
}

impl Layout {
    fn new(header: &Header, header_bytes: usize) -> Option<Self> {
        let offsets_at = (LABEL.len() + 4).checked_add(header_bytes)? as u64;
        let mut end = header.count.checked_mul(4)?.checked_add(offsets_at)?;
        let counts = header.rows;
        let mut tables = [Run::default(); 4];
        let rows = [
            counts.request_id,
            counts.client,
            counts.service,
            counts.outcome,
        ];
        for (table, rows) in tables.iter_mut().zip(rows) {
            *table = Run { at: end, rows };
            end = rows.checked_mul(ROW_BYTES as u64)?.checked_add(end)?;
        }
        Some(Self {
            count: header.count,
            offsets_at,
            tables,
            end,
        })
    }

    /// Reads where the frame of a leaf begins.
    pub(crate) fn offset(&self, file: &dyn SegmentFile, ordinal: u64) -> io::Result<u32> {
        if ordinal >= self.count {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let bytes = read_exactly(file, self.offsets_at + ordinal * 4, 4)?;
        Cursor::new(&bytes)
            .u32()
            .ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// Finds the rows of a key: the number of the first, and of the one after the last.
    pub(crate) fn range(
        &self,
        file: &dyn SegmentFile,
        table: Table,
        key: &Key,
    ) -> io::Result<std::ops::Range<u64>> {
        let run = self.run(table);
        let start = partition::<io::Error>(run.rows, |row| Ok(read_row(file, run, row)?.0 < *key))?;
        let end = partition::<io::Error>(run.rows, |row| Ok(read_row(file, run, row)?.0 <= *key))?;
        Ok(start..end)
    }

    /// Reads the ordinal in a row of a table.
    pub(crate) fn ordinal(
        &self,
        file: &dyn SegmentFile,
        table: Table,
        row: u64,
    ) -> io::Result<u32> {
        Ok(read_row(file, self.run(table), row)?.1)
    }

    fn run(&self, table: Table) -> Run {
        let [request_id, client, service, outcome] = self.tables;
        match table {
            Table::RequestId => request_id,
            Table::Client => client,
            Table::Service => service,
            Table::Outcome => outcome,
        }
    }
}

fn read_row(file: &dyn SegmentFile, run: Run, row: u64) -> io::Result<(Key, u32)> {
    let bytes = read_exactly(file, run.at + row * ROW_BYTES as u64, ROW_BYTES)?;
    let mut cursor = Cursor::new(&bytes);
    cursor
        .array()
        .zip(cursor.u32())
        .ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

/// Finds the first of `count` sorted places that isn't `before`.
pub(crate) fn partition<E>(
    count: u64,
    mut before: impl FnMut(u64) -> Result<bool, E>,
) -> Result<u64, E> {
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low + (high - low) / 2;
        if before(middle)? {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}

fn sorted(rows: &Rows, table: Table) -> Vec<(Key, u32)> {
    let mut sorted: Vec<(Key, u32)> = (0..)
        .zip(rows.iter())
        .filter_map(|(ordinal, row)| Some((row.key(table)?, ordinal)))
        .collect();
    sorted.sort_unstable();
    sorted
}

fn encode_edge(edge: &[Vec<Hash>]) -> Vec<Vec<String>> {
    let level = |hashes: &Vec<Hash>| {
        hashes
            .iter()
            .map(|hash| URL_SAFE_NO_PAD.encode(hash))
            .collect()
    };
    edge.iter().map(level).collect()
}

fn decode_edge(edge: &[Vec<String>]) -> Option<Vec<Vec<Hash>>> {
    let hash = |text: &String| URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok();
    edge.iter()
        .map(|level| level.iter().map(hash).collect())
        .collect()
}

#[cfg(test)]
mod tests;
