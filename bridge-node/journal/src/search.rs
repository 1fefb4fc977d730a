//! Searching: from the newest segment to the oldest, by index where a key is given.

use std::ops::ControlFlow;

use bridge_core::leaf::{Leaf, UnixMillis};

use crate::entry::{Filter, Hit};
use crate::error::{Damage, Fault, ReadError};
use crate::index::partition;
use crate::reader::SegmentReader;
use crate::rows::{Key, Row, Table, text_key};
use crate::segment::Part;
use crate::shared::{Shared, Snapshot};

/// Finds the leaves that fit, newest first.
pub(crate) fn search(
    shared: &Shared,
    snapshot: &Snapshot,
    filter: &Filter,
) -> Result<Vec<Hit>, ReadError> {
    let mut hits = Vec::new();
    each_hit(shared, snapshot, filter, &mut |hit| hits.push(hit))?;
    Ok(hits)
}

/// Shows the leaves that fit, newest first; memory holds one at a time.
pub(crate) fn each_hit(
    shared: &Shared,
    snapshot: &Snapshot,
    filter: &Filter,
    see: &mut dyn FnMut(Hit),
) -> Result<(), ReadError> {
    let mut search = Search {
        filter,
        keys: keys(filter),
        found: 0,
        see,
    };
    for held in snapshot.held.iter().rev() {
        if search.concerns(held.from_ms, held.to_ms) && held.rows.len() > 0 {
            search.segment(SegmentReader::held(shared, held), false)?;
        }
    }
    for sealed in snapshot.sealed.iter().rev() {
        if search.concerns(sealed.row.from_ms, sealed.row.to_ms) {
            search.segment(SegmentReader::sealed(shared, sealed)?, true)?;
        }
    }
    Ok(())
}

/// Shows the leaves not older than a time, oldest first.
pub(crate) fn each_since(
    shared: &Shared,
    snapshot: &Snapshot,
    since: UnixMillis,
    see: &mut dyn FnMut(u64, &Leaf),
) -> Result<(), ReadError> {
    let sealed = snapshot.sealed.iter();
    let sealed = sealed.filter(|sealed| since.0 <= sealed.row.to_ms);
    let held = snapshot.held.iter();
    let held = held.filter(|held| held.rows.len() > 0 && since.0 <= held.to_ms);
    let readers = sealed
        .map(|sealed| SegmentReader::sealed(shared, sealed))
        .chain(held.map(|held| Ok(SegmentReader::held(shared, held))));
    for reader in readers {
        let mut reader = reader?;
        let count = reader.count;
        let start = partition(count, |at| {
            Ok::<_, ReadError>(reader.leaf(at)?.time < since)
        })?;
        for ordinal in start..count {
            let leaf = reader.leaf(ordinal)?;
            see(reader.first + ordinal, &leaf);
        }
    }
    Ok(())
}

/// Shows the leaves from an index on, as bytes, oldest first, until `see` has seen enough.
pub(crate) fn each_from(
    shared: &Shared,
    snapshot: &Snapshot,
    from: u64,
    see: &mut dyn FnMut(u64, &[u8]) -> ControlFlow<()>,
) -> Result<(), ReadError> {
    let mut next = from;
    while let Some(mut reader) = SegmentReader::holding(shared, snapshot, next)? {
        while reader.has(next) {
            let (leaf, _hash) = reader.leaf_bytes(next - reader.first)?;
            if see(next, &leaf).is_break() {
                return Ok(());
            }
            next += 1;
        }
    }
    Ok(())
}

struct Search<'a> {
    filter: &'a Filter,
    keys: Vec<(Table, Key)>,
    found: usize,
    see: &'a mut dyn FnMut(Hit),
}

impl Search<'_> {
    /// Says whether a segment with these times can hold a further hit.
    fn concerns(&self, from_ms: u64, to_ms: u64) -> bool {
        !self.is_full()
            && self.filter.from.is_none_or(|from| from.0 <= to_ms)
            && self.filter.to.is_none_or(|to| to.0 >= from_ms)
    }

    fn is_full(&self) -> bool {
        self.filter.limit.is_some_and(|limit| self.found >= limit)
    }

    fn segment(&mut self, mut reader: SegmentReader<'_>, indexed: bool) -> Result<(), ReadError> {
        if self.keys.is_empty() {
            let range = self.in_time(&mut reader)?;
            return self.take(&mut reader, range.rev(), false);
        }
        let found = reader.find(&self.keys)?;
        self.take(&mut reader, found.into_iter(), indexed)
    }

    /// Reads candidates and keeps those that fit. An index that names a leaf without one of the keys
    /// isn't the index of this segment.
    fn take(
        &mut self,
        reader: &mut SegmentReader<'_>,
        ordinals: impl Iterator<Item = u64>,
        indexed: bool,
    ) -> Result<(), ReadError> {
        for ordinal in ordinals {
            if self.is_full() {
                break;
            }
            let leaf = reader.leaf(ordinal)?;
            if indexed && !self.has_a_key(&leaf) {
                return Err(Damage::new(Part::Index.path(reader.first), Fault::Index).into());
            }
            if fits(self.filter, &leaf) {
                self.found += 1;
                let index = reader.first + ordinal;
                (self.see)(Hit { index, leaf });
            }
        }
        Ok(())
    }

    fn has_a_key(&self, leaf: &Leaf) -> bool {
        let row = Row::new(leaf, 0);
        self.keys
            .iter()
            .any(|(table, key)| row.key(*table) == Some(*key))
    }

    /// Finds the leaves of a segment within the times asked for: times never fall.
    fn in_time(&self, reader: &mut SegmentReader<'_>) -> Result<std::ops::Range<u64>, ReadError> {
        let count = reader.count;
        let start = match self.filter.from {
            Some(from) => partition(count, |at| Ok::<_, ReadError>(reader.leaf(at)?.time < from))?,
            None => 0,
        };
        let end = match self.filter.to {
            Some(to) => partition(count, |at| Ok::<_, ReadError>(reader.leaf(at)?.time <= to))?,
            None => count,
        };
        Ok(start..end.max(start))
    }
}

fn keys(filter: &Filter) -> Vec<(Table, Key)> {
    let keys = [
        (
            Table::RequestId,
            filter.request_id.map(uuid::Uuid::into_bytes),
        ),
        (
            Table::Client,
            filter
                .client
                .as_ref()
                .map(|client| text_key(client.as_str())),
        ),
        (
            Table::Service,
            filter
                .service
                .as_ref()
                .map(|service| text_key(service.as_str())),
        ),
        (Table::Outcome, filter.outcome.as_deref().map(text_key)),
    ];
    keys.into_iter()
        .filter_map(|(table, key)| Some((table, key?)))
        .collect()
}

fn fits(filter: &Filter, leaf: &Leaf) -> bool {
    fn same<T: PartialEq>(asked: Option<&T>, found: Option<&T>) -> bool {
        asked.is_none() || asked == found
    }
    filter.from.is_none_or(|from| from <= leaf.time)
        && filter.to.is_none_or(|to| leaf.time <= to)
        && filter.kind.is_none_or(|kind| kind == leaf.kind)
        && same(filter.client.as_ref(), leaf.client.as_ref())
        && same(filter.service.as_ref(), leaf.service.as_ref())
        && same(filter.outcome.as_ref(), leaf.outcome.as_ref())
        && same(filter.request_id.as_ref(), leaf.request_id.as_ref())
}
